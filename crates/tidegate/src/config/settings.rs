//! The table of all settings: names, accepted values, defaults and meanings. The reference is made
//! from it in `reference.rs`, and `.env.example` is checked against it.

use super::admission::ADMISSION;
use super::archived::ARCHIVED;
use super::aws_settings::AWS;
use super::database::DATABASE;
use super::lambda::LAMBDA;
use super::media_settings::MEDIA;
use super::packages::PACKAGES;
use super::queues::QUEUES;
use super::quotas::QUOTAS;
use super::sign_in_settings::SIGN_IN;
use super::signing_key::SIGNING_KEY;

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The name, in the environment, in files and in messages.
    pub name: &'static str,
    /// Other accepted names, from earlier products.
    pub aliases: &'static [&'static str],
    /// The default; empty if there is none or it depends on other settings.
    pub default: &'static str,
    /// The accepted values, as in the reference and in error messages.
    pub accepts: &'static str,
    /// The meaning, as in the reference.
    pub about: &'static str,
    /// Whether its value is never printed.
    pub secret: bool,
}

pub(super) const fn built(
    name: &'static str,
    default: &'static str,
    accepts: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, aliases: &[], default, accepts, about, secret: false }
}

impl Setting {
    pub(super) const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    pub(super) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

const URL: &str = "http:// or https:// with a host, and no path";

/// The settings that are in none of the other tables.
const HERE: &[Setting] = &[
    built(
        "TIDEGATE_DATA",
        "./tidegate-data",
        "a folder",
        "Where everything lies that is not elsewhere: database, keys, store.",
    ),
    built(
        "ENV",
        "dev",
        "dev | prod",
        "prod demands what production needs; so does any bind or public URL that is not loopback.",
    ),
    built(
        "SURFACES",
        "disks, files, packages, sessions, spaces",
        "a list of: disks, files, packages, sessions, spaces",
        "The surfaces that are on. Production demands only what these need.",
    ),
    built("BIND_HOST", "127.0.0.1", "an IP address", "The address all doors listen on."),
    built("PORT", "3000", "0 to 65535", "The API door's port; 0 takes a free one."),
    built(
        "EDGE_PORT",
        "3001",
        "0 to 65535, or off",
        "The edge door's port; off leaves delivery to a CDN, or to the API's range fallback.",
    ),
    built("S3_PORT", "9000", "0 to 65535", "The S3 door's port; there is no such door where S3_BUCKET is set."),
    built("PUBLIC_BASE_URL", "", URL, "The API's address as clients see it. Default: where it listens."),
    built("EDGE_URL", "", URL, "The edge's or the CDN's address as clients see it. Default: where the edge listens."),
    built(
        "EDGE_HOSTS",
        "",
        "a list of host names, with port if not the scheme's",
        "More hosts the edge answers to, besides that of EDGE_URL.",
    ),
    built(
        "EDGE_KEYS",
        "",
        "a folder of <key-pair-id>.pub.pem",
        "The public keys the edge trusts; others in the folder are not read. Default: keys/cloudfront in TIDEGATE_DATA.",
    ),
    built(
        "EDGE_KEYS_REFRESH_SECONDS",
        "5",
        "1 to 86400 seconds",
        "How often that folder is read: how long a key that was taken out may still be believed.",
    ),
    built(
        "EDGE_READS",
        "sendfile",
        "sendfile | plain",
        "How the edge reads local files: the kernel sends them from its page cache (a file up to 64 KiB only if it is read again), or all with plain reads.",
    ),
    built(
        "EDGE_OPEN_FILES",
        "4096",
        "0 to 60000",
        "Local files the edge keeps open between requests; each is opened anew after a minute.",
    ),
    built(
        "S3_URL",
        "",
        URL,
        "Where clients send presigned requests. Default: where the S3 door listens, or S3_ENDPOINT.",
    ),
    built(
        "ALLOWED_HOSTS",
        "",
        "a list of host names",
        "More names in the Host header the API answers to, besides that of PUBLIC_BASE_URL and loopback names.",
    ),
    built("UPLOAD_ROOT", "", "a folder", "The local store. Default: store in TIDEGATE_DATA."),
    built(
        "STORE_RESERVE_MB",
        "",
        "0 to 1000000000 MiB",
        "What uploads leave free on the disks of the local store, of TIDEGATE_DATA and of a SQLite file; deletes still \
         work then. Default: 5 % of the disk, and 1024 at the most.",
    ),
    built(
        "S3_BUCKET",
        "",
        "a bucket's name",
        "The store is this bucket on S3, instead of UPLOAD_ROOT; credentials come by AWS' standard chain unless given.",
    )
    .alias(&["VIEWER_ASSETS_BUCKET"]),
    built("S3_ENDPOINT", "", URL, "Where that S3 is, as this server reaches it. Default: AWS in AWS_REGION."),
    built(
        "S3_FORCE_PATH_STYLE",
        "",
        "true | false",
        "Whether the bucket is named in the path (true) or the host (false). Default: in the path where S3_ENDPOINT is an \
         IP address or loopback, or where the name can't be a host's.",
    ),
    built(
        "S3_SERVER_SIDE_ENCRYPTION",
        "none",
        "none | AES256 | aws:kms | aws:kms:dsse",
        "Encryption asked for at every write; with none, the bucket's default applies.",
    ),
    built("S3_KMS_KEY_ID", "", "a key's id or ARN", "The KMS key for it. Default: the account's own for S3."),
    built(
        "S3_TIMEOUT_SECONDS",
        "30",
        "1 to 600 seconds",
        "How long S3 may be silent before a request counts as failed.",
    ),
    built(
        "S3_OPERATOR_ACCESS_KEY",
        "",
        "16 to 128 letters and digits",
        "Access key for reading everything through the S3 door. Default: generated into TIDEGATE_DATA; in production there is none.",
    )
    .secret(),
    built("S3_OPERATOR_SECRET_KEY", "", "at least 32 characters", "The secret to it.").secret(),
    built(
        "TRUSTED_PROXIES",
        "",
        "a list of addresses and networks, such as 10.0.0.0/8",
        "Proxies whose X-Forwarded-For is believed. Without them a client is whoever connects.",
    ),
    built(
        "AUTH_ALLOW_INSECURE_REMOTE",
        "false",
        "true | false",
        "Lets dev and none be reached from elsewhere. Whoever can reach the port is then whoever they say.",
    ),
    built("CLOUDFRONT_DOMAIN", "", "a host name", "EDGE_URL is https:// and this name.")
        .alias(&["CLOUDFRONT_DISTRIBUTION_DOMAIN"]),
    built(
        "CLOUDFRONT_DISTRIBUTION_ID",
        "",
        "letters and digits",
        "The distribution that is told to forget what was deleted.",
    ),
    built(
        "CLOUDFRONT_API_URL",
        "",
        "a URL",
        "Where it is told. Default: AWS_ENDPOINT_URL, or https://cloudfront.amazonaws.com.",
    ),
    built(
        "CLOUDFRONT_HASH_ALGORITHM",
        "SHA1",
        "SHA1 | SHA256",
        "The hash in signatures; SHA1 is what every CloudFront client and server understands.",
    ),
    built(
        "CLOUDFRONT_AUTH_MODE",
        "cookie",
        "cookie | url",
        "How a stream URL is authorized: cookies beside a stable URL, or a signature in the URL.",
    ),
    built("CLOUDFRONT_SIGNED_TTL_SECONDS", "43200", "1 to 604800 seconds", "How long a stream URL works."),
    built(
        "CLOUDFRONT_COOKIE_DOMAIN",
        "",
        "a domain",
        "Domain of the signed cookies, when API and CDN share a parent domain.",
    ),
    built(
        "CLOUDFRONT_COOKIE_SAMESITE",
        "Lax",
        "Strict | Lax | None",
        "SameSite of the signed cookies; None needs an https EDGE_URL.",
    ),
    built(
        "CLOUDFRONT_COOKIE_PARTITIONED",
        "false",
        "true | false",
        "Partitioned on the signed cookies; needs SameSite=None.",
    ),
    built(
        "CLOUDFRONT_COOKIE_PATH",
        "image",
        "image | base",
        "Path of the signed cookies: the image's own, or IMAGE_BASE_PATH as the source had it.",
    ),
    built("IMAGE_BASE_PATH", "/images", "a path of plain segments", "Where images lie in the store and on the CDN."),
    built(
        "IMAGE_CACHE_CONTROL",
        "private-no-store",
        "private-no-store | public-immutable",
        "Cache-Control of image bytes; never beyond the grant.",
    ),
    built("IMAGE_MAX_SIZE_BYTES", "5497558138880", "1 to 53687091200000 bytes", "The largest image."),
    built(
        "MULTIPART_PART_SIZE_BYTES",
        "67108864",
        "5242880 to 5368709120 bytes",
        "Bytes in every part but the last; grows with the announced size.",
    ),
    built("MAX_BODY_MB", "5120", "1 to 5242880 MiB", "The largest of users' files."),
    built(
        "COMPLETE_DATA_MAX_MB",
        "16",
        "0 to 64 MiB",
        "The most bytes that may come as parts[].data with the end of an upload; they are held in memory.",
    ),
    built(
        "FILES_PUBLIC",
        "true",
        "true | false",
        "Whether files that are not private can be read by their path below /storage.",
    ),
    built(
        "ACCEL_REDIRECT",
        "",
        "a path such as /_tidegate/",
        "Where nginx in front keeps the local store as an internal location: it then sends users' files itself.",
    ),
    built(
        "SIGNED_URL_TTL_DEFAULT",
        "3600",
        "1 to 604800 seconds",
        "How long a link to a file lives that was not asked to live longer or shorter.",
    ),
    built(
        "UPLOAD_SIGNING_KEY",
        "",
        "at least 16 characters; in production 32",
        "What links to files are signed with. Without it, a key is made in the data folder; production needs one.",
    )
    .secret(),
    built(
        "UPLOAD_SIGNING_KEY_PREVIOUS",
        "",
        "at least 16 characters",
        "What links were signed with before: they are still good.",
    )
    .secret(),
    built("UPLOAD_URL_TTL_SECONDS", "3600", "1 to 604800 seconds", "How long a presigned part URL works."),
    built(
        "UPLOAD_EXPIRY_SECONDS",
        "604800",
        "1 to 31536000 seconds",
        "When an upload that was never completed is given up.",
    ),
    built("SWEEP_INTERVAL_SECONDS", "60", "1 to 86400 seconds", "How often given-up uploads are looked for."),
    built(
        "SWEEP_GRACE_SECONDS",
        "3600",
        "1 to 604800 seconds",
        "How old an upload in the store may be before it is removed because no record knows it.",
    ),
    built("AUDIT_RETENTION_DAYS", "365", "1 to 36500 days", "How long it is kept what was done and refused."),
    built(
        "DASHBOARD",
        "true",
        "true | false",
        "Whether the pages for people are at /. If not, / leads to the start page, /start.",
    ),
    built(
        "CORS_ALLOW_ORIGIN",
        "*",
        "*, or a list of origins",
        "Origins that may read. * reaches byte routes only; JSON routes need named origins.",
    ),
    built(
        "CROSS_ORIGIN_RESOURCE_POLICY",
        "auto",
        "auto | same-origin | same-site | cross-origin",
        "Whose pages may embed bytes (Cross-Origin-Resource-Policy). auto is cross-origin where the URL authorizes the read, same-site for signed cookies, same-origin for sign-in; any other holds for all of them.",
    ),
    built(
        "METRICS",
        "loopback",
        "loopback | any | off",
        "Who may read /metrics: direct requests of this machine, everybody, or nobody. In production, loopback needs METRICS_PORT.",
    ),
    built(
        "METRICS_PORT",
        "off",
        "0 to 65535, or off",
        "The port of a door with probes and metrics only; the API door then shows no metrics. A proxy must not forward to it.",
    ),
    built("LOG_FORMAT", "pretty", "pretty | json", "How log lines look."),
    built("LOG_LEVEL", "info", "error | warn | info | debug", "What is logged."),
    built(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "http:// or https:// with a host, and no path",
        "Where spans go, by OTLP over HTTP; takes a build with `--features otlp`.",
    ),
    built(
        "MAX_CONNECTIONS",
        "10000",
        "1 to 1000000",
        "Connections per door. Beyond it, the one that has waited longest for a request makes room, of the address that has most.",
    ),
    built(
        "MAX_CONNECTIONS_PER_ADDRESS",
        "",
        "1 to 1000000",
        "Connections per door of one IPv4 address or IPv6 /64, TRUSTED_PROXIES aside. Default: a quarter of MAX_CONNECTIONS in production, else all.",
    ),
    built("MAX_CONCURRENT_REQUESTS", "512", "1 to 100000", "JSON requests at work at once; more get 503."),
    built(
        "RATE_LIMIT_PER_SUBJECT",
        "",
        "0 to 1000000 requests per second",
        "API requests of one user; twice as many may come at once; 0 is no limit. Default: 100 in production, else 0.",
    ),
    built(
        "RATE_LIMIT_PER_ADDRESS",
        "",
        "0 to 1000000 requests per second",
        "API requests from one IPv4 address or IPv6 /64, services not counted. Default: 200 in production, else 0.",
    ),
    built(
        "RATE_LIMIT_S3_PER_ADDRESS",
        "",
        "0 to 1000000 requests per second",
        "Requests on the S3 door from one IPv4 address or IPv6 /64; more get SlowDown. Default: 500 in production, else 0.",
    ),
    built("REQUEST_TIMEOUT_SECONDS", "60", "1 to 3600 seconds", "How long a JSON request may take."),
    built("SHUTDOWN_GRACE_SECONDS", "30", "0 to 3600 seconds", "How long requests may finish after SIGTERM."),
];

/// All settings.
pub const SETTINGS: &[Setting] = &{
    const TABLES: [&[Setting]; 12] =
        [HERE, AWS, SIGNING_KEY, ADMISSION, QUOTAS, QUEUES, SIGN_IN, MEDIA, PACKAGES, DATABASE, LAMBDA, ARCHIVED];
    const COUNT: usize = {
        let (mut count, mut table) = (0, 0);
        while table < TABLES.len() {
            count += TABLES[table].len();
            table += 1;
        }
        count
    };
    let (mut all, mut filled) = ([HERE[0]; COUNT], 0);
    let mut table = 0;
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            all[filled] = TABLES[table][row];
            (filled, row) = (filled + 1, row + 1);
        }
        table += 1;
    }
    all
};

/// Returns the setting with a name or alias.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name || setting.aliases.contains(&name))
}
