//! The transports of jobs, each on a real server: what both must do, and what becomes of a commit's
//! jobs. Whole processes are in `e2e/test_queues.py`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tidegate::app::open_aws;
use tidegate::config::Config;
use tidegate::model::job_class::JobClass;
use tidegate::queue::redrive::{Redrive, Redriven};
use tidegate::queue::transport::{Delivery, Queue, Transport};
use tidegate::queue::{self, Job, message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::services::given;
use crate::support::{TestApp, config};

const NOW: Duration = Duration::ZERO;
const SOON: Duration = Duration::from_secs(5);

/// Settings for a queue of its own on a server of SQS, with a dead-letter queue.
async fn sqs(server: &str, receives: u32) -> Vec<(String, String)> {
    let server = given(server);
    let folder = tempfile::tempdir().unwrap();
    let credentials = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let place = [("AWS_ENDPOINT_URL", server.as_str())];
    let client = open_aws(&config(folder.path(), &[credentials.as_slice(), &place].concat())).await.unwrap();
    let name = format!("it-{}", uuid::Uuid::new_v4().simple());
    let call = async |operation: &str, input| {
        client.json("sqs", "1.0", &format!("AmazonSQS.{operation}"), &input).await.unwrap()
    };
    let dead = call("CreateQueue", json!({ "QueueName": format!("{name}-dead") })).await;
    let dead = json!({ "QueueUrl": dead["QueueUrl"], "AttributeNames": ["QueueArn"] });
    let arn = call("GetQueueAttributes", dead).await["Attributes"]["QueueArn"].as_str().unwrap().to_owned();
    let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": receives }).to_string();
    let made = call("CreateQueue", json!({ "QueueName": name, "Attributes": { "RedrivePolicy": policy } })).await;
    let url = made["QueueUrl"].as_str().unwrap().to_owned();
    let settings = [credentials.as_slice(), &place, &[("JOB_QUEUE_URL", &url)]].concat();
    settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Settings for streams of their own on Redis.
fn redis() -> Vec<(String, String)> {
    let prefix = format!("it-{}", uuid::Uuid::new_v4().simple());
    let url = given("TEST_REDIS_URL");
    vec![("REDIS_URL".to_owned(), url), ("REDIS_PREFIX".to_owned(), prefix)]
}

/// Runs a command of Redis, whose words are any bytes.
async fn command(words: &[Vec<u8>]) -> redis::Value {
    let client = redis::Client::open(given("TEST_REDIS_URL")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query_async(&mut connection).await.unwrap()
}

/// Returns the key of the stream of a class.
fn stream(settings: &[(String, String)], class: &str) -> Vec<u8> {
    let (_, prefix) = settings.iter().find(|(name, _)| name == "REDIS_PREFIX").unwrap();
    format!("{prefix}:jobs:{class}").into_bytes()
}

/// Returns the ids and consumers of the entries of the upkeep stream that consumers hold.
async fn pending(settings: &[(String, String)]) -> Vec<(String, String)> {
    let words = ["workers", "-", "+", "1000"].map(|word| word.as_bytes().to_vec());
    let held = command(&[&[b"XPENDING".to_vec(), stream(settings, "upkeep")][..], &words].concat()).await;
    let held: Vec<(String, String, i64, i64)> = redis::from_redis_value(held).unwrap();
    held.into_iter().map(|(id, consumer, ..)| (id, consumer)).collect()
}

/// Makes entries ones whose consumers have been silent for more than a minute.
async fn age(settings: &[(String, String)], entries: &[(String, String)]) {
    for (id, consumer) in entries {
        let key = String::from_utf8(stream(settings, "upkeep")).unwrap();
        let words = ["XCLAIM", &key, "workers", consumer, "0", id, "IDLE", "61000", "JUSTID"];
        command(&words.map(|word| word.as_bytes().to_vec())).await;
    }
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn open(settings: &[(String, String)]) -> (Arc<Transport>, Config) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &borrowed(settings));
    let client = open_aws(&config).await.unwrap();
    (Transport::open(&config, Some(client)).unwrap().unwrap(), config)
}

/// Receives until there are as many messages.
async fn receive(queue: &Queue, count: usize) -> Vec<Arc<Delivery>> {
    let mut all = Vec::new();
    while all.len() < count {
        let some = queue.receive(count - all.len(), SOON).await.unwrap();
        assert!(!some.is_empty(), "only {} of {count} messages", all.len());
        all.extend(some.into_iter().map(Arc::new));
    }
    all
}

fn ids(deliveries: &[Arc<Delivery>]) -> Vec<i64> {
    let mut ids: Vec<i64> = deliveries.iter().map(|delivery| message::parse(&delivery.body).unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// What every transport must do.
async fn conform(settings: &[(String, String)]) {
    let (transport, _) = open(settings).await;
    let queue = transport.queue_of(JobClass::Images).unwrap();
    assert!(!queue.is_up(), "nothing is known of it yet");
    assert!(queue.receive(5, NOW).await.unwrap().is_empty());
    assert!(queue.is_up() && !queue.is_busy());
    for id in 1..=25 {
        transport.name(Some(JobClass::Images), id, NOW);
    }
    transport.name(None, 99, NOW);
    transport.name(Some(JobClass::Images), 100, Duration::from_secs(3600));
    transport.flush(SOON).await;
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.in_flight, depth.dead), (25, 0, Some(0)), "those that are due within reach");
    let received = receive(queue, 25).await;
    assert_eq!(ids(&received), (1..=25).collect::<Vec<i64>>());
    assert!(queue.is_busy());
    let again = queue.receive(5, NOW).await.unwrap();
    assert!(again.is_empty(), "they are hidden: {again:?}");
    assert_eq!(queue.extend(&received).await.unwrap(), 0);
    queue.acknowledge(&received[..20]).await.unwrap();
    queue.acknowledge(&received[..20]).await.unwrap();
    queue.release(&received[20..]).await.unwrap();
    let released = receive(queue, 5).await;
    assert_eq!(ids(&released), ids(&received[20..]));
    queue.acknowledge(&released).await.unwrap();
    queue.leave().await;
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.in_flight, depth.delayed), (0, 0, 0));
}

