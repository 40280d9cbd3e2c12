//! What the live channel sends: small JSON that the script applies to the page.
//!
//! After connecting, the script says which page it shows: `{"v":1,"page":"/devices?status=online"}`.
//! From then on the server sends [`Patch`]es. A server that lost messages for a slow client sends
//! one with `resync` set, and the script fetches the page anew.

use serde::Serialize;

/// The version of the messages.
pub const VERSION: u8 = 1;

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Patch {
    /// Always [`VERSION`].
    pub v: u8,
    /// Texts to replace, by element id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<TextPatch>,
    /// Rows to put in, replace or take out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowPatch>,
    /// Numbers by name; goes to all elements with that `data-count`. Zero hides a badge.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub counts: std::collections::BTreeMap<String, u64>,
    /// Short messages to pop up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub toasts: Vec<Toast>,
    /// Whether the page must be fetched anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub resync: bool,
}

impl Default for Patch {
    fn default() -> Self {
        Self {
            v: VERSION,
            patches: Vec::new(),
            rows: Vec::new(),
            counts: std::collections::BTreeMap::new(),
            toasts: Vec::new(),
            resync: false,
        }
    }
}

/// A text to replace. Set as text, never as HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextPatch {
    /// The element's id.
    pub id: String,
    /// Its new text; absent leaves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its new class; absent leaves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// A row of a list (`data-list`). An element with the id of the row is replaced; otherwise the row
/// goes to the top, unless `keep` says only to replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowPatch {
    /// The list's name.
    pub list: &'static str,
    /// The row's number: its element is `{singular of list}-{id}`, such as `device-12`.
    pub id: i64,
    /// The row as a fragment template rendered it; absent takes the row out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// Whether to leave the list alone when it does not hold the row.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
}

/// A message that pops up for some seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Toast {
    /// `ok`, `warn`, `bad`, `info` or `new`.
    pub tone: &'static str,
    /// One sentence.
    pub text: String,
    /// Where to look; empty for nowhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub href: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_only_what_it_says() {
        let patch = Patch {
            rows: vec![RowPatch {
                list: "devices",
                id: 12,
                html: Some("<tr></tr>".into()),
                keep: false,
            }],
            ..Patch::default()
        };
        let json = serde_json::to_string(&patch).unwrap_or_default();
        assert_eq!(json, r#"{"v":1,"rows":[{"list":"devices","id":12,"html":"<tr></tr>"}]}"#);
    }
}
