//! A checker of linearizability after Wing and Gong ("Testing and Verifying Concurrent Objects",
//! 1993), with Lowe's memoisation ("Testing for linearizability", 2017): a history of one object is
//! linearizable if its operations have an order that keeps those that did not overlap in theirs, and
//! that the sequential model answers as was observed.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// What one object does, one operation after the other.
pub(super) trait Model {
    type State: Clone + Eq + Hash + Debug;
    type Step: Clone + Debug;

    fn start(&self) -> Self::State;

    /// Returns the states after a step that was answered as it says; none if it cannot be.
    fn apply(&self, state: &Self::State, step: &Self::Step) -> Vec<Self::State>;
}

/// One step of a client: from when to when it may have taken effect.
#[derive(Debug, Clone)]
pub(super) struct Event<S> {
    /// What each of its outcomes does; several if nobody knows which one it was.
    pub(super) steps: Vec<S>,
    /// Whether it has surely taken effect by `returned`. If not, it took effect by then, or never;
    /// a request that was not answered, or with 5xx, has no such time.
    pub(super) is_certain: bool,
    pub(super) invoked: u64,
    pub(super) returned: u64,
}

/// The most events in a history.
pub(super) const MOST_EVENTS: usize = 128;

/// Returns whether a history is linearizable.
pub(super) fn is_linearizable<M: Model>(model: &M, history: &[Event<M::Step>]) -> bool {
    assert!(history.len() <= MOST_EVENTS, "{} events", history.len());
    let all: u128 =
        history.iter().enumerate().filter(|(_, event)| event.is_certain).fold(0, |all, (at, _)| all | 1 << at);
    let mut seen = HashSet::new();
    let mut open = vec![(0_u128, model.start())];
    while let Some((done, state)) = open.pop() {
        if done & all == all {
            return true;
        }
        // Nothing can come before an event that had returned when it was invoked.
        let waiting = |at: usize| done & (1 << at) == 0;
        let limit = history
            .iter()
            .enumerate()
            .filter(|(at, event)| waiting(*at) && event.is_certain)
            .map(|(_, event)| event.returned)
            .min()
            .unwrap_or(u64::MAX);
        for (at, event) in history.iter().enumerate() {
            if !waiting(at) || event.invoked > limit {
                continue;
            }
            let is_late = |(place, other): (usize, &Event<M::Step>)| !waiting(place) && other.invoked > event.returned;
            if history.iter().enumerate().any(is_late) {
                continue;
            }
            for step in &event.steps {
                for next in model.apply(&state, step) {
                    let place = (done | 1 << at, next);
                    if seen.insert(place.clone()) {
                        open.push(place);
                    }
                }
            }
        }
    }
    false
}

/// Returns the first events by their answers, and those that were under way by then.
fn beginning<S: Clone>(by_return: &[&Event<S>], count: usize) -> Vec<Event<S>> {
    let end = by_return[..count].last().map_or(0, |event| event.returned);
    let answered = by_return[..count].iter().map(|event| (*event).clone());
    let under_way = by_return[count..].iter().filter(|event| event.invoked <= end);
    answered.chain(under_way.map(|event| Event { is_certain: false, ..(*event).clone() })).collect()
}

/// Checks a history; a shorter one that is wrong, too, is shown.
pub(super) fn check<M: Model>(model: &M, name: &str, history: &[Event<M::Step>]) -> Result<(), String> {
    if is_linearizable(model, history) {
        return Ok(());
    }
    // The shortest beginning, by the times of the answers, that has no order. What was sent before
    // its end and answered after it may have taken effect.
    let mut by_return: Vec<&Event<M::Step>> = history.iter().collect();
    by_return.sort_by_key(|event| event.returned);
    let mut shortest = by_return.len();
    while shortest > 0 {
        if is_linearizable(model, &beginning(&by_return, shortest - 1)) {
            break;
        }
        shortest -= 1;
    }
    let lines: Vec<String> = beginning(&by_return, shortest)
        .iter()
        .map(|event| {
            format!(
                "  {:>9} – {:>9} {:?}{}",
                event.invoked,
                event.returned,
                event.steps,
                if event.is_certain { "" } else { " (perhaps)" }
            )
        })
        .collect();
    Err(format!("{name} is not linearizable:\n{}", lines.join("\n")))
}
