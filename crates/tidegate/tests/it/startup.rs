//! Every combination of settings that must not start, or starts with a warning, as data: one row or
//! more for each check in `config/checks.rs`, and every requirement of production left out.

use tidegate::config::{Config, Sources};

use self::Verdict::{Refused, Warned};
use crate::support::{OWN_KEY as KEY, setting_value};

const OWN_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pkcs8.pem");
const PUBLISHED: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs8.pem");
const PUBLIC_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What becomes of a start.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// It is refused; the setting that is named, and what is said of it.
    Refused(&'static str, &'static str),
    /// It succeeds, with a warning that says this.
    Warned(&'static str),
}

type Settings = &'static [(&'static str, &'static str)];

/// A server that other machines reach, complete.
const PRODUCTION: Settings = &[
    ("ENV", "prod"),
    ("PUBLIC_BASE_URL", "https://api.example.com"),
    ("EDGE_URL", "https://images.example.com"),
    ("S3_URL", "https://s3.example.com"),
    ("TRUSTED_PROXIES", "10.0.0.0/8"),
    ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
    ("CLOUDFRONT_PRIVATE_KEY_PEM", KEY),
    ("CLOUDFRONT_COOKIE_DOMAIN", ".example.com"),
    ("UPLOAD_SIGNING_KEY", SECRET),
    ("SCANNER", "off"),
    ("AUTH_JWKS_URL", "https://id.example.com/keys"),
    ("AUTH_JWT_ISSUER", "https://id.example.com/"),
    ("AUTH_JWT_AUDIENCE", "tidegate"),
    ("CORS_ALLOW_ORIGIN", "https://app.example.com"),
];

/// A bucket instead of a folder, on this machine.
const BUCKET: Settings = &[
    ("S3_BUCKET", "b"),
    ("S3_ENDPOINT", "http://127.0.0.1:9000"),
    ("S3_FORCE_PATH_STYLE", "true"),
    ("AWS_ACCESS_KEY_ID", "access"),
    ("AWS_SECRET_ACCESS_KEY", "secret-of-the-bucket"),
];

/// An edge that stands alone, complete.
const EDGE: Settings = &[("CORS_ALLOW_ORIGIN", "https://app.example.com")];

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Server,
    Edge,
}

