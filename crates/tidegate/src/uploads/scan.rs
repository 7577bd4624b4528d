//! Scans uploaded bytes for malware with clamd, and published objects again with current signatures.
//! Never reports bytes as clean that were not scanned, and never deletes rescanned bytes;
//! `worker::removal` does.
//! Continue with `process` or `surfaces::packages::publishing`.

use media::clamd::{Error as Trouble, Verdict};

use super::effects::{self, Item};
use super::outcome::{self, Outcome};
use crate::app::App;
use crate::error::{Error, Result};
use crate::library::cdn_invalidations;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::media::Scan;
use crate::model::object::ObjectState;
use crate::model::owner::OwnerKind;

/// Scans a blob, streamed from the store. If `demanded` is true, only `SCANNER=off` permits
/// skipping the scan; a process without a scanner setting returns an error, so that another process
/// scans.
pub(crate) async fn scan(app: &App, key: &str, demanded: bool) -> Result<Outcome<Scan>> {
    let Some((scanner, setting)) = app.scanner.as_ref().zip(app.config.scanner.as_ref()) else {
        if app.config.scanner_off || !(demanded || app.config.in_production()) {
            return Ok(Outcome::Good(Scan::Skipped));
        }
        return Err(Error::Scanner(anyhow::anyhow!(
            "this process has no scanner: neither CLAMAV_HOST nor SCANNER=off is set"
        )));
    };
    // The permit comes first, because the store closes connections that are not read for minutes.
    let turn = scanner.acquire_permit().await;
    let (stat, body) = app.store.read(key, None).await?;
    // Beyond its size limit, clamd may scan only the beginning and report that as clean.
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
        Ok(Verdict::Encrypted) => {
            count("encrypted");
            Ok(Outcome::Failed("could not be scanned: encrypted".to_owned()))
        }
        Ok(Verdict::TooLarge) => {
            count("too_large");
            // A file that clamd itself refuses may be a small archive bomb, so it is never
            // published unscanned.
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

/// Scans a user's file that is SCANNING. Its bytes are at their final key and are not readable
/// before.
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
            // If this fails, the enqueued job deletes the bytes.
            Ok(app.store.delete(item.object().key.as_str(), store::Deletion::Purge).await?)
        }
        Outcome::Failed(reason) => outcome::fail_now(app, id, &reason).await,
    }
}

/// Makes a scanned file READY and counts it in its folder.
async fn release(app: &App, item: &Item, scan: Scan) -> Result<()> {
    let id = item.id();
    let mut tx = app.db.begin().await?;
    effects::lock_counters(&mut tx, item).await?;
    if !tx.move_object(id, ObjectState::Scanning, ObjectState::Ready, None).await? {
        return Ok(());
    }
    tx.set_scan(id, scan).await?;
    effects::count_in_folder_or_package(
        &mut tx,
        item,
        item.object().content.as_ref().map_or(0, |content| content.size),
    )
    .await?;
    tx.record(&Caller::system(), AuditAction::FileScanned, id, app.db.now()).await?;
    tx.commit().await?;
    tracing::info!(object.id = %id, scan = scan.as_str(), "a file was scanned");
    Ok(())
}

/// Scans one published object again. Returns `true` if it is rejected, now or by an interrupted
/// earlier run, so that its bytes must be deleted.
pub(crate) async fn rescan(app: &App, item: &Item) -> Result<bool> {
    let id = item.id();
    if item.object().state != ObjectState::Ready {
        return Ok(item.object().state == ObjectState::Rejected);
    }
    let outcome = match scan(app, item.object().key.as_str(), true).await {
        // Nobody can read it; the next rescan after a thaw does.
        Err(Error::Archived(_)) => {
            count("archived");
            tracing::info!(object.id = %id, "an archived object was not scanned again");
            return Ok(false);
        }
        other => other?,
    };
    match outcome {
        // Without a scanner there is no new result.
        Outcome::Good(Scan::Skipped) => Ok(false),
        Outcome::Good(scan) => {
            let mut tx = app.db.begin().await?;
            tx.set_scan(id, scan).await?;
            tx.commit().await?;
            Ok(false)
        }
        Outcome::Failed(reason) => {
            tracing::warn!(object.id = %id, reason, "a published object could not be scanned again");
            Ok(false)
        }
        Outcome::Rejected(reason) => {
            // Caches may hold the object, because it was readable until now.
            let public = effects::public_files(app, item).await?;
            let mut tx = app.db.begin().await?;
            if outcome::reject(app, &mut tx, &Caller::system(), item, ObjectState::Ready, &reason).await? {
                cdn_invalidations::queue(app, &mut tx, &public).await?;
                tx.commit().await?;
            }
            Ok(true)
        }
    }
}

fn count(verdict: &'static str) {
    metrics::counter!("tidegate_scans_total", "verdict" => verdict).increment(1);
}
