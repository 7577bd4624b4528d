//! Writers take turns: one user with very many transactions delays another's by one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tidegate::model::ids::UserId;
use tidegate::model::owner::Owner;
use tidegate::turns;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::TestApp;

/// Returns how many transactions may write at a time: one on SQLite, and three of the four
/// connections of the tests to PostgreSQL.
fn writers(app: &TestApp) -> usize {
    if app.app.db.is_shared() { 3 } else { 1 }
}

/// A user has 200 transactions waiting, each of which ends when it is told to. Another user's
/// transaction, and a job's, begin once those that were under way have ended, and one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_transactions_of_one_user_delay_another_by_one() {
    let app = TestApp::start().await;
    let (end, mut heavy) = (Arc::new(Semaphore::new(0)), JoinSet::new());
    let (asked, begun) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..200 {
        let (db, end, asked, begun) = (app.app.db.clone(), Arc::clone(&end), Arc::clone(&asked), Arc::clone(&begun));
        heavy.spawn(turns::with_subject(Some("user:heavy".into()), async move {
            asked.fetch_add(1, Ordering::SeqCst);
            // On PostgreSQL, the last ones may have waited for too long before the test ends.
            let Ok(mut tx) = db.begin().await else { return };
            begun.fetch_add(1, Ordering::SeqCst);
            end.acquire().await.unwrap().forget();
            tx.raise_link_epoch(&Owner::Files(UserId::parse("heavy").unwrap())).await.unwrap();
            tx.commit().await.unwrap();
        }));
    }
    // Half of the turns, rounded up, are the most that one user has. Nobody else has one.
    let under_way = writers(&app).div_ceil(2);
    let mut held = Vec::new();
    for n in under_way..writers(&app) {
        held.push(turns::with_subject(Some(format!("holder{n}").into()), app.app.db.begin()).await.unwrap());
    }
    until(|| asked.load(Ordering::SeqCst) == 200).await;
    let mut ended = 0;
    for (who, subject) in [("another user", Some("user:light".into())), ("a job", None)] {
        until(|| begun.load(Ordering::SeqCst) == ended + under_way).await;
        let before = begun.load(Ordering::SeqCst);
        let mut light = std::pin::pin!(turns::with_subject(subject, app.app.db.begin()));
        let tx = loop {
            match futures::poll!(light.as_mut()) {
                Poll::Ready(tx) => break tx.unwrap(),
                // It stands in line. One of the others ends, and the next one begins.
                Poll::Pending => {
                    let next = begun.load(Ordering::SeqCst) + 1;
                    end.add_permits(1);
                    ended += 1;
                    tokio::select! {
                        tx = light.as_mut() => break tx.unwrap(),
                        () = until(|| begun.load(Ordering::SeqCst) >= next) => {}
                    }
                }
            }
        };
        let passed = begun.load(Ordering::SeqCst) - before;
        assert!(passed <= 1, "{passed} of the heavy user's transactions began before that of {who}");
        drop(tx);
    }
    drop(held);
    heavy.abort_all();
    while let Some(one) = heavy.join_next().await {
        assert!(one.is_ok() || one.unwrap_err().is_cancelled());
    }
    app.finish().await;
}

/// Waits until a condition holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// The requests of one user stand in the user's own line, wherever they come from, with everything
/// else that the user waits for. Nothing waits for a time: the line is filled at the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_of_one_user_than_may_wait_are_refused_and_others_are_served() {
    let app = TestApp::start().await;
    // Nobody can write.
    let mut held = Vec::new();
    for n in 0..writers(&app) {
        let subject = Some(format!("holder{n}").into());
        held.push(turns::with_subject(subject, app.app.db.begin()).await.unwrap());
    }
    let begin = || turns::with_subject(Some("user:heavy".into()), app.app.db.begin());
    let mut line: Vec<_> = (0..turns::MAX_WAITING).map(|_| Box::pin(begin())).collect();
    for waiting in &mut line {
        assert!(futures::poll!(waiting.as_mut()).is_pending());
    }
    let body = json!({ "mode": "single", "files": [{ "name": "a", "size": 1 }] });
    let refused = app.post("heavy", "/v1/files/init", &body).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "1"), "{}", refused.text());
    assert_eq!(refused.json()["error"]["code"], json!("STORE_UNAVAILABLE"));
    let mut light = Box::pin(app.post("light", "/v1/files/init", &body));
    assert!(futures::poll!(light.as_mut()).is_pending());
    drop(held);
    // All get their turns, one after the other.
    let line = line.into_iter().map(|begin| async { begin.await.map(drop) }).collect::<FuturesUnordered<_>>();
    let (light, served) = tokio::join!(light, line.filter(|begun| std::future::ready(begun.is_ok())).count());
    assert_eq!(light.status, 200, "{}", light.text());
    assert!(served > 0);
    let again = app.post("heavy", "/v1/files/init", &body).await;
    assert_eq!(again.status, 200, "the line is empty: {}", again.text());
    app.finish().await;
}
