//! Resolves the settings of sign-in.

use secrecy::SecretString;

use super::key_text::KeyText;
use super::resolve::Resolver;
use super::{Auth, AuthMode, Origin};
use crate::sign_in::SignInSetting;
use crate::sign_in::claims::Mapping;
use crate::sign_in::issuer::Issuer;
use crate::sign_in::jwks::is_fetchable;
use crate::sign_in::token::Key;

/// Settings that concern tokens; any of them makes `jwt` the default mode.
const TOKENS: [&str; 9] = [
    "AUTH_JWT_PUBLIC_KEY_BASE64",
    "AUTH_JWKS_URL",
    "AUTH_JWT_ISSUER",
    "AUTH_JWT_AUDIENCE",
    "AUTH_OWN_TOKENS",
    "AUTH_OWN_KEY_PEM",
    "AUTH_SERVICE_TOKEN",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
];

/// The provider that the pages of this server send users to for sign-in (OpenID Connect).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSetting {
    /// The issuer's URL; its discovery document is below it.
    pub issuer: String,
    /// The id of the public client that the pages are.
    pub client_id: String,
    /// The requested scopes, between spaces.
    pub scope: String,
    /// The origins of the provider's endpoints, besides that of the issuer.
    pub origins: Vec<Origin>,
}

impl OidcSetting {
    /// Returns the origin of the issuer.
    pub fn origin(&self) -> Option<Origin> {
        origin_of(&self.issuer)
    }
}

/// Returns the origin of a URL; `None` if its host cannot be read, or has a name and password before it.
fn origin_of(url: &str) -> Option<Origin> {
    let (scheme, rest) = url.split_once("://")?;
    Origin::parse(&format!("{scheme}://{}", rest.split('/').next()?))
}

pub(super) fn resolve(r: &mut Resolver) -> Auth {
    let with_tokens = TOKENS.iter().any(|name| r.text(name).is_some_and(|value| value != "false"));
    let mode = match r.text("AUTH_MODE") {
        None if with_tokens => AuthMode::Jwt,
        None => AuthMode::Dev,
        Some(_) => r.choice(
            "AUTH_MODE",
            &[
                ("dev", AuthMode::Dev),
                ("none", AuthMode::None),
                ("jwt", AuthMode::Jwt),
                ("authorizer", AuthMode::Authorizer),
            ],
        ),
    };
    let sign_in = resolve_tokens(r);
    let external = r.text("AUTH_JWT_PUBLIC_KEY_BASE64").is_some() || sign_in.jwks_url.is_some();
    if mode == AuthMode::Jwt && !external && !sign_in.own_tokens && sign_in.services.is_empty() {
        let wanted = "AUTH_JWKS_URL, AUTH_OWN_TOKENS=true, AUTH_SERVICE_TOKEN or AUTH_JWT_PUBLIC_KEY_BASE64 with it";
        r.problem("AUTH_MODE", wanted);
    }
    if sign_in.public_key.is_some() && sign_in.jwks_url.is_some() {
        r.problem("AUTH_JWKS_URL", "either it or AUTH_JWT_PUBLIC_KEY_BASE64");
    }
    let oidc = resolve_oidc(r, external);
    if mode != AuthMode::Jwt && with_tokens {
        r.given.warnings.push("AUTH_MODE is not jwt: the settings of tokens and services have no effect".into());
    }
    for (name, missing, whose) in [
        ("AUTH_JWT_AUDIENCE", sign_in.audience.is_none(), "made out for another service"),
        ("AUTH_JWT_ISSUER", sign_in.issuer.is_none(), "of another issuer with the same keys"),
    ] {
        if mode == AuthMode::Jwt && external && missing && r.text(name).is_none() {
            r.given.warnings.push(format!("{name} is not set: a token {whose} is taken here too"));
        }
    }
    let oidc = oidc.filter(|_| mode == AuthMode::Jwt);
    Auth { mode, allow_insecure_remote: r.flag("AUTH_ALLOW_INSECURE_REMOTE"), sign_in, oidc }
}

