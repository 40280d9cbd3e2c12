//! What the router ran when it was last looked at, on disk: so that what others change while the
//! appliance does not run is noticed at the next start.
//!
//! One file, deflated and sealed, for it holds secrets; written only when the configuration changed.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Vault, write_private};

use crate::config::Node;

/// The longest that is read back, in bytes.
const LONGEST: u64 = 64 * 1024 * 1024;
/// What the vault is told it is for.
const USE: &str = "router seen";

/// The file.
#[derive(Clone)]
pub(super) struct Seen {
    path: PathBuf,
    vault: Vault,
}

#[derive(Serialize, Deserialize)]
struct Written {
    at: i64,
    config: Value,
}

impl Seen {
    /// The file in the folder of unsettled changes.
    pub(super) fn new(folder: &Path, vault: Vault) -> Self {
        Self { path: folder.join("seen"), vault }
    }

    /// What the router ran then, and when that was; none at the very first start, or where the
    /// vault has another key by now. Blocks.
    pub(super) fn read(&self) -> Option<(Timestamp, Node)> {
        let sealed = std::fs::read(&self.path).ok()?;
        let read = || {
            let packed = self.vault.unseal(USE, &sealed).ok()?;
            let mut text = Vec::new();
            DeflateDecoder::new(&*packed).take(LONGEST).read_to_end(&mut text).ok()?;
            let written: Written = serde_json::from_slice(&text).ok()?;
            Some((Timestamp(written.at), Node::from_json(&written.config).ok()?))
        };
        let read = read();
        if read.is_none() {
            let path = self.path.display();
            tracing::warn!(%path, "unreadable: what others changed meanwhile is not noticed");
        }
        read
    }

    /// Keeps what the router runs. Blocks.
    pub(super) fn write(&self, at: Timestamp, config: &Node) -> std::io::Result<()> {
        let written = Written { at: at.0, config: config.to_json() };
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&serde_json::to_vec(&written)?)?;
        let packed = deflated.finish()?;
        let sealed = self.vault.seal(USE, &packed).map_err(std::io::Error::other)?;
        write_private(&self.path, &sealed)
    }
}
