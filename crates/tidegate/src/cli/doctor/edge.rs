//! The checks of delivery: what the edge or the CDN refuses, and what it answers to signed requests.
//! Reads probes only.

use std::time::{Duration, SystemTime};

use futures::future::join_all;

use super::context::Context;
use super::probes::{self, Probe};
use super::report::Outcome;
use super::request::{Answer, Request};
use crate::config::GrantMode;
use crate::model::epoch_seconds;

/// The lifetime of a signature that is seen to expire.
const SHORT: Duration = Duration::from_secs(2);
/// The answers by which a request counts as refused.
const REFUSED: [u16; 2] = [401, 403];

/// Returns the names of the served roots, for a report.
fn places(probes: &[&Probe]) -> String {
    let names: Vec<&str> = probes.iter().map(|probe| probe.place()).collect();
    names.join(", ")
}

/// Asks for each probe without a signature.
pub(super) async fn unsigned(context: &Context) -> Outcome {
    let served = context.served();
    let asked = served.iter().map(|probe| async {
        let url = context.edge_url(&probe.key);
        expect_refused(context.send(Request::get(&url)).await, &format!("{}/…", probe.place()))
    });
    let problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    Outcome::of_problems(&problems, || format!("refused below {}", places(&served)))
}

/// Returns a message unless a request was refused.
fn expect_refused(answer: Result<Answer, String>, what: &str) -> Option<String> {
    match answer {
        Ok(answer) if REFUSED.contains(&answer.status) => None,
        Ok(answer) if (200..300).contains(&answer.status) => Some(format!("{what} is delivered: {}", answer.brief())),
        Ok(answer) => Some(format!("{what}: {} instead of 403", answer.brief())),
        Err(error) => Some(format!("{what}: {error}")),
    }
}

/// Returns a message unless an answer has this status and these bytes.
fn expect_bytes(answer: &Result<Answer, String>, status: u16, bytes: &[u8], what: &str) -> Option<String> {
    match answer {
        Ok(answer) if answer.status == status && answer.body == bytes => None,
        Ok(answer) if answer.status == status => Some(format!(
            "{what}: {status} with {} other bytes, not the {} of the object",
            answer.body.len(),
            bytes.len()
        )),
        Ok(answer) => Some(format!("{what}: {} instead of {status}", answer.brief())),
        Err(error) => Some(format!("{what}: {error}")),
    }
}

/// Reads each probe by a URL with a canned policy, and by one whose policy covers its folder.
pub(super) async fn signed(context: &Context) -> Outcome {
    let (served, bytes) = (context.served(), probes::bytes());
    let in_cookies = context.config.cloudfront.auth_mode == GrantMode::Cookie;
    let asked = served.iter().map(|probe| async {
        let mut problems = Vec::new();
        let place = probe.place();
        match context.signed(&probe.key) {
            Ok(url) => problems.extend(expect_bytes(&context.send(Request::get(&url)).await, 200, &bytes, place)),
            Err(error) => problems.push(error),
        }
        if !problems.is_empty() {
            return problems;
        }
        let (plain, policy) = (context.edge_url(&probe.key), context.signed_folder(&probe.folder));
        let policy = match policy {
            Ok(policy) => policy,
            Err(error) => return [problems, vec![error]].concat(),
        };
        let url = format!("{plain}?{}", policy.query());
        let answer = context.send(Request::get(&url)).await;
        problems.extend(expect_bytes(&answer, 200, &bytes, &format!("{place}, by a policy for its folder")));
        if in_cookies {
            let cookies: Vec<String> = policy.cookies().map(|(name, value)| format!("{name}={value}")).collect();
            let cookies = cookies.join("; ");
            let answer = context.send(Request::get(&plain).with("cookie", &cookies)).await;
            problems.extend(expect_bytes(&answer, 200, &bytes, &format!("{place}, by cookies")));
        }
        problems
    });
    let problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    let refused = problems.iter().any(|problem| problem.contains("InvalidKey") || problem.contains("MissingKey"));
    let id = context.signer.as_ref().map_or("", |signer| signer.key_pair_id());
    let outcome = Outcome::of_problems(&problems, || {
        let cookies = if in_cookies { " and cookies" } else { "" };
        format!("200 with the right bytes below {}, by URLs{cookies} of the key {id}", places(&served))
    });
    if refused {
        return outcome.remedy(format!(
            "make the key {id} known there: add its public key to the key group of the distribution, or put \
             {id}.pub.pem into EDGE_KEYS of the edge"
        ));
    }
    outcome
}

