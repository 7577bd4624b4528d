//! Limits how many event streams are open at once: in total and per caller, so that one caller
//! cannot exhaust them. Knows nothing of what the streams carry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::model::caller::Caller;

/// The most streams of all callers together.
const MAX_STREAMS: usize = 1000;
/// The most streams of one caller.
const MAX_PER_CALLER: usize = 100;

/// Counts the open streams of each caller.
#[derive(Debug, Default)]
pub struct SubscriptionLimit(Mutex<HashMap<String, usize>>);

/// The right to one open stream, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    limit: Arc<SubscriptionLimit>,
    name: String,
}

impl SubscriptionLimit {
    /// Returns a permit for one more stream, or [`Error::Busy`] at either limit.
    pub fn acquire(self: &Arc<Self>, caller: &Caller) -> Result<Permit> {
        let name = caller.user().map_or_else(|| caller.principal.name(), |user| user.as_str()).to_owned();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&name).copied().unwrap_or_default();
        if count >= MAX_PER_CALLER || open.values().sum::<usize>() >= MAX_STREAMS {
            return Err(Error::Busy);
        }
        open.insert(name.clone(), count + 1);
        Ok(Permit { limit: Arc::clone(self), name })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.limit.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.name) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::UserId;
    use crate::model::principal::Principal;

    #[test]
    fn one_caller_leaves_permits_to_others() {
        let limit = Arc::new(SubscriptionLimit::default());
        let caller = |name: &str| Caller::from(Principal::user(UserId::parse(name).unwrap()));
        let mut permits: Vec<Permit> = (0..MAX_PER_CALLER).map(|_| limit.acquire(&caller("a")).unwrap()).collect();
        assert!(limit.acquire(&caller("a")).is_err());
        let other = limit.acquire(&caller("b")).unwrap();
        permits.pop();
        assert!(limit.acquire(&caller("a")).is_ok(), "a permit that was given back");
        drop((permits, other));
        assert!(limit.0.lock().unwrap().is_empty(), "nothing is kept of who has gone");
        let all: Vec<_> =
            (0..MAX_STREAMS).map(|n| limit.acquire(&caller(&(n / MAX_PER_CALLER).to_string())).unwrap()).collect();
        assert!(limit.acquire(&caller("late")).is_err(), "{} are there", all.len());
    }
}
