//! When a host's values are worth telling somebody: limits with duration and hysteresis.
//!
//! Pure: what a host reported and `now` in, what begins and what is over out. A limit counts as
//! crossed once the value has been at or over it for the time that people chose; it is over when the
//! value has fallen clearly below ([`EASE`]), so that one that dances around its limit tells once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{Timestamp, human_age};
use serde::{Deserialize, Serialize};
use wire::Report;

use crate::Thresholds;
use crate::history::{memory_share, share};

/// How far a value must fall below its limit, in its own unit.
const EASE: f64 = 5.0;
/// A clock that is wrong by more is told, milliseconds.
pub const CLOCK_OFF_MS: i64 = 30_000;
/// A host whose newest report is older than this and than so many intervals lags.
const LAG: Duration = Duration::from_secs(180);
const LAG_INTERVALS: u32 = 3;
/// The most causes of one host that are followed at a time.
const MOST: usize = 64;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The processors are busy.
    Cpu,
    /// Memory is short.
    Memory,
    /// This file system is full.
    Disk(String),
    /// This sensor is hot.
    Temperature(String),
    /// This unit has failed.
    Unit(String),
    /// The clock is wrong.
    Clock,
    /// It is connected, but what it reports is old.
    Lag,
}

/// Something begins or ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What.
    pub trouble: Trouble,
    /// Whether it begins.
    pub begins: bool,
    /// What was seen, for people: `93 % of / in use`.
    pub seen: String,
}

/// What is followed of one host. What is told is kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watchman {
    told: BTreeSet<Trouble>,
    #[serde(skip)]
    over_since: BTreeMap<Trouble, Timestamp>,
}

/// One value beside its limit.
struct Measured {
    trouble: Trouble,
    value: f64,
    limit: f64,
    seen: String,
}

impl Watchman {
    /// What is told and not over.
    pub fn told(&self) -> &BTreeSet<Trouble> {
        &self.told
    }

    /// A host is connected and its newest report is this old, with so long between two. What has
    /// begun; it is over with the next report of now, which [`Self::look`] is given.
    pub fn behind(&mut self, age: Duration, interval: Duration) -> Option<Change> {
        if age < LAG.max(interval * LAG_INTERVALS) || !self.told.insert(Trouble::Lag) {
            return None;
        }
        let seen = format!("it is connected, but its newest report is {} old", human_age(age));
        Some(Change { trouble: Trouble::Lag, begins: true, seen })
    }

    /// Looks at what a host reported. `clock_off_ms` is how far its clock is ahead.
    pub fn look(
        &mut self,
        report: &Report,
        limits: &Thresholds,
        clock_off_ms: i64,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let all = measured(report, limits, clock_off_ms);
        // What is not measured any more, or no longer to be told, is over.
        let gone = |told: &&Trouble| !all.iter().any(|m| m.trouble == **told);
        let over: Vec<Trouble> = self.told.iter().filter(gone).cloned().collect();
        for trouble in over {
            self.told.remove(&trouble);
            changes.push(Change { trouble, begins: false, seen: "over".to_owned() });
        }
        self.over_since.retain(|trouble, _| all.iter().any(|m| m.trouble == *trouble));
        for Measured { trouble, value, limit, seen } in all {
            if self.told.contains(&trouble) {
                let ease = if matches!(trouble, Trouble::Unit(_) | Trouble::Clock) {
                    0.0
                } else {
                    EASE.min(limit / 2.0)
                };
                if value < limit - ease {
                    self.told.remove(&trouble);
                    self.over_since.remove(&trouble);
                    changes.push(Change { trouble, begins: false, seen });
                }
                continue;
            }
            if value < limit {
                self.over_since.remove(&trouble);
                continue;
            }
            if self.over_since.len() + self.told.len() >= MOST
                && !self.over_since.contains_key(&trouble)
            {
                continue;
            }
            let since = *self.over_since.entry(trouble.clone()).or_insert(now);
            // A clock set back must not make it wait for ever.
            let waited = now.since(since).as_secs();
            let least = match trouble {
                Trouble::Unit(_) | Trouble::Clock => 0,
                _ => u64::from(limits.for_s),
            };
            if waited >= least {
                self.over_since.remove(&trouble);
                self.told.insert(trouble.clone());
                changes.push(Change { trouble, begins: true, seen });
            }
        }
        changes
    }
}

