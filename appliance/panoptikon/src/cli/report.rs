//! A device, alerts and events for people, within 80 columns.

use std::fmt::Write as _;

use model::{Timestamp, human_age};
use serde_json::{Value, json};

use super::table::table;

/// The width of a terminal that nobody made wider.
const WIDTH: usize = 80;

/// Where the second column of a device begins.
const LABELS: usize = 14;

pub(super) fn device(answer: &Value, now: Timestamp) -> String {
    let online = if answer["online"] == true { "online" } else { "offline" };
    let mut text =
        format!("{} ({online} for {})\n\n", word(&answer["name"]), age(&answer["since"], now));
    let joined = |values: &Value| list(values).map(word).collect::<Vec<_>>().join(", ");
    let addresses: Vec<String> = list(&answer["addresses"])
        .filter(|address| address["current"] == true)
        .map(|address| word(&address["ip"]))
        .collect();
    let system = [&answer["os"], &answer["os_version"]];
    let system: Vec<String> = system.into_iter().filter(|v| !v.is_null()).map(word).collect();
    let made = [&answer["brand"], &answer["model"]];
    let made: Vec<String> = made.into_iter().filter(|v| !v.is_null()).map(word).collect();
    let known = if answer["known"] == true { "yes" } else { "no" };
    let rows = [
        ("MAC address", word(&answer["mac"])),
        ("Addresses", addresses.join(", ")),
        ("Interface", word(&answer["interface"])),
        ("Vendor", word(&answer["vendor"])),
        ("Type", word(&answer["type"])),
        ("Model", made.join(" ")),
        ("System", system.join(" ")),
        ("Host name", word(&answer["hostname"])),
        ("Services", joined(&answer["services"])),
        ("Tags", joined(&answer["tags"])),
        ("Notes", word(&answer["notes"])),
        ("Belongs here", known.to_owned()),
        ("First seen", time(&answer["first_seen"])),
        ("Last seen", time(&answer["last_seen"])),
    ];
    for (label, value) in rows.iter().filter(|(_, value)| !value.is_empty() && value != "-") {
        let line = format!("{label:LABELS$}{value}");
        text.push_str(&wrapped(&line, LABELS));
    }
    if list(&answer["alerts"]).next().is_some() {
        text.push_str("\nOpen alerts\n");
        for alert in list(&answer["alerts"]) {
            let line = format!("  {:<9} {}", word(&alert["severity"]), word(&alert["title"]));
            text.push_str(&wrapped(&line, 12));
        }
    }
    if list(&answer["events"]).next().is_some() {
        text.push_str("\nLatest events\n");
        for event in list(&answer["events"]) {
            let line = format!("  {}  {}", time(&event["at"]), word(&event["summary"]));
            text.push_str(&wrapped(&line, 23));
        }
    }
    text
}

pub(super) fn alerts(answer: &Value, now: Timestamp) -> String {
    let rows: Vec<Vec<String>> = list(&answer["alerts"])
        .map(|alert| {
            vec![
                word(&alert["severity"]),
                word(&alert["status"]),
                age(&alert["last_at"], now),
                word(&alert["device_name"]),
                word(&alert["title"]),
            ]
        })
        .collect();
    let open = answer["open"].as_u64().unwrap_or(rows.len() as u64);
    if rows.is_empty() {
        return "No alert is open.\n".to_owned();
    }
    let mut text = table(&["severity", "status", "last", "device", "what"], &rows);
    let _ = match open {
        1 => writeln!(text, "\n1 alert is open."),
        open if open > rows.len() as u64 => {
            writeln!(text, "\n{open} alerts are open; these are the last {}.", rows.len())
        }
        open => writeln!(text, "\n{open} alerts are open."),
    };
    text
}

pub(super) fn events(answer: &Value) -> String {
    let text: String = list(&answer["events"]).map(event).collect();
    if text.is_empty() { "Nothing has happened yet.\n".to_owned() } else { text }
}

/// One event, one line, or as many as its sentence needs.
pub(super) fn event(event: &Value) -> String {
    let line = format!(
        "{}  {:<8}  {}",
        time(&event["at"]),
        word(&event["severity"]),
        word(&event["summary"])
    );
    wrapped(&line, 31)
}

