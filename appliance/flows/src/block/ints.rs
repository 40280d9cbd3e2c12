//! A column of numbers. In come as many as there are, out go octets that say how they are kept:
//! all alike, in a fixed width, or as a Huffman code of their magnitude and the bits that follow.
//! Numbers that come again and again, such as ports of services, have short codes of their own.

use std::ops::Range;

use super::BlockError;
use super::bits::{BitReader, BitWriter};
use super::huffman;

const ALIKE: u8 = 0;
const WIDTH: u8 = 1;
const MAGNITUDE: u8 = 2;
const FREQUENT: u8 = 3;
/// As [`MAGNITUDE`], in parts: four are read at the same time, because each number must be read
/// before it is known where the next begins, and those that nobody asks for are passed over.
const PARTS: u8 = 4;

/// Columns of so many numbers are kept in parts.
const WORTH_PARTS: usize = 1_024;
/// At least so many numbers are in a part where there are more than four.
const PART: usize = 1_024;

/// Numbers below this are symbols of their own.
const DIRECT: u64 = 16;
/// 16 numbers themselves, then 8 symbols for each power of two from 2^4 to 2^63.
const SYMBOLS: usize = 16 + 60 * 8;
/// The most numbers with a code of their own.
const MOST_FREQUENT: usize = 1_024;
/// A number that comes this often earns it.
const OFTEN: u32 = 4;
/// Up to so many bits are kept in a fixed width, which is read several times faster than the bit
/// that a code may save.
const READ_FAST: u32 = 2;
/// What a table of lengths costs, roughly, in bits a symbol.
const LENGTH_BITS: u64 = 4;

/// Room for what is worked out of a column, used again from one to the next.
#[derive(Default)]
pub(super) struct Room {
    counts: Vec<u32>,
    renamed: Vec<u64>,
    bits: Vec<u8>,
}

/// Appends the numbers, in the shortest way. Numbers below 2^16 may get codes of their own where
/// `frequent` says that it is worth looking.
pub(super) fn encode(values: &[u64], frequent: bool, room: &mut Room, out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0);
    if values.iter().all(|value| *value == first) {
        out.push(ALIKE);
        write_varint(first, out);
        return;
    }
    let plain = Shape::of(values);
    if frequent && values.len() >= 64 {
        let names = room.rename(values, &plain);
        if !names.is_empty() {
            let short = Shape::of(&room.renamed);
            let mut head = vec![FREQUENT];
            write_varint(names.len() as u64, &mut head);
            for name in &names {
                write_varint(*name, &mut head);
            }
            if short.octets() + (head.len() as u64) < plain.octets() {
                out.extend(head);
                let renamed = std::mem::take(&mut room.renamed);
                short.write(&renamed, room, out);
                room.renamed = renamed;
                return;
            }
        }
    }
    plain.write(values, room, out);
}

impl Room {
    /// Numbers that come often, the most frequent first; all numbers with those renamed to their
    /// rank and the others moved up lie in `renamed`.
    fn rename(&mut self, values: &[u64], shape: &Shape) -> Vec<u64> {
        self.counts.clear();
        self.counts.resize(shape.highest.saturating_add(1).min(1 << 16) as usize, 0);
        for value in values {
            if let Some(count) = self.counts.get_mut(*value as usize) {
                *count += 1;
            }
        }
        let mut often: Vec<(u32, u64)> = (0..)
            .zip(&self.counts)
            .filter(|(_, count)| **count >= OFTEN)
            .map(|(value, count)| (*count, value))
            .collect();
        often.sort_unstable_by(|a, b| b.cmp(a));
        often.truncate(MOST_FREQUENT);
        let names: Vec<u64> = often.iter().map(|(_, value)| *value).collect();
        // Nothing to move up where the largest numbers would no longer fit.
        if shape.highest.checked_add(names.len() as u64).is_none() {
            return Vec::new();
        }
        self.counts.fill(u32::MAX);
        for (rank, name) in (0..).zip(&names) {
            self.counts[*name as usize] = rank;
        }
        let moved = |value: &u64| match self.counts.get(*value as usize) {
            Some(&rank) if rank != u32::MAX => u64::from(rank),
            _ => value + names.len() as u64,
        };
        self.renamed.clear();
        self.renamed.extend(values.iter().map(moved));
        names
    }
}

/// How a column is best kept, and how long it then is.
struct Shape {
    lowest: u64,
    highest: u64,
    count: usize,
    lengths: Vec<u8>,
    /// Of the code, in bits.
    cost: u64,
}

