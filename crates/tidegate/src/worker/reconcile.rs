//! Compares the store with the database in one pass over both, in key order: finds blobs without a
//! row, and rows without a blob. Changes nothing unless asked to. Orphans are moved to quarantine
//! first, and deleted only after the retention time of deleted objects.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::SystemTime;

use super::removal;
use crate::app::App;
use crate::db::{Expected, WrongCounter};
use crate::error::Result;
use crate::library::thaw_job::Unpublished;
use crate::model::key::{self, KeyHolder};
use crate::model::object::ObjectState;
use crate::model::owner::OwnerKind;
use crate::model::rfc3339;

/// The number of keys in one page of either side.
const PAGE: usize = 1000;

/// A difference between the store and the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A blob that no row refers to.
    Orphan,
    /// A blob of a deleted or rejected object that is still at its served key.
    Leftover,
    /// A row of a READY object whose blob is missing.
    Missing,
    /// A blob whose size differs from its row.
    WrongSize,
    /// A blob whose sidecar record is unreadable or does not match it.
    Damaged,
}

impl Finding {
    /// All findings.
    pub const ALL: [Self; 5] = [Self::Orphan, Self::Leftover, Self::Missing, Self::WrongSize, Self::Damaged];

    /// Returns the name in reports and metrics.
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

/// What a comparison changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing; differences are only reported.
    Report,
    /// Orphans are moved to quarantine, and leftovers are deleted.
    Quarantine,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The number of keys compared, by owner kind: in the store, and in the database.
    pub looked_at: BTreeMap<&'static str, (u64, u64)>,
    /// The number of findings and their bytes, by owner kind and finding.
    pub found: BTreeMap<(&'static str, Finding), (u64, u64)>,
    /// The number of orphans moved to quarantine.
    pub quarantined: u64,
    /// The number of leftovers deleted.
    pub cleared: u64,
    /// The keys that could not be handled, and the reasons.
    pub failed: Vec<(String, String)>,
    /// The number of old orphans deleted from quarantine.
    pub purged: u64,
    /// The counters of quotas that did not agree with the rows.
    pub wrong_counters: Vec<WrongCounter>,
}

impl Report {
    /// Returns whether store and database agree.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty() && self.failed.is_empty() && self.wrong_counters.is_empty()
    }

    /// Returns, by owner kind, the number of orphans and of blobs compared.
    pub fn orphans(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        self.looked_at.iter().map(|(kind, (there, _))| {
            let orphans = self.found.get(&(*kind, Finding::Orphan)).map_or(0, |(count, _)| *count);
            (*kind, orphans, *there)
        })
    }
}

/// Compares the keys of some owner kinds. Calls `tell` for each finding with its owner kind, the
/// finding, the key and the size in bytes.
pub async fn compare(
    app: &App,
    kinds: &[OwnerKind],
    mode: Mode,
    report_finding: &(dyn Fn(OwnerKind, Finding, &str, u64) + Sync),
) -> Result<Report> {
    let mut report = Report::default();
    for kind in kinds {
        for place in key::prefixes(*kind, &app.config.images.layout) {
            let mut pass = Pass { app, kind: *kind, mode, report_finding, report: &mut report };
            pass.run(&place).await?;
        }
    }
    Ok(report)
}

/// Counts again what owners use, of all kinds, and repairs the counters if `mode` changes anything.
/// An error is one of the report's failures: what was compared before is reported all the same.
pub async fn compare_counters(app: &App, mode: Mode, report: &mut Report) {
    if let Err(error) = count_again(app, mode, report).await {
        report.failed.push(("the counters of quotas".to_owned(), error.detail()));
    }
}

async fn count_again(app: &App, mode: Mode, report: &mut Report) -> Result<()> {
    report.wrong_counters = app.db.list_wrong_counters().await?;
    if !report.wrong_counters.is_empty() && mode == Mode::Quarantine {
        app.db.repair_counters(&report.wrong_counters).await?;
        tracing::warn!(counters = report.wrong_counters.len(), "counters of quotas were repaired");
    }
    Ok(())
}

