//! One document as HTML: anchors at headings, links within the site, tables that can be scrolled,
//! and the text that a search looks through. HTML in a document stays text, and comments are left
//! out.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

use super::{Place, documents, escaped};

/// From how many columns on a table has smaller type.
const WIDE: usize = 4;

/// A heading, and the text below it up to the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// The heading's text without markup.
    pub(super) title: String,
    /// The heading's `id`.
    pub(super) anchor: String,
    /// 1 for the title of the page.
    pub(super) level: usize,
    /// The text without markup.
    pub(super) text: String,
}

/// A rendered document.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) html: String,
    pub(super) parts: Vec<Part>,
}

/// Renders a document, given by its path in the repository and its text.
pub(super) fn render(source: &str, text: &str, place: Place) -> Document {
    let address = documents::address_of(source).unwrap_or_default();
    let mut writer = Writer { source, address: &address, place, ..Writer::default() };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        writer.add(event);
    }
    let mut page = String::with_capacity(text.len() * 2);
    html::push_html(&mut page, writer.events.into_iter());
    Document { html: page, parts: writer.parts }
}

/// Changes events on their way from the parser to the HTML.
#[derive(Default)]
struct Writer<'a> {
    source: &'a str,
    address: &'a str,
    place: Place,
    events: Vec<Event<'a>>,
    parts: Vec<Part>,
    /// How often each anchor was wanted.
    anchors: HashMap<String, usize>,
    /// Where in `events` the heading began that is being read.
    heading: Option<usize>,
    /// What the links close with that are being read.
    closing: Vec<Event<'a>>,
}

impl<'a> Writer<'a> {
    fn add(&mut self, event: Event<'a>) {
        self.note_text(&event);
        match event {
            Event::Start(Tag::Heading { level, .. }) => self.begin_heading(level),
            Event::End(TagEnd::Heading(level)) => self.end_heading(level),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                self.begin_link(link_type, &dest_url, title, id);
            }
            Event::End(TagEnd::Link) => self.events.extend(self.closing.pop()),
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = self.image(&dest_url).into();
                self.events.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            Event::Html(text) | Event::InlineHtml(text) => self.add_html(text),
            Event::Start(Tag::Table(columns)) => {
                let class = if columns.len() >= WIDE { "table wide" } else { "table" };
                let start = format!("<div class=\"{class}\" role=\"region\" aria-label=\"Table\" tabindex=\"0\">");
                self.events.extend([Event::Html(start.into()), Event::Start(Tag::Table(columns))]);
            }
            Event::End(TagEnd::Table) => self.events.extend([Event::End(TagEnd::Table), raw("</div>")]),
            Event::Start(Tag::CodeBlock(kind)) => {
                self.events.extend([raw("<div class=\"code\">"), Event::Start(Tag::CodeBlock(kind))]);
            }
            Event::End(TagEnd::CodeBlock) => self.events.extend([Event::End(TagEnd::CodeBlock), raw("</div>")]),
            other => self.events.push(other),
        }
    }

    /// Adds to the text of the heading, or to the text below it.
    fn note_text(&mut self, event: &Event<'_>) {
        let Some(part) = self.parts.last_mut() else { return };
        let into = if self.heading.is_some() { &mut part.title } else { &mut part.text };
        match event {
            Event::Text(text) | Event::Code(text) => into.push_str(text),
            // Emphasis and links end within a sentence.
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link) => {}
            Event::SoftBreak | Event::HardBreak | Event::End(_) if !into.ends_with(' ') && self.heading.is_none() => {
                into.push(' ');
            }
            _ => {}
        }
    }

    fn begin_heading(&mut self, level: HeadingLevel) {
        self.heading = Some(self.events.len());
        self.parts.push(Part { level: level as usize, ..Part::default() });
    }

    fn end_heading(&mut self, level: HeadingLevel) {
        let (Some(start), Some(part)) = (self.heading.take(), self.parts.last_mut()) else { return };
        let slug = slug(&part.title);
        let count = self.anchors.entry(slug.clone()).or_default();
        part.anchor = if *count == 0 { slug } else { format!("{slug}-{count}") };
        *count += 1;
        let anchor = escaped(&part.anchor);
        self.events.insert(start, Event::Html(format!("<{level} id=\"{anchor}\">").into()));
        if part.level > 1 {
            let label = escaped(&format!("Link to “{}”", part.title));
            let link = format!(" <a class=\"anchor\" href=\"#{anchor}\" aria-label=\"{label}\">#</a>");
            self.events.push(Event::Html(link.into()));
        }
        self.events.push(Event::Html(format!("</{level}>\n").into()));
    }

    fn begin_link(&mut self, link_type: LinkType, to: &str, title: CowStr<'a>, id: CowStr<'a>) {
        let Some(target) = self.target(to) else {
            let place = escaped(&documents::resolve(self.source, to.split('#').next().unwrap_or(to)));
            self.events.push(Event::InlineHtml(format!("<span title=\"{place} in the source tree\">").into()));
            return self.closing.push(raw("</span>"));
        };
        self.events.push(Event::Start(Tag::Link { link_type, dest_url: target.into(), title, id }));
        self.closing.push(Event::End(TagEnd::Link));
    }

    /// Returns where a link leads in the site; `None` if the site does not have it.
    fn target(&self, to: &str) -> Option<String> {
        if to.contains("://") || to.starts_with("mailto:") || to.starts_with('#') {
            return Some(to.to_owned());
        }
        let (path, fragment) = match to.split_once('#') {
            Some((path, fragment)) => (path, format!("#{fragment}")),
            None => (to, String::new()),
        };
        let source = documents::resolve(self.source, path);
        if source == documents::OPENAPI {
            return Some(match self.place {
                Place::Server => format!("/{}", documents::OPENAPI),
                Place::Folder => documents::relative(self.address, documents::OPENAPI),
            });
        }
        Some(documents::relative(self.address, &documents::address_of(&source)?) + &fragment)
    }

    fn image(&self, to: &str) -> String {
        self.target(to).unwrap_or_else(|| to.to_owned())
    }

    /// Adds HTML as the text that it is. A comment is for those who read the source.
    fn add_html(&mut self, text: CowStr<'a>) {
        if !text.trim_start().starts_with("<!--") {
            self.events.push(Event::Text(text));
        }
    }
}

