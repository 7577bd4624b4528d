//! Runs background jobs: claims them, extends their leases, performs them, and sweeps up what no
//! job covers. Never defines a job; see `queue`. Start with `runner`.

pub mod bulk;
mod consumer;
pub mod dead_letters;
pub mod invocation;
mod look;
pub mod perform;
pub mod reconcile;
mod removal;
pub mod rescan;
pub mod runner;
mod several;
pub(crate) mod sweep;
