//! Where the API key is read from. It is read anew for each request, so that a key that was changed
//! on the router is known at once and none stays in memory for long.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use crate::api::{ApiKey, KeyError};

/// The largest file that is read for a key, in bytes.
const MOST: u64 = 256 * 1024;

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The state of the API server, `/run/http-api-state` on a router, readable by root.
    State(PathBuf),
    /// A file that holds the key and nothing else, or such a state.
    File(PathBuf),
}

impl KeySource {
    /// The key; the outer error says which file could not be read.
    pub(super) fn read(&self) -> Result<Result<ApiKey, KeyError>, String> {
        let (Self::State(path) | Self::File(path)) = self;
        let mut text = String::new();
        // A few hundred bytes from memory: /run and /config are no slow disks.
        File::open(path)
            .and_then(|file| file.take(MOST).read_to_string(&mut text))
            .map_err(|error| format!("read {}: {error}", path.display()))?;
        let is_state = matches!(self, Self::State(_)) || text.trim_start().starts_with('{');
        Ok(if is_state { ApiKey::from_state(&text) } else { ApiKey::new(&text) })
    }
}
