//! Opens connections to PostgreSQL: from the URL, the host that replaces its own, the pooling, and the
//! tokens that replace the password (`DATABASE_IAM_AUTH`).

use std::str::FromStr as _;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard};

use super::session::{Pooling, Session};
use super::{Database, PostgresUrlFacts};

/// How long opening a connection may take.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// The age of a token at which another one is made. Temporary credentials, which it ends with, may be
/// exchanged by then too.
const RENEW_AFTER: Duration = Duration::from_secs(aws::TOKEN_LIFETIME.as_secs() / 3);
/// The age up to which a token is used while another one is made: the database must still take it when
/// the connection is open.
const USABLE: Duration = Duration::from_secs(aws::TOKEN_LIFETIME.as_secs() - 60);
/// How long making a token may take.
const MAKE: Duration = Duration::from_secs(5);
/// How long after a token could not be made the next one is tried.
const RETRY: Duration = Duration::from_secs(5);

/// Opens connections of their own to one database. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector {
    /// How to connect.
    pub(super) options: PgConnectOptions,
    /// What a connection keeps.
    pub(super) pooling: Pooling,
    tokens: Option<Arc<Tokens>>,
}

/// Without the password, which the driver's options would show.
impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Connector");
        shown.field("host", &self.options.get_host()).field("pooling", &self.pooling).finish_non_exhaustive()
    }
}

/// Makes a token.
type Make = Box<dyn Fn() -> BoxFuture<'static, Result<String, aws::Error>> + Send + Sync>;

/// Makes tokens, and keeps the last one.
struct Tokens {
    make: Make,
    /// Held by whoever makes a token.
    making: Arc<Mutex<()>>,
    state: std::sync::Mutex<TokenState>,
}

#[derive(Default)]
struct TokenState {
    last: Option<Token>,
    /// When no token could be made.
    failed: Option<SystemTime>,
}

/// A token in place of the password.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// When it was made, by the clock that its lifetime goes by.
    pub(super) made: SystemTime,
    secret: SecretString,
}

impl Token {
    /// Returns whether the token is younger than `limit`.
    fn is_younger(&self, limit: Duration) -> bool {
        age(self.made) < limit
    }
}

/// Returns how long ago a time was; long ago if it is in the future.
fn age(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or(Duration::MAX)
}

impl Tokens {
    fn new(make: Make) -> Arc<Self> {
        Arc::new(Self { make, making: Arc::default(), state: std::sync::Mutex::default() })
    }

    /// Returns a token that is good for some minutes. Waits only if there is none, and not again after
    /// one could not be made; a token that is no longer new is replaced by a task. If none can be made,
    /// returns the last one: connections that are open need none.
    async fn current(self: &Arc<Self>) -> sqlx::Result<Token> {
        let (last, has_failed) = {
            let state = self.state();
            (state.last.clone(), state.failed.is_some())
        };
        match last {
            Some(token) if token.is_younger(RENEW_AFTER) => return Ok(token),
            Some(token) if token.is_younger(USABLE) || has_failed => {
                if let Ok(turn) = Arc::clone(&self.making).try_lock_owned() {
                    tokio::spawn(Arc::clone(self).renew(turn));
                }
                return Ok(token);
            }
            _ => {}
        }
        let turn = Arc::clone(&self.making).lock_owned().await;
        // A task of its own, so that a request that is cancelled does not end it for the others.
        drop(tokio::spawn(Arc::clone(self).renew(turn)).await);
        let last = self.state().last.clone();
        last.ok_or_else(|| sqlx::Error::Io(std::io::Error::other("there is no token for the database")))
    }

