//! Changes of a space's images as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::wire::ImageChange;
use super::{ApiResult, space_id};
use crate::app::App;
use crate::model::caller::Caller;
use crate::surfaces::spaces::images;

/// The interval of keep-alive comments, so that proxies do not close an idle stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(space_events))
}

/// What becomes of a space's images, as it comes about
///
/// Server-sent events named `status`, each with a change in JSON: uploads, steps, deletes, restores. With the id of the last
/// one in `Last-Event-ID`, as browsers send it when they come back, those that came meanwhile are told first, where that is not too long ago: list anew after a longer time.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/events", operation_id = "watch_space", tag = "spaces", params(("spaceId" = String, Path)),
    responses((status = 200, body = ImageChange, content_type = "text/event-stream"), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn space_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let permit = app.shares.streams.acquire_for(&caller)?;
    let since = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let (begins, changes) = images::watch(&app, caller, &space_id(&space)?, since).await?;
    let events = changes.map(move |change| {
        let _kept = &permit;
        let id = change.id.to_string();
        let change = serde_json::to_string(&ImageChange::from(change)).unwrap_or_default();
        Ok(Event::default().event("status").id(id).data(change))
    });
    // A client that loses the connection before the first change continues from this id.
    let first = Event::default().id(begins.to_string());
    let events = futures::stream::once(std::future::ready(Ok(first))).chain(events);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
