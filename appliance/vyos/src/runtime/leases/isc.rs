//! The lease file of ISC's server: a log of blocks, of which the last for an address counts (see
//! dhcpd.leases(5)). Times are UTC.

use std::collections::BTreeMap;

use super::{Lease, LeaseState};
use crate::facts::Family;

/// More addresses than this have no lease that is shown.
const MOST: usize = 262_144;

/// Reads a server's file. Lines that are not understood are passed over.
pub fn parse_isc(family: Family, text: &str) -> Vec<Lease> {
    let mut leases: BTreeMap<std::net::IpAddr, Lease> = BTreeMap::new();
    // The station of a block of IPv6, and the block that is being read.
    let (mut client, mut open): (Option<String>, Option<Lease>) = (None, None);
    for line in text.lines().map(str::trim) {
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        if let Some(head) = line.strip_suffix('{') {
            let (word, what) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
            match (word, family) {
                ("lease", Family::Ipv4) | ("iaaddr" | "iaprefix", Family::Ipv6) => {
                    open = begin(what.trim(), client.clone());
                }
                ("ia-na" | "ia-ta" | "ia-pd", Family::Ipv6) => {
                    client = identifier(what.trim().trim_matches('"'));
                }
                _ => {}
            }
        } else if line == "}" {
            if let Some(lease) = open.take()
                && let Ok(address) = lease.address.parse()
                && (leases.len() < MOST || leases.contains_key(&address))
            {
                leases.insert(address, lease);
            }
        } else if let (Some(lease), Some(statement)) = (&mut open, line.strip_suffix(';')) {
            learn(lease, statement);
        }
    }
    leases.into_values().filter(|lease| lease.noted != LeaseState::Free).collect()
}

fn begin(what: &str, client_id: Option<String>) -> Option<Lease> {
    let (address, length) = match what.split_once('/') {
        Some((address, length)) => (address, Some(length.parse().ok()?)),
        None => (what, None),
    };
    address.parse::<std::net::IpAddr>().ok()?;
    Some(Lease {
        address: address.to_owned(),
        prefix_length: length,
        mac: None,
        client_id,
        hostname: None,
        start: None,
        end: None,
        noted: LeaseState::Active,
        subnet_id: None,
    })
}

fn learn(lease: &mut Lease, statement: &str) {
    let words: Vec<&str> = statement.split_ascii_whitespace().collect();
    match words.as_slice() {
        ["starts", time @ ..] => lease.start = moment(time),
        ["ends", time @ ..] => lease.end = moment(time),
        ["binding", "state", state] => {
            lease.noted = match *state {
                "active" => LeaseState::Active,
                "expired" => LeaseState::Expired,
                "released" | "reset" => LeaseState::Released,
                "abandoned" => LeaseState::Declined,
                _ => LeaseState::Free,
            };
        }
        ["hardware", "ethernet", mac] => lease.mac = Some(mac.to_ascii_lowercase()),
        ["client-hostname", ..] => {
            let name = statement.trim_start_matches("client-hostname").trim();
            lease.hostname = Some(unescape(name.trim_matches('"')));
        }
        ["uid", ..] => lease.client_id = identifier_v4(statement.trim_start_matches("uid").trim()),
        _ => {}
    }
}

/// `4 2026/11/19 10:00:00`, `epoch 1795082400` or `never`.
fn moment(words: &[&str]) -> Option<u64> {
    match words {
        ["epoch", seconds] => seconds.parse().ok(),
        [_, day, time] => {
            let mut day = day.split('/').map(str::parse::<i64>);
            let (year, month, date) = (day.next()?.ok()?, day.next()?.ok()?, day.next()?.ok()?);
            let mut time = time.split(':').map(str::parse::<i64>);
            let (hour, minute, second) =
                (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
            let plausible = (1970..3000).contains(&year)
                && (1..=12).contains(&month)
                && (1..=31).contains(&date)
                && (0..24).contains(&hour)
                && (0..60).contains(&minute)
                && (0..=60).contains(&second);
            let seconds = days(year, month, date) * 86_400 + hour * 3_600 + minute * 60 + second;
            plausible.then_some(seconds).and_then(|seconds| u64::try_from(seconds).ok())
        }
        _ => None,
    }
}

/// Days since 1970 of a date of the Gregorian calendar. Years begin in March here, so that the day
/// of a leap year is the last.
fn days(year: i64, month: i64, date: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

fn identifier_v4(text: &str) -> Option<String> {
    let bytes = bytes(text.trim_matches('"'));
    (!bytes.is_empty()).then(|| hex(&bytes))
}

/// The DUID of a block of IPv6, behind four bytes of the interface.
fn identifier(text: &str) -> Option<String> {
    let bytes = bytes(text);
    bytes.get(4..).filter(|duid| !duid.is_empty()).map(hex)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn unescape(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

/// Bytes of a text in which `\ooo` is one in octal and `\c` the character itself.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let octal = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            out.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else if let Some((plain, after)) = after.split_first() {
            out.push(*plain);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_since_1970() {
        for (text, wanted) in [
            ("4 1970/01/01 00:00:00", Some(0)),
            ("2 2000/02/29 12:00:00", Some(951_825_600)),
            ("4 2026/11/19 10:00:00", Some(1_795_082_400)),
            ("epoch 1795082400", Some(1_795_082_400)),
            ("never", None),
            ("4 2026/13/19 10:00:00", None),
        ] {
            assert_eq!(moment(&text.split(' ').collect::<Vec<_>>()), wanted, "{text}");
        }
    }
}
