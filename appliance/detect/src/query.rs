//! Which alerts somebody wants to see.

use std::fmt;
use std::str::FromStr;

use model::{AlertId, DeviceId, Severity, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Serialize;
use store::StoreError;

use crate::{Alert, Status, rows};

/// The most alerts on a page.
const MAX_PAGE: usize = 200;
/// FTS5's trigram index knows nothing shorter.
const SHORTEST_INDEXED: usize = 3;
/// Words of a search that are looked at.
const MAX_WORDS: usize = 8;

/// Where an alert may stand to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// New or acknowledged.
    #[default]
    Open,
    /// Just this.
    Only(Status),
    /// Anywhere.
    All,
}

/// Filters: all of them must hold; within `kinds` any one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// Where they stand.
    pub shown: Shown,
    /// The mildest severity to show.
    pub severity: Option<Severity>,
    /// Kinds, such as `new_device`; empty for all.
    pub kinds: Vec<String>,
    /// Only those that nobody has read.
    pub unread: bool,
    /// Only about this device.
    pub device: Option<DeviceId>,
    /// Words that must all stand in the title or the detail, in any case.
    pub text: String,
    /// Older than this: the cursor of the page before.
    pub before: Option<Cursor>,
    /// How many, at most 200.
    pub limit: usize,
}

/// A place in the list, which is ordered by when a cause was seen last. As text: `<ms>-<alert>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    last_at: Timestamp,
    id: AlertId,
}

impl Cursor {
    /// The place of an alert.
    pub const fn of(alert: &Alert) -> Self {
        Self { last_at: alert.last_at, id: alert.id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.last_at.0, self.id)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The text names no place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the list of alerts: take it from the page before")]
pub struct ParseCursorError;

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, ParseCursorError> {
        let parts = text.rsplit_once('-').ok_or(ParseCursorError)?;
        let number = |part: &str| part.parse().map_err(|_| ParseCursorError);
        Ok(Self { last_at: Timestamp(number(parts.0)?), id: AlertId(number(parts.1)?) })
    }
}

/// Alerts, the last seen first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertPage {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// The cursor of the next page; None at the end.
    pub next: Option<Cursor>,
}

/// Alerts by severity and status; every pair is there, if only with 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([[u64; 3]; 5]);

impl Counts {
    /// The number of one pair.
    pub fn get(&self, severity: Severity, status: Status) -> u64 {
        self.iter().find(|(s, t, _)| (*s, *t) == (severity, status)).map_or(0, |(_, _, n)| n)
    }

    /// All pairs, mildest first.
    pub fn iter(&self) -> impl Iterator<Item = (Severity, Status, u64)> + '_ {
        let rows = Severity::ALL.into_iter().zip(self.0);
        rows.flat_map(|(severity, row)| {
            let cells = Status::ALL.into_iter().zip(row);
            cells.map(move |(status, count)| (severity, status, count))
        })
    }

    /// All of a status.
    pub fn of_status(&self, status: Status) -> u64 {
        let of = self.iter().filter(|(_, s, _)| *s == status);
        of.map(|(_, _, n)| n).sum()
    }

    /// New and acknowledged ones.
    pub fn open(&self) -> u64 {
        self.of_status(Status::New) + self.of_status(Status::Acknowledged)
    }
}

impl AlertQuery {
    /// The SQL condition and its values. Statuses are literals, so that partial indexes serve.
    pub(crate) fn condition(&self) -> (String, Vec<Value>) {
        let (mut sql, mut values) = (Vec::new(), Vec::new());
        match self.shown {
            Shown::Open => sql.push("status <> 'resolved'".to_owned()),
            // The plus keeps SQLite off the index by status, which knows no time: it would sort.
            Shown::Only(status) if status.is_open() => {
                sql.push(format!("status <> 'resolved' AND +status = '{status}'"));
            }
            Shown::Only(status) => sql.push(format!("+status = '{status}'")),
            Shown::All => {}
        }
        if self.unread {
            sql.push("read_at IS NULL".to_owned());
        }
        if let Some(severity) = self.severity {
            sql.push(format!("severity >= {}", severity.as_level()));
        }
        if !self.kinds.is_empty() {
            sql.push(format!("kind IN ({})", vec!["?"; self.kinds.len()].join(", ")));
            values.extend(self.kinds.iter().cloned().map(Value::from));
        }
        if let Some(device) = self.device {
            sql.push("device = ?".to_owned());
            values.push(Value::from(device.0));
        }
        if let Some(before) = self.before {
            sql.push("(last_at, id) < (?, ?)".to_owned());
            values.extend([Value::from(before.last_at.0), Value::from(before.id.0)]);
        }
        let words = self.text.split_whitespace().take(MAX_WORDS);
        let (long, short): (Vec<_>, Vec<_>) =
            words.partition(|w| w.chars().count() >= SHORTEST_INDEXED);
        if !long.is_empty() {
            // In double quotes a word is a literal to FTS5; quotes inside are doubled.
            let literals = long.iter().map(|w| format!("\"{}\"", w.replace('"', "\"\"")));
            sql.push("id IN (SELECT rowid FROM alerts_fts WHERE alerts_fts MATCH ?)".to_owned());
            values.push(Value::from(literals.collect::<Vec<_>>().join(" AND ")));
        }
        for word in short {
            sql.push("instr(lower(title || ' ' || detail), lower(?)) > 0".to_owned());
            values.push(Value::from(word.to_owned()));
        }
        if sql.is_empty() {
            sql.push("1".to_owned());
        }
        (sql.join(" AND "), values)
    }

    pub(crate) fn page(&self, conn: &Connection) -> Result<AlertPage, StoreError> {
        let limit = self.limit.clamp(1, MAX_PAGE);
        let (condition, values) = self.condition();
        // The inner query finds its rows in a covering index alone.
        let sql = format!(
            "SELECT {} FROM alerts WHERE id IN (
                 SELECT id FROM alerts WHERE {condition}
                 ORDER BY last_at DESC, id DESC LIMIT {})
             ORDER BY last_at DESC, id DESC",
            rows::COLUMNS,
            // One more than asked for tells whether there is a next page.
            limit + 1
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let found = statement.query_map(params_from_iter(values), rows::alert)?;
        let mut alerts = found.collect::<Result<Vec<_>, _>>()?;
        let more = alerts.len() > limit;
        alerts.truncate(limit);
        let next = more.then(|| alerts.last().map(Cursor::of)).flatten();
        Ok(AlertPage { alerts, next })
    }

    pub(crate) fn count(&self, conn: &Connection) -> Result<u64, StoreError> {
        let (condition, values) = self.condition();
        let sql = format!("SELECT count(*) FROM alerts WHERE {condition}");
        let mut statement = conn.prepare_cached(&sql)?;
        let count: i64 = statement.query_row(params_from_iter(values), |row| row.get(0))?;
        Ok(count as u64)
    }
}

pub(crate) fn counts(conn: &Connection) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    let mut statement = conn.prepare_cached(
        "SELECT status, severity, count(*) FROM alerts GROUP BY status, severity",
    )?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let status = rows::status(row, 0)?;
        let level: u8 = row.get(1)?;
        let count: i64 = row.get(2)?;
        let cell = counts.0.get_mut(usize::from(level));
        if let Some(cell) = cell.and_then(|r| r.get_mut(status as usize)) {
            *cell = count as u64;
        }
    }
    Ok(counts)
}
