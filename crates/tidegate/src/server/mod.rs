//! The server process: binds the doors, opens the state behind them, runs the background tasks, and
//! shuts them down in order. The doors are in `http/`, the state in `app.rs`.

pub mod edge;
pub mod lambda;
pub mod work;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use store::FsReader;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{Addresses, App};
use crate::config::{Config, Origin, StoreSetting};
use crate::http::connections::ConnectionLimits;
use crate::http::edge::{Edge, Origin as EdgeOrigin};
use crate::http::serve::{Door, RouterHandler, serve};
use crate::http::workers::Workers;
use crate::http::{LARGE_BUFFER, SMALL_BUFFER, api_router, operations_router, s3_router};
use crate::state::cache_invalidation;
use crate::telemetry;
use crate::worker::runner;

/// More connections than the system lets wait to be accepted.
const LONGEST_QUEUE: u32 = 65_535;
/// The interval of housekeeping tasks.
const UPKEEP: Duration = Duration::from_secs(10);

/// A server whose sockets are bound and which does not respond yet.
#[derive(Debug)]
pub struct Server {
    /// The state that all doors share.
    pub app: Arc<App>,
    api: Door<RouterHandler>,
    s3: Option<Door<RouterHandler>>,
    edge: Option<Door<Arc<Edge>>>,
    operations: Option<Door<RouterHandler>>,
}

