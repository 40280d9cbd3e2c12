//! What people can set about alerts.

use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use store::{StoreError, read_setting};

/// Whose absence is an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OfflineAlerts {
    /// Nobody's.
    Never,
    /// Favourites, and devices of criticality 3 and 4.
    #[default]
    Important,
    /// Every device's.
    All,
}

/// How events are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whose absence is an alert. Setting `alerts.offline`: `never`, `important` or `all`.
    pub offline: OfflineAlerts,
    /// How long a cause counts as the same one: within it, a resolved alert is reopened rather than
    /// raised anew, and an open one is not marked unread again. Setting `alerts.window_minutes`.
    pub window: Duration,
    /// More changes between online and offline than this within [`Settings::FLAP_SPAN`] are
    /// flapping. Setting `alerts.flapping_changes`.
    pub flap_limit: usize,
    /// More alerts of one kind than this within [`Settings::GROUP_SPAN`] are told as one. Setting
    /// `alerts.group_after`.
    pub group_after: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            offline: OfflineAlerts::Important,
            window: Duration::from_secs(3_600),
            flap_limit: 6,
            group_after: 20,
        }
    }
}

impl Settings {
    /// The time within which changes are counted for flapping.
    pub const FLAP_SPAN: Duration = Duration::from_secs(3_600);
    /// The most changes of a device that are remembered, so that its row stays small.
    pub const MAX_FLAPS: usize = 60;
    /// The time within which alerts of one kind are counted for grouping.
    pub const GROUP_SPAN: Duration = Duration::from_secs(600);

    /// Changes within [`Settings::FLAP_SPAN`] below which a flapping device is quiet again.
    pub const fn calm_limit(&self) -> usize {
        self.flap_limit / 2
    }

    /// As people have set them; what nobody has set, or set out of range, is as by default.
    pub(crate) fn load(conn: &Connection) -> Result<Self, StoreError> {
        let by_default = Self::default();
        let minutes: Option<u64> = read_setting(conn, "alerts.window_minutes")?;
        let flaps: Option<usize> = read_setting(conn, "alerts.flapping_changes")?;
        let group: Option<u64> = read_setting(conn, "alerts.group_after")?;
        Ok(Self {
            offline: read_setting(conn, "alerts.offline")?.unwrap_or_default(),
            window: minutes
                .map_or(by_default.window, |m| Duration::from_secs(m.clamp(1, 7 * 24 * 60) * 60)),
            flap_limit: flaps.map_or(by_default.flap_limit, |n| n.clamp(2, Self::MAX_FLAPS - 1)),
            group_after: group.map_or(by_default.group_after, |n| n.clamp(1, 10_000)),
        })
    }
}
