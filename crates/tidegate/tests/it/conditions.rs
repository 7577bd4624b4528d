//! Conditional requests and ranges (RFC 9110, sections 13 and 14) on every path that serves
//! content: one table for all of them, and the few differences, each with its reason.

#![expect(clippy::print_stdout, reason = "what a run has found, shown with --nocapture")]

use std::ops::Range;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use serde_json::json;
use store::{Attributes, Deletion};

use crate::support::files::file;
use crate::support::sessions::{SESSION, photo};
use crate::support::{Answer, TestApp, pattern};

/// The outcome of the preconditions, before a range is considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// All hold.
    Holds,
    /// 304 Not Modified.
    NotModified,
    /// 412 Precondition Failed.
    Failed,
    /// All hold and the range is ignored, since `If-Range` does not match.
    Whole,
    /// All hold, and the range applies if the date is a strong validator.
    AsStrongAsTheDate,
}

/// The outcome of a `Range` field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Bytes {
    Whole,
    Part(Range<usize>),
    /// Several ranges, or the whole content where only one range is supported.
    Parts(Vec<Range<usize>>),
    /// One satisfiable range among several, or the whole content where only one range is supported.
    OneOfSeveral(Range<usize>),
    /// 416, or the whole content where several ranges were requested and only one is supported.
    Nothing {
        several: bool,
    },
}

