//! Answers are those that one gets flow by flow, whatever is asked.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use model::Timestamp;
use panoptikon_flows::days::Keeper;
use panoptikon_flows::filter::{Filter, parse};
use panoptikon_flows::query::{
    Archive, Confidence, Dimension, Key, ListQuery, Measure, QueryError, Range, SearchQuery,
    SeriesQuery, Sums, TopQuery,
};
use panoptikon_flows::world::{Geo, NoGeo, Ours, Place};
use panoptikon_flows::{Direction, Flow};

use crate::oracle::{country, meets, part, system_of};
use crate::traffic::{Dice, Traffic};

const MORNING: Timestamp = Timestamp(20_700 * 86_400_000 + 36_000_000);
const NOW: Timestamp = Timestamp(MORNING.0 + 3 * 86_400_000);

struct LastOctet;

impl Geo for LastOctet {
    fn place(&self, address: IpAddr) -> Place {
        Place { country: Some(country(address)), system: Some(system_of(address)) }
    }
}

/// Two days' flows, in blocks and in a tail, some of them long and some between devices.
fn keep(dir: &Path) -> Vec<Flow> {
    let mut dice = Dice(9);
    let mut all = Vec::new();
    let mut keeper = Keeper::open(dir, MORNING).expect("the folder opens");
    for day in 0..2 {
        for part in 0..4 {
            let now = Timestamp(MORNING.0 + day * 86_400_000 + part * 60_000);
            let mut flows: Vec<Flow> =
                Traffic::new(day as u64 * 9 + part as u64, now).take(1_500).collect();
            for flow in &mut flows {
                match dice.below(20) {
                    0 => flow.start = Timestamp(flow.end.0 - dice.below(4_000_000) as i64),
                    1 => flow.destination = Traffic::device(dice.below(500) as usize, false),
                    2 => (flow.source_as, flow.destination_as) = (3_320, 64_500),
                    3 => (flow.vlan, flow.tos, flow.direction) = (20, 184, Direction::Egress),
                    4 => flow.end = flow.start,
                    _ => {}
                }
            }
            keeper.add(&flows, now).expect("flows are taken");
            if part < 3 {
                keeper.close().expect("blocks are written");
            } else {
                keeper.flush().expect("the tail is written");
            }
            all.extend(flows);
        }
    }
    all
}

fn filter(text: &str) -> Filter {
    parse(text, &|_| None).unwrap_or_else(|error| panic!("{text}: {error}"))
}

const EVER: Range = Range { from: Timestamp(0), to: Timestamp(NOW.0) };
/// Cuts flows at both ends.
const MINUTE: Range = Range { from: Timestamp(MORNING.0 + 1), to: Timestamp(MORNING.0 + 60_123) };

const DIMENSIONS: [Dimension; 16] = [
    Dimension::Source,
    Dimension::Destination,
    Dimension::Host,
    Dimension::Remote,
    Dimension::Local,
    Dimension::Service,
    Dimension::SourcePort,
    Dimension::DestinationPort,
    Dimension::Protocol,
    Dimension::Input,
    Dimension::Output,
    Dimension::Country,
    Dimension::System,
    Dimension::Pair,
    Dimension::Conversation,
    Dimension::Tuple,
];

/// The groups that a flow belongs to.
fn keys(by: Dimension, flow: &Flow) -> Vec<Key> {
    let ours = Ours::default();
    let (from, to) = (flow.source, flow.destination);
    let ends = [(to, flow.destination_as), (from, flow.source_as)];
    let remote = ends.into_iter().find(|(address, _)| !ours.contains(*address));
    let both = || if from == to { vec![from] } else { vec![from, to] };
    match by {
        Dimension::Source => vec![Key::Address(from)],
        Dimension::Destination => vec![Key::Address(to)],
        Dimension::Host => both().into_iter().map(Key::Address).collect(),
        Dimension::Remote => remote.into_iter().map(|(remote, _)| Key::Address(remote)).collect(),
        Dimension::Local => {
            both().into_iter().filter(|a| ours.contains(*a)).map(Key::Address).collect()
        }
        Dimension::Service => {
            vec![Key::Service(flow.protocol, flow.source_port.min(flow.destination_port))]
        }
        Dimension::SourcePort => vec![Key::Port(flow.source_port)],
        Dimension::DestinationPort => vec![Key::Port(flow.destination_port)],
        Dimension::Protocol => vec![Key::Protocol(flow.protocol)],
        Dimension::Input => vec![Key::Interface(flow.input)],
        Dimension::Output => vec![Key::Interface(flow.output)],
        Dimension::Country => {
            remote.into_iter().map(|(remote, _)| Key::Country(Some(country(remote)))).collect()
        }
        Dimension::System => remote
            .into_iter()
            .map(|(remote, told)| Key::System(if told == 0 { system_of(remote) } else { told }))
            .collect(),
        Dimension::Pair => vec![Key::Pair(from, to)],
        Dimension::Conversation => vec![Key::Pair(from.min(to), from.max(to))],
        Dimension::Tuple => {
            vec![Key::Tuple(from, to, flow.source_port, flow.destination_port, flow.protocol)]
        }
    }
}

