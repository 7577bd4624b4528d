//! Object keys: the only module that builds one, and the only one that decides which may be served.
//! A signature cannot see an object's state, so the key layout does: only keys below a served root
//! are ever signed for or served. All other keys, first those in folders that begin with a dot, are
//! refused by signer and edge alike. Never reads the store.

mod probe;

use std::fmt;

use aws_lc_rs::digest;
use uuid::Uuid;

pub use self::probe::{incoming_probe, is_incoming_probe, is_probe, kept_roots, probe_folders, unserved_examples};
use super::file::{self, FileName, Folder};
use super::ids::{ObjectId, SessionId, SpaceId, UserId};
use super::media::Stage;
use super::owner::{Owner, OwnerKind};
use super::package::AssetPath;

/// The first key segments of other owner kinds; the base of disk images must be none of them.
const OTHER_ROOTS: [&str; 4] = ["packages", "sessions", "spaces", "storage"];
/// The longest encoded user id in bytes; longer ones are replaced by a hash.
const MAX_LITERAL_ID: usize = 128;
/// The first segment of session keys, and the folder below which a session's media items are
/// served.
const SESSIONS: &str = "sessions";
const PROCESSED: &str = "processed";
/// The first segment of space keys, and the folder below which a space's images are served.
const SPACES: &str = "spaces";
const PUB: &str = "pub";
const IMAGE_FILE: &str = "disk.img";
/// The first segment of package source files, which are never served.
const PACKAGES: &str = "packages";
/// The letter that asset keys begin with, before the organisation's number.
const ASSETS: &str = "O";
/// The most bytes of a key in the store.
const MAX_KEY: usize = 1000;
/// First segments of the owners whose published media items share one served root, with the folder
/// of that root.
const MEDIA_ROOTS: [(&str, &str); 2] = [(SESSIONS, PROCESSED), (SPACES, PUB)];
/// First segments of keys that are never served: single PUTs, sealed uploads, and parts.
const INCOMING: &str = ".incoming";
const QUARANTINE: &str = ".quarantine";
const PARTS: &str = ".parts";
/// The prefix of keys given to purged objects, where nothing is stored.
const PURGED: &str = ".gone/";

/// The address of an object in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Wraps a key read from the database, which holds only keys that this module built.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The configurable part of the key layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// `IMAGE_BASE_PATH` without a slash at either end; one or more segments.
    images: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self { images: "images".into() }
    }
}

