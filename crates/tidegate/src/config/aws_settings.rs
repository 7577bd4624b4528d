//! The settings of AWS that its services share: region, credentials, and where they are reached.

use secrecy::SecretString;

use super::resolve::{Origin, Resolver};
use super::settings::{Setting, built};

/// The rows of the settings table.
pub(super) const AWS: &[Setting] = &[
    built(
        "AWS_ACCESS_KEY_ID",
        "",
        "an access key",
        "Credentials for S3 and other services of AWS, where they are not to come from profiles or roles.",
    ),
    built("AWS_SECRET_ACCESS_KEY", "", "the secret to it", "See AWS_ACCESS_KEY_ID.").secret(),
    built("AWS_SESSION_TOKEN", "", "the token of temporary ones", "See AWS_ACCESS_KEY_ID.").secret(),
    built(
        "AWS_REGION",
        "us-east-1",
        "a region's name",
        "The region presigned requests are signed for, and of every service of AWS that has regions.",
    ),
    built(
        "AWS_ENDPOINT_URL",
        "",
        "http:// or https:// with a host, and no path",
        "Where all services of AWS but S3 are reached, such as an emulator. Default: each service's own in AWS_REGION.",
    ),
];

/// Access key, secret key and session token.
pub(super) type AwsCredentials = (String, SecretString, Option<SecretString>);

/// The settings that services of AWS share.
#[derive(Debug, Clone)]
pub struct AwsSetting {
    /// The URL of every service but S3; `None` is each service's own.
    pub endpoint: Option<Origin>,
    /// Access key, secret key and session token; `None` selects the standard credential chain of
    /// AWS.
    pub credentials: Option<AwsCredentials>,
}

pub(super) fn resolve(r: &mut Resolver) -> AwsSetting {
    AwsSetting { endpoint: r.origin("AWS_ENDPOINT_URL"), credentials: credentials(r) }
}

fn credentials(r: &mut Resolver) -> Option<AwsCredentials> {
    let token = r.text("AWS_SESSION_TOKEN").map(SecretString::from);
    match (r.text("AWS_ACCESS_KEY_ID"), r.text("AWS_SECRET_ACCESS_KEY")) {
        (Some(access_key), Some(secret_key)) => Some((access_key, secret_key.into(), token)),
        (None, None) => None,
        (Some(_), None) => {
            r.problem("AWS_SECRET_ACCESS_KEY", "the secret that belongs to AWS_ACCESS_KEY_ID");
            None
        }
        (None, Some(_)) => {
            r.problem("AWS_ACCESS_KEY_ID", "the access key that belongs to AWS_SECRET_ACCESS_KEY");
            None
        }
    }
}

/// Returns the S3 endpoint of a region.
pub(super) fn s3_endpoint(region: &str) -> Origin {
    let url = aws::endpoint("s3", region);
    Origin { scheme: "https", authority: url.trim_start_matches("https://").to_owned() }
}

pub(super) fn region(r: &mut Resolver) -> String {
    let region = r.given.value("AWS_REGION").to_owned();
    if !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        r.problem("AWS_REGION", "a region's name, such as us-east-1");
    }
    region
}
