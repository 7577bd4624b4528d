#![no_main]
#![expect(dead_code, reason = "only a part of the module is exercised here")]
//! The `Range` header: every range that is answered lies inside, and several are ascending and apart.
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
