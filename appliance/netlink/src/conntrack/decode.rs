//! Reads an entry of the table (`linux/netfilter/nfnetlink_conntrack.h`). Pure.

use super::{Amount, Connection, State, Tuple};
use crate::wire::{Attribute, Message};

/// Bytes of `nfgenmsg`.
pub const HEADER: usize = 4;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW`: what an entry comes as.
pub const ENTRY: u16 = 1 << 8;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE`: an entry that is gone, with its last
/// counters.
pub const DESTROYED: u16 = 1 << 8 | 2;
/// `NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET`.
pub const GET: u16 = 1 << 8 | 1;

const TCP: u8 = 6;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;

// IPS_* of linux/netfilter/nf_conntrack_common.h
const SEEN_REPLY: u32 = 1 << 1;
const ASSURED: u32 = 1 << 2;
const OFFLOAD: u32 = 1 << 14;
const HW_OFFLOAD: u32 = 1 << 15;

/// One entry; None for any other message, and for one without its two directions of one protocol.
pub fn connection(message: &Message<'_>) -> Option<Connection> {
    if !matches!(message.kind, ENTRY | DESTROYED) {
        return None;
    }
    let (mut original, mut reply, mut status, mut tcp) = (None, None, 0, None);
    let (mut id, mut timeout, mut mark, mut zone) = (0, None, 0, 0);
    let (mut sent, mut received) = (None, None);
    let (mut began, mut ended) = (None, None);
    for attribute in message.attributes(HEADER) {
        match attribute.kind {
            1 => original = tuple(attribute),
            2 => reply = tuple(attribute),
            3 => status = attribute.be32()?,
            4 => tcp = tcp_state(attribute),
            7 => timeout = attribute.be32(),
            8 => mark = attribute.be32().unwrap_or(0),
            9 => sent = amount(attribute),
            10 => received = amount(attribute),
            12 => id = attribute.be32().unwrap_or(0),
            20 => (began, ended) = times(attribute),
            18 => zone = attribute.be16().unwrap_or(0),
            _ => {}
        }
    }
    let ((protocol, original), (protocol_back, reply)) = (original?, reply?);
    if protocol != protocol_back {
        return None;
    }
    let state = match tcp.filter(|_| protocol == TCP) {
        Some(state) => state,
        None if status & ASSURED != 0 => State::Assured,
        None if status & SEEN_REPLY != 0 => State::Replied,
        None => State::Unreplied,
    };
    let is_offloaded = status & (OFFLOAD | HW_OFFLOAD) != 0;
    Some(Connection {
        id,
        protocol,
        original,
        reply,
        state,
        timeout: timeout.filter(|_| !is_offloaded),
        mark,
        zone,
        is_offloaded,
        sent,
        received,
        began,
        ended,
    })
}

