//! The check of sign-in: whether the keys of the issuer can be read, and whether it is the one that is
//! expected.

use serde_json::Value;

use super::context::Context;
use super::report::Outcome;
use super::request::{Request, plain};
use crate::config::AuthMode;

pub(super) async fn check(context: &Context) -> Outcome {
    let auth = &context.config.auth;
    match auth.mode {
        AuthMode::Jwt => {}
        AuthMode::Authorizer => return Outcome::skipped("API Gateway verifies callers: AUTH_MODE=authorizer"),
        AuthMode::Dev | AuthMode::None if context.config.in_production() => {
            return Outcome::failed("callers are not verified, and other machines can reach this server")
                .remedy("set AUTH_JWKS_URL, AUTH_JWT_PUBLIC_KEY_BASE64 or AUTH_OWN_TOKENS=true");
        }
        AuthMode::Dev | AuthMode::None => {
            return Outcome::skipped("callers are not verified: AUTH_MODE is dev or none");
        }
    }
    let setting = &auth.sign_in;
    let mut seen = Vec::new();
    if let Some(url) = &setting.jwks_url {
        match keys(context, url).await {
            Ok(count) => seen.push(format!("{count} keys at {url}")),
            Err(problem) => return Outcome::failed(format!("{url}: {problem}")),
        }
    }
    let issuer = auth.oidc.as_ref().map(|oidc| &oidc.issuer).or(setting.issuer.as_ref());
    let issuer = issuer.filter(|issuer| issuer.starts_with("https://") || issuer.starts_with("http://"));
    let Some(issuer) = issuer.filter(|_| setting.jwks_url.is_some()) else {
        let kinds = [
            (setting.public_key.is_some(), "one public key"),
            (setting.own_tokens, "tokens of its own"),
            (!setting.services.is_empty(), "service tokens"),
        ];
        seen.extend(kinds.into_iter().filter(|(on, _)| *on).map(|(_, text)| text.to_owned()));
        return Outcome::ok(seen.join(", "));
    };
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document = match json(context, &url).await {
        Ok(document) => document,
        Err(problem) => {
            return Outcome::warning(format!("{}; {url}: {problem}", seen.join(", ")))
                .remedy("compare AUTH_JWT_ISSUER with the `iss` of a token by hand");
        }
    };
    let named = document["issuer"].as_str().unwrap_or_default();
    if named != issuer {
        return Outcome::failed(format!("the issuer calls itself {}, and {issuer} is set", plain(named)))
            .remedy("set AUTH_JWT_ISSUER and OIDC_ISSUER to the `issuer` of the discovery document, to the letter");
    }
    let told = document["jwks_uri"].as_str().unwrap_or_default();
    if setting.jwks_url.as_deref() != Some(told) {
        return Outcome::warning(format!("the issuer's keys are at {}, and AUTH_JWKS_URL is another", plain(told)))
            .remedy("set AUTH_JWKS_URL to the `jwks_uri` of the discovery document");
    }
    Outcome::ok(format!("{}, of the issuer {issuer}", seen.join(", ")))
}

async fn json(context: &Context, url: &str) -> Result<Value, String> {
    let answer = context.send(Request::get(url)).await?;
    if answer.status != 200 {
        return Err(format!("{} instead of 200", answer.brief()));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned())
}

/// Returns the number of keys that can verify tokens.
async fn keys(context: &Context, url: &str) -> Result<usize, String> {
    let document = json(context, url).await?;
    let keys = document["keys"].as_array().ok_or("the answer is no key set (RFC 7517)")?;
    let usable = keys.iter().filter(|key| ["RSA", "EC", "OKP"].contains(&key["kty"].as_str().unwrap_or_default()));
    match usable.count() {
        0 => Err("the key set has no key that verifies tokens".to_owned()),
        count => Ok(count),
    }
}
