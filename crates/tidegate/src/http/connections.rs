//! The open connections of a door: how many there are in all and per client address, and which of
//! them wait for a request. Near a limit, the connection that has waited longest makes room, so
//! that nobody can keep others out with connections on which nothing happens.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::model::network::{Network, client_of};

/// The limits of a door.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionLimits {
    /// The most connections.
    pub(crate) total: usize,
    /// The most connections of one IPv4 address or IPv6 /64.
    pub(crate) per_address: usize,
    /// The proxies whose connections carry the requests of many clients. Only the total limits
    /// them.
    pub(crate) proxies: Vec<Network>,
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    /// The requests in progress.
    requests: AtomicUsize,
    /// When it began to wait for a request, in microseconds after the door was opened.
    waiting_since: AtomicU64,
    opened: Instant,
    closed: Notify,
}

impl Activity {
    fn new(opened: Instant) -> Self {
        let activity =
            Self { requests: AtomicUsize::new(0), waiting_since: AtomicU64::new(0), opened, closed: Notify::new() };
        activity.wait_from_now();
        activity
    }

    fn wait_from_now(&self) {
        let now = u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waiting_since.store(now, Ordering::Relaxed);
    }

    /// Notes that the head of a request has arrived. It is in progress until the guard is dropped.
    fn begin_request(self: &Arc<Self>) -> RequestInProgress {
        self.requests.fetch_add(1, Ordering::AcqRel);
        RequestInProgress(Arc::clone(self))
    }

    /// Returns since when the connection has waited for a request; `None` while one is in progress.
    fn waiting_since(&self) -> Option<u64> {
        (self.requests.load(Ordering::Acquire) == 0).then(|| self.waiting_since.load(Ordering::Relaxed))
    }

    /// Ready when the connection has to make room.
    pub(super) async fn made_to_close(&self) {
        self.closed.notified().await;
    }
}

/// A request whose head has arrived and whose response is not sent yet.
#[derive(Debug)]
pub(crate) struct RequestInProgress(Arc<Activity>);

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        self.0.wait_from_now();
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a connection is closed as soon as it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// Its address has too many, and all of them carry requests.
    Address,
    /// The door has too many, and all of them carry requests.
    Door,
}

/// The connections of a door, by client.
#[derive(Debug)]
pub(crate) struct Connections {
    /// The door's name in metrics.
    door: &'static str,
    limits: ConnectionLimits,
    opened: Instant,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_client: HashMap<IpAddr, Vec<Arc<Activity>>>,
    count: usize,
}

impl Open {
    /// Removes a connection.
    fn remove(&mut self, client: IpAddr, activity: &Arc<Activity>) {
        let Some(theirs) = self.by_client.get_mut(&client) else { return };
        if let Some(at) = theirs.iter().position(|other| Arc::ptr_eq(other, activity)) {
            theirs.swap_remove(at);
            self.count -= 1;
        }
        if theirs.is_empty() {
            self.by_client.remove(&client);
        }
    }

    /// Closes the connection of a client that has waited longest. Returns whether one waits.
    fn close_oldest_waiting(&mut self, client: IpAddr) -> bool {
        let theirs = self.by_client.get(&client).into_iter().flatten();
        let waiting = theirs.filter_map(|activity| Some((activity.waiting_since()?, activity)));
        let Some((_, oldest)) = waiting.min_by_key(|(since, _)| *since) else { return false };
        let oldest = Arc::clone(oldest);
        self.remove(client, &oldest);
        oldest.closed.notify_one();
        true
    }

    /// Returns the client with the most connections of those with a waiting one.
    fn heaviest_waiting(&self) -> Option<IpAddr> {
        let waits = |theirs: &[Arc<Activity>]| theirs.iter().any(|activity| activity.waiting_since().is_some());
        let mut heaviest: Option<(usize, IpAddr)> = None;
        for (client, theirs) in &self.by_client {
            if heaviest.is_none_or(|(count, _)| theirs.len() > count) && waits(theirs) {
                heaviest = Some((theirs.len(), *client));
            }
        }
        heaviest.map(|(_, client)| client)
    }
}

impl Connections {
    pub(crate) fn new(door: &'static str, limits: ConnectionLimits) -> Self {
        Self { door, limits, opened: Instant::now(), open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers an accepted connection. Above a limit, first closes the one that has waited
    /// longest for a request: of the same address, or of the address with the most connections.
    pub(crate) fn register(self: &Arc<Self>, address: IpAddr) -> Result<OpenConnection, Full> {
        let client = client_of(address);
        let canonical = address.to_canonical();
        let is_proxy = self.limits.proxies.iter().any(|proxy| proxy.contains(canonical));
        let mut open = self.open();
        let theirs = open.by_client.get(&client).map_or(0, Vec::len);
        if !is_proxy && theirs >= self.limits.per_address && !open.close_oldest_waiting(client) {
            return Err(Full::Address);
        }
        while open.count >= self.limits.total {
            let heaviest = open.heaviest_waiting().ok_or(Full::Door)?;
            open.close_oldest_waiting(heaviest);
        }
        let activity = Arc::new(Activity::new(self.opened));
        open.by_client.entry(client).or_default().push(Arc::clone(&activity));
        open.count += 1;
        metrics::gauge!("tidegate_connections", "door" => self.door).increment(1);
        Ok(OpenConnection { of: Arc::clone(self), client, activity, of_a_service: OnceLock::new() })
    }
}

/// A registered connection, until it is dropped. An extension of its requests; whoever takes the
/// connection over keeps it, and a [`RequestInProgress`] beside it.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    of: Arc<Connections>,
    client: IpAddr,
    pub(super) activity: Arc<Activity>,
    /// Whether a service account on this machine opened it, once somebody has asked.
    of_a_service: OnceLock<bool>,
}

impl OpenConnection {
    /// Returns whether a service account opened the connection. `find_out` is called once.
    pub(super) fn is_of_a_service(&self, find_out: impl FnOnce() -> bool) -> bool {
        *self.of_a_service.get_or_init(find_out)
    }

