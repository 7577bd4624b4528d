//! The shared state of a server process: settings, database, store, keys, caches and tools. Opens
//! them and holds them; never decides anything about a request.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws::CloudFront;
use media::clamd::Clamd;
use media::sandbox::Sandbox;
use media::video::Ffmpeg;
use secrecy::ExposeSecret as _;
use sign::{LinkSigner, Signer};
use store::{Endpoint, FsStore, Presigner, S3Options, S3Store, Store};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::secrets::{self, Credentials, DoorCredentials};
use crate::config::{AuthMode, Config, Origin, S3Setting, StoreSetting, TransportSetting, unusable_folders};
use crate::db::{Database, Db};
use crate::error::Error;
use crate::model::job_class::JobClass;
use crate::model::rules::{self, Landing, Processing};
use crate::occasionally::Occasionally;
use crate::queue::transport::Transport;
use crate::sign_in::{SignIn, SignInSetting};
use crate::state::archive_states::ArchiveStates;
use crate::state::disk_space::DiskSpace;
use crate::state::edge_keys::EdgeKeys;
use crate::state::fetcher::Fetcher;
use crate::state::file_tags::FileTags;
use crate::state::grant_cache::GrantCache;
use crate::state::locks::KeyedLock;
use crate::state::newest_writers::NewestWriters;
use crate::state::object_cache::ObjectCache;
use crate::state::rate_limits::RateLimits;
use crate::state::refusals::Refusals;
use crate::state::remote_key::RemoteKey;
use crate::state::resource_shares::ResourceShares;
use crate::state::signing_key::SigningKey;
use crate::state::status_feeds::StatusFeeds;
use crate::state::store_identity::{self, StoreIdentity};
use crate::state::upload_hashes::SequentialHash;
use crate::turns::Turns;

/// The bucket's name on the S3 door of a local store.
pub const LOCAL_BUCKET: &str = "tidegate";

/// How long probes of `tidegate doctor` may lie in the store, and how often old ones are looked for.
pub const PROBES_LIVE: Duration = Duration::from_secs(3600);

/// The longest wait for messages to be sent, when a process or an invocation ends.
pub const FLUSH_TIME: Duration = Duration::from_secs(2);

/// The longest wait of a GraphQL operation for its turn.
const GRAPHQL_WAIT: Duration = Duration::from_secs(10);

