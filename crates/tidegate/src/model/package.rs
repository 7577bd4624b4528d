//! Datasets: trees of collections and packages, their names and changelogs, and the paths of
//! assets. Keys are built in `key.rs`.

use std::fmt;
use std::time::SystemTime;

use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use super::media::Scan;
use super::object::{Object, ObjectState};
use super::role::Role;

/// The most bytes in the name of a node.
pub const MAX_NAME: usize = 255;
/// The most characters of a node id after its kind.
const MAX_NODE_ID: usize = 64;
/// The most bytes in the path of an asset; with the package's root a key stays below 1,000 bytes.
const MAX_PATH: usize = 900;
/// The most bytes in one segment of an asset path.
const MAX_SEGMENT: usize = 250;
/// The ending that no segment may have: the local store keeps a sidecar file with it beside each
/// blob.
const SIDECAR: &str = ".meta";

/// Defines an id with its kind as prefix, such as `N:dataset:01900000-0000-7000-8000-000000000000`.
macro_rules! node_id {
    ($(#[$doc:meta])* $name:ident, $($kind:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Parses an id; `None` if the text is not of this kind.
            pub fn parse(text: &str) -> Option<Self> {
                let rest = [$($kind),+].iter().find_map(|kind| text.strip_prefix(kind))?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let fits = (1..=MAX_NODE_ID).contains(&rest.len()) && rest.bytes().all(plain);
                fits.then(|| Self(text.to_owned()))
            }

            /// Returns the id with its prefix.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

node_id!(
    /// A dataset id.
    DatasetId,
    "N:dataset:"
);
node_id!(
    /// The id of a collection or a package.
    NodeId,
    "N:package:",
    "N:collection:"
);

impl DatasetId {
    /// Generates a new id.
    pub fn generate() -> Self {
        Self(format!("N:dataset:{}", Uuid::now_v7().hyphenated()))
    }
}

impl NodeId {
    /// Generates a new id of a kind.
    pub fn generate(kind: NodeKind) -> Self {
        Self(format!("N:{}:{}", kind.as_str(), Uuid::now_v7().hyphenated()))
    }
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// A collection, which contains other nodes.
    Collection,
    /// A package, which has one source file and any number of assets.
    Package,
}

impl NodeKind {
    /// Returns the name, in the database and in ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Package => "package",
        }
    }

    /// Parses the name; `None` if there is no such kind.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Collection, Self::Package].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A dataset, as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The dataset's number, part of its keys.
    pub number: i64,
    /// The dataset's id.
    pub id: DatasetId,
    /// The organisation's number, part of its keys.
    pub org: i64,
    /// The organisation's id, as sign-in names it.
    pub org_name: String,
    /// The name that its creator gave it.
    pub name: String,
    /// The caller's role according to the database; `None` for a caller who is no member.
    pub role: Option<Role>,
    /// When the dataset was created.
    pub created_at: SystemTime,
    /// The number of published objects.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
}

/// The state of a node in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// The node exists.
    Ready,
    /// The node was deleted and can be restored.
    Deleted,
    /// The node is being restored.
    Restoring,
    /// The node was removed for good. Its row stays, so that the id is never used again.
    Purged,
}

impl NodeState {
    /// Returns the name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Deleted => "DELETED",
            Self::Restoring => "RESTORING",
            Self::Purged => "PURGED",
        }
    }

    /// Parses the name; `None` if there is no such state.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ready, Self::Deleted, Self::Restoring, Self::Purged].into_iter().find(|state| state.as_str() == text)
    }
}

/// A collection or a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The node's number, part of a package's keys.
    pub number: i64,
    /// The node's id.
    pub id: NodeId,
    /// The number of the dataset it belongs to.
    pub dataset: i64,
    /// The number of the collection that contains it; 0 at the top of the dataset.
    pub parent: i64,
    /// The id of the collection that contains it.
    pub parent_id: Option<NodeId>,
    /// Whether it is a collection or a package.
    pub kind: NodeKind,
    /// The name, unique among its siblings.
    pub name: String,
    /// The state in the tree.
    pub state: NodeState,
    /// The source file; `None` for a collection.
    pub source: Option<Source>,
    /// Published bytes of a package, assets included.
    pub bytes: u64,
    /// The name of the principal that created it.
    pub created_by: String,
    /// When the node was created.
    pub created_at: SystemTime,
    /// When the node was deleted, if it was.
    pub deleted_at: Option<SystemTime>,
}

