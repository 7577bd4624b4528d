//! Operations on stored objects that are the same for every owner kind: finding, listing, granting,
//! downloading, auditing. Uploads are in `uploads`; what differs between surfaces is in `surfaces`.

pub mod audit;
pub mod cdn_invalidations;
pub mod downloads;
pub mod files;
pub mod grants;
pub mod keys;
pub mod objects;
pub mod overview;
pub(crate) mod positions;
pub(crate) mod quotas;
pub mod thaw;
pub mod thaw_job;
pub mod tokens;
