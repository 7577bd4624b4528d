//! The documentation as a site: `docs/` and the documents beside it, rendered from what the binary
//! carries. All links are relative, so that the same pages are served by the API door
//! (`http/manual.rs`) and written into a folder (`cli/docs.rs`). Reads no file and knows no server.

mod contents;
mod documents;
mod index;
mod markdown;
mod page;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_lc_rs::digest;

pub use self::documents::OPENAPI;
use self::page::Frame;

/// Where the site is read. It decides what links outside the site may lead to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place {
    /// The API door, which has pages of its own.
    #[default]
    Server,
    /// A folder of files, under any address.
    Folder,
}

/// A file of the site.
#[derive(Debug, Clone)]
pub struct File {
    /// The `Content-Type`.
    pub kind: &'static str,
    /// The content.
    pub body: Cow<'static, [u8]>,
    /// The `ETag`, in quotes.
    pub etag: String,
}

/// Files by their paths in the site.
pub type Files = BTreeMap<String, File>;

const STYLE: &str = include_str!("../../assets/site/site.css");
const SCRIPT: &str = include_str!("../../assets/site/site.js");

/// Returns the site as the API door serves it. The first call renders it.
pub fn served() -> &'static Files {
    static SERVED: OnceLock<Files> = OnceLock::new();
    SERVED.get_or_init(|| render(Place::Server))
}

/// Renders the site.
pub fn render(place: Place) -> Files {
    let frame = Frame::new(place);
    let mut files = Files::new();
    let mut add = |path: &str, body: Cow<'static, [u8]>| {
        files.insert(path.to_owned(), File { kind: kind_of(path), etag: etag_of(&body), body });
    };
    let mut index = index::Index::default();
    for source in documents::pages() {
        let (Some(address), Some(text)) = (documents::address_of(source), documents::text(source)) else { continue };
        let document = markdown::render(source, text, place);
        index.add(&address, &document.parts);
        add(&address, frame.page(source, &address, &document).into_bytes().into());
    }
    for (source, bytes) in documents::files() {
        add(&documents::address_of(source).unwrap_or_default(), bytes.into());
    }
    add("site.css", STYLE.as_bytes().into());
    add("site.js", SCRIPT.as_bytes().into());
    add("search-index.js", index.script().into_bytes().into());
    files
}

/// Returns the page for a path that the site does not have. `root` is the site's own address.
pub fn missing(root: &str) -> String {
    Frame::new(Place::Server).missing(root)
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn etag_of(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&digest::digest(&digest::SHA256, body).as_ref()[..16]))
}

/// Escapes text for HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
