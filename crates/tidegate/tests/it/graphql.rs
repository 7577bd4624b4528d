//! GraphQL: what it refuses, that it equals the REST routes, and that changes are pushed.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::TestApp;
use crate::support::sessions::{SESSION, photo};

const WATCH: &str = "subscription($s: UUID!) { mediaStatus(sessionId: $s) { mediaId status reason } }";

#[tokio::test]
async fn queries_that_cost_too_much_are_refused() {
    let app = TestApp::with(&[("GRAPHQL_MAX_DEPTH", "4"), ("GRAPHQL_MAX_COMPLEXITY", "300")]).await;
    app.session().await;
    let deep = "{ __schema { types { fields { type { name } } } } }";
    assert_eq!(app.graphql_code("ann", "garage", deep, &json!({})).await, "BAD_REQUEST");
    let all = format!("{{ sessionMedia(sessionId: \"{SESSION}\", first: 1000) {{ media {{ id url }} }} }}");
    assert_eq!(app.graphql_code("ann", "garage", &all, &json!({})).await, "BAD_REQUEST");
    let some = all.replace("1000", "10");
    assert_eq!(app.graphql("ann", "garage", &some, &json!({})).await["data"]["sessionMedia"]["media"], json!([]));
    let aliases: String = (0..400).map(|n| format!("a{n}: media(id: \"{SESSION}\") {{ id }} ")).collect();
    assert_eq!(app.graphql_code("ann", "garage", &format!("{{ {aliases} }}"), &json!({})).await, "BAD_REQUEST");
    for wrong in ["{ nothing }", "{", "", "mutation { media(id: 1) }"] {
        assert_eq!(app.graphql_code("ann", "garage", wrong, &json!({})).await, "BAD_REQUEST", "{wrong}");
    }
    let (url, headers) =
        (format!("{}/graphql", app.api()), [("x-user-id", "ann"), ("content-type", "application/json")]);
    let batch = app.send("POST", &url, &headers, b"[{\"query\":\"{ __typename }\"}]".to_vec()).await;
    assert_eq!(batch.refusal(), (400, "BAD_REQUEST".into()), "no batches");
    app.finish().await;
}

#[tokio::test]
async fn the_schema_is_shown_where_that_is_on() {
    let asked = "{ __schema { queryType { name } } }";
    let open = TestApp::start().await;
    assert_eq!(
        open.graphql("ann", "garage", asked, &json!({})).await["data"]["__schema"]["queryType"]["name"],
        "Query"
    );
    // As deep as the introspection query of common tools.
    let of = "ofType { name ".repeat(9) + &"}".repeat(9);
    let tools = format!(
        "query {{ __schema {{ types {{ ...T }} }} }} fragment T on __Type {{ fields {{ args {{ ...A }} }} }} \
         fragment A on __InputValue {{ type {{ ...R }} }} fragment R on __Type {{ name {of} }}"
    );
    let answer = open.graphql("ann", "garage", &tools, &json!({})).await;
    assert!(answer["errors"].is_null(), "{answer}");
    assert_eq!(open.get("ann", "/graphiql").await.status, 200);
    let closed = TestApp::with(&[("GRAPHQL_INTROSPECTION", "false"), ("GRAPHIQL", "false")]).await;
    let answer = closed.graphql("ann", "garage", asked, &json!({})).await;
    assert!(answer["data"]["__schema"].is_null(), "{answer}");
    assert_eq!(closed.get("ann", "/graphiql").await.status, 404);
    open.finish().await;
    closed.finish().await;
}

/// The fields of a media item, which have the same names in both APIs.
const ALL: &str = "{ id url alt status sessionId fileKey stage filename contentType size width height duration blurhash scan \
                   reason createdAt createdBy expiresAt refreshAfter variants { name url contentType width height size } }";

