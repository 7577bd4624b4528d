//! Imports the files of another program with the same layout. On local disk the files are linked,
//! not copied; into a bucket they are uploaded. Known files are skipped, so an import can be
//! repeated while the other program is running. Never changes the source files.

use std::sync::Arc;
use std::time::SystemTime;

use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value};
use store::{Attributes, ForeignFile, Stat, Tree, TreeEntry};
use time::OffsetDateTime;
use time::PrimitiveDateTime;
use time::format_description::well_known::{Iso8601, Rfc3339};

use super::visibility::asked_by;
use crate::app::App;
use crate::db::NewObject;
use crate::error::{Error, Result};
use crate::hashing::{hash_stream, sha256, to_hex};
use crate::model::caller::Caller;
use crate::model::event::AuditAction;
use crate::model::file::{File, FileKey, FileName, Visibility, user_segment};
use crate::model::ids::{ObjectId, UserId};
use crate::model::key;
use crate::model::object::{Content, Object, ObjectState};
use crate::model::owner::Owner;
use crate::model::upload::Digests;
use crate::queue::{self, Job};
use crate::uploads::begin::{OPAQUE, is_media_type};

/// The folder of the layout that contains users' files.
const ROOT: &str = "storage";
/// The number of files imported concurrently.
const CONCURRENT_FILES: usize = 4;

/// The outcome of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The file was imported. Holds its size in bytes.
    Imported(u64),
    /// The file was imported before.
    Known,
    /// The file was not imported. Holds the reason.
    Skipped(String),
}

/// A tree that is about to be imported.
#[derive(Debug)]
pub struct Import {
    tree: Tree,
    found: Vec<TreeEntry>,
}

impl Import {
    /// Lists the files of a tree. Reads and changes nothing else.
    pub async fn of(tree: Tree) -> Result<Self> {
        let found = tree.walk(ROOT).await.map_err(|error| match error {
            store::Error::NotFound => Error::BadRequest("there is no folder named storage in it".into()),
            other => other.into(),
        })?;
        Ok(Self { tree, found })
    }

    /// Returns the number of entries found.
    pub fn count(&self) -> u64 {
        self.found.len() as u64
    }

    /// Imports the files and calls `report` with the path and outcome of each. With `dry`, reports
    /// the outcomes without importing.
    pub async fn run(self, app: &Arc<App>, dry: bool, report: &(dyn Fn(&str, &Outcome) + Sync)) -> Result<()> {
        let tree = &self.tree;
        futures::stream::iter(self.found)
            .map(|found| async move {
                let (path, outcome) = match found {
                    TreeEntry::File(path) => {
                        let outcome = import_file(app, tree, &path, dry).await?;
                        (path, outcome)
                    }
                    TreeEntry::Other(path, why) => (path, Outcome::Skipped(why)),
                };
                let label = match &outcome {
                    Outcome::Imported(_) => "taken",
                    Outcome::Known => "known",
                    Outcome::Skipped(_) => "skipped",
                };
                metrics::counter!("tidegate_imported_files_total", "outcome" => label).increment(1);
                report(&path, &outcome);
                Ok(())
            })
            .buffer_unordered(CONCURRENT_FILES)
            .try_collect()
            .await
    }
}

