//! Store and database compared, in both directions, in one pass over both in the order of their keys: what lies there and is
//! nobody's, and what is somebody's and does not lie there. Nothing is changed but by order; what is nobody's is put aside
//! first, and removed only after it has lain there for as long as what people delete.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::app::App;
use crate::db::Expected;
use crate::error::Result;
use crate::library::cdn_invalidations;
use crate::model::key::{self, KeyHolder};
use crate::model::object::ObjectState;
use crate::model::owner::OwnerKind;
use crate::model::{rfc3339, rules};
use crate::surfaces::packages;
use crate::uploads::media_items;

/// Keys in one page, of either.
const PAGE: usize = 1000;

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Bytes that no row names.
    Orphan,
    /// Bytes of what was deleted or rejected, where it was served.
    Leftover,
    /// A row that says there are bytes, and there are none: they are lost.
    Missing,
    /// Bytes, but not so many as the row says.
    WrongSize,
    /// Bytes with a record beside them that can't be read, or does not fit them.
    Damaged,
}

impl Finding {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Orphan, Self::Leftover, Self::Missing, Self::WrongSize, Self::Damaged];

    /// The name in the report and in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Leftover => "leftover",
            Self::Missing => "missing",
            Self::WrongSize => "wrong-size",
            Self::Damaged => "damaged",
        }
    }
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Report,
    /// Orphans are put aside, and what is left of deletes is deleted.
    Quarantine,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Keys that were looked at, of each kind: in the store, and in the database.
    pub looked_at: BTreeMap<&'static str, (u64, u64)>,
    /// Findings of each kind, and their bytes.
    pub found: BTreeMap<(&'static str, Finding), (u64, u64)>,
    /// Orphans that were put aside.
    pub quarantined: u64,
    /// Leftovers that were taken away, as the delete would have done it.
    pub cleared: u64,
    /// Keys with which nothing could be done, and why.
    pub failed: Vec<(String, String)>,
    /// What had been put aside long ago, and was removed.
    pub purged: u64,
}

impl Report {
    /// Whether everything fits.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty() && self.failed.is_empty()
    }

    /// Of each kind its orphans, and the blobs that were looked at.
    pub fn orphans(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        self.looked_at.iter().map(|(kind, (there, _))| {
            let orphans = self.found.get(&(*kind, Finding::Orphan)).map_or(0, |(count, _)| *count);
            (*kind, orphans, *there)
        })
    }
}

/// Compares the places of these kinds. `tell` hears of each finding as it is made: the kind, what it is, the key, bytes.
pub async fn compare(
    app: &App,
    kinds: &[OwnerKind],
    mode: Mode,
    tell: &(dyn Fn(OwnerKind, Finding, &str, u64) + Sync),
) -> Result<Report> {
    let mut report = Report::default();
    for kind in kinds {
        for place in key::prefixes(*kind, &app.config.images.layout) {
            let mut pass = Pass { app, kind: *kind, mode, tell, report: &mut report };
            pass.run(&place).await?;
        }
    }
    Ok(report)
}

/// Removes for good what was put aside so long ago that nobody could bring it back if it had been deleted then.
pub async fn purge_old(app: &App, report: &mut Report) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let (day, mut after) = (day(before), None::<String>);
    loop {
        let page = app.store.list(key::ORPHANS, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for entry in &page {
            // Days are written so that the earlier one is the smaller text.
            if key::orphaned_since(&entry.key).is_some_and(|since| since < day.as_str()) {
                app.store.delete(&entry.key, store::Deletion::Purge).await?;
                report.purged += 1;
            }
        }
    }
}

fn day(at: SystemTime) -> String {
    rfc3339(at).chars().take(10).collect()
}

/// One pass over the place of one kind.
struct Pass<'a> {
    app: &'a App,
    kind: OwnerKind,
    mode: Mode,
    tell: &'a (dyn Fn(OwnerKind, Finding, &str, u64) + Sync),
    report: &'a mut Report,
}

