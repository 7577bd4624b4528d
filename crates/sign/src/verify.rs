//! Decides whether a request carries a valid CloudFront signature, by CloudFront's rules: from the
//! raw URL, the cookies, the client address and the time of arrival. Never decodes, sorts or
//! normalises the URL, and knows no served roots; the edge checks those.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::encoding;
use crate::keys::{Hash, PublicKey};
use crate::pattern::{self, Target};
use crate::policy::{Policy, canned_policy};
use crate::refusal::{Denied, Refusal};
use crate::resource::RESERVED;
use crate::signature_cache::{ClaimedPolicy, SignatureCache, SignatureClaim, VerifiedPolicy};

/// A request as it arrived: not decoded, sorted or normalised.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `https` or `http`, from the edge's own configuration.
    pub scheme: &'a str,
    /// The `Host` header, already checked against the edge's configured hosts.
    pub host: &'a str,
    /// The raw path, beginning with `/`.
    pub path: &'a str,
    /// The raw query, if any.
    pub query: Option<&'a str>,
    /// The values of the `Cookie` headers, in order.
    pub cookies: &'a [&'a str],
    /// The client address.
    pub client_ip: IpAddr,
    /// When the request arrived, in epoch seconds.
    pub now: u64,
}

/// The grant of a request that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// When the grant expires, in epoch seconds.
    pub expires: u64,
    /// When the grant starts, in epoch seconds; 0 if it has no start.
    pub not_before: u64,
    /// Whether the policy restricts the client address.
    pub ip_restricted: bool,
    /// Whether the signature is in the URL; if not, it is in the cookies.
    pub by_url: bool,
    /// Whether the signature was found in the cache of verified signatures.
    pub cached: bool,
}

/// The public keys that the edge trusts, with a cache of verified signatures.
///
/// Verifying takes tens of microseconds, and a reader sends the same signature thousands of times.
/// The cache holds each valid signature with its key and its policy. The policy's conditions (time,
/// address, resource) are evaluated for every request.
#[derive(Debug, Default)]
pub struct Verifier {
    keys: HashMap<String, TrustedKey>,
    cache: Arc<SignatureCache>,
    /// DER and serial of the predecessor's keys by id, so that an unchanged key keeps its serial.
    previous_keys: HashMap<String, (Vec<u8>, u64)>,
}

/// A trusted key and its serial, a number that no other key ever gets, not even a later key with
/// the same id.
#[derive(Debug)]
struct TrustedKey {
    key: PublicKey,
    serial: u64,
}

/// The signature parameters of a request, from its query or its cookies.
#[derive(Debug, Default)]
struct SignatureParameters<'a> {
    expires: Option<&'a str>,
    policy: Option<&'a str>,
    signature: Option<&'a str>,
    key_pair_id: Option<&'a str>,
    hash: Option<&'a str>,
}

impl<'a> SignatureParameters<'a> {
    /// Returns the field of a reserved parameter name.
    fn field_mut(&mut self, reserved: &str) -> &mut Option<&'a str> {
        match reserved {
            "Expires" => &mut self.expires,
            "Policy" => &mut self.policy,
            "Signature" => &mut self.signature,
            "Key-Pair-Id" => &mut self.key_pair_id,
            _ => &mut self.hash,
        }
    }
}

impl Verifier {
    /// Creates a verifier that trusts no key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a verifier that trusts no key and shares this one's signature cache. Cached
    /// signatures match only for keys that are trusted again, unchanged.
    #[must_use]
    pub fn successor(&self) -> Self {
        let previous =
            self.keys.iter().map(|(id, trusted)| (id.clone(), (trusted.key.spki().to_vec(), trusted.serial)));
        Self { keys: HashMap::new(), cache: Arc::clone(&self.cache), previous_keys: previous.collect() }
    }

