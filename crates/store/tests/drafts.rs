//! Tests drafts of the local-disk store: late writers change nothing, and joining is a rename where
//! possible.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use store::{Attributes, ByteStream, Endpoint, Error, Fragment, FsStore, Presigner, Result, Store};

fn open(folder: &Path) -> FsStore {
    let endpoint = Endpoint { url: "http://127.0.0.1:9".into(), region: "local".into(), bucket: Some("b".into()) };
    FsStore::open(folder, Presigner::new(endpoint, "access", "secret")).unwrap()
}

fn body(bytes: Vec<u8>) -> ByteStream {
    Box::pin(futures::stream::iter([Ok(Bytes::from(bytes))]))
}

async fn write(store: &FsStore, number: u32, bytes: &[u8]) -> Fragment {
    let most = bytes.len() as u64;
    store.write_fragment("d/x", number, most, body(bytes.to_vec()), &Attributes::default()).await.unwrap()
}

async fn join(store: &FsStore, fragments: &[Fragment], to: &str) -> Result<u64> {
    store.join("d/x", fragments, to, Attributes::default()).await.map(|stat| stat.size)
}

/// Starts a fragment whose bytes are sent when the sender is triggered.
fn start_late_writer(store: &FsStore) -> (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<Result<Fragment>>) {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let slow: ByteStream = Box::pin(futures::stream::once(async move {
        wait.await.map_err(std::io::Error::other)?;
        Ok(Bytes::from(vec![7u8; 3 << 20]))
    }));
    let store = store.clone();
    (go, tokio::spawn(async move { store.write_fragment("d/x", 1, 5 << 20, slow, &Attributes::default()).await }))
}

#[tokio::test]
async fn a_writer_that_started_before_the_join_changes_no_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = write(&store, 0, &[1; 100_000]).await;
    let (go, writer) = start_late_writer(&store);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(join(&store, std::slice::from_ref(&one), "a/b").await.unwrap(), 100_000);
    go.send(()).unwrap();
    assert!(matches!(writer.await.unwrap(), Err(Error::NoSuchUpload)));
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), vec![1; 100_000]);
}

/// After a failed join, later fragments are kept, and those that were being written are to be sent
/// again: the draft is still open.
#[tokio::test]
async fn a_failed_join_has_fragments_being_written_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write("a/b", body(vec![9]), Attributes::default()).await.unwrap();
    let one = write(&store, 0, &[1; 1000]).await;
    let (go, writer) = start_late_writer(&store);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(matches!(join(&store, std::slice::from_ref(&one), "a/b").await, Err(Error::AlreadyExists)));
    go.send(()).unwrap();
    assert!(matches!(writer.await.unwrap(), Err(Error::Unavailable(_))));
    let two = write(&store, 1, &[2; 1000]).await;
    assert_eq!(join(&store, &[one, two], "a/c").await.unwrap(), 2000);
    assert_eq!(std::fs::read(folder.path().join("a/c")).unwrap(), [[1; 1000], [2; 1000]].concat());
}

#[tokio::test]
async fn joining_is_a_rename_if_every_fragment_is_at_its_offset() {
    for (order, renamed) in
        [(vec![0, 1, 2], true), (vec![0, 2, 1], true), (vec![1, 0, 2], false), (vec![2, 1, 0], false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let mut fragments = Vec::new();
        for number in order {
            let length = if number == 2 { 10 } else { 1000 };
            fragments.push((number, write(&store, number, &vec![u8::try_from(number).unwrap(); length]).await));
        }
        fragments.sort_by_key(|(number, _)| *number);
        let fragments: Vec<Fragment> = fragments.into_iter().map(|(_, fragment)| fragment).collect();
        let inode = std::fs::metadata(folder.path().join("d/x/data")).unwrap().ino();
        assert_eq!(join(&store, &fragments, "a/b").await.unwrap(), 2010);
        assert_eq!(std::fs::metadata(folder.path().join("a/b")).unwrap().ino() == inode, renamed);
        let expected = [vec![0; 1000], vec![1; 1000], vec![2; 10]].concat();
        assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), expected);
        store.discard("d/x").await.unwrap();
        assert!(!folder.path().join("d").exists());
    }
}

/// Acknowledged fragments survive a restart, and later fragments do not overwrite them, even after
/// a failed write.
#[tokio::test]
async fn a_draft_continues_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = write(&store, 0, &[1; 1000]).await;
    drop(store);
    let store = open(folder.path());
    let cut: ByteStream =
        Box::pin(futures::stream::iter([Ok(Bytes::from(vec![3u8; 500])), Err(std::io::Error::other("gone"))]));
    let refused = store.write_fragment("d/x", 1, 1000, cut, &Attributes::default()).await;
    assert!(matches!(refused, Err(Error::Incomplete(_))), "{refused:?}");
    assert_eq!(write(&store, 1, &[]).await.size, 0);
    let two = write(&store, 1, &[2; 1000]).await;
    assert!(two.offset >= one.offset + one.size);
    assert_eq!(join(&store, &[one, two], "a/b").await.unwrap(), 2000);
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), [[1; 1000], [2; 1000]].concat());
}

