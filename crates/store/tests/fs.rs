//! Tests the local-disk store: the conformance suite, and the cases that only a file system has.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use store::conformance::{self, PresignedClient};
use store::{
    Attributes, ByteStream, Checks, Completion, Deletion, Endpoint, Error, FsStore, PresignedRequest, Presigner, Store,
    UploadRef,
};

const PART: u64 = 5 << 20;

fn open(folder: &Path) -> FsStore {
    let endpoint = Endpoint { url: "http://127.0.0.1:9".into(), region: "local".into(), bucket: Some("b".into()) };
    FsStore::open(folder, Presigner::new(endpoint, "access", "secret")).unwrap()
}

/// Replaces the S3 door: parses the presigned URL and calls the store. The server's tests run the
/// same suite against the real door.
struct DirectClient(FsStore);

fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

impl DirectClient {
    fn key(url: &str) -> String {
        percent_decode(url.split_once("/b/").unwrap().1.split('?').next().unwrap())
    }

    fn parameter(url: &str, name: &str) -> Option<String> {
        url.split_once('?')?
            .1
            .split('&')
            .find_map(|pair| Some(percent_decode(pair.strip_prefix(name)?.strip_prefix('=')?)))
    }
}

#[async_trait]
impl PresignedClient for DirectClient {
    async fn put(&self, request: &PresignedRequest, body: Bytes) -> Result<String, String> {
        let upload =
            UploadRef { key: Self::key(&request.url), upload_id: Self::parameter(&request.url, "uploadId").unwrap() };
        let number = Self::parameter(&request.url, "partNumber").unwrap().parse().unwrap();
        let part = self.0.write_part(&upload, number, stream(body), u64::MAX, Checks::none()).await;
        part.map(|part| part.etag).map_err(|error| error.to_string())
    }

    async fn get(&self, request: &PresignedRequest) -> Result<Bytes, String> {
        let (_, body) = self.0.read(&Self::key(&request.url), None).await.map_err(|error| error.to_string())?;
        let all: bytes::BytesMut = body.try_collect().await.map_err(|error| error.to_string())?;
        Ok(all.freeze())
    }
}

fn stream(bytes: Bytes) -> ByteStream {
    Box::pin(futures::stream::iter(vec![Ok(bytes)]))
}

async fn begin_upload(store: &FsStore, key: &str) -> UploadRef {
    let upload_id = store.begin_parts(key, PART, Attributes::default()).await.unwrap();
    UploadRef { key: key.into(), upload_id }
}

fn completion(parts: Vec<(u32, String)>) -> Completion {
    Completion { parts, part_size: PART, size: None, max_size: u64::MAX }
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    conformance::all(&store, &DirectClient(store.clone()), &[]).await;
    assert_eq!(files_below(&folder.path().join(".uploads")), [""; 0], "uploads leave no files");
    assert_eq!(files_below(&folder.path().join(".tmp")), [""; 0], "writes leave no files");
}

#[tokio::test]
async fn one_server_per_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let endpoint = Endpoint { url: "http://h".into(), region: "r".into(), bucket: None };
    let error = FsStore::open(folder.path(), Presigner::new(endpoint, "a", "s")).unwrap_err();
    assert!(error.to_string().contains("in use by another server"), "{error}");
    drop(store);
    open(folder.path());
}