#[tokio::test]
async fn redis_carries_messages() {
    conform(&redis()).await;
}

#[tokio::test]
async fn an_emulator_of_sqs_carries_messages() {
    conform(&sqs("TEST_MINISTACK_URL", 1000).await).await;
}

#[tokio::test]
async fn another_emulator_of_sqs_carries_messages() {
    conform(&sqs("TEST_MOTO_URL", 1000).await).await;
}

#[tokio::test]
async fn a_delayed_message_comes_when_it_is_due() {
    for settings in [redis(), sqs("TEST_MINISTACK_URL", 1000).await] {
        let (transport, _) = open(&settings).await;
        let queue = transport.queue_of(JobClass::Scans).unwrap();
        let started = std::time::Instant::now();
        transport.name(Some(JobClass::Scans), 7, Duration::from_millis(900));
        assert!(queue.receive(1, NOW).await.unwrap().is_empty());
        let received = receive(queue, 1).await;
        assert_eq!(ids(&received), [7]);
        assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
        queue.acknowledge(&received).await.unwrap();
    }
}

/// Entries that a consumer has read and never acknowledged are another's after a minute of silence.
/// The minute is written into Redis instead of being waited for.
#[tokio::test]
async fn entries_of_a_lost_consumer_are_claimed() {
    let settings = redis();
    let (lost, _) = open(&settings).await;
    for id in 1..=3 {
        lost.name(Some(JobClass::Upkeep), id, NOW);
    }
    lost.flush(SOON).await;
    receive(lost.queue_of(JobClass::Upkeep).unwrap(), 3).await;
    drop(lost);
    let pending = pending(&settings).await;
    assert_eq!(pending.len(), 3);
    let (other, _) = open(&settings).await;
    let queue = other.queue_of(JobClass::Upkeep).unwrap();
    assert!(queue.receive(10, NOW).await.unwrap().is_empty(), "they may still be worked on");
    age(&settings, &pending[..2]).await;
    let (third, _) = open(&settings).await;
    let queue = third.queue_of(JobClass::Upkeep).unwrap();
    let claimed = receive(queue, 2).await;
    assert_eq!(ids(&claimed).len(), 2);
    queue.acknowledge(&claimed).await.unwrap();
    assert_eq!(queue.depth().await.unwrap().in_flight, 1);
}

#[tokio::test]
async fn a_stream_that_is_gone_is_made_again() {
    let settings = redis();
    let (transport, _) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    assert!(queue.receive(1, NOW).await.unwrap().is_empty());
    assert_eq!(command(&[b"DEL".to_vec(), stream(&settings, "upkeep")]).await, redis::Value::Int(1));
    transport.name(Some(JobClass::Upkeep), 5, NOW);
    transport.flush(SOON).await;
    let received = receive(queue, 1).await;
    assert_eq!(ids(&received), [5]);
    queue.acknowledge(&received).await.unwrap();
}

