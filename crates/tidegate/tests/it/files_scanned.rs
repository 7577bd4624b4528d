//! Users' files with a scanner: no file is readable before its scan, infected files are removed,
//! and quotas stay exact.

use serde_json::{Value, json};

use crate::support::files::{complete, file, init, put, refusal, usage};
use crate::support::services::{Cuttable, given};
use crate::support::sessions::{eicar, run_late_jobs, scanner, scanning};
use crate::support::{TestApp, pattern};

/// Uploads a file without running its jobs; returns its key and its upload.
async fn sent(app: &TestApp, name: &str, bytes: &[u8], folder: &str) -> (String, String) {
    let (upload, key) = init(app, "ann", name, bytes.len(), folder).await;
    assert_eq!(put(app, "ann", &upload, 1, bytes).await.status, 200);
    let done = complete(app, "ann", &upload).await;
    assert_eq!((done.status, &done.json()["status"]), (200, &json!("SCANNING")), "{}", done.text());
    (key, upload)
}

async fn metadata(app: &TestApp, key: &str) -> Value {
    app.get("ann", &format!("/v1/files/metadata/{key}")).await.json()
}

/// Returns the status of every path to the content of a file.
async fn reads(app: &TestApp, key: &str, link: &str) -> Vec<u16> {
    let archive = app.post("ann", "/v1/files/batch-download", &json!({ "keys": [key] })).await;
    let signed = app.get("ann", &format!("/v1/files/signed-url?key={key}")).await;
    let public = app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await;
    let linked = app.send("GET", link, &[], Vec::new()).await;
    for refused in [&archive, &signed, &public, &linked] {
        if refused.status == 409 {
            assert_eq!(refusal(refused).1, "INVALID_STATE");
        }
    }
    vec![archive.status, signed.status, public.status, linked.status]
}

/// Returns a link as the server would sign it, to a file it signs none for yet.
fn link_to(app: &TestApp, key: &str) -> String {
    use base64::Engine as _;
    let exp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 600;
    let segment = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key);
    format!("{}/get/{segment}?exp={exp}&sig={}", app.api(), app.app.links.sign_v1(key, exp))
}

#[tokio::test]
async fn nobody_reads_a_file_before_it_was_scanned() {
    let app = scanning(&[]).await;
    let bytes = pattern(3, 50_000);
    let (key, upload) = sent(&app, "a.png", &bytes, "docs").await;
    let link = link_to(&app, &key);
    assert_eq!(reads(&app, &key, &link).await, [409; 4]);
    let waiting = metadata(&app, &key).await;
    assert_eq!((&waiting["status"], &waiting["scan"]), (&json!("SCANNING"), &Value::Null), "{waiting}");
    let listed = app.get("ann", "/v1/files/all").await.json();
    assert_eq!((&listed["total_count"], &listed["files"]), (&json!(0), &json!([])));
    for query in ["", "&folder=docs", "&folder=&subtree=1", "&q=A.P"] {
        let listed = app.get("ann", &format!("/v1/files/all?status=SCANNING{query}")).await.json();
        assert_eq!((&listed["total_count"], &listed["total_size"]), (&json!(1), &json!(50_000)), "{query}");
        assert_eq!((&listed["files"][0]["key"], &listed["files"][0]["status"]), (&json!(key), &json!("SCANNING")));
    }
    for query in ["&folder=other", "&folder=&exact=1", "&q=b"] {
        let listed = app.get("ann", &format!("/v1/files/all?status=SCANNING{query}")).await.json();
        assert_eq!((&listed["total_count"], &listed["files"]), (&json!(0), &json!([])), "{query}");
    }
    assert_eq!(refusal(&app.get("ann", "/v1/files/all?status=DELETED").await), (400, "BAD_REQUEST".into()));
    assert_eq!(usage(&app, "ann").await, (0, 50_000, 0), "its space stays reserved");
    app.run_jobs().await;
    assert_eq!(reads(&app, &key, &link).await, [200; 4]);
    let scanned = metadata(&app, &key).await;
    assert_eq!((&scanned["status"], &scanned["scan"]), (&json!("READY"), &json!("clean")), "{scanned}");
    assert_eq!(complete(&app, "ann", &upload).await.json()["status"], "READY");
    let listed = app.get("ann", "/v1/files/all?folder=docs").await.json();
    assert_eq!((&listed["total_count"], &listed["total_size"]), (&json!(1), &json!(50_000)));
    assert_eq!(usage(&app, "ann").await, (50_000, 0, 1));
    app.finish().await;
}

