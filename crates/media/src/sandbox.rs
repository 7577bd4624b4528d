//! Decodes images in a separate process: this program, started with another first argument. The
//! process has an empty environment, three pipes, kernel limits on memory and CPU time, and can't
//! open files. It runs as the server's user, so actions without a descriptor, such as signals to
//! other processes of that user, are prevented only by the systemd unit of the server. A hostile
//! image therefore costs one job. The parent sends the options as one line of JSON and then the
//! image; the child returns one line of JSON and then the files that it lists. What the child does
//! is in `image`; `video` starts ffmpeg with the same limits.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::image::{self, CleanOptions, Cleaned, Picture, Refusal, Thumbnail};
use crate::kind::Kind;

/// The first argument that starts this program as a decoder.
const DECODE_ARGUMENT: &str = "__decode-image";
/// The first argument that makes this program set limits and execute another program.
pub(crate) const EXEC_ARGUMENT: &str = "__confined";
/// The longest line of JSON, in bytes.
const MAX_LINE: u64 = 1 << 20;
/// The limit of open descriptors. The pipes are open already, and the decoder can open nothing
/// else.
const MAX_DESCRIPTORS: u64 = 0;

/// The configuration of decoder processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The path of this program.
    pub program: PathBuf,
    /// The limit of the address space, in bytes.
    pub memory: u64,
    /// The limit of CPU time. Three times as much elapsed time is allowed.
    pub time: Duration,
    /// The limit of the total output, in bytes.
    pub max_output: u64,
}

/// Why an image was not cleaned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The content of the image is the reason.
    #[error("{0}")]
    Refused(Refusal),
    /// The stream of the image failed.
    #[error("the image could not be read: {0}")]
    Source(#[source] std::io::Error),
    /// The output could not be confirmed to match the input. Do not publish it, and keep the input.
    /// Holds the difference.
    #[error("{0}")]
    Unconfirmed(String),
    /// The server is the reason: the process could not be started or was killed.
    #[error("the decoder failed: {0}")]
    Failed(String),
}

/// The decoder's first line.
#[derive(Serialize, Deserialize)]
enum Response {
    Cleaned {
        files: Vec<OutputFile>,
        blurhash: String,
        frames: u32,
    },
    Refused(Refusal),
    /// The output does not match the input. Holds the difference.
    Unconfirmed(String),
}

/// A file that follows the first line.
#[derive(Serialize, Deserialize)]
struct OutputFile {
    kind: Kind,
    width: u32,
    height: u32,
    length: u64,
    /// The requested longer side, of a thumbnail; 0 for the main image.
    longest: u32,
}

