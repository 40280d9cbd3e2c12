//! `NetFlow` v5 and v9.

use super::super::layout::VARIABLE;
use super::*;

fn v5(sequence: u32, sampling: u16, records: &[[u32; 12]]) -> Vec<u8> {
    let mut out = [5, records.len() as u16].map(u16::to_be_bytes).concat();
    out.extend(be(&[100_000, NOW, 500_000_000, sequence]));
    out.extend([0x0102, sampling].map(u16::to_be_bytes).concat());
    out.extend(records.iter().flat_map(|record| be(record)));
    out
}

/// From 10.0.0.5:1024 to 203.0.113.9:443, TCP, 40 packets of 6000 octets, over 20 s.
const RECORD: [u32; 12] = [
    0x0a00_0005,
    0xcb00_7109,
    0xc000_0201,
    0x0003_0004,
    40,
    6000,
    70_000,
    90_000,
    0x0400_01bb,
    0x001b_0600,
    0xfde8_fde9,
    0x1810_0000,
];

#[test]
fn a_record_of_version_5_is_read_whole() {
    let mut heard = Heard::default();
    heard.take_at(NOW, &v5(0, 0, &[RECORD]));
    let flow = heard.flows[0];
    assert_eq!(flow.source, IpAddr::from([10, 0, 0, 5]));
    assert_eq!(flow.destination, IpAddr::from([203, 0, 113, 9]));
    assert_eq!(flow.sensor, ROUTER);
    assert_eq!((flow.source_port, flow.destination_port, flow.protocol), (1024, 443, 6));
    assert_eq!((flow.input, flow.output, flow.tcp_flags, flow.tos), (3, 4, 0x1b, 0));
    assert_eq!((flow.bytes, flow.packets, flow.sampling), (6000, 40, 1));
    assert_eq!((flow.source_as, flow.destination_as), (65_000, 65_001));
    assert_eq!(ms(&flow), (-29_500, -9_500));
}

#[test]
fn version_5_with_an_impossible_count_is_refused_and_trailing_octets_are_ignored() {
    let mut heard = Heard::default();
    let good = v5(0, 0, &[RECORD; 2]);
    heard.take_at(NOW, &[&good[..], &[7; 1500]].concat());
    assert_eq!(heard.flows.len(), 2);
    for count in [0_u16, 3, 31, 65_535] {
        let mut bad = good.clone();
        bad[2..4].copy_from_slice(&count.to_be_bytes());
        heard.take_at(NOW, &bad);
    }
    assert_eq!((heard.flows.len(), heard.malformed(Malformed::Header)), (2, 4));
}

#[test]
fn sampling_of_version_5_counts_with_and_without_its_mode() {
    for (sampling, rate) in [(0, 1), (1, 1), (100, 100), (0x4064, 100), (0x4000, 1)] {
        let mut heard = Heard::default();
        heard.take_at(NOW, &v5(0, sampling, &[RECORD]));
        let flow = heard.flows[0];
        assert_eq!(
            (flow.sampling, flow.bytes, flow.packets),
            (rate, 6000 * u64::from(rate), 40 * u64::from(rate))
        );
    }
}

#[test]
fn version_5_counts_lost_flows_by_engine() {
    let mut heard = Heard::default();
    heard.take_at(NOW, &v5(100, 0, &[RECORD; 30])).take_at(NOW, &v5(160, 0, &[RECORD; 29]));
    let mut other = v5(5, 0, &[RECORD]);
    other[21] = 9;
    heard.take_at(NOW, &other);
    assert_eq!((heard.stats().lost, heard.stats().restarts), (30, 0));
}

#[test]
fn uptime_that_wrapped_since_a_flow_began_is_no_flow_of_seven_weeks() {
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (22, 4), (21, 4)];
    let record = [plain(1, 100, 1), be(&[u32::MAX - 9_999, 1_000])].concat();
    let flows = one(v9().time(NOW, 5_000), &fields, &record);
    assert_eq!(ms(&flows[0]), (-15_000, -4_000));
}

