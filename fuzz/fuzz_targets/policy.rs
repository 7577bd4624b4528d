#![no_main]
//! Fuzzes the parser of policy documents: no input panics, and every accepted policy has an expiry.
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(policy) = sign::Policy::parse(bytes) {
        let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
        assert!(text.contains("DateLessThan") || text.contains("\\u"), "{policy:?}");
    }
});
