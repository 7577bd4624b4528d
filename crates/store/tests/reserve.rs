//! Tests what works while the disk is full up to the reserve: everything but what adds bytes.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::path::Path;

use bytes::Bytes;
use store::{
    Attributes, ByteStream, Checks, Completion, Deletion, Endpoint, Error, Fragment, FsStore, Presigner, Result, Store,
    UploadRef,
};

const PART: u64 = 5 << 20;

/// Opens a store. With a reserve larger than any disk, the disk is full.
fn open(folder: &Path, is_full: bool) -> FsStore {
    let endpoint = Endpoint { url: "http://127.0.0.1:9".into(), region: "local".into(), bucket: Some("b".into()) };
    let presigner = Presigner::new(endpoint, "access", "secret");
    FsStore::open_reserving(folder, presigner, Some(if is_full { u64::MAX / 2 } else { 0 })).unwrap()
}

fn body(byte: u8, length: usize) -> ByteStream {
    Box::pin(futures::stream::iter([Ok(Bytes::from(vec![byte; length]))]))
}

async fn begin(store: &FsStore, key: &str) -> Result<UploadRef> {
    let upload_id = store.begin_parts(key, PART, Attributes::default()).await?;
    Ok(UploadRef { key: key.to_owned(), upload_id })
}

async fn fragment(store: &FsStore, draft: &str, number: u32) -> Result<Fragment> {
    store.write_fragment(draft, number, 9, body(b'f', 9), &Attributes::default()).await
}

fn assert_full<T: std::fmt::Debug>(outcome: &Result<T>) {
    assert!(matches!(outcome, Err(Error::Full)), "{outcome:?}");
}

/// Returns the number of files and folders below a folder.
fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { 1 + count(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn what_adds_bytes_is_refused_and_the_rest_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), false);
    for key in ["a/1", "a/2", "a/3", "m/1"] {
        store.write(key, body(b'w', 9), Attributes::default()).await.unwrap();
    }
    let (ready, aborted) = (begin(&store, "u/1").await.unwrap(), begin(&store, "u/2").await.unwrap());
    let part = store.write_part(&ready, 1, body(b'p', 9), PART, Checks::none()).await.unwrap();
    store.write_part(&aborted, 1, body(b'p', 9), PART, Checks::none()).await.unwrap();
    let fragments = [fragment(&store, "d/1", 0).await.unwrap(), fragment(&store, "d/1", 1).await.unwrap()];
    let swapped = [fragment(&store, "d/2", 0).await.unwrap(), fragment(&store, "d/2", 1).await.unwrap()];
    drop(store);

    let store = open(folder.path(), true);
    let before = count(folder.path());
    assert_full(&store.write("n/1", body(b'w', 9), Attributes::default()).await);
    assert_full(&store.write_checked("n/1", body(b'w', 9), Attributes::default(), 9, Checks::none()).await);
    assert_full(&begin(&store, "n/2").await);
    for number in [1, 2] {
        assert_full(&store.write_part(&ready, number, body(b'p', 9), PART, Checks::none()).await);
    }
    assert_full(&fragment(&store, "d/1", 2).await);
    let [second, first] = [&swapped[1], &swapped[0]];
    assert_full(&store.join("d/2", &[second.clone(), first.clone()], "j/2", Attributes::default()).await);
    assert!(store.space().refused() >= 7);
    assert_eq!(count(folder.path()), before, "a refused write left something");

    assert_eq!(store.stat("a/1").await.unwrap().size, 9);
    store.delete("a/1", Deletion::Purge).await.unwrap();
    store.delete("a/2", Deletion::Restorable).await.unwrap();
    store.restore("a/2").await.unwrap();
    store.move_to("m/1", "m/2", None).await.unwrap();
    let completion = Completion { parts: vec![(1, part.etag)], part_size: PART, size: None, max_size: PART };
    store.complete(&ready, &completion).await.unwrap();
    store.abort(&aborted).await.unwrap();
    store.join("d/1", &fragments, "j/1", Attributes::default()).await.unwrap();
    store.discard("d/2").await.unwrap();
    let keys: Vec<_> = store.list("", None, 99).await.unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["a/2", "a/3", "j/1", "m/2", "u/1"]);
}
