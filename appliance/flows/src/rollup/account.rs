//! Whose a flow is, and whether it was counted already where it was seen before. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::Timestamp;

use crate::block::Path;
use crate::book::Peer;
use crate::{Direction, Flow};

/// Whose an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whose {
    /// A device's, by its number.
    Device(i64),
    /// A peer's of a VPN, by a number of its own.
    VpnPeer(i64),
    /// The router's own.
    Router,
    /// In a network of ours, but nobody knows whose.
    Unknown,
    /// Somebody's out there.
    Remote,
}

impl Whose {
    /// The key under which its sums are kept; None for what is not ours.
    pub fn key(self) -> Option<i64> {
        match self {
            Self::Unknown => Some(0),
            Self::Router => Some(1),
            Self::Device(number) => Some(number.saturating_mul(4).saturating_add(2)),
            Self::VpnPeer(number) => Some(number.saturating_mul(4).saturating_add(3)),
            Self::Remote => None,
        }
    }

    /// The inverse of [`Self::key`].
    pub fn from_key(key: i64) -> Self {
        match (key, key.rem_euclid(4)) {
            (1, _) => Self::Router,
            (_, 2) => Self::Device(key.div_euclid(4)),
            (_, 3) => Self::VpnPeer(key.div_euclid(4)),
            _ => Self::Unknown,
        }
    }
}

/// Tells whose addresses were.
pub trait AddressBook {
    /// Whose an address was at that time: leases change hands.
    fn whose(&self, address: IpAddr, at: Timestamp) -> Whose;

    /// A peer of a VPN by its number, where it has a name.
    fn peer(&self, _number: i64) -> Option<Peer> {
        None
    }

    /// Whose it was all the time between two moments, both included; None where that changed, or
    /// is not known without asking for each moment.
    fn whose_throughout(&self, address: IpAddr, from: Timestamp, to: Timestamp) -> Option<Whose> {
        (from == to).then(|| self.whose(address, from))
    }
}

/// Between whom something passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// Between one of ours and the world.
    Internet = 0,
    /// Between two of ours.
    Local = 1,
    /// From or to the router itself.
    Router = 2,
    /// Through the router, between two that are not ours.
    Transit = 3,
}

impl Scope {
    pub(super) fn between(source: Whose, destination: Whose) -> Self {
        match (source, destination) {
            (Whose::Router, _) | (_, Whose::Router) => Self::Router,
            (Whose::Remote, Whose::Remote) => Self::Transit,
            (Whose::Remote, _) | (_, Whose::Remote) => Self::Internet,
            _ => Self::Local,
        }
    }
}

/// How an exporter looks at the router's interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// Indexes of the interfaces to networks of ours.
    pub lan: BTreeSet<u32>,
    /// Whether flows are also told as they go out to them.
    pub egress: bool,
}

impl Interfaces {
    /// False for a flow whose packets another record tells of, so that it must not count.
    ///
    /// A packet that is forwarded may be seen as it comes in and as it goes out. What ours send
    /// counts as it comes in from them; what they receive counts as it goes out to them where that
    /// is told, else as it comes in from the world. What the router sends itself comes in nowhere.
    pub fn counts(&self, flow: &Flow) -> bool {
        let from_lan = self.lan.contains(&flow.input);
        let to_lan = self.lan.contains(&flow.output);
        match flow.direction {
            // Told without interfaces.
            _ if flow.input == 0 && flow.output == 0 || self.lan.is_empty() => true,
            // The kernel's connections are told once each, whatever an exporter does beside them.
            Direction::Unknown if flow.sensor.is_unspecified() => true,
            Direction::Egress => flow.input == 0 || (to_lan && !from_lan),
            Direction::Ingress => from_lan || !self.egress,
            Direction::Unknown => from_lan || !(to_lan && self.egress),
        }
    }

    /// Which ways of a block count. Whether what goes out is told of as well is seen in the block
    /// itself, whenever it was written; what is in none yet is too little for that.
    pub(crate) fn counted(&self, ways: &[Path], is_block: bool) -> Vec<bool> {
        let told_out =
            |way: &Path| way.direction == Direction::Egress && (way.input != 0 || way.output != 0);
        let egress = ways.iter().any(told_out) || !is_block && self.egress;
        let seen = Self { egress, lan: self.lan.clone() };
        let counts = |way: &Path| {
            let Path { input, output, direction, sensor, .. } = *way;
            seen.counts(&Flow { input, output, direction, sensor, ..Flow::UNKNOWN })
        };
        ways.iter().map(counts).collect()
    }

    /// The interfaces of ours by which a flow came in and went out.
    pub(super) fn ours(&self, flow: &Flow) -> (Option<u32>, Option<u32>) {
        let known = |index: u32| self.lan.contains(&index).then_some(index);
        (known(flow.input), known(flow.output))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_whose_they_are() {
        for whose in
            [Whose::Router, Whose::Unknown, Whose::Device(0), Whose::Device(77), Whose::VpnPeer(5)]
        {
            assert_eq!(whose.key().map(Whose::from_key), Some(whose));
        }
        assert_eq!(Whose::Remote.key(), None);
    }

    #[test]
    fn a_packet_that_is_seen_twice_counts_once() {
        let (lan, other, wan) = (2, 4, 3);
        let seen = |input, output, direction| Flow { input, output, direction, ..Flow::UNKNOWN };
        let both = Interfaces { lan: [lan, other].into(), egress: true };
        let only_in = Interfaces { egress: false, ..both.clone() };
        let (ingress, egress) = (Direction::Ingress, Direction::Egress);
        // Upload: comes in from the LAN, goes out to the world.
        assert!(both.counts(&seen(lan, wan, ingress)));
        assert!(!both.counts(&seen(lan, wan, egress)));
        // Download: comes in from the world, goes out to the LAN.
        assert!(!both.counts(&seen(wan, lan, ingress)));
        assert!(both.counts(&seen(wan, lan, egress)));
        assert!(only_in.counts(&seen(wan, lan, ingress)));
        // Between two networks of ours.
        assert!(both.counts(&seen(lan, other, ingress)));
        assert!(!both.counts(&seen(lan, other, egress)));
        // What the router itself sends, and what is told without interfaces.
        assert!(both.counts(&seen(0, wan, egress)));
        assert!(both.counts(&seen(0, 0, Direction::Unknown)));
        assert!(Interfaces::default().counts(&seen(wan, lan, egress)));
    }
}
