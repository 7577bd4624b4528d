//! Tests what [`Store`] promises of archived blobs, on backends that have archives: `conformance`
//! runs everywhere, this only where something can be archived. Panics at the first deviation.

#![expect(clippy::expect_used, reason = "a suite of tests")]

use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::conformance::{Gap, attributes, body, collect, pattern};
use crate::{ArchiveState, Deletion, Error, Store, ThawTier};

/// Archives a blob as a lifecycle rule does.
#[async_trait]
pub trait Archiver: Sync {
    /// Moves the blob to an archive.
    async fn archive(&self, key: &str);
}

/// Runs the checks of archived blobs on a store that has archives, and whose deletes copy or do not
/// (`versioned`), except what `gaps` excludes. Panics at the first deviation.
pub async fn archives(store: &dyn Store, archiver: &dyn Archiver, versioned: bool, gaps: &[Gap]) {
    let bytes = pattern(80, 5000);
    let (key, moved) = ("conf/archive/a b", "conf/archive/moved");
    let written = store.write(key, body(&bytes), attributes()).await.expect("writes");
    assert_eq!(written.archive, ArchiveState::Readable);
    assert_eq!(store.thaw(key, 1, ThawTier::Standard).await.expect("does nothing"), ArchiveState::Readable);
    assert!(matches!(store.thaw("conf/archive/none", 1, ThawTier::Bulk).await, Err(Error::NotFound)));
    archiver.archive(key).await;
    let stat = store.stat(key).await.expect("its properties are known");
    assert_eq!((stat.archive, stat.size), (ArchiveState::Archived, written.size));
    let refused = |outcome: Option<Error>, what: &str| {
        assert!(matches!(outcome, Some(Error::Archived(ArchiveState::Archived))), "{what}: {outcome:?}");
    };
    refused(store.read(key, None).await.err(), "read");
    refused(store.read(key, Some(0..1)).await.err(), "read of a range");
    refused(store.move_to(key, moved, None).await.err(), "move");
    assert!(matches!(store.stat(moved).await, Err(Error::NotFound)), "a refused move leaves nothing");
    if versioned {
        store.delete(key, Deletion::Restorable).await.expect("a marker needs no bytes");
        assert_eq!(store.restore(key).await.expect("restores").archive, ArchiveState::Archived);
    } else {
        refused(store.delete(key, Deletion::Restorable).await.err(), "a delete that copies");
        assert_eq!(store.restore(key).await.expect("it was not deleted").archive, ArchiveState::Archived);
    }
    let listed = store.list("conf/archive/", None, 9).await.expect("lists");
    assert_eq!(listed.len(), 1, "{listed:?}");
    let first = store.thaw(key, 2, ThawTier::Expedited).await.expect("begins");
    let again = store.thaw(key, 2, ThawTier::Expedited).await.expect("begins again");
    for state in [first, again] {
        assert!(matches!(state, ArchiveState::Thawing | ArchiveState::Thawed { .. }), "{state:?}");
    }
    let mut state = again;
    for _ in 0..200 {
        if state.is_readable() {
            break;
        }
        let refusal = store.read(key, None).await.err();
        // It may have become readable since.
        assert!(matches!(refusal, None | Some(Error::Archived(_))), "{refusal:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        state = store.stat(key).await.expect("is there").archive;
    }
    let ArchiveState::Thawed { until } = state else { panic!("{state:?} after a thaw") };
    assert!(until > SystemTime::now() + Duration::from_secs(86_400), "{until:?} is two days ahead");
    let (stat, stream) = store.read(key, None).await.expect("reads");
    assert_eq!((stat.archive, collect(stream).await), (state, bytes.clone()));
    let extended = store.thaw(key, 9, ThawTier::Standard).await.expect("extends");
    assert!(matches!(extended, ArchiveState::Thawed { until: later } if later > until), "{extended:?}");
    store.delete(key, Deletion::Restorable).await.expect("a thawed blob can be copied");
    assert!(matches!(store.stat(key).await, Err(Error::NotFound)));
    let restored = store.restore(key).await.expect("restores");
    if gaps.contains(&Gap::ThawsEndWithDeleteMarkers) && versioned {
        assert_eq!(restored.archive, ArchiveState::Archived);
        return;
    }
    let (_, stream) = store.read(key, None).await.expect("reads");
    assert_eq!(collect(stream).await, bytes);
    archiver.archive(key).await;
    store.delete(key, Deletion::Purge).await.expect("purging needs no bytes");
    assert_eq!(store.list("conf/archive/", None, 9).await.expect("lists"), []);
}
