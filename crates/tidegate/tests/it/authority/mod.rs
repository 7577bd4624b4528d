//! The authority matrix: every kind of right the product issues, and what it opens. `table.rs`
//! holds the expected outcomes; a kind that is issued without a row fails, and so do a row of a kind
//! that is not issued and a field of a response that no row is about.

mod expiry;
mod issue;
mod issue_shared;
mod issued;
mod table;
mod tokens;
mod walk;

use std::collections::BTreeSet;

use serde_json::Value;

use self::issue::World;
use self::table::{ELSEWHERE, EVENTS, ISSUERS, TABLE, TARGETS, outcome};
use crate::support::TestApp;

const SHORT: [(&str, &str); 4] = [
    ("CLOUDFRONT_SIGNED_TTL_SECONDS", "3"),
    ("UPLOAD_URL_TTL_SECONDS", "2"),
    ("MEDIA_UPLOAD_URL_TTL_SECONDS", "2"),
    ("SIGNED_URL_TTL_DEFAULT", "2"),
];

/// A request that was issued, for tests of what its answer says beside the bytes.
pub(crate) struct IssuedRequest {
    pub(crate) kind: &'static str,
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Returns a server with objects of every kind, and every request that it issued.
pub(crate) async fn issue_everything() -> (TestApp, Vec<IssuedRequest>) {
    let World { app, issued, .. } = World::new(&settings("cookie")).await;
    let requests = issued.into_iter().map(|issued| IssuedRequest {
        kind: issued.kind,
        method: issued.method,
        url: issued.url,
        headers: issued.headers,
        body: issued.body,
    });
    (app, requests.collect())
}

fn settings(mode: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("CLOUDFRONT_AUTH_MODE", mode), ("RATE_LIMIT_PER_ADDRESS", "0")]
}

fn check(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} are not as the table says:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn what_is_issued_opens_exactly_what_it_names() {
    let (mut wrong, mut kinds) = (Vec::new(), BTreeSet::new());
    for mode in ["cookie", "url"] {
        let world = World::new(&settings(mode)).await;
        kinds.extend(world.kinds());
        world.targets(&mut wrong).await;
        world.remove_members().await;
        world.column("removed", &mut wrong).await;
        world.act(&world.deletions).await;
        world.column("gone", &mut wrong).await;
        world.app.run_jobs().await;
        world.column("job", &mut wrong).await;
        world.act(&world.restores).await;
        world.app.run_jobs().await;
        world.column("restored", &mut wrong).await;
        world.app.stop().await;
    }
    let mut alone = settings("cookie");
    alone.push(("EDGE_PORT", "off"));
    let world = World::new(&alone).await;
    kinds.extend(world.kinds());
    world.targets(&mut wrong).await;
    world.act(&world.deletions).await;
    world.column("gone", &mut wrong).await;
    world.app.run_jobs().await;
    world.column("job", &mut wrong).await;
    world.app.stop().await;
    check(&wrong);
    assert_eq!(kinds, TABLE.iter().map(|row| row.0).collect(), "each row is tried");
}

#[tokio::test]
async fn nothing_that_is_issued_outlives_its_end() {
    let mut worlds = Vec::new();
    for mode in ["cookie", "url"] {
        let settings: Vec<(&str, &str)> = SHORT.into_iter().chain(settings(mode)).collect();
        let mut world = World::new(&settings).await;
        world.end_soon().await;
        worlds.push(world);
    }
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    for world in worlds {
        let mut wrong = Vec::new();
        world.late(&mut wrong).await;
        world.doors_answer().await;
        world.app.stop().await;
        check(&wrong);
    }
}

#[tokio::test]
async fn nothing_that_is_issued_outlives_what_revokes_it() {
    let mut wrong = Vec::new();
    let world = World::new(&settings("cookie")).await;
    for user in ["alice", "bob"] {
        assert_eq!(world.app.post(user, "/v1/files/links/revoke", &serde_json::json!({})).await.status, 204);
    }
    world.column("revoked", &mut wrong).await;
    world.act(&world.owners).await;
    world.column("owner", &mut wrong).await;
    world.app.run_jobs().await;
    world.column("swept", &mut wrong).await;
    world.app.stop().await;
    let world = World::new(&settings("url")).await;
    world.complete_all(&mut wrong).await;
    world.app.stop().await;
    check(&wrong);
}

#[tokio::test]
async fn nothing_that_is_issued_outlives_the_keys_it_was_made_with() {
    for (mode, edge) in [("cookie", true), ("url", true), ("cookie", false)] {
        let mut wrong = Vec::new();
        let mut settings = settings(mode);
        settings.extend((!edge).then_some(("EDGE_PORT", "off")));
        let mut world = World::new(&settings).await;
        let addresses = world.app.app.addresses.clone();
        let port = |authority: &str| authority.rsplit_once(':').unwrap().1.to_owned();
        let (api, s3) = (port(&addresses.api.authority), port(&addresses.s3.authority));
        let edge = addresses.edge.as_ref().map_or("off".to_owned(), |edge| port(&edge.authority));
        drop(addresses);
        // At the same addresses: else nothing would open for that reason alone.
        settings.retain(|(name, _)| *name != "EDGE_PORT");
        settings.extend([("PORT", api.as_str()), ("EDGE_PORT", &edge), ("S3_PORT", &s3)]);
        for column in ["restart", "keys"] {
            let app = std::mem::replace(&mut world.app, TestApp::start().await);
            let folder = app.stop().await;
            if column == "keys" {
                std::fs::remove_dir_all(folder.path().join("keys")).unwrap();
            }
            let placeholder = std::mem::replace(&mut world.app, TestApp::over(folder, &settings).await);
            placeholder.stop().await;
            world.column(column, &mut wrong).await;
            world.doors_answer().await;
        }
        world.app.stop().await;
        check(&wrong);
    }
}

