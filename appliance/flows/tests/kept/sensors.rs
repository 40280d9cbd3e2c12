//! Who told of what: exporters and the kernel's connections each see their own, a counter that is told
//! again counts once, and what two records tell of the same packets counts once in answers.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::Timestamp;
use panoptikon_flows::answers::{Answers, Nobody, World};
use panoptikon_flows::days::Keeper;
use panoptikon_flows::decode::Decoder;
use panoptikon_flows::filter::{Filter, parse};
use panoptikon_flows::query::{
    Dimension, ListQuery, Measure, Range, SearchQuery, SensorsQuery, SeriesQuery, TopQuery,
};
use panoptikon_flows::rollup::{Interfaces, Kind, Rollups, Scope};
use panoptikon_flows::world::{NoGeo, Ours, Prefix};
use panoptikon_flows::{Direction, Flow, Nat};

use crate::traffic::{Dice, Traffic};

const HOUR_MS: i64 = 3_600_000;
const NOW: Timestamp = Timestamp(20_700 * 86_400_000 + 36_000_000);
const DAY: Range = Range { from: Timestamp(NOW.0 - 12 * HOUR_MS), to: NOW };
const ALL: SensorsQuery = SensorsQuery { range: DAY, sensor: None, interface: None };

/// Whether a translation is one of those that are wanted.
type Met = Box<dyn Fn(&Nat) -> bool>;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(address: IpAddr) -> Prefix {
    Prefix::new(address, if address.is_ipv4() { 24 } else { 64 }).unwrap()
}

fn kept(flows: &[Flow]) -> (tempfile::TempDir, Answers) {
    let folder = tempfile::tempdir().unwrap();
    Keeper::open(folder.path(), NOW).unwrap().import(flows.iter().copied(), NOW).unwrap();
    let answers = Answers::new(folder.path(), World::default, || None);
    (folder, answers)
}

#[tokio::test]
async fn each_sensor_has_what_it_told_by_interface_and_by_networks() {
    let mut dice = Dice(3);
    let mut flows: Vec<Flow> = Traffic::new(8, Timestamp(NOW.0 - HOUR_MS)).take(3_000).collect();
    for flow in &mut flows {
        flow.sensor = ip(["0.0.0.0", "192.0.2.1", "2001:db8::5"][dice.below(3) as usize]);
        flow.direction = [Direction::Ingress, Direction::Egress][dice.below(2) as usize];
        if flow.sensor == ip("192.0.2.1") {
            // As of an exporter elsewhere.
            (flow.input, flow.output) = (0, 0);
        }
    }
    let interface = |flow: &Flow| match flow.direction {
        Direction::Egress => flow.output,
        _ => flow.input,
    };
    let (_folder, answers) = kept(&flows);
    let found = answers.ask(NOW, move |desk| desk.sensors(&ALL)).await.unwrap();
    assert!(!found.is_bounded);
    let mut wanted = BTreeMap::new();
    for flow in &flows {
        let ends = (network(flow.source), network(flow.destination));
        let row = wanted.entry((flow.sensor, interface(flow), ends)).or_insert((0, 0, 0));
        *row = (row.0 + flow.bytes, row.1 + flow.packets, row.2 + 1);
    }
    let told = |one: &panoptikon_flows::query::Sighting| {
        let key = (one.sensor, one.interface, (one.from, one.to));
        (key, (one.sums.bytes, one.sums.packets, one.sums.flows))
    };
    assert_eq!(found.sightings.iter().map(told).collect::<BTreeMap<_, _>>(), wanted);
    assert_eq!(found.sightings.len(), wanted.len());
    assert_eq!(found.sensors.len(), 5, "two of the kernel, two of one exporter, one of the other");
    for one in &found.sensors {
        let its =
            || wanted.iter().filter(|(key, _)| (key.0, key.1) == (one.address, one.interface));
        let of = |sum: fn(&(u64, u64, u64)) -> u64| its().map(|(_, row)| sum(row)).sum::<u64>();
        assert_eq!(one.sums.bytes, of(|row| row.0));
        assert_eq!(one.sums.packets, of(|row| row.1));
        assert_eq!(one.sums.flows, of(|row| row.2));
        assert_eq!(one.sightings, its().count() as u64);
        let networks = its().flat_map(|(key, _)| [key.2.0, key.2.1]);
        assert_eq!(one.networks, networks.collect::<BTreeSet<_>>().len() as u64);
        let seen =
            flows.iter().filter(|f| (f.sensor, interface(f)) == (one.address, one.interface));
        let seen = (seen.clone().map(|f| f.start).min(), seen.map(|f| f.end).max());
        assert_eq!(seen, (Some(one.seen.0), Some(one.seen.1)));
    }
    // One sensor, one interface, an hour in which nothing was.
    let sensor = Some(ip("2001:db8::5"));
    let one = SensorsQuery { sensor, interface: Some(3), ..ALL };
    let some = answers.ask(NOW, move |desk| desk.sensors(&one)).await.unwrap();
    assert_eq!((some.sensors.len(), some.sensors[0].interface), (1, 3));
    assert!(!some.sightings.is_empty() && some.sightings.iter().all(|s| Some(s.sensor) == sensor));
    let before = Range { from: DAY.from, to: Timestamp(NOW.0 - 3 * HOUR_MS) };
    let none = SensorsQuery { range: before, ..ALL };
    let none = answers.ask(NOW, move |desk| desk.sensors(&none)).await.unwrap();
    assert_eq!((none.sensors.len(), none.sightings.len()), (0, 0));
}

