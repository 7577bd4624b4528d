//! Project rules that no compiler checks: which module may use what, how long a file may be, and
//! that every file has a module comment.

use std::path::{Path, PathBuf};

/// The most lines of a source file, tests aside.
const MOST_LINES: usize = 500;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["target", ".git", ".tools", "node_modules", "tidegate-data"].contains(&name) {
                files(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// Returns the source files below a folder, with their text up to their unit tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    let (root, mut found) = (repository(), Vec::new());
    files(&root.join(folder), &[".rs"], &mut found);
    assert!(!found.is_empty(), "{folder} holds no sources");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or(&text).to_owned();
        (path.strip_prefix(&root).unwrap().display().to_string(), code)
    };
    found.into_iter().map(read).collect()
}

/// Removes comments, so that mentioning a thing does not count as using it.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Checks that `words` occur below the server's `src` only in `allowed` places.
fn only_in(allowed: &[&str], words: &[&str]) {
    let allowed: Vec<String> = allowed.iter().map(|place| format!("crates/tidegate/src/{place}")).collect();
    for (path, text) in sources("crates/tidegate/src") {
        if allowed.iter().any(|place| path.starts_with(place)) {
            continue;
        }
        for word in words {
            assert!(!code(&text).contains(word), "{path} uses {word}; only {allowed:?} may");
        }
    }
}

#[test]
fn http_stays_in_http() {
    only_in(&["http/", "server.rs"], &["axum::", "StatusCode", "HeaderMap", "tower::"]);
}

#[test]
fn sql_stays_in_db() {
    only_in(&["db/"], &["sqlx::", "SELECT ", "INSERT INTO", "UPDATE "]);
}

/// The environment, files and blocking are for few modules. `clippy.toml` disallows them everywhere; these may expect it.
#[test]
fn few_modules_use_what_clippy_disallows() {
    only_in(&["config/", "db/sqlite.rs", "http/peer_account.rs", "http/workers.rs"], &["clippy::disallowed_"]);
    only_in(&["config/"], &["dotenvy"]);
}

/// Clippy reads the configuration of the nearest folder only.
#[test]
fn the_server_has_the_workspace_s_lints_too() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let (all, server) = (read("clippy.toml"), read("crates/tidegate/clippy.toml"));
    for line in all.lines() {
        assert!(server.lines().any(|other| other == line), "crates/tidegate/clippy.toml lacks {line}");
    }
}

/// Places below `src` that may ask the wall clock, although the code around them goes by the database's, and why.
const WALL_CLOCK: [(&str, &str); 1] =
    [("uploads/media_items/mod.rs", "what is left of a presigned request, which the store signs by its own clock")];

/// Servers that share a database must agree on the time: rows, leases, links and grants go by `Db::now`.
#[test]
fn the_time_is_the_database_s() {
    let mut used = Vec::new();
    for folder in ["uploads", "surfaces", "library", "worker"] {
        for (path, text) in sources(&format!("crates/tidegate/src/{folder}")) {
            if code(&text).contains("SystemTime::now") || code(&text).contains("UtcDateTime::now") {
                used.push(path.trim_start_matches("crates/tidegate/src/").to_owned());
            }
        }
    }
    used.sort();
    let listed: Vec<&str> = WALL_CLOCK.iter().map(|(path, _)| *path).collect();
    assert_eq!(used, listed, "uses of the wall clock, and those that WALL_CLOCK lists");
}

#[test]
fn the_model_is_pure() {
    for (path, text) in sources("crates/tidegate/src/model") {
        for word in ["async ", "std::fs", "std::net", "tokio", "serde", "crate::db", "crate::http", "crate::app"] {
            assert!(!code(&text).contains(word), "{path} uses {word}");
        }
    }
}

#[test]
fn keys_are_built_in_one_place() {
    only_in(&["model/key/", "db/"], &["Key::stored"]);
}

