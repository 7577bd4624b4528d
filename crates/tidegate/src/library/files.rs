//! Finds, lists and counts users' files. Returns a file only to those who may see it; never changes
//! one.

use std::collections::HashMap;

use crate::access;
use crate::app::App;
use crate::db::{Cursor, ObjectList};
use crate::error::{Error, Result, bad_request, unauthenticated};
use crate::library::thaw;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::file::{File, FileFilter, FileKey};
use crate::model::object::ObjectState;
use crate::model::owner::{Owner, OwnerKind};
use crate::model::principal::Principal;

/// The largest number of files in one page.
pub const MAX_PAGE: i64 = 1000;
/// The number of files in one query.
const AT_ONCE: usize = 500;

/// Returns a READY file. Authorizes the caller for `action`.
pub async fn find(app: &App, caller: &Caller, action: Action, key: &str) -> Result<(Owner, File)> {
    may_be_theirs(app, caller, action, key)?;
    let (owner, file) = app.db.find_file_unscoped(key).await?.ok_or_else(not_found)?;
    access::authorize(app, caller, action, &owner, Some(file.object.id))?;
    readable(&file)?;
    Ok((owner, file))
}

/// Returns a file that may not be readable yet, so that its status can be shown or the file
/// deleted. Authorizes the caller for `action`.
pub async fn find_kept(app: &App, caller: &Caller, action: Action, key: &str) -> Result<(Owner, File)> {
    may_be_theirs(app, caller, action, key)?;
    let (owner, file) = app.db.find_file_unscoped(key).await?.ok_or_else(not_found)?;
    access::authorize(app, caller, action, &owner, Some(file.object.id))?;
    match readable(&file) {
        Err(refused @ Error::NotFound(_)) => Err(refused),
        _ => Ok((owner, file)),
    }
}

/// Returns an error unless a file is readable: it is not scanned yet, was rejected, or has failed.
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

/// Returns many files in the order of their keys. Authorizes the caller. An error names the key it
/// concerns.
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

/// Authorizes the caller by the key alone, before any lookup, because the key contains the owner.
fn may_be_theirs(app: &App, caller: &Caller, action: Action, key: &str) -> Result<()> {
    if caller.principal == Principal::Anonymous {
        return Err(unauthenticated());
    }
    let key = FileKey::parse(key).ok_or_else(not_found)?;
    let Some(user) = caller.user() else { return Ok(()) };
    if !key.is_of(user) {
        // The response does not show whether the key's user exists.
        access::note_refusal(app, caller, action, OwnerKind::Files);
        return Err(Error::Forbidden("this is not one of your files".into()));
    }
    access::authorize(app, caller, action, &Owner::Files(user.clone()), None)
}

/// Adds the key to an error.
fn named(key: &str, error: Error) -> Error {
    let shown: String = key.chars().filter(|c| !c.is_control()).take(300).collect();
    match error {
        Error::NotFound(_) => Error::NotFound(format!("no such file: {shown}").into()),
        Error::Forbidden(_) => Error::Forbidden(format!("this is not one of your files: {shown}").into()),
        Error::InvalidState(why) => Error::InvalidState(format!("{why}: {shown}").into()),
        other => other,
    }
}

/// Returns the error for a file that does not exist.
pub(crate) fn not_found() -> Error {
    Error::NotFound("no such file".into())
}

/// Returns the cursor after which the files from `offset` on are, in a list of `total` files.
/// Authorizes the caller.
pub async fn find_position(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    (filter, state): (&FileFilter, ObjectState),
    offset: u64,
    total: u64,
) -> Result<Cursor> {
    access::authorize(app, caller, Action::List, owner, None)?;
    app.db.position_at(&ObjectList::Files(owner, filter, state), offset, total).await
}

/// Returns a page of a user's files, and whether there are more. Authorizes the caller.
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
    thaw::show_all(app, found.iter_mut().map(|file| &mut file.object)).await?;
    Ok((found, more))
}

/// Returns the number and total bytes of the files that match a filter. Authorizes the caller.
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
