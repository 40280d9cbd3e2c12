//! Who may hold a connection: in goes the address of each new connection and what the open ones
//! are doing, out comes whether it is let in and which older one has to make room.
//!
//! Pure bookkeeping, no sockets. Two limits hold at all times: connections altogether and
//! connections of one address (an IPv6 /64 counts as one address). At a limit the newcomer wins
//! against a connection that is doing nothing:
//!
//! - at the limit of its own address, the address's idlest connection makes room, so a person
//!   behind the same address as a stuck program still gets in;
//! - at the limit of all, the idlest connection of the address that holds most makes room; only
//!   addresses that hold more than the newcomer's are asked, and its own, so that few greedy
//!   addresses cannot shut out the others.
//!
//! If nothing idle is found the newcomer is refused. Connections that answer a request or carry
//! a WebSocket are never evicted.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// What the limits count as one address: an IPv4 address or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey(IpAddr);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        Self(access::address_group(address))
    }
}

/// What one connection is doing, shared by its task (writes) and the admission table (reads).
/// Times are milliseconds since the server's start.
#[derive(Debug, Default)]
pub struct Pulse {
    busy: AtomicBool,
    since: AtomicU64,
    evicted: Notify,
}

impl Pulse {
    /// A request is being answered, or a WebSocket is open.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Since when the connection has been idle, or had no byte move while busy.
    pub fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// Notes whether the connection is answering a request.
    pub fn set_busy(&self, busy: bool, now: u64) {
        self.busy.store(busy, Ordering::Relaxed);
        self.since.store(now, Ordering::Relaxed);
    }

    /// Notes that bytes moved.
    pub fn touch(&self, now: u64) {
        self.since.store(now, Ordering::Relaxed);
    }

    /// Asks the connection's task to close it.
    pub fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Ends when the connection has to make room.
    pub async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Altogether.
    pub total: usize,
    /// Of one address.
    pub per_address: usize,
}

/// The table of open connections.
#[derive(Debug)]
pub struct Admission {
    caps: Caps,
    next: u64,
    total: usize,
    held: HashMap<AddressKey, Vec<(u64, Arc<Pulse>)>>,
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Admitted {
    /// Its number, to be given to [`Admission::leave`].
    pub id: u64,
    /// What it is doing.
    pub pulse: Arc<Pulse>,
}

impl Admission {
    /// An empty table.
    pub fn new(caps: Caps) -> Self {
        Self { caps, next: 0, total: 0, held: HashMap::new() }
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.total
    }

    /// Lets a connection in, or not. An evicted connection leaves the table at once; its task
    /// closes the socket when it next runs. `exempt` lifts the limit of one address, for trusted
    /// proxies and the local listener.
    pub fn enter(&mut self, key: AddressKey, exempt: bool, now: u64) -> Option<Admitted> {
        let own = self.held.get(&key).map_or(0, Vec::len);
        if !exempt && own >= self.caps.per_address {
            self.evict_idlest(key)?;
        } else if self.total >= self.caps.total {
            self.evict_idlest(self.greediest(key, own)?)?;
        }
        let id = self.next;
        self.next += 1;
        let pulse = Arc::new(Pulse::default());
        pulse.touch(now);
        self.held.entry(key).or_default().push((id, Arc::clone(&pulse)));
        self.total += 1;
        Some(Admitted { id, pulse })
    }

    /// Forgets a connection; one that is not in the table, because it was evicted, is no error.
    pub fn leave(&mut self, key: AddressKey, id: u64) {
        let Some(held) = self.held.get_mut(&key) else {
            return;
        };
        if let Some(at) = held.iter().position(|(i, _)| *i == id) {
            held.swap_remove(at);
            self.total -= 1;
        }
        if held.is_empty() {
            self.held.remove(&key);
        }
    }

    /// The address that holds most, of those that hold more than a newcomer or are its own, and
    /// have something idle; of several the one whose connection has been idle for longest.
    fn greediest(&self, newcomer: AddressKey, own: usize) -> Option<AddressKey> {
        let asked = self.held.iter().filter(|(k, v)| **k == newcomer || v.len() > own);
        let idle = asked.filter_map(|(k, v)| Some((v.len(), Reverse(idlest(v)?), *k)));
        idle.max_by_key(|&(n, since, _)| (n, since)).map(|(_, _, key)| key)
    }