#[tokio::test]
async fn parts_survive_a_restart_and_a_failed_resend() {
    let folder = tempfile::tempdir().unwrap();
    let first = Bytes::from(vec![1u8; usize::try_from(PART).unwrap()]);
    let (upload, etag) = {
        let store = open(folder.path());
        let upload = begin_upload(&store, "a/b").await;
        let part = store.write_part(&upload, 1, stream(first.clone()), PART, Checks::none()).await.unwrap();
        (upload, part.etag)
    };
    let store = open(folder.path());
    let cut: ByteStream = Box::pin(futures::stream::iter(vec![
        Ok(Bytes::from(vec![9u8; 2 << 20])),
        Err(std::io::Error::other("the client was killed")),
    ]));
    let refused = store.write_part(&upload, 1, cut, PART, Checks::none()).await;
    assert!(matches!(refused, Err(Error::Incomplete(_))), "{refused:?}");
    let last = store.write_part(&upload, 2, stream(Bytes::from_static(b"end")), PART, Checks::none()).await.unwrap();
    let stat = store.complete(&upload, &completion(vec![(1, etag), (2, last.etag)])).await.unwrap();
    assert_eq!(stat.size, PART + 3);
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), [&first[..], b"end"].concat());
}

#[tokio::test]
async fn a_writer_that_started_before_completion_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin_upload(&store, "a/b").await;
    let one = Bytes::from(vec![1u8; usize::try_from(PART).unwrap()]);
    let part = store.write_part(&upload, 1, stream(one.clone()), PART, Checks::none()).await.unwrap();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let slow: ByteStream = Box::pin(futures::stream::once(async move {
        wait.await.map_err(std::io::Error::other)?;
        Ok(Bytes::from(vec![7u8; 3 << 20]))
    }));
    let late = tokio::spawn({
        let (store, upload) = (store.clone(), upload.clone());
        async move { store.write_part(&upload, 2, slow, PART, Checks::none()).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.complete(&upload, &completion(vec![(1, part.etag)])).await.unwrap();
    go.send(()).unwrap();
    assert!(matches!(late.await.unwrap(), Err(Error::NoSuchUpload)));
    assert_eq!(std::fs::read(folder.path().join("a/b")).unwrap(), one);
}

#[tokio::test]
async fn a_part_longer_than_the_part_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin_upload(&store, "a/b").await;
    let long = Bytes::from(vec![0u8; usize::try_from(PART).unwrap() + 1]);
    let refused = store.write_part(&upload, 1, stream(long), u64::MAX, Checks::none()).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit: PART })), "{refused:?}");
    for number in [0, 10_001] {
        let refused = store.write_part(&upload, number, stream(Bytes::new()), PART, Checks::none()).await;
        assert!(matches!(refused, Err(Error::InvalidPart { .. })), "{refused:?}");
    }
    assert_eq!(store.list_parts(&upload).await.unwrap(), []);
}

#[tokio::test]
async fn symbolic_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    std::fs::write(outside.path().join("secret.meta"), r#"{"size":1,"etag":"e","modified_us":1,"content_type":"t"}"#)
        .unwrap();
    let store = open(folder.path());
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("file")).unwrap();
    std::fs::copy(outside.path().join("secret.meta"), folder.path().join("file.meta")).unwrap();
    for key in ["link/secret", "file"] {
        assert!(matches!(store.read(key, None).await.err(), Some(Error::NotFound)), "{key}");
    }
    let write = store.write("link/new", stream(Bytes::from_static(b"x")), Attributes::default()).await;
    assert!(write.is_err(), "{write:?}");
    store.delete("link/secret", Deletion::Purge).await.unwrap();
    assert!(outside.path().join("secret").exists() && !outside.path().join("new").exists());
}

#[tokio::test]
async fn a_key_is_not_a_folder_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let write = async |key: &str| store.write(key, stream(Bytes::from_static(b"x")), Attributes::default()).await;
    write("a").await.unwrap();
    assert!(matches!(write("a/b").await, Err(Error::InvalidKey(_))));
    write("c/d").await.unwrap();
    assert!(matches!(write("c").await, Err(Error::AlreadyExists)));
    assert_eq!(store.list("", None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn damage_is_distinguished_from_absence() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write("a", stream(Bytes::from_static(b"four")), Attributes::default()).await.unwrap();
    std::fs::write(folder.path().join("a"), "five!").unwrap();
    assert!(matches!(store.stat("a").await, Err(Error::Damaged(_))));
    std::fs::write(folder.path().join("a.meta"), "not json").unwrap();
    assert!(matches!(store.stat("a").await, Err(Error::Damaged(_))));
}

#[tokio::test]
async fn empty_folders_are_removed_with_their_last_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write("a/b/c", stream(Bytes::from_static(b"x")), Attributes::default()).await.unwrap();
    store.delete("a/b/c", Deletion::Purge).await.unwrap();
    assert!(!folder.path().join("a").exists());
    assert!(folder.path().exists());
}

