//! What is stored, and what may be done with it by any owner: found, listed, deleted, granted, recorded.

pub mod audit;
pub mod cdn_invalidations;
pub mod downloads;
pub mod files;
pub mod grants;
pub mod objects;
pub mod tokens;
