//! Calls the CloudFront API: `CreateInvalidation` of API version 2020-05-31. Builds and signs the
//! one request it needs instead of depending on an SDK client for the whole service. Never reads
//! object bytes and signs no URLs; for those see the `sign` crate.

use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use quick_xml::escape::escape;

/// The region in CloudFront's request signatures. The service has only this one.
const REGION: &str = "us-east-1";
/// The version of the CloudFront API.
const API_VERSION: &str = "2020-05-31";
/// The time limit of a request, including its response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The part of an error response that is parsed, in bytes.
const MAX_ERROR_BODY: usize = 64 << 10;

/// A distribution and how to reach its API.
#[derive(Debug, Clone)]
pub struct Options {
    /// The distribution's id, for example `E2EXAMPLE`.
    pub distribution: String,
    /// The URL of the API, without a trailing slash.
    pub endpoint: String,
    /// Access key, secret key and session token. `None` uses the standard AWS credential chain.
    pub credentials: Option<(String, String, Option<String>)>,
}

/// A client for one CloudFront distribution.
#[derive(Debug)]
pub struct CloudFront {
    options: Options,
    client: reqwest::Client,
    provider: Option<SharedCredentialsProvider>,
}

/// Why an invalidation was not created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// CloudFront could not be reached, or too many invalidations are in progress. A retry can
    /// succeed.
    #[error("CloudFront: {0}")]
    Unavailable(String),
    /// CloudFront refused the request: the distribution does not exist, or the credentials may not
    /// invalidate it.
    #[error("CloudFront refused the invalidation with status {status}: {response}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of the response body.
        response: String,
    },
}

impl CloudFront {
    /// Creates a client. Sends no request to CloudFront; only looks for a source of credentials.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
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
        Ok(Self { options, client, provider })
    }

    /// Invalidates `paths`, each of which begins with `/` and may end in one `*`. `reference` is
    /// the `CallerReference`: a repeated call with the same reference and paths creates no second
    /// invalidation.
    pub async fn invalidate(&self, paths: &[String], reference: &str) -> Result<(), Error> {
        let url =
            format!("{}/{API_VERSION}/distribution/{}/invalidation", self.options.endpoint, self.options.distribution);
        let body = invalidation_batch(paths, reference);
        let request = self.sign_request(&url, body).await?;
        let response =
            self.client.execute(request).await.map_err(|error| Error::Unavailable(error.without_url().to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = response.bytes().await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body[..body.len().min(MAX_ERROR_BODY)]).into_owned();
        let retryable = status.is_server_error()
            || status.as_u16() == 429
            || ["TooManyInvalidationsInProgress", "Throttling", "RequestLimitExceeded"]
                .iter()
                .any(|code| body.contains(code));
        let excerpt: String = body.chars().filter(|c| !c.is_control()).take(300).collect();
        if retryable {
            return Err(Error::Unavailable(format!("{status}: {excerpt}")));
        }
        Err(Error::Refused { status: status.as_u16(), response: excerpt })
    }

    /// Builds a POST request with a Signature Version 4 header.
    async fn sign_request(&self, url: &str, body: String) -> Result<reqwest::Request, Error> {
        let unsigned = |problem: String| Error::Unavailable(format!("the request can't be signed: {problem}"));
        let provider = self.provider.as_ref().ok_or_else(|| unsigned("no AWS credentials were found".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| unsigned(error.to_string()))?;
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("cloudfront")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(error.to_string()))?
            .into();
        let headers = [("content-type", "application/xml")];
        let signable = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signable = signable.map_err(|error| unsigned(error.to_string()))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| unsigned(error.to_string()))?.into_parts();
        let mut request = http::Request::post(url).header("content-type", "application/xml").body(body);
        if let Ok(request) = &mut request {
            instructions.apply_to_request_http1x(request);
        }
        let request = request.map_err(|error| unsigned(error.to_string()))?;
        reqwest::Request::try_from(request).map_err(|error| unsigned(error.to_string()))
    }
}

/// Returns the XML body of `CreateInvalidation`.
fn invalidation_batch(paths: &[String], reference: &str) -> String {
    let items: String = paths.iter().map(|path| format!("<Path>{}</Path>", escape(path))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><InvalidationBatch \
         xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Paths><Quantity>{}</Quantity><Items>{items}</Items></Paths>\
         <CallerReference>{}</CallerReference></InvalidationBatch>",
        paths.len(),
        escape(reference)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_in_the_batch() {
        let body = invalidation_batch(&["/a/<b>&.jpg".to_owned(), "/c/*".to_owned()], "r\"1");
        assert!(body.contains("<Quantity>2</Quantity>"), "{body}");
        assert!(body.contains("<Path>/a/&lt;b&gt;&amp;.jpg</Path><Path>/c/*</Path>"), "{body}");
        assert!(body.contains("<CallerReference>r&quot;1</CallerReference>"), "{body}");
    }
}
