//! Counters since a flow began, made counters since its last record (elements 85 and 86).

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

/// Flows of a domain that are remembered twice over: when as many new ones have come, those that
/// were not heard meanwhile are forgotten.
const GENERATION: usize = 16_384;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// What running flows last told.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    hasher: RandomState,
    young: HashMap<u64, Told>,
    old: HashMap<u64, Told>,
}

impl Totals {
    /// What came since the flow's last record, and since when. `ended` forgets the flow.
    pub(crate) fn since_last(&mut self, flow: impl Hash, now: Told, ended: bool) -> Told {
        let key = self.hasher.hash_one(flow);
        let last = self.young.remove(&key).or_else(|| self.old.remove(&key));
        if !ended {
            if self.young.len() >= GENERATION {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, now);
        }
        match last {
            Some(last)
                if last.start == now.start
                    && last.bytes <= now.bytes
                    && last.packets <= now.packets =>
            {
                Told {
                    bytes: now.bytes - last.bytes,
                    packets: now.packets - last.packets,
                    start: last.end.clamp(now.start, now.end.max(now.start)),
                    end: now.end,
                }
            }
            // New, or the same ports again.
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: u64, start: i64, end: i64) -> Told {
        Told { bytes, packets: bytes / 100, start, end }
    }

    #[test]
    fn only_what_is_new_counts() {
        let mut totals = Totals::default();
        assert_eq!(totals.since_last(1, told(1000, 0, 10), false), told(1000, 0, 10));
        assert_eq!(totals.since_last(1, told(1500, 0, 20), false), told(500, 10, 20));
        assert_eq!(totals.since_last(2, told(700, 5, 20), false), told(700, 5, 20));
        assert_eq!(totals.since_last(1, told(1500, 0, 30), true), told(0, 20, 30));
        assert_eq!(totals.since_last(1, told(300, 40, 50), false), told(300, 40, 50));
    }

    #[test]
    fn counters_that_begin_anew_are_a_new_flow() {
        let mut totals = Totals::default();
        totals.since_last(1, told(1000, 0, 10), false);
        assert_eq!(totals.since_last(1, told(400, 0, 20), false).bytes, 400);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_speaks_stays() {
        let mut totals = Totals::default();
        totals.since_last(u64::MAX, told(100, 0, 0), false);
        for flow in 0..100_000_u64 {
            totals.since_last(flow, told(100, 0, 0), false);
            if flow % 1000 == 0 {
                assert_eq!(totals.since_last(u64::MAX, told(100, 0, 0), false).bytes, 0);
            }
            assert!(totals.young.len() + totals.old.len() <= 2 * GENERATION + 1);
        }
    }
}