/// Parses a path into its user and key. Returns the reason if it cannot be a file's key.
fn parse_path(path: &str) -> std::result::Result<(UserId, FileKey<'_>), &'static str> {
    let key =
        FileKey::parse(path).ok_or("its path is not storage/{user}/{folder}/{id}_{name} with names that are taken")?;
    let user = UserId::parse(key.user()).map_err(|_| "its user id is not taken")?;
    if user_segment(&user) == key.user() { Ok((user, key)) } else { Err("its user id is not written as ours are") }
}

/// Imports one file, or, with `dry`, only reports its outcome.
async fn import_file(app: &App, tree: &Tree, path: &str, dry: bool) -> Result<Outcome> {
    let skipped = |why: &str| Ok(Outcome::Skipped(why.to_owned()));
    let (user, key) = match parse_path(path) {
        Ok(parsed) => parsed,
        Err(why) => return skipped(why),
    };
    match app.db.find_file_unscoped(path).await? {
        Some((_, file)) if file.object.state == ObjectState::Ready => return Ok(Outcome::Known),
        Some((_, file)) => match file.object.state {
            ObjectState::Pending | ObjectState::Scanning => return skipped("its upload is not complete"),
            ObjectState::Rejected | ObjectState::Failed => return skipped("it was not let through by the scanner"),
            _ => return skipped("it was deleted here"),
        },
        None => {}
    }
    let foreign = match tree.look(path).await {
        Ok(foreign) => foreign,
        Err(error) => return Ok(Outcome::Skipped(describe_read_error(&error))),
    };
    let declared = match DeclaredFile::read(&foreign, key) {
        Ok(declared) => declared,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let (size, digests) = match digests(tree, path).await {
        Ok(read) => read,
        Err(error) => return Ok(Outcome::Skipped(describe_read_error(&error))),
    };
    if let Err(why) = declared.agrees(size, &digests) {
        return Ok(Outcome::Skipped(why));
    }
    if dry {
        return Ok(Outcome::Imported(size));
    }
    let attributes = Attributes { content_type: declared.content_type.clone(), ..Attributes::default() };
    let stat = match store_file(app, tree, path, &foreign, attributes).await {
        Ok(stat) => stat,
        Err(store::Error::NotFound | store::Error::Incomplete(_)) => {
            return skipped("it changed while it was read; try again");
        }
        Err(store::Error::Refused(why)) => return Ok(Outcome::Skipped(why)),
        Err(error @ store::Error::InvalidKey(_)) => return Ok(Outcome::Skipped(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    if stat.size != size {
        return skipped("it changed while it was read; try again");
    }
    record(app, Owner::Files(user), key, declared, stat, &digests).await
}

/// Stores a file: linked into the folder of a local store, uploaded into a bucket.
async fn store_file(
    app: &App,
    tree: &Tree,
    path: &str,
    seen: &ForeignFile,
    attributes: Attributes,
) -> store::Result<Stat> {
    if let Some(local) = &app.local {
        return local.fs.adopt(tree, path, path, seen, attributes).await;
    }
    match app.store.write(path, tree.read(path).await?, attributes.clone()).await {
        // An interrupted earlier import left a blob without a row, possibly with other bytes.
        Err(store::Error::AlreadyExists) => {
            app.store.delete(path, store::Deletion::Purge).await?;
            app.store.write(path, tree.read(path).await?, attributes).await?;
        }
        other => drop(other?),
    }
    if tree.look(path).await? != *seen {
        app.store.delete(path, store::Deletion::Purge).await?;
        return Err(store::Error::NotFound);
    }
    app.store.stat(path).await
}

/// Returns the reason why a file of the tree was not read.
fn describe_read_error(error: &store::Error) -> String {
    match error {
        store::Error::NotFound => "it is gone".to_owned(),
        store::Error::Damaged(why) => why.clone(),
        store::Error::Unavailable(error) => format!("it can't be read: {error}"),
        other => other.to_string(),
    }
}

/// Returns the size and checksums of a file of the tree.
async fn digests(tree: &Tree, path: &str) -> store::Result<(u64, Digests)> {
    let (body, hashes) = hash_stream(tree.read(path).await?, Some(sha256()));
    body.try_for_each(|_| std::future::ready(Ok(()))).await.map_err(store::Error::Unavailable)?;
    let came = hashes.read();
    let crc32 = came.crc32();
    Ok((came.bytes, Digests { sha256: to_hex(came.sha256.unwrap_or_else(sha256)), crc32 }))
}

/// Inserts the rows of an imported file.
async fn record(
    app: &App,
    owner: Owner,
    key: FileKey<'_>,
    declared: DeclaredFile,
    stat: Stat,
    digests: &Digests,
) -> Result<Outcome> {
    let content = Content { size: stat.size, etag: stat.etag, last_modified: stat.last_modified };
    let object = Object {
        id: ObjectId::generate(),
        key: key::imported(key),
        name: Some(declared.name.as_str().to_owned()),
        content_type: declared.content_type,
        state: ObjectState::Pending,
        created_at: declared.created_at,
        content: None,
        archive: None,
    };
    let (folder, visibility) = (key.folder().to_owned(), declared.visibility);
    let file = File { object, folder, digests: None, visibility, scan: None, reason: None };
    let (caller, id) = (Caller::system(), file.object.id);
    let mut tx = app.db.begin().await?;
    tx.hold_quota(&owner).await?;
    let new = NewObject { object: &file.object, announced: None, file: Some((&file.folder, file.visibility)) };
    if !tx.insert_objects(&owner, &caller.principal, &[new]).await?.is_empty() {
        return Ok(Outcome::Known);
    }
    tx.publish_object(id, &content, ObjectState::Ready).await?;
    tx.set_digests(id, digests).await?;
    tx.count_in_folder(&owner, &file.folder, 1, i64::try_from(content.size).unwrap_or(i64::MAX)).await?;
    tx.record(&caller, AuditAction::Imported, id, app.db.now()).await?;
    if app.scanner.is_some() {
        // The file was readable at its source and stays readable; if the scan finds malware, it is
        // deleted.
        queue::enqueue(&mut tx, &Job::RescanV1 { object: id.0 }, app.db.now()).await?;
    }
    tx.commit().await?;
    Ok(Outcome::Imported(content.size))
}

/// The facts that the other program's record declares; missing ones are taken from the file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DeclaredFile {
    name: FileName,
    content_type: String,
    created_at: SystemTime,
    visibility: Visibility,
    size: Option<u64>,
    sha256: Option<String>,
}

impl DeclaredFile {
    /// Reads the declared facts of a file. Returns the reason if its name is invalid.
    fn read(foreign: &ForeignFile, key: FileKey<'_>) -> std::result::Result<Self, String> {
        let none = Map::new();
        let meta = foreign.meta.as_ref().unwrap_or(&none);
        let text = |names: &[&str]| {
            let value = names.iter().find_map(|name| meta.get(*name))?;
            value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let name = text(&["filename", "original_filename", "name"]).unwrap_or_else(|| key.name().to_owned());
        let name = FileName::parse(&name).map_err(|error| format!("its name in .meta {error}"))?;
        let content_type = text(&["mime", "mime_type", "content_type"]).filter(|text| is_media_type(text));
        Ok(Self {
            name,
            content_type: content_type.map_or_else(|| OPAQUE.to_owned(), |text| text.to_ascii_lowercase()),
            created_at: text(&["created_at", "createdAt", "uploaded_at"])
                .and_then(|text| moment(&text))
                .unwrap_or(foreign.modified),
            visibility: visibility(meta).unwrap_or_default(),
            size: meta.get("size").and_then(Value::as_u64),
            sha256: text(&["sha256"]).map(|text| text.to_ascii_lowercase()),
        })
    }

    /// Compares the declared size and SHA-256 with the actual ones. Returns the difference.
    fn agrees(&self, size: u64, digests: &Digests) -> std::result::Result<(), String> {
        if let Some(declared) = self.size.filter(|declared| *declared != size) {
            return Err(format!("it has {size} bytes, its .meta says {declared}; it may still be on its way"));
        }
        match &self.sha256 {
            Some(declared) if *declared != digests.sha256 => Err("its sha256 is not the one its .meta says".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Returns who may read a file without a link, from the top of its record or from its `meta`
/// member. Private in one place means private, and so does a value that is not understood.
fn visibility(record: &Map<String, Value>) -> Option<Visibility> {
    let declared = record.iter().map(|(name, value)| match name.as_str() {
        "visibility" if value.is_null() => None,
        "visibility" => {
            Some(value.as_str().and_then(|word| Visibility::parse(word.trim())).unwrap_or(Visibility::Private))
        }
        "meta" => value.as_object().and_then(visibility),
        _ => asked_by(name, value),
    });
    Visibility::strictest(declared)
}

/// Parses a time with a zone, or one without, which is UTC.
fn moment(text: &str) -> Option<SystemTime> {
    let zoned = OffsetDateTime::parse(text, &Rfc3339);
    let plain = || PrimitiveDateTime::parse(text, &Iso8601::DEFAULT).map(PrimitiveDateTime::assume_utc);
    zoned.or_else(|_| plain()).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_of_the_source_are_read() {
        for text in ["2025-08-18T09:48:00.809581", "2025-08-18T09:48:00Z", "2025-08-18T11:48:00+02:00"] {
            let at = moment(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1_755_510_480, "{text}");
        }
        assert_eq!(moment("yesterday"), None);
    }

    #[test]
    fn privacy_in_a_record_is_never_ignored() {
        let read = |record: Value| visibility(record.as_object().unwrap());
        for private in [
            json!({ "visibility": "private" }),
            json!({ "visibility": " private " }),
            json!({ "visibility": "Private" }),
            json!({ "visibility": "PUBLIC" }),
            json!({ "visibility": "" }),
            json!({ "visibility": false }),
            json!({ "visibility": [] }),
            json!({ "visiblity": "private" }),
            json!({ "visibility": "public", "private": true }),
            json!({ "is_public": false }),
            json!({ "visibility": "public", "meta": { "visibility": "private" } }),
            json!({ "meta": { "acl": "private" } }),
        ] {
            assert_eq!(read(private.clone()), Some(Visibility::Private), "{private}");
        }
        for public in
            [json!({ "visibility": "public" }), json!({ "visibility": " public " }), json!({ "private": false })]
        {
            assert_eq!(read(public.clone()), Some(Visibility::Public), "{public}");
        }
        for nothing in [json!({}), json!({ "visibility": null }), json!({ "category": "private", "meta": {} })] {
            assert_eq!(read(nothing.clone()), None, "{nothing}");
        }
    }

    #[test]
    fn foreign_paths_are_refused() {
        for good in ["storage/u/abc123_a.jpg", "storage/a@b.de/main/pictures/01234567_x y.png", "storage/u/x/y/1_2_3"] {
            assert!(parse_path(good).is_ok(), "{good}");
        }
        for bad in [
            "storage/u/noid.jpg",
            "storage/u/_a",
            "storage/u/.hid/1_a",
            "storage/.u/1_a",
            "storage/u/1_nul",
            "storage/~7e/1_a",
            "storage/u v/1_a",
            "storage/1_a",
            "other/u/1_a",
            "storage/u/../1_a",
        ] {
            assert!(parse_path(bad).is_err(), "{bad}");
        }
    }
}
