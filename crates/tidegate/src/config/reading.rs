//! Resolves every setting into [`Config`], each checked by itself. Checks across settings are in
//! `checks.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use sign::{Hash, KeyKind};

use super::resolve::{Origin, Resolver};
use super::{
    AddressLimit, AwsSetting, CloudFront, Config, Cookie, Cors, EdgeSetting, FilesSetting, GrantMode, GraphqlSetting,
    Images, Limits, Metrics, ResourceLimits, S3Setting, StoreSetting, Uploads, admission, archived, aws_settings,
    database, lambda, media, packages, queues, quotas, sign_in, signing_key, spaces,
};
use crate::model::job_class::JobClass;
use crate::model::key::Layout;
use crate::model::network::Network;
use crate::model::owner::OwnerKind;
use crate::model::rules::{self, AllUploadLimits, UploadLimits};
use crate::telemetry::Log;

/// Resolves every setting, except those whose defaults depend on others.
pub(super) fn resolve_all(r: &mut Resolver) -> Config {
    let data = PathBuf::from(r.given.value("TIDEGATE_DATA"));
    let surfaces = resolve_surfaces(r);
    let production = r.choice("ENV", &[("dev", false), ("prod", true)]);
    let (scanner, scanner_off) = media::scanner(r);
    let images = resolve_images(r);
    let aws = aws_settings::resolve(r);
    let cloudfront = resolve_cloudfront(r, &aws);
    let job_classes = resolve_job_classes(r);
    Config {
        database: database::resolve(r, &data, &aws),
        migrates: r.choice("DATABASE_MIGRATE", &[("on", true), ("off", false)]),
        store: resolve_store(r, &data, &aws),
        adopts_store: false,
        reserve: r.text("STORE_RESERVE_MB").map(|_| r.number("STORE_RESERVE_MB", 0..=1_000_000_000) << 20),
        production,
        bind: r.ip("BIND_HOST"),
        port: r.port("PORT", false).unwrap_or(0),
        edge_port: r.port("EDGE_PORT", true),
        s3_port: r.port("S3_PORT", false).unwrap_or(0),
        public_base_url: packages::public_base_url(r),
        edge_url: resolve_edge_url(r),
        edge_hosts: r.hosts("EDGE_HOSTS"),
        edge: resolve_edge(r, &data),
        s3_url: r.origin("S3_URL"),
        allowed_hosts: r.hosts("ALLOWED_HOSTS"),
        region: aws_settings::region(r),
        aws,
        operator: resolve_operator(r),
        auth: sign_in::resolve(r),
        trusted_proxies: resolve_proxies(r),
        cloudfront,
        files: resolve_files(r),
        sessions: media::sessions(r),
        spaces: spaces::spaces(r, &images.layout),
        packages: packages::packages(r),
        surfaces,
        images,
        scanner,
        scanner_off,
        media: media::media(r),
        lambda: lambda::lambda(r),
        runs_jobs: r.flag("WORKER"),
        queues: queues::resolve(r, &job_classes),
        job_classes,
        worker_port: r.port("WORKER_PORT", true),
        metrics_port: r.port("METRICS_PORT", true),
        retention: Duration::from_secs(r.number("RETENTION_DAYS", 0..=36_500) * 86_400),
        grant_lifetime: r.seconds("GRANT_TTL_SECONDS", 60..=604_800),
        dashboard: r.flag("DASHBOARD"),
        graphql: GraphqlSetting::default(),
        upload_limits: resolve_upload_limits(r),
        quotas: quotas::resolve(r),
        archived: archived::resolve(r),
        uploads: Uploads {
            sweep_interval: r.seconds("SWEEP_INTERVAL_SECONDS", 1..=86_400),
            sweep_grace: r.seconds("SWEEP_GRACE_SECONDS", 1..=604_800),
        },
        audit_retention: Duration::from_secs(r.number("AUDIT_RETENTION_DAYS", 1..=36_500) * 86_400),
        cors: resolve_cors(r),
        resource_policy: r.choice(
            "CROSS_ORIGIN_RESOURCE_POLICY",
            &[
                ("auto", None),
                ("same-origin", Some("same-origin")),
                ("same-site", Some("same-site")),
                ("cross-origin", Some("cross-origin")),
            ],
        ),
        metrics: r.choice("METRICS", &[("loopback", Metrics::Loopback), ("any", Metrics::Any), ("off", Metrics::Off)]),
        log: Log {
            json: r.choice("LOG_FORMAT", &[("pretty", false), ("json", true)]),
            level: r.choice("LOG_LEVEL", &[("info", "info"), ("error", "error"), ("warn", "warn"), ("debug", "debug")]),
            otlp_endpoint: resolve_otlp(r),
        },
        limits: Limits {
            connections: to_usize(r.number("MAX_CONNECTIONS", 1..=1_000_000)),
            connections_per_address: AddressLimit::None,
            resources: resource_limits(r),
            per_subject: 0,
            per_address: 0,
            per_address_at_s3: 0,
            request_timeout: r.seconds("REQUEST_TIMEOUT_SECONDS", 1..=3600),
            shutdown_grace: r.seconds("SHUTDOWN_GRACE_SECONDS", 0..=3600),
        },
        data,
        settings: Vec::new(),
        warnings: Vec::new(),
    }
}

