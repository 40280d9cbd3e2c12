//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use aead::digest::{Context, SHA256};

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}: {source}")]
pub(crate) struct FileError {
    doing: &'static str,
    path: std::path::PathBuf,
    source: io::Error,
}

impl FileError {
    pub(crate) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self { doing, path: path.to_owned(), source }
    }
}

/// Makes a folder that only its owner enters.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| FileError::new("making the folder", path, e))
}

/// Writes a file, makes it durable and renames it into place.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name is durable only when its folder is.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(|e| FileError::new("writing", path, e))
}

/// Reads a file of at most `limit` octets; [`None`] if there is none.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let failed = |e| FileError::new("reading", path, e);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > limit {
        return Err(failed(io::Error::other(format!("it is larger than {limit} octets"))));
    }
    Ok(Some(content))
}

/// SHA-256 of a file's first `limit` octets, read in small pieces; [`None`] if it cannot be read.
pub(crate) fn sha256_of(path: &Path, limit: u64) -> Option<[u8; 32]> {
    let mut file = File::open(path).ok()?.take(limit);
    let mut context = Context::new(&SHA256);
    let mut octets = vec![0; 16 * 1024];
    loop {
        match file.read(&mut octets).ok()? {
            0 => return context.finish().as_ref().try_into().ok(),
            count => context.update(octets.get(..count)?),
        }
    }
}