    /// Notes that the head of a request has arrived. It is in progress until the guard is dropped.
    pub(crate) fn begin_request(&self) -> RequestInProgress {
        self.activity.begin_request()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        metrics::gauge!("tidegate_connections", "door" => self.of.door).decrement(1);
        self.of.open().remove(self.client, &self.activity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn door(total: usize, per_address: usize) -> Arc<Connections> {
        let proxies = vec![Network::parse("10.0.0.0/8").unwrap()];
        Arc::new(Connections::new("test", ConnectionLimits { total, per_address, proxies }))
    }

    fn from(door: &Arc<Connections>, address: &str) -> Result<OpenConnection, Full> {
        door.register(address.parse().unwrap())
    }

    /// Returns whether a connection was told to close.
    fn is_closed(connection: &OpenConnection) -> bool {
        futures::FutureExt::now_or_never(connection.activity.made_to_close()).is_some()
    }

    #[test]
    fn one_address_makes_room_for_itself() {
        let door = door(100, 3);
        let theirs: Vec<_> = (0..3).map(|_| from(&door, "192.0.2.1").unwrap()).collect();
        let busy = theirs[0].begin_request();
        let fourth = from(&door, "192.0.2.1").unwrap();
        assert_eq!(theirs.iter().map(is_closed).collect::<Vec<_>>(), [false, true, false], "the oldest that waits");
        let requests = [&theirs[2], &fourth].map(|connection| connection.begin_request());
        assert_eq!(from(&door, "::ffff:192.0.2.1").unwrap_err(), Full::Address, "all carry requests");
        assert!(from(&door, "192.0.2.2").is_ok());
        drop((busy, requests));
        assert!(from(&door, "192.0.2.1").is_ok());
        let hosts: Vec<_> = (0..9).map(|host| from(&door, &format!("2001:db8::{host}")).unwrap()).collect();
        assert_eq!(hosts.iter().filter(|host| is_closed(host)).count(), 6, "one /64 is one client");
        let proxied: Vec<_> = (0..9).map(|_| from(&door, "10.1.2.3").unwrap()).collect();
        assert!(!proxied.iter().any(is_closed), "a trusted proxy speaks for many");
    }

    #[test]
    fn who_has_most_makes_room_for_others() {
        let door = door(4, 3);
        let heavy: Vec<_> = (0..3).map(|_| from(&door, "192.0.2.1").unwrap()).collect();
        let light = from(&door, "192.0.2.2").unwrap();
        let other = from(&door, "192.0.2.3").unwrap();
        assert_eq!(heavy.iter().map(is_closed).collect::<Vec<_>>(), [true, false, false]);
        assert!(!is_closed(&light));
        let requests: Vec<_> = [&heavy[1], &heavy[2], &light, &other].iter().map(|one| one.begin_request()).collect();
        assert_eq!(from(&door, "192.0.2.4").unwrap_err(), Full::Door);
        drop(requests);
        drop((heavy, light, other));
        assert!(door.open().by_client.is_empty() && door.open().count == 0, "nothing is kept of who has gone");
    }

    proptest! {
        #[test]
        fn the_limits_hold_and_a_newcomer_gets_in_while_anybody_waits(
            steps in proptest::collection::vec((0u8..6, 0u8..4), 1..80),
        ) {
            let door = door(8, 4);
            let mut open: Vec<(OpenConnection, Option<RequestInProgress>)> = Vec::new();
            for (client, action) in steps {
                match action {
                    0 if !open.is_empty() => drop(open.swap_remove(usize::from(client) % open.len())),
                    1 if !open.is_empty() => {
                        let at = usize::from(client) % open.len();
                        open[at].1 = match open[at].1.take() {
                            Some(_) => None,
                            None => Some(open[at].0.begin_request()),
                        };
                    }
                    _ => {
                        let anybody_waits = door.open().heaviest_waiting().is_some();
                        match from(&door, &format!("192.0.2.{client}")) {
                            Ok(one) => open.push((one, None)),
                            Err(Full::Door) => prop_assert!(!anybody_waits),
                            Err(Full::Address) => {}
                        }
                        open.retain(|(one, _)| !is_closed(one));
                    }
                }
                let inner = door.open();
                prop_assert!(inner.count <= 8 && inner.by_client.values().all(|theirs| theirs.len() <= 4));
                prop_assert_eq!(inner.count, inner.by_client.values().map(Vec::len).sum::<usize>());
            }
        }
    }
}
