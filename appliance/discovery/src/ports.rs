//! What is known about ports: which are looked at, what they are for, how much of a risk it is that
//! one is open, and what a program says of itself when it is asked.
//!
//! In: a port number, or the first bytes that came out of one. Out: words for people.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::vendor::csv;

/// The most that is read from a port, in bytes.
pub const LONGEST_BANNER: usize = 256;
/// The most that is kept of a version, in characters.
pub const LONGEST_VERSION: usize = 120;

static KNOWN: LazyLock<Vec<PortInfo>> = LazyLock::new(|| read(include_str!("../data/ports.csv")));

/// Which protocol carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// How bad it is that a port is open on a home or office network.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing to see.
    #[default]
    None,
    /// Worth a look.
    Amber,
    /// Better closed.
    Red,
}

/// What makes a program speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Nothing is sent and nothing is waited for; printers print what they get.
    Nothing,
    /// It speaks first.
    Greeting,
    /// It answers an HTTP HEAD request.
    Http,
}

/// What is known about a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// Its number.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// The service that is usually behind it, such as `ssh`.
    pub service: String,
    /// How bad it is that it is open.
    pub risk: Risk,
    /// What it adds to a device's risk score.
    pub points: u8,
    /// What makes the program speak.
    pub ask: Ask,
    /// Why it is a risk, in a sentence; empty where it is none.
    pub why: String,
}

/// All ports that are looked at, TCP before UDP, by number.
pub fn known() -> &'static [PortInfo] {
    &KNOWN
}

/// What is known about a port.
pub fn info(port: u16, transport: Transport) -> Option<&'static PortInfo> {
    let at = KNOWN.binary_search_by_key(&(transport, port), |i| (i.transport, i.port));
    Some(&KNOWN[at.ok()?])
}

/// The service that is usually behind a port.
pub fn service(port: u16, transport: Transport) -> Option<&'static str> {
    info(port, transport).map(|i| i.service.as_str())
}

fn read(text: &str) -> Vec<PortInfo> {
    let mut ports: Vec<_> = csv::records(text).iter().filter_map(|(_, f)| row(f)).collect();
    model::sort_by_key(&mut ports, |i| (i.transport, i.port));
    ports
}

fn row(fields: &[String]) -> Option<PortInfo> {
    let [port, transport, service, risk, points, ask, why] = fields else {
        return None;
    };
    Some(PortInfo {
        port: port.parse().ok()?,
        transport: match transport.as_str() {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return None,
        },
        service: service.clone(),
        risk: match risk.as_str() {
            "none" => Risk::None,
            "amber" => Risk::Amber,
            "red" => Risk::Red,
            _ => return None,
        },
        points: points.parse().ok()?,
        ask: match ask.as_str() {
            "none" => Ask::Nothing,
            "greet" => Ask::Greeting,
            "http" => Ask::Http,
            _ => return None,
        },
        why: why.clone(),
    })
}

/// What a program says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Banner {
    /// The service, where the banner proves it.
    pub service: Option<&'static str>,
    /// Program and version, as far as it tells.
    pub version: Option<String>,
}

/// Understands the first bytes that came out of a TCP port. `usual` is the service that is usually
/// behind it. No more than [`LONGEST_BANNER`] bytes are looked at.
pub fn parse_banner(usual: &str, bytes: &[u8]) -> Banner {
    let bytes = &bytes[..bytes.len().min(LONGEST_BANNER)];
    let is = |service, version: &[u8]| Banner { service: Some(service), version: text(version) };
    if let Some(rest) = bytes.strip_prefix(b"SSH-") {
        // RFC 4253, 4.2: protocol version, dash, software version.
        let line = first_line(rest);
        let software = line.iter().position(|b| *b == b'-').map_or(line, |at| &line[at + 1..]);
        let version = text(software).map(|v| v.replacen('_', " ", 1));
        return Banner { service: Some("ssh"), version };
    }
    if bytes.starts_with(b"HTTP/") {
        return is("http", header(bytes, b"server").unwrap_or_default());
    }
    if let Some(rest) = bytes.strip_prefix(b"RFB ") {
        let version = text(first_line(rest)).map(|v| format!("protocol {v}"));
        return Banner { service: Some("vnc"), version };
    }
    for (start, service) in [
        (&b"@RSYNCD: "[..], "rsync"),
        (b"OK MPD ", "mpd"),
        (b"+OK ", "pop3"),
        (b"* OK ", "imap"),
        (b"Asterisk Call Manager/", "asterisk"),
    ] {
        if let Some(rest) = bytes.strip_prefix(start) {
            return is(service, first_line(rest));
        }
    }
    if let Some(rest) = bytes.strip_prefix(b"220").and_then(|r| r.split_first_chunk::<1>()) {
        let ([separator], rest) = rest;
        if matches!(separator, b' ' | b'-') {
            let line = first_line(rest);
            let has = |word: &[u8]| line.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word));
            let service = match usual {
                _ if has(b"smtp") => Some("smtp"),
                _ if has(b"ftp") || usual.starts_with("ftp") => Some("ftp"),
                "smtp" | "submission" => Some("smtp"),
                _ => None,
            };
            return Banner { service, version: text(line) };
        }
    }
    if usual == "mysql" {
        return mysql(bytes);
    }
    // Telnet options and screen control are no words.
    Banner { service: None, version: text(first_line(skip_telnet(bytes))) }
}

