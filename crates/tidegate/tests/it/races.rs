//! Races of a part with the completion of its upload, on every surface with parts: the part is in
//! the file, or it was refused. `RACES=10000` sets the number of rounds.

#![expect(clippy::print_stdout, reason = "what a run has found, shown with --nocapture")]

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::files::{complete, put};
use crate::support::services::bucket;
use crate::support::services::{database, given};
use crate::support::{Answer, TestApp};

fn rounds(usual: usize) -> usize {
    std::env::var("RACES").map_or(usual, |given| given.parse().unwrap())
}

/// The outcomes of all rounds.
#[derive(Debug, Default)]
struct Outcomes {
    replaced: usize,
    refused: usize,
    lost: Vec<String>,
    /// The duration of a completion.
    takes: Duration,
}

impl Outcomes {
    /// Records a round: `part` is the response to the racing part, `bytes` is the final content of
    /// the file.
    fn count(&mut self, round: usize, part: &Answer, bytes: &[u8], (old, new): (&[u8], &[u8])) {
        match (part.status, bytes) {
            (200, bytes) if bytes == new => self.replaced += 1,
            (404 | 409, bytes) if bytes == old => self.refused += 1,
            (status, bytes) if bytes == old || bytes == new => {
                self.lost.push(format!(
                    "round {round}: {status}, and the file is the {} one",
                    if bytes == old { "old" } else { "new" }
                ));
            }
            (status, _) => self.lost.push(format!("round {round}: {status}, and the file is neither")),
        }
    }

    fn end(self, surface: &str, rounds: usize) {
        println!(
            "{surface}: {rounds} rounds, {} replaced, {} refused, {} lost",
            self.replaced,
            self.refused,
            self.lost.len()
        );
        assert!(
            self.lost.is_empty(),
            "{surface}: {} of {rounds} lost: {:?}",
            self.lost.len(),
            &self.lost[..self.lost.len().min(5)]
        );
        assert!(self.replaced > 0 && self.refused > 0, "{surface}: they never met: {self:?}");
    }
}

/// Sends a completion and a part with a delay between them. The delay differs in every round, so
/// that all interleavings occur.
async fn at_once<A, B>(
    round: usize,
    tally: &mut Outcomes,
    completion: impl Future<Output = A>,
    part: impl Future<Output = B>,
) -> (A, B) {
    let most = u64::try_from(tally.takes.as_micros()).unwrap().max(500);
    let apart = (round as u64).wrapping_mul(2_654_435_761) % (2 * most);
    let wait = |micros: u64| async move {
        let until = Instant::now() + Duration::from_micros(micros);
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
    };
    let completing = async {
        wait(apart.saturating_sub(most)).await;
        let started = Instant::now();
        (completion.await, started.elapsed())
    };
    let sending = async {
        wait(most.saturating_sub(apart)).await;
        part.await
    };
    let ((done, took), sent) = tokio::join!(completing, sending);
    tally.takes = (tally.takes * 7 + took) / 8;
    (done, sent)
}

fn bodies(round: usize) -> (Vec<u8>, Vec<u8>) {
    (format!("old {round:08}").into_bytes(), format!("new {round:08}").into_bytes())
}

/// Retries the completion while it is refused with 409, at most five times.
async fn completed(app: &TestApp, upload: &str, first: Answer) {
    let mut answer = first;
    for _ in 0..5 {
        match answer.status {
            200 => return,
            409 => answer = complete(app, "alice", upload).await,
            _ => break,
        }
    }
    panic!("{} {}", answer.status, answer.text());
}

