//! Flows find their day and wait there until they fill a block or the hour closes.
//!
//! In come flows and `now`; what is written lies in the day's files. One at a time may keep a
//! folder: the service, or a tool while there is none.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::Timestamp;
use rusqlite::{Connection, params};

use super::tail::Tail;
use super::{DURABLE_MS, DaysError, file};
use crate::Flow;
use crate::block::{Dictionary, Encoder, MAX_ROWS, Reader, Scratch};

const HOUR_MS: i64 = 3_600_000;
/// Time to encode and append before [`DURABLE_MS`] have passed.
const MARGIN_MS: i64 = 1_000;

/// What was written since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Flows taken.
    pub flows: u64,
    /// Flows that had no room because writing failed.
    pub lost: u64,
    /// Blocks written.
    pub blocks: u64,
    /// Octets appended to tails and written as blocks.
    pub written: u64,
}

/// Keeps flows in a folder.
pub struct Keeper {
    dir: PathBuf,
    days: BTreeMap<i64, OpenDay>,
    written: Written,
    /// Held as long as the folder is.
    _lock: File,
}

/// What all days are written with.
#[derive(Default)]
struct Written {
    kept: Kept,
    encoder: Encoder,
}

/// A day that is written to.
struct OpenDay {
    path: PathBuf,
    connection: Option<Connection>,
    tail: Tail,
    /// Flows that are in no block yet, the first `appended` of them in the tail.
    pending: Vec<Flow>,
    appended: usize,
    /// When the first of them arrived, and the first that is nowhere but here.
    first: Timestamp,
    unsafe_since: Timestamp,
    /// The number of the last frame.
    number: u64,
}

impl Keeper {
    /// Opens a folder, making it where there is none, and takes up what an earlier process left.
    pub fn open(dir: &Path, now: Timestamp) -> Result<Self, DaysError> {
        std::fs::create_dir_all(dir).map_err(DaysError::io("create", dir))?;
        let mut keeper = Self {
            dir: dir.to_owned(),
            days: BTreeMap::new(),
            written: Written::default(),
            _lock: lock(dir)?,
        };
        for day in file::list(dir)?.into_iter().filter(|day| day.tail().exists()) {
            keeper.days.insert(day.day, OpenDay::open(day.path, now)?);
        }
        Ok(keeper)
    }

    /// What was written so far.
    pub fn kept(&self) -> Kept {
        self.written.kept
    }

    /// Takes flows. They lie in the day in which they ended, or today where that is neither today
    /// nor yesterday, because some clock is wrong.
    ///
    /// Fails where a full block cannot be written; the flows are kept in memory as long as there
    /// is room, and what has none is counted as lost.
    pub fn add(&mut self, flows: &[Flow], now: Timestamp) -> Result<(), DaysError> {
        let today = now.day();
        let day = |flow: &Flow| if flow.end.day() == today - 1 { today - 1 } else { today };
        let mut result = Ok(());
        for of_one_day in flows.chunk_by(|one, next| day(one) == day(next)) {
            let Some(first) = of_one_day.first() else { continue };
            result = self.add_to(day(first), of_one_day, now).and(result);
        }
        result
    }

    /// Takes flows of any age for the days in which they ended, as when a file is imported.
    pub fn import(
        &mut self,
        flows: impl IntoIterator<Item = Flow>,
        now: Timestamp,
    ) -> Result<(), DaysError> {
        for flow in flows {
            self.add_to(flow.end.day(), &[flow], now)?;
            if self.days.len() > 4 {
                self.close()?;
            }
        }
        self.close()
    }

    /// Takes flows of one day; what has no room is counted as lost.
    fn add_to(&mut self, day: i64, flows: &[Flow], now: Timestamp) -> Result<(), DaysError> {
        let mut rest = flows;
        let result = self.fill(day, &mut rest, now);
        self.written.kept.lost += rest.len() as u64;
        result
    }

    /// Takes flows off `rest` as long as there is room.
    fn fill(&mut self, day: i64, rest: &mut &[Flow], now: Timestamp) -> Result<(), DaysError> {
        if !self.days.contains_key(&day) {
            self.days.insert(day, OpenDay::open(file::path(&self.dir, day), now)?);
        }
        let Some(open) = self.days.get_mut(&day) else { return Ok(()) };
        while !rest.is_empty() {
            if open.pending.len() >= MAX_ROWS {
                open.write_block(&mut self.written)?;
            }
            if open.pending.is_empty() {
                open.first = now;
            }
            if open.pending.len() == open.appended {
                open.unsafe_since = now;
            }
            let room = MAX_ROWS.saturating_sub(open.pending.len());
            let (some, others) = rest.split_at(room.min(rest.len()));
            open.pending.extend_from_slice(some);
            self.written.kept.flows += some.len() as u64;
            *rest = others;
        }
        if open.pending.len() >= MAX_ROWS {
            // Where it fails it is tried again with the next flow.
            if let Err(error) = open.write_block(&mut self.written) {
                tracing::warn!(%error, "flows wait in memory");
            }
        }
        Ok(())
    }

