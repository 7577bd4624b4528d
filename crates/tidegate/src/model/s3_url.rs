//! Presigned S3 URLs that callers supply: parsed strictly, and accepted only if they lead to a
//! known bucket. The URL that is passed on is rebuilt from the parsed parts, so no other parser can
//! read it differently. Never connects anywhere; see `state/fetcher.rs`. Sources: AWS, "Amazon S3
//! endpoints and quotas" and "Authenticating Requests: Using Query Parameters".

use std::time::{Duration, SystemTime};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::PrimitiveDateTime;
use time::macros::format_description;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');
/// The longest lifetime of a presigned request in seconds, which is 7 days.
const LONGEST: u64 = 604_800;
/// The tolerated difference between clocks.
const SKEW: Duration = Duration::from_secs(15 * 60);
/// The suffixes of S3 hosts by AWS partition, with the prefix of the partition's region names. An
/// empty prefix stands for the commercial partition.
const PARTITIONS: [(&str, &str); 4] =
    [(".amazonaws.com", ""), (".amazonaws.com.cn", "cn-"), (".c2s.ic.gov", "us-iso-"), (".sc2s.sgov.gov", "us-isob-")];
/// Query parameters allowed in a GET of an object, besides those of the signature and those that
/// override response headers.
const HARMLESS: [&str; 3] = ["versionid", "partnumber", "x-id"];

/// The store whose presigned URLs this server itself gives out.
#[derive(Debug, Clone, Copy)]
pub struct OwnStore<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port, in lower case, without the scheme's default port.
    pub authority: &'a str,
    /// The bucket. In virtual-hosted style the authority contains it.
    pub bucket: &'a str,
    /// Whether the bucket is in the path (path-style) rather than in the host.
    pub in_path: bool,
}

/// A presigned URL that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresignedUrl {
    /// The bucket it reads from.
    pub bucket: String,
    /// Whether it leads to the server's own store.
    pub is_own: bool,
    /// The rebuilt URL. It is a secret until it expires.
    pub url: String,
}

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It holds characters that no presigned URL has.
    #[error("presigned_url holds characters that no presigned URL has; percent-encode it once")]
    Characters,
    /// Its scheme is not `https`.
    #[error("presigned_url must begin with https://")]
    Scheme,
    /// Its host is not an S3 endpoint.
    #[error("presigned_url leads to no host of S3")]
    Host,
    /// It has no bucket or no key, or its path has dot segments or encoded slashes.
    #[error("presigned_url must name a bucket and a key, without dot segments or encoded slashes")]
    Path,
    /// It has a parameter that a presigned GET does not have, or has one twice.
    #[error("presigned_url has parameters that a presigned GET of an object has not, or has one twice")]
    Parameter,
    /// It has no valid Signature Version 4 in its query.
    #[error("presigned_url must be signed in its query with AWS4-HMAC-SHA256")]
    Signature,
    /// It has expired.
    #[error("presigned_url has expired")]
    Expired,
    /// It is not valid yet.
    #[error("presigned_url is not valid yet")]
    NotYet,
}

