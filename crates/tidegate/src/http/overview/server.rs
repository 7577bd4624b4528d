//! The queues of jobs, the settings in effect and the keys, for operators. No secret is in any
//! response.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiResult;
use crate::app::App;
use crate::config::SettingValue;
use crate::http::error::ErrorBody;
use crate::http::time::rfc3339;
use crate::library::keys::{self, KeyState};
use crate::library::overview::{self, Queue};
use crate::model::caller::Caller;

/// The queues of all classes of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobQueues {
    queues: Vec<JobQueue>,
}

/// The jobs of a class.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobQueue {
    /// `upkeep`, `scans`, `images` or `videos`.
    class: String,
    /// Jobs that no worker has taken, those that are not due yet included.
    waiting: i64,
    /// Jobs that a worker is doing.
    running: i64,
    /// Jobs that have failed and are tried again later.
    retrying: i64,
    /// Jobs that were given up; see `/v1/jobs/dead`.
    dead: i64,
    /// For how many seconds the oldest job has been due that no worker is doing; null if none is due.
    oldest_seconds: Option<u64>,
}

impl From<Queue> for JobQueue {
    fn from(Queue { state, oldest }: Queue) -> Self {
        Self {
            class: state.class,
            waiting: state.waiting,
            running: state.running,
            retrying: state.retrying,
            dead: state.dead,
            oldest_seconds: oldest.map(|oldest| oldest.as_secs()),
        }
    }
}

/// All settings of the server that answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerSettings {
    settings: Vec<ServerSetting>,
}

/// A setting, and its value in effect.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServerSetting {
    name: &'static str,
    /// Null for a secret, and where there is none. URLs are shown without credentials and queries.
    value: Option<String>,
    /// Whether it was given, rather than the default.
    given: bool,
    /// Whether its value is never shown.
    secret: bool,
    /// Null if there is none, or if it depends on other settings.
    default: Option<&'static str>,
    description: &'static str,
    section: &'static str,
}

impl From<SettingValue> for ServerSetting {
    fn from(SettingValue { setting, value, given }: SettingValue) -> Self {
        Self {
            name: setting.name,
            // Never, whatever is in effect.
            value: value.filter(|_| !setting.secret),
            given,
            secret: setting.secret,
            default: Some(setting.default).filter(|default| !default.is_empty()),
            description: setting.about,
            section: setting.section(),
        }
    }
}

/// The keys of the server that answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerKeys {
    signing: Vec<ServerKey>,
}

/// A key that signatures are made with, or accepted from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServerKey {
    /// `edge`, `tokens`, `links` or `s3`.
    #[serde(rename = "use")]
    used_for: &'static str,
    /// The id that stands in what is signed.
    id: String,
    /// Such as `RSA-2048`, `ES256` or `HMAC-SHA256`.
    algorithm: &'static str,
    /// The SHA-256 of the public key (DER `SubjectPublicKeyInfo`) in hex; null for a secret, which has no public part.
    fingerprint: Option<String>,
    /// `signing`: new signatures are made with it. `accepted`: only those that there are.
    state: &'static str,
    /// `setting`, `generated`, `file` (in `EDGE_KEYS`) or `issuer` (from `AUTH_JWKS_URL`).
    source: &'static str,
    /// When its file came to its place; null for a key without one.
    since: Option<String>,
}

impl From<KeyState> for ServerKey {
    fn from(key: KeyState) -> Self {
        let KeyState { used_for, id, algorithm, fingerprint, signs, source, since } = key;
        let state = if signs { "signing" } else { "accepted" };
        Self { used_for, id, algorithm, fingerprint, state, source, since: since.map(rfc3339) }
    }
}

/// List the queues of jobs
///
/// For admins and services.
#[utoipa::path(get, path = "/v1/jobs", operation_id = "list_job_queues", tag = "operations", security(("bearer" = []), ("cookie" = []), ("user" = []), ("service" = [])),
    responses((status = 200, body = JobQueues), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list_job_queues(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Json<JobQueues>> {
    let queues = overview::queues(&app, &caller).await?;
    Ok(Json(JobQueues { queues: queues.into_iter().map(Into::into).collect() }))
}

/// List the settings in effect
///
/// For admins and services: all settings, with their values on the server that answers. The value of a secret is never
/// shown.
#[utoipa::path(get, path = "/v1/settings", operation_id = "list_settings", tag = "operations", security(("bearer" = []), ("cookie" = []), ("user" = []), ("service" = [])),
    responses((status = 200, body = ServerSettings), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list_settings(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Json<ServerSettings>> {
    let settings = overview::settings(&app, &caller)?;
    Ok(Json(ServerSettings { settings: settings.into_iter().map(Into::into).collect() }))
}

/// List the keys
///
/// For admins and services: which keys the server that answers signs with and accepts, so that a rotation can be
/// followed. Nothing private is shown.
#[utoipa::path(get, path = "/v1/keys", operation_id = "list_keys", tag = "operations", security(("bearer" = []), ("cookie" = []), ("user" = []), ("service" = [])),
    responses((status = 200, body = ServerKeys), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn list_keys(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Json<ServerKeys>> {
    let signing = keys::list(&app, &caller).await?;
    Ok(Json(ServerKeys { signing: signing.into_iter().map(Into::into).collect() }))
}
