//! What is needed of DER (X.690): the public key and the common name of a certificate (RFC 5280,
//! section 4.1) and of a request for one (RFC 2986, section 4). Octets in, slices of them out.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The version of a certificate, which is left out where it is 1.
const EXPLICIT_0: u8 = 0xa0;
/// 2.5.4.3, the common name.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `id-ecPublicKey` with `prime256v1` (RFC 5480, section 2.1), as they stand in a public key.
const P256: &[u8] = &[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07,
];
/// Octets of an uncompressed point on P-256.
const POINT: usize = 65;

/// What a certificate says that is asked of it here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    /// `SubjectPublicKeyInfo`, whole.
    pub(crate) spki: &'a [u8],
    /// Its common name; empty where it has none.
    pub(crate) common_name: &'a [u8],
}

/// A request for a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// What is signed.
    pub(crate) signed: &'a [u8],
    /// `SubjectPublicKeyInfo`, whole.
    pub(crate) spki: &'a [u8],
    /// The signature.
    pub(crate) signature: &'a [u8],
}

/// Takes elements off the front of octets.
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    /// The next element: its tag, its content and all of it.
    fn next(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (tag, first) = (*self.0.first()?, *self.0.get(1)?);
        let (length, head) = match first {
            0..=0x7f => (usize::from(first), 2),
            0x81 => (usize::from(*self.0.get(2)?), 3),
            0x82 => (usize::from(*self.0.get(2)?) << 8 | usize::from(*self.0.get(3)?), 4),
            // Nothing here is longer than 64 KiB.
            _ => return None,
        };
        let whole = self.0.get(..head + length)?;
        self.0 = self.0.get(head + length..)?;
        Some((tag, whole.get(head..)?, whole))
    }

    /// The next element, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<(&'a [u8], &'a [u8])> {
        self.next().filter(|(found, ..)| *found == tag).map(|(_, content, whole)| (content, whole))
    }
}

/// Reads a certificate; None where it is none.
pub(crate) fn certificate(der: &[u8]) -> Option<Subject<'_>> {
    let mut certificate = Walk(Walk(der).take(SEQUENCE)?.0);
    let mut fields = Walk(certificate.take(SEQUENCE)?.0);
    let (tag, ..) = fields.next()?;
    if tag == EXPLICIT_0 {
        fields.take(INTEGER)?;
    }
    for _ in ["signature", "issuer", "validity"] {
        fields.take(SEQUENCE)?;
    }
    let (subject, _) = fields.take(SEQUENCE)?;
    let (_, spki) = fields.take(SEQUENCE)?;
    Some(Subject { spki, common_name: common_name(subject).unwrap_or_default() })
}

fn common_name(subject: &[u8]) -> Option<&[u8]> {
    let mut names = Walk(subject);
    loop {
        let mut pair = Walk(Walk(names.take(SET)?.0).take(SEQUENCE)?.0);
        if pair.take(OID)?.0 == COMMON_NAME {
            return Some(pair.next()?.1);
        }
    }
}

/// Reads a request for a certificate; None where it is none.
pub(crate) fn request(der: &[u8]) -> Option<Request<'_>> {
    let mut request = Walk(Walk(der).take(SEQUENCE)?.0);
    let (info, signed) = request.take(SEQUENCE)?;
    request.take(SEQUENCE)?;
    let (signature, _) = request.take(BIT_STRING)?;
    let mut fields = Walk(info);
    fields.take(INTEGER)?;
    fields.take(SEQUENCE)?;
    let (_, spki) = fields.take(SEQUENCE)?;
    // The first octet of a bit string counts the bits that are not used.
    Some(Request { signed, spki, signature: signature.strip_prefix(&[0])? })
}

/// The point of a public key on P-256, uncompressed; None for any other key.
pub(crate) fn p256_point(spki: &[u8]) -> Option<&[u8]> {
    let mut key = Walk(Walk(spki).take(SEQUENCE)?.0);
    let (algorithm, _) = key.take(SEQUENCE)?;
    let (point, _) = key.take(BIT_STRING)?;
    let point = point.strip_prefix(&[0])?;
    (algorithm == P256 && point.len() == POINT && point.first() == Some(&4)).then_some(point)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};

    use super::*;

    fn key() -> KeyPair {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
    }

    #[test]
    fn key_and_name_of_a_certificate_are_found() {
        let key = key();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "first");
        params.distinguished_name.push(DnType::CommonName, "0123456789abcdef");
        let made = params.self_signed(&key).unwrap();
        let read = certificate(made.der()).unwrap();
        assert_eq!(read.spki, key.subject_public_key_info());
        assert_eq!(read.common_name, b"0123456789abcdef");
        assert_eq!(p256_point(read.spki), Some(key.der_bytes()));
    }

    #[test]
    fn key_and_signature_of_a_request_are_found() {
        let key = key();
        let made = CertificateParams::default().serialize_request(&key).unwrap();
        let read = request(made.der()).unwrap();
        assert_eq!(read.spki, key.subject_public_key_info());
        let verifier = aead::signature::UnparsedPublicKey::new(
            &aead::signature::ECDSA_P256_SHA256_ASN1,
            p256_point(read.spki).unwrap(),
        );
        verifier.verify(read.signed, read.signature).unwrap();
    }

    proptest! {
        #[test]
        fn no_octets_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (certificate(&bytes), request(&bytes), p256_point(&bytes));
        }

        #[test]
        fn a_cut_certificate_is_none(cut in 0_usize..100) {
            let made = CertificateParams::default().self_signed(&key()).unwrap();
            let der = made.der();
            prop_assert_eq!(certificate(&der[..cut.min(der.len() - 1)]), None);
        }
    }
}