/// IPFIX with a template of totals since the flow began, and a record of it.
fn totals(seconds: i64, octets: u64, packets: u64) -> Vec<u8> {
    let fields: [u16; 16] = [8, 4, 12, 4, 4, 1, 7, 2, 11, 2, 85, 8, 86, 8, 152, 8];
    let mut template = [256_u16, 8].map(u16::to_be_bytes).concat();
    template.extend(fields.map(u16::to_be_bytes).concat());
    let mut record = vec![10, 0, 0, 5, 203, 0, 113, 9, 17, 0x80, 0, 0, 53];
    let began = NOW.0 as u64 - 600_000;
    record.extend([octets, packets, began].map(u64::to_be_bytes).concat());
    let mut sets = Vec::new();
    for (id, body) in [(2_u16, template), (256, record)] {
        sets.extend([id, body.len() as u16 + 4].map(u16::to_be_bytes).concat());
        sets.extend(body);
    }
    let mut out = [10_u16, sets.len() as u16 + 16].map(u16::to_be_bytes).concat();
    out.extend([seconds as u32, 0, 0].map(u32::to_be_bytes).concat());
    out.extend(sets);
    out
}

#[tokio::test]
async fn a_counter_that_is_told_again_and_again_is_counted_once() {
    let (mut decoder, mut flows) = (Decoder::default(), Vec::new());
    let exporter = ip("192.0.2.1");
    // Three times the same, then more.
    for (minute, octets, packets) in
        [(5, 1_000, 10), (4, 1_000, 10), (3, 1_000, 10), (2, 2_500, 25)]
    {
        let at = Timestamp(NOW.0 - minute * 60_000);
        let datagram = totals(at.as_secs(), octets, packets);
        decoder.datagram(exporter, at, &datagram, &mut |flow: &Flow| flows.push(*flow));
    }
    let (_folder, answers) = kept(&flows);
    let found = answers.ask(NOW, move |desk| desk.sensors(&ALL)).await.unwrap();
    let [one] = found.sightings[..] else { panic!("{found:?}") };
    assert_eq!((one.sensor, one.sums.bytes, one.sums.packets), (exporter, 2_500, 25));
    assert_eq!((one.from, one.to), (network(ip("10.0.0.5")), network(ip("203.0.113.9"))));
    assert_eq!(one.seen.1, Timestamp(NOW.0 - 120_000));
}

