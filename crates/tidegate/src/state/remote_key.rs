//! The signing key in Systems Manager or Secrets Manager: read at the start, and again while the
//! server runs. A key that cannot be read or used changes nothing. A new key is trusted by this
//! server's edge at once, and signs when every other server has had the time to read it too: all
//! servers go by the time at which it was written.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use aws::CloudFront;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::config::key_document::KeyDocument;
use crate::config::{Config, RemoteKeySetting};
use crate::state::edge_keys::EdgeKeys;
use crate::state::key_store::KeyStore;
use crate::state::signing_key::SigningKey;

/// The time limit of a read, all its attempts included: a start that waits tells nobody why.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// How many intervals of reading a new key waits before it signs, as a new key in a folder does.
const WAITS: u32 = 2;

/// A signing key that is kept outside of this server.
#[derive(Debug)]
pub struct RemoteKey {
    store: KeyStore,
    setting: RemoteKeySetting,
    /// Whether keys that everybody has are refused.
    refuses_published: bool,
    /// The key group that a key must be in before it signs.
    group: Option<(CloudFront, String)>,
    /// How long a key is trusted after it has signed for the last time.
    longest_grant: Duration,
    seen: Mutex<Seen>,
}

/// What was read.
struct Found {
    document: KeyDocument,
    version: String,
    written: SystemTime,
}

/// What was seen of the key so far.
#[derive(Debug, Default)]
struct Seen {
    /// When it was read, or tried to, for the last time.
    at: Option<Instant>,
    /// The version that was read last.
    version: String,
    /// The id of a new key that was found and does not sign yet.
    waiting: Option<String>,
    /// Keys that signed before, and until when they are trusted.
    previous: Vec<(String, String, Instant)>,
    /// Why the key could not be read or used the last time.
    failure: Option<Failure>,
}

/// Why a key was not read, or is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    /// The label of the metric.
    outcome: &'static str,
    /// The message, which shows nothing secret.
    message: String,
}

impl Failure {
    fn of(error: &aws::Error) -> Self {
        let outcome = match error {
            aws::Error::Unavailable(_) => "unavailable",
            aws::Error::Refused { .. } => "refused",
        };
        Self { outcome, message: error.to_string() }
    }

    fn unusable(message: impl Into<String>) -> Self {
        Self { outcome: "unusable", message: message.into() }
    }
}

impl RemoteKey {
    /// Reads the key for the first time.
    ///
    /// # Errors
    ///
    /// The key cannot be read or used; the message names the setting.
    pub async fn open(
        client: aws::Client,
        setting: &RemoteKeySetting,
        config: &Config,
    ) -> anyhow::Result<(Self, KeyDocument)> {
        let group = config.cloudfront.key_group.clone();
        let remote = Self {
            store: KeyStore::new(client.clone(), setting.place.clone()),
            setting: setting.clone(),
            refuses_published: config.in_production(),
            group: group.map(|id| (CloudFront::new(client, config.cloudfront.api.clone()), id)),
            longest_grant: config.longest_grant(),
            seen: Mutex::default(),
        };
        let about = || format!("{}={}", setting.place.setting(), setting.place.name());
        let read = remote.read().await.map_err(|failure| anyhow::anyhow!(failure.message));
        let Found { document, version, .. } = read.with_context(about)?;
        tracing::info!(key = document.id, version, place = %setting.place, "the signing key was read");
        if let Err(failure) = remote.require_in_group(&document.id).await {
            metrics::counter!("tidegate_signing_key_reads_total", "outcome" => failure.outcome).increment(1);
            tracing::error!(key = document.id, "{}: CloudFront refuses what it signs", failure.message);
        }
        *remote.seen.lock().await = Seen { at: Some(Instant::now()), version, ..Seen::default() };
        Ok((remote, document))
    }

    /// Reads the key and its version.
    async fn read(&self) -> Result<Found, Failure> {
        let reading = tokio::time::timeout(READ_LIMIT, self.store.read(self.setting.place.name())).await;
        let silent = |_| Failure {
            outcome: "unavailable",
            message: format!("{} did not answer in {} s", self.setting.place, READ_LIMIT.as_secs()),
        };
        let stored = reading.map_err(silent)?.map_err(|error| Failure::of(&error))?;
        let missing = || Failure { outcome: "refused", message: format!("{} is not there", self.setting.place) };
        let stored = stored.ok_or_else(missing)?;
        let unusable = |reason: String| {
            Failure::unusable(format!("version {} of {} can't be used: {reason}", stored.version, self.setting.place))
        };
        let document = KeyDocument::parse(&stored.value, self.setting.given_id.as_deref()).map_err(unusable)?;
        if self.refuses_published && document.is_published() {
            let reason = "everybody has this key, which is for tests and first deployments only; `tidegate keys rotate` \
                          puts one of your own there";
            return Err(unusable(reason.to_owned()));
        }
        Ok(Found { document, version: stored.version, written: stored.written })
    }

    /// Reads the key again, and switches to another one that has been there for long enough.
    pub async fn refresh(&self, signing_key: &SigningKey, edge_keys: &Arc<EdgeKeys>) {
        self.refresh_seen(&mut *self.seen.lock().await, signing_key, edge_keys).await;
    }

