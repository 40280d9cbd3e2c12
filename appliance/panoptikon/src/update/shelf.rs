//! The files of an update: packages, the updater's own program, and where things stand.
//!
//! `package/` in the configuration folder holds the package that is kept for the next image, and
//! `current`, which names it with its sum. It lies where the appliance's user may rename things, so
//! only what root alone could have put there is believed. Root's own is [`FOLDER`]:
//!
//! | file | what |
//! |---|---|
//! | `new/`, `previous/` | the two packages, with their signatures |
//! | `updater` | the program that began the update: it goes on with it whatever `/usr/bin` holds |
//! | `state.json` | an update under way; absent otherwise |
//! | `last.json` | how the last one ended |
//! | `log` | what dpkg and systemctl said |
//! | `lock` | held while somebody works on an update |

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::candidate::Package;
use super::machine::{ASKED_FOR, Outcome, State, Which};

/// Root's own folder. It belongs to one image, as the installed package does.
pub const FOLDER: &str = "/var/lib/panoptikon-update";

/// The program is readable and executable for its owner.
const PROGRAM_MODE: u32 = 0o700;

/// Why a file of an update could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The system refused.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        detail: String,
    },
    /// Somebody else than root could have put it there.
    #[error("{0} does not belong to root alone, so it is not used")]
    NotRoots(PathBuf),
    /// Another update is under way.
    #[error("another update is under way")]
    Busy,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ShelfError {
    let path = path.to_owned();
    move |source| ShelfError::Io { what, path, source }
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The version before.
    pub from: String,
    /// The version that was wanted.
    pub to: String,
    /// How.
    pub outcome: Outcome,
    /// What went wrong, if anything.
    pub why: Option<String>,
    /// When, in RFC 3339.
    pub at: String,
}

impl Ended {
    /// Whether it ended as a person wanted, where that was to go back.
    pub fn was_wanted(&self) -> bool {
        self.outcome == Outcome::RolledBack && self.why.as_deref() == Some(ASKED_FOR)
    }

    /// What happened, for people.
    pub fn sentence(&self) -> String {
        let Self { from, to, outcome, why, .. } = self;
        let because = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        match outcome {
            Outcome::Updated => match why {
                None => format!("Updated from {from} to {to}."),
                Some(why) => format!("Updated from {from} to {to}, but {why}."),
            },
            Outcome::Unchanged => format!("Nothing was changed, {from} runs on{because}."),
            Outcome::RolledBack => format!("{from} runs again instead of {to}{because}."),
            Outcome::Stuck => format!(
                "Neither {to} nor {from} is well{because}. The log of dpkg and the packages are \
                 in {FOLDER}, the copy of the database is in before-update of the data folder."
            ),
        }
    }
}

/// The folder of kept packages.
#[derive(Debug, Clone)]
pub struct Shelf {
    kept: PathBuf,
    own: PathBuf,
}

