//! Histories of concurrent clients, on one server and on two that share a database and a bucket,
//! checked for linearizability. `HISTORIES=500` sets the number of objects of each kind. A run prints
//! its seed, and `HISTORY_SEED` repeats its choices: which client sends what to which server. It does
//! not repeat how the requests meet.

#![expect(clippy::print_stdout, reason = "what a run has found, shown with --nocapture")]

mod check;
mod models;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use self::check::{Event, check, is_linearizable};
use self::models::{Content, Image, SpaceImage, Step, TrashStep};
use crate::support::files::sha256;
use crate::support::services::{bucket, database, given};
use crate::support::{Answer, TestApp};

/// Clients of one object.
const CLIENTS: usize = 4;
/// Operations of one client.
const OPERATIONS: usize = 6;

fn objects(usual: usize) -> usize {
    std::env::var("HISTORIES").map_or(usual, |given| given.parse().unwrap())
}

/// Random numbers from a seed (xorshift64*).
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn seeded() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        let seed = std::env::var("HISTORY_SEED").map_or(now as u64 | 1, |given| given.parse().unwrap());
        println!("HISTORY_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn fork(&mut self) -> Self {
        Self(((self.below(1 << 30) as u64) << 32) | self.below(1 << 30) as u64 | 1)
    }
}

/// When something was sent and answered, in microseconds of the run.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap()
    }

    /// Sends a request and returns the answer with its times.
    async fn time<T>(self, request: impl Future<Output = T>) -> (T, (u64, u64)) {
        let invoked = self.now();
        let answer = request.await;
        (answer, (invoked, self.now()))
    }
}

fn certain<S>(step: S, (invoked, returned): (u64, u64)) -> Event<S> {
    Event { steps: vec![step], is_certain: true, invoked, returned }
}

/// An answer of which nobody knows whether it took effect.
fn perhaps<S>(steps: Vec<S>, (invoked, _): (u64, u64)) -> Event<S> {
    Event { steps, is_certain: false, invoked, returned: u64::MAX }
}

/// What a refused request may have done before it met the reason: a completion that chose its parts
/// and then met an abort.
fn at_most<S>(steps: Vec<S>, (invoked, returned): (u64, u64)) -> Event<S> {
    Event { steps, is_certain: false, invoked, returned }
}

fn ambiguous(answer: &Answer) -> bool {
    answer.status >= 500
}

/// A refusal that says that the request met another one, and is to be sent again.
fn is_busy(answer: &Answer) -> bool {
    ["try again", "ask again"].iter().any(|text| answer.text().contains(text))
}

/// A request is told to be sent again only if it met another one.
fn busy_only_when_met(name: &str, history: &[Event<Step>]) -> Result<(), String> {
    for (at, event) in history.iter().enumerate().filter(|(_, event)| event.steps == [Step::Busy] && event.is_certain) {
        let meets = |other: &Event<Step>| other.invoked <= event.returned && event.invoked <= other.returned;
        if !history.iter().enumerate().any(|(place, other)| place != at && meets(other)) {
            return Err(format!("{name}: told to try again, and nothing was under way at {}", event.invoked));
        }
    }
    Ok(())
}

fn check_upload<M: check::Model<Step = Step>>(
    model: &M,
    histories: &[(String, Vec<Event<Step>>)],
) -> Vec<Result<(), String>> {
    let both = |(name, history): &(String, Vec<Event<Step>>)| {
        busy_only_when_met(name, history).and_then(|()| check(model, name, history))
    };
    histories.iter().map(both).collect()
}

/// A client waits a moment now and then, so that operations meet in all ways.
async fn pause(random: &mut Random) {
    if random.below(3) == 0 {
        tokio::time::sleep(Duration::from_micros(random.below(3000) as u64)).await;
    }
}

/// Chooses what a client does: sends a part (below 7), completes (below 12), aborts (12), deletes (13,
/// 14) or reads (below 20). In the first half of its operations it mostly sends and completes, and it
/// rarely aborts: else nearly every upload would end before it is complete.
fn choose(random: &mut Random, operation: usize) -> usize {
    let (action, is_early, is_rare) = (random.below(20), random.below(8) > 0, random.below(3) > 0);
    let builds = random.below(12);
    if (operation < OPERATIONS / 2 && is_early) || (action == 12 && is_rare) { builds } else { action }
}

