//! What pages and the API are answered is what the flows add up to, and never more at a time than
//! there is room for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Timestamp;
use panoptikon_flows::Flow;
use panoptikon_flows::answers::{
    AnswerError, Answers, Desk, DeviceQuestion, OverviewQuestion, Site, World,
};
use panoptikon_flows::days::Keeper;
use panoptikon_flows::filter::Filter;
use panoptikon_flows::query::{Dimension, End, Measure, QueryError, Range, TopQuery};
use panoptikon_flows::rollup::{AddressBook, Interfaces, Rollups, Scope, Whose};
use panoptikon_flows::world::{NoGeo, Ours};

use crate::traffic::{Dice, Traffic};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const MORNING: Timestamp = Timestamp(20_700 * DAY_MS + 36_000_000);
const NOW: Timestamp = Timestamp(MORNING.0 + 4 * HOUR_MS);
const TODAY: Range = Range { from: Timestamp(MORNING.0 - 10 * HOUR_MS), to: NOW };

/// Devices by their last octet, two octets a device.
struct Book;

impl AddressBook for Book {
    fn whose(&self, address: IpAddr, _: Timestamp) -> Whose {
        match address {
            IpAddr::V4(v4) if Ours::default().contains(address) => {
                Whose::Device((v4.octets()[3] / 2).into())
            }
            _ if Ours::default().contains(address) => Whose::Unknown,
            _ => Whose::Remote,
        }
    }
}

fn flows() -> Vec<Flow> {
    let mut dice = Dice(9);
    let hours = (0..3).flat_map(|hour| {
        Traffic::new(hour as u64 + 50, Timestamp(MORNING.0 + hour * HOUR_MS)).take(1_500)
    });
    let turn = |mut flow: Flow| {
        if dice.below(10) == 0 {
            flow.destination = Traffic::device(dice.below(60) as usize, false);
        }
        flow
    };
    hours.map(turn).collect()
}

fn answers() -> (tempfile::TempDir, Vec<Flow>, Answers) {
    let folder = tempfile::tempdir().expect("a folder");
    let flows = flows();
    let mut keeper = Keeper::open(folder.path(), MORNING).expect("flows are kept");
    keeper.import(flows.iter().copied(), MORNING).expect("flows are kept");
    let mut rollups = Rollups::open(folder.path()).expect("it opens");
    rollups.run(&Book, &NoGeo, &Interfaces::default()).expect("blocks are summed");
    let world = || World { book: Arc::new(Book), ..World::default() };
    let answers = Answers::new(folder.path(), world, || None);
    (folder, flows, answers)
}

async fn ask<T: Send + 'static>(
    answers: &Answers,
    question: impl FnOnce(&Desk) -> Result<T, AnswerError> + Send + 'static,
) -> T {
    answers.ask(NOW, question).await.expect("an answer")
}

fn internet(flow: &Flow) -> bool {
    let ours = |address| Ours::default().contains(address);
    ours(flow.source) != ours(flow.destination)
}

#[tokio::test]
async fn the_overview_adds_up_to_the_flows_in_every_step() {
    let (_folder, flows, answers) = answers();
    let all: u64 = flows.iter().filter(|flow| internet(flow)).map(|flow| flow.bytes).sum();
    for step in [MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS] {
        let question = OverviewQuestion {
            range: TODAY,
            step,
            scopes: vec![Scope::Internet],
            lines: usize::MAX,
            rows: usize::MAX,
            remotes: true,
        };
        let overview = ask(&answers, move |desk| desk.overview(&question)).await;
        assert_eq!(overview.sum.sent + overview.sum.received, all);
        let sum = |steps: &[panoptikon_flows::rollup::Amounts]| {
            steps.iter().map(|step| step.sent + step.received).sum::<u64>()
        };
        assert_eq!(sum(&overview.total), all, "{step}");
        // Each flow with the Internet has one end that is ours.
        let devices: u64 = overview.devices.iter().map(|(_, steps)| sum(steps)).sum();
        assert_eq!(devices, all, "{step}");
        for ((_, steps), row) in overview.devices.iter().zip(&overview.accounts) {
            assert_eq!(sum(steps), row.amounts.sent + row.amounts.received);
        }
        let remotes = overview.remotes.expect("read in time");
        assert_eq!(remotes.total.flows, flows.len() as u64);
    }
}

#[tokio::test]
async fn a_device_has_what_its_addresses_had() {
    let (_folder, flows, answers) = answers();
    let whose = Whose::Device(10);
    let addresses: Vec<IpAddr> =
        flows.iter().map(|flow| flow.source).filter(|a| Book.whose(*a, NOW) == whose).collect();
    let addresses: Vec<IpAddr> =
        addresses.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    assert!(!addresses.is_empty());
    let its = addresses.clone();
    let question = DeviceQuestion { whose, addresses, range: TODAY, step: HOUR_MS, rows: 5 };
    let answer = ask(&answers, move |desk| desk.device(&question)).await;
    let sent = flows.iter().filter(|flow| internet(flow) && its.contains(&flow.source));
    assert_eq!(answer.sum.sent, sent.map(|flow| flow.bytes).sum::<u64>());
    let received = flows.iter().filter(|flow| internet(flow) && its.contains(&flow.destination));
    assert_eq!(answer.sum.received, received.map(|flow| flow.bytes).sum::<u64>());
    assert_eq!(answer.remotes.expect("read in time").len(), 5);
    assert_eq!(answer.internet.of[0].len(), 14);
}

