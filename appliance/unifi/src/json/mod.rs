//! JSON from outside: parsed within bounds, looked into, made fit to be kept and shown. Bytes and
//! values in; values, parts of them or a typed error out.

pub mod cut;

use std::borrow::Cow;

use model::Timestamp;
use serde_json::{Map, Value};

/// Values that one document may have. Each takes some tens of octets in memory, whatever it takes in
/// the text.
const MOST_VALUES: usize = 250_000;

/// Why a text is not taken as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is none.
    #[error("no JSON: {0}")]
    Malformed(String),
    /// It has too many parts.
    #[error("JSON of more than {MOST_VALUES} values")]
    TooMany,
}

/// Parses a document of at most 250 000 values.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let mut parts = 0_usize;
    outside_strings(text, |byte| parts += usize::from(matches!(byte, b',' | b'[' | b'{')));
    if parts > MOST_VALUES {
        return Err(JsonError::TooMany);
    }
    serde_json::from_slice(text).map_err(|error| JsonError::Malformed(error.to_string()))
}

fn outside_strings(text: &[u8], mut each: impl FnMut(u8)) {
    let (mut quoted, mut escaped) = (false, false);
    for &byte in text {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else {
            quoted = byte == b'"';
            each(byte);
        }
    }
}

/// What is under names separated by dots, such as `system.hasInternet`.
pub fn at<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = object.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name)).filter(|value| !value.is_null())
}

/// Text of an object's part; none where it is something else or empty.
pub fn text<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a str> {
    at(object, path)?.as_str().filter(|text| !text.is_empty())
}

/// Milliseconds of 2001 and of 2100; what lies outside is no time of an event.
const TIMES: std::ops::Range<i64> = 978_307_200_000..4_102_444_800_000;

/// The time that an object tells under a name: milliseconds since 1970, or seconds where the number
/// is too small for that, or RFC 3339.
pub fn time(object: &Map<String, Value>, path: &str) -> Option<Timestamp> {
    let value = at(object, path)?;
    let number = value.as_i64().or_else(|| value.as_f64().map(|number| number as i64));
    let at = match number {
        Some(seconds) if seconds < TIMES.start => seconds.checked_mul(1000)?,
        Some(milliseconds) => milliseconds,
        None => Timestamp::parse_rfc3339(value.as_str()?)?.0,
    };
    TIMES.contains(&at).then_some(Timestamp(at))
}

/// Words that, in a name, say that its value is a secret.
const SECRETS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "accesskey",
    "apikey",
    "api_key",
    "privatekey",
    "cookie",
    "csrf",
];

/// What stands where a secret stood.
const BLANK: &str = "(left out)";

/// Blanks the values of all names that sound like secrets, at any depth.
pub fn blank_secrets(object: &mut Map<String, Value>) {
    for (name, value) in object {
        let name = name.to_ascii_lowercase();
        // What begins with `x_` is a secret among the settings of Network.
        let secret = name == "psk"
            || name.starts_with("x_")
            || SECRETS.iter().any(|word| name.contains(word));
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Object(inner) if !secret => blank_secrets(inner),
            Value::Array(rows) if !secret => {
                rows.iter_mut().filter_map(Value::as_object_mut).for_each(blank_secrets);
            }
            value if secret => *value = Value::from(BLANK),
            _ => {}
        }
    }
}

/// About how many octets a value takes as text.
pub fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(values) => 2 + values.iter().map(weight).sum::<usize>(),
        Value::Object(object) => weight_of(object),
    }
}

fn entry_weight(name: &str, value: &Value) -> usize {
    name.len() + 4 + weight(value)
}

fn weight_of(object: &Map<String, Value>) -> usize {
    object.iter().map(|(name, value)| entry_weight(name, value)).sum::<usize>() + 2
}

/// Leaves the heaviest parts out of an object so that the others take at most so many octets.
pub fn lighten(object: &mut Map<String, Value>, most: usize) {
    let mut limit = most;
    loop {
        let weights = object.iter().map(|(name, value)| entry_weight(name, value));
        let light = weights.filter(|weight| *weight <= limit).sum::<usize>() + 2;
        if light <= most || limit == 0 {
            break;
        }
        limit /= 2;
    }
    object.retain(|name, value| entry_weight(name, value) <= limit);
}

/// Text of others for people: without what is hidden, at most so many characters.
pub fn tidy(text: &str, most: usize) -> Cow<'_, str> {
    let text = text.trim();
    if text.len() <= most && !text.chars().any(model::is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut kept: String = text.chars().filter(|c| !model::is_hidden(*c)).take(most + 1).collect();
    if kept.chars().count() > most {
        kept.pop();
        kept.pop();
        kept.push('…');
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_of_countless_values_is_refused_before_it_is_built() {
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert_eq!(parse(many.as_bytes()), Err(JsonError::TooMany));
        let commas = format!("\"{}\"", ",".repeat(MOST_VALUES + 1));
        assert!(parse(commas.as_bytes()).is_ok(), "commas in a text are no values");
        assert!(matches!(parse(b"{\"a\":"), Err(JsonError::Malformed(_))));
        let deep = "[".repeat(200_000);
        assert!(matches!(parse(deep.as_bytes()), Err(JsonError::Malformed(_))));
    }

    #[test]
    fn times_are_told_in_milliseconds_seconds_and_words() {
        let row = json!({
            "ms": 1_592_391_625_000_i64, "s": 1_592_391_625, "f": 1_592_391_625_000.5,
            "text": "2020-06-17T11:00:25Z", "zero": 0, "far": i64::MAX, "odd": [1], "null": null,
        });
        let row = row.as_object().unwrap();
        for name in ["ms", "s", "f", "text"] {
            assert_eq!(time(row, name), Some(Timestamp(1_592_391_625_000)), "{name}");
        }
        for name in ["zero", "far", "odd", "null", "absent"] {
            assert_eq!(time(row, name), None, "{name}");
        }
    }

    #[test]
    fn secrets_are_blanked_at_any_depth_and_keys_of_events_are_not() {
        let mut row = json!({
            "key": "EVT_AD_Login", "modelKey": "event", "accessKey": "a1", "nested": [{"x_iapp_key":
            "b2", "authToken": {"deep": "c3"}, "rtspAlias": 1}], "wpa": {"x_passphrase": "d4"},
            "hasPassword": true,
        });
        let row = row.as_object_mut().unwrap();
        blank_secrets(row);
        let text = serde_json::to_string(row).unwrap();
        for secret in ["a1", "b2", "c3", "d4"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("EVT_AD_Login") && text.contains("\"hasPassword\":true"), "{text}");
    }

    #[test]
    fn what_is_too_heavy_is_left_out_and_the_rest_stays() {
        let mut row = json!({"key": "EVT_A", "blob": "x".repeat(900), "list": [1, 2], "b": "y"});
        let row = row.as_object_mut().unwrap();
        lighten(row, 1000);
        assert_eq!(row.len(), 4);
        lighten(row, 100);
        assert_eq!(row.keys().collect::<Vec<_>>(), ["b", "key", "list"]);
        lighten(row, 0);
        assert!(row.is_empty());
    }

    #[test]
    fn text_for_people_is_short_and_shows_all_that_it_says() {
        assert_eq!(tidy(" ap-hall ", 10), "ap-hall");
        assert_eq!(tidy("a\u{202e}b\nc", 10), "abc");
        assert_eq!(tidy("äöüäöüäöü", 5), "äöüä…");
    }
}
