//! Jobs: leases, attempts, dead letters, and the sweep.

use std::time::{Duration, SystemTime};

use serde_json::json;
use store::Attributes;
use tidegate::db::{ClaimedJob, NewJob, Verdict};
use tidegate::error::Result;
use tidegate::model::job_class::JobClass;
use tidegate::queue::{self, Job};
use tidegate::worker::runner::{self, NamedOutcome};

use crate::support::{PART, TestApp, pattern};

const LEASE: Duration = Duration::from_secs(60);

/// Enqueues a job that is due at once: by the database's clock, which is measured and differs a little.
async fn enqueue(app: &TestApp, job: &Job) {
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, job, app.app.db.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(app: &TestApp, now: SystemTime) -> Result<Option<ClaimedJob>> {
    runner::claim(&app.app, None, now, LEASE).await
}

async fn fail(app: &TestApp, job: &ClaimedJob, at: SystemTime, verdict: Verdict, error: &str) {
    let mut tx = app.app.db.begin().await.unwrap();
    assert!(tx.fail_job(job, at, verdict, error).await.unwrap());
    tx.commit().await.unwrap();
}

fn release() -> Job {
    Job::ReleaseUploadV1 { upload_id: "0".repeat(32), key: "images/none".into() }
}

#[tokio::test]
async fn a_job_is_one_workers_and_counts_every_claim() {
    let app = TestApp::start().await;
    enqueue(&app, &release()).await;
    let now = SystemTime::now() + Duration::from_secs(1);
    let first = claim(&app, now).await.unwrap().unwrap();
    assert_eq!((first.attempts, first.max_attempts), (1, 12));
    assert!(claim(&app, now).await.unwrap().is_none(), "leased");
    let second = claim(&app, now + 2 * LEASE).await.unwrap().unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2), "a lease that ran out is another's");
    assert!(!app.app.db.extend_job(&first, now + LEASE).await.unwrap(), "the late one is fenced off");
    app.app.db.finish_job(&first).await.unwrap();
    assert_eq!(app.app.db.count_jobs().await.unwrap().queued, 1);
    app.app.db.finish_job(&second).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn crashes_count_and_the_last_one_is_the_last() {
    let app = TestApp::start().await;
    enqueue(&app, &release()).await;
    let mut now = SystemTime::now() + Duration::from_secs(1);
    for attempt in 1..=12 {
        let claimed = claim(&app, now).await.unwrap().unwrap();
        assert_eq!(claimed.attempts, attempt);
        now += 2 * LEASE;
    }
    assert!(claim(&app, now).await.unwrap().is_none());
    let counts = app.app.db.count_jobs().await.unwrap();
    assert_eq!((counts.queued, counts.dead_letters), (0, 1));
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_understood_is_kept() {
    let app = TestApp::start().await;
    let mut tx = app.app.db.begin().await.unwrap();
    tx.enqueue_job(
        NewJob {
            payload: "{\"type\":\"FromTheFutureV9\"}",
            dedupe: None,
            class: "upkeep",
            priority: 0,
            max_attempts: 3,
        },
        SystemTime::now(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.run_jobs().await, 1);
    let counts = app.app.db.count_jobs().await.unwrap();
    // A newer server that shares the queue may know the job: it is offered again and keeps its
    // attempts.
    assert_eq!((counts.dead_letters, counts.queued), if app.app.db.is_shared() { (0, 1) } else { (1, 0) });
    app.stop().await;
}

#[tokio::test]
async fn an_outage_of_any_length_costs_no_attempt_where_bytes_must_go() {
    let app = TestApp::start().await;
    enqueue(&app, &release()).await;
    let mut now = SystemTime::now() + Duration::from_secs(1);
    for _ in 0..30 {
        let claimed = claim(&app, now).await.unwrap().unwrap();
        fail(&app, &claimed, now, Verdict::Uncounted, "STORE_UNAVAILABLE").await;
        now += 2 * LEASE;
    }
    assert_eq!(app.app.db.count_jobs().await.unwrap().dead_letters, 0);
    app.stop().await;
}

#[tokio::test]
async fn recurring_jobs_are_there_once_and_come_back_from_the_dead() {
    let app = TestApp::start().await;
    enqueue(&app, &Job::SweepV1).await;
    enqueue(&app, &Job::SweepV1).await;
    assert_eq!(app.app.db.count_jobs().await.unwrap().queued, 1);
    let claimed = claim(&app, SystemTime::now() + LEASE).await.unwrap().unwrap();
    fail(&app, &claimed, SystemTime::now(), Verdict::DeadLetter, "given up").await;
    assert_eq!(app.app.db.count_jobs().await.unwrap().dead_letters, 1);
    enqueue(&app, &Job::SweepV1).await;
    assert_eq!(app.run_jobs().await, 1);
    app.finish().await;
}

/// Crashes count as attempts, but a recurring job is never dead-lettered, since nothing would start
/// it again.
#[tokio::test]
async fn recurring_jobs_outlive_any_number_of_crashes() {
    let app = TestApp::start().await;
    let mut now = SystemTime::now() + Duration::from_secs(1);
    for _ in 0..5 {
        let mut tx = app.app.db.begin().await.unwrap();
        queue::enqueue(&mut tx, &Job::RecoverV1, now).await.unwrap();
        tx.commit().await.unwrap();
        let claimed = claim(&app, now).await.unwrap();
        assert!(claimed.is_some(), "it is there again after every crash");
        now += 2 * LEASE;
    }
    app.app.db.end_leases().await.unwrap();
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &Job::RecoverV1, now).await.unwrap();
    tx.commit().await.unwrap();
    let claimed = claim(&app, now).await.unwrap().unwrap();
    app.app.db.finish_job(&claimed).await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn an_upload_that_was_never_completed_is_given_up() {
    let app = TestApp::with(&[("UPLOAD_EXPIRY_SECONDS", "5")]).await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let etag = app.put("alice", &image, &upload, 1, &pattern(1, PART)).await;
    enqueue(&app, &Job::SweepV1).await;
    app.run_jobs().await;
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/parts")).await.status, 200, "not yet");
    app.app.db.clock().advance(Duration::from_secs(5));
    let late = app.complete("alice", &image, &upload, &[(1, &etag)]).await;
    assert_eq!(late.refusal(), (409, "INVALID_STATE".into()), "over, swept or not");
    let lifetime: u64 = url.split("X-Amz-Expires=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!((1..=5).contains(&lifetime), "its URL ends with it: {url}");
    assert_eq!(app.send("PUT", &url, &[], b"late".to_vec()).await.status, 404, "the door takes no bytes for it");
    enqueue(&app, &Job::SweepV1).await;
    assert_eq!(app.run_jobs().await, 2, "the sweep, and the release it enqueued");
    assert_eq!(app.get("alice", &format!("/v1/images/{image}/parts")).await.refusal().0, 404);
    assert_eq!(app.files(), [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn remains_that_no_row_knows_are_swept_after_their_grace() {
    let app = TestApp::start().await;
    let key = format!("images/alice/{}/{}/disk.img", uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let upload_id = app.app.store.begin_parts(&key, 5 << 20, Attributes::default()).await.unwrap();
    enqueue(&app, &Job::SweepV1).await;
    app.run_jobs().await;
    assert!(!app.files().is_empty(), "a row may still follow");
    let record = app.folder.path().join(format!("store/.uploads/{upload_id}/upload"));
    let text = std::fs::read_to_string(&record).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["begun_us"] = json!(json["begun_us"].as_u64().unwrap() - 3_700_000_000);
    std::fs::write(&record, json.to_string()).unwrap();
    enqueue(&app, &Job::SweepV1).await;
    app.run_jobs().await;
    assert_eq!(app.files(), [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_completion_and_an_abort_at_once_end_in_one_of_the_two() {
    let app = TestApp::start().await;
    for _ in 0..20 {
        let (image, upload) = app.begin("alice", &json!({})).await;
        let etag = app.put("alice", &image, &upload, 1, b"bytes").await;
        let parts = [(1, etag.as_str())];
        let abort = format!("/v1/images/{image}/abort");
        let nothing = json!({});
        let (completed, again, aborted) = tokio::join!(
            app.complete("alice", &image, &upload, &parts),
            app.complete("alice", &image, &upload, &parts),
            app.post("alice", &abort, &nothing)
        );
        app.run_jobs().await;
        let there = app.get("alice", &format!("/v1/images/{image}/range")).await;
        match aborted.status {
            204 => {
                assert!([404, 409].contains(&completed.status), "{}", completed.text());
                assert_eq!(there.status, 404);
                assert!(!app.files().iter().any(|file| file.contains(&image)), "{:?}", app.files());
            }
            status => {
                assert_eq!(status, 409, "{}", aborted.text());
                assert_eq!((completed.status, again.status), (200, 200), "{} {}", completed.text(), again.text());
                assert_eq!(there.body, b"bytes");
            }
        }
    }
    app.finish().await;
}

/// Creates the state that a crash leaves between the blob and its row.
async fn cut_off(app: &TestApp) -> (String, String, String) {
    let (image, upload) = app.begin("alice", &json!({})).await;
    let etag = app.put("alice", &image, &upload, 1, b"bytes").await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let key = url.split_once("/tidegate/").unwrap().1.split('?').next().unwrap().to_owned();
    let named = store::UploadRef { key, upload_id: upload.clone() };
    let parts = vec![(1, etag.trim_matches('"').to_owned())];
    let completion = store::Completion { parts, part_size: 5 << 20, size: None, max_size: u64::MAX };
    app.app.store.complete(&named, &completion).await.unwrap();
    (image, upload, etag)
}

#[tokio::test]
async fn completions_that_a_crash_cut_off_are_finished() {
    let app = TestApp::with(&[("UPLOAD_EXPIRY_SECONDS", "5")]).await;
    let asked = cut_off(&app).await;
    assert_eq!(app.get("alice", &format!("/v1/images/{}/parts", asked.0)).await.refusal().0, 409, "it is complete");
    assert_eq!(app.get("alice", &format!("/v1/images/{}/metadata", asked.0)).await.status, 200, "as it says");
    let started = cut_off(&app).await;
    enqueue(&app, &Job::RecoverV1).await;
    app.run_jobs().await;
    let expired = cut_off(&app).await;
    app.app.db.clock().advance(Duration::from_secs(5));
    enqueue(&app, &Job::SweepV1).await;
    app.run_jobs().await;
    for (image, upload, etag) in [asked, started, expired] {
        assert_eq!(app.get("alice", &format!("/v1/images/{image}/range")).await.body, b"bytes");
        assert_eq!(app.complete("alice", &image, &upload, &[(1, &etag)]).await.status, 200, "the same answer as ever");
        let other = format!("\"{}\"", "0".repeat(32));
        assert_eq!(app.complete("alice", &image, &upload, &[(1, &other)]).await.refusal().0, 409);
    }
    app.finish().await;
}

#[tokio::test]
async fn open_uploads_are_left_alone_by_recovery() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let etag = app.put("alice", &image, &upload, 1, b"bytes").await;
    enqueue(&app, &Job::RecoverV1).await;
    app.run_jobs().await;
    assert_eq!(app.complete("alice", &image, &upload, &[(1, &etag)]).await.status, 200);
    app.finish().await;
}

/// Returns the id of the one job that was enqueued.
async fn enqueue_for(app: &TestApp, job: &Job, at: SystemTime) -> i64 {
    let mut tx = app.app.db.begin().await.unwrap();
    let id = queue::enqueue(&mut tx, job, at).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_job_that_is_named_is_run_once() {
    let app = TestApp::start().await;
    let id = enqueue_for(&app, &release(), app.app.db.now()).await;
    // Named many times at once, as by duplicated messages.
    let runs = futures::future::join_all((0..8).map(|_| runner::run_named(&app.app, id))).await;
    let outcomes: Vec<NamedOutcome> = runs.into_iter().map(Result::unwrap).collect();
    let done = outcomes.iter().filter(|outcome| **outcome == NamedOutcome::Done).count();
    assert_eq!(done, 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| !matches!(outcome, NamedOutcome::Failed(_))), "{outcomes:?}");
    for id in [id, 0, -1, i64::MAX] {
        assert_eq!(runner::run_named(&app.app, id).await.unwrap(), NamedOutcome::Gone);
    }
    app.finish().await;
}

/// A message in the queue of one class does not run a job of another, which has limits of its own.
#[tokio::test]
async fn a_job_is_claimed_as_one_of_its_class_alone() {
    let app = TestApp::start().await;
    let id = enqueue_for(&app, &release(), app.app.db.now()).await;
    for class in JobClass::ALL {
        let claimed = app.app.db.claim_job_by_id(id, Some(class), LEASE).await.unwrap();
        assert_eq!(claimed.is_some(), class == JobClass::Upkeep, "{class:?}");
    }
    app.app.db.clock().advance(LEASE + Duration::from_secs(1));
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn several_jobs_are_claimed_in_their_order_and_those_that_were_not_begun_are_given_back() {
    let app = TestApp::start().await;
    let now = app.app.db.now();
    let mut ids = Vec::new();
    for age in [5, 30, 10, 20] {
        ids.push(enqueue_for(&app, &release(), now - Duration::from_secs(age)).await);
    }
    let in_order = [ids[1], ids[3], ids[2], ids[0]];
    let claim = async |most| {
        let mut tx = app.app.db.begin().await.unwrap();
        let claimed = tx.claim_due_jobs(Some("upkeep"), now, now, LEASE, most).await.unwrap();
        tx.commit().await.unwrap();
        claimed
    };
    let claimed = claim(3).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), in_order[..3]);
    assert_eq!(claim(9).await.iter().map(|job| job.id).collect::<Vec<_>>(), in_order[3..], "the others are leased");
    // The first one was begun.
    app.app.db.release_unbegun_jobs(&claimed[1..]).await.unwrap();
    app.app.db.release_unbegun_jobs(&claimed[1..]).await.unwrap();
    let again = claim(9).await;
    assert_eq!(
        again.iter().map(|job| (job.id, job.attempts)).collect::<Vec<_>>(),
        [(in_order[1], 1), (in_order[2], 1)]
    );
    app.app.db.clock().advance(LEASE + Duration::from_secs(1));
    app.run_jobs().await;
    app.finish().await;
}

#[tokio::test]
async fn many_jobs_that_are_named_at_once_are_each_run() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(enqueue_for(&app, &release(), app.app.db.now()).await);
    }
    // Each twice and out of order.
    let named = ids.iter().rev().chain(&ids).map(|id| runner::run_named(&app.app, *id));
    let outcomes = futures::future::join_all(named).await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Ok(NamedOutcome::Done))).count();
    assert_eq!(done, 100, "{outcomes:?}");
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_job_that_is_named_says_why_it_was_not_run() {
    let app = TestApp::start().await;
    let soon = SystemTime::now() + Duration::from_secs(600);
    let later = enqueue_for(&app, &release(), soon).await;
    let NamedOutcome::NotDue(wait) = runner::run_named(&app.app, later).await.unwrap() else { panic!("it is not due") };
    assert!((590..=600).contains(&wait.as_secs()), "{wait:?}");
    app.app.db.clock().advance(Duration::from_secs(601));
    let mut claimed = claim(&app, app.app.db.now()).await.unwrap().unwrap();
    let NamedOutcome::Leased(left) = runner::run_named(&app.app, later).await.unwrap() else { panic!("it is leased") };
    assert!((55..=60).contains(&left.as_secs()), "{left:?}");
    // The workers of all attempts vanish.
    for _ in 1..12 {
        app.app.db.clock().advance(LEASE + Duration::from_secs(1));
        claimed = claim(&app, app.app.db.now()).await.unwrap().unwrap();
    }
    assert_eq!(claimed.attempts, 12);
    app.app.db.clock().advance(LEASE + Duration::from_secs(1));
    assert_eq!(runner::run_named(&app.app, later).await.unwrap(), NamedOutcome::Gone);
    assert_eq!(app.app.db.count_jobs().await.unwrap().dead_letters, 1, "naming it has dead-lettered it");
    assert_eq!(runner::run_named(&app.app, later).await.unwrap(), NamedOutcome::Gone);
    let mut tx = app.app.db.begin().await.unwrap();
    assert!(tx.requeue_dead_letter(later, app.app.db.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(runner::run_named(&app.app, later).await.unwrap(), NamedOutcome::Done);
    app.finish().await;
}

#[tokio::test]
async fn a_job_that_is_named_and_fails_is_due_again() {
    let app = TestApp::start().await;
    let id = enqueue_for(&app, &Job::RestoreMediaV1 { object: uuid::Uuid::new_v4() }, app.app.db.now()).await;
    let failing = Job::HideSpaceV1 { space: "no id".into() };
    let failed = enqueue_for(&app, &failing, app.app.db.now()).await;
    assert_eq!(
        runner::run_named(&app.app, failed).await.unwrap(),
        NamedOutcome::Failed(Some(Duration::from_secs(2))),
        "the pause after a first attempt"
    );
    assert!(matches!(runner::run_named(&app.app, failed).await.unwrap(), NamedOutcome::NotDue(_)));
    for attempt in 2..=12 {
        app.app.db.clock().advance(Duration::from_secs(3601));
        let outcome = runner::run_named(&app.app, failed).await.unwrap();
        assert_eq!(outcome == NamedOutcome::Failed(None), attempt == 12, "{attempt} {outcome:?}");
    }
    assert_eq!(runner::run_named(&app.app, failed).await.unwrap(), NamedOutcome::Gone);
    assert_eq!(runner::run_named(&app.app, id).await.unwrap(), NamedOutcome::Done);
    assert_eq!(app.app.db.count_jobs().await.unwrap().dead_letters, 1);
    drop(app.stop().await);
}
