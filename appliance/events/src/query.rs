//! Which events somebody wants to see.

use model::{DeviceId, Event, EventId, Severity, Timestamp};
use rusqlite::types::Value;
use serde::Serialize;

/// The most events on a page.
pub(crate) const MAX_PAGE: usize = 200;
/// FTS5's trigram index knows nothing shorter.
const SHORTEST_INDEXED: usize = 3;

/// Filters: all of them must hold; within `kinds` and `sources` any one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Kinds, such as `device_online`; empty for all.
    pub kinds: Vec<String>,
    /// Sources, such as `discovery`; empty for all.
    pub sources: Vec<String>,
    /// The mildest severity to show.
    pub severity: Option<Severity>,
    /// Only about this device.
    pub device: Option<DeviceId>,
    /// Words that must all stand in the summary, in any case.
    pub text: String,
    /// Not earlier than this.
    pub from: Option<Timestamp>,
    /// Earlier than this.
    pub to: Option<Timestamp>,
    /// Older than this event: the cursor of the page before.
    pub before: Option<EventId>,
    /// How many, at most 200.
    pub limit: usize,
}

/// Events, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// The cursor of the next page; None at the end.
    pub next: Option<EventId>,
}

impl EventQuery {
    pub(crate) fn limit(&self) -> usize {
        self.limit.clamp(1, MAX_PAGE)
    }

    /// True when nothing of that UTC day can match.
    pub(crate) fn excludes_day(&self, day: i64) -> bool {
        self.before.is_some_and(|id| day > id.day())
            || self.from.is_some_and(|from| day < from.day())
            || self.to.is_some_and(|to| day > to.day())
    }

    /// The SQL condition within one day, and its values.
    pub(crate) fn condition(&self, day: i64) -> (String, Vec<Value>) {
        let mut all = Conditions::default();
        if let Some(id) = self.before.filter(|id| id.day() == day) {
            all.push("id < ?", [Value::from(id.row())]);
        }
        all.any_of("kind", &self.kinds);
        all.any_of("source", &self.sources);
        if let Some(severity) = self.severity {
            all.push("severity >= ?", [Value::from(i64::from(severity.as_level()))]);
        }
        if let Some(device) = self.device {
            all.push("device = ?", [Value::from(device.0)]);
        }
        if let Some(from) = self.from {
            all.push("at >= ?", [Value::from(from.0)]);
        }
        if let Some(to) = self.to {
            all.push("at < ?", [Value::from(to.0)]);
        }
        for word in self.text.split_whitespace().take(8) {
            if word.chars().count() >= SHORTEST_INDEXED {
                // In double quotes a word is a literal to FTS5; quotes inside are doubled.
                let literal = format!("\"{}\"", word.replace('"', "\"\""));
                all.push(
                    "id IN (SELECT rowid FROM events_fts WHERE events_fts MATCH ?)",
                    [Value::from(literal)],
                );
            } else {
                all.push("instr(lower(summary), lower(?)) > 0", [Value::from(word.to_owned())]);
            }
        }
        all.finish()
    }
}

#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(sql.to_owned());
        self.values.extend(values);
    }

    fn any_of(&mut self, column: &str, choices: &[String]) {
        if !choices.is_empty() {
            let marks = vec!["?"; choices.len()].join(", ");
            self.push(&format!("{column} IN ({marks})"), choices.iter().cloned().map(Value::from));
        }
    }

    fn finish(self) -> (String, Vec<Value>) {
        let sql = if self.sql.is_empty() { "1".to_owned() } else { self.sql.join(" AND ") };
        (sql, self.values)
    }
}
