//! The log on disk, where the owner wants it there: a file a day in a folder, the oldest removed
//! beyond a size. Lines go to standard error all the same, and so to the journal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use tracing_subscriber::fmt::MakeWriter;

/// A file that has grown to this share of the folder's cap is followed by another, so that there is
/// something to remove: one in.
const PIECES: u64 = 4;

/// Where lines go. Clones write to the same file.
#[derive(Clone)]
pub(super) struct Lines(Option<Arc<Mutex<Folder>>>);

struct Folder {
    path: PathBuf,
    cap: u64,
    open: Option<Open>,
    /// Writing failed, and that was said.
    failing: bool,
}

struct Open {
    day: String,
    number: u32,
    size: u64,
    file: File,
}

impl Lines {
    /// To standard error, and to files in this folder of at most `cap` bytes together where there is
    /// one.
    pub(super) fn new(folder: Option<&Path>, cap: u64) -> Self {
        let folder =
            folder.map(|path| Folder { path: path.to_owned(), cap, open: None, failing: false });
        Self(folder.map(|folder| Arc::new(Mutex::new(folder))))
    }

    /// Lines go to standard error alone.
    pub(super) const fn is_plain(&self) -> bool {
        self.0.is_none()
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// One call is one line.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let said = io::stderr().write_all(line);
        if let Some(folder) = &self.0 {
            let mut folder = folder.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = folder.write(line, Timestamp::now());
            // The log cannot tell of itself but here, and once.
            if let (Err(error), false) = (&kept, folder.failing) {
                eprintln!("the log cannot be kept in {}: {error}", folder.path.display());
            }
            folder.failing = kept.is_err();
        }
        said.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Folder {
    fn write(&mut self, line: &[u8], now: Timestamp) -> io::Result<()> {
        let day = now.rfc3339().get(..10).unwrap_or_default().to_owned();
        let full = (self.cap / PIECES).max(1);
        let fits = self.open.as_ref().is_some_and(|open| open.day == day && open.size < full);
        if !fits {
            self.open = None;
            self.open = Some(self.next(day, full)?);
            self.prune()?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let written = open.file.write_all(line);
        open.size = open.size.saturating_add(line.len() as u64);
        if written.is_err() {
            self.open = None;
        }
        written
    }

    /// The day's newest file if it has room, or one more.
    fn next(&self, day: String, full: u64) -> io::Result<Open> {
        fs::create_dir_all(&self.path)?;
        // Earlier ones may be gone already: the order of names is that of time.
        let mut number = 0;
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            let rest = name.strip_prefix(&format!("panoptikon-{day}-"));
            let own = rest.and_then(|rest| rest.strip_suffix(".log")?.parse().ok());
            number = number.max(own.unwrap_or(0));
        }
        loop {
            let path = self.path.join(name(&day, number));
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            let size = file.metadata()?.len();
            if size < full {
                return Ok(Open { day, number, size, file });
            }
            number += 1;
        }
    }

    /// Removes the oldest files until there is room for one more piece.
    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(String, u64)> = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let facts = entry.metadata()?;
            if facts.is_file() && is_ours(&name) {
                files.push((name, facts.len()));
            }
        }
        files.sort_unstable();
        let newest = self.open.as_ref().map(|open| name(&open.day, open.number));
        let mut total: u64 = files.iter().map(|(_, size)| size).sum();
        let most = self.cap - self.cap / PIECES;
        for (name, size) in files {
            if total <= most || newest.as_ref() == Some(&name) {
                break;
            }
            fs::remove_file(self.path.join(name))?;
            total -= size;
        }
        Ok(())
    }
}

fn name(day: &str, number: u32) -> String {
    format!("panoptikon-{day}-{number:05}.log")
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix("panoptikon-").and_then(|rest| rest.strip_suffix(".log")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(folder: &Path) -> Vec<(String, u64)> {
        let mut all: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len()))
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn a_day_has_files_of_its_own_and_the_oldest_go_beyond_the_cap() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("log");
        let mut folder = Folder { path: path.clone(), cap: 4_000, open: None, failing: false };
        let day = |n: i64| Timestamp(1_795_273_200_000 + n * 86_400_000);
        let line = [b'x'; 100];
        folder.write(&line, day(0)).unwrap();
        folder.write(&line, day(1)).unwrap();
        let all = sizes(&path);
        assert_eq!(all.len(), 2);
        assert!(all[0].0 < all[1].0 && all[0].0.ends_with("-00000.log"), "{all:?}");
        fs::write(path.join("mine.txt"), [b'y'; 9_000]).unwrap();
        for n in 0..200 {
            folder.write(&line, day(1 + n / 100)).unwrap();
            let total: u64 =
                sizes(&path).iter().filter(|(name, _)| is_ours(name)).map(|(_, size)| size).sum();
            assert!(total <= 4_000, "{total} bytes");
        }
        let all = sizes(&path);
        assert!(all.iter().any(|(name, _)| name == "mine.txt"), "others' files stay");
        let newest = all.iter().rfind(|(name, _)| is_ours(name)).unwrap();
        assert!(newest.0.contains(&day(2).rfc3339()[..10]), "{all:?}");
    }

    #[test]
    fn a_start_goes_on_with_the_days_file() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let path = folder.path().to_owned();
            let mut one = Folder { path, cap: 4_000, open: None, failing: false };
            one.write(b"line\n", Timestamp(1_795_273_200_000)).unwrap();
        }
        let all = sizes(folder.path());
        assert_eq!((all.len(), all[0].1), (1, 10));
    }
}
