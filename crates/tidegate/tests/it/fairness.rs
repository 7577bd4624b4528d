//! Fair shares: heavy clients leave room for others, before any byte of a body is read, and slow
//! bodies end.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::json;
use tidegate::config::{Config, Sources};
use tidegate::state::newest_writers::MAX_WRITERS;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::files::init;
use crate::support::{TestApp, config, pattern, raw_status};

/// The most that the memory of this process may grow under [`SENDERS`] slow senders, in bytes. The
/// clients and other tests run in it, too; 103 to 134 MiB were measured. Without a budget, every sender
/// takes more than 1 MiB.
const CEILING: u64 = 192 << 20;
/// Slow senders.
const SENDERS: usize = 600;

/// A request whose body does not arrive.
struct SlowRequest(TcpStream);

impl SlowRequest {
    /// Sends a head, and the first bytes of a body of `length` bytes, from a loopback address.
    async fn send(to: SocketAddr, from: [u8; 4], head: &str, length: usize, first: &[u8]) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(IpAddr::from(from), 0)).unwrap();
        let mut stream = socket.connect(to).await.unwrap();
        let head = format!("{head}host: {to}\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has refused the request reads no body.
        let _ = stream.write_all(first).await;
        Self(stream)
    }

    /// Sends the head of a JSON request of a user.
    async fn json(app: &TestApp, from: [u8; 4], user: &str, length: usize) -> Self {
        let head = format!("POST /v1/images HTTP/1.1\r\nx-user-id: {user}\r\ncontent-type: application/json\r\n");
        Self::send(app.api_address(), from, &head, length, b"").await
    }

    /// Returns the response, which ends with the connection.
    async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let _ = self.0.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Returns the response if the request has ended already.
    async fn answer_now(&mut self) -> Option<String> {
        tokio::time::timeout(Duration::from_millis(1), self.0.readable()).await.ok()?.unwrap();
        Some(self.answer().await)
    }

    /// Waits until `count` of the requests are refused, and returns the responses.
    async fn refusals(requests: &mut Vec<Self>, count: usize) -> Vec<String> {
        let mut answers = Vec::new();
        let waiting = async {
            while answers.len() < count {
                let mut waiting = Vec::new();
                for mut request in requests.drain(..) {
                    match request.answer_now().await {
                        Some(answer) => answers.push(answer),
                        None => waiting.push(request),
                    }
                }
                *requests = waiting;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(waited.is_ok() && answers.len() == count, "{} of {count} are refused", answers.len());
        answers
    }
}

/// Waits until a condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Sends a part to a presigned URL, slowly.
async fn slow_part(url: &str, length: usize, first: &[u8]) -> SlowRequest {
    let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let head = format!("PUT /{path} HTTP/1.1\r\n");
    SlowRequest::send(address.parse().unwrap(), [127, 0, 0, 1], &head, length, first).await
}

#[tokio::test]
async fn slow_bodies_of_one_user_leave_requests_to_others() {
    let app = TestApp::with(&[("MAX_CONCURRENT_REQUESTS", "32")]).await;
    let mut slow = join_all((0..60).map(|_| SlowRequest::json(&app, [127, 0, 0, 2], "mallory", 1000))).await;
    let requests = &app.app.shares.requests;
    until("a quarter is hers", || requests.held() == 8).await;
    // Health, readiness and metrics have no share, and other users have theirs.
    for path in ["/health", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(app.get("nobody", path).await.status, 200, "{path}");
    }
    let others = join_all((0..4).map(|_| app.get("bob", "/v1/images"))).await;
    assert!(others.iter().all(|answer| answer.status == 200));
    // Before their bodies came.
    for answer in SlowRequest::refusals(&mut slow, 52).await {
        assert!(raw_status(&answer) == 429 && answer.to_lowercase().contains("retry-after: 1"), "{answer}");
        assert!(answer.contains("RATE_LIMITED"), "{answer}");
    }
    assert_eq!(app.get("mallory", "/v1/images").await.refusal(), (429, "RATE_LIMITED".into()));
    drop(slow);
    until("permits return with their clients", || requests.held() == 0).await;
    assert_eq!(app.get("mallory", "/v1/images").await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn one_address_and_many_users_leave_requests_to_others() {
    let app = TestApp::with(&[("MAX_CONCURRENT_REQUESTS", "32")]).await;
    let from =
        async |host: u8, user: usize| SlowRequest::json(&app, [127, 0, 0, host], &format!("user {user}"), 1000).await;
    let one_address: Vec<_> = join_all((0..40).map(|n| from(2, n))).await;
    let requests = &app.app.shares.requests;
    until("half is theirs", || requests.held() == 16).await;
    assert_eq!(app.get("bob", "/v1/images").await.status, 200);
    // More addresses come, with more users.
    let mut addresses = Vec::new();
    for host in 3..8 {
        addresses.push(join_all((0..16).map(|n| from(host, usize::from(host) * 100 + n))).await);
    }
    until("the rest but the reserve is taken", || requests.held() >= 24).await;
    for _ in 0..5 {
        assert_eq!(app.get("bob", "/v1/images").await.status, 200);
    }
    assert_eq!(app.get("nobody", "/readyz").await.status, 200);
    drop((one_address, addresses));
    until("permits return", || requests.held() == 0).await;
    app.finish().await;
}

#[tokio::test]
async fn bodies_that_are_held_share_the_memory() {
    let app = TestApp::with(&[("REQUEST_MEMORY_MB", "128")]).await;
    let length = (2 << 20) - 1;
    let memory = &app.app.shares.memory;
    let mut mallory = join_all((0..40).map(|_| SlowRequest::json(&app, [127, 0, 0, 2], "mallory", length))).await;
    // Before their bodies came.
    for answer in SlowRequest::refusals(&mut mallory, 8).await {
        assert!(raw_status(&answer) == 429 && answer.to_lowercase().contains("retry-after: 1"), "{answer}");
    }
    until("her share is used up", || memory.held() == 64 << 10).await;
    let mut eve = join_all((0..20).map(|_| SlowRequest::json(&app, [127, 0, 0, 3], "eve", length))).await;
    for answer in SlowRequest::refusals(&mut eve, 4).await {
        assert!(raw_status(&answer) == 503 && answer.to_lowercase().contains("retry-after: 1"), "{answer}");
    }
    assert_eq!(memory.held(), 96 << 10, "all but the reserve is theirs");
    // Who comes new gets a part of the reserve, and not all of it.
    let head = "POST /v1/files/batch-download HTTP/1.1\r\nx-user-id: trudy\r\ncontent-type: application/json\r\n";
    let greedy = SlowRequest::send(app.api_address(), [127, 0, 0, 4], head, 32 << 20, b"").await.answer().await;
    assert_eq!(raw_status(&greedy), 503, "{greedy}");
    let body = json!({ "name": "a", "unknown": "x".repeat(300_000) });
    let others = app.post("bob", "/v1/images", &body).await;
    assert!([200, 400].contains(&others.status), "{}", others.text());
    let long = json!({ "name": "x".repeat(3 << 20) });
    assert_eq!(app.post("bob", "/v1/images", &long).await.refusal(), (413, "TOO_LARGE".into()));
    drop((mallory, eve));
    until("memory returns", || memory.held() == 0).await;
    app.finish().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_gets_408() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let mut json = SlowRequest::json(&app, [127, 0, 0, 1], "alice", 1000).await;
    let mut part = slow_part(&url, 1000, b"x").await;
    until("both wait for their bodies", || app.app.writers.parts() == 1 && app.app.shares.requests.held() == 1).await;
    tokio::time::pause();
    let answer = json.answer().await;
    assert_eq!(raw_status(&answer), 408, "{answer}");
    assert!(answer.contains("REQUEST_TIMEOUT") && answer.to_lowercase().contains("connection: close"), "{answer}");
    let answer = part.answer().await;
    assert_eq!(raw_status(&answer), 400, "{answer}");
    assert!(answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    tokio::time::resume();
    assert_eq!((app.app.shares.requests.held(), app.app.shares.uploads.held()), (0, 0));
    app.finish_with(0).await;
}

#[tokio::test]
async fn a_part_whose_first_requests_hang_is_sent_again() {
    let app = TestApp::start().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let url = app.sign("alice", &image, &upload, 1).await;
    let mut first = slow_part(&url, 1000, b"x").await;
    until("it is written", || app.app.shares.uploads.held() == 1 && app.app.writers.parts() == 1).await;
    let mut hanging = Vec::new();
    for others in 2..=MAX_WRITERS {
        hanging.push(slow_part(&url, 1000, b"x").await);
        until("it is admitted", || app.app.shares.uploads.held() == others).await;
        until("it is written", || app.app.writers.writers() == others).await;
    }
    let bytes = pattern(1, 100_000);
    let etag = app.put("alice", &image, &upload, 1, &bytes).await;
    let answer = first.answer().await;
    assert_eq!(raw_status(&answer), 409, "{answer}");
    assert!(answer.contains("<Code>OperationAborted</Code>"), "{answer}");
    drop(hanging);
    until("the others have gone", || app.app.shares.uploads.held() == 0).await;
    assert_eq!(app.complete("alice", &image, &upload, &[(1, &etag)]).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn a_file_part_whose_first_requests_hang_is_sent_again() {
    let app = TestApp::start().await;
    let (upload, _) = init(&app, "alice", "a", 4, "").await;
    let path = format!("/v1/files/part/{upload}/0");
    let head = format!("PUT {path} HTTP/1.1\r\nx-user-id: alice\r\n");
    let mut slow = Vec::new();
    for writers in 1..=MAX_WRITERS {
        slow.push(SlowRequest::send(app.api_address(), [127, 0, 0, 1], &head, 4, b"x").await);
        until("it is admitted", || app.app.shares.uploads.held() == writers).await;
        until("it is written", || app.app.writers.writers() == writers).await;
    }
    // Strangers cut nobody off: they are refused before their bodies are read.
    let stranger = head.replace("alice", "mallory");
    let answer = SlowRequest::send(app.api_address(), [127, 0, 0, 1], &stranger, 4, b"x").await.answer().await;
    assert_eq!(raw_status(&answer), 404, "{answer}");
    assert_eq!(app.app.writers.writers(), MAX_WRITERS);
    let url = format!("{}{path}", app.api());
    let put = app.send("PUT", &url, &[("x-user-id", "alice")], b"data".to_vec()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let answer = slow[0].answer().await;
    assert!(raw_status(&answer) == 409 && answer.contains("INVALID_STATE"), "{answer}");
    drop(slow);
    until("the others have gone", || app.app.shares.uploads.held() == 0).await;
    let done = app.post("alice", "/v1/files/complete", &json!({ "uploadId": upload })).await;
    assert_eq!((done.status, &done.json()["size"]), (200, &json!(4)), "{}", done.text());
    app.run_jobs().await;
    app.finish().await;
}

#[test]
fn shares_follow_from_the_totals() {
    let folder = tempfile::tempdir().unwrap();
    let shares = |settings: &[(&str, &str)]| config(folder.path(), settings).limits.resources;
    let usual = shares(&[]);
    assert_eq!((usual.requests.total, usual.requests.per_address, usual.requests.per_subject), (512, 256, 128));
    assert_eq!((usual.uploads.total, usual.uploads.per_address, usual.uploads.per_subject), (1024, 512, 256));
    assert_eq!((usual.streams.total, usual.streams.per_subject), (1000, 50));
    assert_eq!((usual.memory_kib.total, usual.memory_kib.per_subject), (256 << 10, 64 << 10));
    let one = shares(&[("MAX_CONCURRENT_REQUESTS", "1"), ("REQUEST_MEMORY_MB", "128")]);
    assert_eq!((one.requests.per_address, one.requests.per_subject, one.memory_kib.per_subject), (1, 1, 64 << 10));
    let given = shares(&[("MAX_REQUESTS_PER_ADDRESS", "7"), ("MAX_REQUESTS_PER_SUBJECT", "9999")]);
    assert_eq!((given.requests.per_address, given.requests.per_subject), (7, 512), "never more than the total");
    for bad in ["0", "-1", "many", "100001"] {
        let environment = vec![("MAX_UPLOADS_PER_SUBJECT".to_owned(), bad.to_owned())];
        let problems = Config::load(&Sources { environment, ..Sources::default() }).unwrap_err();
        assert!(problems.to_string().contains("MAX_UPLOADS_PER_SUBJECT"), "{bad}: {problems}");
    }
}

#[tokio::test]
async fn downloads_have_shares_too() {
    let app = TestApp::with(&[("MAX_DOWNLOADS_PER_CLIENT", "2")]).await;
    // More than the buffers of a connection hold.
    let bytes = pattern(1, 15 << 20);
    let (image, upload) = app.begin("mallory", &json!({ "size": bytes.len() })).await;
    let mut etags = Vec::new();
    for (part, number) in bytes.chunks(5 << 20).zip(1..) {
        etags.push((number, app.put("mallory", &image, &upload, number, part).await));
    }
    let parts: Vec<_> = etags.iter().map(|(number, etag)| (*number, etag.as_str())).collect();
    assert_eq!(app.complete("mallory", &image, &upload, &parts).await.status, 200);
    let path = format!("/v1/images/{image}/range");
    let range = format!("bytes=0-{}", bytes.len() - 1);
    let head = format!("GET {path} HTTP/1.1\r\nx-user-id: mallory\r\nrange: {range}\r\n");
    let downloads = &app.app.shares.downloads;
    let mut unread = Vec::new();
    for held in 1..=2 {
        unread.push(SlowRequest::send(app.api_address(), [127, 0, 0, 2], &head, 0, b"").await);
        until("it is sent", || downloads.held() == held).await;
    }
    let url = format!("{}{path}", app.api());
    let asked = [("x-user-id", "mallory"), ("range", &range)];
    assert_eq!(app.send("GET", &url, &asked, Vec::new()).await.refusal(), (429, "RATE_LIMITED".into()));
    let short = app.send("GET", &url, &[("x-user-id", "mallory"), ("range", "bytes=0-9")], Vec::new()).await;
    assert_eq!(short.status, 206, "short responses need no share");
    assert_eq!(app.app.shares.requests.held(), 0, "long responses hold up no requests");
    drop(unread);
    until("permits return", || downloads.held() == 0).await;
    let whole = app.send("GET", &url, &asked, Vec::new()).await;
    assert!(whole.status == 206 && whole.body == bytes);
    app.finish().await;
}

#[tokio::test]
async fn uploads_have_shares_too() {
    let app = TestApp::with(&[("MAX_CONCURRENT_UPLOADS", "16")]).await;
    let (image, upload) = app.begin("mallory", &json!({})).await;
    let mut slow = Vec::new();
    for number in 1..=10 {
        slow.push(slow_part(&app.sign("mallory", &image, &upload, number).await, 1000, b"").await);
    }
    let uploads = &app.app.shares.uploads;
    until("a quarter is hers", || uploads.held() == 4).await;
    for answer in SlowRequest::refusals(&mut slow, 6).await {
        assert!(raw_status(&answer) == 503 && answer.contains("<Code>SlowDown</Code>"), "{answer}");
        assert!(answer.to_lowercase().contains("retry-after: 1"), "{answer}");
    }
    // Who has no valid signature holds no permit.
    let signed = app.sign("mallory", &image, &upload, 1).await;
    let (start, signature) = signed.split_once("X-Amz-Signature=").unwrap();
    let first = if signature.starts_with('0') { '1' } else { '0' };
    let url = format!("{start}X-Amz-Signature={first}{}", &signature[1..]);
    let answer = slow_part(&url, 1000, b"").await.answer().await;
    assert_eq!(raw_status(&answer), 403, "{answer}");
    assert_eq!(uploads.held(), 4);
    app.image("bob", b"x").await;
    drop(slow);
    until("permits return", || uploads.held() == 0).await;
    app.finish().await;
}

/// Returns the resident memory of this process in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Each sender has sent half of its part; without a budget the server would hold most of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_senders_take_little_memory() {
    // Her share is not what keeps her small: all her senders are admitted.
    let share = (2 * SENDERS).to_string();
    let settings = [
        ("MAX_CONCURRENT_UPLOADS", share.as_str()),
        ("MAX_UPLOADS_PER_SUBJECT", &share),
        ("MAX_UPLOADS_PER_ADDRESS", &share),
    ];
    let app = TestApp::with(&settings).await;
    let (image, upload) = app.begin("mallory", &json!({})).await;
    // A part each, and then as many senders of one more part.
    let mut urls = Vec::new();
    for number in 1..=u32::try_from(SENDERS / 2).unwrap() {
        urls.push(app.sign("mallory", &image, &upload, number).await);
    }
    let last = app.sign("mallory", &image, &upload, u32::try_from(SENDERS).unwrap()).await;
    let bytes: std::sync::Arc<[u8]> = vec![7; 1 << 20].into();
    let send = |url: String| {
        let bytes = std::sync::Arc::clone(&bytes);
        tokio::spawn(async move { slow_part(&url, 2 << 20, &bytes).await })
    };
    let (before, mut highest) = (resident(), 0);
    let mut senders = Vec::new();
    for (urls, parts) in [(urls, SENDERS / 2), (vec![last; SENDERS / 2], SENDERS / 2 + 1)] {
        let sending = join_all(urls.into_iter().map(send));
        tokio::pin!(sending);
        let sent = loop {
            highest = highest.max(resident());
            match tokio::time::timeout(Duration::from_millis(20), sending.as_mut()).await {
                Ok(sent) => break sent,
                Err(_) => continue,
            }
        };
        senders.push(sent);
        until("every part is being written", || app.app.writers.parts() == parts).await;
        highest = highest.max(resident());
    }
    let grown = highest.saturating_sub(before);
    assert!(grown < CEILING, "{} MiB", grown >> 20);
    assert_eq!(app.get("bob", "/v1/images").await.status, 200);
    drop(senders);
    until("permits return", || app.app.shares.uploads.held() == 0).await;
    app.finish().await;
}

/// Opens a stream of a space's events.
async fn watch(app: &TestApp, space: &str, user: &str) -> reqwest::Response {
    let url = format!("{}/api/spaces/{space}/events", app.api());
    reqwest::Client::new().get(url).header("x-user-id", user).send().await.unwrap()
}

/// Reads a stream until it tells of a change, or ends.
async fn next_change(watched: &mut (impl futures::Stream<Item = reqwest::Result<impl AsRef<[u8]>>> + Unpin)) -> bool {
    let mut told = String::new();
    while !told.contains("\"status\"") {
        match watched.next().await {
            Some(Ok(chunk)) => told.push_str(&String::from_utf8_lossy(chunk.as_ref())),
            _ => return false,
        }
    }
    true
}

#[tokio::test]
async fn a_change_is_looked_up_once_for_all_watchers() {
    let app = TestApp::with(&[("SCANNER", "off")]).await;
    let space = app.space("ann", "x").await;
    let members: Vec<String> = (0..5).map(|n| format!("member {n}")).collect();
    for member in &members {
        assert_eq!(app.member("ann", &space, member, "viewer").await.status, 200);
    }
    // A few at a time: each reads the database before it begins.
    let open = (0..100).map(|n| watch(&app, &space, &members[n % members.len()]));
    let open: Vec<_> = futures::stream::iter(open).buffered(8).collect().await;
    let mut streams = Vec::new();
    for watched in open {
        assert_eq!(watched.status(), 200);
        streams.push(Box::pin(watched.bytes_stream()));
    }
    let before = app.app.status_feeds.looks();
    let new = json!({ "filename": "a.jpg", "contentType": "image/jpeg", "size": 10 });
    assert_eq!(app.post("ann", &format!("/api/spaces/{space}/images"), &new).await.status, 201);
    let told = tokio::time::timeout(Duration::from_secs(20), join_all(streams.iter_mut().map(next_change))).await;
    assert!(told.unwrap().into_iter().all(|told| told), "every watcher is told");
    let looks = app.app.status_feeds.looks() - before;
    // One for the change; the others for the seconds that a slow machine takes.
    assert!((1..=20).contains(&looks), "{looks}");
    // A member who is removed is told nothing more, and the others are.
    let gone = format!("/api/spaces/{space}/members/{}", members[0].replace(' ', "%20"));
    assert_eq!(app.delete("ann", &gone).await.status, 204);
    assert_eq!(app.post("ann", &format!("/api/spaces/{space}/images"), &new).await.status, 201);
    let told = tokio::time::timeout(Duration::from_secs(20), join_all(streams.iter_mut().map(next_change))).await;
    for (n, told) in told.unwrap().into_iter().enumerate() {
        assert_eq!(told, n % members.len() != 0, "watcher {n}");
    }
    drop(streams);
    until("permits return", || app.app.shares.streams.held() == 0).await;
    app.finish().await;
}

#[tokio::test]
async fn users_with_many_event_streams_leave_one_to_others() {
    let settings = [("MAX_EVENT_STREAMS", "40"), ("MAX_EVENT_STREAMS_PER_SUBJECT", "12")];
    let app = TestApp::with(&settings).await;
    let space = app.space("ann", "x").await;
    let users: Vec<String> = (0..11).map(|n| format!("user{n}")).collect();
    let mut open = Vec::new();
    for (n, user) in users.iter().enumerate() {
        assert_eq!(app.member("ann", &space, user, "viewer").await.status, 200);
        let mut count = 0;
        let refused = loop {
            let watched = watch(&app, &space, user).await;
            if watched.status() != 200 {
                break watched;
            }
            open.push(watched);
            count += 1;
        };
        assert!(count >= 1, "{user} has a stream");
        let status = if n < 2 { 429 } else { 503 };
        assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (status, "1"));
        assert!(n > 1 || count == 12, "{count}");
    }
    drop(open);
    until("permits return", || app.app.shares.streams.held() == 0).await;
    app.finish().await;
}