/// What is done when the clients have ended: a part is sent, the upload completed, read, deleted and
/// read again.
const LAST_ACTIONS: [usize; 5] = [0, 7, 15, 13, 15];

/// An image that several clients change.
#[derive(Debug)]
struct ImageUpload {
    image: String,
    upload: String,
    url: [String; 2],
    /// The content of part 1 that was acknowledged last, which most completions name.
    last: Mutex<Option<Content>>,
}

fn bytes_of(content: Content) -> Vec<u8> {
    format!("content {content}").into_bytes()
}

/// Returns the ETag of a part, which is its MD5 on every store here.
fn md5_etag(content: Content) -> String {
    let sum = match content {
        'a' => "d8114b361885ee54897e52ce2308e274",
        'b' => "cd4e6ac0d4e24c702ab469a5b5ea7b2c",
        _ => "72caaea89938cf281a17be7f25b4c399",
    };
    format!("\"{sum}\"")
}

/// The steps of an upload that must succeed often.
const UPLOAD_STEPS: [&str; 4] = ["Part", "Publish", "Delete", "Read"];

const LETTERS: [Content; 3] = ['a', 'b', 'c'];

async fn image_operation(
    app: &TestApp,
    of: &ImageUpload,
    action: usize,
    random: &mut Random,
    clock: Clock,
) -> Vec<Event<Step>> {
    let ImageUpload { image, upload, url, last } = of;
    let (number, content) = (1 + random.below(2) as u32, LETTERS[random.below(3)]);
    let path = format!("/v1/images/{image}");
    match action {
        0..=6 => {
            let part = &url[number as usize - 1];
            let (answer, times) = clock.time(app.send("PUT", part, &[], bytes_of(content))).await;
            vec![match answer.status {
                200 => {
                    if number == 1 {
                        *last.lock().unwrap() = Some(content);
                    }
                    certain(Step::Part(number, content), times)
                }
                400..500 => certain(Step::PartRefused, times),
                _ => perhaps(vec![Step::Part(number, content)], times),
            }]
        }
        7..=11 => {
            // Now and then a part without the one before it, which is no file, or with another content.
            let number = if random.below(6) == 0 { 2 } else { 1 };
            let is_right = random.below(4) > 0;
            let content = last.lock().unwrap().filter(|_| is_right).unwrap_or(content);
            let listed = vec![(number, content)];
            let etag = md5_etag(content);
            let (answer, times) = clock.time(app.complete("alice", image, upload, &[(number, &etag)])).await;
            match answer.status {
                200 => vec![certain(Step::Seal(listed.clone()), times), certain(Step::Publish(listed), times)],
                400 => vec![certain(Step::CompleteMismatch(listed), times)],
                409 if is_busy(&answer) => vec![certain(Step::Busy, times), at_most(vec![Step::Seal(listed)], times)],
                404 | 409 => {
                    let seal = at_most(vec![Step::Seal(listed.clone())], times);
                    vec![certain(Step::CompleteRefused(listed), times), seal]
                }
                status => {
                    assert!(ambiguous(&answer), "{status}: {}", answer.text());
                    vec![perhaps(vec![Step::Seal(listed.clone())], times), perhaps(vec![Step::Publish(listed)], times)]
                }
            }
        }
        12 => {
            let (answer, times) = clock.time(app.post("alice", &format!("{path}/abort"), &json!({}))).await;
            vec![match answer.status {
                204 => certain(Step::Abort, times),
                404 | 409 => certain(Step::AbortRefused, times),
                _ => perhaps(vec![Step::Abort], times),
            }]
        }
        13 | 14 => {
            let (answer, times) = clock.time(app.delete("alice", &path)).await;
            vec![match answer.status {
                204 => certain(Step::Delete, times),
                404 | 409 => certain(Step::DeleteMissing, times),
                _ => perhaps(vec![Step::Delete], times),
            }]
        }
        _ => {
            let (answer, times) = clock.time(app.get("alice", &format!("{path}/range"))).await;
            vec![match answer.status {
                200 => {
                    let found = *answer.body.last().unwrap() as char;
                    // The bytes do not say under which number they came.
                    let steps = [1, 2].map(|number| Step::Read(vec![(number, found)])).to_vec();
                    Event { steps, is_certain: true, invoked: times.0, returned: times.1 }
                }
                404 | 409 => certain(Step::ReadNothing, times),
                _ => perhaps(vec![Step::Busy], times),
            }]
        }
    }
}

