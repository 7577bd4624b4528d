//! Status changes of a session's media items as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::{ApiResult, StatusChangeOutput, id, operations};
use crate::app::App;
use crate::model::caller::Caller;

/// The interval of keep-alive comments, so that proxies do not close an idle stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(media_events))
}

/// What becomes of a session's media, as it comes about
///
/// Server-sent events named `status`, each with a change in JSON.
#[utoipa::path(get, path = "/v1/sessions/{session}/media/events", operation_id = "watch_media", tag = "sessions", params(("session" = String, Path)),
    responses((status = 200, body = StatusChangeOutput, content_type = "text/event-stream"), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn media_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(session): Path<String>,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let permit = app.shares.streams.acquire_for(&caller)?;
    let changes = operations::watch(&app, caller, id(&session, "session")?).await?;
    let events = changes.map(move |change| {
        let _kept = &permit;
        Ok(Event::default().event("status").data(serde_json::to_string(&change).unwrap_or_default()))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
