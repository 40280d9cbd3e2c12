//! Reading lines of the audit log.

use model::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};

use super::entry::Row;
use crate::AccessError;

/// Most lines on one page.
pub(super) const MAX_LIMIT: u32 = 2_000;

pub(super) const COLUMNS: &str = "seq, at, actor, actor_kind, actor_id, address, action, subject, \
                                  outcome, detail, prev_hash, hash";

/// Which lines. An absent field asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The actor's name.
    pub actor: Option<String>,
    /// An action, or all that start so when it ends in a dot: `person.`.
    pub action: Option<String>,
    /// `ok`, `refused` or `failed`.
    pub outcome: Option<String>,
    /// Not older.
    pub from: Option<Timestamp>,
    /// Older.
    pub to: Option<Timestamp>,
    /// Text in subject, detail, address or actor; ASCII letters of either case.
    pub text: Option<String>,
    /// Continue after this place of the log, in the order of the page.
    pub after: Option<i64>,
    /// How many lines, at most 2 000; 0 means 100.
    pub limit: u32,
}

/// Some lines, and where the next page starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The lines.
    pub rows: Vec<Row>,
    /// What to give as [`Filter::after`] for the next page; `None` when this is the last.
    pub next: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

pub(super) fn page(conn: &Connection, filter: &Filter, order: Order) -> Result<Page, AccessError> {
    let limit = match filter.limit {
        0 => 100,
        n => n.min(MAX_LIMIT),
    };
    let (sql, values) = statement(filter, order, limit);
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), read_row)?;
    let mut rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    // One more than asked for tells whether there is a next page.
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = if more { rows.last().map(|r| r.seq) } else { None };
    Ok(Page { rows, next })
}

fn statement(filter: &Filter, order: Order, limit: u32) -> (String, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    if let Some(actor) = &filter.actor {
        conditions.push("actor = ?");
        values.push(actor.clone().into());
    }
    match &filter.action {
        Some(family) if family.ends_with('.') => {
            // `/` is the character after the dot.
            conditions.push("action >= ? AND action < ?");
            values.push(family.clone().into());
            values.push(format!("{}/", family.trim_end_matches('.')).into());
        }
        Some(action) => {
            conditions.push("action = ?");
            values.push(action.clone().into());
        }
        None => {}
    }
    if let Some(outcome) = &filter.outcome {
        conditions.push("outcome = ?");
        values.push(outcome.clone().into());
    }
    if let Some(from) = filter.from {
        conditions.push("at >= ?");
        values.push(from.0.into());
    }
    if let Some(to) = filter.to {
        conditions.push("at < ?");
        values.push(to.0.into());
    }
    if let Some(text) = filter.text.as_deref().filter(|t| !t.is_empty()) {
        conditions.push(
            "(subject LIKE ? ESCAPE '\\' OR detail LIKE ? ESCAPE '\\'
              OR address LIKE ? ESCAPE '\\' OR actor LIKE ? ESCAPE '\\')",
        );
        let pattern = format!("%{}%", escape_like(text));
        values.extend((0..4).map(|_| Value::from(pattern.clone())));
    }
    if let Some(after) = filter.after {
        conditions.push(match order {
            Order::NewestFirst => "seq < ?",
            Order::OldestFirst => "seq > ?",
        });
        values.push(after.into());
    }
    let only = if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") };
    let direction = match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    values.push((i64::from(limit) + 1).into());
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE {only} ORDER BY seq {direction} LIMIT ?");
    (sql, values)
}

/// The text as a LIKE pattern that means exactly itself.
fn escape_like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

pub(super) fn read_row(r: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        seq: r.get(0)?,
        at: Timestamp(r.get(1)?),
        actor: r.get(2)?,
        actor_kind: r.get(3)?,
        actor_id: r.get(4)?,
        address: r.get(5)?,
        action: r.get(6)?,
        subject: r.get(7)?,
        outcome: r.get(8)?,
        detail: r.get(9)?,
        prev_hash: r.get(10)?,
        hash: r.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_of_the_text_mean_themselves() {
        assert_eq!(escape_like(r"50%_a\b"), r"50\%\_a\\b");
    }

    #[test]
    fn every_filter_has_as_many_values_as_places() {
        let filter = Filter {
            actor: Some("ada".into()),
            action: Some("person.".into()),
            outcome: Some("ok".into()),
            from: Some(Timestamp(1)),
            to: Some(Timestamp(2)),
            text: Some("x".into()),
            after: Some(7),
            limit: 5,
        };
        for filter in [filter, Filter::default()] {
            let (sql, values) = statement(&filter, Order::NewestFirst, 5);
            assert_eq!(sql.matches('?').count(), values.len(), "{sql}");
        }
    }
}
