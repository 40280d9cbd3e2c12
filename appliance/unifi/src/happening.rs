//! One thing that happened, as a console tells it, whichever of its streams told it.

use model::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::json;

/// The stream that told it. Ids are unique within one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Rows of Network's socket, and its other messages.
    Network,
    /// Rows of Network's system log.
    Log,
    /// Events of Protect, from either of its sockets or by REST.
    Protect,
    /// Frames of the console itself.
    Console,
    /// What this program concludes from states.
    Derived,
}

impl Source {
    /// The stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Log => "log",
            Self::Protect => "protect",
            Self::Console => "console",
            Self::Derived => "derived",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Who told it.
    pub source: Source,
    /// The console's own name of it, or one made of what it says; the same whenever it is told again.
    pub id: String,
    /// The kind of thing, such as `EVT_SW_Lost_Contact`; without the revisions of the log's keys.
    pub key: String,
    /// When; the time at which it was heard where the console tells none.
    pub at: Timestamp,
    /// When it ended, of what lasts.
    pub end: Option<Timestamp>,
    /// What the console tells of it, secrets blanked.
    pub facts: Map<String, Value>,
}

/// Characters of the longest id or key that is kept as it is.
pub(crate) const LONGEST_NAME: usize = 120;

/// Octets of facts that are kept, heaviest left out.
pub(crate) const MOST_FACTS: usize = 16 << 10;

/// An id or a key, if it is fit to be one.
pub(crate) fn name<'a>(facts: &'a Map<String, Value>, path: &str) -> Option<&'a str> {
    json::text(facts, path)
        .filter(|text| text.len() <= LONGEST_NAME && text.bytes().all(|b| b.is_ascii_graphic()))
}

/// An id for what has none: of the source and all that it says, so that it is the same in every
/// release of this program.
pub(crate) fn fingerprint(source: Source, key: &str, facts: &Map<String, Value>) -> String {
    let mut hash = Sha256::new();
    for text in [source.as_str(), key] {
        hash.update(text);
        hash.update([0]);
    }
    // Maps are written in the order of their names.
    if let Ok(text) = serde_json::to_vec(facts) {
        hash.update(text);
    }
    let half =
        hash.finalize().iter().take(16).fold(0, |half, octet| half << 8 | u128::from(*octet));
    format!("{half:032x}")
}

impl Happening {
    /// What a row says, taken from the names under which it has its id; `heard` stands in for a time
    /// that it does not tell.
    pub(crate) fn of_row(
        source: Source,
        key: &str,
        mut facts: Map<String, Value>,
        heard: Timestamp,
    ) -> Self {
        json::blank_secrets(&mut facts);
        json::lighten(&mut facts, MOST_FACTS);
        let id = ["_id", "id"].into_iter().find_map(|path| name(&facts, path)).map(str::to_owned);
        let told =
            ["time", "timestamp", "datetime"].into_iter().find_map(|path| json::time(&facts, path));
        let id = id.unwrap_or_else(|| {
            // What tells neither id nor time is not told again: each hearing is a new one.
            let mut said = facts.clone();
            if told.is_none() {
                said.insert("heard".to_owned(), Value::from(heard.0));
            }
            fingerprint(source, key, &said)
        });
        let key = json::tidy(key, LONGEST_NAME).into_owned();
        Self { source, id, key, at: told.unwrap_or(heard), end: None, facts }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value, heard: i64) -> Happening {
        let facts = value.as_object().unwrap().clone();
        Happening::of_row(Source::Network, "EVT_X", facts, Timestamp(heard))
    }

    #[test]
    fn a_row_keeps_the_consoles_id_and_time() {
        let row = row(json!({"_id": "5eae", "time": 1_588_494_935_241_i64, "authToken": "s3"}), 9);
        assert_eq!((row.id.as_str(), row.at.0), ("5eae", 1_588_494_935_241));
        assert!(!row.facts.values().any(|value| value == "s3"));
    }

    #[test]
    fn a_row_without_an_id_has_one_that_lasts() {
        let told = json!({"time": 1_588_494_935_241_i64, "msg": "a"});
        assert_eq!(row(told.clone(), 1).id, row(told, 2).id);
        // SHA-256 of what the source, the key and the facts are, by another program.
        let known = fingerprint(Source::Network, "EVT_X", &Map::new());
        assert_eq!(known, "e73e9861256117fc248b40e3dcf4e056");
    }

    #[test]
    fn what_tells_neither_id_nor_time_is_new_each_time_it_is_heard() {
        let told = json!({"msg": "vpn up"});
        assert_ne!(row(told.clone(), 1).id, row(told, 2).id);
    }
}
