//! What can go wrong with tables.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why a table could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is no sound database. The message says how to get the last good copy back.
    #[error("the database {path} is damaged ({detail}). {remedy}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check found.
        detail: String,
        /// What to do.
        remedy: String,
    },
    /// The file was written by a newer release; an older one would not understand it.
    #[error(
        "the database {path} was written by a newer release (it knows step {number} of {room}, this \
         one does not). Install that release again, or restore a backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The room whose step is unknown.
        room: String,
        /// The unknown step.
        number: u32,
    },
    /// A step that has run already reads differently now: the program was built wrongly.
    #[error("migration {number} of {room} was changed after it had been applied")]
    Changed {
        /// The room.
        room: String,
        /// The step.
        number: u32,
    },
    /// A migration failed; the database is as it was before.
    #[error("migration {number} of {room} failed, nothing was changed: {source}")]
    Migration {
        /// The room.
        room: String,
        /// The step.
        number: u32,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file or folder could not be used.
    #[error("cannot {attempt} {path}: {source}")]
    Io {
        /// What was attempted, such as `create`.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The chosen file is not a backup of this appliance.
    #[error("{path} is not a backup of Panoptikon: {detail}")]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A copy of the main database would leave the disk too full to go on.
    #[error(
        "cannot make a backup in {path}: it takes {} MiB of free space and there are {} MiB. \
         Free some space or delete old backups", needed >> 20, free >> 20
    )]
    NoRoom {
        /// The folder of backups.
        path: PathBuf,
        /// Bytes that have to be free.
        needed: u64,
        /// Bytes that are.
        free: u64,
    },
    /// A table has foreign keys that are checked at the commit only, where one job's mistake would
    /// undo all others of its batch.
    #[error("the table {0} has deferred foreign keys; make them immediate")]
    Deferred(String),
    /// SQLite refused.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The batch could not be committed, so nothing of it was kept.
    #[error("cannot write to the database: {0}")]
    Commit(String, bool),
    /// The job broke; its changes were undone.
    #[error("writing {0} broke off; its changes were undone")]
    Broken(&'static str),
    /// The store has been closed.
    #[error("the database is closed")]
    Closed,
}

impl StoreError {
    /// True when the disk (or the quota) is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(e) => is_full(e),
            Self::Commit(_, full) => *full,
            Self::NoRoom { .. } => true,
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    /// True when the file itself is at fault.
    pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
        matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        )
    }

    pub(crate) fn io(
        attempt: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { attempt, path, source }
    }

    pub(crate) fn commit(error: &rusqlite::Error) -> Self {
        Self::Commit(error.to_string(), is_full(error))
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    // A full disk under a WAL also shows as a failed write (IOERR_WRITE), not only as FULL.
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
}
