//! GraphQL: what it refuses, that it equals the REST routes, and that changes are pushed.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::sessions::{SESSION, photo};
use crate::support::{Answer, TestApp};

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
                   reason createdAt createdBy expiresAt refreshAfter archive { state requestedAt until } variants { name url contentType width height size } }";

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
        let asked = format!(
            "{{ media(id: \"{id}\") {{ history {{ mediaId status reason at archive {{ state requestedAt until }} }} }} }}"
        );
        let graphql = app.graphql("ann", "garage", &asked, &json!({})).await["data"]["media"]["history"].clone();
        let path = format!("/v1/sessions/{SESSION}/media/{id}/history");
        assert_eq!(graphql, app.as_of("ann", "garage", "GET", &path, None).await.json());
    }
    for (arguments, query) in
        [("first: 1", "first=1"), ("status: COMPLETED", "status=COMPLETED"), ("status: REJECTED", "status=REJECTED")]
    {
        let asked = format!("{{ sessionMedia(sessionId: \"{SESSION}\", {arguments}) {{ media {ALL} total next }} }}");
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
async fn sockets_have_shares() {
    let app = TestApp::with(&[
        ("MAX_EVENT_STREAMS_PER_SUBJECT", "2"),
        ("MAX_REQUESTS_PER_ADDRESS", "4"),
        ("RATE_LIMIT_PER_SUBJECT", "5"),
    ])
    .await;
    let connect = async || {
        let mut request = format!("{}/graphql", app.api()).replace("http://", "ws://").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        tokio_tungstenite::connect_async(request).await.map(|(socket, _)| socket)
    };
    let hello = json!({ "type": "connection_init", "payload": { "X-User-Id": "ben", "X-Org-Id": "garage" } });
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(connect().await.unwrap());
    }
    assert!(connect().await.is_err(), "sockets that have not signed in are requests of their address");
    let (mut mine, requests) = (Vec::new(), &app.app.shares.requests);
    for mut socket in silent.drain(2..) {
        socket.send(Message::text(hello.to_string())).await.unwrap();
        assert_eq!(next(&mut socket).await["type"], "connection_ack");
        mine.push(socket);
    }
    assert_eq!((requests.held(), app.app.shares.sockets.held()), (2, 2));
    let mut third = silent.pop().unwrap();
    third.send(Message::text(hello.to_string())).await.unwrap();
    let Message::Close(Some(told)) = third.next().await.unwrap().unwrap() else { panic!("she has her share") };
    assert!(told.reason.contains("too many requests"), "{told:?}");
    // Each message counts as a request.
    let mut codes = Vec::new();
    for id in 0..30 {
        let other = json!({ "id": id.to_string(), "type": "subscribe", "payload": { "query": "{ __typename }" } });
        mine[0].send(Message::text(other.to_string())).await.unwrap();
        let answer = next(&mut mine[0]).await;
        codes.push(answer["payload"]["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned());
        assert_eq!(next(&mut mine[0]).await["type"], "complete");
    }
    assert!(codes[0] == "BAD_REQUEST" && codes.contains(&"RATE_LIMITED".to_owned()), "{codes:?}");
    drop((mine, silent, third));
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while (requests.held(), app.app.shares.sockets.held()) != (0, 0) {
        assert!(std::time::Instant::now() < until, "closed sockets count for nothing");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    app.stop().await;
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

/// With server-sent events accepted, only subscriptions are streamed; all others are done before
/// the response begins.
#[tokio::test]
async fn queries_and_changes_are_done_before_their_answer() {
    let app = TestApp::start().await;
    let made = json!({ "query": "mutation { createSession { id } }" }).to_string().into_bytes();
    // urql and Apollo take both, and get JSON.
    let both = post(&app, "application/graphql-response+json, application/json, text/event-stream", made.clone()).await;
    assert_eq!((both.status, both.header("content-type")), (200, "application/graphql-response+json"));
    assert!(both.json()["data"]["createSession"]["id"].is_string(), "{}", both.text());
    // graphql-sse takes events alone.
    let events = post(&app, "text/event-stream", made).await;
    assert_eq!((events.status, events.header("content-type")), (200, "text/event-stream"));
    let text = events.text();
    let data =
        text.strip_prefix("event: next\ndata: ").and_then(|rest| rest.strip_suffix("\n\nevent: complete\ndata:\n\n"));
    let answer: Value = serde_json::from_str(data.unwrap_or_else(|| panic!("{text}"))).unwrap();
    assert!(answer["data"]["createSession"]["id"].is_string(), "{answer}");
    app.finish().await;
}

async fn post(app: &TestApp, accept: &str, body: Vec<u8>) -> Answer {
    let headers =
        [("x-user-id", "ann"), ("x-org-id", "garage"), ("content-type", "application/json"), ("accept", accept)];
    app.send("POST", &format!("{}/graphql", app.api()), &headers, body).await
}

/// Sends a GET as urql does.
async fn get(app: &TestApp, parameters: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    let encoded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let accept = "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed";
    let accept = if more.iter().any(|(name, _)| *name == "accept") { &[][..] } else { &[("accept", accept)] };
    let headers = [&[("x-user-id", "ann"), ("x-org-id", "garage")], accept, more].concat();
    app.send("GET", &format!("{}/graphql?{}", app.api(), query.join("&")), &headers, Vec::new()).await
}

#[tokio::test]
async fn queries_come_by_get_and_mutations_do_not() {
    let app = TestApp::start().await;
    app.session().await;
    let list = "query List($s: UUID!) { sessionMedia(sessionId: $s) { media { id } } }";
    let variables = json!({ "s": SESSION }).to_string();
    let named = get(&app, &[("operationName", "List"), ("query", list), ("variables", &variables)], &[]).await;
    assert_eq!((named.status, named.json()), (200, json!({ "data": { "sessionMedia": { "media": [] } } })));
    assert_eq!(named.header("cache-control"), "no-store");
    let create = "mutation Make { createSession { id } }";
    for (query, name) in [
        (create, None),
        (create, Some("Make")),
        (&format!("{list} {create}"), Some("Make")),
        (&format!("query A {{ __typename }} {create}"), None),
    ] {
        let parameters: Vec<_> =
            [("query", query)].into_iter().chain(name.map(|name| ("operationName", name))).collect();
        let refused = get(&app, &parameters, &[]).await;
        assert_eq!((refused.refusal().0, refused.header("allow")), (405, "POST"), "{query} {name:?}");
    }
    let both = format!("query A {{ __typename }} {create}");
    let one = get(&app, &[("query", &both), ("operationName", "A")], &[]).await;
    assert_eq!(one.json(), json!({ "data": { "__typename": "Query" } }), "the other operation is not run");
    let sessions = app.graphql("ann", "garage", "{ __typename }", &json!({})).await;
    assert_eq!(sessions["data"]["__typename"], "Query");
    for bad in [
        &[][..],
        &[("query", "")],
        &[("query", "{ __typename }"), ("variables", "[")],
        &[("query", "subscription { mediaStatus(sessionId: \"x\") { status } }")],
    ] {
        let refused = get(&app, bad, &[("accept", "application/json")]).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()), "{bad:?}");
    }
    // Refused by GraphQL, and so by status only where the media type says so.
    for (accept, status) in [("application/graphql-response+json", 400), ("application/json", 200)] {
        let wrong = app
            .send(
                "GET",
                &format!("{}/graphql?query=%7Bnothing%7D", app.api()),
                &[("x-user-id", "ann"), ("accept", accept)],
                Vec::new(),
            )
            .await;
        assert_eq!((wrong.status, wrong.header("content-type")), (status, accept));
        assert_eq!(
            (wrong.json().get("data"), &wrong.json()["errors"][0]["extensions"]["code"]),
            (None, &json!("BAD_REQUEST"))
        );
    }
    // A field's error is no failure of the request.
    let unknown = format!("{{ media(id: \"{SESSION}\") {{ id }} }}");
    let unknown = get(&app, &[("query", &unknown)], &[]).await;
    assert_eq!(
        (unknown.status, unknown.json().get("data"), &unknown.json()["errors"][0]["extensions"]["code"]),
        (200, Some(&Value::Null), &json!("NOT_FOUND"))
    );
    app.finish().await;
}

/// A page of another site can make a browser send a plain GET with the cookie of sign-in.
#[tokio::test]
async fn a_query_by_get_with_a_cookie_is_one_of_our_own_pages() {
    let service = "0123456789abcdef0123456789abcdef";
    let app = TestApp::with(&[("AUTH_SERVICE_TOKEN", service), ("AUTH_OWN_TOKENS", "true")]).await;
    let made = app
        .send(
            "POST",
            &format!("{}/v1/files/generate-token?user_id=ann", app.api()),
            &[("x-service-token", service)],
            Vec::new(),
        )
        .await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let (cookie, bearer) = (format!("auth_token={token}"), format!("Bearer {token}"));
    let ask = async |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("accept", "application/json")]).collect();
        app.send("GET", &format!("{}/graphql?query=%7B__typename%7D", app.api()), &headers, Vec::new()).await
    };
    for good in [
        &[("authorization", bearer.as_str())][..],
        &[("authorization", bearer.as_str()), ("sec-fetch-site", "cross-site")],
        &[("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")],
        &[("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site"), ("apollo-require-preflight", "true")],
        &[("cookie", cookie.as_str()), ("content-type", "application/json")],
    ] {
        assert_eq!(ask(good).await.status, 200, "{good:?}");
    }
    for bad in [
        &[("cookie", cookie.as_str())][..],
        &[("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")],
        &[("cookie", cookie.as_str()), ("sec-fetch-site", "same-site"), ("content-type", "text/plain")],
        &[("cookie", cookie.as_str()), ("sec-fetch-site", "none")],
    ] {
        assert_eq!(ask(bad).await.refusal(), (403, "FORBIDDEN".into()), "{bad:?}");
    }
    assert_eq!(ask(&[]).await.refusal(), (401, "UNAUTHENTICATED".into()));
    app.finish().await;
}

