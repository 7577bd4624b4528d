//! Processes media items: scans them, re-encodes them without their metadata, and publishes the
//! result.
//!
//! - Images are decoded and encoded again in the sandbox, never in the server's own process.
//! - Videos are remuxed: ffmpeg copies their tracks into a new container. Their poster is processed
//!   as every image is.
//! - Files are written under a new random key prefix, and then the row makes them readable.
//!
//! Every step can be repeated: if a worker dies, the next one continues, and nothing is served
//! before the row permits it.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use media::image::{CleanOptions, Cleaned, Picture, Thumbnail};
use media::kind::Kind;
use store::{Attributes, ByteStream};
use uuid::Uuid;

use super::effects::{self, Item};
use super::outcome::{self, Outcome};
use super::{media_items, scan};
use crate::app::App;
use crate::db::Publication;
use crate::error::{Error, Result};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::ids::ObjectId;
use crate::model::key::{self, Key};
use crate::model::media::{Media, Scan, Status, Variant, VisualInfo};
use crate::model::object::{Content, Object, ObjectState};
use crate::model::rules::{self, Processing};

/// The cache control of published files. Each publication has its own keys, so their content never
/// changes.
const CACHE_CONTROL: &str = "private, max-age=86400";

/// The files and facts that processing produced from a media item.
struct Rendition {
    main: RenditionFile,
    visual: VisualInfo,
    derived: Vec<RenditionFile>,
}

/// One file of a rendition.
struct RenditionFile {
    name: String,
    kind: Kind,
    width: u32,
    height: u32,
    body: ByteStream,
}

/// Processes a media item, from its current state to READY, REJECTED or FAILED.
pub(crate) async fn run(app: &App, id: ObjectId) -> Result<()> {
    let Some((_, media)) = app.db.find_media_unscoped(id).await? else { return Ok(()) };
    let Some(sealed) = media.sealed.clone().filter(|_| media.object.state.is_under_way()) else {
        return media_items::clear(app, id).await;
    };
    let Some(media) = scanned(app, media, &sealed).await? else { return media_items::clear(app, id).await };
    let started = Instant::now();
    let rendition = if media_items::is_video(&media) {
        remux_video(app, &media, &sealed).await?
    } else {
        encode_image(app, &media, &sealed).await?
    };
    measure(&media, "process", started);
    match rendition {
        Outcome::Good(rendition) => publish(app, &media, rendition).await?,
        Outcome::Rejected(reason) => reject(app, media, ObjectState::Processing, &reason).await?,
        Outcome::Failed(reason) => outcome::fail_now(app, id, &reason).await?,
    }
    media_items::clear(app, id).await
}

/// Scans a media item and moves it to PROCESSING. Returns `None` if it was rejected, failed, or
/// changed in the meantime.
async fn scanned(app: &App, media: Media, sealed: &Key) -> Result<Option<Media>> {
    let id = media.object.id;
    if media.object.state == ObjectState::Processing {
        return Ok(Some(media));
    }
    let media = match media.object.state {
        ObjectState::Pending if !enter(app, &media, ObjectState::Scanning, Status::Scanning, None).await? => {
            return Ok(None);
        }
        ObjectState::Failed => return Ok(None),
        _ => Media { object: Object { state: ObjectState::Scanning, ..media.object.clone() }, ..media },
    };
    let started = Instant::now();
    let outcome = scan::scan(app, sealed.as_str(), false).await?;
    measure(&media, "scan", started);
    match outcome {
        Outcome::Good(scan) if enter(app, &media, ObjectState::Processing, Status::Processing, Some(scan)).await? => {}
        Outcome::Good(_) => return Ok(None),
        Outcome::Rejected(reason) => {
            reject(app, media, ObjectState::Scanning, &reason).await?;
            return Ok(None);
        }
        Outcome::Failed(reason) => {
            outcome::fail_now(app, id, &reason).await?;
            return Ok(None);
        }
    }
    Ok(app.db.find_media_unscoped(id).await?.map(|(_, media)| media))
}

