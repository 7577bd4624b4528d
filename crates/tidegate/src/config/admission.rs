//! The settings of fair shares: how much of each limited resource all clients together, one address
//! and one subject may hold.

use super::resolve::Resolver;
use super::settings::{Setting, built};

/// The rows of the settings table.
pub(super) const ADMISSION: &[Setting] = &[
    built(
        "MAX_REQUESTS_PER_ADDRESS",
        "",
        "1 to 100000",
        "API requests in progress from one IPv4 address or IPv6 /64, services not counted; more get 429. Default: half of MAX_CONCURRENT_REQUESTS.",
    ),
    built(
        "MAX_REQUESTS_PER_SUBJECT",
        "",
        "1 to 100000",
        "API requests in progress of one user; more get 429. Default: a quarter of MAX_CONCURRENT_REQUESTS.",
    ),
    built(
        "MAX_CONCURRENT_UPLOADS",
        "1024",
        "1 to 100000",
        "Request bodies of parts and files that are received at once, on the API and S3 doors together; more get 503.",
    ),
    built(
        "MAX_UPLOADS_PER_ADDRESS",
        "",
        "1 to 100000",
        "The same from one IPv4 address or IPv6 /64. Default: half of MAX_CONCURRENT_UPLOADS.",
    ),
    built(
        "MAX_UPLOADS_PER_SUBJECT",
        "",
        "1 to 100000",
        "The same of one user, or into one session, space or dataset. Default: a quarter of MAX_CONCURRENT_UPLOADS.",
    ),
    built(
        "MAX_EVENT_STREAMS",
        "1000",
        "1 to 100000",
        "Event streams and GraphQL subscriptions that are open at once; more get 503. WebSockets have the same limits of their own.",
    ),
    built("MAX_EVENT_STREAMS_PER_SUBJECT", "50", "1 to 100000", "The same of one user; more get 429."),
    built(
        "MAX_CONCURRENT_DOWNLOADS",
        "4096",
        "1 to 100000",
        "Responses of more than 64 KiB that the API door sends at once, such as files and ZIP archives; more get 503.",
    ),
    built(
        "MAX_DOWNLOADS_PER_CLIENT",
        "",
        "1 to 100000",
        "The same of one user, or of one address without sign-in; more get 429. Default: a quarter of MAX_CONCURRENT_DOWNLOADS.",
    ),
    built(
        "REQUEST_MEMORY_MB",
        "256",
        "128 to 65536 MiB",
        "Memory for request bodies that are held as a whole, such as JSON; one client may hold a quarter of it, and never less than 64 MiB.",
    ),
];

/// The largest body that is held as a whole, in KiB; every client may hold as much.
const LARGEST_HELD_KIB: usize = 64 << 10;

/// The limits of a shared resource, in units of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareLimits {
    /// The most units of all clients together.
    pub total: usize,
    /// The most units of one address.
    pub per_address: usize,
    /// The most units of one subject.
    pub per_subject: usize,
}

/// The most connections per door from one client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressLimit {
    /// As many as the door takes.
    None,
    /// A quarter of those that the door takes.
    Quarter,
    /// This many.
    Connections(usize),
}

impl AddressLimit {
    /// Returns the number at a door that takes `total`.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::None => total,
            Self::Quarter => total.div_ceil(4),
            Self::Connections(most) => most.min(total),
        }
    }
}

/// The shares of every resource that clients compete for.
#[derive(Debug, Clone, Copy)]
pub struct ResourceLimits {
    /// API requests in progress.
    pub requests: ShareLimits,
    /// Bodies of parts and files that are being received.
    pub uploads: ShareLimits,
    /// Event streams.
    pub streams: ShareLimits,
    /// Long responses that are being sent.
    pub downloads: ShareLimits,
    /// Memory for bodies that are held as a whole, in KiB.
    pub memory_kib: ShareLimits,
}

/// Reads the settings of fair shares. `requests` is the most API requests in progress.
pub(super) fn resource_limits(r: &mut Resolver, requests: usize) -> ResourceLimits {
    let uploads = number(r, "MAX_CONCURRENT_UPLOADS");
    let streams = number(r, "MAX_EVENT_STREAMS");
    let per_subject = number(r, "MAX_EVENT_STREAMS_PER_SUBJECT").min(streams);
    let downloads = number(r, "MAX_CONCURRENT_DOWNLOADS");
    let downloads_share = share(r, "MAX_DOWNLOADS_PER_CLIENT", downloads, 4);
    let memory = usize::try_from(r.number("REQUEST_MEMORY_MB", 128..=65_536)).unwrap_or(usize::MAX) << 10;
    let memory_share = (memory / 4).max(LARGEST_HELD_KIB);
    ResourceLimits {
        requests: shares(r, requests, "MAX_REQUESTS_PER_ADDRESS", "MAX_REQUESTS_PER_SUBJECT"),
        uploads: shares(r, uploads, "MAX_UPLOADS_PER_ADDRESS", "MAX_UPLOADS_PER_SUBJECT"),
        streams: ShareLimits { total: streams, per_address: streams, per_subject },
        downloads: ShareLimits { total: downloads, per_address: downloads_share, per_subject: downloads_share },
        memory_kib: ShareLimits { total: memory, per_address: memory_share, per_subject: memory_share },
    }
}

/// Reads the shares of an address and of a subject, which default to a half and a quarter.
fn shares(r: &mut Resolver, total: usize, address: &'static str, subject: &'static str) -> ShareLimits {
    ShareLimits { total, per_address: share(r, address, total, 2), per_subject: share(r, subject, total, 4) }
}

/// Reads a share, which defaults to `1 / part` of the total.
fn share(r: &mut Resolver, name: &'static str, total: usize, part: usize) -> usize {
    match r.text(name) {
        Some(_) => number(r, name).min(total),
        None => (total / part).max(1),
    }
}

fn number(r: &mut Resolver, name: &'static str) -> usize {
    usize::try_from(r.number(name, 1..=100_000)).unwrap_or(usize::MAX)
}
