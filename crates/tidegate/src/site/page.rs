//! What surrounds every page: head, search, contents, the page's own headings, and its neighbours.

use super::contents::{self, Entry, Section};
use super::documents::relative;
use super::markdown::{Document, Part};
use super::{Place, escaped};

/// The most headings of the second level for which those of the third are listed too.
const FEW_HEADINGS: usize = 8;

/// The contents, and what all pages have in common.
#[derive(Debug)]
pub(super) struct Frame {
    place: Place,
    sections: Vec<Section>,
}

/// What differs between pages.
struct Parts<'a> {
    title: &'a str,
    /// What leads from the page to a path of the site.
    to: &'a dyn Fn(&str) -> String,
    /// The page's path in the site; empty if it has none.
    address: &'a str,
    article: String,
    headings: String,
}

impl Frame {
    pub(super) fn new(place: Place) -> Self {
        Self { place, sections: contents::read() }
    }

    /// Returns a document with all that surrounds it.
    pub(super) fn page(&self, source: &str, address: &str, document: &Document) -> String {
        let title = document.parts.first().map(|part| part.title.as_str()).unwrap_or_default();
        let article = format!("{}{}", document.html, self.neighbours(source, address));
        let to = |path: &str| relative(address, path);
        self.around(&Parts { title, to: &to, address, article, headings: headings(&document.parts) })
    }

    /// Returns the page for a path that is not there, with links from the root of the site.
    pub(super) fn missing(&self, root: &str) -> String {
        let article = "<h1>Page not found</h1>\n<p>This version of the documentation has no such page. Search for it, \
                       or choose one from the contents.</p>\n"
            .to_owned();
        let to = |path: &str| format!("{root}{path}");
        self.around(&Parts { title: "Page not found", to: &to, address: "", article, headings: String::new() })
    }

    fn around(&self, parts: &Parts<'_>) -> String {
        let Parts { to, address, article, headings, .. } = parts;
        let (title, version) = (escaped(parts.title), env!("CARGO_PKG_VERSION"));
        let (contents, doors) = (self.contents(address, to), self.doors());
        let (start, style, script, index) = (to("index.html"), to("site.css"), to("site.js"), to("search-index.js"));
        let root = start.strip_suffix("index.html").unwrap_or_default();
        format!(
            r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Tidegate {version}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
<script src="{script}" defer data-root="{root}" data-index="{index}"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header>
<a class="brand" href="{start}">Tidegate <small>{version}</small></a>
<div class="search" role="search" hidden>
<label class="unseen" for="search">Search the documentation</label>
<input id="search" type="search" placeholder="Search" autocomplete="off" spellcheck="false" aria-controls="results" aria-keyshortcuts="/">
<kbd aria-hidden="true">/</kbd>
<div id="found" hidden><p id="count" role="status"></p><ol id="results"></ol></div>
</div>
{doors}</header>
<details class="menu"><summary>Contents</summary><nav aria-label="Contents">{contents}</nav></details>
<div class="columns">
<nav class="contents" aria-label="Contents">{contents}</nav>
<main id="content" tabindex="-1">
{article}</main>
<aside>{headings}</aside>
</div>
</body>
</html>
"##
        )
    }

    /// Returns links to the server's own pages.
    fn doors(&self) -> String {
        let links = [("/", "Server"), ("/docs/", "Try the API"), ("/redoc", "API reference")];
        match self.place {
            Place::Folder => String::new(),
            Place::Server => {
                let links: String = links.iter().map(|(to, name)| format!("<a href=\"{to}\">{name}</a>")).collect();
                format!("<nav class=\"doors\" aria-label=\"Server\">{links}</nav>\n")
            }
        }
    }

    fn contents(&self, address: &str, to: &dyn Fn(&str) -> String) -> String {
        let mut html = String::new();
        for section in &self.sections {
            if !section.title.is_empty() {
                html.push_str(&format!("<h2>{}</h2>", escaped(&section.title)));
            }
            html.push_str("<ul>");
            for group in groups(&section.entries) {
                html.push_str(&list_item(group, address, to));
            }
            html.push_str("</ul>");
        }
        html
    }

    /// Returns links to the pages before and after a page.
    fn neighbours(&self, source: &str, address: &str) -> String {
        let all: Vec<&Entry> = self.sections.iter().flat_map(|section| &section.entries).collect();
        let Some(at) = all.iter().position(|entry| entry.source == source) else { return String::new() };
        let link = |entry: Option<&&Entry>, rel: &str, word: &str| match entry {
            None => "<span></span>".to_owned(),
            Some(entry) => {
                let (to, title) = (relative(address, &entry.address), escaped(&entry.title));
                format!("<a rel=\"{rel}\" href=\"{to}\"><small>{word}</small> {title}</a>")
            }
        };
        let previous = link(at.checked_sub(1).and_then(|before| all.get(before)), "prev", "Previous");
        let next = link(all.get(at + 1), "next", "Next");
        format!("<nav class=\"neighbours\" aria-label=\"Pages beside\">{previous}{next}</nav>\n")
    }
}

/// Splits entries into those of the first level, each with the ones below it.
fn groups(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(|_, next| next.depth > 0)
}

fn list_item(group: &[Entry], address: &str, to: &dyn Fn(&str) -> String) -> String {
    let link = |entry: &Entry| {
        let current = if entry.address == address { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{}\"{current}>{}</a>", to(&entry.address), escaped(&entry.title))
    };
    let Some((first, below)) = group.split_first() else { return String::new() };
    if below.is_empty() {
        return format!("<li>{}</li>", link(first));
    }
    let open = if group.iter().any(|entry| entry.address == address) { " open" } else { "" };
    let items: String = below.iter().map(|entry| format!("<li>{}</li>", link(entry))).collect();
    let count = below.len();
    format!("<li>{}<details{open}><summary>All {count}</summary><ul>{items}</ul></details></li>", link(first))
}

/// Returns the list of a page's own headings, if there are at least two.
fn headings(parts: &[Part]) -> String {
    let second = parts.iter().filter(|part| part.level == 2).count();
    let deepest = if second <= FEW_HEADINGS { 3 } else { 2 };
    let listed: Vec<&Part> = parts.iter().filter(|part| (2..=deepest).contains(&part.level)).collect();
    if listed.len() < 2 {
        return String::new();
    }
    let item = |part: &&Part| {
        let (level, anchor, title) = (part.level, escaped(&part.anchor), escaped(&part.title));
        format!("<li class=\"level-{level}\"><a href=\"#{anchor}\">{title}</a></li>")
    };
    let items: String = listed.iter().map(item).collect();
    format!("<nav aria-label=\"On this page\"><h2>On this page</h2><ul>{items}</ul></nav>")
}
