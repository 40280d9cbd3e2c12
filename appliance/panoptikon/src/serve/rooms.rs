//! Opens the rooms, lowest floor first, and hands each what it needs of the others.

use anyhow::{Context as _, Result};
use model::{Explained, Timestamp};
use serde_json::json;
use store::{Options, Room, Store};

use super::upkeep;
use crate::config::Config;
use crate::control::{Answer, Appliance, Command};
use crate::health::Health;
use crate::supervisor::Supervisor;
use crate::version;

/// Bytes of a MiB.
const MIB: u64 = 1024 * 1024;

/// The tables of all rooms, lowest floor first.
pub(super) fn tables() -> Vec<Room> {
    Vec::new()
}

/// The rooms once they are open.
pub(super) struct House {
    store: Store,
}

/// Opens everything.
pub(super) fn open(config: &Config, supervisor: &mut Supervisor, health: &Health) -> Result<House> {
    let built = Timestamp::parse_rfc3339(&format!("{}T00:00:00Z", version::BUILD_DATE));
    let store = Store::open(Options {
        dir: config.data_dir.clone(),
        rooms: tables(),
        built: built.unwrap_or_default(),
        max_bytes: config.database_max_mb * MIB,
        keep_backups: config.backup_keep as usize,
    })
    .context("opening the database")?;
    upkeep::run(&store, supervisor, health);
    Ok(House { store })
}

impl House {
    /// The database.
    pub(super) fn store(&self) -> Store {
        self.store.clone()
    }
}

impl Appliance for House {
    fn answer(&self, command: Command) -> Answer {
        let store = self.store.clone();
        Box::pin(async move {
            match command {
                Command::Backup => {
                    let made = store.back_up(Timestamp::now()).await.map_err(failed)?;
                    let message = format!("{} ({} KiB)", made.path.display(), made.bytes / 1024);
                    Ok(json!({ "path": made.path, "bytes": made.bytes, "message": message }))
                }
                other => {
                    let message = format!("no room of this appliance answers {other:?}");
                    Err(Explained::new("unavailable", message))
                }
            }
        })
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Explained {
    Explained::new("failed", format!("{:#}", anyhow::Error::new(error)))
}
