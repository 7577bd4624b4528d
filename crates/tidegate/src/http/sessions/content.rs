//! The link to a media item before it is published: it reports the status, and redirects to the
//! edge once the media item is there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Query, Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::content::{AuthorizedBy, RESOURCE_POLICY};
use super::super::download;
use super::super::error::ErrorBody;
use super::{ApiResult, ids};
use crate::app::App;
use crate::error::{Error, bad_request};
use crate::library::downloads;
use crate::model::caller::Caller;
use crate::surfaces::sessions::links::{self, Given};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(content, head_content))
}

/// The query of a content link.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Link {
    /// Epoch seconds: when it ends.
    exp: Option<String>,
    /// What makes it good.
    sig: Option<String>,
    /// Which key signed.
    kid: Option<String>,
}

/// Read one of a session's media, once it is published
///
/// By the link in `url`, or signed in. Until it is published, the status is in the refusal. The address that it leads to
/// opens this object alone, and ends no later than the link.
#[utoipa::path(get, path = "/v1/sessions/{session}/media/{media}/content", operation_id = "read_media_content", tag = "sessions",
    security((), ("bearer" = []), ("cookie" = []), ("user" = [], "organisation" = []), ("service" = [])),
    params(("session" = String, Path), ("media" = String, Path), Link),
    responses((status = 307, description = "The content is at the edge, at the address in `Location`."), (status = 200, description = "The content, where there is no edge", content_type = "application/octet-stream"),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
async fn content(state: State<Arc<App>>, request: Request) -> ApiResult<Response<Body>> {
    let State(app) = state;
    let (mut parts, _) = request.into_parts();
    let path = axum::extract::Path::<(String, String)>::from_request_parts(&mut parts, &app).await;
    let axum::extract::Path(path) = path.map_err(|_| bad_request("the path can't be read"))?;
    let (session, media) = ids(&path)?;
    let query = Query::<Link>::try_from_uri(&parts.uri);
    let Query(link) = query.map_err(|_| bad_request("the query can't be read"))?;
    let given = link.exp.zip(link.sig).map(|(exp, sig)| Given { exp, sig, kid: link.kid });
    let by = if given.is_some() { AuthorizedBy::Url } else { AuthorizedBy::SignIn };
    let caller = match given {
        Some(_) => None,
        None => Some(Caller::from_request_parts(&mut parts, &app).await?),
    };
    let (session, media) = (super::operations::session_id(session), crate::model::ids::ObjectId(media));
    let (media, url) = links::follow(&app, caller.as_ref(), &session, media, given.as_ref()).await?;
    let Some(url) = url else {
        let mut download = downloads::open_media(&app, &media).await?;
        // As at the edge, a tab shows it instead of saving it.
        download.stat.attributes.content_disposition.get_or_insert_with(|| "inline".to_owned());
        return Ok(download::answer(&app, (&download, by), &parts.method, &parts.headers).await?);
    };
    let location = HeaderValue::from_str(&url).map_err(|error| Error::Internal(error.into()))?;
    let fields = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (RESOURCE_POLICY, HeaderValue::from_static(by.resource_policy(app.config.resource_policy))),
    ];
    Ok((StatusCode::TEMPORARY_REDIRECT, fields).into_response())
}

/// Read headers of one of a session's media
///
/// As GET without the bytes: where it is published, or how far it is.
#[utoipa::path(head, path = "/v1/sessions/{session}/media/{media}/content", operation_id = "head_media_content", tag = "sessions",
    security((), ("bearer" = []), ("cookie" = []), ("user" = [], "organisation" = []), ("service" = [])),
    params(("session" = String, Path), ("media" = String, Path), Link),
    responses((status = 307), (status = 200), (status = 401), (status = 403), (status = 404), (status = 409)))]
async fn head_content(state: State<Arc<App>>, request: Request) -> ApiResult<Response<Body>> {
    content(state, request).await
}
