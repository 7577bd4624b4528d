//! The checks of a CloudFront distribution's configuration: who may read through it, and from where.
//! Reads only; a right that is missing is a warning.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use aws::{Behaviour, CloudFront, DistributionConfig, Error};
use sign::{Hash, PublicKey};

use super::context::Context;
use super::policy;
use super::report::Outcome;
use super::request::plain;
use crate::app::open_aws;
use crate::config::StoreSetting;

/// The rights that the checks need.
const RIGHTS: &str = "cloudfront:GetDistributionConfig, cloudfront:GetKeyGroup, cloudfront:GetPublicKey and \
                      cloudfront:GetOriginAccessControl";

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

/// Returns the behaviours that read the bucket; all of them if no origin is known as it.
fn serving<'a>(context: &Context, config: &'a DistributionConfig) -> Vec<&'a Behaviour> {
    let StoreSetting::S3(s3) = &context.config.store else { return config.behaviours.iter().collect() };
    let prefix = format!("{}.", s3.bucket);
    let buckets: Vec<&str> = config
        .origins
        .iter()
        .filter(|origin| origin.domain.starts_with(&prefix))
        .map(|origin| origin.id.as_str())
        .collect();
    let reads = |one: &&Behaviour| buckets.is_empty() || buckets.contains(&one.origin.as_str());
    config.behaviours.iter().filter(reads).collect()
}

/// Looks for the key that grants are signed with in the key groups of all behaviours that read the
/// bucket.
pub(super) async fn key_group(context: &Context) -> Outcome {
    let found = match distribution(context).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let Some(signer) = &context.signer else { return Outcome::skipped("there is no signing key") };
    let id = signer.key_pair_id();
    let behaviours: Vec<&Behaviour> =
        serving(context, found.config).into_iter().filter(|one| !one.key_groups.is_empty()).collect();
    if behaviours.is_empty() {
        return Outcome::failed("no behaviour trusts a key group");
    }
    let mut groups = BTreeMap::new();
    for group in behaviours.iter().flat_map(|one| &one.key_groups) {
        if let Entry::Vacant(place) = groups.entry(group.as_str()) {
            match found.api.key_group_keys(group).await {
                Ok(keys) => drop(place.insert(keys)),
                Err(error) => return unread(&format!("the key group {group}"), &error),
            }
        }
    }
    let has_key = |group: &str| groups[group].iter().any(|key| key == id);
    // A behaviour takes the keys of all its groups; others may be there for other signers.
    let refusing: Vec<String> = behaviours
        .iter()
        .filter(|one| !one.key_groups.iter().any(|group| has_key(group)))
        .map(|one| {
            let of = one.key_groups.iter().map(|group| format!("{group} ({})", groups[group.as_str()].join(", ")));
            format!("{} of the behaviour {}", of.collect::<Vec<_>>().join(" or "), one.path)
        })
        .collect();
    if !refusing.is_empty() {
        return Outcome::failed(format!("the key {id} is not in the key group {}", refusing.join(", "))).remedy(
            format!(
                "add {id} to the key group, or set CLOUDFRONT_KEY_PAIR_ID and the private key to one that is there"
            ),
        );
    }
    let sizes: Vec<String> = groups
        .iter()
        .filter(|(group, _)| has_key(group))
        .map(|(group, keys)| format!("{group} ({} keys)", keys.len()))
        .collect();
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
    let behaviours = serving(context, config);
    let used = |id: &str| behaviours.iter().any(|behaviour| behaviour.origin == id);
    let origins: Vec<_> = config.origins.iter().filter(|origin| used(&origin.id)).collect();
    if let StoreSetting::S3(s3) = &context.config.store
        && !origins.iter().any(|origin| origin.domain.starts_with(&format!("{}.", s3.bucket)))
    {
        let domains: Vec<&str> = origins.iter().map(|origin| origin.domain.as_str()).collect();
        return Outcome::failed(format!("the origin is {}, and the bucket {}", domains.join(", "), s3.bucket))
            .remedy("set the origin of the distribution to the bucket, or S3_BUCKET to the bucket there");
    }
    for origin in &origins {
        match (&origin.access_control, origin.has_identity) {
            (Some(id), _) => match found.api.signing_behaviour(id).await {
                Ok(behaviour) if behaviour == "always" => {}
                Ok(behaviour) => {
                    return Outcome::failed(format!(
                        "requests to {} are signed {behaviour:?} by the Origin Access Control {id}, and not always",
                        origin.domain
                    ))
                    .remedy("set the signing behaviour of the Origin Access Control to always");
                }
                Err(error) => return unread(&format!("the Origin Access Control {id}"), &error),
            },
            (None, true) => {}
            (None, false) => return Outcome::failed(format!("requests to {} are not signed", origin.domain)),
        }
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
