//! A newer program: fetched from the appliance, believed only with the signature of who built this
//! one, kept only if it reaches the appliance.
//!
//! The installed program belongs to root and never changes. Newer ones lie in the agent's own
//! folder; the installed one checks the signature of what lies there at every start and hands over
//! to it. An update that has to be started a third time, or gets no acknowledgement for five
//! minutes, is taken back.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Failure, Job, Surroundings};
use crate::files::{self, FileError};
use crate::{http, log};

/// No agent comes near, octets.
const LARGEST: usize = 16 * 1024 * 1024;
const LARGEST_SIGNATURE: usize = 4096;
/// Starts of an update before it is taken back.
const STARTS: u32 = 2;
/// An update must be acknowledged within this, milliseconds.
pub(crate) const PROBATION_MS: u64 = 300_000;
const PROGRAM: &str = "panoptikon-agent";

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The public half of the key that releases are signed with, given when this was built.
const RELEASE_KEY: Option<&str> = option_env!("PANOPTIKON_RELEASE_KEY");

/// A program is not to be trusted, or cannot be put in place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    /// This program knows no key.
    #[error("this agent was built without a release key, so it can verify nothing")]
    NoKey,
    /// The signature makes no sense.
    #[error("the signature is none of minisign")]
    BadSignature,
    /// Program and signature do not belong together.
    #[error("the program is not what was signed, or was signed by somebody else")]
    Untrusted,
    /// It is for something else.
    #[error("the signature is for {0:?}, not for an agent of this architecture")]
    Other(String),
    /// It is not newer.
    #[error("version {0} is not newer than {VERSION}, which runs here")]
    NotNewer(String),
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Verifies a program and gives its version: the signed comment names program, version and
/// architecture.
fn verify(program: &[u8], signature: &str, key: Option<&str>) -> Result<String, UpdateError> {
    let key = key.ok_or(UpdateError::NoKey)?.trim();
    // The whole file with its comment, or its second line alone.
    let key = PublicKey::decode(key).or_else(|_| PublicKey::from_base64(key));
    let key = key.map_err(|_| UpdateError::NoKey)?;
    if !signature.lines().nth(2).is_some_and(|line| line.starts_with("trusted comment: ")) {
        return Err(UpdateError::BadSignature);
    }
    let signature = Signature::decode(signature).map_err(|_| UpdateError::BadSignature)?;
    key.verify(program, &signature, false).map_err(|_| UpdateError::Untrusted)?;
    let comment = signature.trusted_comment();
    let other = || UpdateError::Other(comment.chars().take(100).collect());
    let mut words = comment.split(' ');
    let (Some("panoptikon"), Some(version), Some(name), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(other());
    };
    if name != format!("{PROGRAM}-{version}-{}", std::env::consts::ARCH) {
        return Err(other());
    }
    Ok(version.to_owned())
}

/// Verifies a file by the signature beside it, for `panoptikon-agent verify`.
pub(crate) fn verify_file(program: &Path, signature: &Path) -> Result<String, UpdateError> {
    let read = |path: &Path, limit: usize| -> Result<Vec<u8>, UpdateError> {
        let missing = || FileError::new("reading", path, io::ErrorKind::NotFound.into());
        Ok(files::read(path, limit as u64)?.ok_or_else(missing)?)
    };
    let signature = String::from_utf8_lossy(&read(signature, LARGEST_SIGNATURE)?).into_owned();
    verify(&read(program, LARGEST)?, &signature, RELEASE_KEY)
}

/// Whether a version (semver.org, numbers and an optional pre-release) is newer than another.
fn newer(version: &str, than: &str) -> bool {
    fn key(version: &str) -> Option<([u32; 3], bool, &str)> {
        let (numbers, pre) = version.split_once('-').unwrap_or((version, ""));
        let mut parts = numbers.split('.').map(str::parse::<u32>);
        let mut next = || parts.next()?.ok();
        let three = [next()?, next()?, next()?];
        // A pre-release comes before its release.
        parts.next().is_none().then_some((three, pre.is_empty(), pre))
    }
    matches!((key(version), key(than)), (Some(one), Some(other)) if one > other)
}

/// An update that has yet to prove itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    version: String,
    starts: u32,
}

/// The folder of newer programs.
pub(crate) struct Shelf {
    folder: PathBuf,
    key: Option<&'static str>,
}

