//! Begins and confirms uploads to sessions. Never seals or processes bytes; see
//! `uploads/media_items`.

use uuid::Uuid;

use super::{MediaView, with_urls};
use crate::access;
use crate::app::App;
use crate::error::{Result, bad_request, unauthenticated};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::SessionId;
use crate::model::key;
use crate::model::media::{Media, Stage, extension};
use crate::model::principal::Principal;
use crate::model::upload::UploadState;
use crate::uploads::begin::new_id;
use crate::uploads::effects::Confirmation;
pub use crate::uploads::media_items::Target;
use crate::uploads::media_items::{self, no_such_media};

/// The longest alternative text in bytes.
const MAX_ALT: usize = 2000;

/// A media item as its client announces it.
#[derive(Debug, Clone, Default)]
pub struct NewSessionUpload {
    /// The name of the file.
    pub filename: String,
    /// The media type.
    pub content_type: String,
    /// The stage of the session; `general` if it is not given.
    pub stage: Option<String>,
    /// The size in bytes. If given, the upload URL signs it.
    pub size: Option<u64>,
    /// The announced SHA-256 in lower-case hex.
    pub sha256: Option<String>,
}

/// Begins the upload of a media item. Authorizes the caller.
pub async fn begin(app: &App, caller: &Caller, session: &SessionId, announced: NewSessionUpload) -> Result<Target> {
    let owner = access::find_session(app, caller, Action::Write, session).await?;
    let NewSessionUpload { filename, content_type, stage: given, size, sha256 } = announced;
    let kind = media_items::kind(&content_type, |_| true)?;
    let stage = stage(given.as_deref())?.unwrap_or(Stage::General);
    let file_key = key::session_upload(session, stage, Uuid::new_v4(), extension(&filename));
    let announced = media_items::NewMediaUpload { filename, kind, size, sha256, stage: Some(stage) };
    media_items::begin(app, caller, &owner, (new_id(), file_key), announced).await
}

fn stage(given: Option<&str>) -> Result<Option<Stage>> {
    let Some(given) = given else { return Ok(None) };
    let all: Vec<&str> = Stage::ALL.into_iter().map(Stage::as_str).collect();
    let unknown = || bad_request(format!("stage must be one of {}", all.join(", ")));
    Stage::parse(given).ok_or_else(unknown).map(Some)
}

/// Confirms an upload: seals the bytes and enqueues their processing. A repeated call returns the
/// same item. Authorizes the caller.
pub async fn confirm(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    file_key: &str,
    stage_given: Option<&str>,
    alt: Option<&str>,
) -> Result<MediaView> {
    let owner = access::find_session(app, caller, Action::Write, session).await?;
    let stage = stage(stage_given)?;
    if alt.is_some_and(|alt| alt.len() > MAX_ALT) {
        return Err(bad_request(format!("alt may have at most {MAX_ALT} bytes")));
    }
    let media = find_own(app, caller, session, file_key).await?;
    if media.upload == UploadState::Open {
        media_items::confirm(app, caller, &owner, media.object.id, Confirmation { stage, alt }).await?;
    }
    let media = find_own(app, caller, session, file_key).await?;
    let mut all = with_urls(app, caller, vec![media]).await?;
    all.pop().ok_or_else(no_such_media)
}

/// Returns the media item at an upload key, for its uploader or a service. An item of another user
/// is not found.
async fn find_own(app: &App, caller: &Caller, session: &SessionId, file_key: &str) -> Result<Media> {
    let (_, media) = app.db.find_media_by_file_key_unscoped(file_key).await?.ok_or_else(no_such_media)?;
    let effective = caller.effective_principal();
    let theirs = match &*effective {
        Principal::Anonymous => return Err(unauthenticated()),
        Principal::User { id, .. } => media.created_by == id.as_str(),
        Principal::Service | Principal::System => true,
    };
    if !super::is_in(&media, session) || !theirs || media.status().is_none() {
        return Err(no_such_media());
    }
    Ok(media)
}
