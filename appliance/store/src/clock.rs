//! Whether the clock can be trusted with deleting.
//!
//! A router without a battery wakes up in 1970 or wherever its last shutdown left it. Deleting by
//! age must wait until the time is plausible.

use std::time::Duration;

use model::Timestamp;

/// How far the clock may be ahead of the last maintenance at the start before it has to prove itself.
const JUMP: Duration = Duration::from_secs(45 * 86_400);
/// How long a clock that has jumped ahead must tick steadily before it is believed.
const PROOF: Duration = Duration::from_secs(3_600);
/// How far the clock and the monotonic clock may come apart before that counts as a leap.
const TOLERANCE: Duration = Duration::from_secs(3_600);

/// Judges the clock from what the program knows without asking the network.
#[derive(Debug, Clone, Copy)]
pub struct ClockGuard {
    /// When this program was built: no true clock can be earlier.
    pub built: Timestamp,
    /// When maintenance last ran.
    pub last_run: Option<Timestamp>,
    /// How long the clock has been seen to tick steadily, by the monotonic clock.
    pub steady_for: Duration,
}

/// The guard's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockVerdict {
    /// Deleting by age is safe.
    Trusted,
    /// The clock is before the program was built, or before the last maintenance and has not ticked
    /// long enough to be believed all the same.
    Behind,
    /// The clock has leapt and has not ticked long enough since to be believed.
    Leapt,
}

impl ClockGuard {
    /// Judges `now`.
    pub fn judge(&self, now: Timestamp) -> ClockVerdict {
        let day = Duration::from_secs(86_400);
        let proven = self.steady_for >= PROOF;
        if now < self.built.minus(day) {
            return ClockVerdict::Behind;
        }
        match self.last_run {
            // A last run in the future is what a wrong clock left behind; it must not count for ever.
            Some(last) if now < last.minus(day) && !proven => ClockVerdict::Behind,
            Some(last) if now.since(last) > JUMP && !proven => ClockVerdict::Leapt,
            _ => ClockVerdict::Trusted,
        }
    }
}

/// Notices leaps of the clock while the process runs, by holding it against the monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch {
    /// What both clocks said when the present steady time began.
    anchor: Option<(Duration, Timestamp)>,
    leapt: bool,
}

impl ClockWatch {
    /// Judges `now` at `monotonic`, the time since any fixed moment of this process. `built` and
    /// `last_run` are as in [`ClockGuard`].
    pub fn judge(
        &mut self,
        monotonic: Duration,
        now: Timestamp,
        built: Timestamp,
        last_run: Option<Timestamp>,
    ) -> ClockVerdict {
        let steady_for = self.steady_for(monotonic, now);
        match (ClockGuard { built, last_run, steady_for }).judge(now) {
            ClockVerdict::Trusted if self.leapt && steady_for < PROOF => ClockVerdict::Leapt,
            verdict => verdict,
        }
    }

