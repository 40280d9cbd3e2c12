//! What keeping flows and asking about them costs, on made-up traffic of a site.
//!
//! `bench_flows make FOLDER FLOWS` keeps that many and prints what it took; `bench_flows ask FOLDER`
//! prints the processor time of each question, the best of five, and the memory that it took; a
//! third word asks only those questions that begin with it. `bench_flows sum FOLDER` makes the sums
//! of minutes, hours and days anew and prints what that took. `bench_flows rare` prints the address of
//! a host of which little is heard.

#[path = "../tests/kept/traffic.rs"]
mod traffic;

use std::path::Path;

use model::Timestamp;
use panoptikon_flows::Flow;
use panoptikon_flows::block::Encoder;
use panoptikon_flows::book::{Book, Known, Lease};
use panoptikon_flows::days::{Keeper, list};
use panoptikon_flows::filter::Filter;
use panoptikon_flows::query::{Archive, Dimension, Measure, Range, SeriesQuery, TopQuery};
use panoptikon_flows::rollup::{Interfaces, Rollups};
use panoptikon_flows::world::{NoGeo, Ours};
use traffic::Traffic;

/// 10:00 of some day.
const MORNING: Timestamp = Timestamp(20_700 * 86_400_000 + 36_000_000);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", folder, flows] => make(Path::new(folder), flows.parse().expect("a number")),
        ["ask", folder] => ask(Path::new(folder), ""),
        ["ask", folder, only] => ask(Path::new(folder), only),
        ["sum", folder] => sum(Path::new(folder)),
        ["rare"] => println!("{}", rare()),
        _ => eprintln!(
            "usage: bench_flows make FOLDER FLOWS | ask FOLDER [QUESTION] | sum FOLDER | rare"
        ),
    }
}

/// A host of which little is heard.
fn rare() -> std::net::IpAddr {
    Traffic::remote(4_321, false)
}

/// Processor time of this process, in seconds.
fn spent() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux has it");
    let first = text.split_whitespace().next().expect("a number");
    first.parse::<f64>().expect("nanoseconds") / 1e9
}

/// The most memory that was resident, in MB.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("kilobytes") / 1_024.0
}

fn make(folder: &Path, count: usize) {
    let flows: Vec<Flow> = Traffic::new(5, MORNING).take(65_536).collect();
    let mut encoder = Encoder::default();
    let times = (0..9).map(|_| {
        let before = spent();
        let block = encoder.encode(&flows).expect("a block");
        assert_eq!(block.flows, flows.len());
        spent() - before
    });
    let best = times.fold(f64::MAX, f64::min);
    println!("encode: {:.0} ns a flow", best * 1e9 / 65_536.0);
    drop(flows);
    let mut keeper = Keeper::open(folder, MORNING).expect("the folder opens");
    let mut traffic = Traffic::new(7, MORNING);
    let mut batch = Vec::with_capacity(1_000);
    let (mut kept, mut second) = (0.0, 0);
    for _ in 0..count.div_ceil(1_000) {
        batch.clear();
        batch.extend(traffic.by_ref().take(1_000));
        let before = spent();
        let now = batch[999].end;
        keeper.add(&batch, now).expect("flows are kept");
        if now.as_secs() > second {
            second = now.as_secs();
            keeper.tick(now).expect("what is due is done");
        }
        kept += spent() - before;
    }
    let before = spent();
    keeper.close().expect("blocks are written");
    kept += spent() - before;
    let bytes: u64 = list(folder).expect("days").iter().map(|day| day.bytes).sum();
    let count = keeper.kept().flows as f64;
    println!("keep, tail and files included: {:.0} ns a flow", kept * 1e9 / count);
    println!("on disk: {:.2} bytes a flow", bytes as f64 / count);
    println!("written: {:.2} bytes a flow", keeper.kept().written as f64 / count);
    println!("resident: {:.0} MB", resident());
}

fn sum(folder: &Path) {
    for name in ["rollups.db", "rollups.db-wal", "rollups.db-shm"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    let lease = |number: usize, v6| Lease {
        address: Traffic::device(number, v6),
        device: number as i64,
        first: Timestamp(0),
        last: None,
    };
    let leases = (0..500).flat_map(|number| [lease(number, false), lease(number, true)]).collect();
    let book = Book::default();
    book.replace(Known { leases, ..Known::default() });
    let before = spent();
    let mut rollups = Rollups::open(folder).expect("it opens");
    let run = rollups.run(&book, &NoGeo, &Interfaces::default()).expect("sums are made");
    let spent = (spent() - before) * 1e9 / run.counted as f64;
    println!("sums: {spent:.0} ns a flow ({} flows)", run.counted);
    println!("resident: {:.0} MB", resident());
}

fn ask(folder: &Path, only: &str) {
    let archive = Archive::new(folder, Ours::default(), &NoGeo);
    let now = Timestamp(MORNING.0 + 86_400_000);
    let range = Range { from: Timestamp(MORNING.0 - 3_600_000), to: now };
    let top = |by, filter: &Filter| {
        let query =
            TopQuery { range, filter: filter.clone(), by, measure: Measure::Bytes, limit: 10 };
        let top = archive.top(&query, now).expect("an answer");
        assert!(!top.rows.is_empty());
        top.total.flows
    };
    let all = Filter::default();
    let cold = rare();
    let device = Traffic::device(3, false);
    let series = || {
        let query =
            SeriesQuery { range, step: 60_000, filter: Filter::default(), hosts: vec![device] };
        let series = archive.series(&query, now).expect("an answer");
        series.points.iter().map(|point| point.sent.flows + point.received.flows).sum()
    };
    let measure = |what: &str, question: &dyn Fn() -> u64| {
        if what.starts_with(only) {
            measure(what, question);
        }
    };
    measure("top 10 sources", &|| top(Dimension::Source, &all));
    measure("top 10 services", &|| top(Dimension::Service, &all));
    measure("filter by a device", &|| top(Dimension::Remote, &device.into()));
    measure("filter by a rare host", &|| top(Dimension::Local, &cold.into()));
    measure("a device's minutes", &series);
    println!("resident so far: {:.0} MB", resident());
    measure("top 10 pairs", &|| top(Dimension::Pair, &all));
    measure("top 10 of ports and addresses", &|| top(Dimension::Tuple, &all));
    println!("resident: {:.0} MB", resident());
}

fn measure(what: &str, question: &dyn Fn() -> u64) {
    let mut best = f64::MAX;
    let mut flows = 0;
    for _ in 0..5 {
        let before = spent();
        flows = question();
        best = best.min(spent() - before);
    }
    println!("{what}: {best:.3} s ({flows} flows)");
}