impl Layout {
    /// Parses `IMAGE_BASE_PATH`.
    ///
    /// # Errors
    ///
    /// A description of what would be valid.
    pub fn new(image_base_path: &str) -> Result<Self, &'static str> {
        let images = image_base_path.strip_prefix('/').unwrap_or(image_base_path);
        let images = images.strip_suffix('/').unwrap_or(images);
        let plain = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let first = images.split('/').next().unwrap_or(images);
        if images.len() > 200 || !images.split('/').all(plain) {
            return Err("a path of segments of letters, digits, '-', '_' and '.', such as /images");
        }
        if images.split('/').any(|segment| segment.ends_with(".meta")) {
            return Err("a path without a segment that ends in .meta");
        }
        let organisation = first.strip_prefix('O').is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        if OTHER_ROOTS.contains(&first) || organisation {
            return Err(
                "a path that does not begin as another kind's keys do (packages, sessions, spaces, storage, O1)",
            );
        }
        Ok(Self { images: images.to_owned() })
    }

    /// Returns whether a first segment is reserved for one of the owner kinds.
    pub fn is_reserved(&self, first: &str) -> bool {
        let organisation = first.strip_prefix('O').is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
        OTHER_ROOTS.contains(&first) || organisation || self.images.split('/').next() == Some(first)
    }

    /// Returns the base of disk image keys, without a slash at either end.
    pub fn images(&self) -> &str {
        &self.images
    }

    /// Returns the key of a disk image. `version` is random, so no two uploads share a key.
    pub fn disk_image(&self, user: &UserId, image: ObjectId, version: Uuid) -> Key {
        Key(format!("{}/{}/{image}/{version}/{IMAGE_FILE}", self.images, encoded(user)))
    }

    /// Returns the served root that a key lies in, with its trailing slash; `None` if the key must
    /// not be served. The served roots are:
    ///
    /// - `images/{owner}/{image}/{version}/` of a disk image,
    /// - `sessions/{session}/processed/` of a session,
    /// - `spaces/{space}/pub/` of a space,
    /// - `O{org}/D{dataset}/P{package}/` of a package's assets.
    pub fn served_root<'a>(&self, key: &'a str) -> Option<&'a str> {
        let mut segments = key.split('/');
        if segments.clone().any(|segment| matches!(segment, "" | "." | "..")) {
            return None;
        }
        // The names of assets are their owners', and may begin with a dot.
        if let Some(file) = asset_file(key) {
            return Some(&key[..key.len() - file.len()]);
        }
        if segments.any(|segment| segment.starts_with('.')) {
            return None;
        }
        for (place, served) in MEDIA_ROOTS {
            if let Some(below) = key.strip_prefix(place).and_then(|rest| rest.strip_prefix('/')) {
                let (owner, rest) = below.split_once('/')?;
                let file = rest.strip_prefix(served)?.strip_prefix('/')?;
                let known = SessionId::parse(owner).is_some_and(|id| id.as_str() == owner) && !file.is_empty();
                return known.then(|| &key[..key.len() - file.len()]);
            }
        }
        let below = key.strip_prefix(&self.images)?.strip_prefix('/')?;
        let mut parts = below.splitn(4, '/');
        let (owner, image, version, file) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_uuid = |text: &str| ObjectId::parse(text).is_some();
        if !is_encoded(owner) || !is_uuid(image) || !is_uuid(version) || file.is_empty() {
            return None;
        }
        Some(&key[..key.len() - file.len()])
    }
}

/// Returns the served root of a session or a space, with its trailing slash. Other owners have no
/// root of their own; for them it returns a prefix where nothing is ever stored.
pub fn root(owner: &Owner) -> String {
    match owner {
        Owner::Session(session, _) => format!("{SESSIONS}/{}/{PROCESSED}/", session.as_str()),
        Owner::Space(space) => space_root(space),
        Owner::Disks(_) | Owner::Files(_) | Owner::Dataset(_) => format!(".none/{}/", owner.kind().as_str()),
    }
}

/// Returns the served root of a space, with its trailing slash.
pub fn space_root(space: &SpaceId) -> String {
    format!("{SPACES}/{}/{PUB}/", space.as_str())
}

/// Returns the key at which a client uploads a session's media item. The form is that of the
/// original clients; the key is never served. `extension` is empty or begins with a dot.
pub fn session_upload(session: &SessionId, stage: Stage, file: Uuid, extension: &str) -> Key {
    Key(format!("{SESSIONS}/{}/{}/{}{extension}", session.as_str(), stage.as_str(), file.hyphenated()))
}

/// Returns the prefix of all published files of one media item.
pub fn published(owner: &Owner, media: ObjectId) -> String {
    format!("{}{media}/", root(owner))
}

/// Returns the key of one published file of a media item. `version` is random, so no two attempts
/// share a key.
pub fn published_file(owner: &Owner, media: ObjectId, version: Uuid, name: &str) -> Key {
    Key(format!("{}{}/{name}", published(owner, media), version.simple()))
}

/// Returns the key of a file in the same folder as `key`.
pub fn beside(key: &str, name: &str) -> String {
    let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{name}")
}

/// The numbers that make up the keys of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageNumbers {
    /// The organisation's number.
    pub org: i64,
    /// The dataset's number.
    pub dataset: i64,
    /// The package's number.
    pub package: i64,
}

