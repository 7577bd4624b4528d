//! The ways around a quota: uploads without a size, completions that a crash interrupted, refused
//! begins, and counters that are repaired while uploads begin.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use serde_json::json;
use store::{ByteStream, Checks, Completion, UploadRef};
use tidegate::model::ids::SpaceId;
use tidegate::model::owner::Owner;
use tidegate::model::package::DatasetId;
use tidegate::queue::{self, Job};

use crate::support::sessions::photo;
use crate::support::{TestApp, user};

fn body(bytes: &'static [u8]) -> ByteStream {
    Box::pin(futures::stream::iter([Ok(bytes::Bytes::from_static(bytes))]))
}

/// Returns the uploads that are open in the store.
async fn open_in_store(app: &TestApp) -> Vec<UploadRef> {
    let later = SystemTime::now() + Duration::from_secs(3600);
    let open = app.app.store.list_uploads("", later).await.unwrap();
    open.into_iter().map(|open| open.upload).collect()
}

/// Begins an image without a size, and joins its bytes in the store as a server does that is killed
/// before it writes the rows. Nothing was reserved for it, as in earlier versions.
async fn joined_without_rows(app: &TestApp) -> String {
    let (image, _) = app.begin("ann", &json!({})).await;
    let upload = open_in_store(app).await.remove(0);
    let local = app.app.local.as_ref().unwrap();
    let part = local.fs.write_part(&upload, 1, body(b"some bytes"), 100, Checks::none()).await.unwrap();
    let parts = vec![(1, part.etag)];
    let completion = Completion { parts, part_size: 5 << 20, size: None, max_size: u64::MAX };
    app.app.store.complete(&upload, &completion).await.unwrap();
    image
}

async fn assert_nothing_is_left(app: &TestApp, owner: &Owner) {
    let usage = app.app.db.find_usage(owner).await.unwrap();
    assert_eq!((usage.used, usage.reserved, usage.files, usage.open_uploads), (0, 0, 0, 0));
    let left: Vec<String> = app.files().into_iter().filter(|path| !path.starts_with('.')).collect();
    assert_eq!(left, [""; 0], "the bytes are left");
}

/// An open upload without a size reserves what its signed parts can bring, so that open uploads
/// take no more than the quota either.
#[tokio::test]
async fn parts_without_a_size_reserve_what_is_signed() {
    const PART: u64 = 5 << 20;
    let (_, ann) = user("ann");
    let app = TestApp::with(&[("PER_USER_DISKS_QUOTA_GB", "1")]).await;
    let sign = async |image: &str, upload: &str, number: u32| {
        let body = json!({ "uploadId": upload, "partNumber": number });
        let signed = app.post("ann", &format!("/v1/images/{image}/upload-url"), &body).await;
        (signed.status, signed.json()["error"]["code"].clone())
    };
    let reserved = async || app.app.db.find_usage(&ann).await.unwrap().reserved;
    let (image, upload) = app.begin("ann", &json!({})).await;
    let (other, upload_of_other) = app.begin("ann", &json!({})).await;
    assert_eq!(reserved().await, 0);
    for (number, parts) in [(1, 1), (3, 3), (2, 3), (204, 204)] {
        assert_eq!(sign(&image, &upload, number).await.0, 200);
        assert_eq!(reserved().await, parts * PART);
    }
    let refused = (413, json!("QUOTA_EXCEEDED"));
    assert_eq!(sign(&image, &upload, 205).await, refused, "1,025 MiB");
    assert_eq!(sign(&other, &upload_of_other, 1).await, refused, "another upload has none either");
    assert_eq!(reserved().await, 204 * PART);
    let etag = app.put("ann", &image, &upload, 1, b"some bytes").await;
    assert_eq!(app.complete("ann", &image, &upload, &[(1, &etag)]).await.status, 200);
    assert_eq!(reserved().await, 0, "the rest is free again");
    // At once, each for more than a half: one is signed.
    let (third, upload_of_third) = app.begin("ann", &json!({})).await;
    let race = [sign(&other, &upload_of_other, 110), sign(&third, &upload_of_third, 110)];
    let mut answers: Vec<u16> = join_all(race).await.into_iter().map(|answer| answer.0).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 413]);
    for image in [&other, &third] {
        assert_eq!(app.delete("ann", &format!("/v1/images/{image}")).await.status, 204);
    }
    let usage = app.app.db.find_usage(&ann).await.unwrap();
    assert_eq!((usage.used, usage.reserved, usage.open_uploads), (10, 0, 0));
    let waiting = app.app.db.count_jobs().await.unwrap().queued;
    app.finish_with(waiting).await;
}