#[test]
fn leaf_crates_know_nothing_of_us() {
    const LEAVES: [&str; 5] = ["sign", "store", "media", "aws", "lambda"];
    for leaf in LEAVES {
        let manifest = std::fs::read_to_string(repository().join(format!("crates/{leaf}/Cargo.toml"))).unwrap();
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let named = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
        for dependency in dependencies.lines().map(named) {
            let ours = dependency == "tidegate" || LEAVES.contains(&dependency.as_str());
            assert!(!ours, "{leaf} depends on {dependency}");
        }
        for (path, text) in sources(&format!("crates/{leaf}/src")) {
            for word in ["axum", "StatusCode", "hyper::", "sqlx", "metrics::", "std::env::var"] {
                assert!(!code(&text).contains(word), "{path} uses {word}");
            }
        }
    }
}

/// What a leaf crate never reaches for, the file that is there for it aside: signatures need neither files nor a network,
/// bytes of unknown origin reach no address but the scanner's, and a call of an API touches no file.
#[test]
fn leaf_crates_reach_for_nothing_else() {
    let network = ["TcpStream", "UnixStream", "UdpSocket", "TcpListener", "reqwest"];
    let files = ["std::fs", "tokio::fs", "File::open", "rustix::fs"];
    let rules: [(&str, &[&str], &[&str]); 6] = [
        ("sign", &network, &[]),
        ("sign", &files, &[]),
        ("sign", &["tokio", "async "], &[]),
        ("media", &network, &["clamd.rs"]),
        ("aws", &files, &[]),
        ("lambda", &files, &[]),
    ];
    for (leaf, words, allowed) in rules {
        for (path, text) in sources(&format!("crates/{leaf}/src")) {
            for word in words.iter().filter(|_| !allowed.iter().any(|name| path.ends_with(name))) {
                assert!(!code(&text).contains(word), "{path} uses {word}");
            }
        }
    }
}

#[test]
fn unsafe_code_is_where_it_must_be() {
    for (path, text) in sources("crates") {
        let may = ["crates/sign/src/evp.rs", "crates/store/src/fs/pages.rs"].contains(&path.as_str());
        if !may && !path.contains("/tests/") {
            assert!(!code(&text).contains("unsafe_code"), "{path} expects unsafe code, which the workspace denies");
        }
    }
}

/// The files that compare a signature by `==`, and why.
const COMPARES: [(&str, &str); 1] = [(
    "crates/sign/src/signature_cache.rs",
    "a signature of a public key, which is verified already, under the hash of all of it",
)];

/// Returns whether a line compares a signature or a MAC as other values are compared: in a time that
/// says how much of it is right.
fn compares_a_signature(line: &str) -> bool {
    let secret = |operand: &str| {
        let name = operand.rsplit(['.', ':', '*', '&', '!', '(']).next().unwrap_or_default();
        ["signature", "sig", "mac", "hmac"].contains(&name)
    };
    let in_name = |c: char| c.is_alphanumeric() || "_.:*&!".contains(c);
    ["==", "!="].iter().flat_map(|operator| line.match_indices(operator)).any(|(at, _)| {
        let left = line[..at].trim_end();
        let left = &left[left.rfind(|c| !in_name(c)).map_or(0, |at| at + 1)..];
        let right = line[at + 2..].trim_start();
        let right = &right[..right.find(|c| !in_name(c)).unwrap_or(right.len())];
        secret(left) || secret(right)
    })
}

