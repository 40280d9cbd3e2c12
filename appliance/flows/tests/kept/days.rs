//! Day files: nothing that was kept is lost, counted twice or left behind.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use model::Timestamp;
use panoptikon_flows::Flow;
use panoptikon_flows::days::{
    DURABLE_MS, Day, DaysError, FlowWriter, Keeper, Retention, forget, list,
};

use crate::traffic::Traffic;

/// 10:00 of some day.
const MORNING: Timestamp = Timestamp(20_700 * 86_400_000 + 36_000_000);

fn plus(time: Timestamp, ms: i64) -> Timestamp {
    Timestamp(time.0 + ms)
}

/// Everything that a reader finds in a folder.
fn read(dir: &Path) -> Vec<Flow> {
    let mut flows = Vec::new();
    for file in list(dir).expect("the folder is listed") {
        let day = Day::open(&file).expect("the day opens");
        for entry in day.entries() {
            let its = day.flows(entry).expect("rows are sound");
            assert_eq!(its.len() as u64, entry.flows);
            flows.extend(its);
        }
    }
    flows
}

fn total(flows: &[Flow]) -> (usize, u64) {
    (flows.len(), flows.iter().map(|flow| flow.bytes).sum())
}

fn traffic(count: usize) -> Vec<Flow> {
    Traffic::new(3, MORNING).take(count).collect()
}

#[test]
fn a_flow_is_on_disk_five_seconds_after_it_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    let flows = traffic(100);
    keeper.add(&flows, MORNING).unwrap();
    for tick in 1..=DURABLE_MS / 1_000 {
        keeper.tick(plus(MORNING, tick * 1_000)).unwrap();
    }
    assert_eq!(total(&read(folder.path())), total(&flows));
    assert_eq!(keeper.kept().blocks, 0, "a hundred flows make no block of their own");
}

#[test]
fn flows_become_blocks_when_there_are_enough_or_the_hour_closes() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    let flows = traffic(70_000);
    for (second, batch) in (0..).zip(flows.chunks(5_000)) {
        let now = plus(MORNING, second * 1_000);
        keeper.add(batch, now).unwrap();
        keeper.tick(now).unwrap();
    }
    assert_eq!(keeper.kept().blocks, 1);
    keeper.tick(plus(MORNING, 3_600_000)).unwrap();
    assert_eq!(keeper.kept().blocks, 2);
    assert_eq!(total(&read(folder.path())), total(&flows));
    let files = list(folder.path()).unwrap();
    assert!(!files[0].path.with_extension("tail").exists());
    let written = keeper.kept().written as f64 / files[0].bytes as f64;
    assert!(written <= 2.2, "each octet was written {written:.2} times");
}

#[test]
fn what_a_process_left_in_the_tail_is_taken_up_by_the_next_and_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let flows = traffic(3_000);
    for (round, batch) in (0..).zip(flows.chunks(1_000)) {
        let mut keeper = Keeper::open(folder.path(), plus(MORNING, round)).unwrap();
        keeper.add(batch, plus(MORNING, round)).unwrap();
        keeper.flush().unwrap();
    }
    assert_eq!(total(&read(folder.path())), total(&flows));
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    let tail = list(folder.path()).unwrap()[0].path.with_extension("tail");
    let left = std::fs::read(&tail).unwrap();
    keeper.close().unwrap();
    drop(keeper);
    // Killed between the block and the removal of the tail.
    std::fs::write(&tail, left).unwrap();
    assert_eq!(total(&read(folder.path())), total(&flows));
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    keeper.add(&flows[..10], MORNING).unwrap();
    keeper.close().unwrap();
    assert_eq!(read(folder.path()).len(), 3_010);
}

#[test]
fn flows_lie_in_the_day_in_which_they_ended_unless_a_clock_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    let ended = |day: i64| {
        let end = Timestamp(MORNING.0 + day * 86_400_000);
        Flow { start: end, end, ..Flow::UNKNOWN }
    };
    keeper.add(&[ended(0), ended(-1), ended(-40), ended(900)], MORNING).unwrap();
    keeper.close().unwrap();
    let days: Vec<_> = list(folder.path()).unwrap().iter().map(|file| file.day).collect();
    assert_eq!(days, [MORNING.day() - 1, MORNING.day()]);
    assert_eq!(read(folder.path()).len(), 4);
}

#[test]
fn a_second_keeper_of_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Keeper::open(folder.path(), MORNING).unwrap();
    assert!(matches!(Keeper::open(folder.path(), MORNING), Err(DaysError::Busy(_))));
    drop(first);
    assert!(Keeper::open(folder.path(), MORNING).is_ok());
}

