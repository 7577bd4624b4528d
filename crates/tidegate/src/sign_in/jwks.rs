//! The key set of an issuer that rotates its keys (RFC 7517): fetched by URL and kept while the
//! issuer is unreachable. Unknown key ids cause a new fetch, at most one per `MIN_INTERVAL`, so a
//! flood of them does not flood the issuer.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicKeyComponents;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::token::{Algorithm, Key, Parsed, object};
use crate::error::{Error, Result};

/// The time limit of a fetch.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest key set in bytes.
const MAX_BODY: usize = 256 << 10;
/// The shortest interval of fetches caused by unknown key ids.
const MIN_INTERVAL: Duration = Duration::from_secs(30);
/// The interval of fetches while there is no key set, or after a failure.
const RETRY: Duration = Duration::from_secs(5);
/// How long a key set is used while the issuer is unreachable.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// How long a request waits for a fetch.
const FETCH_WAIT: Duration = Duration::from_secs(2);
/// The most requests waiting for a fetch; others get 503.
const MAX_WAITERS: usize = 64;

/// The keys of an issuer.
#[derive(Debug)]
pub struct Jwks {
    refresh: Duration,
    min_interval: Duration,
    waiters: Semaphore,
    source: Arc<Source>,
}

/// The source of the keys. Shared with the task that fetches them, so that a cancelled request does
/// not cancel the fetch.
#[derive(Debug)]
struct Source {
    url: String,
    client: reqwest::Client,
    key_set: RwLock<Option<KeySet>>,
    state: Mutex<FetchState>,
    /// Incremented at the end of every fetch.
    fetches: watch::Sender<u64>,
}

/// The state of the last fetch.
#[derive(Debug, Default)]
struct FetchState {
    at: Option<Instant>,
    running: bool,
    failed: bool,
}

#[derive(Debug, Clone)]
struct KeySet {
    keys: Arc<Vec<Key>>,
    since: Instant,
}

