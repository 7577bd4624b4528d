#![no_main]
#![expect(dead_code, reason = "the target uses a part of the module")]
//! Fuzzes the parser of the `Range` header: every accepted range lies inside the file, and several
//! ranges are ascending and disjoint.
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/tidegate/src/http/content/ranges.rs"]
mod ranges;

fuzz_target!(|input: (String, u64)| {
    let (text, size) = input;
    for header in [text.clone(), format!("bytes={text}")] {
        match ranges::asked(&header, size) {
            ranges::Asked::One(range) => assert!(range.start < range.end && range.end <= size),
            ranges::Asked::Several(ranges) => {
                assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
                assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
            }
            ranges::Asked::Whole | ranges::Asked::Nothing => {}
        }
    }
});
