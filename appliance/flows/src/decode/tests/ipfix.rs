//! IPFIX.

use std::net::Ipv6Addr;

use model::Mac;

use super::super::layout::VARIABLE;
use super::super::slot::REVERSE;
use super::*;
use crate::flow::{Direction, Nat};

#[test]
fn counters_of_any_length_are_read() {
    for length in 1..=8_u16 {
        let fields = [(8, 4), (12, 4), (1, length), (2, length)];
        let number = |last: u8| [vec![0; usize::from(length) - 1], vec![last]].concat();
        let record = [&plain(1, 0, 0)[..8], &number(200), &number(3)].concat();
        let flows = one(ipfix(), &fields, &record);
        assert_eq!((flows[0].bytes, flows[0].packets), (200, 3), "{length}");
    }
}

#[test]
fn ipv6_macs_vlan_and_direction_are_read_and_who_told() {
    let fields = [
        (27, 16),
        (28, 16),
        (62, 16),
        (56, 6),
        (80, 6),
        (58, 2),
        (61, 1),
        (5, 1),
        (6, 2),
        (1, 8),
        (10, 4),
        (14, 2),
    ];
    let address = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
    let record = [
        &address(1).octets()[..],
        &address(2).octets(),
        &address(3).octets(),
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2],
        &[0xe0, 100, 1, 0xb8, 0x01, 0x1b],
        &500_u64.to_be_bytes(),
        &[0, 0, 0, 9, 0, 8],
    ]
    .concat();
    let flow = one(ipfix(), &fields, &record)[0];
    assert_eq!(
        [flow.source, flow.destination, flow.sensor],
        [address(1).into(), address(2).into(), ROUTER]
    );
    assert_eq!(flow.source_mac, Some(Mac([2, 0, 0, 0, 0, 1])));
    assert_eq!(flow.destination_mac, Some(Mac([2, 0, 0, 0, 0, 2])));
    assert_eq!((flow.vlan, flow.direction, flow.tos), (100, Direction::Egress, 0xb8));
    assert_eq!((flow.tcp_flags, flow.input, flow.output), (0x1b, 9, 8));
}

#[test]
fn a_template_of_both_families_takes_the_one_that_is_there() {
    let fields = [(8, 4), (12, 4), (27, 16), (28, 16), (1, 4)];
    let four = [&plain(1, 0, 0)[..8], &[0; 32], &be(&[5])].concat();
    let six = [&[0; 8][..], &[0; 16], &[0xfe; 16], &be(&[6])].concat();
    let flows = one(ipfix(), &fields, &[four, six].concat());
    assert_eq!(flows[0].source, IpAddr::from([10, 0, 0, 1]));
    assert_eq!(flows[1].source, IpAddr::from([0_u8; 16]));
    assert_eq!(flows[1].destination, IpAddr::from([0xfe_u8; 16]));
}

#[test]
fn reverse_elements_are_a_flow_back() {
    let reverse = |id: u64| u64::from(REVERSE) << 16 | id;
    let fields = [
        (8, 4),
        (12, 4),
        (7, 2),
        (11, 2),
        (4, 1),
        (10, 4),
        (14, 4),
        (1, 4),
        (2, 4),
        (reverse(1), 4),
        (reverse(2), 4),
        (reverse(6), 1),
    ];
    let record =
        [&plain(1, 0, 0)[..8], &[4, 0, 1, 187, 6], &be(&[3, 4, 100, 2, 7000, 9]), &[0x12]].concat();
    let flows = one(ipfix(), &fields, &record);
    assert_eq!(flows.len(), 2);
    assert_eq!((flows[0].bytes, flows[0].packets, flows[0].tcp_flags), (100, 2, 0));
    assert_eq!((flows[1].bytes, flows[1].packets, flows[1].tcp_flags), (7000, 9, 0x12));
    assert_eq!(flows[1].source, flows[0].destination);
    assert_eq!((flows[1].source_port, flows[1].destination_port), (443, 1024));
    assert_eq!((flows[1].input, flows[1].output), (4, 3));
}

