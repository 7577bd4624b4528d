//! The S3 door over a local store: presigned requests that match an open upload or a grant, and
//! read-only access with the operator's credentials. It accepts nothing that the API would not have
//! signed.

mod door;
mod errors;
mod lists;
mod reads;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use s3s::service::{S3Service, S3ServiceBuilder};

use self::door::{Access, Door, Secrets};
pub(super) use self::errors::CODES;
use self::errors::{Seen, error_body, explain, refusal, xml};
use self::reads::Reads;
use super::address::ClientAddress;
use super::admission::admit;
use super::body_pace::STREAMED_BODIES;
use super::content::ACTIVE_CONTENT_POLICY;
use super::cors::{CorsPolicy, has_parameter, is_preflight};
use super::guard::MAX_URL;
use super::head::Malformed;
use crate::app::{App, Local};

/// The query parameter with the signature of a presigned request.
const SIGNATURE: &str = "X-Amz-Signature";

/// The S3 service and its CORS policy.
struct S3 {
    app: Arc<App>,
    service: S3Service,
    cors: CorsPolicy,
    /// The region that signatures must be for.
    region: String,
}

impl S3 {
    /// Has the S3 protocol layer respond.
    async fn call(&self, request: Request) -> Response<Body> {
        let seen = Seen::of(&request);
        match self.service.call(request.map(s3s::Body::http_body_unsync)).await {
            Ok(response) => explain(response.map(Body::new), &seen).await,
            Err(error) => {
                tracing::error!(?error, "the S3 protocol layer failed");
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "An internal error occurred.")
            }
        }
    }

    /// Responds to a PUT: admits it before its body is read, and holds its body to a pace.
    async fn take_upload(&self, request: Request) -> Response<Body> {
        let Ok((admitted, request)) = admit(&self.app, &self.app.shares.uploads, STREAMED_BODIES, request) else {
            return slow_down();
        };
        let response = self.call(request).await;
        if response.status().is_success() || !admitted.was_too_slow() {
            return response;
        }
        let message = "Your socket connection to the server was not read from within the timeout period.";
        let mut response = refusal(StatusCode::BAD_REQUEST, "RequestTimeout", message);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Returns the router of the door: each request passes the filter, then the S3 protocol layer.
pub(super) fn router(app: Arc<App>, local: Arc<Local>) -> Router {
    let own_page = Some(app.addresses.api.to_string());
    let cors = CorsPolicy::bytes(&app.config.cors, own_page, "GET, HEAD, PUT");
    let region = app.config.region.clone();
    let mut builder = S3ServiceBuilder::new(Door::new(Arc::clone(&app), Arc::clone(&local)));
    builder.set_auth(Secrets::new(Arc::clone(&local)));
    builder.set_access(Access::new(Arc::clone(&local)));
    builder.set_route(Reads::new(Arc::clone(&app), local));
    Router::new().fallback(answer).with_state(Arc::new(S3 { app, service: builder.build(), cors, region }))
}

/// Returns whether the client's address sends more requests than it may. Decided before the signature
/// is verified, which costs more.
fn comes_too_often(app: &App, request: &Request) -> bool {
    let client = request.extensions().get::<ClientAddress>();
    client.is_some_and(|ClientAddress(client)| app.rates.check_address_at_s3(*client).is_err())
}

fn slow_down() -> Response<Body> {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
}

/// Returns whether a read with this status passed the verification of its signature. A browser that
/// has the object in its cache gets 304.
fn was_verified(status: StatusCode) -> bool {
    const CONDITIONS: [StatusCode; 3] =
        [StatusCode::NOT_MODIFIED, StatusCode::PRECONDITION_FAILED, StatusCode::RANGE_NOT_SATISFIABLE];
    status.is_success() || CONDITIONS.contains(&status)
}

async fn answer(State(s3): State<Arc<S3>>, request: Request) -> Response<Body> {
    if let Some(malformed) = request.extensions().get::<Malformed>() {
        let (status, code, message) = malformed.words();
        return refusal(status, code, message);
    }
    let is_presigned = has_parameter(request.uri().query(), SIGNATURE);
    if is_preflight(request.method(), request.headers()) {
        return if is_presigned {
            s3.cors.preflight_of_signed_url(request.headers())
        } else {
            s3.cors.preflight(request.headers())
        };
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match filter_request(&request, &s3.region) {
        Err(refused) => *refused,
        Ok(()) if comes_too_often(&s3.app, &request) => slow_down(),
        Ok(()) if is_read => s3.call(request).await,
        Ok(()) => s3.take_upload(request).await,
    };
    if is_presigned && is_read && was_verified(response.status()) {
        s3.cors.apply_to_signed_url(origin.as_ref(), response.headers_mut());
    } else {
        s3.cors.apply(origin.as_ref(), response.headers_mut());
    }
    // Stored content comes from clients, and cookies do not distinguish ports, so no script in it
    // may run. Reads of objects have set a policy by their type.
    let is_busy = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    if is_busy {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    let policy = headers.entry(header::CONTENT_SECURITY_POLICY);
    policy.or_insert(HeaderValue::from_static(ACTIVE_CONTENT_POLICY));
    response
}

/// The response to a refused request; boxed, since most requests pass.
type Refused = Box<Response<Body>>;

/// Refuses requests before the protocol layer parses them: other methods, other signature versions,
/// lifetimes over seven days, signatures for other regions, bodies of unknown length, and
/// `aws-chunked` bodies.
fn filter_request(request: &Request, region: &str) -> Result<(), Refused> {
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if length > MAX_URL {
        return Err(refused(StatusCode::URI_TOO_LONG, "RequestURITooLong", "The URL is longer than 8192 bytes."));
    }
    if ![Method::GET, Method::HEAD, Method::PUT].contains(request.method()) {
        return Err(refused(StatusCode::FORBIDDEN, "AccessDenied", "This server takes presigned PUT and reads only."));
    }
    check_query(request.uri().query().unwrap_or(""), region)?;
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let fields =
            value.to_str().ok().and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256 ")).ok_or_else(only_v4)?;
        let credential = fields.split(',').find_map(|field| field.trim().strip_prefix("Credential="));
        // Clients ask for the region with a signature for another one.
        if !asks_for_region(request.uri()) {
            let place = "The authorization header is malformed";
            check_region(credential.unwrap_or_default(), region, "AuthorizationHeaderMalformed", place)?;
        }
    }
    if request.method() == Method::PUT { check_body(request.headers()) } else { Ok(()) }
}

fn check_query(query: &str, region: &str) -> Result<(), Refused> {
    // Decoded as the protocol layer decodes it, so that no encoding of a name bypasses the check.
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|_| refused(StatusCode::BAD_REQUEST, "InvalidURI", "The query can't be read."))?;
    for (name, value) in &pairs {
        match name.as_str() {
            "X-Amz-Expires" if !value.parse::<u32>().is_ok_and(|seconds| (1..=604_800).contains(&seconds)) => {
                return Err(refused(
                    StatusCode::BAD_REQUEST,
                    "AuthorizationQueryParametersError",
                    "X-Amz-Expires must be between 1 and 604800 seconds.",
                ));
            }
            "X-Amz-Credential" => {
                let place = "Error parsing the X-Amz-Credential parameter";
                check_region(value, region, "AuthorizationQueryParametersError", place)?;
            }
            "Signature" | "AWSAccessKeyId" => return Err(only_v4()),
            _ => {}
        }
    }
    Ok(())
}

/// Refuses a signature for another region, and names the right one. `credential` has the form
/// `{access key}/{date}/{region}/s3/aws4_request`; one of another form is refused by the protocol
/// layer.
fn check_region(credential: &str, region: &str, code: &'static str, place: &str) -> Result<(), Refused> {
    let Some(given) = credential.rsplit('/').nth(2).filter(|given| *given != region) else { return Ok(()) };
    let plain: String = given.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    let message = format!("{place}; the region '{plain}' is wrong; expecting '{region}'");
    let text = error_body(code, &message, &format!("<Region>{region}</Region>"));
    let mut response = xml(StatusCode::BAD_REQUEST, code, text);
    if let Ok(region) = HeaderValue::from_str(region) {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    Err(Box::new(response))
}

fn only_v4() -> Refused {
    refused(StatusCode::BAD_REQUEST, "InvalidRequest", "Please use AWS4-HMAC-SHA256.")
}

fn check_body(headers: &HeaderMap) -> Result<(), Refused> {
    if !headers.contains_key(header::CONTENT_LENGTH) {
        let message = "You must provide the Content-Length HTTP header.";
        return Err(refused(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message));
    }
    let chunked = headers.get(header::CONTENT_ENCODING).is_some_and(|value| {
        value
            .to_str()
            .unwrap_or("aws-chunked")
            .split(',')
            .any(|coding| coding.trim().eq_ignore_ascii_case("aws-chunked"))
    });
    if chunked || headers.contains_key("x-amz-trailer") {
        let message = "Presigned requests take the plain body, not aws-chunked.";
        return Err(refused(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message));
    }
    Ok(())
}

fn refused(status: StatusCode, code: &'static str, message: &str) -> Refused {
    Box::new(refusal(status, code, message))
}

/// Returns whether a request is `GetBucketLocation` and cannot be another operation: it names no key
/// and has no other parameter.
fn asks_for_region(uri: &Uri) -> bool {
    !uri.path().trim_matches('/').contains(['/', '%']) && matches!(uri.query(), Some("location" | "location="))
}
