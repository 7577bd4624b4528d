//! Finds the owner of an object, so that access is decided before the object is read, and whether
//! an owner that can be deleted exists. Never decides access; see `access`.

use uuid::Uuid;

use super::{Db, Tx, corrupt, on_reader, on_tx};
use crate::error::Result;
use crate::model::ids::{ObjectId, UserId};
use crate::model::object::ObjectState;
use crate::model::owner::{Owner, OwnerKind};

impl Db {
    /// Returns the owner kind of an object; `None` if it never existed.
    #[tracing::instrument(name = "db.kind_of", level = "trace", skip_all)]
    pub async fn kind_of(&self, object: ObjectId) -> Result<Option<OwnerKind>> {
        const SQL: &str = "SELECT owner_kind FROM objects WHERE id = $1";
        let found: Option<(String,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(object.0).fetch_optional(pool).await?);
        found.map(|(kind,)| OwnerKind::parse(&kind).ok_or_else(|| corrupt("owner"))).transpose()
    }

    /// Returns the owner of an object of a kind, whatever its state; `None` if it never existed.
    #[tracing::instrument(name = "db.owner_of", level = "trace", skip_all)]
    pub async fn owner_of(&self, kind: OwnerKind, object: ObjectId) -> Result<Option<Owner>> {
        const SQL: &str = "SELECT owner_id FROM objects WHERE id = $1 AND owner_kind = $2";
        if matches!(kind, OwnerKind::Session | OwnerKind::Space) {
            return self.find_media_owner(object).await;
        }
        let found: Option<(String,)> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind::<Uuid>(object.0).bind(kind.as_str()).fetch_optional(pool).await?
        });
        found.map(|(id,)| owner(kind, &id, None)).transpose()
    }

    /// Returns whether an owner exists and is not deleted. Users' disks and files always exist.
    #[tracing::instrument(name = "db.is_there", level = "trace", skip_all)]
    pub async fn is_there(&self, owner: &Owner) -> Result<bool> {
        let sql = match owner {
            Owner::Session(..) => "SELECT id FROM sessions WHERE id = $1 AND deleted_at IS NULL",
            Owner::Space(_) => "SELECT id FROM spaces WHERE id = $1 AND deleted_at IS NULL",
            Owner::Disks(_) | Owner::Files(_) | Owner::Dataset(_) => return Ok(true),
        };
        let row: Option<(String,)> =
            on_reader!(self, |pool| sqlx::query_as(sql).bind(owner.id()).fetch_optional(pool).await?);
        Ok(row.is_some())
    }
}

/// Returns an owner from its stored kind and id; a session's organisation is taken from the
/// session.
fn owner(kind: OwnerKind, id: &str, org: Option<&str>) -> Result<Owner> {
    let user = || UserId::parse(id).map_err(|_| corrupt("user id"));
    match kind {
        OwnerKind::Disks => user().map(Owner::Disks),
        OwnerKind::Files => user().map(Owner::Files),
        OwnerKind::Session | OwnerKind::Space => super::media::media_owner(kind.as_str(), id, org),
        OwnerKind::Dataset => super::datasets::dataset_id(id).map(Owner::Dataset),
    }
}

impl Tx {
    /// Returns an object's owner and its state, as this transaction sees them.
    #[tracing::instrument(name = "db.owner_and_state", level = "trace", skip_all)]
    pub async fn owner_and_state(&mut self, id: ObjectId) -> Result<Option<(Owner, ObjectState)>> {
        const SQL: &str = "SELECT o.owner_kind, o.owner_id, s.org, o.state FROM objects o \
                           LEFT JOIN sessions s ON o.owner_kind = 'session' AND s.id = o.owner_id WHERE o.id = $1";
        let row: Option<(String, String, Option<String>, String)> =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(id.0).fetch_optional(connection).await?);
        let Some((kind, owner_id, org, state)) = row else { return Ok(None) };
        let kind = OwnerKind::parse(&kind).ok_or_else(|| corrupt("owner"))?;
        let state = ObjectState::parse(&state).ok_or_else(|| corrupt("object state"))?;
        Ok(Some((owner(kind, &owner_id, org.as_deref())?, state)))
    }

    /// Locks an owner against deletion until the transaction ends. Returns `false` if it is
    /// deleted.
    #[tracing::instrument(name = "db.hold", level = "trace", skip_all)]
    pub async fn hold(&mut self, owner: &Owner) -> Result<bool> {
        // An update locks the row on every engine.
        let sql = match owner {
            Owner::Session(..) => "UPDATE sessions SET org = org WHERE id = $1 AND deleted_at IS NULL",
            Owner::Space(_) => "UPDATE spaces SET name = name WHERE id = $1 AND deleted_at IS NULL",
            Owner::Disks(_) | Owner::Files(_) | Owner::Dataset(_) => return Ok(true),
        };
        self.held(sql, owner).await
    }

    /// Locks a deleted owner against its restore until the transaction ends. Returns `false` if it
    /// is not deleted.
    #[tracing::instrument(name = "db.hold_deleted", level = "trace", skip_all)]
    pub async fn hold_deleted(&mut self, owner: &Owner) -> Result<bool> {
        let sql = match owner {
            Owner::Session(..) => "UPDATE sessions SET org = org WHERE id = $1 AND deleted_at IS NOT NULL",
            Owner::Space(_) => "UPDATE spaces SET name = name WHERE id = $1 AND deleted_at IS NOT NULL",
            Owner::Disks(_) | Owner::Files(_) | Owner::Dataset(_) => return Ok(false),
        };
        self.held(sql, owner).await
    }

    async fn held(&mut self, sql: &'static str, owner: &Owner) -> Result<bool> {
        let done =
            on_tx!(self, |connection| sqlx::query(sql).bind(owner.id()).execute(connection).await?.rows_affected());
        Ok(done == 1)
    }
}
