//! Blocks give back what went in, and say so when they cannot.

use std::net::IpAddr;

use model::{Mac, Timestamp};
use panoptikon_flows::block::{Block, BlockError, Dictionary, Reader, Scratch, encode};
use panoptikon_flows::{Direction, Flow, Nat};
use proptest::prelude::*;

use crate::traffic;

fn decode(block: &Block) -> Result<Vec<Flow>, BlockError> {
    Reader::open(&block.columns, &Scratch::default())?.flows(&Dictionary::open(&block.addresses)?)
}

/// All fields, in an order of its own.
fn sorted(mut flows: Vec<Flow>) -> Vec<String> {
    flows.sort_by_key(|flow| flow.start);
    let mut texts: Vec<String> = flows.iter().map(|flow| format!("{flow:?}")).collect();
    texts.sort_unstable();
    texts
}

/// Few addresses and ports, so that flows answer each other.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        6 => (0_u8..6).prop_map(|n| IpAddr::from([10, 0, 0, n])),
        2 => (0_u16..3).prop_map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n])),
        1 => any::<IpAddr>(),
        1 => Just("::ffff:10.0.0.1".parse().expect("an address")),
    ]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 440_u16..444, 1 => any::<u16>()]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..2_000, 1 => any::<u64>()]
}

fn mac() -> impl Strategy<Value = Option<Mac>> {
    prop_oneof![Just(None), any::<[u8; 6]>().prop_map(|octets| Some(Mac(octets)))]
}

fn nat() -> impl Strategy<Value = Option<Nat>> {
    let told = (address(), address(), port(), port()).prop_map(
        |(source, destination, source_port, destination_port)| {
            Some(Nat { source, destination, source_port, destination_port })
        },
    );
    prop_oneof![2 => Just(None), 1 => told]
}

prop_compose! {
    fn flow()(
        start in prop_oneof![9 => 1_700_000_000_000_i64..1_700_000_100_000, 1 => any::<i64>()],
        lasted in prop_oneof![9 => 0_i64..90_000, 1 => any::<i64>()],
        (source, destination) in (address(), address()),
        (source_port, destination_port) in (port(), port()),
        (protocol, tcp_flags, tos) in (prop_oneof![Just(6_u8), Just(17), any::<u8>()], any::<u8>(), any::<u8>()),
        (bytes, packets) in (number(), number()),
        (input, output, side) in (0_u32..4, any::<u32>(), 0_u8..3),
        (source_as, destination_as, sampling) in (any::<u32>(), 0_u32..2, any::<u32>()),
        (sensor, vlan) in (address(), any::<u16>()),
        (source_mac, destination_mac) in (mac(), mac()),
        nat in nat(),
    ) -> Flow {
        let direction = [Direction::Unknown, Direction::Ingress, Direction::Egress][usize::from(side)];
        Flow {
            start: Timestamp(start), end: Timestamp(start.wrapping_add(lasted)),
            source, destination, source_port, destination_port, protocol, tcp_flags, tos, bytes,
            packets, input, output, direction, source_as, destination_as, sensor, vlan,
            source_mac, destination_mac, sampling, nat,
        }
    }
}

proptest! {
    #[test]
    fn every_field_of_every_flow_comes_back(flows in prop::collection::vec(flow(), 0..120)) {
        let block = encode(&flows).unwrap();
        prop_assert_eq!(sorted(decode(&block).unwrap()), sorted(flows));
    }

    #[test]
    fn a_block_of_which_an_octet_changed_is_an_error(
        flows in prop::collection::vec(flow(), 1..60),
        place: prop::sample::Index,
        bit in 0_u8..8,
    ) {
        let mut block = encode(&flows).unwrap();
        let border = block.addresses.len();
        let place = place.index(border + block.columns.len());
        let octet = if place < border { &mut block.addresses[place] } else { &mut block.columns[place - border] };
        *octet ^= 1 << bit;
        prop_assert!(decode(&block).is_err());
    }

    #[test]
    fn a_block_that_was_cut_off_is_an_error(flows in prop::collection::vec(flow(), 1..60), place: prop::sample::Index) {
        let mut block = encode(&flows).unwrap();
        block.columns.truncate(place.index(block.columns.len()));
        prop_assert!(decode(&block).is_err());
    }
}

#[test]
fn a_full_block_of_a_sites_traffic_takes_at_most_11_bytes_a_flow() {
    let flows: Vec<Flow> =
        traffic::Traffic::new(1, Timestamp(1_790_000_000_000)).take(65_536).collect();
    let block = encode(&flows).unwrap();
    assert_eq!(sorted(decode(&block).unwrap()), sorted(flows));
    let each = (block.addresses.len() + block.columns.len()) as f64 / 65_536.0;
    println!("{each:.2} bytes a flow");
    assert!(each <= 11.0, "{each:.2}");
}

#[test]
fn more_flows_than_a_block_holds_are_refused() {
    assert_eq!(encode(&vec![Flow::UNKNOWN; 65_537]), Err(BlockError::TooMany));
}

#[test]
fn flows_that_are_all_alike_take_next_to_nothing() {
    let block = encode(&vec![Flow::UNKNOWN; 65_536]).unwrap();
    assert!(block.columns.len() + block.addresses.len() < 400, "{}", block.columns.len());
    assert_eq!(decode(&block).unwrap().len(), 65_536);
}
