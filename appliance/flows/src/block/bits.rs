//! Bits in a row, the lowest first. In come numbers and their widths, out go octets, and back.

use super::BlockError;

/// Collects numbers of any width.
#[derive(Default)]
pub(super) struct BitWriter {
    out: Vec<u8>,
    pending: u64,
    filled: u32,
}

impl BitWriter {
    /// Appends the lowest `bits` (at most 64) of `value`, whose other bits must be zero.
    pub(super) fn push(&mut self, value: u64, bits: u32) {
        if bits > 32 {
            self.push_short(value & 0xffff_ffff, 32);
            self.push_short(value >> 32, bits - 32);
        } else {
            self.push_short(value, bits);
        }
    }

    fn push_short(&mut self, value: u64, bits: u32) {
        // Fewer than 32 bits are pending, so that 32 more fit.
        self.pending |= value << self.filled;
        self.filled += bits;
        if self.filled >= 32 {
            self.out.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.filled -= 32;
        }
    }

    /// What was collected, filled up to whole octets.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let octets = self.filled.div_ceil(8) as usize;
        self.out.extend(self.pending.to_le_bytes().iter().take(octets));
        self.out
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
            let mut writer = BitWriter::default();
            for &(value, bits) in &values {
                writer.push(cut(value, bits), bits);
            }
            let data = writer.finish();
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
