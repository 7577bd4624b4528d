//! Compares the configured store with the one that the database's rows are about. Two servers with
//! one database and two stores would each delete what the other has, and miss it. A folder is known
//! by the id in its `.identity` file, a bucket by its name and endpoint.

use std::time::Duration;

use store::FsStore;

use crate::config::StoreSetting;
use crate::db::Db;
use crate::error::{Error, Result};

/// How often a database that does not answer yet is asked again.
const RETRY: Duration = Duration::from_millis(100);

/// The configured store.
#[derive(Debug, Clone)]
pub struct StoreIdentity {
    /// Where it is.
    pub setting: StoreSetting,
    /// The opened folder; `None` if it is a bucket.
    pub fs: Option<FsStore>,
}

/// The outcome of a comparison.
#[derive(Debug)]
enum Comparison {
    /// The configured store is the database's.
    Same,
    /// The database's rows are about another store; the text says what to do.
    Different(String),
}

/// Returns an error unless the configured store is the database's. A database that names no store
/// gets this one, and with `adopts` also one that names another. If the database does not answer
/// yet, compares when it does; until then nothing is read from it or written to it.
pub async fn require(store: StoreIdentity, db: &Db, adopts: bool) -> anyhow::Result<()> {
    match compare(&store, db, adopts).await {
        Ok(Comparison::Same) => Ok(()),
        Ok(Comparison::Different(why)) => anyhow::bail!(why),
        Err(Error::Unavailable(_) | Error::Busy) if db.is_shared() => {
            db.set_uncompared(true);
            tokio::spawn(compare_when_it_answers(store, db.clone(), adopts));
            Ok(())
        }
        Err(error) => anyhow::bail!("the store of the database can't be read: {}", error.detail()),
    }
}

/// Compares as soon as the database and the store answer. An error says nothing about the store, so
/// only a proven difference stops the use of the database.
async fn compare_when_it_answers(store: StoreIdentity, db: Db, adopts: bool) {
    let comparing = db.for_comparison();
    while !db.is_closed() {
        match compare(&store, &comparing, adopts).await {
            Ok(Comparison::Same) => return db.set_uncompared(false),
            Ok(Comparison::Different(why)) => {
                db.stop_using();
                return tracing::error!("{why}; requests get 503 until the server is restarted with the right store");
            }
            Err(Error::Unavailable(_) | Error::Busy) => {}
            Err(error) => tracing::warn!(
                error = error.detail(),
                "the store can't be compared with the database's yet; requests get 503 until it can"
            ),
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn compare(store: &StoreIdentity, db: &Db, adopts: bool) -> Result<Comparison> {
    let known = db.named_store().await?;
    let may_name = adopts || known.is_none();
    let found = match (&store.setting, &store.fs) {
        (StoreSetting::S3(s3), _) => Some(format!("bucket {} at {}", s3.bucket, s3.endpoint)),
        (StoreSetting::Local(_), None) => None,
        (StoreSetting::Local(_), Some(fs)) => {
            let id = match fs.identity().await? {
                // A folder without an id gets none while another store is expected.
                None if may_name => Some(fs.create_identity().await?),
                other => other,
            };
            id.map(|id| format!("folder {id}"))
        }
    };
    let known = match &found {
        // Read again: two servers can start on a new database at once.
        Some(found) if may_name => db.set_store(found, adopts).await?,
        _ => known.unwrap_or_default(),
    };
    if found.as_deref() == Some(known.as_str()) {
        return Ok(Comparison::Same);
    }
    let setting = match &store.setting {
        StoreSetting::Local(root) => format!("UPLOAD_ROOT={}", root.display()),
        StoreSetting::S3(_) => "S3_BUCKET".to_owned(),
    };
    let found = found.unwrap_or_else(|| "a folder without the id of a store: is its disk mounted?".to_owned());
    Ok(Comparison::Different(format!(
        "{setting}: the database belongs to another store ({known}) than this one ({found}). Servers that share a \
         database must share its store: give this one the same folder, or S3_BUCKET to all of them. If the bytes were \
         moved here on purpose, run `tidegate reconcile --adopt-store` once"
    )))
}