#[tokio::test]
async fn a_repeated_completion_must_name_the_same_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin_upload(&store, "a/b").await;
    let part = store.write_part(&upload, 1, stream(Bytes::from_static(b"one")), PART, Checks::none()).await.unwrap();
    let whole = completion(vec![(1, part.etag.clone())]);
    let done = store.complete(&upload, &whole).await.unwrap();
    for other in ["junk".to_owned(), "0".repeat(32), String::new()] {
        let refused = store.complete(&upload, &completion(vec![(1, other)])).await;
        assert!(matches!(refused, Err(Error::CompletedDifferently)), "{refused:?}");
    }
    assert_eq!(store.complete(&upload, &whole).await.unwrap(), done);
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.complete(&upload, &whole).await.unwrap(), done, "also after a restart");
}

/// A completion that leaves parts out truncates the file. If it then fails, those parts count as
/// never uploaded, instead of being full of zeros.
#[tokio::test]
async fn parts_left_out_of_a_failed_completion_count_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin_upload(&store, "a/b").await;
    let full = Bytes::from(vec![7u8; usize::try_from(PART).unwrap()]);
    let mut etags = Vec::new();
    for number in 1..=3 {
        let part = store.write_part(&upload, number, stream(full.clone()), PART, Checks::none()).await.unwrap();
        etags.push((number, part.etag));
    }
    // Another blob occupies the key.
    store.write("a/b", stream(Bytes::from_static(b"x")), Attributes::default()).await.unwrap();
    let refused = store.complete(&upload, &completion(etags[..2].to_vec())).await;
    assert!(matches!(refused, Err(Error::AlreadyExists)), "{refused:?}");
    store.delete("a/b", Deletion::Purge).await.unwrap();
    let refused = store.complete(&upload, &completion(etags.clone())).await;
    assert!(matches!(refused, Err(Error::InvalidPart { number: 3, .. })), "{refused:?}");
    drop(store);
    let store = open_again(folder.path()).await;
    let refused = store.complete(&upload, &completion(etags.clone())).await;
    assert!(matches!(refused, Err(Error::InvalidPart { number: 3, .. })), "also after a restart: {refused:?}");
    let again = store.write_part(&upload, 3, stream(full.clone()), PART, Checks::none()).await.unwrap();
    etags[2].1 = again.etag;
    store.complete(&upload, &completion(etags)).await.unwrap();
    assert!(std::fs::read(folder.path().join("a/b")).unwrap().iter().all(|byte| *byte == 7));
}

async fn open_again(folder: &Path) -> FsStore {
    for _ in 0..100 {
        let endpoint = Endpoint { url: "http://127.0.0.1:9".into(), region: "local".into(), bucket: Some("b".into()) };
        if let Ok(store) = FsStore::open(folder, Presigner::new(endpoint, "access", "secret")) {
            return store;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the store stays locked");
}

#[tokio::test]
async fn a_part_without_its_side_file_is_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin_upload(&store, "a/b").await;
    let first = store.write_part(&upload, 1, stream(Bytes::from_static(b"first")), PART, Checks::none()).await.unwrap();
    store.write_part(&upload, 1, stream(Bytes::from_static(b"second")), PART, Checks::none()).await.unwrap();
    drop(store);
    let own = folder.path().join(".uploads").join(&upload.upload_id);
    for entry in std::fs::read_dir(&own).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.file_name().unwrap().to_str().unwrap().starts_with("part-") {
            std::fs::remove_file(entry).unwrap();
        }
    }
    let store = open(folder.path());
    assert_eq!(store.list_parts(&upload).await.unwrap(), [first]);
}

