//! Committed descriptions must equal what the code generates. `UPDATE=1 cargo test contract`
//! regenerates them.

use std::path::PathBuf;

use tidegate::config::SETTINGS;
use tidegate::telemetry::METRICS;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn check(file: &str, made: &str) {
    let path = repository().join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "{file} is not what the code makes; run `make update`");
}

#[test]
fn the_api_description() {
    check("openapi.json", &tidegate::http::openapi::document());
}

#[test]
fn the_reference_of_settings() {
    check("docs/reference/settings.md", &tidegate::config::reference());
}

#[test]
fn the_reference_of_error_codes_names_them_all() {
    let page = std::fs::read_to_string(repository().join("docs/reference/errors.md")).unwrap();
    let source = std::fs::read_to_string(repository().join("crates/tidegate/src/error/code.rs")).unwrap();
    let codes = source
        .split('"')
        .filter(|word| word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    let mut named = 0;
    for code in codes {
        named += 1;
        assert!(page.contains(&format!("`{code}`")), "docs/reference/errors.md says nothing of {code}");
    }
    assert_eq!(named, tidegate::error::Code::ALL.len());
}

#[test]
fn the_example_environment_names_settings_that_exist() {
    let example = std::fs::read_to_string(repository().join(".env.example")).unwrap();
    let mut named = 0;
    for line in example.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        let Some((name, _)) = line.split_once('=') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') {
            continue;
        }
        let known = SETTINGS.iter().find(|setting| setting.name == name || setting.aliases.contains(&name));
        assert!(known.is_some(), ".env.example: {name}");
        named += 1;
    }
    assert!(named >= 15, "{named}");
}

#[test]
fn the_page_of_the_doctor_has_the_table_of_its_checks() {
    const BEGIN: &str = "<!-- made from the code -->\n";
    const END: &str = "<!-- end -->";
    let file = "docs/operations/doctor.md";
    let page = std::fs::read_to_string(repository().join(file)).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let table = tidegate::cli::doctor_checks();
    assert!(table.lines().count() > 40, "{table}");
    check(file, &format!("{before}{BEGIN}{table}{END}{after}"));
}

/// Returns the names of the metrics that the sources below a folder write, with the macro of each.
fn written_metrics(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            written_metrics(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("telemetry/metrics_table.rs")
        {
            let text = std::fs::read_to_string(&path).unwrap();
            for (at, name) in text.match_indices("\"tidegate_") {
                let Some(kind) = ["counter", "gauge", "histogram"].iter().find(|kind| {
                    text[..at].trim_end().strip_suffix('(').is_some_and(|before| before.ends_with(&format!("{kind}!")))
                }) else {
                    continue;
                };
                let name = text[at + 1..].split('"').next().unwrap_or(name);
                found.push(((*kind).to_owned(), name.to_owned()));
            }
        }
    }
}

/// Prometheus shows the description of each metric, and its linter demands one.
#[test]
fn every_metric_that_is_written_is_described() {
    let mut written = Vec::new();
    written_metrics(&repository().join("crates"), &mut written);
    assert!(written.len() > 50, "{}", written.len());
    for (kind, name) in written {
        let is_described = METRICS.iter().any(|metric| metric.name == name && metric.kind.as_str() == kind);
        assert!(is_described, "telemetry describes no {kind} {name}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let text = std::fs::read_to_string(repository().join("deploy/grafana/tidegate.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
            let words = target["expr"].as_str().unwrap().split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for name in words.filter(|word| word.starts_with("tidegate_")) {
                let name = name.strip_suffix("_bucket").unwrap_or(name);
                assert!(METRICS.iter().any(|metric| metric.name == name), "no metric is called {name}");
                asked += 1;
            }
        }
    }
    assert!(asked > 15, "{asked}");
}

