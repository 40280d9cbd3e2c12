//! Reads the kernel's files through one buffer, from `/` or from a recorded tree.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// No file that is read here is longer; what is behind is left out.
const LONGEST: u64 = 4 * 1024 * 1024;
/// A larger buffer is not held on to.
const KEEP: usize = 64 * 1024;

/// The root of the kernel's files.
pub(crate) struct Tree {
    root: PathBuf,
    buffer: Vec<u8>,
}

impl Tree {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), buffer: Vec::new() }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The file's text, up to what is no UTF-8; [`None`] if it cannot be read.
    pub(crate) fn read(&mut self, path: &str) -> Option<&str> {
        self.buffer.clear();
        self.buffer.shrink_to(KEEP);
        File::open(self.root.join(path)).ok()?.take(LONGEST).read_to_end(&mut self.buffer).ok()?;
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Some(text),
            Err(error) => self
                .buffer
                .get(..error.valid_up_to())
                .and_then(|valid| std::str::from_utf8(valid).ok()),
        }
    }

    /// The file's only word or number.
    pub(crate) fn value<T: std::str::FromStr>(&mut self, path: &str) -> Option<T> {
        self.read(path)?.trim().parse().ok()
    }

    /// The file's first line without white space around it.
    pub(crate) fn line(&mut self, path: &str) -> Option<String> {
        let line = self.read(path)?.lines().next()?.trim();
        (!line.is_empty()).then(|| short(line))
    }

    /// Names in a folder, sorted, at most `most`.
    pub(crate) fn names(&self, path: &str, most: usize) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(path)).into_iter().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).take(most).collect();
        names.sort();
        names
    }
}

/// A name as it may stand in a report: at most 128 letters, no control characters.
pub(crate) fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(128).collect()
}

/// A share or degree with one decimal; 0 for what is no number.
pub(crate) fn rounded(value: f64) -> f32 {
    if value.is_finite() { ((value * 10.0).round() / 10.0) as f32 } else { 0.0 }
}

/// `part` of `whole` as a share from 0 to 100.
pub(crate) fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { rounded((part as f64 * 100.0 / whole as f64).min(100.0)) }
}

/// A difference over `ms` as a rate a second.
pub(crate) fn rate(difference: u64, ms: u64) -> u64 {
    if ms == 0 { 0 } else { (u128::from(difference) * 1000 / u128::from(ms)) as u64 }
}
