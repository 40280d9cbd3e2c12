//! Who made a network interface: IEEE registry prefixes to vendor names people recognise.
//!
//! In: a MAC address. Out: the vendor's short name, or nothing for addresses that were chosen by
//! software. The table is compiled in (`data/oui.bin`, written by `scripts/update-oui`), so no
//! network is needed at run time. IEEE claims no copyright in its public listing.
//!
//! Layout of the table, integers little-endian, prefixes as they stand in the address:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `POUI` |
//! | 4 | layout version, 1 |
//! | 8 | FNV-1a 64 of all that follows |
//! | 4 each | number of 24, 28 and 36 bit prefixes, number of names, bytes of names |
//! | 3 + 2 | a 24 bit prefix and its name's number, sorted |
//! | 4 + 2 | a 28 bit prefix, low nibble zero, and its name's number, sorted |
//! | 5 + 2 | a 36 bit prefix, low nibble zero, and its name's number, sorted |
//! | 3 each | where each name ends within the names |
//! | rest | the names, UTF-8; name 0 is empty: registered, but to nobody who is named |

use std::io::Read as _;
use std::sync::LazyLock;

use flate2::read::DeflateDecoder;
use model::Mac;

pub mod build;
pub(crate) mod csv;
mod name;

pub use name::shorten;

/// Packed by `build.rs`.
static COMPILED_IN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/oui.bin.deflate"));
/// The most that the table may be.
const LARGEST: u64 = 1 << 20;

static UNPACKED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    // What is cut short or damaged does not parse.
    let _ = DeflateDecoder::new(COMPILED_IN).take(LARGEST).read_to_end(&mut bytes);
    bytes.shrink_to_fit();
    bytes
});

static TABLE: LazyLock<Option<Table<'static>>> = LazyLock::new(|| Table::parse(&UNPACKED).ok());

const MAGIC: &[u8; 4] = b"POUI";
const LAYOUT: u32 = 1;
const HEADER: usize = 4 + 4 + 8 + 5 * 4;

/// The vendor of an address by the longest registered prefix (MA-S and IAB, then MA-M, then MA-L).
///
/// `None` for locally administered, multicast and unregistered addresses, and for blocks whose
/// owner asked IEEE not to be named.
pub fn lookup(mac: Mac) -> Option<&'static str> {
    TABLE.as_ref()?.lookup(mac)
}

/// All names of the table.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|table| (0..table.ends.len()).filter_map(|n| table.name(n)))
}

/// Why a vendor table was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The bytes are something else, or of another layout version.
    #[error("vendor table: no table of layout version {LAYOUT}")]
    Foreign,
    /// The sections do not add up to the length.
    #[error("vendor table: the sections do not fit its length")]
    Length,
    /// The checksum differs.
    #[error("vendor table: checksum differs, the file is damaged")]
    Checksum,
    /// A section is not sorted, or points outside the names.
    #[error("vendor table: section {0} is out of order or out of bounds")]
    Section(&'static str),
}

/// A vendor table over borrowed bytes, checked whole when it is parsed.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    large: &'a [[u8; 5]],
    medium: &'a [[u8; 6]],
    small: &'a [[u8; 7]],
    ends: &'a [[u8; 3]],
    names: &'a str,
}

impl<'a> Table<'a> {
    /// Checks length, checksum, order and bounds; a table that is returned can be searched.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TableError> {
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(TableError::Foreign)?;
        let word = |at: usize| {
            header[at..].first_chunk().map_or(0, |octets| u32::from_le_bytes(*octets)) as usize
        };
        if &header[..4] != MAGIC || word(4) != LAYOUT as usize {
            return Err(TableError::Foreign);
        }
        // The checksum covers the counts as well, so that they are believed only when whole.
        if header[8..16] != fnv1a(&bytes[16..]).to_le_bytes() {
            return Err(TableError::Checksum);
        }
        let mut rest = body;
        let large = section(&mut rest, word(16), 5)?.as_chunks().0;
        let medium = section(&mut rest, word(20), 6)?.as_chunks().0;
        let small = section(&mut rest, word(24), 7)?.as_chunks().0;
        let ends = section(&mut rest, word(28), 3)?.as_chunks().0;
        let names = section(&mut rest, word(32), 1)?;
        if !rest.is_empty() {
            return Err(TableError::Length);
        }
        let names = std::str::from_utf8(names).map_err(|_| TableError::Section("names"))?;
        let table = Self { large, medium, small, ends, names };
        table.check()?;
        Ok(table)
    }

    fn check(&self) -> Result<(), TableError> {
        let mut last = 0;
        for end in self.ends {
            let end = number(end) as usize;
            if end < last || !self.names.is_char_boundary(end) {
                return Err(TableError::Section("names"));
            }
            last = end;
        }
        if last != self.names.len() {
            return Err(TableError::Section("names"));
        }
        let names = self.ends.len();
        check_prefixes::<3, 5>(self.large, names, "24 bit")?;
        check_prefixes::<4, 6>(self.medium, names, "28 bit")?;
        check_prefixes::<5, 7>(self.small, names, "36 bit")
    }

    /// The vendor of an address; see [`lookup`].
    pub fn lookup(&self, mac: Mac) -> Option<&'a str> {
        if mac.is_locally_administered() || !mac.is_station() {
            return None;
        }
        let [a, b, c, d, e, _] = mac.0;
        let found = find([a, b, c, d, e & 0xf0], self.small)
            .or_else(|| find([a, b, c, d & 0xf0], self.medium))
            .or_else(|| find([a, b, c], self.large))?;
        self.name(found).filter(|name| !name.is_empty())
    }

    fn name(&self, index: usize) -> Option<&'a str> {
        let start = match index.checked_sub(1) {
            Some(before) => number(self.ends.get(before)?) as usize,
            None => 0,
        };
        self.names.get(start..number(self.ends.get(index)?) as usize)
    }

    /// How many prefixes are registered, of all lengths.
    pub const fn len(&self) -> usize {
        self.large.len() + self.medium.len() + self.small.len()
    }

    /// True when no prefix is registered.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Takes `count` rows of `width` octets off the front.
fn section<'a>(rest: &mut &'a [u8], count: usize, width: usize) -> Result<&'a [u8], TableError> {
    let (taken, left) = count
        .checked_mul(width)
        .and_then(|length| rest.split_at_checked(length))
        .ok_or(TableError::Length)?;
    *rest = left;
    Ok(taken)
}

fn number(octets: &[u8]) -> u64 {
    octets.iter().rev().fold(0, |n, octet| n << 8 | u64::from(*octet))
}

/// The name's number of one prefix of `P` octets in rows of `P` + 2.
fn find<const P: usize, const R: usize>(prefix: [u8; P], rows: &[[u8; R]]) -> Option<usize> {
    let at = rows.binary_search_by(|row| row[..P].cmp(&prefix)).ok()?;
    Some(number(&rows.get(at)?[P..]) as usize)
}

fn check_prefixes<const P: usize, const R: usize>(
    rows: &[[u8; R]],
    names: usize,
    what: &'static str,
) -> Result<(), TableError> {
    let sorted = rows.is_sorted_by(|a, b| a[..P] < b[..P]);
    let inside = rows.iter().all(|row| (number(&row[P..]) as usize) < names);
    if sorted && inside { Ok(()) } else { Err(TableError::Section(what)) }
}

/// FNV-1a, 64 bit (draft-eastlake-fnv); guards against damage, not against malice.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
