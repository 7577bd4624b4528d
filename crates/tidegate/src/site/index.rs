//! The index of the search: title, heading, anchor and text of every part of every page, as JSON. A
//! script assigns it, because pages that were opened from a folder may load scripts and nothing
//! else.

use serde_json::{Value, json};

use super::markdown::Part;

/// The parts of all pages.
#[derive(Debug, Default)]
pub(super) struct Index {
    pages: Vec<Value>,
}

impl Index {
    /// Adds a page.
    pub(super) fn add(&mut self, address: &str, parts: &[Part]) {
        let title = parts.first().map(|part| part.title.as_str()).unwrap_or_default();
        let row = |part: &Part| json!([part.title, part.anchor, words(&part.text)]);
        self.pages.push(json!({ "page": address, "title": title, "parts": parts.iter().map(row).collect::<Vec<_>>() }));
    }

    /// Returns the script.
    pub(super) fn script(&self) -> String {
        format!("var tidegateIndex = {};\n", Value::from(self.pages.clone()))
    }
}

/// Returns a text with single spaces.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
