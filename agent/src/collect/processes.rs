//! Processes: `/proc/<pid>/stat`, and who uses most between two looks.

use std::collections::HashMap;

use super::tree::{rounded, short};

/// More are not looked at.
pub(crate) const MOST: usize = 32_768;

/// Reads `/proc/<pid>/stat` (`proc_pid_stat(5)`): the name is in parentheses and may hold any
/// character, parentheses too.
/// Gives the name, the processor time in ticks, when it began in ticks since the start of the host
/// (the same number and another time is another process), and resident pages.
pub(crate) fn parse(text: &str) -> Option<(&str, u64, u64, u64)> {
    let (_, rest) = text.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    // Behind the name the state is column 3.
    let mut columns = rest.split_ascii_whitespace();
    let user: u64 = columns.nth(11)?.parse().ok()?;
    let system: u64 = columns.next()?.parse().ok()?;
    let began: u64 = columns.nth(6)?.parse().ok()?;
    let pages: u64 = columns.nth(1)?.parse().ok()?;
    Some((name, user.saturating_add(system), began, pages))
}

/// A process and its share of one core between two looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Usage {
    pub(crate) pid: u32,
    pub(crate) name: String,
    pub(crate) cpu_pct: f32,
    pub(crate) pages: u64,
}

/// What processes used before.
#[derive(Debug, Default)]
pub(crate) struct Book {
    before: HashMap<u32, (u64, u64)>,
    now: HashMap<u32, (u64, u64)>,
}

impl Book {
    /// Takes one process in and gives its ticks since the last look, if it was there then.
    pub(crate) fn take(&mut self, pid: u32, began: u64, ticks: u64) -> Option<u64> {
        self.now.insert(pid, (began, ticks));
        let (was_begun, was) = self.before.get(&pid)?;
        (*was_begun == began).then(|| ticks.saturating_sub(*was))
    }

    /// The look is over.
    pub(crate) fn turn(&mut self) {
        std::mem::swap(&mut self.before, &mut self.now);
        self.now.clear();
        self.before.shrink_to(self.before.len() * 2);
        self.now.shrink_to(self.before.len() * 2);
    }
}

/// Holds the `most` that use most: by processor, then by memory.
#[derive(Debug)]
pub(crate) struct Top {
    most: usize,
    list: Vec<(u64, u64, u32, String)>,
}

impl Top {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, list: Vec::new() }
    }

    /// Takes a process with the ticks and pages that it used.
    pub(crate) fn take(&mut self, pid: u32, name: &str, ticks: u64, pages: u64) {
        let least = self.list.last().map_or((0, 0), |last| (last.0, last.1));
        if self.list.len() == self.most && (ticks, pages) <= least {
            return;
        }
        let at = self.list.partition_point(|other| (other.0, other.1) >= (ticks, pages));
        self.list.insert(at, (ticks, pages, pid, short(name)));
        self.list.truncate(self.most);
    }

    /// The list; `ms` is the time between the looks, `hz` ticks a second.
    pub(crate) fn finish(self, ms: u64, hz: u64) -> Vec<Usage> {
        let share = |ticks: u64| {
            if ms == 0 || hz == 0 {
                0.0
            } else {
                rounded(ticks as f64 * 100_000.0 / (ms * hz) as f64)
            }
        };
        self.list
            .into_iter()
            .map(|(ticks, pages, pid, name)| Usage { pid, name, cpu_pct: share(ticks), pages })
            .collect()
    }
}

/// The names of users: `/etc/passwd` (passwd(5)).
pub(crate) fn user_names(text: &str) -> HashMap<u32, String> {
    let entry = |line: &str| {
        let mut columns = line.split(':');
        let name = columns.next()?;
        Some((columns.nth(1)?.parse().ok()?, short(name)))
    };
    let mut names = HashMap::new();
    for (number, name) in text.lines().take(4096).filter_map(entry) {
        names.entry(number).or_insert(name);
    }
    names
}
