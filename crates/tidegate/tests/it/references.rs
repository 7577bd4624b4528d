//! The reference pages of metrics, errors, change events, commands and routes equal what the code generates.
//! `UPDATE=1 cargo test references` regenerates them.

use std::collections::BTreeMap;

use serde_json::Value;
use tidegate::telemetry::METRICS;

use crate::contract::check;

fn description() -> Value {
    serde_json::from_str(&tidegate::http::openapi::document()).unwrap()
}

/// Returns the entries of an object by name, whatever order the parser keeps.
fn entries(object: &Value) -> BTreeMap<&String, &Value> {
    object.as_object().unwrap().iter().collect()
}

/// Returns a text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn metrics() {
    let mut page = String::from(
        "# Metrics\n\nMade from the table in the code. [Metrics, logs and traces](../operations/metrics.md) says how to \
         read them.\n\n| metric | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in METRICS {
        let (name, kind, labels) = (metric.name, metric.kind.as_str(), metric.labels);
        page.push_str(&format!("| `{name}` | {kind} | {labels} | {} |\n", cell(metric.meaning)));
    }
    check("docs/reference/metrics.md", &page);
}

/// Returns a table of codes; rows with the same code and status become one.
fn table_of_codes(rows: &[tidegate::http::codes::Row]) -> String {
    let mut table = String::from("| code | status | meaning |\n|---|---|---|\n");
    for same in rows.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        let meanings: Vec<&str> = same.iter().map(|(_, _, meaning)| *meaning).collect();
        table.push_str(&format!("| `{}` | {} | {} |\n", same[0].0, same[0].1, cell(&meanings.join(" "))));
    }
    table
}

#[test]
fn errors() {
    use tidegate::http::codes;
    let text = include_str!("errors.md");
    let page = text
        .replace("{api}\n", &table_of_codes(&codes::api()))
        .replace("{edge}\n", &table_of_codes(&codes::edge()))
        .replace("{s3}\n", &table_of_codes(&codes::s3()));
    assert!(!page.contains("{api}") && !page.contains("{edge}") && !page.contains("{s3}"), "{page}");
    check("docs/reference/errors.md", &page);
}

