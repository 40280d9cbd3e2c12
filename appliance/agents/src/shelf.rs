//! The files of agents that hosts can fetch here, with their signatures.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Architectures that agents are made for.
pub const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];
/// Larger than any agent.
const LARGEST: u64 = 16 << 20;
const LARGEST_SIGNATURE: u64 = 4 << 10;

/// The folder of agents' files.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

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
        Self(dir.to_owned())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.0
    }

    /// Reads a file of the folder; None where there is none. Blocks.
    fn read(&self, name: &str, most: u64) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        let path = self.0.join(name);
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

    /// What can be had. Blocks.
    pub fn files(&self) -> Vec<AgentFile> {
        ARCHITECTURES.iter().filter_map(|arch| self.file(arch)).collect()
    }
}

/// The version in the trusted comment of a signature, such as `ver=0.2.0`.
fn version_of(signature: &str) -> Option<String> {
    let comment = signature.lines().find_map(|line| line.strip_prefix("trusted comment:"))?;
    let words = comment.split(|c: char| c.is_whitespace() || c == ',');
    let version = words.filter_map(|word| {
        word.strip_prefix("version=")
            .or_else(|| word.strip_prefix("version:"))
            .or_else(|| word.strip_prefix("ver="))
    });
    version.map(|v| v.chars().take(32).collect()).find(|v: &String| !v.is_empty())
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
        let signature =
            "untrusted comment: x\nRW\ntrusted comment: version=1.2.0 arch=x86_64\nAA\n";
        std::fs::write(dir.path().join("x86_64.minisig"), signature).unwrap();
        std::fs::write(dir.path().join("secret"), b"x").unwrap();
        let shelf = Shelf::new(dir.path());
        let files = shelf.files();
        assert_eq!(files.len(), 1);
        assert_eq!((files[0].version.as_deref(), files[0].size), (Some("1.2.0"), 7));
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
