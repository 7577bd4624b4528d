//! The route that signs a link to one image of a space.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::Response;
use axum::response::IntoResponse as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::error::ErrorBody;
use super::super::json::json;
use super::super::time::rfc3339;
use super::images::NO_STORE;
use super::{ApiResult, ids};
use crate::app::App;
use crate::model::caller::Caller;
use crate::surfaces::spaces::links::{self, Link};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(link_image))
}

/// A link that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SpaceImageLinkRequest)]
struct NewLink {
    /// How long it works: from 1 to `SPACE_LINK_MAX_SECONDS`; for viewers to `GRANT_TTL_SECONDS` at most.
    #[schema(minimum = 1)]
    ttl_seconds: u64,
    /// `original`, which is usual, or the `name` of a thumbnail.
    variant: Option<String>,
}

/// A link to one file of an image.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SpaceImageLink)]
struct LinkResponse {
    /// A secret while it lives: it works for whoever has it.
    url: String,
    /// When it ends.
    expires_at: String,
}

impl From<Link> for LinkResponse {
    fn from(link: Link) -> Self {
        Self { url: link.url, expires_at: rfc3339(link.expires_at) }
    }
}

/// Get a link to one image
///
/// It opens that image, or one of its thumbnails, for whoever has it, for as long as was asked for, and nothing else.
/// It ends earlier only with the image. Links are in the audit log.
#[utoipa::path(post, path = "/api/spaces/{spaceId}/images/{imageId}/link", operation_id = "link_space_image", tag = "spaces",
    params(("spaceId" = String, Path), ("imageId" = String, Path)), request_body = NewLink,
    responses((status = 200, body = LinkResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn link_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(path): Path<(String, String)>,
    request: Request,
) -> ApiResult<Response<Body>> {
    let (space, image) = ids(&path)?;
    let NewLink { ttl_seconds, variant } = json(request).await?;
    let link = links::issue(&app, &caller, &space, image, (variant.as_deref(), ttl_seconds)).await?;
    Ok((NO_STORE, Json(LinkResponse::from(link))).into_response())
}
