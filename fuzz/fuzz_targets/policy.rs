#![no_main]
//! Policy documents: no bytes panic, and what is understood says when it ends.
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(policy) = sign::Policy::parse(bytes) {
        let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
        assert!(text.contains("DateLessThan") || text.contains("\\u"), "{policy:?}");
    }
});
