//! Builds the frames that discovery sends: requests that make hosts speak, and Wake-on-LAN.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Mac;
use pnet_packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
use pnet_packet::ethernet::{EtherType, EtherTypes, MutableEthernetPacket};
use pnet_packet::icmpv6::{Icmpv6Packet, Icmpv6Type, Icmpv6Types, MutableIcmpv6Packet};
use pnet_packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet_packet::ipv4::{Ipv4Packet, MutableIpv4Packet};
use pnet_packet::ipv6::MutableIpv6Packet;
use pnet_packet::udp::{MutableUdpPacket, UdpPacket};
use pnet_packet::{icmp, icmpv6, ipv4, udp};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sender<Ip> {
    /// The interface's MAC address.
    pub mac: Mac,
    /// One of its addresses.
    pub ip: Ip,
}

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const MDNS_IPV4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const MDNS_IPV6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
const SSDP_IPV4: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const MDNS_PORT: u16 = 5353;
const SSDP_PORT: u16 = 1900;
const NETBIOS_PORT: u16 = 137;
const DISCARD_PORT: u16 = 9;
const ETHERTYPE_WAKE: EtherType = EtherType(0x0842);

/// A question for all service types of the link (RFC 6763, 9).
const SERVICES_QUERY: &[u8] = b"\0\0\0\0\0\x01\0\0\0\0\0\0\
    \x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01";

/// The most service types that are asked for in one message, so that it fits an Ethernet frame.
pub const MOST_TYPES: usize = 16;
/// The longest of its questions, in octets. A type is an underscore and 15 characters and `_tcp` or
/// `_udp`, with a subtype at most twice that (RFC 6763, 7).
const LONGEST_QUESTION: usize = 80;

/// Answers are spread over two seconds, so that they do not collide.
const SEARCH: &[u8] = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\
    MAN: \"ssdp:discover\"\r\nMX: 2\r\nST: upnp:rootdevice\r\n\r\n";

/// A request of type NBSTAT for the name `*` (RFC 1002, 4.2.17).
const NODE_STATUS: &[u8] = b"\x50\x4b\0\0\0\x01\0\0\0\0\0\0\
    \x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01";

/// An ARP request (RFC 826) for `target`: to one station, or to all when `to` is `None`.
pub fn arp_request(from: Sender<Ipv4Addr>, target: Ipv4Addr, to: Option<Mac>) -> Vec<u8> {
    ethernet(from.mac, to.unwrap_or(Mac::BROADCAST), EtherTypes::Arp, 28, |body| {
        if let Some(mut arp) = MutableArpPacket::new(body) {
            arp.set_hardware_type(ArpHardwareTypes::Ethernet);
            arp.set_protocol_type(EtherTypes::Ipv4);
            arp.set_hw_addr_len(6);
            arp.set_proto_addr_len(4);
            arp.set_operation(ArpOperations::Request);
            arp.set_sender_hw_addr(from.mac.0.into());
            arp.set_sender_proto_addr(from.ip);
            arp.set_target_proto_addr(target);
        }
    })
}

/// A neighbour solicitation (RFC 4861, 4.3): to one station, or to the target's solicited-node
/// group when `to` is `None`.
pub fn neighbour_solicitation(
    from: Sender<Ipv6Addr>,
    target: Ipv6Addr,
    to: Option<Mac>,
) -> Vec<u8> {
    let [.., x, y, z] = target.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, x, y, z]);
    let (destination, ip) = match to {
        Some(station) => (station, target),
        None => (group_mac(group), group),
    };
    let source_link = [&[1, 1][..], &from.mac.0].concat();
    let body = [&[0; 4], &target.octets()[..], &source_link].concat();
    icmp6(from, destination, ip, 255, Icmpv6Types::NeighborSolicit, &body)
}

/// An echo request to all nodes of the link (`ff02::1`). Windows does not answer it.
pub fn echo_all_nodes(from: Sender<Ipv6Addr>, identifier: u16, sequence: u16) -> Vec<u8> {
    let body = [identifier.to_be_bytes(), sequence.to_be_bytes()].concat();
    icmp6(from, group_mac(ALL_NODES), ALL_NODES, 1, Icmpv6Types::EchoRequest, &body)
}

