//! The OpenAPI description, generated from the handlers. `openapi.json` in the repository is its
//! output.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// Title, tags and security schemes of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "The gate in front of a private bucket. Every refused JSON request answers `{\"error\":{\"code\",\"message\"}}`; \
                       codes are stable. Who calls is named by a token, or in `AUTH_MODE=dev` by the `X-User-Id` header.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    modifiers(&SignIn),
    security((), ("bearer" = []), ("cookie" = []), ("service" = [])),
    tags((name = "images", description = "Disk images: uploaded in parts, streamed by Range"), (name = "files", description = "Users' files: uploaded in any way, listed by folder, linked to, downloaded as ZIP"), (name = "sessions", description = "Media of sessions: uploaded, scanned, made anew, published; the same as in GraphQL at /graphql"), (name = "spaces", description = "Spaces: galleries whose members see the same images under one signature"), (name = "packages", description = "Datasets: trees of packages, read under presigned and signed links, deleted and restored"), (name = "sign-in", description = "Tokens of the server's own making"), (name = "operations", description = "For operators"))
)]
pub(crate) struct Description;

struct SignIn;

impl Modify for SignIn {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("auth_token"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
        let service = ApiKey::Header(ApiKeyValue::new("X-Service-Token"));
        components.add_security_scheme("service", SecurityScheme::ApiKey(service));
    }
}

/// Returns the description as pretty-printed JSON, as it is committed and served.
pub fn document() -> String {
    let (_, description) = super::routes().split_for_parts();
    let mut text = description.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
