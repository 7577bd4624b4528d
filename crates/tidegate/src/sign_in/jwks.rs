//! The keys of an issuer that rotates them: fetched by URL, kept while the issuer is away, and asked for again no
//! oftener than a flood of unknown key ids allows.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::token::{Algorithm, Key, Parsed, object};
use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes in a key set.
const MAX_BODY: usize = 256 << 10;
/// Unknown key ids ask again no oftener than this.
const FLOOR: Duration = Duration::from_secs(30);
/// As long as there is no set at all, or the last try failed.
const RETRY: Duration = Duration::from_secs(5);
/// The last good set is believed for so long while the issuer is away.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// An issuer's keys.
#[derive(Debug)]
pub struct Jwks {
    url: String,
    client: reqwest::Client,
    refresh: Duration,
    known: RwLock<Option<Known>>,
    /// When they were last asked for; held while they are, so that many who wait ask once.
    asked: Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Known {
    keys: Arc<Vec<Key>>,
    since: Instant,
}

impl Jwks {
    /// Asks nobody yet.
    pub fn new(url: &str, refresh: Duration) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("AUTH_JWKS_URL")?;
        Ok(Self { url: url.to_owned(), client, refresh, known: RwLock::default(), asked: Mutex::default() })
    }

    /// The key that a token says made it. One that is not known is asked for, if nobody asked just now.
    pub async fn find(&self, token: &Parsed<'_>) -> Result<Option<Key>> {
        if let Some(known) = self.known()
            && let Some(key) = select(&known.keys, token)
        {
            return Ok(Some(key));
        }
        self.refresh(FLOOR).await;
        let unavailable =
            || Error::Unavailable(anyhow::anyhow!("the keys that tokens are verified with are not known"));
        let known = self.known().ok_or_else(unavailable)?;
        Ok(select(&known.keys, token))
    }

    /// Why there are no keys, where there are none.
    pub fn trouble(&self) -> Option<String> {
        self.known().is_none().then(|| format!("no keys from {}", self.url))
    }

    /// Reads the set every now and then until `stop`, so that a key which is no longer in it is no longer believed.
    pub async fn keep_fresh(&self, stop: CancellationToken) {
        loop {
            let pause = if self.refresh(Duration::ZERO).await { self.refresh } else { RETRY.min(self.refresh) };
            if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    fn known(&self) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| known.since.elapsed() < MAX_AGE)
    }

    /// Asks, unless somebody did within `floor`. Whether there is a new set.
    async fn refresh(&self, floor: Duration) -> bool {
        let mut asked = self.asked.lock().await;
        let floor = if self.known().is_some() { floor } else { floor.min(RETRY) };
        if asked.is_some_and(|at| at.elapsed() < floor) {
            return false;
        }
        let outcome = self.fetch().await;
        *asked = Some(Instant::now());
        match outcome {
            Ok(keys) => {
                metrics::counter!("tidegate_jwks_fetches_total", "outcome" => "ok").increment(1);
                let known = Known { keys: Arc::new(keys), since: Instant::now() };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
                true
            }
            Err(error) => {
                metrics::counter!("tidegate_jwks_fetches_total", "outcome" => "failed").increment(1);
                let kept = self.known().is_some();
                tracing::warn!(error = format!("{error:#}"), kept, "the keys of the token issuer can't be read");
                false
            }
        }
    }

    async fn fetch(&self) -> anyhow::Result<Vec<Key>> {
        let mut answer = self.client.get(&self.url).header("accept", "application/json").send().await?;
        ensure!(answer.status().as_u16() == 200, "it answered {}", answer.status());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            ensure!(body.len() + chunk.len() <= MAX_BODY, "more than {MAX_BODY} bytes");
            body.extend_from_slice(&chunk);
        }
        parse(&body)
    }
}

/// The one key that fits, by id; without an id, only if no other would.
fn select(keys: &[Key], token: &Parsed<'_>) -> Option<Key> {
    let mut fitting = keys.iter().filter(|key| {
        key.algorithm == token.algorithm() && token.key_id().is_none_or(|id| key.id.as_deref() == Some(id))
    });
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Some(key.clone()),
        _ => None,
    }
}