/// Returns the key of a package's source file, which is outside every served root.
pub fn package_source(PackageNumbers { org, dataset, package }: PackageNumbers, object: ObjectId) -> Key {
    Key(format!("{PACKAGES}/{org}/{dataset}/{package}/{object}"))
}

/// Returns a placeholder key for a purged object whose own key another object will use.
pub fn purged_key(object: ObjectId) -> Key {
    Key(format!("{PURGED}{object}"))
}

/// Returns whether a key is a [`purged_key`].
pub fn is_purged_key(key: &str) -> bool {
    key.starts_with(PURGED)
}

/// Returns the served root of a package's assets, with its trailing slash.
pub fn package_root(PackageNumbers { org, dataset, package }: PackageNumbers) -> String {
    format!("{ASSETS}{org}/D{dataset}/P{package}/")
}

/// Returns the key of an asset.
pub fn asset(numbers: PackageNumbers, path: &AssetPath) -> Key {
    Key(format!("{}{}", package_root(numbers), path.as_str()))
}

/// Returns the CDN invalidation path of all assets of a package, or of its whole dataset.
pub fn asset_cdn_paths(numbers: PackageNumbers, whole_dataset: bool) -> String {
    let PackageNumbers { org, dataset, .. } = numbers;
    if whole_dataset { format!("/{ASSETS}{org}/D{dataset}/*") } else { format!("/{}*", package_root(numbers)) }
}

/// Returns the path of an asset below its package; `None` if the key is not of an asset.
fn asset_file(key: &str) -> Option<&str> {
    let mut rest = key;
    for letter in [ASSETS, "D", "P"] {
        let (segment, below) = rest.split_once('/')?;
        let number = segment.strip_prefix(letter)?;
        let plain = !number.is_empty() && !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || number.len() > 19 {
            return None;
        }
        rest = below;
    }
    (!rest.is_empty()).then_some(rest)
}

/// Returns whether other bytes may be stored at a key after its object was deleted. All keys but
/// those of assets contain a unique id.
pub fn is_reused(key: &str) -> bool {
    asset_file(key).is_some()
}

/// Returns the key of a user's file. `tag` tells files of equal names apart.
pub fn file(user: &UserId, folder: &Folder, tag: u32, name: &FileName) -> Key {
    Key(file::key_text(user, folder, tag, name))
}

/// Returns the key of a file under another folder and name, with its user and tag.
pub fn moved_file(from: file::FileKey<'_>, folder: &Folder, name: &FileName) -> Key {
    Key(from.moved(folder, name))
}

/// Returns the key of a file with another tag; `None` if it is no key of a file.
pub fn retagged_file(from: &Key, tag: u32) -> Option<Key> {
    file::FileKey::parse(from.as_str()).map(|key| Key(key.with_tag(tag)))
}

/// Returns the key of a file imported from another program: the key it had there.
pub fn imported(key: file::FileKey<'_>) -> Key {
    Key(key.as_str().to_owned())
}

/// Returns the key at which a single PUT lands before it is published elsewhere.
pub fn incoming(upload_id: &str) -> Key {
    Key(format!("{INCOMING}/{upload_id}"))
}

/// The prefix of all [`incoming`] keys.
pub const INCOMING_ROOT: &str = ".incoming/";

/// Returns whether a key is an [`incoming`] key.
pub fn is_incoming(key: &str) -> bool {
    key.strip_prefix(INCOMING_ROOT).is_some_and(is_upload)
}

/// Returns the key that an uploaded object is moved to before it is scanned. No URL was ever made
/// for this key, so a late PUT cannot change the bytes. `seal` tells several of one object apart.
pub fn sealed(object: ObjectId, seal: Uuid) -> Key {
    Key(format!("{QUARANTINE}/{object}/{}", seal.simple()))
}

