//! `tidegate check`: the settings as they were understood, without secrets.

use crate::config::{AuthMode, Config, Cors, Database, GrantMode, StoreSetting};

/// The report.
pub(super) fn report(config: &Config) -> String {
    let mut text = String::from("the settings are fine\n\n");
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<12} {value}\n"));
    let edge = config.edge_port.map_or("off".to_owned(), |port| port.to_string());
    let (s3, store) = match &config.store {
        StoreSetting::Local(root) => (config.s3_port.to_string(), root.display().to_string()),
        StoreSetting::S3(s3) => ("off".to_owned(), format!("bucket {} at {}", s3.bucket, s3.endpoint)),
    };
    line("doors", format!("{} API {} · edge {edge} · S3 {s3}", config.bind, config.port));
    line("data", config.data.display().to_string());
    line("store", store);
    let database = match &config.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres { host, connections, .. } => {
            let through = host.as_ref().map_or(String::new(), |host| format!(" through {host}"));
            format!("PostgreSQL{through}, up to {connections} connections")
        }
    };
    line("database", database);
    let sign_in = match config.auth.mode {
        AuthMode::Dev => "dev: the X-User-Id header is believed",
        AuthMode::None => "none: everybody is one user",
        AuthMode::Jwt => "by token",
    };
    let tokens = &config.auth.sign_in;
    let sources = [
        tokens.jwks_url.as_ref().map(|url| format!("keys from {url}")),
        tokens.public_key.as_ref().map(|_| "one public key".to_owned()),
        tokens.own_tokens.then(|| "tokens of its own".to_owned()),
        (!tokens.services.is_empty()).then(|| format!("{} service tokens", tokens.services.len())),
    ];
    let sources: String = sources.into_iter().flatten().map(|source| format!(" · {source}")).collect();
    line("sign-in", format!("{sign_in}{sources}"));
    let key = config.cloudfront.key.as_ref().map_or("generated".to_owned(), |(id, _)| format!("given, {id}"));
    let mode = match config.cloudfront.auth_mode {
        GrantMode::Cookie => "cookies",
        GrantMode::Url => "signed URLs",
    };
    line("grants", format!("{mode} for {} s · signing key {key}", config.cloudfront.lifetime.as_secs()));
    let cors = match &config.cors {
        Cors::Any => "any origin, bytes only".to_owned(),
        Cors::Named(origins) => origins.join(", "),
    };
    line("cross-origin", cors);
    line("images", format!("/{} · parts of {} bytes", config.images.layout.images(), config.images.part_size));
    for warning in &config.warnings {
        line("warning", warning.clone());
    }
    text
}
