//! JSON cut at its top level without being parsed: documents one after the other, parts of lists and
//! objects. Text in; slices of it out, which [`super::parse`] may still refuse.

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::parse;
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