impl Server {
    /// Binds the doors and opens everything behind them.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        raise_file_limit();
        telemetry::start_metrics();
        let api = bind("API", config.bind, config.port).await?;
        let s3 = match config.store {
            StoreSetting::Local(_) => Some(bind("S3", config.bind, config.s3_port).await?),
            StoreSetting::S3(_) => None,
        };
        let edge = match config.edge_port {
            Some(port) => Some(bind("edge", config.bind, port).await?),
            None => None,
        };
        let operations = match config.metrics_port {
            Some(port) => Some(bind("metrics", config.bind, port).await?),
            None => None,
        };
        let own_edge = edge.as_ref().map(|listener| address(listener, config.bind)).transpose()?;
        let addresses = Addresses {
            api: config.public_base_url.clone().map_or_else(|| address(&api, config.bind), Ok)?,
            edge: config.edge_url.clone().or(own_edge),
            s3: match (&config.s3_url, &config.store, &s3) {
                (Some(url), _, _) => url.clone(),
                (None, StoreSetting::S3(s3), _) => s3.endpoint.clone(),
                (None, StoreSetting::Local(_), Some(listener)) => address(listener, config.bind)?,
                (None, StoreSetting::Local(_), None) => anyhow::bail!("the S3 door is not open"),
            },
        };
        let app = Arc::new(App::open(config, addresses).await?);
        let routed = |router, buffer| RouterHandler { router, buffer };
        let handler = routed(api_router(Arc::clone(&app)), LARGE_BUFFER);
        let api = Door { name: "api", listener: api, handler, workers: None };
        let s3 = s3.zip(app.local.as_ref()).map(|(listener, local)| {
            let handler = routed(s3_router(Arc::clone(&app), Arc::clone(local)), LARGE_BUFFER);
            Door { name: "s3", listener, handler, workers: None }
        });
        let edge = match edge.zip(app.addresses.edge.as_ref()) {
            Some((listener, address)) => {
                let origin = match &app.local {
                    Some(local) => local_origin(&app.config, local.fs.reader()),
                    None => EdgeOrigin::Remote(Arc::clone(&app.store)),
                };
                let own_page = Some(app.addresses.api.to_string());
                let edge = Edge::new(&app.config, address, own_page, Arc::clone(&app.edge_keys), origin);
                Some(edge_door(listener, edge)?)
            }
            None => None,
        };
        let operations = operations.map(|listener| {
            let handler = routed(operations_router(Arc::clone(&app)), SMALL_BUFFER);
            Door { name: "operations", listener, handler, workers: None }
        });
        Ok(Self { app, api, s3, edge, operations })
    }

    /// Returns where probes and metrics are served; `None` if the server has no such door.
    pub fn operations_address(&self) -> Option<SocketAddr> {
        self.operations.as_ref().and_then(|door| door.listener.local_addr().ok())
    }

    /// Serves until `stop` is cancelled, then finishes requests in progress. With `jobs` set, also
    /// runs jobs.
    pub async fn run(self, stop: CancellationToken, jobs: bool) {
        let mut doors = JoinSet::new();
        let (limits, grace) = (connection_limits(&self.app.config), self.app.config.limits.shutdown_grace);
        doors.spawn(serve(self.api, limits.clone(), grace, stop.clone()));
        if let Some(door) = self.s3 {
            doors.spawn(serve(door, limits.clone(), grace, stop.clone()));
        }
        if let Some(door) = self.operations {
            doors.spawn(serve(door, operations_limits(), grace, stop.clone()));
        }
        let (mut tasks, answered) = (JoinSet::new(), CancellationToken::new());
        if let Some(door) = self.edge {
            tasks.spawn(close_old_files(Arc::clone(&door.handler), stop.clone()));
            doors.spawn(serve(door, limits, grace, stop.clone()));
        }
        if jobs {
            tasks.spawn(runner::run(Arc::clone(&self.app), stop.clone()));
        }
        let (app, until) = (Arc::clone(&self.app), answered.clone());
        tasks.spawn(async move { app.refusals.write(&app.db, until).await });
        tasks.spawn(follow_changes(Arc::clone(&self.app), stop.clone()));
        if self.app.sign_in.is_external() {
            let (app, stop) = (Arc::clone(&self.app), stop.clone());
            tasks.spawn(async move { app.sign_in.refresh_periodically(stop).await });
        }
        tasks.spawn(
            Arc::clone(&self.app.edge_keys).reload_periodically(self.app.config.edge.keys_refresh, stop.clone()),
        );
        let (signing_key, edge_keys) = (Arc::clone(&self.app.signing_key), Arc::clone(&self.app.edge_keys));
        tasks.spawn(signing_key.reload_periodically(edge_keys, self.app.config.edge.keys_refresh, stop.clone()));
        if let Some(remote) = self.app.remote_key.clone() {
            let (signing_key, edge_keys) = (Arc::clone(&self.app.signing_key), Arc::clone(&self.app.edge_keys));
            tasks.spawn(remote.refresh_periodically(signing_key, edge_keys, stop.clone()));
        }
        tasks.spawn(upkeep(Arc::clone(&self.app), stop.clone()));
        let (closing, ending) = (self.app.closing.clone(), stop.clone());
        tasks.spawn(async move {
            ending.cancelled().await;
            closing.cancel();
        });
        while doors.join_next().await.is_some() {}
        // The refusals of the last requests are stored too.
        answered.cancel();
        while tasks.join_next().await.is_some() {}
        self.app.close().await;
    }
}

/// Closes idle files of the edge until `stop` is cancelled.
async fn close_old_files(edge: Arc<Edge>, stop: CancellationToken) {
    while tokio::time::timeout(UPKEEP, stop.cancelled()).await.is_err() {
        let edge = Arc::clone(&edge);
        if let Err(error) = tokio::task::spawn_blocking(move || edge.upkeep()).await {
            tracing::error!(%error, "the edge's open files can't be looked through");
        }
    }
}

/// Runs housekeeping until `stop` is cancelled.
async fn upkeep(app: Arc<App>, stop: CancellationToken) {
    let mut rounds = 0u64;
    while tokio::time::timeout(UPKEEP, stop.cancelled()).await.is_err() {
        app.rates.retain_recent();
        telemetry::upkeep();
        keep_room(&app).await;
        rounds += 1;
        if rounds.is_multiple_of(6) {
            // The probe also compares the clocks of server and database.
            app.probe().await;
        }
    }
}

