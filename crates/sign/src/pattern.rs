//! Matches URLs against the `Resource` of a custom policy. A resource has four sections,
//! `[protocol]://[domain]/[path]\?[query]`, and a wildcard never matches beyond its own section.
//! Decides nothing about time or address; see `verify`. Source: CloudFront developer guide, "values
//! in the policy statement for a custom policy".

/// The sections of a request's URL, undecoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    /// The path, beginning with `/`.
    pub(crate) path: &'a str,
    /// The query without the parameters that CloudFront reserves; `None` if nothing else is there.
    pub(crate) query: Option<&'a str>,
}

/// Returns whether the policy's resource covers the target.
pub(crate) fn matches(pattern: &str, target: Target<'_>) -> bool {
    if pattern == "*" {
        return true;
    }
    let (protocol, rest) = match pattern.split_once("://") {
        Some(parts) => parts,
        None if pattern.starts_with('*') => ("*", pattern),
        None => return false,
    };
    let (location, query) = match rest.split_once("\\?") {
        Some((location, query)) => (location, Some(query)),
        None => (rest, None),
    };
    let (domain, path) = match location.find('/') {
        Some(at) => (&location[..at], Some(&location[at..])),
        None => (location, None),
    };
    let open_domain = path.is_none() && query.is_none() && domain.ends_with('*');
    let open_path = query.is_none() && path.is_some_and(|path| path.ends_with('*'));
    glob(protocol.as_bytes(), target.scheme.as_bytes(), true)
        && glob(domain.as_bytes(), target.host.as_bytes(), true)
        && (open_domain || glob(path.unwrap_or("/").as_bytes(), target.path.as_bytes(), false))
        && match query {
            Some(query) => glob(query.as_bytes(), target.query.unwrap_or("").as_bytes(), false),
            None => open_domain || open_path || target.query.is_none(),
        }
}

/// Matches `text` against a pattern in which `*` stands for zero or more bytes and `?` for one
/// byte. Uses constant memory: it backtracks only to the last `*`.
fn glob(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let same = |a: u8, b: u8| if ignore_case { a.eq_ignore_ascii_case(&b) } else { a == b };
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || same(pattern[p], text[t])) {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            p = after_star;
            t = from + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target<'a>(host: &'a str, path: &'a str, query: Option<&'a str>) -> Target<'a> {
        Target { scheme: "https", host, path, query }
    }

    #[test]
    fn wildcards_stay_in_their_section() {
        let cases = [
            ("https://*.cloudfront.net/*", target("evil.test", "/.cloudfront.net/x", None), false),
            ("https://h.test/hello*world", target("h.test", "/hello-world", None), true),
            ("https://h.test/hello*world", target("h.test", "/hello", Some("world")), false),
            ("https://h.test/hello*", target("h.test", "/hello", Some("x=1")), true),
            ("https://h.test/hello*", target("h.test", "/hello", None), true),
            ("https://h.test/a\\?*", target("h.test", "/a", None), true),
            ("https://h.test/a\\?x=?", target("h.test", "/a", Some("x=1")), true),
            ("https://h.test/a\\?x=?", target("h.test", "/a", Some("x=12")), false),
            ("https://h.test/a", target("h.test", "/a", Some("x=1")), false),
            ("https://h*", target("h.test", "/any/where", Some("q")), true),
            ("*h.test/*", target("www.h.test", "/a", None), true),
            ("h.test/*", target("h.test", "/a", None), false),
            ("http*://H.TEST/a", target("h.test", "/a", None), true),
            ("https://h.test/A", target("h.test", "/a", None), false),
            ("http://h.test/a", target("h.test", "/a", None), false),
            ("", target("h.test", "/", None), false),
        ];
        for (pattern, target, expected) in cases {
            assert_eq!(matches(pattern, target), expected, "{pattern} against {target:?}");
        }
    }

    proptest! {
        #[test]
        fn a_literal_matches_only_itself(a in "[a-c/]{0,8}", b in "[a-c/]{0,8}") {
            let (path_a, path_b) = (format!("/{a}"), format!("/{b}"));
            let pattern = format!("https://h.test{path_a}");
            prop_assert_eq!(matches(&pattern, target("h.test", &path_b, None)), path_a == path_b);
        }

        #[test]
        fn a_prefix_matches_exactly_the_paths_below_it(folder in "[a-c]{1,4}", path in "[a-c/]{0,8}") {
            let pattern = format!("https://h.test/{folder}/*");
            let path = format!("/{path}");
            let below = path.starts_with(&format!("/{folder}/"));
            prop_assert_eq!(matches(&pattern, target("h.test", &path, None)), below);
        }

        #[test]
        fn glob_agrees_with_the_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            fn slow(p: &[u8], t: &[u8]) -> bool {
                match (p.first(), t.first()) {
                    (None, None) => true,
                    (Some(b'*'), _) => slow(&p[1..], t) || (!t.is_empty() && slow(p, &t[1..])),
                    (Some(b'?'), Some(_)) => slow(&p[1..], &t[1..]),
                    (Some(a), Some(b)) => a == b && slow(&p[1..], &t[1..]),
                    _ => false,
                }
            }
            prop_assert_eq!(glob(pattern.as_bytes(), text.as_bytes(), false), slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
