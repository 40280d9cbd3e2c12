//! Whether the clock can be trusted with deleting.
//!
//! A router without a battery wakes up in 1970 or wherever its last shutdown left it. Deleting by
//! age must wait until the time is plausible.

use std::time::Duration;

use model::Timestamp;

/// How far the clock may run ahead of the last maintenance before it has to prove itself.
const JUMP: Duration = Duration::from_secs(45 * 86_400);
/// How long a clock that has jumped ahead must tick steadily before it is believed.
const PROOF: Duration = Duration::from_secs(3_600);

/// Judges the clock from what the program knows without asking the network.
#[derive(Debug, Clone, Copy)]
pub struct ClockGuard {
    /// When this program was built: no true clock can be earlier.
    pub built: Timestamp,
    /// When maintenance last ran.
    pub last_run: Option<Timestamp>,
    /// How long this process has been running, by the monotonic clock.
    pub running_for: Duration,
}

/// The guard's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockVerdict {
    /// Deleting by age is safe.
    Trusted,
    /// The clock is before the program was built, or before the last maintenance.
    Behind,
    /// The clock has jumped far ahead and has not ticked long enough to be believed.
    Leapt,
}

impl ClockGuard {
    /// Judges `now`.
    pub fn judge(&self, now: Timestamp) -> ClockVerdict {
        let day = Duration::from_secs(86_400);
        if now < self.built.minus(day) || self.last_run.is_some_and(|last| now < last.minus(day)) {
            return ClockVerdict::Behind;
        }
        let leapt = self.last_run.is_some_and(|last| now.since(last) > JUMP);
        if leapt && self.running_for < PROOF { ClockVerdict::Leapt } else { ClockVerdict::Trusted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: Timestamp = Timestamp(1_800_000_000_000);

    fn guard(last_run: Option<Timestamp>, running_secs: u64) -> ClockGuard {
        ClockGuard { built: BUILT, last_run, running_for: Duration::from_secs(running_secs) }
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
}
