//! Bounds how often something is logged or done, so that a flood of requests does not become a flood
//! of lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Allows one line per interval, and counts those left out.
#[derive(Debug)]
pub(crate) struct Occasionally {
    created: Instant,
    interval: Duration,
    /// When the next line may be written, in milliseconds after the creation.
    next: AtomicU64,
    left_out: AtomicU64,
}

impl Occasionally {
    /// Allows a line at once, and then one per interval.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { created: Instant::now(), interval, next: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// Returns how many lines were left out before this one; `None` if this one is left out too.
    pub(crate) fn now(&self) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (now, next) = (millis(self.created.elapsed()), self.next.load(Ordering::Relaxed));
        let after = now.saturating_add(millis(self.interval));
        if now < next || self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.left_out.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line() {
        let lines = Occasionally::new(Duration::from_millis(50));
        assert_eq!(lines.now(), Some(0));
        let until = Instant::now() + Duration::from_secs(5);
        let mut left_out = 0;
        let told = loop {
            match lines.now() {
                None => left_out += 1,
                Some(told) => break told,
            }
            assert!(Instant::now() < until);
        };
        assert_eq!(told, left_out);
    }
}