#[tokio::test]
async fn messages_are_moved_back_from_the_dead_letter_queue() {
    let settings = sqs("TEST_MINISTACK_URL", 1).await;
    let (transport, _) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    for id in 1..=12 {
        transport.name(Some(JobClass::Upkeep), id, NOW);
    }
    transport.flush(SOON).await;
    // Received once and not deleted, they are moved when they would be received again.
    let received = receive(queue, 12).await;
    queue.release(&received).await.unwrap();
    assert!(queue.receive(10, NOW).await.unwrap().is_empty());
    assert_eq!(queue.depth().await.unwrap().dead, Some(12));
    let wanted = Redrive { limit: 5, dry_run: true, all: false };
    let mut seen = 0;
    let tried = queue.redrive(wanted, |_, is_moved| seen += usize::from(is_moved)).await.unwrap().unwrap();
    assert_eq!((tried, seen), (Redriven { moved: 5, foreign: 0 }, 5));
    assert_eq!(queue.depth().await.unwrap().dead, Some(12), "a dry run moves nothing");
    let moved = queue.redrive(Redrive { dry_run: false, ..wanted }, |_, _| {}).await.unwrap().unwrap();
    assert_eq!(moved.moved, 5);
    let rest =
        queue.redrive(Redrive { limit: u64::MAX, dry_run: false, all: false }, |_, _| {}).await.unwrap().unwrap();
    assert_eq!(rest.moved, 7);
    assert_eq!(ids(&receive(queue, 12).await), (1..=12).collect::<Vec<i64>>());
}

/// Messages that come back at once: a consumer fails each of them.
#[tokio::test]
async fn what_fails_again_is_not_moved_for_ever() {
    let settings = sqs("TEST_MINISTACK_URL", 1).await;
    let (transport, _) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    for id in 1..=3 {
        transport.name(Some(JobClass::Upkeep), id, NOW);
    }
    transport.flush(SOON).await;
    let fails = async || {
        let received = receive(queue, 3).await;
        queue.release(&received).await.unwrap();
        assert!(queue.receive(10, NOW).await.unwrap().is_empty(), "they are in the dead-letter queue");
    };
    fails().await;
    // Longer than the emulator's clock is exact.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let all = Redrive { limit: u64::MAX, dry_run: false, all: false };
    let failing = async {
        loop {
            let received = queue.receive(10, SOON).await.unwrap();
            let received: Vec<Arc<Delivery>> = received.into_iter().map(Arc::new).collect();
            queue.release(&received).await.unwrap();
        }
    };
    let moving = tokio::time::timeout(Duration::from_secs(60), queue.redrive(all, |_, _| {}));
    let moved = tokio::select! { moved = moving => moved, () = failing => unreachable!() };
    assert_eq!(moved.expect("it ends").unwrap().unwrap(), Redriven { moved: 3, foreign: 0 });

    let settings = redis();
    let (transport, _) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    command(&[
        "XADD".into(),
        [stream(&settings, "upkeep"), b":dead".to_vec()].concat(),
        "*".into(),
        "message".into(),
        "foreign".into(),
    ])
    .await;
    let rejecting = async {
        loop {
            for found in queue.receive(10, Duration::from_millis(100)).await.unwrap() {
                queue.reject(&found).await.unwrap();
            }
        }
    };
    let moving = tokio::time::timeout(Duration::from_secs(30), queue.redrive(Redrive { all: true, ..all }, |_, _| {}));
    let moved = tokio::select! { moved = moving => moved, () = rejecting => unreachable!() };
    assert_eq!(moved.expect("it ends").unwrap().unwrap().moved, 1);
}

/// Whoever can reach Redis can add entries that no text is in.
#[tokio::test]
async fn entries_that_are_no_text_go_to_the_dead_ones_and_keep_no_others() {
    let settings = redis();
    let (transport, _) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Images).unwrap();
    for fields in [&[b"\xff\xfe".as_slice(), b"\x80\x81", b"message", b"\xff"][..], &[b"\xff\xfe", b"1"]] {
        let mut words = vec![b"XADD".to_vec(), stream(&settings, "images"), b"*".to_vec()];
        words.extend(fields.iter().map(|field| field.to_vec()));
        command(&words).await;
    }
    transport.name(Some(JobClass::Images), 4, NOW);
    transport.flush(SOON).await;
    let received = receive(queue, 3).await;
    assert_eq!(message::parse(&received[2].body), Some(4));
    for odd in &received[..2] {
        assert_eq!(message::parse(&odd.body), None, "{:?}", odd.body);
        queue.reject(odd).await.unwrap();
    }
    queue.acknowledge(&received[2..]).await.unwrap();
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.waiting, depth.in_flight, depth.dead), (0, 0, Some(2)));
    let all = Redrive { limit: u64::MAX, dry_run: false, all: true };
    assert_eq!(queue.redrive(all, |_, _| {}).await.unwrap().unwrap().moved, 2, "as they came");
}

