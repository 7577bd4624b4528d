//! Accepts connections, limits how many are open, runs the door's handler on each, and drains them
//! at shutdown. Knows nothing of what the handlers serve.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::connections::{ConnectionLimits, Connections, Full, OpenConnection, RequestInProgress};
use super::head::{MAX_HEAD, MAX_HEADERS};
use super::kept_body::KeptBody;
use super::request_filter::{ConnectionState, RequestFilter};
use super::workers::Workers;
use super::write_timeout::WriteTimeout;
use crate::occasionally::Occasionally;

/// How long a client may take to send a request head, also on a kept-alive connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after a failed `accept`, as when file descriptors are exhausted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// The number of cancellation tokens that connections share.
const STOP_TOKENS: usize = 16;

/// The remote address of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The server's address of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalAddress(pub(crate) SocketAddr);

/// Serves the connections of a door.
pub(crate) trait ConnectionHandler: Clone + Send + 'static {
    /// Serves one connection until either side closes it, and notes its requests in `connection`.
    /// Once `stop` is cancelled, no further request is begun.
    fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        connection: Arc<OpenConnection>,
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

/// Accepts connections until `stop` is cancelled, then waits for those in progress, up to `grace`.
pub(crate) async fn serve<C: ConnectionHandler>(
    door: Door<C>,
    limits: ConnectionLimits,
    grace: Duration,
    stop: CancellationToken,
) {
    let Door { name, listener, handler, workers } = door;
    let connections = Arc::new(Connections::new(name, limits));
    let full = FullDoor::new(name);
    let open = TaskTracker::new();
    // Every connection polls its token. Several tokens keep connections from contending for one
    // lock.
    let stops: Vec<CancellationToken> = (0..STOP_TOKENS).map(|_| stop.child_token()).collect();
    for (number, token) in stops.iter().cycle().enumerate() {
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
        let registered = match connections.register(peer.ip()) {
            Ok(registered) => Arc::new(registered),
            Err(reason) => {
                full.refuse(reason, peer);
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            // Without it, small responses on kept-alive connections wait 40 ms for a delayed
            // acknowledgement.
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        let (handler, token) = (handler.clone(), token.clone());
        let begin = async move |stream: TcpStream| {
            serve_registered(name, handler, stream, peer, registered, token).await;
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
    if tokio::time::timeout(grace, open.wait()).await.is_err() {
        tracing::warn!(door = name, "requests were still running when the time to finish was over");
    }
    // Dropping the workers joins their threads.
    if let Err(error) = tokio::task::spawn_blocking(move || drop(workers)).await {
        tracing::error!(door = name, %error, "its threads did not end well");
    }
}

/// Serves a connection until it ends, or has to make room for another one.
async fn serve_registered<C: ConnectionHandler>(
    door: &'static str,
    handler: C,
    stream: TcpStream,
    peer: SocketAddr,
    registered: Arc<OpenConnection>,
    stop: CancellationToken,
) {
    let activity = Arc::clone(&registered.activity);
    tokio::select! {
        biased;
        ended = handler.serve_connection(stream, peer, registered, stop) => if let Err(error) = ended {
            // Usually caused by the client: a reset, a malformed head, a timeout.
            tracing::debug!(door, %error, "a connection ended early");
        },
        () = activity.made_to_close() => {
            metrics::counter!("tidegate_connections_closed_total", "door" => door, "reason" => "waiting").increment(1);
        }
    }
}

/// Counts and logs connections that a full door closes at once.
struct FullDoor {
    name: &'static str,
    logged: Occasionally,
}

impl FullDoor {
    fn new(name: &'static str) -> Self {
        Self { name, logged: Occasionally::new(Duration::from_secs(10)) }
    }

    fn refuse(&self, reason: Full, peer: SocketAddr) {
        let (label, setting) = match reason {
            Full::Address => ("address", "MAX_CONNECTIONS_PER_ADDRESS"),
            Full::Door => ("door", "MAX_CONNECTIONS"),
        };
        let door = self.name;
        metrics::counter!("tidegate_connections_closed_total", "door" => door, "reason" => label).increment(1);
        if let Some(more) = self.logged.now() {
            tracing::warn!(door, client = %peer.ip(), setting, more, "a connection was closed: too many carry requests");
        }
    }
}

/// Serves a router over HTTP/1 with hyper, behind a [`RequestFilter`].
#[derive(Debug, Clone)]
pub struct RouterHandler {
    /// The router. It answers requests that have a [`super::head::Malformed`] extension.
    pub router: Router,
    /// The size of the read buffer of a connection in bytes.
    pub buffer: usize,
}

impl ConnectionHandler for RouterHandler {
    async fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        connection: Arc<OpenConnection>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let Self { router, buffer } = self;
        let own = stream.local_addr()?;
        let state = Arc::new(ConnectionState::default());
        let filter = RequestFilter::new(WriteTimeout::new(stream), Arc::clone(&state));
        let service = service_fn(move |request: Request<Incoming>| {
            let in_progress = connection.begin_request();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(LocalAddress(own));
            request.extensions_mut().insert(Arc::clone(&connection));
            if let Some(malformed) = state.begin_request() {
                request.extensions_mut().insert(malformed);
            }
            let (router, state) = (router.clone(), Arc::clone(&state));
            async move {
                let response = router.oneshot(request).await?;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    state.upgrade();
                }
                let in_progress = UntilSent { request: Some(in_progress), state };
                Ok::<_, std::convert::Infallible>(response.map(|body| KeptBody::new(body, in_progress)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(buffer)
            .serve_connection(TokioIo::new(filter), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

/// A request that is in progress until the last byte of its response is sent. Dropped with the body
/// of the response, which may be earlier.
struct UntilSent {
    request: Option<RequestInProgress>,
    state: Arc<ConnectionState>,
}

impl Drop for UntilSent {
    fn drop(&mut self) {
        if let Some(request) = self.request.take() {
            self.state.end_when_sent(request);
        }
    }
}