/// Deletes the orphans that have been in quarantine for longer than the retention time.
pub async fn purge_old(app: &App, report: &mut Report) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let (day, mut after) = (day(before), None::<String>);
    loop {
        let page = app.store.list(key::ORPHANS, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for entry in &page {
            // Days have the form `2026-11-21`, so the order of texts is the order of days.
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

/// One pass over one key prefix of an owner kind.
struct Pass<'a> {
    app: &'a App,
    kind: OwnerKind,
    mode: Mode,
    report_finding: &'a (dyn Fn(OwnerKind, Finding, &str, u64) + Sync),
    report: &'a mut Report,
}

/// A page read ahead from the store or the database.
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

    /// Loads a page, of which only keys accepted by `ours` are kept.
    fn refill(&mut self, mut page: Vec<T>, key: impl Fn(&T) -> &str, ours: impl Fn(&str) -> bool) {
        self.ended = page.len() < PAGE;
        if let Some(last) = page.last() {
            self.after = key(last).to_owned();
        }
        page.retain(|one| ours(key(one)));
        self.page = page.into_iter();
        self.next = self.page.next();
    }

    /// Returns the next item and moves on.
    fn advance(&mut self) -> Option<T> {
        std::mem::replace(&mut self.next, self.page.next())
    }

    /// Returns whether the next page must be loaded.
    fn needs_page(&self) -> bool {
        self.next.is_none() && !self.ended
    }
}

impl Pass<'_> {
    /// Merges the listings of the store and of the database below one prefix.
    async fn run(&mut self, prefix: &str) -> Result<()> {
        let end = key::prefix_end(prefix);
        let (mut there, mut expected) = (Ahead::new(prefix), Ahead::new(prefix));
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        loop {
            while there.needs_page() {
                let after = (there.after != prefix).then_some(there.after.as_str());
                let page = self.app.store.list(prefix, after, PAGE).await?;
                there.refill(page, |entry: &store::Entry| &entry.key, |key| key::is_in(prefix, key));
            }
            while expected.needs_page() {
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
                (Some(entry), Some(row)) => self.compare_pair(&entry, &row).await?,
                (Some(entry), None) => self.check_unexpected(&entry).await?,
                (None, Some(row)) => self.check_missing(&row).await?,
                (None, None) => return Ok(()),
            }
        }
    }

    /// Compares a blob with the row that refers to it.
    async fn compare_pair(&mut self, entry: &store::Entry, row: &Expected) -> Result<()> {
        match row.state {
            ObjectState::Ready if row.size.is_some_and(|size| size != entry.size) => {
                self.found(Finding::WrongSize, &entry.key, entry.size);
                Ok(())
            }
            ObjectState::Deleted | ObjectState::Purged | ObjectState::Rejected => self.leftover(entry).await,
            _ => Ok(()),
        }
    }

    /// Handles a blob without a row, unless an operation may be in progress.
    async fn check_unexpected(&mut self, entry: &store::Entry) -> Result<()> {
        // The sweep removes those that are left.
        if key::is_probe(&entry.key, &self.app.config.images.layout) {
            return Ok(());
        }
        let is_at_work = match KeyHolder::parse(&entry.key) {
            Some(KeyHolder::Object(id)) => self.app.db.object_state(id).await?.is_some_and(ObjectState::is_under_way),
            _ => self.app.db.is_awaited(&entry.key).await?,
        };
        if is_at_work || entry.last_modified > self.grace_cutoff() {
            return Ok(());
        }
        // The work in progress may have finished since the page was read.
        if self.app.db.find_expected_unscoped(&entry.key).await?.is_some() || self.app.db.is_awaited(&entry.key).await?
        {
            return Ok(());
        }
        self.found(Finding::Orphan, &entry.key, entry.size);
        if self.mode == Mode::Quarantine {
            match self.quarantine(entry).await {
                Ok(()) => self.report.quarantined += 1,
                // The blob was deleted in the meantime.
                Err(store::Error::NotFound) => {}
                // An orphan that cannot be moved does not stop the others.
                Err(error) => self.report.failed.push((entry.key.clone(), error.to_string())),
            }
        }
        Ok(())
    }

    /// Handles a row without a blob.
    async fn check_missing(&mut self, row: &Expected) -> Result<()> {
        if row.state != ObjectState::Ready {
            return Ok(());
        }
        // The blob is looked up before the row, so that an object deleted in between is not
        // reported as missing.
        let stat = self.app.store.stat(&row.key).await;
        if !self.app.db.find_expected_unscoped(&row.key).await?.is_some_and(|now| now.state == ObjectState::Ready) {
            return Ok(());
        }
        match stat {
            Ok(_) => {}
            // A key that the store does not accept has no blob either.
            Err(store::Error::NotFound | store::Error::InvalidKey(_)) => {
                self.found(Finding::Missing, &row.key, row.size.unwrap_or(0));
            }
            Err(store::Error::Damaged(_)) => self.found(Finding::Damaged, &row.key, row.size.unwrap_or(0)),
            Err(error) => self.report.failed.push((row.key.clone(), error.to_string())),
        }
        Ok(())
    }

    /// Returns the time before which no operation can still be in progress.
    fn grace_cutoff(&self) -> SystemTime {
        self.app.db.now().checked_sub(self.app.config.uploads.sweep_grace).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Moves an orphan to quarantine, and finishes a copy that was interrupted before its source
    /// was deleted.
    async fn quarantine(&self, entry: &store::Entry) -> std::result::Result<(), store::Error> {
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

    /// Handles a blob of a deleted object, unless a job may be about to move it.
    async fn leftover(&mut self, entry: &store::Entry) -> Result<()> {
        let Some(row) = self.app.db.find_expected_unscoped(&entry.key).await? else { return Ok(()) };
        let gone = matches!(row.state, ObjectState::Deleted | ObjectState::Purged | ObjectState::Rejected);
        if !gone || row.deleted_at.unwrap_or(entry.last_modified) > self.grace_cutoff() {
            return Ok(());
        }
        self.found(Finding::Leftover, &entry.key, entry.size);
        if self.mode == Mode::Report {
            return Ok(());
        }
        let cleared = removal::remove_leftover(self.app, row.object, row.state, &entry.key).await;
        match cleared {
            Ok(Unpublished::Moved) => self.report.cleared += 1,
            // Archived bytes stay where they are. A job moves those that thaw.
            Ok(Unpublished::Archived | Unpublished::Thawing) => {}
            Err(error) => self.report.failed.push((entry.key.clone(), error.detail())),
        }
        Ok(())
    }

    /// Counts and reports a finding.
    fn found(&mut self, finding: Finding, key: &str, size: u64) {
        let counts = self.report.found.entry((self.kind.as_str(), finding)).or_default();
        counts.0 += 1;
        counts.1 += size;
        (self.report_finding)(self.kind, finding, key, size);
    }
}
