//! The list of sessions: a caller's own, newest first, in pages.

use serde_json::{Value, json};

use crate::support::TestApp;

const SERVICE: &str = "service-token-of-32-characters-or-more";

fn ids(page: &Value) -> Vec<String> {
    let sessions = page["sessions"].as_array().unwrap_or_else(|| panic!("{page}"));
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

async fn create(app: &TestApp, user: &str, org: &str) -> String {
    let made = app.as_of(user, org, "POST", "/v1/sessions", Some(&json!({}))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn list(app: &TestApp, user: &str, org: &str, query: &str) -> Value {
    let listed = app.as_of(user, org, "GET", &format!("/v1/sessions{query}"), None).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    listed.json()
}

#[tokio::test]
async fn a_caller_sees_their_own_sessions_and_no_others() {
    let app = TestApp::start().await;
    let first = create(&app, "ann", "garage").await;
    let second = create(&app, "ann", "garage").await;
    let elsewhere = create(&app, "ann", "other-garage").await;
    let colleague = create(&app, "ben", "garage").await;
    for (user, org, expected) in [
        ("ann", "garage", vec![&second, &first]),
        ("ann", "other-garage", vec![&elsewhere]),
        ("ben", "garage", vec![&colleague]),
        ("eve", "garage", vec![]),
        ("ann", "elsewhere", vec![]),
    ] {
        let page = list(&app, user, org, "").await;
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{user} of {org}");
        assert_eq!(page["next"], Value::Null);
    }
    let page = list(&app, "ann", "garage", "").await;
    assert!(page["sessions"][0]["createdAt"].as_str().unwrap().ends_with('Z'), "{page}");
    // A deleted session is not listed, and is again once it is restored.
    for (method, path, count) in [("DELETE", "", 1), ("POST", "/restore", 2)] {
        let done = app.as_of("ann", "garage", method, &format!("/v1/sessions/{second}{path}"), None).await;
        assert!(done.status < 300, "{}", done.text());
        assert_eq!(ids(&list(&app, "ann", "garage", "").await).len(), count, "{method}");
        app.run_jobs().await;
    }
    app.finish().await;
}

#[tokio::test]
async fn pages_hold_each_session_once() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(create(&app, "ann", "garage").await);
    }
    made.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = list(&app, "ann", "garage", &format!("?first=3{after}")).await;
        assert!(ids(&page).len() <= 3);
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, made);
    assert_eq!(ids(&list(&app, "ann", "garage", "?first=7").await).len(), 7);
    assert_eq!(list(&app, "ann", "garage", "?first=7").await["next"], Value::Null, "a full page may be the last");
    // GraphQL says the same.
    let query = "{ sessions(first: 3) { sessions { id createdAt } next } }";
    let graphql = app.graphql("ann", "garage", query, &json!({})).await["data"]["sessions"].clone();
    assert_eq!(graphql, list(&app, "ann", "garage", "?first=3").await);
    app.finish().await;
}

#[tokio::test]
async fn bad_queries_and_callers_are_refused() {
    let app = TestApp::start().await;
    for query in ["?first=0", "?first=1001", "?first=-1", "?first=x", "?after=x", "?after=AAAA"] {
        let refused = app.as_of("ann", "garage", "GET", &format!("/v1/sessions{query}"), None).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()), "{query}");
        assert!(!refused.text().contains("limit"), "the parameter is called first: {}", refused.text());
    }
    let nobody = app.send("GET", &format!("{}/v1/sessions", app.api()), &[], Vec::new()).await;
    assert_eq!(nobody.refusal(), (401, "UNAUTHENTICATED".into()));
    assert_eq!(app.get("ann", "/v1/sessions").await.refusal(), (403, "FORBIDDEN".into()), "without an organisation");
    app.finish().await;
}

#[tokio::test]
async fn a_service_lists_the_sessions_of_the_user_it_names() {
    let app =
        TestApp::with(&[("AUTH_MODE", "jwt"), ("AUTH_OWN_TOKENS", "true"), ("AUTH_SERVICE_TOKEN", SERVICE)]).await;
    let as_service = async |method: &str, path: &str, more: &[(&str, &str)], body: &Value| {
        let headers = [&[("x-service-token", SERVICE), ("content-type", "application/json")], more].concat();
        app.send(method, &format!("{}{path}", app.api()), &headers, body.to_string().into_bytes()).await
    };
    let issued = as_service("POST", "/v1/tokens", &[], &json!({ "userId": "ann", "org": "garage" })).await;
    assert!(issued.status < 300, "{}", issued.text());
    let token = format!("Bearer {}", issued.json()["token"].as_str().unwrap());
    let own = [("authorization", token.as_str()), ("content-type", "application/json")];
    let made = app.send("POST", &format!("{}/v1/sessions", app.api()), &own, b"{}".to_vec()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for (user, expected) in [("ann", vec![id.clone()]), ("ben", vec![])] {
        let named = [("x-user-id", user), ("x-org-id", "garage")];
        let listed = as_service("GET", "/v1/sessions", &named, &json!(null)).await;
        assert_eq!(ids(&listed.json()), expected, "{user}");
    }
    let unnamed = as_service("GET", "/v1/sessions", &[("x-org-id", "garage")], &json!(null)).await;
    assert_eq!(unnamed.refusal(), (400, "BAD_REQUEST".into()));
    app.finish().await;
}
