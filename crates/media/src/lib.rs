//! Processes untrusted uploads before they are published: detects their type, scans them for
//! malware, and re-encodes images and remuxes videos without metadata, in sandboxed processes.
//! Takes bytes and returns bytes; knows no database, no store and no HTTP. Start reading at
//! `sandbox`.

pub mod clamd;
pub mod image;
pub mod kind;
pub mod sandbox;
pub mod video;
