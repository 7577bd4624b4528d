//! Settings: precedence of sources, aliases, all problems reported at once, and configurations that
//! must not start.

use sign::KeyKind;
use tidegate::config::{AuthMode, Config, Sources, known_keys};
use tidegate::db::{Database, Pooling};

use crate::support::{OWN_KEY, OWN_PUBLIC_KEY, setting_value};

fn load(settings: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment =
        settings.iter().map(|(name, value)| ((*name).to_owned(), setting_value(value).to_owned())).collect();
    Config::load(&Sources { environment, ..Sources::default() }).map_err(|problems| problems.0)
}

fn problem(settings: &[(&str, &str)], says: &str) {
    let problems = load(settings).expect_err(&format!("{settings:?} must not load"));
    assert!(problems.iter().any(|line| line.contains(says)), "{settings:?}: {problems:?} should say {says}");
}

#[test]
fn nothing_at_all_is_a_fine_setting() {
    let config = load(&[]).unwrap();
    assert_eq!((config.port, config.edge_port, config.s3_port), (3000, Some(3001), 9000));
    assert!(config.bind.is_loopback() && !config.production);
}

#[test]
fn every_problem_is_told_at_once_with_what_would_be_right() {
    let problems = load(&[
        ("PORT", "99999"),
        ("AUTH_MODE", "jwt"),
        ("CORS_ALLOW_ORIGIN", "*,https://a.test"),
        ("MULTIPART_PART_SIZE_BYTES", "1"),
        ("IMAGE_BASE_PATH", "/../x"),
        ("CLOUDFRONT_PRIVATE_KEY_PEM", "-----BEGIN PRIVATE KEY-----\nsecretbytes\n-----END PRIVATE KEY-----"),
        ("CLOUDFRONT_COOKIE_SAMESITE", "None"),
        ("PUBLIC_BASE_URL", "http://localhost/path"),
        ("ARCHIVE_AFTER_DAYS", "-1"),
        ("ARCHIVE_THAW_DAYS", "0"),
        ("ARCHIVE_THAW_TIER", "standard"),
        ("ARCHIVE_THAWS_PER_OWNER", "none"),
    ])
    .unwrap_err();
    assert!(problems.len() >= 8, "{problems:#?}");
    let text = problems.join("\n");
    for says in [
        "PORT=\"99999\": give 0 to 65535",
        "AUTH_MODE=\"jwt\": give AUTH_JWKS_URL, AUTH_OWN_TOKENS=true, AUTH_SERVICE_TOKEN or AUTH_JWT_PUBLIC_KEY_BASE64 with it",
        "MULTIPART_PART_SIZE_BYTES=\"1\": give 5242880 to 5368709120 bytes",
        "IMAGE_BASE_PATH=\"/../x\": give a path",
        "CORS_ALLOW_ORIGIN=",
        "CLOUDFRONT_PRIVATE_KEY_PEM (not shown)",
        "CLOUDFRONT_COOKIE_SAMESITE=\"None\": give Lax or Strict, or an https EDGE_URL",
        "PUBLIC_BASE_URL=\"http://localhost/path\"",
        "ARCHIVE_AFTER_DAYS=\"-1\": give 0 to 36500 days",
        "ARCHIVE_THAW_DAYS=\"0\": give 1 to 3650 days",
        "ARCHIVE_THAW_TIER=\"standard\": give Standard | Bulk | Expedited",
        "ARCHIVE_THAWS_PER_OWNER=\"none\": give 1 to 1000000",
    ] {
        assert!(text.contains(says), "{text}\nshould say: {says}");
    }
    assert!(!text.contains("secretbytes"), "{text}");
}