/// One row: the program, its settings in layers, what is left out of them, and the verdict.
type Row = (Program, &'static [Settings], &'static [&'static str], Verdict);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // Sign-in that believes everybody, where others reach the server.
    (Program::Server, &[&[("BIND_HOST", "192.168.1.5")]], &[], Refused("AUTH_MODE", "a way to sign in: AUTH_JWKS_URL of your identity provider")),
    (Program::Server, &[PRODUCTION], &["AUTH_JWKS_URL", "AUTH_JWT_ISSUER", "AUTH_JWT_AUDIENCE"], Refused("AUTH_MODE", "AUTH_OWN_TOKENS=true for tokens that this server issues; or AUTH_SERVICE_TOKEN")),
    (Program::Server, &[&[("AUTH_MODE", "dev"), ("BIND_HOST", "0.0.0.0")]], &[], Refused("BIND_HOST", "a loopback address: AUTH_MODE=")),
    (Program::Server, &[&[("AUTH_MODE", "none"), ("BIND_HOST", "::")]], &[], Refused("BIND_HOST", "a loopback address: AUTH_MODE=")),
    (Program::Server, &[PRODUCTION, &[("AUTH_MODE", "dev")]], &[], Refused("PUBLIC_BASE_URL", "a loopback URL: AUTH_MODE=")),
    (Program::Server, &[PRODUCTION, &[("AUTH_MODE", "none")]], &[], Refused("PUBLIC_BASE_URL", "a loopback URL: AUTH_MODE=")),
    // Addresses that nobody can be told.
    (Program::Server, &[PRODUCTION, &[("BIND_HOST", "0.0.0.0")]], &["PUBLIC_BASE_URL"], Refused("PUBLIC_BASE_URL", "the address clients use, since BIND_HOST is every address")),
    (Program::Server, &[PRODUCTION, &[("BIND_HOST", "0.0.0.0")]], &["EDGE_URL"], Refused("EDGE_URL", "the address clients use for the edge, since BIND_HOST is every address")),
    (Program::Server, &[PRODUCTION, &[("BIND_HOST", "0.0.0.0")]], &["S3_URL"], Refused("S3_URL", "the address clients use for uploads, since BIND_HOST is every address")),
    (Program::Edge, &[EDGE, &[("BIND_HOST", "0.0.0.0")]], &[], Refused("EDGE_URL", "the address clients use for the edge, since BIND_HOST is every address")),
    (Program::Server, &[PRODUCTION], &["EDGE_URL"], Warned("leads to this machine alone, and PUBLIC_BASE_URL to others")),
    (Program::Server, &[PRODUCTION], &["S3_URL"], Warned("leads to this machine alone, and PUBLIC_BASE_URL to others")),
    // Production without what it needs.
    (Program::Server, &[PRODUCTION], &["CLOUDFRONT_PRIVATE_KEY_PEM", "CLOUDFRONT_KEY_PAIR_ID"], Refused("CLOUDFRONT_PRIVATE_KEY_PEM", "a key of your own: production takes no generated one; only SURFACES=files does without")),
    (Program::Server, &[PRODUCTION], &["CLOUDFRONT_PRIVATE_KEY_PEM", "CLOUDFRONT_KEY_PAIR_ID"], Refused("CLOUDFRONT_KEY_PAIR_ID", "the id of the public half of CLOUDFRONT_PRIVATE_KEY_PEM")),
    (Program::Server, &[PRODUCTION, &[("CLOUDFRONT_PRIVATE_KEY_PEM", PUBLISHED)]], &[], Refused("CLOUDFRONT_PRIVATE_KEY_PEM", "a key of your own: everybody has this one, which is for tests")),
    (Program::Server, &[PRODUCTION], &["SCANNER"], Refused("SCANNER", "off, if sessions and spaces shall do without")),
    (Program::Server, &[PRODUCTION], &["UPLOAD_SIGNING_KEY"], Refused("UPLOAD_SIGNING_KEY", "a key of your own, of 32 characters or more")),
    (Program::Server, &[PRODUCTION, &[("UPLOAD_SIGNING_KEY", "0123456789abcdef")]], &[], Refused("UPLOAD_SIGNING_KEY", "a key of your own, of 32 characters or more")),
    (Program::Server, &[PRODUCTION, &[("AUTH_OWN_TOKENS", "true")]], &[], Refused("AUTH_OWN_KEY_PEM", "\"a key of your own: production takes no generated one\"")),
    (Program::Server, &[PRODUCTION, &[("AUTH_OWN_TOKENS", "true"), ("AUTH_OWN_KEY_PEM", OWN_KEY)]], &[], Refused("AUTH_OWN_KEY_PEM", "a key of your own: everybody has this one, and could sign in")),
    (Program::Server, &[PRODUCTION, &[("AUTH_JWT_PUBLIC_KEY_BASE64", PUBLIC_KEY)]], &["AUTH_JWKS_URL"], Refused("AUTH_JWT_PUBLIC_KEY_BASE64", "a key whose private half only its issuer has")),
    (Program::Server, &[PRODUCTION, &[("AUTH_SERVICE_TOKEN", "short")]], &[], Refused("AUTH_SERVICE_TOKEN", "tokens of 32 characters or more")),
    (Program::Server, &[PRODUCTION], &["AUTH_JWT_ISSUER"], Refused("AUTH_JWT_ISSUER", "what the tokens say, or * for any")),
    (Program::Server, &[PRODUCTION], &["AUTH_JWT_AUDIENCE"], Refused("AUTH_JWT_AUDIENCE", "what the tokens say, or * for any")),
    (Program::Server, &[PRODUCTION, &[("EDGE_URL", "https://api.example.com:444")]], &[], Refused("EDGE_URL", "another host than PUBLIC_BASE_URL has")),
    (Program::Edge, &[EDGE, &[("PUBLIC_BASE_URL", "https://a.example.com"), ("EDGE_URL", "https://a.example.com:444"), ("TRUSTED_PROXIES", "10.0.0.0/8")]], &[], Refused("EDGE_URL", "another host than PUBLIC_BASE_URL has")),
    // Pages with TLS beside addresses without.
    (Program::Server, &[PRODUCTION, &[("EDGE_URL", "http://images.example.com")]], &[], Refused("EDGE_URL", "an https:// URL, as PUBLIC_BASE_URL is: browsers block http:// on its pages")),
    (Program::Server, &[PRODUCTION, &[("S3_URL", "http://s3.example.com")]], &[], Refused("S3_URL", "an https:// URL, as PUBLIC_BASE_URL is: browsers block http:// on its pages")),
    (Program::Server, &[BUCKET, &[("PUBLIC_BASE_URL", "https://localhost:3000"), ("S3_ENDPOINT", "http://10.0.0.1:9000")]], &[], Warned("is http and PUBLIC_BASE_URL is https: browsers block it on its pages")),
    (Program::Server, &[BUCKET, &[("CORS_ALLOW_ORIGIN", "https://app.example.com"), ("S3_ENDPOINT", "http://10.0.0.1:9000")]], &[], Warned("is http, and browsers block it on the pages of")),
    // Cookies that never reach the edge.
    (Program::Server, &[PRODUCTION], &["CLOUDFRONT_COOKIE_DOMAIN"], Warned("so browsers send the signed cookies of")),
    (Program::Server, &[PRODUCTION, &[("CLOUDFRONT_COOKIE_DOMAIN", "example.org")]], &[], Warned("which does not contain both")),
    // A proxy that nobody is told of.
    (Program::Server, &[PRODUCTION], &["TRUSTED_PROXIES"], Warned("share one rate limit and one address in the audit log")),
    (Program::Edge, &[EDGE, &[("EDGE_URL", "https://images.example.com")]], &[], Warned("so a proxy stands before us, and TRUSTED_PROXIES names none: policies for an address see")),
    // An edge that stands alone.
    (Program::Edge, &[EDGE, &[("EDGE_PORT", "off")]], &[], Refused("EDGE_PORT", "a port: the edge is all that is started")),
    (Program::Edge, &[EDGE, &[("EDGE_PORT", "3000"), ("PORT", "3000")]], &[], Refused("PORT", "another port than EDGE_PORT has: there are probes and metrics")),
    (Program::Edge, &[EDGE, &[("CLOUDFRONT_KEY_PAIR_ID", "K1"), ("CLOUDFRONT_PRIVATE_KEY_PEM", KEY)]], &[], Refused("CLOUDFRONT_PRIVATE_KEY_PEM", "it to the server that signs: an edge knows public keys only")),
    (Program::Edge, &[EDGE, &[("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "/key")]], &[], Refused("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "it to the server that signs: an edge knows public keys only")),
    (Program::Edge, &[EDGE, &[("AUTH_OWN_TOKENS", "true"), ("AUTH_OWN_KEY_PEM", OWN_KEY)]], &[], Refused("AUTH_OWN_KEY_PEM", "it to the server that issues tokens: an edge knows public keys only")),
    (Program::Edge, &[&[]], &[], Warned("neither PUBLIC_BASE_URL nor CORS_ALLOW_ORIGIN names an origin: no page may read with cookies from here")),
    // Jobs that nobody does.
    (Program::Server, &[&[("WORKER", "false")]], &[], Refused("WORKER", "true: `tidegate work` can share a PostgreSQL and a bucket only, and nobody else does the jobs")),
    (Program::Server, &[BUCKET, &[("WORKER", "false")]], &[], Refused("WORKER", "true: `tidegate work` can share a PostgreSQL and a bucket only, and nobody else does the jobs")),
    (Program::Server, &[&[("WORKER_CLASSES", "scans")]], &[], Refused("WORKER_CLASSES", "all of them: only processes that share a PostgreSQL and a bucket can divide the jobs")),
    // Bytes that nobody looked at.
    (Program::Server, &[&[("MEDIA_ORIGINAL_URLS", "true")]], &[], Refused("MEDIA_ORIGINAL_URLS", "false, or a bucket by S3_BUCKET: a local store gives nobody what was not published")),
    (Program::Server, &[PRODUCTION, BUCKET, &[("S3_ENDPOINT", "https://s3.example.com"), ("MEDIA_ORIGINAL_URLS", "true")]], &["S3_URL"], Warned("MEDIA_ORIGINAL_URLS lets originals be read before they are scanned")),
    (Program::Server, &[&[("CLAMAV_HOST", "127.0.0.1"), ("CLAMAV_MAX_MB", "1")]], &[], Warned("is less than MEDIA_MAX_VIDEO_MB or MEDIA_MAX_IMAGE_MB: what is larger is taken and never published")),
    (Program::Server, &[&[("CLAMAV_HOST", "127.0.0.1"), ("CLAMAV_MAX_MB", "1"), ("SURFACES", "files")]], &[], Warned("is less than MAX_BODY_MB: files that are larger are taken and can't be read, unless")),
    // Grants that lead nowhere.
    (Program::Server, &[&[("EDGE_PORT", "off")]], &[], Warned("EDGE_PORT is off and neither EDGE_URL nor CLOUDFRONT_DOMAIN names another edge")),
    (Program::Server, &[&[("CLOUDFRONT_DISTRIBUTION_ID", "E1")]], &[], Warned("is set and neither CLOUDFRONT_DOMAIN nor EDGE_URL leads there")),
    (Program::Server, &[&[("PORT", "3000"), ("S3_PORT", "3000")]], &[], Refused("S3_PORT", "another port than {other} has")),
    (Program::Server, &[&[("PORT", "3000"), ("EDGE_PORT", "3000")]], &[], Refused("EDGE_PORT", "another port than {other} has")),
    (Program::Server, &[&[("PORT", "3000"), ("METRICS_PORT", "3000")]], &[], Refused("METRICS_PORT", "another port than {other} has")),
    (Program::Server, &[&[("S3_PORT", "9000"), ("METRICS_PORT", "9000")]], &[], Refused("METRICS_PORT", "another port than {other} has")),
    (Program::Server, &[&[("EDGE_PORT", "3001"), ("METRICS_PORT", "3001")]], &[], Refused("METRICS_PORT", "another port than {other} has")),
    (Program::Server, &[&[("CLOUDFRONT_COOKIE_SAMESITE", "None")]], &[], Refused("CLOUDFRONT_COOKIE_SAMESITE", "Lax or Strict, or an https EDGE_URL: browsers refuse None without Secure")),
    (Program::Server, &[&[("CLOUDFRONT_COOKIE_PARTITIONED", "true")]], &[], Refused("CLOUDFRONT_COOKIE_PARTITIONED", "false, or CLOUDFRONT_COOKIE_SAMESITE=None")),
    // Settings of which one is too many.
    (Program::Server, &[&[("AUTH_JWT_PUBLIC_KEY_BASE64", PUBLIC_KEY), ("AUTH_JWKS_URL", "https://id.test/")]], &[], Refused("AUTH_J", "either it or")),
    (Program::Server, &[&[("CLOUDFRONT_DOMAIN", "a.test"), ("EDGE_URL", "https://b.test")]], &[], Refused("EDGE_URL", "as CLOUDFRONT_DOMAIN says, or only one of the two")),
    (Program::Server, &[&[("CLOUDFRONT_KEY_PAIR_ID", "K1")]], &[], Refused("CLOUDFRONT_PRIVATE_KEY_PEM", "the private key of CLOUDFRONT_KEY_PAIR_ID")),
    (Program::Server, &[&[("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "/key"), ("CLOUDFRONT_PRIVATE_KEY_SECRET_ID", "key")]], &[], Refused("CLOUDFRONT_PRIVATE_KEY_SECRET_ID", "either it or CLOUDFRONT_PRIVATE_KEY_SSM_PARAM")),
    (Program::Server, &[&[("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "/key"), ("CLOUDFRONT_KEY_PAIR_ID", "K1"), ("CLOUDFRONT_PRIVATE_KEY_PEM", KEY)]], &[], Refused("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "either it or CLOUDFRONT_PRIVATE_KEY_PEM")),
    (Program::Server, &[&[("TRUSTED_PROXIES", "0.0.0.0/0")]], &[], Refused("TRUSTED_PROXIES", "not everybody's")),
    (Program::Server, &[&[("CORS_ALLOW_ORIGIN", "*,https://a.test")]], &[], Refused("CORS_ALLOW_ORIGIN", "* alone, or a list of origins such as")),
];

fn load(program: Program, layers: &[Settings], without: &[&str]) -> Result<Config, Vec<String>> {
    let mut environment: Vec<(String, String)> = Vec::new();
    for (name, value) in layers.iter().flat_map(|layer| layer.iter()).filter(|(name, _)| !without.contains(name)) {
        environment.retain(|(known, _)| known != name);
        environment.push(((*name).to_owned(), setting_value(value).to_owned()));
    }
    let sources = Sources { environment, ..Sources::default() };
    let loaded = if program == Program::Edge { Config::load_for_edge(&sources) } else { Config::load(&sources) };
    loaded.map_err(|problems| problems.0)
}

/// Secrets that no message may show.
fn show_no_secret(text: &str) {
    for secret in [SECRET, "MIG", "MII", "secret-of-the-bucket"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn the_complete_settings_start() {
    for (program, layers) in
        [(Program::Server, &[PRODUCTION][..]), (Program::Server, &[BUCKET]), (Program::Edge, &[EDGE])]
    {
        let config = load(program, layers, &[]).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert!(config.warnings.is_empty(), "{layers:?}: {:?}", config.warnings);
    }
}

#[test]
fn every_forbidden_combination_is_refused_or_warned_of() {
    for (program, layers, without, verdict) in TABLE {
        let loaded = load(*program, layers, without);
        match verdict {
            Refused(setting, says) => {
                let problems = loaded.expect_err(&format!("{layers:?} without {without:?} must not start"));
                let fragment = plain(says);
                let found = problems.iter().any(|line| line.starts_with(setting) && line.contains(&fragment));
                assert!(found, "{without:?}: {setting} should say {fragment:?}: {problems:#?}");
                show_no_secret(&problems.join("\n"));
            }
            Warned(says) => {
                let config = loaded.unwrap_or_else(|problems| panic!("{without:?}: {says}: {problems:#?}"));
                let found = config.warnings.iter().any(|line| line.contains(says));
                assert!(found, "{layers:?}: should warn {says:?}: {:#?}", config.warnings);
                show_no_secret(&config.warnings.join("\n"));
            }
        }
    }
}

/// Returns what a message says of a fragment of the source: nothing is left of placeholders.
fn plain(says: &str) -> String {
    let text = says.trim_matches('"').trim_end_matches('\\');
    text.split('{').next().unwrap_or_default().to_owned()
}

/// No requirement of production can be left out.
#[test]
fn production_needs_each_of_its_settings() {
    let optional = [
        "ENV",
        "TRUSTED_PROXIES",
        "CORS_ALLOW_ORIGIN",
        "PUBLIC_BASE_URL",
        "EDGE_URL",
        "S3_URL",
        "CLOUDFRONT_COOKIE_DOMAIN",
    ];
    for (name, _) in PRODUCTION.iter().filter(|(name, _)| !optional.contains(name)) {
        let problems = load(Program::Server, &[PRODUCTION], &[name]).expect_err(name);
        let named = problems.iter().any(|line| line.contains(name));
        assert!(named || *name == "AUTH_JWKS_URL", "{name} is left out: {problems:#?}");
    }
    // Each of these makes it production by itself, so that none is forgotten with another.
    for name in ["ENV", "PUBLIC_BASE_URL", "EDGE_URL", "S3_URL", "TRUSTED_PROXIES"] {
        let others: Vec<&str> = optional.iter().copied().filter(|other| *other != name).collect();
        let without = [&others[..], &["UPLOAD_SIGNING_KEY"]].concat();
        let problems = load(Program::Server, &[PRODUCTION], &without).expect_err(name);
        assert!(problems.iter().any(|line| line.starts_with("UPLOAD_SIGNING_KEY")), "{name}: {problems:#?}");
    }
}

/// A setting is named once, with the first thing that is wrong with it.
#[test]
fn a_setting_is_named_once() {
    let problems = load(Program::Server, &[PRODUCTION, &[("BIND_HOST", "0.0.0.0")]], &["PUBLIC_BASE_URL", "EDGE_URL"]);
    let problems = problems.expect_err("nobody can be told the addresses");
    assert_eq!(problems.iter().filter(|line| line.starts_with("EDGE_URL")).count(), 1, "{problems:#?}");
}

/// Every place in `checks.rs` that refuses or warns has a row: its text, up to it from the place
/// before, holds what a row says.
#[test]
fn every_check_has_a_row() {
    let source = include_str!("../../src/config/checks.rs");
    let ends = ["r.problem(", "r.missing(", "warnings.push("];
    let mut places: Vec<usize> = ends.iter().flat_map(|end| source.match_indices(end).map(|(at, _)| at)).collect();
    places.sort_unstable();
    assert!(places.len() > 30, "{} checks are found", places.len());
    let says: Vec<&str> = TABLE
        .iter()
        .map(|(_, _, _, verdict)| match verdict {
            Refused(_, says) | Warned(says) => *says,
        })
        .collect();
    // A name alone would be in many checks.
    let short = TABLE.iter().map(|(.., Refused(_, says) | Warned(says))| *says).find(|says| !says.contains(' '));
    assert_eq!(short, None, "a row says a word only");
    let mut from = 0;
    for place in places {
        let end = place + source[place..].find(";\n").unwrap();
        let text = &source[from..end];
        // As the compiler joins lines of one literal.
        let joined = text.split("\\\n").map(str::trim_start).collect::<String>();
        assert!(says.iter().any(|says| joined.contains(says)), "no row of the table is about this check: {text}");
        from = end;
    }
}
