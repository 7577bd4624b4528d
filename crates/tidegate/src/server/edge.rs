//! The stand-alone edge: serves the served roots from a folder or a bucket, and probes and metrics
//! on the API's port. It has public keys only and no database, and writes nothing.

use std::sync::Arc;

use anyhow::Context as _;
use store::FsReader;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    UPKEEP, address, bind, close_old_files, connection_limits, edge_door, local_origin, operations_limits,
    raise_file_limit,
};
use crate::app::open_bucket;
use crate::config::{Config, Origin, StoreSetting};
use crate::http::edge::ops::EdgeOps;
use crate::http::edge::{self, Edge};
use crate::http::serve::{Door, RouterHandler, serve};
use crate::http::{SMALL_BUFFER, edge_ops_router};
use crate::state::edge_keys::EdgeKeys;
use crate::telemetry;

/// An edge whose sockets are bound and which does not respond yet.
#[derive(Debug)]
pub struct EdgeServer {
    /// The address that clients use.
    pub address: Origin,
    /// The address of probes and metrics.
    pub ops: Origin,
    config: Config,
    edge_keys: Arc<EdgeKeys>,
    bytes: Door<Arc<Edge>>,
    probes: Door<RouterHandler>,
}

impl EdgeServer {
    /// Binds the ports, and opens store and keys for reading.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        raise_file_limit();
        telemetry::start_metrics();
        let port = config.edge_port.context("EDGE_PORT is off, and there is nothing else to start")?;
        let listener = bind("edge", config.bind, port).await?;
        let ops_listener = bind("operations", config.bind, config.port).await?;
        let own = address(&listener, config.bind)?;
        let ops = address(&ops_listener, config.bind)?;
        let address = config.edge_url.clone().unwrap_or(own);
        let origin = match &config.store {
            StoreSetting::Local(root) => {
                let folder = root.clone();
                let reader = tokio::task::spawn_blocking(move || FsReader::open(&folder)).await?;
                let reader = reader.map_err(|error| match error {
                    store::Error::NotFound => {
                        anyhow::anyhow!("there is no such folder; set UPLOAD_ROOT to the store's")
                    }
                    other => other.into(),
                });
                let about = || format!("UPLOAD_ROOT={}: the store can't be read there", root.display());
                let reader = reader.with_context(about)?;
                local_origin(&config, reader)
            }
            StoreSetting::S3(s3) => edge::Origin::Remote(Arc::new(open_bucket(&config, s3, &s3.endpoint).await)),
        };
        let (keys, production) = (config.edge.keys.clone(), config.in_production());
        let edge_keys =
            Arc::new(tokio::task::spawn_blocking(move || EdgeKeys::open(keys, Vec::new(), production)).await??);
        let own_page = config.public_base_url.as_ref().map(ToString::to_string);
        let edge = Edge::new(&config, &address, own_page, Arc::clone(&edge_keys), origin);
        let bytes = edge_door(listener, edge)?;
        let edge_ops = EdgeOps { edge: Arc::clone(&bytes.handler), metrics: config.metrics };
        let handler = RouterHandler { router: edge_ops_router(edge_ops), buffer: SMALL_BUFFER };
        let probes = Door { name: "operations", listener: ops_listener, handler, workers: None };
        Ok(Self { address, ops, config, edge_keys, bytes, probes })
    }

    /// Serves until `stop` is cancelled, then finishes requests in progress.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let (limits, grace) = (connection_limits(&self.config), self.config.limits.shutdown_grace);
        tasks.spawn(close_old_files(Arc::clone(&self.bytes.handler), stop.clone()));
        tasks.spawn(serve(self.bytes, limits, grace, stop.clone()));
        tasks.spawn(serve(self.probes, operations_limits(), grace, stop.clone()));
        tasks.spawn(self.edge_keys.reload_periodically(self.config.edge.keys_refresh, stop.clone()));
        tasks.spawn(async move {
            while tokio::time::timeout(UPKEEP, stop.cancelled()).await.is_err() {
                telemetry::upkeep();
            }
        });
        while tasks.join_next().await.is_some() {}
    }
}
