//! Sums by the minute, hour and day are those of the flows, however often and whenever they are made.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use model::Timestamp;
use panoptikon_flows::days::Keeper;
use panoptikon_flows::query::Range;
use panoptikon_flows::rollup::{
    AddressBook, Ages, Amounts, Interfaces, Kind, Rollups, Scope, Step, Whose,
};
use panoptikon_flows::world::{Geo, Ours, Place};
use panoptikon_flows::{Direction, Flow};

use crate::oracle::{country, system_of};
use crate::traffic::{Dice, Traffic};

const MORNING: Timestamp = Timestamp(20_700 * 86_400_000 + 36_000_000);
const HOUR_MS: i64 = 3_600_000;
const ALL: [Scope; 4] = [Scope::Internet, Scope::Local, Scope::Router, Scope::Transit];
const EVER: Range = Range { from: Timestamp(0), to: Timestamp(MORNING.0 + 30 * HOUR_MS) };

/// Devices by their last octet; a lease changes hands at eleven.
struct Book;

impl AddressBook for Book {
    fn whose(&self, address: IpAddr, at: Timestamp) -> Whose {
        match address {
            _ if !Ours::default().contains(address) => Whose::Remote,
            IpAddr::V4(v4) if v4.octets()[3] == 10 => Whose::Router,
            IpAddr::V4(v4) if v4.octets()[3] == 11 => Whose::VpnPeer(7),
            IpAddr::V4(v4) if v4.octets()[3] == 12 => Whose::Unknown,
            IpAddr::V4(v4) if v4.octets()[3] == 13 && at.0 >= MORNING.0 + HOUR_MS => {
                Whose::Device(999)
            }
            IpAddr::V4(v4) => Whose::Device(v4.octets()[3].into()),
            IpAddr::V6(_) => Whose::Unknown,
        }
    }
}

struct LastOctet(Cell<u64>);

impl Geo for LastOctet {
    fn place(&self, address: IpAddr) -> Place {
        self.0.set(self.0.get() + 1);
        Place { country: Some(country(address)), system: Some(system_of(address)) }
    }
}

fn geo() -> LastOctet {
    LastOctet(Cell::new(0))
}

fn interfaces() -> Interfaces {
    Interfaces { lan: [2].into(), egress: true }
}

/// Three hours' flows; some are told of twice.
fn traffic() -> Vec<Flow> {
    let mut dice = Dice(4);
    let hours = (0..3).flat_map(|hour| {
        Traffic::new(hour as u64, Timestamp(MORNING.0 + hour * HOUR_MS)).take(1_500)
    });
    let mut flows = Vec::new();
    for mut flow in hours {
        match dice.below(12) {
            0 => flow.start = Timestamp(flow.end.0 - dice.below(9_000_000) as i64),
            1 => flow.destination = Traffic::device(dice.below(200) as usize, false),
            _ => {}
        }
        let incoming = !Ours::default().contains(flow.source);
        flow.direction = if incoming { Direction::Egress } else { Direction::Ingress };
        (flow.input, flow.output) = if incoming { (3, 2) } else { (2, 3) };
        flows.push(flow);
        if dice.below(4) == 0 {
            let direction = if incoming { Direction::Ingress } else { Direction::Egress };
            flows.push(Flow { direction, ..flow });
        }
    }
    flows
}

/// Sums of all flows that count, by key.
fn expected(flows: &[Flow], keys: impl Fn(&Flow) -> [Option<i64>; 2]) -> BTreeMap<i64, Amounts> {
    let mut sums: BTreeMap<i64, Amounts> = BTreeMap::new();
    for flow in flows.iter().filter(|flow| interfaces().counts(flow)) {
        let [from, to] = keys(flow);
        let sent = Amounts { sent: flow.bytes, sent_packets: flow.packets, ..Amounts::default() };
        let received =
            Amounts { received: flow.bytes, received_packets: flow.packets, ..Amounts::default() };
        for (key, amounts) in [(from, sent), (to, received)] {
            if let Some(key) = key {
                sums.entry(key).or_default().add(&amounts);
            }
        }
        for key in [from, to.filter(|to| from != Some(*to))].into_iter().flatten() {
            sums.entry(key).or_default().flows += 1;
        }
    }
    sums
}

