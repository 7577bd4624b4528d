//! Links to one file of one image: the image itself or one of its thumbnails. A link works for
//! anyone who has it until it expires or the image is deleted, and opens nothing else. Who may only
//! read the space gets none that lives longer than the signature that every reader gets.

use std::time::{Duration, SystemTime};

use crate::access;
use crate::app::App;
use crate::error::{Error, Result, bad_request};
use crate::library::{grants, thaw};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::event::AuditAction;
use crate::model::ids::{ObjectId, SpaceId};
use crate::model::key::beside;
use crate::model::object::ObjectState;
use crate::model::owner::Owner;
use crate::model::role::Role;

use super::images::find_visible;

/// The variant that is the image itself.
const ORIGINAL: &str = "original";

/// A signed link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The URL. A secret while it lives.
    pub url: String,
    /// When it expires.
    pub expires_at: SystemTime,
}

/// Signs a link to an image, or to the thumbnail named `variant`, for `lifetime` seconds. Authorizes
/// the caller.
pub async fn issue(
    app: &App,
    caller: &Caller,
    space: &SpaceId,
    id: ObjectId,
    (variant, lifetime): (Option<&str>, u64),
) -> Result<Link> {
    access::find_space(app, caller, Action::Read, space).await?;
    let (most, setting) = longest(app, caller, space).await?;
    if !(1..=most).contains(&lifetime) {
        return Err(bad_request(format!("ttlSeconds must be from 1 to {most} ({setting})")));
    }
    let image = find_visible(app, space, id).await?;
    if image.object.state != ObjectState::Ready {
        return Err(Error::InvalidState(format!("the image is {}, not READY", image.object.state.as_str()).into()));
    }
    let key = match variant {
        None | Some(ORIGINAL) => image.object.key.as_str().to_owned(),
        Some(name) if image.thumbnails.iter().any(|small| small.name == name) => {
            beside(image.object.key.as_str(), name)
        }
        Some(_) => {
            let names: Vec<&str> = image.thumbnails.iter().map(|small| small.name.as_str()).collect();
            return Err(bad_request(format!("variant must be one of {ORIGINAL}, {}", names.join(", "))));
        }
    };
    let now = app.db.now();
    let mut lifetime = Duration::from_secs(lifetime);
    // Thumbnails are small files of their own, which lifecycle rules leave out.
    if let Some(content) = image.object.content.as_ref().filter(|_| key == image.object.key.as_str()) {
        let ends = thaw::grant_end(app, &Owner::Space(space.clone()), id, &image.object.key, content).await?;
        lifetime = lifetime.min(Duration::from_secs(ends.saturating_sub(epoch_seconds(now))));
    }
    let (url, expires_at) = grants::sign_link(app, &key, lifetime, now)?;
    let mut tx = app.db.begin().await?;
    tx.record(caller, AuditAction::LinkIssued, id, now).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_grants_total", "owner" => "space").increment(1);
    Ok(Link { url, expires_at })
}

/// Returns the longest lifetime in seconds of a link that the caller may make, and the setting that says
/// so. Viewers could otherwise keep what they see longer than they are members.
async fn longest(app: &App, caller: &Caller, space: &SpaceId) -> Result<(u64, &'static str)> {
    let grants = app.config.grant_lifetime.as_secs();
    // The role is read again: who was removed after the first read has none, and is no service.
    let makes_long = access::effective_user(caller).is_none()
        || matches!(access::space_role(app, caller, space).await?, Some(Role::Owner | Role::Editor));
    match app.config.spaces.link_lifetime.as_secs() {
        links if !makes_long && links > grants => Ok((grants, "GRANT_TTL_SECONDS")),
        links => Ok((links, "SPACE_LINK_MAX_SECONDS")),
    }
}