/// Returns the key of a sealed object found in the store; `None` if the key is not of one.
pub fn parse_seal(key: &str) -> Option<Key> {
    key.starts_with(QUARANTINE).then(|| Key(key.to_owned()))
}

/// Returns the prefixes of all keys of an owner kind. The last may also match foreign keys; check
/// those with [`is_in`].
pub fn prefixes(kind: OwnerKind, layout: &Layout) -> Vec<String> {
    match kind {
        OwnerKind::Disks => vec![format!("{}/", layout.images())],
        OwnerKind::Files => vec![format!("{}/", file::ROOT)],
        OwnerKind::Session => vec![format!("{SESSIONS}/")],
        OwnerKind::Space => vec![format!("{SPACES}/")],
        OwnerKind::Dataset => vec![format!("{PACKAGES}/"), ASSETS.to_owned()],
    }
}

/// Returns whether a key that matches a prefix belongs to its owner kind; foreign keys may begin
/// with the same letter as asset keys.
pub fn is_in(place: &str, key: &str) -> bool {
    key.starts_with(place) && (place != ASSETS || asset_file(key).is_some())
}

/// The prefix of orphans: stored objects without a row, moved aside by reconciliation.
pub const ORPHANS: &str = ".quarantine/orphans/";

/// Returns the key to which an orphan is moved on a day, given as `2026-11-21`: the orphan's own
/// key below that day, or the SHA-256 of a key that is too long for it.
pub fn orphan_key(day: &str, key: &str) -> Key {
    if ORPHANS.len() + day.len() + 1 + key.len() <= MAX_KEY {
        return Key(format!("{ORPHANS}{day}/{key}"));
    }
    let hash = hex::encode(digest::digest(&digest::SHA256, key.as_bytes()));
    Key(format!("{ORPHANS}{day}/~{hash}"))
}

/// Returns the day on which an orphan was moved aside; `None` if the key is not of one.
pub fn orphaned_since(key: &str) -> Option<&str> {
    let (day, _) = key.strip_prefix(ORPHANS)?.split_once('/')?;
    let is_day = day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_day.then_some(day)
}

/// Returns an upper bound of all keys with a prefix: the prefix with its last character replaced by
/// that character's successor.
pub fn prefix_end(place: &str) -> String {
    let mut end = place.to_owned();
    let last = end.pop().and_then(|last| char::from_u32(u32::from(last) + 1));
    end.extend(last);
    end
}

/// Returns the CDN invalidation path of a key.
pub fn cdn_path(key: &str) -> String {
    format!("/{key}")
}

/// Returns the CDN invalidation path of everything published of a session or a space.
pub fn cdn_paths(owner: &Owner) -> String {
    format!("/{}*", root(owner))
}

/// Returns the prefix of all sealed keys of an object.
pub fn seal_prefix(object: ObjectId) -> String {
    format!("{QUARANTINE}/{object}/")
}

/// Returns the folder of an upload's parts of any size.
pub fn draft(upload_id: &str) -> Key {
    Key(format!("{PARTS}/{upload_id}"))
}

/// The first segment of users' file keys.
pub const FILES: &str = file::ROOT;

/// Prefixes of keys that the server writes in several steps, so that a crash may leave partial
/// files there: drafts, users' files, sealed uploads, and published files.
pub const WRITTEN_PREFIXES: [&str; 7] =
    [".parts/", "storage/", ".quarantine/", "sessions/", "spaces/", "packages/", ASSETS];

/// The folder that holds all drafts.
pub const DRAFTS: &str = PARTS;

/// First segments below which the sweep removes keys that no row refers to.
pub const UNSERVED: [&str; 3] = [INCOMING, QUARANTINE, PARTS];

/// The upload or object that a temporary key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHolder<'a> {
    /// An upload, by its id.
    Upload(&'a str),
    /// An object.
    Object(ObjectId),
}