/// Flows that an exporter on the router tells of as they come in and, a part of them, as they go out.
fn told_twice() -> (Vec<Flow>, Interfaces) {
    let mut dice = Dice(4);
    let mut flows = Vec::new();
    for mut flow in Traffic::new(1, Timestamp(NOW.0 - HOUR_MS)).take(2_000) {
        let incoming = !Ours::default().contains(flow.source);
        flow.sensor = ip("127.0.0.1");
        flow.direction = if incoming { Direction::Egress } else { Direction::Ingress };
        (flow.input, flow.output) = if incoming { (3, 2) } else { (2, 3) };
        flows.push(flow);
        if dice.below(2) == 0 {
            let direction = if incoming { Direction::Ingress } else { Direction::Egress };
            flows.push(Flow { direction, ..flow });
        }
    }
    (flows, Interfaces { lan: [2].into(), egress: true })
}

#[tokio::test]
async fn what_is_told_twice_counts_once_in_every_answer_and_is_marked_in_the_list() {
    let (flows, interfaces) = told_twice();
    let twice = flows.iter().filter(|flow| !interfaces.counts(flow)).count();
    assert!(twice > 500);
    let folder = tempfile::tempdir().unwrap();
    Keeper::open(folder.path(), NOW).unwrap().import(flows.iter().copied(), NOW).unwrap();
    let mut rollups = Rollups::open(folder.path()).unwrap();
    rollups.run(&Nobody(Ours::default()), &NoGeo, &interfaces).unwrap();
    let scopes = [Scope::Internet, Scope::Local, Scope::Router, Scope::Transit];
    let ever = Range { from: Timestamp(0), to: NOW };
    let (_, all) = rollups.top(Kind::Total, &scopes, ever, 1, None).unwrap();
    let all = all.sent + all.received;
    let knowledge = (&Ours::default(), &NoGeo as &dyn panoptikon_flows::world::Geo, &interfaces);
    rollups.run_monthly(knowledge).unwrap();
    let months = rollups.months(0, knowledge, None).unwrap().unwrap();
    assert_eq!(months.iter().map(|row| row.sums.bytes).sum::<u64>(), all);
    // An exporter that has fallen silent since has told of both all the same.
    for egress in [true, false] {
        let interfaces = Interfaces { egress, ..interfaces.clone() };
        let world = move || World { interfaces: interfaces.clone(), ..World::default() };
        let answers = Answers::new(folder.path(), world, || None);
        let counted = flows.len() - twice;
        let answer = answers.ask(NOW, move |desk| {
            let (filter, measure, limit) = (Filter::default(), Measure::Bytes, 5);
            for by in [Dimension::Source, Dimension::Remote, Dimension::Service] {
                let filter = filter.clone();
                let top = desk.top(&TopQuery { range: ever, filter, by, measure, limit })?;
                assert_eq!((top.total.bytes, top.total.flows), (all, counted as u64));
            }
            let filter = parse("dst port 443", &|_| None).unwrap();
            let top = TopQuery { range: ever, filter, by: Dimension::Source, measure, limit };
            let narrowed = desk.top(&top)?.total.flows;
            let hosts = Vec::new();
            let filter = Filter::default();
            let series = SeriesQuery { range: DAY, step: HOUR_MS, filter, hosts };
            let series = desk.series(&series)?.points;
            assert_eq!(series.iter().map(|point| point.sent.bytes).sum::<u64>(), all);
            let places = desk.places(ever, &Vec::new())?.pairs;
            assert_eq!(places.iter().map(|pair| pair.sums.bytes).sum::<u64>(), all);
            let one = Traffic::device(0, false);
            let found = desk.search(&SearchQuery { range: ever, one, other: None }, 1)?.found;
            let filter = Filter::default();
            let list = ListQuery { range: ever, filter, after: None, limit: 10_000 };
            Ok((desk.list(&list)?, narrowed, found))
        });
        let (listed, narrowed, found) = answer.await.unwrap();
        let counts = |flow: &&Flow| Interfaces { egress: true, lan: [2].into() }.counts(flow);
        let to_web = flows.iter().filter(counts).filter(|flow| flow.destination_port == 443);
        assert_eq!(narrowed, to_web.count() as u64);
        let device = Traffic::device(0, false);
        let its = flows.iter().filter(counts).filter(|flow| flow.source == device);
        assert_eq!(found.sent.bytes, its.map(|flow| flow.bytes).sum::<u64>());
        assert_eq!((listed.flows.len(), listed.mirrored.len()), (flows.len(), flows.len()));
        for (flow, mirrored) in listed.flows.iter().zip(&listed.mirrored) {
            assert_eq!(*mirrored, !counts(&flow), "{flow:?}");
        }
    }
}

