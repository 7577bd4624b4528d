//! Golden vectors: the signatures of botocore and the JavaScript signer, and the decisions that an
//! edge must make.

#![expect(clippy::unwrap_used, reason = "a test ends at the first error")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use sign::{
    Hash, PublicKey, Refusal, Request, Resource, Signer, SigningKey, Verifier, decode_url_safe, encode_url_safe,
};

const KEY_PAIR_ID: &str = "K2JCJMDEHXQW5F";

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).unwrap()
}

fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// RSA signatures are deterministic, so ours over the same policy must have the same bytes. ECDSA
/// signatures are checked by verifying them.
#[test]
fn every_emitted_signature_equals_ours_or_verifies() {
    let vectors = json("cloudfront-signer-vectors.json");
    let mut checked = BTreeMap::new();
    for vector in vectors["vectors"].as_array().unwrap() {
        for (maker, emitted) in vector["emitted"].as_object().unwrap() {
            let policy = emitted["policy_utf8"].as_str().unwrap();
            let Some(signature) = parameter(emitted["url"].as_str().unwrap(), "Signature") else { continue };
            let hash = if maker.ends_with("sha256") { Hash::Sha256 } else { Hash::Sha1 };
            let kind = if maker.contains("/ec/") { "p256" } else { "rsa2048" };
            let key = SigningKey::parse(&fixture(&format!("throwaway-{kind}.pkcs8.pem"))).unwrap();
            let id = vector["id"].as_str().unwrap();
            let over_policy = emitted["sig_ok_over_policy"].as_bool().unwrap();
            if kind == "rsa2048" {
                let ours = encode_url_safe(&key.sign(hash, policy.as_bytes()).unwrap());
                assert_eq!(ours == signature, over_policy, "{id} {maker}");
            } else {
                let raw = decode_url_safe(signature).unwrap();
                let good = key.public_key().unwrap().verify(hash, policy.as_bytes(), &raw);
                assert_eq!(good, over_policy, "{id} {maker}");
            }
            *checked.entry(kind).or_insert(0) += 1;
        }
    }
    assert!(checked["rsa2048"] >= 25 && checked["p256"] >= 2, "{checked:?}");
}

/// Signed URLs equal botocore's byte for byte. Inputs for which botocore emits URLs that never
/// verify are refused.
#[test]
fn canned_urls_equal_those_of_botocore() {
    let vectors = json("cloudfront-signer-vectors.json");
    let key = SigningKey::parse(&fixture("throwaway-rsa2048.pkcs1.pem")).unwrap();
    let signer = Signer::new(KEY_PAIR_ID, key, Hash::Sha1);
    let (mut equal, mut refused) = (0, 0);
    for vector in vectors["vectors"].as_array().unwrap() {
        let (id, input) = (vector["id"].as_str().unwrap(), &vector["input"]);
        if input["kind"] != "canned" {
            continue;
        }
        let expires = input["less_ms"].as_u64().map_or(1_893_456_000, |ms| ms / 1000);
        let theirs = vector["emitted"]["botocore-1.44.5/rsa/sha1"]["url"].as_str().unwrap();
        match Resource::url(input["url"].as_str().unwrap()) {
            Ok(resource) => {
                assert_eq!(signer.sign_url(&resource, expires).unwrap(), theirs, "{id}");
                equal += 1;
            }
            Err(_) => {
                let reason = ["c05-raw-unicode-path", "c17-reserved-param-in-query", "c19-star-in-canned"];
                assert!(reason.contains(&id), "{id} can be signed");
                refused += 1;
            }
        }
    }
    assert_eq!((equal, refused), (7, 3));
}