/// Which nodes a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All nodes that were not deleted.
    All,
    /// Nodes that were not deleted and have this status.
    In(ObjectState),
    /// Deleted nodes that can be restored.
    Deleted,
}

/// The source file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The object's record; its name is the file's.
    pub object: Object,
    /// The scan result; `None` before a scan or without a scanner.
    pub scan: Option<Scan>,
    /// Why the file was rejected or failed.
    pub reason: Option<String>,
}

impl Node {
    /// Returns the status that clients see: of an undeleted package its source file's state, of any
    /// other node its own.
    pub fn status(&self) -> ObjectState {
        match (self.state, &self.source) {
            (NodeState::Ready, Some(source)) => source.object.state,
            (NodeState::Ready, None) => ObjectState::Ready,
            (NodeState::Deleted, _) => ObjectState::Deleted,
            (NodeState::Restoring, _) => ObjectState::Restoring,
            (NodeState::Purged, _) => ObjectState::Purged,
        }
    }
}

/// A file derived from a package's source file, for viewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// The object's record; its name is the asset's path.
    pub object: Object,
    /// Why the asset was rejected or failed.
    pub reason: Option<String>,
}

/// An event of a node, as the changelog records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeEvent {
    /// The node was created.
    Created,
    /// The node was deleted.
    Deleted,
    /// The node was restored.
    Restored,
    /// The node could not be restored, since its bytes are lost.
    Lost,
    /// The node was removed for good.
    Purged,
}

impl TreeEvent {
    /// Returns the name, in the database and on the wire; the names are those of the original
    /// platform.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATE_PACKAGE",
            Self::Deleted => "DELETE_PACKAGE",
            Self::Restored => "RESTORE_PACKAGE",
            Self::Lost => "RESTORE_FAILED",
            Self::Purged => "PURGE_PACKAGE",
        }
    }
}

/// An entry of a dataset's changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// The entry's id; ids ascend with time.
    pub id: i64,
    /// The id of the node.
    pub node: String,
    /// The name of the [`TreeEvent`].
    pub event: String,
    /// The node's name after the event.
    pub name: String,
    /// The node's name before the event, if it changed.
    pub original_name: Option<String>,
    /// The name of the principal that acted.
    pub actor: String,
    /// When it happened.
    pub at: SystemTime,
}

/// Why the name of a node is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The name is empty or only whitespace.
    #[error("name must not be empty")]
    Empty,
    /// The name is too long.
    #[error("name may have at most {MAX_NAME} bytes")]
    TooLong,
    /// The name holds control characters, or a slash: names become parts of download paths.
    #[error("name must not hold slashes, backslashes or control characters")]
    Character,
    /// The name is `.` or `..`.
    #[error("name must not be . or ..")]
    Dots,
}

/// Validates the name of a node and returns it in Unicode's composed form (NFC), so that two spellings
/// of one name are one name. The name is stored and shown, and becomes a folder in download
/// manifests, so it must not be a path.
pub fn parse_name(name: &str) -> Result<String, BadName> {
    // A name may grow when it is composed; what is too long anyway is not composed.
    if name.len() > 4 * MAX_NAME {
        return Err(BadName::TooLong);
    }
    let name: String = name.nfc().collect();
    match name.as_str() {
        _ if name.trim().is_empty() => Err(BadName::Empty),
        _ if name.len() > MAX_NAME => Err(BadName::TooLong),
        "." | ".." => Err(BadName::Dots),
        _ if name.chars().any(|c| c.is_control() || c == '/' || c == '\\') => Err(BadName::Character),
        _ => Ok(name),
    }
}

/// Returns the decomposed spelling (NFD) of a composed name, if it is another one. Nodes that were
/// created before names were composed may bear it.
pub fn decomposed(name: &str) -> Option<String> {
    let decomposed: String = name.nfd().collect();
    (decomposed != name).then_some(decomposed)
}