/// An echo request to all nodes of the link behind an option that nobody knows: whoever gets it
/// must say that it is a problem, also where it came to many (RFC 8200, 4.2). Windows does.
pub fn problem_all_nodes(from: Sender<Ipv6Addr>, identifier: u16, sequence: u16) -> Vec<u8> {
    const ICMPV6: u8 = 58;
    let body = [identifier.to_be_bytes(), sequence.to_be_bytes()].concat();
    let echo = icmp6_message(from.ip, ALL_NODES, Icmpv6Types::EchoRequest, &body);
    // Destination options: ICMPv6 behind, 8 octets long, one option of type 0x80 with 4 octets.
    let payload = [&[ICMPV6, 0, 0x80, 4, 0, 0, 0, 0], &echo[..]].concat();
    let to = (group_mac(ALL_NODES), ALL_NODES);
    ipv6(from, to, 1, IpNextHeaderProtocols::Ipv6Opts, &payload)
}

/// An echo request (RFC 792) to one host, whose reply tells its time to live.
pub fn echo_request(
    from: Sender<Ipv4Addr>,
    to: Sender<Ipv4Addr>,
    identifier: u16,
    sequence: u16,
) -> Vec<u8> {
    let [a, b] = identifier.to_be_bytes();
    let [c, d] = sequence.to_be_bytes();
    let mut message = [8, 0, 0, 0, a, b, c, d];
    let sum = icmp::IcmpPacket::new(&message).map(|packet| icmp::checksum(&packet));
    message[2..4].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    ipv4(from, to.mac, to.ip, 64, IpNextHeaderProtocols::Icmp, message.len(), |body| {
        body.copy_from_slice(&message);
    })
}

/// A multicast DNS question for all service types; answers go to the group.
pub fn services_query(from: Sender<IpAddr>) -> Vec<u8> {
    multicast_dns(from, SERVICES_QUERY)
}

/// A multicast DNS question for the instances of service types such as `_ipp._tcp` (RFC 6763, 4);
/// answers go to the group. Takes [`MOST_TYPES`] and leaves out what is no name; `None` if nothing
/// remains.
pub fn browse_query(from: Sender<IpAddr>, types: &[String]) -> Option<Vec<u8>> {
    let questions: Vec<Vec<u8>> =
        types.iter().filter_map(|kind| instances_question(kind)).take(MOST_TYPES).collect();
    let count = u16::try_from(questions.len()).ok().filter(|count| *count > 0)?;
    let [high, low] = count.to_be_bytes();
    let header = [0, 0, 0, 0, high, low, 0, 0, 0, 0, 0, 0];
    Some(multicast_dns(from, &[&header[..], &questions.concat()].concat()))
}

/// One question of type PTR, class IN, for a name in `local`.
fn instances_question(kind: &str) -> Option<Vec<u8>> {
    let mut question = Vec::with_capacity(kind.len() + 12);
    for label in kind.split('.').chain(["local"]) {
        // RFC 1035, 2.3.4.
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        question.push(length);
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(&[0, 0, 12, 0, 1]);
    (question.len() <= LONGEST_QUESTION).then_some(question)
}

fn multicast_dns(from: Sender<IpAddr>, message: &[u8]) -> Vec<u8> {
    let mac = from.mac;
    match from.ip {
        IpAddr::V4(ip) => {
            let to = (group_mac4(MDNS_IPV4), MDNS_IPV4);
            udp4(Sender { mac, ip }, to, 255, (MDNS_PORT, MDNS_PORT), message)
        }
        IpAddr::V6(ip) => {
            let to = (group_mac(MDNS_IPV6), MDNS_IPV6);
            udp6(Sender { mac, ip }, to, 255, (MDNS_PORT, MDNS_PORT), message)
        }
    }
}

/// An SSDP search for root devices; answers go to the sender's port 1900.
pub fn ssdp_search(from: Sender<Ipv4Addr>) -> Vec<u8> {
    udp4(from, (group_mac4(SSDP_IPV4), SSDP_IPV4), 2, (SSDP_PORT, SSDP_PORT), SEARCH)
}

/// Asks one host for its NetBIOS names.
pub fn node_status_request(from: Sender<Ipv4Addr>, to: Sender<Ipv4Addr>) -> Vec<u8> {
    udp4(from, (to.mac, to.ip), 64, (NETBIOS_PORT, NETBIOS_PORT), NODE_STATUS)
}

/// The magic packet that wakes a sleeping host: six octets 0xff and its MAC address 16 times.
pub fn magic_packet(sleeper: Mac) -> [u8; 102] {
    let mut packet = [0xff; 102];
    for copy in packet[6..].chunks_exact_mut(6) {
        copy.copy_from_slice(&sleeper.0);
    }
    packet
}

/// The magic packet as a bare broadcast frame.
pub fn wake(from: Mac, sleeper: Mac) -> Vec<u8> {
    ethernet(from, Mac::BROADCAST, ETHERTYPE_WAKE, 102, |body| {
        body.copy_from_slice(&magic_packet(sleeper));
    })
}

/// The magic packet as a UDP broadcast to port 9, for hosts that look there only.
pub fn wake_udp(from: Sender<Ipv4Addr>, sleeper: Mac) -> Vec<u8> {
    let to = (Mac::BROADCAST, Ipv4Addr::BROADCAST);
    udp4(from, to, 64, (DISCARD_PORT, DISCARD_PORT), &magic_packet(sleeper))
}

/// RFC 1112, 6.4.
fn group_mac4(group: Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    Mac([0x01, 0x00, 0x5e, b & 0x7f, c, d])
}

/// RFC 2464, 7.
fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., c, d, e, f] = group.octets();
    Mac([0x33, 0x33, c, d, e, f])
}

