//! JSON as the router's own server reads and writes it: objects keep their order, texts are written
//! in ASCII, and errors are told in that server's words, with the place in characters.
//!
//! In: a request's text. Out: values, the text of an answer, or a value in the notation of Python
//! in which errors echo what was sent.

use std::fmt::Write as _;

/// Deeper than any request; bounds the stack.
const DEEPEST: usize = 96;

/// A value, its objects in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// A text. Half of a surrogate pair stands as NUL: the server refuses both alike.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

/// Why a text is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}: line {line} column {column} (char {at})")]
pub(crate) struct JsonError {
    /// What is wrong.
    pub(crate) message: &'static str,
    /// Counted from 1.
    pub(crate) line: usize,
    /// In characters, counted from 1.
    pub(crate) column: usize,
    /// In characters, counted from 0.
    pub(crate) at: usize,
}

impl Json {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub(crate) fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Self {
        Self::List(texts.into_iter().cloned().map(Self::Text).collect())
    }

    /// The field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(key, _)| key == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// What a text says.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What a list holds.
    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Reads a text.
    pub(crate) fn parse(text: &str) -> Result<Self, JsonError> {
        let mut parser = Parser { chars: text.chars().collect(), at: 0 };
        parser.blank();
        let value = parser.value(0)?;
        parser.blank();
        if parser.at < parser.chars.len() {
            return Err(parser.failed("Extra data", parser.at));
        }
        Ok(value)
    }

    /// The text that the server sends.
    pub(crate) fn dump(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::Number(number) => out.push_str(number),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    out.push_str(if place > 0 { ", " } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(fields) => {
                out.push('{');
                for (place, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if place > 0 { ", " } else { "" });
                    quote(name, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// The value as errors echo it.
    pub(crate) fn repr(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => repr(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::repr).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(fields) => {
                let field = |(name, value): &(String, Self)| {
                    let name = repr(name);
                    format!("{name}: {}", value.repr())
                };
                let fields: Vec<_> = fields.iter().map(field).collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }
}

/// A text in quotes, as errors echo it.
pub(crate) fn repr(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(mark);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == mark => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(mark);
    out
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn failed(&self, message: &'static str, at: usize) -> JsonError {
        let before = &self.chars[..at.min(self.chars.len())];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let start = before.iter().rposition(|c| *c == '\n').map_or(0, |at| at + 1);
        JsonError { message, line, column: at - start + 1, at }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        if depth > DEEPEST {
            return Err(self.failed("Too deep", self.at));
        }
        match self.peek() {
            Some('"') => Ok(Json::Text(self.text()?)),
            Some('[') => self.list(depth),
            Some('{') => self.object(depth),
            Some('-' | '0'..='9') => self.number(),
            _ => {
                let words = [
                    ("null", Json::Null),
                    ("true", Json::Bool(true)),
                    ("false", Json::Bool(false)),
                ];
                for (word, value) in words {
                    let end = self.at + word.len();
                    if self
                        .chars
                        .get(self.at..end)
                        .is_some_and(|s| s.iter().copied().eq(word.chars()))
                    {
                        self.at = end;
                        return Ok(value);
                    }
                }
                Err(self.failed("Expecting value", self.at))
            }
        }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let from = self.at;
        while matches!(self.peek(), Some('0'..='9' | '-' | '+' | '.' | 'e' | 'E')) {
            self.at += 1;
        }
        let number: String = self.chars[from..self.at].iter().collect();
        if number.parse::<f64>().is_err() {
            return Err(self.failed("Expecting value", from));
        }
        Ok(Json::Number(number))
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonError> {
        let mut items = Vec::new();
        self.at += 1;
        self.blank();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            self.blank();
            items.push(self.value(depth + 1)?);
            self.blank();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => {
                    self.at += 1;
                    return Ok(Json::List(items));
                }
                _ => return Err(self.failed("Expecting ',' delimiter", self.at)),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        const NAME: &str = "Expecting property name enclosed in double quotes";
        let mut fields: Vec<(String, Json)> = Vec::new();
        self.at += 1;
        self.blank();
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(Json::Object(fields));
        }
        loop {
            // After a comma the server names the place behind the blanks, too.
            self.blank();
            if self.peek() != Some('"') {
                return Err(self.failed(NAME, self.at));
            }
            let name = self.text()?;
            self.blank();
            if self.peek() != Some(':') {
                return Err(self.failed("Expecting ':' delimiter", self.at));
            }
            self.at += 1;
            self.blank();
            let value = self.value(depth + 1)?;
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            }
            self.blank();
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => {
                    self.at += 1;
                    return Ok(Json::Object(fields));
                }
                _ => return Err(self.failed("Expecting ',' delimiter", self.at)),
            }
        }
    }

    fn text(&mut self) -> Result<String, JsonError> {
        let from = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.peek() else {
                return Err(self.failed("Unterminated string starting at", from));
            };
            self.at += 1;
            match c {
                '"' => return Ok(out),
                '\\' => self.escape(from, &mut out)?,
                c if (c as u32) < 0x20 => {
                    return Err(self.failed("Invalid control character at", self.at - 1));
                }
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, from: usize, out: &mut String) -> Result<(), JsonError> {
        let Some(c) = self.peek() else {
            return Err(self.failed("Unterminated string starting at", from));
        };
        self.at += 1;
        match c {
            '"' | '\\' | '/' => out.push(c),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let first = self.unit()?;
                let pair = (0xd800..0xdc00).contains(&first)
                    && self.chars.get(self.at..self.at + 2) == Some(&['\\', 'u']);
                let code = if pair {
                    self.at += 2;
                    let second = self.unit()?;
                    0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00) % 0x400
                } else {
                    first
                };
                out.push(char::from_u32(code).unwrap_or('\0'));
            }
            _ => return Err(self.failed("Invalid \\escape", self.at - 2)),
        }
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits: String = self.chars.iter().skip(self.at).take(4).collect();
        let unit = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
        let unit = unit.ok_or_else(|| self.failed("Invalid \\uXXXX escape", self.at))?;
        self.at += 4;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_place_as_the_server_does() {
        let failed = |text| Json::parse(text).unwrap_err().to_string();
        assert_eq!(failed(""), "Expecting value: line 1 column 1 (char 0)");
        assert_eq!(
            failed("{\"op\": \"showConfig\", "),
            "Expecting property name enclosed in double quotes: line 1 column 22 (char 21)"
        );
    }

    #[test]
    fn a_value_is_written_in_order_and_in_ascii() {
        let json =
            Json::parse("{\"b\":[1,null],\"a\":\"\\u00fc \\ud83d\\ude42 \\ud800\"}").unwrap();
        assert_eq!(json.dump(), "{\"b\": [1, null], \"a\": \"\\u00fc \\ud83d\\ude42 \\u0000\"}");
    }

    #[test]
    fn an_echo_is_in_the_notation_of_python() {
        let json = Json::parse("{\"a\": [true, null, 5], \"it's\": \"x\"}").unwrap();
        assert_eq!(json.repr(), "{'a': [True, None, 5], \"it's\": 'x'}");
    }
}