/// Returns how many GraphQL operations run at once. They wait for the database too, so that it is
/// more than there are processors.
fn graphql_turns() -> usize {
    2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The state that all doors and jobs of a process share.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The addresses that clients are given.
    pub addresses: Addresses,
    /// The database.
    pub db: Db,
    /// The store of all bytes.
    pub store: Arc<dyn StoreDebug>,
    /// The local store as its own S3 door uses it; `None` if the store is a real S3.
    pub local: Option<Arc<Local>>,
    /// The disks that are written to, and their reserve.
    pub disks: Arc<DiskSpace>,
    /// Verifies and issues tokens.
    pub sign_in: SignIn,
    /// Rate limits by subject and client address.
    pub rates: RateLimits,
    /// The key that signs grants.
    pub signing_key: Arc<SigningKey>,
    /// The same key where it is kept by AWS, from where it is read again.
    pub remote_key: Option<Arc<RemoteKey>>,
    /// The public keys whose signatures the edge accepts.
    pub edge_keys: Arc<EdgeKeys>,
    /// Cached signatures of grants.
    pub grants: GrantCache,
    /// Signs links to files.
    pub links: LinkSigner,
    /// Locks by object, for completions on this server.
    pub completing: KeyedLock,
    /// Running SHA-256 hashes of uploads whose parts arrive in order.
    pub upload_hashes: SequentialHash,
    /// The turns of GraphQL operations, which take more of a processor than other requests.
    pub graphql_turns: Arc<Turns>,
    /// Fair shares of what clients compete for: requests, uploads, event streams, memory.
    pub shares: ResourceShares,
    /// The feeds of status changes that clients watch.
    pub status_feeds: StatusFeeds,
    /// The requests that write a part at the moment.
    pub writers: Arc<NewestWriters>,
    /// The random tags in the keys of files.
    pub file_tags: FileTags,
    /// Objects and open uploads, cached while their state cannot change.
    pub object_cache: Arc<ObjectCache>,
    /// What the store has said of objects that may be archived.
    pub archive_states: ArchiveStates,
    /// Refused requests that are queued for the audit log.
    pub refusals: Refusals,
    /// The last probe.
    probed: Mutex<Option<Probe>>,
    /// When quotas were last counted, in epoch seconds.
    pub quotas_counted: AtomicU64,
    /// Bounds how often probes are looked for that a killed `tidegate doctor` has left.
    pub(crate) probes_swept: Occasionally,
    /// Cancelled when the server begins to stop; ends streams that have no end of their own.
    pub closing: CancellationToken,
    /// The CDN that is sent invalidations; `None` if none is configured.
    pub cdn: Option<CloudFront>,
    /// What carries the ids of jobs to workers; `None` if they are in the database alone.
    pub transport: Option<Arc<Transport>>,
    /// Requests the facts about presigned URLs from S3.
    pub fetcher: Fetcher,
    /// The malware scanner; `None` if none is configured.
    pub scanner: Option<Clamd>,
    /// The sandbox in which images are decoded.
    pub sandbox: Sandbox,
    /// The tool that remuxes videos; `None` if there is no ffmpeg.
    pub ffmpeg: Option<Ffmpeg>,
}

/// A local store and the credentials of its S3 door.
#[derive(Debug)]
pub struct Local {
    /// The store.
    pub fs: FsStore,
    /// The credentials whose signatures the S3 door accepts.
    pub credentials: DoorCredentials,
}

/// The errors of the database and of the store, if they do not answer.
type Failures = (Option<String>, Option<String>);

/// A probe of database and store.
#[derive(Debug)]
struct Probe {
    at: Instant,
    failures: Failures,
    /// Whether the failure of the database was logged by `db/`, which then also logs its end.
    is_logged: bool,
}

impl Probe {
    /// Logs what has changed since the probe before.
    fn log_changes(&self, before: Option<&Self>) {
        let (database, store) = before.map_or((None, None), |before| {
            (before.failures.0.as_deref().filter(|_| !before.is_logged), before.failures.1.as_deref())
        });
        log_change("database", database, self.failures.0.as_deref().filter(|_| !self.is_logged));
        log_change("store", store, self.failures.1.as_deref());
    }
}

/// How long a probe's result is used again, because a probe writes to the disk.
const PROBE_LIFETIME: Duration = Duration::from_secs(1);

/// A store that implements `Debug`.
pub trait StoreDebug: Store + std::fmt::Debug {}
impl<T: Store + std::fmt::Debug> StoreDebug for T {}

/// The addresses that clients are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The address of the API.
    pub api: Origin,
    /// The address of the edge or the CDN; `None` if there is neither.
    pub edge: Option<Origin>,
    /// The address to which presigned requests are sent.
    pub s3: Origin,
}

/// Opens a bucket. Presigned requests are addressed to `public`.
pub async fn open_bucket(config: &Config, s3: &S3Setting, public: &Origin) -> S3Store {
    S3Store::open(S3Options {
        bucket: s3.bucket.clone(),
        region: config.region.clone(),
        endpoint: s3.endpoint.to_string(),
        public_endpoint: public.to_string(),
        addressing: s3.addressing,
        encryption: s3.encryption.clone(),
        max_copy: store::MAX_COPY,
        timeout: s3.timeout,
        credentials: s3.credentials.as_ref().map(|(access_key, secret_key, token)| {
            let token = token.as_ref().map(|token| token.expose_secret().to_owned());
            (access_key.clone(), secret_key.expose_secret().to_owned(), token)
        }),
    })
    .await
}

