//! DNS messages (RFC 1035; RFC 2782 for SRV, RFC 3596 for AAAA, RFC 6891 for the larger datagram).
//! Pure.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;

/// The most records of an answer that are shown.
const MOST_RECORDS: usize = 200;
/// The longest name, in bytes, and the most pointers in one.
const LONGEST_NAME: usize = 255;
const MOST_POINTERS: usize = 16;
const HEADER: usize = 12;
/// The largest datagram that we take.
const DATAGRAM: u16 = 1_232;

/// Which records are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// The name of an address.
    Ptr,
    /// Who takes mail.
    Mx,
    /// Text.
    Txt,
    /// Who is responsible.
    Ns,
    /// Where a service is.
    Srv,
    /// Another name.
    Cname,
    /// The zone.
    Soa,
}

impl RecordKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::A,
        Self::Aaaa,
        Self::Ptr,
        Self::Mx,
        Self::Txt,
        Self::Ns,
        Self::Srv,
        Self::Cname,
        Self::Soa,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Ptr => "PTR",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Ns => "NS",
            Self::Srv => "SRV",
            Self::Cname => "CNAME",
            Self::Soa => "SOA",
        }
    }

    const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Ptr => 12,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
        }
    }
}

impl std::str::FromStr for RecordKind {
    type Err = crate::SystemError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            crate::SystemError::invalid("kind", "give A, AAAA, PTR, MX, TXT, NS, SRV, CNAME or SOA")
        })
    }
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsRecord {
    /// Whose it is.
    pub name: String,
    /// Its kind, such as `MX`, or `TYPE65` for one without a name here.
    pub kind: String,
    /// Seconds that it may be kept.
    pub ttl: u32,
    /// Its value as dig(1) writes it.
    pub value: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: String,
    pub(super) is_authoritative: bool,
    pub(super) is_authentic: bool,
    /// It did not fit into the datagram.
    pub(super) is_cut: bool,
    pub(super) records: Vec<DnsRecord>,
}

/// A question by a recursive client. The name has been checked.
pub(super) fn question(id: u16, name: &str, kind: RecordKind) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend(id.to_be_bytes());
    // Recursion desired, authentic data wanted; one question, one additional record.
    bytes.extend([0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len().min(63) as u8);
        bytes.extend(label.bytes().take(63));
    }
    bytes.push(0);
    bytes.extend(kind.number().to_be_bytes());
    bytes.extend([0, 1]);
    // OPT: the root's name, the largest datagram, no flags, no data.
    bytes.extend([0, 0, 41]);
    bytes.extend(DATAGRAM.to_be_bytes());
    bytes.extend([0; 6]);
    bytes
}

/// Reads the answer to a question; None for anything else.
pub(super) fn read(bytes: &[u8], id: u16, question: &[u8]) -> Option<Reply> {
    let flags = be16(bytes, 2)?;
    let asked = question.get(HEADER..question.len().checked_sub(11)?)?;
    let echoed = bytes.get(HEADER..HEADER.checked_add(asked.len())?);
    let is_answer = be16(bytes, 0)? == id && flags & 0x8000 != 0;
    // A server that cannot read a question need not repeat it.
    let has_question = be16(bytes, 4)? == 1;
    if !is_answer || has_question && !echoed.is_some_and(|e| e.eq_ignore_ascii_case(asked)) {
        return None;
    }
    let mut at = if has_question { HEADER + asked.len() } else { HEADER };
    let mut records = Vec::new();
    for _ in 0..usize::from(be16(bytes, 6)?).min(MOST_RECORDS) {
        let Some((record, next)) = record(bytes, at) else {
            break;
        };
        records.push(record);
        at = next;
    }
    Some(Reply {
        status: status(flags & 15),
        is_authoritative: flags & 0x0400 != 0,
        is_authentic: flags & 0x0020 != 0,
        is_cut: flags & 0x0200 != 0,
        records,
    })
}

fn status(code: u16) -> String {
    let name = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        _ => return format!("RCODE{code}"),
    };
    name.to_owned()
}

/// A record and where the next begins.
fn record(bytes: &[u8], at: usize) -> Option<(DnsRecord, usize)> {
    let (name, at) = name(bytes, at)?;
    let number = be16(bytes, at)?;
    let ttl = u32::from(be16(bytes, at + 4)?) << 16 | u32::from(be16(bytes, at + 6)?);
    let begin = at + 10;
    let end = begin.checked_add(be16(bytes, at + 8)?.into())?;
    let data = bytes.get(begin..end)?;
    let kind = RecordKind::ALL.into_iter().find(|kind| kind.number() == number);
    let value = kind.and_then(|kind| value(kind, bytes, begin, data)).unwrap_or_else(|| hex(data));
    let kind = kind.map_or_else(|| format!("TYPE{number}"), |kind| kind.as_str().to_owned());
    Some((DnsRecord { name, kind, ttl, value }, end))
}

