//! Read-only connections.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::{DayFile, StoreError, days};

/// How many day files a reader keeps open.
const OPEN_DAYS: usize = 4;

/// What a reading closure sees.
pub struct Reading {
    main: Connection,
    dir: PathBuf,
    days: VecDeque<(String, i64, Connection)>,
}

impl Reading {
    pub(crate) fn open(dir: &Path, main: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(main, flags)?;
        conn.execute_batch("PRAGMA cache_size = -2048; PRAGMA busy_timeout = 5000;")?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(Self { main: conn, dir: dir.to_owned(), days: VecDeque::new() })
    }

    /// The main database.
    pub fn main(&self) -> &Connection {
        &self.main
    }

    /// The days of a kind that exist, newest first.
    pub fn days(&self, kind: &str) -> Result<Vec<i64>, StoreError> {
        let files = days::list(&self.dir)?;
        Ok(files.into_iter().filter(|f| f.kind == kind).map(|f| f.day).collect())
    }

    /// All day files, newest first.
    pub fn day_files(&self) -> Result<Vec<DayFile>, StoreError> {
        days::list(&self.dir)
    }

    /// One day of a kind; None where nothing was kept of it.
    pub fn day(&mut self, kind: &str, day: i64) -> Result<Option<&Connection>, StoreError> {
        // A connection to a file that retention has deleted would go on answering from its inode.
        let gone = !days::path(&self.dir, kind, day).exists();
        let known = self.days.iter().position(|(k, d, _)| k == kind && *d == day);
        match (known, gone) {
            (Some(at), true) => {
                self.days.remove(at);
                Ok(None)
            }
            (Some(at), false) => Ok(self.days.get(at).map(|(_, _, conn)| conn)),
            (None, _) => {
                let Some(conn) = days::open_for_reading(&self.dir, kind, day)? else {
                    return Ok(None);
                };
                if self.days.len() >= OPEN_DAYS {
                    self.days.pop_front();
                }
                self.days.push_back((kind.to_owned(), day, conn));
                Ok(self.days.back().map(|(_, _, conn)| conn))
            }
        }
    }
}
