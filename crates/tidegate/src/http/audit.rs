//! The route that lists audit events, for owners and for callers who may see all of them. Never
//! writes events; see `library/audit.rs`.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::{encode_cursor, parse_cursor};
use super::error::{ApiError, ErrorBody};
use super::time::{parse_rfc3339, rfc3339};
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Result, bad_request};
use crate::library::audit;
use crate::model::access::{self, Action, Decision, Target};
use crate::model::caller::Caller;
use crate::model::event::{Event, EventFilter, Outcome};
use crate::model::ids::ObjectId;
use crate::model::owner::OwnerKind;
use crate::model::{from_micros, micros};

/// The page size where the query gives none.
const DEFAULT_PAGE: i64 = 100;

/// Returns the route of the audit log.
pub(crate) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(list_events))
}

/// The query of `GET /v1/audit`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// The user whose images they are about. Left out: the caller's own, and for an admin or a service everybody's.
    owner: Option<String>,
    /// What sort of things `owner` has: `disks` (default), `files`, `session`, `space` or `dataset`; with the last three,
    /// `owner` is the session, space or dataset. An admin or a service may give it without `owner`: then only events about
    /// such things are listed, whoever has them.
    kind: Option<String>,
    /// The image, file or medium they are about.
    object: Option<String>,
    /// Only this action, such as `upload.completed`; of refusals, the right that was missing.
    action: Option<String>,
    /// Only what this user did; or `service`, or `system`.
    actor: Option<String>,
    /// `done` or `refused`: only that.
    outcome: Option<String>,
    /// From this time on (RFC 3339).
    since: Option<String>,
    /// Before this time (RFC 3339).
    until: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 1000; 100 if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// A page of events, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventPage {
    events: Vec<AuditEvent>,
    /// For the next page; absent on the last. A page of a rare action or actor can be short, or empty, and not the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Who did what to what, from where, and with what outcome.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEvent {
    id: String,
    at: String,
    actor: Actor,
    /// As `upload.completed`; of what was refused, the right that was missing, as `read`.
    action: String,
    owner: Option<OwnerName>,
    object_id: Option<String>,
    /// `done` or `refused`.
    outcome: String,
    /// The client's address; for admins and services.
    address: Option<String>,
    /// `x-request-id` of the answer; empty for what the server did by itself.
    request_id: String,
}

/// Who acted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Actor {
    /// `user`, `service` or `system`.
    kind: String,
    name: String,
    /// For whom a service acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    acting_for: Option<String>,
}

/// Whose things it was about.
#[derive(Debug, Serialize, ToSchema)]
struct OwnerName {
    /// As `disks`.
    kind: String,
    id: String,
}

/// List events
///
/// Changes, and refusals of those who signed in; newest first.
#[utoipa::path(get, path = "/v1/audit", operation_id = "list_audit_events", tag = "operations", params(AuditQuery),
    responses((status = 200, body = EventPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn list_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    asked: std::result::Result<Query<AuditQuery>, axum::extract::rejection::QueryRejection>,
) -> std::result::Result<Json<EventPage>, ApiError> {
    let Query(asked) = asked.map_err(|_| {
        bad_request("the query takes owner, kind, object, action, actor, outcome, since, until, cursor and limit")
    })?;
    let limit = match asked.limit.as_deref() {
        None => DEFAULT_PAGE,
        Some(text) => text.parse().map_err(|_| bad_request("limit must be from 1 to 1000"))?,
    };
    let since = asked.since.as_deref().map_or(Ok(SystemTime::UNIX_EPOCH), |text| time("since", text))?;
    let before = match (&asked.cursor, &asked.until) {
        (Some(cursor), _) => parse_cursor(cursor)?,
        (None, Some(until)) => Cursor { created_at: micros(time("until", until)?), id: ObjectId(uuid::Uuid::nil()) },
        (None, None) => Cursor::START,
    };
    let sees_all = access::decide(&caller.principal, Action::Audit, Target::Everything) == Decision::Allow;
    let object =
        asked.object.as_deref().map(|text| ObjectId::parse(text).ok_or_else(|| bad_request("object is no id")));
    if asked.owner.is_some() && asked.object.is_some() {
        return Err(bad_request("give either owner or object").into());
    }
    let named_kind = asked.kind.as_deref().map(parse_kind).transpose()?;
    let kind = named_kind.unwrap_or(OwnerKind::Disks);
    let owner = match &asked.owner {
        Some(text) => Some(text.clone()),
        None if sees_all => caller.acting_for.as_ref().map(|user| user.as_str().to_owned()),
        None => Some(caller.require_user()?.as_str().to_owned()),
    };
    if !kind.is_of_users() && asked.owner.is_none() && owner.is_some() && asked.object.is_none() {
        return Err(bad_request(format!("say by owner which {}, by its id", kind.as_str())).into());
    }
    let of_all = owner.is_none() && asked.object.is_none();
    let (owner, object) = audit::about(&app, kind, owner.as_deref(), object.transpose()?).await?;
    let filter = EventFilter {
        owner,
        object,
        kind: named_kind.filter(|_| of_all),
        action: asked.action.map(|action| word("action", action)).transpose()?,
        actor: asked.actor.map(|actor| word("actor", actor)).transpose()?,
        outcome: asked.outcome.as_deref().map(parse_outcome).transpose()?,
        since,
    };
    let (found, next) = audit::list(&app, &caller, filter, before, limit).await?;
    let events = found.into_iter().map(|event| show(event, sees_all)).collect();
    Ok(Json(EventPage { events, next_cursor: next.map(encode_cursor) }))
}

fn parse_kind(text: &str) -> Result<OwnerKind> {
    OwnerKind::parse(text).ok_or_else(|| {
        let [others @ .., last] = OwnerKind::ALL.map(OwnerKind::as_str);
        bad_request(format!("kind must be {} or {last}", others.join(", ")))
    })
}

fn parse_outcome(text: &str) -> Result<Outcome> {
    Outcome::parse(text).ok_or_else(|| bad_request("outcome must be done or refused"))
}

/// Checks a text that is compared with stored names. Databases refuse NUL.
fn word(name: &'static str, text: String) -> Result<String> {
    if (1..=256).contains(&text.len()) && !text.contains(char::is_control) {
        return Ok(text);
    }
    Err(bad_request(format!("{name} must have 1 to 256 bytes, and no control characters")))
}

/// Parses a time of the query, rounded to the microseconds of the database.
fn time(name: &'static str, text: &str) -> Result<SystemTime> {
    let at = parse_rfc3339(text).map(|at| from_micros(micros(at)));
    at.ok_or_else(|| bad_request(format!("{name} must be a time such as 2026-11-21T12:00:00Z")))
}

/// Renders an event; the client's address only for callers who may see it.
fn show(event: Event, with_address: bool) -> AuditEvent {
    AuditEvent {
        id: event.id.to_string(),
        at: rfc3339(event.at),
        actor: Actor { kind: event.actor_kind, name: event.actor, acting_for: event.acting_for },
        action: event.action,
        owner: event.owner.map(|(kind, id)| OwnerName { kind, id }),
        object_id: event.object.map(|object| object.to_string()),
        outcome: event.outcome,
        address: event.address.filter(|_| with_address).map(|address| address.to_string()),
        request_id: event.request_id,
    }
}
