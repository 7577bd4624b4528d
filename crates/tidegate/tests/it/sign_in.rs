//! Sign-in by token: which tokens are accepted, where they are read from, and issuers that are
//! slow, wrong or unreachable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use axum::response::IntoResponse as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tidegate::sign_in::token::{self, Rejected};
use tokio::sync::Mutex;

use crate::support::{Answer, TestApp, raw, raw_status};

/// An issuer's key pair, which signs tokens.
struct Idp {
    pair: EcdsaKeyPair,
    id: String,
}

impl Idp {
    fn new(id: &str) -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), id: id.into() }
    }

    fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let half = |at: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[at]);
        json!({ "kty": "EC", "crv": "P-256", "x": half(1..33), "y": half(33..65), "kid": self.id, "use": "sig" })
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "ES256", "kid": self.id }), &claims.to_string())
    }

    fn sign_as(&self, header: &Value, claims: &str) -> String {
        sign_by(&self.pair, header, claims)
    }

    /// Signs with a signature in DER, as certificates have it.
    fn sign_in_der(&self, claims: &Value) -> String {
        let pkcs8 = self.pair.to_pkcs8v1().unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        sign_by(&pair, &json!({ "alg": "ES256", "kid": self.id }), &claims.to_string())
    }

    fn pem(&self) -> String {
        use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
        let der: PublicKeyX509Der<'_> = self.pair.public_key().as_der().unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }
}

fn sign_by(pair: &EcdsaKeyPair, header: &Value, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn in_an_hour() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 3600
}

fn claims(user: &str) -> Value {
    json!({ "sub": user, "exp": in_an_hour(), "aud": "gateway", "iss": "https://issuer.test/" })
}

async fn get(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    app.send("GET", &format!("{}/v1/images", app.api()), headers, Vec::new()).await
}

async fn with_token(app: &TestApp, token: &str) -> Answer {
    get(app, &[("authorization", &format!("Bearer {token}"))]).await
}

async fn by_pem(idp: &Idp, more: &[(&str, &str)]) -> TestApp {
    let pem = idp.pem();
    let mut settings = vec![
        ("AUTH_JWT_PUBLIC_KEY_BASE64", pem.as_str()),
        ("AUTH_JWT_AUDIENCE", "gateway"),
        ("AUTH_JWT_ISSUER", "https://issuer.test/"),
    ];
    settings.extend(more);
    TestApp::with(&settings).await
}