/// The usable keys of a set; at least one.
fn parse(body: &[u8]) -> anyhow::Result<Vec<Key>> {
    let set = object(body).context("it is no JSON object")?;
    let Some(Value::Array(listed)) = set.get("keys") else { bail!("it has no keys") };
    let keys: Vec<Key> = listed.iter().filter_map(|key| usable(key.as_object()?)).collect();
    ensure!(!keys.is_empty(), "none of its {} keys can verify RS256 or ES256", listed.len());
    Ok(keys)
}

/// A key for verifying; `None` for every other sort, symmetric ones among them.
fn usable(key: &Map<String, Value>) -> Option<Key> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    if text("use").is_some_and(|used| used != "sig") {
        return None;
    }
    if let Some(Value::Array(operations)) = key.get("key_ops")
        && !operations.iter().any(|operation| operation == "verify")
    {
        return None;
    }
    let id = text("kid").map(str::to_owned);
    match (text("kty"), text("alg")) {
        (Some("RSA"), None | Some("RS256")) => {
            let (n, e) = (number("n")?, number("e")?);
            let der = PublicKeyComponents { n: &n, e: &e }.as_der().ok()?;
            Key::new(id, Algorithm::Rs256, der.as_ref())
        }
        (Some("EC"), None | Some("ES256")) if text("crv") == Some("P-256") => {
            let (x, y) = (number("x")?, number("y")?);
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            (x.len() == 32 && y.len() == 32).then(|| Key::new(id, Algorithm::Es256, &point)).flatten()
        }
        _ => None,
    }
}

/// Whether a key set may be fetched from there: by https, or from this machine.
pub fn is_fetchable(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let Some(host) = url.host_str() else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_in::token::{self, Expected, Rejected};

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/fixtures/jwt-vectors.json")).unwrap()
    }

    #[test]
    fn shared_vectors() {
        let vectors = vectors();
        let keys = parse(vectors["jwks"].to_string().as_bytes()).unwrap();
        let text = |name: &str| Some(vectors[name].as_str().unwrap().to_owned());
        let expected = Expected { issuer: text("issuer"), audience: text("audience") };
        let now = vectors["now"].as_u64().unwrap();
        assert_eq!(vectors["leeway_s"], token::LEEWAY);
        let mut accepted = 0;
        for vector in vectors["vectors"].as_array().unwrap() {
            let outcome = token::parse(vector["token"].as_str().unwrap()).and_then(|parsed| {
                let key = select(&keys, &parsed).ok_or(Rejected::Key)?;
                parsed.verify(&key, &expected, now)
            });
            assert_eq!(outcome.is_ok(), vector["expect"] == "accept", "{}: {outcome:?}", vector["id"]);
            accepted += usize::from(outcome.is_ok());
        }
        assert_eq!(accepted, 4);
    }

    #[test]
    fn only_keys_for_verifying_are_taken() {
        let good = &vectors()["jwks"]["keys"][0];
        let with = |name: &str, value: Value| {
            let mut key = good.as_object().unwrap().clone();
            key.insert(name.into(), value);
            usable(&key).is_some()
        };
        assert!(with("use", "sig".into()) && with("key_ops", serde_json::json!(["verify"])));
        assert!(!with("use", "enc".into()));
        assert!(!with("key_ops", serde_json::json!(["encrypt"])));
        assert!(!with("alg", "RS512".into()) && !with("alg", "HS256".into()));
        assert!(!with("kty", "oct".into()));
        assert!(!with("n", "AQAB".into()), "too short");
        for set in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
            assert!(parse(set.as_bytes()).is_err(), "{set}");
        }
    }

    #[test]
    fn key_sets_come_by_https_or_from_here() {
        for good in ["https://id.test/jwks", "http://127.0.0.1:1/jwks", "http://localhost/x", "http://[::1]:8/x"] {
            assert!(is_fetchable(good), "{good}");
        }
        for bad in
            ["http://id.test/jwks", "file:///etc/passwd", "https://u:p@id.test/", "jwks", "http://127.0.0.1.evil.test/"]
        {
            assert!(!is_fetchable(bad), "{bad}");
        }
    }
}