impl<'a> KeyHolder<'a> {
    /// Parses a key; `None` if the server would not write it there.
    pub fn parse(key: &'a str) -> Option<Self> {
        let (place, rest) = key.split_once('/')?;
        let name = rest.split('/').next()?;
        match place {
            INCOMING | PARTS if is_upload(name) => Some(Self::Upload(name)),
            QUARANTINE => ObjectId::parse(name).map(Self::Object),
            PACKAGES => ObjectId::parse(rest.rsplit('/').next()?).map(Self::Object),
            // The server itself writes only published files there.
            SESSIONS | SPACES => {
                let (_, below) = rest.split_once('/')?;
                let (served, below) = below.split_once('/')?;
                let media = below.split('/').next()?;
                let is_served = MEDIA_ROOTS.contains(&(place, served));
                ObjectId::parse(media).filter(|_| is_served).map(Self::Object)
            }
            _ => None,
        }
    }
}

/// Returns whether a segment is an upload id: 32 lower-case hexadecimal digits.
fn is_upload(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Encodes a user id as one key segment: `[A-Za-z0-9_-]` as they are, any other byte as `~hh`, and
/// ids over 128 encoded bytes as `~` and their SHA-256 in hex. Distinct ids stay distinct, and no
/// wildcard or slash remains.
pub fn encoded(user: &UserId) -> String {
    let text = user.as_str();
    let literal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let length: usize = text.bytes().map(|byte| if literal(byte) { 1 } else { 3 }).sum();
    if length > MAX_LITERAL_ID {
        return format!("~{}", hex::encode(digest::digest(&digest::SHA256, text.as_bytes())));
    }
    let mut out = String::with_capacity(length);
    for byte in text.bytes() {
        if literal(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("~{byte:02x}"));
        }
    }
    out
}