/// `CTA_TUPLE_IP` and `CTA_TUPLE_PROTO`.
fn tuple(attribute: Attribute<'_>) -> Option<(u8, Tuple)> {
    let (mut source, mut destination, mut protocol) = (None, None, None);
    let (mut source_port, mut destination_port, mut echo) = (None, None, None);
    let mut icmp = [0; 2];
    for part in attribute.nested() {
        match part.kind {
            1 => {
                for address in part.nested() {
                    match address.kind {
                        1 | 3 => source = address.ip(),
                        2 | 4 => destination = address.ip(),
                        _ => {}
                    }
                }
            }
            2 => {
                for number in part.nested() {
                    match number.kind {
                        1 => protocol = number.u8(),
                        2 => source_port = number.be16(),
                        3 => destination_port = number.be16(),
                        4 | 7 => echo = number.be16(),
                        5 | 8 => icmp[0] = number.u8().unwrap_or(0),
                        6 | 9 => icmp[1] = number.u8().unwrap_or(0),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let protocol = protocol?;
    if matches!(protocol, ICMP | ICMP6) {
        source_port = echo;
        destination_port = None;
    }
    let (source, destination) = (source?, destination?);
    let icmp = u16::from_be_bytes(icmp);
    (source.is_ipv4() == destination.is_ipv4())
        .then_some((protocol, Tuple { source, destination, source_port, destination_port, icmp }))
}

/// `CTA_PROTOINFO_TCP` with `CTA_PROTOINFO_TCP_STATE` in it, both number 1.
fn tcp_state(attribute: Attribute<'_>) -> Option<State> {
    let tcp = attribute.nested().find(|a| a.kind == 1)?;
    let state = match tcp.nested().find(|a| a.kind == 1)?.u8()? {
        1 => State::SynSent,
        2 => State::SynReceived,
        3 => State::Established,
        4 => State::FinWait,
        5 => State::CloseWait,
        6 => State::LastAck,
        7 => State::TimeWait,
        8 => State::Close,
        9 => State::SynSent2,
        _ => State::None,
    };
    Some(state)
}

/// `CTA_COUNTERS_PACKETS` and `CTA_COUNTERS_BYTES`.
fn amount(attribute: Attribute<'_>) -> Option<Amount> {
    let number = |kind| attribute.nested().find(|a| a.kind == kind)?.be64();
    Some(Amount { packets: number(1)?, bytes: number(2)? })
}

/// `CTA_TIMESTAMP_START` and `CTA_TIMESTAMP_STOP`.
fn times(attribute: Attribute<'_>) -> (Option<u64>, Option<u64>) {
    let number = |kind| attribute.nested().find(|a| a.kind == kind)?.be64().filter(|ns| *ns > 0);
    (number(1), number(2))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::{push_attribute, push_nested};

    fn tuple_bytes(protocol: u8, source: (IpAddr, u16), destination: (IpAddr, u16)) -> Vec<u8> {
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let (mut addresses, mut numbers, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let first = if source.0.is_ipv4() { 1 } else { 3 };
        push_attribute(&mut addresses, first, &octets(source.0));
        push_attribute(&mut addresses, first + 1, &octets(destination.0));
        push_attribute(&mut numbers, 1, &[protocol]);
        push_attribute(&mut numbers, 2, &source.1.to_be_bytes());
        push_attribute(&mut numbers, 3, &destination.1.to_be_bytes());
        push_nested(&mut all, 1, &addresses);
        push_nested(&mut all, 2, &numbers);
        all
    }

    /// A TCP connection that was masqueraded, as the kernel writes it.
    fn masqueraded() -> Vec<u8> {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (inside, router, server) = (ip("192.168.1.5"), ip("198.51.100.7"), ip("192.0.2.9"));
        let mut body = vec![2, 0, 0, 0];
        push_nested(&mut body, 1, &tuple_bytes(6, (inside, 40_000), (server, 443)));
        push_nested(&mut body, 2, &tuple_bytes(6, (server, 443), (router, 50_000)));
        push_attribute(&mut body, 3, &(SEEN_REPLY | ASSURED).to_be_bytes());
        let (mut tcp, mut info) = (Vec::new(), Vec::new());
        push_attribute(&mut tcp, 1, &[3]);
        push_nested(&mut info, 1, &tcp);
        push_nested(&mut body, 4, &info);
        push_attribute(&mut body, 7, &431_999_u32.to_be_bytes());
        push_attribute(&mut body, 8, &0x65_u32.to_be_bytes());
        let mut counters = Vec::new();
        push_attribute(&mut counters, 1, &10_u64.to_be_bytes());
        push_attribute(&mut counters, 2, &1_500_u64.to_be_bytes());
        push_nested(&mut body, 9, &counters);
        push_nested(&mut body, 10, &counters);
        body
    }

    #[test]
    fn a_masqueraded_connection_shows_both_of_its_faces() {
        let body = masqueraded();
        let message = Message { kind: ENTRY, flags: 0, sequence: 1, body: &body };
        let connection = connection(&message).expect("an entry");
        assert_eq!((connection.state, connection.timeout), (State::Established, Some(431_999)));
        assert_eq!((connection.mark, connection.bytes()), (0x65, Some(3_000)));
        let outside = "198.51.100.7".parse().expect("an address");
        assert_eq!(connection.source_nat(), Some((outside, Some(50_000))));
        assert_eq!(connection.destination_nat(), None);
    }

    #[test]
    fn an_entry_whose_directions_are_of_two_protocols_is_none() {
        let ends = (("192.0.2.1", 1), ("192.0.2.2", 2));
        let end = |(text, port): (&str, u16)| (text.parse().expect("an address"), port);
        for (back, is_one) in [(17, true), (ICMP, false)] {
            let mut body = vec![2, 0, 0, 0];
            push_nested(&mut body, 1, &tuple_bytes(17, end(ends.0), end(ends.1)));
            push_nested(&mut body, 2, &tuple_bytes(back, end(ends.1), end(ends.0)));
            let message = Message { kind: ENTRY, flags: 0, sequence: 1, body: &body };
            assert_eq!(connection(&message).is_some(), is_one);
        }
    }

    proptest! {
        #[test]
        fn no_message_makes_the_decoder_panic(body: Vec<u8>) {
            let _ = connection(&Message { kind: ENTRY, flags: 0, sequence: 1, body: &body });
        }

        #[test]
        fn no_damage_to_an_entry_makes_the_decoder_panic(
            at in 0_usize..300, value: u8, cut in 0_usize..300
        ) {
            let mut body = masqueraded();
            let length = body.len();
            body[at % length] = value;
            body.truncate(cut.max(1).min(length));
            let _ = connection(&Message { kind: ENTRY, flags: 0, sequence: 1, body: &body });
        }
    }
}
