//! GraphQL requests in the query string of a GET, and whether a browser was made to send one by a
//! page of another site. Never executes anything.

use async_graphql::{Request, Variables};
use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, bad_request};

/// Headers that a browser sends to another site only after a preflight, which is granted to named
/// origins alone (Fetch standard, section 2.2.2).
const NEED_PREFLIGHT: [&str; 7] = [
    "apollo-require-preflight",
    "x-apollo-operation-name",
    "graphql-require-preflight",
    "x-requested-with",
    "authorization",
    "x-service-token",
    "x-user-id",
];

/// The parameters of a GET.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    #[serde(default)]
    query: String,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// Parses the GraphQL request in a query string.
///
/// # Errors
///
/// [`crate::error::Error::BadRequest`] if there is none, or it cannot be read.
pub(super) fn parse(uri: &Uri) -> Result<Request> {
    let Query(given) =
        Query::<Parameters>::try_from_uri(uri).map_err(|_| bad_request("the query string holds no GraphQL request"))?;
    if given.query.is_empty() && given.extensions.is_none() {
        return Err(bad_request(
            "send GraphQL by POST with content-type: application/json, or a query by GET in `query`",
        ));
    }
    let mut request = Request::new(given.query);
    request.operation_name = given.operation_name.filter(|name| !name.is_empty());
    request.variables = member::<Variables>("variables", given.variables.as_deref())?;
    request.extensions = member("extensions", given.extensions.as_deref())?;
    Ok(request)
}

/// Parses a parameter that holds a JSON object.
fn member<T: DeserializeOwned + Default>(name: &str, text: Option<&str>) -> Result<T> {
    match text.map(str::trim) {
        None | Some("" | "null") => Ok(T::default()),
        Some(text) => serde_json::from_str(text).map_err(|_| bad_request(format!("{name} must be a JSON object"))),
    }
}

/// Returns whether a GET was sent on purpose: by a page of this site, by a page that may send
/// special headers, or by a program other than a browser. A page of another site can make a browser
/// send all other requests, with the cookies of this site.
pub(super) fn is_deliberate(headers: &HeaderMap) -> bool {
    let special = NEED_PREFLIGHT.iter().any(|name| headers.contains_key(*name)) || has_json_type(headers);
    match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        Some(b"same-origin") => true,
        Some(_) => special,
        None => special || !headers.contains_key(header::COOKIE),
    }
}

/// Returns whether the content type is JSON, which needs a preflight, too.
fn has_json_type(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn pages_of_other_sites_are_told_from_everybody_else() {
        for good in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("cookie", "auth_token=x")],
            &[("sec-fetch-site", "cross-site"), ("apollo-require-preflight", "true"), ("cookie", "auth_token=x")],
            &[("sec-fetch-site", "same-site"), ("authorization", "Bearer x")],
            &[("cookie", "auth_token=x"), ("content-type", "application/json; charset=utf-8")],
        ] {
            assert!(is_deliberate(&headers(good)), "{good:?}");
        }
        for bad in [
            &[("cookie", "auth_token=x")][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("cookie", "auth_token=x")],
            &[("sec-fetch-site", "none"), ("cookie", "auth_token=x")],
            &[("cookie", "auth_token=x"), ("content-type", "text/plain; application/json")],
        ] {
            assert!(!is_deliberate(&headers(bad)), "{bad:?}");
        }
    }

    #[test]
    fn a_query_string_is_read_as_the_specification_names_its_parameters() {
        let uri =
            "/graphql?query=query%20A%7Ba%7D&operationName=A&variables=%7B%22x%22%3A1%7D&extensions=".parse().unwrap();
        let request = parse(&uri).unwrap();
        assert_eq!((request.query.as_str(), request.operation_name.as_deref()), ("query A{a}", Some("A")));
        assert_eq!(serde_json::to_value(&request.variables).unwrap(), serde_json::json!({ "x": 1 }));
        for bad in ["/graphql", "/graphql?query=", "/graphql?query=%7Ba%7D&variables=%5B1", "/graphql?query=a&query=b"]
        {
            assert!(parse(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