/// Returns the provider for pages. `external` is whether tokens of other issuers are taken at all.
fn resolve_oidc(r: &mut Resolver, external: bool) -> Option<OidcSetting> {
    let (issuer, client_id, scope) = (r.text("OIDC_ISSUER"), r.text("OIDC_CLIENT_ID"), r.text("OIDC_SCOPE")?);
    // RFC 6749, appendix A: a client id and each scope are visible characters.
    let is_visible = |text: &str| (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_scope = |word: &str| is_visible(word) && !word.contains(['"', '\\']);
    if !scope.split(' ').all(is_scope) || !scope.split(' ').any(|word| word == "openid") {
        r.problem("OIDC_SCOPE", "scopes between single spaces, openid among them");
    }
    if issuer.as_deref().is_some_and(|url| {
        !is_fetchable(url) || !is_visible(url) || url.contains(['?', '#']) || origin_of(url).is_none()
    }) {
        r.problem("OIDC_ISSUER", "an https:// URL without a query, or an http:// one on this machine");
    }
    let (given, is_safe) = (r.list("OIDC_ORIGINS"), |origin: &Origin| origin.scheme == "https" || origin.is_loopback());
    let origins: Vec<Origin> = given.iter().filter_map(|text| Origin::parse(text)).filter(is_safe).collect();
    if origins.len() < given.len() {
        r.problem("OIDC_ORIGINS", "a list of https:// origins, or http:// ones on this machine");
    }
    if client_id.as_deref().is_some_and(|id| !is_visible(id)) {
        r.problem("OIDC_CLIENT_ID", "1 to 255 visible ASCII characters");
    }
    match (&issuer, &client_id) {
        (Some(_), None) => r.problem("OIDC_CLIENT_ID", "the client id that OIDC_ISSUER knows these pages by"),
        (None, Some(_)) => r.problem("OIDC_ISSUER", "the provider that knows OIDC_CLIENT_ID"),
        (Some(_), Some(_)) if !external => r.problem(
            "OIDC_ISSUER",
            "AUTH_JWKS_URL or AUTH_JWT_PUBLIC_KEY_BASE64 with it: without the provider's keys no token of it is taken",
        ),
        _ => {}
    }
    if let (Some(issuer), Some(taken)) = (&issuer, r.text("AUTH_JWT_ISSUER").filter(|taken| taken != "*"))
        && *issuer != taken
    {
        let message = "OIDC_ISSUER is not what AUTH_JWT_ISSUER says: tokens that name OIDC_ISSUER as iss are refused";
        r.given.warnings.push(message.into());
    }
    Some(OidcSetting { issuer: issuer?, client_id: client_id?, scope, origins })
}

fn resolve_tokens(r: &mut Resolver) -> SignInSetting {
    let jwks_url = r.text("AUTH_JWKS_URL");
    if jwks_url.as_deref().is_some_and(|url| !is_fetchable(url)) {
        r.problem("AUTH_JWKS_URL", "an https:// URL, or an http:// one on this machine");
    }
    let services = r.list("AUTH_SERVICE_TOKEN").into_iter().map(SecretString::from).collect();
    let own_key =
        key(r, "AUTH_OWN_KEY_PEM", |given| given.parsed_by("a P-256 private key", |pem| Issuer::new(pem, "", "")));
    SignInSetting {
        public_key: key(r, "AUTH_JWT_PUBLIC_KEY_BASE64", |given| given.parsed_by("a public key", Key::from_pem)),
        jwks_url,
        jwks_refresh: r.seconds("AUTH_JWKS_REFRESH_SECONDS", 1..=86_400),
        issuer: r.text("AUTH_JWT_ISSUER").filter(|issuer| issuer != "*"),
        audience: r.text("AUTH_JWT_AUDIENCE").filter(|audience| audience != "*"),
        mapping: Mapping {
            user: r.given.value("AUTH_CLAIM_USER").to_owned(),
            org: r.given.value("AUTH_CLAIM_ORG").to_owned(),
            roles: r.given.value("AUTH_CLAIM_ROLES").to_owned(),
            admin: r.given.value("AUTH_ADMIN_ROLE").to_owned(),
            datasets: r.given.value("AUTH_CLAIM_DATASETS").to_owned(),
        },
        services,
        own_tokens: r.flag("AUTH_OWN_TOKENS"),
        own_key: own_key.map(SecretString::from),
    }
}

/// Returns the PEM of a setting, given as text or as a file name, if `check` takes it.
fn key(r: &mut Resolver, name: &'static str, check: impl FnOnce(KeyText) -> Result<String, String>) -> Option<String> {
    let pem = KeyText::read(r.text(name)?).and_then(check);
    pem.map_err(|wanted| r.problem(name, &wanted)).ok()
}
