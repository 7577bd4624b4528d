//! HTTP requests from event documents: what the gateway read from the client's connection, checked
//! again where two parsers could differ. The client's address, the domain name and the authorizer's
//! claims come from `requestContext` only, which no client can write.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::date;
use crate::response::Payload;

/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// The longest head in bytes.
const MAX_HEAD: usize = 32 << 10;

/// Headers that concern one connection, and those that the body's length replaces.
const DROPPED: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// The claims that an authorizer passes on.
pub type Claims = Map<String, Value>;

/// A request through API Gateway or a function URL.
#[derive(Debug)]
pub struct HttpEvent {
    /// The request, or why there is none.
    pub request: Result<Request<Bytes>, Malformed>,
    /// The payload format, which the answer must have too.
    pub payload: Payload,
    /// What AWS says of the request.
    pub context: RequestContext,
}

/// Why an event holds no valid request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Not a request, or an ambiguous one.
    Syntax,
    /// Too many header lines, or too long a head.
    TooLarge,
}

/// What AWS says of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestContext {
    /// The address of the client, or of the CDN in front of the gateway.
    pub source_ip: Option<IpAddr>,
    /// The domain name that the request was sent to, in lower case.
    pub domain_name: Option<String>,
    /// The gateway's id of the request.
    pub request_id: Option<String>,
    /// What the authorizer of the route found; `None` if the route has none.
    pub claims: Option<Claims>,
}

/// An object's members in their order. Repeated names stay.
#[derive(Debug)]
struct Pairs<V>(Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object or null")
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Pairs::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_any(PairsVisitor(std::marker::PhantomData))
    }
}

/// The document of an HTTP event in either payload format.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// The payload format. REST APIs name none.
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    http_method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    raw_path: Option<String>,
    #[serde(default)]
    raw_query_string: Option<String>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    headers: Pairs<String>,
    #[serde(default)]
    multi_value_headers: Pairs<Vec<String>>,
    #[serde(default)]
    query_string_parameters: Pairs<String>,
    #[serde(default)]
    multi_value_query_string_parameters: Pairs<Vec<String>>,
    request_context: Context,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// `requestContext` in either payload format.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(default)]
    http: Option<HttpContext>,
    #[serde(default)]
    identity: Option<Source>,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    domain_name: Option<String>,
    #[serde(default)]
    domain_prefix: Option<String>,
    #[serde(default)]
    api_id: Option<String>,
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    authorizer: Option<Map<String, Value>>,
    /// The target group of a load balancer.
    #[serde(default)]
    elb: Option<serde::de::IgnoredAny>,
}

impl Context {
    /// Returns whether the request was sent to the domain that AWS generates for an API, in any
    /// partition.
    fn is_generated_domain(&self) -> bool {
        let is_prefix = self.domain_prefix.is_some() && self.domain_prefix == self.api_id;
        let ends = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
        is_prefix || self.domain_name.as_deref().is_none_or(|name| ends.iter().any(|end| name.ends_with(end)))
    }

    /// Returns whether the request was sent to a function URL.
    fn is_function_url(&self) -> bool {
        self.domain_name.as_deref().is_some_and(|name| name.contains(".lambda-url."))
    }
}

