//! The checks of the server's process and of this machine: whether it runs, its folders, disks, keys,
//! clocks and certificates. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use futures::future::join_all;
use sign::{Hash, PublicKey};
use store::Space;

use super::certificate;
use super::context::Context;
use super::report::Outcome;
use super::request::{Request, plain};
use crate::config::{Origin, StoreSetting, exposed_files, secrets, unusable_folders};
use crate::db::Database;

/// How long signatures are made to measure their speed.
const MEASURED: Duration = Duration::from_millis(200);
/// How many signatures are measured together, and how often at least.
const BATCH: u32 = 5;
const BATCHES: u32 = 20;
/// Fewer signatures per second than this make listings slow.
const SLOW: f64 = 200.0;
/// Clock differences from which a warning is given, and from which signatures fail.
const WARN_SKEW: Duration = Duration::from_secs(5);
const MAX_SKEW: Duration = Duration::from_secs(60);
/// How long before its end a certificate is worth a warning.
const RENEW: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) async fn settings(context: &Context) -> Outcome {
    let warnings = &context.config.warnings;
    if warnings.is_empty() {
        return Outcome::ok("nothing to remark");
    }
    Outcome::warning(warnings.join("; "))
}

pub(super) async fn server(context: &Context) -> Outcome {
    let port = context.config.port;
    if port == 0 {
        return Outcome::skipped("PORT=0 gives another port at every start");
    }
    let url = format!("{}/readyz", context.ports.url(port));
    match context.send(Request::get(&url)).await {
        Ok(answer) if answer.status == 200 => Outcome::ok(format!("{url} answers 200")),
        Ok(answer) => Outcome::failed(format!("{url} answers {}: {}", answer.brief(), plain(answer.text().trim())))
            .remedy("see the server's log; `database` and `store` below say which part does not answer"),
        Err(error) => Outcome::failed(format!("the server does not run: {url}: {error}")),
    }
}

pub(super) async fn public_url(context: &Context) -> Outcome {
    let Some(url) = &context.config.public_base_url else {
        return Outcome::skipped("PUBLIC_BASE_URL is not set");
    };
    // Health checks are answered to any Host, and this is not.
    match context.send(Request::get(&format!("{url}/v1/me"))).await {
        Ok(answer) if [200, 401].contains(&answer.status) && answer.header("x-request-id").is_some() => {
            Outcome::ok(format!("{url} leads to the server"))
        }
        Ok(answer) if [400, 403].contains(&answer.status) && answer.header("x-request-id").is_some() => {
            Outcome::failed(format!("{url}/v1/me answers {}: the Host is not one of the server", answer.status))
                .remedy("have the proxy pass Host on, or name the host in ALLOWED_HOSTS")
        }
        Ok(answer) => Outcome::failed(format!("{url}/v1/me answers {}", answer.brief())),
        Err(error) => Outcome::failed(format!("{url}: {error}")),
    }
}

pub(super) async fn data_folder(context: &Context) -> Outcome {
    let config = context.config.clone();
    let user = rustix::process::geteuid().as_raw();
    let looking = move || (unusable_folders(&config), exposed_files(&config, user));
    let (unusable, exposed) = match tokio::task::spawn_blocking(looking).await {
        Ok(found) => found,
        Err(error) => return Outcome::failed(error.to_string()),
    };
    if !unusable.is_empty() {
        return Outcome::failed(unusable.join("; "))
            .remedy("see what the line says, and run this as the server's user");
    }
    let path = context.config.data.display();
    if !exposed.is_empty() {
        return Outcome::failed(exposed.join("; "))
            .remedy(format!("chmod -R go-rwx {path}, and run this and the server as one user (chown)"));
    }
    if let Err(error) = &context.keys {
        return Outcome::failed(error.clone());
    }
    Outcome::ok(format!("{path} and its keys are this user's alone"))
}

pub(super) async fn disk_space(context: &Context) -> Outcome {
    let mut folders = vec![("data", context.config.data.clone())];
    if let StoreSetting::Local(root) = &context.config.store {
        folders.push(("store", root.clone()));
    }
    if let Database::Sqlite(file) = &context.config.database {
        folders.push(("database", file.parent().unwrap_or(Path::new(".")).to_owned()));
    }
    let reserve = context.config.reserve;
    let measuring = move || measure(folders, reserve);
    let (full, low, seen) = match tokio::task::spawn_blocking(measuring).await {
        Ok(measured) => measured,
        Err(error) => return Outcome::failed(error.to_string()),
    };
    match (full.is_empty(), low.is_empty()) {
        (false, _) => Outcome::failed(format!("{}: uploads are refused", full.join("; "))),
        (true, false) => Outcome::warning(low.join("; ")),
        (true, true) if seen.is_empty() => Outcome::skipped("there are no folders yet"),
        (true, true) => Outcome::ok(seen.join("; ")),
    }
}

