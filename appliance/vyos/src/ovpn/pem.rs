//! Keys and certificates as they stand in a client file: PEM (RFC 7468) and `OpenVPN`'s own static
//! keys. VyOS keeps the base64 of a certificate or of a PKCS #8 key in one line, so older forms of
//! keys are wrapped: RSA (RFC 8017, A.1.2) and elliptic curves (RFC 5915).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// The longest part, in bytes of its text: what one value may hold on the way to the router.
const LONGEST: usize = 48 * 1024;
/// `rsaEncryption` without parameters (RFC 8017, A.1).
const RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
/// `id-ecPublicKey` (RFC 5480, 2.1.1).
const CURVE: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

/// A part of a PEM text.
pub(super) struct Part<'a> {
    pub(super) label: &'a str,
    /// With its line ends.
    body: &'a str,
}

impl Part<'_> {
    /// Its base64 in one line; none if it is none.
    pub(super) fn base64(&self) -> Option<String> {
        let text: String = self.body.split_ascii_whitespace().collect();
        (text.len() <= LONGEST && !text.is_empty() && decode(&text).is_some()).then_some(text)
    }
}

/// The parts of a text; what stands between them is for people.
pub(super) fn parts(mut text: &str) -> Vec<Part<'_>> {
    let mut found = Vec::new();
    while let Some((_, rest)) = text.split_once("-----BEGIN ") {
        let Some((label, rest)) = rest.split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let Some((body, rest)) = rest.split_once(end.as_str()) else { break };
        found.push(Part { label, body });
        text = rest;
    }
    found
}

/// The private key of a text as base64 of PKCS #8, or why there is none.
pub(super) fn private_key(text: &str) -> Result<String, &'static str> {
    const UNREADABLE: &str = "the private key cannot be read";
    let locked = "the private key is locked with a password, and VyOS cannot ask for it: unlock a \
                  copy with `openssl pkey -in client.key` and put that into the file";
    let parts = parts(text);
    let named = |part: &&Part<'_>| part.label.ends_with("PRIVATE KEY");
    let part = parts.iter().find(named).ok_or("there is no private key in it")?;
    if part.label == "ENCRYPTED PRIVATE KEY" || part.body.contains("ENCRYPTED") {
        return Err(locked);
    }
    let base64 = part.base64().ok_or(UNREADABLE)?;
    let der = decode(&base64).ok_or(UNREADABLE)?;
    let algorithm = match part.label {
        "PRIVATE KEY" => return Ok(base64),
        "RSA PRIVATE KEY" => RSA.to_vec(),
        "EC PRIVATE KEY" => {
            let curve = named_curve(&der).ok_or("the private key does not name its curve")?;
            tagged(0x30, &[CURVE, curve].concat())
        }
        _ => return Err("this kind of private key is not known to VyOS"),
    };
    let wrapped = tagged(0x30, &[&[2, 1, 0], &algorithm[..], &tagged(4, &der)].concat());
    Ok(encode(&wrapped))
}

/// The 2048 bits of a static key as hexadecimal digits.
pub(super) fn static_key(text: &str) -> Option<String> {
    let parts = parts(text);
    let part = parts.iter().find(|part| part.label == "OpenVPN Static key V1")?;
    let digits: String = part.body.split_ascii_whitespace().collect();
    let holds = digits.len() == 512 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    holds.then_some(digits)
}

/// The name of the curve in a key of RFC 5915, with its tag and length.
fn named_curve(der: &[u8]) -> Option<&[u8]> {
    let (0x30, mut rest, _) = element(der)? else { return None };
    while !rest.is_empty() {
        let (tag, inner, after) = element(rest)?;
        if tag == 0xa0 {
            return matches!(element(inner)?, (6, _, [])).then_some(inner);
        }
        rest = after;
    }
    None
}

/// The first element: its tag, what is in it, and what follows (X.690, 8.1, definite lengths).
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let digits = usize::from(first & 0x7f);
        let (bytes, after) = rest.split_at_checked(digits).filter(|_| (1..=3).contains(&digits))?;
        length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = after;
    }
    let (inner, after) = rest.split_at_checked(length)?;
    Some((tag, inner, after))
}

fn tagged(tag: u8, inner: &[u8]) -> Vec<u8> {
    let bytes = inner.len().to_be_bytes();
    let digits = bytes.iter().skip_while(|byte| **byte == 0);
    let mut out = vec![tag];
    if inner.len() < 0x80 {
        out.extend(bytes.last());
    } else {
        out.push(0x80 | digits.clone().count() as u8);
        out.extend(digits);
    }
    out.extend(inner);
    out
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let plain = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - plain.len() > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in plain.bytes() {
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        bits = (bits << 6 | value as u32) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    Some(out)
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4_u32 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            let letter = ALPHABET.get(value as usize).copied().unwrap_or(b'=');
            out.push(char::from(if digit as usize > chunk.len() { b'=' } else { letter }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn base64_comes_back_as_it_went(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn what_is_tagged_is_found_again(tag in any::<u8>(), length in 0_usize..70_000) {
            let inner = vec![7; length];
            let whole = tagged(tag, &inner);
            prop_assert_eq!(element(&whole), Some((tag, &inner[..], &[][..])));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (element(&bytes), named_curve(&bytes));
            let _ = parts(&String::from_utf8_lossy(&bytes)).len();
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["Zg", "Zg=", "Z===", "Zm9v!mFy"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