    /// How long until [`Keeper::tick`] has something to do; None while nothing waits.
    pub fn due(&self, now: Timestamp) -> Option<Duration> {
        let waiting = self.days.values().filter(|open| !open.pending.is_empty());
        let due = waiting.map(|open| {
            let is_safe = open.pending.len() == open.appended;
            let ends = if is_safe {
                (open.first.0.div_euclid(HOUR_MS) + 1).saturating_mul(HOUR_MS)
            } else {
                open.unsafe_since.0.saturating_add(DURABLE_MS - MARGIN_MS)
            };
            // Not longer, should the clock be set.
            let most = if is_safe { HOUR_MS } else { DURABLE_MS - MARGIN_MS };
            Duration::from_millis(ends.saturating_sub(now.0).clamp(0, most) as u64)
        });
        due.min()
    }

    /// Does what is due: appends what has only been in memory for too long, and closes blocks of
    /// hours that have passed. To be called as [`Keeper::due`] says.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), DaysError> {
        let mut result = Ok(());
        for open in self.days.values_mut() {
            if open.pending.is_empty() {
                continue;
            }
            let hour = |at: Timestamp| at.0.div_euclid(HOUR_MS);
            let done = if hour(now) == hour(open.first) {
                let waited = now.0.saturating_sub(open.unsafe_since.0);
                // A clock that was set back must not make flows wait.
                let due = !(0..DURABLE_MS - MARGIN_MS).contains(&waited);
                if due { open.append(&mut self.written) } else { Ok(()) }
            } else {
                open.write_block(&mut self.written)
            };
            result = result.and(done);
        }
        let today = now.day();
        self.days.retain(|day, open| *day >= today - 1 || !open.pending.is_empty());
        result
    }

    /// Appends everything to the tails, as before the process ends.
    pub fn flush(&mut self) -> Result<(), DaysError> {
        self.days.values_mut().try_for_each(|open| open.append(&mut self.written))
    }

    /// Writes everything as blocks and closes all files.
    pub fn close(&mut self) -> Result<(), DaysError> {
        self.days.values_mut().try_for_each(|open| open.write_block(&mut self.written))?;
        self.days.clear();
        Ok(())
    }

    /// Closes days whose files were deleted.
    pub(super) fn release(&mut self) {
        self.days.retain(|_, open| open.connection.is_none() || open.path.exists());
    }
}

/// Sees to it that nobody else keeps the folder. The kernel lets go when the process dies.
fn lock(dir: &Path) -> Result<File, DaysError> {
    let path = dir.join("lock");
    let open = File::options().write(true).create(true).truncate(false).open(&path);
    let file = open.map_err(DaysError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DaysError::Busy(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(DaysError::io("lock", &path)(error)),
    }
}

impl OpenDay {
    fn open(path: PathBuf, now: Timestamp) -> Result<Self, DaysError> {
        let connection = if path.exists() { Some(file::open_for_writing(&path)?) } else { None };
        let covered = match &connection {
            Some(connection) => connection
                .query_row("SELECT coalesce(max(covers), 0) FROM blocks", [], |row| row.get(0))
                .map_err(DaysError::sqlite("read", &path))?,
            None => 0_i64,
        };
        let covered = covered.max(0) as u64;
        let (tail, frames) = Tail::open(file::tail_path(&path), covered)?;
        let mut pending = Vec::new();
        let mut number = covered;
        for frame in frames {
            number = number.max(frame.number);
            let flows = Dictionary::open(&frame.block.addresses).and_then(|addresses| {
                Reader::open(&frame.block.columns, &Scratch::default())?.flows(&addresses)
            });
            pending.extend(flows.map_err(DaysError::block(&path))?);
        }
        let appended = pending.len();
        Ok(Self {
            path,
            connection,
            tail,
            pending,
            appended,
            first: now,
            unsafe_since: now,
            number,
        })
    }

    /// Appends to the tail what is not in it yet.
    fn append(&mut self, written: &mut Written) -> Result<(), DaysError> {
        let news = &self.pending[self.appended..];
        if news.is_empty() {
            return Ok(());
        }
        let before = self.tail.length();
        self.tail.append(self.number + 1, news, &mut written.encoder)?;
        self.number += 1;
        self.appended = self.pending.len();
        written.kept.written += self.tail.length() - before;
        Ok(())
    }

    /// Makes a block of what waits; then the tail has done its duty.
    fn write_block(&mut self, written: &mut Written) -> Result<(), DaysError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => file::open_for_writing(&self.path)?,
        };
        let connection = self.connection.insert(connection);
        let failed = || DaysError::sqlite("write flows to", &self.path);
        let transaction = connection.unchecked_transaction().map_err(failed())?;
        let mut blocks = 0;
        for flows in self.pending.chunks(MAX_ROWS) {
            let block = written.encoder.encode(flows).map_err(DaysError::block(&self.path))?;
            transaction
                .prepare_cached(
                    "INSERT INTO blocks
                         (flows, first_start, last_start, last_end, covers, addresses, columns)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .and_then(|mut insert| {
                    insert.execute(params![
                        block.flows as i64,
                        block.first_start.0,
                        block.last_start.0,
                        block.last_end.0,
                        self.number as i64,
                        block.addresses,
                        block.columns
                    ])
                })
                .map_err(failed())?;
            blocks += 1;
            written.kept.written += (block.addresses.len() + block.columns.len()) as u64;
        }
        transaction.commit().map_err(failed())?;
        written.kept.blocks += blocks;
        self.pending.clear();
        self.appended = 0;
        self.tail.remove()
    }
}
