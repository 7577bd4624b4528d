//! The API and the worker behind the events of AWS Lambda: what the events say of clients, and what
//! clients can't say. The Runtime API and the real binary are in `e2e/test_lambda.py`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda::{Answer, Event, Message};
use serde_json::{Value, json};
use tidegate::config::{Config, Sources, missing_lambda_variables};
use tidegate::http::{Gateway, Invoked};
use tidegate::queue::{self, Job};
use tidegate::worker::invocation;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::{PART, TestApp, files, pattern};

const INVOCATION: &str = "8f507cfc-xmpl-4697-b07a-ac58fc914c95";
const TRACE: &str = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=53995c3f42cd8ad8;Sampled=1";
const DOMAIN: &str = "abcdefghij.lambda-url.eu-central-1.on.aws";

/// Returns the event of a request in payload format 2.0.
fn event(method: &str, target: &str, headers: &[(&str, &str)]) -> Value {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "domainName": DOMAIN,
            "stage": "$default",
            "requestId": "JKJaXmPLvHcESHA=",
            "http": { "method": method, "path": path, "sourceIp": "203.0.113.9" },
        },
        "isBase64Encoded": false,
    });
    let headers = event["headers"].as_object_mut().unwrap();
    headers.entry("host").or_insert_with(|| json!("127.0.0.1"));
    event
}

/// Returns the event of a request in payload format 1.0.
fn event_of_rest_api(method: &str, path: &str, headers: &[(&str, &[&str])]) -> Value {
    let mut lines: serde_json::Map<String, Value> =
        headers.iter().map(|(name, values)| ((*name).to_owned(), json!(values))).collect();
    lines.entry("Host").or_insert_with(|| json!(["127.0.0.1"]));
    json!({
        "httpMethod": method,
        "path": path,
        "headers": {},
        "multiValueHeaders": lines,
        "requestContext": { "stage": "prod", "path": format!("/prod{path}"), "identity": { "sourceIp": "203.0.113.9" } },
    })
}

fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value;
    event
}

