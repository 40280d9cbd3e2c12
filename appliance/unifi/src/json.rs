//! JSON from outside: parsed within bounds, cut at its top level without being parsed, and looked
//! into. Bytes in; values, slices of the text or a typed error out.

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

/// The text of a document that was parsed, in one line: nothing in it is rewritten, blanks between
/// its parts are left out.
pub fn one_line(text: &[u8]) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let kept = text.iter().copied().filter(|byte| {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return true;
        }
        quoted = *byte == b'"';
        !byte.is_ascii_whitespace()
    });
    let kept: Vec<u8> = kept.collect();
    String::from_utf8_lossy(&kept).into_owned()
}

/// The next document in a text, and what is behind it. None where there is none or it is cut off;
/// what is between its brackets is not looked at.
pub fn next(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let first = *text.first()?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, &byte) in text.iter().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            if !quoted && depth == 0 {
                return text.split_at_checked(at + 1);
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                if depth <= 1 {
                    // A bracket that closes nothing ends the word before it.
                    return text
                        .split_at_checked(at + depth)
                        .filter(|(value, _)| !value.is_empty());
                }
                depth -= 1;
            }
            b',' | b':' if depth == 0 => {
                return text.split_at_checked(at).filter(|(value, _)| !value.is_empty());
            }
            _ if depth == 0 && byte.is_ascii_whitespace() => return text.split_at_checked(at),
            _ => {}
        }
    }
    // Words and numbers need no end, brackets and strings do.
    (depth == 0 && !quoted && !matches!(first, b'[' | b'{')).then_some((text, &[]))
}

/// Values of a list or of an object, one after the other, as they stand in the text.
#[derive(Debug)]
pub struct Parts<'a> {
    rest: &'a [u8],
    named: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Later,
    Ended,
    Cut,
}

/// The parts of a list or an object; None for any other value.
pub fn parts(value: &[u8]) -> Option<Parts<'_>> {
    let (first, rest) = value.trim_ascii_start().split_first()?;
    let named = match first {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    Some(Parts { rest, named, state: State::First })
}

impl<'a> Parts<'a> {
    /// True where the text ended or broke before the list did.
    pub fn is_cut(&self) -> bool {
        self.state == State::Cut
    }

    /// What is behind the list's end.
    pub fn behind(&self) -> &'a [u8] {
        self.rest
    }

    fn advance(&mut self, later: bool) -> Option<(&'a [u8], &'a [u8])> {
        let mut rest = self.rest.trim_ascii_start();
        let close = if self.named { b'}' } else { b']' };
        if let Some(behind) = rest.strip_prefix(&[close]) {
            self.rest = behind;
            self.state = State::Ended;
            return None;
        }
        if later {
            rest = rest.strip_prefix(b",")?;
        }
        let mut name: &[u8] = &[];
        if self.named {
            (name, rest) = next(rest)?;
            rest = rest.trim_ascii_start().strip_prefix(b":")?;
        }
        let (value, behind) = next(rest)?;
        self.rest = behind;
        self.state = State::Later;
        Some((name, value))
    }
}

impl<'a> Iterator for Parts<'a> {
    /// The name with its quotes, empty in a list, and the value.
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let later = match self.state {
            State::Ended | State::Cut => return None,
            State::First => false,
            State::Later => true,
        };
        // Until more is known.
        self.state = State::Cut;
        self.advance(later)
    }
}

/// The value of an object's part by its name, as it stands in the text.
pub fn part<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let quoted = |text: &[u8]| {
        text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")) == Some(name.as_bytes())
    };
    parts(object)?.find(|(key, _)| quoted(key)).map(|(_, value)| value)
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

/// Leaves the heaviest parts out of an object so that it takes at most so many octets.
pub fn lighten(object: &mut Map<String, Value>, most: usize) {
    let mut weights: Vec<usize> = object.iter().map(|(n, v)| entry_weight(n, v)).collect();
    if weights.iter().sum::<usize>() + 2 <= most {
        return;
    }
    weights.sort_unstable();
    let mut left = most.saturating_sub(2);
    let mut heaviest = 0;
    for weight in weights {
        if weight > left {
            break;
        }
        left -= weight;
        heaviest = weight;
    }
    left = most.saturating_sub(2);
    object.retain(|name, value| {
        let weight = entry_weight(name, value);
        let stays = weight <= heaviest && weight <= left;
        left -= if stays { weight } else { 0 };
        stays
    });
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let of = |(name, value): (&[u8], &[u8])| {
            format!("{}{}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        parts(value.as_bytes()).unwrap().map(of).collect()
    }

    #[test]
    fn a_list_and_an_object_are_cut_where_their_parts_end() {
        let list = r#" [1, "a,]\"" , {"b":[2,3]},[ ] , null]"#;
        assert_eq!(shown(list), ["1", r#""a,]\"""#, r#"{"b":[2,3]}"#, "[ ]", "null"]);
        assert_eq!(
            shown(r#"{"a": {"b" : "}"}, "c":-1.5e3 }"#),
            [r#""a"{"b" : "}"}"#, r#""c"-1.5e3"#]
        );
        assert_eq!(shown("[]"), [""; 0]);
        assert_eq!(part(br#"{"a":{"data":1},"data":[2 ]}"#, "data"), Some(&b"[2 ]"[..]));
    }

    #[test]
    fn what_is_cut_off_is_known_to_be() {
        for cut in ["[1, 2", "[{\"a\":", "[\"a", "[1 2]", "{\"a\" 1}", "["] {
            let mut parts = parts(cut.as_bytes()).unwrap();
            parts.by_ref().for_each(drop);
            assert!(parts.is_cut(), "{cut}");
        }
        assert_eq!(next(b"{\"a\": [1, 2}"), None);
        assert_eq!(next(b"  "), None);
    }

    #[test]
    fn a_document_is_put_into_one_line_without_a_change_of_its_numbers_and_names() {
        let text = "{\n \"b c\" : 28.328927899999998 ,\"a\\\" \": [ 1E2, \"x\\n\" ] }";
        assert_eq!(one_line(text.as_bytes()), r#"{"b c":28.328927899999998,"a\" ":[1E2,"x\n"]}"#);
    }

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

    proptest! {
        #[test]
        fn cutting_never_panics_and_what_it_hands_on_is_of_the_text(
            bytes in proptest::collection::vec(
                prop_oneof![Just(b'['), Just(b']'), Just(b'{'), Just(b'}'), Just(b','), Just(b':'),
                    Just(b'"'), Just(b'\\'), Just(b' '), any::<u8>()], 0..60)
        ) {
            let mut length = 0;
            for (name, value) in parts(&bytes).into_iter().flatten() {
                prop_assert!(!value.is_empty());
                length += name.len() + value.len();
            }
            prop_assert!(length <= bytes.len());
            let _ = (parse(&bytes), one_line(&bytes));
        }

        #[test]
        fn the_parts_of_a_list_are_its_parts(numbers: Vec<i32>, words: Vec<String>) {
            let list = json!([numbers, {"words": words}, words]);
            let pretty = serde_json::to_vec_pretty(&list).unwrap();
            let found: Vec<Value> =
                parts(&pretty).unwrap().map(|(_, value)| parse(value).unwrap()).collect();
            prop_assert_eq!(&Value::from(found), &list);
            let line = one_line(&pretty);
            prop_assert_eq!(&line, &serde_json::to_string(&list).unwrap());
        }
    }
}