/// A single PUT without a size reserves the most that it may bring, until it is confirmed.
#[tokio::test]
async fn single_puts_without_a_size_reserve_the_largest() {
    let settings = [("PER_SPACE_QUOTA_GB", "1"), ("PER_DATASET_QUOTA_GB", "6"), ("MEDIA_MAX_IMAGE_MB", "600")];
    let app = TestApp::with(&settings).await;
    let (space, dataset) = (app.space("ann", "Garden").await, app.dataset().await);
    let images = format!("/api/spaces/{space}/images");
    let begin = async || app.post("ann", &images, &json!({ "filename": "a.jpg", "contentType": "image/jpeg" })).await;
    let usage_of_space = async || app.app.db.find_usage(&Owner::Space(SpaceId::parse(&space).unwrap())).await.unwrap();
    let begun = begin().await.json();
    assert_eq!(usage_of_space().await.reserved, 600 << 20);
    assert_eq!(begin().await.json()["error"]["resource"], json!("bytes"));
    let picture = photo(1);
    assert_eq!(app.put_at(begun["uploadUrl"].as_str().unwrap(), "image/jpeg", &picture).await.status, 200);
    let id = begun["id"].as_str().unwrap();
    let confirmed = app.post("ann", &format!("{images}/{id}/confirm"), &json!({})).await;
    assert!(confirmed.status < 300, "{}", confirmed.text());
    app.run_jobs().await;
    let usage = usage_of_space().await;
    assert_eq!((usage.reserved, usage.files), (0, 1), "only the size counts");

    let packages = format!("/packages?dataset_id={dataset}");
    let begin =
        async |name: &str| app.ask("ann", "POST", &packages, Some(&json!({ "name": name, "filename": name }))).await;
    let target = begin("p").await.json();
    let owner = Owner::Dataset(DatasetId::parse(&dataset).unwrap());
    assert_eq!(app.app.db.find_usage(&owner).await.unwrap().reserved, 5 << 30);
    assert_eq!(begin("q").await.json()["error"]["resource"], json!("bytes"));
    app.put_to(&target, b"some bytes").await;
    let path = format!("/packages/{}/confirm", target["id"].as_str().unwrap());
    assert!(app.ask("ann", "POST", &path, None).await.status < 300);
    app.run_jobs().await;
    let usage = app.app.db.find_usage(&owner).await.unwrap();
    assert_eq!((usage.used, usage.reserved), (10, 0));
    let waiting = app.app.db.count_jobs().await.unwrap().queued;
    app.finish_with(waiting).await;
}

/// A completion that was interrupted is finished by whoever finds it, and never beyond the quota.
#[tokio::test]
async fn an_interrupted_completion_is_finished_within_the_quota() {
    let (_, ann) = user("ann");
    for quota in ["0", "1"] {
        let app = TestApp::with(&[("PER_USER_DISKS_QUOTA_GB", quota)]).await;
        for found_by_the_client in [true, false] {
            let image = joined_without_rows(&app).await;
            if found_by_the_client {
                let listed = app.get("ann", &format!("/v1/images/{image}/parts")).await;
                let expected = if quota == "0" { (413, "QUOTA_EXCEEDED") } else { (409, "INVALID_STATE") };
                let code = listed.json()["error"]["code"].clone();
                assert_eq!((listed.status, code), (expected.0, json!(expected.1)), "{}", listed.text());
            } else {
                let mut tx = app.app.db.begin().await.unwrap();
                queue::enqueue(&mut tx, &Job::RecoverV1, app.app.db.now()).await.unwrap();
                tx.commit().await.unwrap();
                app.run_jobs().await;
            }
            let found = app.get("ann", &format!("/v1/images/{image}/stream-url")).await;
            assert_eq!(found.status, if quota == "0" { 404 } else { 200 }, "{}", found.text());
            if quota == "0" {
                app.run_jobs().await;
                assert_nothing_is_left(&app, &ann).await;
            }
        }
        let waiting = app.app.db.count_jobs().await.unwrap().queued;
        app.finish_with(waiting).await;
    }
}

/// A begin that is refused after the store has begun its upload takes the store's upload back.
#[tokio::test]
async fn a_refused_begin_leaves_nothing_in_the_store() {
    let app = TestApp::with(&[("MAX_OPEN_UPLOADS_PER_USER", "1")]).await;
    let dataset = app.dataset().await;
    app.begin("ann", &json!({})).await;
    let before = (open_in_store(&app).await, app.files());
    assert_eq!(before.0.len(), 1);
    let packages = format!("/packages?dataset_id={dataset}");
    let package = |parent| json!({ "name": "p", "filename": "p", "multipart": true, "parentId": parent });
    for _ in 0..3 {
        let image = app.post("ann", "/v1/images", &json!({ "size": 100 })).await;
        assert_eq!(image.json()["error"]["resource"], json!("open_uploads_of_user"), "{}", image.text());
        let source = app.ask("ann", "POST", &packages, Some(&package(None))).await;
        assert_eq!(source.json()["error"]["resource"], json!("open_uploads_of_user"), "{}", source.text());
        let nowhere = Some("N:collection:00000000-0000-4000-8000-000000000000");
        let orphan = app.ask("ben", "POST", &packages, Some(&package(nowhere))).await;
        assert!([403, 404].contains(&orphan.status), "{}", orphan.text());
        let orphan = app.ask("ann", "POST", &packages, Some(&package(nowhere))).await;
        assert_eq!(orphan.status, 404, "{}", orphan.text());
    }
    let after = (open_in_store(&app).await, app.files());
    assert_eq!(after, before, "refused begins are left in the store");
    app.finish().await;
}

/// Counters are repaired while uploads begin and end: neither waits for ever, and what is counted
/// meanwhile is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_repaired_while_uploads_begin() {
    let app = TestApp::start().await;
    for name in ["ann", "ben"] {
        app.begin(name, &json!({ "size": 7 })).await;
    }
    crate::quotas::execute(&app, "UPDATE quotas SET reserved = reserved + 77, open_uploads = 5").await;
    let wrong = app.app.db.list_wrong_counters().await.unwrap();
    assert!(wrong.len() >= 4, "{wrong:?}");
    let begins = join_all((0..60).map(|n| {
        let (app, who) = (&app, if n % 2 == 0 { "ann" } else { "ben" });
        async move {
            let (image, _) = app.begin(who, &json!({ "size": 5 })).await;
            if n % 3 == 0 {
                assert_eq!(app.delete(who, &format!("/v1/images/{image}")).await.status, 204);
            }
        }
    }));
    let repairs = async {
        for _ in 0..20 {
            app.app.db.repair_counters(&wrong).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), futures::future::join(begins, repairs)).await.unwrap();
    assert_eq!(app.app.db.list_wrong_counters().await.unwrap(), []);
    let waiting = app.app.db.count_jobs().await.unwrap().queued;
    app.finish_with(waiting).await;
}
