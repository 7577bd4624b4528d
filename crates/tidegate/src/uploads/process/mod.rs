//! Processes media items: scans them, re-encodes them without their metadata, and publishes the
//! result. Every step can be repeated: if a worker dies, the next one continues, and nothing is
//! served before the row permits it.

mod images;
mod videos;

use std::time::Instant;

use super::effects::Item;
use super::outcome::{self, Outcome};
use super::{media_items, publish, scan};
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::ids::ObjectId;
use crate::model::key::Key;
use crate::model::media::{Media, Scan, Status};
use crate::model::object::{Object, ObjectState};

/// Processes a media item, from its current state to READY, REJECTED or FAILED.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    let Some(sealed) = media.sealed.clone().filter(|_| media.object.state.is_under_way()) else {
        return media_items::clear(app, id).await;
    };
    let Some(media) = scanned(app, media, &sealed).await? else { return media_items::clear(app, id).await };
    let started = Instant::now();
    let rendition = if media_items::is_video(&media) {
        videos::render(app, &media, &sealed).await?
    } else {
        images::render(app, &media, &sealed).await?
    };
    measure(&media, "process", started);
    match rendition {
        Outcome::Good(rendition) => publish::publish(app, &media, rendition).await?,
        Outcome::Rejected(reason) => reject(app, media, ObjectState::Processing, &reason).await?,
        Outcome::Failed(reason) => outcome::fail_now(app, id, &reason).await?,
    }
    media_items::clear(app, id).await
}

/// Scans a media item and moves it to PROCESSING. Returns `None` if it was rejected, failed, or
/// changed in the meantime.
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
        _ => Media { object: Object { state: ObjectState::Scanning, ..media.object.clone() }, ..media },
    };
    let started = Instant::now();
    let outcome = scan::scan(app, sealed.as_str(), false).await?;
    measure(&media, "scan", started);
    match outcome {
        Outcome::Good(scan) if enter(app, &media, ObjectState::Processing, Status::Processing, Some(scan)).await? => {}
        Outcome::Good(_) => return Ok(None),
        Outcome::Rejected(reason) => {
            reject(app, media, ObjectState::Scanning, &reason).await?;
            return Ok(None);
        }
        Outcome::Failed(reason) => {
            outcome::fail_now(app, id, &reason).await?;
            return Ok(None);
        }
    }
    Ok(app.db.find_media_unscoped(id).await?.map(|(_, media)| media))
}

/// Moves a media item to another state and records it in its history. Returns `false` if its state
/// has changed since it was read.
async fn enter(app: &App, media: &Media, to: ObjectState, status: Status, scan: Option<Scan>) -> Result<bool> {
    let id = media.object.id;
    let mut tx = app.db.begin().await?;
    if !tx.move_object(id, media.object.state, to, None).await? {
        return Ok(false);
    }
    if let Some(scan) = scan {
        tx.set_scan(id, scan).await?;
    }
    tx.add_status_change(&media.owner, id, status.into(), None, app.db.now()).await?;
    tx.commit().await?;
    Ok(true)
}

async fn reject(app: &App, media: Media, from: ObjectState, reason: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if outcome::reject(app, &mut tx, &Caller::system(), &Item::Media(media), from, reason).await? {
        tx.commit().await?;
    }
    Ok(())
}

fn measure(media: &Media, step: &'static str, started: Instant) {
    let kind = if media_items::is_video(media) { "video" } else { "image" };
    metrics::histogram!("tidegate_media_step_seconds", "step" => step, "type" => kind)
        .record(started.elapsed().as_secs_f64());
}

/// Maps a result of the sandbox or of ffmpeg to the outcome of a pipeline step.
fn sandbox_outcome<T>(result: std::result::Result<T, media::sandbox::Error>) -> Result<Outcome<T>> {
    use media::sandbox::Error as SandboxError;
    match result {
        Ok(output) => Ok(Outcome::Good(output)),
        Err(SandboxError::Refused(refusal)) => Ok(Outcome::Rejected(refusal.to_string())),
        // The upload may be the only good copy, so it is kept.
        Err(SandboxError::Unconfirmed(reason)) => Ok(Outcome::Failed(reason)),
        Err(SandboxError::Source(error)) => Err(Error::StoreError(store::Error::Damaged(error.to_string()))),
        Err(SandboxError::Failed(problem)) => Err(Error::Internal(anyhow::anyhow!(problem))),
    }
}
