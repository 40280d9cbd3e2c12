//! The addresses of a block, each once and in order, so that rows name them by a small number and
//! a search for a host need not look at rows. In come addresses, out go identifiers and octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::ints::{read_varint, write_varint};
use super::{BlockError, MAX_ROWS, Nester, Scratch, ints, nested};
use crate::hash::FastMap;

/// No block has more addresses: two a row, or three of those that are told beside them.
const MOST: usize = 3 * MAX_ROWS;

/// Addresses in order, those of IPv4 first. An identifier is a place in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dictionary {
    v4: Vec<u32>,
    v6: Vec<u128>,
}

impl Dictionary {
    /// How many addresses there are.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of an identifier.
    pub fn get(&self, id: usize) -> Option<IpAddr> {
        if let Some(bits) = self.v4.get(id) {
            return Some(Ipv4Addr::from_bits(*bits).into());
        }
        let bits = self.v6.get(id - self.v4.len())?;
        Some(Ipv6Addr::from_bits(*bits).into())
    }

    /// The identifier of an address; None where the block does not know it.
    pub fn find(&self, address: IpAddr) -> Option<usize> {
        match address {
            IpAddr::V4(v4) => self.v4.binary_search(&v4.to_bits()).ok(),
            IpAddr::V6(v6) => {
                self.v6.binary_search(&v6.to_bits()).ok().map(|place| place + self.v4.len())
            }
        }
    }

    /// All addresses in the order of their identifiers.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let v4 = self.v4.iter().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(*bits)));
        v4.chain(self.v6.iter().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(*bits))))
    }

    /// The bits of the addresses in the order of their identifiers: IPv4, then IPv6.
    pub fn bits(&self) -> (&[u32], &[u128]) {
        (&self.v4, &self.v6)
    }

    /// The identifiers of addresses that lie between two of the same family, both included. Answers
    /// without looking at all of them.
    pub fn between(&self, first: IpAddr, last: IpAddr) -> Range<usize> {
        match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                places(&self.v4, first.to_bits(), last.to_bits())
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let places = places(&self.v6, first.to_bits(), last.to_bits());
                places.start + self.v4.len()..places.end + self.v4.len()
            }
            _ => 0..0,
        }
    }

    pub(super) fn encode(&self, nester: &mut Nester) -> Vec<u8> {
        let mut out = Vec::new();
        write_varint(self.v4.len() as u64, &mut out);
        write_varint(self.v6.len() as u64, &mut out);
        let mut next = 0;
        let steps: Vec<u64> = self
            .v4
            .iter()
            .map(|bits| {
                let step = u64::from(*bits) - next;
                next = u64::from(*bits) + 1;
                step
            })
            .collect();
        nester.push(&steps, false, &mut out);
        let (mut highs, mut lows) = (Vec::new(), Vec::new());
        let (mut high, mut low) = (0_u64, 0_u64);
        for bits in &self.v6 {
            let (its_high, its_low) = ((bits >> 64) as u64, *bits as u64);
            lows.push(if its_high == high { its_low - low } else { its_low });
            highs.push(its_high - high);
            (high, low) = (its_high, its_low);
        }
        nester.push(&highs, false, &mut out);
        nester.push(&lows, false, &mut out);
        out
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(data: &[u8]) -> Result<Self, BlockError> {
        let mut dictionary = Self::default();
        dictionary.decode_into(data, &Scratch::default())?;
        Ok(dictionary)
    }

    /// The same, in place of what it had.
    pub(super) fn decode_into(
        &mut self,
        mut data: &[u8],
        scratch: &Scratch,
    ) -> Result<(), BlockError> {
        let (v4, v6) = (read_varint(&mut data)?, read_varint(&mut data)?);
        if v4.saturating_add(v6) > MOST as u64 {
            return Err(BlockError::TooMany);
        }
        let mut numbers = |count: u64| {
            let mut numbers = scratch.numbers.take(count as usize);
            ints::decode_part(nested(&mut data)?, 0..count as usize, &mut numbers)?;
            Ok(numbers)
        };
        let (steps, highs, lows) = (numbers(v4)?, numbers(v6)?, numbers(v6)?);
        self.v4.clear();
        let mut next = 0_u64;
        for step in steps.iter() {
            let bits = next.checked_add(*step).and_then(|bits| u32::try_from(bits).ok());
            let bits = bits.ok_or(BlockError::Address)?;
            self.v4.push(bits);
            next = u64::from(bits) + 1;
        }
        if !data.is_empty() {
            return Err(BlockError::Address);
        }
        let (mut high, mut low) = (0_u64, 0_u64);
        self.v6.clear();
        for (up, step) in highs.iter().zip(lows.iter()) {
            let next = if *up == 0 { low.checked_add(*step) } else { Some(*step) };
            low = next.ok_or(BlockError::Address)?;
            high = high.checked_add(*up).ok_or(BlockError::Address)?;
            self.v6.push(u128::from(high) << 64 | u128::from(low));
        }
        if self.v6.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(BlockError::Address) }
    }
}