#[test]
fn totals_count_only_what_is_new_since_the_last_record() {
    let fields = [(8, 4), (12, 4), (85, 4), (86, 4), (152, 8), (153, 8), (136, 1)];
    let start = u64::from(NOW - 100) * 1000;
    let record = |bytes: u32, end: u64, reason: u8| {
        let times = [start, start + end].map(u64::to_be_bytes).concat();
        [plain(1, bytes, bytes / 100), times, vec![reason]].concat()
    };
    let mut heard = Heard::default();
    heard.take(&ipfix().template(256, &fields));
    for (bytes, end, reason) in [
        (1000, 10_000, 2),
        (1500, 20_000, 2),
        (1500, 30_000, 2),
        (1600, 40_000, 3),
        (200, 50_000, 3),
    ] {
        heard.take(&ipfix().set(256, &record(bytes, end, reason)));
    }
    assert_eq!(heard.bytes(), [1000, 500, 100, 200]);
    assert_eq!(ms(&heard.flows[1]), (-90_000, -80_000), "since its last record");
}

#[test]
fn what_was_translated_is_told() {
    let fields = [(8, 4), (12, 4), (7, 2), (11, 2), (225, 4), (226, 4), (227, 2), (228, 2), (1, 4)];
    let record = |outside: [u8; 4], port: u16| {
        let plain = plain(1, 0, 0);
        [
            &plain[..8],
            &[4, 0, 1, 187],
            &outside,
            &plain[4..8],
            &port.to_be_bytes(),
            &[1, 187],
            &be(&[9]),
        ]
        .concat()
    };
    let both = [record([198, 51, 100, 7], 50_000), record([10, 0, 0, 1], 1024)].concat();
    let flows = one(ipfix(), &fields, &both);
    let nat = Nat {
        source: IpAddr::from([198, 51, 100, 7]),
        destination: IpAddr::from([203, 0, 113, 1]),
        source_port: 50_000,
        destination_port: 443,
    };
    assert_eq!((flows[0].nat, flows[1].nat), (Some(nat), None));
}

#[test]
fn every_kind_of_time_is_read() {
    let seconds = u64::from(NOW) - 10;
    let ntp = (seconds + 2_208_988_800) << 32;
    for (start, end, length, value) in [
        (150, 151, 4, seconds),
        (152, 153, 8, seconds * 1000),
        (154, 155, 8, ntp),
        (156, 157, 8, ntp),
        (158, 159, 4, 10_000_000),
    ] {
        let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (start, length), (end, length)];
        let value = &value.to_be_bytes()[8 - usize::from(length)..];
        let flows = one(ipfix(), &fields, &[&plain(1, 1, 1), value, value].concat());
        assert_eq!(ms(&flows[0]), (-10_000, -10_000), "{start}");
    }
}

#[test]
fn uptimes_need_the_start_of_the_system_from_record_or_options() {
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (22, 4), (21, 4)];
    let record = [plain(1, 1, 1), be(&[50_000, 60_000])].concat();
    assert_eq!(ms(&one(ipfix(), &fields, &record)[0]), (0, 0), "not known");
    let started = (u64::from(NOW) * 1000 - 100_000).to_be_bytes();
    let with = [&fields[..], &[(160, 8)]].concat();
    let flows = one(ipfix(), &with, &[&record[..], &started].concat());
    assert_eq!(ms(&flows[0]), (-50_000, -40_000));
    let mut heard = Heard::default();
    heard.take(
        &ipfix()
            .options(512, 1, &[(149, 4), (160, 8)])
            .set(512, &[&be(&[7])[..], &started].concat()),
    );
    heard.take(&ipfix().template(256, &fields).set(256, &record));
    assert_eq!(ms(&heard.flows[0]), (-50_000, -40_000));
}

#[test]
fn a_duration_and_impossible_times_are_dealt_with() {
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (153, 8), (161, 4)];
    let end = (u64::from(NOW) * 1000).to_be_bytes();
    let flows = one(ipfix(), &fields, &[&plain(1, 1, 1)[..], &end, &be(&[2500])].concat());
    assert_eq!(ms(&flows[0]), (-2500, 0));
    let mut heard = Heard::default();
    let odd = [&plain(1, 1, 1)[..], &u64::MAX.to_be_bytes(), &be(&[2500])].concat();
    heard.take(&ipfix().template(256, &fields).set(256, &odd));
    assert_eq!((ms(&heard.flows[0]), heard.stats().odd_times), ((-2500, 0), 1));
}

