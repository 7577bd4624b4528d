//! The cache of signatures that this server has made. A listing whose entries share one policy
//! costs one signature per window. `library/grants.rs` makes and looks up the entries.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sign::PolicySignature;

/// Policy signatures and signed URLs, by `GrantKey`. An entry of an older window is never looked
/// up again and expires when idle.
#[derive(Debug)]
pub struct GrantCache {
    pub(crate) policies: Cache<GrantKey, Arc<PolicySignature>>,
    pub(crate) urls: Cache<GrantKey, Arc<str>>,
}

/// What a signature covers, its expiry in epoch seconds, and the id of the key pair that made it.
type GrantKey = (String, u64, String);

impl GrantCache {
    /// Creates an empty cache of at most 10,000 entries of each kind, about a kilobyte each.
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
