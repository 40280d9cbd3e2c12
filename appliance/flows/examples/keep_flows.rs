//! Keeps flows in a folder until it is killed; each carries its number as its octets. Prints how
//! many it found, then how many are durable. Used by the test of kill -9.

use std::io::Write as _;
use std::path::Path;

use model::Timestamp;
use panoptikon_flows::Flow;
use panoptikon_flows::days::{Day, Keeper, list};

/// Flows of a batch; some batches fill a block.
const BATCH: u64 = 700;

fn main() {
    let folder = std::env::args().nth(1).expect("usage: keep_flows FOLDER");
    let folder = Path::new(&folder);
    let mut keeper = Keeper::open(folder, Timestamp::now()).expect("the folder opens");
    let days = list(folder).expect("the folder is listed");
    let mut next: u64 = days
        .iter()
        .map(|file| Day::open(file).expect("the day opens"))
        .map(|day| day.entries().iter().map(|entry| entry.flows).sum::<u64>())
        .sum();
    let say = |number: u64| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{number}").and_then(|()| out.flush()).expect("somebody listens");
    };
    say(next);
    loop {
        let now = Timestamp::now();
        let flows: Vec<Flow> = (next..next + BATCH)
            .map(|bytes| Flow { start: now, end: now, bytes, ..Flow::UNKNOWN })
            .collect();
        keeper.add(&flows, now).expect("flows are taken");
        next += BATCH;
        // Every eleventh time as when an hour closes.
        if next.is_multiple_of(11 * BATCH) {
            keeper.close().expect("blocks are written");
        } else {
            keeper.flush().expect("the tail is written");
        }
        say(next);
    }
}