impl Sandbox {
    /// Cleans an image in a new process. Keeps none of its bytes.
    pub async fn clean<S>(&self, options: &CleanOptions, image: S) -> Result<Cleaned, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let limits = [self.memory.to_string(), self.time.as_secs().max(1).to_string()];
        let mut child = Command::new(&self.program)
            .arg(DECODE_ARGUMENT)
            .args(limits)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Signals from the terminal to the server's process group must not reach it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::Failed(format!("the decoder can't be started: {error}")))?;
        // The kernel limits the CPU time; this limit covers waiting.
        let exchange = async {
            match self.exchange(&mut child, options, image).await? {
                Outcome::Cleaned(cleaned) => Ok(cleaned),
                Outcome::Refused(refusal) => Err(Error::Refused(refusal)),
                Outcome::Unconfirmed(difference) => {
                    Err(Error::Unconfirmed(format!("the processed image differs from the original: {difference}")))
                }
                Outcome::NoResponse => Err(self.exit_error(&mut child).await),
            }
        };
        match tokio::time::timeout(self.time * 3, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Failed(format!("it did not finish within {} s", (self.time * 3).as_secs()))),
        }
    }

    /// Sends the options and the image, and receives the response at the same time.
    async fn exchange<S>(&self, child: &mut Child, options: &CleanOptions, image: S) -> Result<Outcome, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let missing = || Error::Failed("the decoder has no pipes".to_owned());
        let mut to = child.stdin.take().ok_or_else(missing)?;
        let from = child.stdout.take().ok_or_else(missing)?;
        let line = serde_json::to_string(options).map_err(|error| Error::Failed(error.to_string()))?;
        let send = async move {
            // A decoder that needs no more input closes its end; its response is valid.
            if to.write_all(format!("{line}\n").as_bytes()).await.is_err() {
                return Ok(());
            }
            let mut image = std::pin::pin!(image);
            while let Some(bytes) = image.try_next().await.map_err(Error::Source)? {
                if to.write_all(&bytes).await.is_err() {
                    return Ok(());
                }
            }
            Ok(())
        };
        let (_, outcome) = tokio::try_join!(send, async { Ok(self.receive(from).await) })?;
        Ok(outcome)
    }

    /// Reads the response and the files that follow it.
    async fn receive(&self, from: tokio::process::ChildStdout) -> Outcome {
        let mut from = tokio::io::BufReader::new(from);
        let mut line = String::new();
        if (&mut from).take(MAX_LINE).read_line(&mut line).await.is_err() {
            return Outcome::NoResponse;
        }
        match serde_json::from_str(&line) {
            Ok(Response::Refused(refusal)) => Outcome::Refused(refusal),
            Ok(Response::Unconfirmed(difference)) => Outcome::Unconfirmed(difference),
            Ok(Response::Cleaned { files, blurhash, frames }) => {
                let length = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.length));
                if length.is_none_or(|length| length > self.max_output) {
                    return Outcome::Refused(Refusal::TooCostly);
                }
                let mut pictures = Vec::with_capacity(files.len());
                for file in files {
                    let mut bytes = Vec::new();
                    let read = (&mut from).take(file.length).read_to_end(&mut bytes).await;
                    if !read.is_ok_and(|read| u64::try_from(read) == Ok(file.length)) {
                        return Outcome::NoResponse;
                    }
                    let picture = Picture { kind: file.kind, width: file.width, height: file.height, bytes };
                    pictures.push(Thumbnail { longest: file.longest, picture });
                }
                let mut pictures = pictures.into_iter();
                match pictures.next() {
                    Some(Thumbnail { picture: main, .. }) => {
                        Outcome::Cleaned(Cleaned { main, thumbnails: pictures.collect(), blurhash, frames })
                    }
                    None => Outcome::NoResponse,
                }
            }
            Err(_) => Outcome::NoResponse,
        }
    }

    /// Returns the error for a decoder that ended without a response. The image is the reason only
    /// if the decoder crashed or exceeded a kernel limit.
    async fn exit_error(&self, child: &mut Child) -> Error {
        use std::os::unix::process::ExitStatusExt as _;
        match child.wait().await {
            Ok(status) if status.signal().is_some_and(|signal| CRASH_SIGNALS.contains(&signal)) => {
                tracing::warn!(%status, "the decoder crashed on an image");
                Error::Refused(Refusal::TooCostly)
            }
            Ok(status) if status.code() == Some(PANICKED) => {
                tracing::warn!(%status, "the decoder panicked on an image");
                Error::Refused(Refusal::Damaged)
            }
            Ok(status) => Error::Failed(format!("it ended with {status} and without a response")),
            Err(error) => Error::Failed(error.to_string()),
        }
    }
}

/// The exit status of a process that could not set its limits or execute its program. The image is
/// not the reason.
const SETUP_FAILED: u8 = 3;
/// The exit status of a Rust program that panicked.
const PANICKED: i32 = 101;
/// The signals of a crash or an exceeded limit: SIGILL, SIGABRT (also out of memory), SIGBUS,
/// SIGFPE, SIGSEGV and SIGXCPU. The numbers are those of Linux.
pub(crate) const CRASH_SIGNALS: [i32; 6] = [4, 6, 7, 8, 11, 24];

