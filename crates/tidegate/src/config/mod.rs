//! The configuration: settings are read, checked as a whole, and handed on as typed values. No
//! other module reads the environment or configuration files.

mod admission;
mod archived;
mod aws_settings;
mod checks;
mod database;
mod effective;
mod folders;
mod given;
pub mod key_document;
mod key_text;
pub mod known_keys;
mod lambda;
mod media;
mod media_settings;
mod packages;
mod ports;
mod present;
mod queues;
mod quotas;
mod reading;
mod reference;
mod resolve;
pub mod secrets;
mod sections;
mod settings;
mod sign_in;
mod sign_in_settings;
mod signing_key;
mod sources;
mod spaces;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use sign::{Hash, KeyKind};

pub use self::admission::{AddressLimit, ResourceLimits, ShareLimits};
pub use self::archived::ArchivedSetting;
pub use self::aws_settings::AwsSetting;
pub use self::effective::{SettingValue, setting_values};
pub use self::folders::unusable_folders;
pub use self::given::{given_settings, without_credentials};
pub use self::lambda::{LambdaSetting, lambda_memory_mib, lambda_runtime_address, missing_lambda_variables};
pub use self::media::{GraphqlSetting, MediaSetting, ScannerSetting, SessionsSetting};
pub use self::packages::PackagesSetting;
pub use self::ports::Ports;
pub use self::present::{PresentKeys, exposed_files};
pub use self::queues::{QueuesSetting, RedisSetting, TransportSetting};
pub use self::reference::{listing, reference};
use self::resolve::Resolver;
pub use self::resolve::{Origin, host_of, is_loopback_host};
pub use self::settings::{SETTINGS, Setting};
pub use self::sign_in::OidcSetting;
pub use self::signing_key::{KeyPlace, RemoteKeySetting};
pub use self::sources::{Sources, is_lambda_bootstrap};
pub use self::spaces::SpacesSetting;
use crate::db::Database;
use crate::model::job_class::JobClass;
use crate::model::key::Layout;
use crate::model::network::Network;
use crate::model::owner::OwnerKind;
use crate::model::quota::AllQuotas;
use crate::model::rules::{self, AllUploadLimits, Scanning};
use crate::sign_in::SignInSetting;
use crate::telemetry::Log;

