//! Hashing of addresses and ports, faster than the standard library's and seeded as it is, because
//! strangers choose the addresses.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map that hashes by [`Seeded`].
pub(crate) type FastMap<K, V> = HashMap<K, V, Seeded>;

/// Makes hashers of one random seed.
#[derive(Clone, Copy)]
pub(crate) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        // An odd seed loses nothing in a multiplication.
        Self(RandomState::new().hash_one(0_u8) | 1)
    }
}

impl Seeded {
    /// A seed that is the same in every process, for orders that must not change.
    pub(crate) const FIXED: Self = Self(0x9e37_79b9_7f4a_7c15);
}

impl Seeded {
    /// The hasher that had this seed.
    pub(crate) const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// To be kept with what was hashed.
    pub(crate) const fn seed(self) -> u64 {
        self.0
    }
}

impl BuildHasher for Seeded {
    type Hasher = Fold;

    #[inline]
    fn build_hasher(&self) -> Fold {
        Fold { state: self.0, seed: self.0 }
    }
}

/// Multiplies to 128 bits and folds the halves together, a word at a time.
pub(crate) struct Fold {
    state: u64,
    seed: u64,
}

impl Fold {
    #[inline]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.seed ^ 0xa076_1d64_78bd_642f);
        self.state = (product as u64 ^ (product >> 64) as u64).wrapping_add(self.seed);
    }
}

impl Hasher for Fold {
    #[inline]
    fn finish(&self) -> u64 {
        self.state ^ self.state >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet));
            self.mix(word);
        }
    }

    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.mix(u64::from(n));
    }

    #[inline]
    fn write_u16(&mut self, n: u16) {
        self.mix(u64::from(n));
    }

    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.mix(u64::from(n));
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.mix(n);
    }

    #[inline]
    fn write_u128(&mut self, n: u128) {
        self.mix(n as u64);
        self.mix((n >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }

    #[inline]
    fn write_isize(&mut self, n: isize) {
        self.mix(n as u64);
    }
}
