//! What pages ask first and what operators are shown: the caller, sign-in, usage, jobs, settings and
//! keys; and that nobody else sees it, and nobody a secret.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tidegate::config::{SETTINGS, Sources, setting_values};
use tidegate::db::Verdict;
use tidegate::queue::{self, Job};
use tidegate::worker::runner;

use crate::support::files::file;
use crate::support::{Answer, TestApp};

const ADMIN: &[(&str, &str)] = &[("x-user-id", "root"), ("x-roles", "admin")];
const RSA_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs8.pem");
const P256_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pkcs8.pem");
const PUBLIC_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");
/// The routes for admins and services.
const ROUTES: [&str; 5] = ["/v1/usage", "/v1/usage/days", "/v1/jobs", "/v1/settings", "/v1/keys"];

async fn ask(app: &TestApp, headers: &[(&str, &str)], path: &str) -> Answer {
    app.send("GET", &format!("{}{path}", app.api()), headers, Vec::new()).await
}

async fn shown(app: &TestApp, path: &str) -> Value {
    let answer = ask(app, ADMIN, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    answer.json()
}

#[tokio::test]
async fn a_caller_is_told_who_it_is() {
    let app = TestApp::start().await;
    let nobody = ask(&app, &[], "/v1/me").await;
    assert_eq!((nobody.status, nobody.header("cache-control")), (200, "no-store"), "{}", nobody.text());
    let kinds = json!(["disks", "files", "session", "space", "dataset"]);
    assert_eq!(
        nobody.json(),
        json!({ "kind": "anonymous", "id": null, "organization": null, "roles": [], "administrator": false,
            "actingFor": null, "expiresAt": null, "surfaces": kinds })
    );
    let headers = [("x-user-id", "ann"), ("x-org-id", "lab"), ("x-roles", "viewer, admin")];
    let ann = ask(&app, &headers, "/v1/me").await.json();
    assert_eq!((&ann["kind"], &ann["id"], &ann["organization"]), (&json!("user"), &json!("ann"), &json!("lab")));
    assert_eq!((&ann["roles"], &ann["administrator"]), (&json!(["admin"]), &json!(true)));
    let bob = ask(&app, &[("x-user-id", "bob")], "/v1/me").await.json();
    assert_eq!((&bob["roles"], &bob["administrator"]), (&json!([]), &json!(false)));
    // Credentials that are wrong are not left out of account.
    for bad in [[("authorization", "Bearer x")], [("x-user-id", "service")]] {
        assert_eq!(ask(&app, &bad, "/v1/me").await.status, 401, "{bad:?}");
    }
    app.finish().await;
    let app = TestApp::with(&[("AUTH_MODE", "none"), ("SURFACES", "files, spaces")]).await;
    let everybody = ask(&app, &[], "/v1/me").await.json();
    assert_eq!((&everybody["kind"], &everybody["id"]), (&json!("user"), &json!("local")));
    assert_eq!(everybody["surfaces"], json!(["files", "space"]));
    app.finish().await;
}

#[tokio::test]
async fn tokens_and_services_are_told_too() {
    let service = "s".repeat(40);
    let app = TestApp::with(&[("AUTH_OWN_TOKENS", "true"), ("AUTH_SERVICE_TOKEN", &service)]).await;
    let by_service = ("x-service-token", service.as_str());
    let alone = ask(&app, &[by_service], "/v1/me").await.json();
    assert_eq!(
        (&alone["kind"], &alone["id"], &alone["administrator"]),
        (&json!("service"), &Value::Null, &json!(true))
    );
    let acting = ask(&app, &[by_service, ("x-user-id", "ann"), ("x-org-id", "lab")], "/v1/me").await.json();
    assert_eq!((&acting["actingFor"], &acting["organization"]), (&json!("ann"), &json!("lab")));
    assert_eq!(acting["administrator"], false, "it has the rights of the user and no more");
    let wanted = json!({ "userId": "ann", "org": "lab", "roles": ["admin"], "expiresIn": 600 });
    let headers = [by_service, ("content-type", "application/json")];
    let url = format!("{}/v1/tokens", app.api());
    let issued = app.send("POST", &url, &headers, wanted.to_string().into_bytes()).await.json();
    let bearer = format!("Bearer {}", issued["token"].as_str().unwrap());
    let ann = ask(&app, &[("authorization", &bearer)], "/v1/me").await.json();
    assert_eq!((&ann["id"], &ann["roles"]), (&json!("ann"), &json!(["admin"])));
    let (told, expected) = (ann["expiresAt"].as_str().unwrap(), issued["expiresAt"].as_str().unwrap());
    assert_eq!(told[..19], expected[..19], "to the second");
    let cookie = format!("auth_token={}", issued["token"].as_str().unwrap());
    assert_eq!(ask(&app, &[("cookie", &cookie)], "/v1/me").await.json()["id"], "ann");
    assert_eq!(ask(&app, &[], "/v1/me").await.json()["kind"], "anonymous");
    let forged = format!("{bearer}x");
    for bad in [
        ("authorization", forged.as_str()),
        ("authorization", "Basic x"),
        ("cookie", "auth_token=x"),
        ("x-service-token", "x"),
    ] {
        assert_eq!(ask(&app, &[bad], "/v1/me").await.status, 401, "{bad:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn pages_learn_how_users_sign_in() {
    let app = TestApp::start().await;
    let answer = ask(&app, &[], "/v1/sign-in").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let (edge, s3) = (app.edge(), app.app.addresses.s3.to_string());
    assert_eq!(answer.json(), json!({ "mode": "dev", "oidc": null, "edge": edge, "stores": [s3] }));
    app.finish().await;
    let settings = [
        ("AUTH_JWKS_URL", "http://127.0.0.1:1/keys"),
        ("AUTH_SERVICE_TOKEN", "marker-of-the-service"),
        ("OIDC_ISSUER", "https://id.test/realms/lab"),
        ("OIDC_CLIENT_ID", "tidegate-pages"),
        ("OIDC_SCOPE", "openid email"),
        ("OIDC_ORIGINS", "https://Pool.test/"),
        ("EDGE_PORT", "off"),
    ];
    let app = TestApp::with(&settings).await;
    let answer = ask(&app, &[], "/v1/sign-in").await;
    let oidc = json!({ "issuer": "https://id.test/realms/lab", "clientId": "tidegate-pages", "scope": "openid email",
        "origins": ["https://pool.test"] });
    let body = answer.json();
    assert_eq!((&body["mode"], &body["oidc"], &body["edge"]), (&json!("jwt"), &oidc, &Value::Null));
    assert!(!answer.text().contains("marker"), "{}", answer.text());
    app.stop().await;
}

#[tokio::test]
async fn strangers_and_users_see_nothing_of_the_server() {
    let service = "s".repeat(40);
    let app = TestApp::start().await;
    for path in ROUTES {
        assert_eq!(ask(&app, &[], path).await.refusal(), (401, "UNAUTHENTICATED".into()), "{path}");
        assert_eq!(app.get("bob", path).await.refusal(), (403, "FORBIDDEN".into()), "{path}");
        assert_eq!(ask(&app, &[("x-user-id", "bob"), ("x-roles", "administrator")], path).await.status, 403, "{path}");
        assert_eq!(ask(&app, ADMIN, path).await.status, 200, "{path}");
        assert_eq!(app.post("root", path, &json!({})).await.status, 405, "{path}");
    }
    app.stop().await;
    let app = TestApp::with(&[("AUTH_SERVICE_TOKEN", &service)]).await;
    let by_service = ("x-service-token", service.as_str());
    for path in ROUTES {
        assert_eq!(ask(&app, &[by_service], path).await.status, 200, "{path}");
        assert_eq!(ask(&app, &[by_service, ("x-user-id", "bob")], path).await.status, 403, "{path}");
        assert_eq!(ask(&app, &[("x-user-id", "root"), ("x-roles", "admin")], path).await.status, 401, "{path}");
    }
    app.stop().await;
}

/// Kind, id, name, objects and bytes of an owner.
type OwnerLine = (String, String, Value, u64, u64);

fn owners(page: &Value) -> Vec<OwnerLine> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let owner = |one: &Value| {
        let (objects, bytes) = (one["objects"].as_u64().unwrap(), one["bytes"].as_u64().unwrap());
        (text(&one["kind"]), text(&one["id"]), one["name"].clone(), objects, bytes)
    };
    page["owners"].as_array().unwrap().iter().map(owner).collect()
}

#[tokio::test]
async fn owners_are_listed_by_their_bytes() {
    let app = TestApp::start().await;
    assert_eq!(shown(&app, "/v1/usage").await["owners"], json!([]));
    for (user, size) in [("ann", 300), ("bob", 100), ("carl", 100), ("dora", 0)] {
        file(&app, user, "a.bin", &vec![7; size], "").await;
    }
    app.image("ann", &[1; 100]).await;
    let dataset = app.dataset().await;
    app.package(&dataset, "one", None, &[2; 200]).await;
    // Not readable yet, and so not there.
    app.begin("eve", &json!({})).await;
    let all = shown(&app, "/v1/usage").await;
    let expected = vec![
        ("files".to_owned(), "ann".to_owned(), Value::Null, 1, 300),
        ("dataset".to_owned(), dataset.clone(), json!("Cells"), 1, 200),
        ("files".to_owned(), "carl".to_owned(), Value::Null, 1, 100),
        ("files".to_owned(), "bob".to_owned(), Value::Null, 1, 100),
        ("disks".to_owned(), "ann".to_owned(), Value::Null, 1, 100),
        ("files".to_owned(), "dora".to_owned(), Value::Null, 1, 0),
    ];
    assert_eq!(owners(&all), expected, "{all}");
    assert_eq!(all.get("nextCursor"), None);
    assert_eq!(all["owners"][0]["limitBytes"], 500_u64 << 30);
    let total = |kind: &str| all["totals"].as_array().unwrap().iter().find(|total| total["kind"] == kind).cloned();
    assert_eq!(total("files").unwrap(), json!({ "kind": "files", "owners": 4, "objects": 4, "bytes": 500 }));
    assert_eq!(total("space").unwrap(), json!({ "kind": "space", "owners": 0, "objects": 0, "bytes": 0 }));
    // Pages of every size are the same list.
    for limit in [1, 2, 4] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = shown(&app, &format!("/v1/usage?limit={limit}{cursor}")).await;
            seen.extend(owners(&page));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{limit}");
    }
    let of_files = shown(&app, "/v1/usage?kind=files").await;
    assert_eq!(owners(&of_files), expected.iter().filter(|owner| owner.0 == "files").cloned().collect::<Vec<_>>());
    assert_eq!(of_files["totals"].as_array().unwrap().len(), 1);
    let url = format!("{}/v1/files/quota?user_id=bob", app.api());
    let set = app.send(
        "PUT",
        &url,
        &[("x-user-id", "root"), ("content-type", "application/json")],
        b"{\"quota\":1}".to_vec(),
    );
    assert_eq!(set.await.status, 403, "limits are set by services");
    for bad in ["?kind=user", "?kind=", "?limit=0", "?limit=1001", "?limit=x", "?cursor=x", "?cursor=", "?what=x"] {
        assert_eq!(ask(&app, ADMIN, &format!("/v1/usage{bad}")).await.refusal().0, 400, "{bad}");
    }
    app.stop().await;
}

/// Returns the objects and bytes of a kind on all days, and the number of days.
fn added(days: &Value, kind: &str) -> (u64, u64, usize) {
    let of_kind = days["days"].as_array().unwrap().iter().filter(|day| day["kind"] == kind);
    of_kind.fold((0, 0, 0), |(objects, bytes, days), day| {
        (objects + day["objects"].as_u64().unwrap(), bytes + day["bytes"].as_u64().unwrap(), days + 1)
    })
}

#[tokio::test]
async fn what_is_added_is_counted_on_its_day() {
    let app = TestApp::start().await;
    assert_eq!(shown(&app, "/v1/usage/days").await, json!({ "days": [] }));
    for user in ["ann", "bob"] {
        file(&app, user, "a.bin", &[7; 100], "").await;
    }
    let image = app.image("ann", &[1; 50]).await;
    app.begin("ann", &json!({})).await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "one", None, &[2; 200]).await;
    let days = shown(&app, "/v1/usage/days").await;
    let expected = [("files", (2, 200, 1)), ("disks", (1, 50, 1)), ("dataset", (1, 200, 1)), ("space", (0, 0, 0))];
    for (kind, sums) in expected {
        assert_eq!(added(&days, kind), sums, "{kind}: {days}");
    }
    let day = days["days"][0]["day"].as_str().unwrap().to_owned();
    // What goes, or comes back, was added once.
    app.delete("ann", &format!("/v1/images/{image}")).await;
    app.deleted(&dataset, &[&package]).await;
    app.restored(&dataset, &[&package]).await;
    assert_eq!(shown(&app, "/v1/usage/days").await, days);
    let only = shown(&app, &format!("/v1/usage/days?kind=files&since={day}&until={day}")).await;
    assert_eq!(only["days"].as_array().unwrap().len(), 1, "{only}");
    // Days that are over are stored as one row of each kind, with the same sums.
    app.app.db.clock().advance(Duration::from_secs(3 * 86_400));
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &Job::SweepV1, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.run_jobs().await;
    assert_eq!(shown(&app, &format!("/v1/usage/days?since={day}")).await, days);
    let mut tx = app.app.db.begin().await.unwrap();
    assert_eq!(tx.add_up_usage_days(i64::MAX, 100).await.unwrap(), 0, "nothing is left to add up");
    drop(tx);
    for (query, status) in [
        ("?since=2025-01-01&until=2026-01-01", 200),
        ("?since=2024-01-01&until=2024-12-31", 200),
        ("?since=2025-01-01&until=2026-01-02", 400),
        ("?since=2026-01-02&until=2026-01-01", 400),
        ("?since=2026-02-29", 400),
        ("?until=today", 400),
        ("?kind=user", 400),
        ("?what=x", 400),
    ] {
        assert_eq!(ask(&app, ADMIN, &format!("/v1/usage/days{query}")).await.status, status, "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn queues_are_counted_by_class_and_state() {
    let app = TestApp::start().await;
    let release = |number: u32| Job::ReleaseUploadV1 { upload_id: format!("{number:032}"), key: "images/none".into() };
    let now = SystemTime::now();
    let mut tx = app.app.db.begin().await.unwrap();
    for number in 0..4 {
        queue::enqueue(&mut tx, &release(number), now - Duration::from_secs(90)).await.unwrap();
    }
    queue::enqueue(&mut tx, &release(9), now + Duration::from_secs(600)).await.unwrap();
    tx.commit().await.unwrap();
    for verdict in [Some(Verdict::DeadLetter), Some(Verdict::Retry), None] {
        let claimed = runner::claim(&app.app, None, now, Duration::from_secs(60)).await.unwrap().unwrap();
        let Some(verdict) = verdict else { continue };
        let mut tx = app.app.db.begin().await.unwrap();
        let again = now + Duration::from_secs(300);
        assert!(tx.fail_job(&claimed, again, verdict, "STORE_ERROR").await.unwrap());
        tx.commit().await.unwrap();
    }
    let queues = shown(&app, "/v1/jobs").await;
    let classes: Vec<&str> =
        queues["queues"].as_array().unwrap().iter().map(|queue| queue["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["upkeep", "scans", "images", "videos"]);
    let upkeep = &queues["queues"][0];
    // One waits since 90 seconds, one for its time.
    let counted = ["waiting", "running", "retrying", "dead"].map(|name| upkeep[name].as_i64().unwrap());
    assert_eq!(counted, [2, 1, 1, 1], "{queues}");
    assert!((90..150).contains(&upkeep["oldestSeconds"].as_u64().unwrap()), "{queues}");
    let idle = json!({ "class": "scans", "waiting": 0, "running": 0, "retrying": 0, "dead": 0, "oldestSeconds": null });
    assert_eq!(queues["queues"][1], idle);
    app.stop().await;
}

/// Checks that a text holds no part of a secret: none of its runs of ten characters.
fn holds_nothing_of(text: &str, name: &str, secret: &str) {
    let flat = |text: &str| text.replace(['\n', '\\'], " ");
    let (text, secret) = (flat(text), flat(secret));
    let letters: Vec<char> = secret.chars().collect();
    for run in letters.windows(10) {
        let run: String = run.iter().collect();
        // Every PEM says these words.
        let is_secret = !run.contains("---") && !run.contains(' ');
        assert!(!is_secret || !text.contains(&run), "a part of {name} is shown: {run}");
    }
}

/// Every setting is there, and no value of a secret is, whatever was given.
#[test]
fn no_secret_is_among_the_values() {
    let marker = |name: &str| format!("marker-{}-0123456789", name.to_ascii_lowercase().replace('_', "-"));
    let mut given: Vec<(String, String)> = SETTINGS
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| (setting.name.to_owned(), marker(setting.name)))
        .collect();
    let secrets = given.len();
    assert!(secrets >= 11, "{given:?}");
    // Passwords and tokens in what is no secret itself.
    for setting in SETTINGS.iter().filter(|setting| !setting.secret) {
        let value = if setting.accepts.contains("host") {
            "user:marker-password@host.test".to_owned()
        } else {
            "https://user:marker-password@host.test/a?token=marker-token#marker-fragment".to_owned()
        };
        given.push((setting.name.to_owned(), value));
    }
    let values = setting_values(&Sources { environment: given, ..Sources::default() });
    let names: BTreeSet<&str> = values.iter().map(|value| value.setting.name).collect();
    assert_eq!((names.len(), values.len()), (SETTINGS.len(), SETTINGS.len()));
    for value in &values {
        assert!(value.given, "{value:?}");
        let is_hidden = value.setting.secret;
        assert_eq!(value.value.is_none(), is_hidden, "{value:?}");
        assert!(!value.value.as_deref().unwrap_or_default().contains("marker"), "{value:?}");
    }
}

/// The same from a running server, with every secret that one can be started with.
#[tokio::test]
async fn no_secret_is_in_the_response() {
    for redis in ["REDIS_URL", "REDIS_PASSWORD"] {
        no_secret_is_shown(redis).await;
    }
}

async fn no_secret_is_shown(redis: &str) {
    let long = |name: &str| format!("marker{name}0123456789abcdefghijklmnopqrstuvwxyz");
    // Not named as the folder of the data is, which is shown.
    let folder = tempfile::Builder::new().prefix("marker").tempdir().unwrap();
    let database = format!("sqlite:{}/marker-of-the-database.db", folder.path().display());
    let (service, links, earlier) = (long("service"), long("links"), long("earlier"));
    let (access, secret) = ("MARKEROFTHEOPERATOR".to_owned(), long("operator"));
    // The test's own database has a URL without a password; the others are the bucket's.
    let is_sqlite = std::env::var("TEST_DATABASE").is_err();
    let mut settings = vec![
        ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
        ("CLOUDFRONT_PRIVATE_KEY_PEM", RSA_KEY),
        ("AUTH_OWN_TOKENS", "true"),
        ("AUTH_OWN_KEY_PEM", P256_KEY),
        ("AUTH_JWT_PUBLIC_KEY_BASE64", PUBLIC_KEY),
        ("AUTH_SERVICE_TOKEN", service.as_str()),
        ("UPLOAD_SIGNING_KEY", &links),
        ("UPLOAD_SIGNING_KEY_PREVIOUS", &earlier),
        ("S3_OPERATOR_ACCESS_KEY", &access),
        ("S3_OPERATOR_SECRET_KEY", &secret),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "marker-secret-of-aws"),
        ("AWS_SESSION_TOKEN", "marker-token-of-aws"),
        ("CLOUDFRONT_API_URL", "https://cloudfront.test"),
    ];
    // Both say the same, so that a server has one of them.
    if redis == "REDIS_URL" {
        settings.push(("REDIS_URL", "redis://marker-user:marker-password-of-redis@marker-redis.test"));
    } else {
        settings.extend([("REDIS_HOST", "127.0.0.1"), ("REDIS_PASSWORD", "marker-password-of-redis")]);
    }
    let other = if redis == "REDIS_URL" { "REDIS_PASSWORD" } else { "REDIS_URL" };
    if is_sqlite {
        settings.push(("DATABASE_URL", &database));
    }
    let missing: Vec<&str> = SETTINGS
        .iter()
        .filter(|setting| setting.secret && settings.iter().all(|(name, _)| *name != setting.name))
        .map(|setting| setting.name)
        .collect();
    let expected = if is_sqlite { vec![other] } else { vec!["DATABASE_URL", other] };
    assert_eq!(
        missing.iter().collect::<BTreeSet<_>>(),
        expected.iter().collect(),
        "secrets that the test does not give"
    );
    let app = TestApp::with(&settings).await;
    let headers = [("x-service-token", service.as_str())];
    let mut seen = Vec::new();
    for path in ["/v1/settings", "/v1/keys", "/v1/me", "/v1/sign-in", "/v1/jobs", "/v1/usage", "/v1/usage/days"] {
        let answer = ask(&app, &headers, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        for (name, value) in
            settings.iter().filter(|(name, _)| SETTINGS.iter().any(|one| one.secret && one.name == *name))
        {
            holds_nothing_of(&answer.text(), name, value);
        }
        assert!(!answer.text().to_ascii_lowercase().contains("marker"), "{path}: {}", answer.text());
        seen.push(answer.json());
    }
    let listed = seen[0]["settings"].as_array().unwrap();
    assert_eq!(listed.len(), SETTINGS.len());
    for (one, setting) in listed.iter().zip(SETTINGS) {
        assert_eq!((&one["name"], &one["secret"]), (&json!(setting.name), &json!(setting.secret)));
        assert!(!one["section"].as_str().unwrap().is_empty() && !one["description"].as_str().unwrap().is_empty());
        assert!(!setting.secret || one["value"].is_null(), "{one}");
        assert!(
            one["given"] == true || one["default"].is_null() || one["value"] == one["default"] || setting.secret,
            "{one}"
        );
    }
    let of = |name: &str| listed.iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!((&of("PORT")["value"], &of("PORT")["given"]), (&json!("0"), &json!(true)));
    assert_eq!((&of("S3_PORT")["default"], &of("LOG_LEVEL")["value"]), (&json!("9000"), &json!("info")));
    // What depends on others is shown as it is.
    assert_eq!(of("PUBLIC_BASE_URL")["value"], app.api());
    assert_eq!((&of("AUTH_MODE")["value"], &of("AUTH_MODE")["given"]), (&json!("jwt"), &json!(false)));
    assert_eq!(of("RATE_LIMIT_PER_SUBJECT")["value"], "0");
    assert_eq!((&of("DATABASE_URL")["given"], &of("DATABASE_URL")["value"]), (&json!(true), &Value::Null));
    assert!(of("UPLOAD_ROOT")["value"].as_str().unwrap().ends_with("/store"));
    app.stop().await;
}

/// Returns use, id, state and source of each key.
fn keys(answer: &Value) -> Vec<[String; 4]> {
    let key = |one: &Value| ["use", "id", "state", "source"].map(|name| one[name].as_str().unwrap().to_owned());
    answer["signing"].as_array().unwrap().iter().map(key).collect()
}

#[tokio::test]
async fn keys_are_shown_by_their_public_parts() {
    let service = "s".repeat(40);
    let settings = [
        ("AUTH_OWN_TOKENS", "true"),
        ("AUTH_JWT_PUBLIC_KEY_BASE64", PUBLIC_KEY),
        ("AUTH_SERVICE_TOKEN", service.as_str()),
        ("UPLOAD_SIGNING_KEY_PREVIOUS", "an-earlier-key-of-links"),
        ("EDGE_KEYS_REFRESH_SECONDS", "1"),
    ];
    let app = TestApp::with(&settings).await;
    let headers = [("x-service-token", service.as_str())];
    let list = async || {
        let answer = ask(&app, &headers, "/v1/keys").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(!answer.text().contains("PRIVATE") && !answer.text().contains("BEGIN"), "{}", answer.text());
        answer.json()
    };
    let first = list().await;
    let edge_id = app.app.signing_key.signer().key_pair_id().to_owned();
    let found = keys(&first);
    let has = |used: &str, state: &str, source: &str| {
        found
            .iter()
            .filter(|[one, _, two, three]| (one.as_str(), two.as_str(), three.as_str()) == (used, state, source))
            .count()
    };
    assert_eq!(found[0], ["edge", edge_id.as_str(), "signing", "generated"].map(str::to_owned), "{first}");
    assert_eq!((has("tokens", "signing", "generated"), has("tokens", "accepted", "setting")), (1, 1), "{first}");
    assert_eq!((has("links", "signing", "generated"), has("links", "accepted", "setting")), (1, 1), "{first}");
    assert_eq!((has("s3", "signing", "generated"), found.len()), (1, 6), "{first}");
    // The fingerprint is that of `openssl pkey -pubin -outform DER | sha256sum`.
    let (_, spki) = sign::pem_block(PUBLIC_KEY).unwrap();
    let fingerprint = crate::support::files::sha256(&spki);
    assert_eq!(
        first["signing"].as_array().unwrap().iter().filter(|key| key["fingerprint"] == fingerprint.as_str()).count(),
        1
    );
    for key in first["signing"].as_array().unwrap() {
        let is_public = key["use"] == "edge" || key["use"] == "tokens";
        assert_eq!(key["fingerprint"].as_str().is_some_and(|hex| hex.len() == 64), is_public, "{key}");
        assert_eq!(key["since"].is_null(), key["source"] == "setting", "{key}");
    }
    // A rotation: the new key is trusted first, and signs later.
    let folder = app.app.config.edge.keys.clone();
    let (added, _) = tidegate::config::secrets::generate_pair(&folder, sign::KeyKind::P256).unwrap();
    std::fs::write(folder.join("broken.pub.pem"), "no key").unwrap();
    std::fs::write(folder.join("foreign.pub.pem"), PUBLIC_KEY).unwrap();
    app.app.edge_keys.reload();
    let second = keys(&list().await);
    let state = |id: &str| {
        second.iter().find(|[_, one, ..]| one == id).map(|[_, _, state, source]| (state.as_str(), source.as_str()))
    };
    assert_eq!(state(&edge_id), Some(("signing", "generated")));
    assert_eq!(state(&added), Some(("accepted", "generated")));
    assert_eq!((state("foreign"), state("broken")), (Some(("accepted", "file")), None));
    tokio::time::sleep(Duration::from_secs(3)).await;
    app.app.signing_key.reload(&app.app.edge_keys);
    let third = keys(&list().await);
    let state = |id: &str| third.iter().find(|[_, one, ..]| one == id).map(|[_, _, state, _]| state.as_str());
    assert_eq!((state(&added), state(&edge_id)), (Some("signing"), Some("accepted")));
    app.finish().await;
}
