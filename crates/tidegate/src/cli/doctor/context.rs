//! What the checks share: settings, addresses, the HTTP client, the keys and the store as the server
//! uses them. Opens what it can and keeps the reasons for the rest.

use std::time::{Duration, SystemTime};

use aws::DistributionConfig;
use secrecy::ExposeSecret as _;
use sign::{Resource, Signer};
use store::{BucketSettings, Endpoint, FsStore, Presigner, S3Store, Store};
use tokio::sync::OnceCell;

use super::probes::Probe;
use super::request::{self, Answer, Request};
use crate::app::{LOCAL_BUCKET, open_aws, open_bucket};
use crate::config::{Config, Cors, Origin, Ports, PresentKeys, StoreSetting};
use crate::db::Inspection;
use crate::model::epoch_seconds;
use crate::model::owner::OwnerKind;
use crate::state::remote_key::RemoteKey;

/// How long the signatures of probes are valid.
const GRANT: Duration = Duration::from_secs(60);
/// An origin that stands for any other, where every origin is allowed.
pub(super) const ANY_ORIGIN: &str = "https://any-origin.example";

/// What the checks share.
pub(super) struct Context {
    pub(super) config: Config,
    pub(super) ports: Ports,
    /// The address of the API that clients are given; `None` where the port is another at each start.
    pub(super) api: Option<Origin>,
    /// The address of the edge or the CDN; `None` if there is neither.
    pub(super) edge: Option<Origin>,
    /// The address that presigned requests lead to, without the bucket's name.
    pub(super) s3: Option<Origin>,
    pub(super) http: reqwest::Client,
    /// Whether something answers at the API's port on this machine.
    pub(super) server_runs: bool,
    pub(super) keys: Result<PresentKeys, String>,
    /// Signs with the key that the server signs grants with.
    pub(super) signer: Option<Signer>,
    pub(super) store: Result<OpenStore, String>,
    /// The probes that were written, or why there are none.
    pub(super) probes: Result<Vec<Probe>, String>,
    pub(super) bucket_settings: OnceCell<BucketSettings>,
    pub(super) inspection: OnceCell<Result<Option<Inspection>, String>>,
    pub(super) distribution: OnceCell<Result<DistributionConfig, aws::Error>>,
    reads: OnceCell<bool>,
}

/// The store, opened beside a server.
pub(super) enum OpenStore {
    Local(FsStore),
    Bucket(S3Store),
}

impl OpenStore {
    /// Returns the store as any other.
    pub(super) fn any(&self) -> &dyn Store {
        match self {
            Self::Local(store) => store,
            Self::Bucket(store) => store,
        }
    }

    /// Returns the bucket; `None` for a local store.
    pub(super) fn bucket(&self) -> Option<&S3Store> {
        match self {
            Self::Local(_) => None,
            Self::Bucket(store) => Some(store),
        }
    }
}

impl Context {
    /// Opens what the checks need. `timeout` bounds each request.
    pub(super) async fn open(config: Config, timeout: Duration) -> anyhow::Result<Self> {
        let ports = Ports::of(&config);
        let local = |port: u16| (port != 0).then(|| Origin::parse(&ports.url(port))).flatten();
        let api = config.public_base_url.clone().or_else(|| local(config.port));
        let edge = config.edge_url.clone().or_else(|| config.edge_port.and_then(local));
        let s3 = config.s3_url.clone().or_else(|| match &config.store {
            StoreSetting::S3(s3) => Some(s3.endpoint.clone()),
            StoreSetting::Local(_) => local(config.s3_port),
        });
        let http = request::client(timeout)?;
        let (keys, config) = tokio::task::spawn_blocking(move || {
            (PresentKeys::read(&config).map_err(|error| format!("{error:#}")), config)
        })
        .await?;
        let (keys, signer) = take_signer(with_remote_key(keys, &config).await, &config);
        let store = open_store(&config, &keys, s3.as_ref()).await;
        let url = ports.url(config.port);
        let server_runs =
            config.port != 0 && request::send(&http, Request::get(&format!("{url}/healthz"))).await.is_ok();
        Ok(Self {
            config,
            ports,
            api,
            edge,
            s3,
            http,
            server_runs,
            keys,
            signer,
            store,
            probes: Err("they were not needed".to_owned()),
            bucket_settings: OnceCell::new(),
            inspection: OnceCell::new(),
            distribution: OnceCell::new(),
            reads: OnceCell::new(),
        })
    }

    /// Sends a request.
    pub(super) async fn send(&self, request: Request<'_>) -> Result<Answer, String> {
        request::send(&self.http, request).await
    }

    /// Returns whether the edge is the server's own, rather than a CDN or an edge elsewhere.
    pub(super) fn has_own_edge(&self) -> bool {
        self.config.edge_url.is_none()
    }

    /// Returns whether the store is a folder, whose S3 door belongs to the server.
    pub(super) fn has_own_door(&self) -> bool {
        matches!(self.config.store, StoreSetting::Local(_))
    }

    /// Returns whether the CDN is CloudFront, by its name or because its distribution is known.
    pub(super) fn has_cloudfront(&self) -> bool {
        let named = self.edge.as_ref().is_some_and(|edge| edge.host().ends_with(".cloudfront.net"));
        named || self.config.cloudfront.distribution.is_some()
    }

    /// Returns the URL of a key at the edge, unsigned.
    pub(super) fn edge_url(&self, key: &str) -> String {
        self.edge.as_ref().map_or(String::new(), |edge| format!("{edge}/{key}"))
    }

