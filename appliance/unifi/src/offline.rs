//! Recordings: packets of Protect and frames of the other sockets, as JSON in a file. Its octets in;
//! a line of JSON for each of them out.
//!
//! A file is a list, or lists and values one after the other, or an object whose parts have names.
//! A packet is `{"raw_b64": …}`; a frame is the object that came, or its text. Values are taken one
//! by one, so that what is needed beside the file is what one of them needs.

use model::Timestamp;
use serde_json::Value;

use crate::base64;
use crate::json::cut::{next, one_line, part, parts};
use crate::json::parse;
use crate::network::frame;
use crate::protect::packet::{self, Format, Payloads};
use crate::protect::public;

/// Octets of the longest file that is read.
pub const LONGEST_FILE: u64 = 64 << 20;

/// What was in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// What was decoded.
    pub good: u64,
    /// What could not be.
    pub bad: u64,
    /// The file ends, or stops being JSON, before its end.
    pub cut: bool,
}

/// Calls `line` with a line of JSON for each packet and frame in a file: `{"ok":true,"action":…,
/// "data":…}` or `{"ok":false,"error":…}`. The action of a frame is what it says of itself. False
/// from `line` ends it.
pub fn decode(file: &[u8], line: &mut dyn FnMut(&str) -> bool) -> Count {
    let mut lines = Lines { line, count: Count::default(), ended: false };
    let mut rest = file;
    while !lines.ended && !rest.trim_ascii_start().is_empty() {
        rest = rest.trim_ascii_start();
        match next(rest) {
            Some((value, behind)) if matches!(value.first(), Some(b'[' | b'{' | b'"')) => {
                rest = behind;
                lines.all(value);
            }
            _ => {
                // Of a list that is cut off, what is whole is told.
                lines.count.cut = true;
                if rest.starts_with(b"[") {
                    lines.members(rest);
                }
                break;
            }
        }
    }
    lines.count
}

struct Lines<'a> {
    line: &'a mut dyn FnMut(&str) -> bool,
    count: Count,
    ended: bool,
}

impl Lines<'_> {
    fn all(&mut self, value: &[u8]) {
        let is_one = value.starts_with(b"{")
            && ["raw_b64", "meta", "type"].into_iter().any(|name| part(value, name).is_some());
        if is_one || !self.members(value) {
            self.one(value);
        }
    }

    /// Each part of a list, and each of an object whose parts are frames or lists of them.
    fn members(&mut self, value: &[u8]) -> bool {
        let Some(mut members) = parts(value) else { return false };
        let is_list = value.starts_with(b"[");
        for (_, member) in members.by_ref() {
            match parts(member).filter(|_| !is_list && member.starts_with(b"[")) {
                Some(inner) => inner.for_each(|(_, value)| self.one(value)),
                None => self.one(member),
            }
            if self.ended {
                return true;
            }
        }
        self.count.cut |= members.is_cut();
        true
    }

    fn one(&mut self, value: &[u8]) {
        if self.ended {
            return;
        }
        let told = told(value, true);
        let line = match told {
            Ok(line) => {
                self.count.good += 1;
                line
            }
            Err(error) => {
                self.count.bad += 1;
                format!("{{\"ok\":false,\"error\":{}}}", Value::from(error))
            }
        };
        self.ended = !(self.line)(&line);
    }
}

fn fine(action: &str, data: &str) -> String {
    format!("{{\"ok\":true,\"action\":{action},\"data\":{data}}}")
}

fn told(value: &[u8], may_be_text: bool) -> Result<String, String> {
    let parsed = parse(value).map_err(|error| format!("this is {error}"))?;
    match &parsed {
        Value::String(text) if may_be_text => return told(text.as_bytes(), false),
        Value::Object(object) => {
            if let Some(raw) = object.get("raw_b64") {
                let raw = raw.as_str().and_then(base64::decode);
                return protect(&raw.ok_or("raw_b64 is no base64")?);
            }
        }
        _ => return Err("this is neither a packet nor a frame".to_owned()),
    }
    let raw = |name| part(value, name).map_or_else(|| "null".to_owned(), one_line);
    if parsed.get("meta").is_some() {
        frame::read(parsed, Timestamp(0)).map_err(|error| error.to_string())?;
        return Ok(fine(&raw("meta"), &raw("data")));
    }
    let kind = parsed.get("type").and_then(Value::as_str).map(|kind| Value::from(kind).to_string());
    let kind = kind.ok_or("this is neither a packet nor a frame")?;
    let action = format!("{{\"type\":{kind}}}");
    let item = ["item", "items"].into_iter().find(|name| parsed.get(name).is_some());
    if item.is_some() || [r#""add""#, r#""update""#, r#""remove""#].contains(&kind.as_str()) {
        public::read(parsed).map_err(|error| error.to_string())?;
        return Ok(fine(&action, &raw(item.unwrap_or("item"))));
    }
    Ok(fine(&action, &one_line(value)))
}

fn protect(message: &[u8]) -> Result<String, String> {
    let wrong = |error: packet::PacketError| error.to_string();
    let payloads = packet::unpack(message).map_err(wrong)?;
    payloads.read().map_err(wrong)?;
    Ok(fine(&one_line(&payloads.action), &data(&payloads)))
}

