//! The reference of all settings, made from the table in `settings.rs`: a page in Markdown for the
//! documentation, and text for a terminal.

use super::settings::{SETTINGS, Setting};

/// The most columns of the text for a terminal.
const COLUMNS: usize = 80;
/// The indentation of what is said of a setting.
const INDENT: &str = "    ";

/// Where settings are read from.
const SOURCES: &str = "A setting is read from, in rising order: its default, a file of `NAME = value` lines in TOML \
                       (`--config`), `.env` in the working folder, the environment, `--set NAME=value`. An empty value \
                       is no value. Two names of one setting with different values stop the start.";

/// Returns the reference page in Markdown.
pub fn reference() -> String {
    let mut page = format!(
        "# Settings\n\nMade from the table in the code by `tidegate settings --markdown`. {SOURCES}\n\n\
         | setting | default | accepts | meaning |\n|---|---|---|---|\n"
    );
    for setting in SETTINGS {
        let mut names = format!("`{}`", setting.name);
        for alias in setting.aliases {
            names.push_str(&format!(", `{alias}`"));
        }
        let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
        let accepts = setting.accepts.replace('|', "\\|");
        page.push_str(&format!("| {names} | {default} | {accepts} | {} |\n", setting.about));
    }
    page
}

/// Returns the settings whose name or alias contains `part`, in either case, as lines of at most
/// 80 columns; `None` if there are none. An empty `part` selects all.
pub fn listing(part: &str) -> Option<String> {
    let part = part.to_ascii_uppercase();
    let is_wanted =
        |setting: &&Setting| setting.name.contains(&part) || setting.aliases.iter().any(|alias| alias.contains(&part));
    let wanted: Vec<&Setting> = SETTINGS.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return None;
    }
    let mut text = String::new();
    if part.is_empty() {
        push_wrapped(&mut text, "", SOURCES);
        text.push('\n');
    }
    for setting in wanted {
        push_setting(&mut text, setting);
    }
    text.pop();
    Some(text)
}

/// Adds what is known of a setting, and an empty line.
fn push_setting(text: &mut String, setting: &Setting) {
    push_wrapped(text, "", &[&[setting.name], setting.aliases].concat().join(", "));
    for (name, value) in [("default", setting.default), ("accepts", setting.accepts)] {
        if !value.is_empty() {
            push_wrapped(text, INDENT, &format!("{name}: {value}"));
        }
    }
    push_wrapped(text, INDENT, setting.about);
    text.push('\n');
}

/// Adds a text in lines of at most 80 columns, broken at spaces.
fn push_wrapped(text: &mut String, indent: &str, words: &str) {
    let mut line = indent.to_owned();
    for word in words.split(' ') {
        let is_first = line.len() == indent.len();
        if !is_first && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            text.push_str(&line);
            text.push('\n');
            indent.clone_into(&mut line);
        } else if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_a_terminal_and_say_all_that_the_page_says() {
        let (text, page) = (listing("").unwrap(), reference());
        for line in text.lines() {
            assert!(line.chars().count() <= COLUMNS, "{} columns: {line}", line.chars().count());
            assert_eq!(line, line.trim_end());
        }
        let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in SETTINGS {
            for part in [setting.name, setting.default, setting.accepts, setting.about] {
                let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(joined.contains(&part), "{}: {part}", setting.name);
            }
            assert!(page.contains(&format!("| `{}`", setting.name)), "{}", setting.name);
        }
    }

    #[test]
    fn a_part_of_a_name_selects() {
        let text = listing("jwks").unwrap();
        assert!(text.starts_with("AUTH_JWKS_URL\n") && text.contains("\n\nAUTH_JWKS_REFRESH_SECONDS\n"), "{text}");
        assert!(!text.contains("S3_BUCKET"), "{text}");
        assert!(listing("RDS").unwrap().contains("RDS_PROXY_ENDPOINT"));
        assert_eq!(listing("NO_SUCH_SETTING"), None);
    }
}
