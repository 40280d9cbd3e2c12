//! The kernel's files about processors, memory and load (proc(5)). Pure.

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

/// More processors than a router has.
const MOST_CORES: usize = 256;

/// Times of one processor, in ticks since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Times {
    user: u64,
    system: u64,
    idle: u64,
    waiting: u64,
    interrupts: u64,
    stolen: u64,
}

/// Times of all processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuTimes {
    all: Times,
    cores: Vec<Times>,
}

/// How busy the processors were, in percent of all of them together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CpuUse {
    /// Everything but idling and waiting for disks.
    pub busy: f64,
    /// Programs.
    pub user: f64,
    /// The kernel, without interrupts.
    pub system: f64,
    /// Interrupts; forwarding packets is here.
    pub interrupts: f64,
    /// Waiting for disks.
    pub waiting: f64,
    /// Taken by the host of a virtual machine.
    pub stolen: f64,
    /// How busy each processor was, in percent of it.
    pub cores: Vec<f64>,
}

/// Reads `/proc/stat`.
pub(super) fn cpu_times(text: &str) -> Option<CpuTimes> {
    let mut times = CpuTimes::default();
    let mut found = false;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else {
            break; // they stand first
        };
        let mut words = rest.split(' ');
        let number = words.next()?;
        let values: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        let value = |place: usize| values.get(place).copied().unwrap_or(0);
        // user nice system idle iowait irq softirq steal
        let core = Times {
            user: value(0) + value(1),
            system: value(2),
            idle: value(3),
            waiting: value(4),
            interrupts: value(5) + value(6),
            stolen: value(7),
        };
        if values.len() < 4 {
            return None;
        }
        if number.is_empty() {
            times.all = core;
            found = true;
        } else if times.cores.len() < MOST_CORES {
            times.cores.push(core);
        }
    }
    found.then_some(times)
}

impl Times {
    fn total(&self) -> u64 {
        [self.user, self.system, self.idle, self.waiting, self.interrupts, self.stolen].iter().sum()
    }

    fn since(&self, older: &Self) -> Self {
        // Idle and waiting times may go back a little (proc(5)).
        Self {
            user: self.user.saturating_sub(older.user),
            system: self.system.saturating_sub(older.system),
            idle: self.idle.saturating_sub(older.idle),
            waiting: self.waiting.saturating_sub(older.waiting),
            interrupts: self.interrupts.saturating_sub(older.interrupts),
            stolen: self.stolen.saturating_sub(older.stolen),
        }
    }

    fn percent(&self, part: u64) -> f64 {
        100.0 * part as f64 / self.total().max(1) as f64
    }

    fn busy(&self) -> f64 {
        self.percent(self.user + self.system + self.interrupts + self.stolen)
    }
}

impl CpuUse {
    /// How busy the processors were between two readings; None where no time has passed.
    pub fn between(older: &CpuTimes, newer: &CpuTimes) -> Option<Self> {
        let all = newer.all.since(&older.all);
        if all.total() == 0 {
            return None;
        }
        let cores = newer.cores.iter().zip(&older.cores);
        Some(Self {
            busy: all.busy(),
            user: all.percent(all.user),
            system: all.percent(all.system),
            interrupts: all.percent(all.interrupts),
            waiting: all.percent(all.waiting),
            stolen: all.percent(all.stolen),
            cores: cores.map(|(new, old)| new.since(old).busy()).collect(),
        })
    }
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs can still get.
    pub available: u64,
    /// What nobody uses.
    pub free: u64,
    /// Files kept in memory, given back on demand.
    pub cached: u64,
    /// Swap space.
    pub swap_total: u64,
    /// Swap space that nobody uses.
    pub swap_free: u64,
}

impl Memory {
    /// The share of swap space in use, in percent; 0 where there is none.
    pub fn swap_used_percent(&self) -> f64 {
        let used = self.swap_total.saturating_sub(self.swap_free);
        100.0 * used as f64 / self.swap_total.max(1) as f64
    }

    /// The share that programs use, in percent.
    pub fn used_percent(&self) -> f64 {
        100.0 * self.total.saturating_sub(self.available) as f64 / self.total.max(1) as f64
    }
}

/// Reads `/proc/meminfo`.
pub(super) fn memory(text: &str) -> Option<Memory> {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        kib.checked_mul(1_024)
    };
    let (total, free) = (value("MemTotal")?, value("MemFree")?);
    let cached = value("Cached").unwrap_or(0).saturating_add(value("Buffers").unwrap_or(0));
    Some(Memory {
        total,
        available: value("MemAvailable").unwrap_or_else(|| free.saturating_add(cached)),
        free,
        cached,
        swap_total: value("SwapTotal").unwrap_or(0),
        swap_free: value("SwapFree").unwrap_or(0),
    })
}

