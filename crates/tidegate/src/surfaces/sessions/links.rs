//! Where a session's media can be read: before they are published, by a link of ours that asks each time where they stand;
//! after it, from the edge under the session's grant.
//!
//! A link is for anybody who has it, until it ends, and for the one object that it names: what it leads to is signed for
//! that object alone and ends no later than the link, so that following it again and again gains nothing. Only who is
//! signed in and may read the session is given its grant.

use std::sync::Arc;
use std::time::Duration;

use sign::{Disposition, LinkTerms};

use super::find;
use crate::app::App;
use crate::error::{Error, Result};
use crate::library::grants;
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::epoch_seconds;
use crate::model::ids::{ObjectId, SessionId};
use crate::model::key::{self, Key};
use crate::model::media::{Media, Status};
use crate::model::object::ObjectState;
use crate::model::principal::Principal;
use crate::uploads::media_items::no_such_media;

/// Where something can be read.
#[derive(Debug, Clone)]
pub struct MediaUrl {
    /// The address.
    pub url: String,
    /// Epoch seconds: when it ends.
    pub expires_at: u64,
    /// Epoch seconds: when a later one can be had.
    pub refresh_after: u64,
    /// What authorizes reading below the session's root, where it is published.
    grant: Option<String>,
}

impl MediaUrl {
    /// The address of something else that is published of the same session.
    pub fn beside(&self, app: &App, key: &Key) -> Option<String> {
        let (edge, grant) = app.addresses.edge.as_ref().zip(self.grant.as_ref())?;
        Some(format!("{edge}/{key}?{grant}"))
    }
}

/// Where one of a session's media can be read now.
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

/// A link of ours, which is the same for as long as a window lasts.
fn own_link(app: &App, media: &Media) -> MediaUrl {
    let lifetime = app.config.sessions.link_lifetime.as_secs();
    let expires_at = sign::window_expiry(epoch_seconds(app.db.now()), lifetime);
    let path = path(media.owner.id(), media.object.id);
    let terms = LinkTerms { expires: expires_at, disposition: Disposition::Inline, epoch: 0 };
    let signature = app.links.sign_v2(&path, terms);
    let url = format!("{}{path}?v=2&exp={expires_at}&kid={}&sig={signature}", app.addresses.api, app.links.key_id());
    MediaUrl { url, expires_at, refresh_after: expires_at - lifetime + lifetime / 4, grant: None }
}

/// As the source has it: the bytes as they came, unscanned, for the one who sent them.
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

/// What a link says, as it was sent.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Its end.
    pub exp: String,
    /// Its signature.
    pub sig: String,
    /// Which secret signed.
    pub kid: Option<String>,
}

/// The object for whoever has its link or may read it, and its address at the edge, signed for it alone; no address where
/// there is no edge. Before it is published, its status is in the refusal.
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
            let said = (link.exp.as_str(), Disposition::Inline, 0);
            let kid = link.kid.as_deref().unwrap_or_default();
            let path = path(session.as_str(), id);
            let Some(ends) = app.links.verify_v2(&path, kid, said, &link.sig, epoch_seconds(now)) else {
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
            let (url, _) = grants::sign_key_until(app, &media.object.key, lifetime, not_after, now)?;
            Ok((media, Some(url)))
        }
        Some(status) => {
            let because = media.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            Err(Error::InvalidState(format!("it is not published; its status is {}{because}", status.as_str()).into()))
        }
    }
}
