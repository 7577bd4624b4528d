//! Event documents of API Gateway and function URLs, in both payload formats: what becomes of paths,
//! headers, cookies, bodies and claims, and which documents are no request.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use lambda::{Event, HttpEvent, Malformed, Payload};
use proptest::prelude::*;
use serde_json::{Value, json};

const JWT: &str = include_str!("fixtures/http-api-jwt.json");
const PENNSIEVE: &str = include_str!("fixtures/http-api-lambda-authorizer.json");
const REST: &str = include_str!("fixtures/rest-api.json");
const FUNCTION_URL: &str = include_str!("fixtures/function-url.json");

fn http(document: &str) -> HttpEvent {
    match Event::parse(document) {
        Event::Http(event) => *event,
        other => panic!("{other:?}"),
    }
}

/// Reads a fixture with members at JSON pointers replaced, or removed where the value is null.
fn changed(document: &str, changes: &[(&str, Value)]) -> HttpEvent {
    let mut document: Value = serde_json::from_str(document).unwrap();
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::Null => drop(parent.remove(name)),
            value => drop(parent.insert(name.to_owned(), value.clone())),
        }
    }
    http(&document.to_string())
}

/// Returns path and query of a fixture with changes.
fn target(document: &str, changes: &[(&str, Value)]) -> String {
    changed(document, changes).request.unwrap().uri().to_string()
}

#[test]
fn an_http_api_s_event_is_the_client_s_request() {
    let HttpEvent { request, payload, context } = http(JWT);
    let request = request.unwrap();
    assert_eq!(payload, Payload::Two);
    assert_eq!(
        request.uri().to_string(),
        "/packages/cloudfront/sign?dataset_id=N%3Adataset%3A1&package_id=N:package:2&path=a%20b.parquet&tag=1&tag=2",
        "without the stage, and with the query as it was sent"
    );
    assert_eq!(request.headers()["cookie"], "theme=dark; auth_token=of-another-page");
    assert_eq!(request.headers()["content-length"], "0");
    assert_eq!(context.source_ip.unwrap().to_string(), "203.0.113.9", "whatever X-Forwarded-For says");
    assert_eq!(context.domain_name.unwrap(), "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com");
    let claims = context.claims.unwrap();
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("ann"), &json!("[editor admin]")));
    assert_eq!(claims["datasets"], json!("{\"N:dataset:1\":\"viewer\"}"), "what is text is not read here");
}

