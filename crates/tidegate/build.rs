//! Lists the files that the binary carries: the documentation (`docs/` and the documents beside it), and
//! the built dashboard. Compiles anew whenever one of them is added, changed or removed.

#![expect(clippy::disallowed_methods, reason = "a build script reads files and what Cargo says")]

use std::error::Error;
use std::path::{Path, PathBuf};

/// Documents outside `docs/`.
const BESIDE: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "schema.graphql"];

/// The types of files of the documentation that are carried.
const DOCUMENTS: &[&str] = &["md", "png", "svg"];

/// The built dashboard, and the types of its files. `make dashboard` writes them.
const DASHBOARD: &str = "crates/tidegate/assets/dashboard";
const DASHBOARD_FILES: &[&str] = &["json", "br", "gz"];

fn main() -> Result<(), Box<dyn Error>> {
    let repository = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let mut documents: Vec<String> = BESIDE.map(str::to_owned).into();
    collect(&repository, Path::new("docs"), DOCUMENTS, &mut documents)?;
    write_list("documents.rs", documents)?;
    let mut dashboard = Vec::new();
    collect(&repository, Path::new(DASHBOARD), DASHBOARD_FILES, &mut dashboard)?;
    write_list("dashboard.rs", dashboard)
}

/// Writes Rust that is a list of paths in the repository, each with the file's content.
fn write_list(name: &str, mut files: Vec<String>) -> Result<(), Box<dyn Error>> {
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        println!("cargo:rerun-if-changed=../../{file}");
        list.push_str(&format!(
            "    ({file:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../{file}\"))),\n"
        ));
    }
    list.push_str("]\n");
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join(name), list)?;
    Ok(())
}

/// Adds the files of some types below a folder, by their paths in the repository.
fn collect(repository: &Path, folder: &Path, types: &[&str], files: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../{}", folder.display());
    for entry in std::fs::read_dir(repository.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(repository, &path, types, files)?;
        } else if path.extension().is_some_and(|kind| types.iter().any(|known| kind == *known)) {
            files.push(path.to_str().ok_or("a file has a name that is no UTF-8")?.to_owned());
        }
    }
    Ok(())
}