#[tokio::test]
async fn leftovers_of_a_crash_after_publishing_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let upload = begin_upload(&store, "a/b").await;
    let own = folder.path().join(".uploads").join(&upload.upload_id);
    std::fs::remove_file(own.join("data")).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(60);
    assert_eq!(store.list_uploads("", later).await.unwrap().len(), 1);
    store.abort(&upload).await.unwrap();
    assert!(!own.exists() && store.list_uploads("", later).await.unwrap().is_empty());
}

/// Evicts a file from the page cache. The file must not be mapped.
fn evict(path: &Path) {
    let file = std::fs::File::open(path).unwrap();
    file.sync_all().unwrap();
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

/// Sends a range through a socket and returns the received bytes.
async fn send_through_socket(mut range: store::BlobStream) -> Result<Vec<u8>, store::SendError> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut to = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut from, _) = listener.accept().await.unwrap();
    let reader = tokio::spawn(async move {
        let mut got = Vec::new();
        from.read_to_end(&mut got).await.unwrap();
        got
    });
    while let Some(piece) = std::future::poll_fn(|context| range.poll_piece(context)).await {
        match piece.map_err(store::SendError::File)? {
            store::Piece::Read(bytes) => to.write_all(&bytes).await.unwrap(),
            store::Piece::File => {
                to.writable().await.unwrap();
                let mut outcome = Ok(0);
                let step = to.try_io(tokio::io::Interest::WRITABLE, || {
                    outcome = match range.send_to(&to) {
                        Err(store::SendError::Socket(error)) => return Err(error),
                        other => other,
                    };
                    Ok(())
                });
                if let Err(error) = step {
                    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                }
                outcome?;
            }
        }
    }
    drop(to);
    Ok(reader.await.unwrap())
}

