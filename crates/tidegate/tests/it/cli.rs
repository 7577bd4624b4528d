//! Subcommands that run once, as processes: what they print, what they refuse, and that they create
//! nothing where no server is. The markers of secrets must be in no bundle.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output};

use sign::SigningKey;
use tidegate::config::{SETTINGS, Setting, known_keys};

const RSA_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs8.pem");
const OWN_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pkcs8.pem");
const PUBLIC_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");

/// Runs the binary in a folder, with these settings only.
fn tidegate(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(folder).env_clear().envs(settings.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// Returns the files of a `.tar.gz` by name.
fn unpack(archive: &[u8]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.tar.gz");
    std::fs::write(&path, archive).unwrap();
    let names = Command::new("tar").arg("-tzf").arg(&path).output().unwrap();
    assert!(names.status.success(), "{}", text(&names.stderr));
    let content = |name: &str| {
        let read = Command::new("tar").arg("-xzOf").arg(&path).arg(name).output().unwrap();
        assert!(read.status.success(), "{}", text(&read.stderr));
        text(&read.stdout)
    };
    text(&names.stdout).lines().map(|name| (name.to_owned(), content(name))).collect()
}

#[test]
fn commands_without_a_server_say_so_and_create_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let own = [("AUTH_OWN_TOKENS", "true")];
    for (settings, arguments, says) in [
        (&own[..], &["token", "--user", "ann"][..], "no server has issued tokens in ./tidegate-data"),
        (&[], &["jobs", "list"], "no server has run here: the database ./tidegate-data/tidegate.db is missing"),
        (&[], &["jobs", "retry", "--all"], "no server has run here"),
        (&[], &["jobs", "rescan"], "no server has run here"),
        (&[], &["reconcile"], "no server has run here"),
        (&[], &["keys", "list"], "the folder ./tidegate-data/keys/cloudfront"),
        (&[("PORT", "1")], &["health"], "http://127.0.0.1:1/readyz does not answer"),
    ] {
        let done = tidegate(folder.path(), settings, arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(says), "{arguments:?} should say {says}: {}", text(&done.stderr));
        assert!(is_empty(folder.path()), "{arguments:?} created something");
    }
    let bundle = tidegate(folder.path(), &[("PORT", "1")], &["support-bundle", "--output", "-"]);
    assert!(bundle.status.success() && is_empty(folder.path()), "{}", text(&bundle.stderr));
    let files = unpack(&bundle.stdout);
    assert!(files["tidegate-support/database.txt"].contains("the file does not exist"), "{files:?}");
    assert!(files["tidegate-support/health.txt"].contains("does not answer"), "{files:?}");
}

#[test]
fn folders_that_cannot_be_used_are_told_with_path_and_cause() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    let file = folder.path().join("file").display().to_string();
    let (below, elsewhere) = (format!("{file}/data"), folder.path().join("data").display().to_string());
    let database = format!("sqlite:{}", folder.path().display());
    for (settings, says) in [
        (vec![("TIDEGATE_DATA", file.as_str())], format!("TIDEGATE_DATA={file}: this is no folder")),
        (
            vec![("TIDEGATE_DATA", &below)],
            format!("TIDEGATE_DATA={below}: the folder can't be created: {file} is a file"),
        ),
        (vec![("TIDEGATE_DATA", &elsewhere), ("UPLOAD_ROOT", &file)], format!("UPLOAD_ROOT={file}: this is no folder")),
        (
            vec![("TIDEGATE_DATA", &elsewhere), ("DATABASE_URL", &database)],
            format!("DATABASE_URL={database}: this is a folder; give a file"),
        ),
    ] {
        let ports = [("PORT", "0"), ("EDGE_PORT", "0"), ("S3_PORT", "0")];
        let settings = [&settings[..], &ports].concat();
        let check = tidegate(folder.path(), &settings, &["check"]);
        let told = text(&check.stdout);
        assert_eq!(check.status.code(), Some(1), "{told}");
        assert!(told.contains(&says) && told.starts_with("the settings can be read, and there is 1 fault"), "{told}");
        let serve = tidegate(folder.path(), &settings, &["serve"]);
        assert_eq!(serve.status.code(), Some(1));
        assert!(text(&serve.stderr).contains(&says), "{}", text(&serve.stderr));
    }
    assert!(!Path::new(&elsewhere).exists(), "nothing is created beside what is wrong");
}