#[tokio::test]
async fn what_the_scanner_finds_is_gone_from_everywhere() {
    let app = scanning(&[]).await;
    let (key, upload) = sent(&app, "virus.png", &[pattern(1, 1000), eicar()].concat(), "").await;
    let link = link_to(&app, &key);
    app.run_jobs().await;
    assert_eq!(reads(&app, &key, &link).await, [409; 4], "unreadable by any URL");
    let rejected = metadata(&app, &key).await;
    assert_eq!(rejected["status"], "REJECTED");
    assert!(rejected["reason"].as_str().unwrap().contains("Eicar"), "{rejected}");
    assert!(app.files().iter().all(|path| path.ends_with("lock")), "{:?}", app.files());
    assert_eq!(usage(&app, "ann").await, (0, 0, 0), "and takes no space");
    assert_eq!(complete(&app, "ann", &upload).await.json()["status"], "REJECTED");
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "REJECTED", "what was rejected stays so");
    let events = app.get("ann", "/v1/audit?kind=files").await.json();
    let rejected = events["events"].as_array().unwrap().iter().find(|event| event["action"] == "file.rejected");
    let object = rejected.unwrap_or_else(|| panic!("{events}"))["objectId"].as_str().unwrap();
    let of_it = app.get("ann", &format!("/v1/audit?object={object}")).await.json();
    assert!(of_it["events"].as_array().unwrap().iter().any(|event| event["action"] == "upload.begun"), "{of_it}");
    assert_eq!(app.get("eve", &format!("/v1/audit?object={object}")).await.status, 403);
    assert_eq!(app.get("eve", "/v1/audit?kind=files&owner=ann").await.status, 403);
    assert_eq!(app.get("eve", "/v1/audit?kind=spaceships").await.status, 400);
    assert_eq!(app.delete("ann", &format!("/v1/files/{key}")).await.status, 200);
    assert_eq!(app.delete("ann", &format!("/v1/files/{key}")).await.status, 404);
    assert_eq!(reads(&app, &key, &link).await, [404; 4]);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn too_large_to_scan_is_never_clean() {
    let bytes = pattern(5, (1 << 20) + 1);
    let app = scanning(&[("CLAMAV_MAX_MB", "1")]).await;
    let (key, upload) = sent(&app, "a.png", &bytes, "").await;
    app.run_jobs().await;
    let failed = metadata(&app, &key).await;
    assert_eq!(
        (&failed["status"], &failed["reason"]),
        (&json!("FAILED"), &json!("it is too large to be scanned for malware"))
    );
    assert_eq!(reads(&app, &key, &link_to(&app, &key)).await, [409; 4]);
    assert_eq!(usage(&app, "ann").await, (0, bytes.len() as u64, 0));
    let folder = app.stop().await;
    // After the setting allows such files, a retried one is scanned again.
    let scanner = scanner();
    let mut settings: Vec<(&str, &str)> = scanner.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend([("CLAMAV_MAX_MB", "1"), ("PUBLISH_UNSCANNED", "true")]);
    let app = TestApp::over(folder, &settings).await;
    assert_eq!(complete(&app, "ann", &upload).await.json()["status"], "SCANNING");
    app.run_jobs().await;
    let shown = metadata(&app, &key).await;
    assert_eq!((&shown["status"], &shown["scan"]), (&json!("READY"), &json!("unscanned")));
    assert_eq!(usage(&app, "ann").await, (bytes.len() as u64, 0, 1));
    app.finish().await;
}

