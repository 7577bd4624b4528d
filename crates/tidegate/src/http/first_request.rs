//! A request to try first, for the page at `/` and the start of the server.

use crate::app::App;
use crate::config::{AuthMode, Config};
use crate::model::owner::OwnerKind;

/// Returns a curl command that this server takes from a caller who has signed in, in lines of a
/// shell.
pub fn first_request(app: &App) -> String {
    let (path, body) = operation(&app.config);
    let mut lines = vec![format!("curl -sS {}{path}", app.addresses.api)];
    lines.extend(sign_in(&app.config).iter().map(|header| format!("-H {header}")));
    if let Some(body) = body {
        lines.extend(["-H 'Content-Type: application/json'".to_owned(), format!("-d '{body}'")]);
    }
    lines.join(" \\\n  ")
}

/// Returns the path of an operation that needs nothing else, and its body. It creates something
/// where that leaves nothing unfinished.
fn operation(config: &Config) -> (&'static str, Option<&'static str>) {
    let all = [
        (OwnerKind::Space, "/api/spaces", Some(r#"{"name":"Holidays"}"#)),
        (OwnerKind::Session, "/v1/sessions", Some("{}")),
        (OwnerKind::Dataset, "/packages/datasets", Some(r#"{"name":"Cells"}"#)),
        (OwnerKind::Disks, "/v1/images", None),
        (OwnerKind::Files, "/v1/files/all", None),
    ];
    let found = all.into_iter().find(|(kind, ..)| config.is_on(*kind));
    found.map_or(("/health", None), |(_, path, body)| (path, body))
}

/// Returns the headers that sign a caller in, quoted for a shell.
fn sign_in(config: &Config) -> Vec<&'static str> {
    let tokens = &config.auth.sign_in;
    match config.auth.mode {
        AuthMode::Dev => vec!["'X-User-Id: ann'", "'X-Org-Id: lab'"],
        AuthMode::None => Vec::new(),
        AuthMode::Jwt if tokens.own_tokens => {
            vec![r#""Authorization: Bearer $(AUTH_OWN_TOKENS=true tidegate token --user ann --org lab)""#]
        }
        AuthMode::Jwt if tokens.jwks_url.is_some() || tokens.public_key.is_some() => {
            vec![r#""Authorization: Bearer $TOKEN""#]
        }
        AuthMode::Authorizer => vec![r#""Authorization: Bearer $TOKEN""#],
        AuthMode::Jwt => vec![r#""X-Service-Token: $SERVICE_TOKEN""#, "'X-User-Id: ann'", "'X-Org-Id: lab'"],
    }
}
