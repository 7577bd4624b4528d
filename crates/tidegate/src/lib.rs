//! The Tidegate server: uploads into and reads from a private bucket, under signatures. The
//! modules, from the highest layer to the lowest, are described in `ARCHITECTURE.md`.

pub mod access;
pub mod app;
pub mod cli;
pub mod config;
pub mod dashboard;
pub mod db;
pub mod error;
pub(crate) mod hashing;
pub mod http;
pub mod library;
pub mod model;
pub(crate) mod occasionally;
pub mod queue;
pub mod server;
pub mod sign_in;
pub mod site;
pub mod state;
pub mod surfaces;
pub mod telemetry;
pub mod turns;
pub mod uploads;
pub mod worker;
