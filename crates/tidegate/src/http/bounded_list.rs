//! Deserializes lists of texts within limits: a body of many short elements takes far more memory as a
//! list than as JSON.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, SeqAccess, Visitor};

/// The limits of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListLimits {
    /// The name of the member, for messages.
    pub(super) name: &'static str,
    /// The largest number of elements.
    pub(super) elements: usize,
    /// The longest element, in bytes.
    pub(super) element_bytes: usize,
}

impl ListLimits {
    /// Deserializes a list, and fails at the first element beyond a limit, before the rest is in memory.
    /// A shorter list than the request needs is not refused here.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<String>, D::Error> {
        deserializer.deserialize_seq(List(self))
    }
}

struct List(ListLimits);

impl<'de> Visitor<'de> for List {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {} texts", self.0.elements)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let ListLimits { name, elements, .. } = self.0;
        let mut texts = Vec::new();
        while let Some(text) = list.next_element_seed(Element(self.0))? {
            if texts.len() == elements {
                return Err(A::Error::custom(format_args!("{name} must have 1 to {elements} elements")));
            }
            texts.push(text);
        }
        Ok(texts)
    }
}

struct Element(ListLimits);

impl<'de> DeserializeSeed<'de> for Element {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Element {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string of at most {} bytes", self.0.element_bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        let ListLimits { name, element_bytes, .. } = self.0;
        if text.len() > element_bytes {
            return Err(E::custom(format_args!("each of {name} must have 1 to {element_bytes} bytes")));
        }
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_at_its_limits() {
        let limits = ListLimits { name: "ids", elements: 2, element_bytes: 3 };
        let read = |json: &str| {
            let mut json = serde_json::Deserializer::from_str(json);
            limits.deserialize(&mut json).map_err(|error| error.to_string())
        };
        assert_eq!(read("[]"), Ok(vec![]));
        assert_eq!(read(r#"["abc", "\u0061"]"#), Ok(vec!["abc".to_owned(), "a".to_owned()]));
        for (json, says) in [
            (r#"["a", "b", "c", "#, "ids must have 1 to 2 elements"),
            (r#"["abcd", "#, "each of ids must have 1 to 3 bytes"),
            ("[1]", "a string of at most 3 bytes"),
            ("{}", "an array of at most 2 texts"),
        ] {
            let refused = read(json).unwrap_err();
            assert!(refused.contains(says), "{json}: {refused}");
        }
    }
}
