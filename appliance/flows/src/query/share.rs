//! How much of a flow falls into a range. Its octets are taken to pass evenly from start to end;
//! what a division leaves over goes where the running sum says, so that all parts together are the
//! flow, to the octet.

/// How much of `amount`, which passed from `start` to `end`, had passed before `at`.
#[inline]
fn passed(amount: u64, start: i64, end: i64, at: i64) -> u64 {
    if at <= start {
        0
    } else if at >= end {
        amount
    } else {
        // Differences of times are below 2^64, and so the product below 2^128.
        let part = (i128::from(at) - i128::from(start)) as u128;
        let whole = (i128::from(end) - i128::from(start)) as u128;
        (u128::from(amount) * part / whole) as u64
    }
}

/// How much of `amount`, which passed from `start` to `end`, falls between `from` and just before
/// `to`. All times in milliseconds since the Unix epoch.
#[inline]
pub(crate) fn share(amount: u64, (start, end): (i64, i64), (from, to): (i64, i64)) -> u64 {
    passed(amount, start, end, to).saturating_sub(passed(amount, start, end, from))
}

/// Whether a flow was seen between `from` and just before `to`.
#[inline]
pub(super) fn touches((start, end): (i64, i64), (from, to): (i64, i64)) -> bool {
    start < to && end >= from
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_of_a_flow_are_the_flow(
            amount: u64,
            start in 0_i64..1_000_000,
            lasted in 0_i64..1_000_000,
            mut cuts in prop::collection::vec(-10_i64..2_000_010, 0..40),
        ) {
            let times = (start, start + lasted);
            cuts.extend([i64::MIN, i64::MAX]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|cut| u128::from(share(amount, times, (cut[0], cut[1]))));
            prop_assert_eq!(parts.sum::<u128>(), u128::from(amount));
        }

        #[test]
        fn no_times_make_a_share_panic_or_larger_than_the_flow(amount: u64, start: i64, end: i64, from: i64, to: i64) {
            prop_assert!(share(amount, (start, end), (from, to)) <= amount);
        }
    }

    #[test]
    fn a_flow_is_spread_evenly() {
        let minute = |n: i64| share(6_000, (0, 60_000), (n * 10_000, (n + 1) * 10_000));
        assert_eq!([0, 1, 5, 6].map(minute), [1_000, 1_000, 1_000, 0]);
    }

    #[test]
    fn a_flow_of_one_moment_lies_in_the_range_that_holds_it() {
        assert_eq!(share(5, (10, 10), (10, 11)), 5);
        assert_eq!(share(5, (10, 10), (9, 10)), 0);
    }
}