/// Bytes in memory are ready at once, other bytes are read on the blocking pool, and both are
/// correct.
#[tokio::test]
async fn ranges_are_correct_from_memory_and_from_disk() {
    // On a disk, because a file system in memory evicts nothing.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = open(folder.path());
    let bytes: Bytes = (0..9_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for reads in [store::Reads::Sendfile, store::Reads::Plain] {
        let key = format!("a/{reads:?}");
        store.write(&key, stream(bytes.clone()), Attributes::default()).await.unwrap();
        evict(&folder.path().join(&key));
        let reader = store::FsReader::open(folder.path()).unwrap().reading(reads);
        let blob = reader.blob(&key).await.unwrap();
        let ready = |range: &mut store::BlobStream| {
            range.poll_piece(&mut std::task::Context::from_waker(futures::task::noop_waker_ref()))
        };
        for range in [0..10, 8_999_990..9_000_000, 2_097_000..2_098_000, 4_000_000..7_500_001, 0..9_000_000] {
            let wanted = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
            for _ in 0..2 {
                assert_eq!(
                    send_through_socket(blob.read(range.clone()).unwrap()).await.unwrap(),
                    wanted,
                    "{range:?} {reads:?}"
                );
            }
            let got: Vec<Bytes> = blob.read(range.clone()).unwrap().try_collect().await.unwrap();
            assert_eq!(got.concat(), wanted, "{range:?} {reads:?}");
            let mut warm = blob.read(range.clone()).unwrap();
            assert!(ready(&mut warm).is_ready(), "{range:?} {reads:?} is in memory");
        }
        assert!(
            matches!(blob.read(9_000_001..9_000_001), Err(Error::BadRange))
                && matches!(blob.read(0..9_000_001), Err(Error::BadRange))
        );
        for as_stream in [false, true] {
            // Not in memory again; a newly opened blob has no cached residency.
            evict(&folder.path().join(&key));
            let blob = reader.blob(&key).await.unwrap();
            let mut cold = blob.read(5_000_000..6_000_000).unwrap();
            let wanted = &bytes[5_000_000..6_000_000];
            if as_stream {
                let rest: Vec<Bytes> = cold.try_collect().await.unwrap();
                assert_eq!(rest.concat(), wanted);
            } else {
                // A non-blocking read starts read-ahead, and a fast disk can finish it before the
                // second attempt.
                let must_wait = reads == store::Reads::Sendfile;
                assert!(!must_wait || ready(&mut cold).is_pending(), "a runtime thread would read from the disk");
                assert_eq!(send_through_socket(cold).await.unwrap(), wanted);
            }
        }
        let cut = std::fs::OpenOptions::new().write(true).open(folder.path().join(&key)).unwrap();
        cut.set_len(8_000_000).unwrap();
        for range in [7_000_000..8_000_001, 8_500_000..9_000_000] {
            assert!(matches!(
                send_through_socket(blob.read(range.clone()).unwrap()).await,
                Err(store::SendError::File(_))
            ));
            let got: Result<Vec<Bytes>, _> = blob.read(range).unwrap().try_collect().await;
            assert!(got.is_err(), "{reads:?}");
        }
    }
}

/// An open blob detects that it was deleted or replaced, also in a process that shares only the
/// folder.
#[tokio::test]
async fn an_open_blob_detects_that_its_key_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let outside = store::FsReader::open(folder.path()).unwrap();
    for (what, deletion) in [("purged", Deletion::Purge), ("moved to the trash", Deletion::Restorable)] {
        for reader in [store.reader(), outside.clone()] {
            store.write("a/b", stream(Bytes::from_static(b"one")), Attributes::default()).await.unwrap();
            // The resolution of a file's times.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let blob = reader.blob("a/b").await.unwrap();
            assert!(blob.is_current(), "{what}");
            store.delete("a/b", deletion).await.unwrap();
            assert!(!blob.is_current(), "{what}");
            assert!(matches!(reader.blob("a/b").await, Err(Error::NotFound)));
            store.write("a/b", stream(Bytes::from_static(b"two")), Attributes::default()).await.unwrap();
            assert!(!blob.is_current(), "{what}");
            let kept: Vec<Bytes> = blob.read(0..3).unwrap().try_collect().await.unwrap();
            assert_eq!(kept.concat(), b"one", "an open blob is read to its end");
            store.delete("a/b", Deletion::Purge).await.unwrap();
        }
    }
    store.write("a/b", stream(Bytes::from_static(b"one")), Attributes::default()).await.unwrap();
    let blob = outside.blob("a/b").await.unwrap();
    std::fs::write(folder.path().join("a/b"), b"other").unwrap();
    assert!(!blob.is_current(), "overwritten by another program");
    assert!(matches!(outside.blob("a/b").await, Err(Error::Damaged(_))));
    outside.probe().await.unwrap();
    let moved = folder.path().with_extension("moved");
    std::fs::rename(folder.path(), &moved).unwrap();
    std::fs::create_dir(folder.path()).unwrap();
    assert!(outside.probe().await.is_err(), "another folder has the path now");
    std::fs::remove_dir_all(moved).unwrap();
}

