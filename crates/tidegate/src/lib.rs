//! Tidegate, the gate in front of a private bucket. See `ARCHITECTURE.md` for the map.

pub mod access;
pub mod app;
pub mod cli;
pub mod config;
pub mod db;
pub mod error;
pub(crate) mod hashing;
pub mod http;
pub mod library;
pub mod model;
pub mod queue;
pub mod server;
pub mod sign_in;
pub mod state;
pub mod surfaces;
pub mod telemetry;
pub mod uploads;
pub mod worker;
