//! An address book in memory: who had which address when. In come leases as others know them, out
//! goes whose an address was; no table is asked for a flow.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use model::Timestamp;

use crate::hash::{FastMap, Seeded};
use crate::rollup::{AddressBook, Whose};
use crate::world::{Ours, Prefix};

/// A device may have spoken this long before it was first heard of under an address.
const BEFORE_MS: i64 = 60_000;
/// An address is its last owner's for this long after it was last seen, if nobody else took it:
/// "last seen" is not noted with every packet, and an answer may come late.
const AFTER_MS: i64 = 6 * 3_600_000;

/// A device had an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Which address.
    pub address: IpAddr,
    /// The device's number.
    pub device: i64,
    /// When it was first seen with it.
    pub first: Timestamp,
    /// When it was last seen with it; None while it has it.
    pub last: Option<Timestamp>,
}

/// Somebody at the other end of a VPN, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The tunnel's interface, such as `wg0`.
    pub interface: String,
    /// Its name, as the router's configuration has it.
    pub name: String,
    /// Its addresses, and the networks behind it. Where all of the world is (a default route), that
    /// is not its own and left out.
    pub networks: Vec<Prefix>,
}

impl Peer {
    /// Its number, which stays as long as tunnel and name do: a hash of both (FNV-1a), beyond all
    /// numbers of [`peer`].
    pub fn number(&self) -> i64 {
        let octets = self.interface.bytes().chain([0]).chain(self.name.bytes());
        let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
        1 << 48 | (hash >> 16) as i64
    }
}

/// What is known just now.
#[derive(Debug, Default)]
pub struct Known {
    /// Who had which address when.
    pub leases: Vec<Lease>,
    /// This machine's own addresses.
    pub own: Vec<IpAddr>,
    /// Networks in which peers of a VPN have their addresses.
    pub tunnels: Vec<Prefix>,
    /// Those of the peers that have a name.
    pub peers: Vec<Peer>,
    /// The networks that are ours.
    pub ours: Ours,
}

#[derive(Default)]
struct Table {
    /// Of each address, the one first seen earliest comes first.
    leases: FastMap<IpAddr, Vec<Lease>>,
    own: HashSet<IpAddr, Seeded>,
    tunnels: Vec<Prefix>,
    /// The longest network first, with the number of its peer.
    behind: Vec<(Prefix, i64)>,
    peers: Vec<Peer>,
    ours: Ours,
}

/// The address book.
#[derive(Default)]
pub struct Book(RwLock<Table>);

impl Book {
    /// Takes over what is known now, and forgets what was known before.
    pub fn replace(&self, known: Known) {
        let mut leases = FastMap::<IpAddr, Vec<Lease>>::default();
        for lease in known.leases {
            leases.entry(lease.address).or_default().push(lease);
        }
        for of_one in leases.values_mut() {
            model::sort_by_key(of_one, |lease| (lease.first, lease.device));
        }
        let own = known.own.into_iter().collect();
        let of_peer = |peer: &Peer| {
            let number = peer.number();
            let its = peer.networks.iter().filter(|network| network.length() > 0);
            its.map(move |network| (*network, number)).collect::<Vec<_>>()
        };
        let mut behind: Vec<(Prefix, i64)> = known.peers.iter().flat_map(of_peer).collect();
        model::sort_by_key(&mut behind, |(network, _)| std::cmp::Reverse(network.length()));
        let (tunnels, peers) = (known.tunnels, known.peers);
        let table = Table { leases, own, tunnels, behind, peers, ours: known.ours };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
    }
}

impl AddressBook for Book {
    fn whose(&self, address: IpAddr, at: Timestamp) -> Whose {
        self.0.read().unwrap_or_else(PoisonError::into_inner).whose(address, at)
    }

    fn peer(&self, number: i64) -> Option<Peer> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        table.peers.iter().find(|peer| peer.number() == number).cloned()
    }

    fn whose_throughout(&self, address: IpAddr, from: Timestamp, to: Timestamp) -> Option<Whose> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let leases = table.leases.get(&address).map(Vec::as_slice).unwrap_or_default();
        // Only at these moments may it become another's.
        let turns = leases.iter().flat_map(|lease| {
            let ends = lease.last.map_or(i64::MAX, |last| last.0.saturating_add(AFTER_MS + 1));
            [lease.first.0.saturating_sub(BEFORE_MS), lease.first.0, ends]
        });
        let changes = turns.into_iter().any(|turn| from.0 < turn && turn <= to.0);
        (!changes).then(|| table.whose(address, from))
    }
}

impl Table {
    fn whose(&self, address: IpAddr, at: Timestamp) -> Whose {
        if self.own.contains(&address) || address.is_loopback() {
            return Whose::Router;
        }
        if let Some(device) = self.leases.get(&address).and_then(|leases| owner(leases, at)) {
            return Whose::Device(device);
        }
        if let Some((_, number)) = self.behind.iter().find(|(its, _)| its.contains(address)) {
            return Whose::VpnPeer(*number);
        }
        if self.tunnels.iter().any(|network| network.contains(address)) {
            return Whose::VpnPeer(peer(address));
        }
        if self.ours.contains(address) { Whose::Unknown } else { Whose::Remote }
    }
}

/// Who had an address: of those who had it by then the latest, unless that is too long ago.
fn owner(leases: &[Lease], at: Timestamp) -> Option<i64> {
    let by_then = |slack: i64| {
        let at = at.0.saturating_add(slack);
        leases.iter().rev().find(|lease| lease.first.0 <= at)
    };
    let lease = by_then(0)
        .filter(|lease| lease.last.is_none_or(|last| at.0 - last.0 <= AFTER_MS))
        .or_else(|| by_then(BEFORE_MS).filter(|lease| lease.first > at))?;
    Some(lease.device)
}

