//! Checksums that a request states, in its headers or in a signed query.

use axum::http::{HeaderMap, Uri};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use s3s::{S3Error, S3Result, s3_error};
use store::{Algorithm, Checks};

const PREFIX: &str = "x-amz-checksum-";

/// Collects all checksums; each must match the body. One with an unsupported algorithm is refused
/// rather than ignored.
pub(super) fn collect(headers: &HeaderMap, uri: &Uri) -> S3Result<Checks> {
    let mut checks = Checks::none();
    for value in headers.get_all("content-md5") {
        add(&mut checks, "content-md5", Algorithm::Md5, value.to_str().unwrap_or(""))?;
    }
    let query: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or("")).unwrap_or_default();
    let in_headers =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or("").to_owned()));
    for (name, value) in in_headers.chain(query) {
        let name = name.to_ascii_lowercase();
        let Some(algorithm) = name.strip_prefix(PREFIX) else { continue };
        let algorithm = match algorithm {
            "crc32" => Algorithm::Crc32,
            "crc32c" => Algorithm::Crc32c,
            "crc64nvme" => Algorithm::Crc64Nvme,
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "algorithm" | "mode" | "type" => continue,
            _ => return Err(s3_error!(InvalidRequest, "{name} is not a checksum this server can check")),
        };
        add(&mut checks, &name, algorithm, &value)?;
    }
    Ok(checks)
}

fn add(checks: &mut Checks, name: &str, algorithm: Algorithm, value: &str) -> S3Result<()> {
    let malformed = || -> S3Error {
        if algorithm == Algorithm::Md5 {
            s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid.")
        } else {
            s3_error!(InvalidRequest, "Value for {name} is not valid.")
        }
    };
    let bytes = STANDARD.decode(value).map_err(|_| malformed())?;
    if checks.require(algorithm, bytes) { Ok(()) } else { Err(malformed()) }
}
