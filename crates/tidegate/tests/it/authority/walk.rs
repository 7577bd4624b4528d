//! Tries what was issued: on each target, after each event.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::issue::World;
use super::issued::{Action, Issued, bare, base64url};
use super::table::{EVENTS, Outcome, TARGETS, outcome};
use crate::support::{raw, raw_status};

/// Parameters that mean something at one of the doors.
const PARAMETERS: [(&str, &str); 16] = [
    ("response-content-type", "text/html"),
    ("response-content-disposition", "inline"),
    ("response-cache-control", "public"),
    ("versionId", "null"),
    ("partNumber", "2"),
    ("uploadId", "x"),
    ("x-id", "DeleteObject"),
    ("Expires", "9999999999"),
    ("Policy", "e30_"),
    ("X-Amz-Expires", "604800"),
    ("x-amz-acl", "public-read"),
    ("exp", "9999999999"),
    ("kid", "0"),
    ("disposition", "inline"),
    ("user_id", "bob"),
    ("delete", ""),
];

/// Ways to write `../` that some server reads as it is.
const CLIMBS: [&str; 12] = [
    "../",
    "%2e%2e/",
    "..%2f",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "%252e%252e%252f",
    "....//",
    "..;/",
    "%c0%ae%c0%ae/",
    "..%00/",
    "..%ef%bc%8f",
];

/// What an answered request showed.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    body: Vec<u8>,
    content_type: String,
    disposition: String,
    etag: String,
}

impl World {
    /// Sends a request, following one redirect, up to the end of its body. Returns what a success
    /// showed, and `None` for a refusal.
    async fn fetch(&self, issued: &Issued, method: &str, url: &str, host: Option<&str>) -> Option<Shown> {
        let mut url = url.to_owned();
        for _ in 0..2 {
            let mut request = self.client.request(method.parse().unwrap(), &url);
            for (name, value) in &issued.headers {
                request = request.header(name, value);
            }
            if let Some(host) = host {
                request = request.header("host", host);
            }
            let has_body = (method == "PUT" || method == "POST") && !issued.body.is_empty();
            if method == "PUT" || method == "POST" {
                request = request.body(issued.body.clone());
            }
            let answer = match request.send().await {
                Ok(answer) => answer,
                // Some doors close the connection without reading the body: then it is not opened.
                Err(_) if has_body => return None,
                // Where its first file is gone, it breaks off before its head is sent.
                Err(error) if self.breaks_off(issued) && !error.is_connect() => return None,
                Err(error) => panic!("{} {method} {url}: {error:?}", issued.kind),
            };
            let field = |name: &str| {
                answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
            };
            let (content_type, disposition) = (field("content-type"), field("content-disposition"));
            let etag = field("etag");
            match answer.status().as_u16() {
                307 => url = field("location"),
                // The object exists already, so the authority was accepted.
                412 if method == "PUT" && issued.method == "PUT" => {
                    return Some(Shown { body: Vec::new(), content_type, disposition, etag });
                }
                status if (200..300).contains(&status) => {
                    let body = match answer.bytes().await {
                        Ok(body) => body.to_vec(),
                        // Or after it, where another is gone.
                        Err(_) if self.breaks_off(issued) => return None,
                        Err(error) => panic!("{}: {url}: {error}", issued.kind),
                    };
                    return Some(Shown { body, content_type, disposition, etag });
                }
                status => {
                    // 501: an algorithm that the S3 door does not have.
                    assert!((400..500).contains(&status) || status == 501, "{} {method} {url}: {status}", issued.kind);
                    return None;
                }
            }
        }
        panic!("{}: redirects without end", issued.kind);
    }

    /// Returns whether a response may end early: an archive without one of its files does.
    fn breaks_off(&self, issued: &Issued) -> bool {
        issued.kind == "archive" && self.files_gone.get()
    }

    /// Returns whether a right opens what it names.
    pub(super) async fn opens(&self, issued: &Issued) -> bool {
        self.fetch(issued, issued.method, &issued.url, None).await.is_some()
    }

