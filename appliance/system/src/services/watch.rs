//! What became of services from one look to the next. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::Timestamp;

use super::show::Unit;

/// Restarts within [`SPAN`] that are too many.
pub(crate) const MOST_RESTARTS: u32 = 3;
/// The time over which restarts are counted.
const SPAN: Duration = Duration::from_secs(600);

/// What is worth telling of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// It failed.
    Failed {
        /// How it ended, in systemd's word.
        result: String,
    },
    /// It was restarted too often.
    Restarting {
        /// How often, within the span.
        times: u32,
    },
    /// It is well again.
    Recovered,
}

/// Remembers units.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    known: BTreeMap<String, Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What systemd's count was last.
    restarts: Option<u32>,
    /// When it grew, and by how much.
    grown: VecDeque<(Timestamp, u32)>,
    is_told: bool,
}

impl Watch {
    /// A unit about which an earlier run of the appliance has told.
    pub(crate) fn remember(&mut self, unit: &str) {
        self.known.entry(unit.to_owned()).or_default().is_told = true;
    }

    /// Takes a look.
    pub(crate) fn take(&mut self, now: Timestamp, units: &[Unit]) -> Vec<(Unit, News)> {
        let mut news = Vec::new();
        for unit in units {
            let known = self.known.entry(unit.name.clone()).or_default();
            news.extend(known.take(now, unit).map(|what| (unit.clone(), what)));
        }
        // A unit that is gone cannot be unwell.
        for (name, known) in &mut self.known {
            if known.is_told && !units.iter().any(|unit| unit.name == *name) {
                known.is_told = false;
                let unit = Unit { name: name.clone(), label: name.clone(), ..Unit::default() };
                news.push((unit, News::Recovered));
            }
        }
        self.known.retain(|name, _| units.iter().any(|unit| unit.name == *name));
        news
    }
}

impl Known {
    fn take(&mut self, now: Timestamp, unit: &Unit) -> Option<News> {
        let grown = self.restarts.map_or(0, |before| unit.restarts.saturating_sub(before));
        self.restarts = Some(unit.restarts);
        if grown > 0 {
            self.grown.push_back((now, grown));
        }
        self.grown.retain(|(at, _)| now.since(*at) < SPAN && *at <= now);
        let times = self.grown.iter().map(|(_, n)| *n).sum();
        let what = if unit.active == "failed" {
            Some(News::Failed { result: unit.result.clone() })
        } else if times > MOST_RESTARTS {
            Some(News::Restarting { times })
        } else {
            None
        };
        match what {
            Some(what) if !self.is_told => {
                self.is_told = true;
                Some(what)
            }
            // Between two attempts it is neither failed nor well.
            None if self.is_told && !unit.has_failed() && unit.active != "activating" => {
                self.is_told = false;
                Some(News::Recovered)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_700_000_000_000 + seconds * 1_000)
    }

    fn unit(active: &str, restarts: u32) -> Unit {
        Unit {
            name: "chrony.service".to_owned(),
            active: active.to_owned(),
            result: "exit-code".to_owned(),
            restarts,
            ..Unit::default()
        }
    }

    fn told(watch: &mut Watch, seconds: i64, unit: Unit) -> Vec<News> {
        watch.take(at(seconds), &[unit]).into_iter().map(|(_, news)| news).collect()
    }

    #[test]
    fn a_failure_is_told_once_and_its_end_once() {
        let mut watch = Watch::default();
        assert_eq!(told(&mut watch, 0, unit("active", 0)), []);
        let failed = News::Failed { result: "exit-code".to_owned() };
        assert_eq!(told(&mut watch, 30, unit("failed", 0)), [failed]);
        assert_eq!(told(&mut watch, 60, unit("failed", 0)), []);
        assert_eq!(told(&mut watch, 90, unit("activating", 0)), []);
        assert_eq!(told(&mut watch, 120, unit("active", 0)), [News::Recovered]);
        assert_eq!(told(&mut watch, 150, unit("active", 0)), []);
    }

    #[test]
    fn more_restarts_than_three_in_ten_minutes_are_told_and_old_ones_do_not_count() {
        let mut watch = Watch::default();
        // What systemd counted before we looked is not news.
        assert_eq!(told(&mut watch, 0, unit("active", 40)), []);
        assert_eq!(told(&mut watch, 30, unit("active", 43)), []);
        assert_eq!(told(&mut watch, 60, unit("active", 44)), [News::Restarting { times: 4 }]);
        assert_eq!(told(&mut watch, 90, unit("active", 45)), []);
        assert_eq!(told(&mut watch, 800, unit("active", 45)), [News::Recovered]);
        // Counted anew after somebody reset it.
        assert_eq!(told(&mut watch, 830, unit("active", 0)), []);
        assert_eq!(told(&mut watch, 860, unit("active", 3)), []);
    }

    #[test]
    fn what_was_told_before_a_start_is_over_when_it_is_well_or_gone() {
        let mut watch = Watch::default();
        watch.remember("chrony.service");
        assert_eq!(told(&mut watch, 0, unit("failed", 0)), []);
        assert_eq!(told(&mut watch, 30, unit("active", 0)), [News::Recovered]);
        watch.remember("frr.service");
        let news = watch.take(at(60), &[unit("active", 0)]);
        assert_eq!((news[0].0.name.as_str(), &news[0].1), ("frr.service", &News::Recovered));
    }
}
