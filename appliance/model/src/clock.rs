//! Points in time.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. Stored as SQLite `INTEGER`, shown as RFC 3339.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

impl Timestamp {
    /// The system clock's time. Only a room's edge may call this.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The day's number since the Unix epoch, in UTC; names day partitions.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// Midnight, UTC, at the start of a day by its number.
    pub const fn from_day(day: i64) -> Self {
        Self(day.saturating_mul(DAY_MS))
    }

    /// Time passed since `earlier`; zero if that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This time moved forwards.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time moved backwards.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// RFC 3339 in UTC with milliseconds, such as `2026-11-21T14:00:00.000Z`.
    pub fn rfc3339(self) -> String {
        self.instant().map_or_else(|| self.0.to_string(), |t| t.strftime("%FT%T.%3fZ").to_string())
    }

    /// Date and time of day in the router's own time zone, such as `2026-11-21 14:00:00`.
    pub fn local(self) -> String {
        self.instant().map_or_else(
            || self.0.to_string(),
            |t| t.to_zoned(TimeZone::system()).strftime("%F %T").to_string(),
        )
    }

    /// Reads RFC 3339 text.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    fn instant(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_millisecond(self.0).ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// A duration as people say it: `12 s`, `4 min`, `3 h`, `2 d`.
pub fn human_age(age: Duration) -> String {
    match age.as_secs() {
        0 => "now".to_owned(),
        s @ 1..=59 => format!("{s} s"),
        s @ 60..=3_599 => format!("{} min", s / 60),
        s @ 3_600..=86_399 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_number_of_milliseconds_panics(ms: i64) {
            let t = Timestamp(ms);
            let _ = (t.rfc3339(), t.local(), t.day(), t.plus(Duration::MAX), t.minus(Duration::MAX));
        }

        #[test]
        fn text_returns_to_the_same_time(ms in 0_i64..4_102_444_800_000) {
            prop_assert_eq!(Timestamp::parse_rfc3339(&Timestamp(ms).rfc3339()), Some(Timestamp(ms)));
        }
    }

    #[test]
    fn days_are_counted_from_midnight_utc() {
        assert_eq!(Timestamp(DAY_MS - 1).day(), 0);
        assert_eq!(Timestamp(DAY_MS).day(), 1);
        assert_eq!(Timestamp(-1).day(), -1);
    }

    #[test]
    fn ages_read_as_people_say_them() {
        let words = [0, 7, 60, 3_600, 90_000].map(|s| human_age(Duration::from_secs(s)));
        assert_eq!(words, ["now", "7 s", "1 min", "1 h", "1 d"]);
    }
}