/// Truncates the database's log while a disk is full, and creates the ballast again where there is
/// room. Errors are logged: the next round tries again.
async fn keep_room(app: &App) {
    if app.disks.is_any_full()
        && let Err(error) = app.db.truncate_log().await
    {
        tracing::warn!(error = error.detail(), "the database's log can't be truncated");
    }
    let disks = Arc::clone(&app.disks);
    if let Err(error) = tokio::task::spawn_blocking(move || disks.restore_ballast()).await {
        tracing::error!(%error, "the ballast can't be looked after");
    }
}

/// Returns the door of an edge. An edge over local files gets one thread per core, so that it and
/// other work do not delay each other.
fn edge_door(listener: TcpListener, edge: Edge) -> anyhow::Result<Door<Arc<Edge>>> {
    let workers = if edge.is_local() {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Some(Workers::start(threads).context("the edge's threads can't be started")?)
    } else {
        // The store client's connections belong to the shared runtime.
        None
    };
    Ok(Door { name: "edge", listener, handler: Arc::new(edge), workers })
}

/// Returns the edge's origin for a local folder.
fn local_origin(config: &Config, reader: FsReader) -> EdgeOrigin {
    EdgeOrigin::local(reader.reading(config.edge.reads), config.edge.open_files)
}

/// Binds a door; the error names the setting to change.
async fn bind(door: &str, ip: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    let at = SocketAddr::new(ip, port);
    let setting = match door {
        "edge" => "EDGE_PORT",
        "S3" => "S3_PORT",
        "worker's" => "WORKER_PORT",
        "metrics" => "METRICS_PORT",
        _ => "PORT",
    };
    let bound = listen(at);
    bound.with_context(|| format!("the {door} door can't listen on {at}; {setting} or BIND_HOST must be others"))
}

/// Listens with the longest queue that the system allows (`net.core.somaxconn`). A connection that
/// finds a full queue is tried again by its client after a second.
fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(LONGEST_QUEUE)
}

/// Returns the URL of a bound door.
fn address(listener: &TcpListener, ip: IpAddr) -> anyhow::Result<Origin> {
    let at = SocketAddr::new(ip, listener.local_addr()?.port());
    Origin::parse(&format!("http://{at}")).with_context(|| format!("{at} makes no URL"))
}

/// Raises the soft limit of open files to the hard limit. Connections, blobs and uploads each take
/// a descriptor, so the usual 1024 are used up soon.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
}

/// The open files for each connection that a door of clients may have: the three doors (API, edge and
/// S3) share them, and a quarter is left for blobs, the database and the store's connections.
const FILES_PER_CONNECTION: usize = 4;
/// The most connections of an operations door, which probes and a metrics collector use.
const OPERATIONS_CONNECTIONS: usize = 64;

/// Returns the limits of the door of probes and metrics.
pub(super) fn operations_limits() -> ConnectionLimits {
    ConnectionLimits { total: OPERATIONS_CONNECTIONS, per_address: OPERATIONS_CONNECTIONS, proxies: Vec::new() }
}

/// Returns the limits of each door of clients: those of the configuration, or less where the system
/// allows fewer open files.
pub(super) fn connection_limits(config: &Config) -> ConnectionLimits {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = usize::try_from(files).unwrap_or(usize::MAX) / FILES_PER_CONNECTION;
    let wanted = config.limits.connections;
    if possible < wanted {
        let needed = wanted.saturating_mul(FILES_PER_CONNECTION);
        tracing::warn!(
            "{possible} connections for each door; the {wanted} of MAX_CONNECTIONS need `ulimit -n {needed}` \
             (LimitNOFILE={needed})"
        );
    }
    let total = wanted.min(possible).max(1);
    ConnectionLimits {
        total,
        per_address: config.limits.connections_per_address.of(total),
        proxies: config.trusted_proxies.clone(),
    }
}

/// Applies cache invalidations of other servers until `stop` is cancelled.
async fn follow_changes(app: Arc<App>, stop: CancellationToken) {
    cache_invalidation::follow(&app.db, &app.object_cache, stop).await;
}
