//! The sums on disk, and how far each day was summed.

use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::{Connection, OpenFlags, Transaction};

use super::account::{AddressBook, Interfaces};
use super::gather::{Gathered, Knowledge, Slot};
use super::{Amounts, Step, months};
use crate::days::{Day, DaysError, Entry, list};
use crate::query::Loader;
use crate::world::Geo;

/// Why sums could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum RollupError {
    /// `SQLite` could not do it.
    #[error("cannot {attempt} {path}: {source}")]
    Sqlite {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// The flows cannot be read.
    #[error("{0}")]
    Days(#[from] DaysError),
}

/// How long sums are kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// Those of minutes.
    pub minutes: u32,
    /// Those of hours.
    pub hours: u32,
    /// Those of days.
    pub days: u32,
    /// In months: those of months.
    pub months: u32,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Run {
    /// Blocks that were summed.
    pub blocks: u64,
    /// Flows that were summed.
    pub counted: u64,
    /// Flows that another record tells of.
    pub mirrored: u64,
}

/// Sums are written after so many slots at the latest: 30 MB of memory.
const MOST_SLOTS: usize = 250_000;

/// Sums of one step are clustered by time: what is written together lies together.
const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -2048;
    PRAGMA journal_size_limit = 1048576;
    PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS progress (day INTEGER PRIMARY KEY, block INTEGER NOT NULL) STRICT;";

/// Sums in the folder of the flows.
pub struct Rollups {
    pub(super) path: PathBuf,
    pub(super) dir: PathBuf,
    pub(super) connection: Connection,
}

impl Rollups {
    /// Opens the sums of a folder, making them where there are none.
    pub fn open(dir: &Path) -> Result<Self, RollupError> {
        let path = dir.join("rollups.db");
        let open = || {
            let connection = Connection::open(&path)?;
            connection.execute_batch(TABLES)?;
            for step in [Step::Minute, Step::Hour, Step::Day] {
                connection.execute_batch(&format!(
                    "CREATE TABLE IF NOT EXISTS {} (
                         at INTEGER NOT NULL,
                         kind INTEGER NOT NULL,
                         key INTEGER NOT NULL,
                         scope INTEGER NOT NULL,
                         sent INTEGER NOT NULL,
                         received INTEGER NOT NULL,
                         sent_packets INTEGER NOT NULL,
                         received_packets INTEGER NOT NULL,
                         flows INTEGER NOT NULL,
                         peak INTEGER NOT NULL,
                         PRIMARY KEY (at, kind, key, scope)
                     ) STRICT, WITHOUT ROWID;",
                    step.table()
                ))?;
            }
            connection.execute_batch(months::TABLES)?;
            Ok(connection)
        };
        let source = open();
        match source {
            Ok(connection) => Ok(Self { path, dir: dir.to_owned(), connection }),
            Err(source) => Err(RollupError::Sqlite { attempt: "open", path, source }),
        }
    }

    /// Opens the sums of a folder for reading alone; None where none were made yet.
    pub fn read(dir: &Path) -> Result<Option<Self>, RollupError> {
        let path = dir.join("rollups.db");
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.execute_batch(
                "PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA busy_timeout = 5000;",
            )?;
            let made =
                "SELECT count(*) FROM sqlite_schema WHERE name IN ('minutes', 'hours', 'days')";
            let made: i64 = connection.query_row(made, [], |row| row.get(0))?;
            Ok((made == 3).then_some(connection))
        };
        match open() {
            Ok(Some(connection)) => Ok(Some(Self { path, dir: dir.to_owned(), connection })),
            Ok(None) => Ok(None),
            Err(source) => Err(RollupError::Sqlite { attempt: "open", path, source }),
        }
    }

    /// Sums the blocks that have not been summed. Running again adds nothing.
    pub fn run(
        &mut self,
        book: &dyn AddressBook,
        geo: &dyn Geo,
        interfaces: &Interfaces,
    ) -> Result<Run, RollupError> {
        let knowledge = Knowledge { book, geo, interfaces };
        let (mut run, mut loader) = (Run::default(), Loader::default());
        for file in list(&self.dir)? {
            let done = self.progress(file.day).map_err(|e| self.failed("read", e))?;
            let day = Day::open(&file)?;
            let mut gathered = Gathered::default();
            let mut last = done;
            for entry in day.entries() {
                let Some(block) = entry.block().filter(|block| *block > done) else { continue };
                add(&mut gathered, &mut loader, (&day, entry), &knowledge)?;
                last = block;
                run.blocks += 1;
                if gathered.len() > MOST_SLOTS {
                    self.write(file.day, last, &mut gathered, &mut run)?;
                }
            }
            if last > done {
                self.write(file.day, last, &mut gathered, &mut run)?;
            }
        }
        Ok(run)
    }

    fn progress(&self, day: i64) -> rusqlite::Result<i64> {
        let sql = "SELECT coalesce(max(block), 0) FROM progress WHERE day = ?1";
        self.connection.prepare_cached(sql)?.query_row([day], |row| row.get(0))
    }

    fn write(
        &mut self,
        day: i64,
        block: i64,
        gathered: &mut Gathered,
        run: &mut Run,
    ) -> Result<(), RollupError> {
        let slots = gathered.take();
        let write = || {
            let transaction = self.connection.unchecked_transaction()?;
            store(&transaction, &slots)?;
            transaction.execute(
                "INSERT INTO progress (day, block) VALUES (?1, ?2)
                     ON CONFLICT (day) DO UPDATE SET block = excluded.block",
                [day, block],
            )?;
            transaction.commit()
        };
        write().map_err(|error| self.failed("write", error))?;
        run.counted += std::mem::take(&mut gathered.counted);
        run.mirrored += std::mem::take(&mut gathered.mirrored);
        Ok(())
    }

    /// Deletes sums that are too old, and how far days were read that are gone.
    pub fn forget(&mut self, today: i64, ages: Ages) -> Result<u64, RollupError> {
        let kept: Vec<i64> = list(&self.dir)?.into_iter().map(|file| file.day).collect();
        let oldest = kept.first().copied().unwrap_or(today);
        let forget = || {
            let transaction = self.connection.unchecked_transaction()?;
            let mut gone = 0;
            for (step, days) in
                [(Step::Minute, ages.minutes), (Step::Hour, ages.hours), (Step::Day, ages.days)]
            {
                let border = step.number(Timestamp::from_day(today - i64::from(days)));
                let sql = format!("DELETE FROM {} WHERE at < ?1", step.table());
                gone += transaction.execute(&sql, [border])? as u64;
            }
            let first = months::month_of(Timestamp::from_day(today)) - i64::from(ages.months);
            gone += months::forget(&transaction, first, oldest)?;
            transaction.execute("DELETE FROM progress WHERE day < ?1", [oldest])?;
            transaction.commit()?;
            Ok(gone)
        };
        forget().map_err(|error| self.failed("forget old sums in", error))
    }

    /// Sums flows that are in no block yet, as of now.
    pub(super) fn unsummed(&self, knowledge: &Knowledge<'_>) -> Result<Gathered, RollupError> {
        let (mut gathered, mut loader) = (Gathered::default(), Loader::default());
        for file in list(&self.dir)? {
            let day = Day::open(&file)?;
            let done = self.progress(file.day).map_err(|e| self.failed("read", e))?;
            for entry in day.entries() {
                if entry.block().is_none_or(|block| block > done) {
                    add(&mut gathered, &mut loader, (&day, entry), knowledge)?;
                }
            }
        }
        Ok(gathered)
    }

    pub(super) fn failed(&self, attempt: &'static str, source: rusqlite::Error) -> RollupError {
        RollupError::Sqlite { attempt, path: self.path.clone(), source }
    }
}

