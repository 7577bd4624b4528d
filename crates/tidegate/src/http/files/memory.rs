//! What bodies may hold in memory, all of them together: where bytes must be kept until it is known what they are for.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::{Error, Result};

/// A right to hold so many bytes of a body in memory.
pub(super) struct MemoryPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The length of a body, where it says one.
pub(super) fn length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Asks for as much as the body says it has, and at most for `most`. Small bodies need not ask.
pub(super) fn reserve_memory(app: &App, length: Option<u64>, small: usize, most: usize) -> Result<MemoryPermit> {
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(most).min(most);
    if length <= small {
        return Ok(MemoryPermit { _permit: None });
    }
    let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
    match Arc::clone(&app.held_kib).try_acquire_many_owned(kib) {
        Ok(permit) => Ok(MemoryPermit { _permit: Some(permit) }),
        Err(_) => {
            metrics::counter!("tidegate_overload_total").increment(1);
            Err(Error::Busy)
        }
    }
}
