//! Reads single elements of the XML of S3 errors, which have no attributes and no namespaces of
//! their own.

/// Returns the unescaped text of the first element with this name.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    Some(unescape(inside))
}

fn unescape(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#34;", "\""), ("&#10;", "\n")];
    let text = named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    // Last, so that what is escaped twice stays escaped once.
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_unescaped_once() {
        let text =
            "<Error><Code>A</Code><CanonicalRequest>a=1&amp;b\nhost:&lt;x&gt;&amp;lt;</CanonicalRequest></Error>";
        assert_eq!(element(text, "Code").as_deref(), Some("A"));
        assert_eq!(element(text, "CanonicalRequest").as_deref(), Some("a=1&b\nhost:<x>&lt;"));
        assert_eq!(element(text, "Message"), None);
        assert_eq!(element("<Code>open", "Code"), None);
    }
}
