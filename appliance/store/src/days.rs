//! Files that hold one UTC day each: their names, where they lie, how they are opened.

use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::{Connection, OpenFlags};

use crate::schema::migrate_day;
use crate::{DayKind, StoreError};

/// One day's file as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFile {
    /// The kind's name, such as `events`.
    pub kind: String,
    /// The UTC day's number since the Unix epoch.
    pub day: i64,
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes on disk, its write-ahead log included.
    pub bytes: u64,
}

/// The folder of day files below the data folder.
pub(crate) const FOLDER: &str = "days";

/// `events-20261121.db` for the kind `events` and day 20778.
pub(crate) fn path(dir: &Path, kind: &str, day: i64) -> PathBuf {
    let date: String =
        Timestamp::from_day(day).rfc3339().chars().take(10).filter(|c| *c != '-').collect();
    dir.join(FOLDER).join(format!("{kind}-{date}.db"))
}

/// The inverse of [`path`]; None for any other file.
fn parse(file_name: &str) -> Option<(String, i64)> {
    let (kind, date) = file_name.strip_suffix(".db")?.rsplit_once('-')?;
    if date.len() != 8 || !date.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let text = format!("{}-{}-{}T00:00:00Z", &date[..4], &date[4..6], &date[6..]);
    Some((kind.to_owned(), Timestamp::parse_rfc3339(&text)?.day()))
}

/// All day files, newest first.
pub(crate) fn list(dir: &Path) -> Result<Vec<DayFile>, StoreError> {
    let folder = dir.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io("list", &folder)(e)),
    };
    let mut files: Vec<DayFile> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let (kind, day) = parse(entry.file_name().to_str()?)?;
            let path = entry.path();
            let bytes = ["", "-wal"].iter().map(|tail| size(&sibling(&path, tail))).sum();
            Some(DayFile { kind, day, path, bytes })
        })
        .collect();
    model::sort_by(&mut files, |a, b| b.day.cmp(&a.day).then_with(|| a.kind.cmp(&b.kind)));
    Ok(files)
}

/// Deletes a day with its write-ahead log.
pub(crate) fn delete(path: &Path) -> Result<(), StoreError> {
    std::fs::remove_file(path).map_err(StoreError::io("delete", path))?;
    for tail in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(sibling(path, tail));
    }
    Ok(())
}

/// Opens a day for writing, making it where it does not exist. A damaged file is put aside under
/// another name, because a day of bulk data must never keep the appliance from starting.
pub(crate) fn open_for_writing(
    dir: &Path,
    kind: &DayKind,
    day: i64,
) -> Result<Connection, StoreError> {
    let path = path(dir, kind.name, day);
    match try_open(&path, kind) {
        Err(StoreError::Sqlite(e)) if StoreError::is_damage(&e) => {
            let aside = sibling(&path, ".damaged");
            tracing::error!(file = %path.display(), error = %e, "day file damaged, put aside");
            std::fs::rename(&path, &aside).map_err(StoreError::io("put aside", &path))?;
            for tail in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(sibling(&path, tail));
            }
            try_open(&path, kind)
        }
        other => other,
    }
}

fn try_open(path: &Path, kind: &DayKind) -> Result<Connection, StoreError> {
    if !path.exists() {
        // Under another name until its tables are there: readers open a day as soon as they see it.
        let unfinished = sibling(path, ".new");
        let _ = std::fs::remove_file(&unfinished);
        drop(set_up(&unfinished, kind)?);
        std::fs::rename(&unfinished, path).map_err(StoreError::io("create", path))?;
    }
    set_up(path, kind)
}

fn set_up(path: &Path, kind: &DayKind) -> Result<Connection, StoreError> {
    let mut conn = Connection::open(path)?;
    conn.execute_batch(
        "PRAGMA auto_vacuum = NONE;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -1024;
         PRAGMA journal_size_limit = 1048576;
         PRAGMA busy_timeout = 5000;",
    )?;
    migrate_day(&mut conn, kind)?;
    Ok(conn)
}

/// Opens a day for reading; None where there is none.
pub(crate) fn open_for_reading(
    dir: &Path,
    kind: &str,
    day: i64,
) -> Result<Option<Connection>, StoreError> {
    let path = path(dir, kind, day);
    if !path.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&path, flags)?;
    conn.execute_batch("PRAGMA cache_size = -512; PRAGMA busy_timeout = 5000;")?;
    Ok(Some(conn))
}

pub(crate) fn sibling(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    PathBuf::from(name)
}

pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_day_files_name_tells_its_day(day in 0_i64..60_000) {
            let path = path(Path::new("/d"), "events", day);
            let name = path.file_name().and_then(|n| n.to_str()).expect("has a name");
            prop_assert_eq!(parse(name), Some(("events".to_owned(), day)));
        }

        #[test]
        fn no_file_name_makes_the_parser_panic(name: String) {
            let _ = parse(&name);
        }
    }

    #[test]
    fn other_files_are_not_taken_for_days() {
        for name in ["events.db", "events-2026.db", "events-20261121.db-wal", "x-20261399.db"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
