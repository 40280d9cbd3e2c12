//! The folder of the appliance's own certificates. A file appears whole or not at all, and only
//! root reads the keys.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::authority::{CaFacts, Issued, LeafFacts};
use super::{TlsError, content};

/// Larger than any chain of certificates.
const MAX_FILE: u64 = 256 * 1024;

pub(super) fn read(path: &Path) -> Result<String, TlsError> {
    let fail = |source| TlsError::File { what: "read", path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).map_err(fail)?.take(MAX_FILE).read_to_string(&mut text).map_err(fail)?;
    Ok(text)
}

pub(super) fn make_folder(folder: &Path) -> Result<(), TlsError> {
    let fail = |source| TlsError::File { what: "make", path: folder.to_owned(), source };
    store::make_private_folder(folder).map_err(fail)
}

pub(super) fn ca_path(folder: &Path) -> PathBuf {
    folder.join("ca.json")
}

pub(super) fn leaf_path(folder: &Path) -> PathBuf {
    folder.join("server.json")
}

pub(super) fn load_ca(folder: &Path) -> Result<Option<Issued<CaFacts>>, TlsError> {
    load(&ca_path(folder))
}

pub(super) fn load_leaf(folder: &Path) -> Result<Option<Issued<LeafFacts>>, TlsError> {
    load(&leaf_path(folder))
}

/// Also leaves `ca.crt` for people who fetch it from the console.
pub(super) fn save_ca(folder: &Path, ca: &Issued<CaFacts>) -> Result<(), TlsError> {
    write(&ca_path(folder), &to_json(ca))?;
    write(&folder.join("ca.crt"), ca.certificate.as_bytes())
}

pub(super) fn save_leaf(folder: &Path, leaf: &Issued<LeafFacts>) -> Result<(), TlsError> {
    write(&leaf_path(folder), &to_json(leaf))
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap_or_default()
}

/// A file that is missing is no error; one that is damaged is, since making another CA in silence
/// would undo everybody's trust.
fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TlsError> {
    match read(path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|e| content(path, "certificate with its key; delete it to get another", e))
            .map(Some),
        Err(TlsError::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let fail = |source| TlsError::File { what: "write", path: path.to_owned(), source };
    store::write_private(path, bytes).map_err(fail)
}