/// The first packet of `MySQL`: length, number, protocol version 10, server version until a zero.
fn mysql(bytes: &[u8]) -> Banner {
    let Some(([_, _, _, 0, 10], rest)) = bytes.split_first_chunk::<5>() else {
        return Banner::default();
    };
    let end = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
    // MariaDB puts this in front so that old replicas accept it.
    let version = rest[..end].strip_prefix(b"5.5.5-").unwrap_or(&rest[..end]);
    Banner { service: Some("mysql"), version: text(version) }
}

/// Leaves out telnet's options at the beginning (RFC 854: IAC, command, option).
fn skip_telnet(mut bytes: &[u8]) -> &[u8] {
    while let [0xff, 251..=254, _, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes.trim_ascii_start()
}

/// The value of an HTTP header (RFC 9110, 5); its name in lower case.
pub(crate) fn header<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    bytes.split(|b| *b == b'\n').skip(1).find_map(|line| {
        let colon = line.iter().position(|b| *b == b':')?;
        line[..colon].eq_ignore_ascii_case(name).then(|| &line[colon + 1..])
    })
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default()
}

/// What is fit to be shown: printable ASCII, trimmed, bounded. `None` when nothing is left.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let kept: String = bytes
        .iter()
        .map(|b| char::from(*b))
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(LONGEST_VERSION)
        .collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_of_the_file_is_understood_and_no_port_is_there_twice() {
        let lines = csv::records(include_str!("../data/ports.csv"));
        let rows = lines.iter().filter(|(_, f)| f[0].parse::<u16>().is_ok()).count();
        assert_eq!(known().len(), rows);
        let unique: BTreeSet<_> = known().iter().map(|i| (i.transport, i.port)).collect();
        assert_eq!(unique.len(), rows);
        let tcp = known().iter().filter(|i| i.transport == Transport::Tcp).count();
        assert!((180..=240).contains(&tcp), "{tcp}");
        for info in known() {
            assert_eq!(info.risk == Risk::None, info.why.is_empty(), "{}", info.port);
            assert!(info.points <= 40, "{}", info.port);
        }
    }

    #[test]
    fn remote_login_is_amber_and_plain_text_red() {
        let risk = |port| info(port, Transport::Tcp).map(|i| i.risk);
        assert_eq!(risk(22), Some(Risk::Amber));
        assert_eq!(risk(443), Some(Risk::None));
        for port in [21, 23, 80, 445, 5900] {
            assert_eq!(risk(port), Some(Risk::Red), "{port}");
        }
        assert_eq!(risk(6), None);
        assert_eq!(service(5353, Transport::Udp), Some("mdns"));
    }

    #[test]
    fn nothing_is_ever_sent_to_a_printer() {
        for port in [515, 9100] {
            assert_eq!(info(port, Transport::Tcp).map(|i| i.ask), Some(Ask::Nothing));
        }
    }

    #[test]
    fn banners_tell_service_and_version() {
        type Case = (&'static str, &'static [u8], Option<&'static str>, Option<&'static str>);
        let table: &[Case] = &[
            (
                "ssh",
                b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
                Some("ssh"),
                Some("OpenSSH 9.2p1 Debian-2"),
            ),
            ("http", b"SSH-2.0-dropbear\r\n", Some("ssh"), Some("dropbear")),
            (
                "http",
                b"HTTP/1.1 200 OK\r\nDate: now\r\nSERVER:  nginx/1.22.1 \r\n\r\n",
                Some("http"),
                Some("nginx/1.22.1"),
            ),
            ("http", b"HTTP/1.0 404 Not Found\r\n\r\n", Some("http"), None),
            ("ftp", b"220 (vsFTPd 3.0.3)\r\n", Some("ftp"), Some("(vsFTPd 3.0.3)")),
            ("smtp", b"220 mx ESMTP Postfix\r\n", Some("smtp"), Some("mx ESMTP Postfix")),
            ("vnc", b"RFB 003.008\n", Some("vnc"), Some("protocol 003.008")),
            (
                "mysql",
                b"J\0\0\0\n5.5.5-10.11.6-MariaDB\0abc",
                Some("mysql"),
                Some("10.11.6-MariaDB"),
            ),
            ("mysql", b"\xff\xff", None, None),
            ("pop3", b"+OK Dovecot ready.\r\n", Some("pop3"), Some("Dovecot ready.")),
            ("imap", b"* OK IMAP4rev1\r\n", Some("imap"), Some("IMAP4rev1")),
            (
                "telnet",
                b"\xff\xfd\x01\xff\xfb\x03\r\nBusyBox v1.2\r\nlogin: ",
                None,
                Some("BusyBox v1.2"),
            ),
            ("echo", b"", None, None),
        ];
        for (usual, bytes, service, version) in table {
            let banner = parse_banner(usual, bytes);
            assert_eq!(
                (banner.service, banner.version.as_deref()),
                (*service, *version),
                "{usual}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_banner_panics_or_grows(
            start in prop::sample::select(vec![
                &b""[..], b"SSH-", b"HTTP/1.1 200\r\nServer:", b"220", b"220 ", b"RFB ", b"+OK ",
                b"\xff\xfb", b"\0\0\0\0\n",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..400),
            usual in prop::sample::select(vec!["ssh", "mysql", "ftp", "telnet", "http"]),
        ) {
            let banner = parse_banner(usual, &[start, &rest].concat());
            if let Some(version) = banner.version {
                prop_assert!(!version.is_empty() && version.len() <= LONGEST_VERSION + 9);
                prop_assert!(version.chars().all(|c| c.is_ascii_graphic() || c == ' '));
            }
        }
    }
}
