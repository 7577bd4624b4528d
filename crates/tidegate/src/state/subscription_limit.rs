//! Limits how many event streams are open at once: in all, and of one caller, so that no caller takes them from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::model::caller::Caller;

/// Streams of all callers together.
const ALL: usize = 1000;
/// Streams of one caller.
const EACH: usize = 100;

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
    /// Returns a permit for one more stream, or [`Error::Busy`] at a limit.
    pub fn acquire(self: &Arc<Self>, caller: &Caller) -> Result<Permit> {
        let name = caller.user().map_or_else(|| caller.principal.name(), |user| user.as_str()).to_owned();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&name).copied().unwrap_or_default();
        if own >= EACH || taken.values().sum::<usize>() >= ALL {
            return Err(Error::Busy);
        }
        taken.insert(name.clone(), own + 1);
        Ok(Permit { limit: Arc::clone(self), name })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.limit.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.name) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.name)),
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
        let mut permits: Vec<Permit> = (0..EACH).map(|_| limit.acquire(&caller("a")).unwrap()).collect();
        assert!(limit.acquire(&caller("a")).is_err());
        let other = limit.acquire(&caller("b")).unwrap();
        permits.pop();
        assert!(limit.acquire(&caller("a")).is_ok(), "a permit that was given back");
        drop((permits, other));
        assert!(limit.0.lock().unwrap().is_empty(), "nothing is kept of who has gone");
        let all: Vec<_> = (0..ALL).map(|n| limit.acquire(&caller(&(n / EACH).to_string())).unwrap()).collect();
        assert!(limit.acquire(&caller("late")).is_err(), "{} are there", all.len());
    }
}
