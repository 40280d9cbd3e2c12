//! Questions that sums answer at once: who had the most, and how much over time.

use model::Timestamp;
use rusqlite::{ToSql, params};

use super::Kind;
use super::account::{AddressBook, Interfaces, Scope};
use super::gather::{Gathered, Knowledge, MINUTE_MS};
use super::keep::{RollupError, Rollups};
use crate::hash::FastMap;
use crate::query::Range;
use crate::world::Geo;

/// How long the time of one row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A UTC day.
    Day,
}

impl Step {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Minute => "minutes",
            Self::Hour => "hours",
            Self::Day => "days",
        }
    }

    pub(super) fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 1_440,
        }
    }

    /// How many of them passed from the Unix epoch until then.
    pub(super) fn number(self, at: Timestamp) -> i64 {
        at.0.div_euclid(self.minutes() * MINUTE_MS)
    }
}

/// What was sent and received, as seen from ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Octets sent.
    pub sent: u64,
    /// Octets received.
    pub received: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Packets received.
    pub received_packets: u64,
    /// Flows that ended.
    pub flows: u64,
}

impl Amounts {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
        self.sent_packets = self.sent_packets.saturating_add(other.sent_packets);
        self.received_packets = self.received_packets.saturating_add(other.received_packets);
        self.flows = self.flows.saturating_add(other.flows);
    }

    fn octets(&self) -> u64 {
        self.sent.saturating_add(self.received)
    }
}

/// Sums of one key, or of one time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollupRow {
    /// The key, as [`Kind`] says; or when the step began, in milliseconds since the Unix epoch.
    pub key: i64,
    /// Its sums.
    pub amounts: Amounts,
    /// The most octets that passed in one minute of a step.
    pub peak: u64,
}

impl Rollups {
    /// The keys of a kind that had the most octets, and all of the kind together. The range is
    /// widened to whole minutes. What is in no block yet is added where `live` has it.
    pub fn top(
        &self,
        kind: Kind,
        scopes: &[Scope],
        range: Range,
        limit: usize,
        live: Option<&Live>,
    ) -> Result<(Vec<RollupRow>, Amounts), RollupError> {
        let mut all: FastMap<i64, RollupRow> = FastMap::default();
        let (from, to) = minutes_of(range);
        for (step, from, to) in pieces(from, to) {
            let sql = format!(
                "SELECT key, sent, received, sent_packets, received_packets, flows, peak, scope
                     FROM {} WHERE at >= ?1 AND at < ?2 AND kind = ?3",
                step.table()
            );
            self.each(step, &sql, params![from, to, kind as u8], scopes, |row| {
                let its = all
                    .entry(row.key)
                    .or_insert(RollupRow { key: row.key, ..RollupRow::default() });
                its.amounts.add(&row.amounts);
                its.peak = its.peak.max(row.peak);
            })?;
        }
        for (slot, amounts) in live.iter().flat_map(|live| live.0.sums()) {
            if slot.kind == kind
                && scopes.contains(&slot.scope)
                && (from..to).contains(&slot.minute)
            {
                let fresh = RollupRow { key: slot.key, ..RollupRow::default() };
                all.entry(slot.key).or_insert(fresh).amounts.add(amounts);
            }
        }
        let mut total = Amounts::default();
        for row in all.values() {
            total.add(&row.amounts);
        }
        let mut rows: Vec<RollupRow> = all.into_values().collect();
        model::sort_by_key(&mut rows, |row| (std::cmp::Reverse(row.amounts.octets()), row.key));
        rows.truncate(limit);
        Ok((rows, total))
    }

