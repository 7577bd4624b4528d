//! Converts setting texts to typed values and collects every problem: each line names the setting,
//! the given value unless it is a secret, and what would be right.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::settings;
use super::sources::Given;

/// An origin: scheme and authority of a URL (RFC 6454).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host, and port if it is not the scheme's default; in lower case.
    pub authority: String,
}

impl Origin {
    /// Parses an origin. A trailing slash is accepted, a path is not.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://")? {
            ("http", rest) => ("http", rest),
            ("https", rest) => ("https", rest),
            _ => return None,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let parsed = http::uri::Authority::from_str(&authority).ok()?;
        // Origins are put into Content-Security-Policy, where other characters of RFC 3986 have a meaning.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        if parsed.host().is_empty() || authority.ends_with(':') || !authority.chars().all(is_plain) {
            return None;
        }
        // Clients omit the scheme's default port in `Host`.
        let default = if scheme == "http" { ":80" } else { ":443" };
        let authority = authority.strip_suffix(default).map_or(authority.clone(), str::to_owned);
        Some(Self { scheme, authority })
    }

    /// Returns the host without its port, IPv6 addresses in brackets.
    pub fn host(&self) -> &str {
        host_of(&self.authority)
    }

    /// Returns whether the host is an IP address rather than a name.
    pub fn is_ip_address(&self) -> bool {
        self.host().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
    }

    /// Returns whether the origin can only be reached from this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(self.host())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Returns the host of an authority without its port, IPv6 addresses in brackets.
pub fn host_of(authority: &str) -> &str {
    match authority.rfind(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or(authority),
    }
}

/// Returns whether a host name means this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Reads settings and collects their problems.
#[derive(Debug)]
pub(super) struct Resolver {
    /// The given values.
    pub(super) given: Given,
}

impl Resolver {
    /// Records a problem of a setting; `wanted` completes "give …".
    pub(super) fn problem(&mut self, name: &'static str, wanted: &str) {
        let setting = settings::find(name);
        let shown = match self.given.explicit(name) {
            Some(_) if setting.is_some_and(|setting| setting.secret) => " (not shown)".to_owned(),
            Some(value) => format!("={:?}", shortened(value)),
            None => " is not set".to_owned(),
        };
        self.given.problems.push(format!("{name}{shown}: give {wanted}"));
    }

    /// Records that a required setting is missing, unless a problem of it is recorded already.
    pub(super) fn missing(&mut self, name: &'static str, wanted: &str) {
        let is_named = |line: &String| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '=']));
        if !self.given.problems.iter().any(is_named) {
            self.problem(name, wanted);
        }
    }

    /// Records that a value is not among those that the setting accepts.
    fn refuse(&mut self, name: &'static str) {
        let accepts = settings::find(name).map_or("another value", |setting| setting.accepts);
        self.problem(name, accepts);
    }

    /// Returns the text of a setting, if it is not empty.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let value = self.given.value(name);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Returns a number within a range.
    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<u64>) -> u64 {
        match self.given.value(name).parse() {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.refuse(name);
                *range.start()
            }
        }
    }

    /// Returns a duration in whole seconds.
    pub(super) fn seconds(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(name, range))
    }

    /// Returns a port, or `None` for `off` where that is allowed.
    pub(super) fn port(&mut self, name: &'static str, may_be_off: bool) -> Option<u16> {
        match self.given.value(name) {
            "off" if may_be_off => None,
            value => {
                let port = value.parse().ok();
                if port.is_none() {
                    self.refuse(name);
                }
                Some(port.unwrap_or(0))
            }
        }
    }

    /// Returns a boolean.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.choice(name, &[("true", true), ("false", false), ("1", true), ("0", false)])
    }

    /// Returns the meaning of one of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> T {
        let value = self.given.value(name);
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => *meaning,
            None => {
                self.refuse(name);
                words[0].1
            }
        }
    }

    /// Returns an origin, if one is given.
    pub(super) fn origin(&mut self, name: &'static str) -> Option<Origin> {
        let value = self.text(name)?;
        let origin = Origin::parse(&value);
        if origin.is_none() {
            self.refuse(name);
        }
        origin
    }

    /// Returns an IP address.
    pub(super) fn ip(&mut self, name: &'static str) -> IpAddr {
        self.given.value(name).parse().unwrap_or_else(|_| {
            self.refuse(name);
            IpAddr::from([127, 0, 0, 1])
        })
    }

    /// Returns a list of host names, with or without a port, in lower case.
    pub(super) fn hosts(&mut self, name: &'static str) -> Vec<String> {
        let hosts = self.list(name);
        let plain =
            |host: &String| !host.contains(['/', '@', '?', '#']) && Origin::parse(&format!("http://{host}")).is_some();
        if !hosts.iter().all(plain) {
            self.problem(name, "a list of host names, such as images.example.com or images.example.com:8443");
        }
        hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect()
    }

    /// Returns the words of a comma-separated list.
    pub(super) fn list(&self, name: &'static str) -> Vec<String> {
        let value = self.given.value(name);
        value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

fn shortened(value: &str) -> String {
    if value.chars().count() <= 80 { value.to_owned() } else { value.chars().take(80).chain("…".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_holds_only_characters_of_a_host() {
        for (text, origin) in [
            ("https://Id.Test/", "https://id.test"),
            ("https://id.test:443", "https://id.test"),
            ("http://a_b-c.test:8080", "http://a_b-c.test:8080"),
            ("http://[::1]:3000", "http://[::1]:3000"),
        ] {
            assert_eq!(Origin::parse(text).map(|origin| origin.to_string()).as_deref(), Some(origin));
        }
        for separator in [';', ',', '\'', '*', '(', ')', '!', '$', '&', '+', '=', '~', '%', '@', ' ', '"', 'ä'] {
            let text = format!("https://a{separator}b.test");
            assert_eq!(Origin::parse(&text), None, "{text}");
        }
        for bad in ["https://", "https://id.test:", "https://id.test/a", "ftp://id.test", "id.test", "https://*.test"] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }
}
