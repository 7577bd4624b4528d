//! The settings of packages.

use super::resolve::{Origin, Resolver};
use super::settings::{Setting, built};
use crate::model::s3_url::is_bucket;

/// The rows of the settings table.
pub(super) const PACKAGES: &[Setting] = &[
    built(
        "PACKAGES_MAX_SIZE_BYTES",
        "5497558138880",
        "1 to 53687091200000 bytes",
        "The largest source file of a package, and the largest asset.",
    ),
    built(
        "PROXY_ALLOWED_BUCKETS",
        "",
        "a list of buckets' names",
        "Buckets, besides that of this server, to which GET /packages/proxy/s3 sends on. The names are compared exactly.",
    ),
    built("PENNSIEVE_DOMAIN", "", "a host name", "PUBLIC_BASE_URL is https:// and this name."),
];

/// The settings of packages.
#[derive(Debug, Clone, Default)]
pub struct PackagesSetting {
    /// Foreign buckets that the S3 proxy redirects to.
    pub proxy_buckets: Vec<String>,
}

pub(super) fn packages(r: &mut Resolver) -> PackagesSetting {
    let proxy_buckets = r.list("PROXY_ALLOWED_BUCKETS");
    if !proxy_buckets.iter().all(|bucket| is_bucket(bucket)) {
        r.problem(
            "PROXY_ALLOWED_BUCKETS",
            "names of buckets: 3 to 63 lower-case letters, digits, - and ., no wildcards",
        );
    }
    PackagesSetting { proxy_buckets }
}

/// Returns the API's URL, given by either of its two settings.
pub(super) fn public_base_url(r: &mut Resolver) -> Option<Origin> {
    let given = r.origin("PUBLIC_BASE_URL");
    let Some(domain) = r.text("PENNSIEVE_DOMAIN") else { return given };
    let named = Origin::parse(&format!("https://{domain}")).filter(|_| !domain.contains(['/', ':', '@']));
    match (named, given) {
        (None, given) => {
            r.problem("PENNSIEVE_DOMAIN", "a host name, such as api.example.com");
            given
        }
        (Some(named), Some(given)) if named != given => {
            r.problem("PENNSIEVE_DOMAIN", "the host of PUBLIC_BASE_URL, or only one of the two");
            Some(given)
        }
        (named, _) => named,
    }
}
