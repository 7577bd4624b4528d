//! The slow look: finds jobs in the database whose message did not come, because it was never sent or
//! was lost. While the queue does not answer, it is what runs the jobs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::consumer::Slots;
use super::runner::{IDLE, run_due};
use crate::app::App;
use crate::model::job_class::JobClass;
use crate::queue::transport::Queue;

/// Looks for jobs of a class that has a queue, and runs one at a time, until `stop` is cancelled.
pub(super) async fn run(app: Arc<App>, class: JobClass, queue: Arc<Queue>, slots: Slots, stop: CancellationToken) {
    let interval = app.config.queues.look;
    let mut subscription = app.db.signals().jobs.subscribe();
    // Until it is known whether the queue answers.
    tokio::select! {
        () = stop.cancelled() => return,
        () = queue.changed(false) => {}
        () = tokio::time::sleep(IDLE) => {}
    }
    loop {
        let is_up = queue.is_up();
        let overdue = if is_up { interval } else { Duration::ZERO };
        let Some(slot) = slots.wait(class, &stop).await else { return };
        let ran = run_due(&app, Some(class), overdue).await;
        drop(slot);
        match ran {
            Ok(true) => {
                let outcome = if is_up { "found" } else { "without_queue" };
                metrics::counter!("tidegate_queue_looks_total", "queue" => queue.name.clone(), "outcome" => outcome)
                    .increment(1);
                // Messages come first: those that wait may name the other overdue jobs.
                if !is_up || !queue.is_busy() {
                    continue;
                }
            }
            Ok(false) => {}
            Err(error) => {
                if !error.is_logged() {
                    tracing::error!(error = error.detail(), "jobs cannot be claimed");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(IDLE) => continue,
                }
            }
        }
        let pause = if is_up { interval } else { IDLE };
        let signalled = async {
            if is_up {
                std::future::pending().await
            } else {
                subscription.notified().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = queue.changed(is_up) => {}
            () = signalled => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
