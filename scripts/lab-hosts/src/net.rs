//! IPv4 networks as the lab writes them (`10.77.0.0/22`), and a small deterministic random source.

use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network with a prefix of 8 to 30 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Net {
    base: u32,
    prefix: u8,
}

impl Net {
    /// Number of addresses, those of the network and of broadcast included.
    pub(crate) fn size(self) -> u32 {
        1 << (32 - self.prefix)
    }

    /// The address `offset` places after the network's own.
    pub(crate) fn address(self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.base + offset)
    }

    /// How far `address` is from the network's own, or `None` when it is of another network.
    pub(crate) fn offset(self, address: Ipv4Addr) -> Option<u32> {
        let offset = u32::from(address).wrapping_sub(self.base);
        (offset < self.size()).then_some(offset)
    }
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is no network such as 10.77.0.0/22 (prefix 8 to 30)");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        if !(8..=30).contains(&prefix) {
            return Err(wrong());
        }
        let base = u32::from(address) & (u32::MAX << (32 - prefix));
        Ok(Self { base, prefix })
    }
}

/// One step of splitmix64: a well-mixed number for each `n`, the same in every run.
pub(crate) const fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A sequence of numbers that depends on its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// A number below `bound` (at least 1).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_knows_its_size_and_the_offsets_of_its_addresses() {
        let net: Net = "10.77.2.9/22".parse().unwrap();
        assert_eq!(net.size(), 1024);
        assert_eq!(net.address(0), Ipv4Addr::new(10, 77, 0, 0));
        assert_eq!(net.offset(Ipv4Addr::new(10, 77, 3, 255)), Some(1023));
        assert_eq!(net.offset(Ipv4Addr::new(10, 77, 4, 0)), None);
        assert_eq!(net.offset(Ipv4Addr::new(10, 76, 255, 255)), None);
    }

    #[test]
    fn text_that_is_no_network_is_refused() {
        for text in ["", "10.0.0.0", "10.0.0.0/7", "10.0.0.0/31", "10.0.0/24", "x/24"] {
            assert!(text.parse::<Net>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_seed_throws_the_same_dice() {
        let (mut a, mut b) = (Dice::new(7), Dice::new(7));
        assert!((0..100).all(|_| a.next() == b.next()));
        assert_ne!(Dice::new(7).next(), Dice::new(8).next());
    }
}
