//! Talks to clamd: a stream of bytes goes there by INSTREAM, a verdict comes back. clamd(8).
//!
//! What is longer than clamd takes is never called clean: it says so itself, or closes, and then its last words are read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one chunk at most: larger ones are cut.
const CHUNK: usize = 1 << 20;
/// Bytes of an answer at most.
const MAX_ANSWER: u64 = 4096;

/// Where clamd listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host name or an IP address, and a port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Clean,
    /// This signature.
    Infected(String),
    /// More bytes than clamd looks at.
    TooLarge,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer, or not as it should: it may do so later.
    #[error("clamd at {address}: {problem}")]
    Unavailable {
        /// Where.
        address: String,
        /// What happened.
        problem: String,
    },
    /// The bytes could not be read from where they are.
    #[error("the bytes to be scanned could not be read: {0}")]
    Source(#[source] std::io::Error),
}

/// The right to ask a scanner once.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "it is given back when this is dropped")] Option<OwnedSemaphorePermit>);

/// A scanner. Cheap to clone; clones share the limit of scans at once.
#[derive(Debug, Clone)]
pub struct Clamd {
    address: Address,
    /// How long clamd may be silent.
    patience: Duration,
    /// How long all of a scan may take.
    longest: Duration,
    at_once: Arc<Semaphore>,
}

impl Clamd {
    /// A scanner that is asked at most `at_once` times at a time.
    pub fn new(address: Address, patience: Duration, longest: Duration, at_once: usize) -> Self {
        Self { address, patience, longest, at_once: Arc::new(Semaphore::new(at_once)) }
    }

    /// Waits until it may be asked.
    pub async fn turn(&self) -> Turn {
        // The semaphore is never closed.
        Turn(Arc::clone(&self.at_once).acquire_owned().await.ok())
    }

    /// Scans all of a stream. Nothing of it is kept.
    pub async fn scan<S>(&self, _turn: Turn, bytes: S) -> Result<Verdict, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        match tokio::time::timeout(self.longest, self.scan_now(bytes)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.unavailable(format!("a scan took longer than {} s", self.longest.as_secs()))),
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let asked = async {
            let mut stream = self.connect().await?;
            stream.write_all(b"zPING\0").await.map_err(|error| self.unavailable(error))?;
            self.answer(&mut stream).await
        };
        let answer = tokio::time::timeout(self.patience, asked).await;
        match answer.map_err(|_| self.unavailable("it does not answer"))??.as_str() {
            "PONG" => Ok(()),
            other => Err(self.unavailable(format!("PING was answered with {other:?}"))),
        }
    }

    async fn scan_now<S>(&self, bytes: S) -> Result<Verdict, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let mut stream = self.connect().await?;
        let mut bytes = std::pin::pin!(bytes);
        let mut closed = self.send(&mut stream, b"zINSTREAM\0").await?;
        while !closed {
            let Some(all) = bytes.try_next().await.map_err(Error::Source)? else {
                closed = self.send(&mut stream, &0_u32.to_be_bytes()).await?;
                break;
            };
            for chunk in all.chunks(CHUNK) {
                let length = u32::try_from(chunk.len()).unwrap_or_default().to_be_bytes();
                closed = closed || self.send(&mut stream, &length).await? || self.send(&mut stream, chunk).await?;
            }
        }
        let answer = tokio::time::timeout(self.longest, self.answer(&mut stream)).await;
        let answer = answer.map_err(|_| self.unavailable("it does not answer"))??;
        match self.read(&answer) {
            // It has not seen all of it.
            Ok(Verdict::Clean) if closed => Err(self.unavailable("it closed before the end")),
            other => other,
        }
    }

    /// Sends bytes; `true` once clamd takes no more: it has something to say.
    async fn send(&self, stream: &mut Box<dyn Duplex>, bytes: &[u8]) -> Result<bool, Error> {
        match tokio::time::timeout(self.patience, stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(false),
            Ok(Err(error)) if is_closed(&error) => Ok(true),
            Ok(Err(error)) => Err(self.unavailable(error)),
            Err(_) => Err(self.unavailable("it takes no bytes")),
        }
    }

    async fn answer(&self, stream: &mut Box<dyn Duplex>) -> Result<String, Error> {
        let mut answer = Vec::new();
        let read = stream.take(MAX_ANSWER).read_to_end(&mut answer).await;
        // A reset after its words leaves the words.
        if let Err(error) = read
            && answer.is_empty()
        {
            return Err(self.unavailable(error));
        }
        Ok(String::from_utf8_lossy(&answer).trim_end_matches(['\0', '\n']).to_owned())
    }

    fn read(&self, answer: &str) -> Result<Verdict, Error> {
        match answer {
            "stream: OK" => Ok(Verdict::Clean),
            "INSTREAM size limit exceeded. ERROR" => Ok(Verdict::TooLarge),
            "" => Err(self.unavailable("it closed without an answer")),
            _ => match answer.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND")) {
                // Its own names for what it did not look at to the end; see AlertExceedsMax in clamd.conf(5).
                Some(name) if name.starts_with("Heuristics.Limits.Exceeded") => Ok(Verdict::TooLarge),
                Some(name) => Ok(Verdict::Infected(name.to_owned())),
                None => Err(self.unavailable(format!("it answered {answer:?}"))),
            },
        }
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, Error> {
        let connecting = async {
            Ok::<Box<dyn Duplex>, std::io::Error>(match &self.address {
                Address::Tcp(host, port) => {
                    let all: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), *port)).await?.collect();
                    let stream = TcpStream::connect(all.as_slice()).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            })
        };
        match tokio::time::timeout(self.patience, connecting).await {
            Ok(connected) => connected.map_err(|error| self.unavailable(error)),
            Err(_) => Err(self.unavailable("it does not take connections")),
        }
    }

    fn unavailable(&self, problem: impl Into<Problem>) -> Error {
        let Problem(problem) = problem.into();
        Error::Unavailable { address: self.address.to_string(), problem }
    }
}

/// What is said of a scanner that does not answer.
struct Problem(String);

impl From<&str> for Problem {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

fn is_closed(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset)
}

/// Both ways.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
