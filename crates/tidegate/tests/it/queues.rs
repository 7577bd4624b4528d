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
    let (lost, config) = open(&settings).await;
    for id in 1..=3 {
        lost.name(Some(JobClass::Upkeep), id, NOW);
    }
    lost.flush(SOON).await;
    receive(lost.queue_of(JobClass::Upkeep).unwrap(), 3).await;
    drop(lost);
    let client = redis::Client::open(given("TEST_REDIS_URL")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let tidegate::config::TransportSetting::Redis(setting) = &config.queues.transport else { panic!("not Redis") };
    let key = format!("{}:jobs:upkeep", setting.prefix);
    let mut pending = redis::cmd("XPENDING");
    pending.arg(&key).arg("workers").arg("-").arg("+").arg(10);
    let pending: Vec<(String, String, i64, i64)> = pending.query_async(&mut connection).await.unwrap();
    assert_eq!(pending.len(), 3);
    let (other, _) = open(&settings).await;
    let queue = other.queue_of(JobClass::Upkeep).unwrap();
    assert!(queue.receive(10, NOW).await.unwrap().is_empty(), "they may still be worked on");
    for (id, consumer, ..) in &pending[..2] {
        let mut age = redis::cmd("XCLAIM");
        age.arg(&key).arg("workers").arg(consumer).arg(0).arg(id).arg("IDLE").arg(61_000).arg("JUSTID");
        age.query_async::<redis::Value>(&mut connection).await.unwrap();
    }
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
    let (transport, config) = open(&settings).await;
    let queue = transport.queue_of(JobClass::Upkeep).unwrap();
    assert!(queue.receive(1, NOW).await.unwrap().is_empty());
    let client = redis::Client::open(given("TEST_REDIS_URL")).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let tidegate::config::TransportSetting::Redis(setting) = &config.queues.transport else { panic!("not Redis") };
    let mut delete = redis::cmd("DEL");
    delete.arg(format!("{}:jobs:upkeep", setting.prefix));
    assert_eq!(delete.query_async::<i64>(&mut connection).await.unwrap(), 1);
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
