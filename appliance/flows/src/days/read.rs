//! A day as a reader finds it: the list of its blocks, those of its tail included, and each block's
//! two strings. In comes a day's file, out go octets.

use std::ffi::CStr;

use model::Timestamp;
use rusqlite::Connection;

use super::tail::{self, Frame};
use super::{DayFile, DaysError, file};
use crate::Flow;
use crate::block::{Dictionary, Reader, Scratch};

/// A day that is open for reading. What is written later is not seen.
pub struct Day {
    file: DayFile,
    connection: Option<Connection>,
    frames: Vec<Frame>,
    entries: Vec<Entry>,
}

/// What is known of a block without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    at: At,
    /// How many flows.
    pub flows: u64,
    /// The earliest start.
    pub first_start: Timestamp,
    /// The latest start.
    pub last_start: Timestamp,
    /// The latest end.
    pub last_end: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Row(i64),
    Frame(usize),
}

impl Entry {
    /// The number of the block within its day; None while its flows are in the tail.
    pub fn block(&self) -> Option<i64> {
        match self.at {
            At::Row(id) => Some(id),
            At::Frame(_) => None,
        }
    }
}

impl Day {
    /// Opens a day.
    pub fn open(file: &DayFile) -> Result<Self, DaysError> {
        // The tail first: what moves into a block meanwhile is then known to be covered.
        let (frames, _) = tail::read(&file.tail(), 0)?;
        let connection = file::open_for_reading(&file.path)?;
        let mut entries = Vec::new();
        let mut covered = 0;
        if let Some(connection) = &connection {
            covered =
                list(connection, &mut entries).map_err(DaysError::sqlite("read", &file.path))?;
        }
        let frames: Vec<Frame> =
            frames.into_iter().filter(|frame| frame.number > covered).collect();
        entries.extend(frames.iter().enumerate().map(|(place, frame)| Entry {
            at: At::Frame(place),
            flows: frame.block.flows as u64,
            first_start: frame.block.first_start,
            last_start: frame.block.last_start,
            last_end: frame.block.last_end,
        }));
        Ok(Self { file: file.clone(), connection, frames, entries })
    }

    /// Its blocks, in the order in which they came.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where it lies.
    pub fn file(&self) -> &DayFile {
        &self.file
    }

    /// Reads the addresses of a block, as its [`Dictionary`](crate::block::Dictionary) takes them,
    /// in place of what was in `into`.
    pub fn addresses(&self, entry: &Entry, into: &mut Vec<u8>) -> Result<(), DaysError> {
        match entry.at {
            At::Frame(place) => into.clone_from(&self.frames[place].block.addresses),
            At::Row(id) => self.blob(c"addresses", id, into)?,
        }
        Ok(())
    }

    /// Reads the columns of a block, as its [`Reader`](crate::block::Reader) takes them, in place
    /// of what was in `into`.
    pub fn columns(&self, entry: &Entry, into: &mut Vec<u8>) -> Result<(), DaysError> {
        match entry.at {
            At::Frame(place) => into.clone_from(&self.frames[place].block.columns),
            At::Row(id) => self.blob(c"columns", id, into)?,
        }
        Ok(())
    }

    /// All flows of a block.
    pub fn flows(&self, entry: &Entry) -> Result<Vec<Flow>, DaysError> {
        let (mut addresses, mut columns) = (Vec::new(), Vec::new());
        self.addresses(entry, &mut addresses)?;
        self.columns(entry, &mut columns)?;
        Dictionary::open(&addresses)
            .and_then(|dictionary| Reader::open(&columns, &Scratch::default())?.flows(&dictionary))
            .map_err(DaysError::block(&self.file.path))
    }

    /// Straight from the file to where it is wanted: a row of a result is copied twice, and each
    /// time into memory that the system must clear.
    fn blob(&self, column: &CStr, id: i64, into: &mut Vec<u8>) -> Result<(), DaysError> {
        let Some(connection) = &self.connection else {
            into.clear();
            return Ok(());
        };
        let mut read = || {
            let blob = connection.blob_open(c"main", c"blocks", column, id, true)?;
            into.resize(blob.len(), 0);
            blob.read_at_exact(into, 0)
        };
        read().map_err(DaysError::sqlite("read", &self.file.path))
    }
}

/// Lists the blocks; returns the last frame of the tail that they cover.
fn list(connection: &Connection, entries: &mut Vec<Entry>) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare(
        "SELECT id, flows, first_start, last_start, last_end, covers FROM blocks ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut covered = 0;
    while let Some(row) = rows.next()? {
        entries.push(Entry {
            at: At::Row(row.get(0)?),
            flows: row.get::<_, i64>(1)?.max(0) as u64,
            first_start: Timestamp(row.get(2)?),
            last_start: Timestamp(row.get(3)?),
            last_end: Timestamp(row.get(4)?),
        });
        covered = covered.max(row.get::<_, i64>(5)?.max(0) as u64);
    }
    Ok(covered)
}