/// Endings of several parts that file formats have.
const COMPOUND_EXTENSIONS: [&str; 12] = [
    "ome.tiff",
    "ome.tif",
    "ome.tf2",
    "ome.tf8",
    "ome.btf",
    "ome.xml",
    "ome.zarr",
    "nii.gz",
    "tar.gz",
    "brukertiff.gz",
    "mefd.gz",
    "mgh.gz",
];

/// Returns the extension of a file name in lower case, without its dot: a known compound one whole,
/// such as `nii.gz`. `None` if the name has none.
pub fn extension(filename: &str) -> Option<String> {
    let lower = filename.to_lowercase();
    let ends_with = |extension: &&&str| {
        lower.strip_suffix(**extension).and_then(|stem| stem.strip_suffix('.')).is_some_and(|stem| !stem.is_empty())
    };
    if let Some(compound) = COMPOUND_EXTENSIONS.iter().find(ends_with) {
        return Some((*compound).to_owned());
    }
    let (stem, extension) = lower.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_owned())
}

/// Returns a free name for a restored node whose name is taken: `name (1)`, `name (2)` and so on.
/// It is the first after `number` that `taken` does not report; `number` is set to the one used. A
/// name that would be too long is cut.
pub fn free_name(name: &str, number: &mut u64, taken: impl Fn(&str) -> bool) -> String {
    loop {
        *number += 1;
        let ending = format!(" ({number})");
        let room = MAX_NAME - ending.len();
        let mut end = name.len().min(room);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        let candidate = format!("{}{ending}", &name[..end]);
        if !taken(&candidate) {
            return candidate;
        }
    }
}

/// The path of an asset below its package: relative, of plain segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssetPath(String);

/// Why an asset path is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// The path is empty.
    #[error("path must not be empty")]
    Empty,
    /// The path or one of its segments is too long.
    #[error("path may have at most {MAX_PATH} bytes, and each of its segments {MAX_SEGMENT}")]
    TooLong,
    /// The path is absolute or has an empty segment.
    #[error("path must be relative, without empty segments, as preview/data.parquet")]
    Absolute,
    /// The path has segments `.` or `..`, or is percent-encoded twice.
    #[error("path must not lead out of its package: no segment may be . or .., and nothing in it may be encoded twice")]
    Traversal,
    /// The path holds backslashes, control characters, or bytes that are not UTF-8.
    #[error("path must be UTF-8 without backslashes and control characters")]
    Character,
    /// A segment ends in a name that the store reserves.
    #[error("no segment of path may end in .meta")]
    Reserved,
}