/// Resolves the shares of the resources that clients compete for.
fn resource_limits(r: &mut Resolver) -> ResourceLimits {
    let requests = to_usize(r.number("MAX_CONCURRENT_REQUESTS", 1..=100_000));
    admission::resource_limits(r, requests)
}

/// Resolves the owner kinds whose surfaces are enabled.
fn resolve_surfaces(r: &mut Resolver) -> Vec<OwnerKind> {
    let given = r.list("SURFACES");
    let mut names = OwnerKind::ALL.map(|kind| rules::of(kind).surface);
    names.sort_unstable();
    if given.iter().any(|name| !names.contains(&name.as_str())) {
        r.problem("SURFACES", &format!("only surfaces there are: {}", names.join(", ")));
    }
    let is_given = |kind: &OwnerKind| given.iter().any(|name| name == rules::of(*kind).surface);
    if given.is_empty() {
        r.problem("SURFACES", &format!("at least one of: {}", names.join(", ")));
    }
    OwnerKind::ALL.into_iter().filter(is_given).collect()
}

/// Resolves the classes of jobs that this process does.
fn resolve_job_classes(r: &mut Resolver) -> Vec<JobClass> {
    let given = r.list("WORKER_CLASSES");
    let names = JobClass::ALL.map(JobClass::as_str);
    if given.is_empty() || given.iter().any(|name| !names.contains(&name.as_str())) {
        r.problem("WORKER_CLASSES", &format!("one or more of: {}", names.join(", ")));
    }
    JobClass::ALL.into_iter().filter(|class| given.iter().any(|name| name == class.as_str())).collect()
}

fn resolve_otlp(r: &mut Resolver) -> Option<String> {
    let endpoint = r.origin("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    if !cfg!(feature = "otlp") {
        r.problem(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "it to a build that exports spans (`--features otlp`), or leave it out",
        );
    }
    Some(endpoint.to_string())
}

/// Resolves rate limits and GraphQL, whose defaults depend on whether this is production.
pub(super) fn resolve_rates(r: &mut Resolver, config: &mut Config) {
    let production = config.in_production();
    config.graphql = media::graphql(r, production);
    let mut rate = |name, usual| match r.text(name) {
        Some(_) => u32::try_from(r.number(name, 0..=1_000_000)).unwrap_or(u32::MAX),
        None if production => usual,
        None => 0,
    };
    config.limits.per_subject = rate("RATE_LIMIT_PER_SUBJECT", 100);
    config.limits.per_address = rate("RATE_LIMIT_PER_ADDRESS", 200);
    config.limits.per_address_at_s3 = rate("RATE_LIMIT_S3_PER_ADDRESS", 500);
    config.limits.connections_per_address = match r.text("MAX_CONNECTIONS_PER_ADDRESS") {
        Some(_) => AddressLimit::Connections(to_usize(r.number("MAX_CONNECTIONS_PER_ADDRESS", 1..=1_000_000))),
        None if production => AddressLimit::Quarter,
        None => AddressLimit::None,
    };
}

