//! Re-encodes images without their metadata, in the sandbox. Never decodes an image in the server's
//! own process.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use media::image::{CleanOptions, Cleaned, Picture, Thumbnail};
use media::kind::Kind;

use super::sandbox_outcome;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::media::{Media, VisualInfo};
use crate::model::rules::{self, Processing};
use crate::uploads::outcome::Outcome;
use crate::uploads::publish::{Rendition, RenditionFile};

/// Re-encodes a sealed image and makes its thumbnails.
pub(super) async fn render(app: &App, media: &Media, sealed: &Key) -> Result<Outcome<Rendition>> {
    let kind = Kind::parse(&media.object.content_type)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a media item of an unsupported type")))?;
    let lossless = rules::of(media.owner.kind()).processing == Processing::Lossless;
    let options = CleanOptions { lossless, ..clean_options(app, kind) };
    let (_, body) = app.store.read(sealed.as_str(), None).await?;
    Ok(match sandbox_outcome(app.sandbox.clean(&options, body).await)? {
        Outcome::Good(cleaned) => Outcome::Good(rendition(cleaned)),
        Outcome::Rejected(reason) => Outcome::Rejected(reason),
        Outcome::Failed(reason) => Outcome::Failed(reason),
    })
}

/// Returns the configured limits and options of the sandbox for one media type.
pub(super) fn clean_options(app: &App, kind: Kind) -> CleanOptions {
    let setting = &app.config.media;
    CleanOptions {
        kind,
        max_pixels: setting.max_pixels,
        max_frames: setting.max_frames,
        quality: setting.quality,
        thumbnails: setting.thumbnails.clone(),
        lossless: false,
    }
}

fn rendition(cleaned: Cleaned) -> Rendition {
    let Cleaned { main, thumbnails, blurhash, frames: _ } = cleaned;
    let visual = VisualInfo { width: main.width, height: main.height, duration: None, blurhash };
    Rendition { main: file("image", main), visual, derived: thumbnails.into_iter().map(thumbnail).collect() }
}

/// Returns a thumbnail as a file. Its name is the requested longer side, whatever its actual size.
pub(super) fn thumbnail(small: Thumbnail) -> RenditionFile {
    file(&small.longest.to_string(), small.picture)
}

/// Returns a picture as a file with this stem and the extension of its type.
pub(super) fn file(stem: &str, picture: Picture) -> RenditionFile {
    let Picture { kind, width, height, bytes } = picture;
    let body = stream::once(std::future::ready(Ok(Bytes::from(bytes)))).boxed();
    RenditionFile { name: format!("{stem}.{}", kind.extension()), kind, width, height, body }
}
