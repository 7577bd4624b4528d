//! Publishes the rendition of a media item: writes its files under a new random key prefix, and
//! then the row that makes them readable. Never processes; see `process`.

use std::collections::BTreeMap;

use media::kind::Kind;
use store::{Attributes, ByteStream};
use uuid::Uuid;

use super::effects::{self, Item};
use super::media_items;
use crate::app::App;
use crate::db::Publication;
use crate::error::Result;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::key::{self, Key};
use crate::model::media::{Media, Status, Variant, VisualInfo};
use crate::model::object::Content;
use crate::model::rules;

/// The cache control of published files. Each publication has its own keys, so their content never
/// changes.
const CACHE_CONTROL: &str = "private, max-age=86400";

/// The files and facts that processing produced from a media item.
pub(crate) struct Rendition {
    pub(crate) main: RenditionFile,
    pub(crate) visual: VisualInfo,
    pub(crate) derived: Vec<RenditionFile>,
}

/// One file of a rendition.
pub(crate) struct RenditionFile {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) body: ByteStream,
}

/// Publishes a rendition, unless the media item was deleted in the meantime.
pub(crate) async fn publish(app: &App, media: &Media, rendition: Rendition) -> Result<()> {
    let (id, version, now) = (media.object.id, Uuid::new_v4(), app.db.now());
    let kind = rendition.main.kind;
    let (key, content) = write(app, media, version, &rendition.main.name, kind, rendition.main.body).await?;
    let mut variants = Vec::with_capacity(rendition.derived.len());
    for file in rendition.derived {
        let (key, content) = write(app, media, version, &file.name, file.kind, file.body).await?;
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
        effects::charge(&mut tx, &Item::Media(media.clone()), publication.content.size).await?;
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

async fn write(
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