    /// Reads the key again if its interval is over, for processes that do not run all the time.
    pub async fn refresh_if_stale(&self, signing_key: &SigningKey, edge_keys: &Arc<EdgeKeys>) {
        let mut seen = self.seen.lock().await;
        if seen.at.is_none_or(|at| at.elapsed() >= self.setting.refresh) {
            self.refresh_seen(&mut seen, signing_key, edge_keys).await;
        }
    }

    async fn refresh_seen(&self, seen: &mut Seen, signing_key: &SigningKey, edge_keys: &Arc<EdgeKeys>) {
        seen.at = Some(Instant::now());
        let outcome = match self.read().await {
            Ok(found) => self.apply(seen, found, signing_key, edge_keys).await,
            Err(failure) => Err(failure),
        };
        let label = outcome.as_ref().map_or_else(|failure| failure.outcome, |()| "ok");
        metrics::counter!("tidegate_signing_key_reads_total", "outcome" => label).increment(1);
        let failure = outcome.err();
        match (&seen.failure, &failure) {
            (Some(_), None) => {
                tracing::info!(version = seen.version, place = %self.setting.place, "the signing key is read again")
            }
            (before, Some(now)) if before.as_ref() != Some(now) => {
                let key = signing_key.signer().key_pair_id().to_owned();
                tracing::error!(error = now.message, key, "the signing key can't be read again, and stays as it is");
            }
            _ => {}
        }
        seen.failure = failure;
    }

    /// Compares what was read with the key in use.
    async fn apply(
        &self,
        seen: &mut Seen,
        found: Found,
        signing_key: &SigningKey,
        edge_keys: &Arc<EdgeKeys>,
    ) -> Result<(), Failure> {
        let Found { document, version, written } = found;
        if seen.version != version {
            tracing::info!(key = document.id, version, place = %self.setting.place, "the signing key has another version");
            seen.version = version;
        }
        let (current, current_public) = {
            let signer = signing_key.signer();
            let public = signer.key().public_pem().map_err(|error| Failure::unusable(error.to_string()))?;
            (signer.key_pair_id().to_owned(), public)
        };
        let now = Instant::now();
        seen.previous.retain(|(_, _, until)| *until > now);
        if document.id == current && document.public != current_public {
            return Err(Failure::unusable(format!(
                "version {} of {} holds another key under the same id {current}; write the key together with its id, as \
                 {{\"keyPairId\": …, \"privateKey\": …}}",
                seen.version, self.setting.place
            )));
        }
        // What the document says of other keys is all that counts. Without a word of them, keys that
        // signed before are trusted as long as what they signed.
        let mut trusted = match &document.others {
            Some(others) => others.clone(),
            None => seen.previous.iter().map(|(id, pem, _)| (id.clone(), pem.clone())).collect(),
        };
        trusted.push((current.clone(), current_public.clone()));
        trusted.push((document.id.clone(), document.public.clone()));
        trust(edge_keys, trusted).await;
        if document.id == current {
            seen.waiting = None;
            return Ok(());
        }
        let delay = self.setting.refresh * WAITS;
        if seen.waiting.as_ref() != Some(&document.id) {
            tracing::info!(
                key = document.id,
                seconds = delay.as_secs(),
                "another signing key was found, and signs soon"
            );
            seen.waiting = Some(document.id.clone());
        }
        // A key that nobody trusts any more is given up at once. That happens to servers that could not
        // read for long.
        let others = document.others.as_ref();
        let is_retired = others.is_some_and(|others| others.iter().all(|(id, _)| *id != current));
        let age = SystemTime::now().duration_since(written).unwrap_or_default();
        if age < delay && !is_retired {
            return Ok(());
        }
        self.require_in_group(&document.id).await?;
        seen.waiting = None;
        seen.previous.push((current, current_public, now + self.longest_grant));
        signing_key.switch(document.id, document.key);
        Ok(())
    }

    /// Fails if CloudFront says that a key is not in the key group. If CloudFront cannot be asked,
    /// whoever wrote the key is believed.
    async fn require_in_group(&self, key: &str) -> Result<(), Failure> {
        let Some((cloudfront, group)) = &self.group else { return Ok(()) };
        match cloudfront.key_group(group).await {
            Ok(found) if found.keys.iter().any(|known| known == key) => Ok(()),
            Ok(_) => {
                let message = format!("the key {key} is not in the key group {group} (CLOUDFRONT_KEY_GROUP_ID)");
                Err(Failure { outcome: "not_in_group", message })
            }
            Err(error) => {
                tracing::warn!(%error, key, group, "whether the signing key is in the key group can't be asked");
                Ok(())
            }
        }
    }

    /// Calls [`Self::refresh`] at its interval until `stop` is cancelled.
    pub async fn refresh_periodically(
        self: Arc<Self>,
        signing_key: Arc<SigningKey>,
        edge_keys: Arc<EdgeKeys>,
        stop: CancellationToken,
    ) {
        while tokio::time::timeout(self.setting.refresh, stop.cancelled()).await.is_err() {
            tokio::select! {
                () = self.refresh(&signing_key, &edge_keys) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}

/// Has the edge of this server trust keys besides those in its folder. The last of an id counts.
async fn trust(edge_keys: &Arc<EdgeKeys>, keys: Vec<(String, String)>) {
    let edge_keys = Arc::clone(edge_keys);
    let replacing = tokio::task::spawn_blocking(move || edge_keys.set_own_keys(keys)).await;
    if let Err(error) = replacing {
        tracing::error!(%error, "the edge's public keys can't be changed");
    }
}
