//! Lists the documentation that the binary carries: `docs/` and the documents beside it. Compiles
//! anew whenever one of them is added, changed or removed.

#![expect(clippy::disallowed_methods, reason = "a build script reads files and what Cargo says")]

use std::error::Error;
use std::path::{Path, PathBuf};

/// Documents outside `docs/`.
const BESIDE: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "schema.graphql"];

/// The types of files that are carried.
const TYPES: [&str; 3] = ["md", "png", "svg"];

fn main() -> Result<(), Box<dyn Error>> {
    let repository = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let mut files: Vec<String> = BESIDE.map(str::to_owned).into();
    collect(&repository, Path::new("docs"), &mut files)?;
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        println!("cargo:rerun-if-changed=../../{file}");
        list.push_str(&format!(
            "    ({file:?}, include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../{file}\"))),\n"
        ));
    }
    list.push_str("]\n");
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("documents.rs"), list)?;
    Ok(())
}

/// Adds the files below a folder, by their paths in the repository.
fn collect(repository: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../{}", folder.display());
    for entry in std::fs::read_dir(repository.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(repository, &path, files)?;
        } else if path.extension().is_some_and(|kind| TYPES.iter().any(|known| kind == *known)) {
            files.push(path.to_str().ok_or("a document has a name that is no UTF-8")?.to_owned());
        }
    }
    Ok(())
}