#[test]
fn whole_seconds_of_the_header_do_not_make_the_times_jump() {
    let fields = [(8, 4), (12, 4), (1, 4), (2, 4), (22, 4), (21, 4)];
    let mut heard = Heard::default();
    heard.take(&v9().template(256, &fields));
    // Sent every 700 ms; the header cuts off to whole seconds.
    for step in 0..20_u32 {
        let uptime = 100_000 + step * 700;
        let record = [plain(1, 100, 1), be(&[90_000, 90_000])].concat();
        heard.take(&v9().time(NOW + step * 700 / 1000, uptime).set(256, &record));
    }
    let times: Vec<i64> = heard.flows.iter().map(|flow| ms(flow).0).collect();
    assert!(times.iter().all(|time| (-10_100..=-9_900).contains(time)), "{times:?}");
    let jumps = times.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max();
    assert!(jumps <= Some(100), "{times:?}");
    // A clock that was set is followed.
    let record = [plain(1, 100, 1), be(&[113_000, 113_000])].concat();
    heard.take(&v9().time(NOW + 3600, 114_000).set(256, &record));
    assert_eq!(heard.flows.last().map(|flow| ms(flow).0), Some(3_599_000));
}

#[test]
fn options_give_sampling_by_sampler_and_names_of_interfaces() {
    let mut heard = Heard::default();
    heard
        .take(&v9().options(512, 1, &[(1, 4), (48, 1), (49, 1), (50, 2)]))
        .take(
            &v9().set(512, &[be(&[9]), vec![1, 2, 0, 100], be(&[9]), vec![2, 2, 3, 232]].concat()),
        )
        .take(&v9().options(513, 1, &[(2, 4), (82, 8)]))
        .take(&v9().set(513, &[&be(&[3])[..], b"eth3\0\0\0\0"].concat()))
        .take(&v9().template(256, &[(8, 4), (12, 4), (1, 4), (2, 4), (48, 1)]));
    let record = |sampler: u8| [plain(1, 10, 1), vec![sampler]].concat();
    heard.take(&v9().set(256, &[record(1), record(2), record(3)].concat()));
    assert_eq!(heard.bytes(), [1000, 10_000, 10]);
    let names: Vec<_> = heard.decoder.interfaces(ROUTER).collect();
    assert_eq!((names.len(), names[0].0, &names[0].1.name[..]), (1, 3, "eth3"));
    assert_eq!((heard.stats().options, heard.stats().records), (3, 3));
}

#[test]
fn sampling_learnt_late_holds_from_then_on() {
    let mut heard = Heard::default();
    let options = v9().options(512, 1, &[(1, 4), (34, 4), (35, 1)]);
    heard.take(&v9().template(256, &PLAIN).set(256, &plain(1, 10, 1)));
    heard.take(&options.set(512, &[be(&[9, 50]), vec![1]].concat()));
    heard.take(&v9().set(256, &plain(1, 10, 1)));
    assert_eq!(heard.bytes(), [10, 500]);
}

#[test]
fn a_scope_of_no_length_and_one_of_an_interface_are_understood() {
    let mut heard = Heard::default();
    heard.take(&v9().template(256, &[(8, 4), (12, 4), (1, 4), (2, 4), (10, 4)]));
    heard.take(&v9().options(512, 1, &[(1, 0), (34, 4)]).set(512, &be(&[10])));
    heard.take(&v9().options(513, 1, &[(2, 4), (34, 4)]).set(513, &be(&[5, 1000])));
    let record = |input| [plain(1, 1, 1), be(&[input])].concat();
    heard.take(&v9().set(256, &[record(4), record(5)].concat()));
    assert_eq!(heard.bytes(), [10, 1000]);
}

