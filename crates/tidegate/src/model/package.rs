//! Datasets: trees of collections and packages, what they are called, and where the assets of packages lie.

use std::fmt;
use std::time::SystemTime;

use uuid::Uuid;

use super::media::Scan;
use super::object::{Object, ObjectState};
use super::role::Role;

/// Bytes in the name of a node.
pub const MAX_NAME: usize = 255;
/// Characters in what follows the kind in a node id.
const MAX_NODE_ID: usize = 64;
/// Bytes in the path of an asset. With what stands before it a key has at most 1,000.
const MAX_PATH: usize = 900;
/// Bytes in one segment of it.
const MAX_SEGMENT: usize = 250;
/// What no segment may end in: the store keeps a file of its own beside each blob.
const SIDECAR: &str = ".meta";

/// Ids that begin with what they name, as `N:dataset:01900000-0000-7000-8000-000000000000`.
macro_rules! node_id {
    ($(#[$doc:meta])* $name:ident, $($kind:literal),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Reads an id; `None` for what can be none.
            pub fn parse(text: &str) -> Option<Self> {
                let rest = [$($kind),+].iter().find_map(|kind| text.strip_prefix(kind))?;
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let fits = (1..=MAX_NODE_ID).contains(&rest.len()) && rest.bytes().all(plain);
                fits.then(|| Self(text.to_owned()))
            }

            /// The text.
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
    /// A dataset.
    DatasetId,
    "N:dataset:"
);
node_id!(
    /// A collection or a package.
    NodeId,
    "N:package:",
    "N:collection:"
);

impl DatasetId {
    /// A new one.
    pub fn generate() -> Self {
        Self(format!("N:dataset:{}", Uuid::now_v7().hyphenated()))
    }
}

impl NodeId {
    /// A new one.
    pub fn generate(kind: NodeKind) -> Self {
        Self(format!("N:{}:{}", kind.as_str(), Uuid::now_v7().hyphenated()))
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Holds others.
    Collection,
    /// Has one source file, and assets.
    Package,
}

impl NodeKind {
    /// The name in the database and in ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Package => "package",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Collection, Self::Package].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A dataset, as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its number, which its keys are made of.
    pub number: i64,
    /// Its id.
    pub id: DatasetId,
    /// The number of its organisation.
    pub org: i64,
    /// The organisation, as sign-in names it.
    pub org_name: String,
    /// The name a person gave it.
    pub name: String,
    /// What the one who asks may do by the database; `None` for those who are no members.
    pub role: Option<Role>,
    /// When it was made.
    pub created_at: SystemTime,
    /// Objects that are published in it.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Where a node stands in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It is there.
    Ready,
    /// It was deleted and can be brought back.
    Deleted,
    /// It is being brought back.
    Restoring,
    /// It is gone for good. The row stays, so that its id is never another's.
    Purged,
}

impl NodeState {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Deleted => "DELETED",
            Self::Restoring => "RESTORING",
            Self::Purged => "PURGED",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ready, Self::Deleted, Self::Restoring, Self::Purged].into_iter().find(|state| state.as_str() == text)
    }
}

/// A collection or a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its number, which its keys are made of.
    pub number: i64,
    /// Its id.
    pub id: NodeId,
    /// The number of its dataset.
    pub dataset: i64,
    /// The number of the collection it lies in; 0 where that is none.
    pub parent: i64,
    /// That collection's id.
    pub parent_id: Option<NodeId>,
    /// What it is.
    pub kind: NodeKind,
    /// Its name, unique among what lies beside it.
    pub name: String,
    /// Where it stands in the tree.
    pub state: NodeState,
    /// A package's source file.
    pub source: Option<Source>,
    /// Bytes that are published of it, assets included.
    pub bytes: u64,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: SystemTime,
    /// When it was deleted, if it was.
    pub deleted_at: Option<SystemTime>,
}

/// Which of the nodes in a place are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// All that are there.
    All,
    /// Those that are there and in this state.
    In(ObjectState),
    /// Those that were deleted and can be brought back.
    Deleted,
}

/// What a package's source file is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its record; the name is the file's.
    pub object: Object,
    /// What the scanner said.
    pub scan: Option<Scan>,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
}

impl Node {
    /// Where it stands altogether: a package that is in its place is what its source file is.
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

/// Something derived from a package's source file, for viewers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its record; the name is its path.
    pub object: Object,
    /// Why it was rejected or failed.
    pub reason: Option<String>,
}

