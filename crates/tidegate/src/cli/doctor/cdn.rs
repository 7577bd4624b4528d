//! The checks of a CloudFront distribution's configuration: who may read through it, and from where.
//! Reads only; a right that is missing is a warning.

use aws::{CloudFront, DistributionConfig, Error};
use sign::{Hash, PublicKey};

use super::context::Context;
use super::policy;
use super::report::Outcome;
use super::request::plain;
use crate::app::open_aws;
use crate::config::StoreSetting;

/// The rights that the checks need.
const RIGHTS: &str = "cloudfront:GetDistributionConfig, cloudfront:GetKeyGroup and cloudfront:GetPublicKey";

/// The distribution and its API.
struct Distribution<'a> {
    api: CloudFront,
    config: &'a DistributionConfig,
}

/// Returns the distribution, or the outcome of a check without it.
async fn distribution(context: &Context) -> Result<Distribution<'_>, Outcome> {
    let Some(id) = &context.config.cloudfront.distribution else {
        return Err(if context.has_cloudfront() {
            Outcome::warning("CLOUDFRONT_DISTRIBUTION_ID is not set, so that the distribution can't be looked at")
                .remedy("set it; then deletes also reach the CDN's cache")
        } else {
            Outcome::skipped("CLOUDFRONT_DISTRIBUTION_ID is not set")
        });
    };
    let client = open_aws(&context.config).await.map_err(|error| Outcome::failed(error.to_string()))?;
    let api = CloudFront::new(client, context.config.cloudfront.api.clone());
    let read = || async { api.distribution_config(id).await };
    let config = context.distribution.get_or_init(read).await;
    match config {
        Ok(config) => Ok(Distribution { api, config }),
        Err(error) => Err(unread(&format!("the distribution {id}"), error)),
    }
}

/// Returns the outcome where something could not be read.
fn unread(what: &str, error: &Error) -> Outcome {
    match error {
        Error::Refused { status: 403, code, .. } => {
            Outcome::warning(format!("could not look at {what}: {code}")).remedy(format!("allow {RIGHTS}"))
        }
        Error::Refused { code, .. } => Outcome::failed(format!("{what}: {code}"))
            .remedy("see CLOUDFRONT_DISTRIBUTION_ID, and that the credentials are those of its account"),
        Error::Unavailable(problem) => Outcome::failed(format!("{what}: {}", plain(problem))),
    }
}

/// Looks for the key that grants are signed with in the key groups of all behaviours.
pub(super) async fn key_group(context: &Context) -> Outcome {
    let found = match distribution(context).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let Some(signer) = &context.signer else { return Outcome::skipped("there is no signing key") };
    let id = signer.key_pair_id();
    let mut groups: Vec<&String> = found.config.behaviours.iter().flat_map(|one| &one.key_groups).collect();
    groups.sort();
    groups.dedup();
    if groups.is_empty() {
        return Outcome::failed("no behaviour trusts a key group");
    }
    let (mut without, mut sizes) = (Vec::new(), Vec::new());
    for group in &groups {
        match found.api.key_group_keys(group).await {
            Ok(keys) if keys.iter().any(|key| key == id) => sizes.push(format!("{group} ({} keys)", keys.len())),
            Ok(keys) => without.push(format!("{group} ({})", keys.join(", "))),
            Err(error) => return unread(&format!("the key group {group}"), &error),
        }
    }
    if !without.is_empty() {
        return Outcome::failed(format!("the key {id} is not in the key group {}", without.join(", "))).remedy(
            format!(
                "add {id} to the key group, or set CLOUDFRONT_KEY_PAIR_ID and the private key to one that is there"
            ),
        );
    }
    let pem = match found.api.public_key_pem(id).await {
        Ok(pem) => pem,
        Err(error) => return unread(&format!("the public key {id}"), &error),
    };
    let Some(proof) = signer.key().sign(Hash::Sha256, b"doctor") else {
        return Outcome::failed("the crypto library failed");
    };
    match PublicKey::parse(&pem) {
        Ok(public) if public.verify(Hash::Sha256, b"doctor", &proof) => {
            Outcome::ok(format!("{id} is in {}, and is this server's key", sizes.join(", ")))
        }
        Ok(_) => {
            Outcome::failed(format!("the public key {id} of CloudFront is not the half of this server's private key"))
                .remedy(
                    "set CLOUDFRONT_KEY_PAIR_ID to the id that CloudFront gave to the public half of this private key",
                )
        }
        Err(error) => Outcome::failed(format!("the public key {id} of CloudFront: {error}")),
    }
}