fn found(rollups: &Rollups, kind: Kind) -> BTreeMap<i64, Amounts> {
    let (rows, _) = rollups.top(kind, &ALL, EVER, usize::MAX, None).expect("an answer");
    rows.into_iter().map(|row| (row.key, row.amounts)).collect()
}

fn summed(flows: &[Flow]) -> (tempfile::TempDir, Rollups) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut keeper = Keeper::open(folder.path(), MORNING).expect("it opens");
    keeper.import(flows.iter().copied(), MORNING).expect("flows are kept");
    let mut rollups = Rollups::open(folder.path()).expect("it opens");
    let run = rollups.run(&Book, &geo(), &interfaces()).expect("blocks are summed");
    assert_eq!(run.counted + run.mirrored, flows.len() as u64);
    assert!(run.mirrored > 500);
    (folder, rollups)
}

#[test]
fn sums_of_devices_and_of_all_are_those_of_the_flows() {
    let flows = traffic();
    let (_folder, rollups) = summed(&flows);
    let whose = |flow: &Flow| {
        [flow.source, flow.destination].map(|address| Book.whose(address, flow.end).key())
    };
    let accounts = expected(&flows, whose);
    assert!(accounts.contains_key(&Whose::Router.key().unwrap()));
    assert!(accounts.contains_key(&Whose::VpnPeer(7).key().unwrap()));
    assert!(accounts.contains_key(&Whose::Unknown.key().unwrap()));
    assert!(accounts.contains_key(&Whose::Device(999).key().unwrap()));
    assert_eq!(found(&rollups, Kind::Account), accounts);
    let ours = |address| Ours::default().contains(address);
    let incoming = |flow: &Flow| !ours(flow.source) && ours(flow.destination);
    let total =
        expected(&flows, |flow| if incoming(flow) { [None, Some(0)] } else { [Some(0), None] });
    assert_eq!(found(&rollups, Kind::Total), total);
    for kind in [Kind::Service, Kind::Interface] {
        let all = found(&rollups, kind).values().map(|its| its.sent + its.received).sum::<u64>();
        assert_eq!(all, total[&0].sent + total[&0].received, "{kind:?}");
    }
    let abroad = [Scope::Internet];
    let (_, total) = rollups.top(Kind::Total, &abroad, EVER, 9, None).unwrap();
    for kind in [Kind::Country, Kind::System] {
        assert_eq!(rollups.top(kind, &abroad, EVER, 9, None).unwrap().1, total, "{kind:?}");
    }
}

#[test]
fn minutes_hours_and_days_agree_and_a_range_takes_the_coarsest() {
    let flows = traffic();
    let (_folder, rollups) = summed(&flows);
    let key = Whose::Device(20).key().unwrap();
    let mut totals = Vec::new();
    for step in [Step::Minute, Step::Hour, Step::Day] {
        let rows = rollups.history((Kind::Account, key), &ALL, EVER, step, None).unwrap();
        let mut total = Amounts::default();
        for row in &rows {
            total.add(&row.amounts);
        }
        totals.push((total, rows.iter().map(|row| row.peak).max()));
        if step == Step::Minute {
            assert!(rows.iter().all(|row| row.peak >= row.amounts.sent));
        }
    }
    assert!(totals[0].0.flows > 10);
    assert_eq!(totals[1], totals[2]);
    assert_eq!(totals[0].0, totals[1].0);
    // Two ranges that meet within an hour are the whole.
    let cut = Timestamp(MORNING.0 + 17 * 60_000);
    let first = Range { to: cut, ..EVER };
    let second = Range { from: cut, ..EVER };
    let mut sum = Amounts::default();
    for range in [first, second] {
        sum.add(&rollups.top(Kind::Account, &ALL, range, 0, None).unwrap().1);
    }
    assert_eq!(sum, rollups.top(Kind::Account, &ALL, EVER, 0, None).unwrap().1);
}

