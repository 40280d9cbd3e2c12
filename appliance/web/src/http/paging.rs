//! Pages of long lists, by cursor: the client hands back where the last page ended, so that a
//! page far down costs no more than the first (keyset paging).

use std::fmt::Write;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Failure;

/// Rows of a page when the client does not say.
const USUAL_LIMIT: u32 = 50;

/// Most rows of a page.
const MAX_LIMIT: u32 = 200;

/// Longest cursor; those made here are far shorter.
const MAX_CURSOR: usize = 1024;

/// The query parameters of every list: `?limit=50&cursor=…`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PageQuery {
    /// Rows wanted, at most 200.
    pub limit: Option<u32>,
    /// Where the last page ended, as the server said.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// Rows to give.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL_LIMIT).clamp(1, MAX_LIMIT)
    }

    /// The sort key of the last row of the page before; `None` on the first page.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Failure> {
        let Some(cursor) = self.cursor.as_deref().filter(|c| !c.is_empty()) else {
            return Ok(None);
        };
        let wrong =
            || Failure::invalid("cursor: not one that this list gave; leave it out to start anew.");
        Cursor(cursor.to_owned()).decode().ok_or_else(wrong).map(Some)
    }
}

/// A row's sort key, opaque to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// From the last row's sort key.
    pub fn new<K: Serialize>(key: &K) -> Self {
        let json = serde_json::to_vec(key).unwrap_or_default();
        let mut text = String::with_capacity(json.len() * 2);
        for byte in json {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The text for a query string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn decode<K: DeserializeOwned>(&self) -> Option<K> {
        if self.0.len() > MAX_CURSOR || !self.0.len().is_multiple_of(2) || !self.0.is_ascii() {
            return None;
        }
        let pairs = (0..self.0.len()).step_by(2).map(|i| &self.0[i..i + 2]);
        let bytes: Option<Vec<u8>> = pairs.map(|p| u8::from_str_radix(p, 16).ok()).collect();
        serde_json::from_slice(&bytes?).ok()
    }
}

/// One page of a list, as the API gives it.
#[derive(Debug, Clone, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// From one row more than the limit, if there are that many: the surplus row only says that
    /// another page follows.
    pub fn new<K: Serialize>(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| Cursor::new(&key(row)));
        Self { items: rows, next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn following_the_cursor_sees_every_row_once() {
        let rows: Vec<i64> = (0..125).collect();
        let (mut query, mut seen) = (PageQuery::default(), Vec::new());
        loop {
            let after = query.after::<i64>().unwrap().map_or(0, |k| k + 1);
            let limit = query.limit();
            let found = rows.iter().copied().filter(|r| *r >= after).take(limit as usize + 1);
            let page = Page::new(found.collect(), limit, |r| *r);
            seen.extend(page.items);
            let Some(next) = page.next else { break };
            query.cursor = Some(next.as_str().to_owned());
        }
        assert_eq!(seen, rows);
    }

    #[test]
    fn a_foreign_cursor_is_refused_and_limits_are_bounded() {
        for bad in ["zz", "7", "ff", "5b5d", "\u{e9}\u{e9}"] {
            let query = PageQuery { limit: None, cursor: Some(bad.to_owned()) };
            assert!(query.after::<(i64, String)>().is_err(), "{bad}");
        }
        assert_eq!(PageQuery { limit: Some(0), cursor: None }.limit(), 1);
        assert_eq!(PageQuery { limit: Some(u32::MAX), cursor: None }.limit(), MAX_LIMIT);
    }

    proptest! {
        #[test]
        fn any_key_returns(a: i64, b in "\\PC{0,20}") {
            let query = PageQuery { limit: None, cursor: Some(Cursor::new(&(a, &b)).0) };
            prop_assert_eq!(query.after::<(i64, String)>().unwrap(), Some((a, b)));
        }
    }
}
