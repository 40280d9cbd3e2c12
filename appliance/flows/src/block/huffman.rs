//! Canonical Huffman codes of at most [`LONGEST`] bits. In come counts of symbols, out go lengths
//! and codes; lengths travel in the data, codes follow from them.

use super::BlockError;
use super::bits::{BitReader, BitWriter};

/// The longest code: its table of 4 096 entries stays in the first-level cache.
pub(super) const LONGEST: u32 = 12;
/// A length that stands for a run of lengths of zero: 2 + the next 4 bits.
const ZEROS: u64 = 13;
/// The same for 18 + the next 8 bits.
const MANY_ZEROS: u64 = 14;

/// Lengths of codes, 0 for symbols that do not occur. Optimal, but for the limit of length.
pub(super) fn lengths(counts: &[u32]) -> Vec<u8> {
    let mut used: Vec<(u32, usize)> = counts
        .iter()
        .enumerate()
        .filter(|(_, n)| **n > 0)
        .map(|(symbol, n)| (*n, symbol))
        .collect();
    used.sort_unstable();
    let mut lengths = vec![0_u8; counts.len()];
    if let [(_, only)] = used[..] {
        lengths[only] = 1;
        return lengths;
    }
    let mut depths = depths(&used);
    limit(&mut depths);
    // The rarest have the longest.
    depths.sort_unstable_by(|a, b| b.cmp(a));
    for ((_, symbol), depth) in used.iter().zip(depths) {
        lengths[*symbol] = depth as u8;
    }
    lengths
}

/// Depths of the leaves of Huffman's tree, given in ascending order of count.
fn depths(used: &[(u32, usize)]) -> Vec<u32> {
    let leaves = used.len();
    let mut parent = vec![0_usize; (2 * leaves).saturating_sub(1)];
    let mut weight: Vec<u64> = used.iter().map(|(n, _)| u64::from(*n)).collect();
    let (mut leaf, mut inner) = (0, leaves);
    for node in leaves..parent.len() {
        let mut lightest = || {
            let take_leaf = leaf < leaves && (inner >= node || weight[leaf] <= weight[inner]);
            let taken = if take_leaf { &mut leaf } else { &mut inner };
            *taken += 1;
            *taken - 1
        };
        let (one, other) = (lightest(), lightest());
        (parent[one], parent[other]) = (node, node);
        weight.push(weight[one] + weight[other]);
    }
    let mut depth = vec![0_u32; parent.len()];
    for node in (0..parent.len().saturating_sub(1)).rev() {
        depth[node] = depth[parent[node]] + 1;
    }
    depth.truncate(leaves);
    depth
}

/// Shortens what is too long and lengthens others until every code has its place.
fn limit(depths: &mut [u32]) {
    let room = 1_u32 << LONGEST;
    let mut taken = 0;
    for depth in depths.iter_mut() {
        *depth = (*depth).min(LONGEST);
        taken += room >> *depth;
    }
    while taken > room {
        // The deepest that can still go down costs the least.
        let Some(next) = depths.iter_mut().filter(|depth| **depth < LONGEST).max() else { return };
        taken -= room >> (*next + 1);
        *next += 1;
    }
    // That may have been a step too far: whole codes are what the reader asks for.
    while taken < room {
        let gap = room - taken;
        let fits = |depth: &&mut u32| **depth > 1 && room >> **depth <= gap;
        let Some(deepest) = depths.iter_mut().filter(fits).max() else { return };
        taken += room >> *deepest;
        *deepest -= 1;
    }
}

/// The codes of canonical lengths, reversed because bits are read lowest first.
pub(super) fn codes(lengths: &[u8]) -> Vec<u16> {
    let mut counts = [0_u32; LONGEST as usize + 1];
    for &length in lengths.iter().filter(|length| **length > 0) {
        counts[usize::from(length)] += 1;
    }
    let mut next = [0_u32; LONGEST as usize + 1];
    for length in 1..next.len() {
        next[length] = (next[length - 1] + counts[length - 1]) << 1;
    }
    let mut codes = vec![0; lengths.len()];
    for (code, &length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let number = &mut next[usize::from(length)];
        *code = (*number << (32 - u32::from(length))).reverse_bits() as u16;
        *number += 1;
    }
    codes
}

