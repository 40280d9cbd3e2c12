//! What is known of an interface.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Mac;
use serde::Serialize;

/// What sort of interface it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A network card.
    Ethernet,
    /// The router itself.
    Loopback,
    /// An IEEE 802.1Q tag on another interface.
    Vlan,
    /// A switch in software.
    Bridge,
    /// Several cards as one (bond, team).
    Bond,
    /// A routing table of its own.
    Vrf,
    /// `WireGuard`.
    WireGuard,
    /// A tunnel by a program (TUN or TAP), such as `OpenVPN`.
    Tun,
    /// A tunnel by the kernel: GRE, IPIP, SIT, VTI, XFRM, VXLAN, L2TP and so on.
    Tunnel,
    /// A point-to-point line (PPP), such as `PPPoE`.
    Ppp,
    /// One end of a cable between namespaces.
    Veth,
    /// An interface without a line.
    Dummy,
    /// A second MAC address on another interface (MACVLAN, IPVLAN).
    Macvlan,
    /// Mobile radio.
    Wwan,
    /// Something else; [`Link::driver`] has its name.
    Other,
}

impl Kind {
    /// The kind by the kernel's name of it, and by the type of its hardware address
    /// (`linux/if_arp.h`) where there is none.
    pub(super) fn new(driver: &str, hardware: u16) -> Self {
        const ETHER: u16 = 1;
        const PPP: u16 = 512;
        const LOOPBACK: u16 = 772;
        const RAWIP: u16 = 519;
        match driver {
            "vlan" => Self::Vlan,
            "bridge" => Self::Bridge,
            "bond" | "team" => Self::Bond,
            "vrf" => Self::Vrf,
            "wireguard" => Self::WireGuard,
            "tun" => Self::Tun,
            "gre" | "gretap" | "ip6gre" | "ip6gretap" | "erspan" | "ip6erspan" | "ipip" | "sit"
            | "ip6tnl" | "vti" | "vti6" | "xfrm" | "vxlan" | "geneve" | "l2tpeth" | "bareudp" => {
                Self::Tunnel
            }
            "ppp" => Self::Ppp,
            "veth" => Self::Veth,
            "dummy" => Self::Dummy,
            "macvlan" | "macvtap" | "ipvlan" | "ipvtap" => Self::Macvlan,
            "wwan" => Self::Wwan,
            _ => match hardware {
                ETHER if driver.is_empty() => Self::Ethernet,
                LOOPBACK => Self::Loopback,
                PPP => Self::Ppp,
                RAWIP => Self::Wwan,
                _ => Self::Other,
            },
        }
    }

    /// A word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Loopback => "loopback",
            Self::Vlan => "VLAN",
            Self::Bridge => "bridge",
            Self::Bond => "bond",
            Self::Vrf => "VRF",
            Self::WireGuard => "WireGuard",
            Self::Tun => "TUN/TAP",
            Self::Tunnel => "tunnel",
            Self::Ppp => "PPP",
            Self::Veth => "veth",
            Self::Dummy => "dummy",
            Self::Macvlan => "MACVLAN",
            Self::Wwan => "WWAN",
            Self::Other => "other",
        }
    }
}

/// Whether an interface works (RFC 2863, ifOperStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperState {
    /// The driver does not say; it may well work.
    Unknown,
    /// The hardware is gone.
    NotPresent,
    /// It is down, or there is no cable.
    Down,
    /// What it is built on is down.
    LowerLayerDown,
    /// It is being tested.
    Testing,
    /// It waits for something, such as a sign-in.
    Dormant,
    /// It works.
    Up,
}

impl OperState {
    /// From `IFLA_OPERSTATE` (linux/if.h).
    pub(super) const fn new(number: u8) -> Self {
        match number {
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            _ => Self::Unknown,
        }
    }

    /// A word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotPresent => "not present",
            Self::Down => "down",
            Self::LowerLayerDown => "lower layer down",
            Self::Testing => "testing",
            Self::Dormant => "dormant",
            Self::Up => "up",
        }
    }
}

/// Whether both sides may speak at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplex {
    /// In turns.
    Half,
    /// Both at the same time.
    Full,
}

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everywhere.
    Global,
    /// This link only.
    Link,
    /// This router only.
    Host,
}

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The own address.
    pub ip: IpAddr,
    /// Bits of the network's part.
    pub prefix: u8,
    /// The other end of a point-to-point line.
    pub peer: Option<IpAddr>,
    /// How far it reaches.
    pub scope: Scope,
    /// It was not assigned for good but by DHCP, an announcement or for a time.
    pub is_dynamic: bool,
    /// It is valid but not to be used for new connections.
    pub is_deprecated: bool,
    /// Another host has it as well (RFC 4862, 5.4.5).
    pub is_duplicate: bool,
}

