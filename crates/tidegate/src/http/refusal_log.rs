//! Logs denied authorizations of every door at `info`, without the credential: the path has no
//! query, and routes stand for paths that hold a token. A flood writes one line a second for each
//! door, client address and reason, and [`MOST_LINES`] a second in all; a line says how many like
//! it were left out before, and a metric counts all of them.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use crate::model::network;

/// The shortest time between two lines of one door, client and reason.
const INTERVAL: Duration = Duration::from_secs(1);
/// The most lines per second of all clients.
const MOST_LINES: u32 = 50;
/// The most clients that are told apart.
const MOST_CLIENTS: u64 = 10_000;
/// The most bytes of a path that a line shows.
const MOST_PATH: usize = 200;

/// A denied request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Denied<'a> {
    pub(super) door: &'static str,
    pub(super) id: &'a str,
    pub(super) client: Option<IpAddr>,
    /// The path without its query, or the route where a path may hold a token.
    pub(super) path: &'a str,
    pub(super) status: u16,
    /// A code of ours; never what the client sent.
    pub(super) reason: &'static str,
}

/// When something was last logged, and how much was left out since.
#[derive(Debug, Default)]
struct Recent {
    last: Option<Instant>,
    suppressed: u64,
}

/// The lines of the current second.
#[derive(Debug, Default)]
struct Budget {
    since: Option<Instant>,
    lines: u32,
}

impl Budget {
    fn take(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= INTERVAL) {
            *self = Self { since: Some(now), lines: 0 };
        }
        self.lines += 1;
        self.lines <= MOST_LINES
    }
}

/// Door, client and reason: requests that share a line.
type Sort = (&'static str, Option<IpAddr>, &'static str);

/// The rate limit of the log lines.
struct RefusalLog {
    recent: Cache<Sort, Arc<Mutex<Recent>>>,
    budget: Mutex<Budget>,
}

/// The one log of this process.
static LOG: LazyLock<RefusalLog> = LazyLock::new(RefusalLog::new);

impl RefusalLog {
    fn new() -> Self {
        let recent = Cache::builder().max_capacity(MOST_CLIENTS).time_to_idle(Duration::from_secs(60)).build();
        Self { recent, budget: Mutex::default() }
    }

    /// Returns how many lines were left out before this one; `None` if it is left out, too.
    fn admit(&self, denied: &Denied<'_>, now: Instant) -> Option<u64> {
        let key = (denied.door, denied.client.map(network::client_of), denied.reason);
        let recent = self.recent.get_with(key, Arc::default);
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = recent.last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if !is_due || !self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(now) {
            recent.suppressed += 1;
            return None;
        }
        recent.last = Some(now);
        Some(std::mem::take(&mut recent.suppressed))
    }

    fn note(&self, denied: &Denied<'_>, now: Instant) {
        let Some(suppressed) = self.admit(denied, now) else {
            return metrics::counter!("tidegate_refusal_log_suppressed_total").increment(1);
        };
        let Denied { door, id, client, path, status, reason } = *denied;
        let client = client.map(tracing::field::display);
        let path = &path[..path.floor_char_boundary(MOST_PATH)];
        tracing::info!(door, id, client, path, status, reason, suppressed, "access denied");
    }
}

/// Logs a denied request, unless there were too many like it.
pub(super) fn note(denied: &Denied<'_>) {
    LOG.note(denied, Instant::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(client: &str, reason: &'static str) -> Denied<'static> {
        let client = client.parse().ok();
        Denied { door: "edge", id: "1", client, path: "/a", status: 403, reason }
    }

    #[test]
    fn one_line_a_second_for_each_client_and_reason() {
        let (log, start) = (RefusalLog::new(), Instant::now());
        assert_eq!(log.admit(&denied("1.2.3.4", "a"), start), Some(0));
        for _ in 0..1000 {
            assert_eq!(log.admit(&denied("1.2.3.4", "a"), start + INTERVAL / 2), None);
        }
        assert_eq!(log.admit(&denied("1.2.3.4", "b"), start), Some(0), "another reason");
        assert_eq!(log.admit(&denied("1.2.3.5", "a"), start), Some(0), "another client");
        assert_eq!(log.admit(&denied("1.2.3.4", "a"), start + INTERVAL), Some(1000));
        assert_eq!(log.admit(&denied("2001:db8::1", "a"), start), Some(0));
        assert_eq!(log.admit(&denied("2001:db8::2", "a"), start), None, "one client is a /64");
    }

    #[test]
    fn many_clients_write_no_more_than_the_log_takes() {
        let (log, start) = (RefusalLog::new(), Instant::now());
        let flood = |now| (0..=255).filter(|n| log.admit(&denied(&format!("10.0.0.{n}"), "a"), now).is_some()).count();
        assert_eq!(flood(start), MOST_LINES as usize);
        assert_eq!(flood(start + INTERVAL * 2), MOST_LINES as usize, "and so in the next second");
    }
}
