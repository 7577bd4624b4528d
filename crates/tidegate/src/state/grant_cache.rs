//! Signatures that this server has made, kept for as long as they are asked for.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sign::PolicySignature;

/// Signatures that were made, by what they cover and when they end. An entry of an older window is simply
/// never asked for again.
#[derive(Debug)]
pub struct GrantCache {
    pub(crate) policies: Cache<Covered, Arc<PolicySignature>>,
    pub(crate) urls: Cache<Covered, Arc<str>>,
}

/// What a signature covers, when it ends, and by which key it was made.
type Covered = (String, u64, String);

impl GrantCache {
    /// An empty cache; about a kilobyte per entry, and at most 10,000 entries of each sort.
    pub fn new() -> Self {
        let idle = Duration::from_secs(3600);
        Self {
            policies: Cache::builder().max_capacity(10_000).time_to_idle(idle).build(),
            urls: Cache::builder().max_capacity(10_000).time_to_idle(idle).build(),
        }
    }
}

impl Default for GrantCache {
    fn default() -> Self {
        Self::new()
    }
}
