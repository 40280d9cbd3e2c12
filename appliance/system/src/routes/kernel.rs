//! Routes as the kernel has them (rtnetlink(7), linux/rtnetlink.h).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use serde::Serialize;

use super::{Family, HopKind, MOST_ROUTES, NextHop, Route, Routes, Source};
use crate::SystemError;
use netlink::Netlink;
use netlink::wire::{Attribute, Message, Request, attributes, native_u16, native_u32};

const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
/// Bytes of `rtmsg`.
const HEADER: usize = 12;
/// Bytes of `rtnexthop`.
const HOP_HEADER: usize = 8;
/// The own addresses, which are no routes to anywhere.
const TABLE_LOCAL: u32 = 255;
const TABLE_MAIN: u32 = 254;
/// A copy that the kernel keeps for itself.
const FLAG_CLONED: u32 = 0x200;
/// A way that cannot be used: `RTNH_F_DEAD`, `RTNH_F_LINKDOWN`.
const HOP_DEAD: u8 = 0x01 | 0x10;
/// The most ways of one route.
const MOST_HOPS: usize = 256;

/// A route with numbers for names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RawRoute {
    network: IpAddr,
    prefix: u8,
    table: u32,
    protocol: u8,
    metric: u32,
    hops: Vec<RawHop>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RawHop {
    kind: HopKind,
    gateway: Option<IpAddr>,
    interface: Option<u32>,
    is_active: bool,
    weight: u32,
}

/// One route; None for any other message, and for routes to the router itself.
fn decode(message: &Message<'_>, only_default: bool) -> Option<RawRoute> {
    if message.kind != NEW_ROUTE {
        return None;
    }
    let [family, prefix, _, _, table, protocol, _, kind] = *message.body.first_chunk()?;
    if only_default && prefix != 0 || native_u32(message.body, 8)? & FLAG_CLONED != 0 {
        return None;
    }
    // RTN_UNICAST, RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT
    let dropping = match kind {
        1 => None,
        6 => Some(HopKind::Blackhole),
        7 => Some(HopKind::Unreachable),
        8 => Some(HopKind::Prohibited),
        _ => return None,
    };
    let mut route = RawRoute {
        network: match i32::from(family) {
            libc::AF_INET => Ipv4Addr::UNSPECIFIED.into(),
            libc::AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        },
        prefix,
        table: table.into(),
        protocol,
        metric: 0,
        hops: Vec::new(),
    };
    let (mut gateway, mut interface) = (None, None);
    for attribute in message.attributes(HEADER) {
        match attribute.kind {
            1 => route.network = attribute.ip()?,
            4 => interface = attribute.u32(),
            5 => gateway = attribute.ip(),
            6 => route.metric = attribute.u32().unwrap_or(0),
            9 => route.hops = hops(attribute.value),
            15 => route.table = attribute.u32()?,
            18 => gateway = via(attribute),
            _ => {}
        }
    }
    if route.hops.is_empty() {
        let kind = dropping.unwrap_or(way(gateway));
        let interface = interface.filter(|_| dropping.is_none());
        route.hops.push(RawHop { kind, gateway, interface, is_active: true, weight: 1 });
    }
    (route.table != TABLE_LOCAL).then_some(route)
}

const fn way(gateway: Option<IpAddr>) -> HopKind {
    if gateway.is_some() { HopKind::Gateway } else { HopKind::Connected }
}

/// `RTA_VIA`: a gateway of the other family, behind the family's number.
fn via(attribute: Attribute<'_>) -> Option<IpAddr> {
    Attribute { kind: 0, value: attribute.value.get(2..)? }.ip()
}

/// The ways of `RTA_MULTIPATH`.
fn hops(mut rest: &[u8]) -> Vec<RawHop> {
    let mut found = Vec::new();
    while let (Some(length), Some([flags, weight])) =
        (native_u16(rest, 0), rest.get(2..4).and_then(|two| <[u8; 2]>::try_from(two).ok()))
    {
        let length = usize::from(length);
        let Some(inner) = rest.get(HOP_HEADER..length) else {
            break;
        };
        let gateway = attributes(inner).find_map(|a| match a.kind {
            5 => a.ip(),
            18 => via(a),
            _ => None,
        });
        found.push(RawHop {
            kind: way(gateway),
            gateway,
            interface: native_u32(rest, 4),
            is_active: flags & HOP_DEAD == 0,
            weight: u32::from(weight) + 1,
        });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        if found.len() >= MOST_HOPS {
            break;
        }
    }
    found
}

/// Asks for the routes of a family; `each` returns false when it has had enough.
fn dump(
    family: Family,
    only_default: bool,
    mut each: impl FnMut(RawRoute),
) -> Result<(), SystemError> {
    let failed = SystemError::io("ask the kernel for", "its routes");
    let mut header = [0; HEADER];
    header[0] = match family {
        Family::V4 => libc::AF_INET as u8,
        Family::V6 => libc::AF_INET6 as u8,
    };
    let asked = Netlink::open(netlink::ROUTE).and_then(|mut netlink| {
        netlink.dump(Request::all(GET_ROUTE, &header), |message| {
            if let Some(route) = decode(message, only_default) {
                each(route);
            }
            ControlFlow::Continue(())
        })
    });
    asked.map(drop).map_err(failed)
}

