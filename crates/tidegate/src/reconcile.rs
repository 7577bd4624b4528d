//! Store and database compared, in both directions, in one pass over both in the order of their keys: what lies there and is
//! nobody's, and what is somebody's and does not lie there. Nothing is changed but by order; what is nobody's is put aside
//! first, and removed only after it has lain there for as long as what people delete.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::app::App;
use crate::db::Expected;
use crate::error::{Error, Result};
use crate::model::key::{self, Waiting};
use crate::model::object::ObjectState;
use crate::model::owner::OwnerKind;
use crate::model::rfc3339;

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
}

impl Finding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Orphan, Self::Leftover, Self::Missing, Self::WrongSize];

    /// The name in the report and in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Leftover => "leftover",
            Self::Missing => "missing",
            Self::WrongSize => "wrong-size",
        }
    }
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Report,
    /// Orphans and leftovers are put aside.
    Quarantine,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Keys that were looked at, of each kind: in the store, and in the database.
    pub looked_at: BTreeMap<&'static str, (u64, u64)>,
    /// Findings of each kind, and their bytes.
    pub found: BTreeMap<(&'static str, Finding), (u64, u64)>,
    /// What was put aside.
    pub quarantined: u64,
    /// What had been put aside long ago, and was removed.
    pub purged: u64,
}

impl Report {
    /// Whether everything fits.
    pub fn is_clean(&self) -> bool {
        self.found.is_empty()
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
        let mut pass = Pass { app, kind: *kind, mode, tell, report: &mut report };
        pass.run(&key::place(*kind, &app.config.images.layout)).await?;
    }
    Ok(report)
}

/// Removes for good what was put aside so long ago that nobody could bring it back if it had been deleted then.
pub async fn purge_old(app: &App, report: &mut Report) -> Result<()> {
    let before = app.db.now().checked_sub(app.config.retention).unwrap_or(SystemTime::UNIX_EPOCH);
    let (day, mut after) = (day(before), None::<String>);
    loop {
        let page = app.store.list(key::ASIDE, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
        for entry in &page {
            // Days are written so that the earlier one is the smaller text.
            if key::aside_since(&entry.key).is_some_and(|since| since < day.as_str()) {
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

    fn refill(&mut self, page: Vec<T>, key: impl Fn(&T) -> &str) {
        self.ended = page.len() < PAGE;
        if let Some(last) = page.last() {
            self.after = key(last).to_owned();
        }
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
        // Behind all keys that begin so: a slash is followed by a zero.
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let (mut there, mut expected) = (Ahead::new(prefix), Ahead::new(prefix));
        let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
        loop {
            if there.wants() {
                let after = (there.after != prefix).then_some(there.after.as_str());
                let page = self.app.store.list(prefix, after, PAGE).await?;
                there.refill(page, |entry: &store::Entry| &entry.key);
            }
            if expected.wants() {
                let page = self.app.db.list_expected(&expected.after, &end, limit).await?;
                expected.refill(page, |row: &Expected| &row.key);
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
            }
            ObjectState::Deleted | ObjectState::Purged | ObjectState::Rejected => {
                self.put_aside(Finding::Leftover, entry).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn only_there(&mut self, entry: &store::Entry) -> Result<()> {
        let is_at_work = match Waiting::parse(&entry.key) {
            Some(Waiting::Object(id)) => self.app.db.object_state(id).await?.is_some_and(ObjectState::is_under_way),
            _ => self.app.db.is_awaited(&entry.key).await?,
        };
        if !is_at_work {
            self.put_aside(Finding::Orphan, entry).await?;
        }
        Ok(())
    }

    async fn only_expected(&mut self, row: &Expected) -> Result<()> {
        if row.state != ObjectState::Ready {
            return Ok(());
        }
        // It may have come, gone or been put elsewhere since the pages were read.
        let still = self.app.db.find_expected(&row.key).await?.is_some_and(|now| now.state == ObjectState::Ready);
        match self.app.store.stat(&row.key).await {
            Err(store::Error::NotFound) if still => self.found(Finding::Missing, &row.key, row.size.unwrap_or(0)),
            Ok(_) | Err(store::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// What is younger than the sweep's grace may belong to what is just being done.
    async fn put_aside(&mut self, finding: Finding, entry: &store::Entry) -> Result<()> {
        let now = self.app.db.now();
        let before = now.checked_sub(self.app.config.uploads.sweep_grace).unwrap_or(SystemTime::UNIX_EPOCH);
        if entry.last_modified > before {
            return Ok(());
        }
        // Whoever was at work is done now, or still is.
        let wanted = match self.app.db.find_expected(&entry.key).await? {
            Some(row) => !matches!(row.state, ObjectState::Deleted | ObjectState::Purged | ObjectState::Rejected),
            None => self.app.db.is_awaited(&entry.key).await?,
        };
        if wanted {
            return Ok(());
        }
        self.found(finding, &entry.key, entry.size);
        if self.mode == Mode::Quarantine {
            let to = key::aside(&day(now), &entry.key);
            match self.app.store.move_to(&entry.key, to.as_str(), None).await {
                Ok(()) => self.report.quarantined += 1,
                // Gone meanwhile.
                Err(store::Error::NotFound) => {}
                Err(store::Error::AlreadyExists) => {
                    return Err(Error::InvalidState(format!("{to} is there already; look at both").into()));
                }
                Err(error) => return Err(error.into()),
            }
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
