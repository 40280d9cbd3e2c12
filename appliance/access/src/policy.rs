//! How long a session lasts.
//!
//! Pure: times in, alive or not out.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::AccessError;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// How long a session lasts, for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPolicy {
    /// Without any request, seconds.
    pub idle_seconds: u64,
    /// After signing in, whatever happens, seconds.
    pub absolute_seconds: u64,
}

impl Default for SessionPolicy {
    /// 24 hours idle, 30 days in all.
    fn default() -> Self {
        Self { idle_seconds: DAY, absolute_seconds: 30 * DAY }
    }
}

impl SessionPolicy {
    /// Refuses what would lock people out or never end.
    pub fn check(self) -> Result<Self, AccessError> {
        if !(5 * MINUTE..=365 * DAY).contains(&self.absolute_seconds) {
            let (what, accepted) = ("the longest session", "from 5 minutes to 365 days");
            return Err(AccessError::BadValue { what, accepted });
        }
        if !(5 * MINUTE..=self.absolute_seconds).contains(&self.idle_seconds) {
            let what = "the time without requests";
            let accepted = "from 5 minutes to the longest session";
            return Err(AccessError::BadValue { what, accepted });
        }
        Ok(self)
    }

    /// When a session ends unless it is used.
    ///
    /// A clock that was ahead when the session was made, as on a router without a battery, makes
    /// it last longer by as much; one that was behind ends it.
    pub fn ends_at(self, created: Timestamp, last_seen: Timestamp) -> Timestamp {
        let idle = last_seen.plus(Duration::from_secs(self.idle_seconds));
        idle.min(created.plus(Duration::from_secs(self.absolute_seconds)))
    }

    /// Whether a session still stands.
    pub fn alive(self, created: Timestamp, last_seen: Timestamp, now: Timestamp) -> bool {
        now < self.ends_at(created, last_seen)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn at(secs: u64) -> Timestamp {
        T0.plus(Duration::from_secs(secs))
    }

    #[test]
    fn a_session_ends_after_a_day_without_use_and_after_thirty_in_all() {
        let policy = SessionPolicy::default();
        assert!(policy.alive(T0, T0, at(DAY - 1)));
        assert!(!policy.alive(T0, T0, at(DAY)));
        assert!(policy.alive(T0, at(30 * DAY - 10), at(30 * DAY - 1)));
        assert!(!policy.alive(T0, at(30 * DAY - 10), at(30 * DAY)));
    }

    #[test]
    fn a_policy_that_locks_out_or_never_ends_is_refused() {
        let policy = |idle_seconds, absolute_seconds| {
            SessionPolicy { idle_seconds, absolute_seconds }.check().is_ok()
        };
        assert!(policy(DAY, 30 * DAY) && policy(300, 300));
        assert!(!policy(0, DAY) && !policy(299, DAY) && !policy(DAY, DAY - 1));
        assert!(!policy(DAY, u64::MAX) && !policy(DAY, 366 * DAY));
    }

    proptest! {
        #[test]
        fn no_session_outlives_the_absolute_limit(created: i64, seen: i64, now: i64) {
            let policy = SessionPolicy::default();
            let (created, seen, now) = (Timestamp(created), Timestamp(seen), Timestamp(now));
            if policy.alive(created, seen, now) {
                prop_assert!(now.since(created) < Duration::from_secs(30 * DAY));
            }
        }
    }
}