/// Parses and checks a presigned URL. `beside` are query parameters of the surrounding request that
/// belong to the URL, since the client did not percent-encode it.
///
/// # Errors
///
/// The first rule that the URL breaks.
pub fn parse(
    text: &str,
    beside: &[(String, String)],
    own: OwnStore<'_>,
    now: SystemTime,
) -> Result<PresignedUrl, BadUrl> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
    if !text.bytes().all(plain) {
        return Err(BadUrl::Characters);
    }
    let (scheme, rest) = text.split_once("://").ok_or(BadUrl::Scheme)?;
    let (authority, rest) = rest.split_once('/').ok_or(BadUrl::Path)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = authority.to_ascii_lowercase();
    let is_own = scheme == own.scheme && authority == own.authority;
    let (host, bucket, key) = if is_own {
        let (bucket, key) = if own.in_path { path.split_once('/').ok_or(BadUrl::Path)? } else { (own.bucket, path) };
        (authority, bucket.to_owned(), key)
    } else if scheme == "https" {
        let host = authority.strip_suffix(":443").unwrap_or(&authority).to_owned();
        match bucket_of_host(&host).ok_or(BadUrl::Host)? {
            Some(bucket) => (host, bucket, path),
            None => {
                let (bucket, key) = path.split_once('/').ok_or(BadUrl::Path)?;
                (host, bucket.to_owned(), key)
            }
        }
    } else {
        return Err(BadUrl::Scheme);
    };
    if !is_bucket(&bucket) {
        return Err(BadUrl::Path);
    }
    check_path(key)?;
    let query = read_query(query, beside)?;
    check_signature(&query, now)?;
    let path = decoded(path).ok_or(BadUrl::Path)?;
    let parameters: Vec<String> = query
        .iter()
        .map(|(name, value)| {
            format!("{}={}", utf8_percent_encode(name, UNRESERVED), utf8_percent_encode(value, UNRESERVED))
        })
        .collect();
    let url = format!("{scheme}://{host}/{}?{}", utf8_percent_encode(&path, PATH), parameters.join("&"));
    Ok(PresignedUrl { bucket, is_own, url })
}

/// Returns, for an S3 host, the bucket that it names, if it names one; `None` for any other host.
/// The whole host is matched, so nothing can stand before or after the labels of an S3 endpoint.
fn bucket_of_host(host: &str) -> Option<Option<String>> {
    let (labels, prefix) =
        PARTITIONS.iter().find_map(|(suffix, prefix)| host.strip_suffix(suffix).map(|labels| (labels, *prefix)))?;
    let labels: Vec<&str> = labels.split('.').collect();
    let is_region = |text: &str| {
        let ours = if prefix.is_empty() {
            !["cn-", "us-iso"].iter().any(|other| text.starts_with(other))
        } else {
            text.starts_with(prefix)
        };
        let mut words = text.split('-');
        let first = words.next().is_some_and(|word| (2..=3).contains(&word.len()) && is_word(word));
        let last = words.next_back().is_some_and(|word| (1..=2).contains(&word.len()) && is_number(word));
        let middle: Vec<&str> = words.collect();
        ours && first && last && !middle.is_empty() && middle.into_iter().all(is_word)
    };
    // The service labels, after the bucket or alone.
    let is_service = |labels: &[&str]| match labels {
        ["s3"] => prefix.is_empty(),
        ["s3", region] | ["s3", "dualstack", region] | ["s3-fips", region] | ["s3-fips", "dualstack", region] => {
            is_region(region)
        }
        [legacy] => prefix.is_empty() && legacy.strip_prefix("s3-").is_some_and(is_region),
        _ => false,
    };
    let is_accelerated =
        |labels: &[&str]| prefix.is_empty() && matches!(labels, ["s3-accelerate"] | ["s3-accelerate", "dualstack"]);
    if is_service(&labels) {
        return Some(None);
    }
    let (bucket, service) = labels.split_first()?;
    (is_service(service) || is_accelerated(service)).then(|| Some((*bucket).to_owned()))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text is a valid bucket name (AWS, "General purpose bucket naming rules").
pub fn is_bucket(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'.')
        && text.bytes().next().is_some_and(plain)
        && text.bytes().next_back().is_some_and(plain)
        && !text.contains("..")
}

/// Checks that a path is a key without dot segments, encoded slashes or control characters.
fn check_path(key: &str) -> Result<(), BadUrl> {
    let lower = key.to_ascii_lowercase();
    if ["%2f", "%5c"].iter().any(|hidden| lower.contains(hidden)) {
        return Err(BadUrl::Path);
    }
    let key = decoded(key).ok_or(BadUrl::Path)?;
    let leads_elsewhere = key.split('/').any(|segment| matches!(segment, "." | ".."));
    if key.is_empty() || leads_elsewhere || key.chars().any(char::is_control) {
        return Err(BadUrl::Path);
    }
    Ok(())
}

