//! Tidegate, the gate in front of a private bucket. See `ARCHITECTURE.md` for the map.

pub mod app;
pub mod archives;
pub mod audit;
pub mod bell;
pub mod changes;
pub mod cli;
pub mod config;
pub mod db;
pub mod downloads;
pub mod error;
pub mod files;
pub mod grants;
pub mod http;
pub mod jobs;
pub mod model;
pub mod objects;
pub mod rates;
pub mod records;
pub mod server;
pub mod sessions;
pub mod sign_in;
pub mod stripes;
pub mod telemetry;
pub mod trust;
pub mod uploads;
pub mod watchers;
