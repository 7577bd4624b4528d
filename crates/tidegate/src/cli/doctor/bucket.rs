//! The checks of a bucket's configuration, and of the credentials for it. Reads only; a right that is
//! missing is a warning, and an operation that the server lacks is left out.

use std::time::{Duration, SystemTime};

use store::{BucketSettings, Look};

use super::context::Context;
use super::policy;
use super::probes::Probe;
use super::report::Outcome;
use crate::config::StoreSetting;
use crate::model::owner::OwnerKind;

/// A day in seconds.
const DAY: u64 = 24 * 3600;
/// Credentials that end within this time are about to stop uploads.
const ALMOST_OVER: Duration = Duration::from_secs(300);

/// Returns the settings of the bucket, or the outcome of a check without them.
async fn settings(context: &Context) -> Result<&BucketSettings, Outcome> {
    if context.has_own_door() {
        return Err(Outcome::skipped("the store is a folder"));
    }
    let reason = || context.store.as_ref().err().cloned().unwrap_or_default();
    context.bucket_settings().await.ok_or_else(|| Outcome::skipped(reason()))
}

/// Returns the outcome where nothing could be seen of a part of the configuration.
fn unseen<T>(look: &Look<T>, right: &str) -> Outcome {
    match look {
        Look::Denied(code) => Outcome::warning(format!("could not look: {code}"))
            .remedy(format!("give the server's role {right} to have this checked; the server itself does not need it")),
        Look::Unsupported(code) => Outcome::skipped(format!("this S3 server has no such operation ({code})")),
        Look::Failed(error) => Outcome::failed(error.clone()),
        Look::Seen(_) | Look::Absent => Outcome::skipped("nothing was asked"),
    }
}

fn days(lifetime: Duration) -> u64 {
    lifetime.as_secs().div_ceil(DAY)
}

pub(super) async fn versioning(context: &Context) -> Outcome {
    let settings = match settings(context).await {
        Ok(settings) => settings,
        Err(outcome) => return outcome,
    };
    let state = match &settings.versioning {
        Look::Seen(state) => *state,
        Look::Absent => "off",
        other => return unseen(other, "s3:GetBucketVersioning"),
    };
    match state {
        "Enabled" => {}
        "Suspended" => {
            return Outcome::warning(
                "Suspended: deleted objects are copied to .trash/, and old versions stay for ever",
            );
        }
        _ => return Outcome::warning("off: deleted objects are copied to .trash/ instead of kept as versions"),
    }
    let promised = days(context.config.retention);
    let rules = if let Look::Seen(rules) = &settings.lifecycle { rules.as_slice() } else { &[] };
    let kept = crate::model::key::kept_roots(&context.config.images.layout);
    let ends = rules.iter().filter(|rule| applies(rule, &kept)).filter_map(|rule| rule.expire_versions_after).min();
    match ends.and_then(|days| u64::try_from(days).ok()) {
        Some(kept) if kept < promised => Outcome::failed(format!(
            "Enabled, but versions are removed after {kept} days, and deleted objects can be restored for {promised} \
             (RETENTION_DAYS)"
        ))
        .remedy(format!("set NoncurrentDays of the lifecycle rule to at least {promised}, or lower RETENTION_DAYS")),
        Some(kept) => Outcome::ok(format!("Enabled, old versions are kept for {kept} days")),
        None => Outcome::warning(
            "Enabled, and no lifecycle rule removes old versions: what is purged by hand stays paid for",
        )
        .remedy(format!("add a lifecycle rule with NoncurrentVersionExpiration of {promised} days or more")),
    }
}