type Headers = Vec<(&'static str, String)>;

/// Returns every condition and its outcome, for content with this tag and this date.
fn conditions(tag: &str, modified: SystemTime) -> Vec<(Headers, Verdict)> {
    use Verdict::{AsStrongAsTheDate, Failed, Holds, NotModified, Whole};
    let say = httpdate::fmt_http_date;
    let (at, older, newer) =
        (say(modified), say(modified - Duration::from_secs(3600)), say(modified + Duration::from_secs(3600)));
    let (a_second_older, a_second_newer) =
        (say(modified - Duration::from_secs(1)), say(modified + Duration::from_secs(1)));
    let bare = tag.trim_matches('"');
    let (match_, none, modified_since, unmodified, range) =
        ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range");
    let rows: Vec<(Vec<(&'static str, &str)>, Verdict)> = vec![
        (vec![], Holds),
        // Strong comparison (RFC 9110, section 8.8.3.2).
        (vec![(match_, tag)], Holds),
        (vec![(match_, "*")], Holds),
        (vec![(match_, "\"other\"")], Failed),
        (vec![(match_, "W/TAG")], Failed),
        (vec![(match_, "\"other\", TAG")], Holds),
        (vec![(match_, "\"a,b\",W/\"c\" ,\tTAG")], Holds),
        (vec![(match_, "\"other\", W/TAG")], Failed),
        (vec![(match_, "\"other\""), (match_, tag)], Holds),
        (vec![(match_, bare)], Failed),
        (vec![(match_, "")], Failed),
        // Weak comparison.
        (vec![(none, tag)], NotModified),
        (vec![(none, "*")], NotModified),
        (vec![(none, "W/TAG")], NotModified),
        (vec![(none, "\"other\"")], Holds),
        (vec![(none, "W/\"other\"")], Holds),
        (vec![(none, "\"other\", W/\"c\", TAG")], NotModified),
        (vec![(none, "\"other\""), (none, tag)], NotModified),
        (vec![(none, bare)], Holds),
        // Dates, in each of the three formats; an invalid or duplicate date is ignored.
        (vec![(modified_since, &at)], NotModified),
        (vec![(modified_since, "RFC850")], NotModified),
        (vec![(modified_since, "ASCTIME")], NotModified),
        (vec![(modified_since, &newer)], NotModified),
        (vec![(modified_since, &older)], Holds),
        (vec![(modified_since, &a_second_older)], Holds),
        (vec![(modified_since, "yesterday")], Holds),
        (vec![(modified_since, "2026-11-29T12:00:00Z")], Holds),
        (vec![(modified_since, &at), (modified_since, &at)], Holds),
        (vec![(unmodified, &at)], Holds),
        (vec![(unmodified, &newer)], Holds),
        (vec![(unmodified, &older)], Failed),
        (vec![(unmodified, &a_second_older)], Failed),
        (vec![(unmodified, "yesterday")], Holds),
        (vec![(unmodified, &older), (unmodified, &older)], Holds),
        // Precedence (RFC 9110, section 13.2.2).
        (vec![(match_, tag), (unmodified, &older)], Holds),
        (vec![(match_, "\"other\""), (unmodified, &newer)], Failed),
        (vec![(none, "\"other\""), (modified_since, &at)], Holds),
        (vec![(none, tag), (modified_since, &older)], NotModified),
        (vec![(match_, "\"other\""), (none, tag)], Failed),
        (vec![(match_, tag), (none, tag)], NotModified),
        (vec![(match_, tag), (modified_since, &at)], NotModified),
        (vec![(unmodified, &older), (modified_since, &newer)], Failed),
        (vec![(unmodified, &older), (none, tag)], Failed),
        (vec![(unmodified, &at), (none, tag)], NotModified),
        (vec![(unmodified, "yesterday"), (modified_since, &at)], NotModified),
        // `If-Range` matches by strong tag or exact date only.
        (vec![(range, tag)], Holds),
        (vec![(range, "\"other\"")], Whole),
        (vec![(range, "W/TAG")], Whole),
        (vec![(range, "W/\"other\"")], Whole),
        (vec![(range, "TAG, \"other\"")], Whole),
        (vec![(range, bare)], Whole),
        (vec![(range, "*")], Whole),
        (vec![(range, "")], Whole),
        (vec![(range, "\"")], Whole),
        (vec![(range, &at)], AsStrongAsTheDate),
        (vec![(range, &older)], Whole),
        (vec![(range, &newer)], Whole),
        (vec![(range, &a_second_older)], Whole),
        (vec![(range, &a_second_newer)], Whole),
        (vec![(range, "yesterday")], Whole),
        (vec![(range, tag), (range, tag)], Whole),
        (vec![(range, tag), (match_, tag)], Holds),
        (vec![(range, "\"other\""), (match_, tag)], Whole),
        (vec![(range, tag), (match_, "\"other\"")], Failed),
        (vec![(range, "\"other\""), (none, tag)], NotModified),
        (vec![(range, tag), (unmodified, &older)], Failed),
        (vec![(range, tag), (none, "\"other\"")], Holds),
    ];
    let since = time::OffsetDateTime::from(modified);
    let old_form = |form: &str| since.format(&time::format_description::parse_borrowed::<2>(form).unwrap()).unwrap();
    let rfc850 = old_form("[weekday], [day]-[month repr:short]-[year repr:last_two] [hour]:[minute]:[second] GMT");
    let asctime =
        old_form("[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]");
    let value = |text: &str| text.replace("TAG", tag).replace("RFC850", &rfc850).replace("ASCTIME", &asctime);
    let row = |fields: Vec<(&'static str, &str)>| fields.into_iter().map(|(name, text)| (name, value(text))).collect();
    rows.into_iter().map(|(fields, verdict)| (row(fields), verdict)).collect()
}

/// One range of each outcome is tried with every condition; all others are tried without a
/// condition.
const OF_EACH_KIND: usize = 7;

fn ranges(size: usize) -> Vec<(Option<String>, Bytes)> {
    use Bytes::{Nothing, OneOfSeveral, Part, Parts, Whole};
    let some = |text: &str, bytes: Bytes| (Some(text.to_owned()), bytes);
    vec![
        (None, Whole),
        some("bytes=5-24", Part(5..25)),
        some("bytes=-7", Part(size - 7..size)),
        some("bytes=0-1,7-9", Parts(vec![0..2, 7..10])),
        some(&format!("bytes={size}-"), Nothing { several: false }),
        some("bytes=10-9", Whole),
        some("items=0-5", Whole),
        some("bytes=0-0", Part(0..1)),
        some("bytes=10-", Part(10..size)),
        some("Bytes=0-4", Part(0..5)),
        some(&format!("bytes=-{}", size + 5), Part(0..size)),
        some(&format!("bytes={}-{}", size - 1, size + 5), Part(size - 1..size)),
        some("bytes=5-99999999999999999999", Part(5..size)),
        some("bytes=99999999999999999999-", Nothing { several: false }),
        some("bytes=-0", Nothing { several: false }),
        some(&format!("bytes={size}-,{}-", size + 5), Nothing { several: true }),
        some(&format!("bytes=0-1, {size}-"), OneOfSeveral(0..2)),
        some("bytes=7-9,0-1", Whole),
        some("bytes=0-5,3-9", Whole),
        some("bytes=0-1,x", Whole),
        some("bytes=abc", Whole),
        some("bytes=", Whole),
        some("bytes=-", Whole),
        some("bytes=5", Whole),
        some("bytes=0-1-2", Whole),
        some("bytes=+1-2", Whole),
        some("bytes 0-5", Whole),
        some("0-5", Whole),
    ]
}

/// A path that serves content, and its differences from the table.
struct Place {
    name: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    /// Why several ranges get the whole content here.
    no_parts: Option<&'static str>,
    /// Why HEAD is not supported here.
    no_head: Option<&'static str>,
    /// Why the date is a weak validator here.
    weak_date: Option<&'static str>,
    /// The key, if the content is one object of the store.
    key: Option<String>,
}

const AS_S3: Option<&str> = Some("S3 answers one range per request");
const ONE_METHOD: Option<&str> = Some("a presigned URL is for one method");
const REUSED: Option<&str> = Some("an asset may be replaced at its path within the second that a date names");

impl Place {
    fn new(name: &'static str, url: String) -> Self {
        Self { name, url, headers: Vec::new(), no_parts: None, no_head: None, weak_date: None, key: None }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn at_s3(self) -> Self {
        Self { no_head: ONE_METHOD, ..self.leads_to_s3() }
    }

    fn leads_to_s3(self) -> Self {
        Self { no_parts: AS_S3, ..self }
    }

    fn reused(self) -> Self {
        Self { weak_date: REUSED, ..self }
    }

    fn of(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// Sends a request and follows one redirect.
    async fn ask(&self, app: &TestApp, method: &str, more: &[(&'static str, String)]) -> Answer {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().chain(more).map(|(name, value)| (*name, value.as_str())).collect();
        let answer = app.send(method, &self.url, &headers, Vec::new()).await;
        if answer.status != 307 {
            return answer;
        }
        let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
        app.send(method, answer.header("location"), &more, Vec::new()).await
    }

    fn expected(&self, method: &str, verdict: Verdict, bytes: &Bytes) -> (u16, Bytes) {
        let counts = match verdict {
            Verdict::NotModified => return (304, Bytes::Whole),
            Verdict::Failed => return (412, Bytes::Whole),
            Verdict::Holds => true,
            Verdict::Whole => false,
            Verdict::AsStrongAsTheDate => self.weak_date.is_none(),
        };
        // Range is defined for GET only (RFC 9110, section 14.2).
        if !counts || method == "HEAD" {
            return (200, Bytes::Whole);
        }
        match bytes {
            Bytes::Parts(_) | Bytes::OneOfSeveral(_) | Bytes::Nothing { several: true } if self.no_parts.is_some() => {
                (200, Bytes::Whole)
            }
            Bytes::Whole => (200, Bytes::Whole),
            Bytes::Part(range) | Bytes::OneOfSeveral(range) => (206, Bytes::Part(range.clone())),
            Bytes::Parts(ranges) => (206, Bytes::Parts(ranges.clone())),
            Bytes::Nothing { several } => (416, Bytes::Nothing { several: *several }),
        }
    }

    fn check(&self, whole: &Answer, method: &str, asked: &Headers, answer: &Answer, (status, bytes): (u16, Bytes)) {
        let of = format!("{}: {method} {asked:?}", self.name);
        let size = whole.body.len();
        assert_eq!(answer.status, status, "{of}: {:?}", answer.headers);
        if [200, 206, 304].contains(&status) {
            assert_eq!(answer.header("etag"), whole.header("etag"), "{of}");
        }
        let content_range = |range: &Range<usize>| format!("bytes {}-{}/{size}", range.start, range.end - 1);
        let (said, sent) = match (status, &bytes) {
            (200, _) => (String::new(), whole.body.clone()),
            (206, Bytes::Part(range)) => (content_range(range), whole.body[range.clone()].to_vec()),
            (206, Bytes::Parts(ranges)) => {
                let kind = answer.header("content-type");
                let boundary =
                    kind.strip_prefix("multipart/byteranges; boundary=").unwrap_or_else(|| panic!("{of}: {kind}"));
                let mut body = Vec::new();
                for range in ranges {
                    let (kind, place) = (whole.header("content-type"), content_range(range));
                    let head = format!("\r\n--{boundary}\r\ncontent-type: {kind}\r\ncontent-range: {place}\r\n\r\n");
                    body.extend_from_slice(head.as_bytes());
                    body.extend_from_slice(&whole.body[range.clone()]);
                }
                body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
                (String::new(), body)
            }
            (416, _) => (format!("bytes */{size}"), answer.body.clone()),
            (304, _) => {
                assert!(!answer.headers.contains_key("content-length"), "{of}: {:?}", answer.headers);
                (String::new(), Vec::new())
            }
            _ => (String::new(), answer.body.clone()),
        };
        assert_eq!(answer.header("content-range"), said, "{of}");
        if [200, 206].contains(&status) {
            assert_eq!(answer.header("content-length"), sent.len().to_string(), "{of}");
            assert_eq!(answer.header("last-modified"), whole.header("last-modified"), "{of}");
            assert_eq!(answer.header("accept-ranges"), "bytes", "{of}");
        }
        if method == "HEAD" {
            assert_eq!(answer.body, b"", "{of}");
        } else {
            assert!(answer.body == sent, "{of}: {} bytes, not {}", answer.body.len(), sent.len());
        }
    }

    /// Tries the whole table.
    async fn hold(&self, app: &TestApp) {
        let whole = self.ask(app, "GET", &[]).await;
        assert_eq!(whole.status, 200, "{}: {}", self.name, whole.text());
        let size = whole.body.len();
        assert!(size > 100, "{}: {size} bytes are too few", self.name);
        let (tag, date) = (whole.header("etag").to_owned(), whole.header("last-modified").to_owned());
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{}: {tag}", self.name);
        let modified = httpdate::parse_http_date(&date).unwrap_or_else(|_| panic!("{}: {date}", self.name));
        let mut cases: Vec<(Headers, Verdict, Bytes)> = Vec::new();
        for (number, (range, bytes)) in ranges(size).into_iter().enumerate() {
            let conditions = conditions(&tag, modified);
            let with = if number < OF_EACH_KIND { conditions.len() } else { 1 };
            for (mut headers, verdict) in conditions.into_iter().take(with) {
                headers.extend(range.clone().map(|range| ("range", range)));
                cases.push((headers, verdict, bytes.clone()));
            }
        }
        let two_lines = vec![("range", "bytes=0-1".to_owned()), ("range", "bytes=3-4".to_owned())];
        cases.push((two_lines, Verdict::Holds, Bytes::Whole));
        let (whole, count) = (&whole, cases.len());
        let methods = if self.no_head.is_some() { &["GET"][..] } else { &["GET", "HEAD"] };
        let both = cases.into_iter().flat_map(|case| methods.iter().map(move |method| (*method, case.clone())));
        let tried = futures::stream::iter(both).map(|(method, (headers, verdict, bytes))| async move {
            let answer = self.ask(app, method, &headers).await;
            self.check(whole, method, &headers, &answer, self.expected(method, verdict, &bytes));
        });
        tried.buffer_unordered(8).collect::<Vec<()>>().await;
        println!("{}: {count} cases, {size} bytes{}", self.name, self.differs());
    }

    fn differs(&self) -> String {
        [self.no_parts, self.no_head, self.weak_date]
            .into_iter()
            .flatten()
            .map(|reason| format!("; {reason}"))
            .collect()
    }

    /// Replaces the object in the store directly, and continues a download.
    async fn resume_with_others(&self, app: &TestApp) {
        let Some(key) = &self.key else { return };
        let old = self.ask(app, "GET", &[]).await;
        let half = old.body.len() / 2;
        let others = pattern(99, old.body.len() + 77);
        app.app.store.delete(key, Deletion::Purge).await.unwrap();
        let content_type = old.header("content-type").to_owned();
        let body = others.clone();
        let body = Box::pin(futures::stream::once(async move { Ok(body.into()) }));
        app.app.store.write(key, body, Attributes { content_type, ..Attributes::default() }).await.unwrap();
        self.check_resumed(app, &old, half, &others).await;
    }

    /// A download of `old` that got as far as `half` gets the whole of the new content, whichever
    /// validator it sends.
    async fn check_resumed(&self, app: &TestApp, old: &Answer, half: usize, now: &[u8]) {
        let range = ("range", format!("bytes={half}-"));
        let mut validators = vec![old.header("etag").to_owned(), format!("W/{}", old.header("etag"))];
        if self.weak_date.is_some() {
            validators.push(old.header("last-modified").to_owned());
        }
        for validator in validators {
            let asked = [range.clone(), ("if-range", validator.clone())];
            let resumed = self.ask(app, "GET", &asked).await;
            let of = format!("{}: If-Range: {validator}", self.name);
            assert_eq!((resumed.status, resumed.header("content-range")), (200, ""), "{of}");
            assert!(resumed.body == now, "{of}: {} bytes, not {}", resumed.body.len(), now.len());
            assert_ne!(resumed.header("etag"), old.header("etag"), "{of}");
        }
        // With the new tag the download continues.
        let tag = self.ask(app, "GET", &[]).await.header("etag").to_owned();
        let resumed = self.ask(app, "GET", &[range, ("if-range", tag)]).await;
        assert_eq!(resumed.status, 206, "{}", self.name);
        assert!(resumed.body == now[half..], "{}", self.name);
    }
}

fn key_of(url: &str) -> String {
    let path = url.split('?').next().unwrap().splitn(4, '/').nth(3).unwrap();
    let path = path.strip_prefix("tidegate/").unwrap_or(path);
    percent_encoding::percent_decode_str(path).decode_utf8().unwrap().into_owned()
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Returns the paths that serve content of every surface, each with an object of its own.
async fn places(app: &TestApp) -> Vec<Place> {
    let mut places = Vec::new();
    // Disk images: by cookies at the edge, and through the API.
    let image = app.image("alice", &pattern(1, 3000)).await;
    let (url, cookies) = app.stream("alice", &image).await;
    let key = key_of(&url);
    places.push(Place::new("a disk at the edge, by cookies", url).with("cookie", &cookies).of(&key));
    let image = app.image("alice", &pattern(2, 3001)).await;
    let key = key_of(&app.stream("alice", &image).await.0);
    let url = format!("{}/v1/images/{image}/range", app.api());
    places.push(Place::new("a disk through the API", url).with("x-user-id", "alice").of(&key));
    // Files: by links of both versions, by the public path, and as an archive.
    for (name, version, below) in [
        ("a file by its link", 1, ""),
        ("a file by its link of version 2", 2, ""),
        ("a file by its link below /v1/files", 1, "/v1/files"),
    ] {
        let key = file(app, "alice", "a.png", &pattern(3, 2000), "").await;
        let signed = app.get("alice", &format!("/v1/files/signed-url?key={key}&v={version}")).await.json();
        let url = signed["url"].as_str().unwrap().replace("/get/", &format!("{below}/get/"));
        places.push(Place::new(name, url).of(&key));
    }
    let key = file(app, "alice", "b.bin", &pattern(4, 2001), "x").await;
    places.push(Place::new("a public file", format!("{}/{key}", app.api())).of(&key));
    let keys = [file(app, "alice", "c", &pattern(5, 900), "").await, file(app, "alice", "d", b"", "").await];
    let made = app.post("alice", "/v1/files/batch-download", &json!({ "keys": keys })).await.json();
    let token = made["token"].as_str().unwrap();
    places.push(Place::new("an archive", format!("{}/v1/files/batch-download/{token}", app.api())));
    // Spaces and sessions: by signed URLs.
    let space = app.space("ann", "s").await;
    let image = app.image_in("ann", &space).await;
    let shown = app.get("ann", &format!("/api/spaces/{space}/images/{image}")).await.json();
    let url = |value: &serde_json::Value| value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
    let (whole, small) = (url(&shown["cloudfrontUrl"]), url(&shown["thumbnails"][0]["url"]));
    let (of_whole, of_small) = (key_of(&whole), key_of(&small));
    places.push(Place::new("a space's image", whole).of(&of_whole));
    places.push(Place::new("a space's thumbnail", small).of(&of_small));
    app.session().await;
    let shown = app.ended("a.jpg", "image/jpeg", &photo(1)).await;
    let (whole, small) = (url(&shown["url"]), url(&shown["variants"][0]["url"]));
    let (of_whole, of_small) = (key_of(&whole), key_of(&small));
    places.push(Place::new("a session's media item", whole).of(&of_whole));
    places.push(Place::new("a session's thumbnail", small).of(&of_small));
    let sent = app.sent("b.jpg", "image/jpeg", &photo(1)).await;
    app.run_jobs().await;
    places.push(Place::new("a session's media item by its link", url(&sent["url"])));
    // Packages: at the S3 door, through the redirects to it, and assets at the edge.
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, &pattern(6, 1000)).await;
    let source = app.presigned(&dataset, &package, "").await.header("location").to_owned();
    let asked = format!("{}/packages/presign/s3?dataset_id={dataset}&package_id={package}", app.api());
    let redirect = Place::new("a source file by the redirect", asked).with("x-user-id", "ann");
    places.push(redirect.with("x-org-id", "lab").leads_to_s3());
    let proxied = format!("{}/packages/proxy/s3?presigned_url={}", app.api(), encoded(&source));
    places.push(Place::new("a source file by the proxy", proxied).leads_to_s3());
    let key = key_of(&source);
    places.push(Place::new("a source file at the S3 door", source).at_s3().of(&key));
    for (path, kind) in [("view/a.bin", "s3"), ("view/b.bin", "edge"), ("view/c.bin", "cookies")] {
        app.asset(&dataset, &package, path, &pattern(7, 1100)).await;
        let of = format!("&path={}", encoded(path));
        places.push(match kind {
            "s3" => {
                let url = app.presigned(&dataset, &package, &of).await.header("location").to_owned();
                let key = key_of(&url);
                Place::new("an asset at the S3 door", url).at_s3().reused().of(&key)
            }
            "edge" => {
                let url = url(&app.signed(&dataset, &package, &of).await.json()["signed_url"]);
                let key = key_of(&url);
                Place::new("an asset at the edge, by its URL", url).reused().of(&key)
            }
            _ => {
                let answer = app.signed(&dataset, &package, "&scope=prefix").await;
                let cookies = answer.headers.get_all("set-cookie").iter();
                let cookies = cookies.map(|line| line.to_str().unwrap().split(';').next().unwrap());
                let cookies = cookies.collect::<Vec<_>>().join("; ");
                let url = format!("{}{path}", url(&answer.json()["base_url"]));
                let key = key_of(&url);
                Place::new("an asset at the edge, by cookies", url).with("cookie", &cookies).reused().of(&key)
            }
        });
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_that_gives_bytes_answers_the_same() {
    let app = TestApp::with(&[("SCANNER", "off")]).await;
    for place in places(&app).await {
        place.hold(&app).await;
        place.resume_with_others(&app).await;
    }
    app.run_jobs().await;
    // Jobs that remove the incoming objects of an image and two media items.
    app.finish_with(3).await;
}

/// Without an edge, a session's link serves the content itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_answers_the_same_where_there_is_no_edge() {
    let app = TestApp::with(&[("SCANNER", "off"), ("EDGE_PORT", "off")]).await;
    app.session().await;
    let shown = app.ended("a.jpg", "image/jpeg", &photo(1)).await;
    let url = shown["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&app.api()), "{url}");
    let got = app.send("GET", &url, &[("origin", "null")], Vec::new()).await;
    assert_eq!((got.header("content-disposition"), got.header("access-control-allow-origin")), ("inline", "*"));
    Place::new("a session's media item through the API", url).hold(&app).await;
    let path = format!("/v1/sessions/{SESSION}/media/{}/content", shown["id"].as_str().unwrap());
    let signed_in = Place::new("the same, signed in", format!("{}{path}", app.api())).with("x-user-id", "ann");
    signed_in.with("x-org-id", "garage").hold(&app).await;
    app.finish_with(1).await;
}

/// An interrupted download of an asset that is replaced meanwhile, at the S3 door and at the edge,
/// within one second and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_never_goes_on_with_other_bytes() {
    let app = TestApp::start().await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, b"src").await;
    for (round, pause) in [0, 0, 1100].into_iter().enumerate() {
        let path = format!("view/{round}.bin");
        let (first, second) = (vec![b'A'; 1000], vec![b'B'; 1200]);
        app.asset(&dataset, &package, &path, &first).await;
        let of = format!("&path={}", encoded(&path));
        let at_s3 = app.presigned(&dataset, &package, &of).await.header("location").to_owned();
        let at_edge = app.signed(&dataset, &package, &of).await.json()["signed_url"].as_str().unwrap().to_owned();
        let places = [Place::new("S3 door", at_s3).at_s3().reused(), Place::new("edge, by its URL", at_edge).reused()];
        let mut begun = Vec::new();
        for place in &places {
            let part = place.ask(&app, "GET", &[("range", "bytes=0-499".to_owned())]).await;
            assert_eq!((part.status, part.body.as_slice()), (206, &first[..500]), "{}", place.name);
            begun.push(part);
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let query = format!("dataset_id={dataset}&package_id={package}&path={}", encoded(&path));
        assert_eq!(app.ask("ann", "DELETE", &format!("/packages/assets?{query}"), None).await.status, 204);
        app.asset(&dataset, &package, &path, &second).await;
        for (place, old) in places.iter().zip(&begun) {
            place.check_resumed(&app, old, 500, &second).await;
        }
    }
    app.run_jobs().await;
    app.finish().await;
}
