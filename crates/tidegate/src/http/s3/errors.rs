//! Error responses of the S3 door: their XML, their codes and what the codes mean, and messages for
//! those that the protocol layer leaves without one.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use super::super::cors::has_parameter;
use super::super::error::ErrorCode;
use super::SIGNATURE;

/// The most bytes of an error response of the protocol layer.
const MAX_ERROR_BODY: usize = 64 << 10;
/// The most bytes of the list of signed header fields that a message repeats.
const MAX_NAMES: usize = 200;

/// A code of the door.
#[derive(Debug)]
pub(in crate::http) struct S3Code {
    /// The code, as in the response.
    pub(in crate::http) code: &'static str,
    /// The status code.
    pub(in crate::http) status: u16,
    /// What it means, in Markdown, for the reference.
    pub(in crate::http) meaning: &'static str,
}

const fn row(code: &'static str, status: u16, meaning: &'static str) -> S3Code {
    S3Code { code, status, meaning }
}

/// All codes of the door, in the order of their status codes.
pub(in crate::http) const CODES: &[S3Code] = &[
    row("AuthorizationHeaderMalformed", 400, "The signature is for another region; the message names the right one."),
    row(
        "AuthorizationQueryParametersError",
        400,
        "The presigned URL is for another region, or lives longer than seven days.",
    ),
    row("BadDigest", 400, "The body has another checksum than the request says."),
    row("EntityTooLarge", 400, "The body is larger than was announced, or than a limit allows."),
    row("IncompleteBody", 400, "The body ended early. Send it again."),
    row("InvalidArgument", 400, "A part number is outside 1 to 10000, or the key can't be a key."),
    row("InvalidBucketName", 400, "The first segment of the path can't name a bucket."),
    row("InvalidDigest", 400, "`Content-MD5` is not base64 of 16 bytes."),
    row(
        "InvalidRequest",
        400,
        "The signature is not of version 4, a checksum is not one that the door checks, or the request is malformed.",
    ),
    row("InvalidURI", 400, "The path or the query can't be decoded."),
    row("KeyTooLongError", 400, "The key has more than 1024 bytes."),
    row("RequestTimeout", 400, "The body came too slowly; the connection is closed. Send it again."),
    row("AccessDenied", 403, "No upload is open at this key, the URL has expired, or the operation is not offered."),
    row("InvalidAccessKeyId", 403, "The access key is not one of this server. Ask the API for a new URL."),
    row("RequestTimeTooSkewed", 403, "The clock of the signer is more than 15 minutes wrong."),
    row(
        "SignatureDoesNotMatch",
        403,
        "The request is not the one that was signed. Most often a header field that the signature covers differs: \
         `content-type` or `content-length` of the body is not what was announced. The message lists the fields.",
    ),
    row("NoSuchBucket", 404, "There is one bucket, and it has another name."),
    row("NoSuchKey", 404, "The object does not exist."),
    row("NoSuchUpload", 404, "The upload does not exist, or is complete, aborted or over."),
    row("MethodNotAllowed", 405, "The operation does not exist."),
    row("OperationAborted", 409, "Three newer requests send the same part."),
    row("MissingContentLength", 411, "The request has no `Content-Length`."),
    row("PreconditionFailed", 412, "The object is not in the state that the request demands."),
    row("RequestURITooLong", 414, "The URL has more than 8192 bytes."),
    row("InvalidRange", 416, "The range begins after the end of the object."),
    row("RequestHeaderSectionTooLarge", 431, "The head of the request has more than 32 KiB or 64 lines."),
    row("InternalError", 500, "The server failed."),
    row("NotImplemented", 501, "The operation or the coding of the body, such as `aws-chunked`, is not offered."),
    row("ServiceUnavailable", 503, "The store or the database does not answer. Send the request again."),
    row(
        "SlowDown",
        503,
        "Too many uploads are in progress, of all clients or of this one; `Retry-After` says when to try again.",
    ),
    row("HttpVersionNotSupported", 505, "The request is of another version than HTTP/1.0 or 1.1."),
    row(
        "InsufficientStorage",
        507,
        "The disk is full up to its reserve. S3 has no such code, and clients do not repeat the request by themselves.",
    ),
];

/// Returns an S3 error response.
pub(super) fn refusal(status: StatusCode, code: &'static str, message: &str) -> Response<Body> {
    xml(status, code, error_body(code, message, ""))
}

/// Returns the body of an S3 error; `more` holds further elements.
pub(super) fn error_body(code: &str, message: &str, more: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>"
    )
}

/// Returns an error response with this body.
pub(super) fn xml(status: StatusCode, code: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response.extensions_mut().insert(ErrorCode(code));
    response
}

/// The query parameters that are not repeated in an answer.
const HIDDEN: [&str; 3] = ["X-Amz-Signature=", "X-Amz-Credential=", "X-Amz-Security-Token="];

