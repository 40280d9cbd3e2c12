//! Questions about flows that were kept.
//!
//! In come a range, a filter and what is asked; out go answers with the evidence that they rest on.
//! One pass a block: blocks whose times or addresses cannot match are not read, of the others only
//! the columns that matter, and sums are kept by the block's own small numbers before they are
//! merged. Flows that cross the border of a range are counted by their share, so that the sums of
//! ranges in a row are those of the flows, to the octet.

mod group;
mod list;
mod load;
mod mask;
mod places;
mod rows;
mod search;
mod sensors;
mod series;
mod share;
mod sums;
mod table;
mod top;

use std::path::{Path, PathBuf};
use std::time::Instant;

use model::Timestamp;

pub use group::{Dimension, Key};
pub use list::{Cursor, ListQuery, Listed};
pub(crate) use load::Loader;
pub(crate) use places::network_of;
pub use places::{End, Mapping, PlacePair, Places, PlacesQuery, SeenNetwork};
pub(crate) use rows::Rows;
pub use search::{Confidence, Found, SearchQuery};
pub use sensors::{Sensor, Sensors, SensorsQuery, Sighting};
pub use series::{Point, Series, SeriesQuery};
pub(crate) use share::share;
pub use sums::{Measure, Sums};
pub use top::{Top, TopQuery, TopRow};

use crate::days::{Day, DaysError, Entry, list};
use crate::filter::Filter;
use crate::rollup::Interfaces;
use crate::world::{Geo, Ours};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The range begins after now.
    #[error("the range begins at {from}, which has not come yet: it is {now} now")]
    Future {
        /// Where it begins.
        from: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
    /// The range is empty.
    #[error("the range ends at {to}, before it begins at {from}")]
    Backwards {
        /// Where it begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
    },
    /// More points than anybody can look at.
    #[error("a series of {points} points is too long: at most {most}; take longer steps")]
    TooManyPoints {
        /// How many there would be.
        points: i64,
        /// How many there may be.
        most: i64,
    },
    /// It was not answered in the time that it was given.
    #[error("there are too many flows to look at; ask for a shorter range or for fewer addresses")]
    TooLong,
    /// The files cannot be read.
    #[error("{0}")]
    Days(#[from] DaysError),
}

/// A time from `from` to just before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// What an answer rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The earliest start and the latest end of all flows that are kept; None where there is none.
    pub kept: Option<(Timestamp, Timestamp)>,
    /// Flows that were looked at.
    pub flows: u64,
    /// Blocks that were read.
    pub read: u64,
    /// Blocks that could be passed over by their times or addresses.
    pub passed: u64,
}

/// The flows in a folder.
pub struct Archive<'a> {
    dir: PathBuf,
    /// Which networks are ours.
    ours: Ours,
    /// Where addresses are.
    geo: &'a dyn Geo,
    /// By which it is seen that two records tell of the same packets.
    interfaces: Interfaces,
    /// When to give up.
    until: Option<Instant>,
}

impl<'a> Archive<'a> {
    /// The flows of a folder.
    pub fn new(dir: &Path, ours: Ours, geo: &'a dyn Geo) -> Self {
        Self { dir: dir.to_owned(), ours, geo, interfaces: Interfaces::default(), until: None }
    }

    /// The same, counting once what an exporter tells of as it comes in and as it goes out by one of
    /// these interfaces.
    #[must_use]
    pub fn counting_once(mut self, interfaces: Interfaces) -> Self {
        self.interfaces = interfaces;
        self
    }

    /// The same, giving up on questions that are not answered by then.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Self {
        self.until = Some(deadline);
        self
    }

    /// The earliest start and the latest end of all flows that are kept; None where there is none.
    pub fn kept(&self) -> Result<Option<(Timestamp, Timestamp)>, QueryError> {
        let mut evidence = Evidence::default();
        for file in list(&self.dir)? {
            let day = Day::open(&file)?;
            day.entries().iter().filter(|entry| entry.flows > 0).for_each(|e| evidence.extend(e));
        }
        Ok(evidence.kept)
    }

    /// Hands each block with flows in the range to `look`, and tells what was read.
    fn scan(
        &self,
        range: Range,
        filter: &Filter,
        now: Timestamp,
        mut look: impl FnMut(&Day, &Rows<'_>, &Entry) -> Result<(), QueryError>,
    ) -> Result<Evidence, QueryError> {
        check(range, now)?;
        let (mut evidence, mut loader) = (Evidence::default(), Loader::default());
        // The latest first: who lists flows is done after a few blocks.
        for file in list(&self.dir)?.into_iter().rev() {
            let day = Day::open(&file)?;
            for entry in day.entries().iter().rev().filter(|entry| entry.flows > 0) {
                evidence.extend(entry);
                if entry.last_end < range.from || entry.first_start >= range.to {
                    evidence.passed += 1;
                    continue;
                }
                if self.until.is_some_and(|until| Instant::now() >= until) {
                    return Err(QueryError::TooLong);
                }
                if !mask::may_match(filter, loader.dictionary(&day, entry)?) {
                    evidence.passed += 1;
                    continue;
                }
                let rows = loader.rows(&day, entry)?;
                evidence.read += 1;
                evidence.flows += entry.flows;
                look(&day, &rows, entry)?;
            }
        }
        Ok(evidence)
    }
}

impl Evidence {
    fn extend(&mut self, entry: &Entry) {
        let (first, last) = self.kept.unwrap_or((entry.first_start, entry.last_end));
        self.kept = Some((first.min(entry.first_start), last.max(entry.last_end)));
    }
}

fn check(range: Range, now: Timestamp) -> Result<(), QueryError> {
    if range.from > now {
        return Err(QueryError::Future { from: range.from, now });
    }
    if range.to < range.from {
        return Err(QueryError::Backwards { from: range.from, to: range.to });
    }
    Ok(())
}
