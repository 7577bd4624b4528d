//! Validates the resources that may be signed: one URL, or everything below one folder. Accepts
//! literals only, so no wildcard chosen by a caller ever reaches a policy.

use std::fmt;

/// The query parameter names that CloudFront reserves.
pub(crate) const RESERVED: [&str; 5] = ["Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"];

/// Why a URL can't be signed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResourceError {
    /// The URL contains `*`, `?` or `\`, which are special characters in policies.
    #[error("the URL contains {0:?}, a special character in policies")]
    Wildcard(char),
    /// The URL contains a character that clients percent-encode before they send it, so that the
    /// signature would not match.
    #[error("the URL contains {0:?}; percent-encode it first")]
    NotEncoded(char),
    /// The query already contains a parameter of the signature.
    #[error("the query already contains {0}, which CloudFront reserves")]
    Reserved(String),
    /// The URL begins with neither `http://` nor `https://`, or has no host.
    #[error("not an http or https URL with a host")]
    NotHttp,
    /// The URL of a folder does not end in `/`, or has a query.
    #[error("a prefix must end in '/' and have no query")]
    NotAFolder,
}

/// A validated resource of a policy that this crate signs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    text: String,
}

impl Resource {
    /// Creates a resource for one URL, which may have a query.
    pub fn url(url: &str) -> Result<Self, ResourceError> {
        let rest = after_scheme(url)?;
        check_characters(rest)?;
        if let Some((path, query)) = rest.split_once('?') {
            if query.contains('?') || path.is_empty() {
                return Err(ResourceError::Wildcard('?'));
            }
            for name in query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair)) {
                if RESERVED.contains(&name) {
                    return Err(ResourceError::Reserved(name.to_owned()));
                }
            }
        }
        Ok(Self { text: url.to_owned() })
    }

    /// Creates a resource for everything below `folder`, which must end in `/`. Appends the one
    /// trailing `*`.
    pub fn below(folder: &str) -> Result<Self, ResourceError> {
        let rest = after_scheme(folder)?;
        check_characters(rest)?;
        if rest.contains('?') || !rest.ends_with('/') || !rest.contains('/') {
            return Err(ResourceError::NotAFolder);
        }
        Ok(Self { text: format!("{folder}*") })
    }

    /// Returns the text used in the policy.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the URL without its scheme. Fails unless the scheme is http or https and there is a host
/// without user information.
fn after_scheme(url: &str) -> Result<&str, ResourceError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(ResourceError::NotHttp)?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    if host.is_empty() || host.contains('@') { Err(ResourceError::NotHttp) } else { Ok(rest) }
}

/// Fails on the first character that has a meaning in policies or that clients percent-encode.
fn check_characters(text: &str) -> Result<(), ResourceError> {
    for character in text.chars() {
        match character {
            '*' | '\\' => return Err(ResourceError::Wildcard(character)),
            '!'..='~' if !matches!(character, '"' | '<' | '>' | '#' | '`' | '{' | '}' | '^' | '|') => {}
            _ => return Err(ResourceError::NotEncoded(character)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn literals_only() {
        let base = "https://h.test/a";
        for (bad, error) in [
            ("https://h.test/dir/*", ResourceError::Wildcard('*')),
            ("https://h.test/a\\b", ResourceError::Wildcard('\\')),
            ("https://h.test/a?b?c", ResourceError::Wildcard('?')),
            ("https://h.test/é", ResourceError::NotEncoded('é')),
            ("https://h.test/a b", ResourceError::NotEncoded(' ')),
            ("https://h.test/a\"b", ResourceError::NotEncoded('"')),
            ("https://h.test/a#b", ResourceError::NotEncoded('#')),
            ("https://h.test/a?x=1&Expires=2", ResourceError::Reserved("Expires".into())),
            ("https://h.test/a?Hash-Algorithm", ResourceError::Reserved("Hash-Algorithm".into())),
            ("ftp://h.test/a", ResourceError::NotHttp),
            ("https:///a", ResourceError::NotHttp),
            ("https://u@h.test/a", ResourceError::NotHttp),
        ] {
            assert_eq!(Resource::url(bad), Err(error), "{bad}");
        }
        assert_eq!(Resource::url(base).unwrap().as_str(), base);
        assert_eq!(Resource::below(base), Err(ResourceError::NotAFolder));
        assert_eq!(Resource::below("https://h.test/a/").unwrap().as_str(), "https://h.test/a/*");
        assert_eq!(Resource::below("https://h.test/?/").unwrap_err(), ResourceError::NotAFolder);
    }

    proptest! {
        #[test]
        fn no_wildcard_reaches_a_policy(path in "\\PC{0,40}") {
            if let Ok(resource) = Resource::below(&format!("https://h.test/{path}/")) {
                prop_assert_eq!(resource.as_str().matches(['*', '?', '\\']).count(), 1);
            }
        }
    }
}
