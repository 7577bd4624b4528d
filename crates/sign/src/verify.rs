//! The edge's verdict on a request, decided the way CloudFront decides it: from the raw URL, the
//! cookies, the client's address and the time at which the request came in.

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
use crate::seen::{Asked, Document, Seen, Terms};

/// A request as it arrived. Nothing in it is decoded, sorted or normalised.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `https` or `http`, from the edge's own configuration.
    pub scheme: &'a str,
    /// Host and port as sent, already checked against the edge's names.
    pub host: &'a str,
    /// The raw path, beginning with `/`.
    pub path: &'a str,
    /// The raw query, if any.
    pub query: Option<&'a str>,
    /// The `Cookie` header's values, in order.
    pub cookies: &'a [&'a str],
    /// The viewer's address.
    pub client_ip: IpAddr,
    /// Epoch seconds at which the request came in.
    pub now: u64,
}

/// A request that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// When the grant ends, epoch seconds.
    pub expires: u64,
    /// Before when it does not hold, epoch seconds.
    pub not_before: u64,
    /// Whether it holds for some addresses only.
    pub for_address: bool,
    /// Whether the signature is part of the URL; else it came in cookies.
    pub by_url: bool,
    /// Whether its signature had been verified before.
    pub remembered: bool,
}

/// The public keys an edge trusts, and the signatures of theirs that were seen and found good.
///
/// Verifying costs tens of microseconds and a reader sends the same signature thousands of times, so that what was
/// verified is remembered: the signature, by the key and over the document it was good for. What the document demands
/// (time, address, resource) is judged for every request anew.
#[derive(Debug, Default)]
pub struct Verifier {
    keys: HashMap<String, Trusted>,
    seen: Arc<Seen>,
    /// What the one before trusted, so that a key which stays is the same one.
    before: HashMap<String, (Vec<u8>, u64)>,
}

/// A key, and a number that no other key ever has, not even a later one of the same id.
#[derive(Debug)]
struct Trusted {
    key: PublicKey,
    serial: u64,
}

/// The parts of a signature, wherever they came from.
#[derive(Debug, Default)]
struct Parts<'a> {
    expires: Option<&'a str>,
    policy: Option<&'a str>,
    signature: Option<&'a str>,
    key_pair_id: Option<&'a str>,
    hash: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn slot(&mut self, reserved: &str) -> &mut Option<&'a str> {
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
    /// A verifier that trusts nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that trusts nothing yet and remembers signatures in the same place as this one; those by keys it does not
    /// come to trust are good for nothing.
    #[must_use]
    pub fn successor(&self) -> Self {
        let known = self.keys.iter().map(|(id, trusted)| (id.clone(), (trusted.key.spki().to_vec(), trusted.serial)));
        Self { keys: HashMap::new(), seen: Arc::clone(&self.seen), before: known.collect() }
    }

    /// Trusts `key` under `key_pair_id`.
    pub fn trust(&mut self, key_pair_id: impl Into<String>, key: PublicKey) {
        let id = key_pair_id.into();
        let same = self.before.get(&id).filter(|(spki, _)| spki == key.spki()).map(|(_, serial)| *serial);
        let serial = same.unwrap_or_else(|| self.seen.next_serial());
        self.keys.insert(id, Trusted { key, serial });
    }

    /// The ids of the keys, in no order.
    pub fn key_pair_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Decides. Conditions are judged at `request.now` only: a download that has begun may finish.
    pub fn verify(&self, request: &Request<'_>) -> Result<Allowed, Refusal> {
        let (own_query, in_url) = split_query(request.query)?;
        let by_url = in_url.is_some();
        let parts = match in_url {
            // Any reserved name makes this a signed URL: cookies are then not looked at.
            Some(parts) => parts,
            None => cookie_parts(request.cookies),
        };
        let id = parts.key_pair_id.filter(|id| !id.is_empty()).ok_or(Refusal::MissingKey)?;
        let trusted = self.keys.get(id).ok_or(Refusal::InvalidKey)?;
        let hash = match parts.hash {
            None | Some("SHA1") => Hash::Sha1,
            Some("SHA256") => Hash::Sha256,
            Some(_) => return Err(Refusal::AccessDenied(Denied::Hash)),
        };
        let signature = parts.signature.ok_or(Refusal::MalformedSignature)?;
        let target =
            Target { scheme: request.scheme, host: request.host, path: request.path, query: own_query.as_deref() };
        let document = match (parts.policy, parts.expires) {
            (Some(policy), None) => Document::Policy(policy),
            (None, Some(expires)) => Document::Canned { target, expires },
            // A signature that is none is said to be none, whatever else is wrong.
            _ if encoding::decode(signature).is_none() => return Err(Refusal::MalformedSignature),
            _ => return Err(Refusal::AccessDenied(Denied::Terms)),
        };
        let asked = Asked { serial: trusted.serial, hash, signature, document };
        if let Some(terms) = self.seen.find(&asked) {
            return judge(&terms, target, request, (by_url, true));
        }
        let terms = Arc::new(check(&trusted.key, &asked)?);
        self.seen.keep(&asked, &terms, request.now);
        judge(&terms, target, request, (by_url, false))
    }
}

