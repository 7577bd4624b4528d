//! The test harness: a server on free ports with its own data folder, and clients for it.

pub(crate) mod files;
pub(crate) mod packages;
pub(crate) mod services;
pub(crate) mod sessions;
pub(crate) mod spaces;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sign::{KeyKind, SigningKey};
use tempfile::TempDir;
use tidegate::app::App;
use tidegate::config::{Config, Sources};
use tidegate::db::Database;
use tidegate::model::caller::Caller;
use tidegate::model::ids::UserId;
use tidegate::model::owner::Owner;
use tidegate::model::principal::Principal;
use tidegate::server::Server;
use tidegate::worker::runner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

pub(crate) const PART: usize = 5 << 20;

/// A running server. Call `finish` at the end: remaining jobs fail the test.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    pub(crate) folder: TempDir,
    operations: Option<SocketAddr>,
    stop: CancellationToken,
    finished: bool,
    http: reqwest::Client,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns status and code of a refused request, and checks the form of its body.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no error body: {body}"));
        assert_eq!(error.len(), 2, "{body}");
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('\n'), "{body}");
        (self.status, error["code"].as_str().unwrap().to_owned())
    }
}

/// Stands for a private key of one's own in the settings of a test. Production refuses those that are
/// published with the tests.
pub(crate) const OWN_KEY: &str = "a private key of one's own";

/// Stands for its public half.
pub(crate) const OWN_PUBLIC_KEY: &str = "the public half of a key of one's own";

/// Returns the value of a setting of a test, with a new key for [`OWN_KEY`] and [`OWN_PUBLIC_KEY`].
pub(crate) fn setting_value(value: &str) -> &str {
    static KEY: LazyLock<(String, String)> = LazyLock::new(|| {
        let (key, private) = SigningKey::generate(KeyKind::P256).unwrap();
        (private, key.public_pem().unwrap())
    });
    match value {
        OWN_KEY => &KEY.0,
        OWN_PUBLIC_KEY => &KEY.1,
        other => other,
    }
}

