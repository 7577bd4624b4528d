//! Rate limits: requests per second by signed-in subject and by client address, with room for
//! bursts. Counts in memory, so each replica has its own limits.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::network::client_of;
use crate::model::principal::Principal;

/// A burst may use this many seconds' worth of requests at once.
const BURST_SECONDS: u32 = 2;

type Keyed<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>;

/// The rate limits by subject and by address; each may be off.
#[derive(Debug)]
pub struct RateLimits {
    by_subject: Option<Keyed<String>>,
    by_address: Option<Keyed<IpAddr>>,
    /// On the S3 door, where one host may send many small objects.
    by_address_at_s3: Option<Keyed<IpAddr>>,
}

impl RateLimits {
    /// Creates the limits, in requests per second; 0 means no limit.
    pub fn new(per_subject: u32, per_address: u32, per_address_at_s3: u32) -> Self {
        let quota = |rate: u32| {
            let rate = NonZeroU32::new(rate)?;
            Some(
                Quota::per_second(rate)
                    .allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1))),
            )
        };
        Self {
            by_subject: quota(per_subject).map(RateLimiter::keyed),
            by_address: quota(per_address).map(RateLimiter::keyed),
            by_address_at_s3: quota(per_address_at_s3).map(RateLimiter::keyed),
        }
    }

    /// Counts a request of a signed-in subject. A service counts as the user it acts for, and is
    /// not limited without one.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] with the time to wait.
    pub fn check_subject(&self, caller: &Caller) -> Result<()> {
        let subject = match &caller.principal {
            Principal::User { id, .. } => id.as_str(),
            Principal::Service => match &caller.acting_for {
                Some(user) => user.as_str(),
                None => return Ok(()),
            },
            Principal::Anonymous | Principal::System => return Ok(()),
        };
        match &self.by_subject {
            Some(limit) => into_result("subject", limit, limit.check_key(&subject.to_owned())),
            None => Ok(()),
        }
    }

    /// Counts a request from a client address; all addresses of an IPv6 /64 are one client.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] with the time to wait.
    pub fn check_address(&self, address: IpAddr) -> Result<()> {
        check(&self.by_address, "address", address)
    }

    /// Counts a request on the S3 door from a client address, as [`RateLimits::check_address`] does.
    ///
    /// # Errors
    ///
    /// [`Error::RateLimited`] with the time to wait.
    pub fn check_address_at_s3(&self, address: IpAddr) -> Result<()> {
        check(&self.by_address_at_s3, "address_at_s3", address)
    }

    /// Drops the counters of subjects and addresses whose limit has fully recovered.
    pub fn retain_recent(&self) {
        if let Some(limit) = &self.by_subject {
            limit.retain_recent();
        }
        for limit in [&self.by_address, &self.by_address_at_s3].into_iter().flatten() {
            limit.retain_recent();
        }
    }
}

/// Counts a request from an address in one of the limits.
fn check(limit: &Option<Keyed<IpAddr>>, by: &'static str, address: IpAddr) -> Result<()> {
    match limit {
        Some(limit) => into_result(by, limit, limit.check_key(&client_of(address))),
        None => Ok(()),
    }
}

/// Maps the limiter's answer to a result, and counts a refusal in `tidegate_rate_limited_total`.
fn into_result<K: Clone + std::hash::Hash + Eq>(
    by: &'static str,
    limit: &Keyed<K>,
    outcome: std::result::Result<(), governor::NotUntil<<DefaultClock as governor::clock::Clock>::Instant>>,
) -> Result<()> {
    outcome.map_err(|not_until| {
        metrics::counter!("tidegate_rate_limited_total", "by" => by).increment(1);
        let wait = not_until.wait_time_from(limit.clock().now());
        Error::RateLimited { retry_after: wait.max(Duration::from_millis(1)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::UserId;

    fn refused(outcome: Result<()>) -> bool {
        match outcome {
            Ok(()) => false,
            Err(Error::RateLimited { retry_after }) => {
                assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(1), "{retry_after:?}");
                true
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_client_has_a_burst_of_its_own() {
        let limits = RateLimits::new(0, 5, 7);
        let from = |text: &str| limits.check_address(text.parse().unwrap());
        assert_eq!((0..20).filter(|_| refused(from("203.0.113.9"))).count(), 10);
        assert!(!refused(from("203.0.113.8")), "another client");
        let hosts = (0..20).map(|host| format!("2001:db8:1:2::{host}"));
        assert_eq!(hosts.filter(|host| refused(from(host))).count(), 10, "one /64 is one client");
        assert!(!refused(from("2001:db8:1:3::1")));
        let at_s3 = || limits.check_address_at_s3("203.0.113.9".parse().unwrap());
        assert_eq!((0..20).filter(|_| refused(at_s3())).count(), 6, "counted apart");
        limits.retain_recent();
        assert!(refused(from("203.0.113.9")), "whoever is not quiet is not forgotten");
    }

    #[test]
    fn subjects_are_counted_whoever_speaks_for_them() {
        let limits = RateLimits::new(2, 0, 0);
        let alice = UserId::parse("alice").unwrap();
        let herself = Caller::from(Principal::user(alice.clone()));
        let service = Caller { acting_for: Some(alice), ..Caller::from(Principal::Service) };
        assert_eq!((0..4).filter(|_| refused(limits.check_subject(&herself))).count(), 0);
        assert!(refused(limits.check_subject(&service)));
        assert!((0..100).all(|_| !refused(limits.check_subject(&Caller::from(Principal::Service)))));
        assert!((0..100).all(|_| !refused(limits.check_address("127.0.0.1".parse().unwrap()))), "0 is no limit");
    }
}
