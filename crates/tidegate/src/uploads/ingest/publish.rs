//! Publishing: files first, under an address that nobody knows, then the row that makes them readable.

use std::collections::BTreeMap;
use std::time::SystemTime;

use media::kind::Kind;
use store::{Attributes, ByteStream};
use uuid::Uuid;

use crate::app::App;
use crate::db::Publication;
use crate::error::Result;
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::key::{self, Key};
use crate::model::media::{Media, Status, Variant, VisualInfo};
use crate::model::object::Content;
use crate::model::owner::Owner;
use crate::uploads::media_items::uploads;

/// Files have an address of their own each time: what was read once never changes.
const CACHE_CONTROL: &str = "private, max-age=86400";

/// What was made of a medium.
pub(super) struct Made {
    pub(super) main: File,
    pub(super) visual: VisualInfo,
    pub(super) derived: Vec<File>,
}

/// One file of it.
pub(super) struct File {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) body: ByteStream,
}

/// Publishes what was made, unless the medium was deleted meanwhile.
pub(super) async fn publish(app: &App, media: &Media, made: Made) -> Result<()> {
    let (id, version, now) = (media.object.id, Uuid::new_v4(), app.db.now());
    let kind = made.main.kind;
    let (key, content) = write(app, media, version, &made.main.name, kind, made.main.body).await?;
    let mut variants = Vec::with_capacity(made.derived.len());
    for file in made.derived {
        let (key, content) = write(app, media, version, &file.name, file.kind, file.body).await?;
        let (name, content_type) = (file.name, file.kind.content_type().to_owned());
        variants.push(Variant { name, key, content_type, content, width: file.width, height: file.height });
    }
    let bytes: u64 = content.size + variants.iter().map(|variant| variant.content.size).sum::<u64>();
    let content_type = kind.content_type().to_owned();
    let publication = Publication { key, content_type, content, visual: made.visual, variants };
    let forgetting = app.object_cache.forgetting(id);
    let mut tx = app.db.begin().await?;
    let there = tx.hold(&media.owner).await? && tx.publish_media(id, &publication).await?;
    if there {
        tx.add_status_change(&media.owner, id, Status::Completed.into(), None, now).await?;
        if let Owner::Space(_) = media.owner {
            let size = i64::try_from(publication.content.size).unwrap_or(i64::MAX);
            tx.count_objects(&media.owner, 1, size).await?;
        }
        tx.record(&Caller::system(), AuditAction::MediaPublished, id, now).await?;
        tx.tell(id).await?;
        tx.commit().await?;
        drop(forgetting);
        app.news.notify();
        metrics::counter!("tidegate_media_total", "outcome" => "completed").increment(1);
        metrics::counter!("tidegate_stored_bytes_total", "scope" => media.owner.kind().as_str()).increment(bytes);
        let took = now.duration_since(media.object.created_at).unwrap_or_default();
        tracing::info!(object.id = %id, object.size_bytes = bytes, ?took, "a medium was published");
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
        metadata: metadata(media),
    };
    let stat = app.store.write(key.as_str(), body, attributes).await?;
    Ok((key, Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified }))
}

/// What the source of sessions wants to be said of each file. Of what is in a space nothing is: a CDN hands it to everybody
/// who has the URL.
fn metadata(media: &Media) -> BTreeMap<String, String> {
    if let Owner::Space(_) = media.owner {
        return BTreeMap::new();
    }
    let mut metadata = uploads::metadata(media, media.stage);
    metadata.insert("processed".to_owned(), "true".to_owned());
    metadata.insert("processed-at".to_owned(), crate::model::rfc3339(SystemTime::now()));
    metadata.insert("original-key".to_owned(), media.file_key.as_str().to_owned());
    metadata
}