fn add(
    gathered: &mut Gathered,
    loader: &mut Loader,
    (day, entry): (&Day, &Entry),
    knowledge: &Knowledge<'_>,
) -> Result<(), DaysError> {
    loader.dictionary(day, entry)?;
    let rows = loader.rows(day, entry)?;
    gathered.add(&rows, knowledge).map_err(DaysError::block(&day.file().path))
}

/// Adds the sums of minutes to their minute, hour and day. The peak is the most that one minute had.
fn store(transaction: &Transaction<'_>, slots: &[(Slot, Amounts)]) -> rusqlite::Result<()> {
    let mut statements = Vec::new();
    for step in [Step::Minute, Step::Hour, Step::Day] {
        statements.push((step, transaction.prepare_cached(&upsert(step))?));
    }
    for (slot, amounts) in slots {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let [sent, received] = [amounts.sent, amounts.received].map(whole);
        let [out, back, flows] =
            [amounts.sent_packets, amounts.received_packets, amounts.flows].map(whole);
        let (kind, scope) = (i64::from(slot.kind as u8), i64::from(slot.scope as u8));
        for (step, statement) in &mut statements {
            let at = slot.minute.div_euclid(step.minutes());
            let values = [at, kind, slot.key, scope, sent, received, out, back, flows, slot.minute];
            statement.execute(values)?;
        }
    }
    Ok(())
}

/// Sums beyond what `SQLite`'s integers hold stay just below their end. The minute comes first: hours
/// and days look at what it has now. (To be told it by `RETURNING` costs a table in memory each time.)
fn upsert(step: Step) -> String {
    let columns = ["sent", "received", "sent_packets", "received_packets", "flows"];
    let sums = columns.map(|column| {
        format!("{column} = CAST(min({column} + excluded.{column}, 9.2e18) AS INTEGER)")
    });
    let peak = match step {
        Step::Minute => "?10 * 0",
        Step::Hour | Step::Day => {
            "(SELECT CAST(min(sent + received, 9.2e18) AS INTEGER) FROM minutes
                  WHERE at = ?10 AND kind = ?2 AND key = ?3 AND scope = ?4)"
        }
    };
    format!(
        "INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, {peak})
             ON CONFLICT (at, kind, key, scope)
             DO UPDATE SET {}, peak = max(peak, excluded.peak)",
        step.table(),
        sums.join(", ")
    )
}
