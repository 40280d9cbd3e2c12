//! The frames that the lab's hosts read and send: Ethernet II with ARP (RFC 826), neighbour
//! discovery (RFC 4861), ICMP echo (RFC 792) and UDP. Pure: bytes in, values out, and back.

use std::net::{Ipv4Addr, Ipv6Addr};

use model::Mac;

/// The shortest Ethernet frame without its check sequence; shorter ones are padded.
const SHORTEST: usize = 60;

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// What a frame asks of one of the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question<'a> {
    /// ARP request: who has `target`?
    Arp { asker: Mac, asker_ip: Ipv4Addr, target: Ipv4Addr, to: Mac },
    /// Neighbour solicitation for `target`.
    Neighbour { asker: Mac, asker_ip: Ipv6Addr, target: Ipv6Addr },
    /// ICMP echo request; `message` is the ICMP part, type and checksum included.
    Echo { asker: Mac, asker_ip: Ipv4Addr, target: Ipv4Addr, to: Mac, message: &'a [u8] },
}

/// Reads the question of a frame; `None` for everything else, malformed frames included.
pub(crate) fn question(frame: &[u8]) -> Option<Question<'_>> {
    let to = mac(frame, 0)?;
    let asker = mac(frame, 6)?;
    let body = frame.get(14..)?;
    match u16::from_be_bytes(array(frame, 12)?) {
        ARP => {
            let request = body.get(..8)? == [0, 1, 8, 0, 6, 4, 0, 1];
            let asker_ip = Ipv4Addr::from(array::<4>(body, 14)?);
            let target = Ipv4Addr::from(array::<4>(body, 24)?);
            request.then_some(Question::Arp { asker: mac(body, 8)?, asker_ip, target, to })
        }
        IPV6 => {
            let solicitation = body.get(6..8)? == [58, 255] && *body.get(40)? == 135;
            let asker_ip = Ipv6Addr::from(array::<16>(body, 8)?);
            let target = Ipv6Addr::from(array::<16>(body, 48)?);
            solicitation.then_some(Question::Neighbour { asker, asker_ip, target })
        }
        IPV4 => {
            let header = usize::from(body.first()? & 0x0f) * 4;
            let length = usize::from(u16::from_be_bytes(array(body, 2)?));
            let message = body.get(header..length)?;
            let echo =
                *body.get(9)? == 1 && header >= 20 && *message.first()? == 8 && message.len() >= 8;
            let asker_ip = Ipv4Addr::from(array::<4>(body, 12)?);
            let target = Ipv4Addr::from(array::<4>(body, 16)?);
            echo.then_some(Question::Echo { asker, asker_ip, target, to, message })
        }
        _ => None,
    }
}

/// An ARP message from `sender` to the Ethernet address `to`.
fn arp(operation: u8, to: Mac, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut frame = ethernet(to, sender.0, ARP);
    frame.extend([0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(sender.0.0);
    frame.extend(sender.1.octets());
    frame.extend(target.0.0);
    frame.extend(target.1.octets());
    padded(frame)
}

/// The ARP reply of `host` to `asker`.
pub(crate) fn arp_reply(host: (Mac, Ipv4Addr), asker: (Mac, Ipv4Addr)) -> Vec<u8> {
    arp(2, asker.0, host, asker)
}

/// A broadcast ARP request of `host` for `wanted`; for its own address it is an announcement (RFC 5227).
pub(crate) fn arp_request(host: (Mac, Ipv4Addr), wanted: Ipv4Addr) -> Vec<u8> {
    arp(1, Mac::BROADCAST, host, (Mac::ZERO, wanted))
}

/// The neighbour advertisement of `host` for `address`: solicited, or to all nodes for a duplicate check.
pub(crate) fn advertisement(host: Mac, address: Ipv6Addr, asker: (Mac, Ipv6Addr)) -> Vec<u8> {
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let checking = asker.1.is_unspecified();
    let (to_mac, to) = if checking { (Mac([0x33, 0x33, 0, 0, 0, 1]), ALL_NODES) } else { asker };
    let mut message = vec![136, 0, 0, 0, if checking { 0x20 } else { 0x60 }, 0, 0, 0];
    message.extend(address.octets());
    message.extend([2, 1]);
    message.extend(host.0);

    let mut pseudo = Vec::with_capacity(72);
    pseudo.extend(address.octets());
    pseudo.extend(to.octets());
    pseudo.extend([0, 0, 0, message.len() as u8, 0, 0, 0, 58]);
    pseudo.extend(&message);
    message[2..4].copy_from_slice(&checksum(&pseudo).to_be_bytes());

    let mut frame = ethernet(to_mac, host, IPV6);
    frame.extend([0x60, 0, 0, 0, 0, message.len() as u8, 58, 255]);
    frame.extend(address.octets());
    frame.extend(to.octets());
    frame.extend(message);
    frame
}

/// The echo reply of `host` to the ICMP `message`, with the time to live of its system.
pub(crate) fn echo_reply(
    host: (Mac, Ipv4Addr),
    asker: (Mac, Ipv4Addr),
    ttl: u8,
    message: &[u8],
) -> Vec<u8> {
    let mut reply = message.to_vec();
    reply[0] = 0;
    reply[2..4].fill(0);
    let sum = checksum(&reply);
    reply[2..4].copy_from_slice(&sum.to_be_bytes());
    padded(ipv4(asker.0, host, asker.1, 1, ttl, &reply))
}

/// A UDP datagram without checksum, as small devices send it; mDNS leaves with the hop limit that
/// RFC 6762, 11 asks for.
pub(crate) fn udp(
    to: Mac,
    host: (Mac, Ipv4Addr),
    to_ip: Ipv4Addr,
    ports: (u16, u16),
    data: &[u8],
) -> Vec<u8> {
    let ttl = if ports.1 == 5353 { 255 } else { 64 };
    let mut datagram = Vec::with_capacity(8 + data.len());
    datagram.extend(ports.0.to_be_bytes());
    datagram.extend(ports.1.to_be_bytes());
    datagram.extend(((8 + data.len()) as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data);
    padded(ipv4(to, host, to_ip, 17, ttl, &datagram))
}

/// The Ethernet address of an IPv4 multicast group (RFC 1112, 6.4).
pub(crate) fn group_mac(group: Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d])
}

/// The link-local address made from a MAC (RFC 4291, appendix A).
pub(crate) fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f];
    octets[2..8].fill(0);
    Ipv6Addr::from(octets)
}

