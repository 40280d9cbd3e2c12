//! Data that came before its template: kept for a while within bounds, and dropped with a count.

use std::time::Duration;

use model::Timestamp;

use super::plan::Moment;
use super::stats::ExporterStats;

/// Octets kept for one template.
const MOST_A_TEMPLATE: usize = 64 << 10;
/// Octets kept for all exporters together.
const MOST: usize = 1 << 20;
/// How long they are kept.
const LONGEST: Duration = Duration::from_secs(60);
/// What a set costs besides its octets.
const OVERHEAD: usize = 96;

/// A set that waits.
#[derive(Debug)]
pub(crate) struct Held {
    template: u16,
    at: Timestamp,
    pub(crate) moment: Moment,
    pub(crate) bytes: Box<[u8]>,
}

impl Held {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

/// The sets of one domain that wait, in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    sets: Vec<Held>,
}

impl Waiting {
    /// Keeps a set, or counts it as undecoded.
    pub(crate) fn hold(
        &mut self,
        template: u16,
        bytes: &[u8],
        now: Timestamp,
        moment: Moment,
        total: &mut usize,
        stats: &mut ExporterStats,
    ) {
        self.expire(now, total, stats);
        let cost = bytes.len() + OVERHEAD;
        let same = self.sets.iter().filter(|held| held.template == template);
        if *total + cost > MOST || same.map(Held::cost).sum::<usize>() + cost > MOST_A_TEMPLATE {
            stats.undecoded += 1;
            return;
        }
        *total += cost;
        stats.held += 1;
        self.sets.push(Held { template, at: now, moment, bytes: bytes.into() });
    }

    /// What waited for this template.
    pub(crate) fn take(
        &mut self,
        template: u16,
        now: Timestamp,
        total: &mut usize,
        stats: &mut ExporterStats,
    ) -> Vec<Held> {
        self.expire(now, total, stats);
        let taken: Vec<Held> = self.sets.extract_if(.., |held| held.template == template).collect();
        stats.replayed += taken.len() as u64;
        *total -= taken.iter().map(Held::cost).sum::<usize>().min(*total);
        taken
    }

    /// Drops what waited too long. A clock that was set back does not keep anything.
    pub(crate) fn expire(&mut self, now: Timestamp, total: &mut usize, stats: &mut ExporterStats) {
        self.sets.retain(|held| {
            let keep = now.since(held.at) <= LONGEST && held.at.since(now) <= LONGEST;
            if !keep {
                *total -= held.cost().min(*total);
                stats.undecoded += 1;
            }
            keep
        });
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self, total: &mut usize) {
        *total -= self.sets.drain(..).map(|held| held.cost()).sum::<usize>().min(*total);
    }
}
