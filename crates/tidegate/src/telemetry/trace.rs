//! Trace contexts in request headers: W3C Trace Context, and the header of AWS X-Ray.

/// The position of a request in its sender's trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace id: 32 hexadecimal digits.
    pub trace_id: String,
    /// The sender's span id: 16 hexadecimal digits, if it named one.
    pub parent_id: Option<String>,
    /// Whether the sender samples this trace.
    pub sampled: bool,
}

impl TraceContext {
    /// Parses `traceparent` (W3C Trace Context, level 1): `00-<trace>-<parent>-<flags>`.
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more fields; version 00 has none, and ff is invalid.
        let known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let flags = u8::from_str_radix(flags, 16).ok().filter(|_| is_hex(flags, 2))?;
        let valid = known && is_hex(trace, 32) && is_hex(parent, 16) && !is_zero(trace) && !is_zero(parent);
        valid.then(|| Self { trace_id: trace.to_owned(), parent_id: Some(parent.to_owned()), sampled: flags & 1 == 1 })
    }

    /// Parses `X-Amzn-Trace-Id`: `Root=1-<8 digits>-<24 digits>;Parent=<16 digits>;Sampled=1`.
    pub fn from_amzn(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.split(';').find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
        };
        let (seconds, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let valid = is_hex(seconds, 8) && is_hex(rest, 24);
        let parent_id = field("Parent").filter(|parent| is_hex(parent, 16) && !is_zero(parent)).map(str::to_owned);
        valid.then(|| Self { trace_id: format!("{seconds}{rest}"), parent_id, sampled: field("Sampled") == Some("1") })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn traceparent() {
        let read = TraceContext::from_traceparent;
        let context = read(&format!("00-{TRACE}-00f067aa0ba902b7-01")).unwrap();
        assert_eq!(context.trace_id, TRACE);
        assert_eq!((context.parent_id.as_deref(), context.sampled), (Some("00f067aa0ba902b7"), true));
        assert!(!read(&format!("00-{TRACE}-00f067aa0ba902b7-00")).unwrap().sampled);
        assert!(read(&format!("cc-{TRACE}-00f067aa0ba902b7-01-later")).is_some());
        for bad in [
            "",
            "00",
            &format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            &format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            &format!("00-{TRACE}-00f067aa0ba902b7-0g"),
            &format!("00-{TRACE}-0000000000000000-01"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            &format!("00-{TRACE}\n-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn amzn() {
        let read = TraceContext::from_amzn;
        let context = read("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=53995c3f42cd8ad8;Sampled=1").unwrap();
        assert_eq!(context.trace_id, TRACE);
        assert_eq!((context.parent_id.as_deref(), context.sampled), (Some("53995c3f42cd8ad8"), true));
        let first = read("Self=1-1-1; Root=1-4bf92f35-77b34da6a3ce929d0e0e4736").unwrap();
        assert_eq!((first.parent_id, first.sampled), (None, false), "as a load balancer begins one");
        for bad in
            ["", "Root=", "Root=2-4bf92f35-77b34da6a3ce929d0e0e4736", "Root=1-4bf9-77b34da6", "Parent=53995c3f42cd8ad8"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