/// Looks at how the distribution reads the bucket.
pub(super) async fn origin(context: &Context) -> Outcome {
    let found = match distribution(context).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let config = found.config;
    let used = |id: &str| config.behaviours.iter().any(|behaviour| behaviour.origin == id);
    let origins: Vec<_> = config.origins.iter().filter(|origin| used(&origin.id)).collect();
    let unsigned: Vec<&str> =
        origins.iter().filter(|origin| !origin.is_signed).map(|origin| origin.domain.as_str()).collect();
    if !unsigned.is_empty() {
        return Outcome::failed(format!("requests to {} are not signed", unsigned.join(", ")));
    }
    if let StoreSetting::S3(s3) = &context.config.store
        && !origins.iter().any(|origin| origin.domain.starts_with(&format!("{}.", s3.bucket)))
    {
        let domains: Vec<&str> = origins.iter().map(|origin| origin.domain.as_str()).collect();
        return Outcome::failed(format!("the origin is {}, and the bucket {}", domains.join(", "), s3.bucket))
            .remedy("set the origin of the distribution to the bucket, or S3_BUCKET to the bucket there");
    }
    let domains: Vec<&str> = origins.iter().map(|origin| origin.domain.as_str()).collect();
    Outcome::ok(format!("requests to {} are signed (Origin Access Control)", domains.join(", ")))
}

/// Looks at whom each behaviour answers.
pub(super) async fn behaviours(context: &Context) -> Outcome {
    let found = match distribution(context).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let config = found.config;
    if !config.enabled {
        return Outcome::failed("the distribution is disabled").remedy("enable the distribution");
    }
    let paths = |wanted: &dyn Fn(&aws::Behaviour) -> bool| -> Vec<&str> {
        config.behaviours.iter().filter(|one| wanted(one)).map(|one| one.path.as_str()).collect()
    };
    let open = paths(&|one| one.key_groups.is_empty());
    // What is open must cover nothing of the store; the default behaviour covers what no other does.
    let layout = &context.config.images.layout;
    let probes = crate::model::key::probe_folders(layout).into_iter().map(|(folder, _)| format!("{folder}x"));
    let keys: Vec<String> = probes.chain(crate::model::key::unserved_examples(layout)).collect();
    let reaches = |path: &str| {
        let pattern = [path.trim_start_matches('/').to_owned()];
        keys.iter().any(|key| policy::covers(&pattern, key))
    };
    let exposed: Vec<&str> = open.into_iter().filter(|path| reaches(path)).collect();
    if !exposed.is_empty() {
        return Outcome::failed(format!("anybody may read through the behaviour {}", exposed.join(", ")));
    }
    let plain_http = paths(&|one| one.allows_http);
    if !plain_http.is_empty() {
        return Outcome::warning(format!("the behaviour {} answers over plain HTTP", plain_http.join(", ")))
            .remedy("set its viewer protocol policy to redirect-to-https");
    }
    let host = context.edge.as_ref().map(|edge| edge.host().to_owned()).unwrap_or_default();
    let is_named = host.ends_with(".cloudfront.net") || config.aliases.contains(&host);
    if !is_named {
        return Outcome::warning(format!(
            "{host} is not one of the distribution's names: {}",
            config.aliases.join(", ")
        ))
        .remedy("add the name to the distribution (CNAME), or set CLOUDFRONT_DOMAIN to its domain");
    }
    Outcome::ok(format!("all {} behaviours need a signature of a key group", config.behaviours.len()))
}