#[tokio::test]
async fn graphql_and_json_say_the_same() {
    let app = TestApp::start().await;
    app.session().await;
    let sent = app.sent("a.jpg", "image/jpeg", &photo(6)).await;
    let failed = app.sent("b.jpg", "image/jpeg", &photo(1)[..400]).await;
    app.run_jobs().await;
    for media in [&sent, &failed] {
        let id = media["id"].as_str().unwrap();
        let asked = format!("{{ media(id: \"{id}\") {ALL} }}");
        let graphql = app.graphql("ann", "garage", &asked, &json!({})).await["data"]["media"].clone();
        let json = app.as_of("ann", "garage", "GET", &format!("/v1/sessions/{SESSION}/media/{id}"), None).await.json();
        assert_eq!(graphql, json);
        let asked = format!("{{ media(id: \"{id}\") {{ history {{ mediaId status reason at }} }} }}");
        let graphql = app.graphql("ann", "garage", &asked, &json!({})).await["data"]["media"]["history"].clone();
        let path = format!("/v1/sessions/{SESSION}/media/{id}/history");
        assert_eq!(graphql, app.as_of("ann", "garage", "GET", &path, None).await.json());
    }
    for (arguments, query) in
        [("first: 1", "first=1"), ("status: COMPLETED", "status=COMPLETED"), ("status: REJECTED", "status=REJECTED")]
    {
        let asked = format!("{{ sessionMedia(sessionId: \"{SESSION}\", {arguments}) {{ media {ALL} next }} }}");
        let graphql = app.graphql("ann", "garage", &asked, &json!({})).await["data"]["sessionMedia"].clone();
        let path = format!("/v1/sessions/{SESSION}/media?{query}");
        let json = app.as_of("ann", "garage", "GET", &path, None).await.json();
        assert_eq!(graphql, json);
        assert_eq!(json["media"].as_array().unwrap().len(), 1);
    }
    // The same requests are refused, with the same codes.
    let cases = [
        (format!("mutation {{ retryMedia(id: \"{}\") {{ id }} }}", sent["id"].as_str().unwrap()), "INVALID_STATE"),
        (format!("{{ media(id: \"{SESSION}\") {{ id }} }}"), "NOT_FOUND"),
        (format!("{{ sessionMedia(sessionId: \"{SESSION}\", first: 0) {{ next }} }}"), "BAD_REQUEST"),
        ("mutation { deleteSession(id: \"7a1d9f52-6a55-4b7b-8f0e-2f6c1d3e4b5a\") }".to_owned(), "NOT_FOUND"),
    ];
    for (query, code) in cases {
        assert_eq!(app.graphql_code("ann", "garage", &query, &json!({})).await, code, "{query}");
    }
    app.stop().await;
}

/// Returns the next message that is a response.
async fn next<S>(socket: &mut S) -> Value
where
    S: futures::Stream<Item = tokio_tungstenite::tungstenite::Result<Message>> + Unpin,
{
    loop {
        let message = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap().unwrap().unwrap();
        if let Message::Text(text) = message {
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["type"] != "ping" {
                return value;
            }
        }
    }
}