/// The complete configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder (`TIDEGATE_DATA`).
    pub data: PathBuf,
    /// Whether `ENV=prod` was set.
    pub production: bool,
    /// The address that all doors bind to.
    pub bind: IpAddr,
    /// The port of the API door.
    pub port: u16,
    /// The port of the edge door; `None` if it is off.
    pub edge_port: Option<u16>,
    /// The port of the S3 door.
    pub s3_port: u16,
    /// The configured URL of the API.
    pub public_base_url: Option<Origin>,
    /// The configured URL of the edge or the CDN.
    pub edge_url: Option<Origin>,
    /// Further accepted hosts of the edge.
    pub edge_hosts: Vec<String>,
    /// The edge.
    pub edge: EdgeSetting,
    /// The configured URL of the S3 door.
    pub s3_url: Option<Origin>,
    /// Further accepted hosts of the API.
    pub allowed_hosts: Vec<String>,
    /// The store.
    pub store: StoreSetting,
    /// What uploads leave free on each disk, in bytes; `None` for the default.
    pub reserve: Option<u64>,
    /// Whether this start makes the configured store that of the database; set by a command only.
    pub adopts_store: bool,
    /// The database.
    pub database: Database,
    /// Whether a server migrates the database's tables at its start.
    pub migrates: bool,
    /// The region in SigV4 scopes.
    pub region: String,
    /// The operator's S3 credentials, if configured.
    pub operator: Option<(String, SecretString)>,
    /// Sign-in.
    pub auth: Auth,
    /// Trusted proxies.
    pub trusted_proxies: Vec<Network>,
    /// Signing and delivery.
    pub cloudfront: CloudFront,
    /// AWS.
    pub aws: AwsSetting,
    /// The owner kinds whose surfaces are enabled.
    pub surfaces: Vec<OwnerKind>,
    /// The surface of disk images.
    pub images: Images,
    /// The surface of users' files.
    pub files: FilesSetting,
    /// The surface of sessions.
    pub sessions: SessionsSetting,
    /// The surface of spaces.
    pub spaces: SpacesSetting,
    /// The surface of packages.
    pub packages: PackagesSetting,
    /// The malware scanner; `None` if none is configured.
    pub scanner: Option<ScannerSetting>,
    /// Whether scanning was switched off by `SCANNER=off`.
    pub scanner_off: bool,
    /// Processing of images and videos.
    pub media: MediaSetting,
    /// Whether the server runs jobs itself.
    pub runs_jobs: bool,
    /// The classes of jobs that this process does where it runs jobs.
    pub job_classes: Vec<JobClass>,
    /// How many jobs run at once, and what carries their ids.
    pub queues: QueuesSetting,
    /// What `tidegate lambda` answers, and how.
    pub lambda: LambdaSetting,
    /// The port for probes of a process that only runs jobs; `None` if it has no door.
    pub worker_port: Option<u16>,
    /// How long deleted objects can be restored.
    pub retention: Duration,
    /// The lifetime of prefix grants of spaces and sessions.
    pub grant_lifetime: Duration,
    /// Whether the dashboard is served at `/`.
    pub dashboard: bool,
    /// GraphQL.
    pub graphql: GraphqlSetting,
    /// Uploads.
    pub uploads: Uploads,
    /// What uploads of each owner kind may be.
    pub upload_limits: AllUploadLimits,
    /// How much owners and users may have.
    pub quotas: AllQuotas,
    /// Archived objects.
    pub archived: ArchivedSetting,
    /// How long audit events are kept.
    pub audit_retention: Duration,
    /// The origins allowed by CORS.
    pub cors: Cors,
    /// `Cross-Origin-Resource-Policy` of all content; `None` derives it from what authorized each
    /// read.
    pub resource_policy: Option<&'static str>,
    /// Which clients may read `/metrics`.
    pub metrics: Metrics,
    /// The port of the server's operations door; `None` if it has none.
    pub metrics_port: Option<u16>,
    /// Logging.
    pub log: Log,
    /// Limits.
    pub limits: Limits,
    /// Every setting as operators are shown it.
    pub settings: Vec<SettingValue>,
    /// Warnings to log at start.
    pub warnings: Vec<String>,
}

/// The settings of users' files.
#[derive(Debug, Clone)]
pub struct FilesSetting {
    /// The default lifetime of links in seconds.
    pub link_lifetime: u64,
    /// Whether public files can be read by path without sign-in.
    pub public: bool,
    /// The most bytes of content in a completion request.
    pub max_inline: usize,
    /// The internal location of the store's folder in nginx, with slashes at both ends; nginx then
    /// sends the files itself (`X-Accel-Redirect`).
    pub accel_prefix: Option<String>,
    /// The key that signs links, if configured.
    pub link_key: Option<SecretString>,
    /// The previous key of links, which is still accepted.
    pub earlier_link_key: Option<SecretString>,
}

/// The settings of the edge.
#[derive(Debug, Clone)]
pub struct EdgeSetting {
    /// The folder of public keys.
    pub keys: PathBuf,
    /// The interval of reading that folder.
    pub keys_refresh: Duration,
    /// How local files are read.
    pub reads: store::Reads,
    /// The most local files kept open.
    pub open_files: u64,
}

impl EdgeSetting {
    /// Returns how long a public key must lie in the folder before its private key signs. By then
    /// every edge that reads the folder has read it.
    pub fn min_key_age(&self) -> Duration {
        self.keys_refresh * 2
    }
}

/// The store that holds objects.
#[derive(Debug, Clone)]
pub enum StoreSetting {
    /// A folder on this machine.
    Local(PathBuf),
    /// An S3 bucket.
    S3(S3Setting),
}

