//! The audit log as a file.

use serde_json::json;

use super::entry::{Entry, Row};
use super::log::AuditLog;
use super::query::{Filter, MAX_LIMIT, Order};
use crate::secret::to_hex;
use crate::{AccessError, Caller, Permission};

/// What kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a heading; safe to open in a spreadsheet.
    Csv,
    /// An array of objects, one a line.
    Json,
}

/// An export under way: pieces of the file, oldest line first, each of bounded size, so that a
/// long log needs no more memory than a short one.
pub struct Export {
    log: AuditLog,
    filter: Filter,
    format: Format,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Start,
    Middle,
    Done,
}

impl AuditLog {
    /// Starts an export and notes it in the log. Needs `audit:export`. Limit and position of the
    /// filter are ignored.
    pub async fn export(
        &self,
        by: &Caller,
        filter: Filter,
        format: Format,
        now: model::Timestamp,
    ) -> Result<Export, AccessError> {
        by.require(Permission::AuditExport)?;
        let kind = match format {
            Format::Csv => "csv",
            Format::Json => "json",
        };
        let detail = json!({ "format": kind, "filter": filter });
        self.append(Entry::new(by, "audit.export", "", now).with(detail)).await?;
        let filter = Filter { after: None, limit: MAX_LIMIT, ..filter };
        Ok(Export { log: self.clone(), filter, format, state: State::Start })
    }
}

impl Export {
    /// The next piece of the file; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, AccessError> {
        if self.state == State::Done {
            return Ok(None);
        }
        let page = self.log.rows(self.filter.clone(), Order::OldestFirst).await?;
        let first = self.state == State::Start;
        let last = page.next.is_none();
        self.filter.after = page.next;
        self.state = if last { State::Done } else { State::Middle };
        let piece = match self.format {
            Format::Csv => csv(&page.rows, first),
            Format::Json => json_lines(&page.rows, first, last)?,
        };
        Ok(Some(piece.into_bytes()))
    }
}

fn csv(rows: &[Row], first: bool) -> String {
    let mut text = String::new();
    if first {
        text.push_str(
            "seq,time,actor,actor_kind,actor_id,address,action,subject,outcome,detail,prev_hash,\
             hash\r\n",
        );
    }
    for row in rows {
        let fields = [
            row.seq.to_string(),
            row.at.rfc3339(),
            row.actor.clone(),
            row.actor_kind.clone(),
            row.actor_id.map(|id| id.to_string()).unwrap_or_default(),
            row.address.clone().unwrap_or_default(),
            row.action.clone(),
            row.subject.clone(),
            row.outcome.clone(),
            row.detail.clone(),
            to_hex(&row.prev_hash),
            to_hex(&row.hash),
        ];
        text.push_str(&fields.map(|f| field(&f)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A quoted field that no spreadsheet takes for a formula.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn json_lines(rows: &[Row], first: bool, last: bool) -> Result<String, AccessError> {
    let mut text = String::from(if first { "[" } else { "" });
    for (i, row) in rows.iter().enumerate() {
        text.push_str(if first && i == 0 { "\n" } else { ",\n" });
        text.push_str(
            &serde_json::to_string(row)
                .map_err(|e| AccessError::Kept { what: "audit row", detail: e.to_string() })?,
        );
    }
    text.push_str(if last { "\n]\n" } else { "" });
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_field_starts_as_a_formula_or_breaks_its_quotes(text: String) {
            let field = field(&text);
            let inner = field.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
            prop_assert!(!inner.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert!(!inner.replace("\"\"", "").contains('"'));
            prop_assert!(inner.replace("\"\"", "\"").ends_with(&text));
        }
    }

    #[test]
    fn an_empty_export_is_still_a_valid_file() {
        assert_eq!(json_lines(&[], true, true).unwrap(), "[\n]\n");
        assert_eq!(csv(&[], true).lines().count(), 1);
    }
}
