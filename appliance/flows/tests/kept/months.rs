//! What passed between networks month by month is what the flows add up to, however often and
//! whenever it is summed, and it outlives the flows.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::Timestamp;
use panoptikon_flows::Flow;
use panoptikon_flows::answers::{Answers, MonthPair, Site, World};
use panoptikon_flows::days::Keeper;
use panoptikon_flows::query::{End, Sums};
use panoptikon_flows::rollup::{
    Ages, Interfaces, MonthRow, Rollups, Side, Whereabouts, month_of, month_start,
};
use panoptikon_flows::world::{Geo, Ours, Place, Prefix};
use std::sync::Arc;

use crate::oracle::country;
use crate::traffic::Traffic;

const DAY_MS: i64 = 86_400_000;
/// Four o'clock on 1 December 2026; some flows of the night lie across the end of November.
const NOW: Timestamp = Timestamp(1_796_097_600_000);

struct LastOctet;

impl Geo for LastOctet {
    fn place(&self, address: IpAddr) -> Place {
        let is_known = country(address)[0] != b'A';
        Place { country: is_known.then(|| country(address)), system: None }
    }
}

fn network(address: IpAddr) -> Prefix {
    Prefix::new(address, if address.is_ipv4() { 24 } else { 64 }).unwrap()
}

fn side(address: IpAddr) -> Side {
    let place = match LastOctet.place(address).country {
        _ if Ours::default().contains(address) => Whereabouts::Ours,
        Some(code) => Whereabouts::Country(code),
        None => Whereabouts::Unknown,
    };
    Side { network: Some(network(address)), place }
}

/// Flows of the last evening of November and the first morning of December.
fn flows() -> Vec<Flow> {
    let midnight = month_start(month_of(NOW));
    assert_eq!(midnight, Timestamp::parse_rfc3339("2026-12-01T00:00:00Z").unwrap());
    let evening = Traffic::new(3, Timestamp(midnight.0 - 7_200_000)).take(1_200);
    let night = Traffic::new(4, Timestamp(midnight.0 - 60)).take(900);
    let morning = Traffic::new(5, Timestamp(midnight.0 + 7_200_000)).take(1_200);
    let mut flows: Vec<Flow> = evening.chain(night).chain(morning).collect();
    for flow in flows.iter_mut().step_by(7) {
        flow.start = Timestamp(flow.end.0 - 3_600_000);
    }
    flows
}

type Table = BTreeMap<(i64, Side, Side), (Sums, Timestamp, Timestamp)>;

/// What of each flow falls into each month, worked out flow by flow.
fn wanted(flows: &[Flow]) -> Table {
    let mut table = Table::new();
    for flow in flows {
        let (first, last) = (month_of(flow.start), month_of(flow.end));
        let border = month_start(last).0;
        for month in first..=last {
            // What passed before the border; the rest passes after it.
            let before = |amount: u64| {
                let (part, whole) = (border - flow.start.0, flow.end.0 - flow.start.0);
                (u128::from(amount) * part as u128 / whole as u128) as u64
            };
            let part = |amount: u64| match (first == last, month == first) {
                (true, _) => amount,
                (false, true) => before(amount),
                (false, false) => amount - before(amount),
            };
            let seen = (
                if month == first { flow.start } else { Timestamp(border) },
                if month == last { flow.end } else { Timestamp(border) },
            );
            let key = (month, side(flow.source), side(flow.destination));
            let row = table.entry(key).or_insert((Sums::default(), seen.0, seen.1));
            row.0.add(&Sums {
                bytes: part(flow.bytes),
                packets: part(flow.packets),
                flows: u64::from(month == last),
            });
            (row.1, row.2) = (row.1.min(seen.0), row.2.max(seen.1));
        }
    }
    table
}

fn table(rows: &[MonthRow]) -> Table {
    let row = |row: &MonthRow| {
        ((row.month, row.source, row.destination), (row.sums, row.seen.0, row.seen.1))
    };
    let table: Table = rows.iter().map(row).collect();
    assert_eq!(table.len(), rows.len(), "each pair once");
    table
}

fn told(rollups: &Rollups) -> Table {
    let (ours, interfaces) = (Ours::default(), Interfaces::default());
    table(&rollups.months(0, (&ours, &LastOctet, &interfaces), None).unwrap().unwrap())
}

