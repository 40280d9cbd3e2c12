//! Frames as they come off the wire, checked by hand, and whatever bytes proptest thinks of.

mod hosts;
mod names;
mod seeds;
mod switches;

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HOST: Mac = Mac([0x00, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);
const HOST_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const HOST_LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0211, 0x22ff, 0xfeaa, 0xbbcc);

/// Bytes from hex digits; blanks are for the reader.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn frame(kind: u16, body: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &HOST.0, &kind.to_be_bytes(), body].concat()
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    let words = [source, destination, length, 0];
    [&words.map(u16::to_be_bytes).concat(), payload].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16 + 20).to_be_bytes();
    let header = [0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    let addresses = [HOST_IP.octets(), [224, 0, 0, 251]].concat();
    frame(ETHERTYPE_IPV4, &[&header, &addresses[..], payload].concat())
}

fn ipv6(next: u8, hop_limit: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let header = [0x60, 0, 0, 0, high, low, next, hop_limit];
    let addresses = [HOST_LINK_LOCAL.octets(), Ipv6Addr::LOCALHOST.octets()].concat();
    frame(ETHERTYPE_IPV6, &[&header, &addresses[..], payload].concat())
}

fn udp4(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    ipv4(ip::UDP, &udp(source, destination, payload))
}

fn fact(frame: &[u8]) -> Fact {
    ethernet(frame).unwrap().fact
}

fn error(frame: &[u8]) -> (Protocol, Why) {
    let DecodeError { protocol, why } = ethernet(frame).unwrap_err();
    (protocol, why)
}

/// Every shorter version of the body must be refused or understood, never panic.
fn cut_anywhere(frame: &[u8]) {
    for length in 0..frame.len() {
        let _ = ethernet(&frame[..length]);
    }
}

#[test]
fn one_or_two_vlan_tags_are_looked_through() {
    let arp = hex("0001 0800 0604 0001 001122aabbcc c0000207 000000000000 c0000201");
    let tagged = |tags: &str| ethernet(&frame_with_tags(tags, &arp)).unwrap();
    assert_eq!(tagged("8100 0064").vlan, Some(100));
    assert_eq!(tagged("88a8 00c8 8100 e064").vlan, Some(200));
    assert_eq!(tagged("8100 e000").vlan, None);
    assert!(matches!(tagged("8100 0064").fact, Fact::Arp(_)));
    assert_eq!(tagged("8100 0001 8100 0002 8100 0003").fact, Fact::Other);
}

fn frame_with_tags(tags: &str, arp: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &HOST.0, &hex(tags), &ETHERTYPE_ARP.to_be_bytes(), arp].concat()
}

#[test]
fn a_group_cannot_send() {
    let mut bad = frame(ETHERTYPE_ARP, &[]);
    bad[6] |= 1;
    assert_eq!(error(&bad), (Protocol::Ethernet, Why::BadValue));
    assert_eq!(error(&bad[..11]), (Protocol::Ethernet, Why::Truncated));
}

#[test]
fn the_senders_address_and_hop_limit_are_told() {
    let heard = ethernet(&ipv4(ip::ICMPV4, &[0, 0, 0, 0])).unwrap();
    assert_eq!(heard.source, HOST);
    assert_eq!(heard.destination, Mac::BROADCAST);
    assert_eq!((heard.ip, heard.hop_limit), (Some(HOST_IP.into()), Some(64)));
    assert_eq!(heard.fact, Fact::EchoReply);
}

#[test]
fn ipv4_options_are_skipped_and_fragments_left_alone() {
    let mut with_options = ipv4(ip::ICMPV4, &hex("94040000 00000000"));
    with_options[14] = 0x46;
    assert_eq!(fact(&with_options), Fact::EchoReply);
    let mut fragment = udp4(68, 67, &[0; 4]);
    fragment[20] = 0x20; // more fragments
    assert_eq!(fact(&fragment), Fact::Other);
    fragment[20..22].copy_from_slice(&[0, 1]); // a later one
    assert_eq!(fact(&fragment), Fact::Other);
}

