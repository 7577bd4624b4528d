//! Spaces: the rights of each role, and the life cycle of images.

use std::collections::HashSet;

use futures::StreamExt as _;
use serde_json::{Value, json};
use store::Attributes;
use tidegate::model::ids::ObjectId;
use tidegate::model::object::ObjectState;

use crate::support::TestApp;
use crate::support::sessions::{eicar, photo, scanner};

async fn scanned() -> TestApp {
    with_scanner(&[]).await
}

async fn with_scanner(more: &[(&'static str, &str)]) -> TestApp {
    let scanner = scanner();
    let mut settings: Vec<(&str, &str)> = scanner.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend(more);
    TestApp::with(&settings).await
}

fn ids(page: &Value) -> Vec<String> {
    page["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

const NOBODY: &str = "01900000-0000-7000-8000-000000000000";

#[tokio::test]
async fn members_do_what_their_role_allows_and_strangers_see_nothing() {
    let app = scanned().await;
    let space = app.space("ann", "Holidays").await;
    let image = app.image_in("ann", &space).await;
    assert_eq!(app.member("ann", &space, "ed", "editor").await.status, 200);
    let set = app.member("ann", &space, "vi", "viewer").await;
    assert_eq!((set.status, &set.json()["role"], &set.json()["userId"]), (200, &json!("viewer"), &json!("vi")));

    let at = |tail: &str| format!("/api/spaces/{space}{tail}");
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg" });
    let ids = json!({ "ids": [image] });
    let one = format!("/images/{image}");
    // Requests, and the expected status for viewer, editor and owner.
    let cases: Vec<(&str, String, Option<&Value>, [u16; 3])> = vec![
        ("GET", String::new(), None, [200, 200, 200]),
        ("GET", "/images".into(), None, [200, 200, 200]),
        ("GET", one.clone(), None, [200, 200, 200]),
        ("GET", format!("{one}/history"), None, [200, 200, 200]),
        ("POST", "/images/refresh".into(), Some(&ids), [200, 200, 200]),
        ("POST", "/grant-cookies".into(), None, [204, 204, 204]),
        ("POST", "/images".into(), Some(&new), [403, 201, 201]),
        ("POST", format!("{one}/confirm"), None, [403, 200, 200]),
        ("POST", format!("{one}/retry"), None, [403, 409, 409]),
        ("GET", "/trash".into(), None, [403, 200, 200]),
        ("DELETE", "/trash".into(), None, [403, 202, 202]),
        ("POST", format!("{one}/restore"), None, [403, 200, 200]),
        ("DELETE", format!("/trash/{image}"), None, [403, 404, 404]),
        ("GET", "/members".into(), None, [403, 403, 200]),
        ("PUT", "/members/vi".into(), Some(&json!(null)), [403, 403, 400]),
        ("DELETE", "/members/nobody".into(), None, [403, 403, 404]),
    ];
    let role = json!({ "role": "viewer" });
    for (method, tail, body, statuses) in &cases {
        let body = if tail == "/members/vi" { Some(&role) } else { *body };
        for (user, expected) in ["vi", "ed", "ann"].into_iter().zip(statuses) {
            let expected = if tail == "/members/vi" && user == "ann" { 200 } else { *expected };
            let answer = app.as_of(user, "o", method, &at(tail), body).await;
            assert_eq!(answer.status, expected, "{user} {method} {tail}: {}", answer.text());
        }
        // Strangers cannot tell whether the space exists.
        let foreign = app.as_of("eve", "o", method, &at(tail), body).await;
        let unknown = app.as_of("eve", "o", method, &at(tail).replace(&space, NOBODY), body).await;
        assert_eq!(foreign.refusal(), (404, "NOT_FOUND".into()), "{method} {tail}");
        assert_eq!(foreign.body, unknown.body, "{method} {tail}");
    }
    let events = app.get("eve", &at("/events")).await;
    assert_eq!(events.refusal(), (404, "NOT_FOUND".into()));
    assert_eq!(app.as_of("vi", "o", "DELETE", &at(&one), None).await.refusal(), (403, "FORBIDDEN".into()));
    assert_eq!(app.as_of("ed", "o", "DELETE", &at(""), None).await.refusal(), (403, "FORBIDDEN".into()));
    let anonymous = app.send("GET", &format!("{}{}", app.api(), at("/images")), &[], Vec::new()).await;
    assert_eq!(anonymous.refusal(), (401, "UNAUTHENTICATED".into()));

    // A removed member is a stranger.
    assert_eq!(app.delete("ann", &at("/members/vi")).await.status, 204);
    assert_eq!(app.get("vi", &at("/images")).await.refusal(), (404, "NOT_FOUND".into()));
    // Every member may leave.
    assert_eq!(app.delete("ed", &at("/members/ed")).await.status, 204);
    assert_eq!(app.get("ed", &at("")).await.status, 404);
    assert_eq!(app.get("ed", "/api/spaces").await.json(), json!({ "spaces": [] }));
    app.finish_with(1).await;
}

#[tokio::test]
async fn a_space_keeps_an_owner() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let me = format!("/api/spaces/{space}/members/ann");
    assert_eq!(app.delete("ann", &me).await.refusal(), (409, "INVALID_STATE".into()));
    assert_eq!(app.member("ann", &space, "ann", "editor").await.refusal(), (409, "INVALID_STATE".into()));
    // With two owners each may leave, but not both, however closely they race.
    for round in 0..8 {
        let other = format!("bob{round}");
        assert_eq!(app.member("ann", &space, &other, "owner").await.status, 200);
        let others = format!("/api/spaces/{space}/members/{other}");
        let (one, two) = tokio::join!(app.delete("ann", &me), app.delete(&other, &others));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "round {round}");
        if one.status == 204 {
            assert_eq!(app.member(&other, &space, "ann", "owner").await.status, 200);
            assert_eq!(app.delete(&other, &others).await.status, 204);
        } else {
            assert_eq!(app.delete("ann", &me).await.status, 409);
        }
    }
    let members = app.get("ann", &format!("/api/spaces/{space}/members")).await.json();
    assert_eq!(members["members"].as_array().unwrap().len(), 1, "{members}");
    app.finish().await;
}

#[tokio::test]
async fn names_are_text_whatever_they_say() {
    let app = TestApp::start().await;
    for name in ["<script>alert(1)</script>", "\u{202e}txet", "🏞️ Ferien 写真", "'; DROP TABLE spaces; --", "../.."]
    {
        let id = app.space("ann", name).await;
        let shown = app.get("ann", &format!("/api/spaces/{id}")).await.json();
        assert_eq!((&shown["name"], &shown["role"]), (&json!(name), &json!("owner")));
    }
    for name in [String::new(), "  ".into(), "a\nb".into(), "\u{0}".into(), "x".repeat(5000)] {
        let refused = app.post("ann", "/api/spaces", &json!({ "name": name })).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()), "{name:?}");
    }
    for body in [json!({}), json!({ "name": 5 }), json!([])] {
        assert_eq!(app.post("ann", "/api/spaces", &body).await.refusal(), (400, "BAD_REQUEST".into()));
    }
    // The listing, page by page.
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get("ann", &format!("/api/spaces?limit=2{cursor}")).await.json();
        seen.extend(page["spaces"].as_array().unwrap().iter().map(|space| space["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((seen.len(), seen.iter().collect::<HashSet<_>>().len()), (5, 5));
    let space = app.space("ann", "members").await;
    for user in ["a%2Fb", "%F0%9F%98%80", "%3Cb%3E"] {
        assert_eq!(app.member("ann", &space, user, "viewer").await.status, 200, "{user}");
    }
    for (user, role) in
        [("x%0Ay", "viewer"), ("bob%20", "viewer"), ("%20", "viewer"), ("x", "Owner"), ("x", "admin"), ("x", "")]
    {
        assert_eq!(app.member("ann", &space, user, role).await.refusal(), (400, "BAD_REQUEST".into()), "{user} {role}");
    }
    let path = format!("/api/spaces/{space}/members");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get("ann", &format!("{path}?limit=1{cursor}")).await.json();
        seen.extend(page["members"].as_array().unwrap().iter().map(|m| m["userId"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["<b>", "a/b", "ann", "😀"]);
    app.finish().await;
}

#[tokio::test]
async fn an_image_goes_in_and_comes_out_as_it_was_without_what_is_said_of_it() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let original = photo(6);
    let id = app.sent_to("ann", &space, "image/jpeg", &original).await;
    assert_eq!(app.images("ann", &space, "").await["images"], json!([]), "not before it was looked at");
    let waiting = app.images("ann", &space, "?status=ALL").await;
    assert_eq!(
        (&waiting["images"][0]["status"], &waiting["images"][0]["cloudfrontUrl"]),
        (&json!("PENDING"), &Value::Null)
    );
    app.run_jobs().await;
    let page = app.images("ann", &space, "").await;
    let image = &page["images"][0];
    assert_eq!((&image["id"], &image["status"], &image["scan"]), (&json!(id), &json!("READY"), &json!("clean")));
    // Dimensions after rotation: the image lies on its side.
    assert_eq!((&image["width"], &image["height"]), (&json!(64), &json!(96)), "{image}");
    assert_eq!((&image["name"], &image["spaceId"]), (&json!("a picture.jpg"), &json!(space)));
    let key = image["s3Key"].as_str().unwrap();
    assert!(key.starts_with(&format!("spaces/{space}/pub/{id}/")), "{key}");
    assert!(image["blurhash"].as_str().unwrap().len() > 5);
    let read = app.read(&image["cloudfrontUrl"]).await;
    assert_eq!((read.status, read.header("content-type")), (200, "image/jpeg"));
    assert!(!read.body.windows(11).any(|window| window == b"SecretMaker"));
    let pixels = |bytes: &[u8]| turbojpeg::decompress(bytes, turbojpeg::PixelFormat::RGB).unwrap().pixels;
    assert_eq!(pixels(&read.body), pixels(&original), "not one of them has changed");
    let thumbnails = image["thumbnails"].as_array().unwrap();
    assert_eq!(thumbnails.len(), 2, "it is smaller than all sizes: {image}");
    for small in thumbnails {
        let read = app.read(&small["url"]).await;
        assert_eq!((read.status, read.header("content-type")), (200, small["contentType"].as_str().unwrap()));
    }
    assert_eq!(app.app.store.stat(key).await.unwrap().attributes.metadata.len(), 0, "nothing that a CDN would hand on");
    let expires = page["expiresAt"].as_str().unwrap();
    assert!(page["refreshAfter"].as_str().unwrap() < expires);
    let shown = app.get("ann", &format!("/api/spaces/{space}")).await.json();
    assert_eq!((&shown["imageCount"], &shown["bytes"]), (&json!(1), &json!(read.body.len())));
    // A single image equals its entry in the listing.
    let one = app.get("ann", &format!("/api/spaces/{space}/images/{id}")).await;
    assert_eq!((&one.json()["cloudfrontUrl"], &one.json()["expiresAt"]), (&image["cloudfrontUrl"], &page["expiresAt"]));
    assert_eq!(one.header("cache-control"), "no-store");
    let history = app.get("ann", &format!("/api/spaces/{space}/images/{id}/history")).await.json();
    let steps: Vec<&str> = history.as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["PENDING", "PENDING", "SCANNING", "PROCESSING", "READY"]);
    assert!(app.files().iter().all(|file| file.contains("/pub/")), "{:?}", app.files());
    app.finish_with(1).await;
}

#[tokio::test]
async fn all_urls_of_a_space_bear_one_signature_which_opens_nothing_else() {
    let app = scanned().await;
    let (space, other) = (app.space("ann", "x").await, app.space("ann", "y").await);
    let (first, second) = (app.image_in("ann", &space).await, app.image_in("ann", &space).await);
    app.image_in("ann", &other).await;
    let path = format!("/api/spaces/{space}/images");
    let (one, two) = (app.get("ann", &path).await, app.get("ann", &path).await);
    if one.json()["expiresAt"] == two.json()["expiresAt"] {
        assert_eq!(one.body, two.body, "the same to the byte inside a window");
    }
    let page = one.json();
    assert_eq!(ids(&page), [second.clone(), first.clone()], "newest first");
    let query = |url: &Value| url.as_str().unwrap().split_once('?').unwrap().1.to_owned();
    let mut queries = HashSet::new();
    for image in page["images"].as_array().unwrap() {
        queries.insert(query(&image["cloudfrontUrl"]));
        queries.extend(image["thumbnails"].as_array().unwrap().iter().map(|small| query(&small["url"])));
    }
    assert_eq!(queries.len(), 1, "{page}");
    let grant = queries.into_iter().next().unwrap();
    // The shared query is stated once on request.
    let shared = app.images("ann", &space, "?urls=shared").await;
    if shared["expiresAt"] == page["expiresAt"] {
        assert_eq!(shared["urlQuery"], json!(grant));
    }
    let bare = shared["images"][0]["cloudfrontUrl"].as_str().unwrap();
    assert!(!bare.contains('?'), "{bare}");
    let joined = format!("{bare}?{}", shared["urlQuery"].as_str().unwrap());
    assert_eq!(app.read(&json!(joined)).await.status, 200);
    assert_eq!(app.read(&json!(bare)).await.status, 403, "unsigned");

    // Other keys of the store, under this valid signature.
    let theirs = app.images("ann", &other, "").await["images"][0]["s3Key"].as_str().unwrap().to_owned();
    let waiting = app.post("ann", &path, &json!({ "filename": "a.jpg", "contentType": "image/jpeg" })).await.json();
    let lands = waiting["uploadUrl"].as_str().unwrap();
    let incoming = lands.find(".incoming/").map(|at| lands[at..].split('?').next().unwrap().to_owned()).unwrap();
    let put = app.send("PUT", lands, &[("content-type", "image/jpeg")], photo(1)).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let deleted = page["images"][0]["s3Key"].as_str().unwrap();
    assert_eq!(app.delete("ann", &format!("{path}/{second}")).await.status, 204);
    for key in [
        incoming,
        format!(".quarantine/{first}/00000000000000000000000000000000"),
        format!(".trash/{deleted}"),
        deleted.to_owned(),
        theirs,
        format!("spaces/{space}/private/x"),
        format!("spaces/{space}/pub/../private/x"),
        format!("spaces/{space}/pub/.hidden"),
        format!("spaces/{space}/pub/"),
    ] {
        let read = app.send("GET", &format!("{}/{key}?{grant}", app.edge()), &[], Vec::new()).await;
        assert!([403, 404].contains(&read.status), "{key}: {}", read.status);
    }

    // The same grant as cookies.
    let cookies = app.post("ann", &format!("/api/spaces/{space}/grant-cookies"), &json!({})).await;
    assert_eq!(cookies.status, 204, "{}", cookies.text());
    let set: Vec<&str> = cookies.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set.len(), 3, "{set:?}");
    assert!(set.iter().all(|line| line.contains(&format!("Path=/spaces/{space}/pub/")) && line.contains("HttpOnly")));
    let pairs: Vec<&str> = set.iter().map(|line| line.split(';').next().unwrap()).collect();
    let first_url = page["images"][1]["cloudfrontUrl"].as_str().unwrap().split('?').next().unwrap();
    let read = app.send("GET", first_url, &[("cookie", &pairs.join("; "))], Vec::new()).await;
    assert_eq!(read.status, 200);
    assert_eq!(app.get("ann", &format!("{path}?urls=each")).await.refusal(), (400, "BAD_REQUEST".into()));
    app.run_jobs().await;
    app.finish_with(4).await;
}

#[tokio::test]
async fn a_deleted_image_is_gone_though_its_url_is_good_and_comes_back() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let image = app.image_in("ann", &space).await;
    let path = format!("/api/spaces/{space}");
    let shown = app.images("ann", &space, "").await["images"][0].clone();
    let urls: Vec<Value> = std::iter::once(shown["cloudfrontUrl"].clone())
        .chain(shown["thumbnails"].as_array().unwrap().iter().map(|small| small["url"].clone()))
        .collect();
    for url in &urls {
        assert_eq!(app.read(url).await.status, 200);
    }
    assert_eq!(app.delete("ann", &format!("{path}/images/{image}")).await.status, 204);
    for url in &urls {
        assert!([403, 404].contains(&app.read(url).await.status), "before any job ran");
    }
    assert_eq!(app.get("ann", &format!("{path}/images/{image}")).await.status, 404);
    assert_eq!(app.delete("ann", &format!("{path}/images/{image}")).await.status, 404);
    assert_eq!(app.get("ann", &path).await.json()["imageCount"], 0);
    let trash = app.get("ann", &format!("{path}/trash")).await.json();
    assert_eq!((trash["images"].as_array().unwrap().len(), &trash["images"][0]["id"]), (1, &json!(image)), "{trash}");
    assert!(trash["images"][0]["purgeAt"].as_str() > trash["images"][0]["deletedAt"].as_str());
    let back = app.post("ann", &format!("{path}/images/{image}/restore"), &json!({})).await;
    assert_eq!((back.status, &back.json()["status"]), (200, &json!("READY")), "{}", back.text());
    for url in &urls {
        assert_eq!(app.read(url).await.status, 200, "where it was");
    }
    assert_eq!(app.get("ann", &path).await.json()["imageCount"], 1);

    // Purge.
    let refused = app.delete("ann", &format!("{path}/trash/{image}")).await;
    assert_eq!(refused.status, 404, "only what was deleted");
    assert_eq!(app.delete("ann", &format!("{path}/images/{image}")).await.status, 204);
    assert_eq!(app.delete("ann", &format!("{path}/trash/{image}")).await.status, 204);
    assert_eq!(app.post("ann", &format!("{path}/images/{image}/restore"), &json!({})).await.status, 404);
    assert_eq!(app.get("ann", &format!("{path}/trash")).await.json(), json!({ "images": [], "total": 0 }));
    assert_eq!(app.files(), Vec::<String>::new());

    // Purge of the whole trash.
    let (one, two) = (app.image_in("ann", &space).await, app.image_in("ann", &space).await);
    for id in [&one, &two] {
        assert_eq!(app.delete("ann", &format!("{path}/images/{id}")).await.status, 204);
    }
    let page = app.get("ann", &format!("{path}/trash?limit=1")).await.json();
    assert_eq!(page["images"][0]["id"], json!(two), "the latest first");
    let next = page["nextCursor"].as_str().unwrap();
    let rest = app.get("ann", &format!("{path}/trash?limit=1&cursor={next}")).await.json();
    assert_eq!((&rest["images"][0]["id"], rest.get("nextCursor")), (&json!(one), None));
    assert_eq!(app.delete("ann", &format!("{path}/trash")).await.status, 202);
    app.run_jobs().await;
    assert_eq!(app.files(), Vec::<String>::new());
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn who_restores_what_is_being_restored_waits_for_nobody() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let image = app.image_in("ann", &space).await;
    let path = format!("/api/spaces/{space}/images/{image}");
    for _ in 0..3 {
        assert_eq!(app.delete("ann", &path).await.status, 204);
        let restore = format!("{path}/restore");
        let body = json!({});
        let all = (0..20).map(|_| app.post("ann", &restore, &body));
        let all = tokio::time::timeout(std::time::Duration::from_secs(8), futures::future::join_all(all)).await;
        for answer in all.expect("nobody holds what another needs") {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    assert_eq!(app.get("ann", &format!("/api/spaces/{space}")).await.json()["imageCount"], 1);
    app.run_jobs().await;
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn what_can_not_come_back_whole_stays_in_the_trash() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let image = app.image_in("ann", &space).await;
    let key = app.images("ann", &space, "").await["images"][0]["s3Key"].as_str().unwrap().to_owned();
    let path = format!("/api/spaces/{space}");
    assert_eq!(app.delete("ann", &format!("{path}/images/{image}")).await.status, 204);
    app.run_jobs().await;
    let blob = app.folder.path().join("store/.trash").join(&key);
    let aside = app.folder.path().join("aside");
    std::fs::rename(&blob, &aside).unwrap();
    let refused = app.post("ann", &format!("{path}/images/{image}/restore"), &json!({})).await;
    assert_eq!(refused.refusal(), (502, "STORE_ERROR".into()));
    app.run_jobs().await;
    let trash = app.get("ann", &format!("{path}/trash")).await.json();
    assert_eq!(trash["images"][0]["id"], json!(image), "{trash}");
    // The bytes return, as if an operator had restored a backup.
    std::fs::rename(&aside, &blob).unwrap();
    let back = app.post("ann", &format!("{path}/images/{image}/restore"), &json!({})).await;
    assert_eq!((back.status, &back.json()["status"]), (200, &json!("READY")), "{}", back.text());
    app.run_jobs().await;
    assert_eq!(app.read(&back.json()["cloudfrontUrl"]).await.status, 200);
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn what_retention_ends_is_gone() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let image = app.image_in("ann", &space).await;
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/images/{image}")).await.status, 204);
    app.run_jobs().await;
    assert!(!app.files().is_empty());
    let mut tx = app.app.db.begin().await.unwrap();
    let after = app.app.db.now() + std::time::Duration::from_secs(1);
    assert!(!tx.begin_restore(ObjectId::parse(&image).unwrap(), after).await.unwrap(), "also before the sweep comes");
    drop(tx);
    let late = app.app.db.now() + app.app.config.retention + std::time::Duration::from_secs(1);
    tidegate::uploads::media_items::deletion::purge_old(&app.app, late).await.unwrap();
    app.run_jobs().await;
    assert_eq!(app.files(), Vec::<String>::new());
    let restored = app.post("ann", &format!("/api/spaces/{space}/images/{image}/restore"), &json!({})).await;
    assert_eq!(restored.status, 404);
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn a_deleted_space_is_gone_at_once_and_its_bytes_soon() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    app.image_in("ann", &space).await;
    let url = app.images("ann", &space, "").await["images"][0]["cloudfrontUrl"].clone();
    let open = app
        .post(
            "ann",
            &format!("/api/spaces/{space}/images"),
            &json!({ "filename": "b.png", "contentType": "image/png" }),
        )
        .await;
    assert_eq!(open.status, 201);
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}")).await.status, 202);
    for path in ["", "/images", "/members", "/trash"] {
        assert_eq!(app.get("ann", &format!("/api/spaces/{space}{path}")).await.status, 404);
    }
    assert_eq!(app.get("ann", "/api/spaces").await.json()["spaces"], json!([]));
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}")).await.status, 404);
    app.run_jobs().await;
    assert!([403, 404].contains(&app.read(&url).await.status));
    assert!(app.files().iter().all(|file| file.starts_with(".trash/")), "{:?}", app.files());
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn pages_go_through_all_images_once() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(app.sent_to("ann", &space, "image/jpeg", &photo(1)).await);
    }
    app.run_jobs().await;
    all.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.images("ann", &space, &format!("?limit=2{cursor}")).await;
        seen.extend(ids(&page));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all);
    for bad in [
        "limit=0",
        "limit=-1",
        "limit=1000000000",
        "limit=x",
        "cursor=zzz",
        "cursor=",
        "status=READ",
        "status=DELETED",
        "limit=99999999999999999999",
    ] {
        let refused = app.get("ann", &format!("/api/spaces/{space}/images?{bad}")).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()), "{bad}");
    }
    // A cursor of another listing only selects a position in this one.
    let other = app.space("eve", "y").await;
    let stolen = app.get("eve", &format!("/api/spaces/{other}/images?{}", cursor.trim_start_matches('&'))).await;
    assert_eq!(stolen.json()["images"], json!([]));
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn urls_are_renewed_for_what_is_in_the_space_only() {
    let app = scanned().await;
    let (space, other) = (app.space("ann", "x").await, app.space("eve", "y").await);
    let (one, two) = (app.image_in("ann", &space).await, app.image_in("ann", &space).await);
    let (gone, theirs) = (app.image_in("ann", &space).await, app.image_in("eve", &other).await);
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/images/{gone}")).await.status, 204);
    let path = format!("/api/spaces/{space}/images/refresh");
    let asked = json!({ "ids": [one, theirs, two, gone, NOBODY, "no id", one] });
    let fresh = app.post("ann", &path, &asked).await.json();
    assert_eq!(ids(&fresh), [one.clone(), two.clone()], "in the order that was asked for, each once");
    assert_eq!(fresh["missing"], json!([theirs, gone, NOBODY, "no id"]));
    assert_eq!(app.read(&fresh["images"][0]["cloudfrontUrl"]).await.status, 200);
    assert!(fresh["expiresAt"].is_string());
    let shared = app.post("ann", &format!("{path}?urls=shared"), &asked).await.json();
    assert!(shared["urlQuery"].as_str().unwrap().contains("Signature="));
    let many = json!({ "ids": vec![NOBODY; 1001] });
    assert_eq!(app.post("ann", &path, &many).await.refusal(), (400, "BAD_REQUEST".into()));
    assert_eq!(app.post("eve", &path, &many).await.refusal(), (404, "NOT_FOUND".into()), "who may comes first");
    let many = json!({ "ids": vec!["no id"; 1001] });
    assert_eq!(app.post("ann", &path, &many).await.refusal(), (400, "BAD_REQUEST".into()));
    for bad in [json!({}), json!({ "ids": "x" }), json!({ "ids": [1] })] {
        assert_eq!(app.post("ann", &path, &bad).await.refusal(), (400, "BAD_REQUEST".into()), "{bad}");
    }
    assert_eq!(app.post("ann", &path, &json!({ "ids": [] })).await.json()["images"], json!([]));
    // An image of another space is unknown through one's own space.
    for (method, tail) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/confirm"),
        ("POST", "/restore"),
        ("GET", "/history"),
        ("POST", "/retry"),
    ] {
        let at = format!("/api/spaces/{space}/images/{theirs}{tail}");
        assert_eq!(
            app.as_of("ann", "o", method, &at, None).await.refusal(),
            (404, "NOT_FOUND".into()),
            "{method} {tail}"
        );
    }
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn what_is_no_good_image_is_never_served() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    let images = format!("/api/spaces/{space}/images");
    for (name, kind, size, expected) in [
        ("a.svg", "image/svg+xml", 10, 400),
        ("a.mp4", "video/mp4", 10, 400),
        ("a.jpg", "", 10, 400),
        ("a.jpg", "image/jpeg", 0, 400),
        ("a.jpg", "image/jpeg", 1_i64 << 40, 413),
        ("../a.jpg", "image/jpeg", 10, 400),
        ("", "image/jpeg", 10, 400),
        ("x\u{0}.jpg", "image/jpeg", 10, 400),
    ] {
        let new = json!({ "filename": name, "contentType": kind, "size": size });
        let refused = app.post("ann", &images, &new).await;
        assert_eq!(refused.refusal().0, expected, "{new}");
    }
    let too_long = json!({ "filename": "é".repeat(5000), "contentType": "image/jpeg" });
    assert_eq!(app.post("ann", &images, &too_long).await.refusal().0, 400);
    // Nothing was uploaded yet.
    let new = json!({ "filename": "<b>\u{202e}🙂.jpg", "contentType": "image/jpeg" });
    let waiting = app.post("ann", &images, &new).await.json();
    let confirm = format!("{images}/{}/confirm", waiting["id"].as_str().unwrap());
    assert_eq!(app.post("ann", &confirm, &json!({})).await.refusal(), (400, "BAD_REQUEST".into()));
    // Other bytes than announced.
    let url = waiting["uploadUrl"].as_str().unwrap();
    let put = app.send("PUT", url, &[("content-type", "image/jpeg")], b"<svg onload=alert(1)>".to_vec()).await;
    assert_eq!(put.status, 200);
    assert_eq!(app.post("ann", &confirm, &json!({})).await.refusal(), (400, "BAD_REQUEST".into()));
    // Malware after a valid image, and a truncated image.
    let infected = app.sent_to("ann", &space, "image/jpeg", &[photo(1), eicar()].concat()).await;
    let half = app.sent_to("ann", &space, "image/jpeg", &photo(1)[..400]).await;
    app.run_jobs().await;
    let rejected = app.images("ann", &space, "?status=REJECTED").await;
    let why = |id: &str| {
        let found = rejected["images"].as_array().unwrap().iter().find(|image| image["id"] == json!(id));
        found.unwrap_or_else(|| panic!("{rejected}"))["reason"].as_str().unwrap().to_owned()
    };
    assert!(why(&infected).contains("malware"), "{rejected}");
    assert!(why(&half).contains("damaged"), "{rejected}");
    assert_eq!(rejected["images"].as_array().unwrap().len(), 3);
    assert_eq!(app.images("ann", &space, "").await["images"], json!([]));
    assert_eq!(app.files(), Vec::<String>::new());
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

