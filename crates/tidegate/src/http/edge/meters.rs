//! Metrics of the edge. The counters of common responses are looked up once at start.

use std::time::Instant;

use super::refused::Refused;
use axum::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};

/// The verdict label of served requests.
pub(super) const ALLOWED: &str = "Allowed";
/// The statuses of served requests.
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

/// All metrics of an edge.
pub(super) struct Meters {
    allowed: [Meter; COMMON_STATUSES.len()],
    first_byte: Histogram,
    signatures: [Counter; 2],
    blobs: [Counter; 3],
}

/// The outcome of a lookup among open blobs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lookup {
    Hit,
    Miss,
    /// The blob was open, but its key names another one now.
    Stale,
}

impl Meters {
    pub(super) fn new() -> Self {
        // A counter must exist at 0 first: `rate()` does not see an increase from nothing to 1.
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

    /// Counts a valid signature; `remembered` if it was verified before.
    pub(super) fn signature(&self, remembered: bool) {
        self.signatures[usize::from(remembered)].increment(1);
    }

    pub(super) fn blob(&self, lookup: Lookup) {
        self.blobs[lookup as usize].increment(1);
    }

    /// Returns the meter of a response, which counts it and its bytes.
    pub(super) fn count(&self, status: StatusCode, verdict: &'static str, started: Instant) -> ResponseMeter {
        let known = COMMON_STATUSES.iter().position(|usual| *usual == status.as_u16() && verdict == ALLOWED);
        let meter = known.map_or_else(|| Meter::of(status.as_u16(), verdict), |at| self.allowed[at].clone());
        let waiting = known.map(|_| (started, self.first_byte.clone()));
        ResponseMeter { meter, waiting }
    }
}

/// Counts one response and the bytes of its body.
pub(super) struct ResponseMeter {
    meter: Meter,
    /// The start of the request, until the first byte is sent.
    waiting: Option<(Instant, Histogram)>,
}

impl ResponseMeter {
    /// Counts bytes handed to the kernel.
    pub(super) fn sent(&mut self, bytes: usize) {
        if let Some((started, first_byte)) = self.waiting.take() {
            first_byte.record(started.elapsed());
        }
        self.meter.bytes.increment(bytes as u64);
    }

    /// Counts the response; called once its head was sent.
    pub(super) fn answered(&self) {
        self.meter.requests.increment(1);
    }
}

/// Counts and logs a response whose body could not be read to its end.
pub(super) fn report_broken_body(id: &str, path: &str, error: &std::io::Error) {
    counter!("tidegate_edge_broken_total").increment(1);
    tracing::error!(id, path, %error, "a blob can't be read to its end; its reader's connection is broken off");
}
