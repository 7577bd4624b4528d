//! Whether the PostgreSQL database answers. Each change is logged once, and not again by everything
//! that fails meanwhile.

use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{DatabaseOutage, Error};

/// What is known of the database of this process, which has one.
static STATE: Mutex<State> = Mutex::new(State { is_down: false, changed: None });

/// Whether the database is down, and since when.
#[derive(Debug)]
struct State {
    is_down: bool,
    /// When it stopped answering or answered again.
    changed: Option<Instant>,
}

impl State {
    fn change(&mut self, is_down: bool) {
        *self = Self { is_down, changed: Some(Instant::now()) };
    }
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records that the database does not answer, and returns the error for it.
pub(super) fn report(cause: impl Display) -> Error {
    report_attempt(Instant::now(), cause)
}

/// Does so for an attempt that began at `started`. What began before the database answered again says
/// nothing about it now.
pub(super) fn report_attempt(started: Instant, cause: impl Display) -> Error {
    let mut state = state();
    if !state.is_down && state.changed.is_none_or(|at| started >= at) {
        state.change(true);
        tracing::error!(error = %cause, "the database does not answer; requests get 503 until it does");
    }
    error(cause)
}

/// Returns the error for a database that does not answer, where that was recorded before.
pub(super) fn error(cause: impl Display) -> Error {
    Error::Unavailable(DatabaseOutage(cause.to_string()).into())
}

/// Records that the database has answered.
pub(super) fn end() {
    let mut state = state();
    if state.is_down {
        state.change(false);
        tracing::info!("the database answers again");
    }
}

/// Returns whether a connection that has been idle for so long was last used before the database
/// stopped answering or answered again, so that it may be lost.
pub(super) fn may_have_lost(idle_for: Duration) -> bool {
    state().changed.is_some_and(|at| at.elapsed() <= idle_for)
}