/// Codes of the S3 door are written where it refuses; each must be in its table.
#[test]
fn the_s3_door_has_no_code_outside_its_table() {
    let known: Vec<&str> = tidegate::http::codes::s3().iter().map(|(code, _, _)| *code).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/s3");
    let mut found = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for start in ["s3_error!(", "StatusCode::", "Custom(\""] {
            for (at, _) in text.match_indices(start) {
                let rest = &text[at + start.len()..];
                // `refusal(StatusCode::FORBIDDEN, "AccessDenied", …)`, whose arguments may be on lines of their own.
                let code = if start == "StatusCode::" {
                    let name = |c: char| c.is_ascii_uppercase() || c == '_';
                    let rest = rest.trim_start_matches(name).strip_prefix(',').map(str::trim_start);
                    let Some(rest) = rest.and_then(|rest| rest.strip_prefix('"')) else { continue };
                    rest
                } else {
                    // `s3_error!(source, InvalidURI)`.
                    rest.trim_start().trim_start_matches(|c: char| c.is_ascii_lowercase()).trim_start_matches(", ")
                };
                let code = code.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
                assert!(known.contains(&code), "{code}: {}", rest.get(..80).unwrap_or(rest));
                found += 1;
            }
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn command_line() {
    let page = tidegate::cli::reference();
    assert!(page.matches("\n## tidegate ").count() >= 20, "{page}");
    check("docs/reference/cli.md", &page);
}

/// Returns who may call an operation, by the ways to sign in that it names.
fn who(operation: &Value) -> &'static str {
    let Some(ways) = operation.get("security").map(|ways| ways.as_array().unwrap()) else { return "signed in" };
    let has = |name: &str| ways.iter().any(|way| way.get(name).is_some());
    if ways.is_empty() {
        "anybody"
    } else if ways.contains(&serde_json::json!({})) {
        "anybody, or signed in"
    } else if has("user") || has("cookie") {
        "signed in"
    } else {
        assert!(has("service"), "{ways:?}");
        "a service"
    }
}

#[test]
fn api() {
    let document = description();
    let mut page = String::from(
        "# API\n\nMade from [the description of the API](../../openapi.json), in which each operation has its \
         parameters, bodies and an example. A running server shows it at `/docs`, which sends requests, and at \
         `/redoc`. [Generate a client](../guides/openapi.md) in your language.\n\n\
         - `signed in` is a user, or a service that names one. The right to the thing itself comes on top, see \
         [signing in](../guides/signing-in.md).\n\
         - Every GET also answers HEAD.\n\
         - [Error codes](errors.md) are the same on all routes.\n",
    );
    let mut count = 0;
    for tag in document["tags"].as_array().unwrap() {
        let (name, about) = (tag["name"].as_str().unwrap(), tag["description"].as_str().unwrap());
        page.push_str(&format!(
            "\n## {name}\n\n{about}.\n\n| method | path | what it does | who |\n|---|---|---|---|\n"
        ));
        for (path, methods) in entries(&document["paths"]) {
            for (method, operation) in entries(methods) {
                if operation["tags"][0] == name && method != "head" {
                    let (method, summary) = (method.to_uppercase(), cell(operation["summary"].as_str().unwrap()));
                    page.push_str(&format!("| {method} | `{path}` | {summary} | {} |\n", who(operation)));
                    count += 1;
                }
            }
        }
    }
    let operations = document["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap());
    assert_eq!(count, operations.filter(|(method, _)| *method != "head" && *method != "parameters").count());
    check("docs/reference/api.md", &page);
}

/// Returns the values that a field may have, if its schema lists them.
fn listed_values(document: &Value, field: &Value) -> String {
    let name = field["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    let values = document["components"]["schemas"][name]["enum"].as_array().cloned().unwrap_or_default();
    values.iter().map(|value| format!("`{}`", value.as_str().unwrap())).collect::<Vec<_>>().join(", ")
}

/// Adds a table of the fields of a change.
fn fields(document: &Value, schema: &str, page: &mut String) {
    let name = schema.rsplit('/').next().unwrap();
    let schema = &document["components"]["schemas"][name];
    let about = schema["description"].as_str().unwrap_or_default();
    page.push_str(&format!("`data` is a `{name}`. {about}\n\n| field | type | meaning |\n|---|---|---|\n"));
    for (field, described) in entries(&schema["properties"]) {
        let kind = match &described["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect::<Vec<_>>().join(" or "),
            _ => {
                let one = described.get("oneOf").and_then(|all| all.as_array()?.iter().find_map(|one| one.get("$ref")));
                let reference = described.get("$ref").or(one).unwrap().as_str().unwrap();
                format!("`{}`", reference.rsplit('/').next().unwrap())
            }
        };
        let values = listed_values(document, described);
        let meaning = described["description"].as_str().map_or(values, cell);
        page.push_str(&format!("| `{field}` | {kind} | {meaning} |\n"));
    }
}

/// Returns the body of a type of the GraphQL schema.
fn graphql_type(schema: &str, name: &str) -> String {
    let start = schema.find(&format!("type {name} {{")).unwrap();
    let body = &schema[start..];
    body[..body.find("\n}").unwrap() + 2].replace('\t', "  ")
}

#[test]
fn events() {
    let document = description();
    let mut page = String::from(
        "# Change events\n\nMade from the code: what a server pushes to a client that listens. Nothing is sent to \
         addresses of yours (there are no webhooks). What is recorded for later is in the \
         [audit log](../operations/audit.md#actions).\n",
    );
    let mut count = 0;
    for (path, methods) in entries(&document["paths"]) {
        for operation in entries(methods).values() {
            let content = &operation["responses"]["200"]["content"]["text/event-stream"];
            let Some(schema) = content["schema"]["$ref"].as_str() else { continue };
            let summary = cell(operation["summary"].as_str().unwrap());
            let description = cell(operation["description"].as_str().unwrap());
            page.push_str(&format!("\n## {summary}\n\n`GET {path}`. {description}\n\n"));
            fields(&document, schema, &mut page);
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
    let schema = tidegate::http::graphql::description();
    let (subscriptions, change) = (graphql_type(&schema, "Subscription"), graphql_type(&schema, "StatusChange"));
    page.push_str(&format!(
        "\n## Subscriptions of GraphQL\n\nThe changes of a session's media, over a WebSocket or server-sent events: see \
         [session media](../guides/sessions.md).\n\n```graphql\n{subscriptions}\n\n{change}\n```\n"
    ));
    check("docs/reference/events.md", &page);
}
