//! The table of hostile cases in `SECURITY.md`: every case has a test, and every test that it names
//! exists. Cases that no other file is about are here.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::TestApp;
use crate::support::files::file;

/// The number of cases.
const CASES: u32 = 78;

/// Returns the cases of the table: number and named tests.
fn table() -> Vec<(u32, Vec<String>)> {
    let text = include_str!("../../../../SECURITY.md");
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.splitn(3, " | ").collect();
        let [number, _, tests] = cells[..] else { return None };
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((number.parse().ok()?, tests))
    });
    rows.collect()
}

#[test]
fn every_hostile_case_has_a_test_that_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut seen, mut wrong, mut named) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for (number, tests) in table() {
        assert!(seen.insert(number), "case {number} is there twice");
        assert!(!tests.is_empty(), "case {number} has no test");
        for test in tests {
            let (path, name) = test.split_once("::").unwrap_or_else(|| panic!("case {number}: {test}"));
            let text = std::fs::read_to_string(root.join(path)).unwrap_or_default();
            let found = if path.ends_with(".py") {
                text.contains(&format!("\ndef {name}("))
            } else {
                is_rust_test(&text, name)
            };
            if !found {
                wrong.push(format!("case {number}: there is no test {test}"));
            }
            named.insert(test);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, (1..=CASES).collect(), "the cases of the table");
    assert!(named.len() > 80, "{} tests", named.len());
}

/// The attribute of a test that is not run. Written in two halves, since no source may have it.
const IGNORED: &str = concat!("#[", "ignore");

/// Returns whether a source has a test of this name that is run: the attributes above it say `test`
/// and not `ignore`.
fn is_rust_test(text: &str, name: &str) -> bool {
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    // Attributes and comments stand between it and the function or the brace before.
    let line = text[..at].rfind('\n').unwrap_or_default();
    let above = text[..line].lines().map(str::trim).rev();
    let above: Vec<&str> = above.take_while(|line| line.starts_with('#') || line.starts_with("//")).collect();
    let is_test =
        |line: &&str| ["#[test]", "#[tokio::test]", "#[tokio::test("].iter().any(|test| line.starts_with(test));
    above.iter().any(is_test) && !above.iter().any(|line| line.starts_with(IGNORED))
}

#[test]
fn only_functions_that_are_run_are_tests() {
    for (text, is_test) in [
        ("#[test]\nfn a() {", true),
        ("    #[tokio::test(flavor = \"x\")]\n    async fn a() {", true),
        ("#[test]\n/// Says.\n#[expect(x)]\nfn a() {", true),
        ("proptest! {\n    fn b(x in 0..1) {}\n}\nfn a() {", false),
        ("#[test]\nfn b() {}\n\nfn a() {", false),
        ("fn b() { a() }", false),
    ] {
        assert_eq!(is_rust_test(text, "a"), is_test, "{text}");
    }
    assert!(!is_rust_test(&format!("#[test]\n{IGNORED}]\nfn a() {{"), "a"));
}

#[tokio::test]
async fn an_archive_holds_each_file_once_and_not_too_many() {
    let app = TestApp::start().await;
    let key = file(&app, "alice", "a.bin", b"bytes", "").await;
    let asked = async |keys: Vec<&str>| app.post("alice", "/v1/files/batch-download", &json!({ "keys": keys })).await;
    let once = asked(vec![&key]).await.json();
    let often = asked(vec![&key; 10_000]).await;
    assert_eq!(often.status, 200, "{}", often.text());
    assert_eq!(often.json()["size"], once["size"], "a file is there once, however often it is named");
    let keys: Vec<String> = (0..100_001).map(|number| format!("storage/alice/{number:08x}_a.bin")).collect();
    let many = asked(keys.iter().map(String::as_str).collect()).await;
    assert!([400, 413].contains(&many.status), "{}: {}", many.status, many.text());
    app.finish().await;
}