    /// Each door opens with a new right: what was refused was not refused by a door that answers
    /// nobody.
    pub(super) async fn doors_answer(&self) {
        // The image is sent to the S3 door.
        let image = self.app.image("zoe", b"new").await;
        let (url, cookies) = self.app.stream("zoe", &image).await;
        let read = self.app.send("GET", &url, &[("cookie", &cookies), ("x-user-id", "zoe")], Vec::new()).await;
        assert_eq!((read.status, read.body.as_slice()), (200, b"new".as_slice()), "{url}: {}", read.text());
    }

    /// Returns the URLs of the same key and authority at the other doors.
    fn other_doors(&self, issued: &Issued) -> Vec<String> {
        let addresses = &self.app.app.addresses;
        let (s3, api) = (format!("{}/tidegate", addresses.s3), self.app.api());
        let query = issued.url.split_once('?').map_or("", |(_, query)| query);
        let mut doors = vec![format!("{s3}/{}", issued.named), format!("{api}/get/{}", base64url(&issued.named))];
        doors.push(format!("{api}/{}", issued.named));
        doors.extend(addresses.edge.as_ref().map(|edge| format!("{edge}/{}", issued.named)));
        let own = bare(&issued.url);
        doors.into_iter().filter(|door| *door != own).map(|door| format!("{door}?{query}")).collect()
    }

    /// Writes an object that no row knows, at a key that nothing is published at.
    fn plant(&self, key: &str) {
        let path = self.app.folder.path().join("store").join(key);
        let attributes = r#"{"size":6,"etag":"e","modified_us":1,"content_type":"text/plain"}"#;
        // A file may be where the key needs a folder: then there can be no such object.
        if std::fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.exists() {
            std::fs::write(&path, "secret").unwrap();
            std::fs::write(format!("{}.meta", path.display()), attributes).unwrap();
        }
    }

    /// Returns keys that differ in one letter of one segment from the one that is named, with
    /// objects at them; below the folder of a grant there are none.
    fn near(&self, issued: &Issued) -> Vec<String> {
        let segments: Vec<&str> = issued.named.split('/').collect();
        let count = issued.below.as_ref().map_or(segments.len(), |folder| folder.split('/').count());
        let mut keys = Vec::new();
        for at in 0..count {
            let shorter = &segments[at][..segments[at].len() - 1];
            for near in [format!("{}b", segments[at]), format!("{}%20", segments[at]), shorter.to_owned()] {
                let mut key: Vec<&str> = segments.clone();
                key[at] = &near;
                // Without the last letter of a segment of one letter, no segment is left.
                if !near.is_empty() && (issued.written)("/") == "/" {
                    self.plant(&key.join("/").replace("%20", " "));
                }
                keys.push(key.join("/"));
            }
        }
        keys
    }

    /// Returns the request targets that lead elsewhere once a path is decoded or simplified.
    fn encoded(&self, issued: &Issued) -> Vec<String> {
        let elsewhere: Vec<&String> = ["sibling", "other", "unserved"]
            .iter()
            .flat_map(|column| issued.keys.get(column).into_iter().flatten())
            .chain(&self.unserved)
            .filter(|key| **key != issued.named && issued.below.as_ref().is_none_or(|below| !key.starts_with(below)))
            .collect();
        let depth = issued.named.matches('/').count() + 1;
        let folder = issued.below.clone().unwrap_or_else(|| issued.named.clone());
        let up = folder.matches('/').count() + 1;
        let mut keys = Vec::new();
        for other in elsewhere.iter().take(3) {
            for climb in CLIMBS {
                keys.push(format!("{}/{}{other}", issued.named, climb.repeat(depth)));
                keys.push(format!("{folder}/{}{other}", climb.repeat(up)));
            }
            keys.push(format!("{folder}//{other}"));
            keys.push(format!("{folder}/%2f{other}"));
        }
        for end in ["%00", "%00.jpg", "/", "//", "%2f", ".", "/.", "%0d%0aa:%20b", ";a", "\\"] {
            keys.push(format!("{}{end}", issued.named));
        }
        keys.push(format!("/{}", issued.named));
        keys.push(format!("x/../{}", issued.named));
        keys.into_iter().map(|key| issued.at(&key)).collect()
    }

