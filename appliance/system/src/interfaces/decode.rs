//! Reads the kernel's answers about links, addresses and counters (rtnetlink(7),
//! `linux/if_link.h`, `linux/if_addr.h`). Pure.

use model::Mac;

use super::link::{Address, Counters, Kind, OperState, Scope};
use netlink::wire::{Attribute, Message, native_u16, native_u32, native_u64};

pub(super) const NEW_LINK: u16 = 16;
pub(super) const GET_LINK: u16 = 18;
pub(super) const NEW_ADDRESS: u16 = 20;
pub(super) const GET_ADDRESS: u16 = 22;
pub(super) const NEW_STATS: u16 = 92;
pub(super) const GET_STATS: u16 = 94;

/// Bytes of `ifinfomsg`, `ifaddrmsg` and `if_stats_msg`.
pub(super) const LINK_HEADER: usize = 16;
pub(super) const ADDRESS_HEADER: usize = 8;
pub(super) const STATS_HEADER: usize = 12;

/// `IFLA_EXT_MASK` and its bit that leaves the counters out.
pub(super) const EXT_MASK: u16 = 29;
pub(super) const SKIP_STATS: u32 = 1 << 3;
/// Which statistics are wanted: `IFLA_STATS_LINK_64` only.
pub(super) const LINK_64: u16 = 1;

const IFF_UP: u32 = 1;

/// A link as the kernel tells it, other links by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawLink {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) alias: Option<String>,
    pub(super) mac: Option<Mac>,
    pub(super) mtu: u32,
    pub(super) kind: Kind,
    pub(super) driver: String,
    pub(super) is_up: bool,
    pub(super) oper: OperState,
    pub(super) has_carrier: bool,
    pub(super) parent: Option<u32>,
    pub(super) master: Option<u32>,
    pub(super) vlan: Option<u16>,
    pub(super) vrf_table: Option<u32>,
}

