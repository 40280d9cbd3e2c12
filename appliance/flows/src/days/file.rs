//! The files of a day: their names, and the table in them.

use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::DaysError;

/// One day as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    /// The UTC day's number since the Unix epoch.
    pub day: i64,
    /// Where its blocks lie. The file may not exist yet while there is only a tail.
    pub path: PathBuf,
    /// Bytes on disk, its tail included.
    pub bytes: u64,
}

impl DayFile {
    pub(super) fn tail(&self) -> PathBuf {
        tail_path(&self.path)
    }
}

pub(super) fn path(dir: &Path, day: i64) -> PathBuf {
    let date: String =
        Timestamp::from_day(day).rfc3339().chars().take(10).filter(|c| *c != '-').collect();
    dir.join(format!("flows-{date}.db"))
}

pub(super) fn tail_path(path: &Path) -> PathBuf {
    path.with_extension("tail")
}

/// The day that a file's name tells; None for any other file.
fn parse(name: &str) -> Option<i64> {
    let date = name.strip_prefix("flows-")?;
    let date = date.strip_suffix(".db").or_else(|| date.strip_suffix(".tail"))?;
    if date.len() != 8 || !date.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let text = format!("{}-{}-{}T00:00:00Z", &date[..4], &date[4..6], &date[6..]);
    Some(Timestamp::parse_rfc3339(&text)?.day())
}

/// All days of a folder, oldest first. A folder that does not exist has none.
pub fn list(dir: &Path) -> Result<Vec<DayFile>, DaysError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DaysError::io("list", dir)(error)),
    };
    let mut days: Vec<i64> =
        entries.filter_map(|entry| parse(entry.ok()?.file_name().to_str()?)).collect();
    days.sort_unstable();
    days.dedup();
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let file = |day| {
        let path = path(dir, day);
        DayFile { day, bytes: size(&path) + size(&tail_path(&path)), path }
    };
    Ok(days.into_iter().map(file).collect())
}

/// A block is written once and never changed. `covers` is the last frame of the tail that it
/// holds, so that a process killed before the tail was removed does not count its flows twice.
/// Pages of 16 KiB: a block of 500 KB is read in 30 steps.
const TABLES: &str = "
    PRAGMA page_size = 16384;
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -1024;
    PRAGMA busy_timeout = 5000;
    CREATE TABLE IF NOT EXISTS blocks (
        id INTEGER PRIMARY KEY,
        flows INTEGER NOT NULL,
        first_start INTEGER NOT NULL,
        last_start INTEGER NOT NULL,
        last_end INTEGER NOT NULL,
        covers INTEGER NOT NULL,
        addresses BLOB NOT NULL,
        columns BLOB NOT NULL
    ) STRICT;";

/// Opens a day for writing, making it where there is none. What is no sound database is put aside
/// as `.damaged`, because a day of flows must never keep the appliance from starting.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, DaysError> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES)?;
        Ok(connection)
    };
    let damaged = |error: &rusqlite::Error| {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
    };
    match open() {
        Err(error) if damaged(&error) => {
            let aside = path.with_extension("db.damaged");
            tracing::error!(file = %path.display(), %error, "flows of a day are damaged, put aside");
            std::fs::rename(path, &aside).map_err(DaysError::io("put aside", path))?;
            open()
        }
        other => other,
    }
    .map_err(DaysError::sqlite("open", path))
}

/// Opens a day for reading; None while it has no blocks yet.
pub(super) fn open_for_reading(path: &Path) -> Result<Option<Connection>, DaysError> {
    if !path.exists() {
        return Ok(None);
    }
    let open = |access| {
        let connection =
            Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.execute_batch(
            "PRAGMA query_only = ON; PRAGMA cache_size = -1024; PRAGMA busy_timeout = 5000;",
        )?;
        let made = connection.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name = 'blocks'",
            [],
            |row| row.get::<_, i64>(0),
        )?;
        Ok((made > 0).then_some(connection))
    };
    match open(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        // A process was killed while it wrote a block: who reads next undoes what it began.
        Err(error) if is_unfinished(&error) => open(OpenFlags::SQLITE_OPEN_READ_WRITE),
        other => other,
    }
    .map_err(DaysError::sqlite("open", path))
}

fn is_unfinished(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_tells_its_day_and_no_other_file_is_taken_for_one() {
        for day in [0, 20_778, 47_000] {
            let path = path(Path::new("/d"), day);
            assert_eq!(parse(path.file_name().unwrap().to_str().unwrap()), Some(day));
            let tail = tail_path(&path);
            assert_eq!(parse(tail.file_name().unwrap().to_str().unwrap()), Some(day));
        }
        for name in ["flows.db", "flows-2026.db", "flows-20261399.db", "flows-20261121.db-journal"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
