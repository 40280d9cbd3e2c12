//! The headers of one packet, as far as they are there: Ethernet with tags, `PPPoE` and MPLS, IPv4,
//! IPv6 and its extension headers, TCP and UDP. For what sFlow samples and what captures hold.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Mac;

use super::wire::Reader;

/// More tags or labels than any packet has.
const MAX_TAGS: usize = 6;
/// More extension headers than any packet has.
const MAX_EXTENSIONS: usize = 8;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// SCTP and UDP-Lite have their ports in the same place.
const WITH_PORTS: [u8; 4] = [TCP, UDP, 132, 136];

/// What is around an IP packet on the link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) source: Option<Mac>,
    pub(crate) destination: Option<Mac>,
    /// The outer VLAN; 0 without.
    pub(crate) vlan: u16,
}

/// A piece of a packet that was cut into several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) id: u32,
    /// Of its first octet.
    pub(crate) offset: u16,
    pub(crate) more: bool,
}

/// An IP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ip<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// What the payload is.
    pub(crate) protocol: u8,
    pub(crate) tos: u8,
    pub(crate) hop_limit: u8,
    /// Octets of the whole packet as its header has it; 0 for the kernel's large packets.
    pub(crate) length: u32,
    pub(crate) fragment: Option<Fragment>,
    /// What follows the headers, as far as it is there, without a link's filling.
    pub(crate) payload: &'a [u8],
}

/// Ports, or type and code of ICMP as the destination's, and TCP's flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transport {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) tcp_flags: u8,
}

/// The IP packet in an Ethernet frame, if it is one.
pub(crate) fn ethernet(bytes: &[u8]) -> Option<(Link, &[u8])> {
    let mut reader = Reader::new(bytes);
    let destination = Some(Mac(reader.array()?));
    let source = Some(Mac(reader.array()?));
    let (vlan, rest) = by_type(reader)?;
    Some((Link { source, destination, vlan }, rest))
}

/// The outer VLAN and the IP packet behind an Ethernet type, which the reader is at.
pub(crate) fn by_type(mut reader: Reader<'_>) -> Option<(u16, &[u8])> {
    let mut vlan = 0;
    for _ in 0..MAX_TAGS {
        match reader.be16()? {
            0x0800 | 0x86dd => return Some((vlan, reader.rest())),
            0x8100 | 0x88a8 | 0x9100 => {
                let tag = reader.be16()? & 0xfff;
                vlan = if vlan == 0 { tag } else { vlan };
            }
            0x8864 => {
                reader.take(6)?;
                return matches!(reader.be16()?, 0x21 | 0x57).then_some((vlan, reader.rest()));
            }
            0x8847 | 0x8848 => {
                for _ in 0..MAX_TAGS {
                    if reader.be32()? & 0x100 != 0 {
                        return Some((vlan, reader.rest()));
                    }
                }
                return None;
            }
            _ => return None,
        }
    }
    None
}

/// Reads an IP packet of either version, of which the end may be missing.
pub(crate) fn ip(bytes: &[u8]) -> Option<Ip<'_>> {
    match bytes.first()? >> 4 {
        4 => ipv4(bytes),
        6 => ipv6(bytes),
        _ => None,
    }
}

fn ipv4(bytes: &[u8]) -> Option<Ip<'_>> {
    let mut reader = Reader::new(bytes);
    let header = usize::from(reader.u8()? & 0xf) * 4;
    let tos = reader.u8()?;
    let length = usize::from(reader.be16()?);
    let id = reader.be16()?;
    let flags = reader.be16()?;
    let hop_limit = reader.u8()?;
    let protocol = reader.u8()?;
    reader.be16()?;
    let source = Ipv4Addr::from(reader.be32()?).into();
    let destination = Ipv4Addr::from(reader.be32()?).into();
    // The kernel's large packets have no length here.
    let end = if length == 0 { bytes.len() } else { length };
    if header < 20 || end < header {
        return None;
    }
    let payload = bytes.get(header..end.min(bytes.len()))?;
    let more = flags & 0x2000 != 0;
    let offset = (flags & 0x1fff) << 3;
    let fragment = (more || offset != 0).then_some(Fragment { id: id.into(), offset, more });
    let length = length as u32;
    Some(Ip { source, destination, protocol, tos, hop_limit, length, fragment, payload })
}

fn ipv6(bytes: &[u8]) -> Option<Ip<'_>> {
    let mut reader = Reader::new(bytes);
    let tos = (reader.be32()? >> 20) as u8;
    let length = usize::from(reader.be16()?);
    let mut protocol = reader.u8()?;
    let hop_limit = reader.u8()?;
    let source = Ipv6Addr::from(reader.array::<16>()?).into();
    let destination = Ipv6Addr::from(reader.array::<16>()?).into();
    let whole = if length == 0 { bytes.len() } else { 40 + length };
    let mut rest = Reader::new(bytes.get(40..whole.min(bytes.len()))?);
    let mut fragment = None;
    for _ in 0..MAX_EXTENSIONS {
        let before = rest;
        let skip = match protocol {
            0 | 43 | 60 | 135 => |length: u8| usize::from(length) * 8 + 6,
            51 => |length: u8| usize::from(length) * 4 + 6,
            44 => |_: u8| 6,
            _ => break,
        };
        let (Some(next), Some(size)) = (rest.u8(), rest.u8()) else { break };
        let Some(body) = rest.take(skip(size)) else {
            rest = before;
            break;
        };
        if protocol == 44 {
            let mut body = Reader::new(body);
            let flags = body.be16()?;
            let more = flags & 1 != 0;
            fragment = Some(Fragment { id: body.be32()?, offset: flags & 0xfff8, more });
        }
        protocol = next;
        if fragment.is_some_and(|fragment| fragment.offset != 0) {
            break;
        }
    }
    // A fragment of everything is none.
    let fragment = fragment.filter(|fragment| fragment.more || fragment.offset != 0);
    let length = if length == 0 { 0 } else { whole as u32 };
    let payload = rest.rest();
    Some(Ip { source, destination, protocol, tos, hop_limit, length, fragment, payload })
}

/// What the transport's header says, if it is there.
pub(crate) fn transport(ip: &Ip<'_>) -> Transport {
    let mut told = Transport::default();
    if ip.fragment.is_some_and(|fragment| fragment.offset != 0) {
        return told;
    }
    let mut reader = Reader::new(ip.payload);
    if ip.protocol == 1 || ip.protocol == 58 {
        told.destination_port = reader.be16().unwrap_or(0);
    } else if WITH_PORTS.contains(&ip.protocol) {
        told.source_port = reader.be16().unwrap_or(0);
        told.destination_port = reader.be16().unwrap_or(0);
        if ip.protocol == TCP {
            told.tcp_flags = ip.payload.get(13).copied().unwrap_or(0);
        }
    }
    told
}
