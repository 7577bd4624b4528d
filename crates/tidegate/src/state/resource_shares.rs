//! The resources that clients compete for, each with its shares. How shares work is in `shares`.

use std::sync::Arc;

use super::shares::Shares;
use crate::config::Admission;

/// The resources that clients compete for.
#[derive(Debug)]
pub struct ResourceShares {
    /// API requests in progress.
    pub requests: Arc<Shares>,
    /// Bodies of parts and files that are being received, on all doors.
    pub uploads: Arc<Shares>,
    /// Event streams.
    pub streams: Arc<Shares>,
    /// Memory for bodies that are held as a whole, in KiB.
    pub memory: Arc<Shares>,
}

impl ResourceShares {
    /// Creates the shares of every resource.
    pub fn new(limits: &Admission) -> Self {
        Self {
            requests: Shares::new("requests", limits.requests),
            uploads: Shares::new("uploads", limits.uploads),
            streams: Shares::new("streams", limits.streams),
            memory: Shares::new("memory", limits.memory_kib),
        }
    }
}
