//! Calls the control planes of AWS by requests that it builds and signs itself (Signature Version
//! 4), instead of depending on an SDK client per service. `client.rs` sends: signing, retries,
//! errors. `credentials.rs` keeps credentials. Every other module is the calls of one service. Never
//! reads object bytes, and signs no URLs that clients are given; for those see the crates `store` and
//! `sign`.

mod client;
mod cloudfront;
mod cloudfront_config;
mod credentials;
mod rds;
pub mod secrets;
pub mod sqs;
pub mod ssm;
mod xml;

use std::time::{Duration, SystemTime};

pub use self::client::{Client, Error, Options, Request, Response, endpoint};
pub use self::cloudfront::{CloudFront, Distribution, KeyGroup};
pub use self::cloudfront_config::{Behaviour, DistributionConfig, DistributionOrigin};
pub use self::rds::TOKEN_LIFETIME;

/// The current version of a parameter or a secret.
pub struct Stored {
    /// Its name, also where an ARN was given.
    pub name: String,
    /// The value, which is secret.
    pub value: String,
    /// The version.
    pub version: String,
    /// When this version was written, by the clock of AWS.
    pub written: SystemTime,
}

/// Returns a time of an AWS JSON response, which is in epoch seconds with a fraction. The epoch itself
/// if there is none.
pub(crate) fn read_time(value: &serde_json::Value) -> SystemTime {
    let since = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    SystemTime::UNIX_EPOCH + since.unwrap_or_default()
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("name", &self.name).field("version", &self.version).finish_non_exhaustive()
    }
}