/// Returns descriptions of the disks that are full up to their reserve, of those that are nearly, and of
/// all.
fn measure(folders: Vec<(&'static str, PathBuf)>, reserve: Option<u64>) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut full, mut low, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    let mut known: Vec<Space> = Vec::new();
    for (name, folder) in folders {
        let space = match Space::open(&folder, name, reserve) {
            Ok(space) => space,
            Err(store::Error::NotFound) => continue,
            Err(error) => {
                full.push(format!("the disk of {} can't be measured: {error}", folder.display()));
                continue;
            }
        };
        if known.iter().any(|other| other.is_same_disk(&space)) {
            continue;
        }
        if let Ok(now) = space.measure() {
            let (free, total, kept) = (now.free >> 20, now.total >> 20, now.reserve >> 20);
            let inodes = now.free_inodes.map_or(String::new(), |inodes| format!(", {inodes} inodes free"));
            let text = format!("{name}: {free} of {total} MiB free, {kept} kept as reserve{inodes}");
            let few_inodes = now.free_inodes.is_some_and(|inodes| inodes < 4 * now.inode_reserve);
            if now.is_short() {
                full.push(text);
            } else if now.free < now.reserve.saturating_add(now.total / 20) || few_inodes {
                low.push(text);
            } else {
                seen.push(text);
            }
        }
        known.push(space);
    }
    (full, low, seen)
}

pub(super) async fn signing_key(context: &Context) -> Outcome {
    if !context.config.signs_grants() {
        return Outcome::skipped("no surface that is on gives out signed URLs (SURFACES)");
    }
    if let Err(error) = &context.keys {
        return Outcome::failed(error.clone());
    }
    let Some(signer) = &context.signer else {
        return Outcome::failed("there is no key: no server has run here")
            .remedy("start the server once, which makes one");
    };
    let id = signer.key_pair_id();
    let own = signer.key().public_key();
    let folder = context.config.edge.keys.clone();
    let reading = tokio::task::spawn_blocking(move || secrets::public_keys(&folder)).await;
    let found =
        match reading.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string())) {
            Ok(found) => found,
            Err(error) => return Outcome::failed(format!("EDGE_KEYS: {error}")),
        };
    let place = context.config.edge.keys.display();
    let known = found.pems.iter().find(|(known, _)| known == id).map(|(_, pem)| PublicKey::parse(pem));
    let proof = signer.key().sign(Hash::Sha256, b"doctor");
    match (known, own, proof) {
        (Some(Ok(public)), _, Some(proof)) if !public.verify(Hash::Sha256, b"doctor", &proof) => {
            Outcome::failed(format!("{place}/{id}.pub.pem is the public half of another key"))
                .remedy(format!("write the public half of {id} there: `tidegate keys list` shows what lies where"))
        }
        (Some(Err(error)), ..) => Outcome::failed(format!("{place}/{id}.pub.pem: {error}")),
        (_, Err(error), _) => Outcome::failed(format!("the key {id} can't be used: {error}")),
        (_, _, None) => Outcome::failed(format!("the key {id} makes no signature")),
        (Some(Ok(_)), ..) => Outcome::ok(format!("{id} signs, and edges that read {place} trust it")),
        (None, ..) if context.has_own_edge() => {
            Outcome::warning(format!("{id} signs, and {place} has no {id}.pub.pem: other edges would not trust it"))
        }
        (None, ..) => Outcome::ok(format!("{id} signs; the edge or the CDN at EDGE_URL must know it (edge-signed)")),
    }
}

pub(super) async fn sign_speed(context: &Context) -> Outcome {
    let Some(signer) = &context.signer else { return Outcome::skipped("there is no signing key") };
    let (hash, started) = (context.config.cloudfront.hash, Instant::now());
    // The fastest of several batches: in the others, this thread may have waited for a processor.
    let (mut fastest, mut batches) = (MEASURED, 0);
    while batches < BATCHES || started.elapsed() < MEASURED {
        let began = Instant::now();
        for number in 0..BATCH {
            if signer.key().sign(hash, &number.to_be_bytes()).is_none() {
                return Outcome::failed("the crypto library failed");
            }
        }
        fastest = fastest.min(began.elapsed());
        batches += 1;
        tokio::task::yield_now().await;
    }
    let rate = f64::from(BATCH) / fastest.as_secs_f64();
    let seen = format!("{rate:.0} signatures per second and core");
    if rate < SLOW { Outcome::warning(seen) } else { Outcome::ok(seen) }
}