#[test]
fn tokens_make_the_mode_and_are_checked_before_the_start() {
    let mode = |settings: &[(&str, &str)]| load(settings).unwrap().auth.mode;
    let pem = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, pem).unwrap();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD.encode(pem);
    for key in [pem, &pem.replace('\n', "\\n"), &base64, path.to_str().unwrap()] {
        assert_eq!(mode(&[("AUTH_JWT_PUBLIC_KEY_BASE64", key)]), AuthMode::Jwt, "{key}");
    }
    assert_eq!(mode(&[("AUTH_JWKS_URL", "https://id.test/keys")]), AuthMode::Jwt);
    assert_eq!(mode(&[("AUTH_OWN_TOKENS", "true")]), AuthMode::Jwt);
    assert_eq!(mode(&[("AUTH_OWN_TOKENS", "false")]), AuthMode::Dev);
    assert_eq!(mode(&[("AUTH_SERVICE_TOKEN", "of-a-service")]), AuthMode::Jwt, "never dev where services sign in");
    let sec1 = include_str!("../../../sign/tests/fixtures/throwaway-p256.sec1.pem");
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/../sign/tests/fixtures/throwaway-p256.pkcs8.pem");
    for own in [sec1, key] {
        assert_eq!(mode(&[("AUTH_OWN_TOKENS", "true"), ("AUTH_OWN_KEY_PEM", own)]), AuthMode::Jwt, "{own}");
    }
    let production = [("ENV", "prod"), ("AUTH_JWKS_URL", "https://id.test/keys")];
    problem(&production, "AUTH_JWT_ISSUER is not set");
    problem(&production, "AUTH_JWT_AUDIENCE is not set");
    let any = load(&[("AUTH_JWKS_URL", "https://id.test/keys"), ("AUTH_JWT_ISSUER", "*"), ("AUTH_JWT_AUDIENCE", "*")])
        .unwrap();
    assert!(any.warnings.is_empty() && any.auth.sign_in.issuer.is_none(), "{:?}", any.warnings);
    for exposed in [("ALLOWED_HOSTS", "api.test"), ("TRUSTED_PROXIES", "10.0.0.0/8")] {
        assert!(load(&[exposed, ("AUTH_MODE", "dev")]).is_err(), "{exposed:?} is production");
    }
    problem(&[("TRUSTED_PROXIES", "0.0.0.0/0")], "and not everybody's");
    let dev = load(&[("AUTH_MODE", "dev"), ("AUTH_JWKS_URL", "https://id.test/keys")]).unwrap();
    assert!(dev.warnings.join("").contains("have no effect"), "{:?}", dev.warnings);
    let open = load(&[("AUTH_JWKS_URL", "https://id.test/keys")]).unwrap();
    assert!(open.warnings.join("").contains("AUTH_JWT_AUDIENCE"), "{:?}", open.warnings);
    for bad in ["http://id.test/keys", "ftp://id.test", "keys.json", "https://u:p@id.test/"] {
        problem(&[("AUTH_JWKS_URL", bad)], "an https:// URL, or an http:// one on this machine");
    }
    let private = include_str!("../../../sign/tests/fixtures/throwaway-p256.pkcs8.pem");
    for bad in ["hello", private, "/no/such/file"] {
        let problems = load(&[("AUTH_JWT_PUBLIC_KEY_BASE64", bad)]).unwrap_err().join("");
        assert!(problems.contains("AUTH_JWT_PUBLIC_KEY_BASE64 (not shown)") && !problems.contains("MIG"), "{problems}");
    }
    problem(&[("AUTH_JWT_PUBLIC_KEY_BASE64", pem), ("AUTH_JWKS_URL", "https://id.test/")], "either it or");
    problem(&[("AUTH_OWN_TOKENS", "true"), ("AUTH_OWN_KEY_PEM", "hunter2")], "AUTH_OWN_KEY_PEM (not shown)");
    problem(&[("AUTH_OWN_TOKENS", "true"), ("ENV", "prod")], "AUTH_OWN_KEY_PEM is not set");
    problem(&[("AUTH_OWN_TOKENS", "true"), ("ENV", "prod"), ("AUTH_SERVICE_TOKEN", "hunter2")], "32 characters");
    problem(&[("TRUSTED_PROXIES", "10.0.0.0/8, proxy")], "such as 10.0.0.0/8");
    let shown = format!("{:?}", load(&[("AUTH_OWN_TOKENS", "1"), ("AUTH_SERVICE_TOKEN", "hunter2")]).unwrap());
    assert!(!shown.contains("hunter2"));
}

#[test]
fn the_provider_of_pages_is_named_as_a_whole() {
    let keys = [("AUTH_JWKS_URL", "https://id.test/keys"), ("AUTH_JWT_ISSUER", "*"), ("AUTH_JWT_AUDIENCE", "*")];
    let (issuer, client) = (("OIDC_ISSUER", "https://id.test/realm"), ("OIDC_CLIENT_ID", "tidegate"));
    let with = |more: &[(&'static str, &'static str)]| [&keys, more].concat();
    let oidc = load(&with(&[issuer, client])).unwrap().auth.oidc.unwrap();
    assert_eq!((oidc.issuer.as_str(), oidc.client_id.as_str()), (issuer.1, client.1));
    assert_eq!(oidc.scope, "openid profile");
    assert!(load(&keys).unwrap().auth.oidc.is_none());
    assert!(load(&[("OIDC_SCOPE", "openid email")]).unwrap().auth.oidc.is_none(), "a scope alone names nobody");
    problem(&with(&[issuer]), "OIDC_CLIENT_ID is not set: give the client id that OIDC_ISSUER knows");
    problem(&with(&[client]), "OIDC_ISSUER is not set: give the provider that knows OIDC_CLIENT_ID");
    let long = "x".repeat(256);
    for bad in [
        "http://id.test",
        "id.test",
        "ftp://id.test",
        "https://u:p@id.test",
        "https://id.test/?a=b",
        "https://id.test/#a",
        "https://id.test/a b",
    ] {
        problem(
            &with(&[("OIDC_ISSUER", bad), client]),
            "an https:// URL without a query, or an http:// one on this machine",
        );
    }
    assert!(load(&with(&[("OIDC_ISSUER", "http://127.0.0.1:8080/realm"), client])).is_ok());
    for bad in ["a b", "ä", long.as_str()] {
        let settings = [&keys[..], &[issuer, ("OIDC_CLIENT_ID", bad)]].concat();
        problem(&settings, "1 to 255 visible ASCII characters");
    }
    for bad in ["profile", "openid  profile", "openid \"x\"", "openidprofile"] {
        problem(&with(&[issuer, client, ("OIDC_SCOPE", bad)]), "scopes between single spaces, openid among them");
    }
    let origins = ("OIDC_ORIGINS", "https://pool.test, http://localhost:8080");
    let more = load(&with(&[issuer, client, origins])).unwrap().auth.oidc.unwrap().origins;
    let more: Vec<String> = more.iter().map(ToString::to_string).collect();
    assert_eq!(
        (oidc.origins.len(), more),
        (0, vec!["https://pool.test".to_owned(), "http://localhost:8080".to_owned()])
    );
    for bad in ["http://pool.test", "https://pool.test/oauth2", "https://*.test", "https://a.test; script-src *", "*"] {
        problem(&with(&[issuer, client, ("OIDC_ORIGINS", bad)]), "a list of https:// origins");
    }
    // Without keys, or without tokens at all, nobody could sign in.
    problem(&[issuer, client], "AUTH_MODE is not set: give AUTH_JWKS_URL");
    problem(&[issuer, client, ("AUTH_OWN_TOKENS", "true")], "AUTH_JWKS_URL or AUTH_JWT_PUBLIC_KEY_BASE64 with it");
    let other = load(&[keys[0], ("AUTH_JWT_ISSUER", "https://id.test/"), keys[2], issuer, client]).unwrap();
    assert!(other.warnings.join("").contains("OIDC_ISSUER is not what AUTH_JWT_ISSUER says"), "{:?}", other.warnings);
    let dev = load(&with(&[issuer, client, ("AUTH_MODE", "dev")])).unwrap();
    assert!(dev.auth.oidc.is_none() && dev.warnings.join("").contains("have no effect"), "{:?}", dev.warnings);
}

