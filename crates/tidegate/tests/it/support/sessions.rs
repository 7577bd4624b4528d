//! A client of sessions, as the source's front end is one; files to send, and the scanner that looks at them.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::services::given;
use super::{Answer, TestApp};

pub(crate) const SESSION: &str = "3f2b8c1e-5d1a-4c7e-9b7a-0a1b2c3d4e5f";
pub(crate) const OTHER_SESSION: &str = "7a1d9f52-6a55-4b7b-8f0e-2f6c1d3e4b5a";
pub(crate) const GET_URL: &str = "mutation($s: UUID!, $f: String!, $c: String!, $g: String, $n: ByteCount) { getUploadUrl(\
    sessionId: $s, filename: $f, contentType: $c, stage: $g, size: $n) { uploadUrl fileKey expiresIn headers { name value } } }";
pub(crate) const CONFIRM: &str = "mutation($s: UUID!, $k: String!, $g: String, $a: String) { confirmUpload(sessionId: $s, \
    fileKey: $k, stage: $g, alt: $a) { id url alt status stage } }";
pub(crate) const MEDIA: &str = "query($id: UUID!) { media(id: $id) { id url status contentType size width height duration \
    blurhash scan reason variants { name url width height } history { status at reason } } }";

impl TestApp {
    pub(crate) async fn graphql(&self, user: &str, org: &str, query: &str, variables: &Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let answer = self.as_of(user, org, "POST", "/graphql", Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The code of a refused GraphQL request.
    pub(crate) async fn graphql_code(&self, user: &str, org: &str, query: &str, variables: &Value) -> String {
        let answer = self.graphql(user, org, query, variables).await;
        assert_eq!(answer["data"], Value::Null, "{answer}");
        answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn as_of(&self, user: &str, org: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("x-user-id", user), ("x-org-id", org), ("content-type", "application/json")];
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(method, &format!("{}{path}", self.api()), &headers, bytes).await
    }

    pub(crate) async fn session(&self) {
        let made = self.as_of("ann", "garage", "POST", "/v1/sessions", Some(&json!({ "id": SESSION }))).await;
        assert_eq!((made.status, made.json()), (201, json!({ "id": SESSION })), "{}", made.text());
    }

    /// A URL to send to, and the key.
    pub(crate) async fn target(&self, name: &str, kind: &str) -> (String, String) {
        let begun = self.graphql("ann", "garage", GET_URL, &json!({ "s": SESSION, "f": name, "c": kind })).await;
        let target = &begun["data"]["getUploadUrl"];
        let text = |name: &str| target[name].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        (text("uploadUrl"), text("fileKey"))
    }

    pub(crate) async fn put_at(&self, url: &str, kind: &str, bytes: &[u8]) -> Answer {
        let length = bytes.len().to_string();
        self.send("PUT", url, &[("content-type", kind), ("content-length", &length)], bytes.to_vec()).await
    }

    /// As the source's client does it: a URL, a PUT, a confirmation. The confirmed medium.
    pub(crate) async fn sent(&self, name: &str, kind: &str, bytes: &[u8]) -> Value {
        let (url, key) = self.target(name, kind).await;
        let put = self.put_at(&url, kind, bytes).await;
        assert_eq!(put.status, 200, "{}", put.text());
        let confirmed = self.graphql("ann", "garage", CONFIRM, &json!({ "s": SESSION, "k": key })).await;
        assert_eq!(confirmed["data"]["confirmUpload"]["status"], "UPLOADED", "{confirmed}");
        confirmed["data"]["confirmUpload"].clone()
    }

    pub(crate) async fn shown(&self, id: &Value) -> Value {
        let shown = self.graphql("ann", "garage", MEDIA, &json!({ "id": id })).await;
        shown["data"]["media"].clone()
    }

    /// Sent, worked on, and what became of it.
    pub(crate) async fn ended(&self, name: &str, kind: &str, bytes: &[u8]) -> Value {
        let sent = self.sent(name, kind, bytes).await;
        self.run_jobs().await;
        self.shown(&sent["id"]).await
    }

    pub(crate) async fn read(&self, url: &Value) -> Answer {
        self.send("GET", url.as_str().unwrap(), &[], Vec::new()).await
    }
}

/// Settings that lead to the real scanner.
pub(crate) fn scanner() -> Vec<(&'static str, String)> {
    let (host, port) = given("TEST_CLAMD").split_once(':').map(|(h, p)| (h.to_owned(), p.to_owned())).unwrap();
    vec![("CLAMAV_HOST", host), ("CLAMAV_PORT", port)]
}

pub(crate) async fn scanning(more: &[(&'static str, &str)]) -> TestApp {
    let scanner = scanner();
    let mut settings: Vec<(&str, &str)> = scanner.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend(more);
    TestApp::with(&settings).await
}

/// In two halves, so that this file is no finding itself.
pub(crate) fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

/// A JPEG of red and blue halves, with Exif that names an orientation and a place.
pub(crate) fn photo(orientation: u8) -> Vec<u8> {
    photo_of(96, 64, orientation)
}

pub(crate) fn photo_of(width: usize, height: usize, orientation: u8) -> Vec<u8> {
    let mut pixels = Vec::new();
    for _ in 0..height {
        for x in 0..width {
            pixels.extend_from_slice(if x < width / 2 { &[220, 20, 20] } else { &[20, 20, 220] });
        }
    }
    let (pitch, format) = (width * 3, turbojpeg::PixelFormat::RGB);
    let image = turbojpeg::Image { pixels: pixels.as_slice(), width, pitch, height, format };
    let plain = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).unwrap();
    // TIFF, big-endian: orientation, and a maker's name that must not be found again.
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\0\0\0\x01\x0f\0\x02\0\0\0\x0d\0\0\0\x26\0\0\0\0SecretMaker\0\0".to_vec();
    exif[25] = orientation;
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat()
}

/// Works off the queue as if so much time had passed that everything is due, so often.
pub(crate) async fn run_late_jobs(app: &TestApp, rounds: u32) {
    for _ in 0..rounds {
        let due = app.app.db.now() + Duration::from_secs(600);
        let Some(job) = tidegate::worker::runner::claim(&app.app, None, due, Duration::from_secs(60)).await.unwrap()
        else {
            return;
        };
        let mut tx = app.app.db.begin().await.unwrap();
        // Given back at once, and due.
        tx.fail_job(&job, SystemTime::now(), tidegate::db::Verdict::Uncounted, "made to be due").await.unwrap();
        tx.commit().await.unwrap();
        app.run_jobs().await;
    }
}

pub(crate) fn epoch() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
