//! Fair shares of a limited resource: request permits, upload permits, event streams, bytes of
//! memory. A client holds at most its share, and the last part of the resource is kept for clients
//! that hold little, so that heavy clients never exhaust it for the others. Knows nothing of what
//! is shared.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::ShareLimits;
use crate::error::Error;
use crate::model::caller::Caller;
use crate::model::network::client_of;
use crate::model::principal::Principal;
use crate::occasionally::Occasionally;

/// The last `1 / RESERVE` of the total is the reserve.
const RESERVE: usize = 4;
/// In the reserve, a client may hold at most `1 / FAIR_PART` of what is free, and always one unit. So
/// a client that holds nothing gets a unit while any is free, and the last units go only to such
/// clients.
const FAIR_PART: usize = 8;
/// The shortest time between two log lines about refusals.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// The `Retry-After` of a client that has used up its share.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A client that a share is counted for. A request can count for an address and a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An IPv4 address or an IPv6 /64.
    Address(IpAddr),
    /// A user, or another owner of uploads.
    Subject(String),
}

impl Holder {
    /// Returns the holder of a client's address.
    pub fn address(address: IpAddr) -> Self {
        Self::Address(client_of(address))
    }

    /// Returns the holder that a caller counts as: a service counts as the user it acts for. `None`
    /// for a service without one and for callers who have not signed in.
    pub fn of(caller: &Caller) -> Option<Self> {
        caller.user().map(|user| Self::Subject(user.as_str().to_owned()))
    }
}

/// A limited resource of which every client has a share.
#[derive(Debug)]
pub struct Shares {
    /// The resource's name in metrics.
    name: &'static str,
    limits: ShareLimits,
    logged: Occasionally,
    usage: Mutex<Usage>,
    /// Notified when units become free.
    freed: Notify,
}

/// What is held at the moment.
#[derive(Debug, Default)]
struct Usage {
    total: usize,
    by_holder: HashMap<Holder, usize>,
}

/// Units of a resource, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    shares: Arc<Shares>,
    units: usize,
    holders: Vec<Holder>,
}

/// Why a permit was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The client holds its share already.
    ShareUsedUp,
    /// All units are held, or those that are free are kept for clients that hold less.
    Exhausted,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::ShareUsedUp => Self::RateLimited { retry_after: RETRY_AFTER },
            Refusal::Exhausted => Self::Busy,
        }
    }
}

impl Shares {
    /// Creates the shares of a resource. `name` labels its metrics.
    pub fn new(name: &'static str, limits: ShareLimits) -> Arc<Self> {
        let logged = Occasionally::new(LOG_INTERVAL);
        Arc::new(Self { name, limits, logged, usage: Mutex::default(), freed: Notify::new() })
    }

    /// Returns the limits.
    pub fn limits(&self) -> ShareLimits {
        self.limits
    }

    /// Returns the number of units that are held.
    pub fn held(&self) -> usize {
        self.in_use().total
    }

    /// Returns a permit for `units`, counted for `holder`. Without a holder only the total counts;
    /// call [`Permit::count_for`] or [`Permit::count_for_service`] once the client is known.
    ///
    /// # Errors
    ///
    /// [`Refusal::Exhausted`] before [`Refusal::ShareUsedUp`], so that a client is told of its own
    /// share only if it could have had the units otherwise.
    pub fn acquire(self: &Arc<Self>, holder: Option<&Holder>, units: usize) -> Result<Permit, Refusal> {
        let outcome = self.try_acquire(holder, units);
        self.count(outcome.as_ref().map(drop).map_err(|refusal| *refusal), holder)?;
        outcome
    }