impl Shape {
    fn of(values: &[u64]) -> Self {
        let (mut lowest, mut highest) = (u64::MAX, 0);
        let mut counts = [0_u32; SYMBOLS];
        for value in values {
            lowest = lowest.min(*value);
            highest = highest.max(*value);
            counts[symbol(*value)] += 1;
        }
        let lengths = huffman::lengths(&counts);
        let cost = (0..)
            .zip(counts.iter().zip(&lengths))
            .map(|(symbol, (count, length))| {
                u64::from(*count) * u64::from(u32::from(*length) + extra(symbol))
                    + u64::from(*length > 0) * LENGTH_BITS
            })
            .sum();
        Self { lowest, highest, count: values.len(), lengths, cost }
    }

    fn width(&self) -> u32 {
        64 - (self.highest - self.lowest).leading_zeros()
    }

    /// True for a fixed width.
    fn is_fixed(&self) -> bool {
        self.width() <= READ_FAST || u64::from(self.width()) * self.count as u64 <= self.cost
    }

    fn octets(&self) -> u64 {
        let fixed = u64::from(self.width()) * self.count as u64;
        if self.is_fixed() { fixed / 8 } else { self.cost / 8 }
    }

    fn write(&self, values: &[u64], room: &mut Room, out: &mut Vec<u8>) {
        if self.is_fixed() {
            let width = self.width();
            out.extend([WIDTH, width as u8]);
            write_varint(self.lowest, out);
            let mut bits = BitWriter::behind(out);
            for value in values {
                bits.push(value - self.lowest, width);
            }
            bits.finish();
            return;
        }
        let bits = &mut room.bits;
        bits.clear();
        let mut head = BitWriter::behind(bits);
        huffman::write_lengths(&self.lengths, &mut head);
        head.finish();
        let parts = parts(values.len());
        out.push(if parts == 1 { MAGNITUDE } else { PARTS });
        write_varint(bits.len() as u64, out);
        out.extend_from_slice(bits);
        bits.clear();
        let codes = self.codes();
        for (number, part) in values.chunks(values.len().div_ceil(parts)).enumerate() {
            let before = bits.len();
            write_magnitudes(part, &codes, bits);
            if number + 1 < parts {
                write_varint((bits.len() - before) as u64, out);
            }
        }
        out.extend_from_slice(bits);
    }

    /// Of each symbol: its code, the code's length, and how many bits follow, as three numbers of
    /// one, so that the table stays small.
    fn codes(&self) -> Vec<u32> {
        (0..)
            .zip(huffman::codes(&self.lengths).iter().zip(&self.lengths))
            .map(|(symbol, (code, length))| {
                u32::from(*code) | u32::from(*length) << 16 | extra(symbol) << 24
            })
            .collect()
    }
}

/// In how many parts so many numbers are kept: one, or a multiple of four.
fn parts(count: usize) -> usize {
    if count < WORTH_PARTS { 1 } else { 4 * (count / (4 * PART)).max(1) }
}

fn write_magnitudes(values: &[u64], codes: &[u32], out: &mut Vec<u8>) {
    let mut bits = BitWriter::behind(out);
    for value in values {
        let code = codes[symbol(*value)];
        let (length, extra) = (code >> 16 & 0xff, code >> 24);
        let (code, rest) = (u64::from(code & 0xffff), value & ((1 << extra) - 1));
        if length + extra <= 56 {
            bits.push_short(code | rest << length, length + extra);
        } else {
            bits.push(code, length);
            bits.push(rest, extra);
        }
    }
    bits.finish();
}

/// The symbol of a number: itself, or its power of two and the three bits below the highest.
#[inline]
fn symbol(value: u64) -> usize {
    if value < DIRECT {
        return value as usize;
    }
    let power = value.ilog2();
    16 + (power as usize - 4) * 8 + (value >> (power - 3)) as usize % 8
}

/// How many bits follow a symbol.
#[inline]
fn extra(symbol: usize) -> u32 {
    if symbol < 16 { 0 } else { (symbol as u32 - 16) / 8 + 1 }
}

/// Reads `count` numbers, which must be all that there is.
pub(super) fn decode(data: &[u8], count: usize) -> Result<Vec<u64>, BlockError> {
    let mut values = vec![0; count];
    decode_part(data, 0..count, &mut values)?;
    Ok(values)
}

