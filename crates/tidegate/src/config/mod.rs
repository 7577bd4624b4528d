//! The settings: read, checked as a whole, and handed on as typed values. Nothing else reads the
//! environment or configuration files.

mod resolve;
pub mod secrets;
mod settings;
mod sources;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use sign::{Hash, KeyKind};

use self::resolve::Resolver;
pub use self::resolve::{Origin, host_of, is_loopback_host};
pub use self::settings::{SETTINGS, Setting, Stage, reference};
pub use self::sources::Sources;
use crate::model::key::Layout;

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Whether production's demands apply.
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
    /// The S3 door's address as given.
    pub s3_url: Option<Origin>,
    /// More hosts of the API.
    pub allowed_hosts: Vec<String>,
    /// The local store's folder.
    pub store_root: PathBuf,
    /// The SQLite file.
    pub database: PathBuf,
    /// Region in SigV4 scopes.
    pub region: String,
    /// The operator's S3 credentials, if given.
    pub operator: Option<(String, SecretString)>,
    /// Sign-in.
    pub auth: Auth,
    /// Signing and delivery.
    pub cloudfront: CloudFront,
    /// The images surface.
    pub images: Images,
    /// Uploads.
    pub uploads: Uploads,
    /// Cross-origin reading.
    pub cors: Cors,
    /// `Cross-Origin-Resource-Policy` of bytes.
    pub resource_policy: &'static str,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
    /// Logging.
    pub log: Log,
    /// Limits.
    pub limits: Limits,
    /// What is worth saying at start.
    pub warnings: Vec<String>,
}

/// Sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auth {
    /// The mode.
    pub mode: AuthMode,
    /// Whether `dev` and `none` may be reached from elsewhere.
    pub allow_insecure_remote: bool,
}

/// How the caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// `X-User-Id`.
    Dev,
    /// Always the same user.
    None,
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

/// Logging.
#[derive(Debug, Clone)]
pub struct Log {
    /// JSON lines instead of text for people.
    pub json: bool,
    /// The level's name.
    pub level: &'static str,
}

/// Limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections per door.
    pub connections: usize,
    /// JSON requests at once.
    pub requests: usize,
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
        let mut resolver = Resolver { given: sources::read(sources) };
        let config = resolve_all(&mut resolver);
        checks(&config, &mut resolver);
        if resolver.given.problems.is_empty() {
            Ok(Self { warnings: resolver.given.warnings, ..config })
        } else {
            Err(Problems(resolver.given.problems))
        }
    }

    /// Whether the caller's word is taken for who they are.
    pub fn insecure_auth(&self) -> bool {
        matches!(self.auth.mode, AuthMode::Dev | AuthMode::None)
    }
}

