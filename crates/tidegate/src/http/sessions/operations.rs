//! The operations shared by GraphQL and REST: each converts its arguments, calls one shared
//! function, and converts the result.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::super::cursor::{encode_cursor, parse_cursor, parse_start};
use super::wire::{
    MediaPage, MediaResponse, MediaStatus, Session, SessionPage, SessionSummary, StatusChangeOutput, UploadUrlResponse,
};
use crate::app::App;
use crate::db::{Cursor, ListedSession};
use crate::error::{Error, Result, bad_request};
use crate::model::caller::Caller;
use crate::model::ids::{ObjectId, SessionId};
use crate::model::micros;
use crate::model::page::Page;
use crate::surfaces::sessions::{self, deletion};

/// The page size where the request gives none.
pub(in crate::http) const USUAL_PAGE: i64 = 50;

/// Returns the session id of a UUID.
pub(in crate::http) fn session_id(id: Uuid) -> SessionId {
    SessionId::parse(&id.hyphenated().to_string()).unwrap_or_else(SessionId::generate)
}

pub(in crate::http) async fn create_session(app: &App, caller: &Caller, id: Option<Uuid>) -> Result<Session> {
    let id = sessions::create(app, caller, id.map(session_id)).await?;
    Ok(Session { id: Uuid::try_parse(id.as_str()).unwrap_or_default() })
}

pub(in crate::http) async fn list_sessions(
    app: &App,
    caller: &Caller,
    first: Option<i64>,
    after: Option<&str>,
) -> Result<SessionPage> {
    let after = after.map(parse_cursor).transpose()?.unwrap_or(Cursor::START);
    let page = sessions::list_own(app, caller, after, first.unwrap_or(USUAL_PAGE)).await;
    let (found, more) = page.map_err(name_first)?;
    let cursor = |last: &ListedSession| {
        let id = ObjectId::parse(last.id.as_str())?;
        Some(encode_cursor(Cursor { created_at: micros(last.created_at), id }))
    };
    let next = found.last().filter(|_| more).and_then(cursor);
    Ok(SessionPage { sessions: found.iter().map(SessionSummary::new).collect(), next })
}

/// Names the page size in a message as requests of this surface do.
fn name_first(error: Error) -> Error {
    match error {
        Error::BadRequest(message) => bad_request(message.replace("limit", "first")),
        other => other,
    }
}

pub(in crate::http) async fn delete_session(app: &App, caller: &Caller, id: Uuid) -> Result<()> {
    deletion::delete_session(app, caller, &session_id(id)).await
}

pub(in crate::http) async fn restore_session(app: &App, caller: &Caller, id: Uuid) -> Result<Session> {
    deletion::restore_session(app, caller, &session_id(id)).await?;
    Ok(Session { id })
}

pub(in crate::http) async fn upload_url(
    app: &App,
    caller: &Caller,
    session: Uuid,
    announced: sessions::NewSessionUpload,
) -> Result<UploadUrlResponse> {
    Ok(sessions::begin_upload(app, caller, &session_id(session), announced).await?.into())
}

pub(in crate::http) async fn sign_upload_again(
    app: &App,
    caller: &Caller,
    session: Uuid,
    id: Uuid,
) -> Result<UploadUrlResponse> {
    Ok(sessions::sign_upload_again(app, caller, &session_id(session), ObjectId(id)).await?.into())
}

pub(in crate::http) async fn confirm(
    app: &App,
    caller: &Caller,
    session: Uuid,
    file_key: &str,
    stage: Option<&str>,
    alt: Option<&str>,
) -> Result<MediaResponse> {
    let shown = sessions::confirm_upload(app, caller, &session_id(session), file_key, stage, alt).await?;
    Ok(MediaResponse::new(app, &shown))
}

pub(in crate::http) async fn media(
    app: &App,
    caller: &Caller,
    session: Option<Uuid>,
    id: Uuid,
) -> Result<MediaResponse> {
    let session = session.map(session_id);
    let shown = sessions::media(app, caller, session.as_ref(), ObjectId(id)).await?;
    Ok(MediaResponse::new(app, &shown))
}

pub(in crate::http) async fn list(
    app: &App,
    caller: &Caller,
    session: Uuid,
    (status, stage): (Option<MediaStatus>, Option<&str>),
    first: Option<i64>,
    (after, offset): (Option<&str>, Option<&str>),
) -> Result<MediaPage> {
    let start = parse_start(("after", after), offset, parse_cursor)?;
    let first = first.unwrap_or(USUAL_PAGE);
    let filter = (status.map(Into::into), stage);
    let page = sessions::list(app, caller, &session_id(session), filter, start, first).await;
    let Page { items: found, more, total } = page.map_err(name_first)?;
    let last = found.last().filter(|_| more).map(|shown| &shown.media.object);
    let next = last.map(|object| encode_cursor(Cursor { created_at: micros(object.created_at), id: object.id }));
    Ok(MediaPage { media: found.iter().map(|shown| MediaResponse::new(app, shown)).collect(), total, next })
}

pub(in crate::http) async fn history(
    app: &App,
    caller: &Caller,
    session: Option<Uuid>,
    id: Uuid,
) -> Result<Vec<StatusChangeOutput>> {
    let session = session.map(session_id);
    let changes = sessions::history(app, caller, session.as_ref(), ObjectId(id)).await?;
    Ok(changes.into_iter().filter_map(StatusChangeOutput::of).collect())
}

pub(in crate::http) async fn delete(app: &App, caller: &Caller, session: Option<Uuid>, id: Uuid) -> Result<()> {
    deletion::delete(app, caller, session.map(session_id).as_ref(), ObjectId(id)).await
}

pub(in crate::http) async fn restore(
    app: &App,
    caller: &Caller,
    session: Option<Uuid>,
    id: Uuid,
) -> Result<MediaResponse> {
    let session = session.map(session_id);
    let shown = deletion::restore(app, caller, session.as_ref(), ObjectId(id)).await?;
    Ok(MediaResponse::new(app, &shown))
}

pub(in crate::http) async fn thaw(
    app: &App,
    caller: &Caller,
    session: Option<Uuid>,
    id: Uuid,
) -> Result<MediaResponse> {
    let session = session.map(session_id);
    let shown = sessions::thaw(app, caller, session.as_ref(), ObjectId(id)).await?;
    Ok(MediaResponse::new(app, &shown))
}

pub(in crate::http) async fn retry(
    app: &App,
    caller: &Caller,
    session: Option<Uuid>,
    id: Uuid,
) -> Result<MediaResponse> {
    let session = session.map(session_id);
    let shown = sessions::retry(app, caller, session.as_ref(), ObjectId(id)).await?;
    Ok(MediaResponse::new(app, &shown))
}

/// Streams the status changes of a session's media items from now on.
pub(in crate::http) async fn watch(
    app: &Arc<App>,
    caller: Caller,
    session: Uuid,
) -> Result<BoxStream<'static, StatusChangeOutput>> {
    let changes = sessions::watch(app, caller, &session_id(session)).await?;
    Ok(changes.filter_map(|change| std::future::ready(StatusChangeOutput::of(change))).boxed())
}