/// Percent-decodes a text once; `None` if the result is not UTF-8 or a percent sign stands alone.
fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let whole = |at: &usize| is_hex(at + 1) && is_hex(at + 2);
    let signs = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').map(|(at, _)| at);
    if !signs.into_iter().all(|at| whole(&at)) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Parses the query; every parameter must be known and occur once.
fn read_query(query: &str, beside: &[(String, String)]) -> Result<Vec<(String, String)>, BadUrl> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut given = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // In a query a plus sign stands for a space.
        let read = |text: &str| decoded(&text.replace('+', "%20")).ok_or(BadUrl::Parameter);
        given.push((read(name)?, read(value)?));
    }
    for (name, value) in given.into_iter().chain(beside.iter().cloned()) {
        let lower = name.to_ascii_lowercase();
        let known = lower.starts_with("x-amz-") || lower.starts_with("response-") || HARMLESS.contains(&lower.as_str());
        let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !known
            || !sound
            || value.chars().any(char::is_control)
            || found.iter().any(|(had, _)| had.eq_ignore_ascii_case(&name))
        {
            return Err(if ["signature", "awsaccesskeyid", "expires"].contains(&lower.as_str()) {
                BadUrl::Signature
            } else {
                BadUrl::Parameter
            });
        }
        found.push((name, value));
    }
    Ok(found)
}

