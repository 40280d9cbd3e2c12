//! What `journalctl` is asked, and what it answers (journalctl(1), systemd.journal-fields(7)).

use model::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::services::{Board, watched};

/// The most lines of an answer.
pub const MOST_LINES: usize = 5_000;
/// The longest message, in characters; journalctl itself leaves out those of more than 4096 bytes.
const LONGEST: usize = 2_000;

/// Names that stand for whichever of these units there is: of the host, or a container of VyOS.
pub const ALIASES: &[(&str, &[&str])] = &[
    (
        "hysteria",
        &["hysteria-server.service", "hysteria.service", "vyos-container-hysteria.service"],
    ),
    (
        "vless",
        &[
            "vless.service",
            "xray.service",
            "vyos-container-vless.service",
            "vyos-container-xray.service",
        ],
    ),
    ("openvpn", &["openvpn@*.service", "openvpn.service", "vyos-container-openvpn.service"]),
    ("proxyvault", &["proxyvault.service", "vyos-container-proxyvault.service"]),
];

/// Whose lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogSource {
    /// Those of these units.
    Units(Vec<String>),
    /// The kernel's.
    Kernel,
    /// All of the journal.
    All,
}

/// What a name stands for: `kernel`, `all`, an alias, or a watched unit with or without `.service`.
/// `board` are the units that there are, where that is known; a name of none of them is nobody's.
pub fn source(name: &str, board: Option<&Board>) -> Option<LogSource> {
    match name {
        "kernel" => return Some(LogSource::Kernel),
        "all" => return Some(LogSource::All),
        _ => {}
    }
    let Some((_, patterns)) = ALIASES.iter().find(|(alias, _)| *alias == name) else {
        let is_there = |unit: &str| board.is_none_or(|board| board.unit(unit).is_some());
        let full =
            if name.ends_with(".service") { name.to_owned() } else { format!("{name}.service") };
        let is_known = watched(&full).is_some() && is_there(&full);
        return is_known.then(|| LogSource::Units(vec![full]));
    };
    let fits = |unit: &str, pattern: &str| match pattern.split_once('*') {
        None => unit == pattern,
        Some((head, tail)) => unit.starts_with(head) && unit.ends_with(tail),
    };
    let units: Vec<String> = match board {
        None => patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        Some(board) => {
            let there = board.units.iter().map(|unit| unit.name.as_str());
            let meant = there.filter(|unit| patterns.iter().any(|pattern| fits(unit, pattern)));
            meant.map(str::to_owned).collect()
        }
    };
    (!units.is_empty()).then_some(LogSource::Units(units))
}

impl LogSource {
    /// What `journalctl` is given; every word begins with two hyphens, and no name with any.
    pub(super) fn arguments(&self, lines: usize, follow: bool) -> Vec<String> {
        let fields = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM,_PID,_SYSTEMD_UNIT";
        let mut words: Vec<String> =
            ["--output=json", "--no-pager", "--quiet", fields].map(str::to_owned).into();
        words.push(format!("--lines={}", lines.min(MOST_LINES)));
        if follow {
            words.push("--follow".to_owned());
        }
        match self {
            Self::Units(units) => words.extend(units.iter().map(|unit| format!("--unit={unit}"))),
            Self::Kernel => words.push("--dmesg".to_owned()),
            Self::All => {}
        }
        words
    }
}

/// How bad a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For who looks into it.
    Debug,
    /// As it should be.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// By syslog's number (RFC 5424, 6.2.1) and, where a program writes everything as information,
    /// by the word that it puts in front.
    fn of(priority: Option<u8>, message: &str) -> Self {
        let priority = match priority.unwrap_or(6) {
            0..=3 => return Self::Error,
            4 => return Self::Warning,
            7 => return Self::Debug,
            other => other,
        };
        let mut words = message.split([' ', ':', '[', ']', '"', ',']).filter(|w| !w.is_empty());
        let said = words.by_ref().take(4).find_map(|word| match word {
            "ERROR" | "FATAL" | "CRITICAL" | "error" | "fatal" => Some(Self::Error),
            "WARN" | "WARNING" | "warning" => Some(Self::Warning),
            "DEBUG" | "TRACE" | "debug" => Some(Self::Debug),
            _ => None,
        });
        // Notices are meant to be read.
        said.filter(|_| priority == 6).unwrap_or(Self::Info)
    }
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When it was written.
    pub timestamp: Timestamp,
    /// How bad it is.
    pub level: Level,
    /// The unit that wrote it; empty for the kernel and for what is of no unit.
    pub service: String,
    /// The program's word for itself.
    pub program: String,
    /// Its process.
    pub pid: Option<u32>,
    /// What it wrote.
    pub message: String,
}

