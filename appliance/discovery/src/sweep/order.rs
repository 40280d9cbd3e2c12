//! A random order of the numbers below n that needs no memory: a four-round Feistel network over
//! the next power of four, walked until it falls below n.

#[derive(Debug, Clone)]
pub(super) struct Order {
    count: u32,
    half_bits: u32,
    keys: [u64; 4],
}

impl Order {
    pub(super) fn new(count: u32, seed: u64) -> Self {
        let bits = 32 - count.saturating_sub(1).leading_zeros();
        let mut key = seed;
        let keys = [(); 4].map(|()| {
            key = mix(key.wrapping_add(0x9e37_79b9_7f4a_7c15));
            key
        });
        Self { count, half_bits: bits.div_ceil(2).max(1), keys }
    }

    /// The number at a place; both are below the count.
    pub(super) fn at(&self, place: u32) -> u32 {
        debug_assert!(place < self.count, "place {place} of {}", self.count);
        let mut number = self.step(place);
        // Each place lies on a cycle that comes back below the count, so this ends; the domain is
        // less than four times the count, so it ends soon.
        while number >= self.count {
            number = self.step(number);
        }
        number
    }

    fn step(&self, number: u32) -> u32 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (u64::from(number) >> self.half_bits, u64::from(number) & mask);
        for key in self.keys {
            (left, right) = (right, left ^ mix(right ^ key) & mask);
        }
        (left << self.half_bits | right) as u32
    }
}

/// The finaliser of `SplitMix64`.
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_once(count in 1_u32..5_000, seed: u64) {
            let order = Order::new(count, seed);
            let mut seen = vec![false; count as usize];
            for place in 0..count {
                let number = order.at(place) as usize;
                prop_assert!(!seen[number]);
                seen[number] = true;
            }
        }
    }

    #[test]
    fn neighbours_are_seldom_asked_in_turn() {
        let order = Order::new(254, 7);
        let in_turn = (1..254).filter(|p| order.at(*p) == order.at(p - 1) + 1).count();
        assert!(in_turn < 10, "{in_turn} of 253");
    }
}
