//! Sinks for header fields: a header map, or the bytes of a response head.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// A sink for header fields. A caller must set each field once, since a sink may not detect
/// duplicates.
pub(crate) trait Fields {
    /// Sets a field. An invalid value is left out, so that it does not fail a download.
    fn set(&mut self, name: &HeaderName, value: &[u8]);

    /// Sets a field to a number.
    fn number(&mut self, name: &HeaderName, value: u64) {
        self.text(name, format_args!("{value}"));
    }

    /// Sets a field to a short text, formatted on the stack. A text over [`SHORT`] bytes is left
    /// out.
    fn text(&mut self, name: &HeaderName, text: std::fmt::Arguments<'_>) {
        let mut buffer = [0u8; SHORT];
        let mut left = buffer.as_mut_slice();
        // A truncated value would be wrong.
        if std::io::Write::write_fmt(&mut left, text).is_ok() {
            let written = SHORT - left.len();
            self.set(name, &buffer[..written]);
        }
    }
}

/// The longest formatted value in bytes: two 64-bit numbers and their context.
const SHORT: usize = 128;

impl Fields for HeaderMap {
    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.insert(name, value);
        }
    }
}

/// Header field lines, each ending in CRLF.
#[derive(Debug, Default)]
pub(crate) struct FieldLines(Vec<u8>);

impl FieldLines {
    /// Creates an empty buffer with a capacity in bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends the empty line that ends the head.
    pub(crate) fn finish(&mut self) {
        self.0.extend_from_slice(b"\r\n");
    }

    /// Returns the value of a field that was set.
    pub(crate) fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        let lines = self.0.split(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\r"));
        lines.filter_map(|line| line.strip_prefix(name.as_str().as_bytes())).find_map(|rest| rest.strip_prefix(b": "))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Sets all fields of a map.
    pub(crate) fn extend(&mut self, map: &HeaderMap) {
        for (name, value) in map {
            self.set(name, value.as_bytes());
        }
    }
}

impl Fields for FieldLines {
    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        // The rule of `HeaderValue`, without which a value could end its line. The loop has no
        // early exit, so that the compiler can check many bytes per step.
        let bad = |byte: &u8| (*byte < b' ' && *byte != b'\t') | (*byte == 0x7f);
        if !value.iter().fold(false, |found, byte| found | bad(byte)) {
            self.0.extend_from_slice(name.as_str().as_bytes());
            self.0.extend_from_slice(b": ");
            self.0.extend_from_slice(value);
            self.0.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_value_ends_its_line(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let (mut lines, mut map) = (FieldLines::default(), HeaderMap::new());
            lines.set(&header::ETAG, &value);
            map.set(&header::ETAG, &value);
            let written = lines.as_bytes();
            prop_assert_eq!(written.is_empty(), map.is_empty(), "both take the same");
            prop_assert!(written.is_empty() || memchr::memchr_iter(b'\n', written).eq([written.len() - 1]));
        }
    }
}
