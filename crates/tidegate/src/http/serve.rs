//! Accepts connections, limits how many are open, runs the door's handler on each, and drains them
//! at shutdown. Knows nothing of what the handlers serve.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::edge::{MAX_HEAD, MAX_HEADERS};
use super::workers::Workers;
use super::write_timeout::WriteTimeout;
use crate::config::Limits;

/// How long a client may take to send a request head, also on a kept-alive connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed `accept`, as when file descriptors are exhausted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// The number of cancellation tokens that connections share.
const STOP_TOKENS: usize = 16;

/// The remote address of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves the connections of a door.
pub(crate) trait ConnectionHandler: Clone + Send + 'static {
    /// Serves one connection until either side closes it. Once `stop` is cancelled, no further
    /// request is begun.
    fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// A listener and what serves its connections.
#[derive(Debug)]
pub struct Door<C> {
    /// The door's name in logs and metrics: `api`, `edge`, `s3` or `operations`.
    pub name: &'static str,
    /// The listening socket.
    pub listener: TcpListener,
    /// The handler of its connections.
    pub handler: C,
    /// The threads that run its connections; `None` for the shared runtime.
    pub workers: Option<Workers>,
}

/// Accepts connections until `stop` is cancelled, then waits for those in progress, up to the
/// configured grace period.
pub(crate) async fn serve<C: ConnectionHandler>(door: Door<C>, limits: Limits, stop: CancellationToken) {
    let Door { name, listener, handler, workers } = door;
    let free = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    // Every connection polls its token. Several tokens keep connections from contending for one
    // lock.
    let stops: Vec<CancellationToken> = (0..STOP_TOKENS).map(|_| stop.child_token()).collect();
    for (number, token) in stops.iter().cycle().enumerate() {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&free).acquire_owned() => permit,
        };
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(door = name, %error, "a connection can't be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            // Without it, small responses on kept-alive connections wait 40 ms for a delayed
            // acknowledgement.
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        let one = GaugeGuard::of(metrics::gauge!("tidegate_connections", "door" => name));
        let (handler, token) = (handler.clone(), token.clone());
        let begin = async move |stream: TcpStream| {
            if let Err(error) = handler.serve_connection(stream, peer, token).await {
                // Usually caused by the client: a reset, a malformed head, a timeout.
                tracing::debug!(door = name, %error, "a connection ended early");
            }
            drop((one, permit));
        };
        match &workers {
            None => drop(open.spawn(begin(stream))),
            Some(workers) => match stream.into_std() {
                Ok(stream) => workers.spawn_on(number, open.token(), stream, begin),
                Err(error) => tracing::warn!(door = name, %error, "a connection can't be handed on"),
            },
        }
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(limits.shutdown_grace, open.wait()).await.is_err() {
        tracing::warn!(door = name, "requests were still running when the time to finish was over");
    }
    // Dropping the workers joins their threads.
    if let Err(error) = tokio::task::spawn_blocking(move || drop(workers)).await {
        tracing::error!(door = name, %error, "its threads did not end well");
    }
}

/// Increments a gauge and decrements it when dropped, also by a panic.
struct GaugeGuard(metrics::Gauge);

impl GaugeGuard {
    fn of(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Serves a router over HTTP/1 with hyper.
#[derive(Debug, Clone)]
pub struct RouterHandler {
    /// The router.
    pub router: Router,
    /// The size of the read buffer of a connection in bytes.
    pub buffer: usize,
}

impl ConnectionHandler for RouterHandler {
    async fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let Self { router, buffer } = self;
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(buffer)
            .serve_connection(TokioIo::new(WriteTimeout::new(stream)), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}
