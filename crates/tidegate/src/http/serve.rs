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
const PAUSE: Duration = Duration::from_millis(100);
const STOPS: usize = 16;

/// The client's end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What speaks at a door.
pub(crate) trait Conversing: Clone + Send + 'static {
    /// Speaks with one client until one of the two ends it. Once `stop` is cancelled, nothing new is begun.
    fn converse(
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
    pub conversing: C,
    /// Where it does so, if it has threads of its own.
    pub workers: Option<Workers>,
}

/// Serves until `stop`, then lets requests finish for the configured time.
pub(crate) async fn serve<C: Conversing>(door: Door<C>, limits: Limits, stop: CancellationToken) {
    let Door { name, listener, conversing, workers } = door;
    let free = Arc::new(Semaphore::new(limits.connections));
    let open = TaskTracker::new();
    // Connections look at their token all the time: spread over a few, they don't wait for each other there.
    let stops: Vec<CancellationToken> = (0..STOPS).map(|_| stop.child_token()).collect();
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
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            // Without it small answers on kept-alive connections stall for 40 ms.
            tracing::debug!(%error, "TCP_NODELAY can't be set");
        }
        let one = OneMore::of(metrics::gauge!("tidegate_connections", "door" => name));
        let (conversing, token) = (conversing.clone(), token.clone());
        let begin = async move |stream: TcpStream| {
            if let Err(error) = conversing.converse(stream, peer, token).await {
                // The client's doing, mostly: a reset, a bad head, a timeout.
                tracing::debug!(door = name, %error, "a connection ended early");
            }
            drop((one, permit));
        };
        match &workers {
            None => drop(open.spawn(begin(stream))),
            Some(workers) => match stream.into_std() {
                Ok(stream) => workers.deal(number, open.token(), stream, begin),
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
struct OneMore(metrics::Gauge);

impl OneMore {
    fn of(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for OneMore {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A router, spoken to by way of hyper.
#[derive(Debug, Clone)]
pub struct Routed {
    /// What answers.
    pub router: Router,
    /// The most bytes read ahead of a connection.
    pub buffer: usize,
}

impl Conversing for Routed {
    async fn converse(self, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) -> anyhow::Result<()> {
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