/// Reads a probe by a URL that lives two seconds, and again after its end.
pub(super) async fn expired(context: &Context) -> Outcome {
    if !context.reads_work(read_one(context)).await {
        return no_reads();
    }
    let Some(probe) = context.served().first().copied() else { return no_surface() };
    let expires = epoch_seconds(SystemTime::now()) + SHORT.as_secs() + 1;
    let url = match context.signed_until(&probe.key, expires) {
        Ok(url) => url,
        Err(error) => return Outcome::failed(error),
    };
    let before = context.send(Request::get(&url)).await;
    if let Some(problem) = expect_bytes(&before, 200, &probes::bytes(), "before its end") {
        return Outcome::failed(problem);
    }
    // Refused from the second after `expires` on; a clock that is a little behind is let pass.
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(expires) + Duration::from_millis(1500);
    tokio::time::sleep(end.duration_since(SystemTime::now()).unwrap_or_default()).await;
    match expect_refused(context.send(Request::get(&url)).await, "one second after its end, the object") {
        None => Outcome::ok("200 before the end of the signature, refused after it"),
        Some(problem) => Outcome::failed(problem),
    }
}

/// Asks with signatures that are not those of the request.
pub(super) async fn tampered(context: &Context) -> Outcome {
    if !context.reads_work(read_one(context)).await {
        return no_reads();
    }
    let served = context.served();
    let Some(probe) = served.first() else { return no_surface() };
    let url = match context.signed(&probe.key) {
        Ok(url) => url,
        Err(error) => return Outcome::failed(error),
    };
    let id = context.signer.as_ref().map_or("", |signer| signer.key_pair_id());
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let forged = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("Signature", value)) => format!("Signature={}", changed(value)),
        _ => pair.to_owned(),
    });
    let forged = forged.collect::<Vec<_>>().join("&");
    let later = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("Expires", value)) => format!("Expires={}", value.parse::<u64>().unwrap_or_default() + 3600),
        _ => pair.to_owned(),
    });
    let later = later.collect::<Vec<_>>().join("&");
    let requests = [
        ("another signature", format!("{path}?{forged}")),
        ("a later end", format!("{path}?{later}")),
        ("another object", format!("{path}x?{query}")),
        ("an unknown key", format!("{path}?{}", query.replace(id, "KDOCTORDOCTORD"))),
    ];
    let asked = requests.iter().map(|(what, url)| async move {
        expect_refused(context.send(Request::get(url)).await, &format!("with {what} the object"))
    });
    let problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    Outcome::of_problems(&problems, || "refused with another signature, end, object and key".to_owned())
}

/// Replaces some characters in the middle of a signature by others of the alphabet.
fn changed(signature: &str) -> String {
    let middle = signature.len() / 2;
    let swap = |c: char| if c == 'A' { 'B' } else { 'A' };
    signature.chars().enumerate().map(|(at, c)| if at.abs_diff(middle) < 8 { swap(c) } else { c }).collect()
}

/// Asks for ranges.
pub(super) async fn range(context: &Context) -> Outcome {
    if !context.reads_work(read_one(context)).await {
        return no_reads();
    }
    let Some(probe) = context.served().first().copied() else { return no_surface() };
    let (bytes, mut problems) = (probes::bytes(), Vec::new());
    let url = match context.signed(&probe.key) {
        Ok(url) => url,
        Err(error) => return Outcome::failed(error),
    };
    let size = probes::SIZE;
    for (range, part) in [("bytes=100-199", 100..200), ("bytes=-50", size - 50..size), ("bytes=4000-", 4000..size)] {
        let answer = context.send(Request::get(&url).with("range", range)).await;
        let wanted = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        if let Some(problem) = expect_bytes(&answer, 206, &bytes[part], range) {
            problems.push(problem);
        } else if let Ok(answer) = &answer
            && answer.header("content-range") != Some(&wanted)
        {
            let shown = answer.header("content-range").unwrap_or("none").to_owned();
            problems.push(format!("{range}: Content-Range is {shown}, not {wanted}"));
        }
    }
    let beyond = context.send(Request::get(&url).with("range", "bytes=99999-")).await;
    if let Some(status) = beyond.ok().map(|answer| answer.status).filter(|status| *status != 416) {
        problems.push(format!("a range after the end: {status} instead of 416"));
    }
    Outcome::of_problems(&problems, || "206 with the right bytes, 416 after the end".to_owned())
}