    /// Adds a trusted key with the id `key_pair_id`.
    pub fn trust(&mut self, key_pair_id: impl Into<String>, key: PublicKey) {
        let id = key_pair_id.into();
        let unchanged = self.previous_keys.get(&id).filter(|(spki, _)| spki == key.spki()).map(|(_, serial)| *serial);
        let serial = unchanged.unwrap_or_else(|| self.cache.next_serial());
        self.keys.insert(id, TrustedKey { key, serial });
    }

    /// Returns the ids of the trusted keys, in no particular order.
    pub fn key_pair_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Decides whether the request is allowed. Conditions are evaluated at `request.now` only, so a
    /// download that has started may finish after its grant expires.
    pub fn verify(&self, request: &Request<'_>) -> Result<Allowed, Refusal> {
        let (unreserved_query, url_parameters) = split_query(request.query)?;
        let by_url = url_parameters.is_some();
        let parameters = match url_parameters {
            // Any reserved parameter makes this a signed URL, and its cookies are ignored.
            Some(parameters) => parameters,
            None => cookie_parameters(request.cookies),
        };
        let id = parameters.key_pair_id.filter(|id| !id.is_empty()).ok_or(Refusal::MissingKey)?;
        let trusted = self.keys.get(id).ok_or(Refusal::InvalidKey)?;
        let hash = match parameters.hash {
            None | Some("SHA1") => Hash::Sha1,
            Some("SHA256") => Hash::Sha256,
            Some(_) => return Err(Refusal::AccessDenied(Denied::UnknownHash)),
        };
        let signature = parameters.signature.ok_or(Refusal::MalformedSignature)?;
        let Request { scheme, host, path, .. } = *request;
        let target = Target { scheme, host, path, query: unreserved_query.as_deref() };
        let policy = match (parameters.policy, parameters.expires) {
            (Some(policy), None) => ClaimedPolicy::Custom(policy),
            (None, Some(expires)) => ClaimedPolicy::Canned { target, expires },
            // A malformed signature is reported before a missing or doubled policy.
            _ if encoding::decode(signature).is_none() => return Err(Refusal::MalformedSignature),
            _ => return Err(Refusal::AccessDenied(Denied::NotOnePolicy)),
        };
        let claim = SignatureClaim { serial: trusted.serial, hash, signature, policy };
        if let Some(policy) = self.cache.get(&claim) {
            return check_conditions(&policy, target, request, (by_url, true));
        }
        let policy = Arc::new(verify_signature(&trusted.key, &claim)?);
        self.cache.insert(&claim, &policy, request.now);
        check_conditions(&policy, target, request, (by_url, false))
    }
}

/// Verifies a signature that is not cached and returns the policy that it covers.
fn verify_signature(key: &PublicKey, claim: &SignatureClaim<'_>) -> Result<VerifiedPolicy, Refusal> {
    let signature = encoding::decode(claim.signature).ok_or(Refusal::MalformedSignature)?;
    let (signed, policy) = match claim.policy {
        ClaimedPolicy::Custom(policy) => {
            let bytes = encoding::decode(policy).ok_or(Refusal::MalformedPolicy)?;
            let policy = Policy::parse(&bytes).ok_or(Refusal::MalformedPolicy)?;
            (bytes, VerifiedPolicy::Custom(policy))
        }
        ClaimedPolicy::Canned { target, expires } => {
            let not_after = parse_decimal(expires).ok_or(Refusal::AccessDenied(Denied::MalformedExpires))?;
            (canned_policy(&signed_url(target), not_after).into_bytes(), VerifiedPolicy::Canned { not_after })
        }
    };
    if key.verify(claim.hash, &signed, &signature) { Ok(policy) } else { Err(Refusal::AccessDenied(Denied::Signature)) }
}

