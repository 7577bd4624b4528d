#![no_main]
#![expect(dead_code, reason = "the target uses a part of the module")]
//! Fuzzes resource matching: a resource without wildcards matches only itself, and no resource
//! matches another host.
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/sign/src/pattern.rs"]
mod pattern;

fuzz_target!(|input: (String, String, Option<String>)| {
    let (resource, path, query) = input;
    let path = format!("/{path}");
    let target = pattern::Target { scheme: "https", host: "h.test", path: &path, query: query.as_deref() };
    let matched = pattern::matches(&resource, target);
    if matched && !resource.contains(['*', '?', '\\']) {
        assert_eq!(resource.split_once("://").map(|(_, rest)| rest.to_ascii_lowercase().starts_with("h.test")), Some(true));
        assert!(query.is_none(), "a resource without a query covers no query");
    }
    if matched {
        let elsewhere = pattern::Target { host: "evil.test", ..target };
        let domain = resource.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or(""));
        if domain.eq_ignore_ascii_case("h.test") {
            assert!(!pattern::matches(&resource, elsewhere), "{resource} covers another host");
        }
    }
});
