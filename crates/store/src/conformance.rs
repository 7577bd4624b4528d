//! Tests the contract of [`Store`]; every backend's tests run this suite. Presigned requests are
//! sent by a [`PresignedClient`], so the suite also covers the server that they are sent to. Panics
//! at the first deviation.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a suite of tests")]

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use md5::{Digest as _, Md5};

use crate::{
    Attributes, ByteStream, Completion, Deletion, Error, Fragment, PartFault, PresignedRequest, Seals, Store, UploadRef,
};

/// Sends presigned requests as a client would.
#[async_trait]
pub trait PresignedClient: Sync {
    /// Sends `body` and returns the ETag without quotes, or the reason of a refusal.
    async fn put(&self, request: &PresignedRequest, body: Bytes) -> Result<String, String>;
    /// Sends the request and returns the response body, or the reason of a refusal.
    async fn get(&self, request: &PresignedRequest) -> Result<Bytes, String>;
}

pub use crate::archive_conformance::{Archiver, archives};

/// The part size of the uploads, in bytes.
const PART: u64 = 5 << 20;
/// The lifetime of the presigned requests.
const HOUR: Duration = Duration::from_secs(3600);

/// A known deviation of a test server from S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The server finds an upload by its id, whatever the key.
    UploadsUnderAnyKey,
    /// The server reports 2010 as the start of every upload.
    UploadsFromLongAgo,
    /// The server forgets the temporary copy of an archived object when its delete marker is removed.
    ThawsEndWithDeleteMarkers,
}

/// Runs the whole suite except the checks that `gaps` excludes. Panics at the first deviation,
/// naming it.
pub async fn all(store: &dyn Store, client: &dyn PresignedClient, gaps: &[Gap]) {
    blobs(store, client).await;
    existing_keys_are_not_overwritten(store).await;
    etags(store, client).await;
    drafts(store).await;
    keys(store).await;
    parts(store, client).await;
    invalid_parts(store, client, gaps).await;
    parts_sent_again(store, client).await;
    aborting(store, client, gaps).await;
    seals(store).await;
    deleting(store).await;
    listing(store).await;
    assert!(store.probe().await.is_ok());
}

pub(crate) fn body(bytes: &Bytes) -> ByteStream {
    Box::pin(futures::stream::iter(vec![Ok(bytes.clone())]))
}

pub(crate) async fn collect(stream: ByteStream) -> Bytes {
    let all: BytesMut = stream.try_collect().await.expect("the body arrives whole");
    all.freeze()
}

