//! The appliance's metrics: a value a minute of every series, a value an hour for long.
//!
//! In come single values ([`Metrics::record`]); they are gathered in memory ([`rollup`]) and stored
//! once a minute, so that flash lasts. Minutes lie in one file a day and are forgotten after 90 days;
//! hours lie in the main database. A series is a name that says what is measured, with its unit at
//! the end, and a label that says of what: `interface_rx_bps` of `eth0`.

mod query;
mod rollup;
mod tables;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use serde::Serialize;
use store::{Store, StoreError};

use crate::interfaces::Span;
use rollup::Rollup;
pub use rollup::{MOST_SERIES, SeriesKey};
pub use tables::METRICS;
pub(crate) use tables::{KIND, MIGRATION, RETENTION};

/// The value of a piece of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When that piece begins.
    pub at: Timestamp,
    /// What was measured in it.
    pub value: Span,
}

/// The metric store. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    store: Store,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    rollup: Rollup,
    /// Numbers of series that are in the table for certain.
    numbers: HashMap<SeriesKey, i64>,
    /// The last hour whose rows of hours are written, since the Unix epoch.
    hour: Option<i64>,
}

impl Metrics {
    /// Metrics in these tables.
    pub fn new(store: Store) -> Self {
        Self { store, inner: Arc::default() }
    }

    /// Notes a value that was measured now. Values of more than [`MOST_SERIES`] series at a time are
    /// dropped and counted.
    pub fn record(&self, now: Timestamp, name: &'static str, label: &str, value: f64) {
        self.inner().rollup.record(now, name, label, value);
    }

    /// Values that were dropped since the start: too many series, or the disk refused for long.
    pub fn dropped(&self) -> u64 {
        self.inner().rollup.dropped()
    }

    /// Stores the minutes that have ended, and the hours. To be called once a minute; with `all`
    /// also the minute that has not ended.
    ///
    /// # Errors
    /// Where the tables refuse. The minutes are kept for the next call.
    pub async fn flush(&self, now: Timestamp, all: bool) -> Result<(), StoreError> {
        let minutes = self.inner().rollup.take_ended(now, all);
        if !minutes.is_empty() {
            let outcome = match self.number_all(&minutes).await {
                Ok(rows) => {
                    self.store.write("metrics", move |w| tables::insert_minutes(w, &rows)).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                self.inner().rollup.put_back(minutes);
                return Err(error);
            }
        }
        self.write_hours(now).await
    }

    /// The rows of these minutes, their series numbered. The numbers are committed before anything
    /// uses them, because day files are committed before the main database.
    async fn number_all(
        &self,
        minutes: &[rollup::Minute],
    ) -> Result<Vec<tables::MinuteRow>, StoreError> {
        let unknown: Vec<SeriesKey> = {
            let inner = self.inner();
            let new = minutes.iter().map(|m| &m.series).filter(|s| !inner.numbers.contains_key(*s));
            new.cloned().collect()
        };
        if !unknown.is_empty() {
            let found =
                self.store.write("series", move |w| tables::number(w.main(), unknown)).await?;
            let mut inner = self.inner();
            // Labels come and go; the table knows them all.
            if inner.numbers.len() > MOST_SERIES {
                inner.numbers.clear();
            }
            inner.numbers.extend(found);
        }
        let inner = self.inner();
        let row = |minute: &rollup::Minute| {
            Some(tables::MinuteRow {
                series: *inner.numbers.get(&minute.series)?,
                minute: minute.number,
                value: minute.value,
                count: minute.count,
            })
        };
        Ok(minutes.iter().filter_map(row).collect())
    }

    /// Writes the hours that have ended since the last one written, also those of an earlier run.
    async fn write_hours(&self, now: Timestamp) -> Result<(), StoreError> {
        let current = now.0.div_euclid(tables::HOUR_MS);
        let written = self.inner().hour;
        if written.is_some_and(|hour| hour >= current - 1 && hour < current + 1) {
            return Ok(());
        }
        let written =
            self.store.write("metric hours", move |w| tables::write_hours(w, current)).await?;
        self.inner().hour = Some(written);
        Ok(())
    }

    /// At most `points` values (1 to 2 000) of a series between two moments, oldest first. Pieces
    /// without a measurement are left out. Minutes are used where they are fine enough and still
    /// kept, hours otherwise; the minute that has not been stored yet is not among them.
    pub async fn query(
        &self,
        name: &str,
        label: &str,
        from: Timestamp,
        to: Timestamp,
        points: usize,
    ) -> Result<Vec<Point>, StoreError> {
        let (name, label) = (name.to_owned(), label.to_owned());
        self.store.read(move |r| query::query(r, &name, &label, from, to, points)).await
    }

    /// The labels that a series has had, sorted.
    pub async fn labels(&self, name: &str) -> Result<Vec<String>, StoreError> {
        let name = name.to_owned();
        self.store.read(move |r| query::labels(r.main(), &name)).await
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
