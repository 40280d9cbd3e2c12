//! Octets as text and back: base64 (RFC 4648) and PEM (RFC 7468), for pins and certificates.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a line of PEM (RFC 7468, section 2).
const PEM_LINE: usize = 64;

/// Base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let held = group.iter().fold(0_u32, |held, byte| held << 8 | u32::from(*byte));
        let held = held << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = BASE64.get((held >> (18 - 6 * place) & 63) as usize);
            let letter = letter.filter(|_| place <= group.len());
            text.push(letter.map_or('=', |b| char::from(*b)));
        }
    }
    text
}

/// Reads base64 of either alphabet, with or without padding; white space is passed over. None for
/// anything else.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut have) = (Vec::with_capacity(text.len() * 3 / 4), 0_u32, 0);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((held >> have) as u8);
        }
    }
    (have < 6).then_some(bytes)
}

/// The first block of this label in a PEM text, as DER; None where there is none.
pub(crate) fn from_pem(text: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once("-----END ")?;
    from_base64(body).filter(|der| !der.is_empty())
}

/// DER as PEM.
pub(crate) fn to_pem(der: &[u8], label: &str) -> String {
    let body = base64(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(PEM_LINE) {
        text.extend(line.iter().map(|b| char::from(*b)));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        assert_eq!(base64(b"foob"), "Zm9vYg==");
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"foo"), "Zm9v");
        assert_eq!(from_base64("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(from_base64("Zm 9v\nYg=="), Some(b"foob".to_vec()));
        assert_eq!(from_base64("Zm9vY!"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(from_base64(&base64(&bytes)), Some(bytes.clone()));
            if !bytes.is_empty() {
                prop_assert_eq!(from_pem(&to_pem(&bytes, "X"), "X"), Some(bytes));
            }
        }
    }
}