fn run(folder: &std::path::Path) -> Rollups {
    let (ours, interfaces) = (Ours::default(), Interfaces::default());
    let mut rollups = Rollups::open(folder).unwrap();
    rollups.run_monthly((&ours, &LastOctet, &interfaces)).unwrap();
    rollups
}

#[test]
fn months_are_those_of_the_flows_before_they_are_summed_after_it_and_summed_again() {
    let flows = flows();
    let wanted = wanted(&flows);
    let months: BTreeSet<i64> = wanted.keys().map(|key| key.0).collect();
    assert_eq!(months, BTreeSet::from([month_of(NOW) - 1, month_of(NOW)]));
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    for (number, batch) in flows.chunks(800).enumerate() {
        keeper.import(batch.iter().copied(), NOW).unwrap();
        if number == 1 {
            // Half of it is summed when the rest comes; a day is read twice, and opened anew.
            run(folder.path());
        }
    }
    assert_eq!(told(&Rollups::open(folder.path()).unwrap()), wanted);
    for _ in 0..3 {
        assert_eq!(told(&run(folder.path())), wanted);
    }
}

#[test]
fn months_outlive_their_flows_and_are_forgotten_by_their_own_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    keeper.import(flows(), NOW).unwrap();
    drop(keeper);
    let before = told(&run(folder.path()));
    for file in panoptikon_flows::days::list(folder.path()).unwrap() {
        std::fs::remove_file(file.path).unwrap();
    }
    let mut rollups = run(folder.path());
    assert_eq!(told(&rollups), before);
    let ages = Ages { minutes: 2, hours: 62, days: 3_660, months: 3 };
    // In February both are kept, in March November has gone, in April both.
    for (days, left) in [(80, 2), (100, 1), (130, 0)] {
        rollups.forget(NOW.day() + days, ages).unwrap();
        let months: BTreeSet<i64> = told(&rollups).keys().map(|key| key.0).collect();
        assert_eq!(months.len(), left, "after {days} days");
    }
    // A day of that number that comes anew is read from its first block on.
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    keeper.import(flows(), NOW).unwrap();
    drop(keeper);
    assert_eq!(told(&run(folder.path())), before);
}

#[test]
fn more_pairs_than_have_room_become_one_row_and_lose_no_octet() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    let flow = |n: u32| Flow {
        start: NOW,
        end: NOW,
        source: [10, 0, 0, 1].into(),
        destination: std::net::Ipv4Addr::from_bits(0x0b00_0001 + (n << 8)).into(),
        bytes: 1_000 + u64::from(n),
        packets: 1,
        ..Flow::UNKNOWN
    };
    let flows: Vec<Flow> = (0..25_000).map(flow).collect();
    keeper.import(flows.iter().copied(), NOW).unwrap();
    for _ in 0..2 {
        let rows = told(&run(folder.path()));
        assert_eq!(rows.len(), 10_001);
        let all: u64 = rows.values().map(|row| row.0.bytes).sum();
        assert_eq!(all, flows.iter().map(|flow| flow.bytes).sum::<u64>());
        let rest = rows.iter().find(|(key, _)| key.1.network.is_none()).unwrap();
        assert_eq!(rest.1.0.flows, 15_000);
    }
}

