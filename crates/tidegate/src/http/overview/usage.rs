//! Who uses how much, and what was added on each day, for operators.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use time::format_description::BorrowedFormatItem;
use time::macros::{date, format_description};
use time::{Date, Duration};
use utoipa::{IntoParams, ToSchema};

use super::ApiResult;
use crate::app::App;
use crate::db::{DayUsage, KindUsage};
use crate::error::{Result, bad_request};
use crate::http::error::ErrorBody;
use crate::library::overview::{self, OwnerPosition};
use crate::model::caller::Caller;
use crate::model::owner::OwnerKind;

/// The page size where the query gives none.
const DEFAULT_PAGE: i64 = 100;
/// The number of days where the query gives none.
const DEFAULT_DAYS: i64 = 30;
/// The longest cursor: an id of 1024 bytes, in JSON and base64.
const MAX_CURSOR: usize = 8 << 10;
/// The first day.
const EPOCH: Date = date!(1970 - 01 - 01);
/// The form of days.
const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// The query of `GET /v1/usage`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsageQuery {
    /// Only owners of this kind: `disks`, `files`, `session`, `space` or `dataset`.
    kind: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 1000; 100 if left out.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
}

/// The query of `GET /v1/usage/days`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct UsageDaysQuery {
    /// Only what owners of this kind got: `disks`, `files`, `session`, `space` or `dataset`.
    kind: Option<String>,
    /// The first day (UTC), as 2026-11-21; 29 days before `until` if left out.
    since: Option<String>,
    /// The last day, at most 365 days later; today if left out.
    until: Option<String>,
}

/// A page of owners, those that use the most bytes first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageResponse {
    totals: Vec<UsageTotal>,
    owners: Vec<UsageOfOwner>,
    /// For the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What all owners of a kind use together.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageTotal {
    kind: &'static str,
    /// Owners with readable objects.
    owners: u64,
    /// Readable objects.
    objects: u64,
    /// Their bytes.
    bytes: u64,
}

/// What an owner uses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageOfOwner {
    kind: &'static str,
    id: String,
    /// The name of a space or a dataset; null for others.
    name: Option<String>,
    /// Readable objects.
    objects: u64,
    /// Their bytes.
    bytes: u64,
    /// How many bytes it may have, its own limit or the configured one.
    limit_bytes: Option<u64>,
}

/// What was added on each day. Days on which nothing was added are left out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UsageDays {
    days: Vec<UsageDay>,
}

/// What the owners of a kind got on a day.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageDay {
    /// As 2026-11-21, UTC.
    day: String,
    kind: &'static str,
    /// Objects that became readable.
    objects: u64,
    /// Their bytes.
    bytes: u64,
}

