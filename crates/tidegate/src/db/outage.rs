//! Whether the PostgreSQL database answers. Each change is logged once, and not again by everything
//! that fails meanwhile.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{DatabaseOutage, Error};

/// Whether the last that was heard of the database is that it does not answer. A process has one
/// database.
static IS_DOWN: AtomicBool = AtomicBool::new(false);

/// Records that the database does not answer, and returns the error for it.
pub(super) fn report(cause: impl Display) -> Error {
    if !IS_DOWN.swap(true, Ordering::AcqRel) {
        tracing::error!(error = %cause, "the database does not answer; requests get 503 until it does");
    }
    Error::Unavailable(DatabaseOutage(cause.to_string()).into())
}

/// Records that the database has answered.
pub(super) fn end() {
    if IS_DOWN.swap(false, Ordering::AcqRel) {
        tracing::info!("the database answers again");
    }
}
