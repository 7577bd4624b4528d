//! The documentation as a site: every page is complete, every link leads somewhere, and the server
//! shows nothing but the site's own files below `/manual/`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tidegate::site::{self, Files, Place};

use crate::support::{TestApp, raw, raw_status};

/// Returns the pages: path and HTML.
fn pages(files: &Files) -> BTreeMap<&str, &str> {
    let html = files.iter().filter(|(path, _)| path.ends_with(".html"));
    html.map(|(path, file)| (path.as_str(), std::str::from_utf8(&file.body).unwrap())).collect()
}

/// Returns the values of an attribute.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(start.as_str()).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

/// Returns the path that a link of a page leads to.
fn follow(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop().unwrap_or_else(|| panic!("{page}: {link} leaves the site"))),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn every_page_is_complete() {
    let files = site::render(Place::Folder);
    let pages = pages(&files);
    assert!(pages.len() > 60, "{}", pages.len());
    let mut titles = BTreeSet::new();
    for (path, html) in &pages {
        let count = |word: &str| html.matches(word).count();
        let title = html.split("<title>").nth(1).unwrap().split(" · Tidegate ").next().unwrap();
        assert!(!title.is_empty() && titles.insert(title.to_owned()), "{path}: {title:?}");
        assert_eq!((count("<h1 "), count("<script "), count("<main ")), (1, 1, 1), "{path}");
        assert!(count("<!--") == 0 && count(" style=") == 0 && count("javascript:") == 0, "{path}");
        let ids = values(html, "id");
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{path} has an id twice");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let files = site::render(Place::Folder);
    let (pages, mut seen) = (pages(&files), 0);
    for (path, html) in &pages {
        for link in values(html, "href").into_iter().chain(values(html, "src")).chain(values(html, "data-index")) {
            if link.contains("://") || link.starts_with("data:") || link.starts_with("mailto:") {
                continue;
            }
            assert!(!link.starts_with('/'), "{path}: {link} works under one address only");
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() { (*path).to_owned() } else { follow(path, target) };
            seen += 1;
            if target == site::OPENAPI {
                continue;
            }
            assert!(files.contains_key(&target), "{path}: {link} leads nowhere");
            if let Some(html) = pages.get(target.as_str()).filter(|_| !anchor.is_empty()) {
                assert!(values(html, "id").contains(&anchor), "{path}: {link} has no such anchor");
            }
        }
    }
    assert!(seen > 5000, "{seen}");
}

/// The contents list each page once, and the binary carries each document that is in the folder.
#[test]
fn the_contents_list_every_page() {
    let files = site::render(Place::Folder);
    let start = std::str::from_utf8(&files["index.html"].body).unwrap();
    let contents = start.split("<nav class=\"contents\"").nth(1).unwrap().split("</nav>").next().unwrap();
    let mut listed = values(contents, "href");
    listed.sort_unstable();
    assert_eq!(listed, pages(&files).keys().copied().collect::<Vec<_>>());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let (mut open, mut seen) = (vec![folder.clone()], 0);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|kind| kind == "md") && !path.ends_with("SUMMARY.md") {
                let name = path.strip_prefix(&folder).unwrap().with_extension("html").display().to_string();
                let name = name.replace("README.html", "index.html");
                assert!(files.contains_key(&name), "the binary lacks {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen}");
}

/// The index is one assignment of JSON, and what it names is there.
#[test]
fn the_index_of_the_search_names_parts_that_are_there() {
    let files = site::render(Place::Folder);
    let script = std::str::from_utf8(&files["search-index.js"].body).unwrap();
    let json = script.strip_prefix("var tidegateIndex = ").unwrap().strip_suffix(";\n").unwrap();
    let index: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
    let pages = pages(&files);
    assert_eq!(index.len(), pages.len());
    for page in index {
        let html = pages[page["page"].as_str().unwrap()];
        for part in page["parts"].as_array().unwrap() {
            let anchor = part[1].as_str().unwrap();
            assert!(html.contains(&format!(" id=\"{anchor}\"")), "{}: {anchor}", page["page"]);
            assert!(!part[0].as_str().unwrap().is_empty(), "{page}");
        }
    }
}

#[tokio::test]
async fn the_site_is_served_without_sign_in() {
    let production = [
        ("ENV", "prod"),
        ("SURFACES", "files"),
        ("UPLOAD_SIGNING_KEY", "0123456789abcdef0123456789abcdef"),
        ("AUTH_SERVICE_TOKEN", "0123456789abcdef0123456789abcdef"),
    ];
    for settings in [&[][..], &production[..]] {
        let app = TestApp::with(settings).await;
        let at = |path: &str| format!("{}{path}", app.api());
        let moved = app.send("GET", &at("/manual"), &[], Vec::new()).await;
        assert_eq!((moved.status, moved.header("location")), (308, "/manual/"));
        for (path, file) in site::served() {
            let answer = app.send("GET", &at(&format!("/manual/{path}")), &[], Vec::new()).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, file.kind), "{path}");
            assert!(answer.body == *file.body && answer.header("etag") == file.etag, "{path}");
        }
        let start = app.send("GET", &at("/manual/"), &[], Vec::new()).await;
        assert!(
            start.text().contains("<h1 ") && start.header("content-security-policy").contains("script-src 'self';")
        );
        let etag = start.header("etag").to_owned();
        let again = app.send("GET", &at("/manual/"), &[("if-none-match", etag.as_str())], Vec::new()).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, etag.as_str()));
        let head = app.send("HEAD", &at("/manual/"), &[], Vec::new()).await;
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, etag.as_str()));
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(app.send(method, &at("/manual/"), &[], Vec::new()).await.status, 405, "{method}");
        }
        app.finish().await;
    }
}