#[test]
fn padding_and_a_tail_of_zeros_are_no_records() {
    let mut heard = Heard::default();
    let padded = [plain(1, 10, 1), vec![0; 3]].concat();
    heard.take(&v9().template(256, &PLAIN).set(256, &padded).raw(&[0; 60]));
    heard.take(&v9().set(
        0,
        &[256_u16.to_be_bytes(), 1_u16.to_be_bytes(), [0, 1], [0, 4], [0; 2], [0; 2]].concat(),
    ));
    assert_eq!((heard.bytes(), heard.stats().malformed_total()), (vec![10], 0));
    assert_eq!(heard.stats().redefined, 1);
}

#[test]
fn version_9_counts_lost_messages() {
    let mut heard = Heard::default();
    let two = [plain(1, 10, 1), plain(2, 10, 1)].concat();
    heard.take(&v9().sequence(1).template(256, &PLAIN));
    for sequence in [2, 3, 7, 8, 6] {
        heard.take(&v9().sequence(sequence).set(256, &two));
    }
    assert_eq!((heard.stats().lost, heard.stats().late), (2, 1));
}

#[test]
fn variable_lengths_are_understood_in_version_9_too() {
    let fields = [(8, 4), (82, VARIABLE), (12, 4), (1, 4), (2, 4)];
    let plain = plain(1, 77, 1);
    let record = [&plain[..4], &[3], b"abc", &plain[4..]].concat();
    let flows = one(v9(), &fields, &[&record[..], &record].concat());
    assert_eq!(flows.iter().map(|flow| flow.bytes).collect::<Vec<_>>(), [77, 77]);
}

#[test]
fn a_firewalls_events_without_octets_are_no_traffic() {
    // Flow created, then torn down with what both sides sent.
    let fields = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (233, 1), (231, 4), (232, 4)];
    let record = |event: u8, sent: [u32; 2]| {
        [&plain(1, 0, 0)[..8], &[4, 0, 1, 187, 6, event], &be(&sent)].concat()
    };
    let mut heard = Heard::default();
    heard.take(&v9().template(263, &fields));
    heard.take(&v9().set(263, &[record(1, [0, 0]), record(2, [100, 9000])].concat()));
    assert_eq!(heard.bytes(), [100, 9000]);
    let (there, back) = (heard.flows[0], heard.flows[1]);
    assert_eq!((there.source, there.source_port), (back.destination, back.destination_port));
    assert_eq!((there.destination, there.destination_port), (back.source, back.source_port));
    assert_eq!((heard.stats().records, heard.stats().without_traffic), (2, 1));
}

#[test]
fn data_before_its_template_is_decoded_when_that_comes() {
    let mut heard = Heard::default();
    heard.take(&v9().time(NOW, 100_000).set(256, &plain(1, 10, 1)));
    heard.take(&v9().domain(8).template(256, &PLAIN));
    assert_eq!(heard.flows.len(), 0, "a template of another domain");
    heard.take_at(NOW + 30, &v9().time(NOW + 30, 130_000).template(256, &PLAIN).bytes());
    assert_eq!(heard.bytes(), [10]);
    assert_eq!(ms(&heard.flows[0]), (0, 0), "the time of its own message");
    assert_eq!((heard.stats().held, heard.stats().replayed, heard.stats().undecoded), (1, 1, 0));
}

#[test]
fn data_waits_for_a_minute_and_within_bounds() {
    let mut heard = Heard::default();
    heard.take(&v9().set(256, &plain(1, 10, 1)));
    heard.take_at(NOW + 61, &v9().template(256, &PLAIN).bytes());
    assert_eq!((heard.flows.len(), heard.stats().undecoded), (0, 1));
    for _ in 0..200 {
        heard.take(&v9().domain(9).set(300, &[1; 1000]));
    }
    let stats = heard.stats();
    assert!(stats.held - 1 <= 64 && stats.undecoded >= 136, "{stats:?}");
    assert_eq!(stats.held + stats.undecoded, 202);
}