#[test]
fn every_edge_vector_gets_the_expected_decision() {
    let vectors = json("cloudfront-edge-vectors.json");
    let mut verifier = Verifier::new();
    for (id, file) in vectors["trusted_keys"].as_object().unwrap() {
        verifier.trust(id, PublicKey::parse(&fixture(file.as_str().unwrap())).unwrap());
    }
    let mut decided = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let request = &vector["request"];
        let url = request["url"].as_str().unwrap();
        let (scheme, rest) = url.split_once("://").unwrap();
        let (location, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
        let at = location.find('/').unwrap_or(location.len());
        let cookie = request["cookies"].as_object().map(|cookies| {
            let pairs = cookies.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            });
            pairs.collect::<Vec<_>>().join("; ")
        });
        let cookies: Vec<&str> = cookie.as_deref().into_iter().collect();
        let verdict = verifier.verify(&Request {
            scheme,
            host: &location[..at],
            path: if at == location.len() { "/" } else { &location[at..] },
            query,
            cookies: &cookies,
            client_ip: request["client_ip"].as_str().unwrap().parse::<IpAddr>().unwrap(),
            now: request["now"].as_u64().unwrap(),
        });
        let expected = &vector["expect"];
        if vector["basis"] == "undetermined" {
            continue;
        }
        let id = vector["id"].as_str().unwrap();
        match expected["decision"].as_str().unwrap() {
            "allow" => assert!(verdict.is_ok(), "{id}: {verdict:?}"),
            _ => assert_eq!(verdict.map_err(Refusal::code).unwrap_err(), expected["code"].as_str().unwrap(), "{id}"),
        }
        decided += 1;
    }
    assert!(decided >= 40, "{decided}");
}

#[test]
fn a_prefix_grant_covers_its_folder_by_query_and_by_cookies() {
    for (file, hash) in
        [("rsa2048", Hash::Sha1), ("rsa2048", Hash::Sha256), ("p256", Hash::Sha1), ("p256", Hash::Sha256)]
    {
        let key = SigningKey::parse(&fixture(&format!("throwaway-{file}.pkcs8.pem"))).unwrap();
        let mut verifier = Verifier::new();
        verifier.trust("K1", key.public_key().unwrap());
        let signer = Signer::new("K1", key, hash);
        let grant = signer.sign_resource(&Resource::below("https://h.test/a/").unwrap(), 1_000).unwrap();
        let cookie: Vec<String> = grant.cookies().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie = cookie.join("; ");
        let query = grant.query();
        let client_ip = "127.0.0.1".parse().unwrap();
        let base =
            Request { scheme: "https", host: "h.test", path: "/a/b", query: None, cookies: &[], client_ip, now: 999 };
        assert!(verifier.verify(&Request { query: Some(&query), ..base }).is_ok());
        assert!(verifier.verify(&Request { cookies: &[&cookie], ..base }).is_ok());
        for denied in [
            Request { path: "/ab", cookies: &[&cookie], ..base },
            Request { host: "other.test", cookies: &[&cookie], ..base },
            Request { scheme: "http", cookies: &[&cookie], ..base },
            Request { now: 1_002, cookies: &[&cookie], ..base },
        ] {
            assert!(matches!(verifier.verify(&denied), Err(Refusal::AccessDenied(_))), "{denied:?}");
        }
        assert_eq!(verifier.verify(&base), Err(Refusal::MissingKey));
    }
}

/// Version 1 links have the same signatures as those of other signers over the same bytes.
#[test]
fn hmac_links_equal_the_vectors() {
    let vectors = json("hmac-url-vectors.json");
    let secret = vectors["secret_utf8"].as_str().unwrap();
    let links = sign::LinkSigner::new(secret.as_bytes(), []);
    for vector in vectors["vectors"].as_array().unwrap() {
        let (key, expires) = (vector["object_key"].as_str().unwrap(), vector["exp"].as_u64().unwrap());
        let signature = vector["hex"].as_str().unwrap();
        assert_eq!(links.sign_v1(key, expires), signature, "{key:?}");
        let before = expires.saturating_sub(1);
        assert_eq!(links.verify_v1(key, &expires.to_string(), signature, before), Some(expires), "{key:?}");
        assert_eq!(links.verify_v1(key, &expires.to_string(), signature, expires), None, "{key:?} has expired");
    }
}