/// Names of fields that may hold a right.
fn could_be_a_right(name: &str, schema: &Value) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "url",
        "uri",
        "token",
        "cookie",
        "href",
        "link",
        "query",
        "signature",
        "policy",
        "secret",
        "sign",
        "grant",
        "credential",
        "ticket",
        "password",
    ];
    let format = schema["format"].as_str().unwrap_or_default();
    ["uri", "url", "uri-reference"].contains(&format) || words.iter().any(|word| name.contains(word))
}

/// Collects the fields of a schema that may hold a right.
fn fields(document: &Value, schema: &Value, path: &str, seen: &[&str], found: &mut BTreeSet<String>) {
    let mut seen = seen.to_vec();
    let mut schema = schema;
    let reference;
    if let Some(name) = schema["$ref"].as_str() {
        if seen.contains(&name) {
            return;
        }
        reference = name.trim_start_matches('#');
        schema = document.pointer(reference).unwrap();
        seen.push(name);
    }
    for word in ["allOf", "oneOf", "anyOf"] {
        for one in schema[word].as_array().into_iter().flatten() {
            fields(document, one, path, &seen, found);
        }
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if could_be_a_right(name, inner) && !inner["properties"].is_object() {
            found.insert(path.clone());
        }
        fields(document, inner, &path, &seen, found);
    }
    if schema["items"].is_object() {
        fields(document, &schema["items"], &format!("{path}.[]"), &seen, found);
    }
}

/// Returns every field of every response that may hold a right, by operation.
fn issuing_fields() -> BTreeSet<(String, String)> {
    let document: Value = serde_json::from_str(include_str!("../../../../../openapi.json")).unwrap();
    let mut all = BTreeSet::new();
    for operation in document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
    {
        let Some(id) = operation["operationId"].as_str() else { continue };
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = match response["$ref"].as_str() {
                Some(name) => document.pointer(name.trim_start_matches('#')).unwrap(),
                None => response,
            };
            let mut found = BTreeSet::new();
            for name in response["headers"].as_object().into_iter().flat_map(serde_json::Map::keys) {
                let name = name.to_ascii_lowercase();
                if ["location", "set-cookie"].contains(&name.as_str()) {
                    found.insert(name);
                }
            }
            if status.starts_with('2') {
                for body in response["content"].as_object().into_iter().flat_map(serde_json::Map::values) {
                    fields(&document, &body["schema"], "", &[], &mut found);
                }
            }
            all.extend(found.into_iter().map(|field| (id.to_owned(), field)));
        }
    }
    let mut of = "";
    for line in include_str!("../../../../../schema.graphql").lines() {
        if let Some(name) = line.strip_prefix("type ") {
            of = name.trim_end_matches(" {");
        }
        if line.starts_with('}') {
            of = "";
        }
        let field = line.trim().split([':', '(']).next().unwrap_or_default();
        let is_field = line.starts_with('\t') && line.contains(": ") && field.chars().all(char::is_alphanumeric);
        if is_field && !of.is_empty() && could_be_a_right(field, &Value::Null) && !line.contains('(') {
            all.insert(("graphql".to_owned(), format!("{of}.{field}")));
        }
    }
    all
}

#[test]
fn every_field_that_may_hold_a_right_has_a_row() {
    let issued = issuing_fields();
    let known: BTreeSet<(String, String)> =
        ISSUERS.iter().map(|(id, field, _)| ((*id).to_owned(), (*field).to_owned())).collect();
    let missing: Vec<_> = issued.difference(&known).collect();
    assert!(missing.is_empty(), "these may be rights, and no row of the table is about them: {missing:#?}");
    let stale: Vec<_> = known.difference(&issued).collect();
    assert!(stale.is_empty(), "these are not issued: {stale:#?}");
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.0).chain(["token"]).collect();
    let named: BTreeSet<&str> = ISSUERS.iter().flat_map(|(_, _, kinds)| kinds.iter().copied()).collect();
    assert!(named.is_subset(&rows), "{:?}", named.difference(&rows));
    // Rights that are no field: whoever knows the path of a public file reads it.
    let rest: Vec<_> = rows.difference(&named).collect();
    assert_eq!(rest, [&"public file"], "kinds that nothing issues");
}

#[test]
fn every_cell_of_the_table_is_filled() {
    for (kind, targets, events, reason) in TABLE {
        assert_eq!(targets.split_whitespace().count(), TARGETS.len(), "{kind}");
        assert_eq!(events.split_whitespace().count(), EVENTS.len(), "{kind}");
        for column in TARGETS.iter().chain(&EVENTS) {
            outcome(kind, column);
        }
        assert_eq!(reason.is_empty(), !events.contains('K'), "{kind} gives a reason exactly where it keeps working");
    }
}

#[test]
fn what_is_tried_elsewhere_is() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (what, test) in ELSEWHERE {
        let (file, name) = test.split_once("::").unwrap();
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{what}: {file}: {error}"));
        assert!(text.contains(&format!("fn {name}(")) || text.contains(&format!("def {name}(")), "{what}: {test}");
    }
}
