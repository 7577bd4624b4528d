//! Where images are decoded: a process of its own, which is this program again with another first argument. It has an empty
//! environment, three pipes, limits on memory and time that the kernel keeps, and can open nothing. It runs as the server's
//! user: what needs no descriptor, as a signal to another process of that user, is kept from it by the unit that the server
//! runs in, if at all. Whatever a hostile image does to a decoder otherwise, it costs one job.
//!
//! On the wire: the order as one line of JSON and the image to its end; back, one line of JSON with what became of it, and
//! then the files that the line names, one after the other.

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

use crate::image::{self, Cleaned, Order, Picture, Refusal, Thumbnail};
use crate::kind::Kind;

/// The first argument that makes the program a decoder.
const ARGUMENT: &str = "__decode-image";
/// The first argument that makes it another program, with the limits that follow.
pub(crate) const CONFINED: &str = "__confined";
/// The longest line of JSON.
const MAX_LINE: u64 = 1 << 20;
/// Its pipes are open; no other descriptor is, and none can be opened, in their place neither.
const DESCRIPTORS: u64 = 0;

/// A decoder that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// This program.
    pub program: PathBuf,
    /// Bytes of address space.
    pub memory: u64,
    /// From start to end, and of the processor.
    pub time: Duration,
    /// Bytes of all that may come back.
    pub max_output: u64,
}

/// Why an image was not cleaned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The content's fault.
    #[error("{0}")]
    Refused(Refusal),
    /// The image could not be read from where it is.
    #[error("the image could not be read: {0}")]
    Source(#[source] std::io::Error),
    /// What was made can't be told to be what came, and this is why: nothing of it is to be published, and what came is to be
    /// kept.
    #[error("{0}")]
    Unconfirmed(String),
    /// Ours: the process could not be started or was ended by somebody.
    #[error("the decoder failed: {0}")]
    Failed(String),
}

/// What comes back first.
#[derive(Serialize, Deserialize)]
enum Answer {
    Cleaned {
        files: Vec<File>,
        blurhash: String,
        frames: u32,
    },
    Refused(Refusal),
    /// What was made is something else than was thought, and this is why.
    Unconfirmed(String),
}

/// One of the files that follow.
#[derive(Serialize, Deserialize)]
struct File {
    kind: Kind,
    width: u32,
    height: u32,
    length: u64,
    /// Of a thumbnail.
    longest: u32,
}

impl Sandbox {
    /// Cleans an image that comes as a stream; nothing of it is kept here.
    pub async fn clean<S>(&self, order: &Order, image: S) -> Result<Cleaned, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let limits = [self.memory.to_string(), self.time.as_secs().max(1).to_string()];
        let mut child = Command::new(&self.program)
            .arg(ARGUMENT)
            .args(limits)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // What a terminal tells the server's group is not for it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Error::Failed(format!("it can't be started: {error}")))?;
        // The processor's time is the kernel's to watch; what takes longer than that by much waits for somebody else.
        let conversation = async {
            match self.converse(&mut child, order, image).await? {
                Answered::Whole(cleaned) => Ok(cleaned),
                Answered::Refused(refusal) => Err(Error::Refused(refusal)),
                Answered::Unconfirmed(difference) => {
                    Err(Error::Unconfirmed(format!("what was made of the image differs from it: {difference}")))
                }
                Answered::Broken => Err(self.judge(&mut child).await),
            }
        };
        match tokio::time::timeout(self.time * 3, conversation).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Failed(format!("it was not done after {} s", (self.time * 3).as_secs()))),
        }
    }

    async fn converse<S>(&self, child: &mut Child, order: &Order, image: S) -> Result<Answered, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let missing = || Error::Failed("it has no pipes".to_owned());
        let mut to = child.stdin.take().ok_or_else(missing)?;
        let from = child.stdout.take().ok_or_else(missing)?;
        let line = serde_json::to_string(order).map_err(|error| Error::Failed(error.to_string()))?;
        let send = async move {
            // One that has seen enough closes its end; what it says counts.
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
        let (_, answered) = tokio::try_join!(send, async { Ok(self.receive(from).await) })?;
        Ok(answered)
    }

    async fn receive(&self, from: tokio::process::ChildStdout) -> Answered {
        let mut from = tokio::io::BufReader::new(from);
        let mut line = String::new();
        if (&mut from).take(MAX_LINE).read_line(&mut line).await.is_err() {
            return Answered::Broken;
        }
        match serde_json::from_str(&line) {
            Ok(Answer::Refused(refusal)) => Answered::Refused(refusal),
            Ok(Answer::Unconfirmed(difference)) => Answered::Unconfirmed(difference),
            Ok(Answer::Cleaned { files, blurhash, frames }) => {
                let length = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.length));
                if length.is_none_or(|length| length > self.max_output) {
                    return Answered::Refused(Refusal::TooCostly);
                }
                let mut pictures = Vec::with_capacity(files.len());
                for file in files {
                    let mut bytes = Vec::new();
                    let read = (&mut from).take(file.length).read_to_end(&mut bytes).await;
                    if !read.is_ok_and(|read| u64::try_from(read) == Ok(file.length)) {
                        return Answered::Broken;
                    }
                    let picture = Picture { kind: file.kind, width: file.width, height: file.height, bytes };
                    pictures.push(Thumbnail { longest: file.longest, picture });
                }
                let mut pictures = pictures.into_iter();
                match pictures.next() {
                    Some(Thumbnail { picture: main, .. }) => {
                        Answered::Whole(Cleaned { main, thumbnails: pictures.collect(), blurhash, frames })
                    }
                    None => Answered::Broken,
                }
            }
            Err(_) => Answered::Broken,
        }
    }

    /// Whose fault it was that it ended without an answer: the image's only where the decoder broke down over it, or the
    /// kernel ended it for what it took.
    async fn judge(&self, child: &mut Child) -> Error {
        use std::os::unix::process::ExitStatusExt as _;
        match child.wait().await {
            Ok(status) if status.signal().is_some_and(|signal| BROKEN_DOWN.contains(&signal)) => {
                tracing::warn!(%status, "a decoder broke down over an image");
                Error::Refused(Refusal::TooCostly)
            }
            Ok(status) if status.code() == Some(PANICKED) => {
                tracing::warn!(%status, "a decoder panicked over an image");
                Error::Refused(Refusal::Damaged)
            }
            Ok(status) => Error::Failed(format!("it ended with {status} and no answer")),
            Err(error) => Error::Failed(error.to_string()),
        }
    }
}