/// Reads `/proc/loadavg`.
pub(super) fn load_average(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_whitespace().map(|word| word.parse().ok());
    Some([words.next()??, words.next()??, words.next()??])
}

/// When the machine started, as `/proc/stat` tells.
pub(super) fn booted(stat: &str) -> Option<Timestamp> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(Timestamp(seconds.trim().parse::<i64>().ok()?.checked_mul(1_000)?))
}

/// What became of packets that came in, on all processors together, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Softnet {
    /// Packets that were worked on.
    pub processed: u64,
    /// Packets dropped because the queue of their processor was full
    /// (`net.core.netdev_max_backlog`).
    pub dropped: u64,
    /// Times that packets were left for later because their share of time was used up.
    pub squeezed: u64,
}

/// Reads `/proc/net/softnet_stat`: a line a processor, hexadecimal (net/core/net-procfs.c).
pub(super) fn softnet(text: &str) -> Option<Softnet> {
    let mut sum = Softnet::default();
    for line in text.lines().take(MOST_CORES) {
        let mut words = line.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
        sum.processed = sum.processed.saturating_add(words.next()??);
        sum.dropped = sum.dropped.saturating_add(words.next()??);
        sum.squeezed = sum.squeezed.saturating_add(words.next()??);
    }
    Some(sum)
}

/// Reads `/proc/uptime`.
pub(super) fn uptime(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()
}

/// The name of the first processor in `/proc/cpuinfo`; empty where there is none.
pub(super) fn processor(text: &str) -> String {
    let value = |name: &str| {
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.split_once(':')?.1.trim()))
    };
    value("model name").or_else(|| value("Model")).unwrap_or_default().to_owned()
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) is_read_only: bool,
}

/// Reads `/proc/self/mounts` (fstab(5)).
pub(super) fn mounts(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, path) = (words.next()?, words.next()?);
            let (kind, options) = (words.next()?.to_owned(), words.next()?);
            let is_read_only = options.split(',').any(|option| option == "ro");
            Some(Mount { device: unescape(device), path: unescape(path), kind, is_read_only })
        })
        .collect()
}

/// Blanks, tabs, line ends and backslashes stand there as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_share_of_busy_time_is_told_for_all_and_each() {
        let older = cpu_times("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0\nintr 5").expect("times");
        let newer = cpu_times("cpu  120 0 110 860 0 0 10 0 0 0\ncpu0 70 0 60 410 0 0 10 0\ncpu1 50 0 50 450 0 0 0 0\n").expect("times");
        let used = CpuUse::between(&older, &newer).expect("time has passed");
        assert_eq!((used.busy, used.user, used.system, used.interrupts), (40.0, 20.0, 10.0, 10.0));
        assert_eq!(used.cores, [80.0, 0.0]);
        assert_eq!(CpuUse::between(&newer, &newer), None);
    }

    #[test]
    fn memory_is_told_in_bytes() {
        let text = "MemTotal:  2000 kB\nMemFree: 500 kB\nMemAvailable: 1500 kB\nBuffers: 1 kB\nCached: 9 kB\nSwapCached: 7 kB\n";
        let memory = memory(text).expect("memory");
        assert_eq!((memory.total, memory.available, memory.cached), (2_048_000, 1_536_000, 10_240));
        assert!((memory.used_percent() - 25.0).abs() < 1e-9);
        assert_eq!(super::memory("MemTotal: 5 kB\n"), None);
    }

    #[test]
    fn load_and_uptime_are_read() {
        assert_eq!(load_average("0.50 1.25 2.00 1/234 5678\n"), Some([0.5, 1.25, 2.0]));
        assert_eq!(uptime("12.50 20.00\n"), Some(Duration::from_millis(12_500)));
        assert_eq!(uptime("-5 0"), None);
    }

    #[test]
    fn the_start_and_dropped_packets_are_read() {
        assert_eq!(booted("cpu  1 2 3 4\nbtime 1700000000\n"), Some(Timestamp(1_700_000_000_000)));
        assert_eq!(booted("cpu  1 2 3 4\n"), None);
        let text = "0000000a 00000002 00000001 00000000\n00000010 00000001 0000000f 00000000\n";
        assert_eq!(softnet(text), Some(Softnet { processed: 26, dropped: 3, squeezed: 16 }));
        assert_eq!(softnet("0000000a zz\n"), None);
    }

    #[test]
    fn a_blank_in_a_mounts_path_is_one() {
        let all = mounts("/dev/sda1 /mnt/my\\040disk ext4 ro,noatime 0 0\n");
        assert_eq!((all[0].path.as_str(), all[0].is_read_only), ("/mnt/my disk", true));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "(cpu|Mem|[a-z0-9: .\\n-])*") {
            let _ = (cpu_times(&text), memory(&text), load_average(&text), uptime(&text));
            let _ = (mounts(&text), processor(&text));
        }
    }
}
