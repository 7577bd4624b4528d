//! Connections: accepted, limited, timed, and drained at the end.

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

/// A request's head must be there within this time, also on a connection that is kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait when the system gives no more descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
const STOP_TOKENS: usize = 16;

/// The client's end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What speaks at a door.
pub(crate) trait ConnectionHandler: Clone + Send + 'static {
    /// Speaks with one client until one of the two ends it. Once `stop` is cancelled, nothing new is begun.
    fn serve_connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        stop: CancellationToken,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// One door.
#[derive(Debug)]
pub struct Door<C> {
    /// `api`, `edge`, `s3` or `operations`, in logs and metrics.
    pub name: &'static str,
    /// Where it listens.
    pub listener: TcpListener,
    /// What speaks there.
    pub handler: C,
    /// Where it does so, if it has threads of its own.
    pub workers: Option<Workers>,
}

/// Serves until `stop`, then lets requests finish for the configured time.
pub(crate) async fn serve<C: ConnectionHandler>(door: Door<C>, limits: Limits, stop: CancellationToken) {
    let Door { name, listener, handler, workers } = door;
    let free = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    // Connections look at their token all the time: spread over a few, they don't wait for each other there.
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
            // Without it small answers on kept-alive connections stall for 40 ms.
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        let one = GaugeGuard::of(metrics::gauge!("tidegate_connections", "door" => name));
        let (handler, token) = (handler.clone(), token.clone());
        let begin = async move |stream: TcpStream| {
            if let Err(error) = handler.serve_connection(stream, peer, token).await {
                // The client's doing, mostly: a reset, a bad head, a timeout.
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
    // Joins threads.
    if let Err(error) = tokio::task::spawn_blocking(move || drop(workers)).await {
        tracing::error!(door = name, %error, "its threads did not end well");
    }
}

/// Counts itself for as long as it lives, also where a panic ends that.
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

/// A router, spoken to by way of hyper.
#[derive(Debug, Clone)]
pub struct RouterHandler {
    /// What answers.
    pub router: Router,
    /// The most bytes read ahead of a connection.
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
