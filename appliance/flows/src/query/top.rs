//! Who has the most: groups by any dimension, ranked. Where there are more groups than memory
//! should hold, the smallest are let go, and each answer says how much it may have missed.

use std::net::IpAddr;

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
    let (starts, ends) = rows.times()?;
    let cut = |amounts: &[u64]| {
        let times = starts.iter().zip(ends);
        let part = |(amount, (start, end)): (&u64, (&i64, &i64))| {
            share(*amount, (*start, *end), (range.from.0, range.to.0))
        };
        amounts.iter().zip(times).map(part).collect()
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
    let amounts = bytes.iter().zip(packets);
    for (row, ((bytes, packets), group)) in amounts.zip(&groups.of).enumerate() {
        if mask.as_ref().is_some_and(|mask| !mask[row]) {
            continue;
        }
        total.flow(*bytes, *packets);
        if let Some(sums) = sums.get_mut(*group as usize) {
            sums.flow(*bytes, *packets);
        }
        let also = groups.also.as_ref().map_or(NONE, |also| also[row]);
        if let Some(sums) = sums.get_mut(also as usize) {
            sums.flow(*bytes, *packets);
        }
    }
    Ok(sums)
}

/// All groups so far, bounded. What is looked up lies apart from what is summed, so that more of it
/// is in the processor's caches; the commonest keys by far, addresses, are looked up by their bits.
struct Table {
    v4: FastMap<u32, u32>,
    v6: FastMap<u128, u32>,
    others: FastMap<Key, u32>,
    groups: Vec<TopRow>,
    measure: Measure,
    most: usize,
    /// The most that a group which is not in the table may have had.
    floor: u64,
}

impl Table {
    fn new(measure: Measure, most: usize) -> Self {
        let (v4, v6, others) = Default::default();
        Self { v4, v6, others, groups: Vec::new(), measure, most, floor: 0 }
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
        let next = self.groups.len() as u32;
        let place = match key {
            Key::Address(IpAddr::V4(v4)) => *self.v4.entry(v4.to_bits()).or_insert(next),
            Key::Address(IpAddr::V6(v6)) => *self.v6.entry(v6.to_bits()).or_insert(next),
            key => *self.others.entry(key).or_insert(next),
        };
        if let Some(group) = self.groups.get_mut(place as usize) {
            group.sums.add(sums);
            return;
        }
        self.groups.push(TopRow { key, sums: *sums, missed: self.floor });
        if self.groups.len() > self.most {
            self.let_go();
        }
    }

    /// Forgets the smaller half. What returns later begins with what it may have had.
    fn let_go(&mut self) {
        let measure = self.measure;
        let bound = |group: &TopRow| group.sums.by(measure).saturating_add(group.missed);
        let mut bounds: Vec<u64> = self.groups.iter().map(bound).collect();
        let middle = bounds.len() / 2;
        let (_, border, _) = bounds.select_nth_unstable(middle);
        let border = *border;
        self.groups.retain(|group| bound(group) > border);
        self.floor = self.floor.max(border);
        self.v4.clear();
        self.v6.clear();
        self.others.clear();
        for (place, group) in (0..).zip(&self.groups) {
            match group.key {
                Key::Address(IpAddr::V4(v4)) => self.v4.insert(v4.to_bits(), place),
                Key::Address(IpAddr::V6(v6)) => self.v6.insert(v6.to_bits(), place),
                key => self.others.insert(key, place),
            };
        }
    }

    fn finish(self, limit: usize, total: Sums, evidence: Evidence) -> Top {
        let (measure, mut rows) = (self.measure, self.groups);
        let groups = rows.len() as u64;
        let order = |a: &TopRow, b: &TopRow| {
            b.sums.by(measure).cmp(&a.sums.by(measure)).then_with(|| a.key.cmp(&b.key))
        };
        if limit > 0 && limit < rows.len() {
            rows.select_nth_unstable_by(limit - 1, order);
        }
        rows.truncate(limit);
        rows.sort_unstable_by(order);
        Top { rows, total, groups, unlisted: self.floor, evidence }
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