/// Stores an object that belongs to no owner.
async fn lies_in_the_bucket(app: &TestApp, key: &str, bytes: &[u8]) {
    let body = futures::stream::iter([Ok(bytes::Bytes::copy_from_slice(bytes))]).boxed();
    app.app
        .store
        .write(key, body, Attributes { content_type: "image/jpeg".into(), ..Attributes::default() })
        .await
        .unwrap();
}

#[tokio::test]
async fn images_of_the_bucket_are_copied_and_left_as_they_are() {
    const TOKEN: &str = "service-token-of-32-characters-or-more";
    let prefixes = ("IMPORT_PREFIXES", "generated/, more/of them/");
    let more = [("AUTH_MODE", "jwt"), ("AUTH_SERVICE_TOKEN", TOKEN), ("AUTH_OWN_TOKENS", "true"), prefixes];
    let app = with_scanner(&more).await;
    let service = async |method: &str, path: &str, body: &Value| {
        let headers = [("x-service-token", TOKEN), ("x-user-id", "ann"), ("content-type", "application/json")];
        app.send(method, &format!("{}{path}", app.api()), &headers, body.to_string().into_bytes()).await
    };
    let made = service("POST", "/api/spaces", &json!({ "name": "generated" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let space = made.json()["id"].as_str().unwrap().to_owned();
    lies_in_the_bucket(&app, "generated/a.jpg", &photo(6)).await;
    lies_in_the_bucket(&app, "more/of them/infected.jpg", &[photo(1), eicar()].concat()).await;
    lies_in_the_bucket(&app, "generated/text.jpg", b"not an image").await;
    lies_in_the_bucket(&app, "elsewhere/a.jpg", &photo(1)).await;
    let import = format!("/api/spaces/{space}/images/import");
    let keys = json!({ "s3Key": ["generated/a.jpg", "generated/none.jpg", "more/of them/infected.jpg", "generated/text.jpg"] });
    let begun = service("POST", &import, &keys).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    assert_eq!(begun.json()["missing"], json!(["generated/none.jpg"]));
    assert_eq!(begun.json()["images"].as_array().unwrap().len(), 3);
    app.run_jobs().await;
    let listed = service("GET", &format!("/api/spaces/{space}/images?status=ALL"), &json!(null)).await.json();
    let of = |name: &str| {
        listed["images"].as_array().unwrap().iter().find(|image| image["name"] == json!(name)).unwrap().clone()
    };
    let good = of("a.jpg");
    assert_eq!((&good["status"], &good["contentType"]), (&json!("READY"), &json!("image/jpeg")));
    assert_eq!(app.read(&good["cloudfrontUrl"]).await.status, 200);
    assert!(of("infected.jpg")["reason"].as_str().unwrap().contains("malware"));
    assert!(of("text.jpg")["reason"].as_str().unwrap().contains("no image"), "{}", of("text.jpg"));
    // The imported key is unchanged.
    for key in ["generated/a.jpg", "more/of them/infected.jpg", "generated/text.jpg"] {
        app.app.store.stat(key).await.unwrap();
    }
    // An import that failed on the server's side is copied again on retry.
    let begun = service("POST", &import, &json!({ "s3Key": ["generated/a.jpg"] })).await.json();
    let failed = begun["images"][0]["id"].as_str().unwrap();
    let mut tx = app.app.db.begin().await.unwrap();
    tx.delete_job(&format!("import:{failed}")).await.unwrap();
    let id = ObjectId::parse(failed).unwrap();
    assert!(
        tx.move_object(id, ObjectState::Pending, ObjectState::Failed, Some("tried again and again")).await.unwrap()
    );
    tx.commit().await.unwrap();
    let retried = service("POST", &format!("/api/spaces/{space}/images/{failed}/retry"), &json!({})).await;
    assert_eq!((retried.status, &retried.json()["status"]), (200, &json!("PENDING")), "{}", retried.text());
    app.run_jobs().await;
    let ended = service("GET", &format!("/api/spaces/{space}/images/{failed}"), &json!(null)).await;
    assert_eq!(ended.json()["status"], "READY", "{}", ended.text());

    // Removed between the request and its job.
    lies_in_the_bucket(&app, "generated/short.jpg", &photo(1)).await;
    let begun = service("POST", &import, &json!({ "s3Key": ["generated/short.jpg"] })).await;
    assert_eq!(begun.status, 202);
    app.app.store.delete("generated/short.jpg", store::Deletion::Purge).await.unwrap();
    app.run_jobs().await;
    let rejected = service("GET", &format!("/api/spaces/{space}/images?status=REJECTED"), &json!(null)).await.json();
    assert!(rejected.to_string().contains("it was removed before it was copied"), "{rejected}");

    for key in [
        "elsewhere/a.jpg",
        "generated/",
        "generated",
        "generatedx/a.jpg",
        "generated/../elsewhere/a.jpg",
        "",
        "/generated/a.jpg",
        "generated//a.jpg",
        good["s3Key"].as_str().unwrap(),
        ".quarantine/x",
        "storage/ann/x",
    ] {
        let refused = service("POST", &import, &json!({ "s3Key": ["generated/a.jpg", key] })).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()), "{key}");
    }
    for body in [json!({ "s3Key": [] }), json!({}), json!({ "s3Key": vec!["generated/a.jpg"; 1001] })] {
        assert_eq!(service("POST", &import, &body).await.refusal(), (400, "BAD_REQUEST".into()));
    }
    let unknown = service("POST", &import.replace(&space, NOBODY), &keys).await;
    assert_eq!(unknown.refusal(), (404, "NOT_FOUND".into()));
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn only_services_import() {
    let app = TestApp::with(&[("IMPORT_PREFIXES", "generated")]).await;
    let space = app.space("ann", "x").await;
    let refused =
        app.post("ann", &format!("/api/spaces/{space}/images/import"), &json!({ "s3Key": ["generated/a"] })).await;
    assert_eq!(refused.refusal(), (403, "FORBIDDEN".into()));
    app.finish().await;
}

#[tokio::test]
async fn whoever_watches_is_told_until_they_may_not() {
    let app = scanned().await;
    let space = app.space("ann", "x").await;
    assert_eq!(app.member("ann", &space, "vi", "viewer").await.status, 200);
    let client = reqwest::Client::new();
    let url = format!("{}/api/spaces/{space}/events", app.api());
    let watched = client.get(&url).header("x-user-id", "vi").send().await.unwrap();
    assert_eq!(watched.headers()["content-type"], "text/event-stream");
    let mut body = watched.bytes_stream();
    let image = app.image_in("ann", &space).await;
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/images/{image}")).await.status, 204);
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/trash/{image}")).await.status, 204);
    let mut told = String::new();
    while !told.contains("PURGED") {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), body.next()).await;
        told.push_str(&String::from_utf8_lossy(&chunk.expect(&told).unwrap().unwrap()));
    }
    let statuses: Vec<Value> = told
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["status"].clone())
        .collect();
    assert_eq!(statuses, ["PENDING", "PENDING", "SCANNING", "PROCESSING", "READY", "DELETED", "PURGED"]);
    // A client that lost its connection continues after the last event.
    let ids: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids.len(), 8, "where it begins, and seven changes: {told}");
    let again = client.get(&url).header("x-user-id", "vi").header("last-event-id", ids[5]).send().await.unwrap();
    let (mut again, mut missed) = (again.bytes_stream(), String::new());
    while !missed.contains("PURGED") {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), again.next()).await;
        missed.push_str(&String::from_utf8_lossy(&chunk.expect(&missed).unwrap().unwrap()));
    }
    assert!(missed.contains("DELETED"), "{missed}");
    // Only the starting position; the last event is not repeated.
    assert_eq!(missed.lines().filter(|line| *line == format!("id: {}", ids[5])).count(), 1, "{missed}");
    drop(again);
    // Deleted images are shown only to members who may delete.
    let history = format!("/api/spaces/{space}/images/{image}/history");
    assert_eq!(app.get("vi", &history).await.refusal(), (404, "NOT_FOUND".into()));
    assert_eq!(app.get("ann", &history).await.status, 200);
    // A removed member receives no further events.
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/members/vi")).await.status, 204);
    let end = tokio::time::timeout(std::time::Duration::from_secs(10), async { while body.next().await.is_some() {} });
    end.await.expect("the stream ends");
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}

#[tokio::test]
async fn the_audit_log_of_a_space_is_its_owners() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    assert_eq!(app.member("ann", &space, "ed", "editor").await.status, 200);
    let path = format!("/v1/audit?kind=space&owner={space}");
    let events = app.get("ann", &path).await.json();
    let actions: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["member.set", "space.created"], "{events}");
    assert_eq!(app.get("ed", &path).await.refusal(), (403, "FORBIDDEN".into()));
    assert_eq!(app.get("eve", &path).await.refusal(), (404, "NOT_FOUND".into()));
    app.finish().await;
}
