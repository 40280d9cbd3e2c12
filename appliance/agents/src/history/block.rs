//! What a host's series were in the minutes of an hour, or the hours of a day, in few octets.
//!
//! Values in, a block out, and back. A block is an octet 1 (version) and then, deflated: for each
//! series its name (length, octets), a mask of the slots that hold something (u64, little endian),
//! and for each of these, as variable-length numbers (7 bits an octet, least first): how many
//! values, the mean less the one before (zigzag), the mean less the least, the greatest less the
//! mean. Rates are kept by their logarithm (about half a per cent), all else in tenths.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

const VERSION: u8 = 1;
/// The most series of a block.
pub(crate) const MOST_SERIES: usize = 128;
/// The longest name of a series, in octets.
pub(crate) const LONGEST_NAME: usize = 96;
/// The most slots of a block: minutes of an hour.
pub(crate) const MOST_SLOTS: usize = 60;
/// The largest block once it is unpacked.
const LARGEST: u64 = 1 << 20;
/// Steps of a doubling in which rates are kept.
const STEPS: f64 = 128.0;

/// What a series was in a piece of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slot {
    /// How many values.
    pub count: u32,
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Slot {
    /// Of one value.
    pub(crate) fn of(value: f64) -> Self {
        Self { count: 1, mean: value, least: value, greatest: value }
    }

    /// Takes another in.
    pub(crate) fn add(&mut self, other: Self) {
        let (own, more) = (f64::from(self.count), f64::from(other.count));
        self.mean = (self.mean * own + other.mean * more) / (own + more).max(1.0);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.count = self.count.saturating_add(other.count);
    }
}

/// Series by name, each with its slots by number.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Block {
    series: BTreeMap<String, BTreeMap<u8, Slot>>,
}

/// Whether a series is one of rates, whose values span many magnitudes.
fn is_rate(name: &str) -> bool {
    ["received ", "sent ", "read ", "written "].iter().any(|kind| name.starts_with(kind))
}

fn to_steps(name: &str, value: f64) -> i64 {
    let value = value.clamp(-1e15, 1e15);
    if is_rate(name) {
        ((value.max(0.0) + 1.0).log2() * STEPS).round() as i64
    } else {
        (value * 10.0).round() as i64
    }
}

fn from_steps(name: &str, steps: i64) -> f64 {
    if is_rate(name) {
        let value = (steps as f64 / STEPS).exp2() - 1.0;
        if value < 1.0 { value } else { value.round() }
    } else {
        steps as f64 / 10.0
    }
}

impl Block {
    /// Takes a value in. What is no number, has too long a name or is of one series too many is
    /// left out.
    pub(crate) fn add(&mut self, name: &str, slot: u8, value: Slot) {
        let sound = value.mean.is_finite()
            && usize::from(slot) < MOST_SLOTS
            && (1..=LONGEST_NAME).contains(&name.len());
        if !sound {
            return;
        }
        if let Some(slots) = self.series.get_mut(name) {
            slots.entry(slot).and_modify(|held| held.add(value)).or_insert(value);
        } else if self.series.len() < MOST_SERIES {
            self.series.insert(name.to_owned(), BTreeMap::from([(slot, value)]));
        }
    }

    /// The slots of a series, in order.
    #[cfg(test)]
    pub(crate) fn slots(&self, name: &str) -> impl Iterator<Item = (u8, Slot)> {
        self.series.get(name).into_iter().flatten().map(|(slot, value)| (*slot, *value))
    }

    /// All series with their slots.
    pub(crate) fn series(&self) -> impl Iterator<Item = (&str, &BTreeMap<u8, Slot>)> {
        self.series.iter().map(|(name, slots)| (name.as_str(), slots))
    }

