//! Sends signed requests: finds credentials, signs, retries what can succeed later, and reads error
//! codes of both protocols (JSON and XML). Knows nothing of what a service's calls mean.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use super::credentials::CachedCredentials;

/// The time limit of a request, including its response. Above the 20 seconds of an SQS long poll.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The time limit of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a request is sent before it counts as failed.
const ATTEMPTS: u32 = 3;
/// The longest pause before the first retry. It doubles with each one, and its length is random.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The part of an error response that is parsed, in bytes.
const MAX_ERROR_BODY: usize = 64 << 10;
/// The part of an error message that is kept, in characters.
const MAX_MESSAGE: usize = 300;
/// The error codes, besides statuses of 500 and above and 429, after which a retry can succeed.
const RETRYABLE: [&str; 11] = [
    "BandwidthLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
];

/// How AWS is reached.
#[derive(Clone)]
pub struct Options {
    /// The region of all services that have regions.
    pub region: String,
    /// The URL that all services are reached at, without a trailing slash. `None` is each service's
    /// own in the region.
    pub endpoint: Option<String>,
    /// Access key, secret key and session token. `None` uses the standard AWS credential chain.
    pub credentials: Option<(String, String, Option<String>)>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let access_key = self.credentials.as_ref().map(|(access_key, ..)| access_key);
        let mut shown = f.debug_struct("Options");
        shown.field("region", &self.region).field("endpoint", &self.endpoint).field("access_key", &access_key);
        shown.finish_non_exhaustive()
    }
}

/// A client of AWS. Clones share connections and credentials.
#[derive(Debug, Clone)]
pub struct Client {
    region: String,
    endpoint: Option<String>,
    http: reqwest::Client,
    credentials: Option<Arc<CachedCredentials>>,
}

/// A request of a service.
pub struct Request<'a> {
    /// The service's name in signatures, for example `sqs`.
    pub service: &'a str,
    /// The region in the signature.
    pub region: &'a str,
    /// The method.
    pub method: http::Method,
    /// The whole URL.
    pub url: String,
    /// Headers besides those of the signature.
    pub headers: Vec<(&'static str, Cow<'a, str>)>,
    /// The body.
    pub body: String,
}

/// A successful response.
pub struct Response {
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The body.
    pub body: String,
}

/// Bodies hold keys and secrets, and are not shown.
impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("etag", &self.etag).finish_non_exhaustive()
    }
}

/// Why a call had no effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The service could not be reached, there are no credentials, or it was throttled for longer
    /// than this client retries. A later call can succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The service refused the request.
    #[error("{code} ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's error code without its namespace, for example `ParameterNotFound`.
        code: String,
        /// The beginning of the service's message.
        message: String,
    },
}

impl Error {
    /// Returns whether the service refused the request with this error code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// Returns the URL of a service in a region, by the suffix of its AWS partition.
pub fn endpoint(service: &str, region: &str) -> String {
    let suffix = match region {
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://{service}.{region}.{suffix}")
}

impl Client {
    /// Creates a client. Sends no request to a service; only looks for a source of credentials.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let provider = match &options.credentials {
            Some((access_key, secret, token)) => {
                let given = Credentials::new(access_key, secret, token.clone(), None, "settings");
                Some(SharedCredentialsProvider::new(given))
            }
            None => aws_config::load_defaults(BehaviorVersion::latest()).await.credentials_provider(),
        };
        let credentials = provider.map(CachedCredentials::new);
        Ok(Self { region: options.region, endpoint: options.endpoint, http, credentials })
    }

    /// Returns the region of services that have regions.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the URL that a service is reached at, without a trailing slash.
    pub fn endpoint(&self, service: &str) -> String {
        self.endpoint.clone().unwrap_or_else(|| endpoint(service, &self.region))
    }

