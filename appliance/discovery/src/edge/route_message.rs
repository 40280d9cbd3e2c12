//! What routing netlink tells of links, addresses and neighbours (rtnetlink(7)), as far as it matters
//! here: a message in, a value out. Pure.

use std::net::IpAddr;

use model::Mac;
use netlink::wire::{Attribute, Message, attributes, native_u16, native_u32};

use super::neighbours::{Interface, InterfaceKind, Neighbour, NeighbourState};

/// One entry of a table that is there, has changed, or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RouteMessage {
    /// A link, without its addresses.
    Link(Interface),
    LinkGone(u32),
    Address {
        interface: u32,
        address: (IpAddr, u8),
        /// Another host has it too.
        is_double: bool,
    },
    AddressGone {
        interface: u32,
        address: (IpAddr, u8),
    },
    Neighbour(Neighbour),
    NeighbourGone {
        interface: u32,
        ip: IpAddr,
    },
}

// linux/rtnetlink.h
const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
pub(super) const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DEL_ADDRESS: u16 = 21;
pub(super) const GET_ADDRESS: u16 = 22;
const NEW_NEIGHBOUR: u16 = 28;
const DEL_NEIGHBOUR: u16 = 29;
pub(super) const GET_NEIGHBOUR: u16 = 30;

/// Bytes of `struct ifinfomsg`, `struct ifaddrmsg` and `struct ndmsg`.
pub(super) const LINK_PART: usize = 16;
pub(super) const ADDRESS_PART: usize = 8;
pub(super) const NEIGHBOUR_PART: usize = 12;

// linux/if_link.h
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_WIRELESS: u16 = 11;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_VLAN_ID: u16 = 1;

// linux/if.h
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 1 << 3;
const IFF_POINTOPOINT: u32 = 1 << 4;
const IFF_LOWER_UP: u32 = 1 << 16;

// linux/if_addr.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_DADFAILED: u8 = 0x08;

// linux/neighbour.h
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NTF_ROUTER: u8 = 0x80;

/// What a message says; none of what does not matter here.
pub(super) fn decode(message: &Message<'_>) -> Option<RouteMessage> {
    let body = message.body;
    match message.kind {
        NEW_LINK => link(body).map(RouteMessage::Link),
        DEL_LINK => Some(RouteMessage::LinkGone(link_index(body)?)),
        NEW_ADDRESS => {
            let (interface, address) = address(body)?;
            let is_double = body.get(2)? & IFA_F_DADFAILED != 0;
            Some(RouteMessage::Address { interface, address, is_double })
        }
        DEL_ADDRESS => {
            let (interface, address) = address(body)?;
            Some(RouteMessage::AddressGone { interface, address })
        }
        NEW_NEIGHBOUR => neighbour(body).map(RouteMessage::Neighbour),
        DEL_NEIGHBOUR => {
            let (interface, ip) = (native_u32(body, 4)?, destination(body)?);
            Some(RouteMessage::NeighbourGone { interface, ip })
        }
        _ => None,
    }
}

/// The attributes behind the fixed part.
fn behind(body: &[u8], fixed: usize) -> impl Iterator<Item = Attribute<'_>> {
    attributes(body.get(fixed..).unwrap_or_default())
}

/// The number of the link that a message is about; none where a bridge speaks of its port.
fn link_index(body: &[u8]) -> Option<u32> {
    let family = *body.first()?;
    if family == 0 { native_u32(body, 4) } else { None }
}

