//! Records of a database: typed values in maps and lists, of which only a few are of use.

use super::mmdb::{Bytes, MmdbError};
use crate::world::City;

/// What is taken of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Record {
    country: Option<[u8; 2]>,
    system: Option<u32>,
}

/// A value that is neither a map nor a list.
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(u64),
    Real(f64),
}

/// Values of a record, maps and lists deep, and octets of a text at most.
const MOST_VALUES: usize = 4_096;
const DEEPEST: usize = 6;
const LONGEST: u64 = 512;
/// Characters of a name that are shown.
const LONGEST_NAME: usize = 80;

impl Record {
    pub(super) fn country(&self) -> Option<[u8; 2]> {
        self.country
    }

    pub(super) fn system(&self) -> Option<u32> {
        self.system
    }

    /// Takes a value where it is one of those that are of use, as the vendors name them.
    pub(super) fn take(&mut self, path: &[&str], value: Scalar<'_>, name: &mut Option<String>) {
        match (path, value) {
            (["country", "iso_code"] | ["country_code" | "country"], Scalar::Text(code)) => {
                self.country = code_of(code).or(self.country);
            }
            (["registered_country", "iso_code"], Scalar::Text(code)) => {
                self.country = self.country.or(code_of(code));
            }
            (["autonomous_system_number" | "asn"], Scalar::Number(number)) => {
                self.system = u32::try_from(number).ok().filter(|n| *n > 0);
            }
            (["asn"], Scalar::Text(text)) => {
                self.system = text.strip_prefix("AS").unwrap_or(text).parse().ok();
            }
            (["autonomous_system_organization" | "as_name"], Scalar::Text(text)) => {
                *name = Some(shown(text));
            }
            _ => {}
        }
    }
}

/// Whether a database with such a record tells of towns, as `MaxMind` and DB-IP write them.
pub(super) fn is_of_cities(path: &[&str]) -> bool {
    matches!(path, ["city", "names", "en"])
}

/// What of a record makes a town; None where it names neither a town nor a part of a country.
pub(super) fn city(bytes: &mut dyn Bytes, data: u64, at: u64) -> Result<Option<City>, MmdbError> {
    let mut city = City::default();
    let (mut latitude, mut longitude) = (None, None);
    walk(bytes, data, at, &mut |path, value| match (path, value) {
        (path, Scalar::Text(text)) if is_of_cities(path) => city.name = shown(text),
        // The first part is the largest.
        (["subdivisions", "", "names", "en"], Scalar::Text(text)) if city.region.is_empty() => {
            city.region = shown(text);
        }
        (["location", "latitude"], Scalar::Real(degrees)) => latitude = Some(degrees),
        (["location", "longitude"], Scalar::Real(degrees)) => longitude = Some(degrees),
        _ => {}
    })?;
    let on_earth =
        |(latitude, longitude): &(f64, f64)| latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    city.at = latitude.zip(longitude).filter(on_earth);
    Ok((!city.name.is_empty() || !city.region.is_empty()).then_some(city))
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

fn code_of(text: &str) -> Option<[u8; 2]> {
    let code: [u8; 2] = text.as_bytes().try_into().ok()?;
    code.iter().all(u8::is_ascii_uppercase).then_some(code)
}

struct Walker<'a, 'b> {
    bytes: &'a mut dyn Bytes,
    /// Where the records begin, from where pointers count.
    data: u64,
    left: usize,
    give: &'a mut dyn FnMut(&[&str], Scalar<'_>),
    path: &'b mut Vec<String>,
}