/// Evaluates the policy's conditions for this request. `by_url` and `cached` are copied to the
/// result.
fn check_conditions(
    policy: &VerifiedPolicy,
    target: Target<'_>,
    request: &Request<'_>,
    (by_url, cached): (bool, bool),
) -> Result<Allowed, Refusal> {
    let denied = |denied| Err(Refusal::AccessDenied(denied));
    let (not_before, expires, ip_restricted) = match policy {
        // A canned policy was rebuilt from the request's own URL, so it always covers that URL.
        VerifiedPolicy::Canned { not_after } => (0, *not_after, false),
        VerifiedPolicy::Custom(policy) => {
            if !policy.source_ip.as_deref().is_none_or(|range| range_contains(range, request.client_ip)) {
                return denied(Denied::ClientAddress);
            }
            // SDKs write the query into custom policies without escaping its `?`, so an exact URL
            // is accepted too.
            let covered = policy
                .resource
                .as_deref()
                .is_none_or(|resource| pattern::matches(resource, target) || resource == signed_url(target));
            if !covered {
                return denied(Denied::Resource);
            }
            (policy.not_before.unwrap_or(0), policy.not_after, policy.source_ip.is_some())
        }
    };
    match request.now {
        now if now >= expires => denied(Denied::Expired),
        now if now < not_before => denied(Denied::NotYetValid),
        _ => Ok(Allowed { expires, not_before, ip_restricted, by_url, cached }),
    }
}

/// Returns the URL that was signed: the request's URL without the reserved parameters.
fn signed_url(target: Target<'_>) -> String {
    let Target { scheme, host, path, query } = target;
    match query {
        Some(query) => format!("{scheme}://{host}{path}?{query}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// Splits the raw query into the unreserved parameters, byte for byte and in order, and the
/// signature parameters. Fails if a reserved name occurs twice.
fn split_query(query: Option<&str>) -> Result<(Option<Cow<'_, str>>, Option<SignatureParameters<'_>>), Refusal> {
    let Some(query) = query else { return Ok((None, None)) };
    let mut unreserved: Option<Cow<'_, str>> = None;
    let mut parameters = SignatureParameters::default();
    let (mut signed, mut at) = (false, 0);
    for pair in query.split('&') {
        let end = at + pair.len();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if RESERVED.contains(&name) {
            signed = true;
            if parameters.field_mut(name).replace(value).is_some() {
                return Err(Refusal::AccessDenied(Denied::DuplicateParameter));
            }
        } else {
            unreserved = Some(match unreserved {
                None => Cow::Borrowed(pair),
                // Borrowed as long as no reserved parameter precedes: signers append theirs at the
                // end.
                Some(Cow::Borrowed(before)) if !signed => {
                    debug_assert_eq!(before.len() + 1, at, "everything before this pair is unreserved");
                    Cow::Borrowed(&query[..end])
                }
                Some(mut before) => {
                    let kept = before.to_mut();
                    kept.push('&');
                    kept.push_str(pair);
                    before
                }
            });
        }
        at = end + 1;
    }
    Ok((unreserved, signed.then_some(parameters)))
}

/// Returns the signature parameters in the cookies. Of two cookies with the same name the first one
/// counts: it has the longer path (RFC 6265 section 5.4).
fn cookie_parameters<'a>(headers: &[&'a str]) -> SignatureParameters<'a> {
    let mut parameters = SignatureParameters::default();
    for pair in headers.iter().flat_map(|header| header.split(';')) {
        let Some((name, value)) = pair.trim().split_once('=') else { continue };
        let Some(name) = name.strip_prefix("CloudFront-") else { continue };
        if RESERVED.contains(&name) {
            parameters.field_mut(name).get_or_insert(value);
        }
    }
    parameters
}

/// Parses a decimal number without sign or leading zero.
fn parse_decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