async fn of_file(app: &TestApp, key: &str) -> Vec<u8> {
    let got = app.send("GET", &format!("{}/{key}", app.api()), &[], Vec::new()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    got.body
}

/// One round for a file whose bytes come by one part, by two, by a single PUT or with the
/// completion, while another part arrives.
async fn file_round(here: &TestApp, there: &TestApp, round: usize, tally: &mut Outcomes) {
    let (old, new) = bodies(round);
    let rest = if round % 4 == 1 { b" and a second part".as_slice() } else { b"" };
    let body = json!({ "mode": "single", "files": [{ "name": "a.bin", "size": old.len() + rest.len() }] });
    let begun = here.post("alice", "/v1/files/init", &body).await.json();
    let text = |name: &str| begun["uploads"][0][name].as_str().unwrap().to_owned();
    let (upload, key) = (text("uploadId"), text("key"));
    let mut data = Vec::new();
    match round % 4 {
        2 => data.push(json!({ "data": STANDARD.encode(&old) })),
        3 => {
            let headers = [("content-type", "application/octet-stream")];
            let sent = here.send("PUT", &text("url"), &headers, old.clone()).await;
            assert_eq!(sent.status, 200, "{}", sent.text());
        }
        _ => assert_eq!(put(here, "alice", &upload, 0, &old).await.status, 200),
    }
    if !rest.is_empty() {
        assert_eq!(put(there, "alice", &upload, 1, rest).await.status, 200);
    }
    let asked = json!({ "uploadId": upload, "parts": data });
    let completing = here.post("alice", "/v1/files/complete", &asked);
    let (done, part) = at_once(round, tally, completing, put(there, "alice", &upload, 0, &new)).await;
    completed(there, &upload, done).await;
    let whole = |first: &[u8]| [first, rest].concat();
    tally.count(round, &part, &of_file(here, &key).await, (&whole(&old), &whole(&new)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_file_that_meets_its_completion_is_in_it_or_refused() {
    let app = TestApp::start().await;
    let (rounds, mut tally) = (rounds(300), Outcomes::default());
    for round in 0..rounds {
        file_round(&app, &app, round, &mut tally).await;
        if round % 50 == 0 {
            app.run_jobs().await;
        }
    }
    tally.end("files", rounds);
    app.run_jobs().await;
    assert!(!app.files().iter().any(|path| path.starts_with('.')), "nothing is left over: {:?}", app.files());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_so_is_one_that_another_server_took() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = bucket(&given("TEST_GARAGE_URL")).await;
    settings.push(("DATABASE_URL".into(), database(folder.path()).await));
    let pem = std::fs::read_to_string("../sign/tests/fixtures/throwaway-p256.pkcs8.pem").unwrap();
    settings.push(("CLOUDFRONT_PRIVATE_KEY_PEM".into(), pem));
    settings.push(("CLOUDFRONT_KEY_PAIR_ID".into(), "K1".into()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (one, two) = (TestApp::with(&settings).await, TestApp::with(&settings).await);
    let (rounds, mut tally) = (rounds(100), Outcomes::default());
    for round in 0..rounds {
        let (here, there) = if round / 4 % 2 == 0 { (&one, &two) } else { (&two, &one) };
        file_round(here, there, round, &mut tally).await;
        if round % 50 == 0 {
            one.run_jobs().await;
        }
    }
    tally.end("files, two servers", rounds);
    one.run_jobs().await;
    one.finish().await;
    two.finish().await;
}

/// A part is replaced while the completion names the old one: either the completion is refused and
/// a new one has the new part, or the part is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_image_that_meets_its_completion_is_in_it_or_refused() {
    let app = TestApp::start().await;
    let (rounds, mut tally) = (rounds(300), Outcomes::default());
    for round in 0..rounds {
        let (old, new) = bodies(round);
        let (image, upload) = app.begin("alice", &json!({})).await;
        let etag = app.put("alice", &image, &upload, 1, &old).await;
        let url = app.sign("alice", &image, &upload, 1).await;
        let named = [(1, etag.as_str())];
        let completing = app.complete("alice", &image, &upload, &named);
        let (done, part) = at_once(round, &mut tally, completing, app.send("PUT", &url, &[], new.clone())).await;
        if done.status != 200 {
            assert_eq!((done.status, part.status), (400, 200), "{} {}", done.text(), part.text());
            let again = app.complete("alice", &image, &upload, &[(1, part.header("etag"))]).await;
            assert_eq!(again.status, 200, "{}", again.text());
        }
        let read = app.get("alice", &format!("/v1/images/{image}/range")).await;
        tally.count(round, &part, &read.body, (&old, &new));
    }
    tally.end("disks", rounds);
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_package_that_meets_its_confirmation_is_in_it_or_refused() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let (rounds, mut tally) = (rounds(300), Outcomes::default());
    for round in 0..rounds {
        let (old, new) = bodies(round);
        let new_package = json!({ "name": format!("p{round}"), "filename": "a.bin", "multipart": true });
        let begun = app.ask("ann", "POST", &format!("/packages?dataset_id={dataset}"), Some(&new_package)).await.json();
        let id = begun["id"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        let node = begun["nodeId"].as_str().unwrap_or_else(|| panic!("{begun}"));
        let asked = json!({ "partNumbers": [1] });
        let signed = app.ask("ann", "POST", &format!("/packages/{id}/parts"), Some(&asked)).await.json();
        let url = signed["parts"][0]["url"].as_str().unwrap_or_else(|| panic!("{signed}")).to_owned();
        let sent = app.send("PUT", &url, &[], old.clone()).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        let confirm = async |etag: &str| {
            let named: Value = json!({ "parts": [{ "partNumber": 1, "etag": etag }] });
            app.ask("ann", "POST", &format!("/packages/{id}/confirm"), Some(&named)).await
        };
        let (done, part) =
            at_once(round, &mut tally, confirm(sent.header("etag")), app.send("PUT", &url, &[], new.clone())).await;
        if done.status != 200 {
            assert_eq!((done.status, part.status), (400, 200), "{} {}", done.text(), part.text());
            let again = confirm(part.header("etag")).await;
            assert_eq!(again.status, 200, "{}", again.text());
        }
        app.run_jobs().await;
        tally.count(round, &part, &app.source_of(&dataset, node).await, (&old, &new));
    }
    tally.end("packages", rounds);
    app.run_jobs().await;
    let waiting = app.app.db.count_jobs().await.unwrap().queued;
    app.finish_with(waiting).await;
}

/// A PUT is acknowledged while its upload is completed with an earlier one: either it is the file,
/// or it was refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_that_meets_its_completion_is_the_file_or_refused() {
    let app = TestApp::start().await;
    let (rounds, mut tally) = (rounds(300), Outcomes::default());
    for round in 0..rounds {
        let (old, new) = bodies(round);
        let body = json!({ "mode": "single", "files": [{ "name": "a.bin", "size": old.len() }] });
        let begun = app.post("alice", "/v1/files/init", &body).await.json();
        let text = |name: &str| begun["uploads"][0][name].as_str().unwrap().to_owned();
        let (upload, key, url) = (text("uploadId"), text("key"), text("url"));
        let send = |bytes: Vec<u8>| {
            let (app, url) = (&app, url.as_str());
            async move { app.send("PUT", url, &[("content-type", "application/octet-stream")], bytes).await }
        };
        assert_eq!(send(old.clone()).await.status, 200);
        let (done, mut again) = at_once(round, &mut tally, complete(&app, "alice", &upload), send(new.clone())).await;
        completed(&app, &upload, done).await;
        if matches!(again.status, 403 | 412) {
            // Refused with an S3 error.
            again.status = 409;
        }
        tally.count(round, &again, &of_file(&app, &key).await, (&old, &new));
    }
    assert!(tally.lost.is_empty(), "{:?}", tally.lost);
    println!("single PUTs: {rounds} rounds, {} replaced, {} refused, 0 lost", tally.replaced, tally.refused);
    app.run_jobs().await;
    assert!(!app.files().iter().any(|path| path.starts_with('.')), "nothing is left over: {:?}", app.files());
    app.finish().await;
}
