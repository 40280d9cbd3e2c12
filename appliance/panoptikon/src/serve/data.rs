//! The data folder while nobody has it open: putting a backup back, and starting from nothing.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::rooms;

/// Puts a backup in the place of the database, which is kept beside it.
pub fn restore(data_dir: &Path, backup: &Path) -> Result<()> {
    super::process::make_private_folder(data_dir)?;
    store::restore(data_dir, backup, &rooms::tables())
        .with_context(|| format!("restoring {}", backup.display()))?;
    tracing::info!(backup = %backup.display(), "a backup was put in the place of the database");
    Ok(())
}

/// Removes the database and its day partitions. Backups stay.
pub fn reset(data_dir: &Path) -> Result<()> {
    for tail in ["", "-wal", "-shm"] {
        let file = data_dir.join(format!("{}{tail}", store::DATABASE));
        let removed = std::fs::remove_file(&file);
        ignore_absence(removed).with_context(|| format!("removing {}", file.display()))?;
    }
    let days = data_dir.join(DAYS);
    ignore_absence(std::fs::remove_dir_all(&days))
        .with_context(|| format!("removing {}", days.display()))?;
    tracing::info!(data = %data_dir.display(), "all data but the backups was removed");
    Ok(())
}

/// Where the store keeps its day partitions, below the data folder.
const DAYS: &str = "days";

fn ignore_absence(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_removes_the_data_and_leaves_backups_and_strangers() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["panoptikon.db", "panoptikon.db-wal", "photo.jpg"] {
            std::fs::write(folder.path().join(name), "x").expect("written");
        }
        for name in ["days", "backups"] {
            std::fs::create_dir(folder.path().join(name)).expect("made");
            std::fs::write(folder.path().join(name).join("x.db"), "x").expect("written");
        }
        reset(folder.path()).expect("reset");
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["backups", "photo.jpg"]);
        reset(folder.path()).expect("a second time as well");
    }
}
