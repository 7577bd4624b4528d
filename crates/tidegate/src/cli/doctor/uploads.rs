//! The checks of uploads, at the address that clients are given: what is refused there without a
//! signature, and whether presigned requests arrive as they were signed.

use std::time::Duration;

use futures::future::join_all;
use store::{Attributes, PresignedRequest, Store, UploadRef};
use uuid::Uuid;

use super::context::{Context, OpenStore};
use super::edge::{preflight_problem, reads_problem, shown};
use super::probes;
use super::report::Outcome;
use super::request::{Answer, Request, plain};
use super::xml;
use crate::config::StoreSetting;
use crate::model::key;

/// How long presigned requests of probes are valid.
const LIFETIME: Duration = Duration::from_secs(60);

/// Returns the store, or the outcome of a check without it.
fn store(context: &Context) -> Result<&OpenStore, Outcome> {
    context.store.as_ref().map_err(|error| Outcome::skipped(error.clone()))
}

/// Returns a presigned request, or the outcome of a check that has none.
fn presigned(request: store::Result<PresignedRequest>) -> Result<PresignedRequest, Outcome> {
    request.map_err(|error| Outcome::failed(format!("nothing can be presigned: {error}")))
}

/// Asks the bucket for each probe and for a listing, without a signature.
pub(super) async fn private(context: &Context) -> Outcome {
    private_at(context).await.unwrap_or_else(|outcome| outcome)
}

async fn private_at(context: &Context) -> Result<Outcome, Outcome> {
    let store = store(context)?.any();
    let mut urls = Vec::new();
    for probe in context.probes.iter().flatten() {
        let signed = presigned(store.sign_read(&probe.key, LIFETIME).await)?;
        let url = signed.url.split('?').next().unwrap_or_default().to_owned();
        urls.push((probe.folder.clone(), url));
    }
    // The address of the listing is what precedes the key.
    if let (Some((_, url)), Some(probe)) = (urls.first(), context.probes.iter().flatten().next())
        && let Some(bucket) = url.strip_suffix(&probe.key)
    {
        urls.push(("the list of objects".to_owned(), format!("{bucket}?list-type=2&max-keys=1")));
    }
    urls.extend(at_endpoint(context, &urls));
    let asked = urls.iter().map(|(what, url)| async move {
        match context.send(Request::get(url)).await {
            Ok(answer) if [401, 403].contains(&answer.status) => None,
            // Without a right to list, S3 says 403 of what does not exist.
            Ok(answer) if answer.status == 400 && answer.code().is_some() => None,
            Ok(answer) if answer.status < 300 => Some(format!("everybody reads {what}: {}", answer.brief())),
            Ok(answer) => Some(format!("{what}: {} instead of 403", answer.brief())),
            Err(error) => Some(format!("{what}: {error}")),
        }
    });
    let mut problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    problems.sort();
    problems.dedup();
    let at = context.s3.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(Outcome::of_problems(&problems, || format!("{at} refuses unsigned reads and listings")))
}

/// Returns the same URLs at the endpoint that the server itself uses, if it is another.
fn at_endpoint(context: &Context, urls: &[(String, String)]) -> Vec<(String, String)> {
    let (StoreSetting::S3(s3), Some(told)) = (&context.config.store, &context.s3) else { return Vec::new() };
    if s3.endpoint == *told {
        return Vec::new();
    }
    let (from, to) = (context.config.store.origin(told).to_string(), context.config.store.origin(&s3.endpoint));
    let moved = |url: &str| url.strip_prefix(&from).map(|rest| format!("{to}{rest}"));
    urls.iter().filter_map(|(what, url)| Some((what.clone(), moved(url)?))).collect()
}

/// Puts an object as clients do, and compares what has arrived.
pub(super) async fn round_trip(context: &Context) -> Outcome {
    let key = key::incoming_probe(Uuid::now_v7());
    let outcome = put_and_compare(context, &key).await.unwrap_or_else(|outcome| outcome);
    clean_up(context, &key, outcome).await
}

