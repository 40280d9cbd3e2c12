//! The appliance's own files of log, where it is set to write any: names, sizes, times, and the end of
//! one. Names from outside are held against the folder's own, so that no path leads out of it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use model::Timestamp;
use serde::Serialize;

use crate::SystemError;

/// The most lines of a file that are given.
pub const MOST_FILE_LINES: usize = 1_000;
/// The end of a file that is looked at, in bytes.
const TAIL: u64 = 1 << 20;
/// The most files that are listed.
const MOST_FILES: usize = 500;

/// A file of log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Timestamp,
}

/// The files of a folder, newest first; none where there is no such folder.
pub(crate) fn list(folder: &Path) -> Result<Vec<LogFile>, SystemError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(SystemError::reading(folder)(error)),
    };
    let mut files: Vec<LogFile> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // Of the entry itself: a link is none of ours.
            let facts = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let modified = facts.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            let modified = Timestamp(modified.as_millis().try_into().ok()?);
            let is_log = name.starts_with("panoptikon-") && name.split('.').nth(1) == Some("log");
            is_log.then_some(LogFile { name, size: facts.len(), modified })
        })
        .take(MOST_FILES)
        .collect();
    model::sort_by(&mut files, |a, b| b.name.cmp(&a.name));
    Ok(files)
}

/// The last lines of a file of the list, oldest first; None where the list has none of that name.
pub(crate) fn tail(folder: &Path, name: &str) -> Result<Option<Vec<String>>, SystemError> {
    let Some(known) = list(folder)?.into_iter().find(|file| file.name == name) else {
        return Ok(None);
    };
    let path = folder.join(&known.name);
    let read = || {
        let mut file = File::open(&path)?;
        let start = file.metadata()?.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok((start, bytes))
    };
    let (start, bytes) = read().map_err(SystemError::reading(&path))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    if start > 0 && !lines.is_empty() {
        lines.remove(0); // the end of a line
    }
    let first = lines.len().saturating_sub(MOST_FILE_LINES);
    let plain = |line: &&str| line.chars().filter(|c| !model::is_hidden(*c)).take(4_000).collect();
    Ok(Some(lines.get(first..).unwrap_or_default().iter().map(plain).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_log_of_the_folder_itself_are_told() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("log");
        assert_eq!(list(&folder).unwrap(), []);
        fs::create_dir(&folder).unwrap();
        let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
        write(&above.path().join("panoptikon-secret.log"), "secret\n");
        write(&folder.join("panoptikon-2026-11-21.log"), "old\n");
        write(&folder.join("panoptikon-2026-11-22.log"), "one\ntwo\n");
        write(&folder.join("key.pem"), "secret\n");
        let link = folder.join("panoptikon-link.log");
        std::os::unix::fs::symlink(above.path().join("panoptikon-secret.log"), link).unwrap();
        let all = list(&folder).unwrap();
        let names: Vec<_> = all.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["panoptikon-2026-11-22.log", "panoptikon-2026-11-21.log"]);
        assert_eq!(all[0].size, 8);
        let lines = tail(&folder, "panoptikon-2026-11-22.log").unwrap();
        assert_eq!(lines, Some(vec!["one".to_owned(), "two".to_owned()]));
        for wrong in
            ["../panoptikon-secret.log", "panoptikon-link.log", "key.pem", "", "/etc/passwd"]
        {
            assert_eq!(tail(&folder, wrong).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn of_a_long_file_the_last_thousand_whole_lines_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<String> = (0..200_000).map(|n| format!("line {n}")).collect();
        let text = lines.join("\n") + "\n";
        fs::write(folder.path().join("panoptikon-x.log"), text).unwrap();
        let lines = tail(folder.path(), "panoptikon-x.log").unwrap().unwrap();
        assert_eq!(lines.len(), MOST_FILE_LINES);
        assert_eq!((lines[0].as_str(), lines[999].as_str()), ("line 199000", "line 199999"));
    }
}
