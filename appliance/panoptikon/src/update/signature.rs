//! Whether a package comes from who built the installed one: a signature in minisign's format,
//! ed25519 over a hash of it, checked against the public key that the installed package brought.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use minisign_verify::{PublicKey, Signature};

/// No package of ours comes near.
const LARGEST: u64 = 256 << 20;

/// No key and no signature file comes near.
const LARGEST_TEXT: u64 = 4 * 1024;

/// Why a package is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The installed package brought no key.
    #[error(
        "{0} is missing, so nothing can be verified: install this package by hand (dpkg -i) if you \
         trust it"
    )]
    NoKey(PathBuf),
    /// The key makes no sense.
    #[error("{path} is no public key of minisign: {detail}")]
    BadKey {
        /// The key's file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// There is no signature.
    #[error(
        "{0} is missing: a package is installed only with its signature beside it, or named by \
         --signature"
    )]
    Unsigned(PathBuf),
    /// The signature makes no sense.
    #[error("{path} is no signature of minisign: {detail}")]
    BadSignature {
        /// The signature's file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Package and signature do not belong together.
    #[error(
        "{package} is not what was signed, or by somebody else: {detail}. Download it again; \
         nothing was changed"
    )]
    Untrusted {
        /// The package.
        package: PathBuf,
        /// Why.
        detail: String,
    },
    /// The package is larger than any.
    #[error("{0} is larger than 256 MiB: no package is")]
    TooLarge(PathBuf),
    /// A file cannot be read.
    #[error("reading {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Verifies a package.
pub fn verify(package: &Path, signature: &Path, key: &Path) -> Result<(), SignatureError> {
    let Some(text) = read(key)? else {
        return Err(SignatureError::NoKey(key.to_owned()));
    };
    let public = PublicKey::decode(&text).map_err(|error| SignatureError::BadKey {
        path: key.to_owned(),
        detail: error.to_string(),
    })?;
    let Some(text) = read(signature)? else {
        return Err(SignatureError::Unsigned(signature.to_owned()));
    };
    let bad = |error: minisign_verify::Error| SignatureError::BadSignature {
        path: signature.to_owned(),
        detail: error.to_string(),
    };
    let signed = Signature::decode(&text).map_err(bad)?;
    let untrusted = |error: minisign_verify::Error| SignatureError::Untrusted {
        package: package.to_owned(),
        detail: error.to_string(),
    };
    let mut verifier = public.verify_stream(&signed).map_err(untrusted)?;
    let failed = |source| SignatureError::Io { path: package.to_owned(), source };
    let mut input = File::open(package).map_err(failed)?.take(LARGEST + 1);
    let (mut block, mut total) = (vec![0; 64 * 1024], 0_u64);
    loop {
        let length = match input.read(&mut block) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        total += length as u64;
        verifier.update(block.get(..length).unwrap_or_default());
    }
    if total > LARGEST {
        return Err(SignatureError::TooLarge(package.to_owned()));
    }
    verifier.finalize().map_err(untrusted)
}

/// A small text file; None where there is none.
fn read(path: &Path) -> Result<Option<String>, SignatureError> {
    let failed = |source| SignatureError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    file.take(LARGEST_TEXT).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}
