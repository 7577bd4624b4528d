//! CloudFront's control plane, as far as it is needed: `CreateInvalidation` of the API of 2020-05-31. One signed request, so
//! that no client of the whole service has to be built. Never touches bytes, and signs no URLs.

use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use quick_xml::escape::escape;

/// CloudFront lives in one region.
const REGION: &str = "us-east-1";
const API: &str = "2020-05-31";
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of an answer that are looked at.
const MAX_ANSWER: usize = 64 << 10;

/// Which distribution, and how it is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// The distribution's id, as `E2EXAMPLE`.
    pub distribution: String,
    /// Where the API is, without a slash at its end.
    pub endpoint: String,
    /// Access key, secret and session token; without them, those of the environment the process runs in.
    pub credentials: Option<(String, String, Option<String>)>,
}

/// A distribution of CloudFront.
#[derive(Debug)]
pub struct CloudFront {
    options: Options,
    client: reqwest::Client,
    provider: Option<SharedCredentialsProvider>,
}

/// Why CloudFront was not told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not reached, or it is busy with what it was told before; it can be told again.
    #[error("CloudFront: {0}")]
    Unavailable(String),
    /// It does not want to be told: the distribution, or the right to do so, is not there.
    #[error("CloudFront refused with {status}: {answer}")]
    Refused {
        /// The status.
        status: u16,
        /// What it said, cut short.
        answer: String,
    },
}

impl CloudFront {
    /// Asks nobody yet but for where credentials come from.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
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

    /// Has the distribution forget these paths; each begins with a slash and may end in one `*`. Told again with the same
    /// `reference` and paths it does nothing new.
    pub async fn invalidate(&self, paths: &[String], reference: &str) -> Result<(), Error> {
        let url = format!("{}/{API}/distribution/{}/invalidation", self.options.endpoint, self.options.distribution);
        let body = batch(paths, reference);
        let request = self.signed(&url, body).await?;
        let response =
            self.client.execute(request).await.map_err(|error| Error::Unavailable(error.without_url().to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let answer = response.bytes().await.unwrap_or_default();
        let answer = String::from_utf8_lossy(&answer[..answer.len().min(MAX_ANSWER)]).into_owned();
        let busy = status.is_server_error()
            || status.as_u16() == 429
            || ["TooManyInvalidationsInProgress", "Throttling", "RequestLimitExceeded"]
                .iter()
                .any(|code| answer.contains(code));
        let short: String = answer.chars().filter(|c| !c.is_control()).take(300).collect();
        if busy {
            return Err(Error::Unavailable(format!("{status}: {short}")));
        }
        Err(Error::Refused { status: status.as_u16(), answer: short })
    }

    async fn signed(&self, url: &str, body: String) -> Result<reqwest::Request, Error> {
        let unsigned = |problem: String| Error::Unavailable(format!("the request can't be signed: {problem}"));
        let provider = self.provider.as_ref().ok_or_else(|| unsigned("there are no credentials".to_owned()))?;
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

/// The body of the request.
fn batch(paths: &[String], reference: &str) -> String {
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
    fn paths_are_text_in_the_batch() {
        let body = batch(&["/a/<b>&.jpg".to_owned(), "/c/*".to_owned()], "r\"1");
        assert!(body.contains("<Quantity>2</Quantity>"), "{body}");
        assert!(body.contains("<Path>/a/&lt;b&gt;&amp;.jpg</Path><Path>/c/*</Path>"), "{body}");
        assert!(body.contains("<CallerReference>r&quot;1</CallerReference>"), "{body}");
    }
}