/// Lines of at most [`WIDTH`] columns, broken at blanks where there are any; the further ones begin
/// at `indent`.
fn wrapped(line: &str, indent: usize) -> String {
    let mut text = String::new();
    let mut rest: Vec<char> = line.chars().collect();
    let mut begins = 0;
    while rest.len() > WIDTH {
        let at = (begins + 1..=WIDTH).rev().find(|at| rest.get(*at) == Some(&' '));
        // Not within the indent, which would never end.
        let at = at.filter(|at| *at > indent).unwrap_or(WIDTH);
        let tail = rest.split_off(at);
        text.extend(rest);
        text.push('\n');
        let tail = tail.into_iter().skip_while(|c| *c == ' ');
        rest = std::iter::repeat_n(' ', indent).chain(tail).collect();
        begins = indent;
    }
    text.extend(rest);
    text.push('\n');
    text
}

pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A cell. What devices say of themselves must not steer the terminal.
pub(super) fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => {
            text.chars().map(|c| if model::is_hidden(c) { '\u{fffd}' } else { c }).collect()
        }
        other => other.to_string(),
    }
}

pub(super) fn age(value: &Value, now: Timestamp) -> String {
    value.as_i64().map_or_else(|| "-".to_owned(), |ms| human_age(now.since(Timestamp(ms))))
}

pub(super) fn time(value: &Value) -> String {
    value.as_i64().map_or_else(|| word(&json!(null)), |ms| Timestamp(ms).local())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn no_line_is_too_wide(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    #[test]
    fn a_device_is_told_in_aligned_lines_without_what_nobody_knows() {
        let answer = json!({
            "name": "nas", "online": true, "since": 0, "mac": "00:11:22:aa:bb:cc",
            "vendor": "Synology", "type": null, "os": "Linux", "os_version": "6.1", "known": true,
            "addresses": [{ "ip": "10.0.0.5", "current": true }, { "ip": "10.0.0.9", "current": false }],
            "services": ["_smb._tcp", "_http._tcp"], "notes": "", "tags": [],
            "alerts": [{ "severity": "high", "title": "Offline since noon" }],
            "events": [{ "at": null, "summary": "Came \u{1b}[31monline" }],
        });
        let text = device(&answer, Timestamp(7_200_000));
        let expected = "\
nas (online for 2 h)

MAC address   00:11:22:aa:bb:cc
Addresses     10.0.0.5
Vendor        Synology
System        Linux 6.1
Services      _smb._tcp, _http._tcp
Belongs here  yes

Open alerts
  high      Offline since noon

Latest events
  -  Came \u{fffd}[31monline
";
        assert_eq!(text, expected);
    }

    #[test]
    fn alerts_are_counted_and_none_is_said_so() {
        assert_eq!(
            alerts(&json!({ "alerts": [], "open": 0 }), Timestamp(0)),
            "No alert is open.\n"
        );
        let one = json!({ "severity": "high", "status": "new", "last_at": 0, "device_name": "nas",
                          "title": "Offline" });
        let text = alerts(&json!({ "alerts": [one], "open": 1 }), Timestamp(60_000));
        let expected = "\
SEVERITY  STATUS  LAST   DEVICE  WHAT
high      new     1 min  nas     Offline

1 alert is open.
";
        assert_eq!(text, expected);
        let text = alerts(&json!({ "alerts": [one], "open": 300 }), Timestamp(0));
        assert!(text.ends_with("300 alerts are open; these are the last 1.\n"), "{text}");
    }

    #[test]
    fn a_long_event_goes_on_below_its_own_beginning() {
        let summary =
            "A device that nobody knows was heard for the first time behind eth1 and asked";
        let text = event(&json!({ "at": null, "severity": "info", "summary": summary }));
        no_line_is_too_wide(&text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].starts_with(&" ".repeat(31)), "{text}");
        let joined: Vec<&str> = text.split_whitespace().skip(2).collect();
        assert_eq!(joined.join(" "), summary, "no word is lost");
    }

    proptest! {
        #[test]
        fn no_sentence_is_wider_than_a_terminal_or_loses_a_character(line in "[a-zé ]{0,400}") {
            let text = wrapped(&line, 31);
            no_line_is_too_wide(&text);
            let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(kept(&text), kept(&line));
        }
    }
}
