//! `tidegate check`: prints the settings as they were understood, without secrets.

use crate::config::secrets;
use crate::config::{AuthMode, Config, Cors, GrantMode, Metrics, StoreSetting, unusable_folders};
use crate::db::{Database, Pooling};
use crate::model::owner::OwnerKind;
use crate::model::rules;

/// Returns the report for a stand-alone edge, and whether it would start and trust at least one
/// key. Reads the store and the key folder as the edge does at start.
pub(super) fn edge_report(config: &Config) -> (String, bool) {
    let mut report = Report::default();
    let mut problems = Vec::new();
    let port = config.edge_port.map_or("off".to_owned(), |port| port.to_string());
    report.line("doors", format!("{} edge {port} · operations {}", config.bind, config.port));
    report.line("store", store(config));
    if let StoreSetting::Local(root) = &config.store
        && let Err(error) = store::FsReader::open(root)
    {
        problems.push(format!("UPLOAD_ROOT={}: the store can't be read there: {error}", root.display()));
    }
    let folder = config.edge.keys.display();
    match secrets::public_keys(&config.edge.keys) {
        Ok(keys) => {
            let parsed = keys.pems.iter().map(|(id, pem)| (id, sign::PublicKey::parse(pem)));
            let (good, bad): (Vec<_>, Vec<_>) = parsed.partition(|(_, key)| key.is_ok());
            let ids: Vec<&str> = good.iter().map(|(id, _)| id.as_str()).collect();
            report.line(
                "keys",
                format!("{folder} · trusts {}", if ids.is_empty() { "nobody".into() } else { ids.join(" ") }),
            );
            problems.extend(keys.problems);
            for (id, key) in bad {
                problems.extend(key.err().map(|error| format!("{folder}/{id}.pub.pem: {error}")));
            }
            if ids.is_empty() {
                problems.push(format!("EDGE_KEYS={folder}: there is no <key-pair-id>.pub.pem that holds a key"));
            }
        }
        Err(error) => problems.push(format!("EDGE_KEYS={folder}: give a folder of <key-pair-id>.pub.pem: {error}")),
    }
    let url = config.edge_url.as_ref().map_or("where it listens".to_owned(), ToString::to_string);
    let others: String = config.edge_hosts.iter().map(|host| format!(" · {host}")).collect();
    report.line("signed for", url + &others);
    let own = config.public_base_url.as_ref().map_or(String::new(), |page| format!(" · {page}, with credentials"));
    report.line("cross-origin", cross_origin(config) + &own);
    report.line("proxies", format!("{} networks are trusted", config.trusted_proxies.len()));
    report.line("files", format!("{:?}, up to {} open", config.edge.reads, config.edge.open_files).to_lowercase());
    report.end(config, &problems)
}

/// The lines of a report.
#[derive(Default)]
struct Report(String);

impl Report {
    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("{name:<12} {value}\n"));
    }

    /// Returns the whole text, and whether there are no faults.
    fn end(mut self, config: &Config, faults: &[String]) -> (String, bool) {
        for warning in &config.warnings {
            self.line("warning", warning);
        }
        for fault in faults {
            self.line("fault", fault);
        }
        let verdict = match faults.len() {
            0 => "the settings are fine".to_owned(),
            1 => "the settings can be read, and there is 1 fault".to_owned(),
            count => format!("the settings can be read, and there are {count} faults"),
        };
        (format!("{verdict}\n\n{}", self.0), faults.is_empty())
    }
}

/// Describes the store.
fn store(config: &Config) -> String {
    match &config.store {
        StoreSetting::Local(root) => root.display().to_string(),
        StoreSetting::S3(s3) => format!("bucket {} at {}", s3.bucket, s3.endpoint),
    }
}

/// Describes the allowed origins.
fn cross_origin(config: &Config) -> String {
    match &config.cors {
        Cors::Any => "any origin, bytes only".to_owned(),
        Cors::Named(origins) => origins.join(", "),
    }
}

