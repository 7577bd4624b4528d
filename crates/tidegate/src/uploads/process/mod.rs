//! Makes media items anew: scanned, decoded and encoded without their metadata, and published. Every step can be done again:
//! a worker that dies leaves what the next one finds, and nothing is served before the row says so.

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

/// Works on a media item from where it stands to its end.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    let Some(sealed) = media.sealed.clone().filter(|_| media.object.state.is_under_way()) else {
        return media_items::clear(app, id).await;
    };
    let Some(media) = scanned(app, media, &sealed).await? else { return media_items::clear(app, id).await };
    let started = Instant::now();
    let made = if media_items::is_video(&media) {
        videos::make(app, &media, &sealed).await?
    } else {
        images::make(app, &media, &sealed).await?
    };
    measure(&media, "process", started);
    match made {
        Outcome::Good(made) => publish::publish(app, &media, made).await?,
        Outcome::Rejected(reason) => reject(app, media, ObjectState::Processing, &reason).await?,
        Outcome::Failed(reason) => outcome::fail_now(app, id, &reason).await?,
    }
    media_items::clear(app, id).await
}

/// Returns the media item, free of malware and about to be processed; `None` if it went no further.
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

/// Moves a media item on to another state. Returns `false` if it is no longer in the one it was in.
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

/// Returns what the programs for images and videos say, as a step's outcome.
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
