//! What becomes of what a client has sent to a session or a space: it is scanned, made anew, and published. Every step can be done
//! again: a worker that dies leaves what the next one finds, and nothing is served before the row says so.

pub(crate) mod files;
mod pictures;
mod publish;
pub(crate) mod scan;
mod videos;

use std::time::Instant;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::media::{Media, Scan, Status};
use crate::model::object::ObjectState;
use crate::uploads::media_items::{self, uploads};

/// What a step came to.
pub(crate) enum Outcome<T> {
    /// On with it.
    Good(T),
    /// The content's fault, for good.
    Rejected(String),
    /// Ours, or the setup's: trying again now would not help.
    Failed(String),
}

/// Works on a medium from where it stands to its end.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media(id).await? else { return Ok(()) };
    let Some(sealed) = media.sealed.clone().filter(|_| media.object.state.is_under_way()) else {
        return uploads::clear(app, id).await;
    };
    let Some(media) = scanned(app, media, &sealed).await? else { return uploads::clear(app, id).await };
    let started = Instant::now();
    let made = if media_items::is_video(&media) {
        videos::make(app, &media, &sealed).await?
    } else {
        pictures::make(app, &media, &sealed).await?
    };
    measure(&media, "process", started);
    match made {
        Outcome::Good(made) => publish::publish(app, &media, made).await?,
        Outcome::Rejected(reason) => reject(app, &media, ObjectState::Processing, &reason).await?,
        Outcome::Failed(reason) => stop(app, &media, &reason).await?,
    }
    uploads::clear(app, id).await
}

/// The medium, free of malware and about to be processed; `None` if it went no further.
async fn scanned(app: &App, media: Media, sealed: &Key) -> Result<Option<Media>> {
    let id = media.object.id;
    if media.object.state == ObjectState::Processing {
        return Ok(Some(media));
    }
    let media = match media.object.state {
        ObjectState::Pending if !enter(app, &media, ObjectState::Scanning, Status::Scanning, None).await? => {
            return Ok(None);
        }
        ObjectState::Failed => return Ok(None),
        _ => Media {
            object: crate::model::object::Object { state: ObjectState::Scanning, ..media.object.clone() },
            ..media
        },
    };
    let started = Instant::now();
    let outcome = scan::scan(app, sealed.as_str(), false).await?;
    measure(&media, "scan", started);
    match outcome {
        Outcome::Good(scan) if enter(app, &media, ObjectState::Processing, Status::Processing, Some(scan)).await? => {}
        Outcome::Good(_) => return Ok(None),
        Outcome::Rejected(reason) => {
            reject(app, &media, ObjectState::Scanning, &reason).await?;
            return Ok(None);
        }
        Outcome::Failed(reason) => {
            stop(app, &media, &reason).await?;
            return Ok(None);
        }
    }
    Ok(app.db.find_media(id).await?.map(|(_, media)| media))
}

/// Goes on to another state. `false` if it is no longer in the one it was in.
async fn enter(app: &App, media: &Media, to: ObjectState, status: Status, scan: Option<Scan>) -> Result<bool> {
    let id = media.object.id;
    let mut tx = app.db.begin().await?;
    if !tx.move_object(id, media.object.state, to, None).await? {
        return Ok(false);
    }
    if let Some(scan) = scan {
        tx.keep_scan(id, scan).await?;
    }
    tx.add_status_change(&media.owner, id, status.into(), None, app.db.now()).await?;
    tx.tell(id).await?;
    tx.commit().await?;
    app.news.notify();
    Ok(true)
}

async fn reject(app: &App, media: &Media, from: ObjectState, reason: &str) -> Result<()> {
    // What was read until now is in caches.
    let public = from == ObjectState::Ready && app.cdn.is_some();
    let public = if public { media_items::deletion::files(app, media).await? } else { Vec::new() };
    let mut tx = app.db.begin().await?;
    if uploads::reject(app, &mut tx, &Caller::system(), media, from, reason).await? {
        cdn_invalidations::queue(app, &mut tx, &public).await?;
        tx.commit().await?;
        app.news.notify();
        app.jobs.notify();
        tracing::info!(object.id = %media.object.id, reason, "what a client sent was rejected");
    }
    Ok(())
}

/// Ends in failure that can be tried again by a person's wish.
async fn stop(app: &App, media: &Media, reason: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    fail(app, &mut tx, media.object.id, reason).await?;
    tx.commit().await
}

/// The same in a transaction: also when the job was given up.
pub(crate) async fn fail(app: &App, tx: &mut Tx, id: ObjectId, reason: &str) -> Result<()> {
    let Some((owner, state)) = tx.media_state(id).await? else { return Ok(()) };
    let waits = state.is_under_way() && state != ObjectState::Failed;
    if !waits || !tx.move_object(id, state, ObjectState::Failed, Some(reason)).await? {
        return Ok(());
    }
    tx.add_status_change(&owner, id, Status::ScanFailed.into(), Some(reason), app.db.now()).await?;
    tx.record(&Caller::system(), AuditAction::MediaFailed, id, app.db.now()).await?;
    tx.tell(id).await?;
    metrics::counter!("tidegate_media_total", "outcome" => "failed").increment(1);
    tracing::warn!(object.id = %id, reason, "what a client sent can't be published");
    // Whoever listens is told when this is committed, and looks again after it.
    app.news.notify();
    Ok(())
}

fn measure(media: &Media, step: &'static str, started: Instant) {
    let kind = if media_items::is_video(media) { "video" } else { "image" };
    metrics::histogram!("tidegate_media_step_seconds", "step" => step, "type" => kind)
        .record(started.elapsed().as_secs_f64());
}

/// Scans again what is published: signatures become known every day. What is found is taken away at once.
pub(crate) async fn rescan(app: &App, media: &Media) -> Result<()> {
    let id = media.object.id;
    if media.object.state != ObjectState::Ready {
        return Ok(());
    }
    match scan::scan(app, media.object.key.as_str(), true).await? {
        // Without a scanner nothing new is known.
        Outcome::Good(Scan::Skipped) => Ok(()),
        Outcome::Good(scan) => {
            let mut tx = app.db.begin().await?;
            tx.keep_scan(id, scan).await?;
            tx.commit().await
        }
        Outcome::Failed(reason) => {
            tracing::warn!(object.id = %id, reason, "what is published could not be scanned again");
            Ok(())
        }
        Outcome::Rejected(reason) => {
            let public = media_items::deletion::files(app, media).await?;
            reject(app, media, ObjectState::Ready, &reason).await?;
            media_items::deletion::remove_remains(app, id).await?;
            let mut tx = app.db.begin().await?;
            cdn_invalidations::queue(app, &mut tx, &public).await?;
            tx.commit().await
        }
    }
}

/// What our programs for pictures and videos say, as a step's outcome.
fn judged<T>(made: std::result::Result<T, media::sandbox::Error>) -> Result<Outcome<T>> {
    use media::sandbox::Error as Made;
    match made {
        Ok(made) => Ok(Outcome::Good(made)),
        Err(Made::Refused(refusal)) => Ok(Outcome::Rejected(refusal.to_string())),
        // What came may be the only good copy there is.
        Err(Made::Unconfirmed(reason)) => Ok(Outcome::Failed(reason)),
        Err(Made::Source(error)) => Err(Error::StoreError(store::Error::Damaged(error.to_string()))),
        Err(Made::Failed(problem)) => Err(Error::Internal(anyhow::anyhow!(problem))),
    }
}
