//! A right as it was issued, and how its URL names other keys.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A URL as it was issued.
pub(super) struct Issued {
    pub(super) kind: &'static str,
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The key it names, and its form in the URL.
    pub(super) named: String,
    pub(super) written: fn(&str) -> String,
    /// Other keys by column, and whole URLs.
    pub(super) keys: BTreeMap<&'static str, Vec<String>>,
    pub(super) urls: BTreeMap<&'static str, Vec<String>>,
    /// The folder that a grant covers with all it contains, if it is more than one object.
    pub(super) below: Option<String>,
    /// What completes the upload; `ETAG` in its body stands for that of the bytes sent.
    pub(super) completion: Option<Action>,
}

/// A request of a signed-in user.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) method: &'static str,
    pub(super) user: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Action {
    pub(super) fn new(method: &'static str, user: &str, path: String, body: Option<Value>) -> Self {
        Self { method, user: user.to_owned(), path, body }
    }
}

pub(super) fn plainly(key: &str) -> String {
    key.to_owned()
}

pub(super) fn base64url(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// Returns the key in a URL of the edge or of the S3 door.
pub(super) fn key_in(url: &str) -> String {
    let path = url.split('?').next().unwrap().splitn(4, '/').nth(3).unwrap();
    path.strip_prefix("tidegate/").unwrap_or(path).to_owned()
}

pub(super) fn bare(url: &str) -> String {
    url.split('?').next().unwrap().to_owned()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

pub(super) fn headers_of(value: &Value) -> Vec<(String, String)> {
    serde_json::from_value::<BTreeMap<String, String>>(value.clone()).unwrap().into_iter().collect()
}

impl Issued {
    pub(super) fn new(kind: &'static str, method: &'static str, url: &str) -> Self {
        Self {
            kind,
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            named: key_in(url),
            written: plainly,
            keys: BTreeMap::new(),
            urls: BTreeMap::new(),
            below: None,
            completion: None,
        }
    }

    pub(super) fn get(kind: &'static str, url: &str) -> Self {
        Self::new(kind, "GET", url)
    }

    pub(super) fn put(kind: &'static str, url: &str, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        Self { headers, body: body.to_vec(), ..Self::new(kind, "PUT", url) }
    }

    /// Adds cookies to every request.
    pub(super) fn with_cookies(mut self, cookies: String) -> Self {
        self.headers.push(("cookie".into(), cookies));
        self
    }

    /// Returns it with other header fields.
    pub(super) fn with_headers(&self, headers: Vec<(String, String)>) -> Self {
        let (keys, urls) = (self.keys.clone(), self.urls.clone());
        let (url, named, body) = (self.url.clone(), self.named.clone(), self.body.clone());
        let (below, completion) = (self.below.clone(), self.completion.clone());
        Self { headers, keys, urls, url, named, body, below, completion, ..*self }
    }

    /// Sets the key it names, if that is not the URL's path.
    pub(super) fn names(mut self, named: &str, written: fn(&str) -> String) -> Self {
        (self.named, self.written) = (named.to_owned(), written);
        self
    }

    /// Names the folder that the grant covers with all it contains.
    pub(super) fn covering(mut self, folder: &str) -> Self {
        self.below = Some(folder.to_owned());
        self
    }

    pub(super) fn completed_by(mut self, user: &str, path: String, body: Option<Value>) -> Self {
        self.completion = Some(Action::new("POST", user, path, body));
        self
    }

    pub(super) fn parts(mut self, keys: &[&str]) -> Self {
        self.keys.entry("part").or_default().extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    pub(super) fn siblings(mut self, keys: &[&str]) -> Self {
        self.keys.entry("sibling").or_default().extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    pub(super) fn others(mut self, keys: &[&str]) -> Self {
        self.keys.entry("other").or_default().extend(keys.iter().map(|key| (*key).to_owned()));
        self
    }

    /// Returns the URL of another key with the same authority.
    pub(super) fn at(&self, key: &str) -> String {
        let url = self.url.replace(&(self.written)(&self.named), &(self.written)(key));
        assert_ne!(url, self.url, "{}: {key}", self.kind);
        url
    }
}
/// Returns the `Cookie` header of the three cookies that a response sets.
pub(super) fn cookies_of(headers: &reqwest::header::HeaderMap) -> String {
    let lines = headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let pairs: Vec<&str> = lines.map(|line| line.split(';').next().unwrap()).collect();
    assert_eq!(pairs.len(), 3, "{pairs:?}");
    pairs.join("; ")
}
