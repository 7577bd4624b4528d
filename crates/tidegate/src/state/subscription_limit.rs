//! Who watches what comes about: so many at once, and of one caller so many that others are left a place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::model::caller::Caller;

/// Of all callers together.
const ALL: usize = 1000;
/// Of one.
const EACH: usize = 100;

/// Places for those who watch.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<HashMap<String, usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Place {
    watchers: Arc<Watchers>,
    name: String,
}

impl Watchers {
    /// A place for somebody, if there is one.
    pub fn place(self: &Arc<Self>, caller: &Caller) -> Result<Place> {
        let name = caller.user().map_or_else(|| caller.principal.name(), |user| user.as_str()).to_owned();
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&name).copied().unwrap_or_default();
        if own >= EACH || taken.values().sum::<usize>() >= ALL {
            return Err(Error::Busy);
        }
        taken.insert(name.clone(), own + 1);
        Ok(Place { watchers: Arc::clone(self), name })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.watchers.0.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn one_leaves_places_to_others() {
        let watchers = Arc::new(Watchers::default());
        let caller = |name: &str| Caller::from(Principal::user(UserId::parse(name).unwrap()));
        let mut places: Vec<Place> = (0..EACH).map(|_| watchers.place(&caller("a")).unwrap()).collect();
        assert!(watchers.place(&caller("a")).is_err());
        let other = watchers.place(&caller("b")).unwrap();
        places.pop();
        assert!(watchers.place(&caller("a")).is_ok(), "a place that was given back");
        drop((places, other));
        assert!(watchers.0.lock().unwrap().is_empty(), "nothing is kept of who has gone");
        let all: Vec<_> = (0..ALL).map(|n| watchers.place(&caller(&(n / EACH).to_string())).unwrap()).collect();
        assert!(watchers.place(&caller("late")).is_err(), "{} are there", all.len());
    }
}
