//! Presigns requests with credentials from the AWS credential chain. Caches the credentials,
//! refreshes them before they expire, and never issues a request that outlives them. The signature
//! itself is in `sigv4`.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::Mutex;

use super::error::error_chain;
use crate::PresignedRequest;
use crate::error::{Error, Result};
use crate::sigv4::{Endpoint, Presigner, Unsigned};

/// How long before their expiry credentials are refreshed.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(15 * 60);
/// The shortest time between two calls of the chain while it returns credentials that expire soon.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// The time limit of a call of the chain.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long credentials without an expiry are cached.
const STATIC_CREDENTIALS_TTL: Duration = Duration::from_secs(15 * 60);

/// Presigns with the current credentials of the chain.
#[derive(Debug)]
pub(super) struct RotatingPresigner {
    provider: Option<SharedCredentialsProvider>,
    endpoint: Endpoint,
    current: RwLock<Option<Arc<CachedCredentials>>>,
    refresh_lock: Mutex<()>,
}

#[derive(Debug)]
/// Cached credentials, in the form of a presigner.
struct CachedCredentials {
    presigner: Presigner,
    expires: Option<SystemTime>,
    fetched_at: Instant,
}

impl CachedCredentials {
    /// Returns whether the credentials can be used without a refresh.
    fn is_fresh(&self) -> bool {
        let age = self.fetched_at.elapsed();
        match self.expires {
            None => age < STATIC_CREDENTIALS_TTL,
            Some(expires) => {
                expires > SystemTime::now() + REFRESH_BEFORE_EXPIRY
                    || (age < MIN_REFRESH_INTERVAL && expires > SystemTime::now())
            }
        }
    }
}

impl RotatingPresigner {
    /// Creates a presigner for `endpoint`. Calls the provider on first use.
    pub(super) fn new(provider: Option<SharedCredentialsProvider>, endpoint: Endpoint) -> Self {
        Self { provider, endpoint, current: RwLock::default(), refresh_lock: Mutex::default() }
    }

    /// Presigns a request that expires with its credentials if they expire before `lifetime` is
    /// over.
    pub(super) async fn presign(&self, unsigned: Unsigned<'_>, lifetime: Duration) -> Result<PresignedRequest> {
        let current = self.current().await?;
        let now = SystemTime::now();
        let left = current.expires.map_or(lifetime, |expires| expires.duration_since(now).unwrap_or_default());
        if left < Duration::from_secs(1) {
            return Err(Error::Unavailable(io::Error::other("the S3 credentials have expired")));
        }
        current.presigner.presign(unsigned, now, lifetime.min(left))
    }

    /// Returns when the current credentials expire; `None` if they do not.
    pub(super) async fn expiry(&self) -> Result<Option<SystemTime>> {
        Ok(self.current().await?.expires)
    }

    /// Returns the cached credentials; refreshes them if they are due. If the refresh fails,
    /// returns the old ones as long as they are valid.
    async fn current(&self) -> Result<Arc<CachedCredentials>> {
        let cached = || self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(current) = cached().filter(|current| current.is_fresh()) {
            return Ok(current);
        }
        let _refresh_guard = self.refresh_lock.lock().await;
        if let Some(current) = cached().filter(|current| current.is_fresh()) {
            return Ok(current);
        }
        let failed = |error: String| Error::Unavailable(io::Error::other(format!("no S3 credentials: {error}")));
        let provider = self.provider.as_ref().ok_or_else(|| failed("no provider is configured".into()))?;
        let fetched = tokio::time::timeout(PROVIDER_TIMEOUT, provider.provide_credentials()).await;
        let given = match fetched
            .map_err(|_| "no response in time".to_owned())
            .and_then(|given| given.map_err(|error| error_chain(&error)))
        {
            Ok(given) => given,
            Err(reason) => {
                // The cached credentials can still be valid. Caching them again delays the next
                // attempt.
                let old = cached().filter(|current| current.expires.is_none_or(|expires| expires > SystemTime::now()));
                let old = old.ok_or_else(|| failed(reason))?;
                let again = CachedCredentials {
                    presigner: old.presigner.clone(),
                    expires: old.expires,
                    fetched_at: Instant::now(),
                };
                return Ok(self.cache(again));
            }
        };
        let presigner = Presigner::new(self.endpoint.clone(), given.access_key_id(), given.secret_access_key());
        let presigner = presigner.with_token(given.session_token());
        Ok(self.cache(CachedCredentials { presigner, expires: given.expiry(), fetched_at: Instant::now() }))
    }

