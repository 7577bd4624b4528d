//! Whose an object is: asked before anything else is, so that the decision comes before the look-up.

use uuid::Uuid;

use super::{Db, corrupt, on_reader};
use crate::error::Result;
use crate::model::ids::{ObjectId, UserId};
use crate::model::owner::{Owner, OwnerKind};

impl Db {
    /// Which surface's an object is; `None` if there never was one of that id.
    #[tracing::instrument(name = "db.kind_of", level = "trace", skip_all)]
    pub async fn kind_of(&self, object: ObjectId) -> Result<Option<OwnerKind>> {
        const SQL: &str = "SELECT owner_kind FROM objects WHERE id = $1";
        let found: Option<(String,)> =
            on_reader!(self, |pool| sqlx::query_as(SQL).bind(object.0).fetch_optional(pool).await?);
        found.map(|(kind,)| OwnerKind::parse(&kind).ok_or_else(|| corrupt("owner"))).transpose()
    }

    /// The owner of an object of this kind, whatever its state; `None` if there never was one.
    #[tracing::instrument(name = "db.owner_of", level = "trace", skip_all)]
    pub async fn owner_of(&self, kind: OwnerKind, object: ObjectId) -> Result<Option<Owner>> {
        const SQL: &str = "SELECT owner_id FROM objects WHERE id = $1 AND owner_kind = $2";
        if kind == OwnerKind::Session {
            return self.find_media_owner(object).await;
        }
        let found: Option<(String,)> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind::<Uuid>(object.0).bind(kind.as_str()).fetch_optional(pool).await?
        });
        let Some((id,)) = found else { return Ok(None) };
        match kind {
            OwnerKind::Disks => UserId::parse(&id).map(|user| Some(Owner::Disks(user))).map_err(|_| corrupt("user id")),
            OwnerKind::Session => Ok(None),
            OwnerKind::Files => UserId::parse(&id).map(|user| Some(Owner::Files(user))).map_err(|_| corrupt("user id")),
        }
    }
}
