//! The mapping of a token's claims to a principal, which settings may change.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::token::{Claims, Rejected, find_mut, unescaped};
use crate::model::ids::{OrgId, UserId};
use crate::model::package::DatasetId;
use crate::model::principal::{Principal, Roles};
use crate::model::role::Role;

/// The names of the claims that are read. A name that begins with a slash is a JSON pointer (RFC
/// 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The claim with the user's id.
    pub user: String,
    /// The claim with the user's organisation.
    pub org: String,
    /// The claim with the roles: an array, or words separated by spaces or commas.
    pub roles: String,
    /// The role that makes a user an admin.
    pub admin: String,
    /// The claim with roles in datasets: an object from dataset ids to role names, or the
    /// `dataset_claim` of Pennsieve's authorizer, which has one `NodeId` and its `Role`.
    pub datasets: String,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            user: "sub".into(),
            org: "org".into(),
            roles: "roles".into(),
            admin: "admin".into(),
            datasets: "datasets".into(),
        }
    }
}

impl Mapping {
    /// Makes objects and lists again of the texts that API Gateway has made of them, where the mapping
    /// reads such. Ids of users and organisations are text, and stay as they are.
    pub(super) fn restore(&self, claims: &mut Map<String, Value>) {
        for name in [&self.user, &self.org, &self.roles, &self.datasets] {
            outer(claims, name).map(restore_object);
        }
        find_mut(claims, &self.datasets).map(restore_object);
        find_mut(claims, &self.roles).map(restore_list);
    }

    /// Returns the user that the claims name.
    ///
    /// # Errors
    ///
    /// [`Rejected::Subject`] if the user is missing or invalid, [`Rejected::Organisation`] if the
    /// organisation is invalid.
    pub fn principal(&self, claims: &Claims) -> Result<Principal, Rejected> {
        let no_user = || Rejected::Subject(self.user.clone());
        let user = claims.get(&self.user).and_then(text).ok_or_else(no_user)?;
        let id = UserId::parse(&user).map_err(|_| no_user())?;
        let is_empty = |claim: &Value| match claim {
            Value::Null => true,
            Value::Array(all) => all.is_empty(),
            Value::Object(all) => all.is_empty(),
            _ => false,
        };
        let org = match claims.get(&self.org).filter(|claim| !is_empty(claim)) {
            None => None,
            Some(claim) => {
                let org = organisation(claim).and_then(|text| OrgId::parse(&text).ok());
                Some(org.ok_or_else(|| Rejected::Organisation(self.org.clone()))?)
            }
        };
        let roles = claims.get(&self.roles).map(words).unwrap_or_default();
        let datasets = claims.get(&self.datasets).map(grants).unwrap_or_default();
        Ok(Principal::User { id, org, roles: Roles { admin: roles.contains(&self.admin), datasets } })
    }
}

/// Returns the claim that a pointer leads into.
fn outer<'a>(claims: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    let (first, _) = name.strip_prefix('/')?.split_once('/')?;
    claims.get_mut(&unescaped(first))
}

/// Makes an object of the JSON text of one.
fn restore_object(claim: &mut Value) {
    if let Some(Ok(object)) = claim.as_str().map(serde_json::from_str::<Map<String, Value>>) {
        *claim = Value::Object(object);
    }
}

/// Makes a list of the text of one. API Gateway joins a token's list by spaces, in brackets, so that
/// `[power admin]` is one role or two: of a list of several words none is known, and none is granted.
fn restore_list(claim: &mut Value) {
    let Some(text) = claim.as_str() else { return };
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return };
    *claim = match serde_json::from_str::<Vec<Value>>(text) {
        Ok(list) => Value::Array(list),
        Err(_) if inner.contains(char::is_whitespace) => {
            tracing::debug!("roles are not granted: where one ends can't be known in a list that is joined by spaces");
            Value::Null
        }
        Err(_) => Value::Array(vec![inner.into()]),
    };
}

/// Returns an id: text, or a whole number.
fn text(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Returns the organisation of a claim: an id, a list of one id, or an object with one member, whose
/// name is the id and whose value is an object (`organization` of Keycloak 26). `None` for other
/// forms, and if several are named.
fn organisation(claim: &Value) -> Option<String> {
    match claim {
        Value::Array(all) if all.len() == 1 => text(&all[0]),
        Value::Object(all) if all.len() == 1 && all.values().all(Value::is_object) => all.keys().next().cloned(),
        other => text(other),
    }
}

/// Returns the roles in datasets. An entry that is not understood grants nothing.
fn grants(claim: &Value) -> BTreeMap<DatasetId, Role> {
    if let (Some(Value::String(id)), Some(role)) = (claim.get("NodeId"), claim.get("Role")) {
        let granted = DatasetId::parse(id).zip(pennsieve_role(role));
        return granted.into_iter().collect();
    }
    let lines = claim.as_object().into_iter().flatten();
    lines.filter_map(|(id, role)| Some((DatasetId::parse(id)?, Role::parse(role.as_str()?)?))).collect()
}

/// Returns a role of Pennsieve's authorizer: its name in either case, or its number, where 1 is a
/// guest, who may do nothing here.
fn pennsieve_role(claim: &Value) -> Option<Role> {
    const BY_NUMBER: [&str; 4] = ["viewer", "editor", "manager", "owner"];
    match claim {
        Value::String(name) => Role::parse(&name.to_ascii_lowercase()),
        Value::Number(number) => {
            let at = usize::try_from(number.as_u64()?.checked_sub(2)?).ok()?;
            BY_NUMBER.get(at).and_then(|name| Role::parse(name))
        }
        _ => None,
    }
}

/// Returns the words of a list claim.
fn words(claim: &Value) -> Vec<String> {
    match claim {
        Value::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Value::String(text) => text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
