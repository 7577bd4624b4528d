//! ZIP archives of files: laid out when they are requested and generated when they are read. Never
//! stores an archive; any server generates any byte range from its layout and its files. Continue
//! with `layout` and `names`.

mod layout;
mod names;

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use store::ByteStream;
use tokio_util::task::AbortOnDropHandle as AbortOnDrop;

use self::layout::Entry;
use self::names::Names;
use crate::app::App;
use crate::db::Cursor;
use crate::error::{Error, Result, bad_request};
use crate::library;
use crate::model::access::Action;
use crate::model::archive::{Archive, Member};
use crate::model::caller::Caller;
use crate::model::file::{File, FileFilter, Folder};
use crate::model::ids::ObjectId;
use crate::model::micros;
use crate::model::object::{Object, ObjectState};
use crate::model::owner::Owner;
use crate::turns;

/// The largest number of files in an archive.
pub const MAX_MEMBERS: usize = 100_000;
/// The largest number of files in all readable archives of one user.
const MAX_LIVE_MEMBERS: u64 = 1_000_000;
/// The lifetime of a token.
pub const LIFETIME: Duration = Duration::from_secs(3600);
/// The file name of an archive that was given no name.
const NAMELESS: &str = "files.zip";
/// The number of members in one query.
const BATCH: i64 = 256;
/// The number of central directory bytes generated at once.
const DIRECTORY: usize = 64 << 10;

/// A new archive and its token.
#[derive(Debug, Clone)]
pub struct NewArchive {
    /// The token, which opens the archive for anyone.
    pub token: String,
    /// The archive.
    pub archive: Archive,
}

/// Lays out an archive of files of one user. Returns an error unless the caller may read every
/// file.
pub async fn create(app: &App, caller: &Caller, keys: &[String], name: Option<&str>) -> Result<NewArchive> {
    if keys.is_empty() || keys.len() > MAX_MEMBERS {
        return Err(bad_request(format!("keys must name 1 to {MAX_MEMBERS} files")));
    }
    let mut seen = HashSet::new();
    let keys: Vec<&str> = keys.iter().map(String::as_str).filter(|key| seen.insert(*key)).collect();
    let found = library::files::find_many(app, caller, Action::Read, &keys).await?;
    let Some((owner, _)) = found.first().cloned() else { return Err(bad_request("keys must name files")) };
    if found.iter().any(|(other, _)| *other != owner) {
        return Err(bad_request("keys must name files of one user"));
    }
    let files: Vec<File> = found.into_iter().map(|(_, file)| file).collect();
    lay_out(app, &owner, &files, name.unwrap_or(NAMELESS)).await
}

/// Lays out an archive of a folder and its subfolders. Authorizes the caller.
pub async fn create_of_folder(
    app: &App,
    caller: &Caller,
    owner: &Owner,
    folder: &str,
    name: Option<&str>,
) -> Result<NewArchive> {
    let folder = Folder::clean(folder).map_err(|error| bad_request(format!("folder {error}")))?;
    let filter = FileFilter { folder: Some(folder.as_str().to_owned()), subtree: true, name: None };
    let (mut found, mut after) = (Vec::new(), Cursor::START);
    loop {
        let (page, more) =
            library::files::list(app, caller, owner, (&filter, ObjectState::Ready), after, library::files::MAX_PAGE)
                .await?;
        if let Some(last) = page.last() {
            after = Cursor { created_at: micros(last.object.created_at), id: last.object.id };
        }
        found.extend(page);
        if found.len() > MAX_MEMBERS {
            return Err(bad_request(format!("the folder holds more than {MAX_MEMBERS} files")));
        }
        if !more {
            break;
        }
    }
    if found.is_empty() {
        return Err(Error::NotFound("no files in that folder".into()));
    }
    lay_out(app, owner, &found, name.unwrap_or(NAMELESS)).await
}

