//! The settings of spaces, and of CloudFront invalidations.

use std::time::Duration;

use super::AwsSetting;
use super::resolve::Resolver;
use crate::model::key::Layout;

/// The URL of CloudFront's API.
const CLOUDFRONT_API: &str = "https://cloudfront.amazonaws.com";

/// The settings of spaces.
#[derive(Debug, Clone, Default)]
pub struct SpacesSetting {
    /// Key prefixes that images may be imported from; each ends with a slash.
    pub import_prefixes: Vec<String>,
    /// The longest lifetime of a link to one image.
    pub link_lifetime: Duration,
}

pub(super) fn spaces(r: &mut Resolver, layout: &Layout) -> SpacesSetting {
    let mut import_prefixes = Vec::new();
    for given in r.list("IMPORT_PREFIXES") {
        let prefix = given.strip_suffix('/').unwrap_or(&given);
        let plain =
            |segment: &str| !segment.is_empty() && !segment.starts_with('.') && !segment.contains(['*', '?', '\\']);
        let first = prefix.split('/').next().unwrap_or(prefix);
        if prefix.split('/').all(plain) && !layout.is_reserved(first) && prefix.len() <= 500 {
            import_prefixes.push(format!("{prefix}/"));
        } else {
            let wanted = format!(
                "prefixes such as generated/, without dot segments, and none where owners' things lie (images/, packages/, sessions/, spaces/, storage/): {given:?} is none"
            );
            r.problem("IMPORT_PREFIXES", &wanted);
        }
    }
    SpacesSetting { import_prefixes, link_lifetime: r.seconds("SPACE_LINK_MAX_SECONDS", 60..=604_800) }
}

/// Returns the URL of CloudFront's API, without a trailing slash.
pub(super) fn cloudfront_api(r: &mut Resolver, aws: &AwsSetting) -> String {
    let given = r.origin("CLOUDFRONT_API_URL").or_else(|| aws.endpoint.clone());
    given.map_or_else(|| CLOUDFRONT_API.to_owned(), |origin| origin.to_string())
}

/// Returns the distribution to invalidate on deletes.
pub(super) fn distribution(r: &mut Resolver) -> Option<String> {
    let id = r.text("CLOUDFRONT_DISTRIBUTION_ID")?;
    if id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        r.problem("CLOUDFRONT_DISTRIBUTION_ID", "letters and digits, as E2EXAMPLE1234");
        return None;
    }
    Some(id)
}
