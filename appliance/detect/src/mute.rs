//! Silence, for a while.

use model::{AlertId, DeviceId, Timestamp};
use serde::Serialize;

use crate::rules::{FLAPPING, OFFLINE};

/// Something that raises no alert for a while. What it keeps silent is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mute {
    /// Its number.
    pub id: i64,
    /// The device; None for everything.
    pub device: Option<DeviceId>,
    /// The kind of alert; None for all.
    pub kind: Option<String>,
    /// When it ends.
    pub until: Timestamp,
    /// Who muted.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Alerts that it has kept silent.
    pub suppressed: u64,
}

impl Mute {
    /// True when an alert of `kind` about `device` at `now` stays silent.
    pub fn covers(&self, kind: &str, device: Option<DeviceId>, now: Timestamp) -> bool {
        now < self.until
            && self.device.is_none_or(|d| Some(d) == device)
            && self.kind.as_ref().is_none_or(|k| {
                // Whoever mutes absences does not want to hear of many absences either.
                k == kind || (k == OFFLINE && kind == FLAPPING)
            })
    }
}

/// What to mute, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMute {
    /// The device; None for everything.
    pub device: Option<DeviceId>,
    /// The kind of alert; None for all.
    pub kind: Option<String>,
    /// When it ends: later than now, within a year.
    pub until: Timestamp,
    /// The alert from which somebody muted: its history tells.
    pub from: Option<AlertId>,
}
