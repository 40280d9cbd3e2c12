//! Who has the most: groups by any dimension, ranked. Where there are more groups than memory
//! should hold, the smallest are let go, and each answer says how much it may have missed.

use super::group::{Groups, Key, NONE, groups};
use super::mask::{Mask, within};
use super::rows::Rows;
use super::share::share;
use super::table::Table;
use super::{Archive, Dimension, Evidence, Measure, QueryError, Range, Sums};
use crate::block::BlockError;
use crate::days::{DaysError, Entry};
use crate::filter::Filter;
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
        let (mut total, mut sums) = (Sums::default(), Vec::new());
        let evidence = self.scan(query.range, &query.filter, now, |day, rows, entry| {
            let mut add = || {
                let mask = self.counted(&query.filter, query.range, entry, rows)?;
                let groups = groups(query.by, rows, &self.ours, self.geo)?;
                sum(query.range, entry, rows, &mask, &groups, &mut total, &mut sums)?;
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
    groups: &Groups<'_>,
    total: &mut Sums,
    sums: &mut Vec<Sums>,
) -> Result<(), BlockError> {
    let cut = weights(range, entry, rows)?;
    let (bytes, packets) = match &cut {
        Some((bytes, packets)) => (&bytes[..], &packets[..]),
        None => (rows.bytes()?, rows.packets()?),
    };
    let count = groups.keys.as_ref().map_or(rows.dictionary.len(), Vec::len);
    sums.clear();
    sums.resize(count, Sums::default());
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
    Ok(())
}
