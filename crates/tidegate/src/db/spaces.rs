//! Stores spaces: their members, and whether they are deleted. Their images are in `images` and
//! `media`.

use std::collections::HashMap;
use std::time::SystemTime;

use super::{Db, Engine, Tx, corrupt, on_reader, on_tx, to_u64};
use crate::error::{Error, Result};
use crate::model::ids::{SpaceId, UserId};
use crate::model::role::Role;
use crate::model::space::{Member, Space};
use crate::model::{from_micros, micros};

row! {
    struct Row {
        id: String,
        name: String,
        role: Option<String>,
        created_at: i64,
        files: Option<i64>,
        used: Option<i64>,
    }
}

impl Row {
    fn into_space(self) -> Result<Space> {
        Ok(Space {
            id: SpaceId::parse(&self.id).ok_or_else(|| corrupt("space id"))?,
            name: self.name,
            role: self.role.as_deref().map(role).transpose()?,
            created_at: from_micros(self.created_at),
            images: self.files.map_or(0, to_u64),
            bytes: self.used.map_or(0, to_u64),
        })
    }
}

fn role(text: &str) -> Result<Role> {
    Role::parse(text).ok_or_else(|| corrupt("role"))
}

row! {
    struct MemberRow {
        user_id: String,
        role: String,
        added_at: i64,
    }
}

impl MemberRow {
    fn into_member(self) -> Result<Member> {
        let user = UserId::parse(&self.user_id).map_err(|_| corrupt("user id"))?;
        Ok(Member { user, role: role(&self.role)?, added_at: from_micros(self.added_at) })
    }
}

impl Db {
    /// Returns the role of a user in a space: `None` if the space does not exist, `Some(None)` if
    /// the user is not a member.
    #[tracing::instrument(name = "db.find_role", level = "trace", skip_all)]
    pub async fn find_role(&self, id: &SpaceId, user: Option<&UserId>) -> Result<Option<Option<Role>>> {
        const SQL: &str = "SELECT m.role FROM spaces s LEFT JOIN members m ON m.space_id = s.id AND m.user_id = $2 \
                           WHERE s.id = $1 AND s.deleted_at IS NULL";
        let row: Option<(Option<String>,)> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(id.as_str()).bind(user.map(UserId::as_str)).fetch_optional(pool).await?
        });
        row.map(|(text,)| text.as_deref().map(role).transpose()).transpose()
    }

    /// Returns the roles of those of some users who are members of a space; `None` if the space does
    /// not exist.
    #[tracing::instrument(name = "db.list_roles", level = "trace", skip_all)]
    pub async fn list_roles(&self, id: &SpaceId, users: &[UserId]) -> Result<Option<HashMap<UserId, Role>>> {
        macro_rules! select {
            ($users:literal) => {
                concat!(
                    "SELECT m.user_id, m.role FROM spaces s \
                     LEFT JOIN members m ON m.space_id = s.id AND m.user_id IN (",
                    $users,
                    ") WHERE s.id = $1 AND s.deleted_at IS NULL"
                )
            };
        }
        let sql = match &self.engine {
            Engine::Sqlite { .. } => select!("SELECT value FROM json_each($2)"),
            Engine::Postgres(_) => select!("SELECT jsonb_array_elements_text($2::jsonb)"),
        };
        let users: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let users = serde_json::to_string(&users).map_err(|error| Error::Internal(error.into()))?;
        let rows: Vec<(Option<String>, Option<String>)> =
            on_reader!(self, |pool| sqlx::query_as(sql).bind(id.as_str()).bind(&users).fetch_all(pool).await?);
        if rows.is_empty() {
            return Ok(None);
        }
        let members = rows.into_iter().filter_map(|(user, text)| user.zip(text));
        let parsed =
            members.map(|(user, text)| Ok((UserId::parse(&user).map_err(|_| corrupt("user id"))?, role(&text)?)));
        parsed.collect::<Result<_>>().map(Some)
    }

    /// Returns a space with a user's role in it.
    #[tracing::instrument(name = "db.find_space", level = "trace", skip_all)]
    pub async fn find_space(&self, id: &SpaceId, user: Option<&UserId>) -> Result<Option<Space>> {
        const SQL: &str = "SELECT s.id, s.name, m.role, s.created_at, q.files, q.used FROM spaces s \
                           LEFT JOIN members m ON m.space_id = s.id AND m.user_id = $2 \
                           LEFT JOIN quotas q ON q.owner_kind = 'space' AND q.owner_id = s.id \
                           WHERE s.id = $1 AND s.deleted_at IS NULL";
        let row: Option<Row> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(id.as_str()).bind(user.map(UserId::as_str)).fetch_optional(pool).await?
        });
        row.map(Row::into_space).transpose()
    }

    /// Returns a page of spaces, newest first: those of which a user is a member, or all.
    #[tracing::instrument(name = "db.list_spaces", level = "trace", skip_all)]
    pub async fn list_spaces(&self, of: Option<&UserId>, after: (i64, &str), limit: i64) -> Result<Vec<Space>> {
        const MEMBERS: &str = "SELECT s.id, s.name, m.role, s.created_at, q.files, q.used FROM members m \
                               JOIN spaces s ON s.id = m.space_id AND s.deleted_at IS NULL \
                               LEFT JOIN quotas q ON q.owner_kind = 'space' AND q.owner_id = s.id \
                               WHERE m.user_id = $4 AND (s.created_at, s.id) < ($1, $2) \
                               ORDER BY s.created_at DESC, s.id DESC LIMIT $3";
        const ALL: &str = "SELECT s.id, s.name, NULL AS role, s.created_at, q.files, q.used FROM spaces s \
                           LEFT JOIN quotas q ON q.owner_kind = 'space' AND q.owner_id = s.id \
                           WHERE s.deleted_at IS NULL AND (s.created_at, s.id) < ($1, $2) \
                           ORDER BY s.created_at DESC, s.id DESC LIMIT $3";
        let sql = if of.is_some() { MEMBERS } else { ALL };
        let rows: Vec<Row> = on_reader!(self, |pool| {
            let query = sqlx::query_as(sql).bind(after.0).bind(after.1).bind(limit);
            match of {
                Some(user) => query.bind(user.as_str()).fetch_all(pool).await?,
                None => query.fetch_all(pool).await?,
            }
        });
        rows.into_iter().map(Row::into_space).collect()
    }

    /// Returns a page of a space's members in the order of their ids, after `after`.
    #[tracing::instrument(name = "db.list_space_members", level = "trace", skip_all)]
    pub async fn list_space_members(&self, id: &SpaceId, after: &str, limit: i64) -> Result<Vec<Member>> {
        const SQL: &str = "SELECT user_id, role, added_at FROM members WHERE space_id = $1 AND user_id > $2 \
                           ORDER BY user_id LIMIT $3";
        let rows: Vec<MemberRow> = on_reader!(self, |pool| {
            sqlx::query_as(SQL).bind(id.as_str()).bind(after).bind(limit).fetch_all(pool).await?
        });
        rows.into_iter().map(MemberRow::into_member).collect()
    }
}

