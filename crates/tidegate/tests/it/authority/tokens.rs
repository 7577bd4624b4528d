//! Tokens that the server issues: what they open, and what not.

use serde_json::json;

use crate::support::TestApp;
use crate::support::files::file;

/// What a token for alice is tried on: method, path below the API, a valid body, and the status.
const TARGETS: [(&str, &str, &str, u16); 15] = [
    ("GET", "/v1/images", "", 200),
    ("GET", "/v1/files/all", "", 200),
    ("GET", "/v1/images/BOBS/metadata", "", 403),
    ("GET", "/v1/files/metadata/FILE", "", 403),
    ("GET", "/v1/files/signed-url?key=FILE", "", 403),
    ("DELETE", "/v1/files/FILE", "", 403),
    ("POST", "/v1/tokens", "{\"userId\":\"bob\"}", 403),
    ("GET", "/v1/jobs/dead", "", 403),
    ("GET", "/v1/me", "", 200),
    ("GET", "/v1/jobs", "", 403),
    ("GET", "/v1/usage", "", 403),
    ("GET", "/v1/usage/days", "", 403),
    ("GET", "/v1/settings", "", 403),
    ("GET", "/v1/keys", "", 403),
    ("PUT", "/v1/files/quota?user_id=bob", "{\"quota\":1}", 403),
];

#[tokio::test]
async fn a_token_opens_what_is_its_users_and_ends_with_its_key() {
    let service = "s".repeat(40);
    let settings = [("AUTH_OWN_TOKENS", "true"), ("AUTH_SERVICE_TOKEN", service.as_str())];
    let app = TestApp::with(&[("AUTH_MODE", "dev")]).await;
    let (bobs, of_bob) = (app.image("bob", b"bob's").await, file(&app, "bob", "b.txt", b"bob's", "").await);
    let port = |authority: &str| authority.rsplit_once(':').unwrap().1.to_owned();
    let addresses = &app.app.addresses;
    let ports = [&addresses.api.authority, &addresses.edge.as_ref().unwrap().authority, &addresses.s3.authority];
    let [api, edge, s3] = ports.map(|authority| port(authority));
    let mut all = settings.to_vec();
    all.extend([("PORT", api.as_str()), ("EDGE_PORT", &edge), ("S3_PORT", &s3)]);
    let app = TestApp::over(app.stop().await, &all).await;
    let by_service = [("x-service-token", service.as_str()), ("content-type", "application/json")];
    let mut tokens = Vec::new();
    let wanted = json!({ "userId": "alice", "expiresIn": 60 });
    let url = format!("{}/v1/tokens", app.api());
    let issued = app.send("POST", &url, &by_service, wanted.to_string().into_bytes()).await;
    tokens.push(issued.json()["token"].as_str().unwrap().to_owned());
    let url = format!("{}/v1/files/generate-token?user_id=alice", app.api());
    let issued = app.send("GET", &url, &by_service, Vec::new()).await;
    let issued = if issued.status == 405 { app.send("POST", &url, &by_service, Vec::new()).await } else { issued };
    tokens.push(issued.json()["token"].as_str().unwrap_or_else(|| panic!("{}", issued.text())).to_owned());
    let ask = async |app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let path = path.replace("BOBS", &bobs).replace("FILE", &of_bob);
        let json = ("content-type", "application/json");
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([json]).collect();
        app.send(method, &format!("{}{path}", app.api()), &headers, body.as_bytes().to_vec()).await.status
    };
    let images = async |app: &TestApp, headers: &[(&str, &str)]| ask(app, "GET", "/v1/images", headers, "").await;
    // Without the token's limits, the requests are right.
    for (method, path, body, _) in TARGETS.iter().filter(|(method, ..)| ["POST", "PUT"].contains(method)) {
        assert_eq!(ask(&app, method, path, &by_service[..1], body).await, 200, "{method} {path}");
    }
    for token in &tokens {
        let bearer = format!("Bearer {token}");
        for (method, path, body, expected) in TARGETS {
            let found = ask(&app, method, path, &[("authorization", &bearer)], body).await;
            assert_eq!(found, expected, "{method} {path}");
        }
        // In no other place, under no other name, and not beside another one.
        let (query, other) = (format!("/v1/images?access_token={token}"), format!("token={token}"));
        assert_eq!(ask(&app, "GET", &query, &[], "").await, 401);
        for (name, value) in
            [("cookie", &other), ("x-user-id", token), ("x-service-token", token), ("x-amz-security-token", token)]
        {
            assert_eq!(images(&app, &[(name, value)]).await, 401, "{name}");
        }
        // The cookie that signs in: for reads, and for changes by pages of ours alone.
        let cookie = format!("auth_token={token}");
        assert_eq!(images(&app, &[("cookie", &cookie)]).await, 200);
        let own = app.api();
        for (origin, expected) in
            [(None, 403), (Some("null"), 403), (Some("https://evil.test"), 403), (Some(own.as_str()), 200)]
        {
            let mut headers = vec![("cookie", cookie.as_str())];
            headers.extend(origin.map(|origin| ("origin", origin)));
            assert_eq!(ask(&app, "POST", "/v1/images", &headers, "{}").await, expected, "{origin:?}");
        }
        // Its parts, changed.
        for at in 0..3 {
            let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
            let middle = parts[at].len() / 2;
            let letter = if parts[at].as_bytes()[middle] == b'A' { "B" } else { "A" };
            parts[at].replace_range(middle..=middle, letter);
            let bearer = format!("Bearer {}", parts.join("."));
            assert_eq!(images(&app, &[("authorization", &bearer)]).await, 401, "part {at}");
        }
        // The other doors know no tokens.
        for url in [format!("{}/{of_bob}", app.edge()), format!("{}/tidegate/{of_bob}", app.app.addresses.s3)] {
            let answer = app.send("GET", &url, &[("authorization", &bearer)], Vec::new()).await;
            assert!((400..500).contains(&answer.status), "{url}: {}", answer.status);
        }
    }
    let folder = app.stop().await;
    let app = TestApp::over(folder, &all).await;
    let bearers: Vec<String> = tokens.iter().map(|token| format!("Bearer {token}")).collect();
    for bearer in &bearers {
        assert_eq!(images(&app, &[("authorization", bearer)]).await, 200, "a restart keeps the key");
    }
    let folder = app.stop().await;
    std::fs::remove_file(folder.path().join("keys/tokens.pem")).unwrap();
    let app = TestApp::over(folder, &all).await;
    for bearer in &bearers {
        assert_eq!(images(&app, &[("authorization", bearer)]).await, 401, "another key, no token");
    }
    app.stop().await;
}