/// Moves a media item to another state and records it in its history. Returns `false` if its state
/// has changed since it was read.
async fn enter(app: &App, media: &Media, to: ObjectState, status: Status, scan: Option<Scan>) -> Result<bool> {
    let id = media.object.id;
    let mut tx = app.db.begin().await?;
    if !tx.move_object(id, media.object.state, to, None).await? {
        return Ok(false);
    }
    if let Some(scan) = scan {
        tx.set_scan(id, scan).await?;
    }
    tx.add_status_change(&media.owner, id, status.into(), None, app.db.now()).await?;
    tx.commit().await?;
    Ok(true)
}

async fn reject(app: &App, media: Media, from: ObjectState, reason: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if outcome::reject(app, &mut tx, &Caller::system(), &Item::Media(media), from, reason).await? {
        tx.commit().await?;
    }
    Ok(())
}

/// Records how long a step took.
fn measure(media: &Media, step: &'static str, started: Instant) {
    let kind = if media_items::is_video(media) { "video" } else { "image" };
    metrics::histogram!("tidegate_media_step_seconds", "step" => step, "type" => kind)
        .record(started.elapsed().as_secs_f64());
}

/// Maps a result of the sandbox or of ffmpeg to the outcome of a pipeline step.
fn sandbox_outcome<T>(result: std::result::Result<T, media::sandbox::Error>) -> Result<Outcome<T>> {
    use media::sandbox::Error as SandboxError;
    match result {
        Ok(output) => Ok(Outcome::Good(output)),
        Err(SandboxError::Refused(refusal)) => Ok(Outcome::Rejected(refusal.to_string())),
        // The upload may be the only good copy, so it is kept.
        Err(SandboxError::Unconfirmed(reason)) => Ok(Outcome::Failed(reason)),
        Err(SandboxError::Source(error)) => Err(Error::StoreError(store::Error::Damaged(error.to_string()))),
        Err(SandboxError::Failed(problem)) => Err(Error::Internal(anyhow::anyhow!(problem))),
    }
}

