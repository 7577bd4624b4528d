//! The state of an archived object as every surface says it, in REST and in GraphQL.

use async_graphql::SimpleObject;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::error::archived::{ArchiveState, ArchiveStatus};

/// The state of an object in an archive of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, SimpleObject)]
#[serde(rename_all = "camelCase")]
#[schema(as = ArchiveStatus)]
#[graphql(name = "ArchiveStatus")]
pub(in crate::http) struct ArchiveResponse {
    /// `ARCHIVED`: its bytes can't be read before a thaw. `THAWING`: one is under way. `THAWED`: they can be read until
    /// `until`. `READABLE`: it is not archived.
    #[schema(example = "THAWING")]
    state: &'static str,
    /// When the thaw was requested, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_at: Option<String>,
    /// When it is archived again, of one that is `THAWED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl From<ArchiveStatus> for ArchiveResponse {
    fn from(status: ArchiveStatus) -> Self {
        let until = match status.state {
            ArchiveState::Thawed { until } => Some(rfc3339(until)),
            ArchiveState::Readable | ArchiveState::Archived | ArchiveState::Thawing => None,
        };
        Self { state: status.state.as_str(), requested_at: status.requested_at.map(rfc3339), until }
    }
}

impl From<ArchiveState> for ArchiveResponse {
    fn from(state: ArchiveState) -> Self {
        ArchiveStatus::from(state).into()
    }
}
