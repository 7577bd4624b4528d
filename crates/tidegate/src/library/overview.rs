//! What operators are shown of the server as a whole: who uses how much, what was added when, the
//! queues of jobs, and the settings in effect. Shows no secret, and changes nothing but the way in
//! which past days are stored. Keys are in `library/keys.rs`.

use std::time::{Duration, SystemTime};

use crate::access;
use crate::app::App;
use crate::config::SettingValue;
use crate::db::{DayUsage, KindUsage, OwnerUsage, QueueState};
use crate::error::{Result, bad_request};
use crate::library::objects::MAX_PAGE;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::job_class::JobClass;
use crate::model::owner::OwnerKind;
use crate::model::{epoch_seconds, from_micros};

/// The most days of one request.
pub const MAX_DAYS: i64 = 366;
/// The seconds of a day.
const DAY: u64 = 86_400;
/// The number of rows of days that are added up in one transaction.
const ROWS_AT_ONCE: i64 = 1000;
/// The number of such transactions in one run of the sweep.
const BATCHES: usize = 100;

/// A position in the list of owners: the bytes, the kind and the id of the last one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerPosition {
    /// The bytes that it uses.
    pub bytes: u64,
    /// Its kind.
    pub kind: OwnerKind,
    /// Its id.
    pub id: String,
}

/// A page of owners, those that use the most bytes first.
#[derive(Debug, Clone)]
pub struct UsagePage {
    /// What the owners of each kind use together.
    pub totals: Vec<KindUsage>,
    /// The owners, each with its limit in bytes.
    pub owners: Vec<(OwnerUsage, u64)>,
    /// Where the next page begins, if there is one.
    pub next: Option<OwnerPosition>,
}

/// The queue of a class of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The number of jobs by state.
    pub state: QueueState,
    /// How long the oldest job that no worker has taken has been due.
    pub oldest: Option<Duration>,
}

/// Returns a page of owners with readable objects, of one kind or of all. Authorizes the caller.
pub async fn usage(
    app: &App,
    caller: &Caller,
    kind: Option<OwnerKind>,
    after: Option<&OwnerPosition>,
    limit: i64,
) -> Result<UsagePage> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let mut found = Vec::new();
    // The index is by kind: a page of all kinds is the largest of one page of each.
    for kind in OwnerKind::ALL.into_iter().filter(|one| kind.is_none_or(|kind| kind == *one)) {
        let (bytes, id) = after.map_or((u64::MAX, ""), |after| bound(after, kind));
        found.extend(app.db.list_owners_by_use(kind, (bytes, id), limit.saturating_add(1)).await?);
    }
    found.sort_by(|one, other| order(other).cmp(&order(one)));
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > wanted;
    found.truncate(wanted);
    let last = found.last().filter(|_| more);
    let next = last.map(|last| OwnerPosition { bytes: last.bytes, kind: last.kind, id: last.id.clone() });
    let limited = |owner: OwnerUsage| {
        let limit = owner.quota.unwrap_or(app.config.quotas.of(owner.kind).bytes);
        (owner, limit)
    };
    let mut totals = app.db.total_usage().await?;
    totals.retain(|total| kind.is_none_or(|kind| kind == total.kind));
    Ok(UsagePage { totals, owners: found.into_iter().map(limited).collect(), next })
}

/// Returns what owners are ordered by, in descending order.
fn order(owner: &OwnerUsage) -> (u64, &str, &str) {
    (owner.bytes, owner.kind.as_str(), owner.id.as_str())
}

/// Returns the bytes and the id before which the owners of a kind come after a position.
fn bound(after: &OwnerPosition, kind: OwnerKind) -> (u64, &str) {
    match kind.as_str().cmp(after.kind.as_str()) {
        // Of owners with as many bytes, all of this kind come after it.
        std::cmp::Ordering::Less => (after.bytes.saturating_add(1), ""),
        std::cmp::Ordering::Equal => (after.bytes, &after.id),
        std::cmp::Ordering::Greater => (after.bytes, ""),
    }
}