pub(super) async fn clock(context: &Context) -> Outcome {
    let mut hosts: BTreeMap<String, String> = BTreeMap::new();
    let own =
        (context.config.port != 0).then(|| context.ports.url(context.config.port)).filter(|_| context.server_runs);
    let origins = [
        ("API", context.config.public_base_url.as_ref().map(ToString::to_string).or(own)),
        (
            "edge",
            context.edge.as_ref().filter(|_| context.server_runs || !context.has_own_edge()).map(ToString::to_string),
        ),
        ("S3", context.s3.as_ref().filter(|_| context.server_runs || !context.has_own_door()).map(ToString::to_string)),
    ];
    hosts.extend(origins.into_iter().filter_map(|(name, url)| Some((name.to_owned(), url?))));
    let asked = hosts.iter().map(|(name, url)| async move {
        let before = SystemTime::now();
        let answer = context.send(Request::get(&format!("{url}/"))).await.ok()?;
        let date = httpdate::parse_http_date(answer.header("date")?).ok()?;
        // `Date` has whole seconds: the truth lies in the second that follows.
        let middle = before + before.elapsed().unwrap_or_default() / 2;
        Some((name.clone(), difference(date + Duration::from_millis(500), middle)))
    });
    let mut seen: Vec<(String, (Duration, bool))> = join_all(asked).await.into_iter().flatten().collect();
    if let Ok(Some(inspection)) = context.inspection().await {
        seen.push(("database".to_owned(), inspection.clock));
    }
    if seen.is_empty() {
        return Outcome::skipped("nothing else with a clock answers");
    }
    let describe = |(name, (by, ahead)): &(String, (Duration, bool))| {
        format!("{name} {:.1} s {}", by.as_secs_f64(), if *ahead { "ahead" } else { "behind" })
    };
    let text =
        |least: Duration| seen.iter().filter(|(_, (by, _))| *by >= least).map(describe).collect::<Vec<_>>().join(", ");
    let most = seen.iter().map(|(_, (by, _))| *by).max().unwrap_or_default();
    match most {
        most if most >= MAX_SKEW => Outcome::failed(format!("of this machine's clock: {}", text(WARN_SKEW))),
        most if most >= WARN_SKEW => Outcome::warning(format!("of this machine's clock: {}", text(WARN_SKEW))),
        _ => {
            let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
            Outcome::ok(format!(
                "{} differ from this machine's by less than {} s",
                names.join(", "),
                WARN_SKEW.as_secs()
            ))
        }
    }
}

fn difference(theirs: SystemTime, ours: SystemTime) -> (Duration, bool) {
    match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, true),
        Err(behind) => (behind.duration(), false),
    }
}

pub(super) async fn tls(context: &Context) -> Outcome {
    let told: [Option<&Origin>; 3] = [context.api.as_ref(), context.edge.as_ref(), context.s3.as_ref()];
    let https: BTreeSet<String> =
        told.into_iter().flatten().filter(|origin| origin.scheme == "https").map(ToString::to_string).collect();
    if https.is_empty() {
        return Outcome::skipped("no address that clients are given is https");
    }
    let asked = https.iter().map(|url| async move {
        let answer = context.send(Request::get(&format!("{url}/"))).await;
        let answer = answer.map_err(|error| format!("{url}: {error}"))?;
        let end = answer.certificate.as_deref().and_then(certificate::not_after);
        let end = end.ok_or_else(|| format!("{url}: its certificate can't be read"))?;
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        Ok((url.clone(), left))
    });
    let (seen, problems): (Vec<_>, Vec<_>) =
        join_all(asked).await.into_iter().partition(|result: &Result<(String, Duration), String>| result.is_ok());
    let problems: Vec<String> = problems.into_iter().filter_map(Result::err).collect();
    if !problems.is_empty() {
        return Outcome::failed(problems.join("; "));
    }
    let mut seen: Vec<(String, Duration)> = seen.into_iter().flatten().collect();
    seen.sort_by_key(|(_, left)| *left);
    let text = |(url, left): &(String, Duration)| format!("{url}: {} days left", left.as_secs() / (24 * 3600));
    let all = seen.iter().map(text).collect::<Vec<_>>().join(", ");
    match seen.first() {
        Some((_, left)) if *left < RENEW => {
            Outcome::warning(all).remedy("renew the certificate, and see why that was not done by itself")
        }
        _ => Outcome::ok(all),
    }
}
