//! What a frame on the LAN tells about who sent it. Bytes in, a typed fact or a typed error out;
//! no input panics, and the work for one frame is bounded by its length.
//!
//! Strings come out short and free of control characters. Nothing here is believed: whether the
//! sender may say so is for the engine to judge.

pub mod arp;
pub mod cdp;
pub mod dhcp4;
pub mod dhcp6;
pub mod dns;
mod ip;
pub mod lldp;
pub mod nbns;
pub mod ndp;
mod read;
pub mod ssdp;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use model::Mac;

pub use arp::Arp;
pub use cdp::Cdp;
pub use dhcp4::{Dhcp4, Dhcp4Kind};
pub use dhcp6::{Dhcp6, Dhcp6Kind, Duid};
pub use dns::{Answers, Instance, Llmnr, Mdns, Question};
pub use lldp::{Capabilities, Lldp, LldpId};
pub use nbns::{NetBios, NetBiosName, NetBiosOperation};
pub use ndp::{
    MldReport, NeighbourAdvertisement, NeighbourSolicitation, Prefix, RouterAdvertisement,
    RouterSolicitation,
};
pub use ssdp::{Ssdp, SsdpKind};

use ndp::Icmp6;
use read::Reader;

/// A frame that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The station that sent it; for a routed packet that is the router.
    pub source: Mac,
    /// The station or group it is for.
    pub destination: Mac,
    /// The outer VLAN tag inside the frame; `None` without one and for a mere priority tag.
    pub vlan: Option<u16>,
    /// The IP source address; `None` without an IP header and when it is `0.0.0.0` or `::`.
    pub ip: Option<IpAddr>,
    /// IPv4 time to live or IPv6 hop limit, which tells the sender's kind of system.
    pub hop_limit: Option<u8>,
    /// What it says.
    pub fact: Fact,
}

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// ARP request, reply, probe or announcement.
    Arp(Arp),
    /// `ICMPv6` neighbour solicitation.
    NeighbourSolicitation(NeighbourSolicitation),
    /// `ICMPv6` neighbour advertisement.
    NeighbourAdvertisement(NeighbourAdvertisement),
    /// `ICMPv6` router solicitation.
    RouterSolicitation(RouterSolicitation),
    /// `ICMPv6` router advertisement.
    RouterAdvertisement(RouterAdvertisement),
    /// Multicast listener report, version 1 or 2.
    MldReport(MldReport),
    /// ICMP or `ICMPv6` echo reply, or what answers an option that nobody knows, from
    /// [`Heard::ip`].
    EchoReply,
    /// DHCP for IPv4.
    Dhcp4(Box<Dhcp4>),
    /// DHCP for IPv6.
    Dhcp6(Box<Dhcp6>),
    /// Multicast DNS.
    Mdns(Box<Mdns>),
    /// SSDP.
    Ssdp(Box<Ssdp>),
    /// Link-local multicast name resolution.
    Llmnr(Llmnr),
    /// Addresses of a name, as a name server answers.
    Answers(Box<Answers>),
    /// NetBIOS name service.
    NetBios(Box<NetBios>),
    /// Link layer discovery protocol.
    Lldp(Box<Lldp>),
    /// Cisco discovery protocol.
    Cdp(Box<Cdp>),
    /// Anything else, among it IP fragments.
    Other,
}

/// A frame that does not keep to its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("malformed {protocol}: {why}")]
pub struct DecodeError {
    /// The protocol whose rules it breaks.
    pub protocol: Protocol,
    /// How it breaks them.
    pub why: Why,
}

/// How a frame breaks the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Why {
    /// It ends too early.
    #[error("ends too early")]
    Truncated,
    /// A length in it cannot be.
    #[error("impossible length")]
    BadLength,
    /// A value in it cannot be.
    #[error("impossible value")]
    BadValue,
    /// A name in it points to itself or ahead.
    #[error("name that points ahead")]
    Loop,
    /// More parts than a sound sender uses.
    #[error("too many parts")]
    TooMany,
    /// A variant that nobody on a home network speaks.
    #[error("unsupported variant")]
    Unsupported,
}

