//! Pages of Network's system log (`/v2/api/site/{site}/system-log/…`), the only history since
//! Network 10. An answer in; its rows and how many pages there are out.
//!
//! Rows move on while one turns pages, so pages are read until they overlap, and rows are known by
//! their ids.

use model::Timestamp;
use serde_json::{Map, Value};

use crate::happening::name;
use crate::{Happening, Source};

use super::frame::FrameError;

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Its rows, newest first as a rule.
    pub rows: Vec<Happening>,
    /// How many pages there are.
    pub pages: u64,
}

/// Reads a page that was heard at this time.
pub fn page(answer: Value, heard: Timestamp) -> Result<Page, FrameError> {
    let Value::Object(mut answer) = answer else { return Err(FrameError::Shape("data")) };
    let Some(Value::Array(rows)) = answer.remove("data") else {
        return Err(FrameError::Shape("data"));
    };
    let pages = answer.get("total_page_count").and_then(Value::as_u64).unwrap_or(0);
    let rows = rows.into_iter().filter_map(|row| match row {
        Value::Object(row) => Some(self::row(row, heard)),
        _ => None,
    });
    Ok(Page { rows: rows.collect(), pages })
}

/// A row. Its kind is `event`, or `key` without its revision.
pub fn row(row: Map<String, Value>, heard: Timestamp) -> Happening {
    let key = name(&row, "event").or_else(|| name(&row, "key")).unwrap_or("UNKNOWN");
    let key = without_revision(key).to_owned();
    Happening::of_row(Source::Log, &key, row, heard)
}

/// `CLIENT_ROAMED` of `CLIENT_ROAMED_2`, `THREAT_BLOCKED` of `THREAT_BLOCKED_V3`.
fn without_revision(key: &str) -> &str {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == key.len() {
        return key;
    }
    stem.strip_suffix("_V")
        .or_else(|| stem.strip_suffix('_'))
        .filter(|s| !s.is_empty())
        .unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kind_of_a_row_has_no_revision() {
        for (key, kind) in [
            ("CLIENT_ROAMED_2", "CLIENT_ROAMED"),
            ("THREAT_BLOCKED_V3", "THREAT_BLOCKED"),
            ("BAND_5", "BAND"),
            ("ADMIN_ACCESS", "ADMIN_ACCESS"),
            ("WAN2", "WAN2"),
            ("_2", "_2"),
            ("42", "42"),
        ] {
            assert_eq!(without_revision(key), kind);
        }
        let row = json!({"event": "CLIENT_ROAMED", "key": "CLIENT_ROAMED_2", "id": "6a"});
        let row = self::row(row.as_object().unwrap().clone(), Timestamp(5));
        assert_eq!([row.key, row.id], ["CLIENT_ROAMED", "6a"]);
    }

    #[test]
    fn a_page_says_how_many_there_are() {
        let answer = json!({
            "data": [{"id": "1", "event": "A", "timestamp": 1_790_000_001_000_i64}, 7],
            "page_number": 0, "total_element_count": 8, "total_page_count": 2,
        });
        let page = page(answer, Timestamp(5)).unwrap();
        assert_eq!((page.rows.len(), page.pages), (1, 2));
        assert_eq!(page.rows[0].at.0, 1_790_000_001_000);
        assert!(super::page(json!({"meta": {}}), Timestamp(5)).is_err());
    }
}
