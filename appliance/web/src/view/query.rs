//! Addresses with a query string, changed one parameter at a time.

use std::fmt::Write as _;

/// A path and its query parameters, in order. Tabs, filters, sort links and pagers are this page's
/// own query with one thing changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    /// A path without parameters.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), pairs: Vec::new() }
    }

    /// Parameters alone.
    pub fn of(pairs: Vec<(String, String)>) -> Self {
        Self { path: String::new(), pairs }
    }

    /// A path and the raw text after its `?`; empty values are dropped, so that an unset filter
    /// does not litter links.
    pub fn parse(path: impl Into<String>, raw: &str) -> Self {
        let pairs = raw
            .split('&')
            .filter_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                (!value.is_empty()).then(|| (decode(key), decode(value)))
            })
            .collect();
        Self { path: path.into(), pairs }
    }

    /// The same parameters at another path.
    #[must_use]
    pub fn moved(&self, path: &str) -> Self {
        Self { path: path.to_owned(), pairs: self.pairs.clone() }
    }

    /// The path without any parameter.
    pub fn bare(&self) -> &str {
        &self.path
    }

    /// The first value of a parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// All parameters, for hidden fields of a form.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// This query with one parameter replaced; an empty value removes it.
    #[must_use]
    pub fn with(&self, key: &str, value: &str) -> Self {
        let mut other = self.without(key);
        if !value.is_empty() {
            other.pairs.push((key.to_owned(), value.to_owned()));
        }
        other
    }

    /// This query without one parameter.
    #[must_use]
    pub fn without(&self, key: &str) -> Self {
        let pairs = self.pairs.iter().filter(|(k, _)| k != key).cloned().collect();
        Self { path: self.path.clone(), pairs }
    }

    /// The address, percent-encoded.
    pub fn href(&self) -> String {
        let mut out = self.path.clone();
        for (i, (key, value)) in self.pairs.iter().enumerate() {
            out.push(if i == 0 { '?' } else { '&' });
            encode(key, &mut out);
            out.push('=');
            encode(value, &mut out);
        }
        out
    }
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (hex, bytes[i]) {
            (Some(byte), _) => {
                out.push(byte);
                i += 2;
            }
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_changes_and_the_others_stay() {
        let query = Query::parse("/devices", "status=online&q=apple+tv&type=");
        assert_eq!(query.get("q"), Some("apple tv"));
        assert_eq!(query.get("type"), None);
        assert_eq!(
            query.with("status", "").with("sort", "-seen").href(),
            "/devices?q=apple+tv&sort=-seen"
        );
    }

    #[test]
    fn what_goes_in_comes_out_whatever_it_is() {
        for text in ["a&b=c", "100 %", "<script>\"'", "Küche", "%zz", "+", "%", "a%2"] {
            let href = Query::new("/x").with("q", text).href();
            let raw = href.strip_prefix("/x?").unwrap_or_default();
            assert_eq!(Query::parse("/x", raw).get("q"), Some(text), "{href}");
            assert!(!raw.contains(['<', '"', '\'', ' ']), "{href}");
        }
    }
}