/// The result of an exchange with a decoder.
enum Outcome {
    Cleaned(Cleaned),
    Refused(Refusal),
    Unconfirmed(String),
    /// The response is missing or incomplete.
    NoResponse,
}

/// Runs the child's side if the program was started with one of the two arguments, and returns the
/// exit status. Returns `None` otherwise. `main` must call this first.
pub fn run() -> Option<u8> {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let outcome = match arguments.as_slice() {
        [first, rest @ ..] if first == DECODE_ARGUMENT => decode(rest),
        [first, rest @ ..] if first == EXEC_ARGUMENT => exec_confined(rest),
        _ => return None,
    };
    // Nothing reads an error message here.
    Some(if outcome.is_ok() { 0 } else { SETUP_FAILED })
}

/// Sets the limits, reads the options and the image, and writes the response.
fn decode(arguments: &[String]) -> std::io::Result<()> {
    let [memory, seconds] = arguments else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    confine(parse_number(memory)?, parse_number(seconds)?, 0)?;
    setrlimit(Resource::Nofile, limit(MAX_DESCRIPTORS))?;
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut line = String::new();
    input.by_ref().take(MAX_LINE).read_line(&mut line)?;
    let options: CleanOptions = serde_json::from_str(&line)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    write_response(&image::clean(&bytes, &options), &options)
}

/// Sets the limits and executes another program.
fn exec_confined(arguments: &[String]) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let [memory, seconds, file, program, rest @ ..] = arguments else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    confine(parse_number(memory)?, parse_number(seconds)?, parse_number(file)?)?;
    Err(std::process::Command::new(program).args(rest).exec())
}

/// Parses a number from an argument.
fn parse_number(text: &str) -> std::io::Result<u64> {
    text.parse().map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidInput))
}

/// Returns a resource limit that can't be raised.
fn limit(limit: u64) -> Rlimit {
    Rlimit { current: Some(limit), maximum: Some(limit) }
}

/// Limits this process irrevocably: bytes of memory, seconds of CPU time, bytes of a written file.
fn confine(memory: u64, seconds: u64, file: u64) -> std::io::Result<()> {
    setrlimit(Resource::As, limit(memory))?;
    // The soft limit sends SIGXCPU, which distinguishes it from a process that was killed.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(5)) })?;
    setrlimit(Resource::Core, limit(0))?;
    setrlimit(Resource::Fsize, limit(file))?;
    rustix::thread::set_no_new_privs(true)?;
    // Ends this process when the server ends.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

/// Confirms the output and writes the response with its files.
fn write_response(outcome: &Result<Cleaned, Refusal>, options: &CleanOptions) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    let difference = outcome.as_ref().ok().and_then(|cleaned| image::difference(cleaned, options));
    let pictures: Vec<(u32, &Picture)> = match outcome {
        Ok(cleaned) if difference.is_none() => {
            let small = cleaned.thumbnails.iter().map(|thumbnail| (thumbnail.longest, &thumbnail.picture));
            std::iter::once((0, &cleaned.main)).chain(small).collect()
        }
        _ => Vec::new(),
    };
    let response = match (outcome, difference) {
        (Err(refusal), _) => Response::Refused(refusal.clone()),
        (Ok(_), Some(difference)) => Response::Unconfirmed(difference),
        (Ok(cleaned), None) => Response::Cleaned {
            files: pictures.iter().map(|(longest, picture)| describe_file(*longest, picture)).collect(),
            blurhash: cleaned.blurhash.clone(),
            frames: cleaned.frames,
        },
    };
    serde_json::to_writer(&mut output, &response)?;
    output.write_all(b"\n")?;
    for (_, picture) in pictures {
        output.write_all(&picture.bytes)?;
    }
    output.flush()
}

/// Describes a file of the response.
fn describe_file(longest: u32, picture: &Picture) -> OutputFile {
    let length = u64::try_from(picture.bytes.len()).unwrap_or(u64::MAX);
    OutputFile { kind: picture.kind, width: picture.width, height: picture.height, length, longest }
}