    fn steady_for(&mut self, monotonic: Duration, now: Timestamp) -> Duration {
        let (began, wall) = *self.anchor.get_or_insert((monotonic, now));
        let passed = monotonic.saturating_sub(began);
        let expected = wall.plus(passed);
        if now.0.abs_diff(expected.0) > TOLERANCE.as_millis() as u64 {
            self.anchor = Some((monotonic, now));
            self.leapt = true;
            return Duration::ZERO;
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUILT: Timestamp = Timestamp(1_800_000_000_000);

    fn guard(last_run: Option<Timestamp>, running_secs: u64) -> ClockGuard {
        ClockGuard { built: BUILT, last_run, steady_for: Duration::from_secs(running_secs) }
    }

    #[test]
    fn a_clock_in_1970_is_not_trusted() {
        assert_eq!(guard(None, 1_000_000).judge(Timestamp(5_000)), ClockVerdict::Behind);
    }

    #[test]
    fn a_clock_before_the_last_maintenance_is_not_trusted() {
        let last = BUILT.plus(Duration::from_secs(30 * 86_400));
        assert_eq!(guard(Some(last), 0).judge(BUILT), ClockVerdict::Behind);
    }

    #[test]
    fn a_clock_that_leapt_ahead_is_believed_after_an_hour() {
        let now = BUILT.plus(Duration::from_secs(400 * 86_400));
        assert_eq!(guard(Some(BUILT), 60).judge(now), ClockVerdict::Leapt);
        assert_eq!(guard(Some(BUILT), 3_600).judge(now), ClockVerdict::Trusted);
    }

    #[test]
    fn an_ordinary_clock_is_trusted_at_once() {
        assert_eq!(guard(None, 0).judge(BUILT.plus(PROOF)), ClockVerdict::Trusted);
        assert_eq!(guard(Some(BUILT), 0).judge(BUILT.plus(PROOF)), ClockVerdict::Trusted);
    }

    const DAY: u64 = 86_400;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_leap_of_any_size_while_running_needs_an_hour_of_proof_however_long_it_has_run() {
        let mut watch = ClockWatch::default();
        let begun = BUILT.plus(secs(DAY));
        let mut judge = |monotonic, now| watch.judge(secs(monotonic), now, BUILT, Some(begun));
        assert_eq!(judge(0, begun), ClockVerdict::Trusted);
        assert_eq!(judge(5 * DAY, begun.plus(secs(5 * DAY))), ClockVerdict::Trusted);
        let leapt = begun.plus(secs(35 * DAY));
        assert_eq!(judge(5 * DAY + 600, leapt), ClockVerdict::Leapt);
        assert_eq!(judge(5 * DAY + 1_200, leapt.plus(secs(600))), ClockVerdict::Leapt);
        assert_eq!(judge(5 * DAY + 4_200, leapt.plus(secs(3_600))), ClockVerdict::Trusted);
    }

    #[test]
    fn a_last_run_in_the_future_is_forgotten_once_the_clock_has_proven_itself() {
        let mut watch = ClockWatch::default();
        let (now, last) = (BUILT.plus(secs(DAY)), BUILT.plus(secs(9_000 * DAY)));
        assert_eq!(watch.judge(secs(0), now, BUILT, Some(last)), ClockVerdict::Behind);
        let later = now.plus(PROOF);
        assert_eq!(watch.judge(PROOF, later, BUILT, Some(last)), ClockVerdict::Trusted);
        assert_eq!(watch.judge(PROOF * 2, Timestamp(0), BUILT, Some(last)), ClockVerdict::Behind);
    }

    proptest! {
        #[test]
        fn nothing_is_trusted_within_an_hour_after_a_leap(
            looks in prop::collection::vec(0_u64..DAY, 1..20),
            leap in 3_601_u64..4_000 * DAY,
            within in 0_u64..3_600,
        ) {
            let mut watch = ClockWatch::default();
            let mut monotonic = 0;
            for step in looks {
                monotonic += step;
                let now = BUILT.plus(secs(monotonic));
                watch.judge(secs(monotonic), now, BUILT, None);
            }
            for passed in [0, within] {
                let at = monotonic + passed;
                let verdict = watch.judge(secs(at), BUILT.plus(secs(at + leap)), BUILT, None);
                prop_assert_eq!(verdict, ClockVerdict::Leapt);
            }
        }

        #[test]
        fn a_clock_that_ticks_for_an_hour_is_trusted_whatever_came_before(
            before in prop::collection::vec((0_u64..DAY, any::<i32>()), 0..20),
            last in prop::option::of(any::<i32>()),
            ahead in 0_u64..9_000 * DAY,
        ) {
            let mut watch = ClockWatch::default();
            let last = last.map(|s| Timestamp(i64::from(s) * 1_000));
            let mut monotonic = 0;
            for (step, wall) in before {
                monotonic += step;
                let wall = Timestamp(i64::from(wall) * 1_000);
                watch.judge(secs(monotonic), wall, BUILT, last);
            }
            let now = BUILT.plus(secs(ahead));
            watch.judge(secs(monotonic), now, BUILT, last);
            let verdict = watch.judge(secs(monotonic) + PROOF * 2, now.plus(PROOF * 2), BUILT, last);
            prop_assert_eq!(verdict, ClockVerdict::Trusted);
        }
    }
}