/// Reads the routes of a family. For threads that may block.
pub(super) fn read(
    family: Family,
    vrfs: &BTreeMap<u32, String>,
    links: &BTreeMap<u32, String>,
) -> Result<Routes, SystemError> {
    let (mut routes, mut left_out) = (Vec::new(), 0);
    dump(family, false, |raw| {
        if routes.len() >= MOST_ROUTES {
            left_out += 1;
            return;
        }
        let vrf = match (raw.table, vrfs.get(&raw.table)) {
            (TABLE_MAIN, _) => "default".to_owned(),
            (_, Some(vrf)) => vrf.clone(),
            (table, None) => format!("table {table}"),
        };
        routes.push(Route {
            network: raw.network,
            prefix: raw.prefix,
            protocol: protocol(raw.protocol),
            vrf,
            table: Some(raw.table),
            is_selected: true,
            is_installed: true,
            distance: None,
            metric: raw.metric,
            age: None,
            hops: raw
                .hops
                .into_iter()
                .map(|hop| NextHop {
                    kind: hop.kind,
                    gateway: hop.gateway,
                    interface: hop.interface.map(|index| {
                        links.get(&index).cloned().unwrap_or_else(|| format!("interface {index}"))
                    }),
                    is_active: hop.is_active,
                    is_installed: true,
                    is_recursive: false,
                    weight: hop.weight,
                })
                .collect(),
        });
    })?;
    Ok(Routes::new(Source::Kernel, routes, left_out))
}

/// The kernel's numbers of those who make routes (linux/rtnetlink.h and FRR's `zebra/rt_netlink.h`).
fn protocol(number: u8) -> String {
    let name = match number {
        2 => "kernel",
        3 => "boot",
        4 | 196 => "static",
        9 => "ra",
        11 => "zebra",
        16 => "dhcp",
        186 => "bgp",
        187 => "isis",
        188 | 197 => "ospf",
        189 | 190 => "rip",
        192 => "eigrp",
        191 => "nhrp",
        194 => "sharp",
        195 => "pbr",
        _ => return format!("protocol {number}"),
    };
    name.to_owned()
}

/// A way to the Internet: a default route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gateway {
    /// IPv4 or IPv6.
    pub family: Family,
    /// The router there; None on a point-to-point line.
    pub ip: Option<IpAddr>,
    /// The number of the interface that it is on.
    pub interface: u32,
    /// Less is preferred.
    pub metric: u32,
    /// The kernel's table: 254 is the main one, others belong to VRFs or policies.
    pub table: u32,
}

/// All default routes, the preferred ones first. For threads that may block; takes long where there
/// are very many routes.
///
/// # Errors
/// Where the kernel refuses.
pub fn gateways() -> Result<Vec<Gateway>, SystemError> {
    let mut found = Vec::new();
    for family in [Family::V4, Family::V6] {
        dump(family, true, |route| {
            for hop in route.hops {
                let (Some(interface), true) = (hop.interface, found.len() < MOST_HOPS) else {
                    continue;
                };
                let (ip, metric, table) = (hop.gateway, route.metric, route.table);
                found.push(Gateway { family, ip, interface, metric, table });
            }
        })?;
    }
    model::sort_by_key(&mut found, |g| (g.table != TABLE_MAIN, g.table, g.family, g.metric));
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use netlink::wire::push_attribute;

    fn message(body: &[u8]) -> Message<'_> {
        Message { kind: NEW_ROUTE, flags: 0, sequence: 1, body }
    }

    fn body(prefix: u8, kind: u8, attributes: &[u8]) -> Vec<u8> {
        let mut body = vec![2, prefix, 0, 0, 254, 4, 0, kind, 0, 0, 0, 0];
        body.extend(attributes);
        body
    }

    #[test]
    fn a_default_route_of_two_ways_has_both() {
        let mut ways = Vec::new();
        for (index, last, weight) in [(2_u32, 1, 0_u8), (3, 2, 4)] {
            let mut inner = Vec::new();
            push_attribute(&mut inner, 5, &[192, 0, 2, last]);
            ways.extend((8 + inner.len() as u16).to_ne_bytes());
            ways.extend([0, weight]);
            ways.extend(index.to_ne_bytes());
            ways.extend(inner);
        }
        let mut all = Vec::new();
        push_attribute(&mut all, 9, &ways);
        let route = decode(&message(&body(0, 1, &all)), true).expect("a route");
        let seen: Vec<_> = route.hops.iter().map(|h| (h.interface, h.weight)).collect();
        assert_eq!(seen, [(Some(2), 1), (Some(3), 5)]);
        assert_eq!(route.hops[1].gateway, Some(IpAddr::from([192, 0, 2, 2])));
    }

    #[test]
    fn own_addresses_are_no_routes_and_black_holes_are() {
        assert_eq!(decode(&message(&body(32, 2, &[])), false), None);
        let route = decode(&message(&body(8, 6, &[])), false).expect("a route");
        assert_eq!(route.hops[0].kind, HopKind::Blackhole);
        assert_eq!(decode(&message(&body(8, 6, &[])), true), None);
    }

    proptest! {
        #[test]
        fn no_message_makes_the_decoder_panic(body: Vec<u8>, only_default: bool) {
            let _ = (decode(&message(&body), only_default), hops(&body));
        }
    }
}
