//! What `/proc` says of a process (proc(5)).

use std::fs;
use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

/// Clock ticks a second in `/proc`: `USER_HZ`, which Linux has fixed for programs.
const TICKS: u64 = 100;

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its program's name.
    pub name: String,
    /// `running`, `sleeping`, `disk sleep`, `stopped`, `zombie`, `idle`.
    pub status: &'static str,
    /// How busy it was since it was looked at before, or else since it began, in percent of one
    /// processor.
    pub cpu_percent: f64,
    /// Processor time that it has taken, in seconds.
    pub cpu_seconds: f64,
    /// Bytes of memory that it holds.
    pub memory: u64,
    /// Its threads.
    pub threads: u32,
    /// Its open files; None where the kernel does not tell us.
    pub fds: Option<u64>,
    /// When it began.
    pub started: Timestamp,
}

/// Processor time at a moment, to tell how busy a process is from one look to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) ticks: u64,
    /// When it began, in ticks since the machine did: tells a process from another of its number.
    pub(super) began: u64,
    pub(super) at: Timestamp,
}

/// Reads `/proc/PID/stat` and `status`; None where they are not as they should be.
pub(super) fn parse(
    pid: u32,
    (stat, status): (&str, &str),
    fds: Option<u64>,
    (booted, now): (Timestamp, Timestamp),
    before: Option<Spent>,
) -> Option<(Process, Spent)> {
    // The name stands in brackets and may hold anything.
    let (head, rest) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1;
    let mut words = rest.split_whitespace();
    let state = words.next()?;
    let numbers: Vec<u64> = words.map(|word| word.parse().unwrap_or(0)).collect();
    // Fields 14, 15, 20 and 22, counted from 1; the first of `numbers` is field 4.
    let field = |number: usize| numbers.get(number.checked_sub(4)?).copied();
    let (ticks, threads) = (field(14)?.saturating_add(field(15)?), field(20)?);
    let began = field(22)?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = kib.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let started = booted.plus(Duration::from_millis(began.saturating_mul(1_000 / TICKS)));
    let spent = Spent { ticks, began, at: now };
    let same = before.filter(|before| before.began == began && before.at < now);
    let (used, over) = match same {
        Some(before) => (ticks.saturating_sub(before.ticks), now.since(before.at)),
        None => (ticks, now.since(started)),
    };
    let seconds = over.as_secs_f64().max(0.01);
    let process = Process {
        pid,
        name: name.chars().filter(|c| !model::is_hidden(*c)).take(32).collect(),
        status: match state {
            "R" => "running",
            "S" => "sleeping",
            "D" => "disk sleep",
            "T" | "t" => "stopped",
            "Z" => "zombie",
            "I" => "idle",
            _ => "ending",
        },
        cpu_percent: used as f64 / TICKS as f64 / seconds * 100.0,
        cpu_seconds: ticks as f64 / TICKS as f64,
        memory: kib.unwrap_or(0).saturating_mul(1_024),
        threads: threads.try_into().unwrap_or(u32::MAX),
        fds,
        started,
    };
    Some((process, spent))
}

/// Reads a process; None where it is gone or hidden from us.
pub(super) fn read(
    proc: &Path,
    pid: u32,
    times: (Timestamp, Timestamp),
    before: Option<Spent>,
) -> Option<(Process, Spent)> {
    let folder = proc.join(pid.to_string());
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let (stat, status) = (text("stat")?, text("status")?);
    // Since Linux 6.2 the folder's size is the number of its files, for everybody; before, only who
    // may look into the process can count them.
    let size = fs::metadata(folder.join("fd")).map_or(0, |fd| fd.len());
    let counted = || fs::read_dir(folder.join("fd")).ok().map(|all| all.count() as u64);
    let fds = if size > 0 { Some(size) } else { counted() };
    parse(pid, (&stat, &status), fds, times, before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: Timestamp = Timestamp(1_700_000_000_000);
    const STATUS: &str = "Name:\tsshd\nVmRSS:\t    2048 kB\nThreads:\t3\n";

    fn stat(ticks: u64) -> String {
        format!("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 {ticks} 50 0 0 20 0 3 0 1000 5 6")
    }

    #[test]
    fn a_process_is_read_whatever_its_name_holds() {
        let now = Timestamp(BOOT.0 + 20_000);
        let text = stat(150);
        let (process, spent) =
            parse(7, (&text, STATUS), Some(12), (BOOT, now), None).expect("a process");
        assert_eq!((process.name.as_str(), process.status), ("a) b (c)", "sleeping"));
        assert_eq!((process.threads, process.memory, process.fds), (3, 2_097_152, Some(12)));
        assert_eq!(process.started, Timestamp(BOOT.0 + 10_000));
        // Two seconds in ten.
        assert!((process.cpu_percent - 20.0).abs() < 1e-9, "{}", process.cpu_percent);
        let later = Timestamp(now.0 + 2_000);
        let text = stat(250);
        let (process, _) =
            parse(7, (&text, STATUS), None, (BOOT, later), Some(spent)).expect("a process");
        assert!((process.cpu_percent - 50.0).abs() < 1e-9, "{}", process.cpu_percent);
        assert!(parse(7, ("7 (x", STATUS), None, (BOOT, now), None).is_none());
    }

    #[test]
    fn this_process_can_be_read_and_none_is_not() {
        let (now, proc) = (Timestamp::now(), Path::new("/proc"));
        let own = std::process::id();
        let (process, _) = read(proc, own, (BOOT, now), None).expect("this process");
        assert!(process.memory > 0 && process.threads > 0);
        assert!(process.fds.is_some_and(|n| n > 0), "{:?}", process.fds);
        assert_eq!(read(proc, u32::MAX, (BOOT, now), None), None);
    }
}
