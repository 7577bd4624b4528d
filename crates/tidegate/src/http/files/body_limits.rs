//! Limits request bodies. Bodies that are buffered before their destination is known share one bound
//! on memory. A client that stops sending, or sends almost nothing, would otherwise hold its permit
//! forever, so bodies have a minimum rate.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::header;
use futures::{StreamExt as _, stream};
use store::ByteStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use crate::app::App;
use crate::error::{Error, Result};

/// The longest pause of a sender.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The minimum rate in bytes per second, averaged since the beginning, after the first
/// [`IDLE_TIMEOUT`].
const MIN_RATE: u64 = 4 << 10;

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

/// Measures the rate of one body.
pub(super) struct MinimumRate {
    began: Instant,
    came: u64,
}

impl MinimumRate {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), came: 0 }
    }

    /// Returns the next bytes; `None` at the end. An error is the sender's fault.
    pub(super) async fn next(&mut self, body: &mut BodyDataStream) -> Option<std::result::Result<Bytes, &'static str>> {
        match timeout(IDLE_TIMEOUT, body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(bytes))) => {
                self.came += bytes.len() as u64;
                let allowed = IDLE_TIMEOUT + Duration::from_secs(self.came / MIN_RATE);
                Some(if self.began.elapsed() > allowed { Err("the body came too slowly") } else { Ok(bytes) })
            }
            Ok(Some(Err(_))) | Err(_) => Some(Err("the body ended early")),
        }
    }
}

/// Wraps a body as a stream that fails if it is too slow.
pub(super) fn with_minimum_rate(body: BodyDataStream) -> ByteStream {
    Box::pin(stream::unfold(Some((body, MinimumRate::new())), |state| async move {
        let (mut body, mut rate) = state?;
        match rate.next(&mut body).await? {
            Ok(bytes) => Some((Ok(bytes), Some((body, rate)))),
            Err(why) => Some((Err(std::io::Error::other(why)), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(chunks: usize, length: usize, pause: Duration) -> BodyDataStream {
        let chunks = stream::iter(0..chunks).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![0; length]))
        });
        axum::body::Body::from_stream(chunks).into_data_stream()
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_cut_off_and_a_slow_line_is_not() {
        let count = async |body| with_minimum_rate(body).filter(|next| std::future::ready(next.is_ok())).count().await;
        assert_eq!(count(body(100, 300_000, Duration::from_secs(10))).await, 100);
        assert!(count(body(100, 1, Duration::from_secs(10))).await < 10);
        assert_eq!(count(body(3, 300_000, Duration::from_secs(61))).await, 0);
    }
}