#[test]
fn rankings_are_those_that_one_gets_flow_by_flow() {
    let folder = tempfile::tempdir().unwrap();
    let flows = keep(folder.path());
    let archive = Archive::new(folder.path(), Ours::default(), &LastOctet);
    for by in DIMENSIONS {
        for range in [EVER, MINUTE] {
            for text in ["", "proto udp and not dport 53"] {
                let filter = filter(text);
                let mut expected: BTreeMap<Key, Sums> = BTreeMap::new();
                let mut total = Sums::default();
                for flow in flows.iter().filter(|flow| meets(&filter, flow)) {
                    let part = part(flow, range);
                    total.add(&part);
                    for key in keys(by, flow).into_iter().filter(|_| part.flows > 0) {
                        expected.entry(key).or_default().add(&part);
                    }
                }
                let query =
                    TopQuery { range, filter, by, measure: Measure::Bytes, limit: usize::MAX };
                let top = archive.top(&query, NOW).unwrap();
                assert_eq!(top.total, total, "{by:?} {text}");
                assert_eq!((top.groups, top.unlisted), (expected.len() as u64, 0));
                assert!(top.rows.is_sorted_by_key(|row| std::cmp::Reverse(row.sums.bytes)));
                let found: BTreeMap<Key, Sums> =
                    top.rows.iter().map(|row| (row.key, row.sums)).collect();
                assert_eq!(found, expected, "{by:?} {text}");
            }
        }
    }
}

#[test]
fn filters_let_pass_what_they_would_flow_by_flow() {
    let folder = tempfile::tempdir().unwrap();
    let flows = keep(folder.path());
    let archive = Archive::new(folder.path(), Ours::default(), &LastOctet);
    let device = Traffic::device(3, false);
    let texts = [
        format!("host {device}"),
        format!("src {device} and dport 443 and bytes > 1k"),
        format!("dst {device} or (dst net 2a00::/8 and not proto tcp)"),
        "port 5000-9000".to_owned(),
        "country AZ and not src country BZ".to_owned(),
        "as 3320 or dst as 2".to_owned(),
        "ipv6 and flags SA".to_owned(),
        "in 2 or out 9".to_owned(),
        "iface 3 and vlan 20 and tos 184".to_owned(),
        "duration >= 10s or packets = 1".to_owned(),
        "sport 443 and packets <= 20 and bytes != 40".to_owned(),
    ];
    for text in texts {
        let filter = filter(&text);
        let expected = flows.iter().filter(|flow| meets(&filter, flow));
        let expected = expected.fold(Sums::default(), |mut sums, flow| {
            sums.add(&part(flow, EVER));
            sums
        });
        assert!(expected.flows > 0 && expected.flows < flows.len() as u64, "{text} tests nothing");
        let (by, measure) = (Dimension::Protocol, Measure::Flows);
        let top = archive.top(&TopQuery { range: EVER, filter, by, measure, limit: 3 }, NOW);
        assert_eq!(top.unwrap().total, expected, "{text}");
    }
}

#[test]
fn the_sums_of_ranges_in_a_row_are_those_of_the_flows() {
    let folder = tempfile::tempdir().unwrap();
    let flows = keep(folder.path());
    let archive = Archive::new(folder.path(), Ours::default(), &NoGeo);
    let cuts =
        [0, MORNING.0 - 1_000_000, MORNING.0, MORNING.0 + 777, MORNING.0 + 90_000_000, NOW.0];
    let mut all = Sums::default();
    for cut in cuts.windows(2) {
        let range = Range { from: Timestamp(cut[0]), to: Timestamp(cut[1]) };
        let (by, measure) = (Dimension::Source, Measure::Bytes);
        let query = TopQuery { range, filter: Filter::default(), by, measure, limit: 1 };
        all.add(&archive.top(&query, NOW).unwrap().total);
    }
    assert_eq!(all.bytes, flows.iter().map(|flow| flow.bytes).sum::<u64>());
    assert_eq!(all.packets, flows.iter().map(|flow| flow.packets).sum::<u64>());
}

#[test]
fn a_devices_series_is_what_it_sent_and_received_minute_by_minute() {
    let folder = tempfile::tempdir().unwrap();
    let flows = keep(folder.path());
    let archive = Archive::new(folder.path(), Ours::default(), &NoGeo);
    let hosts = vec![Traffic::device(0, false), Traffic::device(0, true)];
    let from = Timestamp(MORNING.0 - 4_000_000);
    let range = Range { from, to: Timestamp(MORNING.0 + 600_500) };
    let query =
        SeriesQuery { range, step: 60_000, filter: Filter::default(), hosts: hosts.clone() };
    let series = archive.series(&query, NOW).unwrap();
    assert_eq!(series.points.len(), 77);
    for (number, point) in (0..).zip(&series.points) {
        let begin = from.0 + number * 60_000;
        let to = Timestamp((begin + 60_000).min(range.to.0));
        let minute = Range { from: Timestamp(begin), to };
        let (mut sent, mut received) = (Sums::default(), Sums::default());
        for flow in &flows {
            if hosts.contains(&flow.source) {
                sent.add(&part(flow, minute));
            }
            if hosts.contains(&flow.destination) {
                received.add(&part(flow, minute));
            }
        }
        assert_eq!((point.sent, point.received), (sent, received), "minute {number}");
    }
    let long = SeriesQuery { step: 1, ..query };
    assert!(matches!(archive.series(&long, NOW), Err(QueryError::TooManyPoints { .. })));
}