    /// Sends a target as it is, which no client library does.
    async fn opens_raw(&self, issued: &Issued, url: &str) -> bool {
        let (_, rest) = url.split_once("://").unwrap();
        let (authority, target) = rest.split_once('/').unwrap();
        let mut head = format!("{} /{target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", issued.method);
        for (name, value) in &issued.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let given = issued.headers.iter().any(|(name, _)| name == "content-length");
        if issued.method == "PUT" && !given {
            head += &format!("content-length: {}\r\n", issued.body.len());
        }
        let request = [head.as_bytes(), b"\r\n", &issued.body].concat();
        let answer = raw(authority.parse().unwrap(), &request).await;
        let status = raw_status(&answer);
        // A redirect says where the object is: that opens it, too.
        let is_closed = answer.is_empty() && !issued.body.is_empty();
        assert!((200..500).contains(&status) || is_closed, "{}: {url}: {answer}", issued.kind);
        (200..400).contains(&status)
    }

    /// Returns the request with one parameter or cookie changed, removed or repeated.
    fn terms(issued: &Issued) -> Vec<(String, Vec<(String, String)>)> {
        let mut all = Vec::new();
        if let Some((path, query)) = issued.url.split_once('?') {
            let pairs: Vec<&str> = query.split('&').collect();
            for (at, pair) in pairs.iter().enumerate() {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                // There is one form of session links, and nobody reads which one it is.
                if name == "v" && issued.kind == "session link" {
                    continue;
                }
                let mut variants = vec![vec![], vec![(*pair).to_owned(), (*pair).to_owned()]];
                variants.extend(changed(value).into_iter().map(|value| vec![format!("{name}={value}")]));
                for variant in variants {
                    let mut new: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
                    new.splice(at..=at, variant);
                    all.push((format!("{path}?{}", new.join("&")), issued.headers.clone()));
                }
            }
        }
        let cookies = issued.headers.iter().position(|(name, _)| name == "cookie");
        if let Some(place) = cookies {
            let pairs: Vec<&str> = issued.headers[place].1.split("; ").collect();
            for (at, pair) in pairs.iter().enumerate() {
                let (name, value) = pair.split_once('=').unwrap();
                let mut variants = vec![Vec::new()];
                variants.extend(changed(value).into_iter().map(|value| vec![format!("{name}={value}")]));
                for variant in variants {
                    let mut new: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
                    new.splice(at..=at, variant);
                    let mut headers = issued.headers.clone();
                    headers[place].1 = new.join("; ");
                    all.push((issued.url.clone(), headers));
                }
            }
        }
        all
    }

    fn added(issued: &Issued) -> Vec<String> {
        let has = |name: &str| issued.url.contains(&format!("{name}="));
        let new = PARAMETERS.iter().filter(|(name, _)| !has(name));
        let joint = if issued.url.contains('?') { '&' } else { '?' };
        new.map(|(name, value)| format!("{}{joint}{name}={value}", issued.url)).collect()
    }