/// The protocols that malformed frames are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Ethernet and VLAN tags.
    Ethernet,
    /// ARP.
    Arp,
    /// IPv4 header.
    Ipv4,
    /// IPv6 and extension headers.
    Ipv6,
    /// UDP header.
    Udp,
    /// `ICMPv6`: neighbour discovery and multicast listeners.
    Ndp,
    /// DHCP for IPv4.
    Dhcp4,
    /// DHCP for IPv6.
    Dhcp6,
    /// Multicast DNS.
    Mdns,
    /// Link-local multicast name resolution.
    Llmnr,
    /// NetBIOS name service.
    NetBios,
    /// SSDP.
    Ssdp,
    /// LLDP.
    Lldp,
    /// CDP.
    Cdp,
    /// Answers of name servers.
    Dns,
}

impl Protocol {
    /// All of them; `ALL[p as usize] == p`.
    pub const ALL: [Self; 15] = [
        Self::Ethernet,
        Self::Arp,
        Self::Ipv4,
        Self::Ipv6,
        Self::Udp,
        Self::Ndp,
        Self::Dhcp4,
        Self::Dhcp6,
        Self::Mdns,
        Self::Llmnr,
        Self::NetBios,
        Self::Ssdp,
        Self::Lldp,
        Self::Cdp,
        Self::Dns,
    ];

    /// Its name in metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Udp => "udp",
            Self::Ndp => "ndp",
            Self::Dhcp4 => "dhcp4",
            Self::Dhcp6 => "dhcp6",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::NetBios => "netbios",
            Self::Ssdp => "ssdp",
            Self::Lldp => "lldp",
            Self::Cdp => "cdp",
            Self::Dns => "dns",
        }
    }

    const fn error(self, why: Why) -> DecodeError {
        DecodeError { protocol: self, why }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_SERVICE_VLAN: u16 = 0x88a8;
const ETHERTYPE_LLDP: u16 = 0x88cc;
/// Up to here the field is a length, and an 802.2 header follows (IEEE 802.3, 3.2.6).
const LONGEST_8023: u16 = 1500;
/// 802.2 SNAP header, Cisco's number, CDP.
const CDP_SNAP: [u8; 8] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00];

/// Decodes an Ethernet frame, from its destination address to its end without checksum.
pub fn ethernet(frame: &[u8]) -> Result<Heard, DecodeError> {
    let bad_frame = |why| Protocol::Ethernet.error(why);
    let mut r = Reader::new(frame);
    let destination = r.mac().map_err(bad_frame)?;
    let source = r.mac().map_err(bad_frame)?;
    if !source.is_station() {
        return Err(bad_frame(Why::BadValue));
    }
    let mut kind = r.be16().map_err(bad_frame)?;
    let mut vlan = None;
    for _ in 0..2 {
        if kind == ETHERTYPE_VLAN || kind == ETHERTYPE_SERVICE_VLAN {
            let tag = r.be16().map_err(bad_frame)? & 0x0fff;
            vlan = vlan.or_else(|| (tag != 0).then_some(tag));
            kind = r.be16().map_err(bad_frame)?;
        }
    }
    let mut heard =
        Heard { source, destination, vlan, ip: None, hop_limit: None, fact: Fact::Other };
    heard.fact = match kind {
        ETHERTYPE_ARP => of(Protocol::Arp, arp::decode(r.rest()), Fact::Arp)?,
        ETHERTYPE_LLDP => of(Protocol::Lldp, lldp::decode(r.rest()), boxed(Fact::Lldp))?,
        ETHERTYPE_IPV4 => {
            let packet = ip::ipv4(r.rest()).map_err(|why| Protocol::Ipv4.error(why))?;
            heard.take_header(&packet);
            ipv4_fact(&packet)?
        }
        ETHERTYPE_IPV6 => {
            let packet = ip::ipv6(r.rest()).map_err(|why| Protocol::Ipv6.error(why))?;
            heard.take_header(&packet);
            ipv6_fact(&packet)?
        }
        length @ 0..=LONGEST_8023 => {
            let body = r.take(usize::from(length)).map_err(bad_frame)?;
            match body.strip_prefix(&CDP_SNAP) {
                Some(body) => of(Protocol::Cdp, cdp::decode(body), boxed(Fact::Cdp))?,
                None => Fact::Other,
            }
        }
        _ => Fact::Other,
    };
    Ok(heard)
}

