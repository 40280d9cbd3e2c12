//! Where flows lie: one file a UTC day, which works without the service.
//!
//! In come flows as they arrive, out go blocks. A day is `flows-20261122.db`, an `SQLite` file with
//! full blocks as rows, and beside it `flows-20261122.tail`, to which what has just arrived is
//! appended until there is enough for a block: so nothing is rewritten page by page, and a killed
//! process loses at most what arrived in the last [`DURABLE_MS`]. Each flow is written twice, once
//! here and once there. Forgetting a day is deleting its files.

mod file;
mod keeper;
mod read;
mod retention;
mod tail;
mod writer;

use std::path::{Path, PathBuf};

pub use file::{DayFile, list};
pub use keeper::{Keeper, Kept};
pub use read::{Day, Entry};
pub use retention::{Forgotten, Retention, forget};
pub use writer::{Counts, FlowWriter};

use crate::block::BlockError;

/// The longest that a flow which arrived is nowhere but in memory, in milliseconds.
pub const DURABLE_MS: i64 = 5_000;

/// Why flows could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum DaysError {
    /// A file or folder could not be used.
    #[error("cannot {attempt} {path}: {source}")]
    Io {
        /// What was attempted, such as `append to`.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
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
    /// Another process keeps the folder.
    #[error("{0} is kept by another process, such as the service; only one at a time may write")]
    Busy(PathBuf),
    /// A block could not be read or made.
    #[error("{path}: {source}")]
    Block {
        /// In which file.
        path: PathBuf,
        /// Why not.
        source: BlockError,
    },
}

impl DaysError {
    fn io(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { attempt, path, source }
    }

    fn sqlite(attempt: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Sqlite { attempt, path, source }
    }

    pub(crate) fn block(path: &Path) -> impl FnOnce(BlockError) -> Self {
        let path = path.to_owned();
        move |source| Self::Block { path, source }
    }
}