impl Shelf {
    /// With the configuration folder and root's own, which is made where it is missing.
    pub fn open(config_dir: &Path, own: &Path) -> Result<Self, ShelfError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(own);
        made.map_err(failed("making the folder", own))?;
        roots_alone(own, &fs::symlink_metadata(own).map_err(failed("looking at", own))?)?;
        Ok(Self { kept: config_dir.join("package"), own: own.to_owned() })
    }

    /// Root's own folder.
    pub fn folder(&self) -> &Path {
        &self.own
    }

    /// The program that goes on with an update.
    pub fn updater(&self) -> PathBuf {
        self.folder().join("updater")
    }

    /// The log of the system's programs.
    pub fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Where the package of a version is kept.
    pub fn kept(&self, version: &str, architecture: &str) -> PathBuf {
        self.kept.join(format!("panoptikon_{version}_{architecture}.deb"))
    }

    /// Takes the lock, which the kernel gives back when the process ends, however it does.
    pub fn lock(&self) -> Result<File, ShelfError> {
        let path = self.folder().join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ShelfError::Busy),
            Err(TryLockError::Error(source)) => Err(failed("locking", &path)(source)),
        }
    }

    /// The folder of one of the two packages.
    fn place(&self, which: Which) -> PathBuf {
        self.own.join(match which {
            Which::New => "new",
            Which::Previous => "previous",
        })
    }

    /// One of the two packages; None where it is not there.
    pub fn package(&self, which: Which) -> Option<PathBuf> {
        let mut files = fs::read_dir(self.place(which)).ok()?.filter_map(Result::ok);
        files.find(|f| f.path().extension().is_some_and(|e| e == "deb")).map(|f| f.path())
    }

    /// Copies a package, and its signature if there is one, to its place; gives back where.
    pub fn stage(
        &self,
        which: Which,
        package: &Path,
        signature: &Path,
    ) -> Result<PathBuf, ShelfError> {
        let folder = self.place(which);
        remove_all(&folder)?;
        DirBuilder::new().mode(0o700).create(&folder).map_err(failed("making", &folder))?;
        let to = folder.join("package.deb");
        copy(package, &to)?;
        if signature.exists() {
            copy(signature, &signature_of(&to))?;
        }
        sync(&folder)?;
        Ok(to)
    }

    /// The same for the kept package of a version, which must be root's alone.
    pub fn stage_kept(&self, kept: &Path) -> Result<PathBuf, ShelfError> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(kept)
            .map_err(failed("opening", kept))?;
        roots_alone(kept, &file.metadata().map_err(failed("looking at", kept))?)?;
        // This very file, whatever is there by that name when it is read.
        let same = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        self.stage(Which::Previous, &same, &signature_of(kept))
    }

    /// Gives a staged package its proper name.
    pub fn name(&self, staged: &Path, package: &Package) -> Result<PathBuf, ShelfError> {
        let name = format!("panoptikon_{}_{}.deb", package.version, package.architecture);
        let proper = staged.with_file_name(name);
        for (from, to) in
            [(staged.to_owned(), proper.clone()), (signature_of(staged), signature_of(&proper))]
        {
            if from != to && from.exists() {
                fs::rename(&from, &to).map_err(failed("renaming", &from))?;
            }
        }
        Ok(proper)
    }

    /// Forgets one of the two packages.
    pub fn forget(&self, which: Which) -> Result<(), ShelfError> {
        remove_all(&self.place(which))
    }

    /// Copies the running program, to go on with the update whatever becomes of it.
    pub fn keep_updater(&self, program: &Path) -> Result<(), ShelfError> {
        let (to, fresh) = (self.updater(), self.folder().join("updater.new"));
        copy(program, &fresh)?;
        let own = fs::Permissions::from_mode(PROGRAM_MODE);
        fs::set_permissions(&fresh, own).map_err(failed("protecting", &fresh))?;
        fs::rename(&fresh, &to).map_err(failed("renaming", &fresh))
    }

    /// Makes one of the two packages the one that is kept, and the only one.
    pub fn keep(&self, which: Which) -> Result<(), ShelfError> {
        let missing = io::Error::from(ErrorKind::NotFound);
        let place = self.place(which);
        let package = self.package(which).ok_or_else(|| failed("keeping", &place)(missing))?;
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&self.kept);
        made.map_err(failed("making the folder", &self.kept))?;
        let folder = fs::symlink_metadata(&self.kept).map_err(failed("looking at", &self.kept))?;
        roots_alone(&self.kept, &folder)?;
        let target = self.kept.join(package.file_name().unwrap_or_default());
        copy_over(&package, &target)?;
        if signature_of(&package).exists() {
            copy_over(&signature_of(&package), &signature_of(&target))?;
        }
        self.name_current(&target)?;
        let entries = fs::read_dir(&self.kept).map_err(failed("listing", &self.kept))?;
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let ending = path.extension().is_some_and(|e| e == "deb" || e == "minisig");
            let is_ours = name.starts_with("panoptikon_") && ending;
            if is_ours && path != target && path != signature_of(&target) {
                fs::remove_file(&path).map_err(failed("removing", &path))?;
            }
        }
        sync(&self.kept)
    }

    /// Says in `current`, as sha256sum would, which package the boot hook is to install.
    fn name_current(&self, package: &Path) -> Result<(), ShelfError> {
        let mut hasher = Sha256::new();
        let mut file = File::open(package).map_err(failed("opening", package))?;
        io::copy(&mut file, &mut hasher).map_err(failed("reading", package))?;
        let sum =
            hasher.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let name = package.file_name().unwrap_or_default().to_string_lossy();
        write_bytes(&self.kept.join("current"), format!("{sum}  {name}\n").as_bytes(), 0o644)
    }

    /// The update under way, if any.
    pub fn state(&self) -> Result<Option<State>, ShelfError> {
        read(&self.folder().join("state.json"))
    }

    /// Writes down where the update under way stands.
    pub fn save(&self, state: &State) -> Result<(), ShelfError> {
        write(&self.folder().join("state.json"), state)
    }

    /// How the last update ended, if there was one.
    pub fn last(&self) -> Result<Option<Ended>, ShelfError> {
        read(&self.folder().join("last.json"))
    }

    /// Writes down how the update ended and forgets what only it needed.
    pub fn end(&self, ended: &Ended) -> Result<(), ShelfError> {
        write(&self.folder().join("last.json"), ended)?;
        let state = self.folder().join("state.json");
        fs::remove_file(&state).map_err(failed("removing", &state))?;
        // When it is stuck, a person may want both.
        if ended.outcome != Outcome::Stuck {
            self.forget(Which::New)?;
            let updater = self.updater();
            absent_is_fine(fs::remove_file(&updater)).map_err(failed("removing", &updater))?;
        }
        sync(&self.own)
    }
}