#[test]
fn settings_fit_a_terminal_and_the_page_is_the_documentation() {
    let folder = tempfile::tempdir().unwrap();
    let listed = text(&tidegate(folder.path(), &[], &["settings"]).stdout);
    assert!(listed.lines().count() > 300 && listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    let page = tidegate(folder.path(), &[], &["settings", "--markdown"]);
    assert_eq!(text(&page.stdout), tidegate::config::reference());
    let some = text(&tidegate(folder.path(), &[], &["settings", "metrics"]).stdout);
    assert!(some.contains("METRICS_PORT") && !some.contains("S3_BUCKET"), "{some}");
    let none = tidegate(folder.path(), &[], &["settings", "nonsense"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no setting has \"nonsense\" in its name"));
}

#[test]
fn migrate_says_what_it_did_and_refuses_a_newer_database() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = || tidegate(folder.path(), &[], &["migrate"]);
    let first = text(&migrate().stdout);
    assert!(
        first.contains("applied   0001 core\n") && first.contains("\ndone: the database has all migrations"),
        "{first}"
    );
    let second = text(&migrate().stdout);
    assert!(second.contains("nothing to do: the database has all migrations"), "{second}");
    assert!(!second.contains("applied"), "{second}");
    let file = folder.path().join("tidegate-data/tidegate.db");
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
               VALUES (9999, 'from the future', TRUE, X'00', 1)";
    run_sql(&file, sql);
    let ports = [("PORT", "0"), ("EDGE_PORT", "0"), ("S3_PORT", "0")];
    for arguments in ["migrate", "serve"] {
        let refused = tidegate(folder.path(), &ports, &[arguments]);
        let told = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{told}");
        assert!(told.contains("the database is newer than this binary") && told.contains("migration 9999"), "{told}");
    }
    let bundle = tidegate(folder.path(), &[("PORT", "1")], &["support-bundle", "--output", "-"]);
    let files = unpack(&bundle.stdout);
    let database = &files["tidegate-support/database.txt"];
    assert!(database.contains("9999 ?                applied, and not known to this binary"), "{database}");
}