/// MACs are compared by `hmac::verify`, tokens by their hashes in constant time, and presigned
/// requests by s3s.
#[test]
fn macs_and_signatures_are_compared_in_constant_time() {
    for line in ["if signature == given {", "a && *self.signature == *cached.signature", "x != link.sig", "mac==other"]
    {
        assert!(compares_a_signature(line), "{line}");
    }
    for line in ["signature.hash == Hash::Sha256", "signature.len() != 64", "used != \"sig\"", "signature = other"] {
        assert!(!compares_a_signature(line), "{line}");
    }
    let mut found = Vec::new();
    for (path, text) in sources("crates").into_iter().filter(|(path, _)| path.contains("/src/")) {
        let lines = code(&text);
        found.extend(lines.lines().filter(|line| compares_a_signature(line)).map(|_| path.clone()));
    }
    assert_eq!(found, COMPARES.map(|(path, _)| path), "compared by == or !=");
    for (path, uses, count) in [
        ("crates/sign/src/links.rs", "hmac::verify(", 2),
        ("crates/tidegate/src/sign_in/mod.rs", "constant_time::verify", 1),
    ] {
        let text = std::fs::read_to_string(repository().join(path)).unwrap();
        assert_eq!(code(&text).matches(uses).count(), count, "{path}: {uses}");
    }
}

/// Two types of one name would become one schema in the description, and one of them would be
/// wrong.
#[test]
fn types_on_the_wire_have_names_of_their_own() {
    let mut seen = std::collections::BTreeMap::<String, String>::new();
    for (path, text) in sources("crates/tidegate/src/http") {
        for part in text.split("ToSchema").skip(1) {
            // The text after a derive, up to the next one.
            let Some(after) = part.split("\n").skip(1).find_map(|line| {
                let line = line.trim_start();
                [
                    "pub(in crate::http) struct ",
                    "pub(super) struct ",
                    "pub(crate) struct ",
                    "struct ",
                    "pub(super) enum ",
                    "pub(in crate::http) enum ",
                    "enum ",
                ]
                .iter()
                .find_map(|before| line.strip_prefix(before))
            }) else {
                continue;
            };
            let name: String = after.chars().take_while(|c| c.is_alphanumeric()).collect();
            if let Some(other) = seen.insert(name.clone(), path.clone()) {
                assert_eq!(other, path, "{name} is the name of two types in the description");
            }
        }
    }
    assert!(seen.len() > 30, "{seen:?}");
}

#[test]
fn nothing_is_silenced_skipped_or_unfinished() {
    for (path, text) in sources("crates") {
        if path.ends_with("it/tidy.rs") {
            continue;
        }
        for word in [concat!("#[ig", "nore"), "TODO", "FIXME", "XXX"] {
            assert!(!text.contains(word), "{path}: {word}");
        }
    }
}

#[test]
fn input_is_not_unwrapped() {
    for (path, text) in sources("crates").into_iter().filter(|(path, _)| path.contains("/src/")) {
        if path.ends_with("conformance.rs") {
            continue;
        }
        for word in ["unwrap_used", "expect_used"] {
            assert!(!code(&text).contains(word), "{path} expects {word}, which the workspace denies");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (path, text) in sources("crates") {
        let lines = text.lines().count();
        let test = path.contains("/tests/");
        assert!(test || lines <= MOST_LINES, "{path} has {lines} lines; split it along its meaning");
        assert!(text.starts_with("//!"), "{path} does not say what it owns");
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let (root, mut found) = (repository(), Vec::new());
    files(&root, &[".md"], &mut found);
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(path.parent().unwrap().join(target).exists(), "{}: {link}", path.display());
        }
    }
}

/// Tests and modules in other languages read or name sources of this workspace, and no compiler follows a move.
#[test]
fn sources_that_are_named_exist() {
    let (root, mut found) = (repository(), Vec::new());
    files(&root, &[".rs", ".md", ".py", ".ts", ".tsx", ".tf", ".hcl", ".yml", "Makefile"], &mut found);
    let mut named = 0;
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-/.".contains(c);
        for rest in text.split("crates/").skip(1) {
            let name: String = rest.chars().take_while(|c| is_part(*c)).collect();
            let Some(name) = name.trim_end_matches('.').strip_suffix(".rs") else { continue };
            named += 1;
            assert!(root.join(format!("crates/{name}.rs")).exists(), "{} names crates/{name}.rs", path.display());
        }
    }
    assert!(named > 100, "{named}");
}

