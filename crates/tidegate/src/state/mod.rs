//! In-memory state of one server process: caches, limits, locks, keys and notifications. A module
//! here never decides what a caller may do and never depends on the module that uses it. `app.rs`
//! creates each part once.

pub mod archive_states;
pub mod cache_invalidation;
pub mod disk_space;
pub mod edge_keys;
pub mod fetcher;
pub mod file_tags;
pub mod grant_cache;
pub mod key_store;
pub mod locks;
pub mod newest_writers;
pub mod object_cache;
pub mod rate_limits;
pub mod refusals;
pub mod remote_key;
pub mod resource_shares;
pub mod shares;
pub mod signing_key;
pub mod status_feeds;
pub mod store_identity;
pub mod upload_hashes;