/// Verifies a signature that was not seen before, and says what it was made for.
fn check(key: &PublicKey, asked: &Asked<'_>) -> Result<Terms, Refusal> {
    let signature = encoding::decode(asked.signature).ok_or(Refusal::MalformedSignature)?;
    let (bytes, terms) = match asked.document {
        Document::Policy(policy) => {
            let bytes = encoding::decode(policy).ok_or(Refusal::MalformedPolicy)?;
            let policy = Policy::parse(&bytes).ok_or(Refusal::MalformedPolicy)?;
            (bytes, Terms::Policy(policy))
        }
        Document::Canned { target, expires } => {
            let not_after = epoch(expires).ok_or(Refusal::AccessDenied(Denied::Expires))?;
            (canned_policy(&rebuilt(target), not_after).into_bytes(), Terms::Canned { not_after })
        }
    };
    if key.verify(asked.hash, &bytes, &signature) { Ok(terms) } else { Err(Refusal::AccessDenied(Denied::Signature)) }
}

/// Whether what was signed covers this request. `by_url` and `remembered` are handed on.
fn judge(
    terms: &Terms,
    target: Target<'_>,
    request: &Request<'_>,
    (by_url, remembered): (bool, bool),
) -> Result<Allowed, Refusal> {
    let denied = |denied| Err(Refusal::AccessDenied(denied));
    let (not_before, expires, for_address) = match terms {
        // Its document is the request's own URL, or the signature would not have been good for it.
        Terms::Canned { not_after } => (0, *not_after, false),
        Terms::Policy(policy) => {
            if !policy.source_ip.as_deref().is_none_or(|range| ip_in(range, request.client_ip)) {
                return denied(Denied::Address);
            }
            // SDKs write a query unescaped into custom policies; the exact URL is never wider than a pattern.
            let covered = policy
                .resource
                .as_deref()
                .is_none_or(|resource| pattern::matches(resource, target) || resource == rebuilt(target));
            if !covered {
                return denied(Denied::Resource);
            }
            (policy.not_before.unwrap_or(0), policy.not_after, policy.source_ip.is_some())
        }
    };
    match request.now {
        now if now >= expires => denied(Denied::Expired),
        now if now < not_before => denied(Denied::Early),
        _ => Ok(Allowed { expires, not_before, for_address, by_url, remembered }),
    }
}

