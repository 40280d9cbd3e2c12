//! Token buckets: so many at once, so many more each minute.

use model::Timestamp;

/// A token bucket.
pub(super) struct Budget {
    left: u32,
    minute: i64,
    burst: u32,
    a_minute: u32,
}

impl Budget {
    pub(super) const fn new(burst: u32, a_minute: u32, now: Timestamp) -> Self {
        Self { left: burst, minute: now.as_secs().div_euclid(60), burst, a_minute }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let minute = now.as_secs().div_euclid(60);
        // Set back for good, not only asked for what happened a moment ago.
        let set_back = minute < self.minute - 5;
        if minute > self.minute {
            let passed = u32::try_from(minute - self.minute).unwrap_or(u32::MAX);
            self.left =
                self.left.saturating_add(passed.saturating_mul(self.a_minute)).min(self.burst);
        }
        if minute > self.minute || set_back {
            self.minute = minute;
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clock_set_back_does_not_stop_the_refilling() {
        let at = Timestamp::from_secs;
        let mut budget = Budget::new(1, 1, at(1_000_000));
        assert!(budget.take(at(1_000_000)) && !budget.take(at(1_000_000)));
        assert!(!budget.take(at(1_000)));
        assert!(budget.take(at(1_060)));
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_minutes_allow(gaps in prop::collection::vec(0_i64..90, 1..200)) {
            let mut budget = Budget::new(5, 2, Timestamp(0));
            let (mut now, mut granted) = (0, 0_i64);
            for gap in gaps {
                now += gap;
                granted += i64::from(budget.take(Timestamp::from_secs(now)));
                prop_assert!(granted <= 5 + 2 * (now / 60));
            }
        }
    }
}
