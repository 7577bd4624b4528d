//! Positions in lists: `offset` begins a page anywhere, `total` says how many items there are, and
//! both agree with the list that is read cursor by cursor. `LISTED=1000000` measures them too.

use std::time::Instant;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::support::sessions::SESSION;
use crate::support::{Answer, TestApp, services};

/// Objects in the order of their numbers, three at a time.
const OBJECTS: &str = "INSERT INTO objects (id, owner_kind, owner_id, object_key, name, folded_name, content_type, state, \
    size, etag, modified_at, created_by, created_at, deleted_at, folder, visibility, stage) \
    SELECT ID, 'KIND', 'OWNER', 'KIND/OWNER/' || i, 'File ' || i, 'file ' || i, 'image/jpeg', STATE, 10, 'e', 1, 'ann', \
    1700000000000000 + i / 3, CASE WHEN STATE IN ('DELETED', 'RESTORING') THEN NOW - i / 2 END, FOLDER, 'private', \
    CASE i % 4 WHEN 1 THEN 'intake' ELSE 'general' END FROM ROWS";
const UPLOADS: &str = "INSERT INTO uploads (id, object_id, owner_kind, owner_id, object_key, incoming_key, state, created_by, \
    created_at, expires_at) SELECT 'u/' || object_key, id, owner_kind, owner_id, object_key, 'in/' || object_key, \
    CASE WHEN state = 'PENDING' THEN 'OPEN' ELSE 'COMPLETED' END, 'ann', 1, NOW * 2 FROM objects WHERE owner_kind = 'session'";
const NODES: &str = "INSERT INTO nodes (node_id, dataset_id, parent_id, kind, name, state, objects, bytes, created_by, created_at, \
    deleted_at) SELECT 'N:package:' || i, (SELECT id FROM datasets WHERE node_id = 'OWNER'), 0, 'package', 'p' || ((CAST(i AS BIGINT) * 7919) % COUNT), \
    CASE WHEN i % 10 = 9 THEN 'DELETED' ELSE 'READY' END, 1, 10, 'ann', 1, CASE WHEN i % 10 = 9 THEN NOW END FROM ROWS";
const SOURCES: &str = "INSERT INTO objects (id, owner_kind, owner_id, object_key, name, content_type, state, size, etag, modified_at, \
    created_by, created_at, node) SELECT ID, 'dataset', 'OWNER', 'source/' || id, 'f.bin', 'a/b', \
    CASE WHEN state = 'DELETED' THEN 'DELETED' WHEN id % 100 = 7 THEN 'FAILED' WHEN id % 100 = 8 THEN 'PENDING' ELSE 'READY' END, \
    10, 'e', 1, 'ann', 1, id FROM nodes";
const OF_NODES: &str = "UPDATE nodes SET object_id = (SELECT id FROM objects WHERE objects.node = nodes.id)";

/// States of objects that are listed, and of some that are not.
const STATES: &str = "CASE i % 20 WHEN 3 THEN 'REJECTED' WHEN 4 THEN 'PENDING' WHEN 5 THEN 'DELETED' WHEN 6 THEN 'RESTORING' \
    WHEN 7 THEN 'PURGED' WHEN 8 THEN 'FAILED' WHEN 9 THEN 'SCANNING' ELSE 'READY' END";