fn measured(report: &Report, limits: &Thresholds, clock_off_ms: i64) -> Vec<Measured> {
    let mut all = Vec::new();
    let mut add = |trouble, value: f64, limit: Option<u8>, seen: String| {
        if let Some(limit) = limit {
            all.push(Measured { trouble, value, limit: f64::from(limit), seen });
        }
    };
    if let Some(cpu) = &report.cpu {
        let value = f64::from(cpu.pct);
        let culprit = report.procs.as_ref().and_then(|p| p.top.as_ref()?.first());
        let culprit = culprit.map(|p| format!(", most of it by {}", p.name)).unwrap_or_default();
        let seen = format!("its processors are {value:.0} % busy{culprit}");
        add(Trouble::Cpu, value, limits.cpu_pct, seen);
    }
    if let Some(value) = memory_share(report) {
        let seen = format!("{value:.0} % of its memory is in use");
        add(Trouble::Memory, value, limits.memory_pct, seen);
    }
    for disk in report.disks.iter().flatten() {
        let value = share(disk.used, disk.total);
        let seen = format!("{value:.0} % of {} is in use", disk.mount);
        add(Trouble::Disk(disk.mount.clone()), value, limits.disk_pct, seen);
    }
    for sensor in report.temps.iter().flatten() {
        let value = f64::from(sensor.c);
        let seen = format!("{} is at {value:.0} °C", sensor.name);
        add(Trouble::Temperature(sensor.name.clone()), value, limits.temperature_c, seen);
    }
    if limits.units {
        for unit in report.units.iter().flat_map(|units| &units.failed) {
            let seen = format!("{unit} has failed");
            add(Trouble::Unit(unit.clone()), 1.0, Some(1), seen);
        }
    }
    let minutes = clock_off_ms.unsigned_abs() / 60_000;
    let way = if clock_off_ms > 0 { "ahead" } else { "behind" };
    let seen = match minutes {
        0 => "its clock is right within a minute".to_owned(),
        n => format!("its clock is {n} min {way}"),
    };
    let value = clock_off_ms.unsigned_abs() as f64;
    all.push(Measured { trouble: Trouble::Clock, value, limit: CLOCK_OFF_MS as f64, seen });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    fn cpu(pct: f32) -> Report {
        Report { cpu: Some(wire::report::Cpu { pct, ..Default::default() }), ..Report::default() }
    }

    fn limits() -> Thresholds {
        Thresholds { cpu_pct: Some(90), for_s: 60, ..Thresholds::default() }
    }

    #[test]
    fn a_limit_is_told_once_it_was_crossed_for_long_enough_and_only_once() {
        let mut watchman = Watchman::default();
        assert_eq!(watchman.look(&cpu(95.0), &limits(), 0, at(0)), []);
        assert_eq!(watchman.look(&cpu(95.0), &limits(), 0, at(59)), []);
        let told = watchman.look(&cpu(95.0), &limits(), 0, at(60));
        assert!(told.len() == 1 && told[0].begins && told[0].trouble == Trouble::Cpu);
        assert!(told[0].seen.contains("95 %"), "{}", told[0].seen);
        assert_eq!(watchman.look(&cpu(99.0), &limits(), 0, at(500)), []);
    }

    #[test]
    fn a_value_that_dips_below_its_limit_begins_anew() {
        let mut watchman = Watchman::default();
        watchman.look(&cpu(95.0), &limits(), 0, at(0));
        watchman.look(&cpu(89.0), &limits(), 0, at(30));
        assert_eq!(watchman.look(&cpu(95.0), &limits(), 0, at(70)), []);
    }

    #[test]
    fn a_value_that_dances_around_its_limit_is_not_over() {
        let mut watchman = Watchman::default();
        watchman.look(&cpu(95.0), &limits(), 0, at(0));
        watchman.look(&cpu(95.0), &limits(), 0, at(60));
        for (second, pct) in [(70, 86.0), (80, 95.0), (90, 85.0)] {
            assert_eq!(watchman.look(&cpu(pct), &limits(), 0, at(second)), []);
        }
        let over = watchman.look(&cpu(84.0), &limits(), 0, at(100));
        assert!(over.len() == 1 && !over[0].begins);
    }

    #[test]
    fn a_failed_unit_is_told_at_once_and_is_over_when_it_is_not_listed() {
        let mut watchman = Watchman::default();
        let units = wire::report::Units { failed: vec!["a.service".into()], restarted: vec![] };
        let failed = Report { units: Some(units), ..Report::default() };
        let told = watchman.look(&failed, &limits(), 0, at(0));
        assert_eq!(told[0].trouble, Trouble::Unit("a.service".into()));
        let over = watchman.look(&Report::default(), &limits(), 0, at(10));
        assert!(over.len() == 1 && !over[0].begins);
    }

    #[test]
    fn a_clock_that_is_off_by_a_day_is_told_with_its_direction() {
        let mut watchman = Watchman::default();
        let told = watchman.look(&Report::default(), &limits(), -86_400_000, at(0));
        assert!(told[0].seen.contains("1440 min behind"), "{}", told[0].seen);
        assert_eq!(watchman.look(&Report::default(), &limits(), 29_000, at(5)).len(), 1);
    }

    #[test]
    fn a_host_that_is_connected_and_lags_is_told_once_until_a_report_of_now_comes() {
        let mut watchman = Watchman::default();
        let (ten, minutes) = (Duration::from_secs(10), |n: u64| Duration::from_secs(n * 60));
        assert_eq!(watchman.behind(minutes(2), ten), None);
        // Three intervals may pass whatever they are.
        assert_eq!(watchman.behind(minutes(14), minutes(5)), None);
        let told = watchman.behind(minutes(4), ten).unwrap();
        assert!(told.begins && told.trouble == Trouble::Lag, "{told:?}");
        assert!(told.seen.contains("its newest report is 4 min old"), "{}", told.seen);
        assert_eq!(watchman.behind(minutes(5), ten), None);
        let over = watchman.look(&Report::default(), &limits(), 0, at(0));
        assert_eq!(over.len(), 1);
        assert!(!over[0].begins && over[0].trouble == Trouble::Lag, "{over:?}");
    }

    #[test]
    fn what_was_told_is_known_after_a_restart() {
        let mut watchman = Watchman::default();
        watchman.look(&Report::default(), &limits(), 86_400_000, at(0));
        let text = serde_json::to_string(&watchman).unwrap();
        let mut again: Watchman = serde_json::from_str(&text).unwrap();
        assert_eq!(again.look(&Report::default(), &limits(), 86_400_000, at(9)), []);
        assert_eq!(again.look(&Report::default(), &limits(), 0, at(19)).len(), 1);
    }
}