/// One link; None for any other message.
pub(super) fn link(message: &Message<'_>) -> Option<RawLink> {
    if message.kind != NEW_LINK {
        return None;
    }
    let hardware = native_u16(message.body, 2)?;
    let mut raw = RawLink {
        index: native_u32(message.body, 4)?,
        name: String::new(),
        alias: None,
        mac: None,
        mtu: 0,
        kind: Kind::Other,
        driver: String::new(),
        is_up: native_u32(message.body, 8)? & IFF_UP != 0,
        oper: OperState::Unknown,
        has_carrier: false,
        parent: None,
        master: None,
        vlan: None,
        vrf_table: None,
    };
    let mut is_elsewhere = false;
    let mut data = None;
    for attribute in message.attributes(LINK_HEADER) {
        match attribute.kind {
            1 => raw.mac = attribute.value.try_into().ok().map(Mac),
            3 => raw.name = attribute.text(),
            4 => raw.mtu = attribute.u32().unwrap_or(0),
            5 => raw.parent = attribute.u32().filter(|index| *index != raw.index && *index != 0),
            10 => raw.master = attribute.u32(),
            16 => raw.oper = OperState::new(attribute.u8().unwrap_or(0)),
            18 => {
                for inner in attribute.nested() {
                    match inner.kind {
                        1 => raw.driver = inner.text(),
                        2 => data = Some(inner),
                        _ => {}
                    }
                }
            }
            20 => raw.alias = Some(attribute.text()).filter(|text| !text.is_empty()),
            33 => raw.has_carrier = attribute.u8() == Some(1),
            37 => is_elsewhere = true,
            _ => {}
        }
    }
    raw.kind = Kind::new(&raw.driver, hardware);
    if is_elsewhere || raw.kind == Kind::Veth {
        raw.parent = None; // a number of another namespace, or the cable's other end
    }
    // IFLA_VLAN_ID and IFLA_VRF_TABLE are both number 1.
    let first = data.and_then(|data: Attribute<'_>| data.nested().find(|a| a.kind == 1));
    match raw.kind {
        Kind::Vlan => raw.vlan = first.and_then(|a| a.u16()),
        Kind::Vrf => raw.vrf_table = first.and_then(|a| a.u32()),
        _ => {}
    }
    (!raw.name.is_empty()).then_some(raw)
}

/// One address with the number of its interface; None for any other message.
pub(super) fn address(message: &Message<'_>) -> Option<(u32, Address)> {
    const PERMANENT: u32 = 0x80;
    const DEPRECATED: u32 = 0x20;
    const DAD_FAILED: u32 = 0x08;
    if message.kind != NEW_ADDRESS {
        return None;
    }
    let [_, prefix, flags, scope] = *message.body.first_chunk()?;
    let index = native_u32(message.body, 4)?;
    let (mut own, mut other, mut flags) = (None, None, u32::from(flags));
    for attribute in message.attributes(ADDRESS_HEADER) {
        match attribute.kind {
            1 => other = attribute.ip(),
            2 => own = attribute.ip(),
            8 => flags = attribute.u32().unwrap_or(flags),
            _ => {}
        }
    }
    // Without IFA_LOCAL, as IPv6 usually is, IFA_ADDRESS is the own one.
    let ip = own.or(other)?;
    let scope = match scope {
        253 => Scope::Link,
        254 => Scope::Host,
        _ => Scope::Global,
    };
    let address = Address {
        ip,
        prefix,
        peer: other.filter(|other| *other != ip),
        scope,
        is_dynamic: flags & PERMANENT == 0,
        is_deprecated: flags & DEPRECATED != 0,
        is_duplicate: flags & DAD_FAILED != 0,
    };
    Some((index, address))
}

/// The counters of one link with its number; None for any other message.
pub(super) fn stats(message: &Message<'_>) -> Option<(u32, Counters)> {
    if message.kind != NEW_STATS {
        return None;
    }
    let index = native_u32(message.body, 4)?;
    let all = message.attributes(STATS_HEADER).find(|a| a.kind == LINK_64)?;
    // struct rtnl_link_stats64
    let number = |place: usize| native_u64(all.value, place * 8);
    let counters = Counters {
        rx_packets: number(0)?,
        tx_packets: number(1)?,
        rx_bytes: number(2)?,
        tx_bytes: number(3)?,
        rx_errors: number(4)?,
        tx_errors: number(5)?,
        rx_dropped: number(6)?,
        tx_dropped: number(7)?,
        multicast: number(8)?,
    };
    Some((index, counters))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use netlink::wire::{push_attribute, push_nested};

    /// The body of a link message as the kernel writes it.
    fn body(index: u32, attributes: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 1, 0];
        body.extend(index.to_ne_bytes());
        body.extend(1_u32.to_ne_bytes());
        body.extend([0; 4]);
        body.extend(attributes);
        body
    }

    fn message(kind: u16, body: &[u8]) -> Message<'_> {
        Message { kind, flags: 0, sequence: 1, body }
    }

    #[test]
    fn a_vlan_tells_its_number_and_what_it_is_built_on() {
        let (mut data, mut info, mut all) = (Vec::new(), Vec::new(), Vec::new());
        push_attribute(&mut data, 1, &5_u16.to_ne_bytes());
        push_attribute(&mut info, 1, b"vlan\0");
        push_nested(&mut info, 2, &data);
        push_attribute(&mut all, 3, b"eth0.5\0");
        push_attribute(&mut all, 5, &2_u32.to_ne_bytes());
        push_attribute(&mut all, 16, &[6]);
        push_nested(&mut all, 18, &info);
        let link = link(&message(NEW_LINK, &body(7, &all))).expect("a link");
        assert_eq!((link.kind, link.vlan, link.parent), (Kind::Vlan, Some(5), Some(2)));
        assert_eq!((link.index, link.is_up, link.oper), (7, true, OperState::Up));
    }

    #[test]
    fn a_vrf_tells_its_table() {
        let (mut data, mut info, mut all) = (Vec::new(), Vec::new(), Vec::new());
        push_attribute(&mut data, 1, &100_u32.to_ne_bytes());
        push_attribute(&mut info, 1, b"vrf\0");
        push_nested(&mut info, 2, &data);
        push_attribute(&mut all, 3, b"red\0");
        push_nested(&mut all, 18, &info);
        let link = link(&message(NEW_LINK, &body(3, &all))).expect("a link");
        assert_eq!((link.kind, link.vrf_table, link.vlan), (Kind::Vrf, Some(100), None));
    }

    #[test]
    fn an_interface_of_another_namespace_is_not_taken_for_one_of_ours() {
        let mut all = Vec::new();
        push_attribute(&mut all, 3, b"eth9\0");
        push_attribute(&mut all, 5, &2_u32.to_ne_bytes());
        push_attribute(&mut all, 37, &0_u32.to_ne_bytes());
        assert_eq!(link(&message(NEW_LINK, &body(7, &all))).expect("a link").parent, None);
    }

    proptest! {
        #[test]
        fn no_message_makes_the_decoders_panic(body: Vec<u8>) {
            let _ = link(&message(NEW_LINK, &body));
            let _ = address(&message(NEW_ADDRESS, &body));
            let _ = stats(&message(NEW_STATS, &body));
        }
    }
}
