//! What this server holds in memory, and what it knows of other servers. Each part stands alone; none knows what it is used for.

pub mod cache_invalidation;
pub mod edge_keys;
pub mod fetcher;
pub mod grant_cache;
pub mod locks;
pub mod object_cache;
pub mod rate_limits;
pub mod refusals;
pub mod signing_key;
pub mod subscription_limit;
pub mod upload_hashes;
