//! Scans streams for malware with clamd's `INSTREAM` command (clamd(8)). Limits the number of
//! concurrent scans. Never reports a stream as clean that clamd did not read completely, and keeps
//! no bytes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
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
        match self.command("PING").await?.as_str() {
            "PONG" => Ok(()),
            other => Err(self.unavailable(format!("it responded to PING with {other:?}"))),
        }
    }

    /// Returns the version of clamd and of its signatures, as `ClamAV 1.4.3/27400/Mon Sep 16 08:32:12
    /// 2024`. Without official signatures there is the first part only.
    pub async fn version(&self) -> Result<String, Error> {
        self.command("VERSION").await
    }

    /// Sends a command that has one line as its response, and returns that line.
    async fn command(&self, name: &str) -> Result<String, Error> {
        let exchange = async {
            let mut connection = Connection::new(self.connect().await?);
            let command = format!("z{name}\0");
            connection.writer.write_all(command.as_bytes()).await.map_err(|error| self.unavailable(error))?;
            self.read_response(&mut connection).await
        };
        let response = tokio::time::timeout(self.idle_timeout, exchange).await;
        let (response, _) = response.map_err(|_| self.unavailable("no response in time"))??;
        Ok(response.trim_end_matches(['\0', '\n']).to_owned())
    }

    /// Sends the stream and reads the result, without the overall time limit.
    async fn send_and_read<S>(&self, bytes: S) -> Result<Verdict, Error>
    where
        S: Stream<Item = std::io::Result<Bytes>> + Send,
    {
        let mut connection = Connection::new(self.connect().await?);
        let mut bytes = std::pin::pin!(bytes);
        self.send(&mut connection, b"zINSTREAM\0").await?;
        while !connection.has_response {
            let Some(all) = bytes.try_next().await.map_err(Error::Source)? else { break };
            for chunk in all.chunks(CHUNK) {
                let length = u32::try_from(chunk.len()).unwrap_or_default().to_be_bytes();
                self.send(&mut connection, &length).await?;
                self.send(&mut connection, chunk).await?;
            }
        }
        self.send(&mut connection, &0_u32.to_be_bytes()).await?;
        let is_early = connection.has_response;
        let reading = tokio::time::timeout(self.scan_timeout, self.read_response(&mut connection)).await;
        let (response, was_reset) = reading.map_err(|_| self.unavailable("no response in time"))??;
        match self.parse_verdict(&response) {
            Ok(Verdict::Clean) if is_early => Err(self.unavailable("it responded before the end of the stream")),
            // The kernel resets a connection that is closed with unread bytes.
            Ok(Verdict::Clean) if was_reset => Err(self.unavailable("it closed the connection without reading all")),
            other => other,
        }
    }

    /// Sends bytes, unless clamd has responded or closed its side already; its response can then
    /// still be read.
    async fn send(&self, connection: &mut Connection, bytes: &[u8]) -> Result<(), Error> {
        if connection.has_response {
            return Ok(());
        }
        let Connection { reader, writer, response, .. } = connection;
        tokio::select! {
            biased;
            // A response, the end or a reset. `read_response` goes on from there.
            _ = reader.read_buf(response) => connection.has_response = true,
            sent = tokio::time::timeout(self.idle_timeout, writer.write_all(bytes)) => match sent {
                Ok(Ok(())) => {}
                Ok(Err(error)) if is_closed(&error) => connection.has_response = true,
                Ok(Err(error)) => return Err(self.unavailable(error)),
                Err(_) => return Err(self.unavailable("it accepts no bytes")),
            },
        }
        Ok(())
    }

    /// Reads the response up to the end of the connection. Also returns whether the connection was
    /// reset after it.
    async fn read_response(&self, connection: &mut Connection) -> Result<(String, bool), Error> {
        let Connection { reader, response, .. } = connection;
        let left = MAX_RESPONSE.saturating_sub(response.len() as u64);
        let read = reader.take(left).read_to_end(response).await;
        let was_reset = match read {
            Ok(_) => false,
            Err(error) if response.is_empty() => return Err(self.unavailable(error)),
            Err(_) => true,
        };
        Ok((String::from_utf8_lossy(response).into_owned(), was_reset))
    }

    /// Parses clamd's response to a scan: one line that ends in a NUL, as the `z` of the command
    /// demands. Anything else, such as two lines or a part of one, is no result.
    fn parse_verdict(&self, response: &str) -> Result<Verdict, Error> {
        if response.is_empty() {
            return Err(self.unavailable("it closed the connection without a response"));
        }
        let unknown = || self.unavailable(format!("it responded with {response:?}"));
        let line = response.strip_suffix('\0').filter(|line| !line.contains(char::is_control)).ok_or_else(unknown)?;
        match line {
            "stream: OK" => Ok(Verdict::Clean),
            "INSTREAM size limit exceeded. ERROR" => Ok(Verdict::TooLarge),
            _ => match line.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND")) {
                // clamd reports exceeded limits under these names; see AlertExceedsMax in
                // clamd.conf(5).
                Some(name) if name.starts_with("Heuristics.Limits.Exceeded") => Ok(Verdict::TooLarge),
                // See AlertEncrypted in clamd.conf(5). Nothing is known about the content.
                Some(name) if name.starts_with("Heuristics.Encrypted") => Ok(Verdict::Encrypted),
                Some(name) => Ok(Verdict::Infected(name.to_owned())),
                None => Err(unknown()),
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

/// A connection to clamd, and what was read of its response.
struct Connection {
    reader: ReadHalf<Box<dyn Duplex>>,
    writer: WriteHalf<Box<dyn Duplex>>,
    response: Vec<u8>,
    /// Whether clamd has begun to respond, or has closed its side.
    has_response: bool,
}

impl Connection {
    fn new(stream: Box<dyn Duplex>) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, response: Vec::new(), has_response: false }
    }
}

