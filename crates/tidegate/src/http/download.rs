//! Downloads through the API door, where there is no edge. Responses are never stored by caches,
//! and displayed inline only if that is harmless.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, header};
use axum::response::IntoResponse as _;
use futures::TryFutureExt as _;

use super::content::{self, AuthorizedBy, Fields as _, Representation, ResponseBody};
use crate::app::App;
use crate::error::Result;
use crate::library::downloads::Download;
use crate::model::disposition;

/// Responds to a GET or HEAD with an opened download. `by` says what authorized the read.
pub(super) async fn answer(
    app: &App,
    (download, by): (&Download, AuthorizedBy),
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response<Body>> {
    let representation = Representation::of(&download.stat).at_key(download.key());
    let mut fields = HeaderMap::new();
    let policy = by.resource_policy(app.config.resource_policy);
    content::set_security_fields(representation.rendering(), policy, &mut fields);
    fields.set(&header::CACHE_CONTROL, b"private, no-store, no-transform");
    let given = download.stat.attributes.content_disposition.as_deref();
    let disposition = disposition::served(&download.stat.attributes.content_type, given);
    fields.set(&header::CONTENT_DISPOSITION, disposition.as_deref().unwrap_or("attachment").as_bytes());
    let read = download.reader(app);
    let read = move |range: Range<u64>| {
        let length = range.end - range.start;
        read(range).map_ok(move |body| ResponseBody::Stream(body, length))
    };
    let (status, body) = content::respond(method, headers, &representation, &mut fields, read).await?;
    Ok((status, fields, body.into_body()).into_response())
}