/// Returns whether a segment holds only characters that [`encoded`] produces.
fn is_encoded(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::OrgId;
    use proptest::prelude::*;

    fn layout() -> Layout {
        Layout::new("/images").unwrap()
    }

    #[test]
    fn bases_that_collide_or_hide_are_refused() {
        for bad in
            ["", "/", "a//b", ".hidden", "/a/../b", "storage", "/spaces/x", "sessions", "O12/x", "a*", "a b", "é"]
        {
            assert!(Layout::new(bad).is_err(), "{bad:?}");
        }
        for good in ["/images", "images/", "disks/v1", "Other", "O12x"] {
            assert!(Layout::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn probes_lie_where_nothing_else_can() {
        let layout = layout();
        for (folder, served) in probe_folders(&layout) {
            let key = format!("{folder}0");
            assert_eq!(layout.served_root(&key).is_some(), served.is_some(), "{key}");
            assert!(is_probe(&key, &layout) && KeyHolder::parse(&key).is_none(), "{key}");
            assert_eq!(is_incoming_probe(&key), folder.starts_with(INCOMING_ROOT), "{key}");
        }
        for (folder, _) in probe_folders(&layout).into_iter().filter(|(folder, _)| !folder.starts_with('.')) {
            assert!(kept_roots(&layout).iter().any(|root| folder.starts_with(root)), "{folder}");
        }
        let user = UserId::parse("~doctor").unwrap();
        assert_ne!(encoded(&user), "~doctor");
        let name = FileName::parse("x").unwrap();
        assert!(!is_probe(file(&user, &Folder::default(), 0, &name).as_str(), &layout));
        let numbers = PackageNumbers { org: i64::MAX, dataset: 1, package: 1 };
        assert!(!is_probe(asset(numbers, &AssetPath::parse("~doctor/x").unwrap()).as_str(), &layout));
    }

    #[test]
    fn long_ids_become_a_hash() {
        let long = encoded(&UserId::parse(&"é".repeat(60)).unwrap());
        assert_eq!(long.len(), 65);
        assert_eq!(encoded(&UserId::parse("../x*?").unwrap()), "~2e~2e~2fx~2a~3f");
    }

    #[test]
    fn only_served_roots_are_served() {
        let (image, version) = (ObjectId::generate(), Uuid::new_v4());
        let key = layout().disk_image(&UserId::parse("u").unwrap(), image, version);
        let root = format!("images/u/{image}/{version}/");
        assert_eq!(layout().served_root(key.as_str()), Some(root.as_str()));
        for bad in [
            ".incoming/x".to_owned(),
            format!(".trash/{key}"),
            format!("images/u/{image}/{version}"),
            format!("images/u/{image}/{version}/"),
            format!("images/u/{image}/{version}/.hidden"),
            format!("images/u/{image}/{version}/a/../b"),
            format!("images/u/../{image}/{version}/x"),
            format!("images//u/{image}/{version}/x"),
            format!("images/u*/{image}/{version}/x"),
            format!("imagesX/u/{image}/{version}/x"),
            "images/u/not-a-uuid/x/disk.img".to_owned(),
            "storage/u/file".to_owned(),
            "images".to_owned(),
            String::new(),
        ] {
            assert_eq!(layout().served_root(&bad), None, "{bad}");
        }
    }

    #[test]
    fn of_a_session_only_what_was_processed_is_served() {
        let (session, media) = (SessionId::generate(), ObjectId::generate());
        let root = format!("sessions/{}/processed/", session.as_str());
        let owner = Owner::Session(session.clone(), OrgId::parse("o").unwrap());
        let key = published_file(&owner, media, Uuid::new_v4(), "image.jpg");
        assert_eq!(layout().served_root(key.as_str()), Some(root.as_str()));
        for bad in [
            session_upload(&session, Stage::General, Uuid::new_v4(), ".jpg").as_str().to_owned(),
            root.clone(),
            root.replace("/processed/", "/processedX/a"),
            format!("{root}../general/a.jpg"),
            format!("{root}.hidden"),
            "sessions/processed/a.jpg".to_owned(),
            format!("sessions/{}/processed/a", session.as_str().to_uppercase()),
            "sessions//processed/a".to_owned(),
        ] {
            assert_eq!(layout().served_root(&bad), None, "{bad}");
        }
    }

    #[test]
    fn of_a_package_only_assets_are_served() {
        let numbers = PackageNumbers { org: 1, dataset: 20, package: 300 };
        let path = AssetPath::parse("view/data 1.parquet").unwrap();
        let key = asset(numbers, &path);
        assert_eq!(key.as_str(), "O1/D20/P300/view/data 1.parquet");
        assert_eq!(layout().served_root(key.as_str()), Some("O1/D20/P300/"));
        for dotted in ["O1/D1/P1/.zgroup", "O1/D1/P1/a/.zarray", "O1/D1/P1/.../b"] {
            assert_eq!(layout().served_root(dotted), Some("O1/D1/P1/"), "{dotted}");
        }
        let (object, whole) = (ObjectId::generate(), OwnerKind::Dataset);
        let source = package_source(numbers, object);
        assert_eq!(layout().served_root(source.as_str()), None);
        assert_eq!(KeyHolder::parse(source.as_str()), Some(KeyHolder::Object(object)));
        for bad in [
            "O1/D20/P300",
            "O1/D20/P300/",
            "O1/D20/x/y",
            "O01/D1/P1/a",
            "O/D1/P1/a",
            "O1/D1/P-1/a",
            "O1/P1/D1/a",
            "O1/D1/P1/.",
            "O1/D1/P1/..",
            "O1/D1/P1/a/./b",
            "O1/D1/P1/a/../b",
            ".O1/D1/P1/a",
            "Other/D1/P1/a",
            "o1/D1/P1/a",
            "O1/D1/P1//a",
            "O99999999999999999999/D1/P1/a",
        ] {
            assert_eq!(layout().served_root(bad), None, "{bad}");
        }
        let prefixes = prefixes(whole, &layout());
        assert!(is_in(&prefixes[0], source.as_str()) && is_in(&prefixes[1], key.as_str()));
        assert!(!is_in(&prefixes[1], "Others/a") && !is_in(&prefixes[1], "O1/D1/x") && !is_in(&prefixes[1], "P"));
        for place in prefixes {
            let end = prefix_end(&place);
            assert!(
                [source.as_str(), key.as_str()]
                    .iter()
                    .filter(|key| key.starts_with(&place))
                    .all(|key| *key < end.as_str())
            );
        }
        for (prefix, written) in [
            (PARTS, WRITTEN_PREFIXES[0]),
            (file::ROOT, WRITTEN_PREFIXES[1]),
            (QUARANTINE, WRITTEN_PREFIXES[2]),
            (PACKAGES, WRITTEN_PREFIXES[5]),
        ] {
            assert_eq!(format!("{prefix}/"), written);
        }
    }

    #[test]
    fn what_is_put_aside_is_no_object_s() {
        let key = orphan_key("2026-11-21", "spaces/x/pub/a.jpg");
        assert_eq!(orphaned_since(key.as_str()), Some("2026-11-21"));
        assert_eq!((KeyHolder::parse(key.as_str()), layout().served_root(key.as_str())), (None, None));
        assert_eq!(orphaned_since(".quarantine/orphans/x/y"), None);
        let long = orphan_key("2026-11-21", &"a/".repeat(499));
        assert!(long.as_str().len() < 150 && orphaned_since(long.as_str()) == Some("2026-11-21"), "{long}");
    }

    #[test]
    fn of_a_space_only_what_is_published_is_served() {
        let space = SpaceId::generate();
        let (root, owner) = (format!("spaces/{}/pub/", space.as_str()), Owner::Space(space.clone()));
        let key = published_file(&owner, ObjectId::generate(), Uuid::new_v4(), "image.png");
        assert_eq!(layout().served_root(key.as_str()), Some(root.as_str()));
        assert!(matches!(KeyHolder::parse(key.as_str()), Some(KeyHolder::Object(_))));
        assert_eq!(beside(key.as_str(), "320.webp"), key.as_str().replace("image.png", "320.webp"));
        for bad in [
            root.clone(),
            root.replace("/pub/", "/trash/a"),
            root.replace("/pub/", "/processed/a"),
            format!("{root}../x/a.jpg"),
            format!("{root}.hidden"),
            "spaces/pub/a.jpg".to_owned(),
            format!("spaces/{}/pub/a", space.as_str().to_uppercase()),
            root.replace("spaces/", "sessions/") + "a",
        ] {
            assert_eq!(layout().served_root(&bad), None, "{bad}");
            assert_eq!(KeyHolder::parse(&bad), None, "{bad}");
        }
        let disks = Owner::Disks(UserId::parse("u").unwrap());
        assert_eq!(layout().served_root(&format!("{}a", super::root(&disks))), None);
    }

    proptest! {
        #[test]
        fn encoding_is_injective_and_tame(a in "\\PC{1,80}", b in "\\PC{1,80}") {
            let (first, second) = (UserId::parse(&a).unwrap(), UserId::parse(&b).unwrap());
            prop_assert_eq!(encoded(&first) == encoded(&second), a == b);
            prop_assert!(is_encoded(&encoded(&first)) && encoded(&first).len() <= 128);
        }

        #[test]
        fn every_image_key_is_served_and_below_its_own_root_only(user in "\\PC{1,40}") {
            let user = UserId::parse(&user).unwrap();
            let key = layout().disk_image(&user, ObjectId::generate(), Uuid::new_v4());
            let root = layout().served_root(key.as_str()).unwrap();
            prop_assert_eq!(format!("{root}{IMAGE_FILE}"), key.as_str());
        }

        #[test]
        fn nothing_with_dots_or_gaps_is_served(key in "[a-c./]{0,20}") {
            prop_assert_eq!(layout().served_root(&key), None);
        }
    }
}