/// What is read ahead of either side.
struct Ahead<T> {
    page: std::vec::IntoIter<T>,
    next: Option<T>,
    after: String,
    ended: bool,
}

impl<T> Ahead<T> {
    fn new(prefix: &str) -> Self {
        Self { page: Vec::new().into_iter(), next: None, after: prefix.to_owned(), ended: false }
    }

    /// With a page of which only what is `ours` is looked at.
    fn refill(&mut self, mut page: Vec<T>, key: impl Fn(&T) -> &str, ours: impl Fn(&str) -> bool) {
        self.ended = page.len() < PAGE;
        if let Some(last) = page.last() {
            self.after = key(last).to_owned();
        }
        page.retain(|one| ours(key(one)));
        self.page = page.into_iter();
        self.next = self.page.next();
    }

    fn advance(&mut self) -> Option<T> {
        std::mem::replace(&mut self.next, self.page.next())
    }

    fn wants(&self) -> bool {
        self.next.is_none() && !self.ended
    }
}

impl Pass<'_> {
    async fn run(&mut self, prefix: &str) -> Result<()> {
        let end = key::prefix_end(prefix);
        let (mut there, mut expected) = (Ahead::new(prefix), Ahead::new(prefix));
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        loop {
            while there.wants() {
                let after = (there.after != prefix).then_some(there.after.as_str());
                let page = self.app.store.list(prefix, after, PAGE).await?;
                there.refill(page, |entry: &store::Entry| &entry.key, |key| key::is_in(prefix, key));
            }
            while expected.wants() {
                let page = self.app.db.list_expected(&expected.after, &end, limit).await?;
                expected.refill(page, |row: &Expected| &row.key, |key| key::is_in(prefix, key));
            }
            let order = match (&there.next, &expected.next) {
                (None, None) => return Ok(()),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(entry), Some(row)) => entry.key.as_str().cmp(row.key.as_str()),
            };
            let counts = self.report.looked_at.entry(self.kind.as_str()).or_default();
            counts.0 += u64::from(order.is_le());
            counts.1 += u64::from(order.is_ge());
            match (
                order.is_le().then(|| there.advance()).flatten(),
                order.is_ge().then(|| expected.advance()).flatten(),
            ) {
                (Some(entry), Some(row)) => self.both(&entry, &row).await?,
                (Some(entry), None) => self.only_there(&entry).await?,
                (None, Some(row)) => self.only_expected(&row).await?,
                (None, None) => return Ok(()),
            }
        }
    }

    async fn both(&mut self, entry: &store::Entry, row: &Expected) -> Result<()> {
        match row.state {
            ObjectState::Ready if row.size.is_some_and(|size| size != entry.size) => {
                self.found(Finding::WrongSize, &entry.key, entry.size);
                Ok(())
            }
            ObjectState::Deleted | ObjectState::Purged | ObjectState::Rejected => self.leftover(entry).await,
            _ => Ok(()),
        }
    }

    async fn only_there(&mut self, entry: &store::Entry) -> Result<()> {
        let is_at_work = match KeyHolder::parse(&entry.key) {
            Some(KeyHolder::Object(id)) => self.app.db.object_state(id).await?.is_some_and(ObjectState::is_under_way),
            _ => self.app.db.is_awaited(&entry.key).await?,
        };
        if is_at_work || entry.last_modified > self.long_ago() {
            return Ok(());
        }
        // Whoever was at work is done now, or still is.
        if self.app.db.find_expected_unscoped(&entry.key).await?.is_some() || self.app.db.is_awaited(&entry.key).await?
        {
            return Ok(());
        }
        self.found(Finding::Orphan, &entry.key, entry.size);
        if self.mode == Mode::Quarantine {
            match self.put_aside(entry).await {
                Ok(()) => self.report.quarantined += 1,
                // Gone meanwhile.
                Err(store::Error::NotFound) => {}
                // One that can't be moved keeps no others where they are.
                Err(error) => self.report.failed.push((entry.key.clone(), error.to_string())),
            }
        }
        Ok(())
    }

    async fn only_expected(&mut self, row: &Expected) -> Result<()> {
        if row.state != ObjectState::Ready {
            return Ok(());
        }
        // The bytes first: what is deleted between the two looks is not lost.
        let looked = self.app.store.stat(&row.key).await;
        if !self.app.db.find_expected_unscoped(&row.key).await?.is_some_and(|now| now.state == ObjectState::Ready) {
            return Ok(());
        }
        match looked {
            Ok(_) => {}
            // A key that the store does not take holds nothing either.
            Err(store::Error::NotFound | store::Error::InvalidKey(_)) => {
                self.found(Finding::Missing, &row.key, row.size.unwrap_or(0));
            }
            Err(store::Error::Damaged(_)) => self.found(Finding::Damaged, &row.key, row.size.unwrap_or(0)),
            Err(error) => self.report.failed.push((row.key.clone(), error.to_string())),
        }
        Ok(())
    }

    /// Before that, nobody can be in the midst of it any more.
    fn long_ago(&self) -> SystemTime {
        self.app.db.now().checked_sub(self.app.config.uploads.sweep_grace).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// A copy that was cut off before its source was removed is gone on with.
    async fn put_aside(&self, entry: &store::Entry) -> std::result::Result<(), store::Error> {
        let to = key::orphan_key(&day(self.app.db.now()), &entry.key);
        match self.app.store.move_to(&entry.key, to.as_str(), None).await {
            Err(store::Error::AlreadyExists) => {
                let there = self.app.store.stat(to.as_str()).await?;
                if (there.size, &there.etag) != (entry.size, &entry.etag) {
                    return Err(store::Error::AlreadyExists);
                }
                self.app.store.delete(&entry.key, store::Deletion::Purge).await
            }
            other => other,
        }
    }

    /// What is there though it was deleted: a job may be about to take it away.
    async fn leftover(&mut self, entry: &store::Entry) -> Result<()> {
        let Some(row) = self.app.db.find_expected_unscoped(&entry.key).await? else { return Ok(()) };
        let gone = matches!(row.state, ObjectState::Deleted | ObjectState::Purged | ObjectState::Rejected);
        if !gone || row.deleted_at.unwrap_or(entry.last_modified) > self.long_ago() {
            return Ok(());
        }
        self.found(Finding::Leftover, &entry.key, entry.size);
        if self.mode == Mode::Report {
            return Ok(());
        }
        let restorable = rules::of(self.kind).deletion == rules::Deletion::Restorable;
        let cleared = if self.kind == OwnerKind::Dataset && row.state != ObjectState::Deleted {
            packages::publishing::forget(self.app, row.object).await
        } else if row.state == ObjectState::Deleted && restorable {
            // It can be brought back, and only from where deletes put it; who does so at this moment is reckoned with there.
            match self.kind {
                OwnerKind::Dataset => packages::deletion::hide_object(self.app, row.object).await,
                _ => media_items::deletion::hide_and_tell(self.app, row.object).await,
            }
        } else {
            self.purge(&entry.key).await
        };
        match cleared {
            Ok(()) => self.report.cleared += 1,
            Err(error) => self.report.failed.push((entry.key.clone(), error.detail())),
        }
        Ok(())
    }

    async fn purge(&self, key: &str) -> Result<()> {
        self.app.store.delete(key, store::Deletion::Purge).await?;
        if self.app.config.images.layout.served_root(key).is_some() {
            let mut tx = self.app.db.begin().await?;
            cdn_invalidations::queue(self.app, &mut tx, &[key.to_owned()]).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    fn found(&mut self, finding: Finding, key: &str, size: u64) {
        let counts = self.report.found.entry((self.kind.as_str(), finding)).or_default();
        counts.0 += 1;
        counts.1 += size;
        (self.tell)(self.kind, finding, key, size);
    }
}