/// Runs clients on some objects at once, each on servers chosen at random; returns all histories.
async fn images(servers: &[&TestApp], count: usize, random: &mut Random) -> Vec<(String, Vec<Event<Step>>)> {
    let clock = Clock(Instant::now());
    let mut histories = Vec::new();
    for _ in 0..count.div_ceil(4) {
        let batch = (0..4).map(|_| {
            let mut random = random.fork();
            async move {
                let (image, upload) = servers[0].begin("alice", &json!({})).await;
                let url = [
                    servers[0].sign("alice", &image, &upload, 1).await,
                    servers[servers.len() - 1].sign("alice", &image, &upload, 2).await,
                ];
                let of = ImageUpload { image, upload, url, last: Mutex::default() };
                let clients = (0..CLIENTS).map(|_| {
                    let (of, mut random) = (&of, random.fork());
                    async move {
                        let mut events = Vec::new();
                        for operation in 0..OPERATIONS {
                            pause(&mut random).await;
                            let server = servers[random.below(servers.len())];
                            let action = choose(&mut random, operation);
                            events.extend(image_operation(server, of, action, &mut random, clock).await);
                        }
                        events
                    }
                });
                let mut events = join_all(clients).await.concat();
                for action in LAST_ACTIONS {
                    events.extend(image_operation(servers[0], &of, action, &mut random, clock).await);
                }
                (format!("image {}", of.image), events)
            }
        });
        histories.extend(join_all(batch).await);
    }
    histories
}

/// Prints what a run has found and fails if a history is wrong, the operations hardly met, or one of
/// the steps `must` did not succeed in a quarter as many cases as there are histories.
fn report<S: std::fmt::Debug>(
    what: &str,
    results: Vec<Result<(), String>>,
    histories: &[(String, Vec<Event<S>>)],
    must: &[&str],
) {
    let events: usize = histories.iter().map(|(_, history)| history.len()).sum();
    let overlapping = histories.iter().flat_map(|(_, history)| {
        history.iter().map(|one| {
            history.iter().filter(|other| other.invoked < one.returned && one.invoked < other.returned).count() - 1
        })
    });
    let overlapping: usize = overlapping.sum();
    let wrong: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    println!(
        "{what}: {} histories, {events} operations, {overlapping} overlaps, {} wrong",
        histories.len(),
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "{what}: {} of {}\n{}",
        wrong.len(),
        histories.len(),
        wrong[..wrong.len().min(3)].join("\n")
    );
    assert!(overlapping > events, "the operations hardly met");
    let all = histories.iter().flat_map(|(_, history)| history).filter(|event| event.is_certain);
    let steps: Vec<String> = all.filter_map(|event| event.steps.first()).map(|step| format!("{step:?}")).collect();
    for name in must {
        let done = steps.iter().filter(|step| step.split('(').next() == Some(name)).count();
        println!("{what}: {done} times {name}");
        assert!(done * 4 >= histories.len(), "{what}: {name} succeeded {done} times in {} histories", histories.len());
    }
}

async fn server() -> TestApp {
    TestApp::with(&[("RATE_LIMIT_PER_ADDRESS", "0"), ("RATE_LIMIT_PER_SUBJECT", "0")]).await
}