async fn put_and_compare(context: &Context, key: &str) -> Result<Outcome, Outcome> {
    let (store, bytes) = (store(context)?.any(), probes::bytes());
    let size = u64::try_from(bytes.len()).ok();
    let signed = presigned(store.begin_put(key, probes::CONTENT_TYPE, size, LIFETIME).await)?;
    let answer = context.send(Request::put(&signed.url, &signed.headers, bytes.clone())).await;
    let at = context.s3.as_ref().map(ToString::to_string).unwrap_or_default();
    let answer = answer.map_err(|error| Outcome::failed(format!("PUT to {at}: {error}")))?;
    if answer.status != 200 {
        return Err(explain(context, &signed, &answer).await);
    }
    let (stat, mut body) =
        store.read(key, None).await.map_err(|error| Outcome::failed(format!("200, and no object: {error}")))?;
    let mut arrived = Vec::new();
    while let Some(chunk) = futures::StreamExt::next(&mut body).await {
        let chunk = chunk.map_err(|error| Outcome::failed(format!("the object can't be read back: {error}")))?;
        arrived.extend_from_slice(&chunk);
    }
    let mut problems = Vec::new();
    if arrived != bytes {
        problems.push(format!("{} other bytes have arrived instead of {}", arrived.len(), bytes.len()));
    }
    if stat.attributes.content_type != probes::CONTENT_TYPE {
        problems.push(format!("the type has become {}", plain(&stat.attributes.content_type)));
    }
    Ok(Outcome::of_problems(&problems, || format!("a PUT to {at} arrives as it was signed")))
}

/// Removes a probe that clients have put, and says so if that fails.
async fn clean_up(context: &Context, key: &str, outcome: Outcome) -> Outcome {
    let Ok(store) = &context.store else { return outcome };
    match probes::remove_one(store.any(), key).await {
        Some(left) if outcome.state == super::report::State::Ok => {
            Outcome::warning(format!("{}; {left}", outcome.seen)).remedy("allow the server to delete objects")
        }
        _ => outcome,
    }
}

/// Explains why a presigned request was refused.
async fn explain(context: &Context, signed: &PresignedRequest, answer: &Answer) -> Outcome {
    let at = context.s3.as_ref().map(ToString::to_string).unwrap_or_default();
    let refused = format!("{} {} is refused: {}", signed.method, at, answer.brief());
    let text = answer.text();
    if let Some(canonical) = xml::element(&text, "CanonicalRequest") {
        let differences = differences(signed, &canonical);
        if !differences.is_empty() {
            return Outcome::failed(format!("{refused}; {}", differences.join("; ")))
                .remedy(format!("have the proxy before {at} pass requests on unchanged, first of all Host"));
        }
    }
    let code = answer.code().unwrap_or_default();
    if !["SignatureDoesNotMatch", "AccessDenied", "InvalidAccessKeyId", ""].contains(&code.as_str()) {
        let message = xml::element(&text, "Message").map(|message| plain(&message)).unwrap_or_default();
        let outcome = Outcome::failed(format!("{refused}: {message}"));
        // Some servers say which of the signed headers is missing.
        let named =
            ["content-type", "content-length", "host"].into_iter().find(|name| message.to_lowercase().contains(name));
        return match named {
            Some(name) => outcome.remedy(format!("have the proxy before {at} pass the header {name} on unchanged")),
            None => outcome,
        };
    }
    // Without the request as the server saw it, a simpler one shows which part is changed.
    let simpler = match (&context.store, context.probes.iter().flatten().next()) {
        (Ok(store), Some(probe)) => match store.any().sign_read(&probe.key, LIFETIME).await {
            Ok(read) => context.send(Request::get(&read.url)).await.ok().map(|answer| answer.status),
            Err(_) => None,
        },
        _ => None,
    };
    match simpler {
        Some(200) => Outcome::failed(format!(
            "{refused}; a signed read passes there: Content-Type or Content-Length of a PUT is changed on the way"
        ))
        .remedy(format!("have the proxy before {at} pass Content-Type and the body on unchanged")),
        _ => Outcome::failed(format!(
            "{refused}, as every signed request, and the server's own requests are accepted: Host or the path is \
             changed on the way"
        ))
        .remedy(format!(
            "have the proxy before {at} keep Host and the path, or set S3_URL to the address it stands for"
        )),
    }
}

