//! Alerts: the list and one alert.

use askama::Template;

use super::{Choice, Empty, Filter, Link, Moment, Pager, Query, Shell, StoryLine, Tab, Tone};

/// `GET /alerts`. At most 25 rows a page: each carries a form.
#[derive(Debug, Clone, Template)]
#[template(path = "alerts/list.html")]
pub struct AlertsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// This page's own query: `status`, `severity`, `unread`, `device`, `before`.
    pub query: Query,
    /// Active, acknowledged, resolved, all, with counts.
    pub tabs: Vec<Tab>,
    /// Severity, unread.
    pub filters: Vec<Filter>,
    /// The rows, newest first.
    pub rows: Vec<AlertRow>,
    /// What to say instead of rows.
    pub empty: Option<Empty>,
    /// The neighbouring pages.
    pub pager: Pager,
    /// What is muted now.
    pub mutes: Vec<MuteLine>,
}

impl AlertsPage {
    /// The confirm page for deleting all that the filter shows.
    fn delete_href(&self) -> String {
        self.query.without("before").href().replacen("/alerts", "/alerts/delete", 1)
    }

    /// What to say when there is no active alert.
    pub fn all_quiet() -> Empty {
        Empty::new(
            "ok",
            "All quiet",
            "No alert is active. New devices, devices that vanish and anything that breaks are told here.",
        )
    }
}

/// One alert, in the list and on its own page.
#[derive(Debug, Clone)]
pub struct AlertRow {
    /// The alert's number.
    pub id: i64,
    /// One sentence.
    pub title: String,
    /// More words; may be empty.
    pub text: String,
    /// The severity as a word.
    pub severity: String,
    /// Its colour.
    pub tone: Tone,
    /// `Active`, `Acknowledged` or `Resolved`.
    pub status: AlertStatus,
    /// Whether nobody has read it.
    pub unread: bool,
    /// How often it was raised.
    pub count: u64,
    /// Raised first.
    pub first: Moment,
    /// Raised last.
    pub last: Moment,
    /// The device it is about.
    pub device: Option<Link>,
    /// Who looks after it; empty for nobody.
    pub assignee: String,
    /// Who acknowledged it, when, and the note.
    pub acknowledged: Option<Said>,
    /// Who or what resolved it, and when.
    pub resolved: Option<Said>,
    /// The events behind it.
    pub evidence: Vec<Link>,
    /// What to do; may be empty.
    pub recommendation: String,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertStatus {
    /// Nobody has taken it.
    Active,
    /// Somebody knows.
    Acknowledged,
    /// Over.
    Resolved,
}

impl AlertStatus {
    /// The word shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Acknowledged => "Acknowledged",
            Self::Resolved => "Resolved",
        }
    }
}

impl std::fmt::Display for AlertStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who said what, when.
#[derive(Debug, Clone)]
pub struct Said {
    /// Who.
    pub who: String,
    /// When.
    pub at: Moment,
    /// Their words; may be empty.
    pub note: String,
}

/// Something muted.
#[derive(Debug, Clone)]
pub struct MuteLine {
    /// The mute's number.
    pub id: i64,
    /// What: a device's name or `Everything`.
    pub what: String,
    /// Until when.
    pub until: Moment,
    /// Who muted it.
    pub by: String,
}

/// An alert's row alone, for the live channel: goes into the list `alerts`.
#[derive(Debug, Template)]
#[template(path = "alerts/row.html")]
pub struct AlertRowFragment<'a> {
    /// The row.
    pub a: &'a AlertRow,
    /// The shell of the page that the fragment goes to.
    pub shell: &'a Shell,
}

/// `GET /alerts/{id}`.
#[derive(Debug, Clone, Template)]
#[template(path = "alerts/detail.html")]
pub struct AlertPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The alert.
    pub alert: AlertRow,
    /// The device's number, for muting; none when it is about no device.
    pub device_id: Option<i64>,
    /// People it can be assigned to, "nobody" first.
    pub people: Vec<Choice>,
    /// What was done about it, newest first.
    pub story: Vec<StoryLine>,
}
