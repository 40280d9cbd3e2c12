//! What was recorded: events and the audit log.

use askama::Template;

use super::{Empty, Filter, Link, Moment, Pager, Query, Shell, Tone};

/// `GET /events`.
#[derive(Debug, Clone, Template)]
#[template(path = "journal/events.html")]
pub struct EventsPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// This page's own query: `q`, `severity`, `kind`, `source`, `device`, `from`, `to`, `before`.
    pub query: Query,
    /// Severity, kind, source, device.
    pub filters: Vec<Filter>,
    /// The rows, newest first.
    pub rows: Vec<EventRow>,
    /// What to say instead of rows.
    pub empty: Option<Empty>,
    /// The neighbouring pages.
    pub pager: Pager,
}

/// One event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The event's number.
    pub id: i64,
    /// When it happened.
    pub at: Moment,
    /// The severity as a word.
    pub severity: String,
    /// Its colour.
    pub tone: Tone,
    /// Which room saw it.
    pub source: String,
    /// What kind, such as `device_online`.
    pub kind: String,
    /// The device it is about.
    pub device: Option<Link>,
    /// One sentence.
    pub summary: String,
    /// Further facts as indented JSON; empty for none.
    pub data: String,
}

/// An event's row alone, for the live channel: goes into the list `events`.
#[derive(Debug, Template)]
#[template(path = "journal/event_row.html")]
pub struct EventRowFragment<'a> {
    /// The row.
    pub e: &'a EventRow,
}

/// `GET /audit`.
#[derive(Debug, Clone, Template)]
#[template(path = "journal/audit.html")]
pub struct AuditPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// This page's own query: `q`, `actor`, `action`, `from`, `to`, `before`.
    pub query: Query,
    /// Actor, action, outcome.
    pub filters: Vec<Filter>,
    /// The rows, newest first.
    pub rows: Vec<AuditRow>,
    /// What to say instead of rows.
    pub empty: Option<Empty>,
    /// The neighbouring pages.
    pub pager: Pager,
    /// Whether the chain of hashes holds.
    pub chain: Chain,
}

impl AuditPage {
    /// The link to the same selection as a file.
    fn export_href(&self, format: &str) -> String {
        let query = self.query.without("before").with("format", format);
        query.href().replacen("/audit", "/audit/export", 1)
    }
}

/// Whether the audit log is whole.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Ok when it holds, bad when it does not, quiet when never checked.
    pub tone: Tone,
    /// Such as `Chain holds: 1 204 entries`.
    pub text: String,
    /// When it was checked.
    pub at: Option<Moment>,
}

/// One line of the audit log.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Its number in the chain.
    pub seq: i64,
    /// When.
    pub at: Moment,
    /// Who: a person, an API key, `system`.
    pub actor: String,
    /// From which address; empty when from the router itself.
    pub address: String,
    /// What, such as `device.correct`.
    pub action: String,
    /// On what, such as `device 12`.
    pub target: String,
    /// `done`, `refused`, `failed`.
    pub outcome: String,
    /// Its colour.
    pub tone: Tone,
    /// Before and after, as indented JSON; empty for none.
    pub detail: String,
    /// Commands that ran on the router, as they were.
    pub commands: Vec<String>,
    /// The entry's hash, in hexadecimal.
    pub hash: String,
}