    fn evict_idlest(&mut self, key: AddressKey) -> Option<()> {
        let held = self.held.get(&key)?;
        let (_, id) = idlest(held)?;
        if let Some((_, pulse)) = held.iter().find(|(i, _)| *i == id) {
            pulse.evict();
        }
        self.leave(key, id);
        Some(())
    }
}

/// Since when the idlest connection has been idle, and its number.
fn idlest(held: &[(u64, Arc<Pulse>)]) -> Option<(u64, u64)> {
    held.iter().filter(|(_, p)| !p.is_busy()).map(|(id, p)| (p.since(), *id)).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPS: Caps = Caps { total: 6, per_address: 3 };

    fn key(n: u8) -> AddressKey {
        AddressKey::from(IpAddr::from([10, 0, 0, n]))
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let parse = |t: &str| AddressKey::from(t.parse::<IpAddr>().unwrap());
        assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff:1"));
        assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
        assert_eq!(parse("::ffff:10.0.0.1"), parse("10.0.0.1"));
    }

    #[test]
    fn at_its_own_limit_an_address_loses_its_idlest_connection() {
        let mut table = Admission::new(CAPS);
        let open: Vec<_> = (0..3).map(|t| table.enter(key(1), false, t).unwrap()).collect();
        open[0].pulse.set_busy(true, 5);
        assert!(table.enter(key(1), false, 9).is_some());
        assert_eq!(table.open(), 3);
        assert_eq!(table.held[&key(1)].iter().map(|(i, _)| *i).collect::<Vec<_>>(), [0, 2, 3]);
    }

    #[test]
    fn a_newcomer_is_refused_when_all_connections_of_its_address_are_busy() {
        let mut table = Admission::new(CAPS);
        for t in 0..3 {
            table.enter(key(1), false, t).unwrap().pulse.set_busy(true, t);
        }
        assert!(table.enter(key(1), false, 9).is_none());
        assert!(table.enter(key(2), false, 9).is_some());
    }

    #[test]
    fn when_full_the_greediest_address_makes_room_for_a_modest_one() {
        let mut table = Admission::new(CAPS);
        for t in 0..3 {
            table.enter(key(1), false, t).unwrap();
            table.enter(key(2), false, t).unwrap();
        }
        assert!(table.enter(key(3), false, 9).is_some());
        assert_eq!(table.open(), 6);
        assert_eq!(table.held[&key(1)].len() + table.held[&key(2)].len(), 5);
    }

    #[test]
    fn when_full_of_modest_addresses_a_newcomer_with_as_many_is_refused() {
        let mut table = Admission::new(Caps { total: 2, per_address: 3 });
        table.enter(key(1), false, 0).unwrap();
        table.enter(key(2), false, 0).unwrap();
        assert!(table.enter(key(3), false, 1).is_some(), "none against one: makes room");
        let mut table = Admission::new(Caps { total: 2, per_address: 3 });
        table.enter(key(1), false, 0).unwrap().pulse.set_busy(true, 0);
        table.enter(key(2), false, 0).unwrap();
        assert!(table.enter(key(2), false, 1).is_some(), "its own idle one makes room");
    }

    #[test]
    fn an_exempt_address_is_held_by_the_total_only() {
        let mut table = Admission::new(CAPS);
        for t in 0..6 {
            assert!(table.enter(key(1), true, t).is_some());
        }
        assert_eq!(table.open(), 6);
    }

    proptest! {
        #[test]
        fn no_sequence_breaks_the_limits(
            steps in proptest::collection::vec((0..5_u8, any::<bool>(), any::<bool>()), 0..200)
        ) {
            let mut table = Admission::new(CAPS);
            let mut open = Vec::new();
            for (at, (who, arrives, busy)) in steps.into_iter().enumerate() {
                if arrives {
                    if let Some(entered) = table.enter(key(who), false, at as u64) {
                        entered.pulse.set_busy(busy, at as u64);
                        open.push((key(who), entered.id));
                    }
                } else if let Some((k, id)) = open.pop() {
                    table.leave(k, id);
                }
                let counted: usize = table.held.values().map(Vec::len).sum();
                prop_assert_eq!(counted, table.open());
                prop_assert!(table.open() <= CAPS.total);
                prop_assert!(table.held.values().all(|v| !v.is_empty() && v.len() <= CAPS.per_address));
            }
        }
    }
}