/// The inverse of [`link_local`].
pub(crate) fn mac_of(address: Ipv6Addr) -> Option<Mac> {
    let [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, 0xff, 0xfe, d, e, f] = address.octets() else {
        return None;
    };
    Some(Mac([a ^ 2, b, c, d, e, f]))
}

fn ethernet(to: Mac, from: Mac, kind: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(128);
    frame.extend(to.0);
    frame.extend(from.0);
    frame.extend(kind.to_be_bytes());
    frame
}

fn ipv4(
    to: Mac,
    host: (Mac, Ipv4Addr),
    to_ip: Ipv4Addr,
    protocol: u8,
    ttl: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut header = [0; 20];
    header[0] = 0x45;
    header[2..4].copy_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
    header[6] = 0x40;
    header[8] = ttl;
    header[9] = protocol;
    header[12..16].copy_from_slice(&host.1.octets());
    header[16..20].copy_from_slice(&to_ip.octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = ethernet(to, host.0, IPV4);
    frame.extend(header);
    frame.extend(payload);
    frame
}

fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
    frame
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn mac(bytes: &[u8], at: usize) -> Option<Mac> {
    array(bytes, at).map(Mac)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROUTER: (Mac, Ipv4Addr) = (Mac([2, 0x50, 0x4e, 0, 1, 1]), Ipv4Addr::new(192, 168, 50, 1));
    const HOST: (Mac, Ipv4Addr) =
        (Mac([0xf0, 0x18, 0x98, 1, 2, 3]), Ipv4Addr::new(192, 168, 50, 7));

    #[test]
    fn an_arp_request_is_read_as_it_was_written() {
        let frame = arp_request(ROUTER, HOST.1);
        assert_eq!(frame.len(), SHORTEST);
        let expected = Question::Arp {
            asker: ROUTER.0,
            asker_ip: ROUTER.1,
            target: HOST.1,
            to: Mac::BROADCAST,
        };
        assert_eq!(question(&frame), Some(expected));
    }

    #[test]
    fn a_reply_is_no_question() {
        assert_eq!(question(&arp_reply(HOST, ROUTER)), None);
        assert_eq!(
            question(&advertisement(HOST.0, link_local(HOST.0), (ROUTER.0, link_local(ROUTER.0)))),
            None
        );
    }

    #[test]
    fn an_echo_reply_carries_the_askers_data_and_a_right_checksum() {
        let mut message = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1, b'h', b'i', b'!'];
        let sum = checksum(&message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let request = ipv4(HOST.0, ROUTER, HOST.1, 1, 64, &message);
        let Some(Question::Echo { message, target, .. }) = question(&request) else {
            panic!("not read")
        };
        assert_eq!(target, HOST.1);
        let reply = echo_reply(HOST, ROUTER, 128, message);
        assert_eq!(reply[22], 128, "time to live");
        assert_eq!(checksum(&reply[14..34]), 0, "header");
        assert_eq!(checksum(&reply[34..45]), 0, "message");
        assert_eq!(&reply[42..45], b"hi!");
    }

    #[test]
    fn a_link_local_address_gives_its_mac_back() {
        assert_eq!(link_local(HOST.0).to_string(), "fe80::f218:98ff:fe01:203");
        assert_eq!(mac_of(link_local(HOST.0)), Some(HOST.0));
        assert_eq!(mac_of("fe80::1".parse().unwrap()), None);
    }

    #[test]
    fn a_duplicate_check_is_answered_to_all_nodes() {
        let frame = advertisement(HOST.0, link_local(HOST.0), (ROUTER.0, Ipv6Addr::UNSPECIFIED));
        assert_eq!(&frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(frame[58], 0x20, "override without solicited");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = question(&bytes);
        }
    }
}
