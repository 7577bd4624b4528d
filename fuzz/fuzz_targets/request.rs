#![no_main]
//! Fuzzes the verifier: without a signature of a trusted key, no request is allowed.
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sign::{PublicKey, Request, Verifier};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let mut verifier = Verifier::new();
    let pem = include_str!("../../crates/sign/tests/fixtures/throwaway-p256.pub.pem");
    verifier.trust("K", PublicKey::parse(pem).expect("a key"));
    verifier
});

fuzz_target!(|input: (String, String, String)| {
    let (path, query, cookie) = input;
    let path = format!("/{path}");
    let request = Request {
        scheme: "https",
        host: "h.test",
        path: &path,
        query: Some(&query),
        cookies: &[&cookie],
        client_ip: Ipv4Addr::LOCALHOST.into(),
        now: 1,
    };
    assert!(VERIFIER.verify(&request).is_err());
    let signed = format!("{query}&Key-Pair-Id=K");
    assert!(VERIFIER.verify(&Request { query: Some(&signed), ..request }).is_err());
});
