//! The last hour of an interface's rates, five seconds a slot, in a bounded piece of memory. Pure.

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

/// The time that a slot stands for.
pub const SLOT: Duration = Duration::from_secs(5);
/// Slots of an hour.
pub const SLOTS: usize = 720;
/// Milliseconds of a slot.
const SLOT_MS: i64 = 5_000;

/// The least, mean and greatest value of a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    /// The least.
    pub min: f64,
    /// The mean.
    pub avg: f64,
    /// The greatest.
    pub max: f64,
}

/// What went through an interface in a piece of time, in bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TrafficPoint {
    /// When that piece begins.
    pub at: Timestamp,
    /// Received.
    pub rx: Span,
    /// Sent.
    pub tx: Span,
}

/// The rates of the last hour. 5.8 kB.
#[derive(Debug, Clone)]
pub struct Ring {
    /// Receive and transmit rate in bits a second; NaN where nothing was measured.
    slots: Vec<[f32; 2]>,
    /// The number of the newest slot since the Unix epoch.
    newest: i64,
}

impl Default for Ring {
    fn default() -> Self {
        Self { slots: vec![[f32::NAN; 2]; SLOTS], newest: i64::MIN }
    }
}

impl Ring {
    /// Notes the rates of the slot that `now` lies in. A clock that was set back begins anew.
    pub fn push(&mut self, now: Timestamp, rx_bps: f64, tx_bps: f64) {
        let slot = now.0.div_euclid(SLOT_MS);
        let gap = slot.saturating_sub(self.newest);
        if gap < 0 || gap >= SLOTS as i64 {
            self.slots.fill([f32::NAN; 2]);
        } else {
            for missed in self.newest + 1..slot {
                self.put(missed, [f32::NAN; 2]);
            }
        }
        self.newest = slot;
        self.put(slot, [rx_bps as f32, tx_bps as f32]);
    }

    /// Something was noted since then.
    pub fn is_fresh(&self, since: Timestamp) -> bool {
        self.newest >= since.0.div_euclid(SLOT_MS)
    }

    fn put(&mut self, slot: i64, value: [f32; 2]) {
        if let Some(place) = self.slots.get_mut(slot.rem_euclid(SLOTS as i64) as usize) {
            *place = value;
        }
    }

    /// The measured slots from `from` to `to`, oldest first.
    fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, [f64; 2])> {
        let oldest = self.newest.saturating_sub(SLOTS as i64 - 1);
        let first = from.0.div_euclid(SLOT_MS).max(oldest);
        let last = to.0.div_euclid(SLOT_MS).min(self.newest);
        (first..=last).filter_map(|slot| {
            let [rx, tx] = *self.slots.get(slot.rem_euclid(SLOTS as i64) as usize)?;
            (!rx.is_nan()).then(|| (Timestamp(slot * SLOT_MS), [f64::from(rx), f64::from(tx)]))
        })
    }

    /// At most this many points from `from` to `to`, oldest first; pieces of time without a
    /// measurement are left out.
    pub fn history(&self, from: Timestamp, to: Timestamp, points: usize) -> Vec<TrafficPoint> {
        let length = to.0.saturating_sub(from.0).max(1);
        let parts = points.clamp(1, SLOTS) as i64;
        let width = ((length + parts - 1) / parts).max(SLOT_MS);
        let mut found: Vec<(TrafficPoint, f64)> = Vec::new();
        for (at, [rx, tx]) in self.between(from, to) {
            let piece = Timestamp(from.0 + (at.0 - from.0).max(0) / width * width);
            match found.last_mut() {
                Some((point, count)) if point.at == piece => {
                    *count += 1.0;
                    point.rx.add(rx, *count);
                    point.tx.add(tx, *count);
                }
                _ => found
                    .push((TrafficPoint { at: piece, rx: Span::of(rx), tx: Span::of(tx) }, 1.0)),
            }
        }
        found.into_iter().map(|(point, _)| point).collect()
    }
}

impl Span {
    /// A single value.
    pub(crate) const fn of(value: f64) -> Self {
        Self { min: value, avg: value, max: value }
    }

    /// Takes in a further value, the `count`th.
    pub(crate) fn add(&mut self, value: f64, count: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.avg += (value - self.avg) / count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(START + seconds * 1_000)
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut ring = Ring::default();
        for number in 0..1_000_i32 {
            ring.push(at(i64::from(number) * 5), f64::from(number), 1.0);
        }
        assert_eq!(ring.history(at(0), at(1_395), 100), []);
        let all = ring.history(at(1_400), at(5_000), 10_000);
        assert_eq!(all.len(), SLOTS);
        assert_eq!(all[0].rx, Span::of(280.0));
        assert_eq!(all[SLOTS - 1].rx, Span::of(999.0));
    }

    #[test]
    fn time_without_a_measurement_stays_empty() {
        let mut ring = Ring::default();
        ring.push(at(0), 10.0, 1.0);
        ring.push(at(60), 20.0, 2.0);
        let all = ring.history(at(0), at(60), 1_000);
        let seen: Vec<_> = all.iter().map(|p| ((p.at.0 - START) / 1_000, p.rx.avg)).collect();
        assert_eq!(seen, [(0, 10.0), (60, 20.0)]);
        assert_eq!(ring.history(at(5), at(55), 10), []);
    }

    #[test]
    fn points_that_share_a_piece_of_time_become_its_least_mean_and_greatest() {
        let mut ring = Ring::default();
        for (seconds, rate) in [(0, 10.0), (5, 20.0), (10, 60.0), (15, 1.0)] {
            ring.push(at(seconds), rate, 0.0);
        }
        let all = ring.history(at(0), at(30), 2);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].rx, Span { min: 10.0, avg: 30.0, max: 60.0 });
        assert_eq!(all[1].rx, Span::of(1.0));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        let mut ring = Ring::default();
        ring.push(at(100_000), 5.0, 5.0);
        ring.push(at(0), 7.0, 7.0);
        assert_eq!(ring.history(at(0), at(200_000), 1_000).len(), 1);
    }
}
