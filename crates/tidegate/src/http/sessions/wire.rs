//! Response types of sessions and their media items, shared by GraphQL and REST.

use async_graphql::{Enum, InputValueError, InputValueResult, Scalar, ScalarType, SimpleObject, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::archived::ArchiveResponse;
use super::super::time::rfc3339;
use crate::app::App;
use crate::db::ListedSession;
use crate::model::media::{Change, Stage, Status, StatusChange};
use crate::surfaces::sessions::MediaView;
use crate::surfaces::sessions::Target;

/// A whole number of bytes, up to 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub(in crate::http) struct ByteCount(pub(in crate::http) u64);

#[Scalar]
impl ScalarType for ByteCount {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                let whole = number.as_u64().filter(|bytes| *bytes <= 1 << 53);
                whole.map(Self).ok_or_else(|| InputValueError::custom("a whole number of bytes up to 2^53 is needed"))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// Where one of a session's media stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::http) enum MediaStatus {
    /// Its bytes are awaited.
    PendingUpload,
    /// They came and wait.
    Uploaded,
    /// They are looked through for malware.
    Scanning,
    /// Something of the server's failed; it can be tried again.
    ScanFailed,
    /// They are made anew.
    Processing,
    /// Published.
    Completed,
    /// Refused for what it is.
    Rejected,
}

impl From<Status> for MediaStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::PendingUpload => Self::PendingUpload,
            Status::Uploaded => Self::Uploaded,
            Status::Scanning => Self::Scanning,
            Status::ScanFailed => Self::ScanFailed,
            Status::Processing => Self::Processing,
            Status::Completed => Self::Completed,
            Status::Rejected => Self::Rejected,
        }
    }
}

impl From<MediaStatus> for Status {
    fn from(status: MediaStatus) -> Self {
        match status {
            MediaStatus::PendingUpload => Self::PendingUpload,
            MediaStatus::Uploaded => Self::Uploaded,
            MediaStatus::Scanning => Self::Scanning,
            MediaStatus::ScanFailed => Self::ScanFailed,
            MediaStatus::Processing => Self::Processing,
            MediaStatus::Completed => Self::Completed,
            MediaStatus::Rejected => Self::Rejected,
        }
    }
}

/// A header that must be sent just so.
#[derive(Debug, Serialize, ToSchema, SimpleObject)]
#[schema(as = UploadHeader)]
pub(in crate::http) struct Header {
    name: String,
    value: String,
}

/// Where a file may be sent by one PUT.
#[derive(Debug, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaUpload)]
pub(in crate::http) struct UploadUrlResponse {
    /// The media item.
    id: Uuid,
    /// A presigned URL. A secret while it lives.
    upload_url: String,
    /// What to confirm.
    file_key: String,
    /// Seconds that the URL works.
    expires_in: u32,
    /// When it ends.
    expires_at: String,
    /// What to send along; `content-type` at least.
    headers: Vec<Header>,
}

impl From<Target> for UploadUrlResponse {
    fn from(target: Target) -> Self {
        let headers = target.request.headers.into_iter().map(|(name, value)| Header { name, value });
        Self {
            id: target.object.0,
            expires_at: rfc3339(target.request.expires),
            upload_url: target.request.url,
            file_key: target.file_key.as_str().to_owned(),
            expires_in: u32::try_from(target.expires_in).unwrap_or(u32::MAX),
            headers: headers.collect(),
        }
    }
}

/// Something derived: a thumbnail, or a video's poster.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[schema(as = MediaVariant)]
pub(in crate::http) struct Variant {
    /// As `320.webp` or `poster.jpg`.
    name: String,
    /// Signed as the medium's own.
    url: String,
    content_type: String,
    width: u32,
    height: u32,
    size: ByteCount,
}

/// One of a session's media.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[graphql(complex)]
#[schema(as = Media)]
pub(in crate::http) struct MediaResponse {
    id: Uuid,
    /// Where it can be read: on the CDN once it is COMPLETED, and before that by a link that asks where it stands.
    url: String,
    /// What it shows, for those who can't see it.
    alt: Option<String>,
    status: MediaStatus,
    session_id: Uuid,
    /// What its uploader confirmed.
    file_key: String,
    stage: String,
    /// The name its uploader gave it.
    filename: Option<String>,
    /// As it is published; before that, as it was announced.
    content_type: String,
    /// Bytes as published.
    size: Option<ByteCount>,
    /// Pixels.
    width: Option<u32>,
    /// Pixels.
    height: Option<u32>,
    /// Milliseconds, of a video.
    duration: Option<u32>,
    /// A blurred preview; see blurha.sh.
    blurhash: Option<String>,
    /// `clean`, `skipped` where there is no scanner, `unscanned` where it was too large.
    scan: Option<String>,
    /// Why it is `REJECTED` or `SCAN_FAILED`.
    reason: Option<String>,
    /// The archive its bytes are in, where that is known.
    archive: Option<ArchiveResponse>,
    variants: Vec<Variant>,
    created_at: String,
    created_by: String,
    /// When `url` ends.
    expires_at: String,
    /// From when on asking again gives one that ends later.
    refresh_after: String,
}