/// A dummy is the same everywhere, needs no settings, and works where nothing is at stake.
#[test]
fn a_dummy_key_is_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    // Settings that a server would refuse.
    let dummy = |arguments: &[&str]| {
        let done =
            tidegate(folder.path(), &[("ENV", "prod"), ("PORT", "x")], &[&["keys", "dummy"], arguments].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    };
    let (pair, base64) = (dummy(&[]), dummy(&["--form", "base64"]));
    assert_eq!(pair, format!("{}{}", dummy(&["--form", "private"]), dummy(&["--form", "public"])));
    assert_eq!(SigningKey::parse(&base64).unwrap().public_pem().unwrap(), dummy(&["--form", "public"]));
    let p256 = dummy(&["--kind", "p256", "--form", "public"]);
    assert!(known_keys::is_published(&p256) && p256 != dummy(&["--form", "public"]), "{p256}");
    let used = [("CLOUDFRONT_PRIVATE_KEY_PEM", base64.trim()), ("CLOUDFRONT_KEY_PAIR_ID", "K1")];
    assert!(tidegate(folder.path(), &used, &["check"]).status.success());
    let refused = tidegate(folder.path(), &[&used[..], &[("ENV", "prod")]].concat(), &["check"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("everybody has this one"), "{}", text(&refused.stderr));
}

/// Runs a statement on a SQLite file, by Python's own library.
fn run_sql(file: &Path, sql: &str) {
    const SCRIPT: &str = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: db.execute(sys.argv[2])";
    let done = Command::new("python3").args(["-c", SCRIPT]).arg(file).arg(sql).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
}

/// A marker that no other text contains.
fn marker(name: &str) -> String {
    format!("marker-{}-7f3a9c51e2", name.to_ascii_lowercase().replace('_', "-"))
}

/// Settings whose names sound secret and that hold none, and why.
const NO_SECRETS: [(&str, &str); 11] = [
    ("AUTH_OWN_TOKENS", "switches tokens on"),
    ("AWS_ACCESS_KEY_ID", "stands in every presigned URL"),
    ("CLOUDFRONT_KEY_GROUP_ID", "the name of a key group"),
    ("CLOUDFRONT_KEY_PAIR_ID", "stands in every signed URL"),
    ("CLOUDFRONT_KEY_TYPE", "names a type"),
    ("CLOUDFRONT_PRIVATE_KEY_REFRESH_SECONDS", "a time"),
    ("CLOUDFRONT_PRIVATE_KEY_SECRET_ID", "the name of a secret"),
    ("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "the name of a parameter"),
    ("EDGE_KEYS", "a folder of public keys"),
    ("EDGE_KEYS_REFRESH_SECONDS", "a time"),
    ("S3_KMS_KEY_ID", "the name of a key that stays with AWS"),
];

#[test]
fn every_setting_that_sounds_secret_is_marked_as_one() {
    let sounds_secret = |setting: &&Setting| {
        ["KEY", "SECRET", "TOKEN", "PASSWORD", "PEM", "DATABASE_URL"].iter().any(|word| setting.name.contains(word))
    };
    let unmarked = SETTINGS.iter().filter(sounds_secret).filter(|setting| !setting.secret);
    let mut unmarked: Vec<&str> = unmarked.map(|setting| setting.name).collect();
    unmarked.sort_unstable();
    let listed: Vec<&str> = NO_SECRETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(unmarked, listed, "settings that are not marked as secret, and NO_SECRETS");
}

#[test]
fn a_bundle_contains_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secrets: Vec<(&str, String)> =
        SETTINGS.iter().filter(|setting| setting.secret).map(|setting| (setting.name, marker(setting.name))).collect();
    assert!(secrets.len() >= 11, "{secrets:?}");
    let jwks = format!("https://user:{}@id.test/keys?token={}", marker("jwks-password"), marker("jwks-query"));
    let plain =
        [("PORT", "1"), ("AUTH_JWKS_URL", jwks.as_str()), ("ENV", "prod"), ("TIDEGATE_MARKER", "marker-unknown")];
    // None of the markers is a key, so that these settings are refused, and each is named.
    let mut settings: Vec<(&str, &str)> = secrets.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend(plain);
    let refused = tidegate(folder.path(), &settings, &["support-bundle", "--output", "-"]);
    // Settings that are used, with the keys that they need.
    let database = format!("postgres://user:{}@127.0.0.1:1/db", marker("database"));
    let long = |name: &str| format!("{}{}", marker(name), "0".repeat(32));
    let (link_key, service, aws) = (long("link"), long("service"), long("aws"));
    let used = [
        ("PORT", "1"),
        ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
        ("CLOUDFRONT_PRIVATE_KEY_PEM", RSA_KEY),
        ("AUTH_OWN_TOKENS", "true"),
        ("AUTH_OWN_KEY_PEM", OWN_KEY),
        ("AUTH_JWT_PUBLIC_KEY_BASE64", PUBLIC_KEY),
        ("AUTH_SERVICE_TOKEN", &service),
        ("UPLOAD_SIGNING_KEY", &link_key),
        ("DATABASE_URL", &database),
        ("S3_BUCKET", "b"),
        ("AWS_ACCESS_KEY_ID", "access-key"),
        ("AWS_SECRET_ACCESS_KEY", &aws),
        ("AWS_SESSION_TOKEN", &aws),
    ];
    let accepted = tidegate(folder.path(), &used, &["support-bundle", "--output", "-"]);
    for (bundle, settings) in [(&refused, &settings[..]), (&accepted, &used)] {
        assert!(bundle.status.success(), "{}", text(&bundle.stderr));
        let mut plain = String::new();
        flate2::read::GzDecoder::new(&bundle.stdout[..]).read_to_string(&mut plain).unwrap();
        for part in ["marker-", "MII", "BEGIN"] {
            let at = plain.find(part).map(|at| &plain[at.saturating_sub(200)..plain.len().min(at + 100)]);
            assert_eq!(at, None, "{part}");
        }
        let files = unpack(&bundle.stdout);
        let shown = &files["tidegate-support/settings.txt"];
        for (name, _) in settings.iter().filter(|(name, _)| !name.starts_with("TIDEGATE_")) {
            assert!(shown.contains(&format!("{name}=")), "{name} was given: {shown}");
        }
        assert!(files["tidegate-support/version.txt"].contains(env!("CARGO_PKG_VERSION")));
    }
    let files = unpack(&refused.stdout);
    assert!(files["tidegate-support/check.txt"].contains("CLOUDFRONT_PRIVATE_KEY_PEM (not shown)"), "{files:?}");
    let files = unpack(&accepted.stdout);
    assert!(files["tidegate-support/check.txt"].contains("the settings are fine"), "{files:?}");
    assert!(files["tidegate-support/database.txt"].contains("does not answer"), "{files:?}");
}

#[test]
fn a_bundle_is_written_once_and_for_its_owner_only() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.tar.gz");
    let write = |path: &Path| {
        tidegate(folder.path(), &[("PORT", "1")], &["support-bundle", "--output", path.to_str().unwrap()])
    };
    let done = write(&path);
    assert!(done.status.success() && text(&done.stdout).contains("bundle.tar.gz"), "{}", text(&done.stderr));
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert!(!text(&write(&path).stderr).is_empty(), "it overwrites nothing");
    let nowhere = write(&folder.path().join("no/such/folder.tar.gz"));
    assert!(text(&nowhere.stderr).contains("no/such/folder.tar.gz can't be written"), "{}", text(&nowhere.stderr));
    let usual = tidegate(folder.path(), &[("PORT", "1")], &["support-bundle"]);
    let name = text(&usual.stdout).lines().next().unwrap().to_owned();
    assert!(name.starts_with("tidegate-support-") && folder.path().join(&name).exists(), "{name}");
}

#[test]
fn serve_says_what_matters_first() {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&tidegate(folder.path(), &[], &["serve", "--help"]).stdout);
    for word in ["PORT=3000", "TIDEGATE_DATA=./tidegate-data", "AUTH_JWKS_URL", "AUTH_OWN_TOKENS", "AUTH_SERVICE_TOKEN"]
    {
        assert!(help.contains(word), "{help}\nshould say {word}");
    }
    assert!(help.contains("Example:\n  PORT=8080 TIDEGATE_DATA=/srv/tidegate tidegate serve"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    // What the help says of defaults is what the table of settings says.
    for (name, default) in [("PORT", "3000"), ("EDGE_PORT", "3001"), ("S3_PORT", "9000"), ("BIND_HOST", "127.0.0.1")] {
        let setting = SETTINGS.iter().find(|setting| setting.name == name).unwrap();
        assert_eq!(setting.default, default, "{name}");
    }
}