/// The entries of a lost consumer may stand behind any number that busy ones hold.
#[tokio::test]
async fn entries_of_a_lost_consumer_are_found_behind_those_of_busy_ones() {
    let settings = redis();
    let (busy, _) = open(&settings).await;
    for id in 1..=60 {
        busy.name(Some(JobClass::Upkeep), id, NOW);
    }
    busy.flush(SOON).await;
    assert_eq!(receive(busy.queue_of(JobClass::Upkeep).unwrap(), 60).await.len(), 60);
    let pending = pending(&settings).await;
    age(&settings, &pending[59..]).await;
    let (other, _) = open(&settings).await;
    let queue = other.queue_of(JobClass::Upkeep).unwrap();
    // A claim of one looks at ten entries a command.
    let claimed = queue.receive(1, NOW).await.unwrap();
    assert_eq!(claimed.iter().map(|one| message::parse(&one.body)).collect::<Vec<_>>(), [Some(60)]);
}

/// Another server has become the primary, and connections to the old one stay open. It is a stand-in
/// here: it answers the first connections as a replica does, and passes the next ones on to Redis.
#[tokio::test]
async fn a_connection_to_a_primary_that_was_replaced_is_opened_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = given("TEST_REDIS_URL");
    let primary = url.strip_prefix("redis://").unwrap().split('/').next().unwrap().to_owned();
    let moved = url.replace(&primary, &listener.local_addr().unwrap().to_string());
    let serving = tokio::spawn(async move {
        let (mut old, _) = listener.accept().await.unwrap();
        let refusing = tokio::spawn(async move {
            let mut read = [0; 4096];
            loop {
                let count = old.read(&mut read).await.unwrap();
                let commands = read[..count].split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"*")).count();
                let refusals = "-READONLY You can't write against a read only replica.\r\n".repeat(commands);
                if count == 0 || old.write_all(refusals.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        while let Ok((mut client, _)) = listener.accept().await {
            let mut redis = tokio::net::TcpStream::connect(&primary).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut redis).await });
        }
        refusing.await.unwrap();
    });
    let mut settings = redis();
    settings[0].1 = moved;
    let (transport, _) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    let refused = queue.receive(1, NOW).await.unwrap_err().to_string();
    assert!(refused.contains("READONLY") && !queue.is_up(), "{refused}");
    assert!(queue.receive(1, NOW).await.unwrap().is_empty() && queue.is_up());
    serving.abort();
}

#[tokio::test]
async fn a_commit_sends_the_jobs_that_it_enqueued() {
    let settings = redis();
    let app = TestApp::with(&borrowed(&settings)).await;
    let transport = app.app.transport.as_ref().unwrap();
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    let job = || Job::ReleaseUploadV1 { upload_id: "0".repeat(32), key: "images/none".into() };
    let (now, later) = (SystemTime::now(), SystemTime::now() + Duration::from_secs(3600));
    let mut tx = app.app.db.begin().await.unwrap();
    queue::enqueue(&mut tx, &job(), now).await.unwrap();
    drop(tx);
    let mut tx = app.app.db.begin().await.unwrap();
    let first = queue::enqueue(&mut tx, &job(), now).await.unwrap().unwrap();
    let second = queue::enqueue(&mut tx, &job(), now).await.unwrap().unwrap();
    let third = queue::enqueue(&mut tx, &job(), later).await.unwrap().unwrap();
    app.app.flush_messages().await;
    assert_eq!(queue.depth().await.unwrap().waiting, 0, "not before the commit");
    tx.commit().await.unwrap();
    app.app.flush_messages().await;
    let received = receive(queue, 2).await;
    assert_eq!(ids(&received), [first, second], "neither what was rolled back, nor what is due much later");
    queue.acknowledge(&received).await.unwrap();
    app.app.db.clock().advance(Duration::from_secs(3600));
    app.run_jobs().await;
    assert!(third > second);
    app.finish().await;
}

#[tokio::test]
async fn a_broker_that_is_away_fails_no_commit() {
    // A port that nobody listens on.
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = unused.port().to_string();
    let app = TestApp::with(&[("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", port.as_str())]).await;
    let (image, _) = app.begin("alice", &json!({})).await;
    let aborted = app.post("alice", &format!("/v1/images/{image}/abort"), &json!({})).await;
    assert_eq!(aborted.status, 204, "{}", aborted.text());
    let transport = app.app.transport.as_ref().unwrap();
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    assert!(queue.receive(1, NOW).await.is_err() && !queue.is_up());
    let ready = app.get("alice", "/readyz").await;
    assert_eq!(ready.status, 200, "jobs are found in the database: {}", ready.text());
    app.run_jobs().await;
    app.finish().await;
}