/// Asks for a range on the condition that the object is the same.
pub(super) async fn if_range(context: &Context) -> Outcome {
    if !context.reads_work(read_one(context)).await {
        return no_reads();
    }
    let Some(probe) = context.served().first().copied() else { return no_surface() };
    let (bytes, mut problems) = (probes::bytes(), Vec::new());
    let url = match context.signed(&probe.key) {
        Ok(url) => url,
        Err(error) => return Outcome::failed(error),
    };
    let whole = context.send(Request::get(&url)).await;
    let etag = match &whole {
        Ok(answer) if answer.status == 200 => answer.header("etag").unwrap_or_default().to_owned(),
        Ok(answer) => return Outcome::failed(format!("{} instead of 200", answer.brief())),
        Err(error) => return Outcome::failed(error.clone()),
    };
    if !etag.starts_with('"') {
        let seen = if etag.is_empty() { "there is no ETag".to_owned() } else { format!("the ETag {etag} is weak") };
        return Outcome::failed(format!("{seen}, so that readers can't tell whether ranges are of one object"))
            .remedy("switch off what changes bodies on the way: compression, minifying, image optimization");
    }
    if etag.trim_matches('"') != probe.etag {
        problems.push(format!("the ETag is {etag} and that of the store \"{}\"", probe.etag));
    }
    let same = context.send(Request::get(&url).with("range", "bytes=10-19").with("if-range", &etag)).await;
    problems.extend(expect_bytes(&same, 206, &bytes[10..20], "with the right ETag"));
    let other = context.send(Request::get(&url).with("range", "bytes=10-19").with("if-range", "\"doctor\"")).await;
    problems.extend(expect_bytes(&other, 200, &bytes, "with another ETag"));
    Outcome::of_problems(&problems, || "206 with the object's ETag, 200 with another".to_owned())
}

/// Asks as a page of each configured origin does.
pub(super) async fn cors(context: &Context) -> Outcome {
    if !context.reads_work(read_one(context)).await {
        return no_reads();
    }
    let Some(probe) = context.served().first().copied() else { return no_surface() };
    let origins = context.origins();
    let url = match context.signed(&probe.key) {
        Ok(url) => url,
        Err(error) => return Outcome::failed(error),
    };
    let in_cookies = context.config.cloudfront.auth_mode == GrantMode::Cookie;
    // A page that reads by cookies has no signature in its URLs, and a preflight brings no cookies.
    let preflighted = if in_cookies { context.edge_url(&probe.key) } else { url.clone() };
    let (url, preflighted) = (url.as_str(), preflighted.as_str());
    // Where any origin may read, pages do so by URLs alone.
    let with_cookies = move |answer: &Answer, origin: &str| {
        let is_named = in_cookies && origin != super::context::ANY_ORIGIN;
        is_named.then(|| cookies_problem(answer, origin)).flatten()
    };
    let asked = origins.iter().map(|origin| async move {
        let mut problems = Vec::new();
        match context.send(Request::get(url).with("origin", origin)).await {
            Ok(answer) if answer.status != 200 => problems.push(format!("{origin}: {} instead of 200", answer.brief())),
            Ok(answer) => problems.extend(reads_problem(&answer, origin).or_else(|| with_cookies(&answer, origin))),
            Err(error) => problems.push(format!("{origin}: {error}")),
        }
        match context.send(Request::preflight(preflighted, origin, "GET", "range")).await {
            Ok(answer) => {
                let problem = preflight_problem(&answer, origin, "GET", "range");
                problems.extend(problem.or_else(|| with_cookies(&answer, origin)));
            }
            Err(error) => problems.push(format!("{origin}: {error}")),
        }
        problems
    });
    let problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    Outcome::of_problems(&problems, || format!("pages of {} may read, and see the ETag", shown(&origins)))
}