/// Nested archives are small and expand beyond clamd's limits; the setting for large files does not
/// let them through.
#[tokio::test]
async fn what_the_scanner_gives_up_on_is_not_let_through() {
    let app = scanning(&[("PUBLISH_UNSCANNED", "true")]).await;
    let mut nested = stored_zip(&eicar());
    for _ in 0..30 {
        nested = stored_zip(&nested);
    }
    let (key, _) = sent(&app, "a.zip", &nested, "").await;
    app.run_jobs().await;
    let shown = metadata(&app, &key).await;
    assert_ne!(shown["status"], "READY", "{shown}");
    assert_eq!(reads(&app, &key, &link_to(&app, &key)).await, [409; 4]);
    app.stop().await;
}

/// An archive of 731 kB unpacks to 116 MB, which is more than the `MaxScanSize` of clamd here.
#[tokio::test]
async fn an_archive_that_unpacks_to_very_much_is_not_let_through() {
    let app = scanning(&[("PUBLISH_UNSCANNED", "true")]).await;
    let bomb = zip_of_zeros(450_000);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let (key, _) = sent(&app, "a.zip", &bomb, "").await;
    // The same of a few bytes is an archive as others are.
    let (small, _) = sent(&app, "b.zip", &zip_of_zeros(10), "").await;
    app.run_jobs().await;
    let shown = metadata(&app, &key).await;
    assert_ne!(shown["status"], "READY", "{shown}");
    assert_eq!(reads(&app, &key, &link_to(&app, &key)).await, [409; 4]);
    assert_eq!(metadata(&app, &small).await["status"], "READY");
    app.stop().await;
}

/// An encrypted archive is not called malware, and is neither published nor deleted.
#[tokio::test]
async fn what_is_encrypted_has_a_verdict_of_its_own() {
    let app = scanning(&[("PUBLISH_UNSCANNED", "true")]).await;
    let (key, upload) = sent(&app, "a.zip", &zip(&pattern(9, 400), true), "").await;
    app.run_jobs().await;
    let shown = metadata(&app, &key).await;
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("FAILED"), &json!("could not be scanned: encrypted")),
        "{shown}"
    );
    assert_eq!(reads(&app, &key, &link_to(&app, &key)).await, [409; 4]);
    let (plain, _) = sent(&app, "b.zip", &zip(&pattern(9, 400), false), "").await;
    app.run_jobs().await;
    assert_eq!(metadata(&app, &plain).await["status"], "READY");
    // The bytes are still there, for a scanner that is set otherwise.
    assert_eq!(complete(&app, "ann", &upload).await.json()["status"], "SCANNING");
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "FAILED");
    app.finish().await;
}

fn stored_zip(bytes: &[u8]) -> Vec<u8> {
    zip(bytes, false)
}

/// Returns a ZIP archive of one uncompressed file, marked as encrypted or not.
fn zip(bytes: &[u8], is_encrypted: bool) -> Vec<u8> {
    let crc32 = u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, bytes)).unwrap();
    zip_entry(bytes, (u8::from(is_encrypted), 0), crc32, bytes.len())
}

/// Returns a ZIP archive of one file of zeros: one, and 258 for each repetition. It is compressed with
/// the fixed codes of DEFLATE (RFC 1951, section 3.2.6): 13 bits for each repetition.
fn zip_of_zeros(repetitions: usize) -> Vec<u8> {
    // The last block, with fixed codes; the literal 0.
    let mut bits = vec![1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0];
    for _ in 0..repetitions {
        // The length 258, which is symbol 285, at the distance 1, which is symbol 0.
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    // The end of the block.
    bits.extend([0; 7]);
    let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << at);
    let compressed: Vec<u8> = bits.chunks(8).map(byte).collect();
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc);
    digest.update(&[0]);
    for _ in 0..repetitions {
        digest.update(&[0; 258]);
    }
    zip_entry(&compressed, (0, 8), u32::try_from(digest.finalize()).unwrap(), 1 + 258 * repetitions)
}

