//! The HTTP requests of the checks. Follows no redirect and uses no proxy, so that what is seen is the
//! answer of the address that was asked.

use std::time::Duration;

use super::xml;

/// The most bytes of a body that are read.
const MAX_BODY: usize = 256 << 10;
/// The longest part of an answer's message that is repeated, in characters.
const MAX_MESSAGE: usize = 160;

/// An answer. Header names are in lower case.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The certificate of the server in DER, if the connection was encrypted.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Answer {
    /// Returns the first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the text of the body.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the error code of an S3 or CloudFront error.
    pub(super) fn code(&self) -> Option<String> {
        xml::element(&self.text(), "Code")
    }

    /// Describes the answer: status, and error code or the server's name.
    pub(super) fn brief(&self) -> String {
        match (self.code(), self.header("server")) {
            (Some(code), _) => format!("{} {}", self.status, plain(&code)),
            (None, Some(server)) if self.status >= 400 => format!("{} of {}", self.status, plain(server)),
            _ => self.status.to_string(),
        }
    }

    /// Returns whether a header lists a word, in any case of letters.
    pub(super) fn lists(&self, header: &str, word: &str) -> bool {
        let values = self.headers.iter().filter(|(name, _)| name == header);
        values.flat_map(|(_, value)| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
    }
}

/// A request to send.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a str,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: Option<Vec<u8>>,
}

impl<'a> Request<'a> {
    pub(super) fn get(url: &'a str) -> Self {
        Self { method: "GET", url, headers: Vec::new(), body: None }
    }

    pub(super) fn preflight(url: &'a str, origin: &'a str, method: &'a str, headers: &'a str) -> Self {
        let fields = [("access-control-request-method", method), ("access-control-request-headers", headers)];
        Self { method: "OPTIONS", url, headers: Vec::from(fields), body: None }.with("origin", origin)
    }

    pub(super) fn put(url: &'a str, headers: &'a [(String, String)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // The client sets it from the body.
        let headers = headers.filter(|(name, _)| *name != "content-length").collect();
        Self { method: "PUT", url, headers, body: Some(body) }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Makes the client of all requests.
pub(super) fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .tls_info(true)
        .connect_timeout(timeout)
        .timeout(timeout)
        .user_agent(concat!("tidegate-doctor/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends a request. The error names neither URL nor signature.
pub(super) async fn send(client: &reqwest::Client, request: Request<'_>) -> Result<Answer, String> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut building = client.request(method, request.url);
    for (name, value) in request.headers {
        building = building.header(name, value);
    }
    if let Some(body) = request.body {
        building = building.body(body);
    }
    let mut response = building.send().await.map_err(describe)?;
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    let headers = headers.collect();
    let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
    let certificate = tls.and_then(|tls| tls.peer_certificate()).map(<[u8]>::to_vec);
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_BODY {
            return Err(format!("it answers {status} with more than {MAX_BODY} bytes"));
        }
    }
    Ok(Answer { status, headers, body, certificate })
}

/// Describes an error with its causes and without the URL, which may hold a signature.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    plain(&cause.to_string())
}

/// Returns a text of other programs without control characters, and not too long.
pub(super) fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.chars().count() <= MAX_MESSAGE {
        text
    } else {
        text.chars().take(MAX_MESSAGE).chain("…".chars()).collect()
    }
}