fn raw<'a>(text: &'static str) -> Event<'a> {
    Event::Html(text.into())
}

/// Returns the anchor of a heading, as forges make it.
fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render("docs/guides/files.md", text, Place::Folder).html
    }

    #[test]
    fn html_is_text_and_comments_are_left_out() {
        assert_eq!(html("a <script>alert(1)</script>"), "<p>a &lt;script&gt;alert(1)&lt;/script&gt;</p>\n");
        assert_eq!(html("<img src=x onerror=y>\n"), "&lt;img src=x onerror=y&gt;\n");
        assert_eq!(html("<!-- not run: why -->\n\ntext <!-- x -->"), "<p>text </p>\n");
    }

    #[test]
    fn links_lead_into_the_site_or_nowhere() {
        assert!(html("[a](spaces.md#x)").contains("href=\"spaces.html#x\""));
        assert!(html("[a](../README.md)").contains("href=\"../index.html\""));
        assert!(html("[a](../../openapi.json)").contains("href=\"../openapi.json\""));
        assert!(html("[a](https://example.org/)").contains("href=\"https://example.org/\""));
        let nowhere = html("[a](../../deploy/x.conf#y)");
        assert_eq!(nowhere, "<p><span title=\"deploy/x.conf in the source tree\">a</span></p>\n");
    }

    #[test]
    fn headings_of_one_name_have_two_anchors() {
        let page = render("docs/guides/files.md", "# A `b`\n\ntext\n\n## C, d\n\n## C, d\n", Place::Folder);
        let anchors: Vec<&str> = page.parts.iter().map(|part| part.anchor.as_str()).collect();
        assert_eq!(anchors, ["a-b", "c-d", "c-d-1"]);
        assert_eq!((page.parts[0].title.as_str(), page.parts[0].text.trim()), ("A b", "text"));
    }
}