    /// The block as octets.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        for (name, slots) in &self.series {
            plain.push(name.len() as u8);
            plain.extend_from_slice(name.as_bytes());
            let mask = slots.keys().fold(0_u64, |mask, slot| mask | 1 << (slot & 63));
            plain.extend_from_slice(&mask.to_le_bytes());
            let mut before = 0;
            for value in slots.values() {
                let mean = to_steps(name, value.mean);
                put(&mut plain, u64::from(value.count));
                put(&mut plain, zigzag(mean - before));
                put(&mut plain, zigzag(mean - to_steps(name, value.least)));
                put(&mut plain, zigzag(to_steps(name, value.greatest) - mean));
                before = mean;
            }
        }
        let mut packed = vec![VERSION];
        let mut deflate = DeflateEncoder::new(&mut packed, Compression::default());
        // Writing to memory does not fail.
        let _ = deflate.write_all(&plain).and_then(|()| deflate.try_finish());
        drop(deflate);
        packed
    }

    /// Reads a block; None where the octets are none.
    pub(crate) fn unpack(packed: &[u8]) -> Option<Self> {
        let packed = packed.strip_prefix(&[VERSION])?;
        let mut plain = Vec::new();
        DeflateDecoder::new(packed).take(LARGEST).read_to_end(&mut plain).ok()?;
        let (mut rest, mut block) = (plain.as_slice(), Self::default());
        while let Some((length, after)) = rest.split_first() {
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            let name = std::str::from_utf8(name).ok()?;
            let (mask, after) = after.split_first_chunk::<8>()?;
            rest = after;
            let (mask, mut before, mut slots) = (u64::from_le_bytes(*mask), 0, BTreeMap::new());
            for slot in (0..64_u8).filter(|slot| mask >> slot & 1 == 1) {
                let count = u32::try_from(get(&mut rest)?).ok()?;
                let mut step = || Some(unzigzag(get(&mut rest)?));
                let mean = i64::checked_add(before, step()?)?;
                let (least, greatest) = (mean.checked_sub(step()?)?, mean.checked_add(step()?)?);
                let value = |steps| from_steps(name, steps);
                let (least, greatest) = (value(least), value(greatest));
                slots.insert(slot, Slot { count, mean: value(mean), least, greatest });
                before = mean;
            }
            block.series.insert(name.to_owned(), slots);
        }
        Some(block)
    }
}

fn zigzag(n: i64) -> u64 {
    (n << 1 ^ n >> 63).cast_unsigned()
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1).cast_signed() ^ -(n & 1).cast_signed()
}

fn put(to: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        to.push(n as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

fn get(from: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (octet, rest) = from.split_first()?;
        *from = rest;
        n |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_hour_of_a_usual_host_is_a_few_kilobytes() {
        let mut block = Block::default();
        for series in 0..25_u32 {
            let name = if series < 8 { format!("sent eth{series}") } else { format!("s{series}") };
            for slot in 0..60_u32 {
                for value in 0..6_u32 {
                    let noise = f64::from((slot * 7919 + value * 104_729 + series * 31) % 97);
                    let base = if series < 8 { 1e6 + noise * 1e4 } else { 30.0 + noise / 10.0 };
                    block.add(&name, slot as u8, Slot::of(base));
                }
            }
        }
        let size = block.pack().len();
        assert!(size < 6_000, "{size} octets");
    }

    #[test]
    fn a_rate_is_kept_to_half_a_per_cent_over_all_magnitudes() {
        for value in [0.0, 1.0, 37.0, 12_345.0, 9.9e8, 4e11] {
            let mut block = Block::default();
            block.add("sent eth0", 3, Slot::of(value));
            let read = Block::unpack(&block.pack()).unwrap();
            let (slot, held) = read.slots("sent eth0").next().unwrap();
            assert_eq!(slot, 3);
            assert!((held.mean - value).abs() <= value * 0.005 + 0.5, "{value}: {}", held.mean);
        }
    }

    #[test]
    fn series_beyond_the_limit_and_what_is_no_number_are_left_out() {
        let mut block = Block::default();
        block.add("x", 0, Slot::of(f64::NAN));
        block.add("x", 60, Slot::of(1.0));
        block.add(&"x".repeat(LONGEST_NAME + 1), 0, Slot::of(1.0));
        assert_eq!(block, Block::default());
        for number in 0..MOST_SERIES + 5 {
            block.add(&number.to_string(), 0, Slot::of(1.0));
        }
        assert_eq!(block.series().count(), MOST_SERIES);
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(
            values in proptest::collection::vec((0..4_u8, 0..60_u8, -1000_i32..1000), 0..200)
        ) {
            let mut block = Block::default();
            for (series, slot, tenths) in values {
                block.add(&format!("s{series}"), slot, Slot::of(f64::from(tenths) / 10.0));
            }
            let read = Block::unpack(&block.pack()).unwrap();
            for (name, slots) in block.series() {
                for ((at, held), (also, found)) in slots.iter().zip(read.slots(name)) {
                    prop_assert_eq!(*at, also);
                    prop_assert_eq!(held.count, found.count);
                    prop_assert!((held.mean - found.mean).abs() <= 0.051);
                    prop_assert!((held.greatest - found.greatest).abs() <= 0.051);
                }
            }
        }

        #[test]
        fn no_octets_upset_it(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Block::unpack(&bytes);
            let mut deflate = DeflateEncoder::new(vec![VERSION], Compression::fast());
            deflate.write_all(&bytes).unwrap();
            bytes = deflate.finish().unwrap();
            let _ = Block::unpack(&bytes);
        }
    }
}