impl MediaResponse {
    pub(in crate::http) fn new(app: &App, shown: &MediaView) -> Self {
        let MediaView { media, variants, url } = shown;
        let at = |seconds: u64| rfc3339(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        let variants = variants.iter().map(|variant| Variant {
            name: variant.name.clone(),
            url: url.beside(app, &variant.key).unwrap_or_default(),
            content_type: variant.content_type.clone(),
            width: variant.width,
            height: variant.height,
            size: ByteCount(variant.content.size),
        });
        let visual = media.visual.as_ref();
        Self {
            id: media.object.id.0,
            url: url.url.clone(),
            alt: media.alt.clone(),
            // Media items that are shown have a status.
            status: media.status().unwrap_or(Status::Rejected).into(),
            session_id: Uuid::try_parse(media.owner.id()).unwrap_or_default(),
            file_key: media.file_key.as_str().to_owned(),
            stage: media.stage.unwrap_or(Stage::General).as_str().to_owned(),
            filename: media.object.name.clone(),
            content_type: media.object.content_type.clone(),
            size: media.object.content.as_ref().map(|content| ByteCount(content.size)),
            width: visual.map(|visual| visual.width),
            height: visual.map(|visual| visual.height),
            duration: visual.and_then(|visual| visual.duration).map(|ms| u32::try_from(ms).unwrap_or(u32::MAX)),
            blurhash: visual.map(|visual| visual.blurhash.clone()),
            scan: media.scan.map(|scan| scan.as_str().to_owned()),
            reason: media.reason.clone(),
            archive: media.object.archive.map(Into::into),
            variants: variants.collect(),
            created_at: rfc3339(media.object.created_at),
            created_by: media.created_by.clone(),
            expires_at: at(url.expires_at),
            refresh_after: at(url.refresh_after),
        }
    }

    pub(in crate::http) fn uuid(&self) -> Uuid {
        self.id
    }
}

/// What one of a session's media became, and when.
#[derive(Debug, Clone, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[schema(as = StatusChange)]
#[graphql(name = "StatusChange")]
pub(in crate::http) struct StatusChangeOutput {
    media_id: Uuid,
    status: MediaStatus,
    /// Why it is `REJECTED` or `SCAN_FAILED`.
    reason: Option<String>,
    /// Its archive, where that has changed and not the status.
    archive: Option<ArchiveResponse>,
    at: String,
}

impl StatusChangeOutput {
    /// Converts a status change; `None` for changes that the sessions API has no status for.
    pub(in crate::http) fn of(change: StatusChange) -> Option<Self> {
        let Change::Became(status) = change.change else { return None };
        Some(Self {
            media_id: change.object.0,
            status: status.into(),
            reason: change.reason,
            archive: change.archive.map(Into::into),
            at: rfc3339(change.at),
        })
    }
}

/// A page of a session's media, newest first.
#[derive(Debug, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct MediaPage {
    pub(in crate::http) media: Vec<MediaResponse>,
    /// How many there are in all; absent with `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::http) total: Option<u64>,
    /// `after` of the next page; absent on the last.
    pub(in crate::http) next: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Session {
    pub(in crate::http) id: Uuid,
}

/// A session in a listing.
#[derive(Debug, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SessionSummary {
    pub(in crate::http) id: Uuid,
    pub(in crate::http) created_at: String,
}

/// A page of sessions, newest first.
#[derive(Debug, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct SessionPage {
    pub(in crate::http) sessions: Vec<SessionSummary>,
    /// `after` of the next page; absent on the last.
    pub(in crate::http) next: Option<String>,
}

impl SessionSummary {
    pub(in crate::http) fn new(session: &ListedSession) -> Self {
        let id = Uuid::try_parse(session.id.as_str()).unwrap_or_default();
        Self { id, created_at: rfc3339(session.created_at) }
    }
}