impl Jwks {
    /// Creates the key set without fetching it.
    pub fn new(url: &str, refresh: Duration) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy from the environment would bypass the settings.
            .no_proxy()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("AUTH_JWKS_URL")?;
        let source = Source {
            url: url.to_owned(),
            client,
            key_set: RwLock::default(),
            state: Mutex::default(),
            fetches: watch::Sender::new(0),
        };
        Ok(Self { refresh, min_interval: MIN_INTERVAL, waiters: Semaphore::new(MAX_WAITERS), source: Arc::new(source) })
    }

    /// Returns the key that a token names. An unknown one causes a fetch, unless there was one just
    /// now.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if the key set cannot be read.
    pub async fn find(&self, token: &Parsed<'_>) -> Result<Option<Key>> {
        let known = self.source.key_set();
        if let Some(key) = known.as_ref().and_then(|known| select(&known.keys, token)) {
            return Ok(Some(key));
        }
        let mut fetches = self.source.fetches.subscribe();
        let min_interval = if known.is_some() { self.min_interval } else { self.min_interval.min(RETRY) };
        let (running, failed) = self.source.request_fetch(min_interval);
        if running {
            let _one_of_few = self.waiters.try_acquire().map_err(|_| keys_unavailable())?;
            tokio::time::timeout(FETCH_WAIT, fetches.changed())
                .await
                .map_err(|_| keys_unavailable())?
                .map_err(|_| keys_unavailable())?;
        }
        let known = self.source.key_set().ok_or_else(keys_unavailable)?;
        match select(&known.keys, token) {
            // The key may be in the set that could not be read.
            None if failed && !running => Err(keys_unavailable()),
            other => Ok(other),
        }
    }

    /// Returns the keys that were last read, if they are still used.
    pub fn keys(&self) -> Vec<Key> {
        self.source.key_set().map(|known| known.keys.to_vec()).unwrap_or_default()
    }

    /// Returns why there are no keys, if there are none.
    pub fn unavailable_reason(&self) -> Option<String> {
        self.source.key_set().is_none().then(|| format!("no keys from {}", self.source.url))
    }

    /// Fetches the key set at an interval until `stop` is cancelled, so that a removed key is no
    /// longer accepted.
    pub async fn refresh_periodically(&self, stop: CancellationToken) {
        loop {
            self.source.mark_running();
            let read = Arc::clone(&self.source).refresh().await;
            let pause = if read { self.refresh } else { RETRY.min(self.refresh) };
            if tokio::time::timeout(pause, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }
}

/// Returns the error for tokens that cannot be verified now.
fn keys_unavailable() -> Error {
    Error::Unavailable(anyhow::anyhow!("the keys that tokens are verified with are not known"))
}

impl Source {
    fn key_set(&self) -> Option<KeySet> {
        let known = self.key_set.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|known| known.since.elapsed() < MAX_AGE)
    }

    fn state(&self) -> MutexGuard<'_, FetchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark_running(&self) {
        let mut state = self.state();
        (state.at, state.running) = (Some(Instant::now()), true);
    }

    /// Starts a fetch in its own task, unless one is running or ended within `min_interval`.
    /// Returns whether one is running, and whether the last one failed.
    fn request_fetch(self: &Arc<Self>, min_interval: Duration) -> (bool, bool) {
        let mut state = self.state();
        if state.running || state.at.is_some_and(|at| at.elapsed() < min_interval) {
            return (state.running, state.failed);
        }
        (state.at, state.running) = (Some(Instant::now()), true);
        drop(state);
        tokio::spawn(Arc::clone(self).refresh());
        (true, false)
    }

    /// Fetches the key set and returns whether that succeeded.
    async fn refresh(self: Arc<Self>) -> bool {
        let outcome = self.fetch().await;
        let read = outcome.is_ok();
        metrics::counter!("tidegate_jwks_fetches_total", "outcome" => if read { "ok" } else { "failed" }).increment(1);
        match outcome {
            Ok(keys) => {
                let known = KeySet { keys: Arc::new(keys), since: Instant::now() };
                *self.key_set.write().unwrap_or_else(PoisonError::into_inner) = Some(known);
            }
            Err(error) => {
                let kept = self.key_set().is_some();
                tracing::warn!(error = format!("{error:#}"), kept, "the keys of the token issuer can't be read");
            }
        }
        {
            let mut state = self.state();
            (state.running, state.failed) = (false, !read);
        }
        self.fetches.send_modify(|count| *count += 1);
        read
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

/// Returns the key that matches by id and algorithm. Without an id, a key is returned only if it is
/// the only match.
fn select(keys: &[Key], token: &Parsed<'_>) -> Option<Key> {
    let mut fitting = keys.iter().filter(|key| {
        key.algorithm == token.algorithm() && token.key_id().is_none_or(|id| key.id.as_deref() == Some(id))
    });
    match (fitting.next(), fitting.next()) {
        (Some(key), None) => Some(key.clone()),
        _ => None,
    }
}

/// Parses a key set and returns its usable keys, at least one.
fn parse(body: &[u8]) -> anyhow::Result<Vec<Key>> {
    let set = object(body).context("it is no JSON object")?;
    let Some(Value::Array(listed)) = set.get("keys") else { bail!("it has no keys") };
    let keys: Vec<Key> = listed.iter().filter_map(|key| usable_or_logged(key.as_object()?)).collect();
    ensure!(!keys.is_empty(), "none of its {} keys can verify RS256 or ES256", listed.len());
    Ok(keys)
}

/// Reasons why a key that is as its issuer wants it is not used.
const NOT_FOR_SIGNING: &str = "its use is not sig";
const NOT_FOR_VERIFYING: &str = "its key_ops do not contain verify";
const OTHER_TYPE: &str = "it is neither an RSA key for RS256 nor a P-256 key for ES256";

/// Returns the key if it can verify tokens. Otherwise logs the reason and returns `None`.
fn usable_or_logged(key: &Map<String, Value>) -> Option<Key> {
    match usable(key) {
        Ok(key) => Some(key),
        Err(reason) => {
            let id = key.get("kid").and_then(Value::as_str).unwrap_or("none").chars().take(80).collect::<String>();
            // Issuers also publish keys that are not for signing.
            if [NOT_FOR_SIGNING, NOT_FOR_VERIFYING, OTHER_TYPE].contains(&reason) {
                tracing::debug!(kid = id, reason, "a key of the token issuer is not used");
            } else {
                tracing::info!(kid = id, reason, "a key of the token issuer cannot be used");
            }
            None
        }
    }
}

/// Returns a key that can verify RS256 or ES256, or the reason why it cannot.
fn usable(key: &Map<String, Value>) -> std::result::Result<Key, &'static str> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    // Some libraries add padding, which RFC 7515 forbids; the number is the same.
    let bytes = |name: &str| text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    // Some write a leading zero, which RFC 7518 section 6.3.1.1 forbids, or leave out zeros of a
    // coordinate, which section 6.2.1.2 forbids.
    let number =
        |name: &str| bytes(name).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>());
    if text("use").is_some_and(|used| used != "sig") {
        return Err(NOT_FOR_SIGNING);
    }
    if let Some(Value::Array(operations)) = key.get("key_ops")
        && !operations.iter().any(|operation| operation == "verify")
    {
        return Err(NOT_FOR_VERIFYING);
    }
    let id = text("kid").map(str::to_owned);
    match (text("kty"), text("alg")) {
        (Some("RSA"), None | Some("RS256")) => {
            let (n, e) = number("n").zip(number("e")).ok_or("n or e is not base64url")?;
            let der = PublicKeyComponents { n: &n, e: &e }.as_der().map_err(|_| "n and e are no RSA key")?;
            Key::new(id, Algorithm::Rs256, der.as_ref()).ok_or("its size is not from 2048 to 8192 bits")
        }
        (Some("EC"), None | Some("ES256")) if text("crv") == Some("P-256") => {
            let (x, y) = number("x").zip(number("y")).ok_or("x or y is not base64url")?;
            let (x, y) = coordinate(&x).zip(coordinate(&y)).ok_or("x or y has more than 32 bytes")?;
            let point = [[4].as_slice(), &x, &y].concat();
            Key::new(id, Algorithm::Es256, &point).ok_or("x and y are no point of P-256")
        }
        _ => Err(OTHER_TYPE),
    }
}

