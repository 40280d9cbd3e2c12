//! Flows one by one, the latest first, a page at a time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _};

use model::Timestamp;

use super::mask::mask;
use super::{Archive, Evidence, QueryError, Range};
use crate::Flow;
use crate::days::DaysError;
use crate::filter::Filter;
use crate::hash::Seeded;

/// The most flows on a page.
const MOST: usize = 10_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// When.
    pub range: Range,
    /// Which flows.
    pub filter: Filter,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// How many, at most 10 000.
    pub limit: usize,
}

/// A place in the order of flows, which stays the same while blocks are written: by start, then by
/// what is in them, then by how many that are all alike came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the last flow of the page before started.
    pub start: Timestamp,
    /// What is in it, as a number.
    pub content: u64,
    /// How many flows like it were on pages before.
    pub alike: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The flows.
    pub flows: Vec<Flow>,
    /// Of each of them, whether another record tells of the same packets, so that it is not counted.
    pub mirrored: Vec<bool>,
    /// Where the next page begins; None where this is the last.
    pub next: Option<Cursor>,
    /// What this rests on.
    pub evidence: Evidence,
}

/// By start and content; each flow with whether it is mirrored.
type Page = BTreeMap<(Reverse<i64>, u64), Vec<(Flow, bool)>>;

impl Archive<'_> {
    /// Lists flows, the latest start first.
    pub fn list(&self, query: &ListQuery, now: Timestamp) -> Result<Listed, QueryError> {
        let limit = query.limit.clamp(1, MOST);
        // By start and content, the latest first; alike ones together.
        let mut page = Page::new();
        let mut held = 0_usize;
        let after = query.after.map(|cursor| (Reverse(cursor.start.0), cursor.content));
        // The page before may end among flows that are all alike.
        let skip = query.after.map_or(0, |cursor| cursor.alike as usize);
        let evidence = self.scan(query.range, &query.filter, now, |day, rows, entry| {
            let worst = page.keys().next_back().map_or(i64::MIN, |(start, _)| start.0);
            let full = held > limit + skip;
            let passed = after.is_some_and(|(start, _)| entry.first_start.0 > start.0);
            if passed || (full && entry.last_start.0 < worst) {
                return Ok(());
            }
            let broken = || DaysError::block(&day.file().path);
            let mask = mask(&query.filter, query.range, entry, rows, self.geo).map_err(broken())?;
            if mask.as_ref().is_some_and(|mask| !mask.contains(&true)) {
                return Ok(());
            }
            let flows = rows.reader().flows(rows.dictionary).map_err(broken())?;
            let (ways, way) = rows.paths().map_err(broken())?;
            let counts = self.interfaces.counted(ways, entry.block().is_some());
            for (row, flow) in flows.into_iter().enumerate() {
                if mask.as_ref().is_some_and(|mask| !mask[row]) {
                    continue;
                }
                let start = Reverse(flow.start.0);
                let last = page.keys().next_back().map_or(Reverse(i64::MIN), |key| key.0);
                if after.is_some_and(|after| start < after.0)
                    || (held > limit + skip && start > last)
                {
                    continue;
                }
                let key = (start, content(&flow));
                if after.is_some_and(|after| key < after) {
                    continue;
                }
                let mirrored = !counts[way[row] as usize];
                page.entry(key).or_default().push((flow, mirrored));
                held += 1;
                // One more than the page, to know whether another follows.
                while held > limit + skip + 1 {
                    let Some(mut last) = page.last_entry() else { break };
                    last.get_mut().pop();
                    held -= 1;
                    if last.get().is_empty() {
                        last.remove();
                    }
                }
            }
            Ok(())
        })?;
        let (mut flows, mut mirrored) = (Vec::with_capacity(limit), Vec::new());
        let mut next = None;
        let mut more = false;
        for (key, alike) in page {
            let known = if Some(key) == after { skip } else { 0 };
            for (place, (flow, twice)) in alike.into_iter().enumerate().skip(known) {
                more = flows.len() == limit;
                if more {
                    break;
                }
                flows.push(flow);
                mirrored.push(twice);
                let alike = place as u64 + 1;
                next = Some(Cursor { start: Timestamp(key.0.0), content: key.1, alike });
            }
        }
        Ok(Listed { flows, mirrored, next: next.filter(|_| more), evidence })
    }
}

/// What is in a flow as a number that is the same in every process.
fn content(flow: &Flow) -> u64 {
    let mut hasher = Seeded::FIXED.build_hasher();
    for address in [flow.source, flow.destination] {
        match address {
            std::net::IpAddr::V4(v4) => hasher.write_u64(v4.to_bits().into()),
            std::net::IpAddr::V6(v6) => hasher.write_u128(v6.to_bits()),
        }
    }
    let ports = u64::from(flow.source_port) << 16 | u64::from(flow.destination_port);
    hasher.write_u64(ports << 8 | u64::from(flow.protocol));
    hasher.write_u64(flow.end.0 as u64);
    hasher.write_u64(flow.bytes);
    hasher.write_u64(flow.packets);
    hasher.write_u64(u64::from(flow.input) << 32 | u64::from(flow.output));
    hasher.finish()
}