fn resolve_proxies(r: &mut Resolver) -> Vec<Network> {
    let parsed = |text: &String| Network::parse(text).filter(|network| !network.is_everything());
    let networks: Option<Vec<Network>> = r.list("TRUSTED_PROXIES").iter().map(parsed).collect();
    networks.unwrap_or_else(|| {
        r.problem("TRUSTED_PROXIES", "addresses and networks between commas, such as 10.0.0.0/8, and not everybody's");
        Vec::new()
    })
}

fn resolve_store(r: &mut Resolver, data: &Path, aws: &AwsSetting) -> StoreSetting {
    let local = r.text("UPLOAD_ROOT").map(PathBuf::from);
    let encryption = resolve_encryption(r);
    let timeout = r.seconds("S3_TIMEOUT_SECONDS", 1..=600);
    let given = r.origin("S3_ENDPOINT");
    let path_style = r.text("S3_FORCE_PATH_STYLE").is_some().then(|| r.flag("S3_FORCE_PATH_STYLE"));
    let Some(bucket) = r.text("S3_BUCKET") else {
        for only_with in ["S3_ENDPOINT", "S3_FORCE_PATH_STYLE", "S3_KMS_KEY_ID"] {
            if r.text(only_with).is_some() {
                r.problem(only_with, "it together with S3_BUCKET, or not at all");
            }
        }
        return StoreSetting::Local(local.unwrap_or_else(|| data.join("store")));
    };
    if local.is_some() {
        r.problem("UPLOAD_ROOT", "either it or S3_BUCKET: bytes lie in one place");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=255).contains(&bucket.len()) || !bucket.bytes().all(plain) {
        r.problem("S3_BUCKET", "a bucket's name, without s3:// and without a path");
    }
    let a_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let by_address = given.as_ref().is_some_and(|url| url.is_loopback() || url.is_ip_address());
    let path_style = path_style.unwrap_or(by_address || !bucket.bytes().all(a_label));
    let addressing = if path_style { store::Addressing::Path } else { store::Addressing::Host };
    let endpoint = given.unwrap_or_else(|| aws_settings::s3_endpoint(r.given.value("AWS_REGION")));
    let credentials = aws.credentials.clone();
    StoreSetting::S3(S3Setting { bucket, endpoint, addressing, encryption, timeout, credentials })
}