/// Opens the configured store. Also returns a local store as its own S3 door uses it.
async fn open_store(
    config: &Config,
    addresses: &Addresses,
    door: Option<DoorCredentials>,
) -> anyhow::Result<(Arc<dyn StoreDebug>, Option<Arc<Local>>)> {
    match (&config.store, door) {
        (StoreSetting::S3(s3), _) => Ok((Arc::new(open_bucket(config, s3, &addresses.s3).await), None)),
        (StoreSetting::Local(root), Some(credentials)) => {
            let endpoint = Endpoint {
                url: addresses.s3.to_string(),
                region: config.region.clone(),
                bucket: Some(LOCAL_BUCKET.to_owned()),
            };
            let Credentials { access_key, secret_key } = &credentials.presign;
            let presigner = Presigner::new(endpoint, access_key, secret_key.expose_secret());
            let about = format!("the store {}", root.display());
            let (root, reserve) = (root.clone(), config.reserve);
            let opening = tokio::task::spawn_blocking(move || FsStore::open_reserving(&root, presigner, reserve));
            let fs = opening.await?.context(about)?;
            Ok((Arc::new(fs.clone()), Some(Arc::new(Local { fs, credentials }))))
        }
        (StoreSetting::Local(_), None) => anyhow::bail!("the local store has no credentials"),
    }
}

/// Watches the disks that are written to, and makes room for the database to be opened if one of
/// them is full.
async fn open_disks(config: &Config, local: Option<&Local>) -> anyhow::Result<Arc<DiskSpace>> {
    let store = local.map(|local| Arc::clone(local.fs.space()));
    let (data, reserve) = (config.data.clone(), config.reserve);
    let database = match &config.database {
        Database::Sqlite(path) => Some(path.parent().filter(|folder| !folder.as_os_str().is_empty())),
        Database::Postgres { .. } => None,
    };
    let database = database.map(|folder| folder.unwrap_or(Path::new(".")).to_owned());
    let opening = tokio::task::spawn_blocking(move || -> anyhow::Result<DiskSpace> {
        if let Some(folder) = &database {
            store::create_private_folder(folder).with_context(|| format!("the folder {}", folder.display()))?;
        }
        let disks = DiskSpace::open(store, &data, database.as_deref(), reserve);
        let disks = disks.with_context(|| format!("the free space below {}", data.display()))?;
        disks.free_ballast_if_exhausted();
        disks.restore_ballast();
        Ok(disks)
    });
    Ok(Arc::new(opening.await??))
}

/// Opens a client of AWS' control planes. Sends no request.
pub async fn open_aws(config: &Config) -> Result<aws::Client, aws::Error> {
    let credentials = config.aws.credentials.as_ref().map(|(access_key, secret, token)| {
        let token = token.as_ref().map(|token| token.expose_secret().to_owned());
        (access_key.clone(), secret.expose_secret().to_owned(), token)
    });
    let endpoint = config.aws.endpoint.as_ref().map(ToString::to_string);
    aws::Client::open(aws::Options { region: config.region.clone(), endpoint, credentials }).await
}

/// Opens the CDN that is sent invalidations.
async fn open_cdn(config: &Config) -> anyhow::Result<Option<CloudFront>> {
    if config.cloudfront.distribution.is_none() {
        return Ok(None);
    }
    Ok(Some(CloudFront::new(open_aws(config).await?, config.cloudfront.api.clone())))
}

/// Opens what carries the ids of jobs to workers, and sends it those that commits enqueue. Connects to
/// nothing.
pub async fn open_transport(config: &Config, db: &Db) -> anyhow::Result<Option<Arc<Transport>>> {
    let client = match &config.queues.transport {
        TransportSetting::Sqs(_) => Some(open_aws(config).await?),
        TransportSetting::Database | TransportSetting::Redis(_) => None,
    };
    let transport = Transport::open(config, client)?;
    if let Some(transport) = &transport {
        transport.follow(db);
    }
    Ok(transport)
}

