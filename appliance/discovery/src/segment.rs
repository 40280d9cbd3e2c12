//! An interface as discovery sees it: which addresses are on its link, which are the router's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Mac;
use serde::Serialize;

/// A network of an interface: the router's own address in it and the prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Network {
    /// The router's own address.
    pub own: IpAddr,
    /// Bits that all addresses of the network share.
    pub prefix: u8,
}

/// One interface that devices are looked for on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name, such as `eth1`.
    pub name: String,
    /// The router's own MAC address on it.
    pub mac: Mac,
    /// Its networks.
    pub networks: Vec<Network>,
}

impl Network {
    /// True for an address of this network.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.own, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                (own.to_bits() ^ ip.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let mask =
                    u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                (own.to_bits() ^ ip.to_bits()) & mask == 0
            }
            _ => false,
        }
    }

    /// True for an address of this network that a station can have: neither the network's own nor
    /// its broadcast address, which no station has (RFC 1122, 3.2.1.3); of two all are (RFC 3021).
    pub fn has_room_for(&self, ip: IpAddr) -> bool {
        let IpAddr::V4(v4) = ip else { return self.contains(ip) };
        let hosts = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        let host = v4.to_bits() & hosts;
        self.contains(ip) && (hosts <= 1 || host != 0 && host != hosts)
    }

    /// The network in the usual notation, such as `192.168.1.0/24`.
    pub fn cidr(&self) -> String {
        let base = match self.own {
            IpAddr::V4(own) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(own.to_bits() & mask))
            }
            IpAddr::V6(own) => {
                let mask =
                    u128::MAX.checked_shl(128 - u32::from(self.prefix.min(128))).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() & mask))
            }
        };
        format!("{base}/{}", self.prefix)
    }
}

impl Segment {
    /// The router's own IPv4 address on the link.
    pub(crate) fn own_v4(&self) -> Option<Ipv4Addr> {
        self.networks.iter().find_map(|n| match n.own {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
    }

    /// The router's own link-local IPv6 address on the link.
    pub(crate) fn own_link_local(&self) -> Option<Ipv6Addr> {
        self.networks.iter().find_map(|n| match n.own {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Some(ip),
            _ => None,
        })
    }

    /// True for an address that a station on this link can have itself.
    pub fn is_on_link(&self, ip: IpAddr) -> bool {
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        !ip.is_unspecified()
            && !ip.is_multicast()
            && !ip.is_loopback()
            && (link_local || self.networks.iter().any(|n| n.has_room_for(ip)))
    }

    /// True for an address of the router itself.
    pub fn is_own(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|n| n.own == ip)
    }

    /// The network that an address belongs to.
    pub fn network_of(&self, ip: IpAddr) -> Option<&Network> {
        self.networks.iter().find(|n| n.contains(ip))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_network_contains_itself_and_prints(own: u32, prefix in 0_u8..=40, other: u32) {
            let network = Network { own: Ipv4Addr::from_bits(own).into(), prefix };
            prop_assert!(network.contains(network.own));
            let other = Ipv4Addr::from_bits(other).into();
            let _ = (network.has_room_for(other), network.cidr());
        }
    }

    #[test]
    fn addresses_off_the_link_are_told_apart() {
        let network = |own: &str, prefix| Network { own: own.parse().expect("valid"), prefix };
        let segment = Segment {
            index: 1,
            name: "lan0".to_owned(),
            mac: Mac::ZERO,
            networks: vec![
                network("192.168.1.1", 24),
                network("10.0.0.6", 31),
                network("fd00::1", 64),
            ],
        };
        for (ip, on_link) in [
            ("192.168.1.77", true),
            ("192.168.2.77", false),
            ("169.254.3.4", true),
            ("fe80::5", true),
            ("fd00::5", true),
            ("2001:db8::5", false),
            ("0.0.0.0", false),
            ("224.0.0.251", false),
            ("192.168.1.0", false),
            ("192.168.1.255", false),
            ("10.0.0.7", true),
            ("255.255.255.255", false),
        ] {
            assert_eq!(segment.is_on_link(ip.parse().expect("valid")), on_link, "{ip}");
        }
        assert_eq!(segment.networks[0].cidr(), "192.168.1.0/24");
    }
}