fn ethernet(
    from: Mac,
    to: Mac,
    kind: EtherType,
    length: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET + length];
    if let Some(mut header) = MutableEthernetPacket::new(&mut frame) {
        header.set_source(from.0.into());
        header.set_destination(to.0.into());
        header.set_ethertype(kind);
    }
    fill(&mut frame[ETHERNET..]);
    frame
}

fn ipv4(
    from: Sender<Ipv4Addr>,
    to: Mac,
    to_ip: Ipv4Addr,
    ttl: u8,
    protocol: IpNextHeaderProtocol,
    length: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    ethernet(from.mac, to, EtherTypes::Ipv4, IPV4 + length, |packet| {
        let total = packet.len() as u16;
        fill(&mut packet[IPV4..]);
        if let Some(mut header) = MutableIpv4Packet::new(packet) {
            header.set_version(4);
            header.set_header_length(5);
            header.set_total_length(total);
            header.set_ttl(ttl);
            header.set_next_level_protocol(protocol);
            header.set_source(from.ip);
            header.set_destination(to_ip);
        }
        let sum = Ipv4Packet::new(packet).map(|header| ipv4::checksum(&header));
        packet[10..12].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    })
}

fn ipv6(
    from: Sender<Ipv6Addr>,
    (to, to_ip): (Mac, Ipv6Addr),
    hop_limit: u8,
    protocol: IpNextHeaderProtocol,
    payload: &[u8],
) -> Vec<u8> {
    ethernet(from.mac, to, EtherTypes::Ipv6, IPV6 + payload.len(), |packet| {
        packet[IPV6..].copy_from_slice(payload);
        if let Some(mut header) = MutableIpv6Packet::new(packet) {
            header.set_version(6);
            header.set_payload_length(payload.len() as u16);
            header.set_next_header(protocol);
            header.set_hop_limit(hop_limit);
            header.set_source(from.ip);
            header.set_destination(to_ip);
        }
    })
}

fn icmp6(
    from: Sender<Ipv6Addr>,
    to: Mac,
    to_ip: Ipv6Addr,
    hop_limit: u8,
    kind: Icmpv6Type,
    body: &[u8],
) -> Vec<u8> {
    let message = icmp6_message(from.ip, to_ip, kind, body);
    ipv6(from, (to, to_ip), hop_limit, IpNextHeaderProtocols::Icmpv6, &message)
}

fn icmp6_message(from: Ipv6Addr, to: Ipv6Addr, kind: Icmpv6Type, body: &[u8]) -> Vec<u8> {
    let mut message = [&[0; 4], body].concat();
    if let Some(mut header) = MutableIcmpv6Packet::new(&mut message) {
        header.set_icmpv6_type(kind);
    }
    let sum = Icmpv6Packet::new(&message).map(|packet| icmpv6::checksum(&packet, &from, &to));
    message[2..4].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    message
}

fn datagram((source, destination): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut datagram = [&[0; UDP], payload].concat();
    let length = datagram.len() as u16;
    if let Some(mut header) = MutableUdpPacket::new(&mut datagram) {
        header.set_source(source);
        header.set_destination(destination);
        header.set_length(length);
    }
    datagram
}

