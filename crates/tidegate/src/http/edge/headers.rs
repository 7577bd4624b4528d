//! Caching and display headers of served objects: `Cache-Control`, limited to the rest of the
//! grant, and `Content-Disposition`, which makes active content an attachment.

use axum::http::{HeaderValue, StatusCode, header};
use store::Stat;

use super::super::content::Fields;
use crate::model::disposition;

/// `Cache-Control` where the object has none of its own.
const A_DAY: &str = "private, max-age=86400";
/// `Cache-Control` of Parquet files, which are read in many small ranges and never change.
const A_MONTH: &str = "private, max-age=2592000";

/// The headers of one object, computed once. Only `max-age` depends on the request, by the rest of
/// its grant.
#[derive(Debug, Clone)]
pub(super) struct ObjectHeaders {
    cache_control: String,
    /// The largest lifetime in `cache_control`, in seconds; a grant that ends sooner caps it.
    longest: u64,
    disposition: Option<String>,
}

impl ObjectHeaders {
    /// Computes the headers of the object at a key.
    pub(super) fn of(key: &str, stat: &Stat) -> Self {
        let attributes = &stat.attributes;
        let default = if is_parquet(key, &attributes.content_type) { A_MONTH } else { A_DAY };
        let given = attributes.cache_control.as_deref();
        // A stored value that is no valid header may have restricted caching, so caching is
        // forbidden.
        let cache_control = match given.map(HeaderValue::from_str) {
            Some(Ok(_)) => with_an_end(given.unwrap_or(default)),
            Some(Err(_)) => "private, no-store".to_owned(),
            None => default.to_owned(),
        };
        let given = attributes.content_disposition.as_deref();
        let disposition = disposition::served(&attributes.content_type, given);
        Self {
            longest: max_ages(&cache_control).max().unwrap_or(0),
            cache_control,
            disposition: disposition
                .map(|text| if HeaderValue::from_str(&text).is_ok() { text } else { "attachment".into() }),
        }
    }

    /// Sets the headers, for a grant that ends in `left` seconds.
    pub(super) fn apply(&self, status: StatusCode, left: u64, fields: &mut impl Fields) {
        if [StatusCode::PRECONDITION_FAILED, StatusCode::RANGE_NOT_SATISFIABLE].contains(&status) {
            fields.set(&header::CACHE_CONTROL, b"no-store");
            return;
        }
        if self.longest <= left {
            fields.set(&header::CACHE_CONTROL, self.cache_control.as_bytes());
        } else {
            fields.set(&header::CACHE_CONTROL, within_grant(&self.cache_control, left).as_bytes());
        }
        if let Some(disposition) = &self.disposition {
            fields.set(&header::CONTENT_DISPOSITION, disposition.as_bytes());
        }
    }
}

fn is_parquet(key: &str, content_type: &str) -> bool {
    content_type.eq_ignore_ascii_case("application/vnd.apache.parquet")
        || key.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("parquet"))
}

/// Adds a `max-age` to a value without one: caches would choose a lifetime themselves, and no grant
/// would end it.
fn with_an_end(cache_control: &str) -> String {
    let says = |wanted: &str| cache_control.split(',').any(|directive| directive.trim().eq_ignore_ascii_case(wanted));
    let ends = says("no-store") || says("no-cache");
    let aged = cache_control.split(',').filter_map(max_age).any(|(name, _)| name.eq_ignore_ascii_case("max-age"));
    if ends || aged { cache_control.to_owned() } else { format!("{cache_control}, max-age=86400") }
}

/// Returns the name and the seconds of a directive that states a lifetime.
fn max_age(directive: &str) -> Option<(&str, u64)> {
    let (name, value) = directive.trim().split_once('=')?;
    let keeps = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];
    let keeps = keeps.iter().any(|known| known.eq_ignore_ascii_case(name.trim()));
    // An unreadable number counts as the longest lifetime.
    keeps.then(|| (name.trim(), value.trim().trim_matches('"').parse().unwrap_or(u64::MAX)))
}

/// Returns all lifetimes in a `Cache-Control` value, in seconds.
fn max_ages(cache_control: &str) -> impl Iterator<Item = u64> {
    cache_control.split(',').filter_map(|directive| max_age(directive).map(|(_, age)| age))
}

/// Caps every lifetime in a `Cache-Control` value at the rest of the grant.
fn within_grant(cache_control: &str, left: u64) -> String {
    let capped = |directive: &str| match max_age(directive) {
        Some((name, age)) => format!("{name}={}", age.min(left)),
        None => directive.trim().to_owned(),
    };
    cache_control.split(',').map(capped).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;
    use std::time::SystemTime;
    use store::Attributes;

    fn kept(key: &str, content_type: &str, cache_control: Option<&str>, left: u64) -> (String, String) {
        let attributes = Attributes {
            content_type: content_type.into(),
            cache_control: cache_control.map(Into::into),
            ..Attributes::default()
        };
        let stat = Stat {
            size: 1,
            etag: "e".into(),
            last_modified: SystemTime::UNIX_EPOCH,
            attributes,
            archive: store::ArchiveState::Readable,
        };
        let mut headers = HeaderMap::new();
        ObjectHeaders::of(key, &stat).apply(StatusCode::OK, left, &mut headers);
        let text = |name| headers.get(name).map_or(String::new(), |value: &HeaderValue| value.to_str().unwrap().into());
        (text(header::CACHE_CONTROL), text(header::CONTENT_DISPOSITION))
    }

    #[test]
    fn max_age_ends_with_the_grant() {
        let immutable = "public, max-age=31536000, immutable, no-transform";
        for (given, left, said) in [
            (Some(immutable), 60, "public, max-age=60, immutable, no-transform"),
            (Some(immutable), 31_536_000, immutable),
            (Some("private, no-store"), 60, "private, no-store"),
            (Some("max-age=10"), 60, "max-age=10"),
            (
                Some("Max-Age=100, s-maxage=\"200\", stale-if-error=9e9"),
                60,
                "Max-Age=60, s-maxage=60, stale-if-error=60",
            ),
            (None, 1 << 40, "private, max-age=86400"),
            (None, 0, "private, max-age=0"),
            (Some("public, immutable"), 60, "public, immutable, max-age=60"),
            (Some("private, no-cache"), 60, "private, no-cache"),
        ] {
            assert_eq!(kept("a", "image/png", given, left).0, said, "{given:?} for {left} s");
        }
    }

    #[test]
    fn parquet_is_kept_for_a_month() {
        for (key, content_type) in
            [("a/b.parquet", "x/y"), ("a/B.PARQUET", "x/y"), ("a", "application/vnd.apache.parquet")]
        {
            assert_eq!(kept(key, content_type, None, 1 << 40).0, A_MONTH, "{key} {content_type}");
        }
        assert_eq!(kept("a.parquet/b", "x/y", None, 1 << 40).0, A_DAY);
    }

    #[test]
    fn what_could_run_is_an_attachment() {
        assert_eq!(kept("a", "text/html", None, 1).1, "attachment");
        assert_eq!(kept("a", "image/png", None, 1).1, "");
    }
}