/// Every parameter of the description is in the path template or in the query, as it says.
#[test]
fn parameters_of_the_description_are_where_it_says() {
    let document: serde_json::Value = serde_json::from_str(&tidegate::http::openapi::document()).unwrap();
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                let in_template = path.contains(&format!("{{{name}}}"));
                assert_eq!(parameter["in"] == "path", in_template, "{method} {path}: {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// An operation of the API description: its path, method and value.
type Operation = (String, String, serde_json::Value);

/// Returns the API description and all its operations.
fn described() -> (serde_json::Value, Vec<Operation>) {
    let document: serde_json::Value = serde_json::from_str(&tidegate::http::openapi::document()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    assert!(operations.len() > 100, "{}", operations.len());
    (document, operations)
}

/// Tools name functions and pages after operation ids, and refuse a description where two are the same.
#[test]
fn every_operation_has_an_id_a_summary_and_a_tag_of_its_own() {
    let (document, operations) = described();
    let tags: Vec<&str> = document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = std::collections::BTreeSet::new();
    for (path, method, operation) in &operations {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{method} {path}: the id {id} is doubled");
        assert!(id.contains('_'), "{method} {path}: {id} does not say of what");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{id} has no summary");
        let tagged = operation["tags"].as_array().unwrap();
        assert!(tagged.iter().all(|tag| tags.contains(&tag.as_str().unwrap())), "{id}: {tagged:?}");
    }
    assert_eq!(document["servers"][0]["url"], "/");
}

/// Templates are those of OpenAPI, and each of their parameters is declared, described and has an example.
#[test]
fn every_path_parameter_is_declared() {
    for (path, method, operation) in described().1 {
        assert!(!path.contains('*'), "{path}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
            let of = |parameter: &&serde_json::Value| parameter["name"] == name && parameter["in"] == "path";
            let parameter =
                parameters.iter().find(of).unwrap_or_else(|| panic!("{method} {path}: {name} is not declared"));
            assert_eq!(parameter["required"], true, "{method} {path}: {name}");
            assert!(parameter["description"].is_string(), "{method} {path}: {name} is not described");
            assert!(!parameter["example"].is_null(), "{method} {path}: {name} has no example");
        }
    }
}

/// Tools name what they generate after schemas: a variant of a type has one of its own.
#[test]
fn every_variant_has_a_name() {
    let (document, _) = described();
    let mut seen = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let variants = schema["oneOf"].as_array().cloned().unwrap_or_default();
        let is_named = |variant: &serde_json::Value| variant.as_object().unwrap().keys().eq(["$ref"]);
        assert!(variants.iter().all(is_named), "{name} has a variant without a name");
        // In Go, NewImage is the function that makes an Image.
        assert!(!name.starts_with("New"), "{name}");
        seen += variants.len();
    }
    assert!(seen >= 9, "{seen}");
    let tags = document["components"]["schemas"]["StreamAuth"]["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(tags.keys().collect::<Vec<_>>(), ["cookie", "none", "url"]);
}

/// Every response is described, and every refusal with a body has the shared one.
#[test]
fn every_response_is_described() {
    for (path, method, operation) in described().1 {
        // Guards in front of the handlers refuse every request but those to health probes.
        let is_probe = ["/health", "/healthz", "/readyz"].contains(&path.as_str());
        for status in ["400", "403", "429", "503", "default"] {
            let is_there = operation["responses"].get(status).is_some();
            assert!(is_there || is_probe, "{method} {path} does not describe {status}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let place = format!("{method} {path} {status}");
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{place}");
            let schema = &response["content"]["application/json"]["schema"]["$ref"];
            let has_error_body = schema == "#/components/schemas/ErrorBody";
            let is_refusal = status == "default" || (status.as_str() >= "400" && path != "/readyz");
            let is_empty = method == "head" || status == "412" || status == "416";
            assert_eq!(has_error_body, is_refusal && !is_empty, "{place}");
            assert!(method != "head" || response.get("content").is_none(), "{place}: an answer to HEAD has no body");
        }
    }
}

/// Swagger UI offers both headers that sign in with `AUTH_MODE=dev`, and every operation names schemes that exist.
#[test]
fn every_way_to_sign_in_is_declared() {
    let (document, operations) = described();
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for name in ["X-User-Id", "X-Org-Id", "X-Service-Token"] {
        assert!(schemes.values().any(|scheme| scheme["in"] == "header" && scheme["name"] == name), "{name}");
    }
    let all = operations.iter().filter_map(|(.., operation)| operation["security"].as_array());
    for needed in all.chain(document["security"].as_array()).flatten() {
        assert!(needed.as_object().unwrap().keys().all(|scheme| schemes.contains_key(scheme)), "{needed}");
    }
    let public = operations.iter().filter(|(.., operation)| operation["security"] == serde_json::json!([]));
    for (path, method, operation) in public.clone() {
        assert!(operation["responses"].get("401").is_none(), "{method} {path} needs no sign-in");
    }
    assert!((10..30).contains(&public.count()));
}

/// What answers HEAD with headers of its own says so: all that serves bytes, and what leads to them.
#[test]
fn every_read_of_bytes_is_described_for_head() {
    let (document, operations) = described();
    let mut seen = 0;
    for (path, method, operation) in &operations {
        let responses = &operation["responses"];
        if method != "get" || !(responses.get("206").is_some() || responses.get("307").is_some()) {
            continue;
        }
        let head = &document["paths"][path]["head"];
        assert!(head["description"].is_string(), "HEAD {path} is not described");
        assert!(
            head["responses"]["200"]["headers"]["ETag"].is_object() || responses.get("206").is_none(),
            "HEAD {path}"
        );
        let names = |operation: &serde_json::Value| -> Vec<String> {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let told = parameters.iter().filter(|parameter| parameter["in"] != "header");
            told.map(|parameter| parameter["name"].to_string()).collect()
        };
        assert_eq!(names(head), names(operation), "{path}");
        seen += 1;
    }
    assert!(seen >= 7, "{seen}");
}

/// Every operation has a command that sends its example, and every body in it is the body's example.
#[test]
fn every_operation_has_an_example() {
    for (path, method, operation) in described().1 {
        let command = operation["x-codeSamples"][0]["source"].as_str().unwrap();
        assert!(command.starts_with("curl ") && !command.contains('{') | command.contains("-d '{"), "{command}");
        let bodies = operation["requestBody"]["content"].as_object();
        for content in bodies.into_iter().flat_map(|bodies| bodies.values()) {
            let example = &content["example"];
            assert!(!example.is_null(), "{method} {path}: the body has no example");
            let sent = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
            assert!(command.contains(&sent), "{command} does not send {sent}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let has_example = !parameter["example"].is_null();
            assert!(has_example || parameter["required"] == false, "{method} {path}: {}", parameter["name"]);
        }
    }
}

#[test]
fn the_graphql_schema() {
    check("schema.graphql", &tidegate::http::graphql::description());
}