/// Returns the report for the server, and whether its folders can be written to. Blocking.
pub(super) fn report(config: &Config) -> (String, bool) {
    let mut report = Report::default();
    let mut line = |name: &str, value: String| report.line(name, value);
    let edge = config.edge_port.map_or("off".to_owned(), |port| port.to_string());
    let s3 = match &config.store {
        StoreSetting::Local(_) => config.s3_port.to_string(),
        StoreSetting::S3(_) => "off".to_owned(),
    };
    line("doors", format!("{} API {} · edge {edge} · S3 {s3}", config.bind, config.port));
    let metrics = match (config.metrics, config.metrics_port) {
        (Metrics::Off, _) => "off".to_owned(),
        (_, Some(port)) => format!("/metrics on port {port} (METRICS_PORT)"),
        (Metrics::Any, None) => "/metrics of the API, for everybody".to_owned(),
        (Metrics::Loopback, None) if config.in_production() => "nobody can read them: METRICS_PORT is off".to_owned(),
        (Metrics::Loopback, None) => "/metrics of the API, for this machine".to_owned(),
    };
    line("metrics", metrics);
    line("data", config.data.display().to_string());
    line("store", store(config));
    let database = match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres { host, connections, pooling, .. } => {
            let through = host.as_ref().map_or(String::new(), |host| format!(" through {host}"));
            let pooling = match pooling {
                Pooling::Session => "",
                Pooling::Transaction => " to a pooler of transactions",
            };
            format!("PostgreSQL{through}, up to {connections} connections{pooling}")
        }
    };
    line("database", database);
    let mut surfaces: Vec<&str> = config.surfaces.iter().map(|kind| rules::of(*kind).surface).collect();
    surfaces.sort_unstable();
    line("surfaces", surfaces.join(", "));
    let scanner = match &config.scanner {
        Some(setting) => format!("clamd at {}", setting.address),
        None => "none: nothing is looked through".to_owned(),
    };
    line("scanner", scanner);
    line("jobs", config.queues.transport.describe());
    let ffmpeg =
        config.media.ffmpeg.as_ref().map_or("none: videos fail".to_owned(), |(path, _)| path.display().to_string());
    line("ffmpeg", ffmpeg);
    let sign_in = match config.auth.mode {
        AuthMode::Dev => "dev: the X-User-Id header is believed",
        AuthMode::None => "none: everybody is one user",
        AuthMode::Jwt => "by token",
        AuthMode::Authorizer => "by the authorizer of API Gateway; AWS Lambda only",
    };
    let tokens = &config.auth.sign_in;
    let pages = config.auth.oidc.as_ref().map(|oidc| format!("pages sign in at {}", oidc.issuer));
    let sources = [
        pages,
        tokens.jwks_url.as_ref().map(|url| format!("keys from {url}")),
        tokens.public_key.as_ref().map(|_| "one public key".to_owned()),
        tokens.own_tokens.then(|| "tokens of its own".to_owned()),
        (!tokens.services.is_empty()).then(|| format!("{} service tokens", tokens.services.len())),
    ];
    let sources: String = sources.into_iter().flatten().map(|source| format!(" · {source}")).collect();
    line("sign-in", format!("{sign_in}{sources}"));
    let key = match (&config.cloudfront.key, &config.cloudfront.remote_key) {
        (Some((id, _)), _) => format!("given, {id}"),
        (None, Some(remote)) => format!("in {}, read every {} s", remote.place, remote.refresh.as_secs()),
        (None, None) if config.signs_grants() => "generated".to_owned(),
        (None, None) => "not needed".to_owned(),
    };
    let mode = match config.cloudfront.auth_mode {
        GrantMode::Cookie => "cookies",
        GrantMode::Url => "signed URLs",
    };
    line("grants", format!("{mode} for {} s · signing key {key}", config.cloudfront.lifetime.as_secs()));
    if let Some(id) = &config.cloudfront.distribution {
        line("CDN", format!("distribution {id} is told of deletes, at {}", config.cloudfront.api));
    }
    if config.is_on(OwnerKind::Files) {
        let public = if config.files.public {
            "public: whoever knows the path of a file that is not private reads it (FILES_PUBLIC)"
        } else {
            "read by their owner and by links only"
        };
        line("user files", public.to_owned());
    }
    if config.is_on(OwnerKind::Space) {
        let prefixes = config.spaces.import_prefixes.join(", ");
        let imports =
            if prefixes.is_empty() { "nothing may be imported".to_owned() } else { format!("imports from {prefixes}") };
        line("spaces", format!("URLs for {} s · {imports}", config.grant_lifetime.as_secs()));
    }
    line("cross-origin", cross_origin(config));
    if config.is_on(OwnerKind::Disks) {
        let part_size = config.upload_limits.disks.part_size;
        line("images", format!("/{} · parts of {part_size} bytes", config.images.layout.images()));
    }
    report.end(config, &unusable_folders(config))
}