/// A repeated move handles every state that an interruption can leave; the bytes are complete at
/// one of the keys or at both.
#[tokio::test]
async fn an_interrupted_move_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let at = |name: &str| folder.path().join(name);
    let bytes = |text: &'static str| stream(Bytes::from_static(text.as_bytes()));
    let read = async |key: &str| match store.read(key, None).await {
        Ok((_, body)) => Ok(body.try_collect::<bytes::BytesMut>().await.unwrap().freeze()),
        Err(error) => Err(error),
    };
    let carrying = Attributes { content_type: "image/png".into(), ..Attributes::default() };
    // Interrupted before the bytes were renamed: both keys have a record, and the new one can hold
    // anything.
    for old in [true, false] {
        store.write("a/from", bytes("bytes"), Attributes::default()).await.unwrap();
        std::fs::create_dir_all(at("b")).unwrap();
        if old {
            // Older versions renamed the record first.
            std::fs::rename(at("a/from.meta"), at("b/to.meta")).unwrap();
        } else {
            std::fs::write(at("b/to.meta"), "left by another move").unwrap();
        }
        store.move_to("a/from", "b/to", Some(&carrying)).await.unwrap();
        assert_eq!(read("b/to").await.unwrap(), "bytes");
        assert_eq!(store.stat("b/to").await.unwrap().attributes, carrying);
        assert!(!at("a").exists(), "the source folder is removed");
        store.delete("b/to", Deletion::Purge).await.unwrap();
    }
    // Interrupted after the bytes were renamed: a repeated call removes the old record.
    store.write("a/from", bytes("bytes"), Attributes::default()).await.unwrap();
    let record = std::fs::read(at("a/from.meta")).unwrap();
    store.move_to("a/from", "b/to", None).await.unwrap();
    std::fs::create_dir_all(at("a")).unwrap();
    std::fs::write(at("a/from.meta"), &record).unwrap();
    assert!(matches!(store.move_to("a/from", "b/to", None).await, Err(Error::NotFound)), "the move is complete");
    assert_eq!(read("b/to").await.unwrap(), "bytes", "and the blob is still there");
    assert!(!at("a").exists(), "the obsolete record is removed");
    // A newer blob at `from`: first only its record, then the whole blob.
    std::fs::create_dir_all(at("a")).unwrap();
    std::fs::write(at("a/from.meta"), &record).unwrap();
    assert!(matches!(store.move_to("a/from", "b/to", None).await, Err(Error::NotFound)), "it was never acknowledged");
    store.write("a/from", bytes("newer"), Attributes::default()).await.unwrap();
    assert!(matches!(store.move_to("a/from", "b/to", None).await, Err(Error::AlreadyExists)));
    assert_eq!((read("a/from").await.unwrap(), read("b/to").await.unwrap()), ("newer".into(), "bytes".into()));
    // A damaged blob is neither moved nor reported as a conflict.
    std::fs::write(at("a/from"), "new").unwrap();
    assert!(matches!(store.move_to("a/from", "b/to", None).await, Err(Error::Damaged(_))));
    assert!(matches!(store.move_to("a/from", "b/free", None).await, Err(Error::Damaged(_))));
    assert_eq!(read("b/to").await.unwrap(), "bytes");
    // A record at the key can be the only one of a blob in the trash.
    store.delete("b/to", Deletion::Restorable).await.unwrap();
    std::fs::rename(at(".trash/b/to.meta"), at("b/to.meta"))
        .or_else(|_| {
            std::fs::create_dir_all(at("b"))?;
            std::fs::rename(at(".trash/b/to.meta"), at("b/to.meta"))
        })
        .unwrap();
    assert!(matches!(store.move_to("b/to", "c", None).await, Err(Error::NotFound)));
    store.restore("b/to").await.unwrap();
    assert_eq!(read("b/to").await.unwrap(), "bytes");
}

/// Rewrites a record as earlier versions did: without the kind of its ETag.
fn remove_etag_kind(folder: &Path, key: &str, etag: &str) {
    let path = folder.join(format!("{key}.meta"));
    let mut record: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record.remove("etag_is_md5");
    record.insert("etag".into(), etag.into());
    std::fs::write(&path, serde_json::to_vec(&record).unwrap()).unwrap();
}