#[tokio::test]
async fn owners_have_what_their_addresses_have_together() {
    let (_folder, flows, answers) = answers();
    let mut wanted: BTreeMap<Whose, u64> = BTreeMap::new();
    for flow in &flows {
        let ends = BTreeSet::from([flow.source, flow.destination]);
        for address in ends {
            let whose = Book.whose(address, NOW);
            if whose != Whose::Remote {
                *wanted.entry(whose).or_default() += flow.bytes;
            }
        }
    }
    let query = TopQuery {
        range: TODAY,
        filter: Filter::default(),
        by: Dimension::Local,
        measure: Measure::Bytes,
        limit: usize::MAX,
    };
    let (owners, _) = ask(&answers, move |desk| desk.top_owners(&query)).await;
    assert!(owners.is_sorted_by_key(|owner| std::cmp::Reverse(owner.sums.bytes)));
    let found: BTreeMap<Whose, u64> =
        owners.iter().map(|owner| (owner.whose, owner.sums.bytes)).collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn only_pairs_of_places_that_were_seen_are_told_and_they_add_up() {
    let (_folder, flows, answers) = answers();
    let sites = vec![Site { number: 3, networks: vec!["192.168.0.0/28".parse().unwrap()] }];
    let places = ask(&answers, move |desk| desk.places(TODAY, &sites)).await;
    let end = |address: IpAddr| match address {
        IpAddr::V4(v4) if v4.octets()[..3] == [192, 168, 0] && v4.octets()[3] < 16 => End::Site(3),
        _ if Ours::default().contains(address) => {
            let bits = if address.is_ipv4() { 24 } else { 64 };
            End::Network(panoptikon_flows::world::Prefix::new(address, bits).unwrap())
        }
        _ => End::Elsewhere,
    };
    let mut wanted: Vec<((End, End), u64)> = Vec::new();
    for flow in &flows {
        let ends = (end(flow.source), end(flow.destination));
        match wanted.iter_mut().find(|(known, _)| *known == ends) {
            Some((_, bytes)) => *bytes += flow.bytes,
            None => wanted.push((ends, flow.bytes)),
        }
    }
    assert_eq!(places.pairs.len(), wanted.len());
    for pair in &places.pairs {
        assert!(wanted.contains(&((pair.from, pair.to), pair.sums.bytes)), "{pair:?}");
        assert!(pair.seen.0 <= pair.seen.1 && pair.seen.0 >= TODAY.from);
    }
    let hosts: BTreeSet<IpAddr> = flows
        .iter()
        .flat_map(|flow| [flow.source, flow.destination])
        .filter(|address| Ours::default().contains(*address))
        .collect();
    assert_eq!(places.networks.iter().map(|n| n.hosts).sum::<u64>(), hosts.len() as u64);

    // The same by networks: each pair of them once, between the places in which they are.
    let network = |address: IpAddr| {
        let bits = if address.is_ipv4() { 24 } else { 64 };
        panoptikon_flows::world::Prefix::new(address, bits).unwrap()
    };
    let mut wanted = BTreeMap::new();
    for flow in &flows {
        let ends = format!("{:?}", (end(flow.source), end(flow.destination)));
        let key = (ends, network(flow.source), network(flow.destination));
        *wanted.entry(key).or_insert(0) += flow.bytes;
    }
    let told: BTreeMap<_, _> = places
        .mappings
        .iter()
        .map(|one| ((format!("{:?}", one.ends), one.from, one.to), one.sums.bytes))
        .collect();
    assert_eq!((told.len(), &told), (places.mappings.len(), &wanted));
    for pair in &places.pairs {
        let ends = format!("{:?}", (pair.from, pair.to));
        let its = || wanted.keys().filter(|key| key.0 == ends);
        let networks: BTreeSet<_> = its().flat_map(|key| [key.1, key.2]).collect();
        assert_eq!(pair.mappings, its().count() as u64);
        assert_eq!(pair.networks, networks.len() as u64);
    }
    assert!(!places.is_bounded);
}

#[tokio::test]
async fn a_folder_that_is_not_there_has_no_traffic_and_the_future_none_either() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::new(&folder.path().join("none"), World::default, || None);
    let question = OverviewQuestion {
        range: TODAY,
        step: HOUR_MS,
        scopes: vec![Scope::Internet],
        lines: 3,
        rows: 3,
        remotes: true,
    };
    let asked = question.clone();
    let overview = ask(&answers, move |desk| desk.overview(&asked)).await;
    assert_eq!((overview.kept, overview.total.len()), (None, 0));
    let range = Range { from: Timestamp(NOW.0 + 1), to: Timestamp(NOW.0 + 2) };
    let future = OverviewQuestion { range, ..question };
    let refused = answers.ask(NOW, move |desk| desk.overview(&future)).await;
    assert!(matches!(refused, Err(AnswerError::Query(QueryError::Future { .. }))));
    assert_eq!(answers.talkers(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_questions_are_worked_on_at_a_time_and_the_third_waits_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let answers = Answers::new(folder.path(), World::default, || None);
    let (working, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let questions: Vec<_> = (0..12)
        .map(|number| {
            let (answers, working, most) = (answers.clone(), working.clone(), most.clone());
            tokio::spawn(async move {
                let question = move |_: &Desk| {
                    most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    working.fetch_sub(1, Ordering::SeqCst);
                    Ok(number)
                };
                answers.ask(NOW, question).await
            })
        })
        .collect();
    for (number, question) in questions.into_iter().enumerate() {
        assert_eq!(question.await.unwrap().unwrap(), number);
    }
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    // A question that panics is given up, and holds no place.
    for _ in 0..3 {
        let gone = answers.ask(NOW, |_| -> Result<(), AnswerError> { panic!("on purpose") }).await;
        assert!(matches!(gone, Err(AnswerError::Broken)));
    }
    assert!(answers.ask(NOW, |_| Ok(())).await.is_ok());
}
