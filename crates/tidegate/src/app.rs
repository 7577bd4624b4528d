//! What a request or a job can reach.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cdn::CloudFront;
use media::clamd::Clamd;
use media::sandbox::Sandbox;
use media::video::Ffmpeg;
use secrecy::ExposeSecret as _;
use sign::{LinkSigner, Signer};
use store::{Endpoint, FsStore, Presigner, S3Options, S3Store, Store};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::config::secrets::{self, Credentials, DoorCredentials};
use crate::config::{AuthMode, Config, Origin, S3Setting, StoreSetting};
use crate::db::Db;
use crate::sign_in::{SignIn, SignInSetting};
use crate::state::edge_keys::EdgeKeys;
use crate::state::fetcher::Fetcher;
use crate::state::grant_cache::GrantCache;
use crate::state::locks::KeyedLock;
use crate::state::object_cache::ObjectCache;
use crate::state::rate_limits::RateLimits;
use crate::state::refusals::Refusals;
use crate::state::signing_key::SigningKey;
use crate::state::subscription_limit::SubscriptionLimit;
use crate::state::upload_hashes::SequentialHash;

/// The bucket's name on the S3 door of a local store.
pub const LOCAL_BUCKET: &str = "tidegate";

/// 256 MiB.
const HELD_KIB: usize = 256 << 10;

/// The server's state. One per process, shared by all doors and jobs.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The addresses clients are told.
    pub addresses: Addresses,
    /// The database.
    pub db: Db,
    /// The bytes.
    pub store: Arc<dyn StoreDebug>,
    /// The same store as its own S3 door sees it; `None` where it is a real S3.
    pub local: Option<Arc<Local>>,
    /// Who may hold which token.
    pub sign_in: SignIn,
    /// How often who may ask.
    pub rates: RateLimits,
    /// Signs grants.
    pub signing_key: Arc<SigningKey>,
    /// What the edge trusts.
    pub edge_keys: Arc<EdgeKeys>,
    /// Signatures that were made.
    pub grants: GrantCache,
    /// Signs links to files.
    pub links: LinkSigner,
    /// Uploads that are being completed here.
    pub completing: KeyedLock,
    /// Checksums of uploads whose parts come in order.
    pub upload_hashes: SequentialHash,
    /// KiB that bodies of requests may still hold in memory until it is known what they are for.
    pub held_kib: Arc<Semaphore>,
    /// Objects and open uploads, cached while their state cannot change.
    pub object_cache: Arc<ObjectCache>,
    /// Refusals on their way to the audit log.
    pub refusals: Refusals,
    /// What the last probe found, and when.
    probed: Mutex<Option<(Instant, Failures)>>,
    /// When quotas were looked at last, in epoch seconds.
    pub quotas_counted: AtomicU64,
    /// Cancelled when the server is about to end: streams that have no end of their own end then.
    pub closing: CancellationToken,
    /// Those who watch what comes about.
    pub subscriptions: Arc<SubscriptionLimit>,
    /// What is told of deletes; `None` where there is no CDN that we may tell.
    pub cdn: Option<CloudFront>,
    /// Asks S3 what it says of presigned URLs.
    pub fetcher: Fetcher,
    /// Looks for malware; `None` where there is no scanner.
    pub scanner: Option<Clamd>,
    /// Where images are decoded.
    pub sandbox: Sandbox,
    /// What makes videos anew; `None` where there is no ffmpeg.
    pub ffmpeg: Option<Ffmpeg>,
}

/// A local store, and who may speak to it through the S3 door.
#[derive(Debug)]
pub struct Local {
    /// The store.
    pub fs: FsStore,
    /// Whose signatures are taken.
    pub credentials: DoorCredentials,
}

/// Why database and store do not answer, where they do not.
type Failures = (Option<String>, Option<String>);

/// Probes touch the disk, so that many of them in a second share one.
const PROBE_LIFETIME: Duration = Duration::from_secs(1);

/// A store that can be part of debug output.
pub trait StoreDebug: Store + std::fmt::Debug {}
impl<T: Store + std::fmt::Debug> StoreDebug for T {}

/// The addresses clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The API.
    pub api: Origin,
    /// The edge or the CDN; `None` when there is neither.
    pub edge: Option<Origin>,
    /// Where presigned requests go.
    pub s3: Origin,
}

/// A bucket; what is presigned is addressed to `public`.
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

/// The store that is configured; also as its own door sees it, if it has one.
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
            let root = root.clone();
            let fs = tokio::task::spawn_blocking(move || FsStore::open(&root, presigner)).await?.context(about)?;
            Ok((Arc::new(fs.clone()), Some(Arc::new(Local { fs, credentials }))))
        }
        (StoreSetting::Local(_), None) => anyhow::bail!("the local store has no credentials"),
    }
}