    /// Returns a permit as [`Shares::acquire`] does, and waits up to `limit` until it can be had.
    ///
    /// # Errors
    ///
    /// As [`Shares::acquire`], once the time is over.
    pub async fn acquire_within(
        self: &Arc<Self>,
        limit: Duration,
        holder: Option<&Holder>,
        units: usize,
    ) -> Result<Permit, Refusal> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            // Before the attempt, so that what is freed in between is noticed.
            freed.as_mut().enable();
            if let Ok(permit) = self.try_acquire(holder, units) {
                return Ok(permit);
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                return self.acquire(holder, units);
            }
        }
    }

    /// Returns a permit without counting a refusal in the metrics.
    fn try_acquire(self: &Arc<Self>, holder: Option<&Holder>, units: usize) -> Result<Permit, Refusal> {
        let mut in_use = self.in_use();
        let free = self.limits.total - in_use.total;
        if units > free {
            return Err(Refusal::Exhausted);
        }
        if let Some(holder) = holder {
            let held = in_use.by_holder.get(holder).copied().unwrap_or(0);
            self.check(holder, held, units, free)?;
            in_use.by_holder.insert(holder.clone(), held + units);
        }
        in_use.total += units;
        Ok(Permit { shares: Arc::clone(self), units, holders: holder.cloned().into_iter().collect() })
    }

    /// Returns a permit for one unit, counted for a caller.
    ///
    /// # Errors
    ///
    /// As [`Shares::acquire`].
    pub fn acquire_for(self: &Arc<Self>, caller: &Caller) -> Result<Permit, Refusal> {
        let mut permit = self.acquire(None, 1)?;
        count_for_caller(&mut permit, caller)?;
        Ok(permit)
    }

    /// Decides whether a holder of `held` units may have `units` more while `free` are free.
    fn check(&self, holder: &Holder, held: usize, units: usize, free: usize) -> Result<(), Refusal> {
        let share = match holder {
            Holder::Address(_) => self.limits.per_address,
            Holder::Subject(_) => self.limits.per_subject,
        };
        let fair = held + units <= free.div_ceil(FAIR_PART);
        if held + units > share {
            Err(Refusal::ShareUsedUp)
        } else if free.saturating_sub(units) < self.reserve() && !fair {
            Err(Refusal::Exhausted)
        } else {
            Ok(())
        }
    }

    /// Returns the number of units that are kept for clients that hold little.
    fn reserve(&self) -> usize {
        self.limits.total / RESERVE
    }

    /// Counts a refusal in the metrics.
    fn count(&self, outcome: Result<(), Refusal>, holder: Option<&Holder>) -> Result<(), Refusal> {
        let of = self.name;
        match (outcome, holder) {
            (Err(Refusal::ShareUsedUp), Some(Holder::Address(_))) => {
                metrics::counter!("tidegate_share_used_up_total", "of" => of, "by" => "address").increment(1);
            }
            (Err(Refusal::ShareUsedUp), _) => {
                metrics::counter!("tidegate_share_used_up_total", "of" => of, "by" => "subject").increment(1);
            }
            (Err(Refusal::Exhausted), _) => metrics::counter!("tidegate_overload_total", "of" => of).increment(1),
            (Ok(()), _) => {}
        }
        if let Err(refusal) = outcome
            && let Some(more) = self.logged.now()
        {
            let message = "requests are refused: a client's share is used up, or all is in use";
            tracing::warn!(of, ?refusal, ?holder, more, "{message}");
        }
        outcome
    }

    fn in_use(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Counts the permit for one more holder. A holder that it counts for already is not counted
    /// twice.
    ///
    /// # Errors
    ///
    /// As [`Shares::acquire`]. The permit then stays what it was.
    pub fn count_for(&mut self, holder: Holder) -> Result<(), Refusal> {
        if self.holders.contains(&holder) {
            return Ok(());
        }
        let mut in_use = self.shares.in_use();
        let free = self.shares.limits.total - in_use.total + self.units;
        let held = in_use.by_holder.get(&holder).copied().unwrap_or(0);
        self.shares.count(self.shares.check(&holder, held, self.units, free), Some(&holder))?;
        in_use.by_holder.insert(holder.clone(), held + self.units);
        drop(in_use);
        self.holders.push(holder);
        Ok(())
    }

    /// Decides about a service that acts for no user. It has no share, but it does not use the
    /// reserve either.
    ///
    /// # Errors
    ///
    /// [`Refusal::Exhausted`] if the permit takes from the reserve.
    pub fn count_for_service(&self) -> Result<(), Refusal> {
        let in_reserve = self.shares.limits.total - self.shares.held() < self.shares.reserve();
        self.shares.count(if in_reserve { Err(Refusal::Exhausted) } else { Ok(()) }, None)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut in_use = self.shares.in_use();
        in_use.total -= self.units;
        for holder in &self.holders {
            match in_use.by_holder.get_mut(holder) {
                Some(held) if *held > self.units => *held -= self.units,
                _ => drop(in_use.by_holder.remove(holder)),
            }
        }
        drop(in_use);
        self.shares.freed.notify_waiters();
    }
}