impl AssetPath {
    /// Validates a path, as it is after the query was percent-decoded.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        if text.is_empty() {
            return Err(BadPath::Empty);
        }
        // The replacement character stands for bytes that were not UTF-8.
        if text.chars().any(|c| c.is_control() || c == '\\' || c == char::REPLACEMENT_CHARACTER) {
            return Err(BadPath::Character);
        }
        // A second decoding somewhere else must not turn it into another path.
        let lower = text.to_ascii_lowercase();
        if ["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|hidden| lower.contains(hidden)) {
            return Err(BadPath::Traversal);
        }
        if text.len() > MAX_PATH || text.split('/').any(|segment| segment.len() > MAX_SEGMENT) {
            return Err(BadPath::TooLong);
        }
        if text.split('/').any(str::is_empty) {
            return Err(BadPath::Absolute);
        }
        // Names such as `.zgroup` are part of file formats.
        if text.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(BadPath::Traversal);
        }
        if text.split('/').any(|segment| segment.ends_with(SIDECAR)) {
            return Err(BadPath::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_begin_with_what_they_name() {
        for good in ["N:package:456", "N:collection:01900000-0000-7000-8000-000000000000"] {
            assert_eq!(NodeId::parse(good).unwrap().as_str(), good);
        }
        let long = format!("N:package:{}", "1".repeat(65));
        for bad in ["", "456", "N:package:", "N:dataset:1", "n:package:1", "N:package:a/b", "N:package:é", &long] {
            assert_eq!(NodeId::parse(bad), None, "{bad}");
        }
        assert!(DatasetId::parse("N:dataset:123").is_some() && DatasetId::parse("N:package:1").is_none());
        assert!(DatasetId::parse(DatasetId::generate().as_str()).is_some());
        for kind in [NodeKind::Collection, NodeKind::Package] {
            assert!(NodeId::parse(NodeId::generate(kind).as_str()).is_some());
            assert_eq!(NodeKind::parse(kind.as_str()), Some(kind));
        }
        for state in [NodeState::Ready, NodeState::Deleted, NodeState::Restoring, NodeState::Purged] {
            assert_eq!(NodeState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn names_are_no_paths() {
        for bad in ["", " ", ".", "..", "a/b", "a\\b", "a\nb", "a\0", &"x".repeat(256), &"x".repeat(1000)] {
            assert!(parse_name(bad).is_err(), "{bad:?}");
        }
        for good in ["data.csv", "...", "Ünïcode 写真", "a (1)", "%2e%2e", "\u{202e}x"] {
            assert_eq!(parse_name(good).as_deref(), Ok(good), "{good:?}");
        }
        assert_eq!(parse_name("Mu\u{308}nchen").as_deref(), Ok("M\u{fc}nchen"), "one spelling of two");
        assert_eq!(decomposed("M\u{fc}nchen").as_deref(), Some("Mu\u{308}nchen"));
        assert_eq!(decomposed("Munchen"), None);
        // It is measured as it is stored.
        assert!(parse_name(&"u\u{308}".repeat(127)).is_ok() && parse_name(&"\u{fc}".repeat(128)).is_err());
        assert!(parse_name(&"\u{1d160}".repeat(60)).is_err(), "it grows when it is composed");
    }

    #[test]
    fn compound_extensions_stay_whole() {
        for (name, extension) in [
            ("a.TIFF", Some("tiff")),
            ("cells.OME.Tiff", Some("ome.tiff")),
            ("brain.nii.gz", Some("nii.gz")),
            ("x.y.gz", Some("gz")),
            ("nii.gz", Some("gz")),
            (".nii.gz", Some("gz")),
            ("plate.ome.zarr", Some("ome.zarr")),
            ("\u{130}.NII.GZ", Some("nii.gz")),
            ("none", None),
            (".env", None),
            ("a.", None),
            ("", None),
        ] {
            assert_eq!(super::extension(name).as_deref(), extension, "{name}");
        }
    }

    #[test]
    fn paths_stay_in_their_package() {
        let (long, segment) = ("a/".repeat(451), "a".repeat(251));
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "../a",
            "a/..",
            "a/./b",
            "a\\b",
            "a\0",
            "a\u{fffd}",
            "a\nb",
            "%2e%2e/a",
            "a%2Fb",
            "%252e",
            "a%5cb",
            "a/b.meta/c",
            &long,
            &segment,
        ] {
            assert!(AssetPath::parse(bad).is_err(), "{bad:?}");
        }
        for good in [
            "a",
            "a/b/c.parquet",
            "data set/é.parquet",
            "100%.png",
            "a*b?c",
            "a..b",
            ".zgroup",
            "0/.zarray",
            "...",
            "..a/b",
        ] {
            assert_eq!(AssetPath::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_first_free_number_is_taken() {
        let taken = ["a (1)", "a (2)"];
        assert_eq!(free_name("a", &mut 0, |name| taken.contains(&name)), "a (3)");
        assert_eq!(free_name("a (1)", &mut 0, |name| taken.contains(&name)), "a (1) (1)");
        let long = free_name(&"é".repeat(127), &mut 0, |_| false);
        assert!(long.len() <= MAX_NAME && long.ends_with(" (1)") && parse_name(&long).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_taken_a_name_is_found(name in "\\PC{1,80}", taken in 0u64..30) {
            let known: Vec<String> = (1..=taken).map(|number| format!("{name} ({number})")).collect();
            let free = free_name(&name, &mut 0, |candidate| known.iter().any(|known| known == candidate));
            prop_assert!(!known.contains(&free) && free.len() <= MAX_NAME);
        }
    }
}
