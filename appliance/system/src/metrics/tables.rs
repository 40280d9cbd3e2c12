//! The rows of metrics. Minutes: one file a day. Hours: the main database.

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use store::{DayKind, Migration, Retention, StoreError, Writing};

use super::SeriesKey;
use super::rollup::MINUTE_MS;
use crate::interfaces::Span;

/// The kind of day file that holds minutes.
pub const METRICS: &str = "metrics";
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAY_MS: i64 = 86_400_000;
/// Hours that are made up for at once after the appliance was off.
const MOST_HOURS: i64 = 48;

pub(crate) const MIGRATION: Migration =
    Migration { number: 1, name: "metrics", sql: include_str!("tables.sql") };

pub(crate) const KIND: DayKind = DayKind {
    name: METRICS,
    migrations: &[Migration {
        number: 1,
        name: "minutes",
        sql: "CREATE TABLE metric_minutes (
                  series INTEGER NOT NULL,
                  minute INTEGER NOT NULL, -- of the day
                  least REAL NOT NULL,
                  mean REAL NOT NULL,
                  greatest REAL NOT NULL,
                  count INTEGER NOT NULL,
                  PRIMARY KEY (series, minute)
              ) STRICT, WITHOUT ROWID;",
    }],
    setting: "retention.metrics_days",
    default_days: 90,
};

pub(crate) const RETENTION: Retention = Retention {
    table: "metric_hours",
    column: "at",
    only: "1",
    setting: "retention.metric_hours_days",
    default_days: 1_096,
};

pub(super) struct MinuteRow {
    pub(super) series: i64,
    /// Minutes since the Unix epoch.
    pub(super) minute: i64,
    pub(super) value: Span,
    pub(super) count: u32,
}

/// The numbers of these series, given now where they have none.
pub(super) fn number(
    conn: &Connection,
    all: Vec<SeriesKey>,
) -> Result<Vec<(SeriesKey, i64)>, StoreError> {
    let mut insert =
        conn.prepare_cached("INSERT OR IGNORE INTO metric_series (name, label) VALUES (?1, ?2)")?;
    let mut numbered = Vec::with_capacity(all.len());
    for series in all {
        let known = find(conn, series.name, &series.label)?;
        let id = if let Some(id) = known {
            id
        } else {
            insert.execute(params![series.name, series.label])?;
            conn.last_insert_rowid()
        };
        numbered.push((series, id));
    }
    Ok(numbered)
}

/// The number of a series; None where it has never been stored.
pub(super) fn find(conn: &Connection, name: &str, label: &str) -> Result<Option<i64>, StoreError> {
    let mut find =
        conn.prepare_cached("SELECT id FROM metric_series WHERE name = ?1 AND label = ?2")?;
    Ok(find.query_row([name, label], |row| row.get(0)).optional()?)
}

/// Stores minutes. A minute that is there already, in parts because the appliance was restarted in
/// it, takes the new values in.
pub(super) fn insert_minutes(w: &mut Writing<'_>, rows: &[MinuteRow]) -> Result<(), StoreError> {
    for row in rows {
        let start = Timestamp(row.minute * MINUTE_MS);
        let conn = w.day(METRICS, start.day())?;
        let value = row.value;
        conn.prepare_cached(
            "INSERT INTO metric_minutes (series, minute, least, mean, greatest, count)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (series, minute) DO UPDATE SET
                 least = min(least, excluded.least),
                 greatest = max(greatest, excluded.greatest),
                 mean = (mean * count + excluded.mean * excluded.count)
                     / (count + excluded.count),
                 count = count + excluded.count",
        )?
        .execute(params![
            row.series,
            row.minute - start.day() * (DAY_MS / MINUTE_MS),
            rounded(value.min),
            rounded(value.avg),
            rounded(value.max),
            row.count,
        ])?;
    }
    Ok(())
}

/// Whole numbers from a thousand on, thousandths below: SQLite keeps whole numbers in few bytes.
fn rounded(value: f64) -> f64 {
    if value.abs() >= 1_000.0 { value.round() } else { (value * 1_000.0).round() / 1_000.0 }
}

/// Writes the rows of all hours before `current` that are not written yet; returns the last of them.
pub(super) fn write_hours(w: &mut Writing<'_>, current: i64) -> Result<i64, StoreError> {
    let latest: Option<i64> =
        w.main().query_row("SELECT max(at) FROM metric_hours", [], |row| row.get(0))?;
    // The newest one may have been written too early, before a clock was set back.
    let first = latest.map_or(current - 1, |at| at.div_euclid(HOUR_MS));
    for hour in first.clamp(current - MOST_HOURS, current - 1)..current {
        let start = Timestamp(hour * HOUR_MS);
        let of_day = start.0.rem_euclid(DAY_MS) / MINUTE_MS;
        let rows = {
            let conn = w.day(METRICS, start.day())?;
            let mut statement = conn.prepare_cached(
                "SELECT series, min(least), sum(mean * count) / sum(count), max(greatest),
                        sum(count)
                 FROM metric_minutes WHERE minute >= ?1 AND minute < ?2 GROUP BY series",
            )?;
            let rows = statement.query_map([of_day, of_day + HOUR_MS / MINUTE_MS], |row| {
                let span = Span { min: row.get(1)?, avg: row.get(2)?, max: row.get(3)? };
                Ok((row.get::<_, i64>(0)?, span, row.get::<_, i64>(4)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        let mut insert = w.main().prepare_cached(
            "INSERT OR REPLACE INTO metric_hours (series, at, least, mean, greatest, count)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for (series, span, count) in rows {
            let (least, mean, most) = (rounded(span.min), rounded(span.avg), rounded(span.max));
            insert.execute(params![series, start.0, least, mean, most, count])?;
        }
    }
    Ok(current - 1)
}
