//! Neighbour discovery (RFC 4861) and multicast listener reports (RFC 2710, RFC 3810).

use std::net::Ipv6Addr;

use model::Mac;

use super::Why;
use super::read::Reader;

/// Somebody asks for the link-layer address of `target`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourSolicitation {
    /// The address asked for; the sender's own tentative one when the frame's sender is `::`.
    pub target: Ipv6Addr,
    /// The asker's own MAC address, if it told.
    pub source_link: Option<Mac>,
}

/// Somebody says that `target` is at `target_link`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourAdvertisement {
    /// The address spoken of.
    pub target: Ipv6Addr,
    /// Its MAC address; when left out it is the frame's source.
    pub target_link: Option<Mac>,
    /// The sender routes.
    pub router: bool,
    /// It answers a solicitation.
    pub solicited: bool,
}

/// Somebody looks for routers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterSolicitation {
    /// The asker's own MAC address, if it told.
    pub source_link: Option<Mac>,
}

/// A router announces itself and its prefixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterAdvertisement {
    /// Seconds for which it is a default router; 0 when it is none.
    pub lifetime: u16,
    /// Addresses come from DHCPv6.
    pub managed: bool,
    /// Other settings come from DHCPv6.
    pub other: bool,
    /// The router's own MAC address, if it told.
    pub source_link: Option<Mac>,
    /// Prefixes of the link, at most 16.
    pub prefixes: Vec<Prefix>,
}

/// A prefix of a router advertisement (RFC 4861, 4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Its address, host bits as sent.
    pub address: Ipv6Addr,
    /// Its length in bits, at most 128.
    pub length: u8,
    /// Addresses in it are on this link.
    pub on_link: bool,
    /// Hosts make their own addresses in it.
    pub autonomous: bool,
    /// Seconds for which it is valid; `u32::MAX` is for ever.
    pub valid: u32,
}

/// Multicast groups that the sender listens to. Solicited-node groups tell the low 24 bits of its
/// addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MldReport {
    /// At most 64 groups.
    pub groups: Vec<Ipv6Addr>,
}

/// An `ICMPv6` message that discovery has a use for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Icmp6 {
    /// Type 135.
    NeighbourSolicitation(NeighbourSolicitation),
    /// Type 136.
    NeighbourAdvertisement(NeighbourAdvertisement),
    /// Type 133.
    RouterSolicitation(RouterSolicitation),
    /// Type 134.
    RouterAdvertisement(RouterAdvertisement),
    /// Types 131 and 143.
    MldReport(MldReport),
    /// Type 129.
    EchoReply,
    /// Any other type.
    Other,
}

const MOST_PREFIXES: usize = 16;
const MOST_GROUPS: usize = 64;

/// Decodes an `ICMPv6` message; `hop_limit` is that of its IPv6 header, which a neighbour discovery
/// message must have kept at 255 (RFC 4861, 6.1): anything else was sent from another link.
pub fn decode(bytes: &[u8], hop_limit: u8) -> Result<Icmp6, Why> {
    let mut r = Reader::new(bytes);
    let [kind, code] = r.array()?;
    let _checksum = r.be16()?;
    if matches!(kind, 133..=136) && (hop_limit != 255 || code != 0) {
        return Err(Why::BadValue);
    }
    Ok(match kind {
        // A parameter problem answers an option that nobody knows, as an echo reply an echo.
        4 | 129 => Icmp6::EchoReply,
        131 => {
            let _delay = r.be32()?;
            Icmp6::MldReport(MldReport { groups: vec![group(&mut r)?] })
        }
        133 => {
            let _reserved = r.be32()?;
            let options = options(r, |_| {})?;
            Icmp6::RouterSolicitation(RouterSolicitation { source_link: options.source_link })
        }
        134 => Icmp6::RouterAdvertisement(router_advertisement(r)?),
        135 => {
            let _reserved = r.be32()?;
            let target = unicast(&mut r)?;
            let source_link = options(r, |_| {})?.source_link;
            Icmp6::NeighbourSolicitation(NeighbourSolicitation { target, source_link })
        }
        136 => {
            let flags = r.be32()?;
            let target = unicast(&mut r)?;
            let target_link = options(r, |_| {})?.target_link;
            Icmp6::NeighbourAdvertisement(NeighbourAdvertisement {
                target,
                target_link,
                router: flags & 1 << 31 != 0,
                solicited: flags & 1 << 30 != 0,
            })
        }
        143 => Icmp6::MldReport(mld2_report(r)?),
        _ => Icmp6::Other,
    })
}

fn unicast(r: &mut Reader<'_>) -> Result<Ipv6Addr, Why> {
    let address = r.ipv6()?;
    if address.is_multicast() || address.is_unspecified() {
        return Err(Why::BadValue);
    }
    Ok(address)
}

fn group(r: &mut Reader<'_>) -> Result<Ipv6Addr, Why> {
    let address = r.ipv6()?;
    if address.is_multicast() { Ok(address) } else { Err(Why::BadValue) }
}

fn router_advertisement(mut r: Reader<'_>) -> Result<RouterAdvertisement, Why> {
    let _hop_limit = r.u8()?;
    let flags = r.u8()?;
    let lifetime = r.be16()?;
    let _timers = r.array::<8>()?;
    let mut prefixes = Vec::new();
    let options = options(r, |prefix| {
        if prefixes.len() < MOST_PREFIXES {
            prefixes.push(prefix);
        }
    })?;
    Ok(RouterAdvertisement {
        lifetime,
        managed: flags & 0x80 != 0,
        other: flags & 0x40 != 0,
        source_link: options.source_link,
        prefixes,
    })
}

#[derive(Default)]
struct Options {
    source_link: Option<Mac>,
    target_link: Option<Mac>,
}

/// Walks the options (RFC 4861, 4.6): type, length in 8 octets, body.
fn options(mut r: Reader<'_>, mut on_prefix: impl FnMut(Prefix)) -> Result<Options, Why> {
    let mut options = Options::default();
    while !r.is_empty() {
        let [kind, units] = r.array()?;
        if units == 0 {
            return Err(Why::BadLength);
        }
        let mut body = Reader::new(r.take(usize::from(units) * 8 - 2)?);
        match kind {
            1 => options.source_link = Some(body.mac()?).filter(|mac| mac.is_station()),
            2 => options.target_link = Some(body.mac()?).filter(|mac| mac.is_station()),
            3 => on_prefix(prefix(body)?),
            _ => {}
        }
    }
    Ok(options)
}

fn prefix(mut r: Reader<'_>) -> Result<Prefix, Why> {
    let [length, flags] = r.array()?;
    let valid = r.be32()?;
    let _preferred = r.be32()?;
    let _reserved = r.be32()?;
    let address = r.ipv6()?;
    if length > 128 {
        return Err(Why::BadValue);
    }
    Ok(Prefix { address, length, on_link: flags & 0x80 != 0, autonomous: flags & 0x40 != 0, valid })
}

fn mld2_report(mut r: Reader<'_>) -> Result<MldReport, Why> {
    let _reserved = r.be16()?;
    let records = r.be16()?;
    let mut groups = Vec::new();
    for _ in 0..records {
        let [kind, auxiliary] = r.array()?;
        let sources = usize::from(r.be16()?);
        let address = group(&mut r)?;
        r.take(sources * 16 + usize::from(auxiliary) * 4)?;
        // A change to "include nothing" (RFC 3810, 5.2.12) says that it left the group.
        let left = matches!(kind, 1 | 3) && sources == 0;
        if !left && groups.len() < MOST_GROUPS {
            groups.push(address);
        }
    }
    Ok(MldReport { groups })
}
