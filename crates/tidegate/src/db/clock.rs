//! The clock of the database, by which expiries, leases and due times are set. On PostgreSQL it is
//! the same for all servers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use crate::model::micros;

/// A clock that may differ from this machine's.
#[derive(Debug, Default)]
pub struct Clock {
    /// The microseconds by which the database's clock is ahead of this machine's, as measured.
    ahead: AtomicI64,
    /// The microseconds by which [`Self::advance`] has moved the clock.
    advanced: AtomicI64,
}

impl Clock {
    /// Returns the time.
    pub fn now(&self) -> SystemTime {
        let (now, difference) = (SystemTime::now(), self.difference());
        let by = Duration::from_micros(difference.unsigned_abs());
        if difference < 0 { now.checked_sub(by).unwrap_or(now) } else { now + by }
    }

    /// Returns the time in microseconds since 1970.
    pub(super) fn now_micros(&self) -> i64 {
        micros(self.now())
    }

    /// Stores how far the database's clock is ahead of this machine's, in microseconds.
    pub(super) fn set_ahead(&self, micros: i64) {
        self.ahead.store(micros, Ordering::Relaxed);
    }

    /// Moves the clock forward, for tests of expiries. Uploads, jobs, retention and HMAC links go by
    /// this clock. Presigned requests, the edge's check of grants, and tokens go by the machine's
    /// clock and are not affected.
    pub fn advance(&self, by: Duration) {
        self.advanced.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn difference(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed) + self.advanced.load(Ordering::Relaxed)
    }
}