fn udp4(
    from: Sender<Ipv4Addr>,
    (to, to_ip): (Mac, Ipv4Addr),
    ttl: u8,
    ports: (u16, u16),
    payload: &[u8],
) -> Vec<u8> {
    let mut datagram = datagram(ports, payload);
    let sum = UdpPacket::new(&datagram).map(|d| udp::ipv4_checksum(&d, &from.ip, &to_ip));
    datagram[6..8].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    ipv4(from, to, to_ip, ttl, IpNextHeaderProtocols::Udp, datagram.len(), |body| {
        body.copy_from_slice(&datagram);
    })
}

fn udp6(
    from: Sender<Ipv6Addr>,
    to: (Mac, Ipv6Addr),
    hop_limit: u8,
    ports: (u16, u16),
    payload: &[u8],
) -> Vec<u8> {
    let mut datagram = datagram(ports, payload);
    let sum = UdpPacket::new(&datagram).map(|d| udp::ipv6_checksum(&d, &from.ip, &to.1));
    datagram[6..8].copy_from_slice(&sum.unwrap_or_default().to_be_bytes());
    ipv6(from, to, hop_limit, IpNextHeaderProtocols::Udp, &datagram)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{
        Arp, Fact, Heard, NeighbourSolicitation, NetBiosOperation, SsdpKind, ethernet,
    };

    const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const HOST: Mac = Mac([0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);
    const FROM: Sender<Ipv4Addr> = Sender { mac: ROUTER, ip: Ipv4Addr::new(192, 0, 2, 1) };
    const TO: Sender<Ipv4Addr> = Sender { mac: HOST, ip: Ipv4Addr::new(192, 0, 2, 7) };
    const FROM6: Sender<Ipv6Addr> =
        Sender { mac: ROUTER, ip: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1) };

    fn heard(frame: &[u8]) -> Heard {
        let heard = ethernet(frame).unwrap();
        assert_eq!(heard.source, ROUTER);
        heard
    }

    /// The ones' complement sum over sound data with its checksum is 0xffff (RFC 1071).
    fn folded(parts: &[&[u8]]) -> u16 {
        let bytes = parts.concat();
        let mut sum: u32 = bytes
            .chunks(2)
            .map(|c| u32::from(c[0]) << 8 | c.get(1).map_or(0, |b| u32::from(*b)))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    fn assert_ipv4_sums(frame: &[u8]) {
        let packet = &frame[14..];
        assert_eq!(folded(&[&packet[..20]]), 0xffff);
        let body = &packet[20..];
        let pseudo =
            [&packet[12..20], &[0, packet[9]], &(body.len() as u16).to_be_bytes()].concat();
        let pseudo = if packet[9] == 1 { &[][..] } else { &pseudo };
        assert_eq!(folded(&[pseudo, body]), 0xffff);
    }

    fn assert_ipv6_sum(frame: &[u8]) {
        let packet = &frame[14..];
        let length = u32::from(u16::from_be_bytes([packet[4], packet[5]])).to_be_bytes();
        let pseudo = [&packet[8..40], &length, &[0, 0, 0, packet[6]]].concat();
        assert_eq!(folded(&[&pseudo, &packet[40..]]), 0xffff);
    }

    proptest! {
        #[test]
        fn an_arp_request_is_decoded_as_built(ip: u32, target: u32, to: Option<[u8; 6]>) {
            let from = Sender { mac: ROUTER, ip: ip.into() };
            let frame = arp_request(from, target.into(), to.map(Mac));
            let heard = heard(&frame);
            prop_assert_eq!(heard.destination, to.map_or(Mac::BROADCAST, Mac));
            prop_assert_eq!(heard.fact, Fact::Arp(Arp {
                reply: false,
                sender: ROUTER,
                sender_ip: ip.into(),
                target: Mac::ZERO,
                target_ip: target.into(),
            }));
        }

        #[test]
        fn a_neighbour_solicitation_is_decoded_as_built(low: u64, is_unicast: bool) {
            let target = Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(low));
            let frame = neighbour_solicitation(FROM6, target, is_unicast.then_some(HOST));
            assert_ipv6_sum(&frame);
            let heard = heard(&frame);
            prop_assert_eq!(heard.ip, Some(FROM6.ip.into()));
            let source_link = Some(ROUTER);
            prop_assert_eq!(
                heard.fact,
                Fact::NeighbourSolicitation(NeighbourSolicitation { target, source_link })
            );
        }
    }

    #[test]
    fn a_solicitation_for_all_goes_to_the_solicited_node_group() {
        let target = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0x12, 0x3456);
        let frame = neighbour_solicitation(FROM6, target, None);
        assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
    }

    #[test]
    fn echo_requests_have_sound_sums_and_headers() {
        let all = echo_all_nodes(FROM6, 7, 1);
        assert_ipv6_sum(&all);
        assert_eq!((&all[..6], all[54]), (&[0x33, 0x33, 0, 0, 0, 1][..], 128));
        let problem = problem_all_nodes(FROM6, 7, 1);
        assert_eq!((problem[20], &problem[54..58]), (60, &[58, 0, 0x80, 4][..]));
        assert_eq!(problem[62..], all[54..], "the same echo behind the option");
        let one = echo_request(FROM, TO, 7, 1);
        assert_ipv4_sums(&one);
        assert_eq!((heard(&one).hop_limit, one[34]), (Some(64), 8));
    }

    #[test]
    fn the_services_query_is_decoded_as_built_over_both() {
        let v4 = services_query(Sender { mac: ROUTER, ip: FROM.ip.into() });
        let v6 = services_query(Sender { mac: ROUTER, ip: FROM6.ip.into() });
        assert_ipv4_sums(&v4);
        assert_ipv6_sum(&v6);
        assert_eq!(v4[..6], [0x01, 0x00, 0x5e, 0, 0, 251]);
        for frame in [v4, v6] {
            let Fact::Mdns(query) = heard(&frame).fact else { panic!("no mDNS") };
            assert_eq!(query.questions[0].name, "_services._dns-sd._udp.local");
            assert_eq!((query.questions[0].kind, query.response), (12, false));
        }
    }

    #[test]
    fn a_browsing_query_is_decoded_as_built_and_leaves_out_what_is_no_name() {
        let long = format!("_{}._tcp", "x".repeat(64));
        let types = ["_ipp._tcp", "_a..b", "", &long, "_companion-link._tcp"].map(str::to_owned);
        let frame = browse_query(Sender { mac: ROUTER, ip: FROM6.ip.into() }, &types).unwrap();
        assert_ipv6_sum(&frame);
        let Fact::Mdns(query) = heard(&frame).fact else { panic!("no mDNS") };
        let names: Vec<&str> = query.questions.iter().map(|q| q.name.as_str()).collect();
        assert_eq!(names, ["_ipp._tcp.local", "_companion-link._tcp.local"]);
        assert!(query.questions.iter().all(|q| q.kind == 12) && !query.response);
        let nothing = browse_query(Sender { mac: ROUTER, ip: FROM.ip.into() }, &types[1..4]);
        assert_eq!(nothing, None);
    }

    #[test]
    fn the_largest_browsing_query_fits_a_frame() {
        let longest = format!("_{}.{}._tcp", "x".repeat(32), "y".repeat(22));
        let types = vec![longest; 50];
        let frame = browse_query(Sender { mac: ROUTER, ip: FROM6.ip.into() }, &types).unwrap();
        let Fact::Mdns(query) = heard(&frame).fact else { panic!("no mDNS") };
        assert_eq!(query.questions.len(), MOST_TYPES);
        assert!(frame.len() <= 1_514, "{}", frame.len());
    }

    #[test]
    fn the_search_and_the_status_request_are_decoded_as_built() {
        let search = ssdp_search(FROM);
        assert_ipv4_sums(&search);
        let Fact::Ssdp(found) = heard(&search).fact else { panic!("no SSDP") };
        assert_eq!(found.kind, SsdpKind::Search);
        assert_eq!(found.target.as_deref(), Some("upnp:rootdevice"));
        let status = node_status_request(FROM, TO);
        assert_ipv4_sums(&status);
        let Fact::NetBios(found) = heard(&status).fact else { panic!("no NetBIOS") };
        assert_eq!((found.operation, found.response), (NetBiosOperation::NodeStatus, false));
        assert_eq!(found.names[0].name, "*");
    }

    #[test]
    fn a_magic_packet_has_102_octets_in_both_forms() {
        let bare = wake(ROUTER, HOST);
        assert_eq!((bare.len(), &bare[..6], &bare[12..14]), (116, &[0xff; 6][..], &[8, 0x42][..]));
        assert_eq!(bare[14..], [&[0xff; 6][..], &HOST.0.repeat(16)].concat());
        let datagram = wake_udp(FROM, HOST);
        assert_ipv4_sums(&datagram);
        assert_eq!(datagram[36..38], [0, 9]);
        assert_eq!(datagram[42..], magic_packet(HOST));
    }
}
