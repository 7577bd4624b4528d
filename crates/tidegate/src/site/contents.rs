//! The table of contents: `docs/SUMMARY.md`, and the documents beside `docs/`.

use super::documents;

/// The file that lists the pages of `docs/`, in the form of mdBook.
pub(super) const SUMMARY: &str = "docs/SUMMARY.md";

/// The documents outside `docs/`, which the list cannot name.
const PROJECT: [(&str, &str); 5] = [
    ("README", "README.md"),
    ("Architecture", "ARCHITECTURE.md"),
    ("Security", "SECURITY.md"),
    ("Contributing", "CONTRIBUTING.md"),
    ("Changes", "CHANGELOG.md"),
];

/// A heading of the list, with its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// Empty for pages before the first heading.
    pub(super) title: String,
    pub(super) entries: Vec<Entry>,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) title: String,
    /// The page's path in the repository.
    pub(super) source: String,
    /// The page's path in the site.
    pub(super) address: String,
    /// 0, or 1 below the entry before it.
    pub(super) depth: usize,
}

/// Returns all pages, in reading order.
pub(super) fn read() -> Vec<Section> {
    let mut sections = parse(documents::text(SUMMARY).unwrap_or_default());
    let entries = PROJECT.iter().filter_map(|(title, source)| entry(title, (*source).to_owned(), 0)).collect();
    sections.push(Section { title: "Project".to_owned(), entries });
    sections
}

fn parse(summary: &str) -> Vec<Section> {
    let mut sections = Vec::new();
    for line in summary.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            let title = if sections.is_empty() { "" } else { title };
            sections.push(Section { title: title.to_owned(), entries: Vec::new() });
        }
        let (Some(found), Some(section)) = (parse_entry(line), sections.last_mut()) else { continue };
        section.entries.push(found);
    }
    sections
}

fn parse_entry(line: &str) -> Option<Entry> {
    let text = line.trim_start();
    let depth = (line.len() - text.len()) / 2;
    let (title, rest) = text.trim_start_matches("- ").strip_prefix('[')?.split_once("](")?;
    entry(title, documents::resolve(SUMMARY, rest.strip_suffix(')')?), depth)
}

fn entry(title: &str, source: String, depth: usize) -> Option<Entry> {
    Some(Entry { title: title.to_owned(), address: documents::address_of(&source)?, source, depth })
}