pub(super) async fn lifecycle(context: &Context) -> Outcome {
    let settings = match settings(context).await {
        Ok(settings) => settings,
        Err(outcome) => return outcome,
    };
    let rules = match &settings.lifecycle {
        Look::Seen(rules) => rules.as_slice(),
        Look::Absent => &[],
        other => return unseen(other, "s3:GetLifecycleConfiguration"),
    };
    let kept = crate::model::key::kept_roots(&context.config.images.layout);
    let removes = |rule: &&store::LifecycleRule| rule.expires && !rule.is_narrowed && applies(rule, &kept);
    if let Some(rule) = rules.iter().find(removes) {
        return Outcome::failed(format!("the rule {:?} removes objects that rows still name", rule.id))
            .remedy("limit the rule to a prefix that Tidegate does not use, or remove it");
    }
    let whole = |rule: &&store::LifecycleRule| rule.enabled && rule.prefix.is_empty() && !rule.is_narrowed;
    let first = |days: Option<i32>| days.and_then(|days| u64::try_from(days).ok());
    let Some(after) = first(rules.iter().filter(whole).filter_map(|rule| rule.abort_uploads_after).min()) else {
        return Outcome::warning("no rule for the whole bucket aborts incomplete uploads: lost parts stay paid for");
    };
    let longest = OwnerKind::ALL.map(|kind| context.config.upload_limits.of(kind).expiry);
    let longest = days(longest.into_iter().max().unwrap_or_default());
    // Parts are sent to the keys of the objects, so that a rule for a part of them counts too.
    let ours = rules.iter().filter(|rule| applies(rule, &kept));
    let soonest = first(ours.filter_map(|rule| rule.abort_uploads_after).min()).unwrap_or(after);
    if soonest < longest {
        return Outcome::failed(format!(
            "incomplete uploads are aborted after {soonest} days, and may last {longest} here"
        ))
        .remedy(format!("set DaysAfterInitiation to at least {longest}, or lower UPLOAD_EXPIRY_SECONDS"));
    }
    Outcome::ok(format!("incomplete uploads are aborted after {after} days"))
}

/// Returns whether a rule is in force for keys below one of some roots.
fn applies(rule: &store::LifecycleRule, roots: &[String]) -> bool {
    let overlaps = |root: &String| root.starts_with(&rule.prefix) || rule.prefix.starts_with(root.as_str());
    rule.enabled && roots.iter().any(overlaps)
}

pub(super) async fn public_access(context: &Context) -> Outcome {
    let settings = match settings(context).await {
        Ok(settings) => settings,
        Err(outcome) => return outcome,
    };
    match &settings.public_access {
        Look::Seen(block) if block.is_complete() => Outcome::ok("all four switches are on"),
        Look::Seen(block) => Outcome::failed(format!(
            "BlockPublicAcls {}, IgnorePublicAcls {}, BlockPublicPolicy {}, RestrictPublicBuckets {}",
            block.block_acls, block.ignore_acls, block.block_policy, block.restrict_buckets
        )),
        Look::Absent => Outcome::failed("there is no public access block"),
        other => unseen(other, "s3:GetBucketPublicAccessBlock"),
    }
}

pub(super) async fn encryption(context: &Context) -> Outcome {
    let settings = match settings(context).await {
        Ok(settings) => settings,
        Err(outcome) => return outcome,
    };
    let asked = match &context.config.store {
        StoreSetting::S3(s3) => s3.encryption.as_ref(),
        StoreSetting::Local(_) => None,
    };
    let asked = asked.map(|encryption| match encryption {
        store::Encryption::S3 => "AES256",
        store::Encryption::Kms(_) => "aws:kms",
        store::Encryption::KmsDsse(_) => "aws:kms:dsse",
    });
    match (&settings.encryption, asked) {
        (Look::Seen(default), None) => Outcome::ok(format!("{default} by default")),
        (Look::Seen(default), Some(asked)) if default == asked => Outcome::ok(format!("{default}, also by default")),
        (Look::Seen(default), Some(asked)) => Outcome::warning(format!(
            "the server asks for {asked}, and what clients put is encrypted by the default, {default}"
        ))
        .remedy(format!("make {asked} the default encryption of the bucket")),
        (Look::Absent, _) => Outcome::warning("the bucket has no default encryption"),
        (other, _) => unseen(other, "s3:GetEncryptionConfiguration"),
    }
}

