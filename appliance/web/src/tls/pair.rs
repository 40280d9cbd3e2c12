//! Looks at certificates that somebody else made, before they are taken into use.

use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Whether a chain and a key, both in PEM, can serve; if not, why, in words that fit after a name.
pub fn check(chain: &str, key: &str) -> Result<(), String> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let certificates = certificates.map_err(|e| format!("this is no certificate: {e}"))?;
    if certificates.is_empty() {
        return Err("there is no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|e| format!("this is no private key: {e}"))?;
    match CertifiedKey::from_der(certificates, key, &ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err("its private key belongs to another certificate".to_owned())
        }
        Err(error) => Err(format!("it cannot be used: {error}")),
    }
}

/// Whose a certificate is and who signed it, as the DER of both names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Who signed it.
    pub issuer: Vec<u8>,
    /// Whose it is.
    pub subject: Vec<u8>,
}

/// The names in the first certificate of a text in PEM (RFC 5280, 4.1).
pub fn names(pem: &str) -> Option<Names> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate, _) = element(&der)?;
    let (_, body, _) = element(certificate)?;
    let (tag, _, after) = element(body)?;
    // The serial number comes next, where a version came first.
    let rest = if tag == VERSION { element(after)?.2 } else { after };
    let (_, _, rest) = element(rest)?;
    let name = |from: &[u8], rest: &[u8], tag: u8| {
        (tag == SEQUENCE).then(|| from.get(..from.len() - rest.len()).map(<[u8]>::to_vec))?
    };
    let (tag, _, after_issuer) = element(rest)?;
    let issuer = name(rest, after_issuer, tag)?;
    let (_, _, after_validity) = element(after_issuer)?;
    let (tag, _, after_subject) = element(after_validity)?;
    let subject = name(after_validity, after_subject, tag)?;
    Some(Names { issuer, subject })
}

/// The first element: its tag, its content, and what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        long @ 0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn own(name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut wanted = rcgen::CertificateParams::new([name.to_owned()]).expect("names");
        wanted.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = wanted.self_signed(&key).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_key_must_be_that_of_its_certificate() {
        let ((one, one_key), (_, other_key)) = (own("one.example"), own("other.example"));
        assert_eq!(check(&one, &one_key), Ok(()));
        let why = check(&one, &other_key).expect_err("refused");
        assert_eq!(why, "its private key belongs to another certificate");
        assert!(check("", &one_key).is_err());
        assert!(check(&one, "").is_err());
        assert!(
            check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &one_key)
                .is_err()
        );
    }

    #[test]
    fn a_certificate_tells_whose_it_is_and_who_signed_it() {
        let (one, _) = own("one.example");
        let found = names(&one).expect("names");
        assert_eq!(found.issuer, found.subject, "signed by itself");
        assert!(found.subject.windows(11).any(|w| w == b"one.example"));
        let (other, _) = own("other.example");
        assert_ne!(names(&other).expect("names").subject, found.subject);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = element(&bytes);
        }
    }
}