impl StoreSetting {
    /// Returns the origin that presigned requests lead to. `told` is the store's address as clients
    /// see it; the bucket's name stands in front of it where requests name the bucket by host.
    pub fn origin(&self, told: &Origin) -> Origin {
        match self {
            Self::S3(S3Setting { bucket, addressing: store::Addressing::Host, .. }) => {
                Origin { scheme: told.scheme, authority: format!("{bucket}.{}", told.authority) }
            }
            Self::S3(_) | Self::Local(_) => told.clone(),
        }
    }
}

/// The settings of an S3 bucket.
#[derive(Debug, Clone)]
pub struct S3Setting {
    /// The bucket's name.
    pub bucket: String,
    /// The S3 endpoint.
    pub endpoint: Origin,
    /// Path-style or virtual-hosted addressing.
    pub addressing: store::Addressing,
    /// Server-side encryption.
    pub encryption: Option<store::Encryption>,
    /// How long S3 may send nothing.
    pub timeout: Duration,
    /// Access key, secret key and session token; `None` selects the standard credential chain of
    /// AWS.
    pub credentials: Option<(String, SecretString, Option<SecretString>)>,
}

/// The settings of sign-in.
#[derive(Debug, Clone)]
pub struct Auth {
    /// How callers are authenticated.
    pub mode: AuthMode,
    /// Whether the modes `dev` and `none` may be reached from other machines.
    pub allow_insecure_remote: bool,
    /// The settings of tokens.
    pub sign_in: SignInSetting,
    /// The provider that pages send users to; `None` if there is none, or if tokens are not taken.
    pub oidc: Option<OidcSetting>,
}

/// How callers are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// By the header `X-User-Id`, which is not verified.
    Dev,
    /// Not at all: every caller is the same user.
    None,
    /// By tokens.
    Jwt,
    /// By the claims that the authorizer of API Gateway passes on, in AWS Lambda only.
    Authorizer,
}

/// The settings of grants and their delivery.
#[derive(Debug, Clone)]
pub struct CloudFront {
    /// The configured signing key, with its key pair id.
    pub key: Option<(String, SecretString)>,
    /// The signing key that is kept outside of this server.
    pub remote_key: Option<RemoteKeySetting>,
    /// The key group of the distribution.
    pub key_group: Option<String>,
    /// The type of key to generate if none is configured.
    pub key_kind: KeyKind,
    /// The hash of signatures.
    pub hash: Hash,
    /// Whether grants are cookies or signed URLs.
    pub auth_mode: GrantMode,
    /// The lifetime of grants of disk images.
    pub lifetime: Duration,
    /// The attributes of signed cookies.
    pub cookie: Cookie,
    /// The CloudFront distribution to invalidate on deletes.
    pub distribution: Option<String>,
    /// The URL of CloudFront's API, without a trailing slash.
    pub api: String,
}

/// The form of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantMode {
    /// Signed cookies and an unsigned URL.
    Cookie,
    /// A signed URL.
    Url,
}

/// The attributes of signed cookies.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// `Domain`.
    pub domain: Option<String>,
    /// `SameSite`.
    pub same_site: &'static str,
    /// `Partitioned`.
    pub partitioned: bool,
    /// Whether `Path` is the base of all images instead of one image.
    pub wide_path: bool,
}

/// The settings of disk images.
#[derive(Debug, Clone)]
pub struct Images {
    /// The key layout.
    pub layout: Layout,
    /// `Cache-Control` of disk images.
    pub cache_control: &'static str,
}

/// The settings of uploads.
#[derive(Debug, Clone, Copy)]
pub struct Uploads {
    /// The interval of the sweep that expires uploads.
    pub sweep_interval: Duration,
    /// The age at which an upload in the store is removed if it has no row.
    pub sweep_grace: Duration,
}

/// The origins allowed by CORS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    /// Every origin, without credentials, on byte routes.
    Any,
    /// These origins, with credentials.
    Named(Vec<String>),
}

/// Which clients may read `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// Clients on this machine, without a proxy in between.
    Loopback,
    /// All clients.
    Any,
    /// None.
    Off,
}

