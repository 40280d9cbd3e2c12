//! Copies of the main database, and the way back.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use model::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use crate::store::APPLICATION_ID;
use crate::{Room, Store, StoreError, days, schema};

/// The ending of a copy that is not complete.
const UNFINISHED: &str = ".unfinished";
/// The folder of backups below the data folder.
pub(crate) const FOLDER: &str = "backups";
/// Days, of those that have a backup, of which the newest one is kept.
const DAILY: usize = 7;
/// What has to stay free beside a copy, for everybody's writes meanwhile.
const SPARE: u64 = 16 << 20;

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
    /// Copies the main database while it is in use, and forgets copies that are no longer needed. Goes
    /// on where the caller goes away.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`] where a copy would fill the disk; nothing is written then.
    pub async fn back_up(&self, now: Timestamp) -> Result<Backup, StoreError> {
        let made = self.aside(move |store| store.copy(now)).await??;
        tracing::info!(file = %made.path.display(), bytes = made.bytes, "backup made");
        Ok(made)
    }

    fn copy(&self, now: Timestamp) -> Result<Backup, StoreError> {
        if self.inner().is_closed() {
            return Err(StoreError::Closed);
        }
        let _alone = self.inner().backing_up.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.options().dir.join(FOLDER);
        let path = folder.join(name(now));
        sweep(&folder)?;
        self.prune_backups(None)?;
        let sizes = self.sizes();
        room_for_copy(&folder, sizes.main, sizes.free)?;
        let unfinished = days::sibling(&path, UNFINISHED);
        let target = unfinished.display().to_string();
        let copied = self
            .read_blocking(|r| Ok(r.main().execute("VACUUM INTO ?1", [&target]).map(|_| ())?));
        let kept = copied.and_then(|()| {
            let private = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&unfinished, private)
                .and_then(|()| std::fs::File::open(&unfinished)?.sync_all())
                .and_then(|()| std::fs::rename(&unfinished, &path))
                .map_err(StoreError::io("write", &path))
        });
        if let Err(error) = kept {
            let _ = std::fs::remove_file(&unfinished);
            return Err(error);
        }
        if let Err(error) = self.prune_backups(Some(&path)) {
            // The copy is there; the next round tries again.
            tracing::warn!(%error, "old backups cannot be deleted");
        }
        let bytes = days::size(&path);
        Ok(Backup { path, at: now, bytes })
    }

    /// Deletes backups that are no longer needed, and those that take more than the cap together;
    /// never `spared`, nor the newest. Gives back how many.
    pub(crate) fn prune_backups(&self, spared: Option<&Path>) -> Result<u64, StoreError> {
        let (options, bounds) = (self.options(), self.bounds());
        let (kept, mut gone) = split(list(&options.dir)?, bounds.keep_backups);
        gone.extend(beyond(kept, bounds.max_bytes));
        gone.retain(|backup| spared != Some(backup.path.as_path()));
        for old in &gone {
            std::fs::remove_file(&old.path).map_err(StoreError::io("delete", &old.path))?;
        }
        Ok(gone.len() as u64)
    }

    /// All backups, newest first.
    pub fn backups(&self) -> Result<Vec<Backup>, StoreError> {
        list(&self.options().dir)
    }
}

/// Looks whether a file is a backup that this release can restore.
///
/// # Errors
/// [`StoreError::NotABackup`] for a file that is damaged, of another program or of a newer release.
pub fn check_backup(path: &Path, rooms: &[Room]) -> Result<(), StoreError> {
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
    model::sort_by_key(&mut all, |b| std::cmp::Reverse(b.at));
    Ok(all)
}

/// Deletes what copies that broke off have left behind.
fn sweep(folder: &Path) -> Result<(), StoreError> {
    let entries = std::fs::read_dir(folder).map_err(StoreError::io("list", folder))?;
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().ends_with(UNFINISHED) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(StoreError::io("delete", &path))?;
        }
    }
    Ok(())
}

/// Whether a database of `main` bytes can be copied while `free` bytes are free.
fn room_for_copy(folder: &Path, main: u64, free: u64) -> Result<(), StoreError> {
    let needed = main.saturating_mul(2).saturating_add(SPARE);
    if free < needed {
        return Err(StoreError::NoRoom { path: folder.to_owned(), needed, free });
    }
    Ok(())
}

/// Splits backups, newest first, into the newest `keep` with the newest of each of the last days that
/// have one, and the others. Asks no clock, for that may be wrong.
fn split(all: Vec<Backup>, keep: usize) -> (Vec<Backup>, Vec<Backup>) {
    let (mut last_day, mut days) = (None, 0);
    let (mut kept, mut surplus) = (Vec::new(), Vec::new());
    for (position, backup) in all.into_iter().enumerate() {
        let first_of_day = last_day != Some(backup.at.day());
        last_day = Some(backup.at.day());
        days += usize::from(first_of_day);
        if position < keep || first_of_day && days <= DAILY {
            kept.push(backup);
        } else {
            surplus.push(backup);
        }
    }
    (kept, surplus)
}

/// Of backups, newest first, the oldest that take more than `cap` bytes together; never the newest.
fn beyond(all: Vec<Backup>, cap: u64) -> Vec<Backup> {
    let mut total = 0_u64;
    let over = |backup: &Backup| {
        total = total.saturating_add(backup.bytes);
        total > cap
    };
    let mut over: Vec<bool> = all.iter().map(over).collect();
    if let Some(newest) = over.first_mut() {
        *newest = false;
    }
    all.into_iter().zip(over).filter_map(|(backup, over)| over.then_some(backup)).collect()
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
        let (kept, gone) = split(all.clone(), 6);
        assert_eq!(kept.len() + gone.len(), all.len());
        assert_eq!(kept.len(), 6 + 6);
        assert!(kept[..6].iter().enumerate().all(|(n, b)| b.at == hourly(n as u64)));
    }

    #[test]
    fn backups_beyond_the_cap_go_oldest_first_and_the_newest_never() {
        let sized = |bytes| Backup { path: PathBuf::new(), at: Timestamp(bytes as i64), bytes };
        let all = vec![sized(40), sized(30), sized(20), sized(10)];
        assert_eq!(beyond(all.clone(), 100), []);
        assert_eq!(beyond(all.clone(), 75), all[2..]);
        assert_eq!(beyond(all.clone(), 1), all[1..]);
        assert_eq!(beyond(Vec::new(), 1), []);
    }

    #[test]
    fn a_copy_needs_twice_the_database_and_some_more() {
        let folder = Path::new("/backups");
        assert!(room_for_copy(folder, 10 << 20, 36 << 20).is_ok());
        let refused = room_for_copy(folder, 10 << 20, (36 << 20) - 1).expect_err("too little");
        assert!(refused.is_full());
        assert!(refused.to_string().contains("36 MiB"), "{refused}");
    }
}
