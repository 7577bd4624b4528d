//! Drafts in a folder: what becomes of writers that come late, and that joining costs a rename where it can.

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

/// A fragment whose bytes wait for a word.
fn late(store: &FsStore) -> (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<Result<Fragment>>) {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let slow: ByteStream = Box::pin(futures::stream::once(async move {
        wait.await.map_err(std::io::Error::other)?;
        Ok(Bytes::from(vec![7u8; 3 << 20]))
    }));
    let store = store.clone();
    (go, tokio::spawn(async move { store.write_fragment("d/x", 1, 5 << 20, slow, &Attributes::default()).await }))
}

#[tokio::test]
async fn a_writer_from_before_changes_no_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let one = write(&store, 0, &[1; 100_000]).await;
    let (go, writer) = late(&store);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(join(&store, std::slice::from_ref(&one), "a/b").await.unwrap(), 100_000);
    go.send(()).unwrap();
    assert!(matches!(writer.await.unwrap(), Err(Error::NoSuchUpload)));
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), vec![1; 100_000]);
}

/// A join that fails cuts nothing off that comes after it, and lets nobody finish who began before.
#[tokio::test]
async fn a_join_that_fails_ends_those_who_are_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write("a/b", body(vec![9]), Attributes::default()).await.unwrap();
    let one = write(&store, 0, &[1; 1000]).await;
    let (go, writer) = late(&store);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(matches!(join(&store, std::slice::from_ref(&one), "a/b").await, Err(Error::AlreadyExists)));
    go.send(()).unwrap();
    assert!(matches!(writer.await.unwrap(), Err(Error::NoSuchUpload)));
    let two = write(&store, 1, &[2; 1000]).await;
    assert_eq!(join(&store, &[one, two], "a/c").await.unwrap(), 2000);
    assert_eq!(std::fs::read(folder.path().join("a/c")).unwrap(), [[1; 1000], [2; 1000]].concat());
}

#[tokio::test]
async fn joining_is_a_rename_where_all_is_in_its_place() {
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

/// What was acknowledged is there after a restart, and what follows it does not lie on top, also where something broke
/// off in between.
#[tokio::test]
async fn a_draft_goes_on_after_a_restart() {
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

/// The bytes of a fragment that broke off are nobody's, and take no space.
#[tokio::test]
async fn what_broke_off_frees_its_space() {
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

/// A list of fragments that was made before one of them was replaced means no other bytes, also after a restart.
#[tokio::test]
async fn an_old_list_is_no_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let old = write(&store, 0, &vec![1; 1 << 20]).await;
    let new = write(&store, 0, &vec![2; 1 << 20]).await;
    store.drop_fragment("d/x", &old).await.unwrap();
    drop(store);
    let store = open(folder.path());
    write(&store, 1, &vec![3; 1 << 20]).await;
    assert!(matches!(join(&store, &[old], "a/b").await, Err(Error::NotFound)));
    // What was acknowledged since the list was made is not cut off.
    let later = write(&store, 2, &[4; 100]).await;
    assert_eq!(join(&store, std::slice::from_ref(&new), "a/b").await.unwrap(), 1 << 20);
    assert_eq!(join(&store, &[later], "a/c").await.unwrap(), 100);
    assert_eq!(std::fs::read(folder.path().join("a/c")).unwrap(), [4; 100]);
}

/// The list that is joined leaves out what came last: that is acknowledged all the same.
#[tokio::test]
async fn what_is_not_listed_is_not_cut_off() {
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
async fn what_was_replaced_frees_its_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let old = write(&store, 0, &vec![1; 1 << 20]).await;
    let new = write(&store, 0, &vec![2; 1 << 20]).await;
    store.drop_fragment("d/x", &old).await.unwrap();
    let blocks = std::fs::metadata(folder.path().join("d/x/data")).unwrap().blocks() * 512;
    assert!(blocks < 3 << 19, "{blocks} bytes are taken");
    assert!(matches!(join(&store, &[old], "a/b").await, Err(Error::NotFound)), "zeros are not its bytes");
    assert_eq!(join(&store, &[new], "a/b").await.unwrap(), 1 << 20);
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), vec![2; 1 << 20]);
}

#[tokio::test]
async fn a_draft_that_was_cut_short_is_damage() {
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