/// Returns how a request as a server saw it differs from the one that was signed.
fn differences(signed: &PresignedRequest, canonical: &str) -> Vec<String> {
    let mut lines = canonical.lines();
    let (method, path, query) = (lines.next(), lines.next(), lines.next());
    let (_, rest) = signed.url.split_once("://").unwrap_or_default();
    let (authority, target) = rest.split_once('/').unwrap_or((rest, ""));
    let (own_path, own_query) = target.split_once('?').unwrap_or((target, ""));
    // Some servers leave these out.
    let hidden = ["X-Amz-Signature=", "X-Amz-Credential=", "X-Amz-Security-Token="];
    let comparable = |query: &str| {
        let shown = query.split('&').filter(|pair| !hidden.iter().any(|name| pair.starts_with(name)));
        let mut pairs: Vec<String> = shown.map(str::to_owned).collect();
        pairs.sort_unstable();
        pairs
    };
    let mut found = Vec::new();
    if method.is_some_and(|method| method != signed.method) {
        found.push(format!("the server saw the method {}", plain(method.unwrap_or_default())));
    }
    if path.is_some_and(|path| path != format!("/{own_path}")) {
        found.push(format!("the server saw the path {}", plain(path.unwrap_or_default())));
    }
    if query.is_some_and(|query| comparable(query) != comparable(own_query)) {
        found.push("the server saw another query".to_owned());
    }
    let wanted = std::iter::once(("host", authority))
        .chain(signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for (name, value) in wanted {
        let prefix = format!("{name}:");
        let seen = canonical.lines().skip(3).find_map(|line| line.strip_prefix(&prefix)).map(str::trim);
        match seen {
            Some("") => found.push(format!("the server saw no {name}, and {value} was signed")),
            Some(seen) if seen != value => {
                found.push(format!("the server saw {name} {}, and {value} was signed", plain(seen)));
            }
            _ => {}
        }
    }
    found
}

/// Begins an upload in parts, sends one, sees its ETag and aborts.
pub(super) async fn multipart(context: &Context) -> Outcome {
    let store = match store(context) {
        Ok(store) => store.any(),
        Err(outcome) => return outcome,
    };
    let key = key::incoming_probe(Uuid::now_v7());
    let attributes = Attributes { content_type: probes::CONTENT_TYPE.to_owned(), ..Attributes::default() };
    let upload_id = match store.begin_parts(&key, store::MIN_PART_SIZE, attributes).await {
        Ok(upload_id) => upload_id,
        Err(error) => return Outcome::failed(format!("an upload in parts can't be begun: {error}")),
    };
    let upload = UploadRef { key, upload_id };
    let sent = send_part(context, store, &upload).await.unwrap_or_else(|outcome| outcome);
    match probes::abort(store, &upload).await {
        Some(left) => Outcome::failed(left).remedy("allow the server s3:AbortMultipartUpload"),
        None => sent,
    }
}

async fn send_part(context: &Context, store: &dyn Store, upload: &UploadRef) -> Result<Outcome, Outcome> {
    let signed = presigned(store.sign_part(upload, 1, LIFETIME).await)?;
    let answer = context.send(Request::put(&signed.url, &signed.headers, probes::bytes())).await;
    let answer = answer.map_err(|error| Outcome::failed(format!("PUT of a part: {error}")))?;
    if answer.status != 200 {
        return Err(explain(context, &signed, &answer).await);
    }
    let etag = answer.header("etag").map(|etag| etag.trim_matches('"').to_owned());
    let Some(etag) = etag else {
        return Err(Outcome::failed("the answer to a part has no ETag, without which no upload can be completed")
            .remedy("have the proxy on the way pass the header ETag on"));
    };
    let parts = store.list_parts(upload).await;
    let parts = parts.map_err(|error| Outcome::failed(format!("the parts can't be listed: {error}")))?;
    match parts.first() {
        Some(part) if part.etag == etag => Ok(Outcome::ok("a part arrives, its ETag is seen, the upload is aborted")),
        Some(part) => Err(Outcome::failed(format!("the ETag of the part is {}, and the client saw {etag}", part.etag))),
        None => Err(Outcome::failed("the part was answered with 200 and is not in the list of parts")),
    }
}

/// Asks as a page of each configured origin that uploads.
pub(super) async fn cors(context: &Context) -> Outcome {
    let origins = context.origins();
    let asked = origins.iter().map(|origin| async move {
        let key = key::incoming_probe(Uuid::now_v7());
        let problem = cors_of(context, origin, &key).await;
        if let Ok(store) = &context.store {
            // The check of the round trip tells if probes can't be removed.
            drop(probes::remove_one(store.any(), &key).await);
        }
        problem
    });
    let problems: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
    Outcome::of_problems(&problems, || format!("pages of {} may upload, and see the ETag", shown(&origins)))
}

async fn cors_of(context: &Context, origin: &str, key: &str) -> Option<String> {
    let store = context.store.as_ref().ok()?.any();
    let size = u64::try_from(probes::SIZE).ok();
    let signed = match store.begin_put(key, probes::CONTENT_TYPE, size, LIFETIME).await {
        Ok(signed) => signed,
        Err(error) => return Some(format!("nothing can be presigned: {error}")),
    };
    let preflight = context.send(Request::preflight(&signed.url, origin, "PUT", "content-type")).await;
    match preflight {
        Ok(answer) => {
            if let Some(problem) = preflight_problem(&answer, origin, "PUT", "content-type") {
                return Some(problem);
            }
        }
        Err(error) => return Some(format!("{origin}: {error}")),
    }
    let put = Request::put(&signed.url, &signed.headers, probes::bytes()).with("origin", origin);
    match context.send(put).await {
        Ok(answer) if answer.status == 200 => reads_problem(&answer, origin),
        Ok(answer) => Some(format!("{origin}: PUT is answered {}", answer.brief())),
        Err(error) => Some(format!("{origin}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_changes_is_named() {
        let signed = PresignedRequest {
            method: "PUT",
            url: "https://up.test/b/.incoming/~doctor/1?X-Amz-Date=1&X-Amz-Expires=60&X-Amz-Signature=s".to_owned(),
            headers: vec![("content-length".into(), "4096".into()), ("content-type".into(), "a/b".into())],
            expires: std::time::SystemTime::UNIX_EPOCH,
        };
        let seen = |path: &str, host: &str, kind: &str| {
            format!(
                "PUT\n{path}\nX-Amz-Date=1&X-Amz-Expires=60\ncontent-length:4096\ncontent-type:{kind}\nhost:{host}\n\nx"
            )
        };
        assert!(differences(&signed, &seen("/b/.incoming/~doctor/1", "up.test", "a/b")).is_empty());
        let host = differences(&signed, &seen("/b/.incoming/~doctor/1", "127.0.0.1:9000", "a/b"));
        assert_eq!(host, ["the server saw host 127.0.0.1:9000, and up.test was signed"]);
        let kind = differences(&signed, &seen("/b/.incoming/~doctor/1", "up.test", ""));
        assert_eq!(kind, ["the server saw no content-type, and a/b was signed"]);
        let path = differences(&signed, &seen("/.incoming/~doctor/1", "up.test", "a/b"));
        assert_eq!(path, ["the server saw the path /.incoming/~doctor/1"]);
    }
}