/// What became of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeEvent {
    /// It was made.
    Created,
    /// It was deleted.
    Deleted,
    /// It is back.
    Restored,
    /// It could not be brought back: its bytes are lost.
    Lost,
    /// It is gone for good.
    Purged,
}

impl TreeEvent {
    /// The name in the database and on the wire, as that of the source's platform.
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

/// A line of a dataset's changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// Orders them.
    pub id: i64,
    /// Of which node.
    pub node: String,
    /// What it became: the name of a [`TreeEvent`].
    pub event: String,
    /// Its name from then on.
    pub name: String,
    /// Its name before, where it is another one now.
    pub original_name: Option<String>,
    /// Who did so.
    pub actor: String,
    /// When.
    pub at: SystemTime,
}

/// Why a node's name is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing to be seen.
    #[error("name must not be empty")]
    Empty,
    /// Too many bytes.
    #[error("name may have at most {MAX_NAME} bytes")]
    TooLong,
    /// Control characters, or a slash: names stand in paths of downloads.
    #[error("name must not hold slashes, backslashes or control characters")]
    Character,
    /// A dot segment.
    #[error("name must not be . or ..")]
    Dots,
}

/// Checks a node's name. It is kept and shown; in manifests it is a folder's, so that it must not be a path.
pub fn check_name(name: &str) -> Result<(), BadName> {
    match name {
        _ if name.trim().is_empty() => Err(BadName::Empty),
        _ if name.len() > MAX_NAME => Err(BadName::TooLong),
        "." | ".." => Err(BadName::Dots),
        _ if name.chars().any(|c| c.is_control() || c == '/' || c == '\\') => Err(BadName::Character),
        _ => Ok(()),
    }
}

/// A name for something that comes back to where its name is taken: `name (1)`, `name (2)` and so on, the first behind
/// `number` that `taken` does not know; `number` is its own from then on. What would be too long is cut.
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

/// The path of an asset below its package: relative, of plain names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssetPath(String);

/// Why a path is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Nothing there.
    #[error("path must not be empty")]
    Empty,
    /// Too many bytes.
    #[error("path may have at most {MAX_PATH} bytes, and each of its segments {MAX_SEGMENT}")]
    TooLong,
    /// From the root, or with nothing between two slashes.
    #[error("path must be relative, without empty segments, as preview/data.parquet")]
    Absolute,
    /// Segments of dots, plain or encoded once more.
    #[error(
        "path must not lead out of its package: no segment may begin with a dot, and nothing in it may be encoded twice"
    )]
    Traversal,
    /// Backslashes, control characters, and what is no text.
    #[error("path must be UTF-8 without backslashes and control characters")]
    Character,
    /// A name that the store keeps for itself.
    #[error("no segment of path may end in .meta")]
    Reserved,
}

impl AssetPath {
    /// Checks a path, as it is after the query was decoded.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        if text.is_empty() {
            return Err(BadPath::Empty);
        }
        // The last stands for bytes that were no text.
        if text.chars().any(|c| c.is_control() || c == '\\' || c == char::REPLACEMENT_CHARACTER) {
            return Err(BadPath::Character);
        }
        // What somebody decodes once too often must not become another path.
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
        if text.split('/').any(|segment| segment.starts_with('.')) {
            return Err(BadPath::Traversal);
        }
        if text.split('/').any(|segment| segment.ends_with(SIDECAR)) {
            return Err(BadPath::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
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
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["data.csv", "...", "Ünïcode 写真", "a (1)", "%2e%2e", "\u{202e}x"] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
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
            ".hidden",
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
        for good in ["a", "a/b/c.parquet", "data set/é.parquet", "100%.png", "a*b?c", "a..b"] {
            assert_eq!(AssetPath::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn the_first_free_number_is_taken() {
        let taken = ["a (1)", "a (2)"];
        assert_eq!(free_name("a", &mut 0, |name| taken.contains(&name)), "a (3)");
        assert_eq!(free_name("a (1)", &mut 0, |name| taken.contains(&name)), "a (1) (1)");
        let long = free_name(&"é".repeat(127), &mut 0, |_| false);
        assert!(long.len() <= MAX_NAME && long.ends_with(" (1)") && check_name(&long).is_ok());
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
