//! Checks of settings against each other. Checks of single settings are in `reading.rs`.

use secrecy::ExposeSecret as _;

use super::resolve::{Origin, Resolver};
use super::{AuthMode, Config, Cors, GrantMode, StoreSetting, secrets};
use crate::model::job_class::JobClass;
use crate::model::owner::OwnerKind;
use crate::model::rules::Scanning;

/// Checks that API and edge have different hosts, since cookies do not distinguish ports.
fn check_hosts(config: &Config, r: &mut Resolver) {
    // An address that is not configured is that of the listening socket.
    let bound = Origin::parse(&format!("http://{}", std::net::SocketAddr::new(config.bind, 0)));
    let effective = |url: &Option<Origin>| url.clone().or(bound.clone()).map(|url| url.host().to_owned());
    if effective(&config.public_base_url) == effective(&config.edge_url) {
        let reason = config.production_by().unwrap_or("ENV");
        let wanted = format!(
            "another host than PUBLIC_BASE_URL has: cookies do not tell ports apart, and {reason} makes this production"
        );
        r.missing("EDGE_URL", &wanted);
    }
}

/// Checks that pages with TLS can reach every address that clients are given: browsers block
/// requests without TLS from such pages, unless they stay on the machine (W3C, "Mixed Content").
/// `told` are these addresses by the setting that changes them. An address that blocks the API's own
/// pages is a problem in production, any other a warning.
fn check_mixed_content(config: &Config, told: &[(&'static str, Option<Origin>)], r: &mut Resolver) {
    let has_tls = |url: &Option<Origin>| url.as_ref().is_some_and(|url| url.scheme == "https");
    let blocks = |url: &Option<Origin>| url.as_ref().is_some_and(|url| url.scheme == "http" && !url.is_loopback());
    let foreign = match &config.cors {
        Cors::Named(origins) => origins.iter().find(|origin| origin.starts_with("https://")),
        Cors::Any => None,
    };
    let own = has_tls(&config.public_base_url);
    for (name, _) in told.iter().filter(|(_, url)| blocks(url)) {
        if own && config.in_production() {
            r.problem(name, "an https:// URL, as PUBLIC_BASE_URL is: browsers block http:// on its pages");
        } else if own {
            let message = format!("{name} is http and PUBLIC_BASE_URL is https: browsers block it on its pages");
            r.given.warnings.push(message);
        } else if let Some(page) = foreign {
            let message = format!("{name} is http, and browsers block it on the pages of {page} (CORS_ALLOW_ORIGIN)");
            r.given.warnings.push(message);
        }
    }
}

/// Warns where browsers would not send the signed cookies of disk images to the edge.
fn check_cookie_domain(config: &Config, r: &mut Resolver) {
    let in_cookies = config.is_on(OwnerKind::Disks) && config.cloudfront.auth_mode == GrantMode::Cookie;
    let (Some(api), Some(edge)) = (&config.public_base_url, told_edge(config)) else { return };
    if !in_cookies || api.host() == edge.host() {
        return;
    }
    let (api, edge) = (api.host(), edge.host());
    let message = match &config.cloudfront.cookie.domain {
        None => format!(
            "CLOUDFRONT_COOKIE_DOMAIN is empty, so browsers send the signed cookies of {api} to no other host, and \
             {edge} is one: name the domain that both have in common, or set CLOUDFRONT_AUTH_MODE=url"
        ),
        Some(domain) if is_in_domain(api, domain) && is_in_domain(edge, domain) => return,
        Some(domain) => format!(
            "CLOUDFRONT_COOKIE_DOMAIN is {domain}, which does not contain both {api} and {edge}: browsers send no \
             signed cookies to the edge"
        ),
    };
    r.given.warnings.push(message);
}

/// Returns whether a host is a domain of cookies, or below it.
fn is_in_domain(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Returns the URL that a door is reached at where no other is configured.
fn bound_url(config: &Config) -> Option<Origin> {
    let specific = !config.bind.is_unspecified();
    specific.then(|| Origin::parse(&format!("http://{}", std::net::SocketAddr::new(config.bind, 0)))).flatten()
}

/// Returns the URL that clients are given for the edge; `None` without an edge.
fn told_edge(config: &Config) -> Option<Origin> {
    config.edge_url.clone().or_else(|| config.edge_port.and_then(|_| bound_url(config)))
}

/// Checks the settings of a stand-alone edge.
pub(super) fn edge_checks(config: &Config, r: &mut Resolver) {
    if config.edge_port.is_none() {
        r.problem("EDGE_PORT", "a port: the edge is all that is started");
    }
    if config.bind.is_unspecified() && config.edge_url.is_none() {
        r.problem("EDGE_URL", "the address clients use for the edge, since BIND_HOST is every address");
    }
    if config.edge_port == Some(config.port) && config.port != 0 {
        r.problem("PORT", "another port than EDGE_PORT has: there are probes and metrics");
    }
    if config.public_base_url.is_some() && config.in_production() {
        check_hosts(config, r);
    }
    check_mixed_content(config, &[("EDGE_URL", told_edge(config))], r);
    if config.cloudfront.key.is_some() {
        r.problem("CLOUDFRONT_PRIVATE_KEY_PEM", "it to the server that signs: an edge knows public keys only");
    }
    if let Some(key) = &config.cloudfront.remote_key {
        r.problem(key.place.setting(), "it to the server that signs: an edge knows public keys only");
    }
    if config.auth.sign_in.own_key.is_some() {
        r.problem("AUTH_OWN_KEY_PEM", "it to the server that issues tokens: an edge knows public keys only");
    }
    if config.public_base_url.is_none() && config.cors == Cors::Any {
        r.given.warnings.push(
            "neither PUBLIC_BASE_URL nor CORS_ALLOW_ORIGIN names an origin: no page may read with cookies from here"
                .into(),
        );
    }
    if config.edge_url.as_ref().is_some_and(|url| url.scheme == "https") && config.trusted_proxies.is_empty() {
        r.given.warnings.push(
            "EDGE_URL is https, so a proxy stands before us, and TRUSTED_PROXIES names none: policies for an address see \
             the proxy's"
                .into(),
        );
    }
}

/// Checks the settings of a server.
pub(super) fn checks(config: &Config, r: &mut Resolver) {
    let remote_bind = !config.bind.to_canonical().is_loopback();
    let remote_url = |url: &Option<Origin>| url.as_ref().is_some_and(|url| !url.is_loopback());
    let local = matches!(config.store, StoreSetting::Local(_));
    if config.insecure_auth() && !config.auth.allow_insecure_remote {
        let mode = if config.auth.mode == AuthMode::None { "none" } else { "dev" };
        let way_out = "or set AUTH_ALLOW_INSECURE_REMOTE=true if whoever reaches the port may be anybody";
        let by_default = r.text("AUTH_MODE").is_none();
        if by_default && (remote_bind || remote_url(&config.public_base_url)) {
            let reason = if remote_bind { "BIND_HOST" } else { "PUBLIC_BASE_URL" };
            let wanted = format!(
                "a way to sign in: AUTH_JWKS_URL of your identity provider, with AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE; \
                 AUTH_OWN_TOKENS=true for tokens that this server issues; or AUTH_SERVICE_TOKEN for your backend. {reason} \
                 can be reached from other machines, and without sign-in callers are whoever they say"
            );
            r.problem("AUTH_MODE", &wanted);
        }
        if remote_bind && !by_default {
            let wanted = format!("a loopback address: AUTH_MODE={mode} believes whatever the caller says; {way_out}");
            r.problem("BIND_HOST", &wanted);
        }
        if remote_url(&config.public_base_url) && !by_default {
            let wanted = format!("a loopback URL: AUTH_MODE={mode} believes whatever the caller says; {way_out}");
            r.problem("PUBLIC_BASE_URL", &wanted);
        }
    }
    if config.bind.is_unspecified() {
        if config.public_base_url.is_none() {
            r.problem("PUBLIC_BASE_URL", "the address clients use, since BIND_HOST is every address");
        }
        if config.signs_grants() && config.edge_port.is_some() && config.edge_url.is_none() {
            r.problem("EDGE_URL", "the address clients use for the edge, since BIND_HOST is every address");
        }
        if local && config.s3_url.is_none() {
            r.problem("S3_URL", "the address clients use for uploads, since BIND_HOST is every address");
        }
    }
    if config.in_production() {
        let published = config.cloudfront.key.as_ref().is_some_and(|(_, pem)| secrets::is_published(pem));
        if published {
            let wanted = "a key of your own: everybody has this one, which is for tests and first deployments only";
            r.problem("CLOUDFRONT_PRIVATE_KEY_PEM", wanted);
        }
        if config.signs_grants() && config.cloudfront.key.is_none() && config.cloudfront.remote_key.is_none() {
            let wanted = "a key of your own: production takes no generated one; only SURFACES=files does without";
            r.missing("CLOUDFRONT_PRIVATE_KEY_PEM", wanted);
            if r.text("CLOUDFRONT_KEY_PAIR_ID").is_none() {
                r.missing("CLOUDFRONT_KEY_PAIR_ID", "the id of the public half of CLOUDFRONT_PRIVATE_KEY_PEM");
            }
        }
        if config.scans(Scanning::Required) && config.scanner.is_none() && !config.scanner_off {
            r.problem(
                "SCANNER",
                "off, if sessions and spaces shall do without; or say by CLAMAV_HOST or CLAMAV_SOCKET where clamd is; or leave \
                 both out of SURFACES",
            );
        }
        if config.sessions.original_urls {
            r.given.warnings.push("MEDIA_ORIGINAL_URLS lets originals be read before they are scanned".into());
        }
        let long = |key: &secrecy::SecretString| key.expose_secret().len() >= 32;
        if config.is_on(OwnerKind::Files) && !config.files.link_key.as_ref().is_some_and(long) {
            r.missing(
                "UPLOAD_SIGNING_KEY",
                "a key of your own, of 32 characters or more: production takes no generated one; or leave files out of \
                 SURFACES",
            );
        }
        let sign_in = &config.auth.sign_in;
        if sign_in.own_key.as_ref().is_some_and(secrets::is_published) {
            r.problem("AUTH_OWN_KEY_PEM", "a key of your own: everybody has this one, and could sign in as anybody");
        }
        if sign_in.public_key.as_deref().is_some_and(super::known_keys::is_published) {
            let wanted = "a key whose private half only its issuer has: everybody has this one's";
            r.problem("AUTH_JWT_PUBLIC_KEY_BASE64", wanted);
        }
        if sign_in.own_tokens && sign_in.own_key.is_none() {
            r.problem("AUTH_OWN_KEY_PEM", "a key of your own: production takes no generated one");
        }
        if sign_in.services.iter().any(|token| token.expose_secret().len() < 32) {
            r.problem("AUTH_SERVICE_TOKEN", "tokens of 32 characters or more");
        }
        for name in ["AUTH_JWT_ISSUER", "AUTH_JWT_AUDIENCE"] {
            if sign_in.jwks_url.is_some() && r.text(name).is_none() {
                r.problem(name, "what the tokens say, or * for any: keys in a set may sign for many");
            }
        }
        let has_edge = config.edge_port.is_some() || config.edge_url.is_some();
        if has_edge && config.signs_grants() {
            check_hosts(config, r);
        }
    }
    if remote_url(&config.public_base_url) && !remote_bind {
        let edge_here = config.signs_grants()
            && config.edge_port.is_some()
            && config.edge_url.as_ref().is_none_or(Origin::is_loopback);
        let s3_here = local && config.s3_url.as_ref().is_none_or(Origin::is_loopback);
        for (name, _) in [("EDGE_URL", edge_here), ("S3_URL", s3_here)].into_iter().filter(|(_, here)| *here) {
            let message =
                format!("{name} leads to this machine alone, and PUBLIC_BASE_URL to others: they can't reach it");
            r.given.warnings.push(message);
        }
    }
    let store = match &config.store {
        StoreSetting::S3(s3) => Some(s3.endpoint.clone()),
        StoreSetting::Local(_) => bound_url(config),
    };
    let told = [
        ("PUBLIC_BASE_URL", config.public_base_url.clone().or_else(|| bound_url(config))),
        ("EDGE_URL", told_edge(config).filter(|_| config.signs_grants())),
        ("S3_URL", config.s3_url.clone().or(store)),
    ];
    check_mixed_content(config, &told, r);
    check_cookie_domain(config, r);
    let behind_a_proxy = config.public_base_url.as_ref().is_some_and(|url| url.scheme == "https");
    // A function knows its clients' addresses by its events.
    let by_header = !r.given.in_lambda;
    if by_header && behind_a_proxy && config.trusted_proxies.is_empty() && config.limits.per_address > 0 {
        r.given.warnings.push(
            "PUBLIC_BASE_URL is https, so a proxy stands before us, and TRUSTED_PROXIES names none: all its clients \
             share one rate limit and one address in the audit log"
                .into(),
        );
    }
    let shares = !local && matches!(config.database, crate::db::Database::Postgres { .. });
    if !config.runs_jobs && !shares {
        r.problem(
            "WORKER",
            "true: `tidegate work` can share a PostgreSQL and a bucket only, and nobody else does the jobs",
        );
    }
    if config.job_classes.len() < JobClass::ALL.len() && !shares {
        r.problem(
            "WORKER_CLASSES",
            "all of them: only processes that share a PostgreSQL and a bucket can divide the jobs",
        );
    }
    if config.sessions.original_urls && local {
        r.problem(
            "MEDIA_ORIGINAL_URLS",
            "false, or a bucket by S3_BUCKET: a local store gives nobody what was not published",
        );
    }
    let limits = &config.upload_limits;
    let largest = if config.is_on(OwnerKind::Session) { limits.sessions.largest() } else { limits.spaces.largest() };
    if config.scans(Scanning::Required)
        && let Some(scanner) = config.scanner.as_ref().filter(|scanner| !scanner.publish_unscanned)
        && largest > scanner.max_size
    {
        r.given.warnings.push(
            "CLAMAV_MAX_MB is less than MEDIA_MAX_VIDEO_MB or MEDIA_MAX_IMAGE_MB: what is larger is taken and never published, \
             unless PUBLISH_UNSCANNED is true"
                .into(),
        );
    }
    if config.is_on(OwnerKind::Files)
        && let Some(scanner) = config.scanner.as_ref().filter(|scanner| !scanner.publish_unscanned)
        && limits.files.largest() > scanner.max_size
    {
        r.given.warnings.push(
            "CLAMAV_MAX_MB is less than MAX_BODY_MB: files that are larger are taken and can't be read, unless \
             PUBLISH_UNSCANNED is true"
                .into(),
        );
    }
    if config.is_on(OwnerKind::Space) && config.edge_port.is_none() && config.edge_url.is_none() {
        r.given.warnings.push(
            "EDGE_PORT is off and neither EDGE_URL nor CLOUDFRONT_DOMAIN names another edge: images of spaces have no URLs".into(),
        );
    }
    if config.cloudfront.distribution.is_some() && config.edge_url.is_none() {
        r.given.warnings.push(
            "CLOUDFRONT_DISTRIBUTION_ID is set and neither CLOUDFRONT_DOMAIN nor EDGE_URL leads there: URLs lead to the edge of our own".into(),
        );
    }
    let mut ports = vec![("PORT", config.port)];
    ports.extend(local.then_some(("S3_PORT", config.s3_port)));
    ports.extend(config.edge_port.map(|port| ("EDGE_PORT", port)));
    ports.extend(config.metrics_port.map(|port| ("METRICS_PORT", port)));
    for (index, (name, port)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports[..index].iter().find(|(_, taken)| taken == port && *port != 0) {
            r.problem(name, &format!("another port than {other} has"));
        }
    }
    let https = config.edge_url.as_ref().is_some_and(|url| url.scheme == "https");
    if config.cloudfront.cookie.same_site == "None" && !https {
        r.problem(
            "CLOUDFRONT_COOKIE_SAMESITE",
            "Lax or Strict, or an https EDGE_URL: browsers refuse None without Secure",
        );
    }
    if config.cloudfront.cookie.partitioned && config.cloudfront.cookie.same_site != "None" {
        r.problem("CLOUDFRONT_COOKIE_PARTITIONED", "false, or CLOUDFRONT_COOKIE_SAMESITE=None");
    }
}
