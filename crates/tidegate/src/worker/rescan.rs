//! Scans published objects again, with current malware signatures: enqueues one job per object, and
//! runs it. The scan itself is in `uploads::scan`.

use super::removal;
use crate::app::App;
use crate::db::Db;
use crate::error::Result;
use crate::model::ids::ObjectId;
use crate::model::rules;
use crate::queue::{self, Job};
use crate::uploads::effects::Item;
use crate::uploads::scan;

/// The number of objects in one query.
const BATCH: i64 = 500;

/// Enqueues a rescan of every published object whose owner kind is scanned. Returns the number of
/// objects. Does not authorize.
pub async fn enqueue_all(db: &Db) -> Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = db.list_ready(after, BATCH).await?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        after = Some(*last);
        let mut tx = db.begin().await?;
        for (id, _) in page.iter().filter(|(_, kind)| rules::of(*kind).is_scanned()) {
            queue::enqueue(&mut tx, &Job::RescanV1 { object: id.0 }, db.now()).await?;
            count += 1;
        }
        tx.commit().await?;
    }
}

/// Scans one object again, and deletes its bytes if it is rejected.
pub(super) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some(item) = Item::find_by_id_unscoped(&app.db, id).await? else { return Ok(()) };
    if scan::rescan(app, &item).await? { removal::remove_rejected(app, &item).await } else { Ok(()) }
}
