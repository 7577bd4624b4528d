//! The rows of the settings table for sign-in; resolved in `sign_in.rs`.

use super::settings::{Setting, built};

/// The rows.
pub(super) const SIGN_IN: &[Setting] = &[
    built(
        "AUTH_MODE",
        "",
        "dev | none | jwt | authorizer",
        "Who the caller is: the X-User-Id header (dev), always one user (none), who a token names (jwt), or who the \
         authorizer of API Gateway names (authorizer; AWS Lambda only). The first two are for loopback only. Default: jwt where a setting of tokens or services is given, else dev.",
    ),
    built(
        "AUTH_JWT_PUBLIC_KEY_BASE64",
        "",
        "base64 of a PEM, a PEM, or a path to one",
        "The public key of the one who issues tokens: RSA of 2048 bits or more (RS256) or P-256 (ES256).",
    )
    .secret(),
    built(
        "AUTH_JWKS_URL",
        "",
        "an https:// URL, or an http:// one on this machine",
        "Where the issuer's keys are, if they rotate. The last good set is kept for a day while it does not answer.",
    ),
    built(
        "AUTH_JWKS_REFRESH_SECONDS",
        "300",
        "1 to 86400 seconds",
        "How often they are read: how long a key that was taken out may still be believed.",
    ),
    built(
        "AUTH_JWT_ISSUER",
        "",
        "the text of iss, or * for any",
        "Whose tokens are taken. Not set, nobody asks; production demands it with AUTH_JWKS_URL.",
    ),
    built(
        "AUTH_JWT_AUDIENCE",
        "",
        "the text of aud, or * for any",
        "For whom they must be made out; for access tokens of Amazon Cognito, which have no aud, the client_id. Not set, nobody asks; production demands it with AUTH_JWKS_URL.",
    ),
    built("AUTH_CLAIM_USER", "sub", "a claim's name, or a JSON pointer", "The claim that is the user's id."),
    built("AUTH_CLAIM_ORG", "org", "a claim's name, or a JSON pointer", "The claim that is the organisation's id."),
    built("AUTH_CLAIM_ROLES", "roles", "a claim's name, or a JSON pointer", "The claim that lists the user's roles."),
    built(
        "AUTH_CLAIM_DATASETS",
        "datasets",
        "a claim's name, or a JSON pointer",
        "The claim that says what the user may do in datasets: an object from their ids to viewer, editor, manager or owner.",
    ),
    built("AUTH_ADMIN_ROLE", "admin", "a role's name", "The role that may see what everybody did."),
    built(
        "AUTH_SERVICE_TOKEN",
        "",
        "tokens between commas, in production of 32 characters or more",
        "What services present in X-Service-Token or as a bearer token; with two, one can be replaced by the other.",
    )
    .secret(),
    built(
        "AUTH_OWN_TOKENS",
        "false",
        "true | false",
        "Whether the server makes and takes tokens of its own: POST /v1/tokens, `tidegate token`, /.well-known/jwks.json.",
    ),
    built(
        "AUTH_OWN_KEY_PEM",
        "",
        "the PEM of a P-256 key, or a path to one",
        "What they are signed with. Default: a key generated into TIDEGATE_DATA.",
    )
    .secret(),
    built(
        "OIDC_ISSUER",
        "",
        "an https:// URL without a query, or an http:// one on this machine",
        "The OpenID Connect provider that the pages of this server send users to for sign-in. What tokens are taken is said by AUTH_JWKS_URL and AUTH_JWT_ISSUER.",
    ),
    built(
        "OIDC_CLIENT_ID",
        "",
        "1 to 255 visible ASCII characters",
        "The public client that the provider knows these pages as. Its redirect URI is PUBLIC_BASE_URL and /sign-in.",
    ),
    built(
        "OIDC_SCOPE",
        "openid profile",
        "scopes between spaces, openid among them",
        "What the pages ask the provider for.",
    ),
    built(
        "OIDC_ORIGINS",
        "",
        "a list of https:// origins, or http:// ones on this machine",
        "Further origins that the pages may ask for sign-in, where endpoints of the provider are not on that of OIDC_ISSUER. For Amazon Cognito, that of the user pool's domain.",
    ),
];