/// Re-encodes a sealed image and makes its thumbnails.
async fn encode_image(app: &App, media: &Media, sealed: &Key) -> Result<Outcome<Rendition>> {
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
fn clean_options(app: &App, kind: Kind) -> CleanOptions {
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

/// Returns the rendition of a re-encoded image.
fn rendition(cleaned: Cleaned) -> Rendition {
    let Cleaned { main, thumbnails, blurhash, frames: _ } = cleaned;
    let visual = VisualInfo { width: main.width, height: main.height, duration: None, blurhash };
    Rendition {
        main: picture_file("image", main),
        visual,
        derived: thumbnails.into_iter().map(thumbnail_file).collect(),
    }
}

/// Returns a thumbnail as a file. Its name is the requested longer side, whatever its actual size.
fn thumbnail_file(small: Thumbnail) -> RenditionFile {
    picture_file(&small.longest.to_string(), small.picture)
}

/// Returns a picture as a file with this stem and the extension of its type.
fn picture_file(stem: &str, picture: Picture) -> RenditionFile {
    let Picture { kind, width, height, bytes } = picture;
    let body = stream::once(std::future::ready(Ok(Bytes::from(bytes)))).boxed();
    RenditionFile { name: format!("{stem}.{}", kind.extension()), kind, width, height, body }
}

/// Remuxes a sealed video and makes its poster and thumbnails.
async fn remux_video(app: &App, media: &Media, sealed: &Key) -> Result<Outcome<Rendition>> {
    let kind = Kind::parse(&media.object.content_type)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a media item of an unsupported type")))?;
    let Some(ffmpeg) = &app.ffmpeg else {
        return Ok(Outcome::Failed("this server has no ffmpeg, without which no video is published".to_owned()));
    };
    let (stat, body) = app.store.read(sealed.as_str(), None).await?;
    // The copy, and the remuxed file beside it.
    app.disks.check_copy(stat.size.saturating_mul(2))?;
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
    let (width, height, published) = (video.width, video.height, video.kind);
    let visual = VisualInfo { width, height, duration: Some(video.duration), blurhash: poster.blurhash };
    let derived =
        std::iter::once(picture_file("poster", poster.main)).chain(poster.thumbnails.into_iter().map(thumbnail_file));
    let derived = derived.collect();
    // The temporary file exists for as long as `video`, which the stream therefore owns.
    let body = body.map(move |bytes| {
        let _kept = &video;
        bytes
    });
    let main = RenditionFile {
        name: format!("video.{}", published.extension()),
        kind: published,
        width,
        height,
        body: body.boxed(),
    };
    Ok(Outcome::Good(Rendition { main, visual, derived }))
}

/// Publishes a rendition, unless the media item was deleted in the meantime.
async fn publish(app: &App, media: &Media, rendition: Rendition) -> Result<()> {
    let (id, version, now) = (media.object.id, Uuid::new_v4(), app.db.now());
    let kind = rendition.main.kind;
    let (key, content) = write_file(app, media, version, &rendition.main.name, kind, rendition.main.body).await?;
    let mut variants = Vec::with_capacity(rendition.derived.len());
    for file in rendition.derived {
        let (key, content) = write_file(app, media, version, &file.name, file.kind, file.body).await?;
        let (name, content_type) = (file.name, file.kind.content_type().to_owned());
        variants.push(Variant { name, key, content_type, content, width: file.width, height: file.height });
    }
    let bytes: u64 = content.size + variants.iter().map(|variant| variant.content.size).sum::<u64>();
    let content_type = kind.content_type().to_owned();
    let publication = Publication { key, content_type, content, visual: rendition.visual, variants };
    let mut tx = app.db.begin().await?;
    let there = tx.hold(&media.owner).await? && tx.publish_media(id, &publication).await?;
    if there {
        tx.add_status_change(&media.owner, id, Status::Completed.into(), None, now).await?;
        tx.record(&Caller::system(), AuditAction::MediaPublished, id, now).await?;
        tx.commit().await?;
        effects::count_media(media.owner.kind(), "completed");
        metrics::counter!("tidegate_stored_bytes_total", "scope" => media.owner.kind().as_str()).increment(bytes);
        let took = now.duration_since(media.object.created_at).unwrap_or_default();
        tracing::info!(object.id = %id, object.size_bytes = bytes, ?took, "a media item was published");
    } else {
        drop(tx);
    }
    Ok(())
}

/// Writes one published file and returns its key and facts.
async fn write_file(
    app: &App,
    media: &Media,
    version: Uuid,
    name: &str,
    kind: Kind,
    body: ByteStream,
) -> Result<(Key, Content)> {
    let key = key::published_file(&media.owner, media.object.id, version, name);
    let attributes = Attributes {
        content_type: kind.content_type().to_owned(),
        cache_control: Some(CACHE_CONTROL.to_owned()),
        content_disposition: None,
        metadata: metadata(app, media),
    };
    let stat = app.store.write(key.as_str(), body, attributes).await?;
    Ok((key, Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified }))
}

/// Returns the metadata of a published file that clients of sessions expect. Other owner kinds get
/// none.
fn metadata(app: &App, media: &Media) -> BTreeMap<String, String> {
    if !rules::of(media.owner.kind()).has_metadata {
        return BTreeMap::new();
    }
    let mut metadata = media_items::metadata(media, media.stage);
    metadata.insert("processed".to_owned(), "true".to_owned());
    metadata.insert("processed-at".to_owned(), crate::model::rfc3339(app.db.now()));
    metadata.insert("original-key".to_owned(), media.file_key.as_str().to_owned());
    metadata
}
