//! Writers take turns: one user with very many transactions delays another's by about one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tidegate::model::ids::UserId;
use tidegate::model::owner::Owner;
use tidegate::turns;
use tokio::task::JoinSet;

use crate::support::TestApp;

/// How long each transaction of the heavy user takes.
const LONG: Duration = Duration::from_millis(50);

/// A user has 200 long transactions waiting. Another user's request, and a job, are served after few
/// of them: one for each transaction of theirs, and those that end while the request is on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_transactions_of_one_user_delay_others_by_two() {
    let app = TestApp::start().await;
    let (done, mut heavy) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    let begun = Arc::new(AtomicUsize::new(0));
    for _ in 0..200 {
        let (db, done, begun) = (app.app.db.clone(), Arc::clone(&done), Arc::clone(&begun));
        heavy.spawn(turns::with_subject(Some("user:heavy".into()), async move {
            begun.fetch_add(1, Ordering::SeqCst);
            let mut tx = db.begin().await.unwrap();
            tx.raise_link_epoch(&Owner::Files(UserId::parse("heavy").unwrap())).await.unwrap();
            tokio::time::sleep(LONG).await;
            tx.commit().await.unwrap();
            done.fetch_add(1, Ordering::SeqCst);
        }));
    }
    while begun.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    let before = done.load(Ordering::SeqCst);
    let body = json!({ "mode": "single", "files": [{ "name": "a", "size": 1 }] });
    let answer = app.post("light", "/v1/files/init", &body).await;
    let passed = done.load(Ordering::SeqCst) - before;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(passed <= 10, "{passed} of the heavy user's transactions came first");
    let before = done.load(Ordering::SeqCst);
    app.app.db.begin().await.unwrap().commit().await.unwrap();
    let passed = done.load(Ordering::SeqCst) - before;
    assert!(passed <= 10, "{passed} of the heavy user's transactions came before a job's");
    heavy.abort_all();
    while let Some(one) = heavy.join_next().await {
        assert!(one.is_ok() || one.unwrap_err().is_cancelled());
    }
    app.finish().await;
}

/// The requests of one user stand in the user's own line, wherever they come from; requests without
/// sign-in in that of their address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_of_one_user_than_may_wait_are_refused_and_others_are_served() {
    let app = TestApp::with(&[
        ("RATE_LIMIT_PER_ADDRESS", "0"),
        ("MAX_CONCURRENT_REQUESTS", "1000"),
        ("MAX_REQUESTS_PER_SUBJECT", "1000"),
        ("MAX_REQUESTS_PER_ADDRESS", "1000"),
    ])
    .await;
    // Nobody can write.
    let mut held = Vec::new();
    let turns = if app.app.db.is_shared() { 3 } else { 1 };
    for n in 0..turns {
        let subject = Some(format!("holder{n}").into());
        held.push(turns::with_subject(subject, app.app.db.begin()).await.unwrap());
    }
    let body = json!({ "mode": "single", "files": [{ "name": "a", "size": 1 }] });
    let begun = (0..400).map(|_| app.post("heavy", "/v1/files/init", &body));
    let (answers, light) = tokio::join!(futures::future::join_all(begun), async {
        let refused = async {
            while !is_refusing(&app).await {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(8), refused).await.expect("a full line");
        let light = app.post("light", "/v1/files/init", &body);
        tokio::pin!(light);
        assert!(futures::poll!(light.as_mut()).is_pending());
        drop(std::mem::take(&mut held));
        light.await
    });
    assert_eq!(light.status, 200, "{}", light.text());
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(served.len() >= 256 && refused.len() > 100, "{} served, {} refused", served.len(), refused.len());
    for answer in refused {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], json!("STORE_UNAVAILABLE"));
    }
    app.finish().await;
}

/// Whether the line of the heavy user is full.
async fn is_refusing(app: &TestApp) -> bool {
    let attempt = turns::with_subject(Some("user:heavy".into()), async {
        let begin = app.app.db.begin();
        tokio::pin!(begin);
        futures::poll!(begin.as_mut())
    });
    matches!(attempt.await, std::task::Poll::Ready(Err(_)))
}