/// Writes lengths; trailing zeros are left out.
pub(super) fn write_lengths(lengths: &[u8], out: &mut BitWriter<'_>) {
    let end = lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1);
    out.push(end as u64, 16);
    let mut rest = &lengths[..end];
    while let Some(&length) = rest.first() {
        let zeros = rest.iter().take_while(|length| **length == 0).count().min(18 + 255);
        match zeros {
            0 | 1 => out.push(u64::from(length), 4),
            2..=17 => {
                out.push(ZEROS, 4);
                out.push(zeros as u64 - 2, 4);
            }
            _ => {
                out.push(MANY_ZEROS, 4);
                out.push(zeros as u64 - 18, 8);
            }
        }
        rest = &rest[zeros.max(1)..];
    }
}

/// What a code of up to [`LONGEST`] bits means: symbol × 16 + length.
pub(super) struct Table {
    pub(super) entries: Vec<u16>,
    /// How many bits choose an entry.
    pub(super) width: u32,
}

/// Reads lengths of at most `symbols` symbols and lays out the table to decode by.
pub(super) fn read_table(reader: &mut BitReader<'_>, symbols: usize) -> Result<Table, BlockError> {
    let end = reader.take_short(16) as usize;
    if end > symbols {
        return Err(BlockError::Code);
    }
    let mut lengths: Vec<u8> = Vec::with_capacity(end);
    while lengths.len() < end {
        let zeros = match reader.take_short(4) {
            ZEROS => reader.take_short(4) + 2,
            MANY_ZEROS => reader.take_short(8) + 18,
            length if length <= u64::from(LONGEST) => {
                lengths.push(length as u8);
                0
            }
            _ => return Err(BlockError::Code),
        };
        lengths.resize(lengths.len() + zeros as usize, 0);
    }
    if lengths.len() > end {
        return Err(BlockError::Code);
    }
    lay_out(&lengths)
}

fn lay_out(lengths: &[u8]) -> Result<Table, BlockError> {
    let width = u32::from(lengths.iter().copied().max().unwrap_or(0));
    let room = 1_usize << width;
    let used = lengths.iter().filter(|length| **length > 0);
    let taken: usize = used.clone().map(|length| room >> *length).sum();
    // One code alone leaves half of the table empty, which is filled with it all the same.
    let alone = used.count() == 1;
    if width == 0 || (taken != room && !alone) {
        return Err(BlockError::Code);
    }
    let mut entries = vec![0; room];
    for (symbol, (code, &length)) in codes(lengths).iter().zip(lengths).enumerate() {
        if length > 0 {
            let (first, step) = if alone { (0, 1) } else { (usize::from(*code), 1 << length) };
            let meaning = (symbol as u16) << 4 | u16::from(length);
            entries.iter_mut().skip(first).step_by(step).for_each(|entry| *entry = meaning);
        }
    }
    Ok(Table { entries, width })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_symbol_is_found_by_its_code(counts in prop::collection::vec(prop_oneof![Just(0_u32), 1_u32..9, 1_u32..1_000_000], 1..496)) {
            prop_assume!(counts.iter().any(|n| *n > 0));
            let lengths = lengths(&counts);
            let mut data = Vec::new();
            let mut writer = BitWriter::behind(&mut data);
            write_lengths(&lengths, &mut writer);
            let codes = codes(&lengths);
            for symbol in (0..counts.len()).filter(|symbol| counts[*symbol] > 0) {
                writer.push(u64::from(codes[symbol]), u32::from(lengths[symbol]));
            }
            writer.finish();
            let mut reader = BitReader::new(&data);
            let table = read_table(&mut reader, counts.len()).unwrap();
            for symbol in (0..counts.len()).filter(|symbol| counts[*symbol] > 0) {
                let entry = table.entries[(reader.peek() & ((1 << table.width) - 1)) as usize];
                prop_assert_eq!(usize::from(entry >> 4), symbol);
                reader.skip(u32::from(entry & 15));
            }
        }

        #[test]
        fn no_lengths_make_the_reader_panic(data: Vec<u8>) {
            let _ = read_table(&mut BitReader::new(&data), 496);
        }
    }

    #[test]
    fn counts_as_fibonacci_had_them_stay_within_the_limit() {
        let mut counts = vec![1_u32, 1];
        while counts.len() < 40 {
            counts.push(counts[counts.len() - 1] + counts[counts.len() - 2]);
        }
        assert_eq!(lengths(&counts).iter().copied().max(), Some(LONGEST as u8));
    }
}
