//! Uploads to a session: what is announced, and what the client says that it has sent.

use uuid::Uuid;

use super::{Shown, shown};
use crate::access;
use crate::app::App;
use crate::error::{Result, bad_request, unauthenticated};
use crate::model::access::Action;
use crate::model::caller::Caller;
use crate::model::ids::SessionId;
use crate::model::key;
use crate::model::media::{Media, Stage, extension};
use crate::model::principal::Principal;
use crate::model::upload::UploadState;
use crate::uploads::begin::new_id;
use crate::uploads::effects::Confirmation;
pub use crate::uploads::media_items::Target;
use crate::uploads::media_items::{self, no_such_media};

/// Bytes of a text that describes a picture.
const MAX_ALT: usize = 2000;

/// What is to come.
#[derive(Debug, Clone, Default)]
pub struct Announced {
    /// The file's name.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Where in the session it belongs; `general` if that is not said.
    pub stage: Option<String>,
    /// Bytes. Signed where it is given.
    pub size: Option<u64>,
    /// Lower-case hex of what must come.
    pub sha256: Option<String>,
}

/// Announces a medium and says where to send it.
pub async fn begin(app: &App, caller: &Caller, session: &SessionId, announced: Announced) -> Result<Target> {
    let owner = access::find_session(app, caller, Action::Write, session).await?;
    let Announced { filename, content_type, stage: given, size, sha256 } = announced;
    let kind = media_items::kind(&content_type, |_| true)?;
    let stage = stage(given.as_deref())?.unwrap_or(Stage::General);
    let file_key = key::session_upload(session, stage, Uuid::new_v4(), extension(&filename));
    let announced = media_items::Announced { filename, kind, size, sha256, stage: Some(stage) };
    media_items::begin(app, caller, &owner, (new_id(), file_key), announced).await
}

fn stage(given: Option<&str>) -> Result<Option<Stage>> {
    let Some(given) = given else { return Ok(None) };
    let all: Vec<&str> = Stage::ALL.into_iter().map(Stage::as_str).collect();
    let unknown = || bad_request(format!("stage must be one of {}", all.join(", ")));
    Stage::parse(given).ok_or_else(unknown).map(Some)
}

/// Takes what the client has sent, seals it and has it worked on. Asked again it answers the same.
pub async fn confirm(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    file_key: &str,
    stage_given: Option<&str>,
    alt: Option<&str>,
) -> Result<Shown> {
    let owner = access::find_session(app, caller, Action::Write, session).await?;
    let stage = stage(stage_given)?;
    if alt.is_some_and(|alt| alt.len() > MAX_ALT) {
        return Err(bad_request(format!("alt may have at most {MAX_ALT} bytes")));
    }
    let media = find_own(app, caller, session, file_key).await?;
    if media.upload == UploadState::Open {
        media_items::confirm(app, caller, &owner, media.object.id, Confirmation { stage, alt }).await?;
    }
    let media = find_own(app, caller, session, file_key).await?;
    let mut all = shown(app, caller, vec![media]).await?;
    all.pop().ok_or_else(no_such_media)
}

/// The medium at a key, for the one who announced it or a service. A colleague's is not there.
async fn find_own(app: &App, caller: &Caller, session: &SessionId, file_key: &str) -> Result<Media> {
    let (_, media) = app.db.find_media_by_file_key_unscoped(file_key).await?.ok_or_else(no_such_media)?;
    let effective = caller.effective_principal();
    let theirs = match &*effective {
        Principal::Anonymous => return Err(unauthenticated()),
        Principal::User { id, .. } => media.created_by == id.as_str(),
        Principal::Service | Principal::System => true,
    };
    if !super::is_in(&media, session) || !theirs || media.status().is_none() {
        return Err(no_such_media());
    }
    Ok(media)
}