    /// Returns the credentials that are valid now.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if there are none.
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        let none = || Error::Unavailable("no AWS credentials were found".to_owned());
        self.credentials.as_ref().ok_or_else(none)?.current().await
    }

    /// Calls an operation of a service that speaks AWS JSON. `version` is that of the protocol, 1.0
    /// or 1.1; `target` is for example `AmazonSSM.GetParameter`. An empty response is `null`.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Throttling and failures of the service are retried before.
    pub async fn json(&self, service: &str, version: &str, target: &str, input: &Value) -> Result<Value, Error> {
        let request = Request {
            service,
            region: &self.region,
            method: http::Method::POST,
            url: format!("{}/", self.endpoint(service)),
            headers: vec![
                ("content-type", format!("application/x-amz-json-{version}").into()),
                ("x-amz-target", target.into()),
            ],
            body: input.to_string(),
        };
        let body = self.send(&request).await?.body;
        if body.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&body).map_err(|_| Error::Unavailable(format!("{target} answered with no JSON")))
    }

    /// Sends a request, and again after a failure that can pass.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.send_once(request).await {
                Err(Error::Unavailable(_)) => {}
                result => return result,
            }
            tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
            pause *= 2;
        }
        self.send_once(request).await
    }

    /// Sends a request once.
    async fn send_once(&self, request: &Request<'_>) -> Result<Response, Error> {
        let signed = self.sign(request).await?;
        let unreachable = |error: reqwest::Error| {
            Error::Unavailable(format!("{} can't be reached: {}", request.service, with_sources(&error.without_url())))
        };
        let response = self.http.execute(signed).await.map_err(unreachable)?;
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, error_type) = (header("etag"), header("x-amzn-errortype"));
        if status.is_success() {
            return Ok(Response { etag, body: response.text().await.map_err(unreachable)? });
        }
        let body = response.bytes().await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body[..body.len().min(MAX_ERROR_BODY)]).into_owned();
        let (code, message) = read_error(error_type.as_deref(), &body);
        let message: String = message.chars().filter(|c| !c.is_control()).take(MAX_MESSAGE).collect();
        let status = status.as_u16();
        if status >= 500 || status == 429 || RETRYABLE.contains(&code.as_str()) {
            return Err(Error::Unavailable(format!("{} answered {status} {code}: {message}", request.service)));
        }
        Err(Error::Refused { status, code, message })
    }

    /// Adds a Signature Version 4 header to a request.
    async fn sign(&self, request: &Request<'_>) -> Result<reqwest::Request, Error> {
        let unsigned = |problem: String| Error::Unavailable(format!("the request can't be signed: {problem}"));
        let identity = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(request.region)
            .name(request.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(error.to_string()))?
            .into();
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_ref()));
        let body = SignableBody::Bytes(request.body.as_bytes());
        let signable = SignableRequest::new(request.method.as_str(), &request.url, headers, body);
        let signable = signable.map_err(|error| unsigned(error.to_string()))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| unsigned(error.to_string()))?.into_parts();
        let mut built = http::Request::builder().method(request.method.clone()).uri(&request.url);
        for (name, value) in &request.headers {
            built = built.header(*name, value.as_ref());
        }
        let mut built = built.body(request.body.clone()).map_err(|error| unsigned(error.to_string()))?;
        instructions.apply_to_request_http1x(&mut built);
        reqwest::Request::try_from(built).map_err(|error| unsigned(error.to_string()))
    }
}

/// Returns an error with what caused it.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        // Some errors repeat what they are caused by.
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

/// Returns code and message of an error response, of either protocol. `error_type` is the header
/// `x-amzn-errortype`.
fn read_error(error_type: Option<&str>, body: &str) -> (String, String) {
    let text = |value: &Value, names: [&str; 2]| {
        names.into_iter().find_map(|name| value.get(name).and_then(Value::as_str)).map(str::to_owned)
    };
    let (code, message) = match serde_json::from_str::<Value>(body) {
        Ok(json) => (text(&json, ["__type", "code"]), text(&json, ["message", "Message"])),
        Err(_) => (crate::xml::text_of(body, "Code"), crate::xml::text_of(body, "Message")),
    };
    let code = error_type.map(str::to_owned).or(code).unwrap_or_else(|| "unknown error".to_owned());
    // "com.amazonaws.ssm#ParameterNotFound" and "ParameterNotFound:http://…" are the same code.
    let code = code.rsplit('#').next().and_then(|code| code.split(':').next()).unwrap_or(&code).to_owned();
    (code, message.unwrap_or_else(|| body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_both_protocols() {
        let read = |header, body: &str| read_error(header, body);
        let both = |code: &str, message: &str| (code.to_owned(), message.to_owned());
        let json = r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"gone"}"#;
        assert_eq!(read(None, json), both("ParameterNotFound", "gone"));
        assert_eq!(read(Some("InvalidKeyId:http://x"), r#"{"Message":"no"}"#), both("InvalidKeyId", "no"));
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchResource</Code>\
                   <Message>a &lt;b&gt;</Message></Error></ErrorResponse>";
        assert_eq!(read(None, xml), both("NoSuchResource", "a <b>"));
        assert_eq!(read(None, "<html>502"), both("unknown error", "<html>502"));
        assert_eq!(read(None, "[]"), both("unknown error", "[]"));
    }

    #[test]
    fn services_are_found_in_their_partition() {
        assert_eq!(endpoint("sqs", "eu-west-1"), "https://sqs.eu-west-1.amazonaws.com");
        assert_eq!(endpoint("ssm", "cn-north-1"), "https://ssm.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Some(("AKID".to_owned(), "hunter2".to_owned(), Some("hunter3".to_owned())));
        let options = Options { region: "us-east-1".to_owned(), endpoint: None, credentials };
        assert!(!format!("{options:?}").contains("hunter"), "{options:?}");
        let (method, url) = (http::Method::POST, "https://ssm.us-east-1.amazonaws.com/".to_owned());
        let body = "hunter2".to_owned();
        let request =
            Request { service: "ssm", region: "us-east-1", method, url, headers: Vec::new(), body: body.clone() };
        assert!(!format!("{request:?}").contains("hunter"), "{request:?}");
        let response = Response { etag: None, body };
        assert!(!format!("{response:?}").contains("hunter"), "{response:?}");
    }
}