/// The space of a failed fragment is freed.
#[tokio::test]
async fn a_failed_fragment_frees_its_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for _ in 0..5 {
        let cut: ByteStream =
            Box::pin(futures::stream::iter([Ok(Bytes::from(vec![3u8; 4 << 20])), Err(std::io::Error::other("gone"))]));
        assert!(store.write_fragment("d/x", 1, 5 << 20, cut, &Attributes::default()).await.is_err());
        write(&store, 2, &[2; 10]).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let blocks = std::fs::metadata(folder.path().join("d/x/data")).unwrap().blocks() * 512;
    assert!(blocks < 1 << 20, "{blocks} bytes are taken");
}

/// A list of fragments from before a replacement never yields other bytes, even after a restart.
#[tokio::test]
async fn a_list_with_a_replaced_fragment_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let old = write(&store, 0, &vec![1; 1 << 20]).await;
    let new = write(&store, 0, &vec![2; 1 << 20]).await;
    store.drop_fragment("d/x", &old).await.unwrap();
    drop(store);
    let store = open(folder.path());
    write(&store, 1, &vec![3; 1 << 20]).await;
    assert!(matches!(join(&store, &[old], "a/b").await, Err(Error::NotFound)));
    // A fragment acknowledged after the list was made is kept.
    let later = write(&store, 2, &[4; 100]).await;
    assert_eq!(join(&store, std::slice::from_ref(&new), "a/b").await.unwrap(), 1 << 20);
    assert_eq!(join(&store, &[later], "a/c").await.unwrap(), 100);
    assert_eq!(std::fs::read(folder.path().join("a/c")).unwrap(), [4; 100]);
}

/// An acknowledged fragment that the joined list leaves out is kept.
#[tokio::test]
async fn an_unlisted_fragment_is_kept() {
    for restarted in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let (one, later) = (write(&store, 0, &[1; 1000]).await, write(&store, 1, &[2; 1000]).await);
        if restarted {
            drop(store);
            store = open(folder.path());
        }
        assert_eq!(join(&store, &[one], "a/b").await.unwrap(), 1000);
        assert_eq!(join(&store, &[later], "a/c").await.unwrap(), 1000, "{restarted}");
        assert_eq!(std::fs::read(folder.path().join("a/c")).unwrap(), [2; 1000]);
    }
}

#[tokio::test]
async fn a_dropped_fragment_frees_its_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let old = write(&store, 0, &vec![1; 1 << 20]).await;
    let new = write(&store, 0, &vec![2; 1 << 20]).await;
    store.drop_fragment("d/x", &old).await.unwrap();
    let blocks = std::fs::metadata(folder.path().join("d/x/data")).unwrap().blocks() * 512;
    assert!(blocks < 3 << 19, "{blocks} bytes are taken");
    assert!(matches!(join(&store, &[old], "a/b").await, Err(Error::NotFound)), "zeros must not replace its bytes");
    assert_eq!(join(&store, &[new], "a/b").await.unwrap(), 1 << 20);
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), vec![2; 1 << 20]);
}

#[tokio::test]
async fn a_truncated_draft_is_reported_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = write(&store, 0, &[1; 1000]).await;
    let data = folder.path().join("d/x/data");
    std::fs::OpenOptions::new().write(true).open(&data).unwrap().set_len(10).unwrap();
    assert!(matches!(join(&store, std::slice::from_ref(&one), "a/b").await, Err(Error::Damaged(_))));
    let future = SystemTime::now() + Duration::from_secs(9);
    assert_eq!(store.list_drafts("d", future).await.unwrap(), ["d/x"]);
    assert!(store.list_drafts("d", SystemTime::UNIX_EPOCH).await.unwrap().is_empty());
    for bad in ["", "../x", ".tmp/x", "a//b"] {
        let refused = store.write_fragment(bad, 0, 9, body(vec![1]), &Attributes::default()).await;
        assert!(matches!(refused, Err(Error::InvalidKey(_))), "{bad:?}: {refused:?}");
        assert!(store.discard(bad).await.is_err(), "{bad:?}");
    }
    let long = store.write_fragment("d/y", 0, 9, body(vec![1; 10]), &Attributes::default()).await;
    assert!(matches!(long, Err(Error::TooLarge { limit: 9 })), "{long:?}");
}
