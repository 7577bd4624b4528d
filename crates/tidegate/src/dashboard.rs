//! The built dashboard that the binary carries: the files that `make dashboard` wrote into
//! `assets/dashboard`, and their manifest, which `web/README.md` describes. Knows no HTTP; see
//! `http/dashboard.rs`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::read::GzDecoder;
use serde::Deserialize;

/// Path in the repository, and content.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));
const FOLDER: &str = "crates/tidegate/assets/dashboard";

/// The manifest of a build.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The path of the file that is sent for every page.
    pub page: String,
    /// Addresses of pages; each `*` stands for one segment.
    pub pages: Vec<String>,
    /// Header fields of the page. `{edge}`, `{store}` and `{issuer}` stand for origins.
    pub page_headers: BTreeMap<String, String>,
    /// Header fields of all other files.
    pub file_headers: BTreeMap<String, String>,
    /// The files.
    pub files: Vec<FileEntry>,
}

/// A file of the manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// The path at which it is served, with the leading `/`.
    pub path: String,
    /// The `Content-Type`.
    pub content_type: String,
    /// The size of the content, in bytes.
    pub size: usize,
    /// The SHA-256 of the content, in hex.
    pub sha256: String,
}

/// A file with its compressed copies.
#[derive(Debug)]
pub struct File {
    /// What the manifest says of it.
    pub entry: FileEntry,
    /// The content, compressed by brotli.
    pub brotli: &'static [u8],
    /// The content, compressed by gzip.
    pub gzip: &'static [u8],
    plain: OnceLock<Bytes>,
}

impl File {
    /// Returns the content. The first call decompresses it.
    pub fn plain(&self) -> Bytes {
        self.plain
            .get_or_init(|| {
                let mut content = Vec::with_capacity(self.entry.size);
                if let Err(error) = GzDecoder::new(self.gzip).read_to_end(&mut content) {
                    tracing::error!(file = self.entry.path, %error, "a file of the dashboard is damaged");
                }
                content.into()
            })
            .clone()
    }
}

/// A build of the dashboard.
#[derive(Debug)]
pub struct Build {
    /// The manifest. Its `files` are below.
    pub manifest: Manifest,
    /// The file that is sent for every page.
    pub page: File,
    /// The files that the page loads, by the paths at which they are served.
    pub files: BTreeMap<String, File>,
}

/// Returns the build that this binary carries.
///
/// # Errors
///
/// A text that says what is missing or damaged: `make dashboard` was not run to its end before this
/// binary was compiled.
pub fn carried() -> Result<Build, String> {
    let manifest = content("/manifest.json").ok_or("it has no manifest.json")?;
    let mut manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| format!("manifest.json: {error}"))?;
    let entries = std::mem::take(&mut manifest.files);
    let mut files = entries.into_iter().map(open).collect::<Result<BTreeMap<_, _>, _>>()?;
    let page = files.remove(&manifest.page).ok_or_else(|| format!("it lacks {}", manifest.page))?;
    Ok(Build { manifest, page, files })
}

fn open(entry: FileEntry) -> Result<(String, File), String> {
    let copy = |ending: &str| {
        let name = format!("{}{ending}", entry.path);
        content(&name).ok_or_else(|| format!("it lacks {name}"))
    };
    let (brotli, gzip) = (copy(".br")?, copy(".gz")?);
    Ok((entry.path.clone(), File { entry, brotli, gzip, plain: OnceLock::new() }))
}

fn content(path: &str) -> Option<&'static [u8]> {
    let (_, bytes) = FILES.iter().find(|(name, _)| name.strip_prefix(FOLDER) == Some(path))?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest;

    use super::*;

    #[test]
    fn the_carried_files_are_those_of_the_manifest() {
        let build = carried().unwrap();
        for file in build.files.values().chain([&build.page]) {
            let sum = digest::digest(&digest::SHA256, &file.plain());
            assert_eq!(hex::encode(sum), file.entry.sha256, "{}", file.entry.path);
            assert_eq!(file.plain().len(), file.entry.size, "{}", file.entry.path);
        }
        // Each has two compressed copies, and there is the manifest: nothing is left of an earlier build.
        assert_eq!(FILES.len(), 2 * (build.files.len() + 1) + 1);
    }

    #[test]
    fn the_page_has_no_inline_script_and_names_only_carried_files() {
        let build = carried().unwrap();
        let page = String::from_utf8(build.page.plain().to_vec()).unwrap();
        let named: Vec<&str> = page.split('"').filter(|text| text.starts_with("/assets/")).collect();
        assert!(named.len() >= 2, "{page}");
        for path in named {
            assert!(build.files.contains_key(path), "{path}");
        }
        for script in page.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(tag.contains(" src=") && rest.starts_with("</script>"), "{page}");
        }
    }
}
