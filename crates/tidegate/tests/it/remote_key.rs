//! The signing key in Systems Manager and in Secrets Manager, on an emulator of AWS: read at the start,
//! replaced while the server runs, and kept when what is there cannot be read or used.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sign::{KeyKind, SigningKey};
use tidegate::config::known_keys;
use tidegate::server::Server;

use crate::support::services::{Cuttable, given};
use crate::support::{TestApp, config};

const PUBLISHED: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.sec1.pem");
const PUBLIC_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");

/// A parameter or a secret of its own name.
struct Place {
    client: aws::Client,
    setting: &'static str,
    name: String,
}

impl Place {
    async fn new(setting: &'static str) -> Self {
        let credentials = Some(("test".to_owned(), "test".to_owned(), None));
        let endpoint = Some(given("TEST_MINISTACK_URL"));
        let options = aws::Options { region: "us-east-1".to_owned(), endpoint, credentials };
        let name = format!("/it/{}/signing-key", uuid::Uuid::new_v4().simple());
        Self { client: aws::Client::open(options).await.unwrap(), setting, name }
    }

    async fn parameter() -> Self {
        Self::new("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM").await
    }

    async fn write(&self, value: &str) {
        if self.setting == "CLOUDFRONT_PRIVATE_KEY_SSM_PARAM" {
            aws::ssm::put_parameter(&self.client, &self.name, value, None, false).await.unwrap();
        } else if !aws::secrets::create_secret(&self.client, &self.name, value, None).await.unwrap() {
            aws::secrets::put_secret(&self.client, &self.name, value).await.unwrap();
        }
    }

    /// The settings of a server that reads this key every second, through `endpoint`.
    fn settings<'a>(&'a self, endpoint: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            (self.setting, &self.name),
            ("CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS", "1"),
            ("CLOUDFRONT_AUTH_MODE", "url"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ]
    }
}

fn new_key() -> (String, String) {
    let (key, pem) = SigningKey::generate(KeyKind::P256).unwrap();
    (pem, key.public_pem().unwrap())
}

fn document(id: &str, pem: &str) -> String {
    json!({ "keyPairId": id, "privateKey": pem }).to_string()
}