fn value(kind: RecordKind, bytes: &[u8], begin: usize, data: &[u8]) -> Option<String> {
    let text = match kind {
        RecordKind::A => Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string(),
        RecordKind::Aaaa => Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string(),
        RecordKind::Ptr | RecordKind::Ns | RecordKind::Cname => name(bytes, begin)?.0,
        RecordKind::Mx => format!("{} {}", be16(data, 0)?, name(bytes, begin + 2)?.0),
        RecordKind::Srv => {
            let (priority, weight, port) = (be16(data, 0)?, be16(data, 2)?, be16(data, 4)?);
            format!("{priority} {weight} {port} {}", name(bytes, begin + 6)?.0)
        }
        RecordKind::Txt => texts(data)?,
        RecordKind::Soa => {
            let (primary, at) = name(bytes, begin)?;
            let (mailbox, at) = name(bytes, at)?;
            let number = |place: usize| {
                let (high, low) = (be16(bytes, at + place * 4)?, be16(bytes, at + place * 4 + 2)?);
                Some(u32::from(high) << 16 | u32::from(low))
            };
            let numbers: Option<Vec<String>> =
                (0..5).map(|place| number(place).map(|n| n.to_string())).collect();
            format!("{primary} {mailbox} {}", numbers?.join(" "))
        }
    };
    Some(text)
}

/// Strings, each behind its length.
fn texts(mut data: &[u8]) -> Option<String> {
    let mut text = String::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, tail) = rest.split_at_checked(usize::from(*length))?;
        if !text.is_empty() {
            text.push(' ');
        }
        text.push('"');
        escape(string, b"\"\\", &mut text);
        text.push('"');
        data = tail;
    }
    Some(text)
}

/// A name and where what follows it begins.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut text, mut after, mut pointers, mut length) = (String::new(), None, 0, 0);
    loop {
        let first = *bytes.get(at)?;
        match first {
            0 => break,
            1..=63 => {
                let label = bytes.get(at + 1..at + 1 + usize::from(first))?;
                length += label.len() + 1;
                if length > LONGEST_NAME {
                    return None;
                }
                escape(label, b".\\\"", &mut text);
                text.push('.');
                at += 1 + label.len();
            }
            0xc0.. => {
                pointers += 1;
                if pointers > MOST_POINTERS {
                    return None;
                }
                after.get_or_insert(at + 2);
                at = usize::from(be16(bytes, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    Some((text, after.unwrap_or(at + 1)))
}

/// Writes what is not plain text as `\DDD` (RFC 1035, 5.1).
fn escape(bytes: &[u8], special: &[u8], text: &mut String) {
    for byte in bytes {
        if special.contains(byte) {
            text.push('\\');
            text.push(char::from(*byte));
        } else if (0x20..0x7f).contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "\\{byte:03}");
        }
    }
}

/// Data of an unknown kind (RFC 3597, 5).
fn hex(data: &[u8]) -> String {
    let mut text = format!("\\# {} ", data.len());
    for byte in data {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The answer to a question with these records, each of a kind and its data.
    fn answer(question: &[u8], flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = question[..2].to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend([0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        bytes.extend(&question[HEADER..question.len() - 11]);
        for (kind, data) in records {
            bytes.extend([0xc0, 12]);
            bytes.extend(kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 1, 44]);
            bytes.extend((data.len() as u16).to_be_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn records_are_shown_as_dig_shows_them() {
        let asked = question(7, "example.org", RecordKind::Mx);
        let bytes = answer(
            &asked,
            0x85a0,
            &[
                (1, &[192, 0, 2, 1]),
                (15, &[0, 10, 4, b'm', b'a', b'i', b'l', 0xc0, 12]),
                (16, b"\x05a\"b\x07c\x02ok"),
                (33, &[0, 1, 0, 2, 0x13, 0xc4, 0xc0, 12]),
                (65, &[1, 2]),
            ],
        );
        let reply = read(&bytes, 7, &asked).expect("an answer");
        assert!(reply.is_authoritative && reply.is_authentic && !reply.is_cut);
        let seen: Vec<_> =
            reply.records.iter().map(|r| format!("{} {}", r.kind, r.value)).collect();
        assert_eq!(
            seen,
            [
                "A 192.0.2.1",
                "MX 10 mail.example.org.",
                "TXT \"a\\\"b\\007c\" \"ok\"",
                "SRV 1 2 5060 example.org.",
                "TYPE65 \\# 2 0102"
            ]
        );
        assert_eq!((reply.records[0].name.as_str(), reply.records[0].ttl), ("example.org.", 300));
    }

    #[test]
    fn an_answer_to_another_question_is_not_taken() {
        let asked = question(7, "example.org", RecordKind::A);
        let other = question(7, "example.net", RecordKind::A);
        assert!(read(&answer(&asked, 0x8180, &[]), 8, &asked).is_none());
        assert!(read(&answer(&other, 0x8180, &[]), 7, &asked).is_none());
        assert!(read(&answer(&asked, 0x0180, &[]), 7, &asked).is_none(), "no answer");
        let none = read(&answer(&asked, 0x8183, &[]), 7, &asked).expect("an answer");
        assert_eq!(none.status, "NXDOMAIN");
    }

    #[test]
    fn a_name_that_points_at_itself_ends() {
        let asked = question(7, "example.org", RecordKind::Cname);
        let mut bytes = answer(&asked, 0x8180, &[(5, &[0xc0, 0])]);
        let at = bytes.len() as u16 - 2;
        let end = bytes.len() - 2;
        bytes[end..].copy_from_slice(&(0xc000 | at).to_be_bytes());
        let reply = read(&bytes, 7, &asked).expect("an answer");
        assert!(reply.records[0].value.starts_with("\\#"), "{reply:?}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(tail: Vec<u8>, flags: u16, count: u8) {
            let asked = question(7, "example.org", RecordKind::Txt);
            let mut bytes = answer(&asked, flags | 0x8000, &[]);
            bytes[7] = count;
            bytes.extend(tail);
            let _ = read(&bytes, 7, &asked);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = read(&bytes, 0, &bytes);
        }
    }
}
