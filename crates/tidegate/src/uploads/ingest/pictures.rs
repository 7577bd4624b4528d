//! Pictures: decoded in the sandbox, and encoded anew there.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use media::image::{Cleaned, Order, Picture, Thumbnail};
use media::kind::Kind;

use super::publish::{File, Made};
use super::{Outcome, judged};
use crate::app::App;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::media::{Media, VisualInfo};
use crate::model::owner::Owner;

/// Makes a picture anew.
pub(super) async fn make(app: &App, media: &Media, sealed: &Key) -> Result<Outcome<Made>> {
    let kind = Kind::parse(&media.object.content_type)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a medium of a type that is not taken")))?;
    // Of a space, every pixel is the person's who put it there.
    let ordered = Order { lossless: matches!(media.owner, Owner::Space(_)), ..order(app, kind) };
    let (_, body) = app.store.read(sealed.as_str(), None).await?;
    Ok(match judged(app.sandbox.clean(&ordered, body).await)? {
        Outcome::Good(cleaned) => Outcome::Good(made(cleaned)),
        Outcome::Rejected(reason) => Outcome::Rejected(reason),
        Outcome::Failed(reason) => Outcome::Failed(reason),
    })
}

/// What is asked of the sandbox.
pub(super) fn order(app: &App, kind: Kind) -> Order {
    let setting = &app.config.media;
    Order {
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