fn places<T: Ord + Copy>(sorted: &[T], first: T, last: T) -> Range<usize> {
    let start = sorted.partition_point(|bits| *bits < first);
    start..sorted.partition_point(|bits| *bits <= last).max(start)
}

/// Collects addresses as they come; the identifiers it gives are only final after
/// [`Collector::finish`].
#[derive(Default)]
pub(super) struct Collector {
    v4: FastMap<u32, u32>,
    v6: FastMap<u128, u32>,
}

impl Collector {
    #[inline]
    pub(super) fn add(&mut self, address: IpAddr) -> u32 {
        let next = (self.v4.len() + self.v6.len()) as u32;
        match address {
            IpAddr::V4(v4) => *self.v4.entry(v4.to_bits()).or_insert(next),
            IpAddr::V6(v6) => *self.v6.entry(v6.to_bits()).or_insert(next),
        }
    }

    /// Forgets what it collected, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }

    /// The dictionary, and the final identifier of each one given before.
    pub(super) fn finish(&self) -> (Dictionary, Vec<u32>) {
        let mut v4: Vec<u64> =
            self.v4.iter().map(|(bits, id)| u64::from(*bits) << 32 | u64::from(*id)).collect();
        v4.sort_unstable();
        let mut v6: Vec<(u128, u32)> = self.v6.iter().map(|(bits, id)| (*bits, *id)).collect();
        v6.sort_unstable();
        let mut places = vec![0; v4.len() + v6.len()];
        let ids = v4.iter().map(|both| *both as u32).chain(v6.iter().map(|(_, id)| *id));
        for (place, id) in (0..).zip(ids) {
            places[id as usize] = place;
        }
        let v4 = v4.into_iter().map(|both| (both >> 32) as u32).collect();
        let v6 = v6.into_iter().map(|(bits, _)| bits).collect();
        (Dictionary { v4, v6 }, places)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn addresses_come_back_each_once_and_are_found(addresses in prop::collection::vec(any::<IpAddr>(), 0..100)) {
            let mut collector = Collector::default();
            let ids: Vec<u32> = addresses.iter().map(|address| collector.add(*address)).collect();
            let (dictionary, places) = collector.finish();
            let back = Dictionary::decode(&dictionary.encode(&mut Nester::default())).unwrap();
            prop_assert_eq!(&back, &dictionary);
            for (address, id) in addresses.iter().zip(ids) {
                let id = places[id as usize] as usize;
                prop_assert_eq!(back.get(id), Some(*address));
                prop_assert_eq!(back.find(*address), Some(id));
                prop_assert_eq!(back.between(*address, *address), id..id + 1);
            }
        }

        #[test]
        fn no_octets_make_the_dictionary_panic(data: Vec<u8>) {
            let _ = Dictionary::decode(&data);
        }
    }
}
