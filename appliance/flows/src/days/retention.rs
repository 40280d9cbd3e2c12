//! Forgetting by age and by size: whole days, the oldest first.

use std::path::Path;

use super::{DayFile, DaysError, file};

/// The file of sums beside the days.
const SUMS: &str = "rollups.db";

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days before today.
    pub days: u32,
    /// Octets of all days together, and of the sums beside them, which take up to half of it.
    pub bytes: u64,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Days that were too old.
    pub too_old: u64,
    /// Days that had no room.
    pub too_much: u64,
    /// Octets that they took.
    pub bytes: u64,
}

/// Deletes what is too old, then the oldest days until all have room. Today always stays, and sums
/// drive out no more than half of what days may take: they have ages of their own.
pub fn forget(dir: &Path, today: i64, keep: Retention) -> Result<Forgotten, DaysError> {
    let mut forgotten = Forgotten::default();
    let mut days: Vec<DayFile> = Vec::new();
    for day in file::list(dir)? {
        if day.day < today - i64::from(keep.days) {
            delete(&day)?;
            forgotten.too_old += 1;
            forgotten.bytes += day.bytes;
        } else {
            days.push(day);
        }
    }
    let sums = std::fs::metadata(dir.join(SUMS)).map_or(0, |its| its.len());
    let mut all: u64 = days.iter().map(|day| day.bytes).sum();
    all = all.saturating_add(sums.min(keep.bytes / 2));
    for day in days.iter().filter(|day| day.day < today) {
        if all <= keep.bytes {
            break;
        }
        delete(day)?;
        all -= day.bytes;
        forgotten.too_much += 1;
        forgotten.bytes += day.bytes;
    }
    Ok(forgotten)
}

fn delete(day: &DayFile) -> Result<(), DaysError> {
    for path in [day.tail(), day.path.with_extension("db-journal"), day.path.clone()] {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DaysError::io("delete", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
