//! Keeps the credentials of a provider until shortly before they expire. The standard credential chain
//! of AWS has no cache of its own: it asks IMDS, ECS or STS each time. Signs nothing; see `client`.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::Error;
use super::client::with_sources;

/// How long before their expiry credentials are refreshed.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(15 * 60);
/// How long credentials without an expiry are kept before they are refreshed.
const REFRESH_AFTER: Duration = Duration::from_secs(15 * 60);
/// The shortest time between two refreshes while there are valid credentials.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// The time limit of a refresh.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(10);

/// The last credentials of a provider.
#[derive(Debug)]
pub(crate) struct CachedCredentials {
    provider: SharedCredentialsProvider,
    state: std::sync::Mutex<State>,
    /// Held during a refresh.
    refreshing: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Credentials>,
    /// When the last refresh ended.
    refreshed: Option<Instant>,
    /// Why the last refresh failed.
    error: Option<String>,
}

impl State {
    /// Returns the last credentials, unless they have expired.
    fn valid(&self) -> Option<Credentials> {
        let last = self.last.as_ref()?;
        last.expiry().is_none_or(|expiry| expiry > SystemTime::now()).then(|| last.clone())
    }

    /// Returns whether valid credentials need a refresh.
    fn is_due(&self) -> bool {
        let Some(age) = self.refreshed.map(|refreshed| refreshed.elapsed()) else { return true };
        match self.last.as_ref().and_then(Credentials::expiry) {
            Some(expiry) => age >= MIN_REFRESH_INTERVAL && expiry <= SystemTime::now() + REFRESH_BEFORE_EXPIRY,
            None => age >= REFRESH_AFTER,
        }
    }
}

impl CachedCredentials {
    /// Returns an empty cache. Calls the provider on first use.
    pub(crate) fn new(provider: SharedCredentialsProvider) -> Arc<Self> {
        Arc::new(Self { provider, state: std::sync::Mutex::default(), refreshing: Arc::default() })
    }

    /// Returns valid credentials. Waits for the provider only if there are none; others are refreshed
    /// by a task, one at a time.
    pub(crate) async fn current(self: &Arc<Self>) -> Result<Credentials, Error> {
        let called = Instant::now();
        let (valid, is_due) = {
            let state = self.state();
            (state.valid(), state.is_due())
        };
        if let Some(valid) = valid {
            if is_due && let Ok(turn) = Arc::clone(&self.refreshing).try_lock_owned() {
                tokio::spawn(Arc::clone(self).refresh(turn));
            }
            return Ok(valid);
        }
        let turn = Arc::clone(&self.refreshing).lock_owned().await;
        if self.state().refreshed.is_none_or(|refreshed| refreshed <= called) {
            // A task of its own, so that a caller that gives up does not end it for the others.
            drop(tokio::spawn(Arc::clone(self).refresh(turn)).await);
        }
        let state = self.state();
        let error = || state.error.clone().unwrap_or_else(|| "they have expired".to_owned());
        state.valid().ok_or_else(|| Error::Unavailable(format!("no AWS credentials: {}", error())))
    }

    /// Asks the provider. If it fails, the last credentials are kept.
    async fn refresh(self: Arc<Self>, _turn: OwnedMutexGuard<()>) {
        let provided = tokio::time::timeout(REFRESH_TIMEOUT, self.provider.provide_credentials()).await;
        let provided = match provided {
            Ok(provided) => provided.map_err(|error| with_sources(&error)),
            Err(_) => Err(format!("none came within {} s", REFRESH_TIMEOUT.as_secs())),
        };
        let mut state = self.state();
        state.refreshed = Some(Instant::now());
        match provided {
            Ok(credentials) => (state.last, state.error) = (Some(credentials), None),
            Err(error) => state.error = Some(error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Returns credentials that are valid for so long the first time, and then fails or hangs.
    #[derive(Debug)]
    struct Once {
        valid_for: Option<Duration>,
        hangs: bool,
        calls: Arc<AtomicUsize>,
    }

    impl ProvideCredentials for Once {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let (call, hangs) = (self.calls.fetch_add(1, Ordering::SeqCst), self.hangs);
            let expiry = self.valid_for.map(|valid_for| SystemTime::now() + valid_for);
            future::ProvideCredentials::new(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                match call {
                    0 => Ok(Credentials::new("AKID", "secret", None, expiry, "test")),
                    _ if hangs => std::future::pending().await,
                    _ => Err(CredentialsError::provider_error("the role is away")),
                }
            })
        }
    }

    /// Returns a cache over [`Once`], and how often its provider was called.
    fn cache(valid_for: Option<Duration>, hangs: bool) -> (Arc<CachedCredentials>, Arc<AtomicUsize>) {
        let calls = Arc::<AtomicUsize>::default();
        let provider = Once { valid_for, hangs, calls: Arc::clone(&calls) };
        (CachedCredentials::new(SharedCredentialsProvider::new(provider)), calls)
    }

    #[tokio::test(start_paused = true)]
    async fn the_provider_is_called_once_for_many_requests() {
        for valid_for in [None, Some(60 * MINUTE)] {
            let (cache, calls) = cache(valid_for, false);
            let (one, two, three) = tokio::join!(cache.current(), cache.current(), cache.current());
            assert!(one.is_ok() && two.is_ok() && three.is_ok());
            cache.current().await.unwrap();
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{valid_for:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_are_used_until_they_expire_whatever_the_provider_does() {
        for hangs in [false, true] {
            let (cache, calls) = cache(Some(5 * MINUTE), hangs);
            cache.current().await.unwrap();
            tokio::time::advance(MIN_REFRESH_INTERVAL).await;
            for _ in 0..50 {
                let called = Instant::now();
                cache.current().await.unwrap();
                assert_eq!(called.elapsed(), Duration::ZERO, "a request waited for credentials");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(calls.load(Ordering::SeqCst), 2, "hangs: {hangs}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_that_fails_is_shared_and_tried_again() {
        for (hangs, told) in [(false, "the role is away"), (true, "none came within 10 s")] {
            let (cache, calls) = cache(Some(Duration::ZERO), hangs);
            assert!(cache.current().await.unwrap_err().to_string().contains("they have expired"));
            let called = Instant::now();
            let (one, two) = tokio::join!(cache.current(), cache.current());
            assert!(one.unwrap_err().to_string().contains(told) && two.unwrap_err().to_string().contains(told));
            assert!(called.elapsed() <= REFRESH_TIMEOUT, "one after the other");
            assert_eq!(calls.load(Ordering::SeqCst), 2);
            cache.current().await.unwrap_err();
            assert_eq!(calls.load(Ordering::SeqCst), 3);
        }
    }
}