/// Returns a ZIP archive of one file, with the first byte of its flags and of its method.
fn zip_entry(stored: &[u8], (flags, method): (u8, u8), crc32: u32, length: usize) -> Vec<u8> {
    let four = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    // Version, flags, method, time, date; checksum, sizes, name length, and no extra fields.
    let common = [
        &[20, 0, flags, 0, method, 0, 0, 0, 0x21, 0][..],
        &crc32.to_le_bytes(),
        &four(stored.len()),
        &four(length),
        &[5, 0, 0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &common[..], b"a.zip", stored].concat();
    let central = [b"PK\x01\x02\x14\0", &common[..], &[0; 14], b"a.zip"].concat();
    let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &four(central.len()), &four(local.len()), &[0, 0]].concat();
    [local, central, end].concat()
}

#[tokio::test]
async fn a_scanner_that_is_away_keeps_files_waiting() {
    let way = Cuttable::to(given("TEST_CLAMD").parse().unwrap()).await;
    let port = way.address.port().to_string();
    let settings = [("CLAMAV_HOST", "127.0.0.1"), ("CLAMAV_PORT", &*port), ("CLAMAV_TIMEOUT_SECONDS", "1")];
    let app = TestApp::with(&settings).await;
    way.cut();
    let (key, _) = sent(&app, "a.png", &pattern(1, 1000), "").await;
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "SCANNING", "it waits");
    run_late_jobs(&app, 80).await;
    let failed = metadata(&app, &key).await;
    assert_eq!(
        (&failed["status"], &failed["reason"]),
        (&json!("FAILED"), &json!("the malware scanner does not answer")),
        "{failed}"
    );
    assert_eq!(reads(&app, &key, &link_to(&app, &key)).await, [409; 4]);
    way.mend();
    let admin = [("x-user-id", "root"), ("x-roles", "admin")];
    let dead = app.send("GET", &format!("{}/v1/jobs/dead", app.api()), &admin, Vec::new()).await.json();
    assert_eq!(dead[0]["job"]["type"], "ScanFileV1", "{dead}");
    let retry = format!("{}/v1/jobs/{}/retry", app.api(), dead[0]["id"]);
    assert_eq!(app.send("POST", &retry, &admin, Vec::new()).await.status, 202);
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "READY");
    app.stop().await;
}

#[tokio::test]
async fn what_waits_for_the_scanner_can_be_deleted() {
    let app = scanning(&[("CLAMAV_MAX_MB", "1")]).await;
    let (first, _) = sent(&app, "a.png", &pattern(1, 1000), "").await;
    assert_eq!(app.delete("ann", &format!("/v1/files/{first}")).await.status, 200);
    assert_eq!(app.get("ann", &format!("/v1/files/metadata/{first}")).await.status, 404);
    assert_eq!(usage(&app, "ann").await, (0, 0, 0));
    app.run_jobs().await;
    // One file in each state, in a folder that is deleted.
    sent(&app, "failed.png", &pattern(2, (1 << 20) + 1), "all/of/it").await;
    sent(&app, "rejected.png", &eicar(), "all").await;
    sent(&app, "clean.png", &pattern(2, 2000), "all").await;
    app.run_jobs().await;
    let (waiting, _) = sent(&app, "waiting.png", &pattern(2, 3000), "all").await;
    assert_eq!(usage(&app, "ann").await, (2000, (1 << 20) + 1 + 3000, 1));
    assert_eq!(app.delete("ann", "/v1/files?folder=all").await.status, 202);
    assert_eq!(usage(&app, "ann").await, (0, 0, 0));
    app.run_jobs().await;
    assert_eq!(app.get("ann", &format!("/v1/files/metadata/{waiting}")).await.status, 404);
    for status in ["READY", "SCANNING", "FAILED", "REJECTED"] {
        let listed = app.get("ann", &format!("/v1/files/all?status={status}")).await.json();
        assert_eq!(listed["total_count"], 0, "{status}");
    }
    assert!(app.files().iter().all(|path| path.ends_with("lock")), "{:?}", app.files());
    app.finish().await;
}