/// The payloads were read: JSON is JSON and text is text.
fn data(payloads: &Payloads<'_>) -> String {
    match payloads.format {
        _ if payloads.data.is_empty() => "null".to_owned(),
        Format::Json => one_line(&payloads.data),
        Format::Text => Value::from(String::from_utf8_lossy(&payloads.data)).to_string(),
        Format::Octets => Value::from(base64::encode(&payloads.data)).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(file: &str) -> (Vec<Value>, Count) {
        let mut lines = Vec::new();
        let count = decode(file.as_bytes(), &mut |line| {
            assert!(!line.contains('\n'), "{line}");
            lines.push(serde_json::from_str(line).expect(line));
            true
        });
        (lines, count)
    }

    fn packet(format: u8, data: &[u8]) -> String {
        let action = br#"{"action":"update", "newUpdateId":"u","modelKey":"nvr","id":"n"}"#;
        let mut raw = vec![1, 1, 0, 0, 0, 0, 0, action.len() as u8];
        raw.extend(action);
        raw.extend([2, format, 0, 0, 0, 0, 0, data.len() as u8]);
        raw.extend(data);
        json!({"t": 1.5, "raw_b64": base64::encode(&raw)}).to_string()
    }

    #[test]
    fn each_packet_of_a_list_is_a_line_and_so_is_each_that_is_broken() {
        let good = packet(1, b"{\n \"fps\": 28.328927899999998 }");
        let file = format!(r#"[{good}, {{"raw_b64":"AQ"}}, {{"raw_b64":"!"}}, 7, {good}]"#);
        let (lines, count) = lines(&file);
        assert_eq!((count.good, count.bad, count.cut), (2, 3, false));
        assert_eq!(lines[0]["ok"], true);
        assert_eq!(lines[0]["action"]["modelKey"], "nvr");
        assert_eq!(lines[0], lines[4]);
        for line in &lines[1..4] {
            assert_eq!(line["ok"], false);
            assert!(line["error"].as_str().is_some_and(|error| !error.is_empty()), "{line}");
        }
    }

    #[test]
    fn numbers_come_out_as_they_were_sent() {
        let mut said = String::new();
        let file = packet(1, b"{\n \"fps\": 28.328927899999998 }");
        decode(file.as_bytes(), &mut |line| {
            said = line.to_owned();
            true
        });
        assert!(said.ends_with(r#""data":{"fps":28.328927899999998}}"#), "{said}");
    }

    #[test]
    fn text_octets_and_nothing_are_told_apart_from_json() {
        let data = |format, data: &[u8]| lines(&packet(format, data)).0[0]["data"].clone();
        assert_eq!(data(2, b"a \"b\""), "a \"b\"");
        assert_eq!(data(3, &[0xff, 0]), "/wA=");
        assert_eq!(data(1, b""), Value::Null);
    }

    #[test]
    fn frames_of_network_come_as_list_with_names_as_text_and_one_a_line() {
        let frame = r#"{"meta": {"rc":"ok","message":"events"}, "data": [{"_id":"a"}]}"#;
        let text = Value::from(frame).to_string();
        for file in [
            format!("[{frame}, {frame}]"),
            format!(r#"{{"first": {frame}, "others": [{frame}]}}"#),
            format!("{frame}\n{frame}\n"),
            format!("[{text}]\n{text}"),
        ] {
            let (lines, count) = lines(&file);
            assert_eq!((count.good, count.bad, count.cut), (2, 0, false), "{file}");
            for line in lines {
                assert_eq!(line["action"], json!({"rc": "ok", "message": "events"}));
                assert_eq!(line["data"], json!([{"_id": "a"}]));
            }
        }
    }

    #[test]
    fn frames_of_protects_public_socket_and_of_the_console_are_told_by_their_type() {
        let public = r#"{"type":"add","item":{"id":"e","modelKey":"event"}}"#;
        let console = r#"{"type":"SYSTEM","system":{"hasInternet":true}}"#;
        let (lines, count) = lines(&format!("[{public},{console}]"));
        assert_eq!((count.good, count.bad), (2, 0));
        assert_eq!(lines[0]["action"], json!({"type": "add"}));
        assert_eq!(lines[0]["data"]["id"], "e");
        assert_eq!(lines[1]["data"]["system"]["hasInternet"], true);
    }

    #[test]
    fn a_frame_that_says_no_is_an_error() {
        let refused = r#"{"meta":{"rc":"error","msg":"api.err.InvalidObject"},"data":[]}"#;
        let (lines, _) = lines(refused);
        assert_eq!(lines[0]["ok"], false);
        assert!(lines[0]["error"].as_str().unwrap().contains("api.err.InvalidObject"));
    }

    #[test]
    fn a_file_that_is_cut_off_gives_what_is_whole_and_says_so() {
        let good = packet(1, b"{}");
        let file = format!("[{good},{good},{good}]");
        let (lines, count) = lines(&file[..file.len() - 9]);
        assert_eq!((lines.len(), count.good, count.cut), (2, 2, true));
        assert!(self::lines("[]").0.is_empty());
        for odd in ["no JSON", "<html>", "{\"raw_b64\":\"AQ"] {
            let (lines, count) = self::lines(odd);
            assert!(lines.is_empty() && count.cut, "{odd}");
        }
    }

    #[test]
    fn whoever_has_enough_ends_it() {
        let good = packet(1, b"{}");
        let count = decode(format!("[{good},{good},{good}]").as_bytes(), &mut |_| false);
        assert_eq!(count.good, 1);
    }
}
