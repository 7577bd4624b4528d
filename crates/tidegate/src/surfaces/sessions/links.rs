//! Returns the URLs of a session's media items: before publication, a signed link to this server;
//! after it, an edge URL with the session's grant.
//!
//! A link works for anyone who has it, until it expires, and only for its own object. It redirects
//! to a URL that is signed for that object alone and expires no later than the link, so repeated
//! use gains nothing. Only a signed-in caller who may read the session gets the session's grant.

use std::sync::Arc;
use std::time::Duration;

use sign::{Disposition, LinkTerms};

use super::find;
use crate::app::App;
use crate::error::{Error, Result};
use crate::library::{grants, thaw};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::ids::{ObjectId, SessionId};
use crate::model::key::{self, Key};
use crate::model::media::{Media, Status};
use crate::model::object::ObjectState;
use crate::model::principal::Principal;
use crate::uploads::media_items::no_such_media;

/// The URL of a media item.
#[derive(Debug, Clone)]
pub struct MediaUrl {
    /// The address.
    pub url: String,
    /// When the URL expires, in epoch seconds.
    pub expires_at: u64,
    /// When a URL with a later expiry is available, in epoch seconds.
    pub refresh_after: u64,
    /// The query of the session's grant, if the item is published.
    grant: Option<String>,
}

impl MediaUrl {
    /// Returns the URL of another published file of the same session, under the same grant.
    pub fn beside(&self, app: &App, key: &Key) -> Option<String> {
        let (edge, grant) = app.addresses.edge.as_ref().zip(self.grant.as_ref())?;
        Some(format!("{edge}/{key}?{grant}"))
    }
}

/// Returns the current URL of a media item. The caller has authorized.
pub(super) async fn url(app: &App, caller: &Caller, media: &Media) -> Result<MediaUrl> {
    if media.object.state == ObjectState::Ready
        && let Some(edge) = &app.addresses.edge
    {
        let root = key::root(&media.owner);
        let (signature, times) = grants::sign_root(app, &root, app.config.grant_lifetime, app.db.now())?;
        let grant = signature.query().to_owned();
        return Ok(MediaUrl {
            url: format!("{edge}/{}?{grant}", media.object.key),
            expires_at: times.expires_at,
            refresh_after: times.refresh_after,
            grant: Some(grant),
        });
    }
    let mine = matches!(&*caller.effective_principal(), Principal::User { id, .. } if id.as_str() == media.created_by);
    let waits = !matches!(media.status(), None | Some(Status::Rejected | Status::Completed));
    if app.config.sessions.original_urls && mine && waits {
        return original(app, media).await;
    }
    Ok(own_link(app, media))
}

/// Returns a signed link to this server. It is the same within one signing window.
fn own_link(app: &App, media: &Media) -> MediaUrl {
    let lifetime = app.config.sessions.link_lifetime.as_secs();
    let expires_at = sign::window_expiry(epoch_seconds(app.db.now()), lifetime);
    let path = path(media.owner.id(), media.object.id);
    let terms = LinkTerms { expires: expires_at, disposition: Disposition::Inline, epoch: 0 };
    let signature = app.links.sign_v2(&path, terms);
    let url = format!("{}{path}?v=2&exp={expires_at}&kid={}&sig={signature}", app.addresses.api, app.links.key_id());
    MediaUrl { url, expires_at, refresh_after: expires_at - lifetime + lifetime / 4, grant: None }
}

/// Returns a presigned GET of the unscanned original, for its uploader, as the original service
/// does.
async fn original(app: &App, media: &Media) -> Result<MediaUrl> {
    let lifetime = app.config.sessions.link_lifetime.min(Duration::from_secs(86_400));
    let lies = media.sealed.as_ref().unwrap_or(&media.file_key);
    let signed = app.store.sign_read(lies.as_str(), lifetime).await?;
    let expires_at = epoch_seconds(signed.expires);
    Ok(MediaUrl { url: signed.url, expires_at, refresh_after: expires_at, grant: None })
}

fn path(session: &str, id: ObjectId) -> String {
    format!("/v1/sessions/{session}/media/{id}/content")
}

/// The parameters of a link, as they were sent.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// The expiry in epoch seconds.
    pub exp: String,
    /// The signature.
    pub sig: String,
    /// The id of the key that signed.
    pub kid: Option<String>,
}

/// Returns the media item that a link opens, and its edge URL, signed for it alone; no URL if there
/// is no edge. Without a link, authorizes the caller. Returns an error with the status if the item
/// is not published.
pub async fn follow(
    app: &App,
    caller: Option<&Caller>,
    session: &SessionId,
    id: ObjectId,
    link: Option<&Given>,
) -> Result<(Media, Option<Arc<str>>)> {
    let now = app.db.now();
    let (media, not_after) = match (link, caller) {
        (Some(link), _) => {
            let signed = (link.exp.as_str(), Disposition::Inline, 0);
            let kid = link.kid.as_deref().unwrap_or_default();
            let path = path(session.as_str(), id);
            let Some(ends) = app.links.verify_v2(&path, kid, signed, &link.sig, epoch_seconds(now)) else {
                metrics::counter!("tidegate_links_refused_total").increment(1);
                return Err(Error::Forbidden("the link has ended, or was never good".into()));
            };
            let owner = app.db.find_session_unscoped(session).await?.ok_or_else(no_such_media)?;
            let media = app.db.find_media(&owner, id).await?.ok_or_else(no_such_media)?;
            (media, ends)
        }
        (None, Some(caller)) => (find(app, caller, Action::Read, Some(session), id).await?.1, u64::MAX),
        (None, None) => return Err(crate::error::unauthenticated()),
    };
    if !super::is_in(&media, session) {
        return Err(no_such_media());
    }
    match media.status() {
        None => Err(no_such_media()),
        Some(Status::Completed) if app.addresses.edge.is_none() => Ok((media, None)),
        Some(Status::Completed) => {
            let lifetime = app.config.grant_lifetime;
            let not_after = match &media.object.content {
                Some(content) => {
                    let ends = thaw::grant_end(app, &media.owner, id, &media.object.key, content).await?;
                    ends.min(not_after)
                }
                None => not_after,
            };
            let (url, _) = grants::sign_key_until(app, &media.object.key, lifetime, not_after, now)?;
            Ok((media, Some(url)))
        }
        Some(status) => {
            let because = media.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Err(Error::InvalidState(format!("it is not published; its status is {}{because}", status.as_str()).into()))
        }
    }
}