/// Sends an event and returns the document of the answer.
async fn invoke(app: &TestApp, event: &Value) -> Value {
    let Event::Http(event) = Event::parse(&event.to_string()) else { panic!("{event}") };
    let invoked = Invoked { id: INVOCATION.into(), trace: Some(TRACE.into()), until: soon() };
    match Gateway::new(&app.app).answer(*event, invoked).await {
        Answer::Document(document) => document,
        _ => panic!("no document"),
    }
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// Returns status and code of a refusal.
fn refusal(answer: &Value) -> (u64, String) {
    (answer["statusCode"].as_u64().unwrap(), body(answer)["error"]["code"].as_str().unwrap().to_owned())
}

fn with_claims(event: Value, authorizer: Value) -> Value {
    with(event, "/requestContext/authorizer", authorizer)
}

fn claims_of(user: &str) -> Value {
    json!({ "jwt": { "claims": { "sub": user, "org": "lab", "roles": "[admin]", "exp": "4102444800" }, "scopes": null } })
}

#[tokio::test]
async fn a_caller_is_who_the_authorizer_names_and_nobody_else() {
    let app = TestApp::with(&[("AUTH_MODE", "authorizer")]).await;
    let me = async |event: Value| body(&invoke(&app, &event).await);
    let known = me(with_claims(event("GET", "/v1/me", &[]), claims_of("ann"))).await;
    assert_eq!(
        (&known["id"], &known["organization"], &known["roles"]),
        (&json!("ann"), &json!("lab"), &json!(["admin"]))
    );
    assert_eq!(known["expiresAt"], "2100-01-01T00:00:00.000Z");
    let roles = async |roles: &str| {
        let mut claims = claims_of("ann");
        claims["jwt"]["claims"]["roles"] = json!(roles);
        me(with_claims(event("GET", "/v1/me", &[]), claims)).await["roles"].clone()
    };
    for granting in ["[admin]", "[\"editor\",\"admin\"]", "editor admin", "editor,admin"] {
        assert_eq!(roles(granting).await, json!(["admin"]), "{granting}");
    }
    // The gateway joins a list by spaces, so that these may be one role of two words.
    for ambiguous in ["[power admin]", "[admin power]", "[power admin user]", "[x\tadmin]", "[]", "[admin", "[[admin]]"]
    {
        assert_eq!(roles(ambiguous).await, json!([]), "{ambiguous}");
    }
    let mut bracketed = claims_of("ann");
    bracketed["jwt"]["claims"]["org"] = json!("[lab]");
    let known = me(with_claims(event("GET", "/v1/me", &[]), bracketed)).await;
    assert_eq!(known["organization"], "[lab]", "the text of an id is no list");
    let dated = json!({ "claims": { "sub": "ann", "exp": "Fri Jan 01 00:00:00 UTC 2100", "iat": "Sun Dec 17 07:28:12 UTC 2017" } });
    let known = me(with_claims(event_of_rest_api("GET", "/v1/me", &[]), dated)).await;
    assert_eq!((&known["id"], &known["expiresAt"]), (&json!("ann"), &json!("2100-01-01T00:00:00.000Z")));
    let ended = json!({ "claims": { "sub": "ann", "exp": "Sun Dec 17 07:28:12 UTC 2017" } });
    let answer = invoke(&app, &with_claims(event_of_rest_api("GET", "/v1/images", &[]), ended)).await;
    assert_eq!(refusal(&answer), (401, "UNAUTHENTICATED".into()));
    let forged = [
        ("x-user-id", "mallory"),
        ("x-roles", "admin"),
        ("x-service-token", "anything"),
        ("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5In0."),
        ("x-amzn-request-context", r#"{"authorizer":{"jwt":{"claims":{"sub":"mallory"}}}}"#),
        ("cookie", "auth_token=eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5In0."),
    ];
    assert_eq!(me(event("GET", "/v1/me", &forged)).await["id"], Value::Null);
    assert_eq!(refusal(&invoke(&app, &event("GET", "/v1/images", &forged)).await), (401, "UNAUTHENTICATED".into()));
    assert_eq!(me(with_claims(event("GET", "/v1/me", &forged), claims_of("ann"))).await["id"], "ann");
    // Over a connection there is no event, whatever is sent.
    let sent = app.send("GET", &format!("{}/v1/images", app.api()), &forged, Vec::new()).await;
    assert_eq!(sent.status, 401, "{}", sent.text());
    let ended = json!({ "jwt": { "claims": { "sub": "ann", "exp": "1000000000" } } });
    for bad in [
        json!({}),
        json!({"lambda": {}}),
        json!({"jwt": {"claims": {"sub": ""}}}),
        ended,
        json!({"iam": {"userId": "x"}}),
    ] {
        let answer = invoke(&app, &with_claims(event("GET", "/v1/images", &[]), bad.clone())).await;
        assert_eq!(refusal(&answer), (401, "UNAUTHENTICATED".into()), "{bad}");
    }
    app.finish().await;
}

#[tokio::test]
async fn claims_mean_nothing_unless_a_setting_says_so() {
    let app = TestApp::with(&[("AUTH_MODE", "jwt"), ("AUTH_SERVICE_TOKEN", "of-a-service")]).await;
    let answer = invoke(&app, &with_claims(event("GET", "/v1/images", &[]), claims_of("ann"))).await;
    assert_eq!(refusal(&answer), (401, "UNAUTHENTICATED".into()));
    let service = [("x-service-token", "of-a-service"), ("x-user-id", "ann")];
    assert_eq!(invoke(&app, &event("GET", "/v1/images", &service)).await["statusCode"], 200);
    // Of two lines of a header neither is chosen.
    let twice = event_of_rest_api(
        "GET",
        "/v1/images",
        &[("X-Service-Token", &["of-a-service", "other"]), ("X-User-Id", &["ann"])],
    );
    assert_eq!(refusal(&invoke(&app, &twice).await).0, 401);
    app.finish().await;
}

/// Where the third source's authorizer puts user, organisation and dataset.
const CLAIMS_OF_THE_SOURCE: [(&str, &str); 4] = [
    ("AUTH_MODE", "authorizer"),
    ("AUTH_CLAIM_USER", "/user_claim/NodeId"),
    ("AUTH_CLAIM_ORG", "/org_claim/NodeId"),
    ("AUTH_CLAIM_DATASETS", "/dataset_claim"),
];

#[tokio::test]
async fn the_source_s_authorizer_names_user_organisation_and_dataset() {
    let app = TestApp::with(&CLAIMS_OF_THE_SOURCE).await;
    let of = |user: &str, dataset: &str, role: Value| {
        json!({ "lambda": {
            "user_claim": { "Id": 17, "NodeId": user, "IsSuperAdmin": true },
            "org_claim": { "Role": 8, "IntId": 2, "NodeId": "N:organization:1", "EnabledFeatures": null },
            "dataset_claim": { "Role": role, "NodeId": dataset, "IntId": 149 },
            "team_claims": null,
        }})
    };
    let names = std::cell::Cell::new(0);
    let send = |method: &str, target: &str, authorizer: Value| {
        names.set(names.get() + 1);
        let event = event(method, target, &[("content-type", "application/json"), ("authorization", "Bearer x")]);
        let event = with(event, "/body", json!(json!({ "name": format!("Cells {}", names.get()) }).to_string()));
        let event = with_claims(event, authorizer);
        let app = &app;
        async move { invoke(app, &event).await }
    };
    let made = send("POST", "/packages/datasets", of("N:user:1", "", json!(0))).await;
    assert_eq!(made["statusCode"], 201, "{made}");
    let dataset = body(&made)["id"].as_str().unwrap().to_owned();
    let create = format!("/packages/collections?dataset_id={dataset}");
    for (role, status) in [(json!(5), 201), (json!(3), 201), (json!("Editor"), 201), (json!(2), 403), (json!(1), 404)] {
        let answer = send("POST", &create, of("N:user:2", &dataset, role.clone())).await;
        assert_eq!(answer["statusCode"], status, "{role}: {answer}");
    }
    for odd in [json!(6), json!(-1), json!(2.5), json!(null), json!("admin"), json!([5])] {
        let answer = send("POST", &create, of("N:user:2", &dataset, odd.clone())).await;
        assert_eq!(answer["statusCode"], 404, "{odd}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_object_that_came_as_text_is_read_where_the_mapping_names_it() {
    let app = TestApp::with(&CLAIMS_OF_THE_SOURCE).await;
    let flat = json!({
        "user_claim": "{\"NodeId\":\"N:user:1\"}",
        "org_claim": "{\"NodeId\":\"[lab]\"}",
        "dataset_claim": "null",
    });
    let me = body(&invoke(&app, &with_claims(event_of_rest_api("GET", "/v1/me", &[]), flat.clone())).await);
    assert_eq!(me["organization"], "[lab]", "an id is text");
    let flat = with(flat, "/org_claim", json!("{\"NodeId\":\"N:organization:1\"}"));
    let me = body(&invoke(&app, &with_claims(event_of_rest_api("GET", "/v1/me", &[]), flat)).await);
    assert_eq!((&me["id"], &me["organization"]), (&json!("N:user:1"), &json!("N:organization:1")));
    app.finish().await;
}

#[tokio::test]
async fn a_route_without_an_authorizer_is_public() {
    let app = TestApp::with(&[("AUTH_MODE", "authorizer")]).await;
    for none in [json!({}), json!({"iam": {"userId": "x"}}), json!({"jwt": {"claims": null, "scopes": null}})] {
        assert_eq!(
            invoke(&app, &with_claims(event("GET", "/v1/me", &[]), none.clone())).await["statusCode"],
            200,
            "{none}"
        );
    }
    let none = json!({"claims": null, "scopes": null});
    assert_eq!(invoke(&app, &with_claims(event_of_rest_api("GET", "/v1/me", &[]), none)).await["statusCode"], 200);
    app.finish().await;
}

#[tokio::test]
async fn a_change_by_cookie_must_come_from_the_same_site() {
    let app = TestApp::with(&[("AUTH_MODE", "authorizer")]).await;
    let change = |headers: &[(&str, &str)]| {
        let event = event("POST", "/v1/sessions", &[&[("content-type", "application/json")], headers].concat());
        let event = with_claims(with(event, "/body", json!("{}")), claims_of("ann"));
        let app = &app;
        async move { invoke(app, &event).await["statusCode"].clone() }
    };
    assert_eq!(change(&[("cookie", "session=1")]).await, 403);
    assert_eq!(change(&[("cookie", "session=1"), ("origin", "https://evil.example")]).await, 403);
    assert_eq!(change(&[("cookie", "session=1"), ("sec-fetch-site", "same-origin")]).await, 201);
    assert_eq!(change(&[("authorization", "Bearer x")]).await, 201);
    app.finish().await;
}

#[tokio::test]
async fn only_configured_names_are_answered_and_the_own_domain_by_a_setting() {
    let closed = TestApp::with(&[("AUTH_MODE", "authorizer")]).await;
    let of = |host: &'static str| with_claims(event("GET", "/v1/me", &[("host", host)]), claims_of("ann"));
    assert_eq!(refusal(&invoke(&closed, &of(DOMAIN)).await), (400, "BAD_REQUEST".into()));
    closed.finish().await;
    let open = TestApp::with(&[("AUTH_MODE", "authorizer"), ("LAMBDA_OWN_DOMAIN", "true")]).await;
    assert_eq!(invoke(&open, &of(DOMAIN)).await["statusCode"], 200);
    assert_eq!(invoke(&open, &of("ABCDEFGHIJ.lambda-url.eu-central-1.on.aws")).await["statusCode"], 200);
    for host in ["evil.example", "evil.example, 127.0.0.1", "a b", ""] {
        assert_eq!(refusal(&invoke(&open, &of(host)).await), (400, "BAD_REQUEST".into()), "{host}");
    }
    open.finish().await;
}

#[tokio::test]
async fn a_client_s_address_is_that_of_the_context() {
    let settings = [("AUTH_MODE", "authorizer"), ("RATE_LIMIT_PER_ADDRESS", "1")];
    let app = TestApp::with(&settings).await;
    let from = |address: &str, forwarded: &str| {
        let event = event("GET", "/v1/sign-in", &[("x-forwarded-for", forwarded)]);
        with(event, "/requestContext/http/sourceIp", json!(address))
    };
    let status = async |event: Value| invoke(&app, &event).await["statusCode"].as_u64().unwrap();
    let mut statuses = Vec::new();
    for number in 0..3 {
        statuses.push(status(from("203.0.113.9", &format!("198.51.100.{number}"))).await);
    }
    assert_eq!(statuses, [200, 200, 429], "one client, whatever it says");
    assert_eq!(status(from("203.0.113.10", "203.0.113.9")).await, 200, "another client");
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_as_on_a_connection() {
    let app = TestApp::with(&[("AUTH_MODE", "authorizer")]).await;
    let many: serde_json::Map<String, Value> = (0..70).map(|n| (format!("h{n}"), json!("v"))).collect();
    let good = event("GET", "/v1/me", &[]);
    for (event, expected) in [
        (with(good.clone(), "/rawPath", json!("v1/me")), (400, "BAD_REQUEST")),
        (with(good.clone(), "/rawPath", json!("/v1/me\r\n")), (400, "BAD_REQUEST")),
        (with(good.clone(), "/headers/Host", json!("127.0.0.1")), (400, "BAD_REQUEST")),
        (with(good.clone(), "/headers", Value::Object(many)), (431, "HEADERS_TOO_LARGE")),
        (with(good.clone(), "/rawPath", json!(format!("/{}", "x".repeat(9000)))), (414, "URL_TOO_LONG")),
        (with(good.clone(), "/rawPath", json!("/metrics")), (404, "NOT_FOUND")),
        (with(good.clone(), "/requestContext/http/method", json!("BREW")), (405, "BAD_REQUEST")),
    ] {
        assert_eq!(refusal(&invoke(&app, &event).await), (expected.0, expected.1.to_owned()), "{event}");
    }
    let large = with(with(good, "/requestContext/http/method", json!("POST")), "/body", json!("x".repeat(7 << 20)));
    assert_eq!(refusal(&invoke(&app, &large).await), (413, "TOO_LARGE".to_owned()));
    app.finish().await;
}

#[tokio::test]
async fn traces_and_ids_of_the_invocation_are_carried() {
    let app = TestApp::with(&[("AUTH_MODE", "authorizer")]).await;
    let forged = [("x-amzn-trace-id", "Root=1-00000000-000000000000000000000000")];
    let answer = invoke(&app, &event("GET", "/v1/sign-in", &forged)).await;
    assert_eq!(answer["headers"]["x-amzn-trace-id"], "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736");
    assert_eq!(answer["headers"]["x-request-id"], INVOCATION);
    let of_client = [("traceparent", "00-11111111111111111111111111111111-2222222222222222-01")];
    let answer_of_client = invoke(&app, &event("GET", "/v1/sign-in", &of_client)).await;
    assert_eq!(answer_of_client["headers"]["x-amzn-trace-id"], "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736");
    let answer = invoke(&app, &event("GET", "/v1/sign-in", &[("x-request-id", "of-the-client")])).await;
    assert_eq!(answer["headers"]["x-request-id"], "of-the-client");
    app.finish().await;
}

#[tokio::test]
async fn images_are_read_through_events_of_both_formats() {
    let app = TestApp::start().await;
    let bytes = pattern(7, PART + 1000);
    let image = app.image("ann", &bytes).await;
    let target = format!("/v1/images/{image}/stream-url");
    let two = invoke(&app, &event("GET", &target, &[("x-user-id", "ann")])).await;
    assert_eq!(two["cookies"].as_array().unwrap().len(), 3, "{two}");
    assert!(two["headers"].get("set-cookie").is_none() && two.get("multiValueHeaders").is_none());
    let one = invoke(&app, &event_of_rest_api("GET", &target, &[("X-User-Id", &["ann"])])).await;
    assert_eq!(one["multiValueHeaders"]["set-cookie"].as_array().unwrap().len(), 3);
    assert!(one.get("cookies").is_none());
    let range = format!("/v1/images/{image}/range");
    let part = invoke(&app, &event("GET", &range, &[("x-user-id", "ann"), ("range", "bytes=10-1009")])).await;
    assert_eq!((&part["statusCode"], &part["isBase64Encoded"]), (&json!(206), &json!(true)));
    assert_eq!(STANDARD.decode(part["body"].as_str().unwrap()).unwrap(), bytes[10..1010]);
    let whole = invoke(&app, &event("GET", &range, &[("x-user-id", "ann")])).await;
    assert_eq!(refusal(&whole), (500, "MISCONFIG".into()), "it has more than Lambda can carry");
    assert!(body(&whole)["error"]["message"].as_str().unwrap().contains("LAMBDA_RESPONSES=stream"));
    let head = invoke(&app, &event("HEAD", &range, &[("x-user-id", "ann")])).await;
    assert_eq!((&head["headers"]["content-length"], &head["body"]), (&json!(bytes.len().to_string()), &json!("")));
    let base64 = with(
        event("POST", "/v1/images", &[("x-user-id", "ann"), ("content-type", "application/json")]),
        "/body",
        json!("e30="),
    );
    let begun = invoke(&app, &with(base64.clone(), "/isBase64Encoded", json!(true))).await;
    assert_eq!(begun["statusCode"], 200, "{begun}");
    assert_eq!(
        refusal(&invoke(&app, &base64).await),
        (400, "BAD_REQUEST".into()),
        "it is no JSON unless it is decoded"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_base_path_is_removed() {
    let app = TestApp::with(&[("AUTH_MODE", "authorizer"), ("LAMBDA_BASE_PATH", "/api/")]).await;
    for (path, status) in [("/api/v1/sign-in", 200), ("/v1/sign-in", 200), ("/api/api/v1/sign-in", 404)] {
        assert_eq!(invoke(&app, &event("GET", path, &[])).await["statusCode"], status, "{path}");
    }
    app.finish().await;
}

/// Asserts that an answer has passed the layers that every response passes.
fn assert_has_headers(answer: &Value) {
    let headers = &answer["headers"];
    assert_eq!(headers["x-content-type-options"], "nosniff", "{answer}");
    assert_eq!(headers["x-request-id"], INVOCATION, "{answer}");
    assert_eq!(headers["access-control-allow-origin"], "https://app.example.com", "{answer}");
    assert!(headers["vary"].as_str().is_some_and(|vary| vary.to_ascii_lowercase().contains("origin")), "{answer}");
}

#[tokio::test]
async fn what_lambda_does_not_take_is_refused_with_every_header() {
    let settings = [("AUTH_MODE", "dev"), ("CORS_ALLOW_ORIGIN", "https://app.example.com")];
    let app = TestApp::with(&settings).await;
    let headers = [("x-user-id", "ann"), ("origin", "https://app.example.com"), ("content-type", "application/json")];
    let large = with(event("POST", "/v1/images", &headers), "/body", json!("x".repeat(7 << 20)));
    let large = invoke(&app, &large).await;
    assert_eq!(refusal(&large), (413, "TOO_LARGE".to_owned()));
    assert_has_headers(&large);
    let image = app.image("ann", &pattern(7, PART + 1000)).await;
    let whole = invoke(&app, &event("GET", &format!("/v1/images/{image}/range"), &headers)).await;
    assert_eq!(refusal(&whole), (500, "MISCONFIG".into()));
    assert_has_headers(&whole);
    app.finish().await;
}

#[tokio::test]
async fn a_function_that_has_no_time_left_says_so() {
    let app = TestApp::with(&[("CORS_ALLOW_ORIGIN", "https://app.example.com")]).await;
    let headers = [("x-user-id", "ann"), ("origin", "https://app.example.com")];
    let Event::Http(event) = Event::parse(&event("GET", "/v1/images", &headers).to_string()) else {
        panic!("no request")
    };
    let invoked = Invoked { id: INVOCATION.into(), trace: None, until: Instant::now() };
    let Answer::Document(answer) = Gateway::new(&app.app).answer(*event, invoked).await else { panic!("no document") };
    assert_eq!(refusal(&answer), (503, "STORE_UNAVAILABLE".into()));
    assert_has_headers(&answer);
    app.finish().await;
}

fn message(id: &str, body: &str) -> Message {
    Message { id: id.to_owned(), body: body.to_owned(), receives: 1, trace_id: None }
}

async fn enqueued(app: &TestApp, job: &Job, at: SystemTime) -> i64 {
    let mut tx = app.app.db.begin().await.unwrap();
    let id = queue::enqueue(&mut tx, job, at).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

#[tokio::test]
async fn a_batch_fails_in_part() {
    let app = TestApp::start().await;
    let release = || Job::ReleaseUploadV1 { upload_id: "0".repeat(32), key: "images/none".into() };
    let good = enqueued(&app, &release(), app.app.db.now()).await;
    let failing = enqueued(&app, &Job::HideSpaceV1 { space: "no id".into() }, app.app.db.now()).await;
    let in_a_moment = enqueued(&app, &release(), SystemTime::now() + Duration::from_secs(5)).await;
    let far = enqueued(&app, &release(), SystemTime::now() + Duration::from_secs(5000)).await;
    let named = |id: i64| json!({ "v": 1, "job": id.to_string() }).to_string();
    let messages = [
        message("good", &named(good)),
        message("again", &named(good)),
        message("gone", &named(i64::MAX)),
        message("failing", &named(failing)),
        message("in a moment", &named(in_a_moment)),
        message("far", &named(far)),
        message("foreign", "{\"Type\":\"Notification\"}"),
        message("a number", "{\"job\":7}"),
        message("no json", "job 7"),
        message("no id", "{\"job\":\"7; DROP TABLE jobs\"}"),
        message("empty", ""),
    ];
    let failed = invocation::perform_batch(&app.app, INVOCATION, &messages, soon()).await;
    assert_eq!(failed, ["in a moment", "foreign", "a number", "no json", "no id", "empty"]);
    assert_eq!(app.app.db.count_jobs().await.unwrap().queued, 3, "what waits for its time or for another attempt");
    app.app.db.clock().advance(Duration::from_secs(6000));
    let messages = [message("m1", &named(in_a_moment)), message("m2", &named(far))];
    assert!(invocation::perform_batch(&app.app, INVOCATION, &messages, soon()).await.is_empty());
    for _ in 0..12 {
        invocation::perform_batch(&app.app, INVOCATION, &[message("failing", &named(failing))], soon()).await;
        app.app.db.clock().advance(Duration::from_secs(3601));
    }
    let left = app.app.db.count_jobs().await.unwrap();
    assert_eq!((left.queued, left.dead_letters), (0, 1), "what never succeeds is a dead letter");
    drop(app.stop().await);
}

fn named(id: &str, job: i64) -> Message {
    message(id, &json!({ "v": 1, "job": job.to_string() }).to_string())
}

#[tokio::test]
async fn a_batch_without_time_comes_again_and_its_jobs_are_not_lost() {
    let app = TestApp::start().await;
    let job = Job::ReleaseUploadV1 { upload_id: "0".repeat(32), key: "images/none".into() };
    let id = enqueued(&app, &job, app.app.db.now()).await;
    let messages = [named("m", id)];
    assert_eq!(invocation::perform_batch(&app.app, INVOCATION, &messages, Instant::now()).await, ["m"]);
    let state = app.app.db.read_job_state(id).await.unwrap().unwrap();
    assert_eq!((state.attempts, state.lease_until), (0, None), "nothing is begun that can't be done");
    assert!(invocation::perform_batch(&app.app, INVOCATION, &messages, soon()).await.is_empty());
    app.finish().await;
}

/// A scanner that takes connections and answers nothing. Returns its port, and how many connections it
/// holds.
async fn silent_scanner() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, held) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&held);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut some = [0; 4096];
                while socket.read(&mut some).await.is_ok_and(|read| read > 0) {}
                count.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port.to_string(), held)
}

#[tokio::test]
async fn a_job_that_is_cut_off_has_ended_and_can_be_leased_again() {
    let (port, held) = silent_scanner().await;
    let app = TestApp::with(&[("CLAMAV_HOST", "127.0.0.1"), ("CLAMAV_PORT", &port)]).await;
    let bytes = pattern(3, 1000);
    let (upload, _) = files::init(&app, "ann", "a.png", bytes.len(), "").await;
    assert_eq!(files::put(&app, "ann", &upload, 1, &bytes).await.status, 200);
    assert_eq!(files::complete(&app, "ann", &upload).await.status, 200);
    let mut scan = 0;
    for id in 1..50 {
        if app.app.db.read_job_state(id).await.unwrap().is_some_and(|state| state.class == "scans") {
            scan = id;
        }
    }
    for attempt in 1..3 {
        let until = Instant::now() + Duration::from_secs(1);
        assert_eq!(invocation::perform_batch(&app.app, INVOCATION, &[named("m", scan)], until).await, ["m"]);
        assert!(until.elapsed() < Duration::from_millis(500));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(held.load(Ordering::SeqCst), 0, "nothing is scanned any more");
        let state = app.app.db.read_job_state(scan).await.unwrap().unwrap();
        assert_eq!((state.attempts, state.lease_until), (attempt, None));
    }
    drop(app.stop().await);
}

#[tokio::test]
async fn a_schedule_does_what_is_due() {
    let app = TestApp::start().await;
    let job = Job::ReleaseUploadV1 { upload_id: "0".repeat(32), key: "images/none".into() };
    enqueued(&app, &job, app.app.db.now()).await;
    invocation::tick(&app.app, soon()).await.unwrap();
    assert_eq!(app.app.db.count_jobs().await.unwrap().queued, 0);
    app.finish().await;
}

fn load(in_lambda: bool, settings: &[(&str, &str)]) -> Result<Config, String> {
    let environment = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { in_lambda, environment, ..Sources::default() };
    Config::load(&sources).map_err(|problems| problems.to_string())
}

#[test]
fn settings_of_functions_are_checked() {
    for (name, bad) in [
        ("LAMBDA_ROLE", "both"),
        ("LAMBDA_RESPONSES", "maybe"),
        ("LAMBDA_OWN_DOMAIN", "sometimes"),
        ("LAMBDA_BASE_PATH", "api"),
        ("LAMBDA_BASE_PATH", "/a//b"),
        ("LAMBDA_BASE_PATH", "/a/../b"),
        ("LAMBDA_BASE_PATH", "/a?b"),
        ("LAMBDA_METRICS_NAMESPACE", "AWS/Lambda"),
        ("LAMBDA_METRICS_NAMESPACE", "a b"),
        ("LAMBDA_METRICS_NAMESPACE", ":a"),
    ] {
        let problems = load(true, &[(name, bad)]).expect_err(bad);
        assert!(problems.contains(name) && problems.lines().count() == 1, "{name}={bad}: {problems}");
    }
    let lambda = load(true, &[("LAMBDA_BASE_PATH", "/api/v2/"), ("LAMBDA_METRICS_NAMESPACE", "off")]).unwrap().lambda;
    assert_eq!((lambda.base_path.as_deref(), lambda.namespace), (Some("/api/v2"), None));
}

#[test]
fn a_function_has_defaults_of_its_own_and_every_source_overrides_them() {
    let config = load(true, &[]).unwrap();
    assert_eq!((config.data.to_str(), config.edge_port, config.log.json), (Some("/tmp/tidegate"), None, true));
    let config =
        load(true, &[("TIDEGATE_DATA", "/mnt/data"), ("EDGE_PORT", "3001"), ("LOG_FORMAT", "pretty")]).unwrap();
    assert_eq!((config.data.to_str(), config.edge_port, config.log.json), (Some("/mnt/data"), Some(3001), false));
    assert_eq!(load(false, &[]).unwrap().edge_port, Some(3001));
}

#[test]
fn what_lambda_sets_is_asked_for_before_the_start() {
    let all = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "tidegate"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(missing_lambda_variables(&all).is_empty());
    assert_eq!(missing_lambda_variables(&all[1..]), ["AWS_LAMBDA_RUNTIME_API"]);
    let mut odd = all.to_vec();
    odd[3].1 = "much".into();
    odd[1].1 = String::new();
    assert_eq!(missing_lambda_variables(&odd), ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]);
}