#[test]
fn ip_and_udp_lengths_that_cannot_be_are_refused() {
    let good = udp4(68, 67, &[0; 4]);
    let with = |at: usize, value: u8| {
        let mut bad = good.clone();
        bad[at] = value;
        error(&bad)
    };
    assert_eq!(with(14, 0x44), (Protocol::Ipv4, Why::BadLength));
    assert_eq!(with(14, 0x65), (Protocol::Ipv4, Why::BadValue));
    assert_eq!(with(17, 19), (Protocol::Ipv4, Why::BadLength));
    assert_eq!(with(17, 200), (Protocol::Ipv4, Why::Truncated));
    assert_eq!(with(39, 7), (Protocol::Udp, Why::BadLength));
    assert_eq!(with(39, 13), (Protocol::Udp, Why::BadLength));
}

#[test]
fn ipv6_extension_headers_are_walked_so_far() {
    let echo = [129, 0, 0, 0];
    let options = hex("3a00 0502 0000 0100"); // hop-by-hop: router alert, padding
    assert_eq!(fact(&ipv6(0, 1, &[&options, &echo[..]].concat())), Fact::EchoReply);
    let chain = [[60, 0, 1, 4, 0, 0, 0, 0].repeat(8), vec![58, 0, 1, 4, 0, 0, 0, 0]].concat();
    assert_eq!(error(&ipv6(60, 1, &[&chain, &echo[..]].concat())), (Protocol::Ipv6, Why::TooMany));
    assert_eq!(fact(&ipv6(44, 1, &[58, 0, 0, 1, 0, 0, 0, 0, 129, 0, 0, 0])), Fact::Other);
    assert_eq!(error(&ipv6(0, 1, &[58, 9, 0, 0])), (Protocol::Ipv6, Why::Truncated));
}

#[test]
fn protocols_are_numbered_as_listed() {
    for (at, protocol) in Protocol::ALL.into_iter().enumerate() {
        assert_eq!(protocol as usize, at);
    }
    let error = DecodeError { protocol: Protocol::Mdns, why: Why::Loop };
    assert_eq!(error.to_string(), "malformed mdns: name that points ahead");
}

proptest! {
    #[test]
    fn no_frame_panics(frame in vec(any::<u8>(), 0..400)) {
        let _ = ethernet(&frame);
    }

    #[test]
    fn no_ethernet_body_panics(
        kind in prop::sample::select(vec![0x0800, 0x0806, 0x8100, 0x86dd, 0x88a8, 0x88cc, 60_u16]),
        body in vec(any::<u8>(), 0..400),
    ) {
        let _ = ethernet(&frame(kind, &body));
    }

    #[test]
    fn no_udp_payload_panics(
        port in prop::sample::select(vec![67_u16, 137, 1900, 5353, 5355, 547]),
        payload in vec(any::<u8>(), 0..400),
    ) {
        let datagram = udp(port, port, &payload);
        let _ = ethernet(&ipv4(ip::UDP, &datagram));
        let _ = ethernet(&ipv6(ip::UDP, 1, &datagram));
    }

    #[test]
    fn no_ipv6_payload_panics(next: u8, payload in vec(any::<u8>(), 0..400)) {
        let _ = ethernet(&ipv6(next, 255, &payload));
    }

    #[test]
    fn no_decoder_panics(bytes in vec(any::<u8>(), 0..600), hop_limit: u8) {
        let _ = (arp::decode(&bytes), ndp::decode(&bytes, hop_limit), dhcp4::decode(&bytes));
        let _ = (dhcp6::decode(&bytes), dns::mdns(&bytes), dns::llmnr(&bytes));
        let _ = (nbns::decode(&bytes), ssdp::decode(&bytes));
        let _ = (lldp::decode(&bytes), cdp::decode(&bytes));
    }
}
