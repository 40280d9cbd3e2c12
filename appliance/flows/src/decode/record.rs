//! The complete view of a record, for tools: every field by its name, rendered by its type.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Timestamp;

use super::Version;
use super::elements::{Kind, element};
use super::layout::{Field, walk};
use super::slot::REVERSE;
use super::wire::{Reader, number};
use crate::flow::Flow;

/// One record as it came, and what was made of it.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Who sent it.
    pub exporter: IpAddr,
    /// In what.
    pub version: Version,
    /// Observation domain or source identifier; of v5 engine type × 256 + engine, of sFlow the
    /// sub-agent.
    pub domain: u32,
    /// The template's number; 0 where there are none.
    pub template: u16,
    /// What it tells; without octets and packets if it tells of no traffic.
    pub flow: &'a Flow,
    /// The way back, if it tells of it.
    pub reverse: Option<&'a Flow>,
    pub(crate) fields: &'a [Field],
    pub(crate) bytes: &'a [u8],
}

/// A field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number without sign.
    Unsigned(u64),
    /// A number with sign.
    Signed(i64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
    /// An address, a time (RFC 3339), text, or octets as hexadecimal digits.
    Text(String),
}

/// Filling, which means nothing (`paddingOctets`).
const PADDING: u16 = 210;

impl Record<'_> {
    /// Every field by its name in IANA's registry, in the order of the template. Those of
    /// enterprises are `enterprise<number>_<element>`, in hexadecimal. What comes twice gets a
    /// number from 2.
    pub fn each(&self, mut each: impl FnMut(&str, Value)) {
        let mut reader = Reader::new(self.bytes);
        let mut name = String::new();
        // `None` only if the record is cut off, which was checked when it was read.
        let _ = walk(self.fields, &mut reader, |index, bytes| {
            let Some(field) = self.fields.get(index) else { return };
            if field.pen == 0 && field.id == PADDING {
                return;
            }
            name.clear();
            let kind = write_name(*field, &mut name);
            let same = |other: &&Field| (other.pen, other.id) == (field.pen, field.id);
            let before = self.fields.iter().take(index).filter(same).count();
            if before > 0 {
                let _ = write!(name, "_{}", before + 1);
            }
            each(&name, value(kind, bytes));
        });
    }
}

fn write_name(field: Field, name: &mut String) -> Kind {
    let known = element(field.id).filter(|_| field.pen == 0 || field.pen == REVERSE);
    match known {
        Some((kind, known)) if field.pen == REVERSE => {
            // RFC 5103, 6.1.
            let mut letters = known.chars();
            name.push_str("reverse");
            name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            name.push_str(letters.as_str());
            kind
        }
        Some((kind, known)) => {
            name.push_str(known);
            kind
        }
        None if field.pen == 0 => {
            let _ = write!(name, "unassigned_{}", field.id);
            Kind::Octets
        }
        None => {
            let _ = write!(name, "enterprise{}_{}", field.pen, field.id);
            Kind::Octets
        }
    }
}

fn value(kind: Kind, bytes: &[u8]) -> Value {
    let as_number = (!bytes.is_empty() && bytes.len() <= 8).then(|| number(bytes));
    let text = |text: String| Value::Text(text);
    match (kind, as_number, bytes.len()) {
        (Kind::Signed, Some(number), length) => {
            let shift = 64 - 8 * length as u32;
            Value::Signed((number << shift).cast_signed() >> shift)
        }
        (Kind::Float, Some(number), 4) => Value::Float(f32::from_bits(number as u32).into()),
        (Kind::Float, Some(number), 8) => Value::Float(f64::from_bits(number)),
        // RFC 7011, 6.1.5.
        (Kind::Boolean, Some(1), 1) => Value::Boolean(true),
        (Kind::Boolean, Some(2), 1) => Value::Boolean(false),
        (Kind::Unsigned | Kind::Boolean, Some(number), _) => Value::Unsigned(number),
        (Kind::Ipv4, Some(number), 4) => text(Ipv4Addr::from(number as u32).to_string()),
        (Kind::Ipv6, _, 16) => {
            let octets = <[u8; 16]>::try_from(bytes).unwrap_or_default();
            text(Ipv6Addr::from(octets).to_string())
        }
        (Kind::Mac, Some(number), 6) => text(model::Mac::from_u64(number).to_string()),
        (Kind::Text, _, _) => {
            let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            text(String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned())
        }
        (Kind::Seconds, Some(number), _) if number <= MAX_SECONDS => {
            text(Timestamp::from_secs(number as i64).to_string())
        }
        (Kind::Milliseconds, Some(number), _) if number / 1000 <= MAX_SECONDS => {
            text(Timestamp(number as i64).to_string())
        }
        (Kind::Microseconds, Some(number), 8) => ntp(number, 6),
        (Kind::Nanoseconds, Some(number), 8) => ntp(number, 9),
        _ => text(hex(bytes)),
    }
}

