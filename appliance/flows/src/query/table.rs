//! All groups of a question so far, bounded: the smallest are let go where there are too many, and
//! what they may have had is remembered. In come sums by key, block by block; out goes a ranking.

use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::group::{Groups, Key};
use super::rows::Rows;
use super::top::{Top, TopRow};
use super::{Evidence, Measure, Sums};
use crate::hash::FastMap;

/// How many groups are looked up at the same time.
const AT_ONCE: usize = 32;
/// So many more than the most may be held for a moment.
const BETWEEN_LOOKS: usize = 4_096;

/// The commonest keys by far, addresses, are looked up by their bits alone.
pub(super) struct Table {
    v4: Kept<u32>,
    v6: Kept<u128>,
    others: Kept<Key>,
    measure: Measure,
    most: usize,
    /// The most that a group which is not in the table may have had.
    floor: u64,
}

struct Group {
    sums: Sums,
    missed: u64,
}

impl Group {
    fn bound(&self, measure: Measure) -> u64 {
        self.sums.by(measure).saturating_add(self.missed)
    }
}

/// Groups in the order in which they were first seen. Addresses come sorted from every block, so
/// that groups are met nearly in that order again, and only the small map of their places is jumped
/// about in.
struct Kept<K> {
    places: FastMap<K, u32>,
    groups: Vec<(K, Group)>,
}

impl<K: Copy + Eq + Hash> Kept<K> {
    fn new() -> Self {
        Self { places: FastMap::default(), groups: Vec::new() }
    }

    /// Adds sums to their keys, as many of each; those without flows are passed over. A handful is
    /// looked up before any is added, so that waiting for memory overlaps.
    fn add(&mut self, keys: &[K], sums: &[Sums], floor: u64) {
        let mut with_flows = keys.iter().zip(sums).filter(|(_, sums)| sums.flows > 0);
        let mut found = Vec::with_capacity(AT_ONCE);
        loop {
            for (key, sums) in with_flows.by_ref().take(AT_ONCE) {
                let next = self.groups.len() as u32;
                let place = *self.places.entry(*key).or_insert(next);
                if place == next {
                    self.groups.push((*key, Group { sums: Sums::default(), missed: floor }));
                }
                found.push((place as usize, sums));
            }
            if found.is_empty() {
                return;
            }
            for (place, sums) in found.drain(..) {
                if let Some((_, group)) = self.groups.get_mut(place) {
                    group.sums.add(sums);
                }
            }
        }
    }

    fn keep(&mut self, which: impl Fn(&Group) -> bool) {
        self.groups.retain(|(_, group)| which(group));
        self.places.clear();
        self.places.extend((0..).zip(&self.groups).map(|(place, (key, _))| (*key, place)));
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(_, group)| group)
    }
}

impl Table {
    pub(super) fn new(measure: Measure, most: usize) -> Self {
        let (v4, v6, others) = (Kept::new(), Kept::new(), Kept::new());
        Self { v4, v6, others, measure, most, floor: 0 }
    }

    pub(super) fn merge(&mut self, rows: &Rows<'_>, groups: &Groups<'_>, sums: &[Sums]) {
        let (v4, v6) = rows.dictionary.bits();
        let mut rest = sums;
        let mut next = |count: usize| {
            let (some, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            some
        };
        if let Some(keys) = &groups.keys {
            for keys in keys.chunks(BETWEEN_LOOKS) {
                self.others.add(keys, next(keys.len()), self.floor);
                self.bound();
            }
            return;
        }
        for v4 in v4.chunks(BETWEEN_LOOKS) {
            self.v4.add(v4, next(v4.len()), self.floor);
            self.bound();
        }
        for v6 in v6.chunks(BETWEEN_LOOKS) {
            self.v6.add(v6, next(v6.len()), self.floor);
            self.bound();
        }
    }

    fn bound(&mut self) {
        if self.len() > self.most {
            self.let_go();
        }
    }

    fn len(&self) -> usize {
        self.v4.groups.len() + self.v6.groups.len() + self.others.groups.len()
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        self.v4.groups().chain(self.v6.groups()).chain(self.others.groups())
    }

    /// Forgets the smaller half. What returns later begins with what it may have had.
    fn let_go(&mut self) {
        let measure = self.measure;
        let mut bounds: Vec<u64> = self.groups().map(|group| group.bound(measure)).collect();
        let middle = bounds.len() / 2;
        let (_, border, _) = bounds.select_nth_unstable(middle);
        let border = *border;
        self.v4.keep(|group| group.bound(measure) > border);
        self.v6.keep(|group| group.bound(measure) > border);
        self.others.keep(|group| group.bound(measure) > border);
        self.floor = self.floor.max(border);
    }

    pub(super) fn finish(self, limit: usize, total: Sums, evidence: Evidence) -> Top {
        let (measure, groups) = (self.measure, self.len());
        // Only the best become rows: all of them would take their memory twice.
        let worst = if limit == 0 || limit >= groups {
            0
        } else {
            let mut values: Vec<u64> = self.groups().map(|group| group.sums.by(measure)).collect();
            *values.select_nth_unstable(groups - limit).1
        };
        let v4 = self.v4.groups.into_iter();
        let v4 = v4.map(|(bits, group)| (Ipv4Addr::from_bits(bits).into(), group));
        let v6 = self.v6.groups.into_iter();
        let v6 = v6.map(|(bits, group)| (Ipv6Addr::from_bits(bits).into(), group));
        let addresses = v4.chain(v6).map(|(address, group)| (Key::Address(address), group));
        let mut rows: Vec<TopRow> = addresses
            .chain(self.others.groups)
            .filter(|(_, group)| group.sums.by(measure) >= worst)
            .map(|(key, Group { sums, missed })| TopRow { key, sums, missed })
            .collect();
        rows.sort_unstable_by(|a, b| {
            b.sums.by(measure).cmp(&a.sums.by(measure)).then_with(|| a.key.cmp(&b.key))
        });
        rows.truncate(limit);
        Top { rows, total, groups: groups as u64, unlisted: self.floor, evidence }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn groups_that_were_let_go_are_within_the_bounds_that_are_told(
            seen in prop::collection::vec((0_u16..60, 0_u64..100), 0..400),
        ) {
            let mut table = Table::new(Measure::Bytes, 16);
            let mut exact: BTreeMap<Key, u64> = BTreeMap::new();
            for (port, bytes) in seen {
                let sums = Sums { bytes, packets: 1, flows: 1 };
                table.others.add(&[Key::Port(port)], &[sums], table.floor);
                table.bound();
                *exact.entry(Key::Port(port)).or_default() += bytes;
            }
            let top = table.finish(usize::MAX, Sums::default(), Evidence::default());
            prop_assert!(top.rows.len() <= 16);
            for row in &top.rows {
                let bytes = exact.remove(&row.key).unwrap();
                prop_assert!((row.sums.bytes..=row.sums.bytes + row.missed).contains(&bytes));
            }
            prop_assert!(exact.values().all(|bytes| *bytes <= top.unlisted));
        }
    }
}