#[tokio::test]
async fn what_was_let_through_is_looked_at_again() {
    // Uploaded without a scanner, as if its signature had not been known.
    let app = TestApp::start().await;
    let (bad, good) =
        (file(&app, "ann", "bad.png", &eicar(), "x").await, file(&app, "ann", "good.png", b"good", "x").await);
    assert_eq!(metadata(&app, &bad).await["status"], "READY");
    let folder = app.stop().await;
    let scanner = scanner();
    let settings: Vec<(&str, &str)> = scanner.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let app = TestApp::over(folder, &settings).await;
    // A disk image, which is never scanned.
    app.image("ann", b"opaque").await;
    assert_eq!(app.app.db.list_ready(None, 10).await.unwrap().len(), 3);
    assert_eq!(tidegate::worker::rescan::enqueue_all(&app.app.db).await.unwrap(), 2);
    app.run_jobs().await;
    assert_eq!(metadata(&app, &bad).await["status"], "REJECTED");
    assert_eq!(metadata(&app, &good).await["scan"], "clean");
    assert_eq!(usage(&app, "ann").await, (4, 0, 1));
    let listed = app.get("ann", "/v1/files/all?folder=x").await.json();
    assert_eq!((&listed["total_count"], &listed["total_size"]), (&json!(1), &json!(4)));
    assert_eq!(reads(&app, &bad, &link_to(&app, &bad)).await, [409; 4]);
    assert!(app.files().iter().all(|path| !path.contains("bad.png")), "{:?}", app.files());
    app.finish().await;
}

/// A waiting file must be scanned: a process configured without a scanner lets none through.
#[tokio::test]
async fn a_process_without_a_scanner_lets_nothing_through() {
    let app = scanning(&[]).await;
    let (key, _) = sent(&app, "a.png", b"whatever", "").await;
    let folder = app.stop().await;
    let app = TestApp::over(folder, &[]).await;
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "SCANNING");
    assert_eq!(reads(&app, &key, &link_to(&app, &key)).await, [409; 4]);
    let folder = app.stop().await;
    // The operator switches scanning off by name.
    let app = TestApp::over(folder, &[("SCANNER", "off")]).await;
    run_late_jobs(&app, 1).await;
    let shown = metadata(&app, &key).await;
    assert_eq!((&shown["status"], &shown["scan"]), (&json!("READY"), &json!("skipped")));
    app.finish().await;
}

/// The operator can retry files that failed for good, without their uploaders.
#[tokio::test]
async fn what_failed_for_good_can_be_taken_back_by_an_operator() {
    let app = scanning(&[("CLAMAV_MAX_MB", "1")]).await;
    let (key, _) = sent(&app, "a.png", &pattern(5, (1 << 20) + 1), "").await;
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "FAILED");
    let folder = app.stop().await;
    let app = TestApp::over(folder, &scanner_settings(&scanner())).await;
    let system = tidegate::model::caller::Caller::system();
    assert_eq!(tidegate::worker::dead_letters::requeue_failed(&app.app.db, &system).await.unwrap(), 1);
    app.run_jobs().await;
    assert_eq!(metadata(&app, &key).await["status"], "READY");
    assert_eq!(tidegate::worker::dead_letters::requeue_failed(&app.app.db, &system).await.unwrap(), 0);
    app.finish().await;
}

fn scanner_settings<'a>(scanner: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    scanner.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
