//! Tests that a body that does not come to its end takes no space: by the blocks that the file
//! system has allocated, for every way of writing to the local store.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use store::{
    Algorithm, Attributes, ByteStream, Checks, Completion, Endpoint, Error, Fragment, FsStore, Part, Presigner, Store,
    UploadRef,
};

/// Broken bodies of each kind.
const BROKEN: u32 = 200;
/// Bytes of a part.
const PART: u64 = 5 << 20;
/// Bytes that come of a broken body: not a multiple of a block, and more than one write.
const CAME: usize = 2_345_678;

fn open(folder: &Path) -> FsStore {
    let endpoint = Endpoint { url: "http://127.0.0.1:9".into(), region: "local".into(), bucket: Some("b".into()) };
    FsStore::open(folder, Presigner::new(endpoint, "access", "secret")).unwrap()
}

/// Returns the bytes that the file system has allocated below a folder.
fn allocated(folder: &Path) -> u64 {
    let own = std::fs::symlink_metadata(folder).unwrap().blocks() * 512;
    let below = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => allocated(&entry.path()),
            false => entry.metadata().map_or(0, |metadata| metadata.blocks() * 512),
        }
    });
    own + below.sum::<u64>()
}

/// How a body ends early.
#[derive(Debug, Clone, Copy)]
enum Break {
    /// The client closes its connection.
    Closed,
    /// The request is dropped while the body comes, also while bytes are being written.
    Dropped,
    /// More bytes come than are allowed.
    TooLong,
    /// A checksum does not match.
    Checksum,
}

const BREAKS: [Break; 4] = [Break::Closed, Break::Dropped, Break::TooLong, Break::Checksum];

impl Break {
    fn body(self) -> ByteStream {
        let come = futures::stream::iter(0..CAME.div_ceil(100_000))
            .map(|n| Ok(Bytes::from(vec![b'x'; 100_000.min(CAME - n * 100_000)])));
        match self {
            Self::Closed => Box::pin(come.chain(futures::stream::iter([Err(std::io::Error::other("closed"))]))),
            Self::Dropped => Box::pin(come.chain(futures::stream::pending())),
            Self::TooLong => Box::pin(come.chain(futures::stream::iter([Ok(Bytes::from(vec![0; 8 << 20]))]))),
            Self::Checksum => Box::pin(come),
        }
    }

    fn checks(self) -> Checks {
        let mut checks = Checks::none();
        if matches!(self, Self::Checksum) {
            assert!(checks.require(Algorithm::Crc32, vec![1, 2, 3, 4]));
        }
        checks
    }

    /// Runs a write until it fails, or until it is dropped.
    async fn run<T: std::fmt::Debug>(self, write: impl Future<Output = store::Result<T>>, round: u32) {
        if matches!(self, Self::Dropped) {
            let writing = tokio::time::timeout(Duration::from_millis(u64::from(round % 7)), write).await;
            assert!(writing.is_err(), "it waits for more");
        } else {
            write.await.unwrap_err();
        }
    }
}

