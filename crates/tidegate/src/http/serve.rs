//! Connections: accepted, limited, timed, and drained at the end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::stall::Stalling;
use crate::config::Limits;

/// A request's head must be there within this time, also on a connection that is kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADERS: usize = 64;
/// Room for a URL of 8 KiB, cookies with their policies, and the rest.
const MAX_HEAD: usize = 32 << 10;
/// How long to wait when the system gives no more descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// The client's end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What answers at a door.
pub(crate) trait Answering: Clone + Send + 'static {
    /// Bodies of its answers.
    type Body: http_body::Body<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static;

    /// The answer; it does not fail.
    fn answer(self, peer: SocketAddr, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

impl Answering for Router {
    type Body = Body;

    async fn answer(self, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        self.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// One door.
#[derive(Debug)]
pub struct Door<A> {
    /// `api`, `edge` or `s3`, in logs and metrics.
    pub name: &'static str,
    /// Where it listens.
    pub listener: TcpListener,
    /// What answers.
    pub answering: A,
    /// The most bytes read ahead of a connection.
    pub buffer: usize,
}

/// Serves until `stop`, then lets requests finish for the configured time.
pub(crate) async fn serve<A: Answering>(door: Door<A>, limits: Limits, stop: CancellationToken) {
    let Door { name, listener, answering, buffer } = door;
    let free = Arc::new(Semaphore::new(limits.connections));
    let drain = GracefulShutdown::new();
    loop {
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
        let connection = connect(stream, peer, answering.clone(), buffer);
        let watched = drain.watch(connection);
        let open = OneMore::of(metrics::gauge!("tidegate_connections", "door" => name));
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                // The client's doing, mostly: a reset, a bad head, a timeout.
                tracing::debug!(door = name, %error, "a connection ended early");
            }
            drop((open, permit));
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown_grace, drain.shutdown()).await.is_err() {
        tracing::warn!(door = name, "requests were still running when the time to finish was over");
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

fn connect<A: Answering>(
    stream: TcpStream,
    peer: SocketAddr,
    answering: A,
    buffer: usize,
) -> http1::Connection<
    TokioIo<Stalling>,
    impl hyper::service::HttpService<Incoming, ResBody = A::Body, Error = Infallible, Future: Send>,
> {
    if let Err(error) = stream.set_nodelay(true) {
        // Without it small answers on kept-alive connections stall for 40 ms.
        tracing::debug!(%error, "TCP_NODELAY can't be set");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answering.clone().answer(peer, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD)
        .max_buf_size(buffer)
        // Bodies go to the kernel as they are: those of the edge may be slices of mapped files, which nobody reads.
        .writev(true)
        .serve_connection(TokioIo::new(Stalling::new(stream)), service)
}
