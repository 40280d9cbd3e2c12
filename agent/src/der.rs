//! The little of DER (X.690) and PEM (RFC 7468) that an agent needs: a certificate request
//! (PKCS #10, RFC 2986) for a P-256 key, and how long a certificate holds.
//!
//! By hand, because a crate for certificates would be a third of the program.

use aead::rand::SystemRandom;
use aead::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;

/// id-ecPublicKey and prime256v1 (RFC 5480, 2.1.1).
const P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07,
];
/// ecdsa-with-SHA256 (RFC 5758, 3.2).
const ECDSA_SHA256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// id-at-commonName (RFC 5280, appendix A.1).
const COMMON_NAME: &[u8] = &[0x06, 0x03, 0x55, 0x04, 0x03];

/// A fresh key and the request for its certificate, both in PEM.
pub(crate) struct Fresh {
    /// PKCS #8.
    pub(crate) key: String,
    /// PKCS #10.
    pub(crate) request: String,
}

/// The random source or the signing failed.
#[derive(Debug, thiserror::Error)]
#[error("making a key failed: this machine gives no random numbers")]
pub(crate) struct NoKey;

/// Makes a key and a request with this common name.
pub(crate) fn fresh_key(name: &str) -> Result<Fresh, NoKey> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| NoKey)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).map_err(|_| NoKey)?;
    let subject = node(
        SEQUENCE,
        &[&node(SET, &[&node(SEQUENCE, &[COMMON_NAME, &node(UTF8, &[name.as_bytes()])])])],
    );
    let public = node(
        SEQUENCE,
        &[&node(SEQUENCE, &[P256]), &node(BIT_STRING, &[&[0], pair.public_key().as_ref()])],
    );
    let info = node(SEQUENCE, &[&node(INTEGER, &[&[0]]), &subject, &public, &node(CONTEXT_0, &[])]);
    let signature = pair.sign(&random, &info).map_err(|_| NoKey)?;
    let request = node(
        SEQUENCE,
        &[&info, &node(SEQUENCE, &[ECDSA_SHA256]), &node(BIT_STRING, &[&[0], signature.as_ref()])],
    );
    Ok(Fresh {
        key: pem("PRIVATE KEY", pkcs8.as_ref()),
        request: pem("CERTIFICATE REQUEST", &request),
    })
}

fn node(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(length as u8),
        0x80..=0xff => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// From when to when a certificate holds, Unix seconds; [`None`] if it is none.
pub(crate) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (_, outer, _) = element(certificate)?;
    let (_, mut fields, _) = element(outer)?;
    // Version, if it is there, serial number, signature, issuer; then the validity.
    if fields.first() == Some(&CONTEXT_0) {
        fields = element(fields)?.2;
    }
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (SEQUENCE, times, _) = element(fields)? else { return None };
    let (tag, from, rest) = element(times)?;
    let (tag_to, to, _) = element(rest)?;
    Some((time(tag, from)?, time(tag_to, to)?))
}

/// Tag, content and what follows.
fn element(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => {
            let (two, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*two)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280, 4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let number = |part: Option<&str>| part?.parse::<i64>().ok();
    let (year, rest) = match tag {
        UTC_TIME => {
            let year = number(text.get(..2))?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        GENERALIZED_TIME => (number(text.get(..4))?, text.get(4..)?),
        _ => return None,
    };
    let at = |from: usize| number(rest.get(from..from + 2));
    let (month, day) = (at(0)?, at(2)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    Some(days(year, month, day) * 86_400 + at(4)? * 3600 + at(6)? * 60 + at(8)?)
}

/// Days since 1970 of the Gregorian calendar: years begin in March, so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// base64 (RFC 4648) with padding.
pub(crate) fn base64(octets: &[u8]) -> String {
    let mut text = String::new();
    for three in octets.chunks(3) {
        let mut held = 0_usize;
        for at in 0..3 {
            held = held << 8 | usize::from(three.get(at).copied().unwrap_or(0));
        }
        for letter in 0..4 {
            let digit = BASE64.get(held >> (18 - 6 * letter) & 63).copied().unwrap_or(b'=');
            text.push(if letter <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn pem(label: &str, octets: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in octets.chunks(48) {
        text.push_str(&base64(line));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::pem::PemObject as _;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;

    #[test]
    fn another_library_reads_the_request_and_finds_its_signature_good() {
        let fresh = fresh_key("some-host").unwrap();
        let request = rcgen::CertificateSigningRequestParams::from_pem(&fresh.request).unwrap();
        let name = request.params.distinguished_name.get(&rcgen::DnType::CommonName);
        assert_eq!(name, Some(&rcgen::DnValue::Utf8String("some-host".into())));
        assert!(PrivateKeyDer::from_pem_slice(fresh.key.as_bytes()).is_ok());
        assert!(rcgen::KeyPair::from_pem(&fresh.key).is_ok());
        assert_ne!(fresh.key, fresh_key("some-host").unwrap().key);
    }

    #[test]
    fn a_request_with_a_long_name_is_read_too() {
        let fresh = fresh_key(&"x".repeat(200)).unwrap();
        assert!(rcgen::CertificateSigningRequestParams::from_pem(&fresh.request).is_ok());
    }

    #[test]
    fn the_times_of_a_certificate_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, day, expected) in
            [(2026, 22, 1_795_305_600), (2049, 29, 2_521_756_800), (2051, 1, 2_582_409_600_i64)]
        {
            let mut params = rcgen::CertificateParams::default();
            params.not_before = rcgen::date_time_ymd(2026, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 11, day);
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(validity(certificate.der()), Some((1_767_225_600, expected)));
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_times() {
        let key = rcgen::KeyPair::generate().unwrap();
        let der = rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec();
        for cut in 0..150 {
            assert_eq!(validity(&der[..cut]), None);
        }
        assert_eq!(validity(&[0x30, 0x84, 0, 0, 0, 1, 0]), None);
    }

    #[test]
    fn pem_of_any_length_comes_back() {
        for length in 0..100 {
            let octets: Vec<u8> = (0..length).collect();
            let text = pem("CERTIFICATE", &octets);
            let read = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
            assert_eq!(read.as_ref(), octets);
        }
    }
}
