//! The metrics of a server: kind, name, labels and meaning of each. `docs/reference/metrics.md` and the
//! descriptions for Prometheus are made from this table.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A count that only rises.
    Counter,
    /// A value that rises and falls.
    Gauge,
    /// A distribution of durations.
    Histogram,
}

impl MetricKind {
    /// Returns the name of the kind, as Prometheus has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// The names of its labels, separated by commas.
    pub labels: &'static str,
    /// What it counts or measures, in Markdown.
    pub meaning: &'static str,
}

const fn counter(name: &'static str, labels: &'static str, meaning: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, meaning }
}

const fn gauge(name: &'static str, labels: &'static str, meaning: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels, meaning }
}

const fn histogram(name: &'static str, labels: &'static str, meaning: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, meaning }
}

/// All metrics.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    counter("tidegate_http_requests_total", "door, method, route, status", "requests"),
    histogram("tidegate_http_request_seconds", "door, method, route", "time to the head of the response"),
    gauge("tidegate_connections", "door", "open connections"),
    counter("tidegate_connections_closed_total", "door, reason", "connections that were closed to keep a limit: `waiting` had no request and made room for another one; `address` and `door` were new, and every connection of that address or door had a request"),
    counter("tidegate_overload_total", "of", "requests refused because all `requests`, `uploads`, `streams`, `sockets`, `downloads` or `memory` are in use, or kept for other clients"),
    counter("tidegate_share_used_up_total", "of, by", "requests refused because one `address` or `subject` holds its share of one of these"),
    counter("tidegate_writers_cut_off_total", "", "requests cut off because newer ones write the same part"),
    counter("tidegate_watch_looks_total", "", "readings of status changes for event streams, each for all watchers of a session or space"),
    counter("tidegate_rate_limited_total", "by", "requests refused because one `subject` or `address` sent too many on the API door, or one address on the S3 door (`address_at_s3`); or because one owner thaws too many objects (`thaws`)"),
    counter("tidegate_refusals_total", "owner", "requests that the caller has no right to, by the kind of owner (`disks`); `server` for what needs a role"),
    counter("tidegate_sign_in_refused_total", "by", "requests whose credentials were refused, by what was sent: `bearer`, `cookie`, `service` or `none`"),
    counter("tidegate_uploads_total", "outcome", "uploads `begun`, `completed`, `aborted`, `expired`, `recovered` after a crash"),
    counter("tidegate_uploaded_bytes_total", "", "bytes of completed uploads"),
    counter("tidegate_parts_signed_total", "", "presigned part requests"),
    counter("tidegate_part_bytes_total", "", "bytes of parts that came through the S3 door"),
    counter("tidegate_objects_deleted_total", "owner", "objects deleted"),
    counter("tidegate_grants_total", "owner", "grants issued"),
    counter("tidegate_signatures_total", "", "signatures made; grants of one scope and window share one"),
    counter("tidegate_edge_requests_total", "status, verdict", "edge requests: `Allowed`, `Preflight`, or the error code of the response"),
    counter("tidegate_edge_bytes_total", "status, verdict", "bytes of bodies that the edge sent"),
    histogram("tidegate_edge_first_byte_seconds", "", "time from the head of an allowed request to the first byte"),
    counter("tidegate_edge_signature_cache_total", "outcome", "valid signatures: verified before (`hit`), or for the first time (`miss`)"),
    counter("tidegate_edge_blob_cache_total", "outcome", "look-ups of a local file: open (`hit`), not open (`miss`), open and out of date (`stale`)"),
    counter("tidegate_edge_broken_total", "", "responses that broke off because the bytes could not be read"),
    gauge("tidegate_edge_keys", "", "trusted public keys"),
    counter("tidegate_jobs_total", "job, outcome", "attempts at jobs: `done`, `failed`, `dead`"),
    counter("tidegate_lambda_events_total", "event", "events of an AWS Lambda function: `http`, `queue`, `schedule`, or `refused`"),
    histogram("tidegate_lambda_event_seconds", "event", "time to the answer to an event of an AWS Lambda function"),
    histogram("tidegate_lambda_start_seconds", "", "time from the start of an AWS Lambda function's process until it takes events"),
    counter("tidegate_lambda_messages_total", "outcome", "queue messages of an AWS Lambda function: `handled`, to come `again`, or `foreign` and to come again"),
    counter("tidegate_bulks_total", "owner, action", "bulk actions that were started"),
    counter("tidegate_bulk_items_total", "owner, action, outcome", "objects of bulk actions: `done`, `failed`"),
    gauge("tidegate_jobs", "state", "jobs `queued` and `dead`, counted at each request for metrics"),
    counter("tidegate_queue_sent_total", "queue, outcome", "messages that name jobs, with SQS or Redis: `sent`, `failed` and sent again later, `dropped` because too many waited"),
    counter("tidegate_queue_received_total", "queue, outcome", "messages that a worker received, by what became of the job: `done`, `failed`, `gone` (no such job any more), `early` (not due yet), `leased` by another worker, `unavailable` (the database did not answer; the message is held), `foreign` (no message of ours)"),
    counter("tidegate_queue_errors_total", "queue, operation", "calls of a queue that failed: `receive`, `extend`, `delete`, `reject`, `depth`"),
    counter("tidegate_queue_looks_total", "queue, outcome", "jobs that were found in the database: `found` although their queue answers, since their message was lost or is late; `without_queue` while it does not answer"),
    gauge("tidegate_queue_up", "queue", "1 while a queue answers, else 0"),
    gauge("tidegate_queue_messages", "queue, state", "messages of a queue, about: `waiting`, `in_flight`, `delayed`, `dead` in its dead-letter queue; counted at a request for metrics, at most every 15 seconds"),
    counter("tidegate_refusal_log_suppressed_total", "", "denied requests (401, 403) without a log line of their own"),
    counter("tidegate_audit_dropped_total", "", "refusals that were not recorded in the audit log"),
    counter("tidegate_jwks_fetches_total", "outcome", "reads of the token issuer's keys: `ok`, `failed`"),
    counter("tidegate_sessions_total", "", "sessions created"),
    counter("tidegate_spaces_total", "", "spaces created"),
    counter("tidegate_datasets_total", "", "datasets created"),
    counter("tidegate_nodes_deleted_total", "", "packages and collections deleted"),
    counter("tidegate_restores_total", "outcome", "restores of packages and collections: `accepted`, `done`, `given_up`. `lost` counts objects whose bytes were gone"),
    counter("tidegate_proxied_total", "", "presigned URLs that the proxy accepted"),
    histogram("tidegate_manifest_seconds", "", "time to make a download manifest"),
    counter("tidegate_signing_key_changes_total", "", "changes of the key that signs grants"),
    counter("tidegate_signing_key_reads_total", "outcome", "readings of a signing key that AWS keeps: `ok`, `unavailable`, `refused` by AWS, `unusable`, `not_in_group`. After each but `ok` the key in use stays"),
    counter("tidegate_imports_total", "", "imports of objects of the bucket into a space that began"),
    counter("tidegate_media_total", "outcome", "media items of sessions and images of spaces: `completed`, `rejected`, `failed`"),
    histogram("tidegate_media_step_seconds", "step, type", "time to `scan` and to `process` an `image` or a `video`"),
    counter("tidegate_scans_total", "verdict", "scans for malware: `clean`, `infected`, `encrypted`, `too_large`, `unavailable`. `archived` counts rescans left out because the bytes cannot be read"),
    counter("tidegate_stored_bytes_total", "scope", "bytes published, thumbnails included: `session`, `space`"),
    counter("tidegate_invalidations_total", "outcome", "batches of paths sent to CloudFront for invalidation: `sent`, `failed`"),
    counter("tidegate_invalidated_paths_total", "", "paths in these batches"),
    counter("tidegate_orphans_swept_total", "", "uploads removed from the store because no record kept them open"),
    counter("tidegate_quota_refused_total", "surface, resource", "requests refused by a quota. `resource` is what is used up: `bytes`, `objects`, `open_uploads`, `open_uploads_of_user`, `sessions`, `spaces`, `datasets`"),
    histogram("tidegate_turn_seconds", "of", "time that a transaction (`database`), a read outside of one (`reads`) or a GraphQL operation (`graphql`) waited for its turn"),
    counter("tidegate_turns_refused_total", "of, reason", "those that got no turn: `full`, too many of one client wait; `late`, none in time"),
    counter("tidegate_database_connections_lost_total", "", "connections to PostgreSQL that were found closed when a transaction began, which then used another one"),
    gauge("tidegate_disk_free_bytes", "folder", "bytes free on a disk that is written to: `store`, `database` (SQLite), `data`. Folders on one disk are counted once, under the first of these names"),
    gauge("tidegate_disk_free_inodes", "folder", "inodes free there, if the file system counts them"),
    gauge("tidegate_disk_reserve_bytes", "folder", "bytes that uploads leave free there (`STORE_RESERVE_MB`)"),
    gauge("tidegate_disk_full", "folder", "1 while less is free than the reserve, so that uploads are refused"),
    counter("tidegate_disk_refused_total", "", "writes refused to keep a reserve"),
    gauge("tidegate_quotas_nearly_full", "", "users who use or reserve more than 80 % of their quota; counted at a request for metrics, at most once a minute"),
    counter("tidegate_links_signed_total", "", "signed links to files"),
    counter("tidegate_links_refused_total", "", "links to files refused because they were not valid or had ended"),
    counter("tidegate_imported_files_total", "outcome", "files that an import examined: `taken`, `known`, `skipped`. Counted by the process of the import"),
    counter("tidegate_archived_refused_total", "owner", "reads and grants refused because the bytes are in an archive of the bucket, by the kind of owner"),
    counter("tidegate_archive_lookups_total", "outcome", "requests to the store before a grant for an object that may be archived (`ARCHIVE_AFTER_DAYS`): `readable`, `archived`, `thawing`, `thawed`, `failed`"),
    counter("tidegate_thaws_total", "outcome", "thaws of archived objects: `requested`, `thawed`. `lost` counts those after which the object was archived again before anybody was told"),
    counter("tidegate_archives_total", "", "requested ZIP archives"),
];