/// The URL that was signed: the request's, less the reserved parameters.
fn rebuilt(target: Target<'_>) -> String {
    let Target { scheme, host, path, query } = target;
    match query {
        Some(query) => format!("{scheme}://{host}{path}?{query}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// Splits the raw query into the caller's own part, byte for byte and in order, and the reserved
/// parameters. A reserved name given twice is ambiguous and refused.
fn split_query(query: Option<&str>) -> Result<(Option<Cow<'_, str>>, Option<Parts<'_>>), Refusal> {
    let Some(query) = query else { return Ok((None, None)) };
    let mut own: Option<Cow<'_, str>> = None;
    let mut parts = Parts::default();
    let (mut signed, mut at) = (false, 0);
    for pair in query.split('&') {
        let end = at + pair.len();
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if RESERVED.contains(&name) {
            signed = true;
            if parts.slot(name).replace(value).is_some() {
                return Err(Refusal::AccessDenied(Denied::Ambiguous));
            }
        } else {
            own = Some(match own {
                None => Cow::Borrowed(pair),
                // Nothing reserved in between, nor before: signers put their own parameters last.
                Some(Cow::Borrowed(before)) if !signed => {
                    debug_assert_eq!(before.len() + 1, at, "what came before is all there is");
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
    Ok((own, signed.then_some(parts)))
}

/// Of two cookies with one name the first is the one with the longer path (RFC 6265, 5.4).
fn cookie_parts<'a>(headers: &[&'a str]) -> Parts<'a> {
    let mut parts = Parts::default();
    for pair in headers.iter().flat_map(|header| header.split(';')) {
        let Some((name, value)) = pair.trim().split_once('=') else { continue };
        let Some(name) = name.strip_prefix("CloudFront-") else { continue };
        if RESERVED.contains(&name) {
            parts.slot(name).get_or_insert(value);
        }
    }
    parts
}

/// Canonical decimal: digits only, no sign, no leading zero.
fn epoch(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

/// Whether the viewer is inside an IPv4 range. IPv6 ranges are not supported by CloudFront, and an
/// IPv6 viewer is inside none.
fn ip_in(range: &str, viewer: IpAddr) -> bool {
    let viewer = match viewer.to_canonical() {
        IpAddr::V4(viewer) => viewer,
        IpAddr::V6(_) => return false,
    };
    let (network, bits) = match range.split_once('/') {
        Some((network, bits)) => (network, epoch(bits).filter(|bits| *bits <= 32)),
        None => (range, Some(32)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<Ipv4Addr>(), bits) else { return false };
    let mask = if bits == 0 { 0 } else { u32::MAX << (32 - bits) };
    u32::from(network) & mask == u32::from(viewer) & mask
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
            assert_eq!(ip_in(range, v4), inside, "{range}");
        }
        assert!(ip_in("203.0.113.0/24", "::ffff:203.0.113.9".parse().unwrap()));
        assert!(!ip_in("0.0.0.0/0", "2001:db8::1".parse().unwrap()));
    }

    /// What was seen once is allowed again for the same reasons and refused for all others.
    #[test]
    fn a_remembered_signature_is_no_more_than_a_signature() {
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
        for (query, remembered) in [(&custom, false), (&custom, true), (&canned, false), (&canned, true)] {
            assert_eq!(
                ask(&verifier, "/a/b", query, near, 50),
                Ok(Allowed {
                    expires: 100,
                    not_before: if query == &custom { 10 } else { 0 },
                    for_address: query == &custom,
                    by_url: true,
                    remembered
                }),
                "{query}"
            );
        }
        assert_eq!(verifier.seen.count(), 2);
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
        assert_eq!(verifier.seen.count(), 2, "what is refused is not kept");
        let good =
            |remembered| Ok(Allowed { expires: 100, not_before: 10, for_address: true, by_url: true, remembered });
        // A key that stays is the same one; another under its id is not, and neither is one that was gone.
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
    fn a_reserved_name_twice_is_refused() {
        assert_eq!(split_query(Some("Expires=1&Expires=2")).unwrap_err(), Refusal::AccessDenied(Denied::Ambiguous));
    }

    proptest! {
        #[test]
        fn the_own_query_is_kept_byte_for_byte(own in "[a-z0-9=%+~&]{1,30}") {
            prop_assume!(!own.split('&').any(|p| RESERVED.contains(&p.split('=').next().unwrap())));
            let query = format!("{own}&Expires=1&Signature=x&Key-Pair-Id=k");
            let (kept, parts) = split_query(Some(&query)).unwrap();
            prop_assert_eq!(kept.as_deref(), Some(own.as_str()));
            prop_assert_eq!(parts.unwrap().expires, Some("1"));
        }

        /// The definition, plainly: the raw pairs that are not reserved, joined as they were.
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
                Err(refusal) => prop_assert!(twice && refusal == Refusal::AccessDenied(Denied::Ambiguous)),
                Ok((kept, parts)) => {
                    prop_assert!(!twice);
                    prop_assert_eq!(kept.as_deref().map(str::to_owned), (!own.is_empty()).then(|| own.join("&")));
                    prop_assert_eq!(parts.is_some(), !reserved.is_empty());
                }
            }
        }

        #[test]
        fn nothing_unsigned_passes(query in "[ -~]{0,80}", cookie in "[ -~]{0,80}") {
            let request = Request {
                scheme: "https", host: "h.test", path: "/a", query: Some(&query),
                cookies: &[&cookie], client_ip: Ipv4Addr::LOCALHOST.into(), now: 1,
            };
            prop_assert!(Verifier::new().verify(&request).is_err());
        }
    }
}