/// Lays out an archive of files, stores the layout, and returns its token.
async fn lay_out(app: &App, owner: &Owner, files: &[File], name: &str) -> Result<NewArchive> {
    // A ZIP that breaks off in the middle would be worse than a refusal.
    let objects: Vec<&Object> = files.iter().map(|file| &file.object).collect();
    library::thaw::require_all_readable(app, owner, &objects).await?;
    let (mut names, mut members) = (Names::default(), Vec::with_capacity(files.len()));
    let (mut at, mut line_at) = (0_u64, 0_u64);
    let mut hash = digest::Context::new(&digest::SHA256);
    for file in files {
        let (Some(content), Some(digests)) = (&file.object.content, &file.digests) else {
            return Err(Error::Internal(anyhow::anyhow!("a file without checksums")));
        };
        let path = format!("{}/{}", file.folder, file.object.name.as_deref().unwrap_or_default());
        let member = Member {
            object: file.object.id,
            name: names.unique(&path),
            size: content.size,
            crc32: digests.crc32,
            modified: file.object.created_at,
            begins_at: at,
            line_at,
        };
        let entry = entry(&member);
        hash.update(&entry.central_header(at));
        hash.update(digests.sha256.as_bytes());
        at = at.checked_add(entry.local_length()).and_then(|at| at.checked_add(member.size)).ok_or_else(too_large)?;
        line_at += entry.central_length(member.begins_at);
        members.push(member);
    }
    app.disks.check(0)?;
    let entries = members.len() as u64;
    let token = URL_SAFE_NO_PAD.encode(random()?);
    let now = app.db.now();
    let archive = Archive {
        token_hash: hashed(&token),
        name: name.to_owned(),
        etag: hex::encode(hash.finish()),
        entries,
        size: at + line_at + layout::end_length(entries, at, line_at),
        directory_at: at,
        directory_length: line_at,
        created_at: now,
        expires_at: now + LIFETIME,
    };
    if app.db.count_members(owner, now).await?.saturating_add(entries) > MAX_LIVE_MEMBERS {
        let message = "too many files are in ZIPs that can still be read; wait until some have ended";
        return Err(Error::InvalidState(message.into()));
    }
    let mut tx = app.db.begin().await?;
    tx.insert_archive(owner, &archive).await?;
    tx.insert_members(&archive.token_hash, &members).await?;
    tx.commit().await?;
    metrics::counter!("tidegate_archives_total").increment(1);
    Ok(NewArchive { token, archive })
}

fn too_large() -> Error {
    bad_request("the files are larger than a ZIP can be")
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Internal(anyhow::anyhow!("no random bytes")))?;
    Ok(bytes)
}

/// Returns the SHA-256 of a token in hex, which is stored in its place.
fn hashed(token: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, token.as_bytes()))
}

fn entry(member: &Member) -> Entry {
    Entry { name: member.name.clone(), size: member.size, crc32: member.crc32, modified: member.modified }
}

/// Returns the archive that a token opens. Returns 404 if the token is unknown or has expired.
pub async fn open(app: &App, token: &str) -> Result<Archive> {
    let unknown = || Error::NotFound("no such archive, or its time is over".into());
    let archive = app.db.find_archive(&hashed(token)).await?.ok_or_else(unknown)?;
    if archive.expires_at > app.db.now() { Ok(archive) } else { Err(unknown()) }
}

/// Streams a byte range of an archive. If a file has been deleted or replaced, the stream ends with
/// an error, never early without one.
pub fn read(app: &Arc<App>, archive: Arc<Archive>, range: Range<u64>) -> ByteStream {
    let reading = Reading {
        app: Arc::clone(app),
        archive,
        left: range,
        members: VecDeque::new(),
        by_line: false,
        ahead: None,
        data: None,
    };
    Box::pin(stream::try_unfold(reading, |mut reading| async move {
        let next = reading.next().await.map_err(std::io::Error::other)?;
        Ok(next.map(|bytes| (bytes, reading)))
    }))
}

/// The progress of a stream of archive bytes.
struct Reading {
    app: Arc<App>,
    archive: Arc<Archive>,
    left: Range<u64>,
    /// The members that come next.
    members: VecDeque<Member>,
    /// Whether `members` is positioned by directory headers instead of by file bytes.
    by_line: bool,
    /// The next file, which a task is opening.
    ahead: Option<(ObjectId, Range<u64>, AbortOnDrop<anyhow::Result<ByteStream>>)>,
    /// The stream of the current file, and the number of bytes left in it.
    data: Option<(ByteStream, u64)>,
}

/// Opens the bytes of a member. Returns an error if the file has changed since the archive was laid
/// out.
async fn opened(app: Arc<App>, member: Member, range: Range<u64>) -> anyhow::Result<ByteStream> {
    let Some((_, file)) = app.db.find_file_by_id_unscoped(member.object).await? else {
        anyhow::bail!("{} is gone", member.object);
    };
    let content = file.object.content.filter(|_| file.object.state == ObjectState::Ready);
    let crc32 = file.digests.map(|digests| digests.crc32);
    anyhow::ensure!(
        content.is_some_and(|content| content.size == member.size) && crc32 == Some(member.crc32),
        "{} was deleted or replaced",
        member.object
    );
    if range.is_empty() {
        return Ok(Box::pin(stream::empty()));
    }
    Ok(app.store.read(file.object.key.as_str(), Some(range)).await?.1)
}

