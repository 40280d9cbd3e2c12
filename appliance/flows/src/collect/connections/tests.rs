//! Looks and endings in any order, and what the flows add up to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use netlink::conntrack::{State, Tuple};
use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Taken {
    flows: Vec<Flow>,
    passed: Vec<Flow>,
}

impl Take for Taken {
    fn flow(&mut self, flow: &Flow) {
        self.flows.push(*flow);
    }

    fn passed(&mut self, flow: &Flow) {
        self.passed.push(*flow);
    }
}

impl Taken {
    fn octets(&self) -> u64 {
        self.flows.iter().map(|flow| flow.bytes).sum()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn tuple(source: &str, port: u16, destination: &str, to: u16) -> Tuple {
    Tuple {
        source: ip(source),
        destination: ip(destination),
        source_port: Some(port),
        destination_port: Some(to),
        icmp: 0,
    }
}

fn amount(bytes: u64) -> Amount {
    Amount { packets: bytes.div_ceil(1_000), bytes }
}

/// A host of the LAN, masqueraded on its way to a server.
fn connection(id: u32, sent: u64, received: u64) -> Connection {
    let port = 40_000 + (id % 20_000) as u16;
    Connection {
        id,
        protocol: 6,
        original: tuple("192.168.1.5", port, "192.0.2.9", 443),
        reply: tuple("192.0.2.9", 443, "198.51.100.7", port + 1),
        state: State::Established,
        timeout: None,
        mark: 0,
        zone: 0,
        is_offloaded: true,
        sent: Some(amount(sent)),
        received: Some(amount(received)),
        began: None,
        ended: None,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_700_000_000_000 + seconds * 1_000)
}

/// One look at a table with only these.
fn look(engine: &mut Connections, now: Timestamp, table: &[Connection], taken: &mut Taken) {
    engine.begin(now);
    for one in table {
        engine.entry(one, true, taken);
    }
    engine.finish(true);
}

/// After a first look at an empty table.
fn started() -> (Connections, Taken) {
    let (mut engine, mut taken) = (Connections::new(Timeouts::default()), Taken::default());
    look(&mut engine, at(0), &[], &mut taken);
    (engine, taken)
}

#[test]
fn a_connection_counts_while_it_lasts_and_its_rest_when_it_ends() {
    let (mut engine, mut taken) = started();
    look(&mut engine, at(30), &[connection(1, 1_000, 50_000)], &mut taken);
    assert_eq!(taken.octets(), 51_000);
    look(&mut engine, at(60), &[connection(1, 2_000, 900_000)], &mut taken);
    assert_eq!(taken.octets(), 902_000);
    engine.ended(&connection(1, 2_100, 900_500), true, at(70), &mut taken);
    assert_eq!(taken.octets(), 902_600);
    let times: Vec<_> = taken.flows.iter().map(|flow| (flow.start, flow.end)).collect();
    assert_eq!(
        times,
        [(0, 30), (0, 30), (30, 60), (30, 60), (60, 70), (60, 70)].map(|(f, t)| (at(f), at(t)))
    );
    let account = engine.account();
    assert_eq!((account.known, account.ended, account.flows), (0, 1, 6));
}

#[test]
fn its_ends_are_the_true_hosts_and_nat_is_the_face_that_others_see() {
    let (mut engine, mut taken) = started();
    look(&mut engine, at(30), &[connection(1, 700, 800)], &mut taken);
    let [forth, back] = taken.flows[..] else { panic!("{:?}", taken.flows) };
    assert_eq!((forth.source, forth.source_port), (ip("192.168.1.5"), 40_001));
    assert_eq!((forth.destination, forth.destination_port), (ip("192.0.2.9"), 443));
    let nat = forth.nat.unwrap();
    assert_eq!((nat.source, nat.source_port), (ip("198.51.100.7"), 40_002));
    assert_eq!((nat.destination, nat.destination_port), (ip("192.0.2.9"), 443));
    assert_eq!((back.source, back.destination), (forth.destination, forth.source));
    assert_eq!((back.nat.unwrap().destination, back.bytes), (nat.source, 800));
    // A port that is forwarded to a host inside.
    let mut inward = connection(2, 10, 20);
    inward.original = tuple("192.0.2.9", 5_000, "198.51.100.7", 80);
    inward.reply = tuple("192.168.1.8", 8_080, "192.0.2.9", 5_000);
    engine.ended(&inward, true, at(31), &mut taken);
    let inward = taken.flows[2];
    assert_eq!((inward.destination, inward.destination_port), (ip("192.168.1.8"), 8_080));
    let face = inward.nat.unwrap();
    assert_eq!((face.destination, face.destination_port), (ip("198.51.100.7"), 80));
}

#[test]
fn an_echo_has_its_type_for_a_port_and_what_nobody_translated_has_no_nat() {
    let (mut engine, mut taken) = started();
    let mut echo = connection(1, 84, 84);
    echo.protocol = 1;
    let (mut original, mut reply) =
        (tuple("192.168.1.5", 77, "192.0.2.9", 0), tuple("192.0.2.9", 77, "192.168.1.5", 0));
    (original.destination_port, reply.destination_port) = (None, None);
    (original.icmp, reply.icmp) = (8 << 8, 0);
    (echo.original, echo.reply) = (original, reply);
    engine.ended(&echo, true, at(1), &mut taken);
    let ports: Vec<_> = taken.flows.iter().map(|f| (f.source_port, f.destination_port)).collect();
    assert_eq!(ports, [(0, 8 << 8), (0, 0)]);
    assert!(taken.flows.iter().all(|flow| flow.nat.is_none()));
}

#[test]
fn what_was_there_before_the_first_look_counts_from_then_on() {
    let (mut engine, mut taken) = (Connections::new(Timeouts::default()), Taken::default());
    // It ends before anything was looked at.
    engine.ended(&connection(9, 5, 5), true, at(0), &mut taken);
    look(&mut engine, at(1), &[connection(1, 1 << 40, 1 << 41)], &mut taken);
    assert!(taken.flows.is_empty());
    engine.ended(&connection(1, (1 << 40) + 7, 1 << 41), true, at(2), &mut taken);
    assert_eq!(taken.octets(), 7);
}

#[test]
fn who_ended_is_not_counted_again_by_a_look_that_still_shows_it() {
    let (mut engine, mut taken) = started();
    engine.ended(&connection(1, 5_000, 6_000), true, at(5), &mut taken);
    look(&mut engine, at(6), &[connection(1, 5_000, 6_000)], &mut taken);
    assert_eq!(taken.octets(), 11_000);
    // The same ports again, as another connection.
    look(&mut engine, at(7), &[connection(2, 100, 0)], &mut taken);
    assert_eq!(taken.octets(), 11_100);
}

#[test]
fn an_entry_that_a_look_missed_goes_on_and_one_that_is_gone_is_forgotten() {
    let (mut engine, mut taken) = started();
    let table = [connection(1, 10_000, 0)];
    look(&mut engine, at(30), &table, &mut taken);
    look(&mut engine, at(60), &[], &mut taken);
    look(&mut engine, at(90), &[connection(1, 30_000, 0)], &mut taken);
    assert_eq!(taken.octets(), 30_000);
    look(&mut engine, at(120), &[], &mut taken);
    look(&mut engine, at(150), &[], &mut taken);
    assert_eq!((engine.account().known, engine.account().vanished), (0, 1));
}

#[test]
fn little_waits_until_it_is_worth_a_flow_but_not_for_long() {
    let (mut engine, mut taken) = started();
    look(&mut engine, at(30), &[connection(1, 100, 0)], &mut taken);
    look(&mut engine, at(60), &[connection(1, 200, 0)], &mut taken);
    look(&mut engine, at(90), &[connection(1, 300, 0)], &mut taken);
    assert_eq!(taken.octets(), 100);
    look(&mut engine, at(150), &[connection(1, 400, 0)], &mut taken);
    assert_eq!(taken.octets(), 400);
    assert_eq!(taken.flows[1].start, at(30));
    // Those who watch have seen each of them.
    assert_eq!(taken.passed.iter().map(|flow| flow.bytes).sum::<u64>(), 400);
}

#[test]
fn looking_often_makes_no_more_flows() {
    let (mut engine, mut taken) = started();
    for second in (2..=62).step_by(2) {
        let carried = second as u64 * 1_000_000;
        look(&mut engine, at(second), &[connection(1, carried, 0)], &mut taken);
    }
    assert_eq!(taken.flows.len(), 2 + 1, "when it was first seen, and twice after a pause");
    assert_eq!(taken.passed.iter().map(|flow| flow.bytes).sum::<u64>(), 62_000_000);
}

#[test]
fn what_another_source_tells_is_left_out_and_all_after_it_counts() {
    let (mut engine, mut taken) = started();
    engine.begin(at(30));
    engine.entry(&connection(1, 5_000, 5_000), false, &mut taken);
    engine.finish(true);
    engine.ended(&connection(2, 9, 9), false, at(31), &mut taken);
    assert!(taken.flows.is_empty());
    look(&mut engine, at(90), &[connection(1, 15_000, 5_000)], &mut taken);
    assert_eq!(taken.octets(), 10_000);
}

#[test]
fn connections_without_counters_are_told_of_as_such() {
    let (mut engine, mut taken) = started();
    let silent = Connection { sent: None, received: None, ..connection(1, 0, 0) };
    look(&mut engine, at(30), &[silent.clone(), connection(2, 1, 1)], &mut taken);
    assert_eq!((engine.account().uncounted, engine.account().known), (1, 1));
    engine.ended(&silent, true, at(31), &mut taken);
    assert_eq!(taken.octets(), 2);
}

#[test]
fn a_flow_ends_with_its_last_packet_and_not_when_the_kernel_forgets_it() {
    let (mut engine, mut taken) = started();
    let one = |state, timeout, sent| Connection {
        protocol: 17,
        state,
        timeout,
        is_offloaded: false,
        ..connection(1, sent, 0)
    };
    // 30 s are given with each packet, and 18 are left.
    look(&mut engine, at(30), &[one(State::Unreplied, Some(18), 60)], &mut taken);
    assert_eq!((taken.flows[0].start, taken.flows[0].end), (at(0), at(18)));
    // It ran out: the last of 30 s ago. A reason that cannot be is not believed.
    engine.ended(&one(State::Unreplied, None, 120), true, at(70), &mut taken);
    assert_eq!(taken.flows[1].end, at(40));
    let early = Connection { id: 2, ..one(State::Unreplied, None, 120) };
    engine.ended(&early, true, at(45), &mut taken);
    assert_eq!((taken.flows[2].start, taken.flows[2].end), (at(30), at(45)));
}

#[test]
fn a_restart_counts_nothing_twice_and_leaves_nothing_out() {
    let (mut engine, mut taken) = started();
    look(&mut engine, at(30), &[connection(1, 5_000, 0), connection(2, 7_000, 0)], &mut taken);
    let saved = engine.save();
    let mut engine = Connections::new(Timeouts::default());
    assert!(engine.restore(&saved, at(50), 3_600_000));
    let table = [connection(1, 9_500, 0), connection(2, 7_000, 0), connection(3, 600, 0)];
    look(&mut engine, at(60), &table, &mut taken);
    assert_eq!(taken.octets(), 9_500 + 7_000 + 600);
    assert!(!Connections::new(Timeouts::default()).restore(&saved, at(30 + 3_601), 3_600_000));
    assert!(!Connections::new(Timeouts::default()).restore(&saved, at(20), 3_600_000));
}

/// What a connection does, one after the other.
#[derive(Debug, Clone)]
enum Act {
    Carry(usize, u32, u32),
    Look { seconds: u8, hides: Option<usize> },
    End(usize),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0_usize..6, 0_u32..200_000, 0_u32..2_000_000).prop_map(|(n, s, r)| Act::Carry(n, s, r)),
        3 => (1_u8..90, prop::option::weighted(0.2, 0_usize..6))
            .prop_map(|(seconds, hides)| Act::Look { seconds, hides }),
        2 => (0_usize..6).prop_map(Act::End),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #[test]
    fn flows_add_up_to_the_counters_whatever_happens(acts in prop::collection::vec(act(), 0..60)) {
        let (mut engine, mut taken) = started();
        let mut table: BTreeMap<usize, Connection> = BTreeMap::new();
        let (mut now, mut next, mut all) = (0, 1_u32, 0);
        let mut hidden = None;
        for act in acts {
            match act {
                Act::Carry(place, sent, received) => {
                    let one = table.entry(place).or_insert_with(|| {
                        next += 1;
                        connection(next, 0, 0)
                    });
                    let add = |amount: &mut Option<Amount>, more: u32| {
                        let old = amount.unwrap_or_default();
                        *amount = Some(Amount {
                            packets: old.packets + 1,
                            bytes: old.bytes + u64::from(more),
                        });
                    };
                    add(&mut one.sent, sent);
                    add(&mut one.received, received);
                    all += u64::from(sent) + u64::from(received);
                }
                Act::Look { seconds, hides } => {
                    now += i64::from(seconds);
                    // Never the same twice in a row.
                    hidden = hides.filter(|place| hidden != Some(*place));
                    let shown: Vec<_> = table
                        .iter()
                        .filter(|(place, _)| hidden != Some(**place))
                        .map(|(_, one)| one.clone())
                        .collect();
                    look(&mut engine, at(now), &shown, &mut taken);
                }
                Act::End(place) => {
                    if let Some(one) = table.remove(&place) {
                        engine.ended(&one, true, at(now), &mut taken);
                    }
                }
                Act::Restart => {
                    let saved = engine.save();
                    engine = Connections::new(Timeouts::default());
                    prop_assert!(engine.restore(&saved, at(now), 3_600_000));
                }
            }
        }
        for (_, one) in table {
            engine.ended(&one, true, at(now), &mut taken);
        }
        prop_assert_eq!(taken.octets(), all);
        for flow in &taken.flows {
            prop_assert!(flow.start <= flow.end && flow.end <= at(now), "{:?}", flow);
        }
    }

    #[test]
    fn no_saved_octets_make_the_reader_panic(bytes: Vec<u8>) {
        let mut engine = Connections::new(Timeouts::default());
        let _ = engine.restore(&bytes, at(0), i64::MAX);
    }
}
