//! Copies of the main database, and the way back.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use model::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use crate::store::APPLICATION_ID;
use crate::{DATABASE, Room, Store, StoreError, days, schema};

/// The folder of backups below the data folder.
pub(crate) const FOLDER: &str = "backups";
/// Days for which the newest backup of the day is kept.
const DAILY: i64 = 7;

/// One copy of the main database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Its file.
    pub path: PathBuf,
    /// When it was made.
    pub at: Timestamp,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Store {
    /// Copies the main database while it is in use, and forgets copies that are no longer needed.
    pub async fn back_up(&self, now: Timestamp) -> Result<Backup, StoreError> {
        let options = self.options().clone();
        let made = self
            .read(move |r| {
                let path = options.dir.join(FOLDER).join(name(now));
                let unfinished = days::sibling(&path, ".unfinished");
                let _ = std::fs::remove_file(&unfinished);
                let target = unfinished.display().to_string();
                let copied = r.main().execute("VACUUM INTO ?1", [&target]);
                if let Err(error) = copied {
                    let _ = std::fs::remove_file(&unfinished);
                    return Err(StoreError::from(error));
                }
                let private = std::fs::Permissions::from_mode(0o600);
                std::fs::set_permissions(&unfinished, private)
                    .and_then(|()| std::fs::File::open(&unfinished)?.sync_all())
                    .and_then(|()| std::fs::rename(&unfinished, &path))
                    .map_err(StoreError::io("write", &path))?;
                for old in surplus(list(&options.dir)?, options.keep_backups, now) {
                    std::fs::remove_file(&old.path).map_err(StoreError::io("delete", &old.path))?;
                }
                let bytes = days::size(&path);
                Ok::<_, StoreError>(Backup { path, at: now, bytes })
            })
            .await?;
        tracing::info!(file = %made.path.display(), bytes = made.bytes, "backup made");
        Ok(made)
    }

    /// All backups, newest first.
    pub fn backups(&self) -> Result<Vec<Backup>, StoreError> {
        list(&self.options().dir)
    }
}

/// Puts a backup in the place of the main database. The store must be closed. What was there is kept
/// beside it with the ending `.before-restore`.
///
/// # Errors
/// [`StoreError::NotABackup`] for a file that is damaged, of another program or of a newer release;
/// nothing is changed then.
pub fn restore(dir: &Path, backup: &Path, rooms: &[Room]) -> Result<(), StoreError> {
    check(backup, rooms)?;
    let database = dir.join(DATABASE);
    let incoming = days::sibling(&database, ".incoming");
    std::fs::copy(backup, &incoming).map_err(StoreError::io("copy", backup))?;
    std::fs::set_permissions(&incoming, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::File::open(&incoming)?.sync_all())
        .map_err(StoreError::io("write", &incoming))?;
    let aside = days::sibling(&database, ".before-restore");
    for tail in ["", "-wal", "-shm"] {
        let from = days::sibling(&database, tail);
        if from.exists() {
            let to = days::sibling(&aside, tail);
            std::fs::rename(&from, &to).map_err(StoreError::io("put aside", &from))?;
        }
    }
    std::fs::rename(&incoming, &database).map_err(StoreError::io("replace", &database))
}

fn check(path: &Path, rooms: &[Room]) -> Result<(), StoreError> {
    let refuse = |detail: String| StoreError::NotABackup { path: path.to_owned(), detail };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| refuse(e.to_string()))?;
    let look = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, String>(0));
    let sound = look("PRAGMA integrity_check(1)").map_err(|e| refuse(e.to_string()))?;
    if sound != "ok" {
        return Err(refuse(format!("it is damaged ({sound})")));
    }
    let ours: i32 = conn
        .pragma_query_value(None, "application_id", |r| r.get(0))
        .map_err(|e| refuse(e.to_string()))?;
    if ours != APPLICATION_ID {
        return Err(refuse("another program made it".to_owned()));
    }
    let mut rooms = rooms.to_vec();
    rooms.insert(0, schema::OWN);
    let mut statement = conn.prepare("SELECT room, number FROM schema_migrations")?;
    let steps = statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, u32>(1)?)))?;
    for step in steps {
        let (room, number) = step?;
        let known = |r: &Room| r.name == room && r.migrations.iter().any(|m| m.number == number);
        if !rooms.iter().any(known) {
            return Err(refuse(format!("a newer release made it (step {number} of {room})")));
        }
    }
    Ok(())
}

/// All backups in a data folder, newest first.
pub(crate) fn list(dir: &Path) -> Result<Vec<Backup>, StoreError> {
    let folder = dir.join(FOLDER);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io("list", &folder)(e)),
    };
    let mut all: Vec<Backup> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let at = parse(entry.file_name().to_str()?)?;
            let path = entry.path();
            let bytes = days::size(&path);
            Some(Backup { path, at, bytes })
        })
        .collect();
    all.sort_by_key(|b| std::cmp::Reverse(b.at));
    Ok(all)
}

/// Of backups, newest first, those beyond the newest `keep` and the newest of each of the last days.
fn surplus(all: Vec<Backup>, keep: usize, now: Timestamp) -> Vec<Backup> {
    let mut kept_day = None;
    let mut surplus = Vec::new();
    for (position, backup) in all.into_iter().enumerate() {
        let first_of_day = kept_day != Some(backup.at.day());
        let recent = now.day() - backup.at.day() < DAILY;
        if position < keep || first_of_day && recent {
            kept_day = Some(backup.at.day());
        } else {
            surplus.push(backup);
        }
    }
    surplus
}

/// `panoptikon-20261121T140000Z.db`
fn name(at: Timestamp) -> String {
    let digits: String =
        at.rfc3339().chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
    format!("panoptikon-{digits}Z.db")
}

fn parse(name: &str) -> Option<Timestamp> {
    let t = name.strip_prefix("panoptikon-")?.strip_suffix("Z.db")?;
    if t.len() != 15 || !t.is_ascii() {
        return None;
    }
    let (y, mo, d) = (&t[..4], &t[4..6], &t[6..8]);
    let (h, mi, s) = (&t[9..11], &t[11..13], &t[13..15]);
    Timestamp::parse_rfc3339(&format!("{y}-{mo}-{d}T{h}:{mi}:{s}Z"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_backups_name_tells_when_it_was_made() {
        let at = Timestamp::parse_rfc3339("2026-11-21T14:00:05Z").expect("valid");
        assert_eq!(name(at), "panoptikon-20261121T140005Z.db");
        assert_eq!(parse(&name(at)), Some(at));
        assert_eq!(parse("panoptikon-.db"), None);
    }

    #[test]
    fn the_newest_and_one_a_day_are_kept() {
        let now = Timestamp::parse_rfc3339("2026-11-21T14:30:00Z").expect("valid");
        let hourly = |n: u64| now.minus(Duration::from_secs(n * 3_600));
        let all: Vec<Backup> = (0..24 * 10)
            .map(|n| Backup { path: PathBuf::new(), at: hourly(n), bytes: 0 })
            .collect();
        let gone = surplus(all.clone(), 6, now);
        let kept: Vec<_> = all.iter().filter(|b| !gone.contains(b)).collect();
        assert_eq!(kept.len(), 6 + 6);
        assert!(kept[..6].iter().enumerate().all(|(n, b)| b.at == hourly(n as u64)));
    }
}