impl Tx {
    /// Inserts a space.
    #[tracing::instrument(name = "db.insert_space", level = "trace", skip_all)]
    pub async fn insert_space(&mut self, id: &SpaceId, name: &str, by: &str, now: SystemTime) -> Result<()> {
        const SQL: &str = "INSERT INTO spaces (id, name, created_by, created_at) VALUES ($1, $2, $3, $4)";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.as_str()).bind(name).bind(by).bind(micros(now));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Marks a space as deleted. Returns `false` if it does not exist.
    #[tracing::instrument(name = "db.delete_space", level = "trace", skip_all)]
    pub async fn delete_space(&mut self, id: &SpaceId, now: SystemTime) -> Result<bool> {
        const SQL: &str = "UPDATE spaces SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL";
        let done = on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.as_str()).bind(micros(now)).execute(connection).await?.rows_affected()
        });
        Ok(done == 1)
    }

    /// Adds a member to a space, or changes a member's role.
    #[tracing::instrument(name = "db.set_member", level = "trace", skip_all)]
    pub async fn set_member(&mut self, id: &SpaceId, user: &UserId, role: Role, now: SystemTime) -> Result<()> {
        const SQL: &str = "INSERT INTO members (space_id, user_id, role, added_at) VALUES ($1, $2, $3, $4) \
                           ON CONFLICT (space_id, user_id) DO UPDATE SET role = excluded.role";
        on_tx!(self, |connection| {
            let query = sqlx::query(SQL).bind(id.as_str()).bind(user.as_str()).bind(role.as_str()).bind(micros(now));
            query.execute(connection).await.map(drop)?;
        });
        Ok(())
    }

    /// Returns a member of a space, as this transaction sees it.
    #[tracing::instrument(name = "db.find_member", level = "trace", skip_all)]
    pub async fn find_member(&mut self, id: &SpaceId, user: &UserId) -> Result<Option<Member>> {
        const SQL: &str = "SELECT user_id, role, added_at FROM members WHERE space_id = $1 AND user_id = $2";
        let row: Option<MemberRow> = on_tx!(self, |connection| {
            sqlx::query_as(SQL).bind(id.as_str()).bind(user.as_str()).fetch_optional(connection).await?
        });
        row.map(MemberRow::into_member).transpose()
    }

    /// Returns the number of a space's owners.
    #[tracing::instrument(name = "db.count_owners", level = "trace", skip_all)]
    pub async fn count_owners(&mut self, id: &SpaceId) -> Result<u64> {
        const SQL: &str = "SELECT COUNT(*) FROM members WHERE space_id = $1 AND role = 'owner'";
        let (count,): (i64,) =
            on_tx!(self, |connection| sqlx::query_as(SQL).bind(id.as_str()).fetch_one(connection).await?);
        Ok(to_u64(count))
    }

    /// Removes a member of a space.
    #[tracing::instrument(name = "db.remove_member", level = "trace", skip_all)]
    pub async fn remove_member(&mut self, id: &SpaceId, user: &UserId) -> Result<()> {
        const SQL: &str = "DELETE FROM members WHERE space_id = $1 AND user_id = $2";
        on_tx!(self, |connection| {
            sqlx::query(SQL).bind(id.as_str()).bind(user.as_str()).execute(connection).await.map(drop)?;
        });
        Ok(())
    }
}
