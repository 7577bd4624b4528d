//! Refuses S3 requests before the protocol layer parses them: other methods, other signature
//! versions, lifetimes over seven days, bodies of unknown length, and `aws-chunked` bodies.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::super::guard::MAX_URL;

/// The response to a refused request; boxed, since most requests pass.
type Refused = Box<Response<Body>>;

/// Checks a request.
pub(super) fn check(request: &Request) -> Result<(), Refused> {
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if length > MAX_URL {
        return Err(refused(StatusCode::URI_TOO_LONG, "RequestURITooLong", "The URL is longer than 8192 bytes."));
    }
    if ![Method::GET, Method::HEAD, Method::PUT].contains(request.method()) {
        return Err(refused(StatusCode::FORBIDDEN, "AccessDenied", "This server takes presigned PUT and reads only."));
    }
    check_query(request.uri().query().unwrap_or(""))?;
    if let Some(value) = request.headers().get(header::AUTHORIZATION)
        && !value.as_bytes().starts_with(b"AWS4-HMAC-SHA256 ")
    {
        return Err(only_v4());
    }
    if request.method() == Method::PUT { check_body(request.headers()) } else { Ok(()) }
}

fn check_query(query: &str) -> Result<(), Refused> {
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
            "Signature" | "AWSAccessKeyId" => return Err(only_v4()),
            _ => {}
        }
    }
    Ok(())
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

fn refused(status: StatusCode, code: &str, message: &str) -> Refused {
    Box::new(refusal(status, code, message))
}

/// Returns an S3 error response.
pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
