//! Bounds the memory of request bodies that are buffered until it is known where their bytes go.
//! The bound is shared by all requests.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::error::{Error, Result};

/// A permit to buffer a body; memory is released when it is dropped.
pub(super) struct MemoryPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Returns the `Content-Length` of a request, if it has a valid one.
pub(super) fn length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Reserves memory for a body of this length, at most `most` bytes. A body up to `small` bytes
/// needs no reservation.
///
/// # Errors
///
/// [`Error::Busy`] if the memory is in use.
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