/// Apollo's clients send the hash of a query first, and the query itself after this answer.
#[tokio::test]
async fn persisted_queries_are_sent_whole_after_the_first_answer() {
    let app = TestApp::start().await;
    let persisted =
        json!({ "version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38" });
    let extensions = json!({ "persistedQuery": persisted });
    let expected = json!({ "errors": [{ "message": "PersistedQueryNotSupported", "extensions": { "code": "PERSISTED_QUERY_NOT_SUPPORTED" } }] });
    let by_get = get(&app, &[("operationName", "A"), ("extensions", &extensions.to_string())], &[]).await;
    assert_eq!((by_get.status, by_get.json()), (200, expected.clone()));
    assert_eq!(by_get.header("cache-control"), "no-store");
    let hash = json!({ "operationName": "A", "variables": {}, "extensions": extensions });
    let by_post = post(&app, "application/json", hash.to_string().into_bytes()).await;
    assert_eq!((by_post.status, by_post.json()), (200, expected.clone()));
    let whole = json!({ "query": "query A { __typename }", "extensions": extensions });
    let done = post(&app, "application/json", whole.to_string().into_bytes()).await;
    assert_eq!(done.json(), json!({ "data": { "__typename": "Query" } }));
    let batch = post(&app, "application/json", json!([hash, whole]).to_string().into_bytes()).await;
    assert_eq!(batch.json(), json!([expected, done.json()]));
    app.finish().await;
}

