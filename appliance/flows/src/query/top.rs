//! Who has the most: groups by any dimension, ranked. Where there are more groups than memory
//! should hold, the smallest are let go, and each answer says how much it may have missed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::group::{Groups, Key, NONE, groups};
use super::mask::{Mask, mask, within};
use super::rows::Rows;
use super::share::share;
use super::{Archive, Dimension, Evidence, Measure, QueryError, Range, Sums};
use crate::block::BlockError;
use crate::days::{DaysError, Entry};
use crate::filter::Filter;
use crate::hash::FastMap;
use model::Timestamp;

/// The most groups that are kept in memory: 20 MB.
const MOST_GROUPS: usize = 200_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopQuery {
    /// When.
    pub range: Range,
    /// Which flows.
    pub filter: Filter,
    /// Grouped by what.
    pub by: Dimension,
    /// Ranked by what.
    pub measure: Measure,
    /// How many.
    pub limit: usize,
}

/// One group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopRow {
    /// What it has in common.
    pub key: Key,
    /// Its sums.
    pub sums: Sums,
    /// How much more of the measure it may have: 0 unless groups were let go.
    pub missed: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// The groups, the largest first.
    pub rows: Vec<TopRow>,
    /// All flows that were asked for, exactly.
    pub total: Sums,
    /// How many groups there are; at least so many where some were let go.
    pub groups: u64,
    /// The most that a group which is not listed may have; 0 unless groups were let go.
    pub unlisted: u64,
    /// What this rests on.
    pub evidence: Evidence,
}

impl Archive<'_> {
    /// Ranks groups of flows.
    pub fn top(&self, query: &TopQuery, now: Timestamp) -> Result<Top, QueryError> {
        self.top_within(query, now, MOST_GROUPS)
    }

    fn top_within(&self, query: &TopQuery, now: Timestamp, most: usize) -> Result<Top, QueryError> {
        let mut table = Table::new(query.measure, most);
        let mut total = Sums::default();
        let evidence = self.scan(query.range, &query.filter, now, |day, rows, entry| {
            let mut add = || {
                let mask = mask(&query.filter, query.range, entry, rows, self.geo)?;
                let groups = groups(query.by, rows, &self.ours, self.geo)?;
                let sums = sum(query.range, entry, rows, &mask, &groups, &mut total)?;
                table.merge(rows, &groups, &sums);
                Ok(())
            };
            add().map_err(DaysError::block(&day.file().path)).map_err(QueryError::from)
        })?;
        Ok(table.finish(query.limit, total, evidence))
    }
}

/// Octets and packets of each row.
type Amounts = (Vec<u64>, Vec<u64>);

/// What of each row counts in a range: all of it, unless a flow crosses the border.
pub(super) fn weights(
    range: Range,
    entry: &Entry,
    rows: &Rows<'_>,
) -> Result<Option<Amounts>, BlockError> {
    if within(range, entry) {
        return Ok(None);
    }
    let [starts, ends] = rows.times()?;
    let cut = |amounts: &[u64]| {
        let mut parts = vec![0; amounts.len()];
        for row in rows.span() {
            let times = (starts[row], ends[row]);
            parts[row] = share(amounts[row], times, (range.from.0, range.to.0));
        }
        parts
    };
    Ok(Some((cut(rows.bytes()?), cut(rows.packets()?))))
}

/// Sums by group of one block.
fn sum(
    range: Range,
    entry: &Entry,
    rows: &Rows<'_>,
    mask: &Mask,
    groups: &Groups,
    total: &mut Sums,
) -> Result<Vec<Sums>, BlockError> {
    let cut = weights(range, entry, rows)?;
    let (bytes, packets) = match &cut {
        Some((bytes, packets)) => (&bytes[..], &packets[..]),
        None => (rows.bytes()?, rows.packets()?),
    };
    let count = groups.keys.as_ref().map_or(rows.dictionary.len(), Vec::len);
    let mut sums = vec![Sums::default(); count];
    for row in rows.span() {
        if mask.as_ref().is_some_and(|mask| !mask[row]) {
            continue;
        }
        let (bytes, packets) = (bytes[row], packets[row]);
        total.flow(bytes, packets);
        if let Some(sums) = sums.get_mut(groups.of[row] as usize) {
            sums.flow(bytes, packets);
        }
        let also = groups.also.as_ref().map_or(NONE, |also| also[row]);
        if let Some(sums) = sums.get_mut(also as usize) {
            sums.flow(bytes, packets);
        }
    }
    Ok(sums)
}

/// All groups so far, bounded. The commonest keys by far, addresses, are looked up by their bits,
/// and what is summed lies with them: one step outside of the processor's caches each.
struct Table {
    v4: FastMap<u32, Group>,
    v6: FastMap<u128, Group>,
    others: FastMap<Key, Group>,
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

impl Table {
    fn new(measure: Measure, most: usize) -> Self {
        let (v4, v6, others) = Default::default();
        Self { v4, v6, others, measure, most, floor: 0 }
    }

    fn merge(&mut self, rows: &Rows<'_>, groups: &Groups, sums: &[Sums]) {
        if let Some(keys) = &groups.keys {
            for (key, sums) in keys.iter().zip(sums) {
                self.add(*key, sums);
            }
        } else {
            for (address, sums) in rows.dictionary.iter().zip(sums) {
                self.add(Key::Address(address), sums);
            }
        }
    }

    #[inline]
    fn add(&mut self, key: Key, sums: &Sums) {
        if sums.flows == 0 {
            return;
        }
        let new = || Group { sums: Sums::default(), missed: self.floor };
        let group = match key {
            Key::Address(IpAddr::V4(v4)) => self.v4.entry(v4.to_bits()).or_insert_with(new),
            Key::Address(IpAddr::V6(v6)) => self.v6.entry(v6.to_bits()).or_insert_with(new),
            key => self.others.entry(key).or_insert_with(new),
        };
        group.sums.add(sums);
        if self.len() > self.most {
            self.let_go();
        }
    }

    fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.others.len()
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        self.v4.values().chain(self.v6.values()).chain(self.others.values())
    }

    /// Forgets the smaller half. What returns later begins with what it may have had.
    fn let_go(&mut self) {
        let measure = self.measure;
        let mut bounds: Vec<u64> = self.groups().map(|group| group.bound(measure)).collect();
        let middle = bounds.len() / 2;
        let (_, border, _) = bounds.select_nth_unstable(middle);
        let border = *border;
        self.v4.retain(|_, group| group.bound(measure) > border);
        self.v6.retain(|_, group| group.bound(measure) > border);
        self.others.retain(|_, group| group.bound(measure) > border);
        self.floor = self.floor.max(border);
    }

    fn finish(self, limit: usize, total: Sums, evidence: Evidence) -> Top {
        let (measure, groups) = (self.measure, self.len());
        // Only the best become rows: all of them would take their memory twice.
        let worst = if limit == 0 || limit >= groups {
            0
        } else {
            let mut values: Vec<u64> = self.groups().map(|group| group.sums.by(measure)).collect();
            *values.select_nth_unstable(groups - limit).1
        };
        let v4 = self.v4.into_iter().map(|(bits, group)| (Ipv4Addr::from_bits(bits).into(), group));
        let v6 = self.v6.into_iter().map(|(bits, group)| (Ipv6Addr::from_bits(bits).into(), group));
        let addresses = v4.chain(v6).map(|(address, group)| (Key::Address(address), group));
        let mut rows: Vec<TopRow> = addresses
            .chain(self.others)
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
                table.add(Key::Port(port), &Sums { bytes, packets: 1, flows: 1 });
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
