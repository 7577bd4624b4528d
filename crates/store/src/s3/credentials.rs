//! The credentials that presigned requests are made with: taken from the chain, kept while they last, and never
//! promised for longer than they live.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::Mutex;

use crate::PresignedRequest;
use crate::error::{Error, Result};
use crate::sigv4::{Endpoint, Presigner, Unsigned};

/// How long before their end new ones are asked for.
const EARLY: Duration = Duration::from_secs(15 * 60);
/// How often the chain is asked at most while it has no newer ones.
const FLOOR: Duration = Duration::from_secs(30);
/// How long the chain may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long credentials without an end are taken to be the same.
const REREAD: Duration = Duration::from_secs(15 * 60);

/// A presigner that follows the chain's credentials.
#[derive(Debug)]
pub(super) struct Rotating {
    provider: Option<SharedCredentialsProvider>,
    endpoint: Endpoint,
    current: RwLock<Option<Arc<Current>>>,
    asking: Mutex<()>,
}

#[derive(Debug)]
struct Current {
    presigner: Presigner,
    ends: Option<SystemTime>,
    taken: Instant,
}

impl Current {
    fn is_fresh(&self) -> bool {
        let age = self.taken.elapsed();
        match self.ends {
            None => age < REREAD,
            Some(ends) => ends > SystemTime::now() + EARLY || (age < FLOOR && ends > SystemTime::now()),
        }
    }
}

impl Rotating {
    pub(super) fn new(provider: Option<SharedCredentialsProvider>, endpoint: Endpoint) -> Self {
        Self { provider, endpoint, current: RwLock::default(), asking: Mutex::default() }
    }

    /// A request that ends with its credentials if they end before it would.
    pub(super) async fn presign(&self, unsigned: Unsigned<'_>, lifetime: Duration) -> Result<PresignedRequest> {
        let current = self.current().await?;
        let now = SystemTime::now();
        let left = current.ends.map_or(lifetime, |ends| ends.duration_since(now).unwrap_or_default());
        if left < Duration::from_secs(1) {
            return Err(Error::Unavailable(io::Error::other("the S3 credentials have expired")));
        }
        current.presigner.presign(unsigned, now, lifetime.min(left))
    }

    async fn current(&self) -> Result<Arc<Current>> {
        let kept = || self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(current) = kept().filter(|current| current.is_fresh()) {
            return Ok(current);
        }
        let _one_at_a_time = self.asking.lock().await;
        if let Some(current) = kept().filter(|current| current.is_fresh()) {
            return Ok(current);
        }
        let failed = |error: String| Error::Unavailable(io::Error::other(format!("no S3 credentials: {error}")));
        let provider = self.provider.as_ref().ok_or_else(|| failed("there is no provider of any".into()))?;
        let asked = tokio::time::timeout(PATIENCE, provider.provide_credentials()).await;
        let given =
            match asked.map_err(|_| "no answer in time".to_owned()).and_then(|given| given.map_err(|e| shown(&e))) {
                Ok(given) => given,
                Err(reason) => {
                    // What is there may still be good for a while; it is not asked for again at once.
                    let old = kept().filter(|current| current.ends.is_none_or(|ends| ends > SystemTime::now()));
                    let old = old.ok_or_else(|| failed(reason))?;
                    let again = Current { presigner: old.presigner.clone(), ends: old.ends, taken: Instant::now() };
                    return Ok(self.keep(again));
                }
            };
        let presigner = Presigner::new(self.endpoint.clone(), given.access_key_id(), given.secret_access_key());
        let presigner = presigner.with_token(given.session_token());
        Ok(self.keep(Current { presigner, ends: given.expiry(), taken: Instant::now() }))
    }

    fn keep(&self, current: Current) -> Arc<Current> {
        let current = Arc::new(current);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&current));
        current
    }
}

fn shown(error: &aws_credential_types::provider::error::CredentialsError) -> String {
    super::error::told(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    fn rotating(ends: Option<SystemTime>) -> Rotating {
        let given = Credentials::new("ACCESS", "secret", Some("to/ken".into()), ends, "test");
        let endpoint = Endpoint { url: "http://127.0.0.1:1".into(), region: "r".into(), bucket: Some("b".into()) };
        Rotating::new(Some(SharedCredentialsProvider::new(given)), endpoint)
    }

    const HOUR: Duration = Duration::from_secs(3600);

    async fn signed(rotating: &Rotating) -> Result<PresignedRequest> {
        rotating.presign(Unsigned { method: "GET", key: "k", query: &[], headers: &[] }, HOUR).await
    }

    #[tokio::test]
    async fn a_request_ends_with_its_credentials_and_says_so() {
        let now = SystemTime::now();
        let request = signed(&rotating(Some(now + Duration::from_secs(90)))).await.unwrap();
        assert!(request.url.contains("&X-Amz-Security-Token=to%2Fken&X-Amz-Signature="), "{}", request.url);
        let left = request.expires.duration_since(now).unwrap_or_default();
        assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(80), "{left:?}");
        let request = signed(&rotating(Some(now + 2 * HOUR))).await.unwrap();
        assert!(request.url.contains("X-Amz-Expires=3600&"), "{}", request.url);
        let request = signed(&rotating(None)).await.unwrap();
        assert!(request.expires.duration_since(now).unwrap_or_default() > HOUR - Duration::from_secs(2));
    }

    /// Gives credentials once, and then fails.
    #[derive(Debug, Default)]
    struct Once(Arc<std::sync::atomic::AtomicUsize>);

    impl aws_credential_types::provider::ProvideCredentials for Once {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            use aws_credential_types::provider::{error::CredentialsError, future::ProvideCredentials};
            let ends = SystemTime::now() + Duration::from_secs(300);
            ProvideCredentials::ready(match self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Ok(Credentials::new("ACCESS", "secret", None, Some(ends), "test")),
                _ => Err(CredentialsError::provider_error("the role is away")),
            })
        }
    }

    #[tokio::test]
    async fn a_chain_that_fails_is_not_asked_for_every_request() {
        let once = Once::default();
        let asked = Arc::clone(&once.0);
        let provider = SharedCredentialsProvider::new(once);
        let rotating = Rotating::new(Some(provider), rotating(None).endpoint);
        signed(&rotating).await.unwrap();
        // Older than the floor, and near their end: time to ask again.
        let current = rotating.current().await.unwrap();
        let taken = Instant::now() - 2 * FLOOR;
        rotating.keep(Current { presigner: current.presigner.clone(), ends: current.ends, taken });
        for _ in 0..50 {
            signed(&rotating).await.unwrap();
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn expired_credentials_sign_nothing() {
        let refused = signed(&rotating(Some(SystemTime::now() - HOUR))).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        let none = Rotating::new(None, rotating(None).endpoint);
        assert!(matches!(signed(&none).await, Err(Error::Unavailable(_))));
    }
}