/// A stream that can be read and written.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A fake clamd, because the real one never responds as these tests need: early, twice, or with
/// half a line. The tests of the server scan with the real one.
#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// When the fake responds.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum When {
        /// After this many bytes, and then reads on to the end of the stream.
        After(usize),
        /// After this many bytes, and then closes the connection.
        AfterAndClose(usize),
        /// After the whole stream.
        AtEnd,
    }

    /// Reads a stream of chunks up to the empty one, or up to `most` bytes of it.
    async fn read_stream(socket: &mut TcpStream, most: usize) {
        let mut seen = 0;
        loop {
            let length = socket.read_u32().await.unwrap() as usize;
            if length == 0 {
                return;
            }
            let mut left = length;
            while left > 0 {
                if seen >= most {
                    return;
                }
                let mut buffer = vec![0; left.min(4096).min(most - seen)];
                let came = socket.read(&mut buffer).await.unwrap();
                assert!(came > 0, "the client closed the connection");
                (left, seen) = (left - came, seen + came);
            }
        }
    }

    /// Scans `size` bytes with a fake that responds with these packets.
    async fn scan(size: usize, when: When, packets: &'static [&'static [u8]]) -> Result<Verdict, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp("127.0.0.1".into(), listener.local_addr().unwrap().port());
        let clamd = Clamd::new(address, Duration::from_secs(5), Duration::from_secs(3), 1);
        let fake = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut command = [0; 10];
            socket.read_exact(&mut command).await.unwrap();
            assert_eq!(&command, b"zINSTREAM\0");
            let most = match when {
                When::After(most) | When::AfterAndClose(most) => most,
                When::AtEnd => usize::MAX,
            };
            read_stream(&mut socket, most).await;
            for packet in packets {
                socket.set_nodelay(true).unwrap();
                // The client may have closed: it has heard enough.
                if socket.write_all(packet).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if matches!(when, When::After(_)) {
                socket.shutdown().await.ok();
                let mut rest = vec![0; 65_536];
                while socket.read(&mut rest).await.is_ok_and(|came| came > 0) {}
            }
        });
        // Paced, so that a response can come before the end of the stream.
        let chunk = Bytes::from(vec![b'x'; 10_000]);
        let stream = futures::stream::unfold(size, move |left| {
            let chunk = chunk.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(2)).await;
                (left > 0).then(|| (Ok(chunk.slice(..left.min(10_000))), left.saturating_sub(10_000)))
            }
        });
        let verdict = clamd.scan(clamd.acquire_permit().await, stream).await;
        fake.await.unwrap();
        verdict
    }

    const SIZE: usize = 1_000_000;

    #[tokio::test]
    async fn a_clean_verdict_before_the_end_of_the_stream_is_none() {
        for when in [When::After(10), When::After(500_000), When::AfterAndClose(10), When::AfterAndClose(500_000)] {
            let verdict = scan(SIZE, when, &[b"stream: OK\0"]).await;
            assert!(matches!(verdict, Err(Error::Unavailable { .. })), "{when:?}: {verdict:?}");
        }
        // Everything fits into the kernel's buffers before the fake closes the connection.
        let verdict = scan(30_000, When::AfterAndClose(10), &[b"stream: OK\0"]).await;
        assert!(matches!(verdict, Err(Error::Unavailable { .. })), "{verdict:?}");
        assert_eq!(scan(SIZE, When::AtEnd, &[b"stream: OK\0"]).await.unwrap(), Verdict::Clean);
    }

    #[tokio::test]
    async fn malware_that_is_found_early_counts() {
        let eicar = Verdict::Infected("Eicar-Test".into());
        for when in [When::After(10), When::After(500_000), When::AfterAndClose(500_000), When::AtEnd] {
            assert_eq!(scan(SIZE, when, &[b"stream: Eicar-Test FOUND\0"]).await.unwrap(), eicar, "{when:?}");
        }
        let limit = scan(SIZE, When::AfterAndClose(500_000), &[b"INSTREAM size limit exceeded. ERROR\0"]).await;
        assert_eq!(limit.unwrap(), Verdict::TooLarge);
    }

    #[tokio::test]
    async fn an_answer_may_come_in_pieces() {
        let pieces: &[&[u8]] = &[b"s", b"tream: ", b"OK", b"\0"];
        assert_eq!(scan(SIZE, When::AtEnd, pieces).await.unwrap(), Verdict::Clean);
        let pieces: &[&[u8]] = &[b"stream: Eic", b"ar FOU", b"ND\0"];
        assert_eq!(scan(SIZE, When::AtEnd, pieces).await.unwrap(), Verdict::Infected("Eicar".into()));
        // A piece before the end of the stream makes the whole answer early.
        let verdict = scan(SIZE, When::After(10), &[b"stream: ", b"OK\0"]).await;
        assert!(matches!(verdict, Err(Error::Unavailable { .. })), "{verdict:?}");
    }

    #[tokio::test]
    async fn anything_else_is_no_result() {
        const ANSWERS: &[&[&[u8]]] = &[
            &[],
            &[b"\0"],
            &[b"stream: OK"],
            &[b"stream: O"],
            &[b"stream: OK\n"],
            &[b"stream: OK\0stream: OK\0"],
            &[b"stream: OK\0", b"stream: Eicar FOUND\0"],
            &[b"stream: Eicar FOUND\0stream: OK\0"],
            &[b"stream: ok\0"],
            &[b"1: stream: OK\0"],
            &[b"stream: lstat() failed: No such file. ERROR\0"],
            &[b"HTTP/1.1 200 OK\r\n\r\n"],
            &[b"\xff\xfe\0\x01"],
            &[&[b'x'; 10_000]],
        ];
        for packets in ANSWERS {
            for when in [When::AtEnd, When::AfterAndClose(500_000)] {
                let verdict = scan(SIZE, when, packets).await;
                assert!(matches!(verdict, Err(Error::Unavailable { .. })), "{packets:?} {when:?}: {verdict:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_trickle_ends_with_the_time_of_a_scan() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address::Tcp("127.0.0.1".into(), listener.local_addr().unwrap().port());
        let clamd = Clamd::new(address, Duration::from_secs(5), Duration::from_millis(300), 1);
        let fake = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            // Ends when the client gives up.
            while socket.write_all(b"s").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let none = futures::stream::iter([Ok(Bytes::from_static(b"x"))]);
        let verdict = clamd.scan(clamd.acquire_permit().await, none).await;
        assert!(matches!(verdict, Err(Error::Unavailable { .. })), "{verdict:?}");
        fake.await.unwrap();
    }
}
