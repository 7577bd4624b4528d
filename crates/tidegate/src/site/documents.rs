//! The documents that the binary carries, by their paths in the repository, and the paths that they
//! have in the site. `build.rs` lists them.

/// Path in the repository, and content.
const DOCUMENTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/documents.rs"));

/// Where `tidegate docs` writes, and a server has, the description of the API.
pub const OPENAPI: &str = "openapi.json";

/// Returns the text of a document.
pub(super) fn text(source: &str) -> Option<&'static str> {
    let (_, bytes) = DOCUMENTS.iter().find(|(path, _)| *path == source)?;
    std::str::from_utf8(bytes).ok()
}

/// Returns the paths of all Markdown pages but the table of contents.
pub(super) fn pages() -> impl Iterator<Item = &'static str> {
    DOCUMENTS.iter().map(|(path, _)| *path).filter(|path| path.ends_with(".md") && *path != super::contents::SUMMARY)
}

/// Returns path and content of everything that is no page.
pub(super) fn files() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    DOCUMENTS.iter().filter(|(path, _)| !path.ends_with(".md")).map(|(path, bytes)| (*path, *bytes))
}

/// Returns the path in the site of a path in the repository: `docs/guides/files.md` is
/// `guides/files.html`. `None` if the site does not have it.
pub(super) fn address_of(source: &str) -> Option<String> {
    if !DOCUMENTS.iter().any(|(path, _)| *path == source) {
        return None;
    }
    let inside = source.strip_prefix("docs/");
    let Some(page) = inside.unwrap_or(source).strip_suffix(".md") else {
        return Some(inside.unwrap_or(source).to_owned());
    };
    let name = match (inside, page.strip_suffix("README")) {
        (Some(_), Some(folder)) => format!("{folder}index"),
        (Some(_), None) => page.to_owned(),
        (None, _) => page.to_ascii_lowercase(),
    };
    Some(format!("{name}.html"))
}

/// Returns the path in the repository that a relative link of a document leads to.
pub(super) fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns the relative link from one path of the site to another.
pub(super) fn relative(from: &str, to: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.split('/').collect(), to.split('/').collect());
    let folders = from.len().min(to.len()) - 1;
    let same = (0..folders).take_while(|at| from[*at] == to[*at]).count();
    let mut link = "../".repeat(from.len() - 1 - same);
    link.push_str(&to[same..].join("/"));
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative() {
        assert_eq!(relative("index.html", "guides/a.html"), "guides/a.html");
        assert_eq!(relative("guides/a.html", "index.html"), "../index.html");
        assert_eq!(relative("guides/a.html", "guides/b.html"), "b.html");
        assert_eq!(relative("guides/a.html", "site.css"), "../site.css");
        assert_eq!(relative("a/b/c.html", "a/d/e.html"), "../d/e.html");
    }

    #[test]
    fn documents_have_addresses() {
        assert_eq!(address_of("docs/README.md").as_deref(), Some("index.html"));
        assert_eq!(address_of("docs/decisions/README.md").as_deref(), Some("decisions/index.html"));
        assert_eq!(address_of("README.md").as_deref(), Some("readme.html"));
        assert_eq!(address_of("docs/images/dashboard-gallery.png").as_deref(), Some("images/dashboard-gallery.png"));
        assert_eq!(address_of("crates/tidegate/src/main.rs"), None);
        assert_eq!(resolve("docs/guides/files.md", "../../README.md"), "README.md");
    }
}