pub(super) async fn bucket_policy(context: &Context) -> Outcome {
    let settings = match settings(context).await {
        Ok(settings) => settings,
        Err(outcome) => return outcome,
    };
    if settings.is_public == Look::Seen(true) {
        return Outcome::failed("S3 takes the bucket policy for a public one")
            .remedy("remove every statement that allows Principal * without a condition");
    }
    let bucket = match &context.config.store {
        StoreSetting::S3(s3) => &s3.bucket,
        StoreSetting::Local(_) => return Outcome::skipped("the store is a folder"),
    };
    let text = match &settings.policy {
        Look::Seen(text) => text,
        Look::Absent if context.has_cloudfront() => {
            return Outcome::failed("there is no bucket policy, so that CloudFront may read nothing");
        }
        Look::Absent => return Outcome::ok("there is no bucket policy: nobody but the owner's credentials"),
        other => return unseen(other, "s3:GetBucketPolicy"),
    };
    let Some(reading) = policy::parse(text, bucket) else {
        return Outcome::warning("the bucket policy can't be read");
    };
    let layout = &context.config.images.layout;
    let probe = |(folder, kind): (String, Option<OwnerKind>)| Probe {
        key: format!("{folder}x"),
        folder,
        kind,
        etag: String::new(),
    };
    let probes: Vec<Probe> = crate::model::key::probe_folders(layout).into_iter().map(probe).collect();
    let mut problems = Vec::new();
    if !reading.public.is_empty() {
        problems.push(format!("everybody may read {}", reading.public.join(", ")));
    }
    let unserved = crate::model::key::unserved_examples(layout);
    let open = unserved.iter().filter(|key| policy::covers(&reading.cdn, key));
    let mut open: Vec<&str> = open.filter_map(|key| key.split('/').next()).collect();
    open.dedup();
    if !open.is_empty() {
        problems.push(format!("CloudFront may read {}, which is never served", open.join(", ")));
    }
    if context.has_cloudfront() {
        let wanted = probes.iter().filter(|probe| probe.kind.is_some_and(|kind| context.signs_for(kind)));
        let missing: Vec<&str> =
            wanted.filter(|probe| !policy::covers(&reading.cdn, &probe.key)).map(Probe::place).collect();
        if !missing.is_empty() {
            problems.push(format!("CloudFront may not read {}", missing.join(", ")));
        }
    }
    if let Some(id) = &context.config.cloudfront.distribution {
        let own = format!(":distribution/{id}");
        let others = reading.distributions.iter().filter(|arn| !arn.ends_with(&own));
        problems.extend(others.map(|arn| format!("{arn} may read, which is not CLOUDFRONT_DISTRIBUTION_ID")));
    }
    if !problems.is_empty() {
        return Outcome::failed(problems.join("; "));
    }
    if reading.any_distribution {
        return Outcome::warning("CloudFront may read for any distribution: no condition names one")
            .remedy("add the condition StringEquals AWS:SourceArn with the ARN of your distribution");
    }
    if !reading.denies_plain_http {
        return Outcome::warning("requests without TLS are not denied")
            .remedy("add a statement that denies s3:* where aws:SecureTransport is false");
    }
    Outcome::ok("opens served roots only, and denies plain HTTP")
}

pub(super) async fn credentials(context: &Context) -> Outcome {
    let bucket = match &context.store {
        Ok(store) => store.bucket(),
        Err(error) => return Outcome::skipped(error.clone()),
    };
    let Some(bucket) = bucket else { return Outcome::skipped("the store is a folder") };
    let expires = match bucket.credentials_expire().await {
        Ok(expires) => expires,
        Err(error) => return Outcome::failed(error.to_string()),
    };
    let Some(expires) = expires else {
        let StoreSetting::S3(s3) = &context.config.store else { return Outcome::skipped("the store is a folder") };
        let is_temporary = s3.credentials.as_ref().is_some_and(|(.., token)| token.is_some());
        return if is_temporary {
            Outcome::warning("AWS_SESSION_TOKEN is of temporary credentials, and nobody renews them")
                .remedy("remove AWS_ACCESS_KEY_ID and its fellows, so that a role's credentials are found and renewed")
        } else {
            Outcome::ok("they do not expire")
        };
    };
    let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
    let on = OwnerKind::ALL.into_iter().filter(|kind| context.config.is_on(*kind));
    let longest = on.map(|kind| context.config.upload_limits.of(kind).url_lifetime).max().unwrap_or_default();
    let (minutes, wanted) = (left.as_secs() / 60, longest.as_secs() / 60);
    if left < ALMOST_OVER {
        return Outcome::failed(format!("they expire in {} s", left.as_secs())).remedy(
            "find out why the role's credentials are not renewed: the metadata service, STS, a stored session token",
        );
    }
    if left < longest {
        return Outcome::warning(format!(
            "they expire in {minutes} min, so that presigned URLs of {wanted} min end with them"
        ))
        .remedy("use credentials of a longer session, or lower UPLOAD_URL_TTL_SECONDS");
    }
    Outcome::ok(format!("they expire in {minutes} min, longer than presigned URLs of {wanted} min"))
}