/// Reads a line of `--output=json`; None for what is none.
pub(super) fn line(text: &str) -> Option<LogLine> {
    let fields: Value = serde_json::from_str(text).ok()?;
    let word = |name: &str| match &fields[name] {
        Value::String(text) => clean(text),
        _ => String::new(),
    };
    let message = match &fields["MESSAGE"] {
        Value::String(text) => clean(text),
        // What is no UTF-8 comes as a list of octets.
        Value::Array(octets) => {
            let octets: Vec<u8> =
                octets.iter().filter_map(|o| u8::try_from(o.as_u64()?).ok()).collect();
            clean(&String::from_utf8_lossy(&octets))
        }
        Value::Null if fields.get("MESSAGE").is_some() => {
            "(a message of more than 4096 bytes)".to_owned()
        }
        _ => return None,
    };
    let micros: i64 = fields["__REALTIME_TIMESTAMP"].as_str()?.parse().ok()?;
    let program = [word("SYSLOG_IDENTIFIER"), word("_COMM")].into_iter().find(|w| !w.is_empty());
    Some(LogLine {
        timestamp: Timestamp(micros.div_euclid(1_000)),
        level: Level::of(word("PRIORITY").parse().ok(), &message),
        service: word("_SYSTEMD_UNIT"),
        program: program.unwrap_or_default(),
        pid: word("_PID").parse().ok(),
        message,
    })
}

/// Without what would steer a terminal or hide in a page, cut where it is long.
fn clean(text: &str) -> String {
    let text = text.trim_end();
    let mut out: String =
        text.chars().take(LONGEST).map(|c| if model::is_hidden(c) { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::services::Unit;

    fn board(names: &[&str]) -> Board {
        let unit = |name: &&str| Unit { name: (*name).to_owned(), ..Unit::default() };
        Board { units: names.iter().map(unit).collect(), ..Board::default() }
    }

    fn units(names: &[&str]) -> LogSource {
        LogSource::Units(names.iter().map(|n| (*n).to_owned()).collect())
    }

    #[test]
    fn a_name_is_that_of_a_watched_unit_that_there_is() {
        let board = board(&["frr.service", "ssh.service"]);
        assert_eq!(source("ssh", Some(&board)), Some(units(&["ssh.service"])));
        assert_eq!(source("ssh.service", Some(&board)), Some(units(&["ssh.service"])));
        assert_eq!(source("kernel", Some(&board)), Some(LogSource::Kernel));
        for wrong in ["chrony", "getty@tty1", "--file=/etc/shadow", "../x", "ssh*", "", "ssh\n"] {
            assert_eq!(source(wrong, Some(&board)), None, "{wrong:?}");
        }
        assert_eq!(source("--file=/etc/shadow", None), None);
    }

    #[test]
    fn names_of_proxies_are_those_of_the_units_that_there_are() {
        let all = board(&["openvpn@vtun0.service", "vyos-container-hysteria.service"]);
        assert_eq!(source("openvpn", Some(&all)), Some(units(&["openvpn@vtun0.service"])));
        assert_eq!(
            source("hysteria", Some(&all)),
            Some(units(&["vyos-container-hysteria.service"]))
        );
        assert_eq!(source("vless", Some(&all)), None);
        assert_eq!(source("proxyvault", Some(&all)), None);
    }

    #[test]
    fn every_word_for_journalctl_is_a_flag_of_ours() {
        let source = source("ssh", None).expect("watched");
        let words = source.arguments(99_999, true);
        assert!(words.iter().all(|word| word.starts_with("--")), "{words:?}");
        assert!(words.contains(&"--lines=5000".to_owned()));
        assert!(words.contains(&"--unit=ssh.service".to_owned()));
    }

    #[test]
    fn a_line_is_read_with_its_level() {
        let text = r#"{"MESSAGE":"Accepted publickey","PRIORITY":"6","SYSLOG_IDENTIFIER":"sshd",
            "_PID":"42","_SYSTEMD_UNIT":"ssh.service","__REALTIME_TIMESTAMP":"1700000000123456"}"#;
        let read = line(text).expect("a line");
        assert_eq!(read.timestamp, Timestamp(1_700_000_000_123));
        assert_eq!((read.level, read.pid, read.program.as_str()), (Level::Info, Some(42), "sshd"));
        assert_eq!(line("{}"), None);
        assert_eq!(line("no JSON"), None);
        let bytes = r#"{"MESSAGE":[104,105,255],"__REALTIME_TIMESTAMP":"1000"}"#;
        assert_eq!(line(bytes).expect("a line").message, "hi\u{fffd}");
        let long = r#"{"MESSAGE":null,"__REALTIME_TIMESTAMP":"1000"}"#;
        assert!(line(long).expect("a line").message.contains("4096"));
        let sly = r#"{"MESSAGE":"\u001b[31mred\u202e","__REALTIME_TIMESTAMP":"1000"}"#;
        assert!(!line(sly).expect("a line").message.contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn levels_are_those_of_syslog_or_of_the_word_in_front() {
        assert_eq!(Level::of(Some(3), "x"), Level::Error);
        assert_eq!(Level::of(Some(4), "x"), Level::Warning);
        assert_eq!(Level::of(Some(7), "x"), Level::Debug);
        assert_eq!(Level::of(None, "x"), Level::Info);
        let own = "2026-11-22T10:00:00Z ERROR panoptikon::serve: no disk";
        assert_eq!(Level::of(Some(6), own), Level::Error);
        assert_eq!(Level::of(Some(6), "there was once upon a time an ERROR"), Level::Info);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(text in "\\PC*", message in "\\PC*") {
            let _ = line(&text);
            let _ = line(&serde_json::json!({
                "MESSAGE": message, "__REALTIME_TIMESTAMP": "5", "PRIORITY": "6" }).to_string());
            let _ = source(&text, None);
        }
    }
}
