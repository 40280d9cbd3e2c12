//! Octets as text: hexadecimal, base32 and base64 (RFC 4648) without padding.

use std::fmt::Write as _;

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

/// Reads hexadecimal of exactly `N` octets, upper or lower case.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut octets = [0; N];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *octet = (digit(*high)? * 16 + digit(*low)?) as u8;
    }
    Some(octets)
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256_hex(octets: &[u8]) -> String {
    hex(&sha256(octets))
}

/// SHA-256.
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(aead::digest::digest(&aead::digest::SHA256, octets).as_ref());
    sum
}

/// Lower-case base32 without padding.
pub fn base32(octets: &[u8]) -> String {
    encode(octets, 5, BASE32)
}

/// Reads base32 of exactly `N` octets without padding, upper or lower case.
pub fn from_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text, 5, |letter| match letter.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(letter - b'a'),
        letter @ b'2'..=b'7' => Some(letter - b'2' + 26),
        _ => None,
    })
}

/// base64 with the letters for URLs and without padding.
pub fn base64_url(octets: &[u8]) -> String {
    encode(octets, 6, BASE64_URL)
}

/// Reads base64 with the letters for URLs, of exactly `N` octets and without padding.
pub fn from_base64_url<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text, 6, |letter| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    })
}

fn encode(octets: &[u8], bits: u32, letters: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 8 / bits as usize + 1);
    let (mut held, mut count) = (0_u32, 0_u32);
    let mut put = |value: u32| {
        let at = (value & ((1 << bits) - 1)) as usize;
        text.extend(letters.get(at).copied().map(char::from));
    };
    for &octet in octets {
        held = held << 8 | u32::from(octet);
        count += 8;
        while count >= bits {
            count -= bits;
            put(held >> count);
        }
        held &= (1 << count) - 1;
    }
    if count > 0 {
        put(held << (bits - count));
    }
    text
}

/// Bits that are left over must be zero, so that there is one text for the same octets.
fn decode<const N: usize>(
    text: &str,
    bits: u32,
    value: impl Fn(u8) -> Option<u8>,
) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(bits as usize) {
        return None;
    }
    let mut octets = [0; N];
    let mut room = octets.iter_mut();
    let (mut held, mut count) = (0_u32, 0_u32);
    for letter in text.bytes() {
        held = held << bits | u32::from(value(letter)?);
        count += bits;
        if count >= 8 {
            count -= 8;
            *room.next()? = (held >> count) as u8;
        }
        held &= (1 << count) - 1;
    }
    (held == 0).then_some(octets)
}