pub(crate) fn config(folder: &std::path::Path, settings: &[(&str, &str)]) -> Config {
    let mut environment = vec![
        ("TIDEGATE_DATA".to_owned(), folder.display().to_string()),
        ("PORT".to_owned(), "0".to_owned()),
        ("EDGE_PORT".to_owned(), "0".to_owned()),
        ("S3_PORT".to_owned(), "0".to_owned()),
        ("MULTIPART_PART_SIZE_BYTES".to_owned(), PART.to_string()),
        // Keys of this type are generated quickly.
        ("CLOUDFRONT_KEY_TYPE".to_owned(), "p256".to_owned()),
    ];
    for (name, value) in settings {
        environment.retain(|(known, _)| known != name);
        environment.push(((*name).to_owned(), setting_value(value).to_owned()));
    }
    let config = Config::load(&Sources { environment, ..Sources::default() });
    let mut config = config.unwrap_or_else(|problems| panic!("{problems}"));
    // This process runs the tests and cannot be started as a decoder.
    config.media.program = env!("CARGO_BIN_EXE_tidegate").into();
    config
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::over(tempfile::tempdir().unwrap(), settings).await
    }

    /// Starts a server on the data folder of another.
    pub(crate) async fn over(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        let mut settings = settings.to_vec();
        let chosen = settings.iter().any(|(name, _)| *name == "DATABASE_URL");
        let database = if chosen { None } else { services::database_of(folder.path()).await };
        if let Some(url) = &database {
            // Behind PgBouncer more than the sessions that they share.
            let connections = if services::pooled_in_this_pass(url).is_some() { "8" } else { "4" };
            settings.extend([("DATABASE_URL", url.as_str()), ("DATABASE_MAX_CONNECTIONS", connections)]);
        }
        let given = settings.iter().rev().find(|(name, _)| *name == "DATABASE_URL");
        let pooled = given.and_then(|(_, url)| services::pooled_in_this_pass(url));
        if let Some(url) = &pooled {
            settings.retain(|(name, _)| *name != "DATABASE_URL");
            settings.extend([("DATABASE_URL", url.as_str()), ("DATABASE_POOLING", "transaction")]);
        }
        let config = config(folder.path(), &settings);
        if let Database::Sqlite(file) = &config.database
            && !file.exists()
        {
            std::fs::write(file, services::sqlite_file().await).unwrap();
        }
        let server = Server::open(config).await.unwrap();
        let (app, stop) = (Arc::clone(&server.app), CancellationToken::new());
        let operations = server.operations_address();
        tokio::spawn(server.run(stop.clone(), false));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { app, folder, operations, stop, finished: false, http }
    }

    pub(crate) fn api(&self) -> String {
        self.app.addresses.api.to_string()
    }

    pub(crate) fn edge(&self) -> String {
        self.app.addresses.edge.as_ref().unwrap().to_string()
    }

    pub(crate) fn edge_address(&self) -> SocketAddr {
        self.app.addresses.edge.as_ref().unwrap().authority.parse().unwrap()
    }

    /// The address of the operations door, if there is one.
    pub(crate) fn operations_address(&self) -> Option<SocketAddr> {
        self.operations
    }

    pub(crate) fn api_address(&self) -> SocketAddr {
        self.app.addresses.api.authority.parse().unwrap()
    }

    /// Sends a request.
    pub(crate) async fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), url);
        for (name, value) in headers {
            request = request.header(*name, reqwest::header::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        if !body.is_empty() || method == "PUT" {
            request = request.body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn get(&self, user: &str, path: &str) -> Answer {
        self.send("GET", &format!("{}{path}", self.api()), &[("x-user-id", user)], Vec::new()).await
    }

    pub(crate) async fn post(&self, user: &str, path: &str, body: &Value) -> Answer {
        let headers = [("x-user-id", user), ("content-type", "application/json")];
        self.send("POST", &format!("{}{path}", self.api()), &headers, body.to_string().into_bytes()).await
    }

    pub(crate) async fn delete(&self, user: &str, path: &str) -> Answer {
        self.send("DELETE", &format!("{}{path}", self.api()), &[("x-user-id", user)], Vec::new()).await
    }

    /// Begins an image; returns its id and its upload id.
    pub(crate) async fn begin(&self, user: &str, announced: &Value) -> (String, String) {
        let begun = self.post(user, "/v1/images", announced).await;
        assert_eq!(begun.status, 200, "{}", begun.text());
        let body = begun.json();
        (body["imageId"].as_str().unwrap().to_owned(), body["uploadId"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn sign(&self, user: &str, image: &str, upload: &str, number: u32) -> String {
        let body = json!({ "uploadId": upload, "partNumber": number });
        let signed = self.post(user, &format!("/v1/images/{image}/upload-url"), &body).await;
        assert_eq!(signed.status, 200, "{}", signed.text());
        signed.json()["url"].as_str().unwrap().to_owned()
    }

    /// Uploads a part and returns its ETag, with quotes.
    pub(crate) async fn put(&self, user: &str, image: &str, upload: &str, number: u32, bytes: &[u8]) -> String {
        let url = self.sign(user, image, upload, number).await;
        let put = self.send("PUT", &url, &[], bytes.to_vec()).await;
        assert_eq!(put.status, 200, "{}", put.text());
        put.header("etag").to_owned()
    }

    pub(crate) async fn complete(&self, user: &str, image: &str, upload: &str, parts: &[(u32, &str)]) -> Answer {
        let parts: Vec<Value> =
            parts.iter().map(|(number, etag)| json!({ "partNumber": number, "etag": etag })).collect();
        let body = json!({ "uploadId": upload, "parts": parts });
        self.post(user, &format!("/v1/images/{image}/complete"), &body).await
    }

    /// Uploads an image with these bytes.
    pub(crate) async fn image(&self, user: &str, bytes: &[u8]) -> String {
        let (image, upload) = self.begin(user, &json!({})).await;
        let mut parts = Vec::new();
        for (index, chunk) in bytes.chunks(PART).enumerate() {
            let number = u32::try_from(index).unwrap() + 1;
            parts.push((number, self.put(user, &image, &upload, number, chunk).await));
        }
        let named: Vec<(u32, &str)> = parts.iter().map(|(number, etag)| (*number, etag.as_str())).collect();
        let done = self.complete(user, &image, &upload, &named).await;
        assert_eq!(done.status, 200, "{}", done.text());
        image
    }

    /// Returns an image's stream URL and the `Cookie` header for it.
    pub(crate) async fn stream(&self, user: &str, image: &str) -> (String, String) {
        let stream = self.get(user, &format!("/v1/images/{image}/stream-url")).await;
        assert_eq!(stream.status, 200, "{}", stream.text());
        let body = stream.json();
        let cookies = body["auth"]["cookies"].as_array().cloned().unwrap_or_default();
        let pair =
            |cookie: &Value| format!("{}={}", cookie["name"].as_str().unwrap(), cookie["value"].as_str().unwrap());
        let cookies: Vec<String> = cookies.iter().map(pair).collect();
        (body["url"].as_str().unwrap().to_owned(), cookies.join("; "))
    }

    /// Runs every due job and returns how many there were.
    pub(crate) async fn run_jobs(&self) -> usize {
        let mut done = 0;
        while runner::run_one(&self.app, None).await.unwrap() {
            done += 1;
        }
        done
    }

    /// Returns the files in the store, except those that every store has.
    pub(crate) fn files(&self) -> Vec<String> {
        fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let (root, mut found) = (self.folder.path().join("store"), Vec::new());
        walk(&root, &mut found);
        found.retain(|path| ![".ballast", ".identity"].iter().any(|own| path.starts_with(root.join(own))));
        found.iter().map(|path| path.strip_prefix(&root).unwrap().display().to_string()).collect()
    }

    /// Stops the server and returns its data folder.
    pub(crate) async fn stop(mut self) -> TempDir {
        self.finished = true;
        self.stop.cancel();
        let (folder, app) = (std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()), Arc::clone(&self.app));
        drop(self);
        app.db.close().await;
        drop(app);
        // The tasks of the doors hold the store until they have drained.
        for _ in 0..200 {
            let lock = std::fs::File::open(folder.path().join("store")).unwrap();
            if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok() {
                return folder;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server did not let go of its store");
    }

    /// Ends the test and checks that no jobs remain.
    pub(crate) async fn finish(self) {
        self.finish_with(0).await;
    }

    /// Ends the test and checks that this many jobs wait for their time. A running job gets a
    /// moment to end.
    pub(crate) async fn finish_with(mut self, waiting: u64) {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let counts = self.app.db.count_jobs().await.unwrap();
            if (counts.queued, counts.dead_letters) == (waiting, 0) {
                break;
            }
            assert!(Instant::now() < deadline, "jobs are left over: {counts:?}, and {waiting} may wait");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // Whatever a test did, the counters agree with the rows.
        assert_eq!(self.app.db.list_wrong_counters().await.unwrap(), []);
        self.finished = true;
        self.stop.cancel();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        assert!(self.finished || std::thread::panicking(), "end the test with finish() or stop()");
    }
}

pub(crate) fn user(id: &str) -> (Caller, Owner) {
    let id = UserId::parse(id).unwrap();
    (Principal::user(id.clone()).into(), Owner::Disks(id))
}

/// Returns bytes without repetition within the length of a part.
pub(crate) fn pattern(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u32::from(seed).wrapping_mul(2_654_435_761) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[2]
    };
    (0..length).map(step).collect()
}

/// Sends raw bytes and returns the raw response, for requests that no client library sends.
pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    match tokio::time::timeout(Duration::from_secs(5), reading).await {
        Ok(_) | Err(_) => String::from_utf8_lossy(&answer).into_owned(),
    }
}

/// Returns the status of a raw response.
pub(crate) fn raw_status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
