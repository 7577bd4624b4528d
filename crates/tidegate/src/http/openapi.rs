//! The API's description, made from the handlers.

use utoipa::OpenApi;

/// What the description says besides the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "The gate in front of a private bucket. Every refused JSON request answers `{\"error\":{\"code\",\"message\"}}`; \
                       codes are stable. In `AUTH_MODE=dev` the caller is named by the `X-User-Id` header.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags((name = "images", description = "Disk images: uploaded in parts, streamed by Range"), (name = "operations", description = "For operators"))
)]
pub(crate) struct Description;

/// The description as it is committed and served.
pub fn document() -> String {
    let (_, description) = super::routes().split_for_parts();
    let mut text = description.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
