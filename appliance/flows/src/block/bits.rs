//! Bits in a row, the lowest first. In come numbers and their widths, out go octets, and back.

use super::BlockError;

/// Collects numbers of any width behind what a list of octets holds.
pub(super) struct BitWriter<'o> {
    /// Longer than what counts, so that whole words can be stored.
    out: &'o mut Vec<u8>,
    at: usize,
    pending: u64,
    filled: u32,
}

/// A word is stored at once, whatever of it counts.
const WORD: usize = 8;

impl<'o> BitWriter<'o> {
    pub(super) fn behind(out: &'o mut Vec<u8>) -> Self {
        let at = out.len();
        Self { out, at, pending: 0, filled: 0 }
    }

    /// Appends the lowest `bits` (at most 64) of `value`, whose other bits must be zero.
    pub(super) fn push(&mut self, value: u64, bits: u32) {
        if bits > 32 {
            self.push_short(value & 0xffff_ffff, 32);
            self.push_short(value >> 32, bits - 32);
        } else {
            self.push_short(value, bits);
        }
    }

    /// The same for at most 56 bits.
    #[inline]
    pub(super) fn push_short(&mut self, value: u64, bits: u32) {
        // Fewer than 8 bits are pending.
        self.pending |= value << self.filled;
        self.filled += bits;
        if let Some(word) = self.out.get_mut(self.at..self.at + WORD) {
            word.copy_from_slice(&self.pending.to_le_bytes());
        } else {
            self.grow();
        }
        self.at += (self.filled >> 3) as usize;
        self.pending >>= self.filled & !7;
        self.filled &= 7;
    }

    #[cold]
    fn grow(&mut self) {
        let room = (2 * self.out.len()).max(256);
        self.out.resize(room, 0);
        if let Some(word) = self.out.get_mut(self.at..self.at + WORD) {
            word.copy_from_slice(&self.pending.to_le_bytes());
        }
    }

    /// Fills up to whole octets, and cuts off what does not count.
    pub(super) fn finish(self) {
        self.out.resize(self.at, 0);
        if self.filled > 0 {
            self.out.push(self.pending as u8);
        }
    }
}

/// Gives back what [`BitWriter`] collected. Past the end there are zeros, until [`Self::finish`].
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next bits without taking them; at least 57 of them count.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        let octet = self.at >> 3;
        let word = self.data.get(octet..octet + 8).and_then(|word| word.try_into().ok());
        word.map_or_else(|| self.last_word(octet), u64::from_le_bytes) >> (self.at & 7)
    }

    #[cold]
    fn last_word(&self, octet: usize) -> u64 {
        let rest = self.data.get(octet..).unwrap_or_default();
        rest.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet))
    }

    /// Passes over bits.
    #[inline]
    pub(super) fn skip(&mut self, bits: u32) {
        self.at += bits as usize;
    }

    /// Passes over many bits.
    pub(super) fn pass(&mut self, bits: usize) {
        self.at += bits;
    }

    /// Takes at most 57 bits.
    #[inline]
    pub(super) fn take_short(&mut self, bits: u32) -> u64 {
        let value = self.peek() & ((1 << bits) - 1);
        self.skip(bits);
        value
    }

    /// Takes at most 64 bits.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> u64 {
        if bits <= 57 {
            return self.take_short(bits);
        }
        let low = self.take_short(32);
        low | self.take_short(bits - 32) << 32
    }

    /// Refuses data that ended before what was read of it.
    pub(super) fn finish(&self) -> Result<(), BlockError> {
        if self.at > self.data.len() * 8 { Err(BlockError::Short) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_of_any_width_come_back(values in prop::collection::vec((any::<u64>(), 0_u32..=64), 0..200)) {
            let cut = |value: u64, bits: u32| if bits == 0 { 0 } else { value >> (64 - bits) };
            let mut data = Vec::new();
            let mut writer = BitWriter::behind(&mut data);
            for &(value, bits) in &values {
                writer.push(cut(value, bits), bits);
            }
            writer.finish();
            let mut reader = BitReader::new(&data);
            for &(value, bits) in &values {
                prop_assert_eq!(reader.take(bits), cut(value, bits));
            }
            prop_assert!(reader.finish().is_ok());
        }
    }

    #[test]
    fn what_ended_too_early_is_refused() {
        let mut reader = BitReader::new(&[0xff]);
        assert_eq!(reader.take(9), 0xff);
        assert!(matches!(reader.finish(), Err(BlockError::Short)));
    }
}
