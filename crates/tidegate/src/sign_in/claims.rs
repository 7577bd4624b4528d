//! From a token's claims to who is acting: one mapping, which the settings may change.

use std::collections::BTreeMap;

use serde_json::Value;

use super::token::{Claims, Rejected};
use crate::model::ids::{OrgId, UserId};
use crate::model::package::DatasetId;
use crate::model::principal::{Principal, Roles};
use crate::model::role::Role;

/// Which claims say what. A name, or a JSON pointer where it begins with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Who.
    pub user: String,
    /// Of which organisation.
    pub org: String,
    /// With which roles: an array, or words between spaces or commas.
    pub roles: String,
    /// The role that may see everything.
    pub admin: String,
    /// Their roles in datasets: an object from dataset ids to roles.
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
    /// The user that the claims name.
    pub fn principal(&self, claims: &Claims) -> Result<Principal, Rejected> {
        let user = claims.get(&self.user).and_then(text).ok_or(Rejected::Subject)?;
        let id = UserId::parse(&user).map_err(|_| Rejected::Subject)?;
        let org = match claims.get(&self.org).filter(|claim| !claim.is_null()) {
            None => None,
            Some(claim) => {
                let org = text(claim).and_then(|text| OrgId::parse(&text).ok());
                Some(org.ok_or(Rejected::Subject)?)
            }
        };
        let roles = claims.get(&self.roles).map(words).unwrap_or_default();
        let datasets = claims.get(&self.datasets).map(grants).unwrap_or_default();
        Ok(Principal::User { id, org, roles: Roles { admin: roles.contains(&self.admin), datasets } })
    }
}

/// Ids are text, or whole numbers where an issuer counts its users.
fn text(claim: &Value) -> Option<String> {
    match claim {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Roles in datasets. A line that is not understood grants nothing.
fn grants(claim: &Value) -> BTreeMap<DatasetId, Role> {
    let lines = claim.as_object().into_iter().flatten();
    lines.filter_map(|(id, role)| Some((DatasetId::parse(id)?, Role::parse(role.as_str()?)?))).collect()
}

fn words(claim: &Value) -> Vec<String> {
    match claim {
        Value::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        Value::String(text) => text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