/// Whether only root can have put something there; asked by root only.
fn roots_alone(path: &Path, found: &fs::Metadata) -> Result<(), ShelfError> {
    let others_may_write = found.mode() & 0o022 != 0;
    let fine = !found.is_symlink() && found.uid() == 0 && !others_may_write;
    if fine || !geteuid().is_root() {
        return Ok(());
    }
    Err(ShelfError::NotRoots(path.to_owned()))
}

/// Where the signature of a package lies: beside it.
pub fn signature_of(package: &Path) -> PathBuf {
    let mut name = package.as_os_str().to_owned();
    name.push(".minisig");
    PathBuf::from(name)
}

fn remove_all(folder: &Path) -> Result<(), ShelfError> {
    absent_is_fine(fs::remove_dir_all(folder)).map_err(failed("removing", folder))
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), ShelfError> {
    fs::copy(from, to).map_err(failed("copying", from))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed("writing", to))
}

/// Copies so that at any moment either the old or the new file is there.
fn copy_over(from: &Path, to: &Path) -> Result<(), ShelfError> {
    let fresh = to.with_extension("new");
    copy(from, &fresh)?;
    fs::rename(&fresh, to).map_err(failed("renaming", &fresh))
}

fn sync(folder: &Path) -> Result<(), ShelfError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("writing", folder))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ShelfError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("reading", path)(error)),
    };
    let damaged = |error: serde_json::Error| ShelfError::Damaged {
        path: path.to_owned(),
        detail: error.to_string(),
    };
    serde_json::from_str(&text).map(Some).map_err(damaged)
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), ShelfError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(io::Error::other);
    write_bytes(path, &bytes.map_err(failed("writing", path))?, 0o600)
}

