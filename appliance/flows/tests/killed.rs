//! kill -9 while exporters send: what arrived more than five seconds before is on disk, once.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use model::Timestamp;
use panoptikon_flows::days::{DURABLE_MS, Day, list};

/// Kills in each of the folders that are filled at the same time.
const AT_ONCE: usize = 5;
/// From one datagram to the next.
const PACE: Duration = Duration::from_millis(2);

/// `target/<profile>/examples/collect_flows`.
fn victim() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    own.ancestors().nth(2).expect("target/<profile>").join("examples/collect_flows")
}

struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `NetFlow` v5 with one flow that carries its number as its octets.
fn datagram(number: u32) -> Vec<u8> {
    let mut out = vec![0, 5, 0, 1];
    let now = (Timestamp::now().0 / 1_000) as u32;
    for word in [1_000, now, 0, number, 0] {
        out.extend(u32::to_be_bytes(word));
    }
    let mut record = [0; 48];
    record[..8].copy_from_slice(&[192, 0, 2, 5, 192, 0, 2, 9]);
    record[16..20].copy_from_slice(&1_u32.to_be_bytes());
    record[20..24].copy_from_slice(&number.to_be_bytes());
    record[24..28].copy_from_slice(&900_u32.to_be_bytes());
    record[28..32].copy_from_slice(&1_000_u32.to_be_bytes());
    record[38] = 17;
    out.extend(record);
    out
}

/// The numbers of all flows in a folder, as a reader finds them.
fn numbers(folder: &Path) -> Vec<u64> {
    let mut all = Vec::new();
    for file in list(folder).expect("days") {
        let day = Day::open(&file).expect("the day opens");
        for entry in day.entries() {
            all.extend(day.flows(entry).expect("flows").iter().map(|flow| flow.bytes));
        }
    }
    all.sort_unstable();
    all
}

/// Fills a folder and kills who keeps it, so many times.
fn campaign(place: usize, kills: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut next = 0_u32;
    let mut safe: Vec<u64> = Vec::new();
    for round in 0..kills {
        let mut victim = Victim(
            Command::new(victim())
                .arg(folder.path())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the example collect_flows is built with the tests"),
        );
        let mut line = String::new();
        let out = victim.0.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("its port");
        let port: u16 = line.trim().parse().expect("a port");
        // Longer than what may be lost, and each time another moment.
        let lasts = Duration::from_millis(DURABLE_MS as u64 + 700)
            + Duration::from_millis(((place * 7 + round) * 211 % 1_900) as u64);
        let began = Instant::now();
        let mut sent: Vec<(Instant, u64)> = Vec::new();
        while began.elapsed() < lasts {
            sender.send_to(&datagram(next), ("127.0.0.1", port)).expect("sent");
            sent.push((Instant::now(), next.into()));
            next += 1;
            std::thread::sleep(PACE);
        }
        let killed = Instant::now();
        drop(victim);
        let durable = Duration::from_millis(DURABLE_MS as u64);
        safe.extend(
            sent.iter().filter(|(at, _)| killed.duration_since(*at) > durable).map(|(_, n)| *n),
        );
        let found = numbers(folder.path());
        let missing = safe.iter().filter(|number| found.binary_search(number).is_err()).count();
        assert_eq!(missing, 0, "flows older than five seconds are lost, in round {round}");
        assert!(found.is_sorted_by(|one, other| one < other), "a flow is there twice");
    }
    assert!(!safe.is_empty(), "nothing was old enough to be judged");
}

#[test]
fn nothing_that_arrived_five_seconds_before_kill_9_is_lost_and_nothing_is_there_twice() {
    let kills: usize =
        std::env::var("PANOPTIKON_KILLS").map_or(10, |n| n.parse().expect("a number"));
    let workers = AT_ONCE.min(kills.max(1));
    let each = kills.div_ceil(workers);
    let campaigns: Vec<_> =
        (0..workers).map(|place| std::thread::spawn(move || campaign(place, each))).collect();
    for one in campaigns {
        if let Err(panic) = one.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