#[test]
fn selectors_and_rates_in_records_are_applied() {
    let mut heard = Heard::default();
    heard.take(
        &ipfix()
            .options(512, 1, &[(302, 8), (304, 2), (309, 4), (310, 4)])
            .set(512, &[&5_u64.to_be_bytes()[..], &[0, 3], &be(&[1, 64])].concat()),
    );
    heard.take(&ipfix().template(256, &[(8, 4), (12, 4), (1, 4), (2, 4), (302, 8)]));
    heard.take(&ipfix().template(257, &[(8, 4), (12, 4), (1, 4), (2, 4), (305, 4), (306, 4)]));
    heard.take(&ipfix().set(256, &[&plain(1, 10, 1)[..], &5_u64.to_be_bytes()].concat()));
    heard.take(&ipfix().set(257, &[plain(1, 10, 1), be(&[1, 99])].concat()));
    assert_eq!(heard.bytes(), [640, 1000]);
    assert_eq!(heard.stats().sampling, 100);
}

#[test]
fn withdrawal_counts_for_its_domain_only_and_not_without_end() {
    let mut heard = Heard::default();
    let withdraw = |id: u16| [id.to_be_bytes(), [0, 0]].concat();
    heard
        .take(&ipfix().domain(1).template(256, &PLAIN))
        .take(&ipfix().domain(2).template(256, &PLAIN));
    heard.take(&ipfix().domain(1).set(2, &withdraw(256)));
    heard.take(&ipfix().domain(1).set(256, &plain(1, 1, 1)));
    heard.take(&ipfix().domain(2).set(256, &plain(1, 2, 1)));
    assert_eq!(heard.bytes(), [2]);
    heard.take(&ipfix().domain(2).set(2, &withdraw(2)));
    assert_eq!(heard.stats().withdrawn, 2);
    for _ in 0..100 {
        heard
            .take(&ipfix().domain(2).template(256, &PLAIN))
            .take(&ipfix().domain(2).set(2, &withdraw(2)));
    }
    assert_eq!((heard.stats().withdrawn, heard.malformed(Malformed::TooMany)), (65, 37));
}

#[test]
fn a_changed_template_replaces_the_old_one() {
    let mut heard = Heard::default();
    heard.take(&ipfix().template(256, &PLAIN).template(256, &[(12, 4), (8, 4), (2, 4), (1, 4)]));
    heard.take(&ipfix().set(256, &plain(1, 3, 9)));
    assert_eq!((heard.bytes(), heard.stats().redefined), (vec![9], 1));
}

#[test]
fn lost_records_are_counted_options_among_them() {
    let mut heard = Heard::default();
    let two = [plain(1, 1, 1), plain(2, 1, 1)].concat();
    heard.take(&ipfix().sequence(100).template(256, &PLAIN).options(512, 1, &[(149, 4), (34, 4)]));
    heard.take(&ipfix().sequence(100).set(256, &two).set(512, &be(&[7, 1])));
    heard.take(&ipfix().sequence(103).set(256, &two));
    assert_eq!(heard.stats().lost, 0);
    heard.take(&ipfix().sequence(125).set(256, &two));
    assert_eq!(heard.stats().lost, 20);
}

#[test]
fn templates_sampling_and_names_survive_a_restart() {
    let mut heard = Heard::default();
    heard.take(&ipfix().template(256, &PLAIN).template(257, &[(82, VARIABLE), (1, 4)]));
    heard.take(&v9().options(512, 1, &[(2, 4), (34, 4), (83, 4)]));
    heard.take(&v9().set(512, &[&be(&[3, 10])[..], b"wan\0"].concat()));
    let saved = heard.decoder.save();
    let mut again = Heard::default();
    assert_eq!(again.decoder.restore(Timestamp(0), &saved), Ok(3));
    again.take(&ipfix().set(256, &plain(1, 4, 1)));
    again.take(&v9().template(300, &[(8, 4), (10, 4), (1, 4)]).set(300, &be(&[1, 3, 5])));
    assert_eq!(again.bytes(), [4, 50]);
    assert_eq!(
        again.decoder.interfaces(ROUTER).next().map(|(_, name)| &name.description[..]),
        Some("wan")
    );
    for end in 0..saved.len() {
        let _ = Decoder::default().restore(Timestamp(0), &saved[..end]);
    }
    assert_eq!(Decoder::default().restore(Timestamp(0), b"other"), Err(SavedError::Foreign));
}