impl Shelf {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), key: RELEASE_KEY }
    }

    fn program(&self) -> PathBuf {
        self.folder.join(PROGRAM)
    }

    fn signature(&self) -> PathBuf {
        self.folder.join("panoptikon-agent.minisig")
    }

    fn pending_file(&self) -> PathBuf {
        self.folder.join("pending.json")
    }

    fn pending(&self) -> Option<Pending> {
        let content = files::read(&self.pending_file(), 4096).ok()??;
        serde_json::from_slice(&content).ok()
    }

    /// Whether an update has yet to prove itself.
    pub(crate) fn on_probation(&self) -> bool {
        self.pending().is_some()
    }

    /// Puts a verified program in place; the one before is kept.
    fn install(&self, program: &[u8], signature: &str) -> Result<String, UpdateError> {
        let version = verify(program, signature, self.key)?;
        if !newer(&version, VERSION) {
            return Err(UpdateError::NotNewer(version));
        }
        files::private_folder(&self.folder)?;
        let moved = |from: &Path, to: &Path| match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::new("renaming", from, error))
            }
            _ => Ok(()),
        };
        moved(&self.program(), &self.folder.join("previous"))?;
        moved(&self.signature(), &self.folder.join("previous.minisig"))?;
        // First what tells a start that it is on trial, then what is on trial.
        let pending = Pending { version: version.clone(), starts: 0 };
        let content = serde_json::to_vec(&pending).unwrap_or_default();
        files::replace(&self.pending_file(), &content, 0o600)?;
        files::replace(&self.signature(), signature.as_bytes(), 0o600)?;
        files::replace(&self.program(), program, 0o700)?;
        Ok(version)
    }

    /// The appliance acknowledged something: the update is good.
    pub(crate) fn settle(&self) {
        if let Some(pending) = self.pending() {
            log::info(format!("the update to {} is good", pending.version));
            remove(&self.pending_file());
        }
    }

    /// Takes the update back: the one before it, or else the installed program.
    pub(crate) fn roll_back(&self) {
        log::warn("the update does not do: going back to the program before it");
        for (from, to) in [("previous", self.program()), ("previous.minisig", self.signature())] {
            if fs::rename(self.folder.join(from), &to).is_err() {
                remove(&to);
            }
        }
        remove(&self.pending_file());
    }

    /// At the start of the installed program: the newer program to hand over to, if there is one
    /// that may be trusted. Counts the starts of one on trial.
    pub(crate) fn choose(&self) -> Option<PathBuf> {
        if let Some(mut pending) = self.pending() {
            if pending.starts >= STARTS {
                self.roll_back();
            } else {
                pending.starts += 1;
                let content = serde_json::to_vec(&pending).unwrap_or_default();
                if let Err(error) = files::replace(&self.pending_file(), &content, 0o600) {
                    log::warn(error);
                    return None;
                }
            }
        }
        let path = self.program();
        // Root who runs the agent by hand must not be handed over to what another user may swap.
        let own = nix::unistd::geteuid().as_raw();
        let mine = |path: &Path| fs::metadata(path).is_ok_and(|about| about.uid() == own);
        if path.exists() && !(mine(&path) && mine(&self.folder)) {
            log::warn(format!("{} belongs to somebody else and is not used", path.display()));
            return None;
        }
        let program = read_program(&path)?;
        let signature = files::read(&self.signature(), LARGEST_SIGNATURE as u64).ok()??;
        match verify(&program, &String::from_utf8_lossy(&signature), self.key) {
            Ok(version) if newer(&version, VERSION) => Some(path),
            // The installed one was brought up to date since.
            Ok(_) => None,
            Err(error) => {
                log::warn(format!("{} is not used: {error}", path.display()));
                None
            }
        }
    }
}

fn read_program(path: &Path) -> Option<Vec<u8>> {
    let file = fs::File::open(path).ok()?;
    if file.metadata().ok()?.permissions().mode() & 0o100 == 0 {
        return None;
    }
    let mut octets = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut octets).ok()?;
    (octets.len() <= LARGEST).then_some(octets)
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warn(format!("removing {}: {error}", path.display()));
    }
}

#[derive(Deserialize)]
struct Arguments {
    version: String,
    sha256: String,
    minisig: String,
}

