//! What becomes of a space's images, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::wire::ImageChange;
use super::{Answer, space_id};
use crate::app::App;
use crate::model::caller::Caller;
use crate::spaces::images;

/// How often something is said where nothing comes about, so that proxies keep the connection.
const BEAT: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(space_events))
}

/// What becomes of a space's images, as it comes about
///
/// Server-sent events named `status`, each with a change in JSON: uploads, steps, deletes, restores.
#[utoipa::path(get, path = "/api/spaces/{spaceId}/events", tag = "spaces", params(("spaceId" = String, Path)),
    responses((status = 200, body = ImageChange, content_type = "text/event-stream"), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn space_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(space): Path<String>,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let place = app.watchers.place(&caller)?;
    let changes = images::watch(&app, caller, &space_id(&space)?).await?;
    let events = changes.map(move |change| {
        let _kept = &place;
        let change = serde_json::to_string(&ImageChange::from(change)).unwrap_or_default();
        Ok(Event::default().event("status").data(change))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)))
}
