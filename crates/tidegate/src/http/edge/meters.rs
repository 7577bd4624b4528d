//! What the edge counts. The counters of every answer that is usual are looked up once, at start.

use std::time::Instant;

use super::refused::Refused;
use axum::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};

/// The verdict on what is served.
pub(super) const ALLOWED: &str = "Allowed";
/// Statuses of what is allowed.
const COMMON_STATUSES: [u16; 5] = [206, 200, 304, 416, 412];

/// The counters of one status and verdict.
#[derive(Clone)]
struct Meter {
    requests: Counter,
    bytes: Counter,
}

impl Meter {
    fn of(status: u16, verdict: &'static str) -> Self {
        let status = status.to_string();
        Self {
            requests: counter!("tidegate_edge_requests_total", "status" => status.clone(), "verdict" => verdict),
            bytes: counter!("tidegate_edge_bytes_total", "status" => status, "verdict" => verdict),
        }
    }
}

/// All of them.
pub(super) struct Meters {
    allowed: [Meter; COMMON_STATUSES.len()],
    first_byte: Histogram,
    signatures: [Counter; 2],
    blobs: [Counter; 3],
}

/// What became of the look for an open blob.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lookup {
    Hit,
    Miss,
    /// It was open, and is not what its key names any more.
    Stale,
}

impl Meters {
    pub(super) fn new() -> Self {
        // A counter that is born at 1 rises for nobody.
        counter!("tidegate_edge_broken_total").increment(0);
        for refused in Refused::all() {
            Meter::of(refused.status().as_u16(), refused.verdict()).requests.increment(0);
        }
        let signatures = |outcome| counter!("tidegate_edge_signature_cache_total", "outcome" => outcome);
        let blobs = |outcome| counter!("tidegate_edge_blob_cache_total", "outcome" => outcome);
        Self {
            allowed: COMMON_STATUSES.map(|status| Meter::of(status, ALLOWED)),
            first_byte: histogram!("tidegate_edge_first_byte_seconds"),
            signatures: [signatures("miss"), signatures("hit")],
            blobs: [blobs("hit"), blobs("miss"), blobs("stale")],
        }
    }

    /// Whether a good signature had been verified before.
    pub(super) fn signature(&self, remembered: bool) {
        self.signatures[usize::from(remembered)].increment(1);
    }

    pub(super) fn blob(&self, lookup: Lookup) {
        self.blobs[lookup as usize].increment(1);
    }

    /// Counts an answer and its bytes as they go.
    pub(super) fn count(&self, status: StatusCode, verdict: &'static str, started: Instant) -> ResponseMeter {
        let known = COMMON_STATUSES.iter().position(|usual| *usual == status.as_u16() && verdict == ALLOWED);
        let meter = known.map_or_else(|| Meter::of(status.as_u16(), verdict), |at| self.allowed[at].clone());
        let waiting = known.map(|_| (started, self.first_byte.clone()));
        ResponseMeter { meter, waiting }
    }
}

/// Counts the bytes of one body.
pub(super) struct ResponseMeter {
    meter: Meter,
    /// Since when the first byte is waited for.
    waiting: Option<(Instant, Histogram)>,
}

impl ResponseMeter {
    /// So many more were handed to the system.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some((started, first_byte)) = self.waiting.take() {
            first_byte.record(started.elapsed());
        }
        self.meter.bytes.increment(bytes as u64);
    }

    /// The client was told, whatever became of the rest.
    pub(super) fn answered(&self) {
        self.meter.requests.increment(1);
    }
}

/// An answer that was begun can't be brought to its end.
pub(super) fn report_broken_body(id: &str, path: &str, error: &std::io::Error) {
    counter!("tidegate_edge_broken_total").increment(1);
    tracing::error!(id, path, %error, "a blob can't be read to its end; its reader's connection is broken off");
}
