//! Signs and opens links to files. A link works for anyone who has it, until it expires or its
//! owner revokes all links. Never serves bytes.

use sign::{Disposition, LinkTerms};

use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::library::files::{find, not_found, readable};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::file::{File, FileKey, Visibility};
use crate::model::owner::Owner;

/// The version of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Version 1, which the original service also issues; signs key and expiry.
    One,
    /// Version 2; also signs disposition, epoch and key id.
    Two,
}

/// A signed link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The key of the file.
    pub key: String,
    /// The query that authorizes the request, without `?`.
    pub query: String,
    /// The expiry in epoch seconds.
    pub expires: u64,
}

/// Signs a link to a file for `lifetime` seconds. Authorizes the caller.
pub async fn issue(
    app: &App,
    caller: &Caller,
    key: &str,
    shown: Disposition,
    lifetime: u64,
    version: Version,
) -> Result<Link> {
    if !(1..=sign::MAX_LINK_LIFETIME).contains(&lifetime) {
        return Err(bad_request(format!("ttl must be from 1 to {} seconds", sign::MAX_LINK_LIFETIME)));
    }
    let (owner, file) = find(app, caller, Action::Read, key).await?;
    let key = file.object.key.as_str().to_owned();
    let expires = epoch_seconds(app.db.now()) + lifetime;
    let epoch = app.db.find_usage(&owner).await?.link_epoch;
    let query = match version {
        Version::One if epoch > 0 => {
            return Err(Error::InvalidState("links of version 1 were ended by their owner; use version 2".into()));
        }
        Version::One => format!("exp={expires}&sig={}", app.links.sign_v1(&key, expires)),
        Version::Two => {
            let signature = app.links.sign_v2(&key, LinkTerms { expires, disposition: shown, epoch });
            let (shown, id) = (shown.as_str(), app.links.key_id());
            format!("v=2&exp={expires}&disposition={shown}&kid={id}&sig={signature}")
        }
    };
    metrics::counter!("tidegate_links_signed_total").increment(1);
    Ok(Link { key, query, expires })
}

/// The parameters of a link, as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The expiry in epoch seconds.
    pub exp: String,
    /// The signature.
    pub sig: String,
    /// How a browser shows the file.
    pub disposition: Option<String>,
    /// The id of the key that signed; only in version 2.
    pub kid: Option<String>,
}

/// Returns the file that a link opens, and its disposition. Returns the same 403 for every invalid
/// link.
pub async fn open(app: &App, key: &str, given: &Given) -> Result<(File, Disposition)> {
    let refused = || {
        metrics::counter!("tidegate_links_refused_total").increment(1);
        Error::Forbidden("the link has ended, or was never good".into())
    };
    let key = FileKey::parse(key).ok_or_else(refused)?;
    let found = app.db.find_linked_file_unscoped(key.as_str()).await?;
    let epoch = found.as_ref().map_or(0, |(_, epoch)| *epoch);
    let now = epoch_seconds(app.db.now());
    let requested = given.disposition.as_deref().map(Disposition::parse);
    let shown = match (&given.kid, requested) {
        (_, Some(None)) => return Err(refused()),
        // Version 1 does not sign the disposition, so any is accepted; active content is an
        // attachment in any case.
        (None, requested) => {
            let good = app.links.verify_v1(key.as_str(), &given.exp, &given.sig, now).is_some() && epoch == 0;
            good.then(|| requested.flatten().unwrap_or(Disposition::Inline))
        }
        (Some(kid), Some(Some(shown))) => {
            let signed = (given.exp.as_str(), shown, epoch);
            app.links.verify_v2(key.as_str(), kid, signed, &given.sig, now).map(|_| shown)
        }
        (Some(_), None) => None,
    };
    let shown = shown.ok_or_else(refused)?;
    match found {
        Some((file, _)) => readable(&file).map(|()| (file, shown)),
        None => Err(not_found()),
    }
}

/// Revokes all links to a user's files, and all archives that contain them. Authorizes the caller.
pub async fn revoke(app: &App, caller: &Caller, owner: &Owner) -> Result<()> {
    access::authorize(app, caller, Action::Delete, owner, None)?;
    let mut tx = app.db.begin().await?;
    tx.raise_link_epoch(owner).await?;
    // The token of an archive is a link too.
    tx.end_archives(owner, app.db.now()).await?;
    tx.commit().await?;
    tracing::info!("all links to a user's files were revoked");
    Ok(())
}

/// Returns a file that anyone may read by its path, if public files are enabled. A private file is
/// not found.
pub async fn open_public(app: &App, key: &str) -> Result<File> {
    if !app.config.files.public {
        return Err(not_found());
    }
    let key = FileKey::parse(key).ok_or_else(not_found)?;
    match app.db.find_file_unscoped(key.as_str()).await? {
        Some((_, file)) if file.visibility == Visibility::Public => readable(&file).map(|()| file),
        _ => Err(not_found()),
    }
}