impl Document {
    /// Returns whether an HTTP API has made the event, which passes paths on decoded.
    fn is_of_http_api(&self) -> bool {
        self.version.is_some() && !self.request_context.is_function_url()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    method: String,
    #[serde(default)]
    source_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    #[serde(default)]
    source_ip: Option<String>,
}

/// Reads the document of an HTTP event.
///
/// # Errors
///
/// What the document is instead, if it has neither payload format.
pub(crate) fn parse(document: &str) -> Result<HttpEvent, String> {
    // The parser's message could quote the document.
    let document: Document =
        serde_json::from_str(document).map_err(|_| "an HTTP event that can't be read".to_owned())?;
    let context = &document.request_context;
    // Clients can write everything in it that would name them.
    if context.elb.is_some() {
        return Err("an event of an Application Load Balancer, which is not supported".to_owned());
    }
    let (payload, method, source_ip) = match (&context.http, &document.http_method) {
        (Some(http), _) => (Payload::Two, http.method.clone(), &http.source_ip),
        (None, Some(method)) => {
            let source_ip = context.identity.as_ref().map_or(&None, |identity| &identity.source_ip);
            (Payload::One, method.clone(), source_ip)
        }
        (None, None) => return Err("a requestContext without a method".to_owned()),
    };
    // Every gateway says it, and without it all clients would share one limit.
    let Some(source_ip) = source_ip else {
        return Err("an HTTP event without the client's address (sourceIp)".to_owned());
    };
    let known = RequestContext {
        source_ip: source_ip.parse().ok(),
        domain_name: context.domain_name.as_ref().map(|name| name.to_ascii_lowercase()),
        request_id: context.request_id.clone(),
        claims: context.authorizer.as_ref().and_then(|authorizer| claims(authorizer, payload)),
    };
    let request = request(document, payload, &method, known.domain_name.as_deref());
    Ok(HttpEvent { request, payload, context: known })
}

/// Returns the claims in an authorizer's context: those of a verified token where the gateway has
/// verified one, else what a Lambda authorizer has returned. `None` if there are none: gateways name
/// an authorizer with empty members on routes without one, and an IAM identity is no user here.
fn claims(authorizer: &Map<String, Value>, payload: Payload) -> Option<Claims> {
    let object = |value: Option<&Value>| value.and_then(Value::as_object).filter(|found| !found.is_empty()).cloned();
    let mut found = match payload {
        Payload::Two => {
            let jwt = authorizer.get("jwt").and_then(Value::as_object);
            jwt.and_then(|jwt| object(jwt.get("claims"))).or_else(|| object(authorizer.get("lambda")))
        }
        // A Lambda authorizer's context is flat in format 1.0, and so is what the gateway adds to it.
        Payload::One => object(authorizer.get("claims")).or_else(|| {
            let says_something = |(name, value): (&String, &Value)| {
                !value.is_null() && !["claims", "scopes", "iam", "integrationLatency"].contains(&name.as_str())
            };
            authorizer.iter().any(says_something).then(|| authorizer.clone())
        }),
    }?;
    for name in ["auth_time", "exp", "iat", "nbf"] {
        if let Some(time) = found.get_mut(name)
            && let Some(seconds) = time.as_str().and_then(date::epoch_seconds)
        {
            *time = seconds.into();
        }
    }
    Some(found)
}

/// Builds the request.
fn request(
    document: Document,
    payload: Payload,
    method: &str,
    domain_name: Option<&str>,
) -> Result<Request<Bytes>, Malformed> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Malformed::Syntax)?;
    let target = target(&document, payload)?;
    let mut headers = headers(&document)?;
    if let (false, Some(name)) = (headers.contains_key(header::HOST), domain_name) {
        headers.insert(header::HOST, value(name)?);
    }
    let had_length = headers.contains_key(header::CONTENT_LENGTH);
    for name in DROPPED {
        headers.remove(name);
    }
    if let Some(cookies) = document.cookies.filter(|cookies| !cookies.is_empty()) {
        headers.insert(header::COOKIE, value(&cookies.join("; "))?);
    }
    let length = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let head = method.as_str().len() + target.as_str().len() + headers.iter().map(length).sum::<usize>();
    // A long target is answered by the route's own limit.
    if headers.len() > MAX_HEADERS || head - target.as_str().len() > MAX_HEAD {
        return Err(Malformed::TooLarge);
    }
    let body = match (document.body, document.is_base64_encoded) {
        (None, _) => Bytes::new(),
        (Some(text), Some(true)) => STANDARD.decode(text).map_err(|_| Malformed::Syntax)?.into(),
        (Some(text), _) => text.into(),
    };
    if had_length || !body.is_empty() {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = target.uri;
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A request target and its text.
struct Target {
    uri: Uri,
    text: String,
}

impl Target {
    fn as_str(&self) -> &str {
        &self.text
    }
}

/// Returns path and query as the client sent them, as far as the gateway tells.
fn target(document: &Document, payload: Payload) -> Result<Target, Malformed> {
    let context = &document.request_context;
    let given = match payload {
        Payload::One => document.path.as_deref(),
        Payload::Two => document.raw_path.as_deref(),
    };
    let given = given.filter(|path| path.starts_with('/')).ok_or(Malformed::Syntax)?;
    // Format 2.0 puts a named stage before every path, whatever the domain. Of format 1.0 only HTTP
    // APIs do, and say it in both places; a custom domain's path can be the same without a stage.
    let names_stage = match payload {
        Payload::One => context.path.as_deref() == Some(given) && context.is_generated_domain(),
        Payload::Two => true,
    };
    let stage = context.stage.as_deref().filter(|stage| names_stage && *stage != "$default" && !stage.is_empty());
    let path = stage.map_or(given, |stage| without_prefix(given, stage));
    let mut text = String::with_capacity(path.len() + 16);
    encode(path, &mut text, if document.is_of_http_api() { Part::DecodedPath } else { Part::Path })?;
    match payload {
        Payload::Two => {
            let query = document.raw_query_string.as_deref().unwrap_or_default();
            if !query.is_empty() {
                text.push('?');
                encode(query, &mut text, Part::Query)?;
            }
        }
        Payload::One => query_of_parameters(document, &mut text)?,
    }
    let uri = Uri::try_from(text.as_str()).map_err(|_| Malformed::TooLarge)?;
    Ok(Target { uri, text })
}

/// Returns a path without its first segment if that is `segment`.
fn without_prefix<'a>(path: &'a str, segment: &str) -> &'a str {
    match path.strip_prefix('/').and_then(|rest| rest.strip_prefix(segment)) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Adds the query that format 1.0 gives as parameters, which are decoded.
