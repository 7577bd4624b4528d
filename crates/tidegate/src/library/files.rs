//! Users' files: found by their keys, listed and counted. A file is found only for those who may see it.

use std::collections::HashMap;

use crate::access;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::file::{File, FileFilter, FileKey};
use crate::model::object::ObjectState;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;

/// The most files in one page.
pub const MAX_PAGE: i64 = 1000;
/// Files looked up in one query.
const AT_ONCE: usize = 500;

/// Finds a file for somebody who may do `action` with it.
pub async fn find(app: &App, caller: &Caller, action: Action, key: &str) -> Result<(Owner, File)> {
    may_be_theirs(app, caller, action, key)?;
    let (owner, file) = app.db.find_file_unscoped(key).await?.ok_or_else(not_found)?;
    access::authorize(app, caller, action, &owner, Some(file.object.id))?;
    readable(&file)?;
    Ok((owner, file))
}

/// Finds a file also while nobody may read it: for who looks at what became of it, or deletes it.
pub async fn find_kept(app: &App, caller: &Caller, action: Action, key: &str) -> Result<(Owner, File)> {
    may_be_theirs(app, caller, action, key)?;
    let (owner, file) = app.db.find_file_unscoped(key).await?.ok_or_else(not_found)?;
    access::authorize(app, caller, action, &owner, Some(file.object.id))?;
    match readable(&file) {
        Err(refused @ Error::NotFound(_)) => Err(refused),
        _ => Ok((owner, file)),
    }
}

/// Whether a file may be read, and why not: what is not ready was looked through and is not clean, or is not looked
/// through yet.
pub(crate) fn readable(file: &File) -> Result<()> {
    let because = |what: &str| {
        let reason = file.reason.as_deref().unwrap_or("no reason is known");
        Err(Error::InvalidState(format!("{what}: {reason}").into()))
    };
    match file.object.state {
        ObjectState::Ready => Ok(()),
        ObjectState::Scanning => {
            Err(Error::InvalidState("the file is being scanned for malware; ask again in a moment".into()))
        }
        ObjectState::Failed => because("the file could not be scanned for malware"),
        ObjectState::Rejected => because("the file was rejected"),
        _ => Err(not_found()),
    }
}

/// Finds many, in their order. What is refused or not there is said by its key.
pub async fn find_many(app: &App, caller: &Caller, action: Action, keys: &[&str]) -> Result<Vec<(Owner, File)>> {
    for key in keys {
        may_be_theirs(app, caller, action, key).map_err(|error| named(key, error))?;
    }
    let mut all = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        let found = app.db.find_files_unscoped(some).await?;
        let mut found: HashMap<String, (Owner, File)> =
            found.into_iter().map(|(owner, file)| (file.object.key.as_str().to_owned(), (owner, file))).collect();
        for key in some {
            let (owner, file) = found.remove(*key).ok_or_else(|| named(key, not_found()))?;
            access::authorize(app, caller, action, &owner, Some(file.object.id)).map_err(|error| named(key, error))?;
            readable(&file).map_err(|error| named(key, error))?;
            all.push((owner, file));
        }
    }
    Ok(all)
}

/// Whose a file is shows in its key: that it is not theirs is said before anything is looked up.
fn may_be_theirs(app: &App, caller: &Caller, action: Action, key: &str) -> Result<()> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let key = FileKey::parse(key).ok_or_else(not_found)?;
    let Some(user) = caller.user() else { return Ok(()) };
    if !key.is_of(user) {
        // Whose it is, is in the key; who that may be is nobody's to learn.
        access::note_refusal(app, caller, action, OwnerKind::Files);
        return Err(Error::Forbidden("this is not one of your files".into()));
    }
    access::authorize(app, caller, action, &Owner::Files(user.clone()), None)
}

/// Says which of many it was.
fn named(key: &str, error: Error) -> Error {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(300).collect();
    match error {
        Error::NotFound(_) => Error::NotFound(format!("no such file: {shown}").into()),
        Error::Forbidden(_) => Error::Forbidden(format!("this is not one of your files: {shown}").into()),
        Error::InvalidState(why) => Error::InvalidState(format!("{why}: {shown}").into()),
        other => other,
    }
}

pub(crate) fn not_found() -> Error {
    Error::NotFound("no such file".into())
}

/// A page of a user's files, and whether there are more.
pub async fn list(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    (filter, state): (&FileFilter, ObjectState),
    after: Cursor,
    limit: i64,
) -> Result<(Vec<File>, bool)> {
    access::authorize(app, caller, Action::List, owner, None)?;
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(bad_request(format!("limit must be from 1 to {MAX_PAGE}")));
    }
    let mut found = match state {
        ObjectState::Ready => app.db.list_files(owner, filter, after, limit + 1).await?,
        _ => app.db.list_files_in_state(owner, (filter, state), after, limit + 1).await?,
    };
    let more = found.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((found, more))
}

/// How many files are meant, and how many bytes.
pub async fn totals(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    (filter, state): (&FileFilter, ObjectState),
) -> Result<(u64, u64)> {
    access::authorize(app, caller, Action::List, owner, None)?;
    match state {
        ObjectState::Ready => app.db.count_files(owner, filter).await,
        _ => app.db.count_files_in_state(owner, filter, state).await,
    }
}