/// Logs that a part stopped answering its probe, or answers again.
fn log_change(part: &'static str, before: Option<&str>, now: Option<&str>) {
    match (before, now) {
        (None, Some(error)) => tracing::error!(part, error, "not ready"),
        (Some(_), None) => tracing::info!(part, "ready again"),
        _ => {}
    }
}

impl App {
    /// Opens database, keys, store and tools. Returns an error if one of them cannot be opened.
    pub async fn open(config: Config, addresses: Addresses) -> anyhow::Result<Self> {
        let remote = match &config.cloudfront.remote_key {
            Some(setting) => Some(RemoteKey::open(open_aws(&config).await?, setting, &config).await?),
            None => None,
        };
        let (remote_key, document) = remote.unzip();
        let others = document.as_ref().and_then(|document| document.others.clone()).unwrap_or_default();
        let given = document.map(|document| (document.id, document.key));
        let (config, secrets) = tokio::task::spawn_blocking(move || {
            let unusable = unusable_folders(&config);
            anyhow::ensure!(unusable.is_empty(), "{}", unusable.join("\n"));
            secrets::load(&config, given).map(|keys| (config, keys))
        })
        .await??;
        let (store, local) = open_store(&config, &addresses, secrets.s3).await?;
        let disks = open_disks(&config, local.as_deref()).await?;
        let db = Db::open_as(&config.database, config.migrates).await?.on_disk(disks.of_database().cloned());
        let fs = local.as_ref().map(|local| local.fs.clone());
        store_identity::require(StoreIdentity { setting: config.store.clone(), fs }, &db, config.adopts_store).await?;
        if local.is_some()
            && let Err(error) = db.mark_old_etags().await
        {
            tracing::warn!(error = error.detail(), "ETags from an earlier version are marked later, by the sweep");
        }
        // Tokens are accepted in one mode only; the others need no token keys.
        let takes_tokens = config.auth.mode == AuthMode::Jwt;
        let own_key = secrets.tokens.as_ref().filter(|_| takes_tokens).map(|pem| pem.expose_secret());
        // The authorizer's claims are mapped as those of tokens are.
        let no_tokens = SignInSetting { mapping: config.auth.sign_in.mapping.clone(), ..SignInSetting::default() };
        let setting = if takes_tokens { &config.auth.sign_in } else { &no_tokens };
        let sign_in = SignIn::new(setting, own_key, &addresses.api.to_string())?;
        let (id, key) = secrets.signing_key;
        let (folder, production) = (config.edge.keys.clone(), config.in_production());
        let mut own = others;
        own.push((id.clone(), key.public_pem()?));
        // A configured key never changes, so only a generated one is reloaded.
        let is_generated = config.cloudfront.key.is_none() && remote_key.is_none();
        let from = is_generated.then(|| (secrets::key_folder(&config), config.edge.min_key_age()));
        let trust = tokio::task::spawn_blocking(move || EdgeKeys::open(folder, own, production)).await??;
        let object_cache = Arc::new(ObjectCache::new(db.is_shared()));
        let removing = Arc::clone(&object_cache);
        db.signals().on_object_change(move |id| removing.remove(id));
        let transport = open_transport(&config, &db).await?;
        Ok(Self {
            sign_in,
            rates: RateLimits::new(
                config.limits.per_subject,
                config.limits.per_address,
                config.limits.per_address_at_s3,
            ),
            signing_key: Arc::new(SigningKey::new(
                Signer::new(id, key, config.cloudfront.hash),
                config.cloudfront.hash,
                from,
            )),
            remote_key: remote_key.map(Arc::new),
            fetcher: Fetcher::new()?,
            edge_keys: Arc::new(trust),
            grants: GrantCache::new(),
            links: LinkSigner::new(
                secrets.links.expose_secret().as_bytes(),
                config.files.earlier_link_key.iter().map(|key| key.expose_secret().as_bytes()),
            ),
            completing: KeyedLock::new(),
            upload_hashes: SequentialHash::default(),
            graphql_turns: Arc::new(Turns::new("graphql", graphql_turns(), GRAPHQL_WAIT)),
            shares: ResourceShares::new(&config.limits.resources),
            status_feeds: StatusFeeds::default(),
            writers: Arc::default(),
            file_tags: FileTags::default(),
            object_cache,
            archive_states: ArchiveStates::new(),
            refusals: Refusals::default(),
            probed: Mutex::new(None),
            store,
            local,
            disks,
            db,
            quotas_counted: AtomicU64::new(0),
            probes_swept: Occasionally::new(PROBES_LIVE),
            closing: CancellationToken::new(),
            cdn: open_cdn(&config).await?,
            transport,
            scanner: config.scanner.clone().map(|setting| setting.clamd()),
            sandbox: config.media.sandbox(),
            ffmpeg: config.media.ffmpeg(&config.data),
            addresses,
            config,
        })
    }