/// The year 9999 ends.
const MAX_SECONDS: u64 = 253_402_300_799;

/// NTP's 64 bits with this many digits behind the second.
fn ntp(value: u64, digits: usize) -> Value {
    const EPOCH: i64 = 2_208_988_800;
    let whole = Timestamp::from_secs((value >> 32) as i64 - EPOCH).to_string();
    let nanoseconds = ((value & 0xffff_ffff) * 1_000_000_000) >> 32;
    let fraction = format!("{nanoseconds:09}");
    let whole = whole.split(['.', 'Z']).next().unwrap_or_default();
    Value::Text(format!("{whole}.{}Z", fraction.get(..digits).unwrap_or_default()))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: Kind, bytes: &[u8]) -> String {
        match value(kind, bytes) {
            Value::Text(text) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn values_are_written_as_their_types_say() {
        assert_eq!(value(Kind::Unsigned, &[1, 0, 0]), Value::Unsigned(65_536));
        assert_eq!(value(Kind::Signed, &[0xff, 0xfe]), Value::Signed(-2));
        assert_eq!(value(Kind::Float, &0.5_f64.to_be_bytes()), Value::Float(0.5));
        assert_eq!(value(Kind::Boolean, &[2]), Value::Boolean(false));
        assert_eq!(text(Kind::Ipv4, &[192, 0, 2, 1]), "192.0.2.1");
        assert_eq!(text(Kind::Mac, &[0, 1, 2, 0xaa, 0xbb, 0xcc]), "00:01:02:aa:bb:cc");
        assert_eq!(text(Kind::Text, b"eth0\0\0\0"), "eth0");
        assert_eq!(text(Kind::Octets, &[0xde, 0xad]), "dead");
        assert_eq!(text(Kind::Unsigned, &[1; 9]), "010101010101010101");
        assert_eq!(text(Kind::Ipv6, &[1; 4]), "01010101");
    }

    #[test]
    fn times_are_written_with_the_digits_they_have() {
        assert_eq!(
            text(Kind::Seconds, &1_700_000_000_u32.to_be_bytes()),
            "2023-11-14T22:13:20.000Z"
        );
        let ntp = (1_700_000_000_u64 + 2_208_988_800) << 32 | 1 << 31;
        assert_eq!(text(Kind::Microseconds, &ntp.to_be_bytes()), "2023-11-14T22:13:20.500000Z");
        assert_eq!(text(Kind::Nanoseconds, &ntp.to_be_bytes()), "2023-11-14T22:13:20.500000000Z");
        assert_eq!(text(Kind::Milliseconds, &[0xff; 8]), "ffffffffffffffff");
    }

    #[test]
    fn reverse_and_enterprise_fields_have_names_too() {
        let name = |pen, id| {
            let mut name = String::new();
            write_name(Field { pen, id, length: 4 }, &mut name);
            name
        };
        assert_eq!(name(REVERSE, 1), "reverseOctetDeltaCount");
        assert_eq!(name(6871, 40), "enterprise6871_40");
        assert_eq!(name(0, 20_000), "unassigned_20000");
    }
}
