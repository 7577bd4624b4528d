//! All checks, in the order of the report: their names, what they look at, and what to do where one
//! is not ok. Names are stable; alarms and scripts go by them.

use futures::future::BoxFuture;

use super::context::Context;
use super::report::Outcome;
use super::{bucket, cdn, database, edge, machine, media_tools, sign_in, uploads};

/// A door that a check sends requests to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// None, or one that the check finds by itself.
    Any,
    /// The edge or the CDN.
    Edge,
    /// The bucket, or the S3 door of a local store.
    S3,
}

/// A check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) door: Door,
    /// Whether it needs probe objects in the store.
    pub(super) probes: bool,
    /// What must hold, for the documentation.
    pub(super) expects: &'static str,
    /// What to do where it does not hold.
    pub(super) remedy: &'static str,
    pub(super) run: for<'a> fn(&'a Context) -> BoxFuture<'a, Outcome>,
}

macro_rules! check {
    ($name:literal, $door:ident, $probes:literal, $run:path, $expects:literal, $remedy:literal $(,)?) => {
        Check {
            name: $name,
            door: Door::$door,
            probes: $probes,
            expects: $expects,
            remedy: $remedy,
            run: |context| Box::pin($run(context)),
        }
    };
}

/// The checks.
pub(super) static CHECKS: &[Check] = &[
    check!(
        "settings",
        Any,
        false,
        machine::settings,
        "The settings give no reason for a warning.",
        "see the reference of settings: `tidegate settings NAME`",
    ),
    check!(
        "server",
        Any,
        false,
        machine::server,
        "`/readyz` at `PORT` on this machine answers 200.",
        "start it: `tidegate serve`",
    ),
    check!(
        "public-url",
        Any,
        false,
        machine::public_url,
        "`PUBLIC_BASE_URL` leads to the server.",
        "point the name and the proxy there at the server's PORT",
    ),
    check!(
        "data-folder",
        Any,
        false,
        machine::data_folder,
        "The folders can be written to, and folders and keys are the server's user's alone.",
        "chmod -R go-rwx on the data folder, and one user for server and doctor",
    ),
    check!(
        "disk-space",
        Any,
        false,
        machine::disk_space,
        "More than the reserve is free on each disk, in bytes and in inodes.",
        "free space, enlarge the disk, or lower STORE_RESERVE_MB",
    ),
    check!(
        "clock",
        Any,
        false,
        machine::clock,
        "The clocks of API, edge, S3 and database are within 5 s of this machine's; 60 s fail.",
        "synchronize the clocks (NTP): signatures begin and end by them",
    ),
    check!(
        "tls",
        Any,
        false,
        machine::tls,
        "The certificates of https addresses are valid for 14 days or more.",
        "renew the certificate, or install its authority on this machine",
    ),
    check!(
        "database",
        Any,
        false,
        database::answers,
        "The database answers and takes writes.",
        "see whether it runs, and DATABASE_URL",
    ),
    check!(
        "database-schema",
        Any,
        false,
        database::tables,
        "The migrations are those of this binary.",
        "run `tidegate migrate`",
    ),
    check!(
        "database-connections",
        Any,
        false,
        database::connections,
        "PostgreSQL allows `DATABASE_MAX_CONNECTIONS`, and a tenth of its connections is free.",
        "raise max_connections of PostgreSQL, or lower DATABASE_MAX_CONNECTIONS of the servers",
    ),
    check!(
        "database-pooling",
        Any,
        false,
        database::pooling,
        "Connections are pooled as the server is set to use them.",
        "set DATABASE_POOLING=transaction, or the pooler to pool_mode=session, or lead DATABASE_URL past it",
    ),
    check!(
        "jobs",
        Any,
        false,
        database::jobs,
        "Jobs are run: none is due for 10 minutes, and none has failed for good.",
        "see `tidegate jobs list`, remove the cause, then `tidegate jobs retry`",
    ),
    check!(
        "job-transport",
        Any,
        false,
        database::transport,
        "The queues of SQS or Redis answer, have a dead-letter queue, and nothing is in it.",
        "see JOB_QUEUE_URL or REDIS_HOST, its rights, and `tidegate jobs redrive` for dead letters",
    ),
    check!(
        "sign-in",
        Any,
        false,
        sign_in::check,
        "The keys of the issuer can be read, and it is the one that is set.",
        "see AUTH_JWKS_URL, and whether this machine reaches it",
    ),
    check!(
        "scanner",
        Any,
        false,
        media_tools::answers,
        "clamd answers.",
        "start clamd, or set CLAMAV_HOST or CLAMAV_SOCKET to it",
    ),
    check!(
        "scanner-signatures",
        Any,
        false,
        media_tools::signatures,
        "The signatures of clamd are younger than 2 days; 7 days fail.",
        "see why freshclam does not update them",
    ),
    check!(
        "scanner-limits",
        Any,
        false,
        media_tools::limits,
        "clamd takes a stream of `CLAMAV_MAX_MB`.",
        "raise StreamMaxLength, MaxScanSize and MaxFileSize in clamd.conf, or lower CLAMAV_MAX_MB",
    ),
    check!(
        "decoder",
        Any,
        false,
        media_tools::decoder,
        "A thumbnail can be made in the decoder's sandbox.",
        "see that /proc is mounted and that the limits of memory and processes leave room (systemd, container)",
    ),
    check!(
        "ffmpeg",
        Any,
        false,
        media_tools::ffmpeg,
        "ffmpeg and ffprobe can be run, where videos are taken.",
        "install ffmpeg, set FFMPEG_PATH to its folder, or FFMPEG_PATH=off if there are no videos",
    ),
    check!(
        "signing-key",
        Any,
        false,
        machine::signing_key,
        "There is a signing key, and its public half lies where the edge reads it.",
        "put the public half into EDGE_KEYS: `tidegate keys list` shows what lies where",
    ),
    check!(
        "sign-speed",
        Any,
        false,
        machine::sign_speed,
        "200 signatures or more are made per second.",
        "give the server more of a processor, or use a P-256 key (CLOUDFRONT_KEY_TYPE)",
    ),
    check!(
        "store",
        Any,
        true,
        super::probes_written,
        "The store answers; probe objects can be written and removed.",
        "see the error; a bucket's role needs s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket",
    ),
    check!(
        "credentials",
        Any,
        false,
        bucket::credentials,
        "The credentials for S3 live as long as presigned URLs do.",
        "see where the credentials come from: instance role, STS, AWS_SESSION_TOKEN",
    ),
    check!(
        "bucket-private",
        S3,
        true,
        uploads::private,
        "The bucket refuses reads and listings without a signature.",
        "close the bucket: remove public grants from its policy and ACLs, and switch Block Public Access on",
    ),
    check!(
        "bucket-policy",
        Any,
        false,
        bucket::bucket_policy,
        "The policy opens the served roots, only to CloudFront, and denies plain HTTP.",
        "allow cloudfront.amazonaws.com to s3:GetObject below the served roots only",
    ),
    check!(
        "bucket-public-access",
        Any,
        false,
        bucket::public_access,
        "All four switches of Block Public Access are on.",
        "switch Block Public Access of the bucket on",
    ),
    check!(
        "bucket-encryption",
        Any,
        false,
        bucket::encryption,
        "The bucket encrypts by default, as `S3_SERVER_SIDE_ENCRYPTION` says.",
        "set a default encryption for the bucket",
    ),
    check!(
        "bucket-versioning",
        Any,
        false,
        bucket::versioning,
        "Versions are on and kept for `RETENTION_DAYS`.",
        "switch versioning on to restore deletes without copies",
    ),
    check!(
        "bucket-lifecycle",
        Any,
        false,
        bucket::lifecycle,
        "A rule aborts incomplete uploads, and none removes objects that are kept.",
        "add a lifecycle rule with AbortIncompleteMultipartUpload for the whole bucket",
    ),
    check!(
        "presigned-put",
        S3,
        true,
        uploads::round_trip,
        "A presigned PUT to the address that clients are given arrives as it was signed.",
        "have the proxy there pass Host, path, headers and body on unchanged",
    ),
    check!(
        "multipart",
        S3,
        true,
        uploads::multipart,
        "An upload in parts can be begun, sent to, and aborted; the client sees the ETag of its part.",
        "allow the server multipart uploads, and have proxies pass ETag on",
    ),
    check!(
        "bucket-cors",
        S3,
        true,
        uploads::cors,
        "Pages of each allowed origin may PUT, and see the ETag.",
        "add a CORS rule to the bucket: AllowedOrigin, AllowedMethod PUT and GET, AllowedHeader *, ExposeHeader ETag",
    ),
    check!(
        "cdn-key-group",
        Any,
        false,
        cdn::key_group,
        "The key that signs is in the key groups of the distribution, and is the same key there.",
        "add the public key to the key group that the behaviours trust",
    ),
    check!(
        "cdn-origin",
        Any,
        false,
        cdn::origin,
        "The distribution reads the bucket with Origin Access Control.",
        "attach an Origin Access Control to the origin",
    ),
    check!(
        "cdn-behaviours",
        Any,
        false,
        cdn::behaviours,
        "Every behaviour that reaches the store trusts a key group.",
        "restrict viewer access of the behaviour to the trusted key group",
    ),
    check!(
        "edge-unsigned",
        Edge,
        true,
        edge::unsigned,
        "The edge refuses reads without a signature.",
        "restrict viewer access of every behaviour to the trusted key group",
    ),
    check!(
        "edge-signed",
        Edge,
        true,
        edge::signed,
        "Signed reads give the right bytes, in each served root of the surfaces that are on.",
        "see that EDGE_URL leads to an edge or CDN over the same store, with the same IMAGE_BASE_PATH",
    ),
    check!(
        "edge-expired",
        Edge,
        true,
        edge::expired,
        "A signed URL is refused after its end.",
        "see the check `clock`, and that no cache before the edge ignores the query",
    ),
    check!(
        "edge-tampered",
        Edge,
        true,
        edge::tampered,
        "Changed signatures, ends, objects and keys are refused.",
        "see that no cache before the edge ignores the query",
    ),
    check!(
        "edge-range",
        Edge,
        true,
        edge::range,
        "Ranges are answered with 206 and the right bytes.",
        "have the proxy or cache before the edge pass Range on",
    ),
    check!(
        "edge-if-range",
        Edge,
        true,
        edge::if_range,
        "`If-Range` is answered with a part of the same object, or all of another.",
        "have the proxy or cache before the edge pass If-Range and ETag on",
    ),
    check!(
        "edge-cors",
        Edge,
        true,
        edge::cors,
        "Pages of each allowed origin may read, and see the ETag.",
        "name the origin in CORS_ALLOW_ORIGIN of the edge, or in the response headers policy of the CDN, with ETag exposed",
    ),
    check!(
        "edge-scope",
        Edge,
        true,
        edge::scope,
        "Objects outside the served roots are refused, even with a signature for them.",
        "open only the served roots to the CDN in the bucket policy",
    ),
];

/// Returns the table of all checks in Markdown, for the documentation.
pub fn table() -> String {
    let mut text = "| check | what must hold | otherwise |\n|---|---|---|\n".to_owned();
    for check in CHECKS {
        text.push_str(&format!("| `{}` | {} | {} |\n", check.name, check.expects, check.remedy));
    }
    text
}