fn link(body: &[u8]) -> Option<Interface> {
    let flags = native_u32(body, 8)?;
    let mut interface = Interface {
        index: link_index(body)?,
        name: String::new(),
        mac: None,
        addresses: Vec::new(),
        is_up: flags & IFF_UP != 0,
        has_carrier: flags & IFF_LOWER_UP != 0,
        kind: InterfaceKind::Ethernet,
        master: None,
        parent: None,
    };
    let (mut kind, mut vlan) = (None, None);
    for attribute in behind(body, LINK_PART) {
        match attribute.kind {
            IFLA_ADDRESS => interface.mac = mac(attribute.value),
            IFLA_IFNAME => interface.name = attribute.text(),
            IFLA_LINK => interface.parent = attribute.u32().filter(|index| *index != 0),
            IFLA_MASTER => interface.master = attribute.u32(),
            IFLA_WIRELESS => return None, // a driver speaks of its radio
            IFLA_LINKINFO => {
                for info in attribute.nested() {
                    match info.kind {
                        IFLA_INFO_KIND => kind = Some(info.text()),
                        IFLA_INFO_DATA => {
                            vlan = info.nested().find(|data| data.kind == IFLA_VLAN_ID);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    interface.kind = match kind.as_deref() {
        _ if flags & IFF_LOOPBACK != 0 => InterfaceKind::Loopback,
        Some("vlan") => InterfaceKind::Vlan(vlan.and_then(|id| id.u16()).unwrap_or(0)),
        Some("bridge") => InterfaceKind::Bridge,
        Some("bond") => InterfaceKind::Bond,
        Some("veth") => InterfaceKind::Veth,
        Some("wireguard") => InterfaceKind::WireGuard,
        Some("ppp") => InterfaceKind::Ppp,
        Some(other) => InterfaceKind::Other(other.to_owned()),
        None if flags & IFF_POINTOPOINT != 0 => InterfaceKind::Ppp,
        None => InterfaceKind::Ethernet,
    };
    Some(interface)
}

fn mac(octets: &[u8]) -> Option<Mac> {
    octets.try_into().ok().map(Mac).filter(|mac| mac.is_station())
}

/// Behind a point-to-point link the attribute "address" is the other side's.
fn address(body: &[u8]) -> Option<(u32, (IpAddr, u8))> {
    let find = |kind| behind(body, ADDRESS_PART).find(|a| a.kind == kind).and_then(|a| a.ip());
    let ip = find(IFA_LOCAL).or_else(|| find(IFA_ADDRESS))?;
    Some((native_u32(body, 4)?, (ip, *body.get(1)?)))
}

fn neighbour(body: &[u8]) -> Option<Neighbour> {
    let state = match native_u16(body, 8)? {
        0x01 => NeighbourState::Incomplete,
        0x02 => NeighbourState::Reachable,
        0x04 => NeighbourState::Stale,
        0x08 => NeighbourState::Delay,
        0x10 => NeighbourState::Probe,
        0x20 => NeighbourState::Failed,
        0x80 => NeighbourState::Permanent,
        _ => return None, // multicast groups and links without addresses
    };
    let link_layer = behind(body, NEIGHBOUR_PART).find(|a| a.kind == NDA_LLADDR);
    Some(Neighbour {
        interface: native_u32(body, 4)?,
        ip: destination(body)?,
        mac: link_layer.and_then(|a| mac(a.value)),
        state,
        is_router: body.get(10)? & NTF_ROUTER != 0,
    })
}

/// A bridge's entries have a MAC address only, and none of ours.
fn destination(body: &[u8]) -> Option<IpAddr> {
    behind(body, NEIGHBOUR_PART).find(|a| a.kind == NDA_DST).and_then(|a| a.ip())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use netlink::wire::{push_attribute, push_nested};
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Message<'_> {
        Message { kind, flags: 0, sequence: 0, body }
    }

    fn link_body(family: u8, flags: u32) -> Vec<u8> {
        let mut body = vec![0; LINK_PART];
        body[0] = family;
        body[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        body[8..12].copy_from_slice(&flags.to_ne_bytes());
        body
    }

    fn neighbour_body(state: u16, flags: u8) -> Vec<u8> {
        let mut body = vec![0; NEIGHBOUR_PART];
        body[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        body[8..10].copy_from_slice(&state.to_ne_bytes());
        body[10] = flags;
        body
    }

    #[test]
    fn a_vlan_is_read_with_its_number_its_parent_and_its_carrier() {
        let mut body = link_body(0, IFF_UP | IFF_LOWER_UP);
        push_attribute(&mut body, IFLA_IFNAME, b"eth1.20\0");
        push_attribute(&mut body, IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]);
        push_attribute(&mut body, IFLA_LINK, &3_u32.to_ne_bytes());
        let (mut data, mut info) = (Vec::new(), Vec::new());
        push_attribute(&mut data, IFLA_VLAN_ID, &20_u16.to_ne_bytes());
        push_attribute(&mut info, IFLA_INFO_KIND, b"vlan\0");
        push_nested(&mut info, IFLA_INFO_DATA, &data);
        push_nested(&mut body, IFLA_LINKINFO, &info);
        let wanted = Interface {
            index: 7,
            name: "eth1.20".to_owned(),
            mac: Some(Mac([2, 0, 0, 0, 0, 9])),
            addresses: Vec::new(),
            is_up: true,
            has_carrier: true,
            kind: InterfaceKind::Vlan(20),
            master: None,
            parent: Some(3),
        };
        assert_eq!(decode(&message(NEW_LINK, &body)), Some(RouteMessage::Link(wanted)));
    }

    #[test]
    fn what_a_bridge_says_of_a_port_and_a_driver_of_its_radio_is_left_out() {
        let bridge = link_body(7, IFF_UP);
        assert_eq!(decode(&message(NEW_LINK, &bridge)), None);
        assert_eq!(decode(&message(DEL_LINK, &bridge)), None);
        let mut radio = link_body(0, IFF_UP);
        push_attribute(&mut radio, IFLA_WIRELESS, &[0; 8]);
        assert_eq!(decode(&message(NEW_LINK, &radio)), None);
        let gone = link_body(0, 0);
        assert_eq!(decode(&message(DEL_LINK, &gone)), Some(RouteMessage::LinkGone(7)));
    }

    #[test]
    fn a_link_without_a_kind_is_a_card_or_dials_and_the_loop_is_the_loop() {
        let kind = |flags, word: Option<&[u8]>| {
            let mut body = link_body(0, flags);
            if let Some(word) = word {
                let mut info = Vec::new();
                push_attribute(&mut info, IFLA_INFO_KIND, word);
                push_nested(&mut body, IFLA_LINKINFO, &info);
            }
            match decode(&message(NEW_LINK, &body)) {
                Some(RouteMessage::Link(interface)) => interface.kind,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(kind(0, None), InterfaceKind::Ethernet);
        assert_eq!(kind(IFF_POINTOPOINT, None), InterfaceKind::Ppp);
        assert_eq!(kind(IFF_LOOPBACK, None), InterfaceKind::Loopback);
        assert_eq!(kind(0, Some(b"veth\0")), InterfaceKind::Veth);
        assert_eq!(kind(0, Some(b"macvlan\0")), InterfaceKind::Other("macvlan".to_owned()));
    }

    #[test]
    fn of_a_line_to_one_other_side_our_own_address_counts() {
        let mut body = vec![2, 32, IFA_F_DADFAILED, 0, 7, 0, 0, 0];
        body[4..8].copy_from_slice(&7_u32.to_ne_bytes());
        push_attribute(&mut body, IFA_ADDRESS, &[10, 0, 0, 1]);
        push_attribute(&mut body, IFA_LOCAL, &[10, 0, 0, 2]);
        let address = (IpAddr::from(Ipv4Addr::new(10, 0, 0, 2)), 32);
        assert_eq!(
            decode(&message(NEW_ADDRESS, &body)),
            Some(RouteMessage::Address { interface: 7, address, is_double: true })
        );
        assert_eq!(
            decode(&message(DEL_ADDRESS, &body)),
            Some(RouteMessage::AddressGone { interface: 7, address })
        );
    }

    #[test]
    fn a_neighbour_is_read_with_its_state_and_groups_are_left_out() {
        let mut body = neighbour_body(0x02, NTF_ROUTER);
        push_attribute(&mut body, NDA_DST, &[10, 0, 0, 9]);
        push_attribute(&mut body, NDA_LLADDR, &[2, 0, 0, 0, 0, 9]);
        let ip = IpAddr::from(Ipv4Addr::new(10, 0, 0, 9));
        let wanted = Neighbour {
            interface: 7,
            ip,
            mac: Some(Mac([2, 0, 0, 0, 0, 9])),
            state: NeighbourState::Reachable,
            is_router: true,
        };
        assert_eq!(decode(&message(NEW_NEIGHBOUR, &body)), Some(RouteMessage::Neighbour(wanted)));
        assert_eq!(
            decode(&message(DEL_NEIGHBOUR, &body)),
            Some(RouteMessage::NeighbourGone { interface: 7, ip })
        );
        body[8] = 0x40; // NUD_NOARP
        assert_eq!(decode(&message(NEW_NEIGHBOUR, &body)), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(kind in 14_u16..32, body: Vec<u8>) {
            let _ = decode(&message(kind, &body));
        }
    }
}
