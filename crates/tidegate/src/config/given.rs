//! What was given for a support bundle: every setting with its value, and no secret.

use super::settings;
use super::sources::{self, Sources};

/// Returns the name and the value of every setting that was given. Secrets are hidden, and so are
/// credentials and queries of URLs.
pub fn given_settings(sources: &Sources) -> Vec<(&'static str, String)> {
    let given = sources::read(sources);
    let shown = |setting: &settings::Setting| {
        let value = given.explicit(setting.name)?;
        let shown = if setting.secret { "(hidden)".to_owned() } else { without_credentials(value) };
        Some((setting.name, shown))
    };
    settings::SETTINGS.iter().filter_map(shown).collect()
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
    use super::*;

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
