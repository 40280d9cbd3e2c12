//! The few words that must survive a kill: the counter of connections, how runs are numbered, and
//! the interval that the appliance set last. Written when a connection is made, not per report.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{self, FileError};

/// A run of the agent and the numbers of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(rename = "run")]
    pub(crate) id: u64,
    /// The number of its first message; [`None`] until a welcome tells how far the appliance is.
    pub(crate) base: Option<u64>,
    /// Messages that are known to have been made.
    pub(crate) count: u64,
}

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Book {
    pub(crate) counter: u64,
    pub(crate) interval_s: Option<u32>,
    pub(crate) runs: Vec<Run>,
    #[serde(skip)]
    path: PathBuf,
}

impl Book {
    /// Reads it; a new one if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let mut book: Self = match files::read(path, 1 << 20)? {
            None => Self::default(),
            Some(content) => serde_json::from_slice(&content)
                .map_err(|error| FileError::new("understanding", path, error.into()))?,
        };
        path.clone_into(&mut book.path);
        Ok(book)
    }

    pub(crate) fn save(&self) -> Result<(), FileError> {
        files::replace(&self.path, &serde_json::to_vec(self).unwrap_or_default(), 0o600)
    }
}
