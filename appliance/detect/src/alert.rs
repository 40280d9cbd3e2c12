//! What an alert is.

use std::fmt;
use std::str::FromStr;

use model::{AlertId, DeviceId, Event, EventId, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Mute;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has taken it.
    New,
    /// Somebody knows.
    Acknowledged,
    /// Over.
    Resolved,
}

impl Status {
    /// All, in the order of an alert's life.
    pub const ALL: [Self; 3] = [Self::New, Self::Acknowledged, Self::Resolved];

    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// True until the alert is resolved.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Resolved)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text names no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a status: give new, acknowledged or resolved")]
pub struct ParseStatusError;

impl FromStr for Status {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, ParseStatusError> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or(ParseStatusError)
    }
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Its name.
    pub id: AlertId,
    /// When it was raised.
    pub at: Timestamp,
    /// When its cause was seen last.
    pub last_at: Timestamp,
    /// What kind of thing it is about, such as `device_offline`.
    pub kind: String,
    /// How bad it is; the worst that was seen.
    pub severity: Severity,
    /// Where it stands.
    pub status: Status,
    /// The device it is about.
    pub device: Option<DeviceId>,
    /// A few words.
    pub title: String,
    /// One sentence: what was seen last.
    pub detail: String,
    /// Events behind it: the first, and the newest few.
    pub evidence: Vec<EventId>,
    /// How often its cause was seen.
    pub count: u64,
    /// What to do.
    pub recommendation: String,
    /// When it was read; None while it is unread.
    pub read_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<Timestamp>,
    /// What they said about it.
    pub note: String,
    /// Who looks after it.
    pub assignee: Option<String>,
    /// Who or what resolved it.
    pub resolved_by: Option<String>,
    /// When.
    pub resolved_at: Option<Timestamp>,
    /// Why, such as `Back up after 3 min.`
    pub resolution: String,
    /// Names its cause: two open alerts never share it.
    pub dedupe_key: String,
}

/// One line of an alert's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who; `panoptikon` for the appliance itself.
    pub actor: String,
    /// What was done, such as `acknowledged`.
    pub change: String,
    /// Their words; may be empty.
    pub note: String,
}

/// An alert with what was done about it and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertDetails {
    /// The alert.
    pub alert: Alert,
    /// What was done about it, newest first.
    pub history: Vec<Entry>,
    /// The events behind it, oldest first, but for those that have been forgotten.
    pub evidence: Vec<Event>,
}

/// What became of an alert, for the live pages and for whoever sends messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum AlertChange {
    /// A new one.
    Raised {
        /// The alert.
        alert: Alert,
    },
    /// The cause of an open one was seen again.
    Repeated {
        /// The alert.
        alert: Alert,
        /// True when it is unread again: its cause was away for a while, or it had been resolved.
        renewed: bool,
    },
    /// What it was about is over.
    Recovered {
        /// The alert, resolved.
        alert: Alert,
    },
    /// A person did something with it.
    Changed {
        /// The alert as it is now.
        alert: Alert,
        /// Who.
        by: String,
    },
    /// All were marked as read.
    AllRead {
        /// How many had been unread.
        count: u64,
        /// Who.
        by: String,
    },
    /// Some were deleted.
    Deleted {
        /// Which; empty when they were too many to list.
        ids: Vec<AlertId>,
        /// How many.
        count: u64,
        /// Who.
        by: String,
    },
    /// Something was muted.
    Muted {
        /// The mute.
        mute: Mute,
    },
    /// A mute was lifted.
    Unmuted {
        /// The mute.
        mute: Mute,
        /// Who lifted it.
        by: String,
    },
}
