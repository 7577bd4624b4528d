//! Tokens by which databases of RDS and RDS Proxy sign in a role of IAM, in place of a password: a
//! presigned request that is never sent. Source: "Connecting to your DB instance using IAM
//! authentication" of the RDS user guide.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::{Client, Error};

/// How long a token opens new connections. An open connection outlives its token.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(900);

/// The name of the signature in a presigned request.
const SIGNATURE: &str = "&X-Amz-Signature=";

impl Client {
    /// Returns a token for one user of a database in the client's region. Sends no request, except
    /// for credentials.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if there are no credentials.
    pub async fn database_token(&self, host: &str, port: u16, user: &str) -> Result<String, Error> {
        let credentials = self.credentials().await?;
        token(credentials, self.region(), host, port, user, SystemTime::now())
            .map_err(|problem| Error::Unavailable(format!("the database token can't be signed: {problem}")))
    }
}

/// Returns the token that was issued at `time`.
fn token(
    credentials: Credentials,
    region: &str,
    host: &str,
    port: u16,
    user: &str,
    time: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={}", encoded(user));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(TOKEN_LIFETIME);
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(time)
        .settings(settings)
        .build()?
        .into();
    let signable = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(b""))?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut request = http::Request::get(&url).body(())?;
    instructions.apply_to_request_http1x(&mut request);
    let presigned = request.uri().to_string();
    // The signature is last, as in the SDKs of AWS, also behind the token of a session.
    let (before, after) =
        presigned.trim_start_matches("https://").split_once(SIGNATURE).ok_or("it has no signature")?;
    let (signature, rest) = after.find('&').map_or((after, ""), |at| after.split_at(at));
    Ok(format!("{before}{rest}{SIGNATURE}{signature}"))
}

/// Returns a text as a value of a query (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signatures are those of `generate_db_auth_token` of botocore for the same time and
    /// credentials.
    #[test]
    fn a_token_is_the_one_that_botocore_makes() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_042_096);
        let session = Some("FwoG/token+==");
        for (user, encoded, session, signature) in [
            ("tidegate", "tidegate", None, "d6b27e6d46a5a26dae7be33445f40550f19e5e61b21fcac72c446dc7b30bc895"),
            ("a b@c/d", "a%20b%40c%2Fd", None, "dd5cbe2d273361d9126eb964bee08dab23e36bee7c80b0a3beabbf86619c8d5b"),
            ("tidegate", "tidegate", session, "596a5628c0f03a914d9d6f6308524d6ecec0b44c716b645b8174c6d7b6dc50e1"),
            ("a b@c/d", "a%20b%40c%2Fd", session, "4e1d40bb52ffa77a7e97ea168f5608c4f56a39bc77592ebfb18f8c9985366733"),
        ] {
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new("AKIDEXAMPLE", secret, session.map(str::to_owned), None, "test");
            let host = "proxy.example.eu-west-1.rds.amazonaws.com";
            let made = token(credentials, "eu-west-1", host, 5432, user, time).unwrap();
            let of_session = session.map_or("", |_| "&X-Amz-Security-Token=FwoG%2Ftoken%2B%3D%3D");
            let wanted = format!(
                "{host}:5432/?Action=connect&DBUser={encoded}&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=AKIDEXAMPLE%2F20261130%2Feu-west-1%2Frds-db%2Faws4_request\
                 &X-Amz-Date=20261130T123456Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host{of_session}\
                 &X-Amz-Signature={signature}"
            );
            assert_eq!(made, wanted);
        }
    }
}
