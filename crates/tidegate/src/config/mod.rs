//! The settings: read, checked as a whole, and handed on as typed values. Nothing else reads the
//! environment or configuration files.

mod checks;
mod media;
mod media_settings;
mod packages;
mod reading;
mod resolve;
pub mod secrets;
mod settings;
mod sign_in;
mod sign_in_settings;
mod sources;
mod spaces;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use sign::{Hash, KeyKind};

pub use self::media::{GraphqlSetting, MediaSetting, ScannerSetting, SessionsSetting};
pub use self::packages::PackagesSetting;
use self::resolve::Resolver;
pub use self::resolve::{Origin, host_of, is_loopback_host};
pub use self::settings::{SETTINGS, Setting, Stage, reference};
pub use self::sources::Sources;
pub use self::spaces::SpacesSetting;
use crate::db::Database;
use crate::model::key::Layout;
use crate::model::network::Network;
use crate::sign_in::SignInSetting;
use crate::telemetry::Log;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Whether it was called production by name.
    pub production: bool,
    /// The address of all doors.
    pub bind: IpAddr,
    /// API door.
    pub port: u16,
    /// Edge door; `None` is off.
    pub edge_port: Option<u16>,
    /// S3 door.
    pub s3_port: u16,
    /// The API's address as given.
    pub public_base_url: Option<Origin>,
    /// The edge's or CDN's address as given.
    pub edge_url: Option<Origin>,
    /// More hosts of the edge.
    pub edge_hosts: Vec<String>,
    /// How the edge reads.
    pub edge: EdgeSetting,
    /// The S3 door's address as given.
    pub s3_url: Option<Origin>,
    /// More hosts of the API.
    pub allowed_hosts: Vec<String>,
    /// Where bytes lie.
    pub store: StoreSetting,
    /// The database.
    pub database: Database,
    /// Region in SigV4 scopes.
    pub region: String,
    /// The operator's S3 credentials, if given.
    pub operator: Option<(String, SecretString)>,
    /// Sign-in.
    pub auth: Auth,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// Signing and delivery.
    pub cloudfront: CloudFront,
    /// The images surface.
    pub images: Images,
    /// The files surface.
    pub files: FilesSetting,
    /// The sessions surface.
    pub sessions: SessionsSetting,
    /// The spaces surface.
    pub spaces: SpacesSetting,
    /// The packages surface.
    pub packages: PackagesSetting,
    /// Looking for malware; `None` where there is nobody to ask.
    pub scanner: Option<ScannerSetting>,
    /// Whether it was said by name that there is none.
    pub scanner_off: bool,
    /// Making pictures and videos anew.
    pub media: MediaSetting,
    /// Whether the server does jobs itself.
    pub runs_jobs: bool,
    /// Where a process that only works answers probes, if it does.
    pub worker_port: Option<u16>,
    /// How long what was deleted can be brought back, where it can be.
    pub retention: Duration,
    /// Lifetime of grants for what many see.
    pub grant_lifetime: Duration,
    /// GraphQL.
    pub graphql: GraphqlSetting,
    /// Uploads.
    pub uploads: Uploads,
    /// How long audit events are kept.
    pub audit_retention: Duration,
    /// Cross-origin reading.
    pub cors: Cors,
    /// `Cross-Origin-Resource-Policy` of all bytes; `None` is by what authorizes each read.
    pub resource_policy: Option<&'static str>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
    /// Logging.
    pub log: Log,
    /// Limits.
    pub limits: Limits,
    /// What is worth saying at start.
    pub warnings: Vec<String>,
}

/// The files surface.
#[derive(Debug, Clone)]
pub struct FilesSetting {
    /// Whether it is there.
    pub on: bool,
    /// The largest file, in bytes.
    pub max_size: u64,
    /// Bytes of a user's files, where no other limit was set.
    pub quota: u64,
    /// How long links live that were not asked to live longer or shorter, in seconds.
    pub link_lifetime: u64,
    /// Whether files that are not private can be read by their path.
    pub public: bool,
    /// The most bytes that come with the end of an upload.
    pub max_inline: usize,
    /// Where a proxy keeps the store's folder, with slashes around it: it then sends the bytes itself.
    pub accel_prefix: Option<String>,
    /// What signs links, if given.
    pub link_key: Option<SecretString>,
    /// What signed them before.
    pub earlier_link_key: Option<SecretString>,
}

/// How the edge reads and whom it trusts.
#[derive(Debug, Clone)]
pub struct EdgeSetting {
    /// The folder of public keys.
    pub keys: PathBuf,
    /// How often it is read.
    pub keys_refresh: Duration,
    /// How local files are read.
    pub reads: store::Reads,
    /// How many of them stay open.
    pub open_files: u64,
}

impl EdgeSetting {
    /// How long a public key has to lie in the folder until every edge that reads it has done so.
    pub fn min_key_age(&self) -> Duration {
        self.keys_refresh * 2
    }
}

/// Where bytes lie.
#[derive(Debug, Clone)]
pub enum StoreSetting {
    /// In a folder.
    Local(PathBuf),
    /// In a bucket.
    S3(S3Setting),
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Setting {
    /// Its name.
    pub bucket: String,
    /// Where it is.
    pub endpoint: Origin,
    /// How it is addressed there.
    pub addressing: store::Addressing,
    /// Encryption at rest.
    pub encryption: Option<store::Encryption>,
    /// How long S3 may be silent.
    pub timeout: Duration,
    /// Access key, secret and session token; `None` is AWS' standard chain.
    pub credentials: Option<(String, SecretString, Option<SecretString>)>,
}

/// Sign-in.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The mode.
    pub mode: AuthMode,
    /// Whether `dev` and `none` may be reached from elsewhere.
    pub allow_insecure_remote: bool,
    /// What tokens are checked against.
    pub sign_in: SignInSetting,
}

