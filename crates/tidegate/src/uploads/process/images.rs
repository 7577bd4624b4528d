//! Makes images anew: decoded in the sandbox, and encoded again there.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use media::image::{CleanOptions, Cleaned, Picture, Thumbnail};
use media::kind::Kind;

use super::judged;
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::media::{Media, VisualInfo};
use crate::model::rules::{self, Processing};
use crate::uploads::outcome::Outcome;
use crate::uploads::publish::{File, Made};

/// Makes an image anew.
pub(super) async fn make(app: &App, media: &Media, sealed: &Key) -> Result<Outcome<Made>> {
    let kind = Kind::parse(&media.object.content_type)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a media item of a type that is not taken")))?;
    let lossless = rules::of(media.owner.kind()).processing == Processing::Lossless;
    let ordered = CleanOptions { lossless, ..order(app, kind) };
    let (_, body) = app.store.read(sealed.as_str(), None).await?;
    Ok(match judged(app.sandbox.clean(&ordered, body).await)? {
        Outcome::Good(cleaned) => Outcome::Good(made(cleaned)),
        Outcome::Rejected(reason) => Outcome::Rejected(reason),
        Outcome::Failed(reason) => Outcome::Failed(reason),
    })
}

/// What is asked of the sandbox.
pub(super) fn order(app: &App, kind: Kind) -> CleanOptions {
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

fn made(cleaned: Cleaned) -> Made {
    let Cleaned { main, thumbnails, blurhash, frames: _ } = cleaned;
    let visual = VisualInfo { width: main.width, height: main.height, duration: None, blurhash };
    Made { main: file("image", main), visual, derived: thumbnails.into_iter().map(thumbnail).collect() }
}

/// A thumbnail, called by the longer side that was asked for, so that it is found whatever its image's size.
pub(super) fn thumbnail(small: Thumbnail) -> File {
    file(&small.longest.to_string(), small.picture)
}

/// A picture as a file of that name.
pub(super) fn file(stem: &str, picture: Picture) -> File {
    let Picture { kind, width, height, bytes } = picture;
    let body = stream::once(std::future::ready(Ok(Bytes::from(bytes)))).boxed();
    File { name: format!("{stem}.{}", kind.extension()), kind, width, height, body }
}
