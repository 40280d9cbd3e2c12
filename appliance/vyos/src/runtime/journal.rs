//! The tail of the kernel's log with what the firewall wrote there: from the journal, or from the
//! log file where there is no journal.

use model::Timestamp;

use super::fetch::{run, tail};
use super::{LogLine, RuntimeError, parse_log_line};

/// A packet that a rule logged, with its time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogEntry {
    /// When it was logged; none where the line does not tell the year.
    pub at: Option<Timestamp>,
    /// What was logged.
    pub line: LogLine,
}

/// Lines of the kernel's log that are looked through.
const LINES: &str = "20000";
/// Where the log is where there is no journal.
const FILE: &str = "/var/log/messages";
/// The end of that file that is looked through, in bytes.
const TAIL: u64 = 4 << 20;

/// The last packets that rules logged, newest first. Blocks.
pub fn fetch_firewall_log() -> Result<Vec<LogEntry>, RuntimeError> {
    let words = ["-k", "-q", "--no-pager", "-o", "short-unix", "-n", LINES];
    match run("journalctl", &words) {
        Ok(text) => Ok(parse_firewall_log(&text)),
        // What the journal says of itself is the better reason where neither can be read.
        Err(error) => match tail(FILE.as_ref(), TAIL) {
            Ok(text) => Ok(parse_firewall_log(&text)),
            Err(_) => Err(error),
        },
    }
}

/// Reads lines of a log, oldest first, with the time in front: seconds since 1970 as `journalctl -o
/// short-unix` writes it, or RFC 3339. Gives the packets, newest first.
pub fn parse_firewall_log(text: &str) -> Vec<LogEntry> {
    let entry = |line: &str| Some(LogEntry { at: time(line), line: parse_log_line(line)? });
    text.lines().rev().filter_map(entry).collect()
}

fn time(line: &str) -> Option<Timestamp> {
    let word = line.split_ascii_whitespace().next()?;
    if let Some(at) = Timestamp::parse_rfc3339(word) {
        return Some(at);
    }
    let (seconds, fraction) = word.split_once('.')?;
    let seconds: i64 = seconds.parse().ok()?;
    let millis: i64 = fraction.get(..3)?.parse().ok()?;
    seconds.checked_mul(1000)?.checked_add(millis).map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_packets_come_newest_first_with_their_time() {
        let text = "1795273200.123456 gw kernel: [ipv4-FWD-filter-10-D]IN=eth1 OUT=eth0 \
                    MAC=02:00:00:00:00:01:02:00:00:aa:bb:01:08:00 SRC=192.168.1.20 DST=192.0.2.9 \
                    LEN=60 PROTO=TCP SPT=40000 DPT=443\n\
                    1795273201.000000 gw kernel: eth0: link is up\n\
                    2026-11-21T20:00:02Z gw kernel: [ipv4-INP-filter-default-D]IN=eth0 OUT= \
                    SRC=192.0.2.9 DST=192.0.2.1 PROTO=UDP SPT=1 DPT=2\n\
                    Nov 21 20:00:03 gw kernel: [DST-NAT-100]IN=eth0 OUT= SRC=192.0.2.9 \
                    DST=192.0.2.1 PROTO=UDP\n";
        let log = parse_firewall_log(text);
        assert_eq!(log.len(), 3);
        assert_eq!((log[0].at, log[0].line.key.as_str()), (None, "DST-NAT-100"));
        assert_eq!(log[1].line.rule, None);
        assert!(log[1].at.is_some());
        assert_eq!(log[2].at, Some(Timestamp(1_795_273_200_123)));
        assert_eq!(log[2].line.rule, Some(10));
    }

    #[test]
    fn the_end_of_a_file_begins_with_a_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("messages");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail(&path, 9).unwrap(), "three\n");
        assert_eq!(tail(&path, 100).unwrap(), "one\ntwo\nthree\n");
        assert!(tail(&folder.path().join("none"), 9).is_err());
    }
}