/// Pages are told where presigned requests lead, which has the bucket's name in front on AWS.
#[test]
fn the_store_has_the_origin_of_its_requests() {
    let origin = |settings: &[(&str, &str)]| {
        let config = load(settings).unwrap();
        let tidegate::config::StoreSetting::S3(s3) = &config.store else { panic!("a bucket") };
        config.store.origin(&s3.endpoint).to_string()
    };
    let bucket = [("S3_BUCKET", "my-bucket"), ("AWS_REGION", "eu-west-1")];
    assert_eq!(origin(&bucket), "https://my-bucket.s3.eu-west-1.amazonaws.com");
    let path = [bucket[0], bucket[1], ("S3_FORCE_PATH_STYLE", "true")];
    assert_eq!(origin(&path), "https://s3.eu-west-1.amazonaws.com");
}

#[test]
fn without_sign_in_nothing_but_loopback_starts() {
    let way_out = "AUTH_ALLOW_INSECURE_REMOTE=true";
    problem(&[("AUTH_MODE", "dev"), ("BIND_HOST", "0.0.0.0")], way_out);
    problem(&[("AUTH_MODE", "none"), ("BIND_HOST", "::")], way_out);
    for remote in [
        ("BIND_HOST", "192.168.1.5"),
        ("PUBLIC_BASE_URL", "https://api.example.com"),
        ("PUBLIC_BASE_URL", "https://127.0.0.1.example.com"),
    ] {
        for way_in in ["AUTH_JWKS_URL", "AUTH_OWN_TOKENS=true", "AUTH_SERVICE_TOKEN"] {
            problem(&[remote], way_in);
        }
        let problems = load(&[remote]).unwrap_err().join("\n");
        assert!(!problems.contains("INSECURE"), "nobody is led to the insecure way: {problems}");
    }
    for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(load(&[("BIND_HOST", loopback)]).is_ok(), "{loopback}");
    }
}

#[test]
fn production_takes_nothing_generated() {
    let remote = [("AUTH_ALLOW_INSECURE_REMOTE", "true"), ("PUBLIC_BASE_URL", "https://api.example.com")];
    problem(&remote, "CLOUDFRONT_PRIVATE_KEY_PEM");
    problem(&remote, "CLOUDFRONT_KEY_PAIR_ID");
    problem(&[("ENV", "prod")], "production takes no generated one");
    let mut complete = vec![
        ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
        ("CLOUDFRONT_PRIVATE_KEY_PEM", OWN_KEY),
        ("EDGE_URL", "https://images.example.com"),
        ("UPLOAD_SIGNING_KEY", "0123456789abcdef0123456789abcdef"),
        ("SCANNER", "off"),
    ];
    complete.extend(remote);
    problem(&remote, "UPLOAD_SIGNING_KEY");
    problem(&remote, "SCANNER is not set");
    problem(&[("CLOUDFRONT_DOMAIN", "d111.cloudfront.net")], "production takes no generated one");
    problem(&[("S3_URL", "https://s3.example.com")], "production takes no generated one");
    let config = load(&complete).unwrap_or_else(|p| panic!("{p:?}"));
    assert!(config.cloudfront.key.is_some());
    assert_eq!((config.limits.per_subject, config.limits.per_address), (100, 200), "limits are on in production");
    let here = load(&[]).unwrap().limits;
    assert_eq!((here.per_subject, here.per_address), (0, 0));
    let given = load(&[("RATE_LIMIT_PER_SUBJECT", "7"), ("RATE_LIMIT_PER_ADDRESS", "0")]).unwrap().limits;
    assert_eq!((given.per_subject, given.per_address), (7, 0));
    problem(&[("RATE_LIMIT_PER_SUBJECT", "-1")], "RATE_LIMIT_PER_SUBJECT=\"-1\": give 0 to 1000000");
    // Nor a key that everybody has.
    let of_tests = [
        include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs1.pem"),
        include_str!("../../../sign/tests/fixtures/throwaway-rsa2048-other.pkcs8.pem"),
        include_str!("../../../sign/tests/fixtures/throwaway-p256.sec1.pem"),
    ];
    for published in of_tests.into_iter().chain([KeyKind::Rsa2048, KeyKind::P256].map(known_keys::dummy_key)) {
        let mut settings = complete.clone();
        settings[1].1 = published;
        problem(&settings, "CLOUDFRONT_PRIVATE_KEY_PEM (not shown): give a key of your own: everybody has this one");
        assert!(load(&settings[..2]).is_ok(), "elsewhere it will do");
    }
    complete.push(("EDGE_URL", "https://api.example.com:444"));
    complete.remove(2);
    problem(&complete, "another host than PUBLIC_BASE_URL");
}

