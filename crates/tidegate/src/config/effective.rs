//! Every setting with the value that is in effect, as operators are shown it: no secret, and no
//! credentials of a URL; `given.rs` hides them. Which section a setting is listed in is in `sections.rs`.

use std::path::Path;

use super::given::shown_value;
use super::settings::{SETTINGS, Setting};
use super::sources::{Given, Sources};
use super::{AuthMode, Config, StoreSetting, sources};

/// A setting, and its value in effect.
#[derive(Debug, Clone)]
pub struct SettingValue {
    /// The setting.
    pub setting: &'static Setting,
    /// The value; `None` for a secret, for what looks like a key, and where there is none.
    pub value: Option<String>,
    /// Whether it was given, rather than the default.
    pub given: bool,
}

/// Returns every setting with what was given for it, or its default.
pub(super) fn values(given: &Given) -> Vec<SettingValue> {
    let shown = |setting: &'static Setting| {
        let value = Some(given.value(setting.name)).filter(|value| !value.is_empty());
        let value = value.and_then(|value| shown_value(setting, value));
        SettingValue { setting, value, given: given.explicit(setting.name).is_some() }
    };
    SETTINGS.iter().map(shown).collect()
}

/// Returns every setting with what the sources say, whether or not a server starts with it.
pub fn setting_values(sources: &Sources) -> Vec<SettingValue> {
    values(&sources::read(sources))
}

/// Sets the values of settings that were not given and whose default depends on others.
pub(super) fn add_derived(config: &mut Config) {
    let mut values = std::mem::take(&mut config.settings);
    for value in values.iter_mut().filter(|value| !value.given && !value.setting.secret && value.value.is_none()) {
        value.value = derived(config, value.setting.name);
    }
    config.settings = values;
}

/// Returns the value of a setting that was not given, where its default depends on others.
fn derived(config: &Config, name: &str) -> Option<String> {
    let path = |path: &Path| Some(path.display().to_string());
    let (limits, shares) = (&config.limits, &config.limits.resources);
    let number = match name {
        "RATE_LIMIT_PER_SUBJECT" => Some(u64::from(limits.per_subject)),
        "RATE_LIMIT_PER_ADDRESS" => Some(u64::from(limits.per_address)),
        "RATE_LIMIT_S3_PER_ADDRESS" => Some(u64::from(limits.per_address_at_s3)),
        "MAX_CONNECTIONS_PER_ADDRESS" => Some(limits.connections_per_address.of(limits.connections) as u64),
        "MAX_REQUESTS_PER_ADDRESS" => Some(shares.requests.per_address as u64),
        "MAX_REQUESTS_PER_SUBJECT" => Some(shares.requests.per_subject as u64),
        "MAX_UPLOADS_PER_ADDRESS" => Some(shares.uploads.per_address as u64),
        "MAX_UPLOADS_PER_SUBJECT" => Some(shares.uploads.per_subject as u64),
        "MAX_DOWNLOADS_PER_CLIENT" => Some(shares.downloads.per_address as u64),
        "WORKER_IMAGES" => Some(config.media.concurrent_images as u64),
        _ => None,
    };
    if let Some(number) = number {
        return Some(number.to_string());
    }
    match (name, &config.store) {
        ("AUTH_MODE", _) => Some(config.auth.mode.as_str().to_owned()),
        ("EDGE_KEYS", _) => path(&config.edge.keys),
        ("UPLOAD_ROOT", StoreSetting::Local(root)) => path(root),
        ("S3_ENDPOINT", StoreSetting::S3(s3)) => Some(s3.endpoint.to_string()),
        ("S3_FORCE_PATH_STYLE", StoreSetting::S3(s3)) => Some((s3.addressing == store::Addressing::Path).to_string()),
        ("GRAPHQL_INTROSPECTION", _) => Some(config.graphql.introspection.to_string()),
        ("GRAPHIQL", _) => Some(config.graphql.graphiql.to_string()),
        ("FFMPEG_PATH", _) => match &config.media.ffmpeg {
            Some((ffmpeg, _)) => ffmpeg.parent().and_then(path),
            None => Some("off".to_owned()),
        },
        _ => None,
    }
}

impl AuthMode {
    /// Returns the name in `AUTH_MODE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::None => "none",
            Self::Jwt => "jwt",
            Self::Authorizer => "authorizer",
        }
    }
}
