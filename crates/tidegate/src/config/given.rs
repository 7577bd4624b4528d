//! What was given for a support bundle: every setting with its value, and no secret.

use super::settings::{self, Setting};
use super::sources::{self, Sources};

/// What a PEM begins with, and its base64. The base64 depends on the number of bytes before it, modulo 3.
const KEY_MARKS: [&str; 4] = ["-----BEGIN", "LS0tLS1", "0tLS0tQkVH", "tLS0tLUJF"];

/// Returns the name and the value of every setting that was given. Secrets are hidden, and so are
/// values that look like keys, and credentials and queries of URLs.
pub fn given_settings(sources: &Sources) -> Vec<(&'static str, String)> {
    let given = sources::read(sources);
    let shown = |setting: &Setting| {
        let value = given.explicit(setting.name)?;
        Some((setting.name, shown_value(setting, value).unwrap_or_else(|| "(hidden)".to_owned())))
    };
    settings::SETTINGS.iter().filter_map(shown).collect()
}

/// Returns the value of a setting as it may be shown; `None` if it may not. Of a setting without a
/// feature nobody checks what it holds.
pub(super) fn shown_value(setting: &Setting, value: &str) -> Option<String> {
    if setting.secret { None } else { shown_text(value) }
}

/// Returns a text without credentials of URLs, without what stands before an `@`, and without what
/// follows a `?`; `None` if it looks like a key.
fn shown_text(value: &str) -> Option<String> {
    if KEY_MARKS.iter().any(|mark| value.contains(mark)) {
        return None;
    }
    // A password may hold commas and whatever else ends a URL in a text, so that all up to the last `@` is hidden.
    let text = match value.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((_, rest)))) => format!("{scheme}://(hidden)@{rest}"),
        _ => value.to_owned(),
    };
    let text = match text.split_once('?') {
        Some((before, _)) => format!("{before}?(hidden)"),
        None => text,
    };
    let word = |word: &str| match word.rsplit_once('@') {
        Some((before, rest)) if !before.ends_with("://(hidden)") => format!("(hidden)@{rest}"),
        _ => word.to_owned(),
    };
    Some(without_credentials(&text).split(',').map(word).collect::<Vec<_>>().join(","))
}

/// Removes user information, queries and fragments from the URLs in a text.
pub fn without_credentials(text: &str) -> String {
    let ends_word = |c: char| c.is_whitespace() || [',', '"', '\'', '<', '>'].contains(&c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        let url_end = url.find(ends_word).unwrap_or(url.len());
        let (url, after) = url.split_at(url_end);
        shown.push_str(before);
        shown.push_str(&without_credentials_of(url));
        rest = after;
    }
    shown + rest
}

/// Does so for a URL without its scheme. A password may hold characters that should be escaped, so
/// that all up to the last `@` is hidden.
fn without_credentials_of(url: &str) -> String {
    let shown = match url.rsplit_once('@') {
        Some((_, rest)) => format!("(hidden)@{rest}"),
        None => url.to_owned(),
    };
    match shown.find(['?', '#']) {
        Some(at) => format!("{}?(hidden)", &shown[..at]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn what_stands_before_an_at_sign_is_hidden() {
        for (text, shown) in [
            ("user:pw@proxy.test", "(hidden)@proxy.test"),
            ("https://u:p@id.test/keys?token=x", "https://(hidden)@id.test/keys?(hidden)"),
            ("a.test,u:p@b.test", "a.test,(hidden)@b.test"),
            ("320, 1280", "320, 1280"),
            ("redis://:pa,ss@h", "redis://(hidden)@h"),
            ("redis://:p'a @s?s@h", "redis://(hidden)@h"),
            ("u:p@a.test,redis://:pa,ss@h", "(hidden)@a.test,redis://(hidden)@h"),
            ("u:p@h://x", "(hidden)@h://x"),
            ("host/x?token=abc", "host/x?(hidden)"),
            ("host/x?token=a,bc", "host/x?(hidden)"),
            ("https://h/x?a='b", "https://h/x?(hidden)"),
        ] {
            assert_eq!(shown_text(text).as_deref(), Some(shown), "{text}");
        }
    }

    #[test]
    fn keys_are_not_shown_at_all() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";
        let encoded = |text: &str| STANDARD.encode(text);
        let texts = [pem.to_owned(), format!("key={pem}"), encoded(pem), encoded(&format!("\n{pem}"))];
        for text in texts.into_iter().chain([encoded(&format!("\r\n{pem}")), format!("a,{}", encoded(pem))]) {
            assert_eq!(shown_text(&text), None, "{text}");
        }
    }

    #[test]
    fn urls_lose_what_may_be_secret() {
        for (text, shown) in [
            ("https://id.test/keys", "https://id.test/keys"),
            ("https://u:p@id.test/keys?token=x#y", "https://(hidden)@id.test/keys?(hidden)"),
            ("https://u:p/?@w@id.test", "https://(hidden)@id.test"),
            ("https://a.test, http://u:p@b.test:9/x", "https://a.test, http://(hidden)@b.test:9/x"),
            ("AUTH_JWKS_URL=\"ftp://u:p@x\": give", "AUTH_JWKS_URL=\"ftp://(hidden)@x\": give"),
            ("no URL", "no URL"),
        ] {
            assert_eq!(without_credentials(text), shown);
        }
    }
}
