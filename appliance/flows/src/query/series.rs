//! How much over time: one point a step, what was sent and what was received.

use std::net::IpAddr;

use model::Timestamp;

use super::rows::Rows;
use super::share::{share, touches};
use super::{Archive, Evidence, QueryError, Range, Sums};
use crate::block::BlockError;
use crate::days::{DaysError, Entry};
use crate::filter::{Filter, Side, Test};
use crate::world::Prefix;

/// The most points of a series: a week of minutes.
const MOST_POINTS: i64 = 10_080;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesQuery {
    /// When. Steps are counted from its beginning.
    pub range: Range,
    /// The length of a step, in milliseconds.
    pub step: i64,
    /// Which flows.
    pub filter: Filter,
    /// The addresses of the device or host that is asked about. Where there is none, all flows
    /// count as sent.
    pub hosts: Vec<IpAddr>,
}

/// What passed in one step. A flow counts in each step in which it was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// What the hosts sent.
    pub sent: Sums,
    /// What they received.
    pub received: Sums,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// When the first step begins.
    pub from: Timestamp,
    /// The length of a step, in milliseconds.
    pub step: i64,
    /// One a step.
    pub points: Vec<Point>,
    /// What this rests on.
    pub evidence: Evidence,
}

impl Archive<'_> {
    /// Sums flows by steps of time.
    pub fn series(&self, query: &SeriesQuery, now: Timestamp) -> Result<Series, QueryError> {
        let step = query.step.max(1);
        let length = query.range.to.0.saturating_sub(query.range.from.0).max(0);
        let points = length / step + i64::from(length % step != 0);
        if points > MOST_POINTS {
            return Err(QueryError::TooManyPoints { points, most: MOST_POINTS });
        }
        let mut points = vec![Point::default(); points as usize];
        let hosts = query.hosts.iter();
        let hosts =
            hosts.map(|host| Filter::Test(Test::Network(Side::Either, Prefix::host(*host))));
        let mut filter = query.filter.clone();
        if !query.hosts.is_empty() {
            filter = Filter::All(vec![Filter::Any(hosts.collect()), filter]);
        }
        let evidence = self.scan(query.range, &filter, now, |day, rows, entry| {
            self.add_points(query, step, &filter, rows, entry, &mut points)
                .map_err(DaysError::block(&day.file().path))
                .map_err(QueryError::from)
        })?;
        Ok(Series { from: query.range.from, step, points, evidence })
    }

    fn add_points(
        &self,
        query: &SeriesQuery,
        step: i64,
        filter: &Filter,
        rows: &Rows<'_>,
        entry: &Entry,
        points: &mut [Point],
    ) -> Result<(), BlockError> {
        let mask = self.counted(filter, query.range, entry, rows)?;
        let mut theirs = vec![query.hosts.is_empty(); rows.dictionary.len()];
        for id in query.hosts.iter().filter_map(|host| rows.dictionary.find(*host)) {
            theirs[id] = true;
        }
        let [starts, ends] = rows.times()?;
        let (bytes, packets) = (rows.bytes()?, rows.packets()?);
        let (from, to) = (query.range.from.0, query.range.to.0);
        for row in rows.span() {
            if mask.as_ref().is_some_and(|mask| !mask[row]) {
                continue;
            }
            let times = (starts[row], ends[row]);
            let sent = theirs[rows.ends.source[row] as usize];
            let received = !query.hosts.is_empty() && theirs[rows.ends.destination[row] as usize];
            let first = times.0.saturating_sub(from).max(0) / step;
            let last = times.1.min(to - 1).saturating_sub(from).max(0) / step;
            let touched = points.get_mut(first as usize..=last as usize).unwrap_or_default();
            for (number, point) in (first..).zip(touched) {
                let begin = from + number * step;
                let cut = (begin, begin.saturating_add(step).min(to));
                if !touches(times, cut) {
                    continue;
                }
                let amounts = (share(bytes[row], times, cut), share(packets[row], times, cut));
                if sent {
                    point.sent.flow(amounts.0, amounts.1);
                }
                if received {
                    point.received.flow(amounts.0, amounts.1);
                }
            }
        }
        Ok(())
    }
}