#[test]
fn names_of_the_source_documents() {
    let config = load(&[("CLOUDFRONT_DISTRIBUTION_DOMAIN", "cdn.localhost")]).unwrap();
    assert_eq!(config.edge_url.unwrap().to_string(), "https://cdn.localhost");
    assert!(load(&[("CLOUDFRONT_DOMAIN", "d.localhost"), ("CLOUDFRONT_DISTRIBUTION_DOMAIN", "d.localhost")]).is_ok());
    problem(&[("CLOUDFRONT_DOMAIN", "d1.test"), ("CLOUDFRONT_DISTRIBUTION_DOMAIN", "d2.test")], "are one setting");
    problem(&[("CLOUDFRONT_DOMAIN", "d1.test"), ("EDGE_URL", "https://d2.test")], "EDGE_URL=\"https://d2.test\"");
    problem(&[("CLOUDFRONT_KEY_PAIR_ID", "K1")], "CLOUDFRONT_PRIVATE_KEY_PEM");
    assert_eq!(load(&[("PORT", ""), ("CLOUDFRONT_DOMAIN", " ")]).unwrap().port, 3000, "empty is not given");
}

#[test]
fn what_carries_jobs_is_one_thing() {
    use tidegate::config::TransportSetting;
    use tidegate::model::job_class::JobClass;
    let transport = |settings: &[(&str, &str)]| load(settings).unwrap().queues.transport;
    let usual = "https://sqs.us-east-1.amazonaws.com/123456789012/jobs";
    let own = "https://sqs.us-east-1.amazonaws.com/123456789012/videos";
    assert!(matches!(transport(&[]), TransportSetting::Database));
    let given =
        [("RESTORE_PACKAGE_QUEUE_URL", usual), ("JOB_QUEUE_URL_VIDEOS", own), ("JOB_QUEUE_URL_SCANS", "database")];
    let TransportSetting::Sqs(queues) = transport(&given) else { panic!("not SQS") };
    let usual_queue = |class| (class, usual.to_owned());
    let videos = (JobClass::Videos, own.to_owned());
    assert_eq!(queues, [usual_queue(JobClass::Upkeep), usual_queue(JobClass::Images), videos]);
    let TransportSetting::Redis(redis) = transport(&[("REDIS_HOST", "localhost")]) else { panic!("not Redis") };
    assert_eq!(
        (redis.host.as_str(), redis.port, redis.tls, redis.prefix.as_str()),
        ("localhost", 6379, false, "tidegate")
    );
    let url = ("REDIS_URL", "rediss://user:hunter2@redis.test:7000/2");
    let TransportSetting::Redis(redis) = transport(&[url, ("REDIS_PREFIX", "it:1")]) else { panic!("not Redis") };
    assert_eq!((redis.host.as_str(), redis.port, redis.tls, redis.database), ("redis.test", 7000, true, 2));
    assert!(!format!("{:?}", load(&[url]).unwrap()).contains("hunter2"));
    // An emulator is at another host, and is named.
    let local = ("JOB_QUEUE_URL", "http://127.0.0.1:4566/000000000000/jobs");
    assert!(load(&[local, ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")]).is_ok());
    for (settings, says) in [
        (&[("JOB_QUEUE_URL", usual), ("REDIS_HOST", "h")][..], "REDIS_HOST=\"h\": give either it or JOB_QUEUE_URL"),
        (&[("JOB_QUEUE_URL", usual), url], "REDIS_URL (not shown): give either it or JOB_QUEUE_URL"),
        (&[url, ("REDIS_PASSWORD", "x")], "REDIS_PASSWORD (not shown): give either it or REDIS_URL"),
        (&[("REDIS_URL", "http://h")], "REDIS_URL (not shown): give redis://"),
        (&[("REDIS_PORT", "6379")], "REDIS_PORT=\"6379\": give it together with REDIS_HOST"),
        (&[("REDIS_HOST", "h:6379")], "without a port"),
        (&[("REDIS_HOST", "h"), ("REDIS_PORT", "0")], "REDIS_PORT=\"0\": give 1 to 65535"),
        (&[("REDIS_HOST", "h"), ("REDIS_TLS", "maybe")], "REDIS_TLS=\"maybe\": give true | false"),
        (&[("REDIS_HOST", "h"), ("REDIS_PREFIX", "a b")], "REDIS_PREFIX=\"a b\": give 1 to 64"),
        (&[local], "name what serves it by AWS_ENDPOINT_URL"),
        (
            &[("JOB_QUEUE_URL", usual), ("AWS_REGION", "eu-west-1")],
            "AWS_REGION=\"eu-west-1\": give us-east-1, the region of JOB_QUEUE_URL",
        ),
        (&[("JOB_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/jobs.fifo")], "a standard queue"),
        (&[("JOB_QUEUE_URL", "arn:aws:sqs:us-east-1:1:jobs")], "give the URL of a queue"),
        (&[("JOB_QUEUE_URL_IMAGES", "https://sqs.us-east-1.amazonaws.com/1/a/b")], "JOB_QUEUE_URL_IMAGES"),
        (&[("JOB_LOOK_SECONDS", "0")], "JOB_LOOK_SECONDS=\"0\": give 1 to 3600 seconds"),
        (&[("WORKER_UPKEEP", "0")], "WORKER_UPKEEP=\"0\": give 1 to 256"),
        (&[("JOB_QUEUE_URL", usual), ("WORKER_CLASSES", "images")], "or a queue of its own by JOB_QUEUE_URL_UPKEEP"),
    ] {
        problem(settings, says);
    }
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RSA_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs8.pem");
const PUBLIC_KEY: &str = include_str!("../../../sign/tests/fixtures/throwaway-p256.pub.pem");

/// A source's example environment.
struct Example {
    /// As the source has it, without its placeholders of secrets.
    environment: &'static [(&'static str, &'static str)],
    /// The surface that takes the source's place.
    surface: &'static str,
    /// The secrets that the source itself demands.
    secrets: &'static [(&'static str, &'static str)],
    /// What is missing without these: with its own surface, and with all of them.
    missing: [&'static [&'static str]; 2],
}

/// The disk image gateway, with all of its optional settings.
const IMAGE_GATEWAY: Example = Example {
    environment: &[
        ("S3_BUCKET", "aero-images"),
        ("AWS_REGION", "us-east-1"),
        ("S3_ENDPOINT", "http://127.0.0.1:9000"),
        ("S3_FORCE_PATH_STYLE", "true"),
        ("AWS_ACCESS_KEY_ID", "minioadmin"),
        ("AWS_SECRET_ACCESS_KEY", "minioadmin"),
        ("CLOUDFRONT_DOMAIN", "images.example.com"),
        ("CLOUDFRONT_KEY_PAIR_ID", "K2JCJMDEHXQW5F"),
        ("CLOUDFRONT_AUTH_MODE", "cookie"),
        ("CLOUDFRONT_COOKIE_DOMAIN", ".example.com"),
        ("CLOUDFRONT_COOKIE_SAMESITE", "None"),
        ("CLOUDFRONT_COOKIE_PARTITIONED", "false"),
        ("IMAGE_BASE_PATH", "/images"),
        ("AUTH_MODE", "dev"),
        ("PORT", "3000"),
        ("CORS_ALLOW_ORIGIN", "*"),
        ("MULTIPART_PART_SIZE_BYTES", "67108864"),
    ],
    surface: "disks",
    secrets: &[("CLOUDFRONT_PRIVATE_KEY_PEM", OWN_KEY)],
    missing: [&["CLOUDFRONT_PRIVATE_KEY_PEM"], &["CLOUDFRONT_PRIVATE_KEY_PEM", "SCANNER", "UPLOAD_SIGNING_KEY"]],
};

/// The packages service.
const PACKAGES_SERVICE: Example = Example {
    environment: &[
        ("ENV", "prod"),
        ("PENNSIEVE_DOMAIN", "api.pennsieve.example"),
        ("RDS_PROXY_ENDPOINT", "proxy.example.us-east-1.rds.amazonaws.com"),
        ("VIEWER_ASSETS_BUCKET", "package-assets-prod"),
        ("CLOUDFRONT_DISTRIBUTION_DOMAIN", "d1234567890.cloudfront.net"),
        ("CLOUDFRONT_KEY_ID", "K2JCJMDEHXQW5F"),
        ("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM", "/prod/packages-service/cloudfront/private-key"),
        ("PROXY_ALLOWED_BUCKETS", "pennsieve-prod-storage,pennsieve-prod-discover"),
        ("RESTORE_PACKAGE_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/restore-package-queue"),
    ],
    surface: "packages",
    // The source has them from roles, from SSM and from its gateway.
    secrets: &[
        ("DATABASE_URL", "postgres://packages:hunter2@localhost/packages"),
        ("AUTH_JWT_PUBLIC_KEY_BASE64", OWN_PUBLIC_KEY),
    ],
    missing: [&["AUTH_MODE", "DATABASE_URL"], &["AUTH_MODE", "DATABASE_URL", "SCANNER", "UPLOAD_SIGNING_KEY"]],
};

/// The upload server.
const UPLOAD_SERVER: Example = Example {
    environment: &[
        ("PORT", "5070"),
        ("BIND_HOST", "127.0.0.1"),
        ("UPLOAD_ROOT", "/data/uploads"),
        ("PUBLIC_BASE_URL", "https://file-server.stream-lineai.com"),
        ("SIGNED_URL_TTL_DEFAULT", "3600"),
        ("MAX_BODY_MB", "5120"),
        ("PER_USER_QUOTA_GB", "500"),
    ],
    surface: "files",
    secrets: &[
        ("AUTH_JWT_PUBLIC_KEY_BASE64", OWN_PUBLIC_KEY),
        ("AUTH_SERVICE_TOKEN", SECRET),
        ("UPLOAD_SIGNING_KEY", SECRET),
    ],
    missing: [
        &["AUTH_MODE", "UPLOAD_SIGNING_KEY"],
        &["AUTH_MODE", "CLOUDFRONT_KEY_PAIR_ID", "CLOUDFRONT_PRIVATE_KEY_PEM", "SCANNER", "UPLOAD_SIGNING_KEY"],
    ],
};

/// The media of sessions.
const SESSION_MEDIA: Example = Example {
    environment: &[
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "your-access-key"),
        ("AWS_SECRET_ACCESS_KEY", "your-secret-key"),
        ("S3_BUCKET", "gixat-session-media"),
        ("CLOUDFRONT_DOMAIN", "d123456.cloudfront.net"),
        ("REDIS_HOST", "localhost"),
        ("REDIS_PORT", "6379"),
        ("CLAMAV_HOST", "localhost"),
        ("CLAMAV_PORT", "3310"),
    ],
    surface: "sessions",
    secrets: &[("CLOUDFRONT_KEY_PAIR_ID", "K2JCJMDEHXQW5F"), ("CLOUDFRONT_PRIVATE_KEY_PEM", OWN_KEY)],
    missing: [
        &["CLOUDFRONT_KEY_PAIR_ID", "CLOUDFRONT_PRIVATE_KEY_PEM"],
        &["CLOUDFRONT_KEY_PAIR_ID", "CLOUDFRONT_PRIVATE_KEY_PEM", "UPLOAD_SIGNING_KEY"],
    ],
};

#[test]
fn the_environment_of_every_source_starts_with_its_secrets() {
    for example in [IMAGE_GATEWAY, PACKAGES_SERVICE, UPLOAD_SERVER, SESSION_MEDIA] {
        let own = [example.environment, &[("SURFACES", example.surface)]].concat();
        for (settings, missing) in [(&own[..], example.missing[0]), (example.environment, example.missing[1])] {
            let problems = load(settings).unwrap_err();
            let mut named: Vec<&str> = problems
                .iter()
                .filter_map(|line| line.split_once(" is not set: give "))
                .map(|(name, _)| name)
                .collect();
            named.sort_unstable();
            assert_eq!((named.as_slice(), problems.len()), (missing, missing.len()), "{problems:#?}");
        }
        let config = load(&[&own, example.secrets].concat()).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(config.surfaces.len(), 1);
        // With what is missing for the other surfaces, all of them start.
        let others = [
            ("SCANNER", "off"),
            ("CLOUDFRONT_KEY_PAIR_ID", "K1"),
            ("CLOUDFRONT_PRIVATE_KEY_PEM", OWN_KEY),
            ("UPLOAD_SIGNING_KEY", SECRET),
        ];
        let given = [example.environment, example.secrets].concat();
        let has = |name: &str| {
            given
                .iter()
                .any(|(given, _)| *given == name || (*given == "CLOUDFRONT_KEY_ID" && name == "CLOUDFRONT_KEY_PAIR_ID"))
        };
        let scans = has("CLAMAV_HOST");
        let in_ssm = has("CLOUDFRONT_PRIVATE_KEY_SSM_PARAM");
        let is_superfluous =
            |name: &str| has(name) || (scans && name == "SCANNER") || (in_ssm && name == "CLOUDFRONT_PRIVATE_KEY_PEM");
        let others = others.into_iter().filter(|(name, _)| !is_superfluous(name));
        let all: Vec<_> = given.iter().copied().chain(others).collect();
        let config = load(&all).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(config.surfaces.len(), 5);
    }
    // What the source of disks needs for development is nothing.
    let local = [
        ("S3_BUCKET", "aero-images"),
        ("AWS_REGION", "us-east-1"),
        ("IMAGE_BASE_PATH", "/images"),
        ("AUTH_MODE", "dev"),
        ("PORT", "3000"),
    ];
    assert!(load(&local).unwrap().warnings.is_empty());
    problem(&[("SURFACES", ",")], "at least one of: disks, files, packages, sessions, spaces");
    problem(&[("SURFACES", "disk")], "only surfaces there are");
}

#[test]
fn a_database_is_a_file_or_a_server_and_never_shown() {
    let database = |settings: &[(&str, &str)]| load(settings).unwrap().database;
    match database(&[("DATABASE_URL", "sqlite:/x/y.db")]) {
        Database::Sqlite(path) => assert_eq!(path, std::path::Path::new("/x/y.db")),
        other => panic!("{other:?}"),
    }
    let url = ("DATABASE_URL", "postgres://user:hunter2@h/db");
    match database(&[url, ("RDS_PROXY_ENDPOINT", "proxy.test"), ("DATABASE_MAX_CONNECTIONS", "7")]) {
        Database::Postgres { host, connections, .. } => {
            assert_eq!((host.as_deref(), connections), (Some("proxy.test"), 7))
        }
        other => panic!("{other:?}"),
    }
    let proxy = ("RDS_PROXY_ENDPOINT", "proxy.test");
    for (settings, wanted) in [
        (vec![url], Pooling::Session),
        (vec![url, proxy], Pooling::Transaction),
        (vec![url, proxy, ("DATABASE_POOLING", "session")], Pooling::Session),
        (vec![url, ("DATABASE_POOLING", "transaction")], Pooling::Transaction),
    ] {
        match database(&settings) {
            Database::Postgres { pooling, iam: None, .. } => assert_eq!(pooling, wanted),
            other => panic!("{other:?}"),
        }
    }
    problem(&[url, ("DATABASE_POOLING", "statement")], "give session | transaction");
    problem(&[("DATABASE_POOLING", "transaction")], "together with a postgres:// DATABASE_URL");
    problem(&[("DATABASE_MIGRATE", "never")], "give on | off");
    assert!(load(&[url]).unwrap().migrates && !load(&[url, ("DATABASE_MIGRATE", "off")]).unwrap().migrates);
    assert!(!format!("{:?}", load(&[url]).unwrap()).contains("hunter2"));
    for bad in ["mysql://user:hunter2@h/db", "postgres:///hunter2", "sqlite:", "sqlite:x?mode=ro#hunter2"] {
        let problems = load(&[("DATABASE_URL", bad)]).unwrap_err().join("");
        assert!(problems.contains("DATABASE_URL (not shown): give sqlite:PATH or postgres://"), "{problems}");
        assert!(!problems.contains("hunter2"), "{problems}");
    }
    problem(&[("RDS_PROXY_ENDPOINT", "proxy.test")], "DATABASE_URL is not set: give postgres://");
    let sqlite = [("RDS_PROXY_ENDPOINT", "proxy.test"), ("DATABASE_URL", "sqlite:/x/y.db")];
    problem(&sqlite, "together with a postgres:// DATABASE_URL");
}

/// A token takes the place of the password, and is never sent in the clear.
#[test]
fn tokens_of_iam_need_tls_and_no_password() {
    let iam = ("DATABASE_IAM_AUTH", "true");
    for url in
        ["postgres://user@h/db?sslmode=verify-full", "postgres://user@h/db?sslmode=require", "postgres://user@[::1]/db"]
    {
        match load(&[iam, ("DATABASE_URL", url), ("AWS_REGION", "eu-west-1")]).unwrap().database {
            Database::Postgres { iam: Some(account), .. } => assert_eq!(account.region, "eu-west-1"),
            other => panic!("{other:?}"),
        }
    }
    for url in ["postgres://user@h/db", "postgres://user@h/db?sslmode=prefer", "postgres://user@[::1].test/db"] {
        problem(&[iam, ("DATABASE_URL", url)], "DATABASE_URL (not shown): give ");
    }
    problem(&[iam, ("DATABASE_URL", "postgres://user@h/db")], "give ?sslmode=verify-full or ?sslmode=require");
    let through = ("RDS_PROXY_ENDPOINT", "proxy.test");
    problem(&[iam, through, ("DATABASE_URL", "postgres://user@localhost/db")], "give ?sslmode=verify-full");
    for url in ["postgres://user:hunter2@h/db?sslmode=require", "postgres://user@h/db?sslmode=require&password=hunter2"]
    {
        problem(&[iam, ("DATABASE_URL", url)], "give a URL without a password");
    }
    problem(&[iam], "DATABASE_IAM_AUTH=\"true\": give it together with a postgres:// DATABASE_URL");
}

#[test]
fn slips_are_pointed_out() {
    problem(&[("PORT", "3000"), ("EDGE_PORT", "3000")], "EDGE_PORT=\"3000\": give another port than PORT has");
    problem(&[("S3_OPERATOR_SECRET_KEY", "short")], "at least 32 characters");
    for bad in ["http://x", "a/b", "x y:99999", "a@b", "x:99999"] {
        problem(&[("EDGE_HOSTS", bad)], "EDGE_HOSTS");
    }
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    std::fs::write(&dotenv, "PORRT=1\n").unwrap();
    let environment = vec![("TIDEGATE_FOO".to_owned(), "1".to_owned()), ("EDITOR".to_owned(), "vi".to_owned())];
    let sources = Sources { in_lambda: false, dotenv: Some(dotenv), environment, ..Sources::default() };
    let warnings = Config::load(&sources).unwrap().warnings.join("\n");
    assert!(
        warnings.contains("PORRT") && warnings.contains("TIDEGATE_FOO") && !warnings.contains("EDITOR"),
        "{warnings}"
    );
}

#[test]
fn a_schemes_own_port_is_left_out() {
    let config = load(&[("EDGE_URL", "https://cdn.localhost:443/"), ("S3_URL", "http://127.0.0.1:80")]).unwrap();
    assert_eq!(config.edge_url.unwrap().to_string(), "https://cdn.localhost");
    assert_eq!(config.s3_url.unwrap().to_string(), "http://127.0.0.1");
}

/// Browsers block requests without TLS from pages with TLS, unless they stay on the machine.
#[test]
fn addresses_without_tls_beside_pages_with_tls_are_told_by_name() {
    let warnings = |settings: &[(&str, &str)]| load(settings).unwrap().warnings.join("\n");
    let api = ("PUBLIC_BASE_URL", "https://api.example.com");
    let bucket = [("S3_BUCKET", "b"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let told = "give an https:// URL, as PUBLIC_BASE_URL is";
    let refused = |settings: &[(&str, &str)], name: &str| {
        let problems = load(settings).expect_err("production refuses other settings too");
        problems.iter().any(|line| line.starts_with(name) && line.contains(told))
    };
    for name in ["EDGE_URL", "S3_URL"] {
        assert!(refused(&[api, (name, "http://other.example.com")], name), "{name}");
        assert!(!refused(&[api, (name, "https://other.example.com")], name), "{name}");
        for here in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost:9", "http://edge.localhost"] {
            assert!(!refused(&[api, (name, here)], name), "{name} {here}");
        }
        // An address that is not set is where the door listens.
        assert!(refused(&[api, ("BIND_HOST", "192.0.2.1")], name), "{name}");
        assert!(!refused(&[("PUBLIC_BASE_URL", "http://api.example.com"), (name, "http://other.example.com")], name));
    }
    // Users' files need no edge.
    let files = [api, ("SURFACES", "files"), ("BIND_HOST", "192.0.2.1"), ("S3_URL", "https://s3.example.com")];
    assert!(!load(&files).unwrap_err().iter().any(|line| line.contains("EDGE_URL")));
    let with_bucket = |more: &[(&'static str, &'static str)]| [more, &bucket].concat();
    assert!(refused(&with_bucket(&[api, ("S3_ENDPOINT", "http://minio:9000")]), "S3_URL is not set"));
    let told_elsewhere = [api, ("S3_ENDPOINT", "http://minio:9000"), ("S3_URL", "https://s3.example.com")];
    assert!(!refused(&with_bucket(&told_elsewhere), "S3_URL"));
    assert!(!refused(&[api, ("EDGE_PORT", "off"), ("BIND_HOST", "192.0.2.1")], "EDGE_URL"), "there is no edge");

    let here = ("PUBLIC_BASE_URL", "https://localhost");
    let endpoint = ("S3_ENDPOINT", "http://minio:9000");
    let said = warnings(&with_bucket(&[here, endpoint]));
    assert!(said.contains("S3_URL is http and PUBLIC_BASE_URL is https"), "{said}");
    let page = ("CORS_ALLOW_ORIGIN", "http://localhost:5173, https://app.example.com");
    let said = warnings(&with_bucket(&[page, endpoint]));
    assert!(said.contains("S3_URL is http, and browsers block it on the pages of https://app.example.com"), "{said}");
    assert!(!said.contains("EDGE_URL"), "a loopback address stays on the machine: {said}");
    assert!(!warnings(&with_bucket(&[("CORS_ALLOW_ORIGIN", "http://localhost:5173"), endpoint])).contains("browsers"));

    let edge = |settings: &[(&str, &str)]| {
        let environment = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::load_for_edge(&Sources { environment, ..Sources::default() }).map_err(|problems| problems.0.join("\n"))
    };
    let problems = edge(&[api, ("EDGE_URL", "http://images.example.com")]).unwrap_err();
    assert!(problems.contains("EDGE_URL=\"http://images.example.com\": give an https:// URL"), "{problems}");
    assert!(edge(&[api, ("EDGE_URL", "https://images.example.com")]).is_ok());
}

#[test]
fn keys_in_every_form() {
    let key = include_str!("../../../sign/tests/fixtures/throwaway-rsa2048.pkcs1.pem");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, key).unwrap();
    let escaped = key.replace('\n', "\\n");
    for form in [key, escaped.as_str(), path.to_str().unwrap()] {
        assert!(load(&[("CLOUDFRONT_KEY_PAIR_ID", "K1"), ("CLOUDFRONT_PRIVATE_KEY_PEM", form)]).is_ok());
    }
    for bad in ["/no/such/file.pem", "not a key", folder.path().to_str().unwrap()] {
        problem(&[("CLOUDFRONT_KEY_PAIR_ID", "K1"), ("CLOUDFRONT_PRIVATE_KEY_PEM", bad)], "(not shown)");
    }
}

/// What is wrong with a file of a key is told, with its path and never with its content.
#[test]
fn files_of_keys_are_missing_unreadable_or_hold_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("no-key.pem"), "hunter2").unwrap();
    std::fs::write(path("binary.pem"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(path("public.pem"), PUBLIC_KEY).unwrap();
    std::fs::write(path("rsa.pem"), RSA_KEY).unwrap();
    // Nobody can read what is below a file; a mode would not hold the superuser back.
    let (missing, inaccessible) = (path("missing.pem"), path("no-key.pem/key.pem"));
    let own = &[("AUTH_OWN_TOKENS", "true")][..];
    for (name, more, wrong_kind) in [
        ("CLOUDFRONT_PRIVATE_KEY_PEM", &[("CLOUDFRONT_KEY_PAIR_ID", "K1")][..], path("public.pem")),
        ("AUTH_OWN_KEY_PEM", own, path("rsa.pem")),
        ("AUTH_JWT_PUBLIC_KEY_BASE64", &[], path("rsa.pem")),
    ] {
        for (value, says) in [
            (&missing, format!("{missing} is missing")),
            (&inaccessible, format!("{inaccessible} can't be read: Not a directory")),
            (&path(""), "is a folder".to_owned()),
            (&path("no-key.pem"), format!("{} holds none (", path("no-key.pem"))),
            (&path("binary.pem"), "holds bytes that are no text".to_owned()),
            (&wrong_kind, format!("{wrong_kind} holds none (")),
            (&"hunter2".to_owned(), "base64 of one, or the path of a file that holds one".to_owned()),
        ] {
            let problems = load(&[&[(name, value.as_str())], more].concat()).unwrap_err().join("\n");
            let line = problems.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{problems}"));
            assert!(line.contains(&says) && line.contains("(not shown): give "), "{line}\nshould say: {says}");
            assert!(!problems.contains("hunter2") && !problems.contains("MII"), "{problems}");
        }
    }
}

#[test]
fn later_sources_win_and_files_are_strict() {
    let folder = tempfile::tempdir().unwrap();
    let (file, dotenv) = (folder.path().join("t.toml"), folder.path().join(".env"));
    std::fs::write(&file, "PORT = 1001\nEDGE_PORT = \"off\"\nS3_PORT = 1003\n").unwrap();
    std::fs::write(&dotenv, "# comment\nEDGE_PORT=2002\nexport S3_PORT=2003\nUNKNOWN=ignored\n").unwrap();
    let sources = Sources {
        in_lambda: false,
        file: Some(file.clone()),
        dotenv: Some(dotenv.clone()),
        environment: vec![("S3_PORT".into(), "3003".into())],
        flags: vec!["S3_PORT=4003".into()],
    };
    let config = Config::load(&sources).unwrap();
    assert_eq!((config.port, config.edge_port, config.s3_port), (1001, Some(2002), 4003));
    std::fs::write(&file, "PROT = 1\nPORT = [1]\n").unwrap();
    let sources = Sources { flags: vec!["NOPE=1".into(), "novalue".into()], ..sources };
    let problems = Config::load(&sources).unwrap_err().0.join("\n");
    for says in ["PROT", "PORT must be text", "NOPE", "--set novalue: give NAME=value"] {
        assert!(problems.contains(says), "{problems}\nshould say {says}");
    }
    std::fs::write(&file, "CLOUDFRONT_PRIVATE_KEY_PEM = \"hunter2\nPORT = 1\n").unwrap();
    std::fs::write(&dotenv, "AUTH_SERVICE_TOKEN=\"hunter2\nx y\n").unwrap();
    let problems = Config::load(&sources).unwrap_err().0.join("\n");
    assert!(!problems.contains("hunter2"), "{problems}");
}