#[test]
fn a_lambda_authorizer_s_context_is_the_claims() {
    let HttpEvent { request, context, .. } = http(PENNSIEVE);
    let request = request.unwrap();
    assert_eq!(request.body().as_ref(), br#"{"nodeIds": ["N:package:456", "x"]}"#);
    assert_eq!(request.headers()["content-length"], "35");
    assert_eq!(context.source_ip.unwrap().to_string(), "2001:db8::9");
    let claims = context.claims.unwrap();
    assert_eq!(claims["user_claim"]["NodeId"], "N:user:99f02be5-009c-4ecd-9006-f016d48628bf");
    assert_eq!(claims["dataset_claim"]["Role"], 3);
}

#[test]
fn a_rest_api_s_event_keeps_every_line_of_a_header() {
    let HttpEvent { request, payload, context } = http(REST);
    let request = request.unwrap();
    assert_eq!(payload, Payload::One);
    let tokens: Vec<_> = request.headers().get_all("x-service-token").iter().collect();
    assert_eq!(tokens, ["first", "second"]);
    assert_eq!(request.uri().to_string(), "/storage/a%20b?tag=1&tag=2&q=a%20b%26c", "its stage is not in the path");
    assert_eq!(request.body().as_ref(), b"\x89PNG\r\n\x1a\n");
    assert_eq!(request.headers()["content-length"], "8");
    let claims = context.claims.unwrap();
    assert_eq!(claims["cognito:groups"], "admin,editor");
    assert_eq!(
        (&claims["exp"], &claims["iat"]),
        (&json!(4_102_444_800_u64), &json!(1_513_495_692)),
        "dates are numbers"
    );
    let flat = changed(REST, &[("/requestContext/authorizer", json!({"principalId": "ann", "org": "lab"}))]);
    assert_eq!(flat.context.claims.unwrap()["principalId"], "ann");
    let single = [("/multiValueHeaders", Value::Null), ("/multiValueQueryStringParameters", Value::Null)];
    assert_eq!(target(REST, &single), "/storage/a%20b?q=a%20b%26c&tag=2");
}

#[test]
fn a_function_url_s_event_has_no_claims() {
    let HttpEvent { request, payload, context } = http(FUNCTION_URL);
    assert_eq!((payload, context.claims), (Payload::Two, None));
    assert_eq!(request.unwrap().uri().to_string(), "/get/a%2Fb%3Fc?exp=1&sig=a%2Bb", "its path is not decoded");
    let iam = json!({"iam": {"accessKey": "AKIA", "userArn": "arn:aws:iam::123456789012:user/ann"}});
    let signed = changed(FUNCTION_URL, &[("/requestContext/authorizer", iam)]);
    assert_eq!(signed.context.claims, None, "an IAM identity is no user here");
}

#[test]
fn the_stage_is_removed_once_and_only_where_it_is() {
    let of = |path: &str, stage: &str, domain: &str| {
        let changes = [
            ("/rawPath", json!(path)),
            ("/rawQueryString", json!("")),
            ("/requestContext/stage", json!(stage)),
            ("/requestContext/domainName", json!(domain)),
        ];
        target(JWT, &changes)
    };
    let own = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com";
    assert_eq!(of("/prod/v1/images", "prod", own), "/v1/images");
    assert_eq!(of("/prod", "prod", own), "/");
    assert_eq!(of("/prod/prod/x", "prod", own), "/prod/x");
    assert_eq!(of("/production/x", "prod", own), "/production/x");
    assert_eq!(of("/x", "$default", own), "/x");
    assert_eq!(of("/files/files/x", "files", own), "/files/x", "a path whose first segment has the stage's name");
    for domain in ["api.example.com", "a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn"] {
        assert_eq!(of("/prod/v1/images", "prod", domain), "/v1/images", "{domain}: format 2.0 names it everywhere");
        assert_eq!(of("/prod/prod/x", "prod", domain), "/prod/x", "{domain}");
    }
    // Format 1.0 of an HTTP API says the stage in both paths.
    let one = [("/path", json!("/prod/x")), ("/requestContext/path", json!("/prod/x"))];
    let query = [("/multiValueQueryStringParameters", Value::Null), ("/queryStringParameters", Value::Null)];
    let stage = [("/requestContext/stage", json!("prod"))];
    let one = [&one[..], &query, &stage].concat();
    assert_eq!(target(REST, &one), "/x");
    for domain in ["a1b2c3d4e5.execute-api.cn-north-1.amazonaws.com.cn", "a1b2c3d4e5.execute-api.eu-west-1.api.aws"] {
        let prefix = [("/requestContext/domainName", json!(domain)), ("/requestContext/domainPrefix", Value::Null)];
        assert_eq!(target(REST, &[&one[..], &prefix].concat()), "/x", "{domain}");
    }
    let custom =
        [("/requestContext/domainName", json!("api.example.com")), ("/requestContext/domainPrefix", json!("api"))];
    assert_eq!(target(REST, &[&one[..], &custom].concat()), "/prod/x", "a custom domain's path may have no stage");
    let elsewhere = [("/requestContext/domainName", json!("a1b2c3d4e5.execute-api.aws.example"))];
    assert_eq!(target(REST, &[&one[..], &elsewhere].concat()), "/x", "the prefix is the API's id");
}

/// An HTTP API decodes every escape of a path but `%25`.
#[test]
fn a_percent_sign_of_a_decoded_path_begins_no_escape() {
    let two = |path: &str| target(PENNSIEVE, &[("/rawPath", json!(path)), ("/rawQueryString", json!(""))]);
    let one = |path: &str| {
        let query = [("/multiValueQueryStringParameters", Value::Null), ("/queryStringParameters", Value::Null)];
        target(REST, &[&[("/path", json!(path)), ("/version", json!("1.0"))][..], &query].concat())
    };
    let rest = |path: &str| {
        let query = [("/multiValueQueryStringParameters", Value::Null), ("/queryStringParameters", Value::Null)];
        target(REST, &[&[("/path", json!(path))][..], &query].concat())
    };
    for (given, expected) in [
        ("/100%41.txt", "/100%2541.txt"),
        ("/100%2541.txt", "/100%2541.txt"),
        ("/a%2Fb", "/a%252Fb"),
        ("/100%", "/100%25"),
        ("/%2", "/%252"),
        ("/a b", "/a%20b"),
    ] {
        assert_eq!((two(given).as_str(), one(given).as_str()), (expected, expected), "{given}");
    }
    assert_eq!(rest("/a%2Fb"), "/a%2Fb", "a REST API decodes nothing");
}

#[test]
fn a_decoded_path_is_encoded_again() {
    let of = |path: &str| target(FUNCTION_URL, &[("/rawPath", json!(path)), ("/rawQueryString", Value::Null)]);
    for (given, expected) in [
        ("/a b", "/a%20b"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("/ü", "/%C3%BC"),
        ("/100%", "/100%25"),
        ("/100%zz", "/100%25zz"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a\\b\"<>^`{|}", "/a%5Cb%22%3C%3E%5E%60%7B%7C%7D"),
        ("/../a//b/./c", "/../a//b/./c"),
    ] {
        assert_eq!(of(given), expected, "{given}");
    }
    let query = |query: &str| target(FUNCTION_URL, &[("/rawPath", json!("/")), ("/rawQueryString", json!(query))]);
    assert_eq!(query("scope=openid profile&x=?é#"), "/?scope=openid%20profile&x=?%C3%A9%23");
}

#[test]
fn what_is_no_request_is_malformed() {
    let many: serde_json::Map<String, Value> = (0..65).map(|n| (format!("h{n}"), json!("v"))).collect();
    for (what, changes, expected) in [
        ("no path", vec![("/rawPath", Value::Null)], Malformed::Syntax),
        ("a path without a slash", vec![("/rawPath", json!("v1"))], Malformed::Syntax),
        ("a line break in the path", vec![("/rawPath", json!("/a\r\nb"))], Malformed::Syntax),
        ("a NUL in the query", vec![("/rawQueryString", json!("a=\0"))], Malformed::Syntax),
        ("a method that is none", vec![("/requestContext/http/method", json!("GE T"))], Malformed::Syntax),
        ("an empty method", vec![("/requestContext/http/method", json!(""))], Malformed::Syntax),
        ("a header's name", vec![("/headers/a b", json!("c"))], Malformed::Syntax),
        ("a line break in a header", vec![("/headers/a", json!("b\r\nx-service-token: c"))], Malformed::Syntax),
        ("a line break in a cookie", vec![("/cookies", json!(["a=1\r\nb: c"]))], Malformed::Syntax),
        ("two hosts", vec![("/headers/Host", json!("other"))], Malformed::Syntax),
        ("no base64", vec![("/body", json!("***")), ("/isBase64Encoded", json!(true))], Malformed::Syntax),
        ("many lines", vec![("/headers", Value::Object(many))], Malformed::TooLarge),
        ("a long line", vec![("/headers/a", json!("x".repeat(33 << 10)))], Malformed::TooLarge),
        ("a long path", vec![("/rawPath", json!(format!("/{}", "x".repeat(70_000))))], Malformed::TooLarge),
    ] {
        assert_eq!(changed(JWT, &changes).request.unwrap_err(), expected, "{what}");
    }
    for host in ["a b", "evil.example/x", "[", "a@b"] {
        let given = changed(JWT, &[("/headers/host", json!(host))]).request.unwrap();
        assert_eq!(given.headers()["host"], host, "whether a host is ours is asked later");
    }
}

#[test]
fn headers_of_a_connection_are_dropped_and_the_length_is_the_body_s() {
    let changes = [
        ("/headers/content-length", json!("999")),
        ("/headers/transfer-encoding", json!("chunked")),
        ("/headers/connection", json!("upgrade")),
        ("/headers/upgrade", json!("websocket")),
        ("/headers/expect", json!("100-continue")),
        ("/body", json!("abc")),
    ];
    let request = changed(JWT, &changes).request.unwrap();
    assert_eq!(request.headers()["content-length"], "3");
    for name in ["transfer-encoding", "connection", "upgrade", "expect"] {
        assert!(!request.headers().contains_key(name), "{name}");
    }
    let hostless = changed(JWT, &[("/headers/host", Value::Null)]).request.unwrap();
    assert_eq!(hostless.headers()["host"], "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com");
}

#[test]
fn claims_come_from_the_context_and_from_nowhere_else() {
    let forged = json!({"jwt": {"claims": {"sub": "mallory"}}}).to_string();
    let changes = [
        ("/requestContext/authorizer", Value::Null),
        ("/headers/authorizer", json!(forged)),
        ("/headers/x-amzn-request-context", json!(forged)),
        ("/headers/requestcontext", json!(forged)),
        ("/authorizer", json!({"jwt": {"claims": {"sub": "mallory"}}})),
        ("/body", json!(format!("{{\"requestContext\":{{\"authorizer\":{forged}}}}}"))),
    ];
    assert_eq!(changed(JWT, &changes).context.claims, None);
    for (document, none) in [
        (JWT, json!({})),
        (JWT, json!({"jwt": null})),
        (JWT, json!({"jwt": {"claims": null, "scopes": null}})),
        (JWT, json!({"jwt": {"claims": {}}})),
        (JWT, json!({"jwt": 7})),
        (JWT, json!({"lambda": []})),
        (JWT, json!({"lambda": {}, "iam": {"userId": "x"}})),
        (REST, json!({})),
        (REST, json!({"claims": null, "scopes": null})),
        (REST, json!({"claims": {}})),
        (REST, json!({"iam": {"userId": "x"}, "integrationLatency": 3})),
    ] {
        let claims = changed(document, &[("/requestContext/authorizer", none.clone())]).context.claims;
        assert_eq!(claims, None, "{none}");
    }
    let odd = changed(JWT, &[("/requestContext/http/sourceIp", json!("IP"))]);
    assert_eq!(odd.context.source_ip, None);
}

#[test]
fn events_that_no_gateway_sends_are_refused_by_name() {
    let refusal = |document: &str, pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(document).unwrap();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[name] = value;
        let Event::Other(kind) = Event::parse(&document.to_string()) else { panic!("{document}") };
        kind
    };
    let elb = json!({"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/t/1"});
    let alone = json!({"elb": elb.clone()});
    assert!(refusal(REST, "/requestContext", alone).contains("Application Load Balancer"));
    assert!(refusal(JWT, "/requestContext/elb", elb).contains("Application Load Balancer"));
    assert!(refusal(REST, "/requestContext/identity", json!({})).contains("sourceIp"));
    assert!(refusal(REST, "/requestContext/identity", Value::Null).contains("sourceIp"));
}

#[test]
fn queue_messages_and_ticks_are_read_as_they_come() {
    let Event::Queue(batch) = Event::parse(include_str!("fixtures/sqs-batch.json")) else { panic!("no batch") };
    let seen: Vec<_> = batch.messages.iter().map(|message| (message.body.as_str(), message.receives)).collect();
    assert_eq!(seen, [(r#"{"v":1,"job":"1"}"#, 1), ("not ours", 4)]);
    assert_eq!(batch.messages[0].id, "059f36b4-87a3-44ab-83d2-661975830a7d");
    assert_eq!(batch.messages[0].trace_id.as_deref(), Some("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736"));
    assert_eq!(batch.messages[1].trace_id, None);
    assert!(matches!(Event::parse(include_str!("fixtures/schedule.json")), Event::Schedule));
}

proptest! {
    #[test]
    fn every_text_makes_a_target_or_is_malformed(path in "/[ -~é%?#\\\\]{0,20}", query in "[ -~é%?#]{0,20}") {
        let event = changed(FUNCTION_URL, &[("/rawPath", json!(path)), ("/rawQueryString", json!(query))]);
        let request = event.request.unwrap();
        let text = request.uri().to_string();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{text}");
        prop_assert_eq!(text.matches('?').next().is_some(), !query.is_empty());
        prop_assert_eq!(request.uri().path().is_empty(), false);
    }
}
