//! The OpenAPI description, generated from the handlers. `openapi.json` in the repository is its
//! output. `complete.rs` adds what holds for every operation, `examples.rs` one request for each.

mod complete;
mod examples;
mod variants;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

/// Title, servers, tags and security schemes of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tidegate",
        description = "The gate in front of a private bucket.\n\n\
                       **Errors.** Every refused JSON request answers `{\"error\":{\"code\",\"message\"}}`; codes are stable.\n\n\
                       **Sign-in.** A token names the caller. With `AUTH_MODE=dev`, the default on this machine, the headers \
                       `X-User-Id` and `X-Org-Id` do. A service signs in with `X-Service-Token` and names the user it acts for in \
                       `X-User-Id`. To send requests from this page at `/docs`, press Authorize first and fill in one of them.\n\n\
                       **HEAD.** Every GET also answers HEAD, without a body. Those with headers of their own are described.",
        contact(name = "The maintainers of Tidegate"),
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "The server that this description comes from")),
    modifiers(&SignIn),
    security(
        ("bearer" = []), ("cookie" = []), ("user" = []), ("user" = [], "organisation" = []),
        ("service" = []), ("service" = [], "user" = []), ("service" = [], "user" = [], "organisation" = []),
    ),
    tags(
        (name = "images", description = "Disk images: uploaded in parts, streamed by Range"),
        (name = "files", description = "Users' files: uploaded in any way, listed by folder, linked to, downloaded as ZIP"),
        (name = "sessions", description = "Media of sessions: uploaded, scanned, made anew, published; the same as in GraphQL at /graphql"),
        (name = "spaces", description = "Spaces: galleries whose members see the same images under one signature"),
        (name = "packages", description = "Datasets: trees of packages, read under presigned and signed links, deleted and restored"),
        (name = "bulk", description = "One thing done with many objects, in the background"),
        (name = "sign-in", description = "Who the caller is, how users sign in, and tokens of the server's own making"),
        (name = "operations", description = "For operators")
    )
)]
pub(crate) struct Description;

struct SignIn;

impl Modify for SignIn {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let bearer = bearer.description(Some("With `AUTH_MODE=jwt`: a user's token, or the service token")).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = |name: &str, what: &str| ApiKey::Header(ApiKeyValue::with_description(name, what));
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description("auth_token", "A user's token, in browsers"));
        for (scheme, key) in [
            ("cookie", cookie),
            ("service", header("X-Service-Token", "The service token, `AUTH_SERVICE_TOKEN`")),
            ("user", header("X-User-Id", "With `AUTH_MODE=dev`: the caller's id. From a service: whom it acts for")),
            (
                "organisation",
                header("X-Org-Id", "With `AUTH_MODE=dev`: the caller's organisation. From a service: the user's"),
            ),
        ] {
            components.add_security_scheme(scheme, SecurityScheme::ApiKey(key));
        }
    }
}

/// Returns the description of all operations, whether or not their surface is enabled.
pub(super) fn description() -> utoipa::openapi::OpenApi {
    let (_, mut description) = super::routes().split_for_parts();
    complete::complete(&mut description);
    if let Some(components) = &mut description.components {
        variants::name_variants(components);
    }
    description
}

/// Returns the description as pretty-printed JSON, as it is committed and served.
pub fn document() -> String {
    let mut text = description().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