/// Runs statements behind the server's back, without the triggers where they would take long.
async fn execute(app: &TestApp, statements: &[String]) {
    let name_ids = |sql: &String, id: &str| AssertSqlSafe(sql.replace("ID,", &format!("{id},")));
    if app.app.db.is_shared() {
        let mut connection = PgConnection::connect(&services::database(app.folder.path()).await).await.unwrap();
        sqlx::query("SET session_replication_role = replica").execute(&mut connection).await.unwrap();
        for sql in statements {
            sqlx::query(name_ids(sql, "gen_random_uuid()")).execute(&mut connection).await.unwrap();
        }
        // As autovacuum does within minutes.
        sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.unwrap();
    } else {
        let url = format!("sqlite:{}", app.folder.path().join("tidegate.db").display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        for sql in statements {
            sqlx::query(name_ids(sql, "randomblob(16)")).execute(&mut connection).await.unwrap();
        }
    }
    let wrong = app.app.db.list_wrong_counters().await.unwrap();
    app.app.db.repair_counters(&wrong).await.unwrap();
}

/// A list that a caller pages through.
struct List {
    org: &'static str,
    path: String,
    items: &'static str,
    id: &'static str,
    /// The parameters and members of pages.
    words: [&'static str; 4],
    total: &'static str,
}

impl List {
    fn new(path: String, items: &'static str, id: &'static str) -> Self {
        Self { org: "garage", path, items, id, words: ["limit", "cursor", "nextCursor", "cursor"], total: "total" }
    }

    async fn send(&self, app: &TestApp, query: &str) -> Answer {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        app.as_of("ann", self.org, "GET", &format!("{}{mark}{query}", self.path), None).await
    }

    async fn page(&self, app: &TestApp, query: &str) -> Value {
        let answer = self.send(app, query).await;
        assert_eq!(answer.status, 200, "{} {query}: {}", self.path, answer.text());
        answer.json()
    }

    fn ids(&self, page: &Value) -> Vec<String> {
        let items = page[self.items].as_array().unwrap_or_else(|| panic!("{}: {page}", self.path));
        items.iter().map(|item| item[self.id].as_str().unwrap_or_else(|| panic!("{item}")).to_owned()).collect()
    }

    /// Reads all, cursor by cursor, and returns the ids.
    async fn read_all(&self, app: &TestApp) -> Vec<String> {
        let [limit, cursor, next, _] = self.words;
        let mut page = self.page(app, &format!("{limit}=1000")).await;
        let total = page[self.total].as_u64().unwrap_or_else(|| panic!("{}: {page}", self.path));
        let mut all = self.ids(&page);
        while let Some(after) = page[next].as_str() {
            page = self.page(app, &format!("{limit}=1000&{cursor}={after}")).await;
            all.extend(self.ids(&page));
        }
        assert_eq!(total, u64::try_from(all.len()).unwrap(), "{}", self.path);
        all
    }

    /// Compares pages at offsets with the whole list.
    async fn check(&self, app: &TestApp) {
        let [limit, cursor, next, named] = self.words;
        let all = self.read_all(app).await;
        let count = all.len();
        assert!(count > 3, "{}: {count}", self.path);
        let (half, last) = (count / 2, count.saturating_sub(3));
        for offset in [0, 1, half - 1, half, half + 1, last, count - 1, count, count + 1, count * 9] {
            let page = self.page(app, &format!("{limit}=3&offset={offset}")).await;
            let expected: Vec<_> = all.iter().skip(offset).take(3).cloned().collect();
            assert_eq!(self.ids(&page), expected, "{} at {offset} of {count}", self.path);
            assert_eq!(page[self.total].as_u64(), u64::try_from(count).ok(), "{} at {offset}", self.path);
            let goes_on = offset + 3 < count;
            assert_eq!(page[next].is_string(), goes_on, "{} at {offset} of {count}", self.path);
            if goes_on {
                let page = self.page(app, &format!("{limit}=3&{cursor}={}", page[next].as_str().unwrap())).await;
                let expected: Vec<_> = all.iter().skip(offset + 3).take(3).cloned().collect();
                assert_eq!(self.ids(&page), expected, "{} after {offset}", self.path);
            }
        }
        let beyond = self.page(app, "offset=9007199254740991").await;
        assert!(self.ids(&beyond).is_empty() && !beyond[next].is_string(), "{}: {beyond}", self.path);
        for bad in ["-1", "1.5", "x", "", "%2B1", "9007199254740992", "99999999999999999999999"] {
            let refused = self.send(app, &format!("offset={bad}")).await;
            assert_eq!(refused.status, 400, "{} {bad}", self.path);
            assert!(refused.text().contains("offset must be from 0 to 9007199254740991"), "{}", refused.text());
        }
        let both = self.send(app, &format!("offset=1&{cursor}=x")).await;
        assert_eq!(both.status, 400);
        assert!(both.text().contains(&format!("give either {named} or offset")), "{}", both.text());
        assert_eq!(self.send(app, "offset=1&offset=2").await.status, 400, "{}: twice", self.path);
    }

    /// Prints how long pages of 100 take.
    async fn measure(&self, app: &TestApp) {
        let [limit, _, next, _] = self.words;
        let total = self.page(app, &format!("{limit}=1")).await[self.total].as_u64().unwrap();
        let mut line = format!("{} ({total})", self.path.chars().take(70).collect::<String>());
        for (name, offset) in [("first", 0), ("1/4", total / 4), ("middle", total / 2), ("last", total.max(100) - 100)]
        {
            let mut least = f64::MAX;
            for _ in 0..3 {
                let begun = Instant::now();
                let page = self.page(app, &format!("{limit}=100&offset={offset}")).await;
                least = least.min(begun.elapsed().as_secs_f64() * 1000.0);
                assert_eq!(page[next].is_string(), offset + 100 < total);
            }
            line += &format!(" | {name} {least:.1} ms");
        }
        let mut err = std::io::stderr();
        std::io::Write::write_all(&mut err, format!("{line}\n").as_bytes()).unwrap();
    }
}

/// Makes owners, writes rows of each, and returns their lists.
async fn fill(app: &TestApp, count: usize) -> Vec<List> {
    let space = app.space("ann", "Many").await;
    let dataset = app.dataset().await;
    app.session().await;
    let now = tidegate::model::micros(app.app.db.now());
    let rows = format!(
        "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1) SELECT i FROM n) AS n"
    );
    let fill = |sql: &str, kind: &str, owner: &str, state: &str, folder: &str| {
        let sql = sql.replace("KIND", kind).replace("OWNER", owner).replace("STATE", state).replace("FOLDER", folder);
        sql.replace("ROWS", &rows).replace("NOW", &now.to_string()).replace("COUNT", &count.to_string())
    };
    let in_folders = "CASE WHEN i % 4 = 0 THEN 'docs' WHEN i % 4 = 1 THEN 'docs/old' ELSE '' END";
    let of_files = STATES.replace("'PENDING'", "'PURGED'").replace("'RESTORING'", "'PURGED'");
    let mut statements = vec![
        fill(OBJECTS, "space", &space, STATES, "NULL"),
        fill(OBJECTS, "disks", "ann", STATES, "NULL"),
        fill(OBJECTS, "files", "ann", &of_files, in_folders),
        fill(OBJECTS, "session", SESSION, STATES, "NULL"),
        fill(UPLOADS, "", "", "", ""),
        fill(NODES, "", &dataset, "", ""),
    ];
    statements.extend([fill(SOURCES, "", &dataset, "", ""), OF_NODES.to_owned()]);
    execute(app, &statements).await;
    let mut lists = Vec::new();
    for query in ["", "?status=ALL", "?status=REJECTED"] {
        lists.push(List::new(format!("/api/spaces/{space}/images{query}"), "images", "id"));
    }
    lists.push(List::new(format!("/api/spaces/{space}/trash"), "images", "id"));
    for query in ["", "?status=ALL", "?status=PENDING"] {
        lists.push(List::new(format!("/v1/images{query}"), "images", "imageId"));
    }
    for query in ["", "?folder=docs&exact=1", "?folder=docs", "?q=7", "?status=FAILED", "?status=FAILED&folder=docs"] {
        let list = List::new(format!("/v1/files/all{query}"), "files", "key");
        let words = ["limit", "cursor", "next_cursor", "cursor"];
        lists.push(List { words, total: "total_count", ..list });
    }
    for query in [
        "",
        "?status=COMPLETED",
        "?status=PENDING_UPLOAD",
        "?status=SCANNING",
        "?stage=intake",
        "?stage=general&status=COMPLETED",
        "?stage=general&status=PENDING_UPLOAD",
    ] {
        let list = List::new(format!("/v1/sessions/{SESSION}/media{query}"), "media", "id");
        lists.push(List { words: ["first", "after", "next", "after"], ..list });
    }
    for query in ["", "&status=ALL", "&status=FAILED", "&status=DELETED"] {
        let list = List::new(format!("/packages/children?dataset_id={dataset}{query}"), "children", "nodeId");
        lists.push(List { org: crate::support::packages::LAB, ..list });
    }
    lists
}

#[tokio::test]
async fn a_page_begins_anywhere() {
    let measured: Option<usize> = std::env::var("LISTED").ok().map(|count| count.parse().unwrap());
    let app = TestApp::start().await;
    let lists = fill(&app, measured.unwrap_or(600)).await;
    for list in &lists {
        match measured {
            Some(_) => list.measure(&app).await,
            None => list.check(&app).await,
        }
    }
    app.stop().await;
}

/// In GraphQL too, and only there `offset` is a number already.
#[tokio::test]
async fn a_page_of_media_begins_anywhere_in_graphql() {
    let app = TestApp::start().await;
    app.session().await;
    for name in ["a.jpg", "b.jpg", "c.jpg"] {
        app.target(name, "image/jpeg").await;
    }
    let query = "query($s: UUID!, $o: Int, $a: String) { sessionMedia(sessionId: $s, first: 1, offset: $o, after: $a) \
                 { total next media { filename } } }";
    let page = app.graphql("ann", "garage", query, &json!({ "s": SESSION, "o": 1 })).await;
    let page = &page["data"]["sessionMedia"];
    assert_eq!((&page["total"], &page["media"]), (&json!(3), &json!([{ "filename": "b.jpg" }])), "{page}");
    let page = app.graphql("ann", "garage", query, &json!({ "s": SESSION, "a": page["next"] })).await;
    let page = &page["data"]["sessionMedia"];
    assert_eq!((&page["total"], &page["media"]), (&Value::Null, &json!([{ "filename": "a.jpg" }])), "{page}");
    for bad in [json!({ "s": SESSION, "o": -1 }), json!({ "s": SESSION, "o": 1, "a": "x" })] {
        assert_eq!(app.graphql_code("ann", "garage", query, &bad).await, "BAD_REQUEST");
    }
    app.stop().await;
}

#[tokio::test]
async fn media_are_listed_by_stage_and_status() {
    let app = TestApp::start().await;
    app.session().await;
    for (name, stage) in [("a.jpg", Some("intake")), ("b.jpg", Some("testDrive")), ("c.jpg", None)] {
        let new = json!({ "filename": name, "contentType": "image/jpeg", "stage": stage });
        let path = format!("/v1/sessions/{SESSION}/media/upload-url");
        let begun = app.as_of("ann", "garage", "POST", &path, Some(&new)).await;
        assert_eq!(begun.status, 200, "{}", begun.text());
    }
    let query = "query($s: UUID!, $g: String, $w: MediaStatus) { sessionMedia(sessionId: $s, stage: $g, status: $w) \
                 { total media { filename } } }";
    for (stage, status, expected) in [
        ("intake", None, vec!["a.jpg"]),
        ("testDrive", Some("PENDING_UPLOAD"), vec!["b.jpg"]),
        ("general", None, vec!["c.jpg"]),
        ("general", Some("COMPLETED"), vec![]),
        ("inspection", None, vec![]),
    ] {
        let also = status.map(|status| format!("&status={status}")).unwrap_or_default();
        let path = format!("/v1/sessions/{SESSION}/media?stage={stage}{also}");
        let listed = app.as_of("ann", "garage", "GET", &path, None).await.json();
        let variables = json!({ "s": SESSION, "g": stage, "w": status });
        let same = app.graphql("ann", "garage", query, &variables).await["data"]["sessionMedia"].clone();
        for page in [listed, same] {
            let names: Vec<_> = page["media"].as_array().unwrap().iter().map(|item| &item["filename"]).collect();
            assert_eq!((names.len(), &page["total"]), (expected.len(), &json!(expected.len())), "{path}: {page}");
            assert!(names.iter().zip(&expected).all(|(name, expected)| *name == expected), "{path}: {page}");
        }
    }
    for bad in ["", "Intake", "intake'--", "%00"] {
        let path = format!("/v1/sessions/{SESSION}/media?stage={bad}");
        let refused = app.as_of("ann", "garage", "GET", &path, None).await;
        assert_eq!(refused.refusal(), (400, "BAD_REQUEST".to_owned()), "{bad}");
    }
    let code = app.graphql_code("ann", "garage", query, &json!({ "s": SESSION, "g": "x" })).await;
    assert_eq!(code, "BAD_REQUEST");
    app.stop().await;
}