/// The CDN that is told of what was deleted, with the credentials of the bucket where they were given.
async fn open_cdn(config: &Config) -> anyhow::Result<Option<CloudFront>> {
    let Some((distribution, endpoint)) = config.cloudfront.distribution.clone() else { return Ok(None) };
    let given = match &config.store {
        StoreSetting::S3(s3) => s3.credentials.as_ref(),
        StoreSetting::Local(_) => None,
    };
    let credentials = given.map(|(access_key, secret, token)| {
        let token = token.as_ref().map(|token| token.expose_secret().to_owned());
        (access_key.clone(), secret.expose_secret().to_owned(), token)
    });
    Ok(Some(CloudFront::open(cdn::Options { distribution, endpoint, credentials }).await?))
}

impl App {
    /// Opens database, keys and store.
    pub async fn open(config: Config, addresses: Addresses) -> anyhow::Result<Self> {
        let (config, secrets) =
            tokio::task::spawn_blocking(move || secrets::load(&config).map(|keys| (config, keys))).await??;
        let db = Db::open(&config.database).await?;
        let (store, local) = open_store(&config, &addresses, secrets.s3).await?;
        if local.is_some()
            && let Err(error) = db.mark_old_etags().await
        {
            tracing::warn!(error = error.detail(), "ETags from an earlier version are marked later, by the sweep");
        }
        // Tokens mean something in one mode only; in the others nobody is asked for keys.
        let takes_tokens = config.auth.mode == AuthMode::Jwt;
        let own_key = secrets.tokens.as_ref().filter(|_| takes_tokens).map(|pem| pem.expose_secret());
        let no_tokens = SignInSetting::default();
        let setting = if takes_tokens { &config.auth.sign_in } else { &no_tokens };
        let sign_in = SignIn::new(setting, own_key, &addresses.api.to_string())?;
        let (id, key) = secrets.signing_key;
        let (folder, own) = (config.edge.keys.clone(), (id.clone(), key.public_pem()?));
        // A key that was given is never another one.
        let from = config.cloudfront.key.is_none().then(|| (secrets::key_folder(&config), config.edge.min_key_age()));
        let trust = tokio::task::spawn_blocking(move || EdgeKeys::open(folder, Some(own))).await??;
        let object_cache = Arc::new(ObjectCache::new(db.is_shared()));
        let removing = Arc::clone(&object_cache);
        db.signals().on_object_change(move |id| removing.remove(id));
        Ok(Self {
            sign_in,
            rates: RateLimits::new(config.limits.per_subject, config.limits.per_address),
            signing_key: Arc::new(SigningKey::new(
                Signer::new(id, key, config.cloudfront.hash),
                config.cloudfront.hash,
                from,
            )),
            fetcher: Fetcher::new()?,
            edge_keys: Arc::new(trust),
            grants: GrantCache::new(),
            links: LinkSigner::new(
                secrets.links.expose_secret().as_bytes(),
                config.files.earlier_link_key.iter().map(|key| key.expose_secret().as_bytes()),
            ),
            completing: KeyedLock::new(),
            upload_hashes: SequentialHash::default(),
            held_kib: Arc::new(Semaphore::new(HELD_KIB)),
            object_cache,
            refusals: Refusals::default(),
            probed: Mutex::new(None),
            store,
            local,
            db,
            quotas_counted: AtomicU64::new(0),
            closing: CancellationToken::new(),
            subscriptions: Arc::default(),
            cdn: open_cdn(&config).await?,
            scanner: config.scanner.clone().map(|setting| setting.clamd()),
            sandbox: config.media.sandbox(),
            ffmpeg: config.media.ffmpeg(&config.data),
            addresses,
            config,
        })
    }

    /// Says at the start what will not be done here, and why.
    pub async fn warn_about_missing_tools(&self) {
        if !self.config.sessions.on && !self.config.spaces.on && !self.config.packages.on {
            return;
        }
        match &self.scanner {
            None => {
                tracing::warn!(
                    "there is no scanner: what is sent is published unscanned, and what waits for a scan goes on waiting (CLAMAV_HOST)"
                )
            }
            Some(scanner) => {
                if let Err(error) = scanner.ping().await {
                    tracing::warn!(%error, "the scanner does not answer: what is sent waits for it");
                }
            }
        }
        match &self.ffmpeg {
            None if !self.config.sessions.on => {}
            None => tracing::warn!("there is no ffmpeg: videos are not published (FFMPEG_PATH)"),
            Some(ffmpeg) => {
                if let Err(error) = ffmpeg.clear_up().await {
                    tracing::warn!(%error, "copies of videos that were left can't be removed");
                }
                if let Err(error) = ffmpeg.probe().await {
                    tracing::warn!(%error, "ffmpeg can't be run: videos are not published");
                }
            }
        }
    }

    /// Whether database and store answer: for each, why it does not.
    pub async fn probe(&self) -> Failures {
        let mut probed = self.probed.lock().await;
        if let Some((at, failures)) = probed.as_ref().filter(|(at, _)| at.elapsed() < PROBE_LIFETIME) {
            tracing::trace!(age_ms = at.elapsed().as_millis(), "probed a moment ago");
            return failures.clone();
        }
        let (database, store) = tokio::join!(self.db.probe(), self.store.probe());
        let failures = (database.err().map(|error| error.detail()), store.err().map(|error| error.to_string()));
        *probed = Some((Instant::now(), failures.clone()));
        failures
    }
}