/// Exit status of a process that could not be what it was started to be: its own trouble, and no image's.
const UNCONFINED: u8 = 3;
/// Exit status of a Rust program that panicked.
const PANICKED: i32 = 101;
/// SIGILL, SIGABRT (also for want of memory), SIGBUS, SIGFPE, SIGSEGV, SIGXCPU: what a program does to itself, or the kernel
/// for what it took. The numbers are those of Linux.
pub(crate) const BROKEN_DOWN: [i32; 6] = [4, 6, 7, 8, 11, 24];

enum Answered {
    Whole(Cleaned),
    Refused(Refusal),
    Unconfirmed(String),
    Broken,
}

/// The other side of both arguments; the program calls it before anything else. `None` if it was started for something
/// else, or the exit status.
pub fn run() -> Option<u8> {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let outcome = match arguments.as_slice() {
        [first, rest @ ..] if first == ARGUMENT => decode(rest),
        [first, rest @ ..] if first == CONFINED => become_another(rest),
        _ => return None,
    };
    // Nobody would read why.
    Some(if outcome.is_ok() { 0 } else { UNCONFINED })
}

fn decode(arguments: &[String]) -> std::io::Result<()> {
    let [memory, seconds] = arguments else { return Err(std::io::ErrorKind::InvalidInput.into()) };
    confine(number(memory)?, number(seconds)?, 0)?;
    setrlimit(Resource::Nofile, most(DESCRIPTORS))?;
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut line = String::new();
    input.by_ref().take(MAX_LINE).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    answer(&image::clean(&bytes, &order), &order)
}

/// Becomes another program with the same limits.
fn become_another(arguments: &[String]) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    let [memory, seconds, file, program, rest @ ..] = arguments else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    confine(number(memory)?, number(seconds)?, number(file)?)?;
    Err(std::process::Command::new(program).args(rest).exec())
}

fn number(text: &str) -> std::io::Result<u64> {
    text.parse().map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidInput))
}

fn most(most: u64) -> Rlimit {
    Rlimit { current: Some(most), maximum: Some(most) }
}

/// Takes away what is not needed, for good: bytes of memory, seconds of the processor, bytes of a file.
fn confine(memory: u64, seconds: u64, file: u64) -> std::io::Result<()> {
    setrlimit(Resource::As, most(memory))?;
    // The lower limit ends it by SIGXCPU, which tells it from one that somebody killed.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(5)) })?;
    setrlimit(Resource::Core, most(0))?;
    setrlimit(Resource::Fsize, most(file))?;
    rustix::thread::set_no_new_privs(true)?;
    // The server's end is its end.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

fn answer(outcome: &Result<Cleaned, Refusal>, order: &Order) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    let difference = outcome.as_ref().ok().and_then(|cleaned| image::difference(cleaned, order));
    let pictures: Vec<(u32, &Picture)> = match outcome {
        Ok(cleaned) if difference.is_none() => {
            let small = cleaned.thumbnails.iter().map(|thumbnail| (thumbnail.longest, &thumbnail.picture));
            std::iter::once((0, &cleaned.main)).chain(small).collect()
        }
        _ => Vec::new(),
    };
    let answer = match (outcome, difference) {
        (Err(refusal), _) => Answer::Refused(refusal.clone()),
        (Ok(_), Some(difference)) => Answer::Unconfirmed(difference),
        (Ok(cleaned), None) => Answer::Cleaned {
            files: pictures.iter().map(|(longest, picture)| file(*longest, picture)).collect(),
            blurhash: cleaned.blurhash.clone(),
            frames: cleaned.frames,
        },
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.write_all(b"\n")?;
    for (_, picture) in pictures {
        output.write_all(&picture.bytes)?;
    }
    output.flush()
}

fn file(longest: u32, picture: &Picture) -> File {
    let length = u64::try_from(picture.bytes.len()).unwrap_or(u64::MAX);
    File { kind: picture.kind, width: picture.width, height: picture.height, length, longest }
}