/// Returns pseudo-random bytes that depend on the seed.
pub(crate) fn pattern(seed: u64, length: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// Returns attributes with a value in every field.
pub(crate) fn attributes() -> Attributes {
    let metadata = [("purpose".to_owned(), "conformance".to_owned())].into();
    Attributes {
        content_type: "application/x-test".into(),
        cache_control: Some("private".into()),
        content_disposition: Some("attachment; filename=\"a b\"".into()),
        metadata,
    }
}

async fn blobs(store: &dyn Store, client: &dyn PresignedClient) {
    let bytes = pattern(1, 300_000);
    let written = store.write("conf/blobs/a b+c", body(&bytes), attributes()).await.expect("writes");
    let found = store.stat("conf/blobs/a b+c").await.expect("is there");
    assert_eq!(written, found);
    assert_eq!((found.size, &found.attributes), (300_000, &attributes()));
    assert!(found.last_modified <= SystemTime::now());
    for range in [None, Some(0..0), Some(0..1), Some(131_071..131_073), Some(299_999..300_000), Some(0..300_000)] {
        let (stat, stream) = store.read("conf/blobs/a b+c", range.clone()).await.expect("reads");
        let range = range.unwrap_or(0..300_000);
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        assert_eq!(collect(stream).await, bytes.slice(start..end));
        assert_eq!(stat, found);
    }
    assert!(matches!(store.read("conf/blobs/a b+c", Some(0..300_001)).await.err(), Some(Error::BadRange)));
    assert!(matches!(store.read("conf/blobs/none", None).await.err(), Some(Error::NotFound)));
    let request = store.sign_read("conf/blobs/a b+c", HOUR).await.expect("signs");
    assert_eq!(client.get(&request).await.expect("answers"), bytes);
    let empty = store.write("conf/blobs/empty", body(&Bytes::new()), attributes()).await.expect("writes nothing");
    assert_eq!(empty.size, 0);
    let (_, stream) = store.read("conf/blobs/empty", None).await.expect("reads nothing");
    assert!(collect(stream).await.is_empty());
    let broken: ByteStream =
        Box::pin(futures::stream::iter(vec![Ok(bytes.clone()), Err(std::io::Error::other("cut"))]));
    let refused = store.write("conf/blobs/cut", broken, attributes()).await;
    assert!(matches!(refused, Err(Error::Incomplete(_))), "{refused:?}");
    assert!(matches!(store.stat("conf/blobs/cut").await, Err(Error::NotFound)), "a failed write leaves nothing");
}

async fn existing_keys_are_not_overwritten(store: &dyn Store) {
    let (first, second) = (pattern(2, 1000), pattern(3, 1000));
    store.write("conf/once", body(&first), attributes()).await.expect("writes");
    let again = store.write("conf/once", body(&second), attributes()).await;
    assert!(matches!(again, Err(Error::AlreadyExists)), "{again:?}");
    let (_, stream) = store.read("conf/once", None).await.expect("reads");
    assert_eq!(collect(stream).await, first);
    store.write("conf/from", body(&second), attributes()).await.expect("writes");
    assert!(matches!(store.move_to("conf/from", "conf/once", None).await, Err(Error::AlreadyExists)));
    assert!(matches!(store.move_to("conf/none", "conf/to", None).await, Err(Error::NotFound)));
    assert!(
        matches!(store.move_to("conf/none", "conf/once", None).await, Err(Error::NotFound)),
        "an absent source is reported before an existing target"
    );
    let before = store.stat("conf/from").await.expect("is there");
    store.move_to("conf/from", "conf/deep/er/to", None).await.expect("moves");
    let after = store.stat("conf/deep/er/to").await.expect("arrived");
    assert_eq!((after.etag, after.attributes), (before.etag, before.attributes), "the move keeps the attributes");
    assert!(matches!(store.stat("conf/from").await, Err(Error::NotFound)));
    let metadata = [("session-id".to_owned(), "x%20y".to_owned())].into();
    let others = Attributes { content_type: "image/png".into(), metadata, ..Attributes::default() };
    store.move_to("conf/deep/er/to", "conf/carrying", Some(&others)).await.expect("moves");
    let (after, stream) = store.read("conf/carrying", None).await.expect("reads");
    assert_eq!((after.attributes, collect(stream).await), (others, second));
}

/// Returns whether an ETag is the MD5 of these bytes or is in a form that no client interprets as
/// an MD5.
pub fn is_true_etag(etag: &str, bytes: &[u8]) -> bool {
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match etag.split_once('-') {
        Some((digits, count)) => is_hex(digits) && count.parse::<u32>().is_ok_and(|count| count > 0),
        None => etag == hex::encode(Md5::digest(bytes)),
    }
}

/// Checks that `stat`, `read` and `list` report the same valid ETag, and returns it.
async fn check_etag(store: &dyn Store, key: &str, bytes: &[u8]) -> String {
    let stat = store.stat(key).await.expect("is there");
    assert!(is_true_etag(&stat.etag, bytes), "{key}: {} is not the MD5 of its bytes", stat.etag);
    let (read, _) = store.read(key, None).await.expect("reads");
    let listed = store.list(key, None, 1).await.expect("lists");
    assert_eq!((&read.etag, &listed[0].etag), (&stat.etag, &stat.etag), "{key}");
    stat.etag
}

/// ETags stay valid however a blob is written, and when it is moved or restored.
async fn etags(store: &dyn Store, client: &dyn PresignedClient) {
    for (name, length) in [("empty", 0), ("short", 1000), ("long", 2 * PART + 1)] {
        let (key, bytes) = (format!("conf/etags/{name}"), pattern(60, length));
        let written = store.write(&key, body(&bytes), attributes()).await.expect("writes");
        assert_eq!(check_etag(store, &key, &bytes).await, written.etag);
        store.delete(&key, Deletion::Restorable).await.expect("deletes");
        let restored = store.restore(&key).await.expect("restores");
        assert_eq!(check_etag(store, &key, &bytes).await, restored.etag);
        let (moved, carrying) = (format!("{key}.moved"), format!("{key}.carrying"));
        store.move_to(&key, &moved, None).await.expect("moves");
        check_etag(store, &moved, &bytes).await;
        let others = Attributes { content_type: "image/png".into(), ..Attributes::default() };
        store.move_to(&moved, &carrying, Some(&others)).await.expect("moves");
        check_etag(store, &carrying, &bytes).await;
    }
    let (one, two) = (pattern(61, 1000), pattern(62, PART));
    for (name, bodies) in [
        ("one", vec![&one]),
        ("in place", vec![&one, &one]),
        ("copied", vec![&two, &one, &two, &one]),
        ("long", vec![&two, &two, &one]),
    ] {
        let (draft, key) = (format!("conf/etags/drafts/{name}"), format!("conf/etags/joined/{name}"));
        let mut fragments = Vec::new();
        for (number, bytes) in (1..).zip(&bodies) {
            let most = bytes.len() as u64;
            let fragment = store.write_fragment(&draft, number, most, body(bytes), &attributes()).await;
            fragments.push(fragment.expect("writes a fragment"));
        }
        let joined = store.join(&draft, &fragments, &key, attributes()).await.expect("joins");
        let whole: Vec<u8> = bodies.iter().flat_map(|bytes| bytes.iter().copied()).collect();
        assert_eq!(check_etag(store, &key, &whole).await, joined.etag, "{name}");
        store.discard(&draft).await.expect("discards");
    }
    for bodies in [vec![&one], vec![&two, &one]] {
        let upload = begin_upload(store, &format!("conf/etags/parts{}", bodies.len())).await;
        let mut sent = Vec::new();
        for (number, bytes) in (1..).zip(&bodies) {
            let etag = put(store, client, &upload, number, bytes).await;
            assert_eq!(etag, hex::encode(Md5::digest(bytes)), "of a part");
            sent.push((number, etag));
        }
        let parts: Vec<_> = sent.iter().map(|(number, etag)| (*number, etag)).collect();
        let done = store.complete(&upload, &completion(&parts)).await.expect("completes");
        let whole: Vec<u8> = bodies.iter().flat_map(|bytes| bytes.iter().copied()).collect();
        assert_eq!(check_etag(store, &upload.key, &whole).await, done.etag);
        let moved = format!("{}.moved", upload.key);
        store.move_to(&upload.key, &moved, None).await.expect("moves");
        check_etag(store, &moved, &whole).await;
    }
}

async fn drafts(store: &dyn Store) {
    let long = crate::MIN_PART_SIZE;
    for (name, lengths) in [
        ("short", vec![3, 0, 100_000, 1]),
        ("long", vec![long, long + 1, 7]),
        ("empty last", vec![long, 0]),
        ("equal", vec![9000, 9000, 9000]),
        ("one", vec![100_000]),
        ("one of nothing", vec![0]),
    ] {
        for backwards in [false, true] {
            let (draft, to) = (format!("conf/drafts/{name}{backwards}"), format!("conf/joined/{name}{backwards}"));
            let mut fragments = Vec::new();
            let mut order: Vec<(u32, u64)> = (0..).zip(lengths.clone()).collect();
            if backwards {
                order.reverse();
            }
            for (number, length) in order {
                let bytes = pattern(number.into(), length);
                let fragment = store
                    .write_fragment(&draft, number, length + 5, body(&bytes), &attributes())
                    .await
                    .expect("writes a fragment");
                assert_eq!(fragment.size, length);
                assert_eq!(collect(store.read_fragment(&draft, &fragment).await.expect("reads it")).await, bytes);
                fragments.push((number, fragment));
            }
            let again = store
                .write_fragment(&draft, 0, u64::MAX >> 1, body(&pattern(0, lengths[0])), &attributes())
                .await
                .expect("again");
            let replaced = fragments.iter().position(|(number, _)| *number == 0).expect("there");
            let dropped = std::mem::replace(&mut fragments[replaced].1, again);
            store.drop_fragment(&draft, &dropped).await.expect("drops");
            fragments.sort_by_key(|(number, _)| *number);
            let fragments: Vec<Fragment> = fragments.into_iter().map(|(_, fragment)| fragment).collect();
            let missing = store.join(&draft, &[vec![dropped], fragments.clone()].concat(), &to, attributes()).await;
            assert!(matches!(missing, Err(Error::NotFound)), "{name}: {missing:?}");
            let whole: Vec<u8> = (0..).zip(&lengths).flat_map(|(number, length)| pattern(number, *length)).collect();
            let stat = store.join(&draft, &fragments, &to, attributes()).await.expect("joins");
            assert_eq!((stat.size, &stat.attributes), (whole.len() as u64, &attributes()), "{name}");
            let (found, stream) = store.read(&to, None).await.expect("reads");
            assert_eq!((collect(stream).await == whole, found), (true, stat), "{name}");
            store.discard(&draft).await.expect("discards");
            store.discard(&draft).await.expect("discards again");
            assert!(matches!(
                store.join(&draft, &fragments, "conf/joined/other", attributes()).await,
                Err(Error::NotFound)
            ));
        }
    }
    let fragment =
        store.write_fragment("conf/drafts/x", 1, 9, body(&pattern(1, 5)), &attributes()).await.expect("writes");
    let taken =
        store.join("conf/drafts/x", std::slice::from_ref(&fragment), "conf/joined/onefalse", attributes()).await;
    assert!(matches!(taken, Err(Error::AlreadyExists)), "{taken:?}");
    let late =
        store.write_fragment("conf/drafts/x", 2, 9, body(&pattern(2, 4)), &attributes()).await.expect("writes on");
    let stat = store.join("conf/drafts/x", &[fragment, late], "conf/joined/x", attributes()).await.expect("joins");
    assert_eq!(stat.size, 9);
    store.discard("conf/drafts/x").await.expect("discards");
    let left = store.list("conf/drafts", None, 9).await.expect("lists");
    assert!(left.is_empty(), "{left:?}");
}

async fn keys(store: &dyn Store) {
    let bytes = Bytes::from_static(b"x");
    for bad in ["", "../escape", "a/../../escape", "/absolute", "a//b", "a/./b", "nul\0", &"k".repeat(1025)] {
        let refused = store.write(bad, body(&bytes), attributes()).await;
        assert!(matches!(refused, Err(Error::InvalidKey(_))), "{bad:?}: {refused:?}");
        assert!(store.begin_parts(bad, PART, attributes()).await.is_err(), "{bad:?}");
        assert!(store.begin_put(bad, "a/b", None, HOUR).await.is_err(), "{bad:?}");
        assert!(store.stat(bad).await.is_err(), "{bad:?}");
        assert!(store.delete(bad, Deletion::Purge).await.is_err(), "{bad:?}");
    }
    for good in ["conf/keys/%2e%2e%2f", "conf/keys/é ü ☃", "conf/keys/..a", "conf/keys/a\\b", "conf/keys/a?b#c*"] {
        store.write(good, body(&bytes), attributes()).await.unwrap_or_else(|error| panic!("{good}: {error}"));
        assert_eq!(store.stat(good).await.expect("is there").size, 1);
    }
}

/// What was put is moved away from its URL; what is put later is never mistaken for it.
async fn seals(store: &dyn Store) {
    const UPLOAD: &str = "0b8f2b1c9d6e4f70a1b2c3d4e5f60718";
    let (from, folder) = ("conf/landing", "conf/seals/of one/");
    let seal = async || store.seal(from, folder, UPLOAD, &attributes()).await.expect("seals");
    assert_eq!(seal().await, None, "nothing was put");
    let (first, second) = (pattern(70, 1000), pattern(71, 1200));
    store.write(from, body(&first), Attributes::default()).await.expect("writes");
    let sealed = seal().await.expect("something was put");
    assert!(sealed.starts_with(folder), "{sealed}");
    assert!(matches!(store.stat(from).await, Err(Error::NotFound)), "it was moved");
    let (stat, stream) = store.read(&sealed, None).await.expect("reads");
    assert_eq!((stat.attributes, collect(stream).await), (attributes(), first));
    assert_eq!(seal().await.as_ref(), Some(&sealed), "asked again, the same seal");
    // A bucket tells its times in seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    store.write(from, body(&second), Attributes::default()).await.expect("writes");
    let newer = seal().await.expect("something newer was put");
    let (_, stream) = store.read(&newer, None).await.expect("reads");
    assert_eq!(collect(stream).await, second);
    store.remove_seals(folder, Seals::OlderThan(&newer)).await.expect("removes");
    assert_eq!(seal().await.as_ref(), Some(&newer), "the newest stays");
    let left = store.list(folder, None, 9).await.expect("lists");
    assert_eq!(left.len(), 1, "{left:?}");
    for _ in 0..2 {
        store.remove_seals(folder, Seals::All { upload_id: Some(UPLOAD) }).await.expect("removes");
        assert_eq!(seal().await, None);
    }
}

/// Begins a multipart upload.
async fn begin_upload(store: &dyn Store, key: &str) -> UploadRef {
    let upload_id = store.begin_parts(key, PART, attributes()).await.expect("begins");
    UploadRef { key: key.into(), upload_id }
}

/// Uploads a part and returns its ETag.
async fn put(
    store: &dyn Store,
    client: &dyn PresignedClient,
    upload: &UploadRef,
    number: u32,
    bytes: &Bytes,
) -> String {
    let request = store.sign_part(upload, number, HOUR).await.expect("signs");
    client.put(&request, bytes.clone()).await.expect("is stored")
}

/// Returns a completion without size limits.
fn completion(parts: &[(u32, &String)]) -> Completion {
    let parts = parts.iter().map(|(number, etag)| (*number, (*etag).clone())).collect();
    Completion { parts, part_size: PART, size: None, max_size: u64::MAX }
}

async fn parts(store: &dyn Store, client: &dyn PresignedClient) {
    let upload = begin_upload(store, "conf/parts/whole").await;
    let all = [pattern(10, PART), pattern(11, PART), pattern(12, 777)];
    assert_eq!(store.list_parts(&upload).await.expect("lists"), []);
    let third = put(store, client, &upload, 3, &all[2]).await;
    let first = put(store, client, &upload, 1, &all[0]).await;
    let second = put(store, client, &upload, 2, &all[1]).await;
    let listed = store.list_parts(&upload).await.expect("lists");
    let seen: Vec<_> = listed.iter().map(|part| (part.number, part.size, &part.etag)).collect();
    assert_eq!(seen, [(1, PART, &first), (2, PART, &second), (3, 777, &third)]);
    assert!(matches!(store.stat(&upload.key).await, Err(Error::NotFound)), "nothing is visible before completion");
    let whole = completion(&[(3, &third), (1, &first), (2, &second)]);
    let done = store.complete(&upload, &whole).await.expect("completes");
    assert_eq!((done.size, &done.attributes), (2 * PART + 777, &attributes()));
    assert!(done.etag.ends_with("-3"), "{}", done.etag);
    let (_, stream) = store.read(&upload.key, None).await.expect("reads");
    assert_eq!(collect(stream).await, [&all[0][..], &all[1][..], &all[2][..]].concat());
    assert_eq!(store.complete(&upload, &whole).await.expect("completes again"), done);
    assert!(matches!(store.list_parts(&upload).await, Err(Error::NoSuchUpload)));
    let late = store.sign_part(&upload, 1, HOUR).await.expect("signs");
    assert!(client.put(&late, pattern(13, 10)).await.is_err(), "a part after completion is refused");
    store.abort(&upload).await.expect("aborting what is complete changes nothing");
    assert_eq!(store.stat(&upload.key).await.expect("is there"), done);
}

async fn invalid_parts(store: &dyn Store, client: &dyn PresignedClient, gaps: &[Gap]) {
    let upload = begin_upload(store, "conf/parts/wrong").await;
    let fault = async |completion: &Completion| match store.complete(&upload, completion).await {
        Err(Error::InvalidPart { number, fault }) => (number, fault),
        other => panic!("{other:?}"),
    };
    let first = put(store, client, &upload, 1, &pattern(20, PART)).await;
    let third = put(store, client, &upload, 3, &pattern(21, 100)).await;
    assert_eq!(fault(&completion(&[])).await, (1, PartFault::Missing));
    assert_eq!(fault(&completion(&[(1, &first), (2, &third)])).await, (2, PartFault::Missing));
    assert_eq!(fault(&completion(&[(1, &first), (3, &third)])).await, (2, PartFault::Gap));
    assert_eq!(fault(&completion(&[(1, &third)])).await, (1, PartFault::WrongEtag));
    assert_eq!(fault(&completion(&[(1, &first), (1, &first)])).await, (1, PartFault::Twice));
    let second = put(store, client, &upload, 2, &pattern(22, PART - 1)).await;
    assert_eq!(fault(&completion(&[(1, &first), (2, &second), (3, &third)])).await, (2, PartFault::Short));
    let announced = Completion { size: Some(PART - 1), ..completion(&[(1, &first)]) };
    assert!(matches!(store.complete(&upload, &announced).await, Err(Error::SizeMismatch { .. })));
    let more = Completion { size: Some(PART + 1), ..completion(&[(1, &first)]) };
    assert_eq!(fault(&more).await, (2, PartFault::Missing));
    let limited = Completion { max_size: PART - 1, ..completion(&[(1, &first)]) };
    assert!(matches!(store.complete(&upload, &limited).await, Err(Error::TooLarge { .. })));
    if !gaps.contains(&Gap::UploadsUnderAnyKey) {
        let other = UploadRef { key: "conf/parts/other".into(), ..upload.clone() };
        assert!(matches!(store.list_parts(&other).await, Err(Error::NoSuchUpload)), "an upload has one key");
    }
    assert_eq!(store.list_parts(&upload).await.expect("is still open").len(), 3);
    store.abort(&upload).await.expect("aborts");
}

async fn parts_sent_again(store: &dyn Store, client: &dyn PresignedClient) {
    let upload = begin_upload(store, "conf/parts/again").await;
    let old = put(store, client, &upload, 1, &pattern(30, PART)).await;
    put(store, client, &upload, 1, &pattern(31, PART)).await;
    let (first, last) = (pattern(32, PART), pattern(33, 4321));
    let new = put(store, client, &upload, 1, &first).await;
    put(store, client, &upload, 2, &pattern(34, PART)).await;
    let tail = put(store, client, &upload, 2, &last).await;
    let stale = store.complete(&upload, &completion(&[(1, &old), (2, &tail)])).await;
    assert!(matches!(stale, Err(Error::InvalidPart { number: 1, fault: PartFault::WrongEtag })), "{stale:?}");
    let done = store.complete(&upload, &completion(&[(1, &new), (2, &tail)])).await.expect("completes");
    assert_eq!(done.size, PART + 4321, "a shorter part sent again leaves nothing of the longer one");
    let (_, stream) = store.read(&upload.key, None).await.expect("reads");
    assert_eq!(collect(stream).await, [&first[..], &last[..]].concat());
}

async fn aborting(store: &dyn Store, client: &dyn PresignedClient, gaps: &[Gap]) {
    let upload = begin_upload(store, "conf/parts/aborted").await;
    put(store, client, &upload, 1, &pattern(40, 100)).await;
    let open = store.list_uploads("", SystemTime::now() + HOUR).await.expect("lists");
    assert!(open.iter().any(|open| open.upload == upload), "{open:?}");
    let elsewhere = store.list_uploads("conf/other/", SystemTime::now() + HOUR).await.expect("lists");
    assert!(!elsewhere.iter().any(|open| open.upload == upload), "below another prefix");
    if !gaps.contains(&Gap::UploadsFromLongAgo) {
        let earlier = store.list_uploads("", SystemTime::now() - HOUR).await.expect("lists");
        assert!(!earlier.iter().any(|open| open.upload == upload), "begin_upload after the time asked for");
    }
    store.abort(&upload).await.expect("aborts");
    store.abort(&upload).await.expect("aborts again");
    assert!(matches!(store.list_parts(&upload).await, Err(Error::NoSuchUpload)));
    let late = store.sign_part(&upload, 2, HOUR).await.expect("signs");
    assert!(client.put(&late, pattern(41, 10)).await.is_err(), "a part after aborting is refused");
    assert!(matches!(store.stat(&upload.key).await, Err(Error::NotFound)));
}

async fn deleting(store: &dyn Store) {
    let bytes = pattern(50, 2000);
    let key = "conf/trash/a";
    let written = store.write(key, body(&bytes), attributes()).await.expect("writes");
    assert!(matches!(store.restore("conf/trash/never").await, Err(Error::NotFound)));
    store.delete(key, Deletion::Restorable).await.expect("deletes");
    store.delete(key, Deletion::Restorable).await.expect("deletes again");
    assert!(matches!(store.stat(key).await, Err(Error::NotFound)));
    assert_eq!(store.list("conf/trash/", None, 10).await.expect("lists"), []);
    assert_eq!(store.restore(key).await.expect("restores").etag, written.etag);
    store.restore(key).await.expect("restores again");
    let (_, stream) = store.read(key, None).await.expect("reads");
    assert_eq!(collect(stream).await, bytes);
    store.delete(key, Deletion::Restorable).await.expect("deletes");
    store.delete(key, Deletion::Purge).await.expect("purges what was deleted");
    assert!(matches!(store.restore(key).await, Err(Error::NotFound)), "purged for good");
    store.write(key, body(&bytes), attributes()).await.expect("the key is free again");
    store.delete(key, Deletion::Purge).await.expect("purges");
    assert!(matches!(store.stat(key).await, Err(Error::NotFound)));
}

async fn listing(store: &dyn Store) {
    let mut keys =
        ["conf/list/a", "conf/list/a-b", "conf/list/a.b", "conf/list/b/c", "conf/list/b/d/e", "conf/list/b0"];
    keys.sort_unstable();
    for key in keys {
        store.write(key, body(&Bytes::from_static(b"x")), attributes()).await.expect("writes");
    }
    let names = async |prefix: &str, after: Option<&str>, limit: usize| {
        let found = store.list(prefix, after, limit).await.expect("lists");
        found.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
    };
    assert_eq!(names("conf/list/", None, 100).await, keys);
    assert_eq!(names("conf/list/b", None, 100).await, ["conf/list/b/c", "conf/list/b/d/e", "conf/list/b0"]);
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(names("conf/list/", Some(key), 2).await, keys[at + 1..].iter().take(2).copied().collect::<Vec<_>>());
    }
    assert_eq!(names("conf/none/", None, 100).await, [""; 0]);
}