/// What the kernel has counted since the interface came up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received that were broken.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Sound packets that were dropped on the way in.
    pub rx_dropped: u64,
    /// Packets that were dropped on the way out.
    pub tx_dropped: u64,
    /// Packets received for many.
    pub multicast: u64,
}

/// How fast the counters grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Bits a second received.
    pub rx_bps: f64,
    /// Bits a second sent.
    pub tx_bps: f64,
    /// Packets a second received.
    pub rx_pps: f64,
    /// Packets a second sent.
    pub tx_pps: f64,
}

impl Rates {
    /// How fast the counters grew over this time; None where they were reset meanwhile.
    pub fn between(older: &Counters, newer: &Counters, elapsed: Duration) -> Option<Self> {
        let seconds = elapsed.as_secs_f64();
        if seconds <= 0.0 {
            return None;
        }
        let rate = |old: u64, new: u64| new.checked_sub(old).map(|n| n as f64 / seconds);
        Some(Self {
            rx_bps: rate(older.rx_bytes, newer.rx_bytes)? * 8.0,
            tx_bps: rate(older.tx_bytes, newer.tx_bytes)? * 8.0,
            rx_pps: rate(older.rx_packets, newer.rx_packets)?,
            tx_pps: rate(older.tx_packets, newer.tx_packets)?,
        })
    }
}

/// What changes rarely about an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The kernel's number of it.
    pub index: u32,
    /// Its name, such as `eth0`.
    pub name: String,
    /// A description that somebody has given it (`ip link set alias`).
    pub alias: Option<String>,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// Largest packet, in bytes.
    pub mtu: u32,
    /// What sort it is.
    pub kind: Kind,
    /// The kernel's name of the sort, such as `gretap`; empty for a card.
    pub driver: String,
    /// It is switched on.
    pub is_up: bool,
    /// Whether it works.
    pub oper: OperState,
    /// There is a signal on the line.
    pub has_carrier: bool,
    /// The interface it is built on, such as `eth0` of `eth0.5`.
    pub parent: Option<String>,
    /// The bridge, bond or VRF it is part of.
    pub master: Option<String>,
    /// The VRF it is in, by itself or through its bridge or bond.
    pub vrf: Option<String>,
    /// Of a VRF: its routing table.
    pub vrf_table: Option<u32>,
    /// Of a VLAN: its number.
    pub vlan: Option<u16>,
    /// Megabits a second.
    pub speed_mbps: Option<u32>,
    /// Whether both sides may speak at the same time.
    pub duplex: Option<Duplex>,
    /// All of its addresses, IPv4 first, as the kernel orders them.
    pub addresses: Vec<Address>,
}

/// An interface at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interface {
    /// What changes rarely.
    #[serde(flatten)]
    pub link: Arc<Link>,
    /// What it has counted.
    pub counters: Counters,
    /// How fast that grows; None for a first look, and after a reset.
    pub rates: Option<Rates>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_growth_by_time_in_bits() {
        let older = Counters { rx_bytes: 1_000, tx_bytes: 0, ..Counters::default() };
        let newer = Counters { rx_bytes: 2_000, tx_bytes: 500, rx_packets: 4, ..older };
        let rates = Rates::between(&older, &newer, Duration::from_secs(2)).expect("it grew");
        assert_eq!((rates.rx_bps, rates.tx_bps, rates.rx_pps), (4_000.0, 2_000.0, 2.0));
    }

    #[test]
    fn counters_that_were_reset_give_no_rate() {
        let older = Counters { rx_bytes: 1_000, ..Counters::default() };
        assert_eq!(Rates::between(&older, &Counters::default(), Duration::from_secs(1)), None);
        assert_eq!(Rates::between(&older, &older, Duration::ZERO), None);
    }

    #[test]
    fn a_card_is_told_from_what_only_looks_like_one() {
        assert_eq!(Kind::new("", 1), Kind::Ethernet);
        assert_eq!(Kind::new("", 772), Kind::Loopback);
        assert_eq!(Kind::new("wireguard", 65_534), Kind::WireGuard);
        assert_eq!(Kind::new("hsr", 1), Kind::Other);
    }
}