/// Reads those of the numbers that lie in `wanted` to their places in `values`, which has room for
/// all that there are. What lies around them may be read too, or not.
pub(super) fn decode_part(
    data: &[u8],
    wanted: Range<usize>,
    values: &mut [u64],
) -> Result<(), BlockError> {
    let mut data = data;
    if data.first() != Some(&FREQUENT) {
        return decode_plain(data, wanted, values);
    }
    data = &data[1..];
    let names = read_varint(&mut data)? as usize;
    if names > MOST_FREQUENT {
        return Err(BlockError::Number);
    }
    let names = (0..names).map(|_| read_varint(&mut data)).collect::<Result<Vec<_>, _>>()?;
    decode_plain(data, wanted.clone(), values)?;
    for value in values.get_mut(wanted).unwrap_or_default() {
        *value = match names.get(*value as usize) {
            Some(name) => *name,
            None => *value - names.len() as u64,
        };
    }
    Ok(())
}

fn decode_plain(data: &[u8], wanted: Range<usize>, values: &mut [u64]) -> Result<(), BlockError> {
    let count = values.len();
    let (&kind, mut data) = data.split_first().ok_or(BlockError::Short)?;
    match kind {
        ALIKE => {
            let value = read_varint(&mut data)?;
            values.get_mut(wanted).unwrap_or_default().fill(value);
            if data.is_empty() { Ok(()) } else { Err(BlockError::Number) }
        }
        WIDTH => {
            let (&width, mut data) = data.split_first().ok_or(BlockError::Short)?;
            let lowest = read_varint(&mut data)?;
            let width = u32::from(width);
            if width > 64 || data.len() != (count * width as usize).div_ceil(8) {
                return Err(BlockError::Number);
            }
            let mut bits = BitReader::new(data);
            bits.pass(wanted.start * width as usize);
            let values = values.get_mut(wanted).unwrap_or_default();
            if width <= 57 {
                values.fill_with(|| lowest.wrapping_add(bits.take_short(width)));
            } else {
                values.fill_with(|| lowest.wrapping_add(bits.take(width)));
            }
            bits.finish()
        }
        MAGNITUDE => decode_magnitudes(data, 1, wanted, values),
        PARTS => decode_magnitudes(data, parts(count), wanted, values),
        _ => Err(BlockError::Number),
    }
}

fn decode_magnitudes(
    mut data: &[u8],
    parts: usize,
    wanted: Range<usize>,
    values: &mut [u64],
) -> Result<(), BlockError> {
    let mut head = BitReader::new(super::nested(&mut data)?);
    let table = Meanings::new(&huffman::read_table(&mut head, SYMBOLS)?);
    head.finish()?;
    let lengths = (1..parts).map(|_| read_varint(&mut data)).collect::<Result<Vec<_>, _>>()?;
    let mut streams = Vec::with_capacity(parts);
    for length in lengths {
        let length = usize::try_from(length).map_err(|_| BlockError::Short)?;
        let (stream, rest) = data.split_at_checked(length).ok_or(BlockError::Short)?;
        streams.push(BitReader::new(stream));
        data = rest;
    }
    streams.push(BitReader::new(data));
    let each = values.len().div_ceil(parts).max(1);
    let places = (0..).step_by(each).zip(values.chunks_mut(each));
    let mut wanted = streams.into_iter().zip(places).filter_map(|(stream, (first, part))| {
        (first < wanted.end && wanted.start < first + each).then_some((stream, part))
    });
    while let Some(one) = wanted.next() {
        let mut next = || wanted.next().unwrap_or((BitReader::new(&[]), &mut []));
        let (two, three, four) = (next(), next(), next());
        table.read_four([one, two, three, four])?;
    }
    Ok(())
}

/// What the next bits mean: the highest bits of a number, how many bits of its code and how many
/// that follow it, as three octets of one entry, so that the table stays small.
struct Meanings {
    entries: Vec<u32>,
    mask: u64,
}

impl Meanings {
    fn new(table: &huffman::Table) -> Self {
        let meaning = |entry: &u16| {
            let symbol = usize::from(entry >> 4);
            let top = if symbol < 16 { symbol } else { 8 + (symbol & 7) };
            (top as u32) << 16 | extra(symbol) << 8 | u32::from(entry & 15)
        };
        let entries = table.entries.iter().map(meaning).collect();
        Self { entries, mask: (1 << table.width) - 1 }
    }

