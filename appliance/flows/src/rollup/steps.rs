//! What several keys had in equal steps of time, such as the lines of a chart, by look-ups in
//! the sums. In come keys, a range and the length of a step; out go amounts by key and step.

use model::Timestamp;
use rusqlite::params;

use super::ask::{Amounts, Live, Step};
use super::gather::MINUTE_MS;
use super::{Kind, RollupError, Rollups, Scope};
use crate::query::Range;

/// The most steps of an answer; what is asked for beyond is left out at the end.
const MOST_STEPS: i64 = 2_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// What keys had over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// When the first step begins.
    pub from: Timestamp,
    /// How long a step is, in milliseconds.
    pub length: i64,
    /// The keys in the order in which they were asked for, each with its amounts by step.
    pub of: Vec<Vec<Amounts>>,
}

impl Rollups {
    /// What keys of a kind had in steps of `length` milliseconds, which is rounded up to whole
    /// minutes, and the range to whole steps. A step of whole days or hours is read from their sums.
    pub fn steps(
        &self,
        (kind, keys): (Kind, &[i64]),
        scopes: &[Scope],
        range: Range,
        length: i64,
        live: Option<&Live>,
    ) -> Result<Steps, RollupError> {
        let (length, step) = match length {
            days if days >= DAY_MS && days % DAY_MS == 0 => (days, Step::Day),
            hours if hours >= HOUR_MS && hours % HOUR_MS == 0 => (hours, Step::Hour),
            other => {
                let minutes = other.saturating_sub(1).div_euclid(MINUTE_MS).saturating_add(1);
                (minutes.clamp(1, 1_440) * MINUTE_MS, Step::Minute)
            }
        };
        let first = range.from.0.div_euclid(length);
        let last = range.to.0.saturating_sub(1).div_euclid(length).min(first + MOST_STEPS - 1);
        let count = usize::try_from(last - first + 1).unwrap_or(0);
        let mut of = vec![vec![Amounts::default(); count]; keys.len()];
        let mut add = |key: i64, at: i64, amounts: &Amounts| {
            let place = keys.iter().position(|its| *its == key);
            let number = usize::try_from(at.div_euclid(length) - first).ok();
            let its = place.zip(number).and_then(|(place, n)| of.get_mut(place)?.get_mut(n));
            if let Some(its) = its {
                its.add(amounts);
            }
        };
        // Rows lie by time: looking each step up is faster than walking past all other keys.
        let unit = step.minutes() * MINUTE_MS;
        let (from, to) = (first * (length / unit), (last + 1) * (length / unit));
        for key in keys {
            let sql = format!(
                "WITH RECURSIVE times(at) AS
                     (SELECT ?1 UNION ALL SELECT at + 1 FROM times WHERE at + 1 < ?2)
                 SELECT s.at, sent, received, sent_packets, received_packets, flows, peak, scope
                     FROM times CROSS JOIN {} AS s
                     WHERE s.at = times.at AND kind = ?3 AND key = ?4",
                step.table()
            );
            self.each(step, &sql, params![from, to, kind as u8, key], scopes, |row| {
                add(*key, row.key.saturating_mul(unit), &row.amounts);
            })?;
        }
        for (slot, amounts) in live.iter().flat_map(|live| live.0.sums()) {
            if slot.kind == kind && scopes.contains(&slot.scope) {
                add(slot.key, slot.minute.saturating_mul(MINUTE_MS), amounts);
            }
        }
        Ok(Steps { from: Timestamp(first.saturating_mul(length)), length, of })
    }
}