#[test]
fn running_again_adds_nothing_and_what_is_new_is_added_once() {
    let flows = traffic();
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    let mut rollups = Rollups::open(folder.path()).unwrap();
    for batch in flows.chunks(700) {
        keeper.import(batch.iter().copied(), MORNING).unwrap();
        for _ in 0..2 {
            // As after a kill: all is opened anew.
            rollups = Rollups::open(folder.path()).unwrap();
            rollups.run(&Book, &geo(), &interfaces()).unwrap();
        }
        assert_eq!(rollups.run(&Book, &geo(), &interfaces()).unwrap().blocks, 0);
    }
    let (_other, at_once) = summed(&flows);
    for kind in [Kind::Total, Kind::Account, Kind::Country] {
        assert_eq!(found(&rollups, kind), found(&at_once, kind));
    }
}

#[test]
fn what_is_in_no_block_yet_is_in_the_answer_all_the_same() {
    let flows = traffic();
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    keeper.import(flows[..2_000].iter().copied(), MORNING).unwrap();
    let mut rollups = Rollups::open(folder.path()).unwrap();
    rollups.run(&Book, &geo(), &interfaces()).unwrap();
    keeper.add(&flows[2_000..], Timestamp(MORNING.0 + 3 * HOUR_MS)).unwrap();
    keeper.flush().unwrap();
    let live = rollups.live(&Book, &geo(), &interfaces()).unwrap();
    let (rows, total) = rollups.top(Kind::Account, &ALL, EVER, usize::MAX, Some(&live)).unwrap();
    let (_other, at_once) = summed(&flows);
    let rows: BTreeMap<i64, Amounts> = rows.into_iter().map(|row| (row.key, row.amounts)).collect();
    assert_eq!(rows, found(&at_once, Kind::Account));
    assert_eq!(total, at_once.top(Kind::Account, &ALL, EVER, 0, None).unwrap().1);
    let key = (Kind::Total, 0);
    let hours = rollups.history(key, &ALL, EVER, Step::Hour, Some(&live)).unwrap();
    let theirs = at_once.history(key, &ALL, EVER, Step::Hour, None).unwrap();
    let amounts = |rows: &[panoptikon_flows::rollup::RollupRow]| {
        rows.iter().map(|row| (row.key, row.amounts)).collect::<Vec<_>>()
    };
    assert_eq!(amounts(&hours), amounts(&theirs));
}

#[test]
fn counters_that_no_number_holds_do_not_stop_the_sums() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    let huge =
        Flow { start: MORNING, end: MORNING, bytes: u64::MAX, packets: u64::MAX, ..Flow::UNKNOWN };
    for _ in 0..3 {
        keeper.import([huge, huge], MORNING).unwrap();
        let mut rollups = Rollups::open(folder.path()).unwrap();
        assert_eq!(rollups.run(&Book, &geo(), &Interfaces::default()).unwrap().counted, 2);
        assert!(found(&rollups, Kind::Total)[&0].sent >= 9_200_000_000_000_000_000);
    }
}

#[test]
fn sums_are_forgotten_each_by_its_own_age() {
    let (_folder, mut rollups) = summed(&traffic());
    let later = MORNING.day() + 10;
    let ages = Ages { minutes: 7, hours: 90, days: 800, months: 1 };
    assert!(rollups.forget(later, ages).unwrap() > 0);
    let key = (Kind::Total, 0);
    let left = |step| rollups.history(key, &ALL, EVER, step, None).unwrap().len();
    assert_eq!(left(Step::Minute), 0);
    assert!(left(Step::Hour) >= 3 && left(Step::Day) >= 1);
}
