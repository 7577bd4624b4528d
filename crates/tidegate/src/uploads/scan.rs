//! Looks for malware. What could not be looked at is never called clean.

use media::clamd::{Error as Trouble, Verdict};

use super::effects::{self, Item};
use super::outcome::{self, Outcome};
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::media::Scan;
use crate::model::object::ObjectState;
use crate::model::owner::OwnerKind;

/// Scans a blob, streamed from the store. `demanded` is whether it is certain that it has to be: then only the word that
/// there shall be no scanner does for one, and a process that was not told of the scanner leaves it to others.
pub(crate) async fn scan(app: &App, key: &str, demanded: bool) -> Result<Outcome<Scan>> {
    let Some((scanner, setting)) = app.scanner.as_ref().zip(app.config.scanner.as_ref()) else {
        if app.config.scanner_off || !(demanded || app.config.in_production()) {
            return Ok(Outcome::Good(Scan::Skipped));
        }
        return Err(Error::Scanner(anyhow::anyhow!("this process has none: CLAMAV_HOST or SCANNER=off is not set")));
    };
    // Its turn first: bytes that nobody reads for minutes are a connection that the store ends.
    let turn = scanner.acquire_permit().await;
    let (stat, body) = app.store.read(key, None).await?;
    // Beyond its limits it may look at the beginning and call that clean.
    let beyond = stat.size > setting.max_size;
    let verdict = if beyond { Ok(Verdict::TooLarge) } else { scanner.scan(turn, body).await };
    match verdict {
        Ok(Verdict::Clean) => {
            count("clean");
            Ok(Outcome::Good(Scan::Clean))
        }
        Ok(Verdict::Infected(name)) => {
            count("infected");
            tracing::warn!(signature = name, "malware was found");
            Ok(Outcome::Rejected(format!("malware was found: {name}")))
        }
        Ok(Verdict::TooLarge) => {
            count("too_large");
            // What clamd itself gives up on may be small, and made so on purpose: archives in archives.
            Ok(match (beyond, setting.publish_unscanned) {
                (true, true) => Outcome::Good(Scan::Unscanned),
                (true, false) => Outcome::Failed("it is too large to be scanned for malware".to_owned()),
                (false, _) => Outcome::Failed("it holds more than the malware scanner looks at".to_owned()),
            })
        }
        Err(Trouble::Unavailable { address, problem }) => {
            count("unavailable");
            Err(Error::Scanner(anyhow::anyhow!("clamd at {address}: {problem}")))
        }
        Err(Trouble::Source(error)) => Err(Error::StoreError(store::Error::Damaged(error.to_string()))),
    }
}

/// Scans a user's file that waits for it. Its bytes lie at their place from the start, and nobody reads them before.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some(item) = Item::find_unscoped(&app.db, OwnerKind::Files, id).await? else { return Ok(()) };
    if item.object().state != ObjectState::Scanning {
        return Ok(());
    }
    match scan(app, item.object().key.as_str(), true).await? {
        Outcome::Good(scan) => release(app, &item, scan).await,
        Outcome::Rejected(reason) => {
            let mut tx = app.db.begin().await?;
            if !outcome::reject(app, &mut tx, &Caller::system(), &item, ObjectState::Scanning, &reason).await? {
                return Ok(());
            }
            tx.commit().await?;
            // The job does so where this fails.
            Ok(app.store.delete(item.object().key.as_str(), store::Deletion::Purge).await?)
        }
        Outcome::Failed(reason) => outcome::fail_now(app, id, &reason).await,
    }
}

/// Lets a file be read, and counts it among its owner's.
async fn release(app: &App, item: &Item, scan: Scan) -> Result<()> {
    let id = item.id();
    let mut tx = app.db.begin().await?;
    effects::lock_counters(&mut tx, item).await?;
    if !tx.move_object(id, ObjectState::Scanning, ObjectState::Ready, None).await? {
        return Ok(());
    }
    tx.keep_scan(id, scan).await?;
    tx.release_of(id).await?;
    effects::charge(&mut tx, item, item.object().content.as_ref().map_or(0, |content| content.size)).await?;
    tx.record(&Caller::system(), AuditAction::FileScanned, id, app.db.now()).await?;
    tx.commit().await?;
    tracing::info!(object.id = %id, scan = scan.as_str(), "a file was scanned");
    Ok(())
}

fn count(verdict: &'static str) {
    metrics::counter!("tidegate_scans_total", "verdict" => verdict).increment(1);
}