    /// Makes a token, unless another task has done so or has failed just now.
    async fn renew(self: Arc<Self>, _turn: OwnedMutexGuard<()>) {
        let is_needed = {
            let state = self.state();
            let is_new = state.last.as_ref().is_some_and(|token| token.is_younger(RENEW_AFTER));
            !is_new && state.failed.is_none_or(|failed| age(failed) >= RETRY)
        };
        if !is_needed {
            return;
        }
        let made = match tokio::time::timeout(MAKE, (self.make)()).await {
            Ok(made) => made.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no credentials came within {} s", MAKE.as_secs())),
        };
        let mut state = self.state();
        match made {
            Ok(secret) => {
                let token = Token { made: SystemTime::now(), secret: secret.into() };
                *state = TokenState { last: Some(token), failed: None };
            }
            Err(error) => {
                tracing::warn!(error, "no token for the database could be made (DATABASE_IAM_AUTH)");
                state.failed = Some(SystemTime::now());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what makes tokens for a database with the credentials of an account.
fn maker(account: aws::Options, options: PgConnectOptions) -> Make {
    let client = Arc::new(OnceCell::new());
    Box::new(move || {
        let (account, options, client) = (account.clone(), options.clone(), Arc::clone(&client));
        async move {
            let client = client.get_or_try_init(|| aws::Client::open(account)).await?;
            client.database_token(options.get_host(), options.get_port(), options.get_username()).await
        }
        .boxed()
    })
}

/// Returns what a PostgreSQL URL says about signing in.
pub(super) fn facts(url: &str) -> Option<PostgresUrlFacts> {
    let options = parse(url)?;
    let has_password = url.split_once("://")?.1.split_once('@').is_some_and(|(user, _)| user.contains(':'))
        || url.contains("?password=")
        || url.contains("&password=");
    let requires_tls =
        matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    Some(PostgresUrlFacts { host: options.get_host().to_owned(), has_password, requires_tls })
}

/// Parses a `postgres://` URL.
pub(super) fn parse(url: &str) -> Option<PgConnectOptions> {
    let known = url.starts_with("postgres://") || url.starts_with("postgresql://");
    // The driver would replace an empty host by localhost, and an empty name by the user's.
    let named = url.split_once("://").is_some_and(|(_, rest)| !rest.starts_with('/') && !rest.is_empty());
    (known && named).then(|| PgConnectOptions::from_str(url).ok()).flatten()
}

impl Connector {
    /// Returns the connector of a PostgreSQL database. Does not connect.
    pub(super) fn new(database: &Database) -> anyhow::Result<Self> {
        let Database::Postgres { url, host, pooling, iam, .. } = database else {
            anyhow::bail!("the database is not PostgreSQL")
        };
        let options = parse(url.expose_secret()).context("DATABASE_URL")?;
        let options = host.iter().fold(options, |options, host| options.host(host)).application_name("tidegate");
        let options = match pooling {
            Pooling::Session => options,
            // PgBouncer refuses a connection that brings this setting.
            Pooling::Transaction => options.extra_float_digits(None),
        };
        let tokens = iam.clone().map(|account| Tokens::new(maker(account, options.clone())));
        Ok(Self { options, pooling: *pooling, tokens })
    }

    /// Returns the token for connections that are opened now; `None` if the URL's password is used.
    pub(super) async fn token(&self) -> sqlx::Result<Option<Token>> {
        match &self.tokens {
            Some(tokens) => tokens.current().await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns how to connect with a token.
    pub(super) fn options_with(&self, token: &Token) -> PgConnectOptions {
        self.options.clone().password(token.secret.expose_secret())
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> sqlx::Result<Session> {
        let token = self.token().await?;
        let options = token.map_or_else(|| self.options.clone(), |token| self.options_with(&token));
        let connecting = tokio::time::timeout(CONNECT, PgConnection::connect_with(&options));
        let connection = connecting.await.map_err(|_| sqlx::Error::PoolTimedOut)??;
        Ok(Session::own(connection, self.pooling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_without_a_host_are_refused() {
        for good in ["postgres://u:p@h/d", "postgresql://h:5433/d?sslmode=verify-full", "postgres://[::1]/d"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in ["postgres:///d", "postgres://", "mysql://h/d", "postgres:h", "postgres://h/d?sslmode=perhaps", "x"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        let options = parse("postgres://u:marker-in-test@db.example/d").unwrap();
        let connector = Connector { options, pooling: Pooling::Session, tokens: None };
        let shown = format!("{connector:?}");
        assert!(shown.contains("db.example") && !shown.contains("marker-in-test"), "{shown}");
    }

    /// Returns tokens that `make` makes, whose last one was made so long ago.
    fn tokens(
        last: Option<Duration>,
        make: impl Fn() -> BoxFuture<'static, Made> + Send + Sync + 'static,
    ) -> Arc<Tokens> {
        let tokens = Tokens::new(Box::new(make));
        let last = last.map(|age| Token { made: SystemTime::now() - age, secret: "last".to_owned().into() });
        tokens.state().last = last;
        tokens
    }

    type Made = Result<String, aws::Error>;

    async fn secret(tokens: &Arc<Tokens>) -> String {
        tokens.current().await.unwrap().secret.expose_secret().to_owned()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_the_next_token_while_the_last_one_is_good() {
        let silent = tokens(Some(6 * MINUTE), || std::future::pending().boxed());
        let asked = tokio::time::Instant::now();
        assert_eq!((secret(&silent).await.as_str(), secret(&silent).await.as_str()), ("last", "last"));
        assert!(asked.elapsed() < MAKE, "a silent source of credentials stops no statement");
        let working = tokens(Some(6 * MINUTE), || async { Ok("next".to_owned()) }.boxed());
        assert_eq!(secret(&working).await, "last");
        tokio::task::yield_now().await;
        assert_eq!(secret(&working).await, "next", "it was made beside");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_cannot_be_made_is_tried_again_after_a_pause() {
        let tries = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = Arc::clone(&tries);
        let failing = tokens(Some(15 * MINUTE), move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async { Err(aws::Error::Unavailable("no credentials".to_owned())) }.boxed()
        });
        assert_eq!((secret(&failing).await.as_str(), secret(&failing).await.as_str()), ("last", "last"));
        assert_eq!(
            tries.load(std::sync::atomic::Ordering::Relaxed),
            1,
            "a source that fails is left alone for a while"
        );
        failing.state().failed = Some(SystemTime::now() - RETRY);
        secret(&failing).await;
        tokio::task::yield_now().await;
        assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 2);
        let old = tokens(Some(15 * MINUTE), || std::future::pending().boxed());
        let asked = tokio::time::Instant::now();
        for _ in 0..3 {
            assert_eq!(secret(&old).await, "last");
            old.state().failed = Some(SystemTime::now() - RETRY);
        }
        assert!(asked.elapsed() < 2 * MAKE, "open connections wait for a silent source once");
        let none = tokens(None, || std::future::pending().boxed());
        let asked = tokio::time::Instant::now();
        assert!(none.current().await.is_err());
        assert!(asked.elapsed() >= MAKE && asked.elapsed() < 2 * MAKE, "and no longer");
    }
}
