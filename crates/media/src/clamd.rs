//! Scans streams for malware with clamd's `INSTREAM` command (clamd(8)). Limits the number of
//! concurrent scans. Never reports a stream as clean that clamd did not read completely, and keeps
//! no bytes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest chunk sent to clamd, in bytes.
const CHUNK: usize = 1 << 20;
/// The largest response that is read, in bytes.
const MAX_RESPONSE: u64 = 4096;

/// The address of clamd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp(String, u16),
    /// The path of a Unix socket.
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

/// The result of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No malware was found.
    Clean,
    /// Malware was found. Holds the signature's name.
    Infected(String),
    /// The stream holds an encrypted archive or document, and clamd is set to report those.
    Encrypted,
    /// The stream exceeds clamd's limits and was not scanned completely.
    TooLarge,
}

/// Why a scan has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// clamd did not respond, or its response was invalid. A retry can succeed.
    #[error("clamd at {address}: {problem}")]
    Unavailable {
        /// The address of clamd.
        address: String,
        /// What went wrong.
        problem: String,
    },
    /// The stream to be scanned failed.
    #[error("the bytes to be scanned could not be read: {0}")]
    Source(#[source] std::io::Error),
}

/// The permit for one scan. Dropping it lets another scan start.
#[derive(Debug)]
pub struct ScanPermit(#[expect(dead_code, reason = "released when this is dropped")] Option<OwnedSemaphorePermit>);

/// A client for clamd. Cheap to clone; clones share the limit of concurrent scans.
#[derive(Debug, Clone)]
pub struct Clamd {
    address: Address,
    /// The time limit for connecting and for each send.
    idle_timeout: Duration,
    /// The time limit of a whole scan.
    scan_timeout: Duration,
    permits: Arc<Semaphore>,
}

impl Clamd {
    /// Creates a client that runs at most `max_concurrent` scans at a time.
    pub fn new(address: Address, idle_timeout: Duration, scan_timeout: Duration, max_concurrent: usize) -> Self {
        Self { address, idle_timeout, scan_timeout, permits: Arc::new(Semaphore::new(max_concurrent)) }
    }

    /// Waits for a permit to scan.
    pub async fn acquire_permit(&self) -> ScanPermit {
        // The semaphore is never closed.
        ScanPermit(Arc::clone(&self.permits).acquire_owned().await.ok())
    }

    /// Scans a whole stream. Keeps none of its bytes.
    pub async fn scan<S>(&self, _permit: ScanPermit, bytes: S) -> Result<Verdict, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        match tokio::time::timeout(self.scan_timeout, self.send_and_read(bytes)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.unavailable(format!("the scan took longer than {} s", self.scan_timeout.as_secs()))),
        }
    }

    /// Checks that clamd responds.
    pub async fn ping(&self) -> Result<(), Error> {
        let exchange = async {
            let mut stream = self.connect().await?;
            stream.write_all(b"zPING\0").await.map_err(|error| self.unavailable(error))?;
            self.read_response(&mut stream).await
        };
        let response = tokio::time::timeout(self.idle_timeout, exchange).await;
        match response.map_err(|_| self.unavailable("no response in time"))??.as_str() {
            "PONG" => Ok(()),
            other => Err(self.unavailable(format!("it responded to PING with {other:?}"))),
        }
    }

    /// Sends the stream and reads the result, without the overall time limit.
    async fn send_and_read<S>(&self, bytes: S) -> Result<Verdict, Error>
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
        let response = tokio::time::timeout(self.scan_timeout, self.read_response(&mut stream)).await;
        let response = response.map_err(|_| self.unavailable("no response in time"))??;
        match self.parse_verdict(&response) {
            // clamd did not read the whole stream.
            Ok(Verdict::Clean) if closed => {
                Err(self.unavailable("it closed the connection before the end of the stream"))
            }
            other => other,
        }
    }

    /// Sends bytes. Returns `true` if clamd has closed its side; its response can still be read.
    async fn send(&self, stream: &mut Box<dyn Duplex>, bytes: &[u8]) -> Result<bool, Error> {
        match tokio::time::timeout(self.idle_timeout, stream.write_all(bytes)).await {
            Ok(Ok(())) => Ok(false),
            Ok(Err(error)) if is_closed(&error) => Ok(true),
            Ok(Err(error)) => Err(self.unavailable(error)),
            Err(_) => Err(self.unavailable("it accepts no bytes")),
        }
    }

    /// Reads the response up to the end of the connection.
    async fn read_response(&self, stream: &mut Box<dyn Duplex>) -> Result<String, Error> {
        let mut response = Vec::new();
        let read = stream.take(MAX_RESPONSE).read_to_end(&mut response).await;
        // A response before a connection reset is still valid.
        if let Err(error) = read
            && response.is_empty()
        {
            return Err(self.unavailable(error));
        }
        Ok(String::from_utf8_lossy(&response).trim_end_matches(['\0', '\n']).to_owned())
    }

    /// Parses clamd's response to a scan.
    fn parse_verdict(&self, response: &str) -> Result<Verdict, Error> {
        match response {
            "stream: OK" => Ok(Verdict::Clean),
            "INSTREAM size limit exceeded. ERROR" => Ok(Verdict::TooLarge),
            "" => Err(self.unavailable("it closed the connection without a response")),
            _ => match response.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND")) {
                // clamd reports exceeded limits under these names; see AlertExceedsMax in
                // clamd.conf(5).
                Some(name) if name.starts_with("Heuristics.Limits.Exceeded") => Ok(Verdict::TooLarge),
                // See AlertEncrypted in clamd.conf(5). Nothing is known about the content.
                Some(name) if name.starts_with("Heuristics.Encrypted") => Ok(Verdict::Encrypted),
                Some(name) => Ok(Verdict::Infected(name.to_owned())),
                None => Err(self.unavailable(format!("it responded with {response:?}"))),
            },
        }
    }

    /// Connects to clamd.
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
        match tokio::time::timeout(self.idle_timeout, connecting).await {
            Ok(connected) => connected.map_err(|error| self.unavailable(error)),
            Err(_) => Err(self.unavailable("it accepts no connections")),
        }
    }

    /// Returns an [`Error::Unavailable`] for this scanner.
    fn unavailable(&self, problem: impl Into<Problem>) -> Error {
        let Problem(problem) = problem.into();
        Error::Unavailable { address: self.address.to_string(), problem }
    }
}

/// The description of a problem, from a text or an I/O error.
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

/// Returns whether an error means that the peer closed the connection.
fn is_closed(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset)
}

/// A stream that can be read and written.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}
