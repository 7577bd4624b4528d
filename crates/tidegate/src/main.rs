//! The `tidegate` binary: runs the command line, or the media sandbox where the process was started
//! as one.

use std::process::ExitCode;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The server starts this binary again as a sandboxed decoder process.
    match media::sandbox::run() {
        Some(status) => ExitCode::from(status),
        None => tidegate::cli::run(),
    }
}
