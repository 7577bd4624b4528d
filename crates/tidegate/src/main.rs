//! The `tidegate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Started by itself, it is something else than a server.
    match media::sandbox::run() {
        Some(status) => ExitCode::from(status),
        None => tidegate::cli::run(),
    }
}
