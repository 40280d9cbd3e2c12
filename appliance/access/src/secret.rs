//! Random secrets, their text forms, their hashes at rest and comparing them.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::AccessError;

/// Text that must never be logged: a password, token or key in clear. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in clear; only for checking it or for showing it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A SHA-256 hash.
pub(crate) type Hash = [u8; 32];

/// Random bytes from the kernel.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], AccessError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| AccessError::Random(e.to_string()))?;
    Ok(bytes)
}

/// SHA-256 of a domain word and the data.
///
/// The domain keeps hashes of different uses apart: what is stored for a session says nothing
/// about its form token, though both come from the same random number. All uses hash a secret of
/// at least 128 random bits and of fixed length, so neither a key nor a slow hash is needed.
pub(crate) fn digest(domain: &str, data: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(domain.as_bytes());
    hasher.update([0]);
    hasher.update(data);
    hasher.finalize().into()
}

/// Equality that takes the same time wherever the first difference is.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Reads exactly `N` octets of hex.
pub(crate) fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut bytes = [0; N];
    for (octet, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Crockford's alphabet: no I, L, O or U, so that people copy it from a console without mistakes.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// `N` random characters of Crockford's base 32, five bits each.
pub(crate) fn random_text<const N: usize>() -> Result<String, AccessError> {
    let bytes: [u8; N] = random()?;
    Ok(bytes.iter().map(|b| char::from(CROCKFORD[usize::from(b & 31)])).collect())
}

/// Undoes what people do to Crockford's base 32 when they type it: case, separators, look-alikes.
pub(crate) fn normal_text(typed: &str) -> String {
    typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hex_returns_to_the_same_octets(bytes: [u8; 32]) {
            prop_assert_eq!(from_hex(&to_hex(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text: String) {
            let _ = (from_hex::<32>(&text), from_hex::<1>(&text), normal_text(&text));
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert!(!format!("{:?}", Secret::from("hunter22")).contains("hunter22"));
    }

    #[test]
    fn random_text_survives_careless_typing() {
        let text = random_text::<28>().unwrap();
        let typed = format!(" {}-{} ", text[..4].to_lowercase(), &text[4..]).replace('0', "o");
        assert_eq!(normal_text(&typed), text);
    }

    #[test]
    fn domains_keep_hashes_apart() {
        assert_ne!(digest("a", b"x"), digest("b", b"x"));
        assert_ne!(digest("a", b"bx"), digest("ab", b"x"));
        assert!(same(b"abc", b"abc") && !same(b"abc", b"abd") && !same(b"abc", b"ab"));
    }
}
