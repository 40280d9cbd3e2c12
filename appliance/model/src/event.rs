//! What happened: the one record that every source publishes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, Severity, Timestamp};

/// Names an event and the day partition that holds it: the UTC day number above, a row number
/// below, so that ids sort as time does from day to day.
///
/// The row part has 27 bits and the whole stays below 2^53, so that JavaScript holds it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub i64);

impl EventId {
    const ROW_BITS: u32 = 27;

    /// The most events that one day can hold.
    pub const MAX_ROW: i64 = (1 << Self::ROW_BITS) - 1;

    /// Puts an id together.
    pub const fn new(day: i64, row: i64) -> Self {
        Self(day << Self::ROW_BITS | row & Self::MAX_ROW)
    }

    /// The UTC day's number, as [`Timestamp::day`].
    pub const fn day(self) -> i64 {
        self.0 >> Self::ROW_BITS
    }

    /// The row within the day.
    pub const fn row(self) -> i64 {
        self.0 & Self::MAX_ROW
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Something that happened, not stored yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// The room or device that saw it, such as `discovery`.
    pub source: &'static str,
    /// What kind of thing happened, such as `device_online`; lower case with underscores.
    pub kind: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The device it is about.
    pub device: Option<DeviceId>,
    /// One sentence for people.
    pub summary: String,
    /// Further facts as a JSON object, for machines and the detail view.
    pub data: serde_json::Value,
}

/// Something that happened, stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// The room or device that saw it.
    pub source: String,
    /// What kind of thing happened.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// The device it is about.
    pub device: Option<DeviceId>,
    /// One sentence for people.
    pub summary: String,
    /// Further facts as a JSON object.
    pub data: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_day_and_row_and_fits_javascript() {
        let id = EventId::new(20_778, 1234);
        assert_eq!((id.day(), id.row()), (20_778, 1234));
        assert!(EventId::new(60_000, EventId::MAX_ROW).0 < 1 << 53);
        assert!(EventId::new(2, 0) > EventId::new(1, EventId::MAX_ROW));
    }
}
