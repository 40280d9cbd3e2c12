//! Key pairs of `WireGuard`: 32 bytes of X25519 (RFC 7748), written in base64 (RFC 4648, 4).

use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const KEY: usize = 32;

/// A private key. It has no debug output, and is gone with the request that made it.
pub(super) struct PrivateKey([u8; KEY]);

impl PrivateKey {
    /// A new one.
    ///
    /// # Errors
    /// Where the kernel has no random numbers.
    pub(super) fn make() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY];
        getrandom::fill(&mut bytes)?;
        // As RFC 7748, 5 has it and wg(8) writes it; the function does it in any case.
        bytes[0] &= 0xf8;
        bytes[KEY - 1] = bytes[KEY - 1] & 0x7f | 0x40;
        Ok(Self(bytes))
    }

    /// As it stands in a configuration.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(Self(decode(text)?))
    }

    /// The public key that belongs to it.
    pub(super) fn public(&self) -> String {
        encode(&x25519(self.0, X25519_BASEPOINT_BYTES))
    }

    /// The key itself, for the one place that it belongs to.
    pub(super) fn expose(&self) -> String {
        encode(&self.0)
    }
}

/// A key that both ends share beside their pairs, against those who may one day break the latter.
///
/// # Errors
/// Where the kernel has no random numbers.
pub(super) fn preshared() -> Result<String, getrandom::Error> {
    let mut bytes = [0; KEY];
    getrandom::fill(&mut bytes)?;
    Ok(encode(&bytes))
}

fn encode(bytes: &[u8; KEY]) -> String {
    let mut out = String::with_capacity(44);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 63;
            let sign = ALPHABET.get(index as usize).copied().unwrap_or(b'A');
            out.push(if digit as usize > three.len() { '=' } else { char::from(sign) });
        }
    }
    out
}

fn decode(text: &str) -> Option<[u8; KEY]> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let (mut bytes, mut bits, mut held, mut at) = ([0; KEY], 0_u32, 0, 0);
    for sign in digits.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == sign)? as u32;
        bits = bits << 6 | digit;
        held += 6;
        if held >= 8 {
            held -= 8;
            *bytes.get_mut(at)? = (bits >> held & 255) as u8;
            at += 1;
        }
    }
    (at == KEY).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7748, 6.1.
    #[test]
    fn the_public_key_is_that_of_the_standard() {
        let private = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
        let public = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        let key = PrivateKey::parse(private).expect("a key");
        assert_eq!((key.public().as_str(), key.expose().as_str()), (public, private));
    }

    #[test]
    fn a_new_key_is_one_that_a_router_takes() {
        let (one, other) = (PrivateKey::make().unwrap(), PrivateKey::make().unwrap());
        assert_ne!(one.expose(), other.expose());
        for text in [one.expose(), one.public()] {
            vyos::edit::value::wireguard_key(&text).expect("a key");
        }
    }

    proptest! {
        #[test]
        fn keys_are_written_and_read_back(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,50}") {
            let _ = decode(&text);
        }
    }
}