#[tokio::test]
async fn tokens_of_the_issuer_are_taken_and_no_others() {
    let (idp, other) = (Idp::new("k"), Idp::new("k"));
    let app = by_pem(&idp, &[]).await;
    assert_eq!(with_token(&app, &idp.sign(&claims("alice"))).await.status, 200);
    let with = |name: &str, value: Value| {
        let mut changed = claims("alice");
        changed[name] = value;
        idp.sign(&changed)
    };
    let now = in_an_hour() - 3600;
    for (good, token) in [
        ("a list of audiences", with("aud", json!(["x", "gateway"]))),
        ("a fraction of a second", with("exp", json!(now as f64 + 10.5))),
        ("just over, within the leeway", with("exp", json!(now - 20))),
        ("a number for a user", with("sub", json!(17))),
        ("without kid", idp.sign_as(&json!({ "alg": "ES256", "typ": "at+jwt" }), &claims("alice").to_string())),
    ] {
        assert_eq!(with_token(&app, &token).await.status, 200, "{good}");
    }
    let plain = claims("alice").to_string();
    let es256 = |more: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "k" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        idp.sign_as(&header, &plain)
    };
    let whole = idp.sign(&claims("alice"));
    let (head, end) = whole.split_at(whole.len() / 2);
    let alphabet = {
        // A signature differs each time; one of them has a letter of the other alphabet.
        let has = |token: &String| token.rsplit('.').next().unwrap().contains(['-', '_']);
        let found = (0..100).map(|_| idp.sign(&claims("alice"))).find(has).unwrap();
        let (signed, signature) = found.rsplit_once('.').unwrap();
        format!("{signed}.{}", signature.replace('-', "+").replace('_', "/"))
    };
    for (bad, token) in [
        ("a signature in DER", idp.sign_in_der(&claims("alice"))),
        ("a signature of zeros", format!("{}.{}", whole.rsplit_once('.').unwrap().0, URL_SAFE_NO_PAD.encode([0; 64]))),
        ("the standard alphabet", alphabet),
        ("a space inside", format!("{head} {end}")),
        ("a tab inside", format!("{head}\t{end}")),
        ("another's key", other.sign(&claims("alice"))),
        ("over", with("exp", json!(now - 60))),
        ("no end", idp.sign(&json!({ "sub": "alice", "aud": "gateway", "iss": "https://issuer.test/" }))),
        ("an end in words", with("exp", json!("4102444800"))),
        ("not yet", with("nbf", json!(now + 120))),
        ("a beginning in words", with("nbf", json!("0"))),
        ("another audience", with("aud", json!("gateway2"))),
        ("no audience", with("aud", Value::Null)),
        ("an audience in an object", with("aud", json!({ "gateway": 1 }))),
        ("another issuer", with("iss", json!("https://issuer.test"))),
        ("no user", with("sub", Value::Null)),
        ("an empty user", with("sub", json!(""))),
        ("a user with control characters", with("sub", json!("a\u{0}b"))),
        ("a list of users", with("sub", json!(["alice"]))),
        ("an organisation that is none", with("org", json!({ "id": 1 }))),
        ("crit", es256(json!({ "crit": ["exp"] }))),
        ("b64", es256(json!({ "b64": false }))),
        ("a key of its own", es256(json!({ "alg": "none" }))),
        ("another purpose", es256(json!({ "typ": "logout+jwt" }))),
        ("a number for a key id", es256(json!({ "kid": 7 }))),
        ("a long key id", es256(json!({ "kid": "k".repeat(300) }))),
        (
            "names twice",
            idp.sign_as(&json!({ "alg": "ES256" }), &plain.replace("\"aud\"", "\"sub\":\"mallory\",\"aud\"")),
        ),
        (
            "names twice, deep",
            idp.sign_as(&json!({ "alg": "ES256" }), &plain.replace("\"aud\"", "\"x\":{\"a\":1,\"a\":2},\"aud\"")),
        ),
        ("no signature", format!("{}.", whole.rsplit_once('.').unwrap().0)),
        ("padding", format!("{whole}==")),
        ("a line break", format!("{whole}%0a")),
        ("a fourth part", format!("{whole}.x")),
        ("two parts", whole.rsplit_once('.').unwrap().0.to_owned()),
        ("nothing", String::new()),
        ("long", format!("{whole}{}", "A".repeat(17_000))),
    ] {
        let answer = with_token(&app, &token).await;
        assert_eq!(answer.refusal(), (401, "UNAUTHENTICATED".into()), "{bad}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{bad}");
        assert!(token.is_empty() || !answer.text().contains(&token), "{bad}");
    }
    app.finish().await;
}

/// A good token has one spelling.
#[test]
fn other_spellings_of_a_good_token_are_refused() {
    let token = Idp::new("k").sign(&claims("alice"));
    assert!(token::parse(&token).is_ok());
    let parts: Vec<&str> = token.split('.').collect();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut others =
        vec![signed.to_owned(), format!(".{signature}"), format!("{token}.x"), format!("{token}."), parts.join(".\n")];
    for more in ["=", "==", "\n", "\r\n", " ", "\0"] {
        others.extend([format!("{token}{more}"), format!("{more}{token}"), parts.join(&format!("{more}."))]);
        others.push(format!("{signed}.{}{more}{}", &signature[..8], &signature[8..]));
    }
    for other in others {
        assert_eq!(token::parse(&other).unwrap_err(), Rejected::Malformed, "{other:?}");
    }
}