#[test]
fn pages_of_a_list_hold_every_flow_once_the_latest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut flows = keep(folder.path());
    // Some that are all alike, across the border of a page.
    let mut keeper = Keeper::open(folder.path(), NOW).unwrap();
    let alike = [Flow { bytes: 2_000_000, ..flows[7] }; 9];
    keeper.add(&alike, NOW).unwrap();
    keeper.close().unwrap();
    drop(keeper);
    flows.extend(alike);
    let archive = Archive::new(folder.path(), Ours::default(), &NoGeo);
    let filter = filter("bytes > 5k");
    let mut expected: Vec<String> =
        flows.iter().filter(|flow| meets(&filter, flow)).map(|flow| format!("{flow:?}")).collect();
    let mut query = ListQuery { range: EVER, filter, after: None, limit: 4 };
    let mut found = Vec::new();
    let mut last = None;
    loop {
        let page = archive.list(&query, NOW).unwrap();
        for flow in &page.flows {
            assert!(last.is_none_or(|last| flow.start <= last));
            last = Some(flow.start);
            found.push(format!("{flow:?}"));
        }
        query.after = page.next;
        // Few at first, for the borders; then many, for the time that it takes.
        query.limit = if found.len() < 40 { 4 } else { 500 };
        if page.next.is_none() {
            break;
        }
    }
    found.sort_unstable();
    expected.sort_unstable();
    assert!(expected.len() > 600);
    assert_eq!(found, expected);
}

#[test]
fn a_search_says_what_passed_between_two_and_how_sure_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let flows = keep(folder.path());
    let archive = Archive::new(folder.path(), Ours::default(), &NoGeo);
    let (one, other) = (flows[500].source, flows[500].destination);
    let query = SearchQuery { range: MINUTE, one, other: Some(other) };
    let found = archive.search(&query, NOW).unwrap();
    let sum = |from, to| {
        let between = flows.iter().filter(|flow| flow.source == from && flow.destination == to);
        between.fold(Sums::default(), |mut sums, flow| {
            sums.add(&part(flow, MINUTE));
            sums
        })
    };
    assert_eq!((found.sent, found.received), (sum(one, other), sum(other, one)));
    assert!(found.sent.flows > 0);
    assert_eq!(found.confidence, Confidence::High);
    let ever = archive.search(&SearchQuery { range: EVER, ..query }, NOW).unwrap();
    assert_eq!(ever.confidence, Confidence::Partial);
    let stranger = SearchQuery { one: "203.0.113.77".parse().unwrap(), other: None, ..query };
    let none = archive.search(&stranger, NOW).unwrap();
    assert_eq!((none.seen, none.evidence.read), (None, 0), "only addresses are read");
    let to = Timestamp(1_000);
    let before = SearchQuery { range: Range { from: Timestamp(0), to }, ..query };
    assert_eq!(archive.search(&before, NOW).unwrap().confidence, Confidence::None);
}

#[test]
fn a_range_in_the_future_or_backwards_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::new(folder.path(), Ours::default(), &NoGeo);
    let ask = |from: i64, to: i64| {
        let range = Range { from: Timestamp(from), to: Timestamp(to) };
        let (by, measure) = (Dimension::Source, Measure::Bytes);
        let query = TopQuery { range, filter: Filter::default(), by, measure, limit: 1 };
        archive.top(&query, NOW).map_err(|error| error.to_string())
    };
    assert!(ask(NOW.0 + 1, NOW.0 + 9).unwrap_err().contains("has not come yet"));
    assert!(ask(9, 1).unwrap_err().contains("before it begins"));
    assert_eq!(ask(0, NOW.0).unwrap().rows, []);
}

#[test]
fn a_damaged_block_is_an_error_and_not_a_smaller_sum() {
    let folder = tempfile::tempdir().unwrap();
    keep(folder.path());
    let file = panoptikon_flows::days::list(folder.path()).unwrap()[0].path.clone();
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection
        .execute(
            "UPDATE blocks SET columns = substr(columns, 1, length(columns) - 1) WHERE id = 2",
            [],
        )
        .unwrap();
    let archive = Archive::new(folder.path(), Ours::default(), &NoGeo);
    let (by, measure) = (Dimension::Source, Measure::Bytes);
    let query = TopQuery { range: EVER, filter: Filter::default(), by, measure, limit: 1 };
    assert!(archive.top(&query, NOW).unwrap_err().to_string().contains("damaged"));
}
