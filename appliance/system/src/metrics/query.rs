//! Reads a series between two moments in as many points as a chart has.

use model::Timestamp;
use rusqlite::{Connection, params};
use store::{Reading, StoreError};

use super::Point;
use super::rollup::MINUTE_MS;
use super::tables::{DAY_MS, HOUR_MS, METRICS, find};
use crate::interfaces::Span;

/// The most points of an answer.
const MOST_POINTS: usize = 2_000;

pub(super) fn query(
    r: &mut Reading,
    name: &str,
    label: &str,
    from: Timestamp,
    to: Timestamp,
    points: usize,
) -> Result<Vec<Point>, StoreError> {
    let Some(series) = find(r.main(), name, label)? else {
        return Ok(Vec::new());
    };
    if to <= from {
        return Ok(Vec::new());
    }
    let parts = points.clamp(1, MOST_POINTS) as i64;
    let width = (to.0.saturating_sub(from.0) / parts).max(1);
    let mut days: Vec<i64> = r.days(METRICS)?;
    days.retain(|day| (from.day()..=to.day()).contains(day));
    days.sort_unstable();
    let mut gather = Gather { from, width: width.max(MINUTE_MS), points: Vec::new(), count: 0.0 };
    // The newest hours are not rolled up yet, and what is older than any day has hours only.
    let oldest_minutes = days.first().map_or(to, |day| Timestamp::from_day(*day));
    if width >= HOUR_MS || from < oldest_minutes {
        gather.width = width.max(HOUR_MS);
        let last = hours(r.main(), series, from, to, &mut gather)?;
        let rest = last.map_or(from.max(oldest_minutes), |at| Timestamp(at.0 + HOUR_MS));
        days.retain(|day| *day >= rest.day());
        minutes(r, series, rest, to, &days, &mut gather)?;
    } else {
        minutes(r, series, from, to, &days, &mut gather)?;
    }
    Ok(gather.points)
}

/// The rows of hours; returns the beginning of the last one.
fn hours(
    conn: &Connection,
    series: i64,
    from: Timestamp,
    to: Timestamp,
    gather: &mut Gather,
) -> Result<Option<Timestamp>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT at, least, mean, greatest, count FROM metric_hours
         WHERE series = ?1 AND at >= ?2 AND at < ?3 ORDER BY at",
    )?;
    let mut rows = statement.query(params![series, from.0, to.0])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let at = Timestamp(row.get(0)?);
        let span = Span { min: row.get(1)?, avg: row.get(2)?, max: row.get(3)? };
        gather.take(at, span, row.get::<_, i64>(4)? as f64);
        last = Some(at);
    }
    Ok(last)
}

fn minutes(
    r: &mut Reading,
    series: i64,
    from: Timestamp,
    to: Timestamp,
    days: &[i64],
    gather: &mut Gather,
) -> Result<(), StoreError> {
    for day in days {
        let Some(conn) = r.day(METRICS, *day)? else {
            continue;
        };
        let start = Timestamp::from_day(*day).0;
        // A minute belongs to the answer if it begins in it.
        let first = (from.0.saturating_sub(start) + MINUTE_MS - 1).div_euclid(MINUTE_MS).max(0);
        let end = (to.0.saturating_sub(start)).min(DAY_MS).div_euclid(MINUTE_MS);
        let mut statement = conn.prepare_cached(
            "SELECT minute, least, mean, greatest, count FROM metric_minutes
             WHERE series = ?1 AND minute >= ?2 AND minute <= ?3 ORDER BY minute",
        )?;
        let mut rows = statement.query(params![series, first, end])?;
        while let Some(row) = rows.next()? {
            let at = Timestamp(start + row.get::<_, i64>(0)? * MINUTE_MS);
            let span = Span { min: row.get(1)?, avg: row.get(2)?, max: row.get(3)? };
            gather.take(at, span, row.get::<_, i64>(4)? as f64);
        }
    }
    Ok(())
}

/// Puts rows that share a piece of time together.
struct Gather {
    from: Timestamp,
    width: i64,
    points: Vec<Point>,
    count: f64,
}

impl Gather {
    fn take(&mut self, at: Timestamp, span: Span, count: f64) {
        let place = (at.0 - self.from.0).max(0) / self.width * self.width;
        let piece = Timestamp(self.from.0 + place);
        match self.points.last_mut() {
            Some(point) if point.at == piece => {
                self.count += count;
                point.value.min = point.value.min.min(span.min);
                point.value.max = point.value.max.max(span.max);
                point.value.avg += (span.avg - point.value.avg) * count / self.count.max(1.0);
            }
            _ => {
                self.points.push(Point { at: piece, value: span });
                self.count = count;
            }
        }
    }
}

/// The labels of a name, sorted.
pub(super) fn labels(conn: &Connection, name: &str) -> Result<Vec<String>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT label FROM metric_series WHERE name = ?1 ORDER BY label")?;
    let rows = statement.query_map([name], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