fn resolve_all(r: &mut Resolver) -> Config {
    let data = PathBuf::from(r.given.value("TIDEGATE_DATA"));
    let store_root = r.text("UPLOAD_ROOT").map_or_else(|| data.join("store"), PathBuf::from);
    for surface in r.list("SURFACES") {
        if surface != "disks" {
            r.problem("SURFACES", "only surfaces this version has: disks");
        }
    }
    let database = match r.text("DATABASE_URL") {
        None => data.join("tidegate.db"),
        Some(url) => match url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//")) {
            Some(path) if !path.is_empty() && !path.contains('?') => PathBuf::from(path),
            _ => {
                // Not shown: a database URL carries a password.
                r.given
                    .problems
                    .push("DATABASE_URL (not shown): this version stores in SQLite only; give sqlite:PATH".into());
                data.join("tidegate.db")
            }
        },
    };
    let production = r.choice("ENV", &[("dev", false), ("prod", true)]);
    Config {
        database,
        store_root,
        production,
        bind: r.ip("BIND_HOST"),
        port: r.port("PORT", false).unwrap_or(0),
        edge_port: r.port("EDGE_PORT", true),
        s3_port: r.port("S3_PORT", false).unwrap_or(0),
        public_base_url: r.origin("PUBLIC_BASE_URL"),
        edge_url: resolve_edge_url(r),
        edge_hosts: r.list("EDGE_HOSTS").iter().map(|host| host.to_ascii_lowercase()).collect(),
        s3_url: r.origin("S3_URL"),
        allowed_hosts: r.list("ALLOWED_HOSTS").iter().map(|host| host.to_ascii_lowercase()).collect(),
        region: resolve_region(r),
        operator: resolve_operator(r),
        auth: Auth {
            mode: r.choice("AUTH_MODE", &[("dev", AuthMode::Dev), ("none", AuthMode::None)]),
            allow_insecure_remote: r.flag("AUTH_ALLOW_INSECURE_REMOTE"),
        },
        cloudfront: resolve_cloudfront(r),
        images: resolve_images(r),
        uploads: Uploads {
            url_lifetime: r.seconds("UPLOAD_URL_TTL_SECONDS", 1..=604_800),
            expiry: r.seconds("UPLOAD_EXPIRY_SECONDS", 1..=31_536_000),
            sweep_interval: r.seconds("SWEEP_INTERVAL_SECONDS", 1..=86_400),
        },
        cors: resolve_cors(r),
        resource_policy: r.choice(
            "CROSS_ORIGIN_RESOURCE_POLICY",
            &[("same-site", "same-site"), ("same-origin", "same-origin"), ("cross-origin", "cross-origin")],
        ),
        metrics: r.choice("METRICS", &[("loopback", Metrics::Loopback), ("any", Metrics::Any), ("off", Metrics::Off)]),
        log: Log {
            json: r.choice("LOG_FORMAT", &[("pretty", false), ("json", true)]),
            level: r.choice("LOG_LEVEL", &[("info", "info"), ("error", "error"), ("warn", "warn"), ("debug", "debug")]),
        },
        limits: Limits {
            connections: to_usize(r.number("MAX_CONNECTIONS", 1..=1_000_000)),
            requests: to_usize(r.number("MAX_CONCURRENT_REQUESTS", 1..=100_000)),
            request_timeout: r.seconds("REQUEST_TIMEOUT_SECONDS", 1..=3600),
            shutdown_grace: r.seconds("SHUTDOWN_GRACE_SECONDS", 0..=3600),
        },
        data,
        warnings: Vec::new(),
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

fn resolve_region(r: &mut Resolver) -> String {
    let region = r.given.value("AWS_REGION").to_owned();
    if !region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        r.problem("AWS_REGION", "a region's name, such as us-east-1");
    }
    region
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

fn resolve_cloudfront(r: &mut Resolver) -> CloudFront {
    let id = r.text("CLOUDFRONT_KEY_PAIR_ID");
    let plain = |id: &String| id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if id.as_ref().is_some_and(|id| !plain(id)) {
        r.problem("CLOUDFRONT_KEY_PAIR_ID", "letters and digits");
    }
    let pem = r.text("CLOUDFRONT_PRIVATE_KEY_PEM").and_then(|text| secrets::pem_or_file(r, text));
    let key = match (id, pem) {
        (Some(id), Some(pem)) => Some((id, pem)),
        (None, Some(_)) => {
            r.problem("CLOUDFRONT_KEY_PAIR_ID", "the id of the public half of CLOUDFRONT_PRIVATE_KEY_PEM");
            None
        }
        (Some(_), None) if r.text("CLOUDFRONT_PRIVATE_KEY_PEM").is_none() => {
            r.problem("CLOUDFRONT_PRIVATE_KEY_PEM", "the private key of CLOUDFRONT_KEY_PAIR_ID");
            None
        }
        _ => None,
    };
    CloudFront {
        key,
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
        max_size: r.number("IMAGE_MAX_SIZE_BYTES", 1..=u64::from(store::MAX_PARTS) * store::MAX_PART_SIZE),
        part_size: r.number("MULTIPART_PART_SIZE_BYTES", store::MIN_PART_SIZE..=store::MAX_PART_SIZE),
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

/// What only shows when all settings are seen together.
fn checks(config: &Config, r: &mut Resolver) {
    let remote_bind = !config.bind.to_canonical().is_loopback();
    let remote_url = |url: &Option<Origin>| url.as_ref().is_some_and(|url| !url.is_loopback());
    let urls = [&config.public_base_url, &config.edge_url, &config.s3_url];
    let remote = remote_bind || urls.into_iter().any(remote_url);
    if config.insecure_auth() && !config.auth.allow_insecure_remote {
        let mode = r.given.value("AUTH_MODE").to_owned();
        let way_out = "or set AUTH_ALLOW_INSECURE_REMOTE=true if whoever reaches the port may be anybody";
        if remote_bind {
            let wanted = format!("a loopback address: AUTH_MODE={mode} believes whatever the caller says; {way_out}");
            r.problem("BIND_HOST", &wanted);
        }
        if remote_url(&config.public_base_url) {
            let wanted = format!("a loopback URL: AUTH_MODE={mode} believes whatever the caller says; {way_out}");
            r.problem("PUBLIC_BASE_URL", &wanted);
        }
    }
    if config.bind.is_unspecified() {
        if config.public_base_url.is_none() {
            r.problem("PUBLIC_BASE_URL", "the address clients use, since BIND_HOST is every address");
        }
        if config.edge_port.is_some() && config.edge_url.is_none() {
            r.problem("EDGE_URL", "the address clients use for the edge, since BIND_HOST is every address");
        }
        if config.s3_url.is_none() {
            r.problem("S3_URL", "the address clients use for uploads, since BIND_HOST is every address");
        }
    }
    if config.production || remote {
        if config.cloudfront.key.is_none() {
            r.problem("CLOUDFRONT_PRIVATE_KEY_PEM", "a key of your own: production takes no generated one");
        }
        if config.operator.is_none() {
            r.problem("S3_OPERATOR_SECRET_KEY", "credentials of your own: production takes no generated ones");
        }
        // What is not given is where the door listens.
        let bound = Origin::parse(&format!("http://{}", std::net::SocketAddr::new(config.bind, 0)));
        let effective = |url: &Option<Origin>| url.clone().or(bound.clone());
        let (api, edge) = (effective(&config.public_base_url), effective(&config.edge_url));
        let has_edge = config.edge_port.is_some() || config.edge_url.is_some();
        if has_edge && api.map(|url| url.host().to_owned()) == edge.map(|url| url.host().to_owned()) {
            r.problem("EDGE_URL", "another host than PUBLIC_BASE_URL has: cookies do not tell ports apart");
        }
    }
    let mut ports = vec![("PORT", config.port), ("S3_PORT", config.s3_port)];
    ports.extend(config.edge_port.map(|port| ("EDGE_PORT", port)));
    for (index, (name, port)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports[..index].iter().find(|(_, taken)| taken == port && *port != 0) {
            r.problem(name, &format!("another port than {other} has"));
        }
    }
    let https = config.edge_url.as_ref().is_some_and(|url| url.scheme == "https");
    if config.cloudfront.cookie.same_site == "None" && !https {
        r.problem(
            "CLOUDFRONT_COOKIE_SAMESITE",
            "Lax or Strict, or an https EDGE_URL: browsers refuse None without Secure",
        );
    }
    if config.cloudfront.cookie.partitioned && config.cloudfront.cookie.same_site != "None" {
        r.problem("CLOUDFRONT_COOKIE_PARTITIONED", "false, or CLOUDFRONT_COOKIE_SAMESITE=None");
    }
}
