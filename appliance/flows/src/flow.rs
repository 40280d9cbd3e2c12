//! One record of traffic in one direction, whatever told of it.

use std::net::{IpAddr, Ipv4Addr};

use model::{Mac, Timestamp};

/// Packets of one direction with the same addresses, ports and protocol. Counters are scaled by
/// the exporter's sampling; what an exporter does not tell is zero or unspecified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// When its first packet passed.
    pub start: Timestamp,
    /// When its last packet passed; never before `start`.
    pub end: Timestamp,
    /// Who sent it, as seen where it was observed.
    pub source: IpAddr,
    /// Who it was sent to, as seen where it was observed.
    pub destination: IpAddr,
    /// Port of the sender; 0 where the protocol has none.
    pub source_port: u16,
    /// Port of the receiver; for ICMP type × 256 + code.
    pub destination_port: u16,
    /// IP protocol number (IANA), such as 6 for TCP.
    pub protocol: u8,
    /// All TCP flags that were seen.
    pub tcp_flags: u8,
    /// DSCP and ECN, as the octet of the IP header.
    pub tos: u8,
    /// Octets of layer 3, scaled by `sampling`.
    pub bytes: u64,
    /// Packets, scaled by `sampling`.
    pub packets: u64,
    /// Interface index by which it came in; 0 is unknown.
    pub input: u32,
    /// Interface index by which it went out; 0 is unknown.
    pub output: u32,
    /// On which side of the interface it was observed.
    pub direction: Direction,
    /// Autonomous systems of sender and receiver, as the exporter told; 0 is unknown.
    pub source_as: u32,
    /// See `source_as`.
    pub destination_as: u32,
    /// Who told of it: the address of an exporter, or unspecified for the kernel's connections.
    pub sensor: IpAddr,
    /// VLAN identifier; 0 is none.
    pub vlan: u16,
    /// Hardware addresses of the sender and of the receiver on this link.
    pub source_mac: Option<Mac>,
    /// See `source_mac`.
    pub destination_mac: Option<Mac>,
    /// One packet in this many was looked at; 1 is all. Already applied to the counters.
    pub sampling: u32,
    /// The addresses and ports after translation, where told.
    pub nat: Option<Nat>,
}

/// On which side of an interface a flow was observed (IPFIX information element 61).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Not told.
    #[default]
    Unknown,
    /// As it came in.
    Ingress,
    /// As it went out.
    Egress,
}

/// What a flow's addresses and ports were translated to. Where the kernel's connections tell of a
/// flow, its own addresses are the true hosts, and these the face that the other side saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nat {
    /// The sender's address after translation.
    pub source: IpAddr,
    /// The receiver's address after translation.
    pub destination: IpAddr,
    /// The sender's port after translation.
    pub source_port: u16,
    /// The receiver's port after translation.
    pub destination_port: u16,
}

impl Flow {
    /// A flow of which nothing is known yet.
    pub const UNKNOWN: Self = Self {
        start: Timestamp(0),
        end: Timestamp(0),
        source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        source_port: 0,
        destination_port: 0,
        protocol: 0,
        tcp_flags: 0,
        tos: 0,
        bytes: 0,
        packets: 0,
        input: 0,
        output: 0,
        direction: Direction::Unknown,
        source_as: 0,
        destination_as: 0,
        sensor: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        vlan: 0,
        source_mac: None,
        destination_mac: None,
        sampling: 1,
        nat: None,
    };
}
