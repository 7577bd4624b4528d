//! The settings of the database.

use std::path::{Path, PathBuf};

use super::AwsSetting;
use super::resolve::{Resolver, is_loopback_host};
use super::settings::{Setting, built};
use secrecy::ExposeSecret as _;

use crate::db::{Database, Pooling};

/// The rows of the settings table.
pub(super) const DATABASE: &[Setting] = &[
    built(
        "DATABASE_URL",
        "",
        "sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE",
        "The database. PostgreSQL may be shared by any number of servers. Default: tidegate.db in TIDEGATE_DATA.",
    )
    .secret(),
    built(
        "DATABASE_TIMEOUT_SECONDS",
        "30",
        "1 to 600 seconds",
        "How long PostgreSQL may take for a statement, and be silent, before its connection counts as dead.",
    ),
    built("DATABASE_MAX_CONNECTIONS", "16", "1 to 1000", "Connections to PostgreSQL per server."),
    built(
        "DATABASE_POOLING",
        "",
        "session | transaction",
        "What a connection to PostgreSQL keeps: its session, or nothing after a transaction, as behind PgBouncer in \
         transaction mode or RDS Proxy. Default: session; transaction if RDS_PROXY_ENDPOINT is set.",
    ),
    built(
        "DATABASE_MIGRATE",
        "on",
        "on | off",
        "Whether a start migrates the tables. With off, a start is refused unless `tidegate migrate` has done it.",
    ),
    built(
        "DATABASE_IAM_AUTH",
        "false",
        "true | false",
        "Signs in to PostgreSQL on RDS by tokens of IAM, as the user in DATABASE_URL, which has no password then.",
    ),
    built("RDS_PROXY_ENDPOINT", "", "a host name", "The host to reach PostgreSQL by, instead of that in DATABASE_URL."),
];

/// Returns the database.
pub(super) fn resolve(r: &mut Resolver, data: &Path, aws: &AwsSetting) -> Database {
    let connections = u32::try_from(r.number("DATABASE_MAX_CONNECTIONS", 1..=1000)).unwrap_or(1);
    let timeout = r.seconds("DATABASE_TIMEOUT_SECONDS", 1..=600);
    let host = r.text("RDS_PROXY_ENDPOINT");
    let pooling = resolve_pooling(r, host.is_some());
    let url = r.text("DATABASE_URL").unwrap_or_default();
    if crate::db::is_postgres_url(&url) {
        let iam = resolve_iam(r, &url, host.as_deref(), aws);
        return Database::Postgres { url: url.into(), host, connections, timeout, pooling, iam };
    }
    if host.is_some() && url.is_empty() {
        r.problem(
            "DATABASE_URL",
            "postgres://USER:PASSWORD@HOST/DATABASE; RDS_PROXY_ENDPOINT takes the place of its host alone",
        );
        return Database::Sqlite(data.join("tidegate.db"));
    }
    if host.is_some() {
        r.problem(
            "RDS_PROXY_ENDPOINT",
            "it together with a postgres:// DATABASE_URL, whose host it takes the place of",
        );
    }
    if pooling == Pooling::Transaction && host.is_none() {
        r.problem("DATABASE_POOLING", "it together with a postgres:// DATABASE_URL");
    }
    if r.flag("DATABASE_IAM_AUTH") {
        r.problem("DATABASE_IAM_AUTH", "it together with a postgres:// DATABASE_URL");
    }
    match url.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//")) {
        Some(path) if !path.is_empty() && !path.contains('?') => Database::Sqlite(PathBuf::from(path)),
        None if url.is_empty() => Database::Sqlite(data.join("tidegate.db")),
        _ => {
            r.problem("DATABASE_URL", "sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE");
            Database::Sqlite(data.join("tidegate.db"))
        }
    }
}

/// Returns whose tokens take the place of the password. A token is sent as it is, so that it needs
/// TLS.
fn resolve_iam(r: &mut Resolver, url: &str, host: Option<&str>, aws: &AwsSetting) -> Option<aws::Options> {
    if !r.flag("DATABASE_IAM_AUTH") {
        return None;
    }
    let facts = crate::db::postgres_url_facts(url)?;
    if facts.has_password {
        r.problem("DATABASE_URL", "a URL without a password, since DATABASE_IAM_AUTH=true takes its place");
    }
    if !facts.requires_tls && !is_loopback_host(host.unwrap_or(&facts.host)) {
        r.problem("DATABASE_URL", "?sslmode=verify-full or ?sslmode=require, without which a token is not sent");
    }
    let credentials = aws.credentials.as_ref().map(|(access_key, secret, token)| {
        let token = token.as_ref().map(|token| token.expose_secret().to_owned());
        (access_key.clone(), secret.expose_secret().to_owned(), token)
    });
    Some(aws::Options { region: r.given.value("AWS_REGION").to_owned(), endpoint: None, credentials })
}

/// Returns what a connection keeps. RDS Proxy lends a session for one transaction.
fn resolve_pooling(r: &mut Resolver, has_proxy: bool) -> Pooling {
    match r.text("DATABASE_POOLING").as_deref() {
        Some("session") => Pooling::Session,
        Some("transaction") => Pooling::Transaction,
        None if has_proxy => Pooling::Transaction,
        None => Pooling::Session,
        Some(_) => {
            r.problem("DATABASE_POOLING", "session | transaction");
            Pooling::Session
        }
    }
}