    /// Sends the messages of jobs that were enqueued, as far as that is possible soon. What is frozen
    /// or ended afterwards would send nothing more.
    pub async fn flush_messages(&self) {
        if let Some(transport) = &self.transport {
            transport.flush(FLUSH_TIME).await;
        }
    }

    /// Sends the last messages and notices, and closes the database.
    pub async fn close(&self) {
        self.flush_messages().await;
        self.db.close().await;
    }

    /// Logs a warning for each configured feature whose scanner or ffmpeg is missing or not
    /// working.
    pub async fn warn_about_missing_tools(&self) {
        if !self.config.surfaces.iter().any(|kind| rules::of(*kind).landing == Landing::Sealed) {
            return;
        }
        match &self.scanner {
            None => {
                tracing::warn!(
                    "there is no scanner: uploads are published unscanned, or wait if they require a scan; set CLAMAV_HOST"
                )
            }
            Some(scanner) => {
                if let Err(error) = scanner.ping().await {
                    tracing::warn!(%error, "the scanner does not answer: uploads wait for it");
                }
            }
        }
        let takes_videos = self.config.surfaces.iter().any(|kind| rules::of(*kind).processing == Processing::Reencode);
        match &self.ffmpeg {
            None if !takes_videos || !self.config.job_classes.contains(&JobClass::Videos) => {}
            None => tracing::warn!("there is no ffmpeg: videos are not published (FFMPEG_PATH)"),
            Some(ffmpeg) => {
                if let Err(error) = ffmpeg.clear_up().await {
                    tracing::warn!(%error, "left-over copies of videos cannot be removed");
                }
                if let Err(error) = ffmpeg.probe().await {
                    tracing::warn!(%error, "ffmpeg cannot be run: videos are not published");
                }
            }
        }
    }

    /// Returns the errors of the database and of the store, if they do not answer.
    pub async fn probe(&self) -> Failures {
        let mut probed = self.probed.lock().await;
        if let Some(probe) = probed.as_ref().filter(|probe| probe.at.elapsed() < PROBE_LIFETIME) {
            tracing::trace!(age_ms = probe.at.elapsed().as_millis(), "probed a moment ago");
            return probe.failures.clone();
        }
        let (database, store) = tokio::join!(self.db.probe(), self.store.probe());
        // A full disk is not an outage: reads and deletes go on. `disks` says that it is full.
        let database = database.err().filter(|error| !matches!(error, Error::InsufficientStorage));
        let store = store.err().filter(|error| !matches!(error, store::Error::Full));
        let is_logged = database.as_ref().is_some_and(Error::is_logged);
        let failures = (database.map(|error| error.detail()), store.map(|error| error.to_string()));
        let probe = Probe { at: Instant::now(), failures: failures.clone(), is_logged };
        probe.log_changes(probed.as_ref());
        *probed = Some(probe);
        failures
    }
}