#[test]
fn no_machine_and_no_registry_is_named() {
    let (root, mut found) = (repository(), Vec::new());
    files(&root, &[".rs", ".md", ".toml", ".py", ".sh", "Makefile", "run", ".json", ".example"], &mut found);
    // Assembled here, so that this file does not match.
    let words = [
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["crates", ".io/"].concat(),
        ["python", "hosted.org"].concat(),
    ];
    for path in found.iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let text = std::fs::read_to_string(path).unwrap();
        for word in &words {
            assert!(!text.contains(word.as_str()), "{} names {word}", path.display());
        }
    }
}

/// A place that breaks a rule: its path below `src`, how often it does so, and why it may. Lists of these only shrink: a
/// place that breaks the rule less often must be counted anew.
type Exception = (&'static str, usize, &'static str);

/// Checks that lines below `src` which match occur in `allowed` places, and as often as listed elsewhere.
fn only_as_listed(what: &str, allowed: &[&str], exceptions: &[Exception], matches: impl Fn(&str) -> bool) {
    let mut found = std::collections::BTreeMap::<String, usize>::new();
    for (path, text) in sources("crates/tidegate/src") {
        let place = path.trim_start_matches("crates/tidegate/src/").to_owned();
        if allowed.iter().any(|start| place.starts_with(start)) {
            continue;
        }
        let count = code(&text).lines().filter(|line| matches(line)).count();
        if count > 0 {
            found.insert(place, count);
        }
    }
    let listed = exceptions.iter().map(|(path, count, _)| ((*path).to_owned(), *count)).collect();
    assert_eq!(found, listed, "{what}: what is found, and what is listed");
}

/// Returns whether a line tells owner kinds apart: by an arm, a `let`, `matches!` or a comparison. Naming a kind, or making
/// an owner, does not count.
fn tells_owners_apart(line: &str) -> bool {
    let variants = ["Owner::", "OwnerKind::", "Item::"].into_iter().flat_map(|name| line.match_indices(name));
    variants.into_iter().any(|(at, name)| {
        let (before, after) = (line[..at].trim_end(), &line[at + name.len()..]);
        // Not a function of the type, and not the end of another name.
        let is_variant = after.starts_with(|c: char| c.is_ascii_uppercase()) && !after.starts_with("ALL");
        let is_name = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let is_pattern = after.contains("=>")
            || before.trim_start() == "|"
            || ["let", "let Some(", "let Ok(", "==", "!="].iter().any(|end| before.ends_with(end))
            || before.contains("matches!(");
        is_variant && is_name && is_pattern
    })
}

/// Places that tell owner kinds apart although they are neither the model, nor the decision, nor the effects of an upload.
const TELLING_OWNERS_APART: [Exception; 4] = [
    ("worker/bulk.rs", 7, "calls surfaces, which `uploads::effects` may not import"),
    ("worker/removal.rs", 8, "calls surfaces, which `uploads::effects` may not import"),
    ("surfaces/disks.rs", 1, "takes the user out of its own kind of owner, to build the key"),
    ("surfaces/files/uploads.rs", 1, "takes the user out of its own kind of owner, to build the key"),
];

/// What differs between owner kinds is a row of `model/rules.rs`, a decision in `access.rs`, or an effect in
/// `uploads/effects.rs`.
#[test]
fn owner_kinds_are_told_apart_in_few_places() {
    let allowed = ["model/", "access.rs", "uploads/effects.rs", "db/"];
    only_as_listed("owner kinds told apart", &allowed, &TELLING_OWNERS_APART, tells_owners_apart);
}