    /// Returns the URL of a key at the edge, signed with a canned policy for one minute.
    pub(super) fn signed(&self, key: &str) -> Result<String, String> {
        self.signed_until(key, epoch_seconds(SystemTime::now()) + GRANT.as_secs())
    }

    /// Returns the URL of a key at the edge, signed with a canned policy until a second since 1970.
    pub(super) fn signed_until(&self, key: &str, expires: u64) -> Result<String, String> {
        let signer = self.signer.as_ref().ok_or("there is no signing key")?;
        let resource = Resource::url(&self.edge_url(key)).map_err(|error| error.to_string())?;
        signer.sign_url(&resource, expires).ok_or_else(|| "the crypto library failed".to_owned())
    }

    /// Signs a policy for everything below a folder, for one minute.
    pub(super) fn signed_folder(&self, folder: &str) -> Result<sign::PolicySignature, String> {
        let signer = self.signer.as_ref().ok_or("there is no signing key")?;
        let resource = Resource::below(&self.edge_url(folder)).map_err(|error| error.to_string())?;
        let expires = epoch_seconds(SystemTime::now()) + GRANT.as_secs();
        signer.sign_resource(&resource, expires).ok_or_else(|| "the crypto library failed".to_owned())
    }

    /// Returns whether signed reads work at all, which `read` finds out once.
    pub(super) async fn reads_work(&self, read: impl Future<Output = bool>) -> bool {
        *self.reads.get_or_init(|| read).await
    }

    /// Returns the probes in served roots.
    pub(super) fn served(&self) -> Vec<&Probe> {
        self.probes.iter().flatten().filter(|probe| probe.kind.is_some()).collect()
    }

    /// Returns the origins whose pages may read bytes and send uploads: those of `CORS_ALLOW_ORIGIN`,
    /// and that of the server's own pages.
    pub(super) fn origins(&self) -> Vec<String> {
        let mut origins = match &self.config.cors {
            Cors::Any => vec![ANY_ORIGIN.to_owned()],
            Cors::Named(named) => named.clone(),
        };
        let own = self.api.as_ref().filter(|_| self.config.dashboard).map(ToString::to_string);
        origins.extend(own.filter(|own| !origins.contains(own)));
        origins
    }

    /// Returns the configuration of the bucket, which is read once.
    pub(super) async fn bucket_settings(&self) -> Option<&BucketSettings> {
        let bucket = self.store.as_ref().ok()?.bucket()?;
        Some(self.bucket_settings.get_or_init(|| bucket.read_settings()).await)
    }

    /// Returns what was seen of the database's server, which is looked at once.
    pub(super) async fn inspection(&self) -> &Result<Option<Inspection>, String> {
        let look = || async { self.config.database.inspect().await.map_err(|error| format!("{error:#}")) };
        self.inspection.get_or_init(look).await
    }

    /// Returns the surfaces that are on and sign grants.
    pub(super) fn signs_for(&self, kind: OwnerKind) -> bool {
        self.config.is_on(kind) && crate::model::rules::of(kind).signs_grants
    }
}

/// Reads the signing key from where AWS keeps it, if it is kept there.
async fn with_remote_key(keys: Result<PresentKeys, String>, config: &Config) -> Result<PresentKeys, String> {
    let Some(setting) = &config.cloudfront.remote_key else { return keys };
    let client = open_aws(config).await.map_err(|error| error.to_string())?;
    let read = RemoteKey::open(client, setting, config).await;
    let (_, document) = read.map_err(|error| format!("{error:#}"))?;
    Ok(PresentKeys { signing_key: Some((document.id, document.key)), ..keys? })
}

/// Moves the signing key into a signer.
fn take_signer(keys: Result<PresentKeys, String>, config: &Config) -> (Result<PresentKeys, String>, Option<Signer>) {
    let Ok(mut keys) = keys else { return (keys, None) };
    let signer = keys.signing_key.take().map(|(id, key)| Signer::new(id, key, config.cloudfront.hash));
    (Ok(keys), signer)
}

async fn open_store(
    config: &Config,
    keys: &Result<PresentKeys, String>,
    s3: Option<&Origin>,
) -> Result<OpenStore, String> {
    let root = match &config.store {
        StoreSetting::S3(setting) => {
            let public = s3.unwrap_or(&setting.endpoint);
            return Ok(OpenStore::Bucket(open_bucket(config, setting, public).await));
        }
        StoreSetting::Local(root) => root.clone(),
    };
    let nobody = || format!("no server has run here: there is no store in {}", root.display());
    let credentials = keys.as_ref().map_err(Clone::clone)?.presign.as_ref().ok_or_else(nobody)?;
    let endpoint = Endpoint {
        url: s3.map_or("http://127.0.0.1".to_owned(), ToString::to_string),
        region: config.region.clone(),
        bucket: Some(LOCAL_BUCKET.to_owned()),
    };
    let presigner = Presigner::new(endpoint, &credentials.access_key, credentials.secret_key.expose_secret());
    let folder = root.clone();
    let opening = tokio::task::spawn_blocking(move || FsStore::open_beside(&folder, presigner)).await;
    match opening.map_err(|error| error.to_string())? {
        Ok(store) => Ok(OpenStore::Local(store)),
        Err(store::Error::NotFound) => Err(nobody()),
        Err(error) => Err(format!("the store {} can't be opened: {error}", root.display())),
    }
}
