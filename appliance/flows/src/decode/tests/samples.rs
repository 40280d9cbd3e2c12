//! sFlow.

use super::*;
use crate::flow::Direction;

fn record(format: u32, body: &[u8]) -> Vec<u8> {
    [&be(&[format, body.len() as u32])[..], body].concat()
}

/// A datagram with these samples.
fn datagram(sequence: u32, samples: &[Vec<u8>]) -> Vec<u8> {
    let head = be(&[5, 1, 0xc000_0201, 0, sequence, 100_000, samples.len() as u32]);
    [head, samples.concat()].concat()
}

/// One packet in 1000, seen at interface 3 on its way from 3 to `output`.
fn sample(drops: u32, output: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let head = be(&[1, 3, 1000, 9999, drops, 3, output, records.len() as u32]);
    record(1, &[head, records.concat()].concat())
}

/// TCP with SYN from 10.0.0.5:1024 to 203.0.113.9:443, tagged with VLAN 7, of 1000 octets of
/// layer 3.
fn head() -> Vec<u8> {
    let frame = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 8, 0];
    let ip = [0x45, 0xb8, 0x03, 0xe8, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 5, 203, 0, 113, 9];
    let tcp = [4, 0, 1, 187, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0];
    [&frame[..], &ip, &tcp].concat()
}

fn raw(frame_length: u32, stripped: u32, head: &[u8]) -> Vec<u8> {
    let padded = [head, &vec![0; head.len().next_multiple_of(4) - head.len()]].concat();
    record(1, &[be(&[1, frame_length, stripped, head.len() as u32]), padded].concat())
}

#[test]
fn a_sampled_packet_counts_its_layer_3_times_the_rate() {
    let mut heard = Heard::default();
    heard.take_at(NOW, &datagram(1, &[sample(0, 4, &[raw(1022, 4, &head())])]));
    let flow = heard.flows[0];
    assert_eq!((flow.bytes, flow.packets, flow.sampling), (1_000_000, 1000, 1000));
    assert_eq!((flow.source, flow.destination), ([10, 0, 0, 5].into(), [203, 0, 113, 9].into()));
    assert_eq!((flow.source_port, flow.destination_port, flow.protocol), (1024, 443, 6));
    assert_eq!((flow.tcp_flags, flow.tos, flow.vlan), (2, 0xb8, 7));
    assert_eq!((flow.input, flow.output, flow.direction), (3, 4, Direction::Ingress));
    assert_eq!(flow.source_mac.map(|mac| mac.0), Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(ms(&flow), (0, 0), "a point in time");
}

#[test]
fn filling_of_short_frames_does_not_count() {
    let mut short = head();
    short[20..22].copy_from_slice(&40_u16.to_be_bytes());
    let mut heard = Heard::default();
    heard.take_at(NOW, &datagram(1, &[sample(0, 4, &[raw(68, 4, &short)])]));
    assert_eq!(heard.bytes(), [40_000]);
}

#[test]
fn the_routers_own_traffic_is_kept() {
    let mut heard = Heard::default();
    let samples = [0x3fff_ffff, 0x8000_0002, 0x4000_0001]
        .map(|output| sample(0, output, &[raw(1022, 4, &head())]));
    heard.take_at(NOW, &datagram(1, &samples));
    assert_eq!(heard.flows.iter().map(|flow| flow.output).collect::<Vec<_>>(), [0, 0, 0]);
}

#[test]
fn addresses_may_come_without_the_packet() {
    let ip = record(3, &be(&[500, 17, 0x0a00_0005, 0xcb00_7109, 53, 1024, 0, 0]));
    let expanded = {
        let head = be(&[1, 0, 3, 1000, 9999, 0, 0, 3, 0, 4, 1]);
        record(3, &[head, ip].concat())
    };
    let mut heard = Heard::default();
    heard.take_at(NOW, &datagram(1, &[expanded]));
    let flow = heard.flows[0];
    assert_eq!((flow.bytes, flow.protocol, flow.source_port, flow.output), (500_000, 17, 53, 4));
}

#[test]
fn counters_discards_and_what_is_no_ip_are_no_traffic() {
    let mut arp = head();
    arp[16..18].copy_from_slice(&[8, 6]);
    let mut heard = Heard::default();
    let samples = [record(2, &[0; 40]), record(5, &[0; 12]), sample(0, 4, &[raw(64, 4, &arp)])];
    heard.take_at(NOW, &datagram(1, &samples));
    assert_eq!((heard.flows.len(), heard.stats().not_ip), (0, 1));
    assert_eq!(heard.stats().malformed_total(), 0);
}

#[test]
fn lost_datagrams_and_dropped_samples_are_counted() {
    let mut heard = Heard::default();
    for (sequence, drops) in [(10, 100), (11, 100), (14, 130), (15, 135)] {
        heard.take_at(NOW, &datagram(sequence, &[sample(drops, 4, &[raw(1022, 4, &head())])]));
    }
    assert_eq!((heard.stats().lost, heard.stats().samples_dropped), (2, 35));
}

#[test]
fn a_datagram_that_is_cut_off_tells_nothing_wrong() {
    let whole = datagram(1, &[sample(0, 4, &[raw(1022, 4, &head())])]);
    for length in 4..whole.len() {
        let mut heard = Heard::default();
        heard.take_at(NOW, &whole[..length]);
        assert_eq!((heard.flows.len(), heard.stats().malformed_total()), (0, 1), "{length}");
    }
}
