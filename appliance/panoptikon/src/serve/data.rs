//! The data folder while nobody has it open: putting a backup back, and starting from nothing.

use std::path::Path;

use anyhow::{Context as _, Result};
use model::{Explained, Timestamp};

use super::rooms;

/// Refuses a file that is no backup which this release can restore.
pub fn check_backup(file: &Path) -> Result<(), Explained> {
    store::check_backup(file, &rooms::tables())
        .map_err(|error| Explained::new("refused", format!("nothing was changed: {error}")))
}

/// Puts a backup in the place of the database, which is kept beside it. Says what became of those
/// who could come in.
pub fn restore(data_dir: &Path, backup: &Path) -> Result<String> {
    super::process::make_private_folder(data_dir)?;
    let file = backup.display().to_string();
    let kept = data_dir.join(format!("{}{}", store::DATABASE, store::BEFORE_RESTORE));
    let kept = kept.display().to_string();
    let (by, now) = (rooms::console(), Timestamp::now());
    let readmitted = store::restore(data_dir, backup, &rooms::tables(), |incoming, before| {
        access::settle_restored(incoming, before, &by, &file, &kept, now)
    })
    .with_context(|| format!("restoring {file}"))?;
    tracing::info!(backup = file, "a backup was put in the place of the database");
    Ok(format!(
        "{file} is in place. {readmitted} What was there, with its audit log, is kept as {kept}"
    ))
}

/// Removes the database, its day partitions and all flows. Backups stay.
pub fn reset(data_dir: &Path) -> Result<String> {
    super::process::make_private_folder(data_dir)?;
    let (by, now) = (rooms::console(), Timestamp::now());
    store::reset(data_dir, &rooms::tables(), |empty, before| {
        access::settle_emptied(empty, before, &by, now)
    })
    .with_context(|| format!("emptying {}", data_dir.display()))?;
    // Their sums are by numbers of devices, which are given anew.
    let flows = super::rooms::flows_dir(data_dir);
    match std::fs::remove_dir_all(&flows) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("emptying {}", flows.display()));
        }
        _ => {}
    }
    tracing::info!(data = %data_dir.display(), "all data but the backups was removed");
    Ok("The database is empty.".to_owned())
}