    /// Replaces the cached credentials.
    fn cache(&self, current: CachedCredentials) -> Arc<CachedCredentials> {
        let current = Arc::new(current);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&current));
        current
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    fn rotating_presigner(expires: Option<SystemTime>) -> RotatingPresigner {
        let given = Credentials::new("ACCESS", "secret", Some("to/ken".into()), expires, "test");
        let endpoint = Endpoint { url: "http://127.0.0.1:1".into(), region: "r".into(), bucket: Some("b".into()) };
        RotatingPresigner::new(Some(SharedCredentialsProvider::new(given)), endpoint)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    async fn signed(rotating_presigner: &RotatingPresigner) -> Result<PresignedRequest> {
        rotating_presigner.presign(Unsigned { method: "GET", key: "k", query: &[], headers: &[] }, HOUR).await
    }

    #[tokio::test]
    async fn a_request_expires_with_its_credentials() {
        let now = SystemTime::now();
        let request = signed(&rotating_presigner(Some(now + Duration::from_secs(90)))).await.unwrap();
        assert!(request.url.contains("&X-Amz-Security-Token=to%2Fken&X-Amz-Signature="), "{}", request.url);
        let left = request.expires.duration_since(now).unwrap_or_default();
        assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(80), "{left:?}");
        let request = signed(&rotating_presigner(Some(now + 2 * HOUR))).await.unwrap();
        assert!(request.url.contains("X-Amz-Expires=3600&"), "{}", request.url);
        let request = signed(&rotating_presigner(None)).await.unwrap();
        assert!(request.expires.duration_since(now).unwrap_or_default() > HOUR - Duration::from_secs(2));
    }

    /// Returns credentials once and then fails.
    #[derive(Debug, Default)]
    struct OnceProvider(Arc<std::sync::atomic::AtomicUsize>);

    impl aws_credential_types::provider::ProvideCredentials for OnceProvider {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            use aws_credential_types::provider::{error::CredentialsError, future::ProvideCredentials};
            let expires = SystemTime::now() + Duration::from_secs(300);
            ProvideCredentials::ready(match self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Ok(Credentials::new("ACCESS", "secret", None, Some(expires), "test")),
                _ => Err(CredentialsError::provider_error("the role is away")),
            })
        }
    }

    #[tokio::test]
    async fn a_failing_chain_is_not_called_for_every_request() {
        let provider = OnceProvider::default();
        let calls = Arc::clone(&provider.0);
        let provider = SharedCredentialsProvider::new(provider);
        let rotating_presigner = RotatingPresigner::new(Some(provider), rotating_presigner(None).endpoint);
        signed(&rotating_presigner).await.unwrap();
        // Fetched longer ago than the minimum interval and about to expire: a refresh is due.
        let current = rotating_presigner.current().await.unwrap();
        let fetched_at = Instant::now() - 2 * MIN_REFRESH_INTERVAL;
        rotating_presigner.cache(CachedCredentials {
            presigner: current.presigner.clone(),
            expires: current.expires,
            fetched_at,
        });
        for _ in 0..50 {
            signed(&rotating_presigner).await.unwrap();
        }
        assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn expired_credentials_sign_nothing() {
        let refused = signed(&rotating_presigner(Some(SystemTime::now() - HOUR))).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        let none = RotatingPresigner::new(None, rotating_presigner(None).endpoint);
        assert!(matches!(signed(&none).await, Err(Error::Unavailable(_))));
    }
}