    /// Returns the requests of a column: method, URL and host.
    fn requests(&self, issued: &Issued, column: &'static str) -> Vec<(&'static str, String, Option<&'static str>)> {
        let as_issued = |url: String| (issued.method, url, None);
        let keys = |keys: Vec<String>| keys.iter().map(|key| as_issued(issued.at(key))).collect::<Vec<_>>();
        match column {
            "unserved" => keys(self.unserved.iter().filter(|key| **key != issued.named).cloned().collect()),
            "folder" => {
                let folders = issued.named.match_indices('/').map(|(at, _)| at);
                let both = folders.flat_map(|at| [issued.named[..at].to_owned(), issued.named[..=at].to_owned()]);
                keys(both.collect())
            }
            "near" => keys(self.near(issued)),
            "door" => self.other_doors(issued).into_iter().map(as_issued).collect(),
            "host" => vec![
                (issued.method, issued.url.clone(), Some("evil.test")),
                (issued.method, issued.url.clone(), Some("127.0.0.1.evil.test")),
            ],
            "method" if issued.method == "GET" => {
                ["PUT", "DELETE", "POST", "PATCH"].map(|method| (method, issued.url.clone(), None)).into()
            }
            "method" => {
                ["GET", "HEAD", "DELETE", "POST", "PATCH"].map(|method| (method, issued.url.clone(), None)).into()
            }
            "head" => vec![("HEAD", issued.url.clone(), None)],
            "added" => Self::added(issued).into_iter().map(as_issued).collect(),
            "part" | "sibling" | "other" => {
                let mut all = keys(issued.keys.get(column).cloned().unwrap_or_default());
                all.extend(issued.urls.get(column).into_iter().flatten().cloned().map(as_issued));
                all
            }
            _ => vec![as_issued(issued.url.clone())],
        }
    }

    /// Tries one column on one right; returns deviations from the table.
    pub(super) async fn try_one(&self, issued: &Issued, column: &'static str, wrong: &mut Vec<String>) {
        let expected = outcome(issued.kind, column);
        if expected == Outcome::None {
            return;
        }
        let note = |wrong: &mut Vec<String>, opened: bool, what: String| {
            if opened != matches!(expected, Outcome::Opens | Outcome::Keeps) {
                let found = if opened { "opens" } else { "is refused" };
                wrong.push(format!("{}, {column}: {found}: {what}", issued.kind));
            }
        };
        match column {
            "encoded" => {
                for url in self.encoded(issued) {
                    // The proxy takes a whole URL, encoded as one parameter, and sends on what it
                    // does not verify.
                    let opened = match issued.url.contains("presigned_url=") {
                        true => self.fetch(issued, "GET", &url, None).await.is_some(),
                        false => self.opens_raw(issued, &url).await,
                    };
                    note(wrong, opened, url);
                }
            }
            "terms" => {
                let variants = Self::terms(issued);
                assert!(!variants.is_empty(), "{}: no parameter to change", issued.kind);
                for (url, headers) in variants {
                    let shown = self.fetch(&issued.with_headers(headers.clone()), issued.method, &url, None).await;
                    note(wrong, shown.is_some(), format!("{url} {headers:?}"));
                }
            }
            _ => {
                let requests = self.requests(issued, column);
                assert!(!requests.is_empty(), "{}: nothing to try for {column}", issued.kind);
                for (method, url, host) in requests {
                    let shown = self.fetch(issued, method, &url, host).await;
                    if expected == Outcome::Same {
                        let named = self.fetch(issued, issued.method, &issued.url, None).await;
                        if shown.is_some() && shown != named {
                            wrong.push(format!("{}, {column}: {url} shows {shown:?}", issued.kind));
                        }
                        continue;
                    }
                    note(wrong, shown.is_some(), format!("{method} {url} at {host:?}"));
                }
            }
        }
    }

    /// Tries one column on everything issued; returns deviations from the table.
    pub(super) async fn column(&self, column: &'static str, wrong: &mut Vec<String>) {
        assert!(TARGETS.contains(&column) || EVENTS.contains(&column), "{column}");
        for issued in &self.issued {
            self.try_one(issued, column, wrong).await;
        }
    }

    /// Tries every target, the object itself last: a write that succeeds can only be tried once.
    pub(super) async fn targets(&self, wrong: &mut Vec<String>) {
        for column in TARGETS.into_iter().filter(|column| *column != "named").chain(["named"]) {
            self.column(column, wrong).await;
        }
        self.options(wrong).await;
    }