/// Checks the form and the lifetime of a Signature Version 4 query, not the signature itself.
fn check_signature(query: &[(String, String)], now: SystemTime) -> Result<(), BadUrl> {
    let value = |name: &str| query.iter().find(|(had, _)| had == name).map(|(_, value)| value.as_str());
    let value = |name: &str| value(name).ok_or(BadUrl::Signature);
    let signature = value("X-Amz-Signature")?;
    let credential: Vec<&str> = value("X-Amz-Credential")?.split('/').collect();
    let instant = value("X-Amz-Date")?;
    let [access_key, day, region, "s3", "aws4_request"] = credential[..] else { return Err(BadUrl::Signature) };
    let sound = value("X-Amz-Algorithm")? == "AWS4-HMAC-SHA256"
        && signature.len() == 64
        && signature.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !access_key.is_empty()
        && !region.is_empty()
        && instant.get(..8) == Some(day)
        && value("X-Amz-SignedHeaders")?.split(';').any(|header| header == "host");
    let seconds = value("X-Amz-Expires")?.parse::<u64>().ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    let (true, Some(seconds)) = (sound, seconds) else { return Err(BadUrl::Signature) };
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let dated = PrimitiveDateTime::parse(instant, format).map_err(|_| BadUrl::Signature)?;
    let dated = SystemTime::from(dated.assume_utc());
    if dated > now + SKEW {
        return Err(BadUrl::NotYet);
    }
    if dated + Duration::from_secs(seconds) <= now {
        return Err(BadUrl::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const OWN: OwnStore<'static> =
        OwnStore { scheme: "http", authority: "127.0.0.1:9000", bucket: "tidegate", in_path: true };
    /// 24 May 2013, midnight UTC, the time of the vectors.
    const AT: Duration = Duration::from_secs(1_369_353_600);

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/fixtures/s3-host-vectors.json")).unwrap()
    }

    fn read(url: &str) -> Result<PresignedUrl, BadUrl> {
        parse(url, &[], OWN, SystemTime::UNIX_EPOCH + AT)
    }

    fn signed() -> String {
        vectors()["signed_query"].as_str().unwrap().to_owned()
    }

    #[test]
    fn hosts_of_s3_are_read_as_their_makers_mean_them() {
        let vectors = vectors();
        for case in vectors["parse"].as_array().unwrap() {
            let url = format!("{}?{}", case["url"].as_str().unwrap(), signed());
            let read = read(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(read.bucket, case["bucket"].as_str().unwrap(), "{url}");
            assert!(!read.is_own && read.url.starts_with("https://") && read.url.ends_with(&signed()), "{read:?}");
        }
        let allowed = vectors["allow"].as_array().unwrap();
        for refused in vectors["refuse"].as_array().unwrap() {
            let bare = refused.as_str().unwrap();
            // The unsigned URL is refused as it stands; all others despite a signature.
            let url = if bare.contains("  (") {
                bare.split("  (").next().unwrap().to_owned()
            } else {
                format!("{bare}?{}", signed())
            };
            let let_through = read(&url).is_ok_and(|read| allowed.iter().any(|bucket| bucket == &read.bucket));
            assert!(!let_through, "{url}");
        }
    }

    #[test]
    fn more_look_alikes() {
        for bad in [
            "https://my-bucket.s3.amazonaws.com./k",
            "https://my-bucket.s3.amazonaws.com:8443/k",
            "https://my-bucket.s3.amazonaws.com:/k",
            "https://my-bucket.s3.amazonaws.com:443:443/k",
            "https://s3.amazonaws.com.evil.test/my-bucket/k",
            "https://my-bucket.s3.evil-1.amazonaws.com/k",
            "https://my-bucket.s3.us-west-2.amazonaws.com.cn/k",
            "https://my-bucket.s3.cn-north-1.amazonaws.com/k",
            "https://s3-accelerate.amazonaws.com/my-bucket/k",
            "https://.s3.amazonaws.com/k",
            "https://s3.amazonaws.com//my-bucket/k",
            "https://s3.amazonaws.com/MY-bucket/k",
            "https://my-bucket.s3.amazonaws.com/a/../k",
            "https://my-bucket.s3.amazonaws.com/a/%2e%2e/k",
            "https://my-bucket.s3.amazonaws.com/a%2Fk",
            "https://my-bucket.s3.amazonaws.com/a%5ck",
            "https://my-bucket.s3.amazonaws.com/a%k",
            "https://my-bucket.s3.amazonaws.com/a%ff",
            "https://my-bucket.s3.amazonaws.com/a%00",
            "https://my-bucket.s3.amazonaws.com/",
            "https://my-bucket.s3.amazonaws.com/k#x",
            "https://my-bucket.s3\u{ff0e}amazonaws.com/k",
            "https://xn--my-bucket.s3.amazonaws.test/k",
            "http://127.0.0.1:9001/tidegate/k",
            "https://127.0.0.1:9000/tidegate/k",
            "http://127.0.0.1:9000@evil.test/tidegate/k",
            "http://127.0.0.1:9000/tidegate",
            "//my-bucket.s3.amazonaws.com/k",
            "HTTPS:my-bucket.s3.amazonaws.com/k",
        ] {
            assert!(read(&format!("{bad}?{}", signed())).is_err(), "{bad}");
        }
        let own = read(&format!("http://127.0.0.1:9000/tidegate/packages/1/é?{}", signed()));
        assert_eq!(own, Err(BadUrl::Characters));
        let own = read(&format!("http://127.0.0.1:9000/tidegate/packages/1/%C3%A9?{}", signed())).unwrap();
        assert!(own.is_own && own.bucket == "tidegate" && own.url.contains("/packages/1/%C3%A9?"), "{own:?}");
    }

    #[test]
    fn only_whole_signatures_of_version_4_are_taken() {
        let base = "https://my-bucket.s3.amazonaws.com/d/k";
        let with = |from: &str, to: &str| read(&format!("{base}?{}", signed().replace(from, to)));
        for (from, to, error) in [
            ("X-Amz-Signature", "X-Amz-Signatur", BadUrl::Signature),
            ("X-Amz-Expires=60", "X-Amz-Expires=-1", BadUrl::Signature),
            ("X-Amz-Expires=60", "X-Amz-Expires=604801", BadUrl::Signature),
            ("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=600", BadUrl::Parameter),
            ("X-Amz-Expires=60", "X-Amz-Expires=60&x-amz-expires=600", BadUrl::Parameter),
            ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", BadUrl::Signature),
            ("%2Fs3%2F", "%2Fsts%2F", BadUrl::Signature),
            ("SignedHeaders=host", "SignedHeaders=range", BadUrl::Signature),
            ("Signature=0000", "Signature=zzzz", BadUrl::Signature),
            ("20130524T000000Z", "20130524T006000Z", BadUrl::Signature),
            ("20130524T000000Z", "20130525T000000Z", BadUrl::Signature),
            ("X-Amz-Expires=60", "X-Amz-Expires=60&uploadId=x", BadUrl::Parameter),
            ("X-Amz-Expires=60", "X-Amz-Expires=60&acl", BadUrl::Parameter),
            ("X-Amz-Expires=60", "X-Amz-Expires=60&a%0d=1", BadUrl::Parameter),
            ("X-Amz-Expires=60", "X-Amz-Expires=60&x-id=a%0D%0Ab", BadUrl::Parameter),
        ] {
            assert_eq!(with(from, to), Err(error), "{to}");
        }
        let twice = signed() + "&X-Amz-Signature=" + &"0".repeat(64);
        assert_eq!(read(&format!("{base}?{twice}")), Err(BadUrl::Parameter));
        let version_2 = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x&Expires=1369353660";
        assert_eq!(read(&format!("{base}?{version_2}")), Err(BadUrl::Signature));
        assert_eq!(read(base), Err(BadUrl::Signature));
        assert!(with("X-Amz-Expires=60", "X-Amz-Expires=60&x-id=GetObject&response-content-type=a%2Fb+c").is_ok());
    }

    #[test]
    fn it_is_good_from_its_date_to_its_end() {
        let url = format!("https://my-bucket.s3.amazonaws.com/d/k?{}", signed());
        let at = |seconds: i64| {
            let at = SystemTime::UNIX_EPOCH + AT;
            let shift = Duration::from_secs(seconds.unsigned_abs());
            parse(&url, &[], OWN, if seconds < 0 { at - shift } else { at + shift }).map(drop)
        };
        assert_eq!((at(0), at(59), at(60)), (Ok(()), Ok(()), Err(BadUrl::Expired)));
        assert_eq!((at(-900), at(-901)), (Ok(()), Err(BadUrl::NotYet)));
    }

    #[test]
    fn parameters_beside_it_belong_to_it() {
        let (first, rest) = signed().split_once('&').map(|(one, rest)| (one.to_owned(), rest.to_owned())).unwrap();
        let beside: Vec<(String, String)> = rest
            .split('&')
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap();
                (name.to_owned(), decoded(value).unwrap())
            })
            .collect();
        let now = SystemTime::UNIX_EPOCH + AT;
        let url = format!("https://my-bucket.s3.amazonaws.com/d/k?{first}");
        let whole = parse(&url, &beside, OWN, now).unwrap();
        assert_eq!(whole.url, format!("https://my-bucket.s3.amazonaws.com/d/k?{}", signed()));
        assert_eq!(parse(&url, &[("dataset_id".into(), "x".into())], OWN, now), Err(BadUrl::Parameter));
    }

    proptest! {
        /// Every accepted URL leads to S3 and is accepted unchanged when parsed again.
        #[test]
        fn what_is_taken_is_read_back(host in "[a-z0-9.%:@-]{0,40}", key in "[a-zA-Z0-9/.%+ -]{0,30}") {
            for base in [format!("https://{host}/{key}"), format!("https://{host}.s3.amazonaws.com/{key}"), format!("https://s3.amazonaws.com/{host}/{key}")] {
                if let Ok(once) = read(&format!("{base}?{}", signed())) {
                    prop_assert!(once.url.starts_with("https://") && once.url.split('/').nth(2).unwrap().ends_with(".amazonaws.com"));
                    let again = read(&once.url).unwrap();
                    prop_assert_eq!(again, once);
                }
            }
        }
    }
}
