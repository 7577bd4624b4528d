//! The surface of disk images: its contract row by row, and invalid input.

use serde_json::{Value, json};

use crate::support::{PART, TestApp, pattern};

#[tokio::test]
async fn an_image_goes_in_by_parts_and_comes_out_everywhere() {
    let app = TestApp::start().await;
    let bytes = [pattern(1, PART), pattern(2, PART), pattern(3, 777)].concat();
    let (image, upload) = app.begin("alice", &json!({ "name": "win98.img", "size": bytes.len() })).await;
    let path = |tail: &str| format!("/v1/images/{image}{tail}");
    assert_eq!(app.get("alice", &path("/stream-url")).await.refusal(), (409, "INVALID_STATE".into()));
    assert_eq!(app.get("alice", &path("/metadata")).await.refusal(), (409, "INVALID_STATE".into()));
    let third = app.put("alice", &image, &upload, 3, &bytes[2 * PART..]).await;
    let first = app.put("alice", &image, &upload, 1, &bytes[..PART]).await;
    let again = app.put("alice", &image, &upload, 2, &pattern(9, PART)).await;
    let second = app.put("alice", &image, &upload, 2, &bytes[PART..2 * PART]).await;
    assert_ne!(again, second);
    let listed = app.get("alice", &path("/parts")).await.json();
    let expected = json!([
        { "partNumber": 1, "etag": first, "size": PART },
        { "partNumber": 2, "etag": second, "size": PART },
        { "partNumber": 3, "etag": third, "size": 777 },
    ]);
    assert_eq!(listed, expected);
    // In any order, with and without quotes.
    let parts = [(3, third.as_str()), (1, first.trim_matches('"')), (2, second.as_str())];
    let done = app.complete("alice", &image, &upload, &parts).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let done = done.json();
    assert_eq!((&done["ok"], &done["size"]), (&json!(true), &json!(bytes.len())));
    assert!(done["etag"].as_str().unwrap().ends_with("-3\""), "{done}");
    assert_eq!(app.complete("alice", &image, &upload, &parts).await.json(), done, "completing again answers the same");

    let metadata = app.get("alice", &path("/metadata")).await.json();
    assert_eq!((&metadata["size"], &metadata["etag"]), (&done["size"], &done["etag"]));
    assert_eq!(metadata["lastModified"], done["lastModified"]);
    let listed = app.get("alice", "/v1/images").await.json();
    assert_eq!(
        (&metadata["name"], &metadata["createdAt"]),
        (&listed["images"][0]["name"], &listed["images"][0]["createdAt"])
    );
    assert!(metadata["createdAt"].is_string(), "{metadata}");
    let (url, cookies) = app.stream("alice", &image).await;
    assert_eq!(metadata["url"], json!(url));
    let whole = app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await;
    assert_eq!((whole.status, whole.body == bytes), (200, true));
    assert_eq!(whole.header("etag"), done["etag"].as_str().unwrap());
    let range = format!("{}{}", app.api(), path("/range"));
    let headers = [("x-user-id", "alice"), ("range", "bytes=5242870-5242889")];
    let part = app.send("GET", &range, &headers, Vec::new()).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[5_242_870..5_242_890]));
    assert_eq!(part.header("content-range"), format!("bytes 5242870-5242889/{}", bytes.len()));
    for (name, value) in [
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-disposition", "attachment; filename=\"win98.img\""),
        ("cache-control", "private, no-store, no-transform"),
        ("content-type", "application/octet-stream"),
    ] {
        assert_eq!(part.header(name), value, "{name}");
    }
    let head = app.send("HEAD", &range, &headers, Vec::new()).await;
    assert_eq!((head.status, head.header("content-length")), (200, bytes.len().to_string().as_str()));
    assert_eq!(app.delete("alice", &format!("/v1/images/{image}")).await.status, 204);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn stream_urls_are_stable_within_a_window_and_cost_one_signature() {
    // ECDSA signatures are randomized, so equal ones are one signature.
    let app = TestApp::with(&[("CLOUDFRONT_KEY_TYPE", "p256")]).await;
    let image = app.image("alice", b"bytes").await;
    let first = app.get("alice", &format!("/v1/images/{image}/stream-url")).await;
    assert_eq!(first.header("cache-control"), "no-store");
    let set: Vec<_> = first.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let body = first.json();
    let cookies = body["auth"]["cookies"].as_array().unwrap();
    assert_eq!((set.len(), cookies.len()), (3, 3));
    for (line, cookie) in set.iter().zip(cookies) {
        let attributes: Vec<&str> =
            cookie["attributes"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
        let (name, value) = (cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
        assert_eq!(*line, format!("{name}={value}; {}", attributes.join("; ")));
        let path = attributes[0].strip_prefix("Path=").unwrap();
        assert!(body["url"].as_str().unwrap().starts_with(&format!("{}{path}", app.edge())) && path.ends_with('/'));
        assert_eq!(&attributes[1..], ["HttpOnly", "SameSite=Lax"]);
    }
    // A window may end between two of the three requests, but not twice.
    let again = app.get("alice", &format!("/v1/images/{image}/stream-url")).await.json();
    let third = app.get("alice", &format!("/v1/images/{image}/stream-url")).await.json();
    assert!(again == body || again == third, "{body}\n{again}\n{third}");
    assert!(body["auth"]["refreshAfter"].as_str().unwrap() < body["auth"]["expiresAt"].as_str().unwrap());
    app.finish().await;
}

#[tokio::test]
async fn a_signed_url_needs_no_cookies() {
    let settings = [("CLOUDFRONT_AUTH_MODE", "url"), ("CLOUDFRONT_HASH_ALGORITHM", "SHA256")];
    let app = TestApp::with(&settings).await;
    let image = app.image("alice", b"0123456789").await;
    let stream = app.get("alice", &format!("/v1/images/{image}/stream-url")).await;
    assert!(stream.headers.get("set-cookie").is_none());
    let body = stream.json();
    assert_eq!(body["auth"]["type"], "url");
    let url = body["url"].as_str().unwrap();
    assert!(url.contains("&Hash-Algorithm=SHA256"), "{url}");
    let read = app.send("GET", url, &[("range", "bytes=2-4")], Vec::new()).await;
    assert_eq!((read.status, read.body.as_slice()), (206, &b"234"[..]));
    app.finish().await;
}

#[tokio::test]
async fn without_an_edge_the_range_fallback_serves() {
    let app = TestApp::with(&[("EDGE_PORT", "off")]).await;
    let image = app.image("alice", b"0123456789").await;
    let body = app.get("alice", &format!("/v1/images/{image}/stream-url")).await.json();
    assert_eq!(body["auth"], json!({ "type": "none" }));
    let read = app.send("GET", body["url"].as_str().unwrap(), &[("x-user-id", "alice")], Vec::new()).await;
    assert_eq!(read.body, b"0123456789");
    app.finish().await;
}

#[tokio::test]
async fn listings_are_paged_newest_first_and_the_callers_own() {
    let app = TestApp::start().await;
    let mut images = Vec::new();
    for n in 0..5u8 {
        images.push(app.image("alice", &[n; 10]).await);
    }
    app.image("bob", b"bob's").await;
    app.begin("alice", &json!({ "name": "open" })).await;
    images.reverse();
    let one = app.get("bob", "/v1/images?limit=1").await.json();
    assert!(one["images"].as_array().unwrap().len() == 1 && one.get("nextCursor").is_none(), "{one}");
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.get("alice", &format!("/v1/images?limit=2{cursor}")).await.json();
        for image in page["images"].as_array().unwrap() {
            assert_eq!((&image["status"], &image["size"]), (&json!("READY"), &json!(10)));
            seen.push(image["imageId"].as_str().unwrap().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, images);
    let pending = app.get("alice", "/v1/images?status=PENDING").await.json();
    assert_eq!(pending["images"][0]["name"], "open");
    assert_eq!(pending["images"][0]["size"], Value::Null);
    assert_eq!(app.get("alice", "/v1/images?status=ALL").await.json()["images"].as_array().unwrap().len(), 6);
    for bad in ["limit=0", "limit=-1", "limit=1001", "limit=1e9", "limit=x", "cursor=zz", "cursor=%00", "status=ready"]
    {
        assert_eq!(
            app.get("alice", &format!("/v1/images?{bad}")).await.refusal(),
            (400, "BAD_REQUEST".into()),
            "{bad}"
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn abort_frees_the_parts_and_may_be_asked_again() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    app.put("alice", &image, &upload, 1, b"part").await;
    let abort = format!("/v1/images/{image}/abort");
    assert_eq!(app.post("alice", &abort, &json!({})).await.status, 204);
    assert_eq!(app.files(), [""; 0], "freed before the answer");
    assert_eq!(app.post("alice", &abort, &json!({})).await.status, 204);
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/parts")).await.refusal().0, 404);
    let late = app.send("PUT", &url, &[], b"late".to_vec()).await;
    assert_eq!(late.status, 404, "{}", late.text());
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(app.files(), [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_deleted_image_is_gone_at_once_even_under_a_valid_signature() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let (url, cookies) = app.stream("alice", &image).await;
    assert_eq!(app.delete("alice", &format!("/v1/images/{image}")).await.status, 204);
    assert_eq!(app.files(), [""; 0]);
    assert_eq!(app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await.status, 404);
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/metadata")).await.refusal().0, 404);
    assert_eq!(app.delete("alice", &format!("/v1/images/{image}")).await.refusal(), (404, "NOT_FOUND".into()));
    assert_eq!(app.get("alice", "/v1/images?status=ALL").await.json()["images"], json!([]));
    let (open, _) = app.begin("alice", &json!({})).await;
    assert_eq!(app.delete("alice", &format!("/v1/images/{open}")).await.status, 204, "an open upload is aborted");
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn a_restart_loses_no_image_and_no_upload() {
    let app = TestApp::start().await;
    let done = app.image("alice", b"done").await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let first = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    let folder = app.stop().await;
    let app = TestApp::over(folder, &[]).await;
    let second = app.put("alice", &image, &upload, 2, b"tail").await;
    let complete = app.complete("alice", &image, &upload, &[(1, &first), (2, &second)]).await;
    assert_eq!(complete.json()["size"], json!(PART + 4));
    for (image, size) in [(done, 4), (image, PART + 4)] {
        let (url, cookies) = app.stream("alice", &image).await;
        assert_eq!(app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await.body.len(), size);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_lost_everything_but_the_image_goes_on() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({ "name": "lost", "size": PART + 4 })).await;
    let first = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    let pending = app.get("alice", "/v1/images?status=PENDING").await.json();
    let found = pending["images"][0]["imageId"].as_str().unwrap().to_owned();
    let open = app.get("alice", &format!("/v1/images/{found}/upload")).await.json();
    assert_eq!((&open["uploadId"], &open["partSize"], &open["size"]), (&json!(upload), &json!(PART), &json!(PART + 4)));
    assert_eq!(open["parts"], json!([{ "partNumber": 1, "etag": first, "size": PART }]));
    let second = app.put("alice", &found, open["uploadId"].as_str().unwrap(), 2, b"tail").await;
    let short = app.complete("alice", &image, &upload, &[(1, &first)]).await;
    assert!(short.text().contains("part 2: was never uploaded"), "{}", short.text());
    assert_eq!(app.complete("alice", &image, &upload, &[(1, &first), (2, &second)]).await.status, 200);
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/upload")).await.refusal().0, 409);
    assert_eq!(app.get("bob", &format!("/v1/images/{image}/upload")).await.refusal().0, 403);
    app.finish().await;
}

#[tokio::test]
async fn a_blob_that_was_lost_is_our_fault_and_not_a_404() {
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    let file = app.files().into_iter().find(|file| file.ends_with("disk.img")).unwrap();
    std::fs::remove_file(app.folder.path().join("store").join(file)).unwrap();
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/range")).await.refusal(), (502, "STORE_ERROR".into()));
    app.finish().await;
}

#[tokio::test]
async fn what_completion_refuses_and_that_it_can_be_mended() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let (other, other_upload) = app.begin("alice", &json!({})).await;
    let first = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    let last = app.put("alice", &image, &upload, 3, b"last").await;
    let foreign = app.put("alice", &other, &other_upload, 1, &pattern(2, PART)).await;
    let refused = async |parts: &[(u32, &str)]| {
        let answer = app.complete("alice", &image, &upload, parts).await;
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        (answer.refusal(), message)
    };
    let bad = (400, "BAD_REQUEST".to_owned());
    for (parts, says) in [
        (&[][..], "1 to 10000 parts"),
        (&[(1, first.as_str()), (1, &first)], "part 1 is named twice"),
        (&[(0, &first)], "part number 0"),
        (&[(10_001, &first)], "part number 10001"),
        (&[(1, &first), (2, &last)], "part 2: was never uploaded"),
        (&[(1, &first), (3, &last)], "part 2 is missing"),
        (&[(1, &foreign)], "part 1: has another ETag"),
        (&[(3, &last)], "part 1 is missing"),
    ] {
        let (refusal, message) = refused(parts).await;
        assert_eq!(refusal, bad, "{parts:?}");
        assert!(message.contains(says), "{message} should say {says}");
    }
    let many: Vec<(u32, &str)> = (1..=10_001).map(|number| (number, first.as_str())).collect();
    assert_eq!(refused(&many).await.0, bad);
    let short = app.put("alice", &image, &upload, 2, b"short").await;
    let (refusal, message) = refused(&[(1, &first), (2, &short), (3, &last)]).await;
    assert_eq!(refusal, bad);
    assert!(message.contains("part 2: is shorter"), "{message}");
    let wrong = app.complete("alice", &image, &other_upload, &[(1, &first)]).await;
    assert_eq!(wrong.refusal(), bad);
    let done = app.complete("alice", &image, &upload, &[(1, &first), (2, &short)]).await;
    assert_eq!(done.status, 200, "what was refused can be mended: {}", done.text());
    let different = app.complete("alice", &image, &upload, &[(1, &first)]).await;
    assert_eq!(different.refusal(), (409, "INVALID_STATE".into()));
    assert_eq!(app.post("alice", &format!("/v1/images/{image}/abort"), &json!({})).await.refusal().0, 409);
    let sign = json!({ "uploadId": upload, "partNumber": 1 });
    assert_eq!(app.post("alice", &format!("/v1/images/{image}/upload-url"), &sign).await.refusal().0, 409);
    app.finish().await;
}

#[tokio::test]
async fn an_announced_size_is_held_to() {
    let app = TestApp::with(&[("IMAGE_MAX_SIZE_BYTES", "10000000")]).await;
    let (image, upload) = app.begin("alice", &json!({ "size": PART + 10 })).await;
    let first = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    let url = app.sign("alice", &image, &upload, 2).await;
    let longer = app.send("PUT", &url, &[], vec![0; 11]).await;
    assert_eq!(longer.status, 400, "{}", longer.text());
    assert!(longer.text().contains("EntityTooLarge"), "{}", longer.text());
    let beyond = json!({ "uploadId": upload, "partNumber": 3 });
    assert_eq!(app.post("alice", &format!("/v1/images/{image}/upload-url"), &beyond).await.refusal().0, 400);
    let shorter = app.put("alice", &image, &upload, 2, b"short").await;
    let refused = app.complete("alice", &image, &upload, &[(1, &first), (2, &shorter)]).await;
    assert_eq!(refused.refusal(), (400, "BAD_REQUEST".into()));
    assert!(refused.text().contains("5242885 bytes were uploaded, 5242890 were announced"), "{}", refused.text());
    let right = app.put("alice", &image, &upload, 2, b"0123456789").await;
    assert_eq!(app.complete("alice", &image, &upload, &[(1, &first), (2, &right)]).await.status, 200);

    // Without an announced size the configured maximum limits the parts.
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 2).await;
    assert_eq!(app.send("PUT", &url, &[], vec![0; 10_000_001 - PART]).await.status, 400);
    let beyond = json!({ "uploadId": upload, "partNumber": 3 });
    assert_eq!(app.post("alice", &format!("/v1/images/{image}/upload-url"), &beyond).await.refusal().0, 400);
    // If the maximum was lowered meanwhile, completion fails and keeps nothing.
    let first = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    let second = app.put("alice", &image, &upload, 2, b"tail").await;
    let app = TestApp::over(app.stop().await, &[("IMAGE_MAX_SIZE_BYTES", "5242880")]).await;
    let over = app.complete("alice", &image, &upload, &[(1, &first), (2, &second)]).await;
    assert_eq!(over.refusal(), (413, "TOO_LARGE".into()));
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/metadata")).await.refusal().0, 404);
    for (size, refusal) in [(json!(5_242_881), (413, "TOO_LARGE")), (json!(0), (400, "BAD_REQUEST"))] {
        let answer = app.post("alice", "/v1/images", &json!({ "size": size })).await;
        assert_eq!(answer.refusal(), (refusal.0, refusal.1.into()));
    }
    app.run_jobs().await;
    assert_eq!(app.files().iter().filter(|file| file.starts_with(".uploads")).count(), 0);
    app.finish().await;
}

#[tokio::test]
async fn two_different_completions_at_once_are_one_completion() {
    let app = TestApp::start().await;
    for _ in 0..10 {
        let (image, upload) = app.begin("alice", &json!({})).await;
        let first = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
        let second = app.put("alice", &image, &upload, 2, b"tail").await;
        let (one, both) = ([(1, first.as_str())], [(1, first.as_str()), (2, second.as_str())]);
        let (a, b) =
            tokio::join!(app.complete("alice", &image, &upload, &one), app.complete("alice", &image, &upload, &both));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert!(statuses == [200, 409] || statuses == [200, 400], "{} {}", a.text(), b.text());
        let (winner, parts, loser) = if a.status == 200 { (a, &one[..], &both[..]) } else { (b, &both[..], &one[..]) };
        assert_eq!(app.complete("alice", &image, &upload, parts).await.json(), winner.json());
        assert_eq!(app.complete("alice", &image, &upload, loser).await.refusal().0, 409);
        let read = app.get("alice", &format!("/v1/images/{image}/range")).await;
        assert_eq!(json!(read.body.len()), winner.json()["size"]);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_half_done_delete() {
    let app = TestApp::start().await;
    for pause in 0..10u64 {
        let image = app.image("alice", b"bytes").await;
        app.get("alice", &format!("/v1/images/{image}/metadata")).await;
        {
            use tokio::io::AsyncWriteExt as _;
            let mut stream = tokio::net::TcpStream::connect(app.api_address()).await.unwrap();
            let request = format!(
                "DELETE /v1/images/{image} HTTP/1.1\r\nhost: {}\r\nx-user-id: alice\r\n\r\n",
                app.api_address()
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_micros(pause * 300)).await;
        }
        // Whether or not the request succeeded, later responses must be true and stay the same.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        app.run_jobs().await;
        let metadata = app.get("alice", &format!("/v1/images/{image}/metadata")).await;
        let stream = app.get("alice", &format!("/v1/images/{image}/stream-url")).await;
        let there = app.files().iter().any(|file| file.contains(&image));
        assert_eq!((metadata.status == 200, stream.status == 200), (there, there), "{}", metadata.text());
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_runs_to_its_end_when_its_client_hangs_up() {
    use tokio::io::AsyncWriteExt as _;
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(150));
    let app = TestApp::start().await;
    let image = app.image("alice", b"bytes").await;
    // Holding the only writer makes the delete wait.
    let writer = app.app.db.begin().await.unwrap();
    let mut client = tokio::net::TcpStream::connect(app.api_address()).await.unwrap();
    let request =
        format!("DELETE /v1/images/{image} HTTP/1.1\r\nhost: {}\r\nx-user-id: alice\r\n\r\n", app.api_address());
    client.write_all(request.as_bytes()).await.unwrap();
    pause().await;
    drop(client);
    pause().await;
    drop(writer);
    pause().await;
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/metadata")).await.status, 404);
    assert_eq!(app.files(), [""; 0]);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn part_urls_one_and_many() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let path = format!("/v1/images/{image}/upload-url");
    let many = json!({ "uploadId": upload, "partNumbers": [3, 1, 10_000] });
    let urls = app.post("alice", &path, &many).await.json();
    let numbers: Vec<u64> =
        urls["urls"].as_array().unwrap().iter().map(|u| u["partNumber"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 1, 10_000]);
    assert!(urls["urls"][0]["url"].as_str().unwrap().contains("partNumber=3&"), "{urls}");
    let too_many: Vec<u32> = (1..=1001).collect();
    for bad in [
        json!({ "uploadId": upload, "partNumber": 0 }),
        json!({ "uploadId": upload, "partNumber": 10_001 }),
        json!({ "uploadId": upload, "partNumber": -1 }),
        json!({ "uploadId": upload, "partNumber": 1.5 }),
        json!({ "uploadId": upload, "partNumber": "1" }),
        json!({ "uploadId": upload, "partNumber": null }),
        json!({ "uploadId": upload }),
        json!({ "uploadId": upload, "partNumber": 1, "partNumbers": [1] }),
        json!({ "uploadId": upload, "partNumbers": [] }),
        json!({ "uploadId": upload, "partNumbers": [1, 0] }),
        json!({ "uploadId": upload, "partNumbers": too_many }),
        json!({ "uploadId": "not-it", "partNumber": 1 }),
        json!({ "uploadId": 7, "partNumber": 1 }),
        json!([]),
        json!("text"),
    ] {
        assert_eq!(app.post("alice", &path, &bad).await.refusal(), (400, "BAD_REQUEST".into()), "{bad}");
    }
    app.finish().await;
}

#[tokio::test]
async fn hostile_user_ids_own_their_images_and_nothing_else() {
    let app = TestApp::start().await;
    let long = "é".repeat(500);
    let users = ["*", "?", "../x", "a/b", "\u{202e}evil", "%2e%2e", "a b", "~", ".", "..", long.as_str()];
    let mut urls = Vec::new();
    for user in users {
        let image = app.image(user, user.as_bytes()).await;
        let (url, cookies) = app.stream(user, &image).await;
        let read = app.send("GET", &url, &[("cookie", &cookies)], Vec::new()).await;
        assert_eq!(read.body, user.as_bytes(), "{user}");
        assert_eq!(app.get("stranger", &format!("/v1/images/{image}/metadata")).await.refusal().0, 403);
        urls.push((url, cookies));
    }
    for (index, (url, _)) in urls.iter().enumerate() {
        for (other, (_, cookies)) in urls.iter().enumerate().filter(|(other, _)| *other != index) {
            let read = app.send("GET", url, &[("cookie", cookies)], Vec::new()).await;
            assert_eq!(read.status, 403, "{} with the cookies of {}", users[index], users[other]);
        }
    }
    assert!(app.files().iter().all(|file| file.starts_with("images/")), "{:?}", app.files());
    let kilobytes = "x".repeat(10_000);
    assert_eq!(app.get(&kilobytes, "/v1/images").await.refusal(), (401, "UNAUTHENTICATED".into()));
    let url = format!("{}/v1/images", app.api());
    // The source's code, in development alone.
    for missing in [&[][..], &[("x-user-id", "")]] {
        let refused = app.send("GET", &url, missing, Vec::new()).await;
        assert_eq!(refused.refusal(), (401, "UNAUTH".into()));
        assert_eq!(refused.json()["error"]["message"], "Missing X-User-Id header (AUTH_MODE=dev)");
    }
    let elsewhere = app.send("GET", &format!("{}/v1/files/all", app.api()), &[], Vec::new()).await;
    assert_eq!(elsewhere.refusal(), (401, "UNAUTHENTICATED".into()));
    let twice = [("x-user-id", "a"), ("x-user-id", "b")];
    assert_eq!(app.send("GET", &url, &twice, Vec::new()).await.refusal().0, 401);
    app.finish().await;
}

#[tokio::test]
async fn bodies_that_are_not_what_was_asked_for() {
    let app = TestApp::start().await;
    let url = format!("{}/v1/images", app.api());
    let send = async |content_type: &str, body: Vec<u8>| {
        app.send("POST", &url, &[("x-user-id", "alice"), ("content-type", content_type)], body).await
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes();
    let nested = format!("{{\"name\":{}", "{\"a\":".repeat(100_000)).into_bytes();
    for body in [
        b"{".to_vec(),
        b"[]".to_vec(),
        b"[\"x\",null,5]".to_vec(),
        b"5".to_vec(),
        b"nonsense".to_vec(),
        deep,
        nested,
        b"{\"size\":-1}".to_vec(),
        b"{\"size\":1e400}".to_vec(),
        b"{\"size\":\"5\"}".to_vec(),
        b"{\"name\":5}".to_vec(),
        b"{\"name\":\"\"}".to_vec(),
        b"{\"name\":\"a\\u0000b\"}".to_vec(),
        b"{\"name\":\"a\",\"name\":\"b\"}".to_vec(),
        b"{\"contentType\":\"not a type\"}".to_vec(),
        b"{\"contentType\":\"text/html\\r\\nx: y\"}".to_vec(),
        vec![0xff, 0xfe],
        format!("{{\"skipped\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(),
        format!("{{\"name\":\"{}\"}}", "x".repeat(256)).into_bytes(),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(send("application/json", body).await.refusal(), (400, "BAD_REQUEST".into()), "{shown}");
    }
    assert_eq!(send("text/plain", b"{}".to_vec()).await.refusal().0, 400, "the content type is asked for");
    assert_eq!(send("application/json", vec![b' '; 3 << 20]).await.refusal(), (413, "TOO_LARGE".into()));
    assert_eq!(send("application/json; charset=utf-8", b"{\"unknown\":1}".to_vec()).await.status, 200);
    assert_eq!(app.send("POST", &url, &[("x-user-id", "alice")], Vec::new()).await.status, 200, "no body at all");
    assert_eq!(send("application/json", b" null ".to_vec()).await.status, 200);
    let message = send("application/json", b"{\"size\":\"5\"}".to_vec()).await.text();
    assert!(message.contains("expected a whole number") && !message.contains("u64"), "{message}");
    app.finish().await;
}

#[tokio::test]
async fn unknown_ids_and_routes() {
    let app = TestApp::start().await;
    let unknown = "01a1fd26-295e-7654-b10e-d284f4d4625a";
    for id in [unknown, "x", "%00", "..%2f..", "%F0%9F", "{id}", &"a".repeat(3000)] {
        for tail in ["/metadata", "/stream-url", "/parts", "/range"] {
            let answer = app.get("alice", &format!("/v1/images/{id}{tail}")).await;
            assert!([400, 404].contains(&answer.refusal().0), "{id}{tail}: {}", answer.text());
        }
    }
    assert_eq!(app.get("alice", "/v2/nothing").await.refusal(), (404, "NOT_FOUND".into()));
    assert_eq!(app.delete("alice", "/v1/images").await.refusal().0, 405);
    let long = format!("/v1/images?cursor={}", "a".repeat(9000));
    assert_eq!(app.get("alice", &long).await.refusal(), (414, "URL_TOO_LONG".into()));
    app.finish().await;
}
