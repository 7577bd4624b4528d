//! Runs jobs: claims them, keeps their leases, performs them, and sweeps up what no job covers.

pub mod dead_letters;
pub mod perform;
pub mod reconcile;
mod rescan;
pub mod runner;
pub(crate) mod sweep;