#[test]
fn telling_owners_apart_is_recognized() {
    for line in [
        "        OwnerKind::Disks => true,",
        "        Owner::Disks(_) | Owner::Files(_) => true,",
        "        (Some(text), OwnerKind::Space, _) => {",
        "        | Owner::Files(_)",
        "let Owner::Files(user) = owner else { return };",
        "if let Some(Owner::Files(user)) = owner {",
        "matches!(owner, Owner::Space(_))",
        "if kind == OwnerKind::Dataset {",
        "if owner != Owner::Space(id) {",
        "Some(Item::Media(media)) => purge(media),",
    ] {
        assert!(tells_owners_apart(line), "{line}");
    }
    for line in [
        "let owner = Owner::Files(user);",
        "outcome::retry(app, caller, &Item::Media(found)).await?;",
        "None => OwnerKind::Disks,",
        "for kind in OwnerKind::ALL {",
        "Some(text) => OwnerKind::parse(text),",
        "const KIND: OwnerKind = OwnerKind::Disks;",
        "Target::Owner(owner) => 1,",
    ] {
        assert!(!tells_owners_apart(line), "{line}");
    }
}

/// Look-ups by an id or a key alone outside the pipeline, the worker, authorization and the S3 door.
const UNSCOPED: [Exception; 18] = [
    ("library/audit.rs", 1, "reads the owner that a request names; `list` authorizes"),
    ("library/downloads.rs", 1, "sees whether an object that was found for its caller was deleted meanwhile"),
    ("library/files.rs", 3, "reads the owner of a file key and authorizes right after"),
    ("library/quotas.rs", 1, "reads what is reserved for an object that was found for its caller, or by the sweep"),
    ("surfaces/archives/mod.rs", 1, "reads files of an archive, which its token opens"),
    ("surfaces/files/completion.rs", 2, "the file of an upload that was found for its caller, or by the sweep"),
    ("surfaces/files/import.rs", 1, "the operator's command line"),
    ("surfaces/files/links.rs", 2, "a link's signature or the file's visibility is the right"),
    ("surfaces/files/uploads.rs", 3, "reads the owner of an upload and authorizes right after; `clear` is run by jobs"),
    ("surfaces/imports.rs", 1, "`copy` is run by a job"),
    ("surfaces/packages/deletion.rs", 2, "`unpublish_object` is run by jobs, and by deletes that have authorized"),
    ("surfaces/packages/mod.rs", 1, "reads the dataset of a node and authorizes right after"),
    ("surfaces/packages/publishing.rs", 4, "run by jobs, and by confirmations and deletes that have authorized"),
    ("surfaces/packages/restoring.rs", 1, "`restore_bytes` is run by a job"),
    ("surfaces/packages/uploads.rs", 1, "reads the node of an asset and authorizes right after"),
    ("surfaces/sessions/deletion.rs", 1, "reads the organisation of a session and authorizes right after"),
    ("surfaces/sessions/links.rs", 1, "a link's signature is the right"),
    (
        "surfaces/sessions/mod.rs",
        3,
        "reads the organisation of a media item or of a taken id, or the uploader, and compares right after",
    ),
];

/// A look-up that skips the owner says so by its name, and is called where callers are authorized otherwise.
#[test]
fn unscoped_look_ups_are_few() {
    let allowed = ["db/", "access.rs", "uploads/", "worker/", "http/s3/"];
    only_as_listed("unscoped look-ups", &allowed, &UNSCOPED, |line| line.contains("_unscoped("));
}

/// The names of `find_*` in `db/` that skip the owner end in `_unscoped`.
#[test]
fn look_ups_say_whether_they_are_scoped() {
    // What makes a look-up one of an owner's: the owner, a member, or what was found for one.
    let scopes = ["owner: &Owner", "user: ", "space: &SpaceId", "dataset: i64", "package: i64"];
    // Not an owner's: opened by the token that it is found by, or jobs.
    let others = ["find_archive", "find_dead_letter", "find_restore"];
    let mut seen = 0;
    for (path, text) in sources("crates/tidegate/src/db") {
        for function in code(&text).split("pub async fn ").skip(1).filter(|rest| rest.starts_with("find_")) {
            let (name, rest) = function.split_once('(').unwrap();
            let parameters = rest.split(") ->").next().unwrap();
            let is_scoped = scopes.iter().any(|scope| parameters.contains(scope)) || others.contains(&name);
            assert_ne!(is_scoped, name.ends_with("_unscoped"), "{path}: {name}({parameters})");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} look-ups were read");
}
