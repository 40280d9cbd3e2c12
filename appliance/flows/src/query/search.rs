//! Who talked to an address, or two addresses to each other, and how sure that is.

use std::net::IpAddr;

use model::Timestamp;

use super::rows::Rows;
use super::top::weights;
use super::{Archive, Evidence, QueryError, Range, Sums};
use crate::block::BlockError;
use crate::days::{DaysError, Entry};
use crate::filter::{Filter, Side, Test};
use crate::world::Prefix;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchQuery {
    /// When.
    pub range: Range,
    /// One address.
    pub one: IpAddr,
    /// The other; None for anybody.
    pub other: Option<IpAddr>,
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// Flows are kept from before the range until its end, or until now.
    High,
    /// Flows are kept for a part of the range.
    Partial,
    /// No flow is kept of that time: nothing can be said.
    None,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What the one address sent to the other.
    pub sent: Sums,
    /// What it received from the other.
    pub received: Sums,
    /// When they were first and last seen within the range; None where never.
    pub seen: Option<(Timestamp, Timestamp)>,
    /// How sure this is.
    pub confidence: Confidence,
    /// What this rests on.
    pub evidence: Evidence,
}

/// Flows are told when they end or after a minute or so: a gap as long is none.
const TOLD_LATE_MS: i64 = 300_000;

impl Archive<'_> {
    /// Looks for an address or a pair.
    pub fn search(&self, query: &SearchQuery, now: Timestamp) -> Result<Found, QueryError> {
        let host = |host| Filter::Test(Test::Network(Side::Either, Prefix::host(host)));
        let filter = Filter::All([query.one].into_iter().chain(query.other).map(host).collect());
        let mut found = Found {
            sent: Sums::default(),
            received: Sums::default(),
            seen: None,
            confidence: Confidence::None,
            evidence: Evidence::default(),
        };
        found.evidence = self.scan(query.range, &filter, now, |day, rows, entry| {
            self.add_found(query, &filter, rows, entry, &mut found)
                .map_err(DaysError::block(&day.file().path))
                .map_err(QueryError::from)
        })?;
        found.confidence = confidence(query.range, found.evidence.kept, now);
        Ok(found)
    }

    fn add_found(
        &self,
        query: &SearchQuery,
        filter: &Filter,
        rows: &Rows<'_>,
        entry: &Entry,
        found: &mut Found,
    ) -> Result<(), BlockError> {
        let mask = self.counted(filter, query.range, entry, rows)?;
        if mask.as_ref().is_none_or(|mask| !mask.contains(&true)) {
            return Ok(());
        }
        let one = rows.dictionary.find(query.one).map(|id| id as u32);
        let [starts, ends] = rows.times()?;
        let cut = weights(query.range, entry, rows)?;
        let (bytes, packets) = match &cut {
            Some((bytes, packets)) => (&bytes[..], &packets[..]),
            None => (rows.bytes()?, rows.packets()?),
        };
        for (row, _) in mask.iter().flatten().enumerate().filter(|(_, met)| **met) {
            if Some(rows.ends.source[row]) == one {
                found.sent.flow(bytes[row], packets[row]);
            }
            if Some(rows.ends.destination[row]) == one {
                found.received.flow(bytes[row], packets[row]);
            }
            let (start, end) = (Timestamp(starts[row]), Timestamp(ends[row]));
            let (start, end) = (start.max(query.range.from), end.min(query.range.to));
            let (first, last) = found.seen.unwrap_or((start, end));
            found.seen = Some((first.min(start), last.max(end)));
        }
        Ok(())
    }
}

fn confidence(range: Range, kept: Option<(Timestamp, Timestamp)>, now: Timestamp) -> Confidence {
    let Some((first, last)) = kept else { return Confidence::None };
    if last < range.from || first >= range.to {
        return Confidence::None;
    }
    let until = range.to.min(now);
    if first <= range.from && last.0.saturating_add(TOLD_LATE_MS) >= until.0 {
        Confidence::High
    } else {
        Confidence::Partial
    }
}