/// Writes a file so that after a power cut it is whole, as it was or as it is to be.
fn write_bytes(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ShelfError> {
    let fresh = path.with_extension("new");
    let written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    written().map_err(failed("writing", path))?;
    path.parent().map_or(Ok(()), sync)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path(), &folder.path().join("own")).expect("made");
        fs::create_dir(folder.path().join("package")).expect("made");
        (folder, shelf)
    }

    fn state() -> State {
        State::staged("1.0.0".to_owned(), "1.1.0".to_owned(), Vec::new(), "/data".into())
    }

    #[test]
    fn one_update_at_a_time() {
        let (_folder, shelf) = shelf();
        let held = shelf.lock().expect("free");
        assert!(matches!(shelf.lock(), Err(ShelfError::Busy)));
        drop(held);
        shelf.lock().expect("free again");
    }

    #[test]
    fn the_kept_package_is_replaced_with_its_signature_and_strangers_stay() {
        let (folder, shelf) = shelf();
        let kept = folder.path().join("package");
        for name in ["panoptikon_1.0.0_amd64.deb", "panoptikon_1.0.0_amd64.deb.minisig", "note"] {
            fs::write(kept.join(name), "old").expect("written");
        }
        let download = folder.path().join("panoptikon-new.deb");
        fs::write(&download, "new").expect("written");
        fs::write(signature_of(&download), "signed").expect("written");
        let staged = shelf.stage(Which::New, &download, &signature_of(&download)).expect("staged");
        let facts = Package {
            name: "panoptikon".to_owned(),
            version: "1.1.0".to_owned(),
            architecture: "amd64".to_owned(),
            installed_kib: 1,
        };
        let named = shelf.name(&staged, &facts).expect("named");
        assert_eq!(shelf.package(Which::New), Some(named));
        shelf.keep(Which::New).expect("kept");
        let mut found: Vec<_> = fs::read_dir(&kept)
            .expect("listed")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("plain"))
            .collect();
        found.sort();
        let deb = "panoptikon_1.1.0_amd64.deb";
        assert_eq!(found, ["current", "note", deb, &format!("{deb}.minisig")]);
        // What sha256sum says of "new".
        let sum = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
        let current = fs::read_to_string(kept.join("current")).expect("written");
        assert_eq!(current, format!("{sum}  {deb}\n"));
    }

    #[test]
    fn a_kept_package_that_root_did_not_put_there_is_not_believed() {
        if !geteuid().is_root() {
            return;
        }
        let (folder, shelf) = shelf();
        let kept = shelf.kept("1.0.0", "amd64");
        fs::write(&kept, "old").expect("written");
        shelf.stage_kept(&kept).expect("root's own");
        let staged = shelf.package(Which::Previous).expect("there");
        assert_eq!(fs::read_to_string(staged).expect("read"), "old");
        std::os::unix::fs::chown(&kept, Some(65_532), None).expect("given away");
        assert!(matches!(shelf.stage_kept(&kept), Err(ShelfError::NotRoots(_))));
        fs::remove_file(&kept).expect("removed");
        let elsewhere = folder.path().join("elsewhere.deb");
        fs::write(&elsewhere, "other").expect("written");
        std::os::unix::fs::symlink(&elsewhere, &kept).expect("linked");
        assert!(matches!(shelf.stage_kept(&kept), Err(ShelfError::Io { .. })));
    }

    #[test]
    fn a_state_reads_back_and_a_damaged_one_is_named() {
        let (_folder, shelf) = shelf();
        assert_eq!(shelf.state().expect("read"), None);
        shelf.save(&state()).expect("written");
        assert_eq!(shelf.state().expect("read"), Some(state()));
        fs::write(shelf.folder().join("state.json"), "{").expect("written");
        let error = shelf.state().expect_err("damaged");
        assert!(error.to_string().contains("state.json is damaged"), "{error}");
    }

    #[test]
    fn the_end_forgets_the_new_package_and_keeps_the_way_back() {
        let (folder, shelf) = shelf();
        let download = folder.path().join("x.deb");
        fs::write(&download, "x").expect("written");
        for which in [Which::New, Which::Previous] {
            shelf.stage(which, &download, &signature_of(&download)).expect("staged");
        }
        shelf.save(&state()).expect("written");
        let ended = Ended {
            from: "1.0.0".to_owned(),
            to: "1.1.0".to_owned(),
            outcome: Outcome::Updated,
            why: None,
            at: String::new(),
        };
        shelf.end(&ended).expect("ended");
        assert_eq!(shelf.state().expect("read"), None);
        assert_eq!(shelf.last().expect("read"), Some(ended));
        assert_eq!(shelf.package(Which::New), None);
        assert!(shelf.package(Which::Previous).is_some());
    }
}