    /// What a key had in each step of a range, as far as it had anything. The range is widened to
    /// whole steps.
    pub fn history(
        &self,
        (kind, key): (Kind, i64),
        scopes: &[Scope],
        range: Range,
        step: Step,
        live: Option<&Live>,
    ) -> Result<Vec<RollupRow>, RollupError> {
        let from = step.number(range.from);
        let to = step.number(Timestamp(range.to.0.saturating_sub(1))) + 1;
        let mut steps = std::collections::BTreeMap::<i64, RollupRow>::new();
        let length = step.minutes() * MINUTE_MS;
        let mut add = |at: i64, amounts: &Amounts, peak: u64| {
            let key = at.saturating_mul(length);
            let its = steps.entry(at).or_insert(RollupRow { key, ..RollupRow::default() });
            its.amounts.add(amounts);
            its.peak = its.peak.max(peak);
        };
        let sql = format!(
            "SELECT at, sent, received, sent_packets, received_packets, flows, peak, scope
                 FROM {} WHERE at >= ?1 AND at < ?2 AND kind = ?3 AND key = ?4",
            step.table()
        );
        self.each(step, &sql, params![from, to, kind as u8, key], scopes, |row| {
            add(row.key, &row.amounts, row.peak);
        })?;
        for (slot, amounts) in live.iter().flat_map(|live| live.0.sums()) {
            let at = slot.minute.div_euclid(step.minutes());
            let its = slot.kind == kind && slot.key == key && scopes.contains(&slot.scope);
            if its && (from..to).contains(&at) {
                add(at, amounts, amounts.octets());
            }
        }
        Ok(steps.into_values().collect())
    }

    /// Sums what is in no block yet. Takes milliseconds; holds until the next run.
    pub fn live(
        &self,
        book: &dyn AddressBook,
        geo: &dyn Geo,
        interfaces: &Interfaces,
    ) -> Result<Live, RollupError> {
        self.unsummed(&Knowledge { book, geo, interfaces }).map(Live)
    }

    pub(super) fn each(
        &self,
        step: Step,
        sql: &str,
        values: &[&dyn ToSql],
        scopes: &[Scope],
        mut give: impl FnMut(RollupRow),
    ) -> Result<(), RollupError> {
        let scopes: Vec<u8> = scopes.iter().map(|scope| *scope as u8).collect();
        let mut read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query(values)?;
            while let Some(row) = rows.next()? {
                let number = |place| row.get::<_, i64>(place).map(|number| number.max(0) as u64);
                if scopes.contains(&row.get(7)?) {
                    let amounts = Amounts {
                        sent: number(1)?,
                        received: number(2)?,
                        sent_packets: number(3)?,
                        received_packets: number(4)?,
                        flows: number(5)?,
                    };
                    let peak = if step == Step::Minute { amounts.octets() } else { number(6)? };
                    give(RollupRow { key: row.get(0)?, amounts, peak });
                }
            }
            Ok(())
        };
        read().map_err(|error| self.failed("read", error))
    }
}

/// Sums of flows that are in no block yet.
pub struct Live(pub(super) Gathered);

fn minutes_of(range: Range) -> (i64, i64) {
    let last = Timestamp(range.to.0.saturating_sub(1));
    (Step::Minute.number(range.from), Step::Minute.number(last) + 1)
}

/// A range of minutes as whole days, whole hours and the minutes around them, each in its own
/// table's numbers.
fn pieces(from: i64, to: i64) -> Vec<(Step, i64, i64)> {
    let mut pieces = Vec::new();
    split(from, to, &[Step::Day, Step::Hour, Step::Minute], &mut pieces);
    pieces
}

fn split(from: i64, to: i64, steps: &[Step], pieces: &mut Vec<(Step, i64, i64)>) {
    let Some((step, finer)) = steps.split_first() else { return };
    if from >= to {
        return;
    }
    let length = step.minutes();
    let (first, last) =
        (from.div_euclid(length) + i64::from(from % length != 0), to.div_euclid(length));
    if first >= last {
        return split(from, to, finer, pieces);
    }
    split(from, first * length, finer, pieces);
    pieces.push((*step, first, last));
    split(last * length, to, finer, pieces);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_cover_each_minute_once(from in -5_000_i64..5_000, length in 0_i64..9_000) {
            let mut next = from;
            for (step, first, last) in pieces(from, from + length) {
                prop_assert_eq!(first * step.minutes(), next);
                prop_assert!(first < last);
                next = last * step.minutes();
            }
            prop_assert_eq!(next, from + length);
        }
    }
}
