//! Settings that hold a key: as text, or as the path of a file that contains it. Tells a file that
//! is missing, one that cannot be read, and one that holds no key apart.

#![expect(clippy::disallowed_methods, reason = "a key may be given as a file")]

use std::fmt::Display;
use std::io;
use std::path::Path;

/// The longest text that can be a path.
const MAX_PATH: usize = 4096;

/// The text of a key, and the file that it was read from.
#[derive(Debug)]
pub(super) struct KeyText {
    text: String,
    /// The file, if the setting names one.
    file: Option<String>,
}

impl KeyText {
    /// Reads the value of a setting. The error completes "give …".
    pub(super) fn read(given: String) -> Result<Self, String> {
        // "LS0tLS1" is base64 of "-----".
        let is_key = given.contains("-----BEGIN") || given.starts_with("LS0tLS1");
        if is_key || given.len() > MAX_PATH || given.contains('\n') {
            return Ok(Self { text: given, file: None });
        }
        match std::fs::read_to_string(&given) {
            Ok(text) => Ok(Self { text, file: Some(given) }),
            Err(_) if Path::new(&given).is_dir() => Err(format!("a file: {given} is a folder")),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(format!("a file that holds a PEM: {given} holds bytes that are no text"))
            }
            // Any other text may be a secret, which no message shows.
            Err(_) if !is_path(&given) => Ok(Self { text: given, file: None }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("the path of a file that is there: {given} is missing"))
            }
            Err(error) => Err(format!("a file that this user can read: {given} can't be read: {error}")),
        }
    }

    /// Returns the text if `parse` takes it. `kind` names the key; the error completes "give …".
    pub(super) fn parsed_by<T, E: Display>(
        self,
        kind: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<String, String> {
        match (parse(&self.text), &self.file) {
            (Ok(_), _) => Ok(self.text),
            (Err(error), Some(file)) => {
                Err(format!("a file that holds the PEM of {kind}: {file} holds none ({error})"))
            }
            (Err(error), None) => {
                Err(format!("the PEM of {kind}, base64 of one, or the path of a file that holds one ({error})"))
            }
        }
    }
}

/// Returns whether a text can only be meant as a path.
fn is_path(text: &str) -> bool {
    ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start)) || text.ends_with(".pem")
}