/// Returns whether an IPv4 range contains the client address. CloudFront supports no IPv6 ranges,
/// so no range contains an IPv6 address.
fn range_contains(range: &str, client: IpAddr) -> bool {
    let client = match client.to_canonical() {
        IpAddr::V4(client) => client,
        IpAddr::V6(_) => return false,
    };
    let (network, bits) = match range.split_once('/') {
        Some((network, bits)) => (network, parse_decimal(bits).filter(|bits| *bits <= 32)),
        None => (range, Some(32)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<Ipv4Addr>(), bits) else { return false };
    let mask = if bits == 0 { 0 } else { u32::MAX << (32 - bits) };
    u32::from(network) & mask == u32::from(client) & mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;
    use proptest::prelude::*;

    #[test]
    fn address_ranges() {
        let v4: IpAddr = "203.0.113.9".parse().unwrap();
        for (range, inside) in [
            ("203.0.113.0/24", true),
            ("203.0.113.9/32", true),
            ("203.0.113.9", true),
            ("0.0.0.0/0", true),
            ("203.0.112.0/24", false),
            ("203.0.113.0/33", false),
            ("203.0.113.0/+8", false),
            ("::/0", false),
            ("", false),
        ] {
            assert_eq!(range_contains(range, v4), inside, "{range}");
        }
        assert!(range_contains("203.0.113.0/24", "::ffff:203.0.113.9".parse().unwrap()));
        assert!(!range_contains("0.0.0.0/0", "2001:db8::1".parse().unwrap()));
    }

    /// A cached signature allows exactly the requests that it allowed before it was cached.
    #[test]
    fn a_cached_signature_grants_nothing_more() {
        let key = SigningKey::parse(include_str!("../tests/fixtures/throwaway-p256.pkcs8.pem")).unwrap();
        let other = SigningKey::parse(include_str!("../tests/fixtures/throwaway-rsa2048.pkcs8.pem")).unwrap();
        let mut verifier = Verifier::new();
        verifier.trust("K", key.public_key().unwrap());
        let encoded = |bytes: &[u8]| encoding::encode(bytes);
        let policy = r#"{"Statement":[{"Resource":"https://h.test/a/*","Condition":{"DateLessThan":{"AWS:EpochTime":100},"DateGreaterThan":{"AWS:EpochTime":10},"IpAddress":{"AWS:SourceIp":"192.0.2.0/24"}}}]}"#;
        let signature = encoded(&key.sign(Hash::Sha1, policy.as_bytes()).unwrap());
        let custom = format!("Policy={}&Signature={signature}&Key-Pair-Id=K", encoded(policy.as_bytes()));
        let url = "https://h.test/a/b?x=1";
        let by_url = encoded(&key.sign(Hash::Sha256, canned_policy(url, 100).as_bytes()).unwrap());
        let canned = format!("x=1&Expires=100&Signature={by_url}&Key-Pair-Id=K&Hash-Algorithm=SHA256");
        let ask = |verifier: &Verifier, path: &str, query: &str, ip: [u8; 4], now: u64| {
            verifier.verify(&Request {
                scheme: "https",
                host: "h.test",
                path,
                query: Some(query),
                cookies: &[],
                client_ip: IpAddr::from(ip),
                now,
            })
        };
        let near = [192, 0, 2, 7];
        for (query, cached) in [(&custom, false), (&custom, true), (&canned, false), (&canned, true)] {
            assert_eq!(
                ask(&verifier, "/a/b", query, near, 50),
                Ok(Allowed {
                    expires: 100,
                    not_before: if query == &custom { 10 } else { 0 },
                    ip_restricted: query == &custom,
                    by_url: true,
                    cached
                }),
                "{query}"
            );
        }
        assert_eq!(verifier.cache.count(), 2);
        for (query, path, ip, now) in [
            (custom.clone(), "/c/b", near, 50),
            (custom.clone(), "/a/b", [198, 51, 100, 1], 50),
            (custom.clone(), "/a/b", near, 9),
            (custom.clone(), "/a/b", near, 100),
            (format!("{custom}&Hash-Algorithm=SHA256"), "/a/b", near, 50),
            (custom.replace("Signature=", "Signature=A"), "/a/b", near, 50),
            (custom.replacen("Policy=e", "Policy=f", 1), "/a/b", near, 50),
            (canned.clone(), "/a/c", near, 50),
            (canned.replacen("x=1", "x=2", 1), "/a/b", near, 50),
            (canned.replace("Expires=100", "Expires=101"), "/a/b", near, 50),
            (canned.replace("SHA256", "SHA1"), "/a/b", near, 50),
            (canned.clone(), "/a/b", near, 100),
        ] {
            assert!(ask(&verifier, path, &query, ip, now).is_err(), "{query} for {path} from {ip:?} at {now}");
        }
        assert_eq!(verifier.cache.count(), 2, "a refused signature is not cached");
        let good = |cached| Ok(Allowed { expires: 100, not_before: 10, ip_restricted: true, by_url: true, cached });
        // An unchanged key keeps its serial; another key with the same id and a key that was
        // removed do not.
        let mut next = verifier.successor();
        next.trust("K", key.public_key().unwrap());
        assert_eq!(ask(&next, "/a/b", &custom, near, 50), good(true));
        let mut next = verifier.successor();
        next.trust("K", other.public_key().unwrap());
        assert!(ask(&next, "/a/b", &custom, near, 50).is_err());
        let mut next = next.successor();
        next.trust("K", key.public_key().unwrap());
        assert_eq!(ask(&next, "/a/b", &custom, near, 50), good(false));
        assert!(ask(&verifier.successor(), "/a/b", &custom, near, 50) == Err(Refusal::InvalidKey));
    }

    #[test]
    fn a_repeated_reserved_name_is_refused() {
        assert_eq!(
            split_query(Some("Expires=1&Expires=2")).unwrap_err(),
            Refusal::AccessDenied(Denied::DuplicateParameter)
        );
    }

    proptest! {
        #[test]
        fn the_unreserved_query_is_kept_byte_for_byte(own in "[a-z0-9=%+~&]{1,30}") {
            prop_assume!(!own.split('&').any(|p| RESERVED.contains(&p.split('=').next().unwrap())));
            let query = format!("{own}&Expires=1&Signature=x&Key-Pair-Id=k");
            let (kept, parts) = split_query(Some(&query)).unwrap();
            prop_assert_eq!(kept.as_deref(), Some(own.as_str()));
            prop_assert_eq!(parts.unwrap().expires, Some("1"));
        }

        /// The reference definition: the raw pairs that are not reserved, joined in their order.
        #[test]
        fn any_query_splits_as_defined(
            query in "((Expires|Policy|Signature|Key-Pair-Id|Hash-Algorithm|expires|a|%41)?=?[a-z%&]{0,3}&?){0,6}",
        ) {
            let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
            let (reserved, own): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| RESERVED.contains(&name(pair).as_str()));
            let mut names: Vec<String> = reserved.iter().map(|pair| name(pair)).collect();
            names.sort();
            let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
            match split_query(Some(&query)) {
                Err(refusal) => prop_assert!(twice && refusal == Refusal::AccessDenied(Denied::DuplicateParameter)),
                Ok((kept, parts)) => {
                    prop_assert!(!twice);
                    prop_assert_eq!(kept.as_deref().map(str::to_owned), (!own.is_empty()).then(|| own.join("&")));
                    prop_assert_eq!(parts.is_some(), !reserved.is_empty());
                }
            }
        }

        #[test]
        fn no_unsigned_request_is_allowed(query in "[ -~]{0,80}", cookie in "[ -~]{0,80}") {
            let request = Request {
                scheme: "https", host: "h.test", path: "/a", query: Some(&query),
                cookies: &[&cookie], client_ip: Ipv4Addr::LOCALHOST.into(), now: 1,
            };
            prop_assert!(Verifier::new().verify(&request).is_err());
        }
    }
}