/// The ETag of a body written with `write_checked` is its MD5, also after a restore and a move.
#[tokio::test]
async fn the_etag_of_a_checked_body_is_its_md5() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for number in 0..100 {
        let bytes = Bytes::from(format!("body {number}"));
        let (key, moved) = (format!("a/{number}"), format!("b/{number}"));
        let checked = store.write_checked(&key, stream(bytes.clone()), Attributes::default(), 99, Checks::none());
        let stat = checked.await.unwrap();
        assert!(!stat.etag.contains('-') && conformance::is_true_etag(&stat.etag, &bytes), "{}", stat.etag);
        store.delete(&key, Deletion::Restorable).await.unwrap();
        assert_eq!(store.restore(&key).await.unwrap().etag, stat.etag);
        store.move_to(&key, &moved, Some(&Attributes::default())).await.unwrap();
        assert_eq!(store.stat(&moved).await.unwrap().etag, stat.etag);
        assert_eq!(store.list("b/", None, 999).await.unwrap().last().map(|entry| entry.etag.len()), Some(32));
    }
}

#[tokio::test]
async fn the_etag_of_an_older_record_does_not_look_like_an_md5() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let bytes = Bytes::from_static(b"x");
    let old = "0b8f2b1c9d6e4f70a1b2c3d4e5f60718";
    let parts = format!("{old}-2");
    for (key, stored, wanted) in [
        ("a/random", old, format!("{old}-1")),
        ("a/parts", parts.as_str(), parts.clone()),
        ("a/other", "e", "e".into()),
    ] {
        store.write(key, stream(bytes.clone()), Attributes::default()).await.unwrap();
        remove_etag_kind(folder.path(), key, stored);
        let alone = store::FsReader::open(folder.path()).unwrap();
        let moved = format!("{key}.moved");
        for _ in 0..2 {
            assert_eq!(store.stat(key).await.unwrap().etag, wanted);
            assert_eq!(store.list(key, None, 1).await.unwrap()[0].etag, wanted);
            assert_eq!(alone.blob(key).await.unwrap().stat().etag, wanted, "without a server");
            store.move_to(key, &moved, Some(&Attributes::default())).await.unwrap();
            assert_eq!(store.stat(&moved).await.unwrap().etag, wanted, "its record was rewritten");
            store.move_to(&moved, key, None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_etag_of_an_adopted_file_does_not_look_like_an_md5() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let store = open(folder.path());
    for (root, key) in [(folder.path(), "storage/a/b"), (folder.path(), "storage/a/c"), (other.path(), "storage/a/d")] {
        let path = "storage/a/x";
        let path = if key.ends_with('b') { key } else { path };
        std::fs::create_dir_all(root.join("storage/a")).unwrap();
        std::fs::write(root.join(path), "taken over").unwrap();
        // The ETag in another program's record is ignored.
        let theirs = format!(r#"{{"etag":"{}","etag_is_md5":true}}"#, "ab".repeat(16));
        std::fs::write(root.join(format!("{path}.meta")), theirs).unwrap();
        let tree = store::Tree::open(root).unwrap();
        let seen = tree.look(path).await.unwrap();
        let adopted = match store.adopt(&tree, path, key, &seen, Attributes::default()).await {
            // Another file system.
            Err(Error::Refused(_)) if root == other.path() => continue,
            other => other.unwrap(),
        };
        assert!(conformance::is_true_etag(&adopted.etag, b"taken over"), "{}", adopted.etag);
        let found = store.stat(key).await.unwrap();
        assert_eq!((found.etag, found.size), (adopted.etag, 10), "{key}");
    }
}

/// Concurrent purges of a folder's last blobs all succeed although one of them removes the folder.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_purges_succeed_while_their_folder_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for round in 0..40 {
        let keys: Vec<String> = (0..6).map(|number| format!("deep/{round}/er/{number}")).collect();
        for key in &keys {
            store.write(key, stream(Bytes::from_static(b"x")), Attributes::default()).await.unwrap();
        }
        let purges = keys.iter().map(|key| store.delete(key, Deletion::Purge));
        for purged in futures::future::join_all(purges).await {
            purged.unwrap();
        }
        assert!(!folder.path().join("deep").exists());
    }
}