#[tokio::test]
async fn places_of_a_month_hold_both_directions_and_count_networks_and_pairs_once() {
    let folder = tempfile::tempdir().unwrap();
    let flows = flows();
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    keeper.import(flows.iter().copied(), NOW).unwrap();
    run(folder.path());
    let world = || World { geo: Arc::new(LastOctet), ..World::default() };
    let answers = Answers::new(folder.path(), world, || None);
    let sites = vec![
        Site { number: 1, networks: vec!["192.168.0.0/23".parse().unwrap()] },
        // Too narrow to hold a /24 whole.
        Site { number: 2, networks: vec!["192.168.1.0/28".parse().unwrap()] },
        Site { number: 3, networks: vec!["16.0.0.0/4".parse().unwrap()] },
    ];
    let pairs = answers.ask(NOW, move |desk| desk.months(&sites, 1)).await.unwrap();
    let end = |side: Side| {
        let inside =
            |text: &str| text.parse::<Prefix>().unwrap().contains(side.network.unwrap().first());
        match side.place {
            _ if inside("192.168.0.0/23") => End::Site(1),
            _ if inside("16.0.0.0/4") => End::Site(3),
            Whereabouts::Ours => End::Network(side.network.unwrap()),
            Whereabouts::Country(code) => End::Country(code),
            Whereabouts::Unknown => End::Elsewhere,
        }
    };
    let of_december = |key: &(i64, Side, Side)| key.0 == month_of(NOW);
    let rows: Vec<_> = wanted(&flows).into_iter().filter(|(key, _)| of_december(key)).collect();
    let bytes = |from: End, to: End| {
        let its = rows.iter().filter(|((_, a, b), _)| (end(*a), end(*b)) == (from, to));
        its.map(|(_, row)| row.0.bytes).sum::<u64>()
    };
    assert!(pairs.is_sorted_by_key(|pair| std::cmp::Reverse(pair.bytes())));
    for pair in &pairs {
        let MonthPair { local, remote, .. } = *pair;
        assert_eq!(pair.month, month_of(NOW));
        assert!(local != End::Rest && remote != End::Rest);
        if local != remote {
            assert_eq!(
                (pair.sent.bytes, pair.received.bytes),
                (bytes(local, remote), bytes(remote, local))
            );
        }
        let its = rows.iter().filter(|((_, a, b), _)| {
            [(local, remote), (remote, local)].contains(&(end(*a), end(*b)))
        });
        let networks = its.clone().flat_map(|((_, a, b), _)| [a.network, b.network]);
        assert_eq!(pair.networks, networks.collect::<BTreeSet<_>>().len() as u64);
        let mappings =
            its.map(|((_, a, b), _)| (a.network.min(b.network), a.network.max(b.network)));
        assert_eq!(pair.mappings, mappings.collect::<BTreeSet<_>>().len() as u64);
    }
    let all: u64 = rows.iter().map(|(_, row)| row.0.bytes).sum();
    assert_eq!(pairs.iter().map(MonthPair::bytes).sum::<u64>(), all);
    assert!(pairs.iter().any(|pair| (pair.local, pair.remote) == (End::Site(1), End::Site(3))));
    // Both months where two are asked for, the latest first.
    let both = answers.ask(NOW, move |desk| desk.months(&Vec::new(), 2)).await.unwrap();
    assert!(both.is_sorted_by_key(|pair| std::cmp::Reverse(pair.month)));
    assert_eq!(both.iter().map(|pair| pair.month).collect::<BTreeSet<_>>().len(), 2);
    let later = Timestamp(NOW.0 + 40 * DAY_MS);
    assert_eq!(answers.ask(later, move |desk| desk.months(&Vec::new(), 1)).await.unwrap(), []);
}

#[test]
fn flows_of_a_clock_that_is_wrong_are_of_the_day_on_which_they_were_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    let then = Timestamp::parse_rfc3339("2100-01-01T00:00:00Z").unwrap();
    let told_of = Traffic::new(9, NOW).take(300);
    let flows: Vec<Flow> = told_of.map(|flow| Flow { start: then, end: then, ..flow }).collect();
    keeper.add(&flows, NOW).unwrap();
    keeper.close().unwrap();
    drop(keeper);
    let today = Timestamp::from_day(NOW.day());
    let as_told = flows.into_iter().map(|flow| Flow { start: today, end: today, ..flow });
    assert_eq!(told(&run(folder.path())), wanted(&as_told.collect::<Vec<_>>()));
}

#[test]
fn what_is_new_in_a_month_that_is_full_goes_to_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let flows = |from: u32, count: u32| {
        let near = IpAddr::from([192, 168, 1, 9]);
        (from..from + count).map(move |number| Flow {
            start: NOW,
            end: NOW,
            source: near,
            destination: IpAddr::from((0x0800_0000 + (number << 8)).to_be_bytes()),
            bytes: 1,
            packets: 1,
            ..Flow::UNKNOWN
        })
    };
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    keeper.import(flows(0, 10_000), NOW).unwrap();
    drop(keeper);
    run(folder.path());
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    keeper.import(flows(10_000, 4_000), NOW).unwrap();
    drop(keeper);
    let told = told(&run(folder.path()));
    assert_eq!(told.len(), 10_001);
    assert_eq!(told.values().map(|(sums, ..)| sums.bytes).sum::<u64>(), 14_000);
}