/// The limits on connections and requests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections per door.
    pub connections: usize,
    /// The most connections per door from one client address.
    pub connections_per_address: AddressLimit,
    /// What clients may hold of the resources that they compete for.
    pub resources: ResourceLimits,
    /// Requests per second per user; 0 means no limit.
    pub per_subject: u32,
    /// Requests per second per client address; 0 means no limit.
    pub per_address: u32,
    /// The same on the S3 door.
    pub per_address_at_s3: u32,
    /// The time limit of a JSON request.
    pub request_timeout: Duration,
    /// How long requests may continue after a shutdown signal.
    pub shutdown_grace: Duration,
}

/// Every problem of the settings, one per line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

impl Config {
    /// Reads and checks all settings of a server.
    pub fn load(sources: &Sources) -> Result<Self, Problems> {
        Self::load_and(sources, checks::checks)
    }

    /// Reads and checks the settings of a stand-alone edge, for which production requires no
    /// sign-in, no signing key and no credentials.
    pub fn load_for_edge(sources: &Sources) -> Result<Self, Problems> {
        Self::load_and(sources, checks::edge_checks)
    }

    /// Reads only the settings that say where the programs of this machine listen.
    pub fn load_ports(sources: &Sources) -> Result<Ports, Problems> {
        let mut resolver = Resolver { given: sources::read(sources) };
        let ports = Ports {
            bind: resolver.ip("BIND_HOST"),
            port: resolver.port("PORT", false).unwrap_or(0),
            worker_port: resolver.port("WORKER_PORT", true),
            metrics_port: resolver.port("METRICS_PORT", true),
        };
        if resolver.given.problems.is_empty() { Ok(ports) } else { Err(Problems(resolver.given.problems)) }
    }

    fn load_and(sources: &Sources, checks: impl FnOnce(&Self, &mut Resolver)) -> Result<Self, Problems> {
        let mut resolver = Resolver { given: sources::read(sources) };
        let mut config = reading::resolve_all(&mut resolver);
        reading::resolve_rates(&mut resolver, &mut config);
        checks(&config, &mut resolver);
        if resolver.given.problems.is_empty() {
            config.settings = effective::values(&resolver.given);
            effective::add_derived(&mut config);
            Ok(Self { warnings: resolver.given.warnings, ..config })
        } else {
            Err(Problems(resolver.given.problems))
        }
    }

    /// Returns whether the requirements of production apply: by `ENV`, or because a door can be
    /// reached from other machines. A remote bucket does not count.
    pub fn in_production(&self) -> bool {
        self.production_by().is_some()
    }

    /// Returns the setting that makes this production.
    pub fn production_by(&self) -> Option<&'static str> {
        let remote = |url: &Option<Origin>| url.as_ref().is_some_and(|url| !url.is_loopback());
        // A server with a public name or a trusted proxy is reachable from other machines.
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

    /// Returns whether the surface of an owner kind is enabled.
    pub fn is_on(&self, kind: OwnerKind) -> bool {
        self.surfaces.contains(&kind)
    }

    /// Returns whether an enabled surface scans its bytes in this way.
    pub fn scans(&self, scanning: Scanning) -> bool {
        self.surfaces.iter().any(|kind| rules::of(*kind).scanning == scanning)
    }

    /// Returns whether an enabled surface gives out grants, which are signed with the key of
    /// CloudFront and read through the edge. Users' files have links of their own.
    pub fn signs_grants(&self) -> bool {
        self.surfaces.iter().any(|kind| rules::of(*kind).signs_grants)
    }

    /// Returns the longest time that something signed with the signing key is accepted.
    pub fn longest_grant(&self) -> Duration {
        // One hour is the lifetime of the grants of packages.
        let of_packages = Duration::from_secs(3600);
        self.cloudfront.lifetime.max(self.grant_lifetime).max(self.spaces.link_lifetime).max(of_packages)
    }

    /// Returns whether callers are accepted without verification.
    pub fn insecure_auth(&self) -> bool {
        matches!(self.auth.mode, AuthMode::Dev | AuthMode::None)
    }
}
