//! Changes of files: the kernel says that something happened (inotify(7)), a hash says whether it
//! is another file now.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use wire::EventKind;

use super::{Source, event, shown};
use crate::files::sha256_of;
use crate::log;

/// Folders that are watched and files that are remembered, at most.
const FOLDERS: usize = 2048;
const FILES: usize = 20_000;
/// A larger file is known by size and time only, octets.
const HASHED: u64 = 32 * 1024 * 1024;
/// What is written in a hurry is looked at once.
const SETTLE: Duration = Duration::from_millis(500);

/// What is known of a file: size, time of change, hash.
type Known = (u64, i64, Option<[u8; 32]>);

/// The files below some paths, as they were at the last look.
#[derive(Default)]
pub(super) struct Snapshot {
    files: BTreeMap<PathBuf, Known>,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Created,
    Modified,
    Deleted,
}

impl Snapshot {
    /// Looks at one path and says what changed since the last look.
    pub(super) fn look(&mut self, path: &Path) -> Option<(Change, Option<String>)> {
        let before = self.files.get(path).copied();
        let Some(now) = known(path, before) else {
            return self.files.remove(path).map(|_| (Change::Deleted, None));
        };
        if before.is_none() && self.files.len() >= FILES {
            return None;
        }
        self.files.insert(path.to_owned(), now);
        let hash = now.2.map(|hash| wire::text::hex(&hash));
        match before {
            None => Some((Change::Created, hash)),
            // The same words under a new time are no change.
            Some(before) if before.2 != now.2 || before.2.is_none() && before != now => {
                Some((Change::Modified, hash))
            }
            Some(_) => None,
        }
    }

    /// The files that were below a folder.
    fn below(&self, folder: &Path) -> Vec<PathBuf> {
        self.files.keys().filter(|path| path.starts_with(folder)).cloned().collect()
    }
}

fn known(path: &Path, before: Option<Known>) -> Option<Known> {
    use std::os::unix::fs::MetadataExt as _;
    let about = fs::symlink_metadata(path).ok()?;
    if about.is_symlink() {
        let target = fs::read_link(path).ok()?;
        let hash = wire::text::sha256(target.to_string_lossy().as_bytes());
        return Some((about.len(), 0, Some(hash)));
    }
    if !about.is_file() {
        return None;
    }
    let changed = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
    if let Some(before) = before
        && (before.0, before.1) == (about.len(), changed)
    {
        return Some(before);
    }
    let hash = if about.len() > HASHED { None } else { sha256_of(path, HASHED) };
    Some((about.len(), changed, hash))
}

/// Follows until the end.
pub(super) fn follow(source: &Source, paths: &[PathBuf]) {
    let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
    let inotify = match Inotify::init(flags) {
        Ok(inotify) => inotify,
        Err(error) => return log::warn(format!("watching files: {error}")),
    };
    let mut tree =
        Tree { inotify, folders: HashMap::new(), snapshot: Snapshot::default(), full: false };
    for path in paths {
        tree.add(path, None);
    }
    while source.goes_on() {
        let mut fds = [PollFd::new(tree.inotify.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(250_u8)).is_ok_and(|ready| ready == 0) {
            continue;
        }
        source.rest(SETTLE);
        for path in tree.touched() {
            tree.visit(&path, source);
        }
    }
}

struct Tree {
    inotify: Inotify,
    folders: HashMap<WatchDescriptor, PathBuf>,
    snapshot: Snapshot,
    full: bool,
}

impl Tree {
    /// Watches a file, or a folder with everything below. With a source, what is found is told.
    fn add(&mut self, path: &Path, source: Option<&Source>) {
        let Ok(about) = fs::symlink_metadata(path) else { return };
        if !about.is_dir() {
            // A file that is replaced is only seen from its folder.
            if let (None, Some(folder)) = (source, path.parent()) {
                self.watch(folder);
            }
            return self.tell(path, source);
        }
        self.watch(path);
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let below = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add(&below, source);
            } else {
                self.tell(&below, source);
            }
        }
    }

    fn watch(&mut self, folder: &Path) {
        if self.folders.len() >= FOLDERS {
            if !self.full {
                log::warn(format!("more than {FOLDERS} folders are to be watched; some are not"));
            }
            self.full = true;
            return;
        }
        let what = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ONLYDIR
            | AddWatchFlags::IN_DONT_FOLLOW;
        match self.inotify.add_watch(folder, what) {
            Ok(number) => drop(self.folders.insert(number, folder.to_owned())),
            // Others may watch a folder that this user may not read.
            Err(Errno::EACCES | Errno::ENOENT) => {}
            Err(error) => log::warn(format!("watching {}: {error}", folder.display())),
        }
    }

    /// Paths that something happened to.
    fn touched(&mut self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        while let Ok(events) = self.inotify.read_events() {
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    // Some were missed: everything is looked at.
                    paths.extend(self.folders.values().cloned());
                } else if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                    self.folders.remove(&event.wd);
                } else if let (Some(folder), Some(name)) = (self.folders.get(&event.wd), event.name)
                {
                    paths.push(folder.join(name));
                }
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    fn visit(&mut self, path: &Path, source: &Source) {
        if fs::symlink_metadata(path).is_ok_and(|about| about.is_dir()) {
            self.add(path, Some(source));
        } else {
            self.tell(path, Some(source));
        }
        for gone in self.snapshot.below(path) {
            self.tell(&gone, Some(source));
        }
    }

    fn tell(&mut self, path: &Path, source: Option<&Source>) {
        let (Some((change, hash)), Some(source)) = (self.snapshot.look(path), source) else {
            return;
        };
        let (word, severity) = match change {
            Change::Created => ("created", "low"),
            Change::Modified => ("modified", "medium"),
            Change::Deleted => ("deleted", "medium"),
        };
        let mut event = event(EventKind::File);
        event.severity = severity.into();
        event.message = format!("{} was {word}", shown(path));
        event.fields.insert("path".into(), shown(path).into());
        event.fields.insert("change".into(), word.into());
        if let Some(hash) = hash {
            event.fields.insert("sha256".into(), hash.into());
        }
        source.tell(event);
    }
}
