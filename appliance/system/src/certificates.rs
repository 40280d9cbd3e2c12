//! When a certificate begins and ends to be valid (RFC 5280, 4.1): DER in, times out. Nothing else of
//! it is looked at.

use std::time::Duration;

use model::Timestamp;

/// Warn so long before a certificate ends.
pub const SOON: Duration = Duration::from_secs(30 * 86_400);

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which is optional, in brackets of its own.
const VERSION: u8 = 0xa0;

/// From when to when a certificate is valid; None for what is none.
pub fn validity(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = any(rest)?.2;
    }
    // Serial number, algorithm of the signature, issuer.
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (times, _) = element(rest, SEQUENCE)?;
    let (kind, value, rest) = any(times)?;
    let from = time(kind, value)?;
    let (kind, value, _) = any(rest)?;
    Some((from, time(kind, value)?))
}

/// The first element: its kind, its content, and what follows it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*kind, content, rest))
}

fn element(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (kind, content, rest) = any(bytes)?;
    (kind == wanted).then_some((content, rest))
}

/// `YYMMDDhhmmssZ`, whose years go from 1950 to 2049, or the same with four digits of the year.
fn time(kind: u8, value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let text = match kind {
        UTC_TIME => {
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (date, clock) = (
        [part(0, 4), part(4, 6), part(6, 8)].join("-"),
        [part(8, 10), part(10, 12), part(12, 14)].join(":"),
    );
    Timestamp::parse_rfc3339(&format!("{date}T{clock}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made() -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["router.lan".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2024, 2, 29);
        parameters.not_after = rcgen::date_time_ymd(2061, 12, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_ends_are_read_before_and_after_2050() {
        let (from, to) = validity(&made()).expect("a certificate");
        assert_eq!(Some(from), Timestamp::parse_rfc3339("2024-02-29T00:00:00Z"));
        assert_eq!(Some(to), Timestamp::parse_rfc3339("2061-12-31T00:00:00Z"));
        assert_eq!(validity(b"no certificate"), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, at in 0_usize..400, with: u8) {
            let _ = validity(&bytes);
            let mut changed = made();
            if let Some(octet) = changed.get_mut(at) {
                *octet = with;
            }
            let _ = validity(&changed);
            let _ = validity(&changed[..at.min(changed.len())]);
        }
    }
}
