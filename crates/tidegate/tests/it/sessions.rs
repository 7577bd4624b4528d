//! Sessions: what a client sends is sealed, scanned, made anew and published.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp};

const SESSION: &str = "3f2b8c1e-5d1a-4c7e-9b7a-0a1b2c3d4e5f";

impl TestApp {
    async fn graphql(&self, user: &str, org: &str, query: &str, variables: &Value) -> Value {
        let body = json!({ "query": query, "variables": variables }).to_string().into_bytes();
        let headers = [("x-user-id", user), ("x-org-id", org), ("content-type", "application/json")];
        let answer = self.send("POST", &format!("{}/graphql", self.api()), &headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn as_of(&self, user: &str, org: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("x-user-id", user), ("x-org-id", org), ("content-type", "application/json")];
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.send(method, &format!("{}{path}", self.api()), &headers, bytes).await
    }

    async fn session(&self) {
        let made = self.as_of("ann", "garage", "POST", "/v1/sessions", Some(&json!({ "id": SESSION }))).await;
        assert_eq!((made.status, made.json()), (201, json!({ "id": SESSION })), "{}", made.text());
    }

    /// As the source's client does it: a URL, a PUT, a confirmation.
    async fn sent(&self, name: &str, kind: &str, bytes: &[u8]) -> Value {
        let begun = self.graphql("ann", "garage", GET_URL, &json!({ "s": SESSION, "f": name, "c": kind })).await;
        let target = &begun["data"]["getUploadUrl"];
        let headers = [("content-type", kind)];
        let put = self.send("PUT", target["uploadUrl"].as_str().unwrap(), &headers, bytes.to_vec()).await;
        assert_eq!(put.status, 200, "{}", put.text());
        self.graphql("ann", "garage", CONFIRM, &json!({ "s": SESSION, "k": target["fileKey"] })).await
    }
}

const GET_URL: &str = "mutation($s: UUID!, $f: String!, $c: String!, $g: String) { getUploadUrl(sessionId: $s, filename: $f, \
                       contentType: $c, stage: $g) { uploadUrl fileKey expiresIn } }";
const CONFIRM: &str = "mutation($s: UUID!, $k: String!, $g: String, $a: String) { confirmUpload(sessionId: $s, fileKey: $k, \
                       stage: $g, alt: $a) { id url alt status } }";
const MEDIA: &str = "query($id: UUID!) { media(id: $id) { id url status contentType size width height blurhash scan reason \
                     variants { name url width height } history { status at reason } } }";

/// A small JPEG with a red left half, and an Exif segment of that orientation.
fn photo(orientation: u8) -> Vec<u8> {
    let (width, height) = (96, 64);
    let mut pixels = Vec::new();
    for _ in 0..height {
        for x in 0..width {
            pixels.extend_from_slice(if x < width / 2 { &[220, 20, 20] } else { &[20, 20, 220] });
        }
    }
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 3,
        height,
        format: turbojpeg::PixelFormat::RGB,
    };
    let plain = turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).unwrap();
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
    exif[25] = orientation;
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    [&plain[..2], &[0xff, 0xe1], &length, &exif, &plain[2..]].concat()
}

#[tokio::test]
async fn a_photo_is_sealed_made_anew_and_published() {
    let app = TestApp::start().await;
    app.session().await;
    let confirmed = app.sent("IMG_0001.JPG", "image/jpeg", &photo(6)).await;
    let media = &confirmed["data"]["confirmUpload"];
    assert_eq!(media["status"], "UPLOADED", "{confirmed}");
    let early = app.send("GET", media["url"].as_str().unwrap(), &[], Vec::new()).await;
    assert_eq!(early.refusal(), (409, "INVALID_STATE".into()), "nothing is served before it was published");
    app.run_jobs().await;
    let shown = app.graphql("ben", "garage", MEDIA, &json!({ "id": media["id"] })).await;
    let shown = &shown["data"]["media"];
    assert_eq!(
        (&shown["status"], &shown["width"], &shown["height"], &shown["scan"]),
        (&json!("COMPLETED"), &json!(64), &json!(96), &json!("skipped")),
        "{shown}"
    );
    let steps: Vec<&str> =
        shown["history"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["PENDING_UPLOAD", "UPLOADED", "SCANNING", "PROCESSING", "COMPLETED"]);
    let served = app.send("GET", shown["url"].as_str().unwrap(), &[], Vec::new()).await;
    assert_eq!((served.status, served.header("content-type")), (200, "image/jpeg"));
    assert!(!served.body.windows(4).any(|bytes| bytes == b"Exif"), "no metadata is left");
    for variant in shown["variants"].as_array().unwrap() {
        let served = app.send("GET", variant["url"].as_str().unwrap(), &[], Vec::new()).await;
        assert_eq!(served.status, 200, "{variant}");
    }
    // What led to nothing before leads to the edge now.
    let led = app.send("GET", media["url"].as_str().unwrap(), &[], Vec::new()).await;
    assert_eq!(
        (led.status, led.header("location").split('?').next()),
        (307, shown["url"].as_str().unwrap().split('?').next())
    );
    assert!(app.files().iter().all(|file| file.contains("/processed/")), "nothing else is left: {:?}", app.files());
    app.finish_with(1).await;
}