impl Reading {
    async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let bytes = match &mut self.data {
            Some(_) => self.data().await?,
            None if self.left.start < self.archive.directory_at => self.member().await?,
            None if self.left.start < self.archive.directory_at + self.archive.directory_length => {
                self.directory().await?
            }
            None => {
                let Archive { entries, directory_at, directory_length, .. } = *self.archive;
                let end = layout::end(entries, directory_at, directory_length);
                self.cut(&end, directory_at + directory_length)
            }
        };
        self.left.start += bytes.len() as u64;
        Ok(Some(bytes))
    }

    /// Returns the requested part of a text that begins at `at`.
    fn cut(&self, text: &[u8], at: u64) -> Bytes {
        let place = |position: u64| usize::try_from(position.saturating_sub(at)).unwrap_or(usize::MAX).min(text.len());
        Bytes::copy_from_slice(&text[place(self.left.start)..place(self.left.end)])
    }

    /// Returns the member that contains the next byte.
    async fn current(&mut self, by_line: bool, at: u64) -> anyhow::Result<Member> {
        if self.by_line != by_line {
            self.members.clear();
            self.by_line = by_line;
        }
        if self.members.is_empty() {
            let token = &self.archive.token_hash;
            self.members = self.app.db.list_members(token, at, by_line, BATCH).await?.into();
        }
        self.members.front().cloned().ok_or_else(|| anyhow::anyhow!("the archive's layout ends early"))
    }

    /// Returns a local header, or the first bytes of a file.
    async fn member(&mut self) -> anyhow::Result<Bytes> {
        let member = self.current(false, self.left.start).await?;
        let header = entry(&member).local_header();
        let data_at = member.begins_at + header.len() as u64;
        if self.left.start < data_at {
            if member.size == 0 {
                self.members.pop_front();
            }
            return Ok(self.cut(&header, member.begins_at));
        }
        let (begin, end) = (self.left.start - data_at, member.size.min(self.left.end - data_at));
        let ahead = self.ahead.take().filter(|(object, range, _)| *object == member.object && *range == (begin..end));
        let body = match ahead {
            Some((_, _, opening)) => opening.await??,
            None => opened(Arc::clone(&self.app), member, begin..end).await?,
        };
        self.members.pop_front();
        if begin == end {
            return Ok(Bytes::new());
        }
        self.data = Some((body, end - begin));
        self.open_next(end - begin);
        self.data().await
    }

    /// Opens the next file while the current one is sent, of which `length` bytes remain.
    fn open_next(&mut self, length: u64) {
        let Some(next) = self.members.front().cloned() else { return };
        let left = self.left.end.saturating_sub(self.left.start + length + entry(&next).local_length());
        let range = 0..next.size.min(left);
        if !range.is_empty() {
            let opening = opened(Arc::clone(&self.app), next.clone(), range.clone());
            // A task has no subject of its own.
            let opening = turns::with_subject(turns::current_subject(), opening);
            let opening = AbortOnDrop::new(tokio::spawn(opening));
            self.ahead = Some((next.object, range, opening));
        }
    }

    /// Returns the next bytes of the current file.
    async fn data(&mut self) -> anyhow::Result<Bytes> {
        let Some((body, left)) = &mut self.data else { anyhow::bail!("no file is being read") };
        let next = body.next().await.ok_or_else(|| anyhow::anyhow!("a file ended early"))??;
        *left = left.checked_sub(next.len() as u64).ok_or_else(|| anyhow::anyhow!("a file is too long"))?;
        if *left == 0 {
            self.data = None;
        }
        Ok(next)
    }

    /// Returns the next headers of the central directory.
    async fn directory(&mut self) -> anyhow::Result<Bytes> {
        let directory_at = self.archive.directory_at;
        let first = self.current(true, self.left.start - directory_at).await?;
        let mut lines = Vec::new();
        while lines.len() < DIRECTORY {
            let Some(member) = self.members.pop_front() else { break };
            lines.extend(entry(&member).central_header(member.begins_at));
        }
        Ok(self.cut(&lines, directory_at + first.line_at))
    }
}
