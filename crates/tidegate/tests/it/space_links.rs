//! Links to one image of a space: for a chosen time, for whoever has them, to one file.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::sessions::epoch;
use crate::support::{Answer, TestApp};

async fn ask(app: &TestApp, user: &str, space: &str, image: &str, body: &Value) -> Answer {
    app.post(user, &format!("/api/spaces/{space}/images/{image}/link"), body).await
}

/// Returns whether a link ends this many seconds from now, more or less.
fn lasts(answer: &Value, seconds: u64) -> bool {
    let at = answer["expiresAt"].as_str().unwrap();
    let end = |more: u64| tidegate::model::rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(epoch() + more));
    (seconds - 5..=seconds + 1).any(|more| end(more) == at)
}

#[tokio::test]
async fn a_viewer_links_to_one_file_for_a_chosen_time() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let image = app.image_in("ann", &space).await;
    assert_eq!(app.member("ann", &space, "vic", "viewer").await.status, 200);
    let shown = app.images("vic", &space, "").await["images"][0].clone();
    let thumbnail = shown["thumbnails"][0]["name"].as_str().unwrap().to_owned();
    let names = shown["thumbnails"].as_array().unwrap();
    for small in names {
        let path = small["url"].as_str().unwrap().split('?').next().unwrap();
        assert!(path.ends_with(&format!("/{}", small["name"].as_str().unwrap())), "{small}");
    }
    for (variant, kind) in [
        (json!({ "ttlSeconds": 100 }), "image/jpeg"),
        (json!({ "ttlSeconds": 100, "variant": "original" }), "image/jpeg"),
        (json!({ "ttlSeconds": 900, "variant": thumbnail }), names[0]["contentType"].as_str().unwrap()),
    ] {
        let answer = ask(&app, "vic", &space, &image, &variant).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.text());
        let link = answer.json();
        assert!(lasts(&link, variant["ttlSeconds"].as_u64().unwrap()), "{link}");
        let url = link["url"].as_str().unwrap();
        let read = app.send("GET", url, &[], Vec::new()).await;
        assert_eq!((read.status, read.header("content-type")), (200, kind), "{url}");
        // It opens nothing beside it.
        let other = if kind == "image/jpeg" && !url.contains(&thumbnail) { &thumbnail } else { "image.jpg" };
        let (path, query) = url.split_once('?').unwrap();
        let (folder, _) = path.rsplit_once('/').unwrap();
        assert_eq!(app.send("GET", &format!("{folder}/{other}?{query}"), &[], Vec::new()).await.status, 403);
    }
    // It ends to the second.
    let link = ask(&app, "vic", &space, &image, &json!({ "ttlSeconds": 2 })).await.json();
    let url = link["url"].as_str().unwrap();
    assert_eq!(app.send("GET", url, &[], Vec::new()).await.status, 200);
    tokio::time::sleep(Duration::from_millis(3100)).await;
    assert_eq!(app.send("GET", url, &[], Vec::new()).await.status, 403);
    let events = app.get("ann", &format!("/v1/audit?kind=space&owner={space}")).await.json();
    let links: Vec<_> =
        events["events"].as_array().unwrap().iter().filter(|event| event["action"] == "link.issued").collect();
    assert_eq!(links.len(), 4, "{events}");
    assert!(
        links.iter().all(|event| event["actor"]["name"] == "vic" && event["objectId"] == json!(image)),
        "{links:?}"
    );
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_linked_is_refused() {
    let app = TestApp::with(&[("GRANT_TTL_SECONDS", "300"), ("SPACE_LINK_MAX_SECONDS", "300")]).await;
    let (space, other) = (app.space("ann", "x").await, app.space("ann", "y").await);
    let image = app.image_in("ann", &space).await;
    for (bad, says) in [
        (json!({ "ttlSeconds": 0 }), "ttlSeconds must be from 1 to 300"),
        (json!({ "ttlSeconds": 301 }), "ttlSeconds must be from 1 to 300"),
        (json!({ "ttlSeconds": u64::MAX }), "ttlSeconds must be from 1 to 300"),
        (json!({ "ttlSeconds": -1 }), ""),
        (json!({ "ttlSeconds": 1.5 }), ""),
        (json!({ "ttlSeconds": "60" }), ""),
        (json!({}), "ttlSeconds"),
        (json!({ "ttlSeconds": 60, "variant": "321.webp" }), "variant must be one of original, "),
        (json!({ "ttlSeconds": 60, "variant": "../image.jpg" }), "variant must be one of original, "),
        (json!({ "ttlSeconds": 60, "variant": "" }), "variant must be one of original, "),
        (json!({ "ttlSeconds": 60, "ttl": 1 }), "ttl"),
    ] {
        let refused = ask(&app, "ann", &space, &image, &bad).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".to_owned()), "{bad}");
        assert!(refused.text().contains(says), "{bad}: {}", refused.text());
    }
    let good = json!({ "ttlSeconds": 60 });
    assert_eq!(ask(&app, "mallory", &space, &image, &good).await.status, 404);
    assert_eq!(ask(&app, "ann", &other, &image, &good).await.status, 404, "of another space");
    assert_eq!(ask(&app, "ann", &space, "x", &good).await.status, 404);
    let pending = json!({ "filename": "a.jpg", "contentType": "image/jpeg" });
    let pending = app.post("ann", &format!("/api/spaces/{space}/images"), &pending).await.json();
    let refused = ask(&app, "ann", &space, pending["id"].as_str().unwrap(), &good).await;
    assert_eq!(refused.refusal(), (409, "INVALID_STATE".to_owned()));
    // A deleted image has no links, and those of before open nothing.
    let link = ask(&app, "ann", &space, &image, &good).await.json();
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/images/{image}")).await.status, 204);
    assert_eq!(app.send("GET", link["url"].as_str().unwrap(), &[], Vec::new()).await.status, 404);
    assert_eq!(ask(&app, "ann", &space, &image, &good).await.status, 404);
    app.run_jobs().await;
    app.stop().await;
}

