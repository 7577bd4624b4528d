#![no_main]
#![expect(dead_code, reason = "the target uses a part of the module")]
//! Fuzzes the parser of request heads: a head that arrives in two pieces ends at the same offset,
//! and the parsed target contains printable ASCII only.
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/tidegate/src/http/head.rs"]
mod head;

fuzz_target!(|input: (&[u8], usize)| {
    let (bytes, cut) = input;
    let whole = head::find_end(bytes, 0);
    let cut = cut % (bytes.len() + 1);
    match head::find_end(&bytes[..cut], 0) {
        Ok(None) => assert_eq!(head::find_end(bytes, cut), whole),
        other => assert_eq!(other, whole),
    }
    if let Ok(Some(length)) = whole {
        if let Ok(head) = head::Head::parse(&bytes[..length], head::Targets::Ascii) {
            assert!(head.target.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(head.path.starts_with('/') || head.path == "*");
        }
    }
});
