//! The visibility of files in request bodies: at the top, in `meta`, and per file. Private in one
//! place is private. An unknown member that seems to ask for privacy is refused by name, so that a
//! misspelled request never makes a file public.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::wire::Meta;
use crate::error::{Result, bad_request};
use crate::model::file::Visibility;
use crate::surfaces::files::visibility::asked_by;

/// The most characters of a client's member name in an error message.
const SHOWN: usize = 80;

/// Unknown members of a JSON object, in order, duplicates included.
#[derive(Debug, Default)]
pub(super) struct UnknownMembers(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for UnknownMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = UnknownMembers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<UnknownMembers, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(UnknownMembers(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl UnknownMembers {
    /// Refuses every unknown member. `place` is put before the name, such as `files[0].`.
    pub(super) fn refuse(&self, place: &str, known: &str) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(bad_request(format!("{place}{} is not known; known are {known}", shown(name)))),
        }
    }

    /// Refuses unknown members whose name contains one of `words`, and ignores others.
    pub(super) fn refuse_about(&self, words: &[&str], known: &str) -> Result<()> {
        let folded = |name: &str| name.to_ascii_lowercase();
        match self.0.iter().find(|(name, _)| words.iter().any(|word| folded(name).contains(word))) {
            None => Ok(()),
            Some((name, _)) => Err(bad_request(format!("{} is not known; known are {known}", shown(name)))),
        }
    }

    /// Refuses members about visibility, where visibility cannot be stated.
    pub(super) fn refuse_visibility(&self) -> Result<()> {
        match self.0.iter().find(|(name, value)| name == "visibility" || asked_by(name, value).is_some()) {
            None => Ok(()),
            Some((name, _)) => {
                Err(bad_request(format!("{} is not said of a part; say visibility in init or complete", shown(name))))
            }
        }
    }

    /// Refuses unknown members that ask for privacy, and ignores others.
    pub(super) fn refuse_privacy(&self, place: &str) -> Result<()> {
        let asks = |(name, value): &&(String, Value)| asked_by(name, value) == Some(Visibility::Private);
        match self.0.iter().find(asks) {
            None => Ok(()),
            Some((name, _)) => Err(bad_request(format!(
                "{place}{} seems to ask for privacy, and is not known; say {place}visibility: \"private\"",
                shown(name)
            ))),
        }
    }
}

/// Returns a name shortened for an error message.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// Parses a member `visibility`; `null` counts as absent.
fn said(place: &str, value: Option<&Value>) -> Result<Option<Visibility>> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let word = value.as_str().and_then(Visibility::parse);
    let wrong = || bad_request(format!("{place}visibility must be \"public\" or \"private\", in small letters"));
    word.map(Some).ok_or_else(wrong)
}

/// Returns the visibility of one of `files[]`, given the one that applies to all.
pub(super) fn of_file(place: &str, value: Option<&Value>, above: Option<Visibility>) -> Result<Visibility> {
    Ok(Visibility::strictest([above, said(place, value)?]).unwrap_or_default())
}

/// Returns the visibility that applies to all files of a body, from its top and its `meta`.
pub(super) fn said_above(top: Option<&Value>, meta: Option<&Meta>) -> Result<Option<Visibility>> {
    let top = said("", top)?;
    let Some(meta) = meta else { return Ok(top) };
    meta.others.refuse_privacy("meta.")?;
    Ok(Visibility::strictest([top, said("meta.", meta.visibility.as_ref())?]))
}

/// Refuses a request for privacy in the query, which is not read.
pub(super) fn refuse_in_query(query: Option<&str>) -> Result<()> {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(query.unwrap_or_default()).map_err(|_| bad_request("the query can't be read"))?;
    for (name, value) in pairs {
        if name == "visibility" || asked_by(&name, &Value::String(value)) == Some(Visibility::Private) {
            let message = format!("{} is not read from the query; say visibility in the body", shown(&name));
            return Err(bad_request(message));
        }
    }
    Ok(())
}
