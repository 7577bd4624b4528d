//! The S3 door over a local store: presigned requests that match an open upload or a grant, and
//! read-only access with the operator's credentials. It accepts nothing that the API would not have
//! signed.

mod checks;
mod door;
mod reads;
mod request_filter;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use s3s::service::{S3Service, S3ServiceBuilder};

use self::door::{Access, Door, Secrets};
use self::reads::Reads;
use super::cors::{CorsPolicy, is_preflight};
use crate::app::{App, Local};

/// The S3 service and its CORS policy.
struct S3 {
    service: S3Service,
    cors: CorsPolicy,
}

/// Returns the router of the door: each request passes the filter, then the S3 protocol layer.
pub(super) fn router(app: Arc<App>, local: Arc<Local>) -> Router {
    let own_page = Some(app.addresses.api.to_string());
    let cors = CorsPolicy::bytes(&app.config.cors, own_page, "GET, HEAD, PUT");
    let mut builder = S3ServiceBuilder::new(Door::new(Arc::clone(&app), Arc::clone(&local)));
    builder.set_auth(Secrets::new(Arc::clone(&local)));
    builder.set_access(Access::new(Arc::clone(&local)));
    builder.set_route(Reads::new(app, local));
    Router::new().fallback(answer).with_state(Arc::new(S3 { service: builder.build(), cors }))
}

async fn answer(State(s3): State<Arc<S3>>, request: Request) -> Response<Body> {
    if is_preflight(request.method(), request.headers()) {
        return s3.cors.preflight(request.headers());
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match request_filter::check(&request) {
        Err(refused) => *refused,
        Ok(()) => match s3.service.call(request.map(s3s::Body::http_body_unsync)).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                tracing::error!(?error, "the S3 protocol layer failed");
                request_filter::refusal(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalError",
                    "An internal error occurred.",
                )
            }
        },
    };
    s3.cors.apply(origin.as_ref(), response.headers_mut());
    // Stored content comes from clients, and cookies do not distinguish ports, so no script in it
    // may run.
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    response
}