impl Heard {
    fn take_header(&mut self, packet: &ip::Packet<'_>) {
        self.ip = Some(packet.source).filter(|address| !address.is_unspecified());
        self.hop_limit = Some(packet.hop_limit);
    }
}

fn ipv4_fact(packet: &ip::Packet<'_>) -> Result<Fact, DecodeError> {
    match packet.protocol {
        Some(ip::ICMPV4) if packet.payload.starts_with(&[0, 0]) => Ok(Fact::EchoReply),
        Some(ip::UDP) => {
            let (source, destination, payload) =
                ip::udp(packet.payload).map_err(|why| Protocol::Udp.error(why))?;
            match (source, destination) {
                (67 | 68, 67 | 68) => {
                    of(Protocol::Dhcp4, dhcp4::decode(payload), boxed(Fact::Dhcp4))
                }
                (137, _) | (_, 137) => {
                    of(Protocol::NetBios, nbns::decode(payload), boxed(Fact::NetBios))
                }
                _ => name_fact(source, destination, payload),
            }
        }
        _ => Ok(Fact::Other),
    }
}

fn ipv6_fact(packet: &ip::Packet<'_>) -> Result<Fact, DecodeError> {
    match packet.protocol {
        Some(ip::ICMPV6) => {
            let message = ndp::decode(packet.payload, packet.hop_limit)
                .map_err(|why| Protocol::Ndp.error(why))?;
            Ok(match message {
                Icmp6::NeighbourSolicitation(it) => Fact::NeighbourSolicitation(it),
                Icmp6::NeighbourAdvertisement(it) => Fact::NeighbourAdvertisement(it),
                Icmp6::RouterSolicitation(it) => Fact::RouterSolicitation(it),
                Icmp6::RouterAdvertisement(it) => Fact::RouterAdvertisement(it),
                Icmp6::MldReport(it) => Fact::MldReport(it),
                Icmp6::EchoReply => Fact::EchoReply,
                Icmp6::Other => Fact::Other,
            })
        }
        Some(ip::UDP) => {
            let (source, destination, payload) =
                ip::udp(packet.payload).map_err(|why| Protocol::Udp.error(why))?;
            match (source, destination) {
                (546 | 547, 546 | 547) => match dhcp6::decode(payload) {
                    Ok(None) => Ok(Fact::Other),
                    Ok(Some(message)) => Ok(Fact::Dhcp6(Box::new(message))),
                    Err(why) => Err(Protocol::Dhcp6.error(why)),
                },
                _ => name_fact(source, destination, payload),
            }
        }
        _ => Ok(Fact::Other),
    }
}

/// Protocols that run over IPv4 and IPv6 alike.
fn name_fact(source: u16, destination: u16, payload: &[u8]) -> Result<Fact, DecodeError> {
    match (source, destination) {
        (53, _) => match dns::answers(payload) {
            Ok(found) => Ok(found.map_or(Fact::Other, |found| Fact::Answers(Box::new(found)))),
            Err(why) => Err(Protocol::Dns.error(why)),
        },
        (5353, _) | (_, 5353) => of(Protocol::Mdns, dns::mdns(payload), boxed(Fact::Mdns)),
        (5355, _) | (_, 5355) => of(Protocol::Llmnr, dns::llmnr(payload), Fact::Llmnr),
        (1900, _) | (_, 1900) => of(Protocol::Ssdp, ssdp::decode(payload), boxed(Fact::Ssdp)),
        _ => Ok(Fact::Other),
    }
}

fn of<T>(
    protocol: Protocol,
    result: Result<T, Why>,
    fact: impl FnOnce(T) -> Fact,
) -> Result<Fact, DecodeError> {
    result.map(fact).map_err(|why| protocol.error(why))
}

fn boxed<T>(fact: impl FnOnce(Box<T>) -> Fact) -> impl FnOnce(T) -> Fact {
    |value| fact(Box::new(value))
}