/// Gives each text and number of the value at an offset, with the keys that lead there.
pub(super) fn walk(
    bytes: &mut dyn Bytes,
    data: u64,
    at: u64,
    give: &mut dyn FnMut(&[&str], Scalar<'_>),
) -> Result<(), MmdbError> {
    let mut path = Vec::new();
    Walker { bytes, data, left: MOST_VALUES, give, path: &mut path }.value(at).map(|_| ())
}

/// Types of values, by their numbers in the format.
mod kind {
    pub(super) const POINTER: u8 = 1;
    pub(super) const TEXT: u8 = 2;
    pub(super) const DOUBLE: u8 = 3;
    pub(super) const BYTES: u8 = 4;
    pub(super) const U16: u8 = 5;
    pub(super) const U32: u8 = 6;
    pub(super) const MAP: u8 = 7;
    pub(super) const I32: u8 = 8;
    pub(super) const U64: u8 = 9;
    pub(super) const U128: u8 = 10;
    pub(super) const LIST: u8 = 11;
    pub(super) const BOOLEAN: u8 = 14;
    pub(super) const FLOAT: u8 = 15;
}

impl Walker<'_, '_> {
    fn octets<const N: usize>(&mut self, at: u64) -> Result<[u8; N], MmdbError> {
        let mut octets = [0; N];
        self.bytes.read(at, &mut octets)?;
        Ok(octets)
    }

    /// A big-endian number of up to eight octets.
    fn number(&mut self, at: u64, length: u64) -> Result<u64, MmdbError> {
        let length = usize::try_from(length).ok().filter(|length| *length <= 8);
        let length = length.ok_or(MmdbError::Damaged("the length of a number"))?;
        let mut octets = [0; 8];
        self.bytes.read(at, &mut octets[8 - length..])?;
        Ok(u64::from_be_bytes(octets))
    }

    /// Type, size and where the value itself begins; for a pointer the size is where it points.
    fn control(&mut self, at: u64) -> Result<(u8, u64, u64), MmdbError> {
        let [control] = self.octets(at)?;
        let mut next = at + 1;
        let (mut kind, size) = (control >> 5, u64::from(control & 31));
        if kind == kind::POINTER {
            let (extra, high) = (size >> 3, size & 7);
            let low = self.number(next, extra + 1)?;
            let to = match extra {
                0 => high << 8 | low,
                1 => (high << 16 | low) + 2_048,
                2 => (high << 24 | low) + 526_336,
                _ => low,
            };
            return Ok((kind, to, next + extra + 1));
        }
        if kind == 0 {
            let [more] = self.octets(next)?;
            kind = more.saturating_add(7);
            next += 1;
        }
        let (more, base) = match size {
            29 => (1, 29),
            30 => (2, 285),
            31 => (3, 65_821),
            _ => return Ok((kind, size, next)),
        };
        Ok((kind, base + self.number(next, more)?, next + more))
    }

    /// Walks a value; gives where the next begins.
    fn value(&mut self, at: u64) -> Result<u64, MmdbError> {
        self.left = self.left.checked_sub(1).ok_or(MmdbError::Damaged("a record without end"))?;
        let (kind, size, next) = self.control(at)?;
        match kind {
            kind::POINTER => {
                let to = self.data.checked_add(size).ok_or(MmdbError::Short)?;
                if self.control(to)?.0 == kind::POINTER {
                    return Err(MmdbError::Damaged("a pointer to a pointer"));
                }
                self.value(to)?;
                return Ok(next);
            }
            kind::MAP | kind::LIST => {
                if self.path.len() >= DEEPEST {
                    return Err(MmdbError::Damaged("a record that is too deep"));
                }
                let mut next = next;
                for _ in 0..size {
                    if kind == kind::MAP {
                        let (key, after) = self.key(next)?;
                        self.path.push(key);
                        next = after;
                    } else {
                        self.path.push(String::new());
                    }
                    next = self.value(next)?;
                    self.path.pop();
                }
                return Ok(next);
            }
            kind::TEXT if size <= LONGEST => {
                let mut octets = vec![0; size as usize];
                self.bytes.read(next, &mut octets)?;
                self.tell(Scalar::Text(&String::from_utf8_lossy(&octets)));
            }
            kind::U16 | kind::U32 | kind::U64 => {
                let number = self.number(next, size)?;
                self.tell(Scalar::Number(number));
            }
            kind::DOUBLE if size == 8 => {
                let number = self.number(next, 8)?;
                self.tell(Scalar::Real(f64::from_bits(number)));
            }
            kind::FLOAT if size == 4 => {
                let number = self.number(next, 4)?;
                self.tell(Scalar::Real(f32::from_bits(number as u32).into()));
            }
            // A boolean's size is its value.
            kind::BOOLEAN => return Ok(next),
            kind::TEXT | kind::DOUBLE | kind::BYTES | kind::I32 | kind::U128 | kind::FLOAT => {}
            _ => return Err(MmdbError::Damaged("a value of no known type")),
        }
        next.checked_add(size).ok_or(MmdbError::Short)
    }

    fn tell(&mut self, value: Scalar<'_>) {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        (self.give)(&path, value);
    }

    /// A key, which may be a pointer to one; and where its value begins.
    fn key(&mut self, at: u64) -> Result<(String, u64), MmdbError> {
        let (mut kind, mut size, mut from) = self.control(at)?;
        let mut next = from;
        if kind == kind::POINTER {
            (kind, size, from) = self.control(self.data.saturating_add(size))?;
        } else {
            next = next.saturating_add(size);
        }
        if kind != kind::TEXT || size > LONGEST {
            return Err(MmdbError::Damaged("a key that is no text"));
        }
        let mut octets = vec![0; size as usize];
        self.bytes.read(from, &mut octets)?;
        Ok((String::from_utf8_lossy(&octets).into_owned(), next))
    }
}
