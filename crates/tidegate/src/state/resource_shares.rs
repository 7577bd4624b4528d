//! The resources that clients compete for, each with its shares. How shares work is in `shares`.

use std::sync::Arc;

use super::shares::Shares;
use crate::config::ResourceLimits;

/// The resources that clients compete for.
#[derive(Debug)]
pub struct ResourceShares {
    /// API requests in progress.
    pub requests: Arc<Shares>,
    /// Bodies of parts and files that are being received, on all doors.
    pub uploads: Arc<Shares>,
    /// Event streams.
    pub streams: Arc<Shares>,
    /// WebSockets, which can carry several event streams each.
    pub sockets: Arc<Shares>,
    /// Long responses that are being sent.
    pub downloads: Arc<Shares>,
    /// Memory for bodies that are held as a whole, in KiB.
    pub memory: Arc<Shares>,
}

impl ResourceShares {
    /// Creates the shares of every resource.
    pub fn new(limits: &ResourceLimits) -> Self {
        Self {
            requests: Shares::new("requests", limits.requests),
            uploads: Shares::new("uploads", limits.uploads),
            streams: Shares::new("streams", limits.streams),
            sockets: Shares::new("sockets", limits.streams),
            downloads: Shares::new("downloads", limits.downloads),
            memory: Shares::new("memory", limits.memory_kib),
        }
    }
}