#[tokio::test]
async fn changes_are_pushed_over_websocket() {
    let app = TestApp::start().await;
    app.session().await;
    let url = format!("{}/graphql", app.api()).replace("http://", "ws://");
    let request = |origin: Option<&str>| {
        let mut request = url.as_str().into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        request
    };
    let foreign = tokio_tungstenite::connect_async(request(Some("https://evil.example"))).await;
    assert!(foreign.is_err(), "pages of other origins open no socket");
    let (mut stranger, _) = tokio_tungstenite::connect_async(request(None)).await.unwrap();
    stranger.send(Message::text(json!({ "type": "connection_init" }).to_string())).await.unwrap();
    let refused = tokio::time::timeout(Duration::from_secs(5), stranger.next()).await.unwrap();
    assert!(!matches!(&refused, Some(Ok(Message::Text(text))) if text.contains("connection_ack")), "{refused:?}");
    let (mut socket, _) = tokio_tungstenite::connect_async(request(Some(&app.api()))).await.unwrap();
    let hello = json!({ "type": "connection_init", "payload": { "X-User-Id": "ben", "X-Org-Id": "garage" } });
    socket.send(Message::text(hello.to_string())).await.unwrap();
    assert_eq!(next(&mut socket).await["type"], "connection_ack");
    let subscribe =
        json!({ "id": "1", "type": "subscribe", "payload": { "query": WATCH, "variables": { "s": SESSION } } });
    socket.send(Message::text(subscribe.to_string())).await.unwrap();
    // The subscription is active once a later message is answered.
    let other = json!({ "id": "2", "type": "subscribe", "payload": { "query": "{ __typename }" } });
    socket.send(Message::text(other.to_string())).await.unwrap();
    loop {
        let answer = next(&mut socket).await;
        if answer["id"] == "2" && answer["type"] == "complete" {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let sent = app.sent("a.jpg", "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    let mut seen = Vec::new();
    while seen.last() != Some(&json!("COMPLETED")) {
        let answer = next(&mut socket).await;
        let change = &answer["payload"]["data"]["mediaStatus"];
        assert_eq!(change["mediaId"], sent["id"], "{answer}");
        seen.push(change["status"].clone());
    }
    assert_eq!(json!(seen), json!(["PENDING_UPLOAD", "UPLOADED", "SCANNING", "PROCESSING", "COMPLETED"]));
    app.finish_with(1).await;
}

#[tokio::test]
async fn changes_are_pushed_as_server_sent_events() {
    let app = TestApp::start().await;
    app.session().await;
    let client = reqwest::Client::new();
    let own = client.get(format!("{}/v1/sessions/{SESSION}/media/events", app.api()));
    let body = json!({ "query": WATCH, "variables": { "s": SESSION } }).to_string();
    let graphql = client
        .post(format!("{}/graphql", app.api()))
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(body);
    for (request, first) in [(own, "event: status"), (graphql, "event: next")] {
        let answer = request.header("x-user-id", "ann").header("x-org-id", "garage").send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
        let started = std::time::Instant::now();
        app.sent("a.jpg", "image/jpeg", &photo(1)).await;
        app.run_jobs().await;
        let done = started.elapsed();
        let (mut events, mut text) = (answer.bytes_stream(), String::new());
        while !text.contains("COMPLETED") {
            let bytes = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap().unwrap();
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        assert!(started.elapsed() - done < Duration::from_secs(1), "pushed within a second");
        assert!(text.starts_with(first), "{text}");
        assert!(!text.contains("error"), "{text}");
    }
    // A caller without access is refused before anything is streamed.
    let path = format!("/v1/sessions/{SESSION}/media/events");
    assert_eq!(app.as_of("eve", "elsewhere", "GET", &path, None).await.status, 403);
    app.finish_with(2).await;
}

/// With server-sent events accepted, only subscriptions are streamed.
#[tokio::test]
async fn queries_and_changes_are_done_before_their_answer() {
    let app = TestApp::start().await;
    let made = json!({ "query": "mutation { createSession { id } }" });
    let headers = [
        ("x-user-id", "ann"),
        ("x-org-id", "garage"),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let answer = app.send("POST", &format!("{}/graphql", app.api()), &headers, made.to_string().into_bytes()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert!(answer.json()["data"]["createSession"]["id"].is_string(), "{}", answer.text());
    app.finish().await;
}

/// A query whose fragments multiply each other is refused at once on every transport, and delays no
/// other request.
#[tokio::test]
async fn fragments_that_multiply_one_another_are_refused_at_once() {
    let app = TestApp::start().await;
    let fragments: String =
        (1..40).map(|n| format!("fragment F{n} on Query{{...F{m} ...F{m} ...F{m}}} ", m = n + 1)).collect();
    let query = format!("{{...F1}} {fragments} fragment F40 on Query{{__typename}}");
    let began = std::time::Instant::now();
    assert_eq!(app.graphql_code("ann", "garage", &query, &json!({})).await, "BAD_REQUEST");
    let unused = query.replacen("{...F1}", "{__typename}", 1);
    assert_eq!(app.graphql_code("ann", "garage", &unused, &json!({})).await, "BAD_REQUEST");
    let mutation = query.replacen('{', "mutation {", 1).replace("on Query", "on Mutation");
    assert_eq!(app.graphql_code("ann", "garage", &mutation, &json!({})).await, "BAD_REQUEST");
    let watching = query.replacen('{', "subscription {", 1).replace("on Query", "on Subscription");
    let headers = [("x-user-id", "ann"), ("x-org-id", "garage"), ("accept", "text/event-stream")];
    let escaped = percent_encoding::utf8_percent_encode(&watching, percent_encoding::NON_ALPHANUMERIC);
    let events = app.send("GET", &format!("{}/graphql?query={escaped}", app.api()), &headers, Vec::new()).await;
    assert!(events.text().contains("BAD_REQUEST"), "{} {}", events.status, events.text());
    let long = json!({ "query": format!("{{ __typename {} }}", "# ".repeat(1 << 20)) });
    let refused = app.as_of("ann", "garage", "POST", "/graphql", Some(&long)).await;
    assert_eq!(refused.status, 413, "{}", refused.text());
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    app.finish().await;
}