/// A request as it came, for the explanation of a signature that does not match.
#[derive(Debug)]
pub(super) struct Seen {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Seen {
    /// Copies what a signature covers of a request.
    pub(super) fn of(request: &Request<Body>) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        // Headers are read of presigned requests only.
        let is_presigned = has_parameter(uri.query(), SIGNATURE);
        let headers = if is_presigned { request.headers().clone() } else { HeaderMap::new() };
        Self { method, uri, headers }
    }

    /// Returns the canonical request as this server sees it, as S3 does in its answer; a proxy that
    /// changes requests is found by it. Signature and access key are left out.
    fn canonical_request(&self, fields: &str) -> String {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs: Vec<&str> =
            query.split('&').filter(|pair| !HIDDEN.iter().any(|name| pair.starts_with(name))).collect();
        pairs.sort_unstable();
        let mut text = format!("{}\n{}\n{}\n", self.method, self.uri.path(), pairs.join("&"));
        for name in fields.split(';') {
            let values = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            text.push_str(&format!("{name}:{}\n", values.map(str::trim).collect::<Vec<_>>().join(",")));
        }
        text.push_str(&format!("\n{fields}\nUNSIGNED-PAYLOAD"));
        text
    }
}

/// Notes the code of an error response of the protocol layer for the log. A refused signature gets a
/// message, which the protocol layer leaves out; `seen` is the request.
pub(super) async fn explain(response: Response<Body>, seen: &Seen) -> Response<Body> {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if !is_error {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let bytes = match to_bytes(body, MAX_ERROR_BODY).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "an error response of the S3 protocol layer can't be read");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "An internal error occurred.");
        }
    };
    let Some(found) = find(&bytes) else { return Response::from_parts(head, Body::from(bytes)) };
    if found.code == "SignatureDoesNotMatch" {
        let fields = signed_fields(&seen.uri).filter(|names| names.len() <= MAX_NAMES);
        let canonical = fields.as_deref().map(|fields| seen.canonical_request(fields)).unwrap_or_default();
        let more = format!("<CanonicalRequest>{}</CanonicalRequest>", escape(&canonical));
        let text = error_body(found.code, &mismatch(fields.as_deref()), if canonical.is_empty() { "" } else { &more });
        return xml(head.status, found.code, text);
    }
    head.extensions.insert(ErrorCode(found.code));
    Response::from_parts(head, Body::from(bytes))
}

/// Returns the code of an error body.
fn find(body: &[u8]) -> Option<&'static S3Code> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    CODES.iter().find(|known| known.code == code)
}

/// Returns the list of the header fields that a presigned URL covers, separated by semicolons.
fn signed_fields(uri: &Uri) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(uri.query()?).ok()?;
    pairs.into_iter().find(|(name, _)| name == "X-Amz-SignedHeaders").map(|(_, names)| names)
}

/// Escapes text for XML (XML 1.0, section 2.4). Control characters, which XML has no form for, are
/// left out.
fn escape(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns the message for a signature that does not match.
fn mismatch(signed: Option<&str>) -> String {
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !name.is_empty();
    let names = signed.filter(|names| names.len() <= MAX_NAMES).unwrap_or_default();
    let names: Vec<&str> = names.split(';').filter(plain).filter(|name| *name != "host").collect();
    let mut message = "The request signature we calculated does not match the signature you provided.".to_owned();
    if !names.is_empty() {
        let names = names.join(" and ");
        message.push_str(&format!(" It covers {names}: send the values that were announced when the URL was made."));
    }
    message
}

#[cfg(test)]
mod tests {
    use s3s::S3ErrorCode;

    use super::*;

    #[test]
    fn the_protocol_layer_gives_its_codes_the_same_status() {
        let mut known = 0;
        // Refused by the door before the protocol layer, with the status of all doors (RFC 6585).
        let of_the_door = "RequestHeaderSectionTooLarge";
        for row in CODES.iter().filter(|row| row.code != of_the_door) {
            let code = S3ErrorCode::from_bytes(row.code.as_bytes()).unwrap();
            if let Some(status) = code.status_code() {
                assert_eq!(status.as_u16(), row.status, "{}", row.code);
                known += 1;
            }
        }
        assert!(known > 20, "{known}");
        assert!(CODES.is_sorted_by(|one, next| (one.status, one.code) < (next.status, next.code)));
    }

    #[test]
    fn a_message_repeats_names_of_header_fields_only() {
        assert!(mismatch(Some("content-length;content-type;host")).contains("covers content-length and content-type:"));
        for hostile in ["<Code>;host", "host", "", "a b", &"x".repeat(201)] {
            let message = mismatch(Some(hostile));
            assert!(message.ends_with("you provided."), "{message}");
        }
        assert_eq!(mismatch(None), mismatch(Some("host")));
    }
}
