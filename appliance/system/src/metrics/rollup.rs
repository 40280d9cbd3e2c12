//! Gathers values until their minute has ended. Pure.

use std::collections::HashMap;

use model::Timestamp;

use crate::interfaces::Span;

/// The most series that are gathered at the same time.
pub const MOST_SERIES: usize = 4_096;
/// The most minutes of series that wait for a disk that refuses.
const MOST_WAITING: usize = 16_384;
/// The longest label, in bytes.
const LONGEST_LABEL: usize = 128;
pub(super) const MINUTE_MS: i64 = 60_000;

/// Names a series: what is measured, and of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// What is measured, with its unit, such as `interface_rx_bps`.
    pub name: &'static str,
    /// Of what, such as `eth0`.
    pub label: String,
}

/// What was measured in a minute.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Minute {
    pub(super) series: SeriesKey,
    /// Minutes since the Unix epoch.
    pub(super) number: i64,
    pub(super) value: Span,
    pub(super) count: u32,
}

#[derive(Debug, Default)]
pub(super) struct Rollup {
    open: HashMap<&'static str, HashMap<String, (i64, Span, u32)>>,
    series: usize,
    ended: Vec<Minute>,
    dropped: u64,
}

impl Rollup {
    pub(super) fn record(&mut self, now: Timestamp, name: &'static str, label: &str, value: f64) {
        if !value.is_finite() || label.len() > LONGEST_LABEL {
            self.dropped += 1;
            return;
        }
        let minute = now.0.div_euclid(MINUTE_MS);
        let labels = self.open.entry(name).or_default();
        let Some(open) = labels.get_mut(label) else {
            if self.series >= MOST_SERIES {
                self.dropped += 1;
                return;
            }
            self.series += 1;
            labels.insert(label.to_owned(), (minute, Span::of(value), 1));
            return;
        };
        if open.0 == minute {
            open.2 = open.2.saturating_add(1);
            open.1.add(value, f64::from(open.2));
            return;
        }
        let (minute, value, count) = std::mem::replace(open, (minute, Span::of(value), 1));
        let series = SeriesKey { name, label: label.to_owned() };
        self.end(Minute { series, number: minute, value, count });
    }

    fn end(&mut self, minute: Minute) {
        if self.ended.len() < MOST_WAITING {
            self.ended.push(minute);
        } else {
            self.dropped += u64::from(minute.count);
        }
    }

    /// Takes the minutes that have ended; with `all` those that have not, too.
    pub(super) fn take_ended(&mut self, now: Timestamp, all: bool) -> Vec<Minute> {
        let current = now.0.div_euclid(MINUTE_MS);
        let mut over = Vec::new();
        for (name, labels) in &mut self.open {
            labels.retain(|label, (minute, value, count)| {
                let stays = *minute == current && !all;
                if !stays {
                    let series = SeriesKey { name, label: label.clone() };
                    over.push(Minute { series, number: *minute, value: *value, count: *count });
                }
                stays
            });
        }
        self.series -= over.len();
        for minute in over {
            self.end(minute);
        }
        std::mem::take(&mut self.ended)
    }

    /// Takes back what could not be stored, as far as there is room.
    pub(super) fn put_back(&mut self, minutes: Vec<Minute>) {
        let newer = std::mem::replace(&mut self.ended, minutes);
        for minute in newer {
            self.end(minute);
        }
    }

    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_699_999_980_000 + seconds * 1_000)
    }

    #[test]
    fn a_minute_becomes_its_least_mean_and_greatest_value() {
        let mut rollup = Rollup::default();
        for (second, value) in [(0, 4.0), (20, 1.0), (59, 7.0)] {
            rollup.record(at(second), "x_bps", "eth0", value);
        }
        assert_eq!(rollup.take_ended(at(59), false), []);
        let ended = rollup.take_ended(at(60), false);
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].value, Span { min: 1.0, avg: 4.0, max: 7.0 });
        assert_eq!((ended[0].count, ended[0].series.label.as_str()), (3, "eth0"));
        assert_eq!(rollup.take_ended(at(120), false), []);
    }

    #[test]
    fn a_value_of_the_next_minute_ends_the_one_before() {
        let mut rollup = Rollup::default();
        rollup.record(at(10), "x_bps", "eth0", 1.0);
        rollup.record(at(70), "x_bps", "eth0", 2.0);
        let ended = rollup.take_ended(at(70), false);
        assert_eq!(ended.iter().map(|m| m.value.avg).collect::<Vec<_>>(), [1.0]);
        let rest = rollup.take_ended(at(71), true);
        assert_eq!(rest.iter().map(|m| m.value.avg).collect::<Vec<_>>(), [2.0]);
    }

    #[test]
    fn what_comes_in_too_many_series_is_dropped_and_counted() {
        let mut rollup = Rollup::default();
        for number in 0..MOST_SERIES + 3 {
            rollup.record(at(0), "x", &number.to_string(), 1.0);
        }
        assert_eq!(rollup.dropped(), 3);
        assert_eq!(rollup.take_ended(at(60), false).len(), MOST_SERIES);
        rollup.record(at(61), "x", "new", 1.0);
        assert_eq!(rollup.dropped(), 3, "there is room again");
    }

    #[test]
    fn what_is_put_back_comes_again_and_never_grows_without_bound() {
        let mut rollup = Rollup::default();
        for minute in 0..10 {
            for number in 0..MOST_SERIES {
                rollup.record(at(minute * 60), "x", &number.to_string(), 1.0);
            }
            let taken = rollup.take_ended(at(minute * 60 + 60), false);
            assert!(taken.len() <= MOST_WAITING);
            rollup.put_back(taken);
        }
        assert_eq!(rollup.dropped(), 10 * MOST_SERIES as u64 - MOST_WAITING as u64);
    }

    #[test]
    fn a_value_that_is_no_number_is_not_kept() {
        let mut rollup = Rollup::default();
        rollup.record(at(0), "x", "a", f64::NAN);
        assert_eq!((rollup.take_ended(at(60), true).len(), rollup.dropped()), (0, 1));
    }
}