/// Waits until grants are signed with a key, and reads `links` all the while.
async fn wait_for_key(app: &TestApp, id: &str, links: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while app.app.signing_key.signer().key_pair_id() != id {
        assert!(Instant::now() < deadline, "{id} does not sign");
        read_all(app, links).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    read_all(app, links).await;
}

async fn read_all(app: &TestApp, links: &[String]) {
    for link in links {
        let read = app.send("GET", link, &[], Vec::new()).await;
        assert_eq!((read.status, read.body.as_slice()), (200, &b"bytes"[..]), "{link}");
    }
}

/// Waits until the server has read the key this often with this outcome, besides the times before.
async fn wait_for_reads(app: &TestApp, outcome: &str, more: u64) {
    let name = format!("tidegate_signing_key_reads_total{{outcome=\"{outcome}\"}} ");
    let count = async || -> u64 {
        let metrics = app.get("alice", "/metrics").await.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().unwrap())
    };
    let (before, deadline) = (count().await, Instant::now() + Duration::from_secs(20));
    while count().await < before + more {
        assert!(Instant::now() < deadline, "{outcome} is not counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_key_is_read_and_another_takes_over(setting: &'static str) {
    let (place, endpoint) = (Place::new(setting).await, given("TEST_MINISTACK_URL"));
    let ((first, _), (second, second_public), (third, _)) = (new_key(), new_key(), new_key());
    // As the source of packages has it: base64 in the parameter, the id beside it.
    place.write(&STANDARD.encode(&first)).await;
    let app = TestApp::with(&[&place.settings(&endpoint)[..], &[("CLOUDFRONT_KEY_PAIR_ID", "KFIRST")]].concat()).await;
    assert_eq!(app.app.signing_key.signer().key_pair_id(), "KFIRST");
    let image = app.image("alice", b"bytes").await;
    let mut links = vec![app.stream("alice", &image).await.0];
    assert!(links[0].contains("Key-Pair-Id=KFIRST"), "{links:?}");
    place.write(&document("KSECOND", &second)).await;
    wait_for_key(&app, "KSECOND", &links).await;
    links.push(app.stream("alice", &image).await.0);
    assert!(links[1].contains("Key-Pair-Id=KSECOND"), "{links:?}");
    // Links of the first key go on, two changes later.
    place.write(&document("KTHIRD", &third)).await;
    wait_for_key(&app, "KTHIRD", &links).await;
    links.push(app.stream("alice", &image).await.0);
    read_all(&app, &links).await;
    // A document that says which other keys are trusted is obeyed.
    let only_second = json!({ "keyPairId": "KTHIRD", "privateKey": third, "publicKeys": { "KSECOND": second_public } });
    place.write(&only_second.to_string()).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while app.send("GET", &links[0], &[], Vec::new()).await.status != 403 {
        assert!(Instant::now() < deadline, "the first key is trusted for ever");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    read_all(&app, &links[1..]).await;
    app.finish().await;
}

#[tokio::test]
async fn a_key_in_a_parameter_is_read_and_another_takes_over() {
    a_key_is_read_and_another_takes_over("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM").await;
}

#[tokio::test]
async fn a_key_in_a_secret_is_read_and_another_takes_over() {
    a_key_is_read_and_another_takes_over("CLOUDFRONT_PRIVATE_KEY_SECRET_ID").await;
}

/// Servers keep the key that they have, say so in log and metric, and go on when it is readable again.
#[tokio::test]
async fn the_last_good_key_stays_while_the_parameter_cannot_be_read_or_used() {
    let place = Place::parameter().await;
    let server = given("TEST_MINISTACK_URL");
    let proxy = Cuttable::to(server.trim_start_matches("http://").parse().unwrap()).await;
    let endpoint = format!("http://{}", proxy.address);
    let ((first, _), (second, _)) = (new_key(), new_key());
    place.write(&document("KFIRST", &first)).await;
    let app = TestApp::with(&place.settings(&endpoint)).await;
    let image = app.image("alice", b"bytes").await;
    let links = [app.stream("alice", &image).await.0];
    proxy.cut();
    place.write(&document("KSECOND", &second)).await;
    wait_for_reads(&app, "unavailable", 2).await;
    assert_eq!(app.app.signing_key.signer().key_pair_id(), "KFIRST");
    proxy.mend();
    wait_for_key(&app, "KSECOND", &links).await;
    // A public key, a word, nothing of use, another key under the id of this one.
    let bad = [
        PUBLIC_KEY.to_owned(),
        STANDARD.encode(PUBLIC_KEY),
        document("KTHIRD", PUBLIC_KEY),
        "hunter2".to_owned(),
        "{}".to_owned(),
        document("KSECOND", &first),
    ];
    for value in bad {
        place.write(&value).await;
        wait_for_reads(&app, "unusable", 2).await;
        assert_eq!(app.app.signing_key.signer().key_pair_id(), "KSECOND");
        read_all(&app, &links).await;
    }
    aws::ssm::delete_parameter(&place.client, &place.name).await.unwrap();
    wait_for_reads(&app, "refused", 2).await;
    place.write(&document("KFIRST", &first)).await;
    wait_for_key(&app, "KFIRST", &links).await;
    app.finish().await;
}

/// Another server that has read it may sign with it, and one that has not must be able to check it.
#[tokio::test]
async fn a_new_key_is_trusted_at_once_and_signs_when_every_server_has_read_it() {
    let (place, endpoint) = (Place::parameter().await, given("TEST_MINISTACK_URL"));
    let ((first, first_public), (second, _)) = (new_key(), new_key());
    place.write(&document("KFIRST", &first)).await;
    let slow = [&place.settings(&endpoint)[..], &[("CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS", "600")]].concat();
    let app = TestApp::with(&slow).await;
    let remote = app.app.remote_key.clone().unwrap();
    let (signing_key, edge_keys) = (&app.app.signing_key, &app.app.edge_keys);
    let trusted = || edge_keys.trusted().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    place
        .write(
            &json!({ "keyPairId": "KSECOND", "privateKey": second, "publicKeys": { "KFIRST": first_public } })
                .to_string(),
        )
        .await;
    remote.refresh_if_stale(signing_key, edge_keys).await;
    assert_eq!(trusted(), ["KFIRST"], "it was read a moment ago");
    remote.refresh(signing_key, edge_keys).await;
    assert_eq!(
        (trusted(), signing_key.signer().key_pair_id()),
        (vec!["KFIRST".to_owned(), "KSECOND".to_owned()], "KFIRST")
    );
    // A server that could not read for so long that the key it signs with is retired does not wait.
    place.write(&json!({ "keyPairId": "KSECOND", "privateKey": second, "publicKeys": {} }).to_string()).await;
    remote.refresh(signing_key, edge_keys).await;
    assert_eq!(signing_key.signer().key_pair_id(), "KSECOND");
    remote.refresh(signing_key, edge_keys).await;
    assert_eq!(trusted(), ["KSECOND"]);
    app.finish().await;
}

/// CloudFront would refuse every link.
#[tokio::test]
async fn a_key_that_is_not_in_the_key_group_does_not_sign() {
    let (place, endpoint) = (Place::parameter().await, given("TEST_MINISTACK_URL"));
    let cloudfront = aws::CloudFront::new(place.client.clone(), endpoint.clone());
    let ((first, first_public), (second, second_public)) = (new_key(), new_key());
    let name = place.name.replace('/', "-");
    let first_id = cloudfront.create_public_key(&format!("a{name}"), &name, &first_public).await.unwrap();
    let second_id = cloudfront.create_public_key(&format!("b{name}"), &name, &second_public).await.unwrap();
    let group = make_key_group(&endpoint, &name, &first_id).await;
    place.write(&document(&first_id, &first)).await;
    let app = TestApp::with(&[&place.settings(&endpoint)[..], &[("CLOUDFRONT_KEY_GROUP_ID", &group)]].concat()).await;
    place.write(&document(&second_id, &second)).await;
    wait_for_reads(&app, "not_in_group", 2).await;
    assert_eq!(app.app.signing_key.signer().key_pair_id(), first_id);
    let keys = cloudfront.change_key_group(&group, |keys| {
        keys.push(second_id.clone());
        true
    });
    assert_eq!(keys.await.unwrap(), [first_id, second_id.clone()]);
    wait_for_key(&app, &second_id, &[]).await;
    assert!(!cloudfront.delete_public_key(&second_id).await.unwrap(), "it is in use");
    app.finish().await;
}

/// Creates a key group, which the product never does.
async fn make_key_group(endpoint: &str, name: &str, key: &str) -> String {
    let body = format!(
        "<KeyGroupConfig xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Name>{name}</Name>\
         <Items><PublicKey>{key}</PublicKey></Items></KeyGroupConfig>"
    );
    let made = reqwest::Client::new()
        .post(format!("{endpoint}/2020-05-31/key-group"))
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/cloudfront/aws4_request")
        .body(body)
        .send()
        .await
        .unwrap();
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    location.rsplit('/').next().unwrap().to_owned()
}

async fn refusal(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    match Server::open(config(folder.path(), settings)).await {
        Ok(_) => panic!("{settings:?} must not start"),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn a_server_does_not_start_without_a_key_that_it_can_use() {
    let (place, endpoint) = (Place::parameter().await, given("TEST_MINISTACK_URL"));
    let settings = place.settings(&endpoint);
    let named = format!("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM={}: ", place.name);
    let missing = refusal(&settings).await;
    assert_eq!(missing, format!("{named}the parameter {} is not there", place.name));
    let nowhere = refusal(&place.settings("http://127.0.0.1:1")).await;
    assert!(nowhere.starts_with(&named) && nowhere.contains("ssm can't be reached"), "{nowhere}");
    // One that takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, started) = (format!("http://{}", silent.local_addr().unwrap()), Instant::now());
    let unanswered = refusal(&place.settings(&address)).await;
    assert!(unanswered.starts_with(&named) && unanswered.contains("did not answer in 10 s"), "{unanswered}");
    assert!(started.elapsed() < Duration::from_secs(20), "a start waits for no more than that");
    place.write(PUBLISHED).await;
    let no_id = refusal(&settings).await;
    assert!(no_id.contains("it holds no key pair id: set CLOUDFRONT_KEY_PAIR_ID"), "{no_id}");
    let with_id = [&settings[..], &[("CLOUDFRONT_KEY_PAIR_ID", "K1")]].concat();
    for (value, says) in [
        (PUBLIC_KEY, "version 2 of the parameter"),
        ("hunter2", "no PEM block found"),
        ("{\"privateKey\": \"hunter2\"}", "no JSON of the form"),
    ] {
        place.write(value).await;
        let refused = refusal(&with_id).await;
        assert!(refused.starts_with(&named) && refused.contains(says), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    // What everybody has is good enough for a test, and for nothing else.
    place.write(known_keys::dummy_key(KeyKind::P256)).await;
    TestApp::with(&with_id).await.finish().await;
    let production = [
        ("ENV", "prod"),
        ("SURFACES", "disks"),
        ("EDGE_URL", "http://localhost:1"),
        ("AUTH_SERVICE_TOKEN", "0123456789abcdef0123456789abcdef"),
    ];
    let refused = refusal(&[&with_id[..], &production].concat()).await;
    assert!(refused.contains("everybody has this key"), "{refused}");
    place.write(&new_key().0).await;
    let app = TestApp::with(&[&with_id[..], &production].concat()).await;
    // Nor does production trust one that lies in the folder of public keys.
    let file = app.app.config.edge.keys.join("KPUBLISHED.pub.pem");
    std::fs::write(file, PUBLIC_KEY).unwrap();
    app.app.edge_keys.reload();
    let trusted: Vec<Value> = app.app.edge_keys.trusted().into_iter().map(|(id, _)| id.into()).collect();
    assert_eq!(trusted, ["K1"]);
    app.finish().await;
}