/// List who uses how much
///
/// For admins and services: owners with readable objects, those that use the most bytes first.
#[utoipa::path(get, path = "/v1/usage", operation_id = "list_usage", tag = "operations", security(("bearer" = []), ("cookie" = []), ("user" = []), ("service" = [])), params(UsageQuery),
    responses((status = 200, body = UsageResponse), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
pub(super) async fn list_usage(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<UsageQuery>, QueryRejection>,
) -> ApiResult<Json<UsageResponse>> {
    let Query(asked) = query.map_err(|_| bad_request("the query takes kind, cursor and limit"))?;
    let limit = match asked.limit.as_deref() {
        None => DEFAULT_PAGE,
        Some(text) => text.parse().map_err(|_| bad_request("limit must be from 1 to 1000"))?,
    };
    let kind = asked.kind.as_deref().map(parse_kind).transpose()?;
    let after = asked.cursor.as_deref().map(parse_position).transpose()?;
    let page = overview::usage(&app, &caller, kind, after.as_ref(), limit).await?;
    let total = |KindUsage { kind, owners, objects, bytes }| UsageTotal { kind: kind.as_str(), owners, objects, bytes };
    let owners = page.owners.into_iter().map(|(owner, limit)| UsageOfOwner {
        kind: owner.kind.as_str(),
        id: owner.id,
        name: owner.name,
        objects: owner.objects,
        bytes: owner.bytes,
        limit_bytes: Some(limit),
    });
    Ok(Json(UsageResponse {
        totals: page.totals.into_iter().map(total).collect(),
        owners: owners.collect(),
        next_cursor: page.next.as_ref().map(encode_position),
    }))
}

/// List what was added on each day
///
/// For admins and services: objects that became readable for the first time, and their bytes, by day (UTC) and kind.
/// At most 366 days.
#[utoipa::path(get, path = "/v1/usage/days", operation_id = "list_usage_days", tag = "operations", security(("bearer" = []), ("cookie" = []), ("user" = []), ("service" = [])), params(UsageDaysQuery),
    responses((status = 200, body = UsageDays), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
pub(super) async fn list_usage_days(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: std::result::Result<Query<UsageDaysQuery>, QueryRejection>,
) -> ApiResult<Json<UsageDays>> {
    let Query(asked) = query.map_err(|_| bad_request("the query takes kind, since and until"))?;
    let kind = asked.kind.as_deref().map(parse_kind).transpose()?;
    let until =
        asked.until.as_deref().map_or_else(|| Ok(overview::day_of(app.db.now())), |day| parse_day("until", day))?;
    let since = asked.since.as_deref().map_or(Ok(until - DEFAULT_DAYS + 1), |day| parse_day("since", day))?;
    let days = overview::usage_days(&app, &caller, kind, since, until).await?;
    Ok(Json(UsageDays { days: days.into_iter().filter_map(show_day).collect() }))
}

/// Renders a day; `None` for one beyond the calendar.
fn show_day(DayUsage { day, kind, objects, bytes }: DayUsage) -> Option<UsageDay> {
    let day = EPOCH.checked_add(Duration::seconds(day.checked_mul(86_400)?))?.format(DAY).ok()?;
    Some(UsageDay { day, kind: kind.as_str(), objects, bytes })
}

/// Parses a day of the query, and returns it in days since 1970.
fn parse_day(name: &'static str, text: &str) -> Result<i64> {
    let day = Date::parse(text, DAY).ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit()));
    let day = day.ok_or_else(|| bad_request(format!("{name} must be a day such as 2026-11-21")))?;
    Ok((day - EPOCH).whole_days())
}

fn parse_kind(text: &str) -> Result<OwnerKind> {
    OwnerKind::parse(text).ok_or_else(|| {
        let [others @ .., last] = OwnerKind::ALL.map(OwnerKind::as_str);
        bad_request(format!("kind must be {} or {last}", others.join(", ")))
    })
}

/// Encodes the position after which the next page begins.
fn encode_position(OwnerPosition { bytes, kind, id }: &OwnerPosition) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([bytes, kind.as_str(), id]).to_string())
}

/// Decodes a cursor. A forged one only selects another position.
fn parse_position(text: &str) -> Result<OwnerPosition> {
    let read = || {
        let json = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= MAX_CURSOR)?;
        let (bytes, kind, id): (u64, String, String) = serde_json::from_slice(&json).ok()?;
        // Databases refuse NUL.
        let is_id = !id.contains(char::is_control);
        Some(OwnerPosition { bytes, kind: OwnerKind::parse(&kind)?, id }).filter(|_| is_id)
    };
    read().ok_or_else(|| bad_request("cursor is not one that a listing gave"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(parse_day("since", "1970-01-01").unwrap(), 0);
        assert_eq!(parse_day("since", "2026-11-30").unwrap(), 20_787);
        for bad in ["2026-02-29", "2026-1-1", "26-01-01", "2026-01-01T00:00:00Z", "", "today", "+2026-01-01"] {
            assert!(parse_day("since", bad).is_err(), "{bad}");
        }
        let shown = |day| show_day(DayUsage { day, kind: OwnerKind::Disks, objects: 1, bytes: 1 });
        assert_eq!(shown(20_787).unwrap().day, "2026-11-30");
        assert!(shown(i64::from(i32::MAX)).is_none());
    }

    #[test]
    fn positions_come_back() {
        let position = OwnerPosition { bytes: u64::MAX, kind: OwnerKind::Space, id: "ä\"/ß".into() };
        assert_eq!(parse_position(&encode_position(&position)).unwrap(), position);
        let forged = |json: &str| parse_position(&URL_SAFE_NO_PAD.encode(json));
        for bad in
            ["[]", "[1,\"space\"]", "[-1,\"space\",\"a\"]", "[1,\"user\",\"a\"]", "[1,\"space\",\"a\\u0000\"]", "{"]
        {
            assert!(forged(bad).is_err(), "{bad}");
        }
        assert!(parse_position("?").is_err() && parse_position(&"A".repeat(10_000)).is_err());
    }
}
