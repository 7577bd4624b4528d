//! `tidegate docs`: writes the documentation of this version as a folder of files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{print, print_error};
use crate::http::openapi;
use crate::site::{self, Place};

/// Options of `docs`.
#[derive(Debug, Args)]
pub(super) struct DocsArgs {
    /// The folder to write into. It must be empty, or not exist.
    folder: PathBuf,
}

/// Writes the site, and prints where it begins.
pub(super) fn run(arguments: &DocsArgs) -> ExitCode {
    let (files, openapi) = (site::render(Place::Folder), openapi::document());
    let all = files.iter().map(|(path, file)| (path.as_str(), file.body.as_ref()));
    let all = all.chain([(site::OPENAPI, openapi.as_bytes())]);
    match store::write_public_files(&arguments.folder, all) {
        Ok(()) => {
            let start = arguments.folder.join("index.html");
            print(&format!("{} files; the first page is {}\n", files.len() + 1, start.display()))
        }
        Err(error) => {
            print_error(&format!("the documentation can't be written: {error}"));
            ExitCode::FAILURE
        }
    }
}