fn query_of_parameters(document: &Document, text: &mut String) -> Result<(), Malformed> {
    let many = &document.multi_value_query_string_parameters.0;
    let pairs: Vec<(&str, &str)> = if many.is_empty() {
        document.query_string_parameters.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    } else {
        many.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str()))).collect()
    };
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        encode(name, text, Part::Parameter)?;
        text.push('=');
        encode(value, text, Part::Parameter)?;
    }
    Ok(())
}

/// What a text becomes a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A path as it was sent.
    Path,
    /// A path whose escapes were decoded, except `%25`.
    DecodedPath,
    /// A query as it was sent.
    Query,
    /// A decoded name or value of a query.
    Parameter,
}

/// Adds a text, with every byte encoded that can't stand there literally. What is encoded stays as it
/// is, unless the text was decoded: then a percent sign begins no escape but `%25`.
fn encode(text: &str, into: &mut String, part: Part) -> Result<(), Malformed> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate() {
        // No client can send these, encoded ones aside, and an encoded one is no text.
        if byte < b' ' || byte == 0x7f {
            return Err(Malformed::Syntax);
        }
        let is_escape = || bytes.get(at + 1..at + 3).is_some_and(|next| next.iter().all(u8::is_ascii_hexdigit));
        let stays = match part {
            Part::Parameter => byte.is_ascii_alphanumeric() || b"-._~".contains(&byte),
            Part::DecodedPath if byte == b'%' => bytes[at..].starts_with(b"%25"),
            _ if byte == b'%' => is_escape(),
            _ => byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte) && (part == Part::Query || byte != b'?'),
        };
        if stays {
            into.push(char::from(byte));
        } else {
            const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
            into.push('%');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    Ok(())
}

/// Returns the header lines. Format 1.0 gives each line of a repeated header; format 2.0 has joined
/// them by commas.
fn headers(document: &Document) -> Result<HeaderMap, Malformed> {
    let mut headers = HeaderMap::with_capacity(32);
    let mut add = |given: &str, line: &str| {
        let name = HeaderName::from_bytes(given.as_bytes()).map_err(|_| Malformed::Syntax)?;
        if headers.len() > MAX_HEADERS {
            return Err(Malformed::TooLarge);
        }
        headers.append(name, value(line)?);
        Ok(())
    };
    let many = &document.multi_value_headers.0;
    for (name, values) in many {
        for line in values {
            add(name, line)?;
        }
    }
    let is_new = |name: &str| !many.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    for (name, line) in document.headers.0.iter().filter(|(name, _)| is_new(name)) {
        add(name, line)?;
    }
    if headers.get_all(header::HOST).iter().count() > 1 {
        return Err(Malformed::Syntax);
    }
    Ok(headers)
}

fn value(text: &str) -> Result<HeaderValue, Malformed> {
    HeaderValue::from_str(text).or_else(|_| HeaderValue::from_bytes(text.as_bytes())).map_err(|_| Malformed::Syntax)
}
