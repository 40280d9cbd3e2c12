//! The files of agents that hosts can fetch here, with their signatures.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Architectures that agents are made for.
pub const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];
/// Larger than any agent.
const LARGEST: u64 = 16 << 20;
const LARGEST_SIGNATURE: u64 = 4 << 10;

/// What is run on a host to install an agent. It holds no secret.
const INSTALL: &str = include_str!("../../../agent/install.sh");

/// The folder of agents' files. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// What was read last, with when both files were changed: hashing takes a while.
    seen: Mutex<HashMap<&'static str, (Changed, AgentFile)>>,
}

/// When program and signature were changed, and how long the program is.
type Changed = (Option<SystemTime>, Option<SystemTime>, u64);

/// An agent's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentFile {
    /// For which architecture.
    pub arch: &'static str,
    /// Its version, as its signature says; None without one.
    pub version: Option<String>,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Its signature (minisign).
    #[serde(skip)]
    pub signature: Option<String>,
    /// Octets.
    pub size: u64,
}

impl Shelf {
    pub(crate) fn new(dir: &Path) -> Self {
        Self(Arc::new(Inner { dir: dir.to_owned(), seen: Mutex::default() }))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Reads a file of the folder; None where there is none. Blocks.
    fn read(&self, name: &str, most: u64) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        let path = self.0.dir.join(name);
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(most + 1).read_to_end(&mut octets));
        match read {
            Ok(_) if octets.len() as u64 <= most => Some(octets),
            Ok(_) => {
                tracing::warn!(path = %path.display(), "a file of an agent is too large to be one");
                None
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read the file of an agent");
                None
            }
        }
    }

    /// The program for an architecture. Blocks.
    pub(crate) fn program(&self, arch: &str) -> Option<Vec<u8>> {
        let arch = ARCHITECTURES.iter().find(|known| **known == arch)?;
        self.read(arch, LARGEST)
    }

    /// The signature of the program for an architecture. Blocks.
    pub(crate) fn signature(&self, arch: &str) -> Option<Vec<u8>> {
        let arch = ARCHITECTURES.iter().find(|known| **known == arch)?;
        self.read(&format!("{arch}.minisig"), LARGEST_SIGNATURE)
    }

    /// What can be had for an architecture. Blocks.
    pub fn file(&self, arch: &str) -> Option<AgentFile> {
        let arch = ARCHITECTURES.into_iter().find(|known| *known == arch)?;
        let look = |name: &str| std::fs::metadata(self.0.dir.join(name)).ok();
        let (own, sign) = (look(arch)?, look(&format!("{arch}.minisig")));
        let changed = (own.modified().ok(), sign.and_then(|s| s.modified().ok()), own.len());
        let seen = || self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, file)) = seen().get(arch).filter(|(at, _)| *at == changed) {
            return Some(file.clone());
        }
        let file = self.look_at(arch)?;
        seen().insert(arch, (changed, file.clone()));
        Some(file)
    }

    fn look_at(&self, arch: &'static str) -> Option<AgentFile> {
        let program = self.program(arch)?;
        let signature = self.signature(arch).and_then(|text| String::from_utf8(text).ok());
        Some(AgentFile {
            arch,
            version: signature.as_deref().and_then(version_of),
            sha256: wire::text::hex(&Sha256::digest(&program)),
            signature,
            size: program.len() as u64,
        })
    }

    /// The script that installs an agent, with the checksums of the files that are here. Blocks.
    pub(crate) fn script(&self) -> String {
        let sum = |arch| self.file(arch).map(|file| file.sha256).unwrap_or_default();
        INSTALL
            .replace("@SHA256_X86_64@", &sum("x86_64"))
            .replace("@SHA256_AARCH64@", &sum("aarch64"))
    }

    /// What can be had. Blocks.
    pub fn files(&self) -> Vec<AgentFile> {
        ARCHITECTURES.iter().filter_map(|arch| self.file(arch)).collect()
    }
}

/// The version in the trusted comment of a release's signature: `panoptikon VERSION FILE`.
fn version_of(signature: &str) -> Option<String> {
    let comment = signature.lines().find_map(|line| line.strip_prefix("trusted comment: "))?;
    let version = comment.strip_prefix("panoptikon ")?.split(' ').next()?;
    (1..=32).contains(&version.len()).then(|| version.to_owned())
}

/// Whether one version is newer than another, by their numbers.
pub fn is_newer(one: &str, other: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        core.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    numbers(one) > numbers(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_with_its_version_and_nothing_else_of_the_folder_can_be_had() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x86_64"), b"program").unwrap();
        let signature = "untrusted comment: x\nRW\ntrusted comment: panoptikon 1.2.0 panoptikon-agent-1.2.0-x86_64\nAA\n";
        std::fs::write(dir.path().join("x86_64.minisig"), signature).unwrap();
        std::fs::write(dir.path().join("secret"), b"x").unwrap();
        let shelf = Shelf::new(dir.path());
        let files = shelf.files();
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].version.as_deref(), files[0].size), (Some("1.2.0"), 7));
        let script = shelf.script();
        assert!(script.contains(&format!("sha256_x86_64='{}'", files[0].sha256)), "{script}");
        assert!(script.contains("sha256_aarch64=''") && script.lines().count() <= 80);
        std::fs::write(dir.path().join("x86_64"), b"another program").unwrap();
        assert_ne!(shelf.files()[0].sha256, files[0].sha256);
        assert_eq!(shelf.program("secret"), None);
        assert_eq!(shelf.program("../x86_64"), None);
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_newer("0.10.0", "0.9.1"));
        assert!(!is_newer("0.9.1", "0.9.1"));
        assert!(!is_newer("0.9.1", "0.10.0-beta"));
    }
}
