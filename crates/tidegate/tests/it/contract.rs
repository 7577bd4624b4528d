//! Committed descriptions must equal what the code generates. `UPDATE=1 cargo test contract`
//! regenerates them.

use std::path::PathBuf;

use tidegate::config::{SETTINGS, Stage};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn check(file: &str, made: &str) {
    let path = repository().join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "{file} is not what the code makes; run UPDATE=1 cargo test -p tidegate contract");
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
    let source = std::fs::read_to_string(repository().join("crates/tidegate/src/error.rs")).unwrap();
    let codes = source
        .split('"')
        .filter(|word| word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "docs/reference/errors.md says nothing of {code}");
    }
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
        assert!(known.is_some_and(|setting| setting.stage == Stage::Built), ".env.example: {name}");
        named += 1;
    }
    assert!(named >= 15, "{named}");
}

#[test]
fn every_metric_is_described_in_the_docs() {
    let page = std::fs::read_to_string(repository().join("docs/operations/metrics.md")).unwrap();
    let source = std::fs::read_to_string(repository().join("crates/tidegate/src/telemetry/mod.rs")).unwrap();
    let names = source.split('"').filter(|word| word.starts_with("tidegate_"));
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "docs/operations/metrics.md says nothing of {name}");
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_exist() {
    let text = std::fs::read_to_string(repository().join("deploy/grafana/tidegate.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let source = std::fs::read_to_string(repository().join("crates/tidegate/src/telemetry/mod.rs")).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
            let words = target["expr"].as_str().unwrap().split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for name in words.filter(|word| word.starts_with("tidegate_")) {
                let name = name.strip_suffix("_bucket").unwrap_or(name);
                assert!(source.contains(&format!("\"{name}\"")), "no metric is called {name}");
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
                let in_template = path.contains(&format!("{{{name}}}")) || path.contains(&format!("{{*{name}}}"));
                assert_eq!(parameter["in"] == "path", in_template, "{method} {path}: {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn the_graphql_schema() {
    check("schema.graphql", &tidegate::http::graphql::description());
}