/// Waits until no more is allocated than before; bytes are freed off the request's path.
async fn assert_freed(folder: &Path, before: u64, what: &str) {
    // A folder grows by some blocks when it once held many names.
    let most = before + (64 << 10);
    let started = Instant::now();
    while allocated(folder) > most {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{what}: {} bytes are left of {BROKEN} broken bodies",
            allocated(folder) - before
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn begin(store: &FsStore, key: &str) -> UploadRef {
    let upload_id = store.begin_parts(key, PART, Attributes::default()).await.unwrap();
    UploadRef { key: key.to_owned(), upload_id }
}

fn body(bytes: Vec<u8>) -> ByteStream {
    Box::pin(futures::stream::iter([Ok(Bytes::from(bytes))]))
}

async fn part(store: &FsStore, upload: &UploadRef, number: u32, bytes: Vec<u8>) -> Part {
    store.write_part(upload, number, body(bytes), PART, Checks::none()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_parts_leave_nothing() {
    for how in BREAKS {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let upload = begin(&store, "a/b").await;
        // Neighbours on both sides, and a part that is sent again.
        let (one, three) = (part(&store, &upload, 1, vec![1; 5 << 20]).await, vec![3; 777]);
        let before = allocated(folder.path());
        for round in 0..BROKEN {
            let number = 1 + round % 5;
            how.run(store.write_part(&upload, number, how.body(), PART, how.checks()), round).await;
        }
        assert_freed(folder.path(), before, &format!("parts, {how:?}")).await;
        let two = part(&store, &upload, 2, vec![2; 5 << 20]).await;
        let three = part(&store, &upload, 3, three).await;
        let parts = [one, two, three].map(|part| (part.number, part.etag)).to_vec();
        store.complete(&upload, &Completion { parts, part_size: PART, size: None, max_size: u64::MAX }).await.unwrap();
        let expected = [vec![1; 5 << 20], vec![2; 5 << 20], vec![3; 777]].concat();
        assert!(std::fs::read(folder.path().join("a/b")).unwrap() == expected, "{how:?}: other bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_fragments_leave_nothing() {
    for how in [Break::Closed, Break::Dropped, Break::TooLong] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let fragment = |number: u32, bytes: Vec<u8>| {
            let store = store.clone();
            async move {
                let most = bytes.len() as u64;
                store.write_fragment("d/x", number, most, body(bytes), &Attributes::default()).await.unwrap()
            }
        };
        let one: Fragment = fragment(0, vec![1; 3_000_001]).await;
        let before = allocated(folder.path());
        for round in 0..BROKEN {
            let most = 3_000_001 - u64::from(round % 3);
            how.run(store.write_fragment("d/x", 1 + round % 4, most, how.body(), &Attributes::default()), round).await;
        }
        assert_freed(folder.path(), before, &format!("fragments, {how:?}")).await;
        let two = fragment(1, vec![2; 3_000_001]).await;
        store.join("d/x", &[one, two], "a/b", Attributes::default()).await.unwrap();
        let expected = [vec![1; 3_000_001], vec![2; 3_000_001]].concat();
        assert!(std::fs::read(folder.path().join("a/b")).unwrap() == expected, "{how:?}: other bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_puts_leave_nothing() {
    for how in BREAKS {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let before = allocated(folder.path());
        for round in 0..BROKEN {
            let limit = 5 << 20;
            how.run(store.write_checked("a/b", how.body(), Attributes::default(), limit, how.checks()), round).await;
        }
        assert_freed(folder.path(), before, &format!("single requests, {how:?}")).await;
        assert!(matches!(store.stat("a/b").await, Err(Error::NotFound)));
    }
}

/// A server that is killed drops nothing, so the files are as they were in the middle of a write.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_freed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin(&store, "a/b").await;
    let one = part(&store, &upload, 1, vec![1; 5 << 20]).await;
    let listed = store.write_fragment("d/x", 0, 9_000, body(vec![1; 9_000]), &Attributes::default()).await.unwrap();
    drop(store);
    let before = allocated(folder.path());
    let write = |path: String, at: u64| {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(folder.path().join(path));
        file.unwrap().write_all_at(&vec![9; CAME], at).unwrap();
    };
    let of_upload = format!(".uploads/{}", upload.upload_id);
    write(format!("{of_upload}/data"), PART);
    write(format!("{of_upload}/data"), 3 * PART + 5);
    write(format!("{of_upload}/part-00001.ffffffff"), 0);
    write(".tmp/abcdef".to_owned(), 0);
    write("d/x/data".to_owned(), 9_000);
    assert!(allocated(folder.path()) > before + 5 * CAME as u64 - (64 << 10), "nothing was left");
    let store = open(folder.path());
    store.free_unacknowledged(&upload).await.unwrap();
    store.free_unlisted("d/x", std::slice::from_ref(&listed)).await.unwrap();
    store.free_unlisted("d/none", &[]).await.unwrap();
    assert_freed(folder.path(), before, "a killed server").await;
    let completion = Completion { parts: vec![(1, one.etag)], part_size: PART, size: None, max_size: u64::MAX };
    store.complete(&upload, &completion).await.unwrap();
    assert!(std::fs::read(folder.path().join("a/b")).unwrap() == vec![1; 5 << 20]);
    // What is written now is acknowledged, and nothing of it is freed.
    let later = store.write_fragment("d/x", 1, 50_000, body(vec![2; 50_000]), &Attributes::default()).await.unwrap();
    store.free_unlisted("d/x", std::slice::from_ref(&listed)).await.unwrap();
    store.join("d/x", &[listed, later], "a/c", Attributes::default()).await.unwrap();
    assert!(std::fs::read(folder.path().join("a/c")).unwrap() == [vec![1; 9_000], vec![2; 50_000]].concat());
}
