//! A copy of the stopped appliance's database, and the way back.
//!
//! Nobody has the files open then, so that plain copies are whole. Everything is done as the user
//! who owns the data folder: what that user may have put there gains nothing by root's hands.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, geteuid, getgroups, setegid, seteuid, setgroups};

/// The copy's folder, below the data folder.
pub const FOLDER: &str = "before-update";

/// The database and what may not have been written into it yet.
const PARTS: [&str; 2] = ["", "-wal"];

/// Why copying or putting back failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}: {source}", path.display())]
pub struct CopyError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// How to say what was attempted on what.
fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    let path = path.to_owned();
    move |source| CopyError { what, path, source }
}

/// The bytes that a copy takes.
pub fn size(data: &Path) -> u64 {
    PARTS.iter().filter_map(|part| fs::metadata(file(data, part)).ok()).map(|m| m.len()).sum()
}

/// Copies the database of the appliance, which must be stopped. An older copy is replaced.
pub fn copy(data: &Path) -> Result<(), CopyError> {
    as_owner(data, || {
        let (folder, fresh) = (data.join(FOLDER), data.join("before-update.new"));
        absent_is_fine(fs::remove_dir_all(&fresh)).map_err(failed("removing", &fresh))?;
        DirBuilder::new().mode(0o700).create(&fresh).map_err(failed("making", &fresh))?;
        for part in PARTS {
            place(&file(data, part), &file(&fresh, part))?;
        }
        sync(&fresh)?;
        absent_is_fine(fs::remove_dir_all(&folder)).map_err(failed("removing", &folder))?;
        fs::rename(&fresh, &folder).map_err(failed("renaming", &fresh))?;
        sync(data)
    })
}

/// Puts the copy back in the place of the database; may be repeated. Without a copy there was no
/// database before, and what is there stays.
pub fn restore(data: &Path) -> Result<(), CopyError> {
    as_owner(data, || {
        let folder = data.join(FOLDER);
        let incoming = data.join("before-update.incoming");
        if !place(&file(&folder, ""), &incoming)? {
            return Ok(());
        }
        for tail in ["-wal", "-shm"] {
            let old = file(data, tail);
            absent_is_fine(fs::remove_file(&old)).map_err(failed("removing", &old))?;
        }
        fs::rename(&incoming, file(data, "")).map_err(failed("renaming", &incoming))?;
        place(&file(&folder, "-wal"), &file(data, "-wal"))?;
        sync(data)
    })
}

fn file(folder: &Path, part: &str) -> PathBuf {
    folder.join(format!("{}{part}", store::DATABASE))
}

/// Copies a file durably. False where there is none.
fn place(from: &Path, to: &Path) -> Result<bool, CopyError> {
    match fs::copy(from, to) {
        Ok(_) => {
            let written = File::open(to).and_then(|file| file.sync_all());
            written.map_err(failed("writing", to))?;
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !from.exists() => Ok(false),
        Err(error) => Err(failed("copying", from)(error)),
    }
}

fn sync(folder: &Path) -> Result<(), CopyError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("writing", folder))
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Does something as the owner of a folder, where root is somebody else.
fn as_owner(folder: &Path, deed: impl FnOnce() -> Result<(), CopyError>) -> Result<(), CopyError> {
    let owner = fs::metadata(folder).map_err(failed("looking at", folder))?;
    let (user, group) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
    if !geteuid().is_root() || user.is_root() {
        return deed();
    }
    let refused = |error: nix::Error| failed("becoming the owner of", folder)(error.into());
    let groups = getgroups().map_err(refused)?;
    setgroups(&[group])
        .and_then(|()| setegid(group))
        .and_then(|()| seteuid(user))
        .map_err(refused)?;
    let outcome = deed();
    let back = Uid::from_raw(0);
    seteuid(back)
        .and_then(|()| setegid(Gid::from_raw(0)))
        .and_then(|()| setgroups(&groups))
        .map_err(refused)?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).expect("written");
    }

    #[test]
    fn what_was_copied_comes_back_and_what_was_written_since_is_gone() {
        let data = tempfile::tempdir().expect("a folder");
        let data = data.path();
        write(&file(data, ""), "old");
        write(&file(data, "-wal"), "old log");
        assert_eq!(size(data), 10);
        copy(data).expect("copied");
        write(&file(data, ""), "migrated");
        fs::remove_file(file(data, "-wal")).expect("removed");
        write(&file(data, "-shm"), "index");
        for _ in 0..2 {
            restore(data).expect("restored, and once more");
            assert_eq!(fs::read_to_string(file(data, "")).expect("there"), "old");
            assert_eq!(fs::read_to_string(file(data, "-wal")).expect("there"), "old log");
            assert!(!file(data, "-shm").exists());
        }
    }

    #[test]
    fn a_second_copy_replaces_the_first() {
        let data = tempfile::tempdir().expect("a folder");
        let data = data.path();
        for text in ["first", "second"] {
            write(&file(data, ""), text);
            copy(data).expect("copied");
        }
        write(&file(data, ""), "third");
        restore(data).expect("restored");
        assert_eq!(fs::read_to_string(file(data, "")).expect("there"), "second");
    }

    #[test]
    fn without_a_database_there_is_nothing_to_copy_or_to_put_back() {
        let data = tempfile::tempdir().expect("a folder");
        copy(data.path()).expect("nothing to do");
        write(&file(data.path(), ""), "made since");
        restore(data.path()).expect("nothing to do");
        assert!(file(data.path(), "").exists());
    }
}