/// Returns the origins for a report.
pub(super) fn shown(origins: &[String]) -> String {
    let shown = origins.iter().map(|origin| if origin == super::context::ANY_ORIGIN { "any origin" } else { origin });
    shown.collect::<Vec<_>>().join(", ")
}

/// Returns what keeps a page of an origin from reading an answer and its ETag.
pub(super) fn reads_problem(answer: &Answer, origin: &str) -> Option<String> {
    let allowed = answer.header("access-control-allow-origin");
    let is_allowed = allowed.is_some_and(|allowed| allowed == "*" || allowed == origin);
    if !is_allowed {
        let shown = allowed.map_or("is missing".to_owned(), |allowed| format!("is {allowed}"));
        return Some(format!("{origin}: Access-Control-Allow-Origin {shown}"));
    }
    let exposes = |name: &str| answer.lists("access-control-expose-headers", name);
    (!exposes("etag") && !exposes("*")).then(|| format!("{origin}: ETag is not in Access-Control-Expose-Headers"))
}

/// Returns what keeps a page from sending its cookies: browsers then want the origin by its name (Fetch
/// Standard, "CORS protocol and credentials").
fn cookies_problem(answer: &Answer, origin: &str) -> Option<String> {
    if answer.header("access-control-allow-origin") != Some(origin) {
        return Some(format!("{origin}: Access-Control-Allow-Origin must be the origin where pages read by cookies"));
    }
    (answer.header("access-control-allow-credentials") != Some("true"))
        .then(|| format!("{origin}: Access-Control-Allow-Credentials is not true, so that browsers send no cookies"))
}

/// Returns what keeps a page of an origin from sending a request.
pub(super) fn preflight_problem(answer: &Answer, origin: &str, method: &str, field: &str) -> Option<String> {
    let about = |problem: String| Some(format!("{origin}, preflight of {method}: {problem}"));
    if !(200..300).contains(&answer.status) {
        return about(answer.brief());
    }
    let allowed = answer.header("access-control-allow-origin").unwrap_or("missing");
    if allowed != "*" && allowed != origin {
        return about(format!("Access-Control-Allow-Origin is {allowed}"));
    }
    let allows = |header: &str, word: &str| answer.lists(header, word) || answer.lists(header, "*");
    // Pages may send these without being allowed to by name (Fetch Standard, "CORS-safelisted").
    if !["GET", "HEAD", "POST"].contains(&method) && !allows("access-control-allow-methods", method) {
        return about(format!("{method} is not in Access-Control-Allow-Methods"));
    }
    if !allows("access-control-allow-headers", field) {
        return about(format!("{field} is not in Access-Control-Allow-Headers"));
    }
    None
}

/// Asks for objects outside the served roots, with signatures that cover them.
pub(super) async fn scope(context: &Context) -> Outcome {
    let outside: Vec<&Probe> = context.probes.iter().flatten().filter(|probe| probe.kind.is_none()).collect();
    let asked = outside.iter().map(|probe| async {
        let what = format!("{} (signed for by a policy)", probe.folder);
        let policy = match context.signed_folder(&probe.folder) {
            Ok(policy) => policy,
            Err(error) => return Some(error),
        };
        let url = format!("{}?{}", context.edge_url(&probe.key), policy.query());
        match context.send(Request::get(&url)).await {
            // A CDN that may list the bucket says so of what it may not read.
            Ok(answer) if answer.status == 404 => None,
            answer => expect_refused(answer, &what),
        }
    });
    let problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    let mut places: Vec<&str> = outside.iter().map(|probe| probe.place()).collect();
    places.dedup();
    Outcome::of_problems(&problems, || format!("refused below {}", places.join(", ")))
}

/// Returns whether a signed read works at all. Without it, the other checks have nothing to show.
async fn read_one(context: &Context) -> bool {
    let Some(probe) = context.served().first().copied() else { return true };
    let Ok(url) = context.signed(&probe.key) else { return false };
    context.send(Request::get(&url)).await.is_ok_and(|answer| answer.status == 200)
}

/// The answer where signed reads do not work.
fn no_reads() -> Outcome {
    Outcome::skipped("signed reads do not work; see the check edge-signed")
}

/// The answer where no surface has a served root.
fn no_surface() -> Outcome {
    Outcome::skipped("no surface that is on gives out signed URLs (SURFACES)")
}