pub(super) fn update(job: &Job, around: &Surroundings) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let failed = |why: &dyn std::fmt::Display| Failure::failed(why.to_string());
    if !newer(&arguments.version, VERSION) {
        return Err(failed(&UpdateError::NotNewer(arguments.version)));
    }
    let tls = around.tls.clone().ok_or_else(|| Failure::failed("there is no link"))?;
    let path = format!("/agent/{}", std::env::consts::ARCH);
    let within = job.left(Duration::from_secs(300));
    let fetched = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?
        .block_on(http::request(&around.server, tls, "GET", &path, b"", LARGEST, within));
    let (status, program) = fetched.map_err(|error| failed(&error))?;
    if status != 200 {
        return Err(Failure::failed(format!("the appliance has no such file (status {status})")));
    }
    if !wire::text::sha256_hex(&program).eq_ignore_ascii_case(&arguments.sha256) {
        return Err(Failure::failed("the file that came is not the one that was named"));
    }
    job.go_on()?;
    let shelf = Shelf::new(&around.programs);
    let version = shelf.install(&program, &arguments.minisig).map_err(|error| failed(&error))?;
    Ok(json!({ "version": version }))
}

// The signatures are for programs of this architecture.
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;

    /// Made with minisign for these tests and used nowhere else; see `tests/signed/README.md`.
    const KEY: &str = include_str!("../../tests/signed/test.pub");
    const PROGRAM_OCTETS: &[u8] = include_bytes!("../../tests/signed/program");
    const NEWER: &str = include_str!("../../tests/signed/newer.minisig");
    const OLDER: &str = include_str!("../../tests/signed/older.minisig");
    const OTHER: &str = include_str!("../../tests/signed/other.minisig");

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf { folder: folder.path().join("bin"), key: Some(KEY) };
        (folder, shelf)
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (one, other) in [("0.10.0", "0.9.9"), ("1.0.0", "1.0.0-rc1"), ("1.0.1-a", "1.0.0")] {
            assert!(newer(one, other) && !newer(other, one), "{one} {other}");
        }
        assert!(!newer("1.0.0", "1.0.0") && !newer("2", "1.0.0") && !newer("2.0.0.0", "1.0.0"));
    }

    #[test]
    fn a_newer_program_is_installed_and_handed_over_to() {
        let (_folder, shelf) = shelf();
        assert_eq!(shelf.install(PROGRAM_OCTETS, NEWER).unwrap(), "99.0.0");
        assert!(shelf.on_probation());
        assert_eq!(shelf.choose(), Some(shelf.program()));
        shelf.settle();
        assert!(!shelf.on_probation());
        for _ in 0..5 {
            assert_eq!(shelf.choose(), Some(shelf.program()));
        }
    }

    #[test]
    fn a_program_that_crashes_twice_is_taken_back_at_its_third_start() {
        let (_folder, shelf) = shelf();
        shelf.install(PROGRAM_OCTETS, NEWER).unwrap();
        assert!(shelf.choose().is_some() && shelf.choose().is_some());
        assert_eq!(shelf.choose(), None);
        assert!(!shelf.on_probation() && !shelf.program().exists());
    }

    #[test]
    fn taking_back_brings_the_update_before_it() {
        let (_folder, shelf) = shelf();
        shelf.install(PROGRAM_OCTETS, NEWER).unwrap();
        shelf.settle();
        shelf.install(PROGRAM_OCTETS, NEWER).unwrap();
        shelf.roll_back();
        assert_eq!(shelf.choose(), Some(shelf.program()));
        assert!(!shelf.on_probation());
    }

    #[test]
    fn what_is_changed_older_for_others_or_unsigned_is_refused() {
        let (_folder, shelf) = shelf();
        let mut changed = PROGRAM_OCTETS.to_vec();
        changed[0] ^= 1;
        let install = |program: &[u8], signature: &str| {
            shelf.install(program, signature).unwrap_err().to_string()
        };
        assert!(install(&changed, NEWER).contains("not what was signed"));
        assert!(install(PROGRAM_OCTETS, OLDER).contains("not newer"));
        assert!(install(PROGRAM_OCTETS, OTHER).contains("not for an agent"));
        assert!(install(PROGRAM_OCTETS, "x").contains("none of minisign"));
        let forged = NEWER.replace("99.0.0", "98.0.0");
        assert!(install(PROGRAM_OCTETS, &forged).contains("not what was signed"));
        assert!(!shelf.program().exists());
        let keyless = Shelf { folder: shelf.folder.clone(), key: None };
        assert!(matches!(keyless.install(PROGRAM_OCTETS, NEWER), Err(UpdateError::NoKey)));
    }

    #[test]
    fn a_program_that_was_changed_on_the_disk_is_not_started() {
        let (_folder, shelf) = shelf();
        shelf.install(PROGRAM_OCTETS, NEWER).unwrap();
        shelf.settle();
        fs::write(shelf.program(), b"something else").unwrap();
        assert_eq!(shelf.choose(), None);
    }
}
