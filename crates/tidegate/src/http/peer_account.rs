//! Whose process opened a connection on this machine. A proxy need not say that it forwards: since
//! 1.29.7 nginx speaks HTTP/1.1 to the servers behind it, and adds no header of its own. But a proxy
//! runs as a service account, and people do not.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// The ids that Debian gives to people (`UID_MIN` and `UID_MAX` in `login.defs`).
const PEOPLE: RangeInclusive<u32> = 1000..=60_000;
/// The tables of the kernel's TCP sockets, for IPv4 and IPv6 (`proc_net_tcp`, Linux).
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Returns whether a service account other than the server's own opened a connection from `peer` to
/// `own`, the server's end. `false` if that cannot be found out, as when the connection comes from
/// another machine.
pub(super) fn is_service(peer: SocketAddr, own: SocketAddr) -> bool {
    let account = rustix::process::geteuid().as_raw();
    let tables: String = TABLES.iter().filter_map(|table| read(table)).collect();
    owners(&tables, peer, own).into_iter().any(|owner| is_service_account(owner, account))
}

/// Returns a table; `None` if the system shows none.
#[expect(clippy::disallowed_methods, reason = "a file of the kernel, under a fixed name")]
fn read(table: &str) -> Option<String> {
    std::fs::read_to_string(table).ok()
}

fn is_service_account(owner: u32, own: u32) -> bool {
    owner != own && owner != 0 && !PEOPLE.contains(&owner)
}

/// Returns the accounts of the sockets in a table that are bound to `peer`: of those connected to
/// `own`, or of all if none is, as when the kernel redirects the connection. One port can be bound by
/// several sockets, each connected to another address.
fn owners(table: &str, peer: SocketAddr, own: SocketAddr) -> Vec<u32> {
    let (peers, owns) = (names_in_table(peer), names_in_table(own));
    let bound: Vec<(bool, u32)> = table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let (local, remote) = (fields.nth(1)?, fields.next()?);
            // Then the state, both queues, a timer, retransmissions, and the account.
            let connected = owns.iter().any(|name| name == remote);
            peers.iter().any(|name| name == local).then(|| Some((connected, fields.nth(4)?.parse().ok()?)))?
        })
        .collect();
    let any_connected = bound.iter().any(|(connected, _)| *connected);
    bound.into_iter().filter(|(connected, _)| *connected || !any_connected).map(|(_, owner)| owner).collect()
}

/// Returns an address as sockets of both IP versions show it.
fn names_in_table(address: SocketAddr) -> [String; 2] {
    [address_in_table(address.ip(), address.port()), mapped_in_table(address)]
}

/// Returns an address as the table shows it: words in the machine's order of bytes.
fn address_in_table(ip: IpAddr, port: u16) -> String {
    let word = |bytes: &[u8]| format!("{:08X}", u32::from_ne_bytes(bytes.try_into().unwrap_or_default()));
    let ip = match ip {
        IpAddr::V4(ip) => word(&ip.octets()),
        IpAddr::V6(ip) => ip.octets().chunks(4).map(word).collect(),
    };
    format!("{ip}:{port:04X}")
}

/// Returns an IPv4 address as a socket of both versions shows it, and the other way round.
fn mapped_in_table(address: SocketAddr) -> String {
    let other = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => IpAddr::V6(ip).to_canonical(),
    };
    address_in_table(other, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:8AE2 0100007F:0BB8 01 00000000:00000000 00:00000000 00000000    33        0 84021 1 0 100 0 0 10 0
   1: 0100007F:0BB8 0100007F:8AE2 01 00000000:00000000 00:00000000 00000000  1000        0 84022 1 0 100 0 0 10 0
";

    #[test]
    fn the_account_of_a_connection_is_in_the_table() {
        let peer = "127.0.0.1:35554".parse().unwrap();
        let own = "127.0.0.1:3000".parse().unwrap();
        assert_eq!(owners(TABLE, peer, own), [33]);
        assert_eq!(owners(TABLE, "[::ffff:127.0.0.1]:35554".parse().unwrap(), own), [33]);
        assert!(owners(TABLE, "127.0.0.1:35555".parse().unwrap(), own).is_empty());
        let v6 = "0: 00000000000000000000000001000000:8AE2 0:0 01 0:0 0:0 0 101 0 1";
        assert_eq!(owners(v6, "[::1]:35554".parse().unwrap(), own), [101], "redirected by the kernel");
        let mapped =
            "0: 0000000000000000FFFF00000100007F:8AE2 0000000000000000FFFF00000100007F:0BB8 01 0:0 0:0 0 101 0 1";
        assert_eq!(owners(mapped, peer, own), [101]);
    }

    #[test]
    fn a_connection_of_the_same_port_to_elsewhere_is_another() {
        let peer = "127.0.0.1:35554".parse().unwrap();
        let elsewhere = "2: 0100007F:8AE2 0100007F:1538 01 0:0 0:0 0 101 0 1\n";
        let table = format!("{elsewhere}{TABLE}");
        assert_eq!(owners(&table, peer, "127.0.0.1:3000".parse().unwrap()), [33]);
        assert_eq!(owners(&table, peer, "127.0.0.1:5432".parse().unwrap()), [101]);
        assert_eq!(owners(&table, peer, "127.0.0.1:80".parse().unwrap()), [101, 33], "redirected by the kernel");
    }

    #[test]
    fn people_root_and_the_own_account_are_no_proxies() {
        for (owner, own, is_service) in [
            (33, 1000, true),
            (33, 0, true),
            (65_534, 1000, true),
            (1000, 0, false),
            (0, 1000, false),
            (998, 998, false),
        ] {
            assert_eq!(is_service_account(owner, own), is_service, "{owner} at a server of {own}");
        }
    }

    #[tokio::test]
    async fn a_connection_of_this_process_is_found() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let client = stream.local_addr().unwrap();
        let table = read(TABLES[0]).unwrap();
        assert_eq!(owners(&table, client, address), [rustix::process::geteuid().as_raw()]);
        assert!(!is_service(client, address));
    }
}