/// The limit of links is one for everybody, also below the lifetime of signed URLs.
#[tokio::test]
async fn no_link_outlives_the_limit_of_links() {
    let limit = |links: &'static str| [("GRANT_TTL_SECONDS", "300"), ("SPACE_LINK_MAX_SECONDS", links)];
    for (links, for_ann, for_vic) in [
        ("60", (60, "SPACE_LINK_MAX_SECONDS"), (60, "SPACE_LINK_MAX_SECONDS")),
        ("300", (300, "SPACE_LINK_MAX_SECONDS"), (300, "SPACE_LINK_MAX_SECONDS")),
        ("600", (600, "SPACE_LINK_MAX_SECONDS"), (300, "GRANT_TTL_SECONDS")),
    ] {
        let app = TestApp::with(&limit(links)).await;
        let space = app.space("ann", "x").await;
        let image = app.image_in("ann", &space).await;
        assert_eq!(app.member("ann", &space, "vic", "viewer").await.status, 200);
        for (user, (most, setting)) in [("ann", for_ann), ("vic", for_vic)] {
            let answer = ask(&app, user, &space, &image, &json!({ "ttlSeconds": most })).await;
            assert_eq!(answer.status, 200, "{user} {links}: {}", answer.text());
            assert!(lasts(&answer.json(), most), "{user} {links}: {}", answer.text());
            let refused = ask(&app, user, &space, &image, &json!({ "ttlSeconds": most + 1 })).await;
            assert_eq!(refused.refusal(), (400, "BAD_REQUEST".to_owned()), "{user} {links}");
            let says = format!("from 1 to {most} ({setting})");
            assert!(refused.text().contains(&says), "{user} {links}: {}", refused.text());
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn editors_make_links_that_live_longer_than_urls_and_viewers_do_not() {
    let app = TestApp::start().await;
    let space = app.space("ann", "x").await;
    let image = app.image_in("ann", &space).await;
    for (user, role) in [("eve", "editor"), ("vic", "viewer")] {
        assert_eq!(app.member("ann", &space, user, role).await.status, 200);
    }
    for (user, seconds, status) in
        [("ann", 604_800, 200), ("eve", 86_400, 200), ("ann", 604_801, 400), ("vic", 900, 200), ("vic", 901, 400)]
    {
        let answer = ask(&app, user, &space, &image, &json!({ "ttlSeconds": seconds })).await;
        assert_eq!(answer.status, status, "{user} {seconds}: {}", answer.text());
        if status == 200 {
            assert!(lasts(&answer.json(), seconds), "{user} {seconds}: {}", answer.text());
        }
    }
    // What was signed for a long time ends with the image.
    let link = ask(&app, "eve", &space, &image, &json!({ "ttlSeconds": 86_400 })).await.json();
    let url = link["url"].as_str().unwrap();
    assert_eq!(app.send("GET", url, &[], Vec::new()).await.status, 200);
    assert_eq!(app.delete("ann", &format!("/api/spaces/{space}/images/{image}")).await.status, 204);
    assert_eq!(app.send("GET", url, &[], Vec::new()).await.status, 404);
    app.run_jobs().await;
    app.stop().await;
}