/// Returns a coordinate of P-256 with its full length; `None` if it is longer.
fn coordinate(number: &[u8]) -> Option<[u8; 32]> {
    let mut full = [0; 32];
    full.get_mut(32_usize.checked_sub(number.len())?..)?.copy_from_slice(number);
    Some(full)
}

/// Returns whether a key set may be fetched from a URL: over https, or from this machine.
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

    /// Access tokens of Amazon Cognito name their audience in `client_id`.
    #[test]
    fn cognito_vectors() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/fixtures/cognito-vectors.json")).unwrap();
        let keys = parse(vectors["jwks"].to_string().as_bytes()).unwrap();
        let text = |name: &str| Some(vectors[name].as_str().unwrap().to_owned());
        let expected = Expected { issuer: text("issuer"), audience: text("audience") };
        let verify = |token: &Value, expected: &Expected| {
            let parsed = token::parse(token.as_str().unwrap())?;
            parsed.verify(&select(&keys, &parsed).ok_or(Rejected::Key)?, expected, vectors["now"].as_u64().unwrap())
        };
        for vector in vectors["vectors"].as_array().unwrap() {
            let outcome = verify(&vector["token"], &expected).map(drop);
            let said = outcome.as_ref().map_or_else(|rejected| format!("{rejected:?}"), |()| "accept".to_owned());
            assert_eq!(vector["expect"], said, "{}", vector["id"]);
        }
        // Without a required audience, every token of the issuer is taken.
        let any = Expected { audience: None, ..expected };
        assert!(verify(&vectors["vectors"][2]["token"], &any).is_ok());
    }

    /// Collects log lines.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_unusable_key_is_logged_with_its_id_and_the_reason() {
        let good = vectors()["jwks"]["keys"][0].clone();
        let with = |id: &str, name: &str, value: Value| {
            let mut key = good.clone();
            (key["kid"], key[name]) = (id.into(), value);
            key
        };
        let point = serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": "off-curve", "x": "AQ", "y": "AQ" });
        let set = serde_json::json!({ "keys": [
            good,
            with("short", "n", "AQAB".into()),
            with("garbled", "n", "!!".into()),
            with("for-encryption", "use", "enc".into()),
            with("of-another-kind", "kty", "oct".into()),
            point,
            with(&"long".repeat(100), "e", "!".into()),
        ] });
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let keys = tracing::subscriber::with_default(subscriber, || parse(set.to_string().as_bytes()).unwrap());
        assert_eq!(keys.len(), 1);
        let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        for (level, id, reason) in [
            ("INFO", "short", "its size is not from 2048 to 8192 bits"),
            ("INFO", "garbled", "n or e is not base64url"),
            ("DEBUG", "for-encryption", NOT_FOR_SIGNING),
            ("DEBUG", "of-another-kind", OTHER_TYPE),
            ("INFO", "off-curve", "x and y are no point of P-256"),
        ] {
            let line = log.lines().find(|line| line.contains(&format!("kid=\"{id}\"")));
            let line = line.unwrap_or_else(|| panic!("{id} in {log}"));
            assert!(line.contains(level) && line.contains(&format!("reason=\"{reason}\"")), "{line}");
        }
        assert_eq!(log.lines().count(), 6, "{log}");
        assert!(!log.contains(&"long".repeat(21)), "a long id is shortened: {log}");
    }

    const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"ec-1",
        "x":"G5hdU0BpjdPd5fKc0Gplkqt6l-ohPmN6PtLSedzNzAU","y":"0vwzUp0aLIcc1XBCSpi9jL9cCJq-XjfeApsKOqjQ5G4"}]}"#;

    /// Responds to every request with a key set after a pause, and counts the requests.
    async fn issuer(pause: Duration) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
        use std::sync::atomic::Ordering;
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked: Arc<std::sync::atomic::AtomicUsize> = Arc::default();
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = [0; 2048];
                    let _ = stream.read(&mut head).await;
                    tokio::time::sleep(pause).await;
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{KEYS}", KEYS.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        (url, asked)
    }

    fn token(id: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","kid":"{id}"}}"#));
        format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode([0; 64]))
    }

    #[tokio::test]
    async fn unknown_keys_are_asked_for_once_and_by_nobody_in_particular() {
        use std::sync::atomic::Ordering;
        let (url, asked) = issuer(Duration::from_millis(200)).await;
        let jwks = Arc::new(Jwks {
            min_interval: Duration::from_secs(1),
            ..Jwks::new(&url, Duration::from_secs(3600)).unwrap()
        });
        let (good, unknown) = (token("ec-1"), token("nope"));
        // Cancelled callers do not cancel the fetch, and there is only one.
        for _ in 0..20 {
            let parsed = token::parse(&good).unwrap();
            let _ = tokio::time::timeout(Duration::from_millis(2), jwks.find(&parsed)).await;
        }
        assert!(jwks.find(&token::parse(&good).unwrap()).await.unwrap().is_some(), "on demand, and shared");
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        for _ in 0..20 {
            assert!(
                jwks.find(&token::parse(&unknown).unwrap()).await.unwrap().is_none(),
                "not before the interval has passed"
            );
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        tokio::time::sleep(Duration::from_millis(1050)).await;
        let flood = (0..50).map(|_| async { jwks.find(&token::parse(&unknown).unwrap()).await.unwrap().is_none() });
        assert!(futures::future::join_all(flood).await.into_iter().all(|none| none));
        assert_eq!(asked.load(Ordering::SeqCst), 2, "fifty at once are one");
    }

    #[tokio::test]
    async fn an_issuer_that_hangs_holds_up_few_and_not_for_long() {
        let (url, _) = issuer(Duration::from_secs(60)).await;
        let jwks = Jwks::new(&url, Duration::from_secs(3600)).unwrap();
        let started = Instant::now();
        let good = token("ec-1");
        let many = (0..200).map(|_| async { jwks.find(&token::parse(&good).unwrap()).await.is_err() });
        assert!(futures::future::join_all(many).await.into_iter().all(|failed| failed), "503 rather than 401");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        jwks.source.state().running = false;
        *jwks.source.key_set.write().unwrap() =
            Some(KeySet { keys: Arc::new(parse(KEYS.as_bytes()).unwrap()), since: Instant::now() });
        let started = Instant::now();
        assert!(jwks.find(&token::parse(&good).unwrap()).await.unwrap().is_some());
        assert!(started.elapsed() < Duration::from_millis(100), "who is known waits for nobody");
    }

    #[test]
    fn only_keys_for_verifying_are_taken() {
        let good = &vectors()["jwks"]["keys"][0];
        let with = |name: &str, value: Value| {
            let mut key = good.as_object().unwrap().clone();
            key.insert(name.into(), value);
            usable(&key).is_ok()
        };
        assert!(with("use", "sig".into()) && with("key_ops", serde_json::json!(["verify"])));
        assert!(!with("use", "enc".into()));
        assert!(!with("key_ops", serde_json::json!(["encrypt"])));
        assert!(!with("alg", "RS512".into()) && !with("alg", "HS256".into()));
        assert!(!with("kty", "oct".into()));
        assert!(!with("n", "AQAB".into()), "too short");
        let n = good["n"].as_str().unwrap();
        let zero = URL_SAFE_NO_PAD.encode([&[0], URL_SAFE_NO_PAD.decode(n).unwrap().as_slice()].concat());
        assert!(with("n", zero.into()), "a leading zero");
        assert!(with("n", format!("{n}==").into()) && with("e", "AQAB=".into()), "padding");
        for set in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
            assert!(parse(set.as_bytes()).is_err(), "{set}");
        }
    }

    #[test]
    fn short_coordinates_are_filled_up() {
        let full = [&[0; 30], [7, 8].as_slice()].concat();
        assert_eq!(coordinate(&[7, 8]).unwrap().as_slice(), full);
        assert_eq!(coordinate(&[1; 32]), Some([1; 32]));
        assert_eq!(coordinate(&[1; 33]), None);
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