/// How the caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// `X-User-Id`.
    Dev,
    /// Always the same user.
    None,
    /// Whom a token names.
    Jwt,
}

/// Signing and delivery.
#[derive(Debug, Clone)]
pub struct CloudFront {
    /// The signing key as given, with its id.
    pub key: Option<(String, SecretString)>,
    /// What to generate otherwise.
    pub key_kind: KeyKind,
    /// The hash in signatures.
    pub hash: Hash,
    /// Cookies or URL.
    pub auth_mode: GrantMode,
    /// Lifetime of a disk image's grant.
    pub lifetime: Duration,
    /// Cookie attributes.
    pub cookie: Cookie,
    /// The distribution that is told of deletes, and where its API is.
    pub distribution: Option<(String, String)>,
}

/// How a grant is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantMode {
    /// Cookies beside a stable URL.
    Cookie,
    /// The signature in the URL.
    Url,
}

/// Attributes of the signed cookies.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// `Domain`.
    pub domain: Option<String>,
    /// `SameSite`.
    pub same_site: &'static str,
    /// `Partitioned`.
    pub partitioned: bool,
    /// Whether `Path` is the images' base instead of the image's own.
    pub wide_path: bool,
}

/// The images surface.
#[derive(Debug, Clone)]
pub struct Images {
    /// Where keys lie.
    pub layout: Layout,
    /// `Cache-Control` of image bytes.
    pub cache_control: &'static str,
    /// The largest image in bytes.
    pub max_size: u64,
    /// Bytes in a part, before growing with the announced size.
    pub part_size: u64,
}

/// Uploads.
#[derive(Debug, Clone, Copy)]
pub struct Uploads {
    /// Lifetime of a presigned part.
    pub url_lifetime: Duration,
    /// When an upload is given up.
    pub expiry: Duration,
    /// How often that is looked for.
    pub sweep_interval: Duration,
    /// How old an upload in the store may be before its row must be there.
    pub sweep_grace: Duration,
}

/// Cross-origin reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    /// Every origin, without credentials, on byte routes.
    Any,
    /// These origins, with credentials.
    Named(Vec<String>),
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// Direct requests from this machine.
    Loopback,
    /// Everybody.
    Any,
    /// Nobody.
    Off,
}

/// Limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections per door.
    pub connections: usize,
    /// JSON requests at once.
    pub requests: usize,
    /// Requests per second of one user; 0 is no limit.
    pub per_subject: u32,
    /// Requests per second from one client's address; 0 is no limit.
    pub per_address: u32,
    /// Time for a JSON request.
    pub request_timeout: Duration,
    /// Time to finish after a signal.
    pub shutdown_grace: Duration,
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

impl Config {
    /// Reads and checks everything.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        Self::load_and(sources, checks::checks)
    }

    /// The same for the edge alone, of which production demands no sign-in, no key and no credentials.
    pub fn load_for_edge(sources: &Sources) -> Result<Self, Problems> {
        Self::load_and(sources, checks::edge_checks)
    }

    fn load_and(sources: &Sources, checks: impl FnOnce(&Self, &mut Resolver)) -> Result<Self, Problems> {
        let mut resolver = Resolver { given: sources::read(sources) };
        let mut config = reading::resolve_all(&mut resolver);
        reading::resolve_rates(&mut resolver, &mut config);
        checks(&config, &mut resolver);
        if resolver.given.problems.is_empty() {
            Ok(Self { warnings: resolver.given.warnings, ..config })
        } else {
            Err(Problems(resolver.given.problems))
        }
    }

    /// Whether production's demands apply: by name, or because something of ours can be reached from elsewhere. A
    /// bucket elsewhere makes nothing of ours reachable from there.
    pub fn in_production(&self) -> bool {
        self.production_by().is_some()
    }

    /// Which setting makes it production.
    pub fn production_by(&self) -> Option<&'static str> {
        let remote = |url: &Option<Origin>| url.as_ref().is_some_and(|url| !url.is_loopback());
        // Who answers to a name, or believes a proxy, is reached from elsewhere too.
        let named = |hosts: &[String]| hosts.iter().any(|host| !is_loopback_host(host_of(host)));
        let reasons = [
            (self.production, "ENV"),
            (!self.bind.to_canonical().is_loopback(), "BIND_HOST"),
            (remote(&self.public_base_url), "PUBLIC_BASE_URL"),
            (remote(&self.edge_url), "EDGE_URL"),
            (remote(&self.s3_url) && matches!(self.store, StoreSetting::Local(_)), "S3_URL"),
            (named(&self.allowed_hosts), "ALLOWED_HOSTS"),
            (named(&self.edge_hosts), "EDGE_HOSTS"),
            (self.trusted_proxies.iter().any(|network| !network.is_loopback()), "TRUSTED_PROXIES"),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, name)| name)
    }

    /// Whether the caller's word is taken for who they are.
    pub fn insecure_auth(&self) -> bool {
        matches!(self.auth.mode, AuthMode::Dev | AuthMode::None)
    }
}
