//! Tokens that the server issues: what they open, and what not.

use serde_json::json;

use crate::support::TestApp;
use crate::support::files::file;

/// What a token for alice is tried on: method, path below the API, and whether it opens.
const TARGETS: [(&str, &str, bool); 9] = [
    ("GET", "/v1/images", true),
    ("GET", "/v1/files/all", true),
    ("GET", "/v1/images/BOBS/metadata", false),
    ("GET", "/v1/files/metadata/FILE", false),
    ("GET", "/v1/files/signed-url?key=FILE", false),
    ("DELETE", "/v1/files/FILE", false),
    ("POST", "/v1/tokens", false),
    ("GET", "/v1/jobs/dead", false),
    ("PUT", "/v1/files/quota", false),
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
    let open = async |app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)]| {
        let path = path.replace("BOBS", &bobs).replace("FILE", &of_bob);
        let json = ("content-type", "application/json");
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([json]).collect();
        let body = if method == "GET" { Vec::new() } else { b"{\"userId\":\"bob\",\"user_id\":\"bob\"}".to_vec() };
        let status = app.send(method, &format!("{}{path}", app.api()), &headers, body).await.status;
        assert!(status < 500, "{method} {path}: {status}");
        status < 300
    };
    for token in &tokens {
        let bearer = format!("Bearer {token}");
        for (method, path, opens) in TARGETS {
            let found = open(&app, method, path, &[("authorization", &bearer)]).await;
            assert_eq!(found, opens, "{method} {path}");
        }
        // In no other place, under no other name, and not beside another one.
        let (query, cookie) = (format!("/v1/images?access_token={token}"), format!("token={token}"));
        assert!(!open(&app, "GET", &query, &[]).await);
        for name in ["cookie", "x-user-id", "x-service-token", "x-amz-security-token"] {
            let value = if name == "cookie" { &cookie } else { token };
            assert!(!open(&app, "GET", "/v1/images", &[(name, value)]).await, "{name}");
        }
        // Its parts, changed.
        for at in 0..3 {
            let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
            let middle = parts[at].len() / 2;
            let letter = if parts[at].as_bytes()[middle] == b'A' { "B" } else { "A" };
            parts[at].replace_range(middle..=middle, letter);
            let bearer = format!("Bearer {}", parts.join("."));
            assert!(!open(&app, "GET", "/v1/images", &[("authorization", &bearer)]).await, "part {at}");
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
        assert!(open(&app, "GET", "/v1/images", &[("authorization", bearer)]).await, "a restart keeps the key");
    }
    let folder = app.stop().await;
    std::fs::remove_file(folder.path().join("keys/tokens.pem")).unwrap();
    let app = TestApp::over(folder, &all).await;
    for bearer in &bearers {
        assert!(!open(&app, "GET", "/v1/images", &[("authorization", bearer)]).await, "another key, no token");
    }
    app.stop().await;
}