    /// `OPTIONS` says which methods there are and shows nothing.
    async fn options(&self, wrong: &mut Vec<String>) {
        for issued in &self.issued {
            let shown = self.fetch(issued, "OPTIONS", &issued.url, None).await;
            if shown.is_some_and(|shown| !shown.body.is_empty() || !shown.etag.is_empty()) {
                wrong.push(format!("{}: OPTIONS shows something", issued.kind));
            }
        }
    }

    pub(super) async fn act(&self, actions: &[Action]) {
        for Action { method, user, path, body } in actions {
            // Sessions and datasets belong to organisations.
            let org = if path.starts_with("/packages") { "lab" } else { "garage" };
            let answer = self.app.as_of(user, org, method, path, body.as_ref()).await;
            assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
            if *method == "DELETE" {
                self.files_gone.set(true);
            }
        }
    }

    /// Sends and completes every upload, and tries its URL once more.
    pub(super) async fn complete_all(&self, wrong: &mut Vec<String>) {
        for issued in self.issued.iter().filter(|issued| issued.method == "PUT") {
            let completion = issued.completion.clone().unwrap_or_else(|| panic!("{} has no end", issued.kind));
            let sent = self.fetch(issued, "PUT", &issued.url, None).await.expect("it was issued to be sent to");
            let etag = sent.etag.trim_matches('"').to_owned();
            let filled = completion.body.map(|body| body.to_string().replace("ETAG", &etag));
            let body: Option<Value> = filled.map(|body| serde_json::from_str(&body).unwrap());
            self.act(&[Action { body, ..completion }]).await;
            self.try_one(issued, "complete", wrong).await;
        }
    }

    pub(super) async fn remove_members(&self) {
        let members = format!("/api/spaces/{}/members/ed", self.space);
        assert_eq!(self.app.delete("ann", &members).await.status, 204);
        for member in ["vi", "ed"] {
            let members = format!("/packages/datasets/{}/members/{member}", self.dataset);
            assert_eq!(self.app.ask("ann", "DELETE", &members, None).await.status, 204);
        }
        // Removed members get no new URLs, and their uploads are not confirmed.
        assert_eq!(self.app.get("ed", &format!("/api/spaces/{}/images", self.space)).await.status, 404);
        let confirm = format!("/api/spaces/{}/images/{}/confirm", self.space, self.images[0]);
        assert_eq!(self.app.post("ed", &confirm, &json!({})).await.status, 404);
        let children = format!("/packages/children?dataset_id={}", self.dataset);
        for member in ["vi", "ed"] {
            assert_eq!(self.app.ask(member, "GET", &children, None).await.status, 404);
        }
        for issued in self.issued.iter().filter(|issued| ["package part", "package upload"].contains(&issued.kind)) {
            let Action { method, user, path, body } = issued.completion.clone().unwrap();
            assert_eq!(user, "ed");
            assert_eq!(self.app.ask(&user, method, &path, body.as_ref()).await.status, 404, "{}", issued.kind);
        }
    }

    pub(super) fn kinds(&self) -> BTreeSet<&'static str> {
        self.issued.iter().map(|issued| issued.kind).collect()
    }
}

/// Returns other values than a parameter has.
fn changed(value: &str) -> Vec<String> {
    let last = value.chars().last().unwrap_or('x');
    let flipped = format!("{}{}", &value[..value.len() - last.len_utf8().min(value.len())], flip(last));
    let first = value.chars().next().map(|first| format!("{}{}", flip(first), &value[first.len_utf8()..]));
    let mut all = vec![flipped, format!("{value}0"), String::new()];
    all.extend(first);
    all.extend(value.parse::<u64>().ok().map(|number| (number + 1000).to_string()));
    // In base64 the last letter may hold unused bits.
    all.retain(|new| new != value);
    all
}

fn flip(letter: char) -> char {
    match letter {
        '0' => '1',
        'A' => 'z',
        letter if letter.is_ascii_digit() => '0',
        _ => 'A',
    }
}