#[tokio::test]
async fn batches_are_answered_in_their_order_within_the_limits_of_one_query() {
    let app = TestApp::with(&[("GRAPHQL_MAX_COMPLEXITY", "250")]).await;
    app.session().await;
    let send = async |batch: Value| post(&app, "application/json", batch.to_string().into_bytes()).await;
    let create = json!({ "query": "mutation { createSession { id } }" });
    let list = |first: u32| json!({ "query": format!("{{ sessionMedia(sessionId: \"{SESSION}\", first: {first}) {{ media {{ id }} }} }}") });
    let done = send(json!([{ "query": "{ __typename }" }, create, { "query": "{ nothing }" }, { "query": "" }])).await;
    assert_eq!((done.status, done.header("content-type")), (200, "application/json"), "{}", done.text());
    let all = done.json();
    assert_eq!(all[0], json!({ "data": { "__typename": "Query" } }));
    assert!(all[1]["data"]["createSession"]["id"].is_string(), "{all}");
    for at in [2, 3] {
        assert_eq!(
            (all[at].get("data"), &all[at]["errors"][0]["extensions"]["code"]),
            (None, &json!("BAD_REQUEST")),
            "{all}"
        );
    }
    // Each is allowed by itself, and not all of them together.
    assert_eq!(send(json!([create])).await.json()[0].get("errors"), None);
    let together = send(json!([create, create, create])).await.json();
    let refused = together.as_array().unwrap().iter().filter(|one| one.get("errors").is_some()).count();
    assert_eq!((refused, &together[2]["errors"][0]["extensions"]["code"]), (1, &json!("BAD_REQUEST")), "{together}");
    assert_eq!(send(json!([list(10), list(10)])).await.json()[1].get("errors"), None);
    let many = |count: usize| Value::from_iter(std::iter::repeat_n(json!({ "query": "{ __typename }" }), count));
    assert_eq!(send(many(10)).await.json().as_array().unwrap().len(), 10);
    for bad in [json!([]), many(11), json!([1]), json!([[]]), json!(["{ __typename }"]), json!("{}")] {
        assert_eq!(send(bad.clone()).await.refusal(), (400, "BAD_REQUEST".into()), "{bad}");
    }
    // A subscription needs a stream of its own.
    let watching = send(json!([{ "query": WATCH, "variables": { "s": SESSION } }])).await.json();
    assert_eq!(watching[0]["errors"][0]["extensions"]["code"], "BAD_REQUEST", "{watching}");
    app.finish().await;
}

/// The mode of graphql-sse in which all operations share one stream is refused in clear words.
#[tokio::test]
async fn the_single_connection_mode_is_refused() {
    let app = TestApp::start().await;
    let url = format!("{}/graphql", app.api());
    for method in ["PUT", "DELETE"] {
        let refused = app.send(method, &url, &[("x-user-id", "ann")], Vec::new()).await;
        assert_eq!((refused.refusal().0, refused.header("allow")), (405, "GET, HEAD, POST"), "{method}");
        assert!(refused.text().contains("singleConnection: false"), "{}", refused.text());
    }
    let body = json!({ "query": "{ __typename }", "extensions": { "operationId": "1" } }).to_string().into_bytes();
    let headers = [("x-user-id", "ann"), ("content-type", "application/json"), ("x-graphql-event-stream-token", "t")];
    assert_eq!(app.send("POST", &url, &headers, body).await.refusal(), (400, "BAD_REQUEST".into()));
    let events = [("x-user-id", "ann"), ("accept", "text/event-stream"), ("x-graphql-event-stream-token", "t")];
    assert_eq!(app.send("GET", &url, &events, Vec::new()).await.refusal(), (400, "BAD_REQUEST".into()));
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