fn resolve_encryption(r: &mut Resolver) -> Option<store::Encryption> {
    let key = r.text("S3_KMS_KEY_ID");
    let words = [("none", 0), ("AES256", 1), ("aws:kms", 2), ("aws:kms:dsse", 3)];
    match r.choice("S3_SERVER_SIDE_ENCRYPTION", &words) {
        2 => Some(store::Encryption::Kms(key)),
        3 => Some(store::Encryption::KmsDsse(key)),
        other => {
            if key.is_some() {
                r.problem("S3_KMS_KEY_ID", "it together with S3_SERVER_SIDE_ENCRYPTION=aws:kms");
            }
            (other == 1).then_some(store::Encryption::S3)
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn resolve_edge_url(r: &mut Resolver) -> Option<Origin> {
    let given = r.origin("EDGE_URL");
    let Some(domain) = r.text("CLOUDFRONT_DOMAIN") else { return given };
    let from_domain = Origin::parse(&format!("https://{domain}"));
    match (&given, &from_domain) {
        (_, None) => r.problem("CLOUDFRONT_DOMAIN", "a host name, without https://"),
        (Some(url), Some(other)) if url != other => {
            r.problem("EDGE_URL", &format!("{other}, as CLOUDFRONT_DOMAIN says, or only one of the two"));
        }
        _ => {}
    }
    from_domain
}

fn resolve_edge(r: &mut Resolver, data: &Path) -> EdgeSetting {
    EdgeSetting {
        keys: r.text("EDGE_KEYS").map_or_else(|| data.join("keys").join("cloudfront"), PathBuf::from),
        keys_refresh: r.seconds("EDGE_KEYS_REFRESH_SECONDS", 1..=86_400),
        reads: r.choice("EDGE_READS", &[("sendfile", store::Reads::Sendfile), ("plain", store::Reads::Plain)]),
        open_files: r.number("EDGE_OPEN_FILES", 0..=60_000),
    }
}

fn resolve_files(r: &mut Resolver) -> FilesSetting {
    let secret = |r: &mut Resolver, name: &'static str| {
        let text = r.text(name)?;
        if text.len() < 16 {
            r.problem(name, "at least 16 characters");
        }
        Some(SecretString::from(text))
    };
    FilesSetting {
        link_lifetime: r.number("SIGNED_URL_TTL_DEFAULT", 1..=sign::MAX_LINK_LIFETIME),
        public: r.flag("FILES_PUBLIC"),
        max_inline: usize::try_from(r.number("COMPLETE_DATA_MAX_MB", 0..=64) << 20).unwrap_or(0),
        accel_prefix: resolve_accel_prefix(r),
        link_key: secret(r, "UPLOAD_SIGNING_KEY"),
        earlier_link_key: secret(r, "UPLOAD_SIGNING_KEY_PREVIOUS"),
    }
}

fn resolve_accel_prefix(r: &mut Resolver) -> Option<String> {
    let path = r.text("ACCEL_REDIRECT")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    let fits = path.len() > 2 && path.starts_with('/') && path.ends_with('/') && !path.contains("//");
    if !fits || path.contains("/.") || !path.bytes().all(plain) {
        r.problem("ACCEL_REDIRECT", "a path with a slash at each end, of letters, digits, '-', '_' and '.'");
    } else if r.text("S3_BUCKET").is_some() {
        r.problem("ACCEL_REDIRECT", "nothing where the store is a bucket: only a folder can be handed to a proxy");
    }
    Some(path)
}

fn resolve_operator(r: &mut Resolver) -> Option<(String, SecretString)> {
    match (r.text("S3_OPERATOR_ACCESS_KEY"), r.text("S3_OPERATOR_SECRET_KEY")) {
        (None, None) => None,
        (Some(access), Some(secret)) => {
            if !(16..=128).contains(&access.len()) || !access.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                r.problem("S3_OPERATOR_ACCESS_KEY", "16 to 128 letters and digits");
            }
            if secret.len() < 32 {
                r.problem("S3_OPERATOR_SECRET_KEY", "at least 32 characters");
            }
            Some((access, secret.into()))
        }
        (None, Some(secret)) => {
            if secret.len() < 32 {
                r.problem("S3_OPERATOR_SECRET_KEY", "at least 32 characters");
            }
            r.problem("S3_OPERATOR_ACCESS_KEY", "the access key that belongs to S3_OPERATOR_SECRET_KEY");
            None
        }
        (Some(_), None) => {
            r.problem("S3_OPERATOR_SECRET_KEY", "the secret that belongs to S3_OPERATOR_ACCESS_KEY");
            None
        }
    }
}

fn resolve_cloudfront(r: &mut Resolver, aws: &AwsSetting) -> CloudFront {
    let signing_key::SigningKeySetting { given: key, remote: remote_key, group: key_group } = signing_key::resolve(r);
    let api = spaces::cloudfront_api(r, aws);
    CloudFront {
        key,
        remote_key,
        key_group,
        distribution: spaces::distribution(r),
        api,
        key_kind: r.choice("CLOUDFRONT_KEY_TYPE", &[("rsa", KeyKind::Rsa2048), ("p256", KeyKind::P256)]),
        hash: r.choice("CLOUDFRONT_HASH_ALGORITHM", &[("SHA1", Hash::Sha1), ("SHA256", Hash::Sha256)]),
        auth_mode: r.choice("CLOUDFRONT_AUTH_MODE", &[("cookie", GrantMode::Cookie), ("url", GrantMode::Url)]),
        lifetime: r.seconds("CLOUDFRONT_SIGNED_TTL_SECONDS", 1..=604_800),
        cookie: Cookie {
            domain: resolve_cookie_domain(r),
            same_site: r.choice(
                "CLOUDFRONT_COOKIE_SAMESITE",
                &[
                    ("Lax", "Lax"),
                    ("Strict", "Strict"),
                    ("None", "None"),
                    ("lax", "Lax"),
                    ("strict", "Strict"),
                    ("none", "None"),
                ],
            ),
            partitioned: r.flag("CLOUDFRONT_COOKIE_PARTITIONED"),
            wide_path: r.choice("CLOUDFRONT_COOKIE_PATH", &[("image", false), ("base", true)]),
        },
    }
}

fn resolve_cookie_domain(r: &mut Resolver) -> Option<String> {
    let domain = r.text("CLOUDFRONT_COOKIE_DOMAIN")?;
    let plain = domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    if !plain || domain.trim_start_matches('.').is_empty() {
        r.problem("CLOUDFRONT_COOKIE_DOMAIN", "a domain, such as .example.com");
    }
    Some(domain)
}

fn resolve_images(r: &mut Resolver) -> Images {
    let layout = Layout::new(r.given.value("IMAGE_BASE_PATH")).unwrap_or_else(|wanted| {
        r.problem("IMAGE_BASE_PATH", wanted);
        Layout::default()
    });
    Images {
        layout,
        cache_control: r.choice(
            "IMAGE_CACHE_CONTROL",
            &[
                ("private-no-store", "private, no-store, no-transform"),
                ("public-immutable", "public, max-age=31536000, immutable, no-transform"),
            ],
        ),
    }
}

/// What uploads of each owner kind may be. Several kinds share a setting.
fn resolve_upload_limits(r: &mut Resolver) -> AllUploadLimits {
    let part_size = r.number("MULTIPART_PART_SIZE_BYTES", store::MIN_PART_SIZE..=store::MAX_PART_SIZE);
    let usual = UploadLimits {
        max_size: r.number("IMAGE_MAX_SIZE_BYTES", 1..=u64::from(store::MAX_PARTS) * store::MAX_PART_SIZE),
        max_video: None,
        part_size,
        url_lifetime: r.seconds("UPLOAD_URL_TTL_SECONDS", 1..=604_800),
        expiry: r.seconds("UPLOAD_EXPIRY_SECONDS", 1..=31_536_000),
    };
    let spaces = UploadLimits {
        max_size: r.number("MEDIA_MAX_IMAGE_MB", 1..=1024) << 20,
        max_video: None,
        part_size,
        url_lifetime: r.seconds("MEDIA_UPLOAD_URL_TTL_SECONDS", 1..=3600),
        expiry: r.seconds("MEDIA_UPLOAD_EXPIRY_SECONDS", 1..=31_536_000),
    };
    AllUploadLimits {
        disks: usual,
        files: UploadLimits { max_size: r.number("MAX_BODY_MB", 1..=5_242_880) << 20, ..usual },
        sessions: UploadLimits { max_video: Some(r.number("MEDIA_MAX_VIDEO_MB", 1..=102_400) << 20), ..spaces },
        spaces,
        datasets: UploadLimits { max_size: r.number("PACKAGES_MAX_SIZE_BYTES", 1..=53_687_091_200_000), ..usual },
    }
}

fn resolve_cors(r: &mut Resolver) -> Cors {
    let origins = r.list("CORS_ALLOW_ORIGIN");
    if origins == ["*"] {
        return Cors::Any;
    }
    let parsed: Option<Vec<String>> = origins.iter().map(|text| Origin::parse(text).map(|o| o.to_string())).collect();
    match parsed {
        Some(origins) => Cors::Named(origins),
        None => {
            r.problem("CORS_ALLOW_ORIGIN", "* alone, or a list of origins such as https://app.example.com");
            Cors::Named(Vec::new())
        }
    }
}