#[tokio::test]
async fn a_token_is_looked_for_where_it_belongs() {
    let idp = Idp::new("k");
    let service = "s".repeat(40);
    let origin = ("CORS_ALLOW_ORIGIN", "https://app.test");
    let app = by_pem(&idp, &[("AUTH_SERVICE_TOKEN", &format!("{service},second-token")), origin]).await;
    let token = idp.sign(&claims("alice"));
    let (bearer, cookie) = (format!("bearer  {token}"), format!("a=b; auth_token={token}; c=d"));
    assert_eq!(get(&app, &[]).await.refusal(), (401, "UNAUTHENTICATED".into()));
    assert_eq!(get(&app, &[("x-user-id", "alice")]).await.status, 401, "a header that means nothing here");
    assert_eq!(get(&app, &[("authorization", &bearer)]).await.status, 200);
    assert_eq!(get(&app, &[("cookie", &cookie)]).await.status, 200);
    assert_eq!(get(&app, &[("authorization", &format!("Basic {token}"))]).await.status, 401);
    assert_eq!(get(&app, &[("authorization", "Bearer x"), ("cookie", &cookie)]).await.status, 401, "the first decides");
    let by_query = format!("{}/v1/images?access_token={token}&auth_token={token}", app.api());
    assert_eq!(app.send("GET", &by_query, &[], Vec::new()).await.status, 401, "not in the URL");
    let twice = format!(
        "GET /v1/images HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(raw_status(&raw(app.api_address(), twice.as_bytes()).await), 401);

    let begin = async |headers: &[(&str, &str)]| {
        app.send("POST", &format!("{}/v1/images", app.api()), headers, Vec::new()).await
    };
    assert_eq!(begin(&[("authorization", &bearer)]).await.status, 200);
    assert_eq!(begin(&[("cookie", &cookie)]).await.refusal(), (403, "FORBIDDEN".into()), "from nobody knows where");
    assert_eq!(begin(&[("cookie", &cookie), ("origin", "https://evil.test")]).await.status, 403);
    assert_eq!(begin(&[("cookie", &cookie), ("origin", "null")]).await.status, 403);
    assert_eq!(begin(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await.status, 403);
    assert_eq!(begin(&[("cookie", &cookie), ("origin", "https://app.test")]).await.status, 200);
    assert_eq!(begin(&[("cookie", &cookie), ("origin", &app.api())]).await.status, 200);
    assert_eq!(begin(&[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await.status, 200);

    let acting = [("x-service-token", service.as_str()), ("x-user-id", "alice")];
    assert_eq!(get(&app, &acting).await.status, 200);
    assert_eq!(get(&app, &[("x-service-token", "second-token"), ("x-user-id", "alice")]).await.status, 200);
    assert_eq!(get(&app, &[("authorization", &format!("Bearer {service}")), ("x-user-id", "bob")]).await.status, 200);
    assert_eq!(get(&app, &[("x-service-token", &service)]).await.refusal(), (400, "BAD_REQUEST".into()), "for whom?");
    for wrong in ["", "s", &"s".repeat(41), &format!("{service},second-token")] {
        let beside = [("x-service-token", wrong), ("authorization", bearer.as_str())];
        assert_eq!(get(&app, &beside).await.status, 401, "a wrong one beside a good token: {wrong:?}");
    }
    let image = begin(&acting).await.json()["imageId"].as_str().unwrap().to_owned();
    let parts = format!("{}/v1/images/{image}/parts", app.api());
    assert_eq!(app.send("GET", &parts, &[("authorization", &bearer)], Vec::new()).await.status, 200, "it is alice's");
    assert_eq!(
        app.send("GET", &parts, &[("x-service-token", &service)], Vec::new()).await.status,
        200,
        "named by its id"
    );
    let bob = format!("Bearer {}", idp.sign(&claims("bob")));
    assert_eq!(app.send("GET", &parts, &[("authorization", &bob)], Vec::new()).await.status, 403);
    app.finish().await;
}

#[tokio::test]
async fn claims_mean_what_the_settings_say() {
    let idp = Idp::new("k");
    let mapping = [("AUTH_CLAIM_USER", "/account/id"), ("AUTH_CLAIM_ORG", "https://org.test/id")];
    let app = by_pem(&idp, &mapping).await;
    let mut given = claims("not-this-one");
    given["account"] = json!({ "id": "alice" });
    given["https://org.test/id"] = json!("acme");
    let (url, bearer) = (format!("{}/v1/images", app.api()), format!("Bearer {}", idp.sign(&given)));
    let begun = app.send("POST", &url, &[("authorization", &bearer)], Vec::new()).await;
    let image = begun.json()["imageId"].as_str().unwrap().to_owned();
    let owner = app
        .app
        .db
        .owner_of(tidegate::model::owner::OwnerKind::Disks, tidegate::model::ids::ObjectId::parse(&image).unwrap());
    assert_eq!(owner.await.unwrap().unwrap().id(), "alice");
    assert_eq!(with_token(&app, &idp.sign(&claims("alice"))).await.status, 401, "sub is not asked");
    app.finish().await;
}

/// Identity providers name the organisation in a text, a list or an object (Keycloak 26).
#[tokio::test]
async fn one_organisation_is_found_in_every_form_of_its_claim() {
    let idp = Idp::new("k");
    for (claim, organization, status) in [
        ("/organization/0", json!(["acme", "other"]), 201),
        ("/organization/1", json!(["acme"]), 403),
        ("/organization/00", json!(["acme"]), 403),
        ("organization", json!("acme"), 201),
        ("organization", json!(["acme"]), 201),
        ("organization", json!({ "acme": { "id": "1" } }), 201),
        ("organization", json!(["acme", "other"]), 401),
        ("organization", json!({ "acme": {}, "other": {} }), 401),
        ("organization", json!({ "id": "acme" }), 401),
        ("organization", json!({ "acme": null }), 401),
        ("organization", json!([]), 403),
        ("organization", json!({}), 403),
    ] {
        let app = by_pem(&idp, &[("AUTH_CLAIM_ORG", claim)]).await;
        let mut given = claims("alice");
        given["organization"] = organization.clone();
        let bearer = format!("Bearer {}", idp.sign(&given));
        let url = format!("{}/v1/sessions", app.api());
        let answer = app.send("POST", &url, &[("authorization", &bearer)], Vec::new()).await;
        assert_eq!(answer.status, status, "{claim} {organization}: {}", answer.text());
        assert_eq!(answer.text().contains("its claim organization"), status == 401, "{}", answer.text());
        app.finish().await;
    }
}

/// A server of key sets whose response can be changed.
struct JwksServer {
    url: String,
    answer: Arc<Mutex<Reply>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Reply {
    Keys(Value),
    Text(u16, String),
    Redirect(String),
    Never,
}

impl JwksServer {
    async fn start(reply: Reply) -> Self {
        let (answer, asked) = (Arc::new(Mutex::new(reply)), Arc::new(AtomicUsize::new(0)));
        let (state, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let handler = move || {
            let (state, count) = (Arc::clone(&state), Arc::clone(&count));
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                let reply = state.lock().await.clone();
                match reply {
                    Reply::Keys(keys) => axum::Json(json!({ "keys": keys })).into_response(),
                    Reply::Text(status, text) => {
                        (axum::http::StatusCode::from_u16(status).unwrap(), text).into_response()
                    }
                    Reply::Redirect(to) => axum::response::Redirect::temporary(&to).into_response(),
                    Reply::Never => std::future::pending().await,
                }
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/jwks", axum::routing::get(handler));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, answer, asked }
    }

    async fn now(&self, reply: Reply) {
        *self.answer.lock().await = reply;
    }
}

async fn by_jwks(server: &JwksServer, more: &[(&str, &str)]) -> TestApp {
    let mut settings = vec![("AUTH_JWKS_URL", server.url.as_str()), ("AUTH_JWKS_REFRESH_SECONDS", "2")];
    settings.extend(more);
    TestApp::with(&settings).await
}

async fn until(app: &TestApp, token: &str, status: u16, within: Duration) {
    let started = Instant::now();
    while with_token(app, token).await.status != status {
        assert!(started.elapsed() < within, "not {status} within {within:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn keys_rotate_and_a_flood_of_unknown_ones_asks_once() {
    let (old, new) = (Idp::new("old"), Idp::new("new"));
    let server = JwksServer::start(Reply::Keys(json!([old.jwk()]))).await;
    let app = by_jwks(&server, &[]).await;
    let (of_old, of_new) = (old.sign(&claims("alice")), new.sign(&claims("alice")));
    until(&app, &of_old, 200, Duration::from_secs(5)).await;
    let before = server.asked.load(Ordering::SeqCst);
    let flood = (0..50).map(|_| with_token(&app, &of_new));
    assert!(futures::future::join_all(flood).await.iter().all(|answer| answer.status == 401));
    assert!(
        server.asked.load(Ordering::SeqCst) <= before + 1,
        "{} requests",
        server.asked.load(Ordering::SeqCst) - before
    );
    server.now(Reply::Keys(json!([new.jwk()]))).await;
    until(&app, &of_new, 200, Duration::from_secs(5)).await;
    assert_eq!(with_token(&app, &of_old).await.status, 401, "what was taken out is out");
    let evil = Idp::new("evil");
    let trap = JwksServer::start(Reply::Keys(json!([evil.jwk(), new.jwk()]))).await;
    // Unreachable again: the last valid key set is kept, whatever it responds.
    for reply in [
        Reply::Text(500, "down".into()),
        Reply::Text(200, "<html>".into()),
        Reply::Keys(json!([])),
        Reply::Redirect(trap.url.clone()),
    ] {
        server.now(reply).await;
        let before = server.asked.load(Ordering::SeqCst);
        while server.asked.load(Ordering::SeqCst) < before + 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(with_token(&app, &of_new).await.status, 200);
    }
    assert_eq!(trap.asked.load(Ordering::SeqCst), 0, "no redirect is followed");
    let of_evil = with_token(&app, &evil.sign(&claims("alice"))).await;
    assert_eq!(of_evil.refusal(), (503, "STORE_UNAVAILABLE".into()), "it may be one of those that can't be read now");
    app.finish().await;
}

#[tokio::test]
async fn an_issuer_that_is_away_at_the_start_is_waited_for() {
    let idp = Idp::new("k");
    let token = idp.sign(&claims("alice"));
    let huge = format!("{{\"keys\":[{}],\"x\":\"{}\"}}", idp.jwk(), "x".repeat(300_000));
    let server = JwksServer::start(Reply::Text(200, huge)).await;
    let app = by_jwks(&server, &[]).await;
    let readyz = async || app.send("GET", &format!("{}/readyz", app.api()), &[], Vec::new()).await;
    assert_eq!(with_token(&app, &token).await.refusal(), (503, "STORE_UNAVAILABLE".into()));
    let ready = readyz().await;
    assert_eq!(
        (ready.status, &ready.json()["signIn"], &ready.json()["store"]),
        (503, &json!("unavailable"), &json!("ok"))
    );
    server.now(Reply::Never).await;
    let started = Instant::now();
    assert_eq!(with_token(&app, &token).await.status, 503);
    assert!(started.elapsed() < Duration::from_secs(12), "silence ends: {:?}", started.elapsed());
    server.now(Reply::Keys(json!([idp.jwk()]))).await;
    until(&app, &token, 200, Duration::from_secs(12)).await;
    assert_eq!(readyz().await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn no_header_of_a_token_makes_the_server_ask_anybody() {
    let (idp, evil) = (Idp::new("k"), Idp::new("evil"));
    let server = JwksServer::start(Reply::Keys(json!([idp.jwk()]))).await;
    let trap = JwksServer::start(Reply::Keys(json!([evil.jwk()]))).await;
    let app = by_jwks(&server, &[]).await;
    until(&app, &idp.sign(&claims("alice")), 200, Duration::from_secs(5)).await;
    for name in ["jku", "x5u", "jwk", "x5c", "iss"] {
        let mut header = json!({ "alg": "ES256", "kid": "k" });
        header[name] = if name == "jwk" { evil.jwk() } else { json!(trap.url) };
        let token = evil.sign_as(&header, &claims("alice").to_string());
        assert_eq!(with_token(&app, &token).await.status, 401, "{name}");
    }
    // A key id is compared, and is nothing else, also in a token that the issuer has signed.
    let url = format!("{}#k", trap.url);
    for id in [trap.url.as_str(), &url, "k' OR '1'='1", "k'; --", "../k", "/dev/null", "K", "k ", "k\u{0}"] {
        let token = idp.sign_as(&json!({ "alg": "ES256", "kid": id }), &claims("alice").to_string());
        assert_eq!(with_token(&app, &token).await.status, 401, "{id:?}");
    }
    assert_eq!(with_token(&app, &idp.sign(&claims("alice"))).await.status, 200);
    assert_eq!(trap.asked.load(Ordering::SeqCst), 0);
    app.finish().await;
}

#[tokio::test]
async fn services_make_tokens_for_users_where_that_is_on() {
    let service = "s".repeat(40);
    let settings = [("AUTH_OWN_TOKENS", "true"), ("AUTH_SERVICE_TOKEN", service.as_str())];
    let app = TestApp::with(&settings).await;
    let ask = async |headers: &[(&str, &str)], body: Value| {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        app.send("POST", &format!("{}/v1/tokens", app.api()), &all, body.to_string().into_bytes()).await
    };
    let by_service = [("x-service-token", service.as_str())];
    let issued = ask(&by_service, json!({ "userId": "alice", "expiresIn": 60 })).await;
    assert_eq!(issued.status, 200, "{}", issued.text());
    assert_eq!(issued.header("cache-control"), "no-store");
    let token = issued.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(with_token(&app, &token).await.status, 200);
    let bearer = format!("Bearer {token}");
    assert_eq!(
        ask(&[("authorization", &bearer)], json!({ "userId": "bob" })).await.refusal(),
        (403, "FORBIDDEN".into())
    );
    assert_eq!(ask(&[], json!({ "userId": "bob" })).await.status, 401);
    for bad in [
        json!({}),
        json!({ "userId": "" }),
        json!({ "userId": "a", "expiresIn": 59 }),
        json!({ "userId": "a", "roles": ["root"] }),
    ] {
        assert_eq!(ask(&by_service, bad.clone()).await.refusal(), (400, "BAD_REQUEST".into()), "{bad}");
    }
    let keys = app.send("GET", &format!("{}/.well-known/jwks.json", app.api()), &[], Vec::new()).await;
    let key = &keys.json()["keys"][0];
    assert_eq!((&key["kty"], &key["alg"], key["d"].is_null()), (&json!("EC"), &json!("ES256"), true));
    // Anyone with the key set can verify the token; here another server does.
    let jwks = JwksServer::start(Reply::Keys(keys.json()["keys"].clone())).await;
    let reader = by_jwks(&jwks, &[("AUTH_JWT_AUDIENCE", "tidegate"), ("AUTH_JWT_ISSUER", &app.api())]).await;
    until(&reader, &token, 200, Duration::from_secs(5)).await;
    // A restart keeps the key; another server has its own.
    let stranger = TestApp::with(&settings).await;
    assert_eq!(with_token(&stranger, &token).await.status, 401);
    let off = TestApp::with(&[("AUTH_MODE", "dev")]).await;
    assert_eq!(off.send("GET", &format!("{}/.well-known/jwks.json", off.api()), &[], Vec::new()).await.status, 404);
    for app in [app, reader, stranger, off] {
        app.finish().await;
    }
}
