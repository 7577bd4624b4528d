//! Where the programs of this machine listen, for a program that only asks them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the programs of this machine listen.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The address that all doors bind to.
    pub(super) bind: IpAddr,
    /// The port of the API, or of the probes of a stand-alone edge.
    pub port: u16,
    /// The port for probes of a process that only runs jobs.
    pub worker_port: Option<u16>,
    /// The port of the server's operations door.
    pub metrics_port: Option<u16>,
}

impl Ports {
    /// Returns the URL of a port, as this machine reaches it.
    pub fn url(&self, port: u16) -> String {
        let host = match self.bind {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(host, port))
    }
}