/// Returns what was added on each day, from `since` to `until`, both included, in days since 1970.
/// Authorizes the caller.
pub async fn usage_days(
    app: &App,
    caller: &Caller,
    kind: Option<OwnerKind>,
    since: i64,
    until: i64,
) -> Result<Vec<DayUsage>> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    if since > until {
        return Err(bad_request("since must not be after until"));
    }
    if until - since >= MAX_DAYS {
        return Err(bad_request(format!("since and until must be at most {MAX_DAYS} days, both included")));
    }
    let mut days = app.db.list_usage_days(since, until).await?;
    days.retain(|day| kind.is_none_or(|kind| kind == day.kind));
    Ok(days)
}

/// Returns the day of a time, in days since 1970.
pub fn day_of(at: SystemTime) -> i64 {
    i64::try_from(epoch_seconds(at) / DAY).unwrap_or(i64::MAX)
}

/// Adds up what was added to each owner on days that are over, so that few rows are kept of them.
/// Run by the sweep.
pub(crate) async fn add_up_days(app: &App) -> Result<()> {
    // A day more, since the clocks of database and server may differ.
    let before = day_of(app.db.now()).saturating_sub(1);
    for _ in 0..BATCHES {
        let mut tx = app.db.begin().await?;
        let taken = tx.add_up_usage_days(before, ROWS_AT_ONCE).await?;
        tx.commit().await?;
        if i64::try_from(taken).unwrap_or(i64::MAX) < ROWS_AT_ONCE {
            break;
        }
    }
    Ok(())
}

/// Returns the queue of every class of jobs. Authorizes the caller.
pub async fn queues(app: &App, caller: &Caller) -> Result<Vec<Queue>> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    let now = app.db.now();
    let mut found = app.db.list_queues(now).await?;
    for class in JobClass::ALL.map(JobClass::as_str) {
        if found.iter().all(|state| state.class != class) {
            found.push(QueueState { class: class.to_owned(), ..QueueState::default() });
        }
    }
    // A newer server may know more classes: these come last.
    let place = |class: &str| JobClass::ALL.iter().position(|known| known.as_str() == class).unwrap_or(usize::MAX);
    found.sort_by(|one, other| (place(&one.class), &one.class).cmp(&(place(&other.class), &other.class)));
    let queue = |state: QueueState| {
        let due_since = state.due_since.map(from_micros);
        Queue { state, oldest: due_since.map(|at| now.duration_since(at).unwrap_or_default()) }
    };
    Ok(found.into_iter().map(queue).collect())
}

/// Returns every setting with its value in effect, and no secret. Authorizes the caller.
pub fn settings(app: &App, caller: &Caller) -> Result<Vec<SettingValue>> {
    access::authorize_everywhere(app, caller, Action::Operate)?;
    let mut settings = app.config.settings.clone();
    for value in settings.iter_mut().filter(|value| !value.given && value.value.is_none()) {
        // What depends on the sockets that were opened, and on the keys that were found.
        value.value = match value.setting.name {
            "PUBLIC_BASE_URL" => Some(app.addresses.api.to_string()),
            "EDGE_URL" => app.addresses.edge.as_ref().map(ToString::to_string),
            "S3_URL" => Some(app.addresses.s3.to_string()),
            "CLOUDFRONT_KEY_PAIR_ID" => Some(app.signing_key.signer().key_pair_id().to_owned()),
            _ => None,
        };
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes after a position is what the order of the whole list puts there.
    #[test]
    fn bounds_agree_with_the_order() {
        let owner =
            |bytes, kind, id: &str| OwnerUsage { kind, id: id.into(), name: None, objects: 1, bytes, quota: None };
        let mut all = Vec::new();
        for kind in OwnerKind::ALL {
            for bytes in 0..3 {
                all.extend(["", "a", "b"].map(|id| owner(bytes, kind, id)));
            }
        }
        for last in &all {
            let after = OwnerPosition { bytes: last.bytes, kind: last.kind, id: last.id.clone() };
            for one in &all {
                let is_after = (one.bytes, one.id.as_str()) < bound(&after, one.kind);
                assert_eq!(is_after, order(one) < order(last), "{one:?} after {last:?}");
            }
        }
    }
}
