//! Secrets at rest: what must be kept but may not lie in a table in the clear.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a key in a file of its own, outside the database, so that a
//! copy of the database or a backup gives nothing away.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use aead::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{StoreError, write_private};

/// The file of the key in the configuration folder.
pub const VAULT_KEY: &str = "vault.key";

/// Seals and opens secrets. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    key: Arc<LessSafeKey>,
}

/// Why something sealed cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed with another key, for another use, or is damaged")]
pub struct NotOpened;

impl Vault {
    /// The vault whose key lies in that folder; the key is made where there is none, readable by
    /// its owner only.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(VAULT_KEY);
        let mut bytes = [0; 32];
        match File::open(&path).and_then(|mut file| file.read_exact(&mut bytes)) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {
                getrandom::fill(&mut bytes).map_err(|e| {
                    StoreError::io("make", &path)(std::io::Error::other(e.to_string()))
                })?;
                write_private(&path, &bytes).map_err(StoreError::io("write", &path))?;
            }
            Err(e) => return Err(StoreError::io("read", &path)(e)),
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
            .map_err(|_| StoreError::io("use", &path)(ErrorKind::InvalidData.into()))?;
        Ok(Self { key: Arc::new(LessSafeKey::new(key)) })
    }

    /// Seals a secret for one use, which is to be named again when it is opened: a nonce, then what
    /// was sealed, then the tag.
    pub fn seal(&self, used_for: &str, secret: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(|_| NotOpened)?;
        let mut sealed = secret.to_vec();
        let aad = Aad::from(used_for.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| NotOpened)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed for this use.
    pub fn unseal(&self, used_for: &str, sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(NotOpened)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
        let mut secret = rest.to_vec();
        let aad = Aad::from(used_for.as_bytes());
        let length = self.key.open_in_place(nonce, aad, &mut secret).map_err(|_| NotOpened)?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_secret_comes_back_for_the_same_use_only() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path()).unwrap();
        let sealed = vault.seal("snapshot", b"private-key").unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"private"));
        assert_eq!(vault.unseal("snapshot", &sealed).as_deref(), Ok(&b"private-key"[..]));
        assert_eq!(vault.unseal("token", &sealed), Err(NotOpened));

        let again = Vault::open(dir.path()).unwrap();
        assert_eq!(again.unseal("snapshot", &sealed).as_deref(), Ok(&b"private-key"[..]));
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path()).unwrap();
        let mut sealed = vault.seal("a", b"x").unwrap();
        for at in 0..sealed.len() {
            sealed[at] ^= 1;
            assert_eq!(vault.unseal("a", &sealed), Err(NotOpened), "byte {at}");
            sealed[at] ^= 1;
        }
        assert_eq!(vault.unseal("a", b"short"), Err(NotOpened));
    }

    #[test]
    fn the_key_is_its_owners_only() {
        let dir = tempfile::tempdir().unwrap();
        Vault::open(dir.path()).unwrap();
        let mode = std::fs::metadata(dir.path().join(VAULT_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