/// Counts a permit for a caller: a user or the user of a service for their share, a service without
/// one by [`Permit::count_for_service`], everybody else by their address alone.
///
/// # Errors
///
/// As [`Permit::count_for`].
pub fn count_for_caller(permit: &mut Permit, caller: &Caller) -> Result<(), Refusal> {
    match (Holder::of(caller), &caller.principal) {
        (Some(holder), _) => permit.count_for(holder),
        (None, Principal::Service) => permit.count_for_service(),
        (None, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: ShareLimits = ShareLimits { total: 512, per_address: 256, per_subject: 128 };

    fn user(name: &str) -> Option<Holder> {
        Some(Holder::Subject(name.to_owned()))
    }

    fn host(last: u8) -> Option<Holder> {
        Some(Holder::address(IpAddr::from([203, 0, 113, last])))
    }

    /// Acquires permits until one is refused.
    fn fill(shares: &Arc<Shares>, holder: &Option<Holder>) -> (Vec<Permit>, Refusal) {
        let mut permits = Vec::new();
        loop {
            match shares.acquire(holder.as_ref(), 1) {
                Ok(permit) => permits.push(permit),
                Err(refusal) => return (permits, refusal),
            }
        }
    }

    #[test]
    fn one_client_has_its_share_and_no_more() {
        let shares = Shares::new("test", LIMITS);
        let (mut hers, refusal) = fill(&shares, &user("a"));
        assert_eq!((hers.len(), refusal), (128, Refusal::ShareUsedUp));
        let (his, refusal) = fill(&shares, &host(1));
        assert_eq!((his.len(), refusal), (256, Refusal::ShareUsedUp), "an address has a share of its own");
        hers.pop();
        assert!(shares.acquire(user("a").as_ref(), 1).is_ok(), "what was given back");
        assert!(shares.acquire(host(2).as_ref(), 1).is_ok());
        drop((hers, his));
        assert_eq!(shares.held(), 0);
        assert!(shares.in_use().by_holder.is_empty(), "nothing is kept of clients that have gone");
    }

    #[test]
    fn heavy_clients_leave_a_lane_to_others() {
        // They come one after the other, take all they can, and give nothing back.
        for heavy in [1, 4, 16] {
            let shares = Shares::new("test", LIMITS);
            let held: Vec<_> = (0..heavy).map(|n| fill(&shares, &user(&format!("heavy {n}"))).0).collect();
            assert!(held.iter().all(|permits| !permits.is_empty()), "{heavy}");
            let mut light: Vec<_> =
                (0..5).map(|n| shares.acquire(user(&format!("light {n}")).as_ref(), 1).unwrap()).collect();
            light.pop();
            assert!(shares.acquire(user("late").as_ref(), 1).is_ok(), "{heavy}");
        }
    }

    #[test]
    fn hundreds_of_heavy_clients_leave_a_lane_once_their_requests_end() {
        for heavy in [64, 200] {
            let shares = Shares::new("test", LIMITS);
            let names: Vec<_> = (0..heavy).map(|n| user(&format!("heavy {n}"))).collect();
            let mut held: Vec<_> = names.iter().map(|name| fill(&shares, name).0).collect();
            // Each request ends, and its client begins as many new ones as it can.
            for _ in 0..50 {
                for (name, permits) in names.iter().zip(&mut held) {
                    permits.pop();
                    permits.extend(fill(&shares, name).0);
                }
            }
            let light: Vec<_> = (0..8).map(|n| shares.acquire(user(&format!("light {n}")).as_ref(), 1)).collect();
            assert!(light.iter().all(Result::is_ok), "{heavy}: {} are held", shares.held());
        }
    }

    #[test]
    fn a_request_counts_for_its_address_and_its_subject() {
        let shares = Shares::new("test", ShareLimits { total: 100, per_address: 10, per_subject: 4 });
        let mut permits = Vec::new();
        for _ in 0..4 {
            let mut permit = shares.acquire(host(1).as_ref(), 1).unwrap();
            permit.count_for(Holder::Subject("a".into())).unwrap();
            permit.count_for(Holder::Subject("a".into())).unwrap();
            permits.push(permit);
        }
        let mut fifth = shares.acquire(host(1).as_ref(), 1).unwrap();
        assert_eq!(fifth.count_for(Holder::Subject("a".into())), Err(Refusal::ShareUsedUp));
        assert!(fifth.count_for(Holder::Subject("b".into())).is_ok(), "her neighbour");
        drop((permits, fifth));
        assert_eq!((shares.held(), shares.in_use().by_holder.len()), (0, 0));
    }

    #[test]
    fn real_clients_are_not_hurt_at_the_defaults() {
        let requests = Shares::new("test", LIMITS);
        let ask = |address: Option<Holder>, name: &str| {
            let mut permit = requests.acquire(address.as_ref(), 1)?;
            permit.count_for(Holder::Subject(name.to_owned()))?;
            Ok::<_, Refusal>(permit)
        };
        // A browser opens six connections to a server, rclone and aws-cli up to a hundred.
        assert!((0..6).map(|_| ask(host(1), "browser")).collect::<Vec<_>>().iter().all(Result::is_ok));
        assert!((0..100).map(|_| ask(host(2), "rclone")).collect::<Vec<_>>().iter().all(Result::is_ok));
        // Fifty people behind one address translation, each with four requests at work.
        let office: Vec<_> = (0..200).map(|n| ask(host(3), &format!("employee {}", n % 50))).collect();
        assert!(office.iter().all(Result::is_ok));
        drop(office);
        // A backend that acts for thousands from one address: its address does not count.
        let backend: Vec<_> = (0..500).map(|n| ask(None, &format!("customer {n}"))).collect();
        assert!(backend.iter().all(Result::is_ok));
        drop(backend);
        // A backend that names no user leaves the reserve to the others.
        let mut alone = Vec::new();
        while let Ok(permit) = requests.acquire(None, 1) {
            match permit.count_for_service() {
                Ok(()) => alone.push(permit),
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Exhausted);
                    break;
                }
            }
        }
        assert_eq!(alone.len(), 384);
        assert!(ask(host(1), "browser").is_ok());
    }

    #[test]
    fn large_amounts_are_shared_too() {
        let memory = Shares::new("test", ShareLimits { total: 1000, per_address: 250, per_subject: 250 });
        let first = memory.acquire(user("a").as_ref(), 200).unwrap();
        assert_eq!(memory.acquire(user("a").as_ref(), 51).unwrap_err(), Refusal::ShareUsedUp);
        let others: Vec<_> =
            ["b", "c"].into_iter().map(|name| memory.acquire(user(name).as_ref(), 250).unwrap()).collect();
        // 300 units are free, and 250 of them are the reserve.
        let refused = memory.acquire(user("a").as_ref(), 50 - 20).map(drop);
        assert_eq!(refused, Ok(()), "beside the reserve");
        let beside = memory.acquire(user("a").as_ref(), 50).unwrap();
        assert_eq!(memory.acquire(user("c").as_ref(), 1).unwrap_err(), Refusal::ShareUsedUp);
        assert_eq!(memory.acquire(user("a").as_ref(), 1).unwrap_err(), Refusal::ShareUsedUp);
        drop(beside);
        assert!(memory.acquire(user("e").as_ref(), 50).is_ok(), "what is beside the reserve");
        let last = memory.acquire(user("d").as_ref(), 50).unwrap();
        let refused = memory.acquire(user("e").as_ref(), 51).unwrap_err();
        assert_eq!(refused, Refusal::Exhausted, "who holds nothing does not get all of the reserve either");
        assert!(memory.acquire(user("e").as_ref(), 32).is_ok(), "but an eighth of what is free");
        drop(last);
        drop((first, others));
        assert_eq!(memory.held(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_can_wait_for_its_share() {
        let memory = Shares::new("test", ShareLimits { total: 100, per_address: 10, per_subject: 10 });
        let held = memory.acquire(user("a").as_ref(), 10).unwrap();
        let limit = Duration::from_secs(30);
        assert_eq!(memory.acquire_within(limit, user("a").as_ref(), 1).await.unwrap_err(), Refusal::ShareUsedUp);
        let waiting = tokio::spawn({
            let memory = Arc::clone(&memory);
            async move { memory.acquire_within(limit, user("a").as_ref(), 10).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert!(waiting.await.unwrap());
    }

    proptest! {
        #[test]
        fn any_history_keeps_the_bounds(
            total in 1usize..200, per_address in 1usize..200, per_subject in 1usize..200,
            steps in proptest::collection::vec((0u8..8, 0u8..4, 0u8..12, 1usize..4), 0..400),
        ) {
            let shares = Shares::new("test", ShareLimits { total, per_address, per_subject });
            let mut permits: Vec<Permit> = Vec::new();
            for (what, address, subject, units) in steps {
                if what == 0 && !permits.is_empty() {
                    permits.swap_remove(usize::from(subject) % permits.len());
                    continue;
                }
                let (address, subject) = (host(address).unwrap(), Holder::Subject(subject.to_string()));
                let held = |holder: &Holder| shares.in_use().by_holder.get(holder).copied().unwrap_or(0);
                let (before, of_address, of_subject) = (shares.held(), held(&address), held(&subject));
                let outcome = shares.acquire(Some(&address), units).and_then(|mut permit| {
                    permit.count_for(subject)?;
                    Ok(permit)
                });
                match outcome {
                    Ok(permit) => permits.push(permit),
                    Err(refusal) => {
                        prop_assert_eq!(shares.held(), before, "a refused client holds nothing");
                        let fits = units <= (total - before).div_ceil(FAIR_PART) && units <= per_address && units <= per_subject;
                        prop_assert!(!(fits && of_address == 0 && of_subject == 0), "{refusal:?}: a new client is admitted");
                    }
                }
                let in_use = shares.in_use();
                prop_assert!(in_use.total <= total);
                for (holder, held) in &in_use.by_holder {
                    let share = if matches!(holder, Holder::Address(_)) { per_address } else { per_subject };
                    prop_assert!(*held > 0 && *held <= share);
                }
            }
            drop(permits);
            prop_assert_eq!(shares.held(), 0);
            prop_assert!(shares.in_use().by_holder.is_empty());
        }
    }
}