#[tokio::test]
async fn paths_that_the_site_does_not_have_lead_to_its_own_page() {
    let app = TestApp::start().await;
    for path in [
        "/manual/none.html",
        "/manual/guides/",
        "/manual/guides/../index.html/x",
        "/manual//index.html",
        "/manual/%2e%2e/%2e%2e/etc/passwd",
        "/manual/..%2f..%2fCargo.toml",
        "/manual/guides/files.md",
        "/manual/index.html%00.png",
        "/manual/<script>alert(1)</script>",
        "/manual/../../../../etc/passwd",
        "/manual/\\..\\..\\etc\\passwd",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
        let answer = raw(app.api_address(), request.as_bytes()).await;
        let status = raw_status(&answer);
        assert!([400, 404].contains(&status), "{path}: {answer}");
        let is_page = answer.contains("Page not found") && answer.contains("href=\"/manual/site.css\"");
        assert!(is_page || path.contains(['<', '\\']), "{path}: {answer}");
        assert!(!answer.contains("alert(1)") && !answer.contains("root:"), "{path}: {answer}");
    }
    app.finish().await;
}

fn docs(folder: &Path, argument: &str) -> Output {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_tidegate"), "docs", argument]);
    command.current_dir(folder).env_clear().output().unwrap()
}

#[test]
fn the_site_is_written_into_an_empty_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let done = docs(folder.path(), "new/site");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(String::from_utf8_lossy(&done.stdout).contains("the first page is new/site/index.html"), "{done:?}");
    let written = folder.path().join("new/site");
    for (path, file) in site::render(Place::Folder) {
        assert!(std::fs::read(written.join(&path)).unwrap() == *file.body, "{path}");
    }
    let openapi = std::fs::read_to_string(written.join(site::OPENAPI)).unwrap();
    assert_eq!(openapi, tidegate::http::openapi::document());
    // A web server runs as another user.
    let mode = |path: &str| std::fs::metadata(written.join(path)).unwrap().permissions().mode() & 0o777;
    let modes = ["..", ".", "guides", "guides/files.html"].map(mode);
    assert_eq!(modes, [0o755, 0o755, 0o755, 0o644], "whatever the umask is");
    std::fs::write(folder.path().join("file"), "x").unwrap();
    for (argument, says) in [
        ("new/site", "new/site: the folder has "),
        ("new", "new: the folder has site in it; give an empty or a new folder"),
        ("file", "file: Not a directory"),
        ("file/below", "file/below: Not a directory"),
    ] {
        let refused = docs(folder.path(), argument);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{argument}: {error}");
        assert!(error.starts_with("tidegate: the documentation can't be written: "), "{error}");
        assert!(error.contains(says), "{argument} should say {says:?}: {error}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "x");
}