/// Two servers on one database and one bucket.
async fn two_servers(folder: &std::path::Path) -> (TestApp, TestApp) {
    let mut settings = bucket(&given("TEST_GARAGE_URL")).await;
    settings.push(("DATABASE_URL".into(), database(folder).await));
    let pem = std::fs::read_to_string("../sign/tests/fixtures/throwaway-p256.pkcs8.pem").unwrap();
    settings.push(("CLOUDFRONT_PRIVATE_KEY_PEM".into(), pem));
    settings.push(("CLOUDFRONT_KEY_PAIR_ID".into(), "K1".into()));
    settings.push(("UPLOAD_SIGNING_KEY".into(), "0123456789abcdef0123456789abcdef".into()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    (TestApp::with(&settings).await, TestApp::with(&settings).await)
}

/// Ends both servers. What was aborted is looked at again later, when the bucket has forgotten it.
async fn end_both(one: TestApp, other: TestApp) {
    one.run_jobs().await;
    let waiting = one.app.db.count_jobs().await.unwrap().queued;
    one.finish_with(waiting).await;
    other.finish_with(waiting).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_of_one_server_are_linearizable() {
    let (app, mut random) = (server().await, Random::seeded());
    let histories = images(&[&app], objects(40), &mut random).await;
    let results = check_upload(&Image { in_bucket: false }, &histories);
    report("images, one server", results, &histories, &UPLOAD_STEPS);
    app.run_jobs().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_of_two_servers_are_linearizable() {
    let folder = tempfile::tempdir().unwrap();
    let ((one, other), mut random) = (two_servers(folder.path()).await, Random::seeded());
    let histories = images(&[&one, &other], objects(24), &mut random).await;
    let results = check_upload(&Image { in_bucket: true }, &histories);
    report("images, two servers", results, &histories, &UPLOAD_STEPS);
    end_both(one, other).await;
}

/// A user's file that several clients change: its upload and its key.
#[derive(Debug)]
struct FileUpload {
    upload: String,
    key: String,
}

async fn file_operation(
    app: &TestApp,
    of: &FileUpload,
    action: usize,
    random: &mut Random,
    clock: Clock,
) -> Vec<Event<Step>> {
    let FileUpload { upload, key } = of;
    let content = LETTERS[random.below(3)];
    match action {
        0..=6 => {
            let (answer, times) =
                clock.time(crate::support::files::put(app, "alice", upload, 1, &bytes_of(content))).await;
            vec![match answer.status {
                200 => certain(Step::Part(1, content), times),
                400..500 => certain(Step::PartRefused, times),
                _ => perhaps(vec![Step::Part(1, content)], times),
            }]
        }
        7..=11 => {
            let (answer, times) = clock.time(crate::support::files::complete(app, "alice", upload)).await;
            let all = LETTERS.map(|content| vec![(1, content)]);
            match answer.status {
                200 => {
                    let sum = answer.json()["sha256"].as_str().unwrap().to_owned();
                    let found = LETTERS.into_iter().find(|letter| sha256(&bytes_of(*letter)) == sum).unwrap();
                    let listed = vec![(1, found)];
                    vec![certain(Step::Seal(listed.clone()), times), certain(Step::Publish(listed), times)]
                }
                // There is no part yet.
                400 => vec![certain(Step::CompleteMismatch(vec![(1, '-')]), times)],
                404 | 409 => {
                    let refused = if is_busy(&answer) { Step::Busy } else { Step::CompleteRefused(Vec::new()) };
                    vec![certain(refused, times), at_most(all.map(Step::Seal).to_vec(), times)]
                }
                _ => {
                    let seals = all.iter().cloned().map(Step::Seal).collect();
                    vec![perhaps(seals, times), perhaps(all.into_iter().map(Step::Publish).collect(), times)]
                }
            }
        }
        12 => {
            let (answer, times) = clock.time(app.delete("alice", &format!("/v1/files/uploads/{upload}"))).await;
            vec![match answer.status {
                204 => certain(Step::Abort, times),
                404 | 409 => certain(Step::AbortRefused, times),
                _ => perhaps(vec![Step::Abort], times),
            }]
        }
        13 | 14 => {
            let (answer, times) = clock.time(app.delete("alice", &format!("/v1/files/{key}"))).await;
            vec![match answer.status {
                200 => certain(Step::Delete, times),
                404 | 409 => certain(Step::DeleteMissing, times),
                _ => perhaps(vec![Step::Delete], times),
            }]
        }
        _ => {
            let url = format!("{}/{key}", app.api());
            let (answer, times) = clock.time(app.send("GET", &url, &[], Vec::new())).await;
            vec![match answer.status {
                200 => certain(Step::Read(vec![(1, *answer.body.last().unwrap() as char)]), times),
                404 | 409 => certain(Step::ReadNothing, times),
                _ => perhaps(vec![Step::Busy], times),
            }]
        }
    }
}

const IMAGE: Image = Image { in_bucket: false };

/// A user's file: as an image, but a delete leaves an open upload alone, and what was aborted or
/// deleted is not told from what never was.
#[derive(Debug)]
struct File;

impl check::Model for File {
    type State = models::State;
    type Step = Step;

    fn start(&self) -> Self::State {
        IMAGE.start()
    }

    fn apply(&self, state: &Self::State, step: &Step) -> Vec<Self::State> {
        use models::State::{Aborted, Deleted, Open, Ready, Sealed};
        match (step, state) {
            // The delete of a file is about the key, which an open upload does not have yet.
            (Step::DeleteMissing, Open(_)) => vec![state.clone()],
            (Step::Delete, Open(_) | Sealed(..)) => Vec::new(),
            (Step::CompleteRefused(_), Ready(_)) => Vec::new(),
            // A completion of parts that are being joined by another request waits or is refused.
            (Step::CompleteRefused(_), Sealed(..) | Aborted | Deleted) => vec![state.clone()],
            // Completing what was deleted since then is answered as it was.
            (Step::Seal(_) | Step::Publish(_), Deleted) => vec![state.clone()],
            (Step::AbortRefused, Aborted) => vec![state.clone()],
            _ => IMAGE.apply(state, step),
        }
    }
}

async fn files(servers: &[&TestApp], count: usize, random: &mut Random) -> Vec<(String, Vec<Event<Step>>)> {
    let clock = Clock(Instant::now());
    let mut histories = Vec::new();
    for _ in 0..count.div_ceil(4) {
        let batch = (0..4).map(|_| {
            let mut random = random.fork();
            async move {
                let (upload, key) =
                    crate::support::files::init(servers[0], "alice", "a.bin", bytes_of('a').len(), "").await;
                let of = FileUpload { upload, key };
                let clients = (0..CLIENTS).map(|_| {
                    let (of, mut random) = (&of, random.fork());
                    async move {
                        let mut events = Vec::new();
                        for operation in 0..OPERATIONS {
                            pause(&mut random).await;
                            let server = servers[random.below(servers.len())];
                            let action = choose(&mut random, operation);
                            events.extend(file_operation(server, of, action, &mut random, clock).await);
                        }
                        events
                    }
                });
                let mut events = join_all(clients).await.concat();
                for action in LAST_ACTIONS {
                    events.extend(file_operation(servers[0], &of, action, &mut random, clock).await);
                }
                (format!("file {}", of.key), events)
            }
        });
        histories.extend(join_all(batch).await);
    }
    histories
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_one_server_are_linearizable() {
    let (app, mut random) = (server().await, Random::seeded());
    let histories = files(&[&app], objects(40), &mut random).await;
    let results = check_upload(&File, &histories);
    report("files, one server", results, &histories, &UPLOAD_STEPS);
    app.run_jobs().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_two_servers_are_linearizable() {
    let folder = tempfile::tempdir().unwrap();
    let ((one, other), mut random) = (two_servers(folder.path()).await, Random::seeded());
    let histories = files(&[&one, &other], objects(24), &mut random).await;
    let results = check_upload(&File, &histories);
    report("files, two servers", results, &histories, &UPLOAD_STEPS);
    end_both(one, other).await;
}

async fn trash_operation(
    app: &TestApp,
    space: &str,
    image: &str,
    random: &mut Random,
    clock: Clock,
) -> Vec<Event<TrashStep>> {
    let path = format!("/api/spaces/{space}");
    let (answered, done, missing) = match random.below(10) {
        0..=2 => {
            let url = format!("{path}/images/{image}");
            (clock.time(app.delete("ann", &url)).await, vec![TrashStep::Delete], Some(TrashStep::DeleteMissing))
        }
        3..=5 => {
            let (url, body) = (format!("{path}/images/{image}/restore"), json!({}));
            let answered = clock.time(app.post("ann", &url, &body)).await;
            // What was restored may be deleted before its answer is made, which then says 404.
            (answered, vec![TrashStep::RestoreBegin, TrashStep::RestoreFinish], None)
        }
        // Rarely, since nothing comes after it.
        6 if random.below(3) == 0 => {
            let url = format!("{path}/trash/{image}");
            (clock.time(app.delete("ann", &url)).await, vec![TrashStep::Purge], Some(TrashStep::PurgeMissing))
        }
        _ => {
            let url = format!("{path}/images/{image}");
            (clock.time(app.get("ann", &url)).await, vec![TrashStep::Read], Some(TrashStep::ReadNothing))
        }
    };
    let (answer, times) = answered;
    match (answer.status, missing) {
        (200 | 204, _) => done.into_iter().map(|step| certain(step, times)).collect(),
        (404, Some(missing)) => vec![certain(missing, times)],
        (status, _) => {
            assert!(ambiguous(&answer) || [404, 409].contains(&status), "{status}: {}", answer.text());
            done.into_iter().map(|step| perhaps(vec![step], times)).collect()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_of_spaces_are_linearizable_through_their_trash() {
    let (app, mut random) = (server().await, Random::seeded());
    let space = app.space("ann", "x").await;
    let clock = Clock(Instant::now());
    let mut histories = Vec::new();
    for _ in 0..objects(12) {
        let image = app.image_in("ann", &space).await;
        let clients = (0..CLIENTS).map(|_| {
            let (app, space, image, mut random) = (&app, &space, &image, random.fork());
            async move {
                let mut events = Vec::new();
                for _ in 0..OPERATIONS {
                    pause(&mut random).await;
                    events.extend(trash_operation(app, space, image, &mut random, clock).await);
                }
                events
            }
        });
        histories.push((format!("image {image}"), join_all(clients).await.concat()));
    }
    let results = histories.iter().map(|(name, history)| check(&SpaceImage, name, history)).collect();
    let must = ["Delete", "Read", "RestoreBegin", "RestoreFinish"];
    report("images of a space, one server", results, &histories, &must);
    app.stop().await;
}

/// The checker finds what is wrong: histories that no order explains.
#[test]
fn a_wrong_history_is_found() {
    let at = |step, invoked, returned| certain(step, (invoked, returned));
    let one = |content| vec![(1, content)];
    let completed = |from, to| vec![at(Step::Seal(one('a')), from, to), at(Step::Publish(one('a')), from, to)];
    let sound = [vec![at(Step::Part(1, 'a'), 0, 1)], completed(2, 3), vec![at(Step::Read(one('a')), 4, 5)]].concat();
    assert!(is_linearizable(&IMAGE, &sound));
    // An acknowledged part that is not in the file: overwritten before the completion began.
    let lost = [vec![at(Step::Part(1, 'a'), 0, 1), at(Step::Part(1, 'b'), 2, 3)], completed(4, 5)].concat();
    assert!(!is_linearizable(&IMAGE, &lost));
    assert!(check(&IMAGE, "lost", &lost).unwrap_err().contains("Part(1, 'b')"));
    // The same, where the second part overlaps the completion: either order is right.
    let met = [vec![at(Step::Part(1, 'a'), 0, 1), at(Step::Part(1, 'b'), 2, 5)], completed(4, 6)].concat();
    assert!(!is_linearizable(&IMAGE, &met), "a part that is taken is in the file, or comes before another");
    let met = [vec![at(Step::Part(1, 'b'), 0, 3), at(Step::Part(1, 'a'), 0, 3)], completed(4, 6)].concat();
    assert!(is_linearizable(&IMAGE, &met));
    // A read of what was deleted before it began.
    let mut stale = sound.clone();
    stale.extend([at(Step::Delete, 6, 7), at(Step::Read(one('a')), 8, 9)]);
    assert!(!is_linearizable(&IMAGE, &stale));
    stale.pop();
    stale.push(at(Step::Read(one('a')), 6, 9));
    assert!(is_linearizable(&IMAGE, &stale), "one that overlaps the delete may come before it");
    // Two completions with other parts, both answered with success.
    let mut both = [vec![at(Step::Part(1, 'a'), 0, 1), at(Step::Part(2, 'a'), 0, 1)], completed(2, 3)].concat();
    both.extend([at(Step::Seal(vec![(2, 'a')]), 4, 5), at(Step::Publish(vec![(2, 'a')]), 4, 5)]);
    assert!(!is_linearizable(&IMAGE, &both), "other numbers are other parts");
    // An abort and a completion, both with success, and neither before the other.
    let mut ended = sound.clone();
    ended.push(at(Step::Abort, 6, 7));
    assert!(!is_linearizable(&IMAGE, &ended));
    // A request without an answer may take effect later, or never, but not before it was sent.
    let unanswered = perhaps(vec![Step::Delete], (6, 0));
    for (after, right) in [(Step::Read(one('a')), true), (Step::ReadNothing, true)] {
        let mut history = sound.clone();
        history.extend([unanswered.clone(), at(after, 8, 9)]);
        assert_eq!(is_linearizable(&IMAGE, &history), right);
    }
    let mut early = sound;
    early.extend([unanswered, at(Step::ReadNothing, 4, 5)]);
    assert!(!is_linearizable(&IMAGE, &early));
    // Trash: what was purged does not come back.
    let gone = [at_trash(TrashStep::Delete, 0), at_trash(TrashStep::Purge, 2), at_trash(TrashStep::RestoreBegin, 4)];
    assert!(!is_linearizable(&SpaceImage, &gone));
    assert!(is_linearizable(&SpaceImage, &gone[..2]));
}

fn at_trash(step: TrashStep, time: u64) -> Event<TrashStep> {
    certain(step, (time, time + 1))
}

/// A completion that names other parts of the same content is another one.
#[tokio::test]
async fn a_completion_repeated_with_other_numbers_is_refused() {
    let app = server().await;
    let (image, upload) = app.begin("alice", &json!({})).await;
    let etag = app.put("alice", &image, &upload, 1, b"same").await;
    assert_eq!(app.put("alice", &image, &upload, 2, b"same").await, etag);
    let done = app.complete("alice", &image, &upload, &[(1, &etag)]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    for number in [2, 7] {
        let other = app.complete("alice", &image, &upload, &[(number, &etag)]).await;
        assert_eq!(other.refusal(), (400, "BAD_REQUEST".into()), "part {number}");
    }
    assert_eq!(app.complete("alice", &image, &upload, &[(1, &etag)]).await.json(), done.json());
    app.finish().await;
}

/// Of two assets for one path, the one that comes second says why it was not taken.
#[tokio::test]
async fn an_asset_that_loses_its_path_says_why() {
    let app = server().await;
    let dataset = app.dataset().await;
    let package = app.package(&dataset, "p", None, b"source").await;
    let mut targets: Vec<Value> = Vec::new();
    let query = format!("dataset_id={dataset}&package_id={package}&path=a.txt");
    for _ in 0..2 {
        let path = format!("/packages/assets?{query}");
        let made = app.ask("ann", "POST", &path, Some(&json!({ "size": 5 }))).await;
        assert_eq!(made.status, 201, "{}", made.text());
        targets.push(made.json());
    }
    app.put_to(&targets[0], b"first").await;
    app.put_to(&targets[1], b"other").await;
    let first = app.confirmed(&targets[0]["id"]).await;
    assert_eq!(first["status"], "READY", "{first}");
    let second = app.confirmed(&targets[1]["id"]).await;
    assert_eq!(second["status"], "REJECTED", "{second}");
    assert!(second["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{second}");
    app.run_jobs().await;
    let counts = app.app.db.count_jobs().await.unwrap();
    app.finish_with(counts.queued).await;
}