#[test]
fn a_damaged_day_is_put_aside_and_the_day_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    keeper.add(&traffic(10), MORNING).unwrap();
    keeper.close().unwrap();
    let path = list(folder.path()).unwrap()[0].path.clone();
    std::fs::write(&path, vec![7; 40_000]).unwrap();
    keeper.add(&traffic(20), MORNING).unwrap();
    keeper.close().unwrap();
    assert_eq!(read(folder.path()).len(), 20);
    assert!(path.with_extension("db.damaged").exists());
}

#[test]
fn days_are_forgotten_by_age_and_by_size_but_never_today() {
    let folder = tempfile::tempdir().unwrap();
    let today = MORNING.day();
    let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
    for day in 0..10 {
        let start = Timestamp(MORNING.0 - day * 86_400_000);
        keeper.import(Traffic::new(1, start).take(2_000), MORNING).unwrap();
    }
    let each = list(folder.path()).unwrap()[0].bytes;
    let forgotten = forget(folder.path(), today, Retention { days: 6, bytes: u64::MAX }).unwrap();
    assert_eq!((forgotten.too_old, forgotten.too_much), (3, 0));
    let keep = Retention { days: 6, bytes: each * 4 + each / 2 };
    assert_eq!(forget(folder.path(), today, keep).unwrap().too_much, 3);
    let keep = Retention { days: 6, bytes: 0 };
    forget(folder.path(), today, keep).unwrap();
    let left: Vec<_> = list(folder.path()).unwrap().iter().map(|file| file.day).collect();
    assert_eq!(left, [today]);
}

#[test]
fn sums_take_room_of_the_days_but_no_more_than_half_of_it() {
    let today = MORNING.day();
    // Four days; how many have to go for sums that are as large as so many days.
    for (sums, gone) in [(0, 0), (1, 1), (2, 2), (40, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::open(folder.path(), MORNING).unwrap();
        for day in 0..4 {
            let start = Timestamp(MORNING.0 - day * 86_400_000);
            keeper.import(Traffic::new(1, start).take(2_000), MORNING).unwrap();
        }
        let all: u64 = list(folder.path()).unwrap().iter().map(|day| day.bytes).sum();
        std::fs::write(folder.path().join("rollups.db"), vec![0; (all / 4 * sums) as usize])
            .unwrap();
        let keep = Retention { days: 30, bytes: all };
        assert_eq!(forget(folder.path(), today, keep).unwrap().too_much, gone, "{sums}");
    }
}

#[test]
fn the_writer_keeps_what_is_offered_and_counts_what_has_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Retention { days: 30, bytes: u64::MAX };
    let writer = FlowWriter::start(folder.path().to_owned(), keep).unwrap();
    let now = Timestamp::now();
    let flow = Flow { start: now, end: now, bytes: 3, ..Flow::UNKNOWN };
    let mut taken = 0;
    while writer.counts().dropped == 0 {
        taken += usize::from(writer.offer(vec![flow; 5_000])) * 5_000;
    }
    assert_eq!(writer.counts().dropped, 5_000);
    drop(writer);
    assert_eq!(total(&read(folder.path())), (taken, taken as u64 * 3));
}

/// `target/<profile>/examples/keep_flows`, which keeps flows and says how many are durable.
fn victim() -> PathBuf {
    let exe = std::env::current_exe().expect("a test has a path");
    exe.ancestors().nth(2).expect("target/<profile>").join("examples/keep_flows")
}

#[test]
fn nothing_durable_is_lost_and_no_block_unreadable_after_kill_9() {
    let kills = std::env::var("PANOPTIKON_KILLS").map_or(10, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut durable = 0_usize;
    for round in 0..kills {
        let mut child = Command::new(victim())
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example keep_flows is built with the tests");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let found: usize = lines.next().expect("it opens").unwrap().parse().unwrap();
        assert!(found >= durable, "{durable} flows were durable, {found} are found");
        let reader = std::thread::spawn(move || {
            lines.map_while(Result::ok).filter_map(|line| line.parse::<usize>().ok()).last()
        });
        std::thread::sleep(Duration::from_millis(5 + round * 37 % 150));
        child.kill().unwrap();
        child.wait().unwrap();
        durable = found.max(reader.join().unwrap().unwrap_or(0));
        let flows = read(folder.path());
        assert!(flows.len() >= durable, "{durable} flows were durable, {} are found", flows.len());
        // Each flow carries its number: none twice, none missing in between.
        let mut numbers: Vec<u64> = flows.iter().map(|flow| flow.bytes).collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(0..flows.len() as u64), "numbers are not in a row");
    }
}