#[tokio::test]
async fn connections_of_the_kernel_count_while_an_exporter_tells_of_what_goes_out() {
    // As when an exporter was there within the hour, and is no more.
    let download = Flow {
        start: Timestamp(NOW.0 - 5_000),
        end: Timestamp(NOW.0 - 4_000),
        source: ip("203.0.113.9"),
        destination: ip("10.0.0.5"),
        output: 2,
        bytes: 700,
        packets: 7,
        ..Flow::UNKNOWN
    };
    let by_exporter = Flow {
        sensor: ip("127.0.0.1"),
        direction: Direction::Egress,
        input: 3,
        bytes: 40,
        ..download
    };
    let interfaces = Interfaces { lan: [2].into(), egress: true };
    assert!(interfaces.counts(&download) && interfaces.counts(&by_exporter));
    let folder = tempfile::tempdir().unwrap();
    Keeper::open(folder.path(), NOW).unwrap().import([download, by_exporter], NOW).unwrap();
    let mut rollups = Rollups::open(folder.path()).unwrap();
    let run = rollups.run(&Nobody(Ours::default()), &NoGeo, &interfaces).unwrap();
    assert_eq!((run.counted, run.mirrored), (2, 0));
}

#[tokio::test]
async fn flows_are_found_by_the_face_that_the_other_side_saw() {
    let mut flows: Vec<Flow> = Traffic::new(9, Timestamp(NOW.0 - HOUR_MS)).take(400).collect();
    for (number, flow) in (0..).zip(&mut flows) {
        if Ours::default().contains(flow.source) && number % 3 > 0 {
            flow.nat = Some(Nat {
                source: ip(if number % 3 == 1 { "203.0.113.7" } else { "203.0.113.8" }),
                destination: flow.destination,
                source_port: 40_000 + number,
                destination_port: flow.destination_port,
            });
        }
    }
    let (_folder, answers) = kept(&flows);
    let number = flows.iter().position(|flow| flow.nat.is_some()).unwrap();
    let (one, port) = (flows[number], 40_000 + number);
    let cases: [(String, Met); 4] = [
        ("nat 203.0.113.7".to_owned(), Box::new(|nat| nat.source == ip("203.0.113.7"))),
        ("src nat 203.0.113.0/24".to_owned(), Box::new(|_| true)),
        ("dst nat 203.0.113.0/24".to_owned(), Box::new(|_| false)),
        (
            format!("nat {} and natport {port}", one.nat.unwrap().source),
            Box::new(move |nat| usize::from(nat.source_port) == port),
        ),
    ];
    for (text, met) in cases {
        let filter = parse(&text, &|_| None).unwrap();
        let query = ListQuery { range: DAY, filter, after: None, limit: 1_000 };
        let listed = answers.ask(NOW, move |desk| desk.list(&query)).await.unwrap();
        let wanted = flows.iter().filter(|flow| flow.nat.as_ref().is_some_and(&met)).count();
        assert_eq!(listed.flows.len(), wanted, "{text}");
        assert!(listed.flows.iter().all(|flow| met(&flow.nat.unwrap())), "{text}");
    }
}
