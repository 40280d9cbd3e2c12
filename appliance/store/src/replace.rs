//! Another main database in the place of the one that is there: a backup, or an empty one.
//!
//! What comes in is brought to the newest shape and settled by the caller before it takes the place,
//! so that a power cut leaves either the old database or the new one whole.

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::APPLICATION_ID;
use crate::{DATABASE, Room, StoreError, backup, days, schema};

/// The ending of the database that a backup has replaced.
pub const BEFORE_RESTORE: &str = ".before-restore";
/// The ending of a database that is being made ready.
const INCOMING: &str = ".incoming";
/// SQLite's files beside the database's own.
const TAILS: [&str; 3] = ["", "-wal", "-shm"];

/// Puts a backup in the place of the main database. The store must be closed. `settle` is given the
/// incoming database, in a transaction, and the one that it replaces where that can be read; what
/// it gives back is given back. What was there is kept beside it with the ending
/// [`BEFORE_RESTORE`].
///
/// # Errors
/// [`StoreError::NotABackup`] for a file that is damaged, of another program or of a newer release;
/// nothing is changed then, nor where `settle` fails.
pub fn restore<T>(
    dir: &Path,
    from: &Path,
    rooms: &[Room],
    settle: impl FnOnce(&Connection, Option<&Connection>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    backup::check_backup(from, rooms)?;
    let (database, incoming) = fresh_place(dir)?;
    std::fs::copy(from, &incoming).map_err(StoreError::io("copy", from))?;
    let settled = make_ready(&incoming, dir, rooms, read_only(&database).as_ref(), settle)?;
    let aside = days::sibling(&database, BEFORE_RESTORE);
    for tail in TAILS {
        let (from, to) = (days::sibling(&database, tail), days::sibling(&aside, tail));
        let moved = match std::fs::rename(&from, &to) {
            // Of an earlier restore, and no part of the database that is put aside now.
            Err(error) if error.kind() == ErrorKind::NotFound => std::fs::remove_file(&to),
            other => other,
        };
        absent_is_fine(moved).map_err(StoreError::io("put aside", &from))?;
    }
    std::fs::rename(&incoming, &database).map_err(StoreError::io("replace", &database))?;
    Ok(settled)
}

/// Puts an empty database in the place of the main one, and removes the day files. The store must be
/// closed; backups stay. `settle` is given the new database, in a transaction, and the one that it
/// replaces where that can be read.
pub fn reset<T>(
    dir: &Path,
    rooms: &[Room],
    settle: impl FnOnce(&Connection, Option<&Connection>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (database, incoming) = fresh_place(dir)?;
    let days = dir.join(days::FOLDER);
    absent_is_fine(std::fs::remove_dir_all(&days)).map_err(StoreError::io("remove", &days))?;
    let settled = make_ready(&incoming, dir, rooms, read_only(&database).as_ref(), settle)?;
    for tail in TAILS {
        let file = days::sibling(&database, tail);
        absent_is_fine(std::fs::remove_file(&file)).map_err(StoreError::io("remove", &file))?;
    }
    std::fs::rename(&incoming, &database).map_err(StoreError::io("replace", &database))?;
    Ok(settled)
}

/// The database and where its successor is made ready, with nothing there.
fn fresh_place(dir: &Path) -> Result<(std::path::PathBuf, std::path::PathBuf), StoreError> {
    let database = dir.join(DATABASE);
    let incoming = days::sibling(&database, INCOMING);
    for tail in TAILS.into_iter().chain(["-journal"]) {
        let file = days::sibling(&incoming, tail);
        absent_is_fine(std::fs::remove_file(&file)).map_err(StoreError::io("remove", &file))?;
    }
    Ok((database, incoming))
}

fn make_ready<T>(
    path: &Path,
    dir: &Path,
    rooms: &[Room],
    before: Option<&Connection>,
    settle: impl FnOnce(&Connection, Option<&Connection>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut conn = Connection::open(path)?;
    let protected = std::fs::set_permissions(path, Permissions::from_mode(0o600));
    protected.map_err(StoreError::io("protect", path))?;
    // One file, which can be renamed; whoever opens the store turns it into a WAL database.
    conn.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = DELETE;
         PRAGMA foreign_keys = ON;",
    )?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    let rooms: Vec<Room> = [schema::OWN].into_iter().chain(rooms.iter().copied()).collect();
    schema::migrate(&mut conn, path, &rooms)?;
    let transaction = conn.transaction()?;
    let settled = settle(&transaction, before)?;
    transaction.commit()?;
    drop(conn);
    // Root on the console leaves it to whoever the appliance runs as.
    let owner = std::fs::metadata(dir).map_err(StoreError::io("look at", dir))?;
    let made = std::fs::metadata(path).map_err(StoreError::io("look at", path))?;
    if (made.uid(), made.gid()) != (owner.uid(), owner.gid()) {
        chown(path, Some(owner.uid()), Some(owner.gid()))
            .map_err(StoreError::io("hand over", path))?;
    }
    File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::io("write", path))?;
    Ok(settled)
}

/// The database as it is, if it is one.
fn read_only(path: &Path) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).ok()?;
    let look = conn.query_row("SELECT count(*) FROM schema_migrations", [], |_| Ok(()));
    look.ok().map(|()| conn)
}

fn absent_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
