//! Remuxes videos without their metadata: ffmpeg copies their tracks into a new container. The
//! poster is processed as every image is; see `images`.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use media::kind::Kind;

use super::images::{clean_options, file, thumbnail};
use super::sandbox_outcome;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::media::{Media, VisualInfo};
use crate::uploads::outcome::Outcome;
use crate::uploads::publish::{Rendition, RenditionFile};

/// Remuxes a sealed video and makes its poster and thumbnails.
pub(super) async fn render(app: &App, media: &Media, sealed: &Key) -> Result<Outcome<Rendition>> {
    let kind = Kind::parse(&media.object.content_type)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a media item of an unsupported type")))?;
    let Some(ffmpeg) = &app.ffmpeg else {
        return Ok(Outcome::Failed("this server has no ffmpeg, without which no video is published".to_owned()));
    };
    let (stat, body) = app.store.read(sealed.as_str(), None).await?;
    let video = match sandbox_outcome(ffmpeg.remux(kind, stat.size, body).await)? {
        Outcome::Good(video) => video,
        Outcome::Rejected(reason) => return Ok(Outcome::Rejected(reason)),
        Outcome::Failed(reason) => return Ok(Outcome::Failed(reason)),
    };
    let poster = stream::once(std::future::ready(Ok(Bytes::from(video.poster.clone()))));
    let poster = match sandbox_outcome(app.sandbox.clean(&clean_options(app, Kind::Jpeg), poster).await)? {
        Outcome::Good(poster) => poster,
        Outcome::Rejected(reason) => return Ok(Outcome::Rejected(reason)),
        Outcome::Failed(reason) => return Ok(Outcome::Failed(reason)),
    };
    let body = video.read().await.map_err(|error| Error::Internal(error.into()))?;
    let (width, height) = (video.width, video.height);
    let visual = VisualInfo { width, height, duration: Some(video.duration), blurhash: poster.blurhash };
    let derived = std::iter::once(file("poster", poster.main)).chain(poster.thumbnails.into_iter().map(thumbnail));
    let derived = derived.collect();
    // The temporary file exists for as long as `video`, which the stream therefore owns.
    let body = body.map(move |bytes| {
        let _kept = &video;
        bytes
    });
    let main = RenditionFile { name: format!("video.{}", kind.extension()), kind, width, height, body: body.boxed() };
    Ok(Outcome::Good(Rendition { main, visual, derived }))
}