/// The number of a peer by its address in the tunnel: of IPv4 the address itself, of IPv6 its lower
/// half beyond that.
pub fn peer(address: IpAddr) -> i64 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => 1 << 40 | (v6.to_bits() as i64 & 0xff_ffff_ffff),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hours: i64) -> Timestamp {
        Timestamp(1_700_000_000_000 + hours * HOUR)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn named(name: &str, networks: &[&str]) -> Peer {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        Peer { interface: "wg0".to_owned(), name: name.to_owned(), networks }
    }

    #[test]
    fn peers_of_a_vpn_go_by_their_names_with_all_that_is_behind_them() {
        let book = book();
        let whose = |address| book.whose(ip(address), at(1));
        let [anna, branch] = ["anna", "branch"].map(|name| named(name, &[]).number());
        assert_eq!(whose("10.9.0.7"), Whose::VpnPeer(anna));
        assert_eq!([whose("10.9.0.8"), whose("172.20.3.4")], [Whose::VpnPeer(branch); 2]);
        assert_eq!(whose("203.0.113.9"), Whose::VpnPeer(branch));
        // A default route makes nobody the owner of the world, nor a network of the router's own.
        assert_eq!([whose("8.8.8.8"), whose("203.0.113.7")], [Whose::Remote, Whose::Router]);
        assert_eq!(whose("10.9.0.9"), Whose::VpnPeer(peer(ip("10.9.0.9"))));
        assert_eq!(book.peer(anna).map(|peer| peer.name).as_deref(), Some("anna"));
        assert_eq!(book.peer(peer(ip("10.9.0.9"))), None);
        assert_eq!(Whose::from_key(Whose::VpnPeer(anna).key().unwrap()), Whose::VpnPeer(anna));
        // What is kept under it must be found again by the next release.
        assert_eq!(anna, 452_939_989_456_987);
    }

    fn book() -> Book {
        let lease = |address: &str, device, first, last: Option<i64>| Lease {
            address: ip(address),
            device,
            first: at(first),
            last: last.map(at),
        };
        let book = Book::default();
        book.replace(Known {
            leases: vec![
                lease("192.168.1.5", 2, 10, None),
                lease("192.168.1.5", 1, 0, Some(8)),
                lease("2001:db8::5", 1, 0, Some(8)),
            ],
            own: vec![ip("192.168.1.1"), ip("203.0.113.7")],
            tunnels: vec!["10.9.0.0/24".parse().unwrap()],
            peers: vec![
                named("anna", &["10.9.0.7", "0.0.0.0/0"]),
                named("branch", &["10.9.0.8", "172.20.0.0/16", "203.0.113.0/24"]),
            ],
            ours: Ours::default(),
        });
        book
    }

    #[test]
    fn an_address_is_whose_it_was_at_that_time() {
        let book = book();
        let whose = |address, hours| book.whose(ip(address), at(hours));
        assert_eq!(whose("192.168.1.5", 1), Whose::Device(1));
        assert_eq!(whose("192.168.1.5", 9), Whose::Device(1));
        assert_eq!(whose("192.168.1.5", 10), Whose::Device(2));
        assert_eq!(whose("192.168.1.5", 10_000), Whose::Device(2));
        assert_eq!(whose("2001:db8::5", 1), Whose::Device(1));
        // Nobody has been seen with it for long, or ever before.
        assert_eq!(whose("2001:db8::5", 15), Whose::Remote);
        assert_eq!(whose("192.168.1.5", -1), Whose::Unknown);
        assert_eq!(book.whose(ip("192.168.1.5"), Timestamp(at(0).0 - 5_000)), Whose::Device(1));
        assert_eq!(whose("192.168.1.6", 1), Whose::Unknown);
    }

    proptest! {
        #[test]
        fn what_holds_throughout_holds_at_every_moment(
            spans in prop::collection::vec((0_i64..40, 0_i64..20, any::<bool>()), 0..4),
            from in -3_600_i64..260_000,
            lasted in 0_i64..40_000,
            part in 0.0..=1.0,
        ) {
            let address = ip("192.168.1.5");
            let leases = (1..).zip(spans).map(|(device, (first, hours, has))| Lease {
                address,
                device,
                first: at(first),
                last: (!has).then(|| at(first + hours)),
            });
            let book = Book::default();
            book.replace(Known { leases: leases.collect(), ..Known::default() });
            let moment = |seconds: i64| Timestamp(at(0).0 + seconds * 1_000);
            let between = moment(from + (lasted as f64 * part) as i64);
            if let Some(whose) = book.whose_throughout(address, moment(from), moment(from + lasted)) {
                prop_assert_eq!(whose, book.whose(address, between));
                prop_assert_eq!(whose, book.whose(address, moment(from + lasted)));
            }
        }
    }

    #[test]
    fn the_router_peers_of_a_vpn_and_the_world_are_told_apart() {
        let book = book();
        let whose = |address| book.whose(ip(address), at(1));
        assert_eq!([whose("192.168.1.1"), whose("203.0.113.7"), whose("::1")], [Whose::Router; 3]);
        assert_eq!(whose("10.9.0.2"), Whose::VpnPeer(0x0a09_0002));
        assert_eq!(whose("8.8.8.8"), Whose::Remote);
        assert_ne!(peer(ip("fd00::1")), peer(ip("fd00::2")));
        assert_ne!(peer(ip("::10.9.0.2")), peer(ip("10.9.0.2")));
    }
}