    /// Reads four streams in step for as long as the shortest of their places, and then one by one.
    fn read_four(&self, mut four: [(BitReader<'_>, &mut [u64]); 4]) -> Result<(), BlockError> {
        let shortest = four.iter().map(|(_, place)| place.len()).min().unwrap_or(0);
        let [(a, first), (b, second), (c, third), (d, fourth)] = &mut four;
        for (((one, two), three), four) in
            first.iter_mut().zip(&mut **second).zip(&mut **third).zip(&mut **fourth)
        {
            *one = self.next(a);
            *two = self.next(b);
            *three = self.next(c);
            *four = self.next(d);
        }
        for (bits, place) in &mut four {
            place.iter_mut().skip(shortest).for_each(|value| *value = self.next(bits));
            bits.finish()?;
        }
        Ok(())
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "four times in one loop, which it must not call from")]
    fn next(&self, bits: &mut BitReader<'_>) -> u64 {
        let word = bits.peek();
        let entry = self.entries[(word & self.mask) as usize];
        let (length, extra) = (entry & 0xff, entry >> 8 & 0xff);
        let top = u64::from(entry >> 16) << extra;
        if length + extra <= 57 {
            bits.skip(length + extra);
            return top | (word >> length & ((1 << extra) - 1));
        }
        bits.skip(length);
        top | bits.take(extra)
    }
}

/// Appends a number, seven bits an octet, the lowest first.
pub(super) fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front of `data`.
pub(super) fn read_varint(data: &mut &[u8]) -> Result<u64, BlockError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&octet, rest) = data.split_first().ok_or(BlockError::Short)?;
        *data = rest;
        let bits = u64::from(octet & 0x7f);
        if bits << shift >> shift != bits {
            return Err(BlockError::Number);
        }
        value |= bits << shift;
        if octet < 0x80 {
            return Ok(value);
        }
    }
    Err(BlockError::Number)
}

/// Signed differences as numbers that are small when the difference is.
pub(super) fn zigzag(difference: i64) -> u64 {
    (difference << 1 ^ difference >> 63) as u64
}

/// The inverse of [`zigzag`].
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            8 => 0_u64..40,
            4 => any::<u16>().prop_map(u64::from),
            2 => any::<u64>(),
            1 => Just(u64::MAX),
        ]
    }

    proptest! {
        #[test]
        fn a_column_comes_back_as_it_was(values in prop::collection::vec(number(), 0..400), frequent: bool, times in 1_usize..9) {
            let values = values.repeat(times);
            let mut data = Vec::new();
            encode(&values, frequent, &mut Room::default(), &mut data);
            prop_assert_eq!(decode(&data, values.len()).unwrap(), values);
        }

        #[test]
        fn a_part_of_a_column_is_what_the_whole_has_there(
            values in prop::collection::vec(number(), 1..400),
            frequent: bool,
            times in 1_usize..40,
            ends: [prop::sample::Index; 2],
        ) {
            let values = values.repeat(times);
            let mut data = Vec::new();
            encode(&values, frequent, &mut Room::default(), &mut data);
            let [start, end] = ends.map(|end| end.index(values.len() + 1));
            let wanted = start.min(end)..start.max(end);
            let mut part = vec![u64::MAX; values.len()];
            decode_part(&data, wanted.clone(), &mut part).unwrap();
            prop_assert_eq!(&part[wanted.clone()], &values[wanted]);
        }

        #[test]
        fn no_octets_make_the_decoder_panic(data: Vec<u8>, count in 0_usize..100_000) {
            let _ = decode(&data, count);
        }

        #[test]
        fn differences_of_either_sign_come_back(difference: i64) {
            prop_assert_eq!(unzigzag(zigzag(difference)), difference);
        }
    }

    #[test]
    fn every_symbol_starts_where_the_one_before_ended() {
        let base = |n: usize| if n < 16 { n as u64 } else { (8 + (n as u64 & 7)) << extra(n) };
        for symbol in 1..SYMBOLS {
            assert_eq!(base(symbol), base(symbol - 1) + (1 << extra(symbol - 1)), "{symbol}");
            assert_eq!(super::symbol(base(symbol)), symbol);
        }
        assert_eq!(super::symbol(u64::MAX), SYMBOLS - 1);
    }

    #[test]
    fn a_column_that_promises_more_than_it_holds_is_refused() {
        let mut data = Vec::new();
        encode(
            &(0..100).map(|n| n * n).collect::<Vec<_>>(),
            false,
            &mut Room::default(),
            &mut data,
        );
        assert!(decode(&data, 100_000).is_err());
        assert!(decode(&data[..data.len() / 2], 100).is_err());
    }
}
