//! Trust in the router's web server: by the fingerprint of its certificate, not by its issuer.
//! `VyOS` makes itself a certificate that nobody has signed, and it is reached on loopback.

use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{fmt, io};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};

/// SHA-256 of a certificate in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// The text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give the SHA-256 of the certificate as 64 hexadecimal digits, colons allowed")]
pub struct NoFingerprint;

impl Fingerprint {
    /// Of a certificate.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let digits: Vec<u8> = text
            .bytes()
            .filter(|c| *c != b':')
            .map(|c| (c as char).to_digit(16).map(|d| d as u8).ok_or(NoFingerprint))
            .collect::<Result<_, _>>()?;
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(NoFingerprint);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair.iter().fold(0, |all, digit| all << 4 | digit);
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The fingerprint that is trusted. Where none is given, it is that of the first server spoken to.
#[derive(Debug, Default)]
pub(super) struct Pin {
    trusted: OnceLock<Fingerprint>,
    /// The last other one that was shown.
    stranger: Mutex<Option<Fingerprint>>,
}

impl Pin {
    pub(super) fn new(trusted: Option<Fingerprint>) -> Self {
        let pin = Self::default();
        if let Some(fingerprint) = trusted {
            pin.trusted.get_or_init(|| fingerprint);
        }
        pin
    }

    pub(super) fn trusted(&self) -> Option<Fingerprint> {
        self.trusted.get().copied()
    }

    /// The fingerprint that was shown instead of the trusted one, if that is why a connection failed.
    pub(super) fn stranger(&self, error: &io::Error) -> Option<Fingerprint> {
        let refused = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        let why = error.get_ref()?.downcast_ref::<Error>()?;
        if *why != refused {
            return None;
        }
        *self.stranger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How to speak TLS with the server of that fingerprint and no other.
pub(super) fn config_for(pin: Arc<Pin>) -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Pinned { pin, provider: provider.clone() });
    // The versions are those of this very provider, so that there is nothing to fail.
    let versions = rustls::DEFAULT_VERSIONS;
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap_or_else(|_| ClientConfig::builder());
    let config = builder.dangerous().with_custom_certificate_verifier(verifier);
    Arc::new(config.with_no_client_auth())
}

/// How to speak TLS with whoever answers, where the question is only whether somebody does.
pub fn any_certificate() -> Arc<ClientConfig> {
    config_for(Arc::default())
}

#[derive(Debug)]
struct Pinned {
    pin: Arc<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Fingerprint::of(end_entity);
        if *self.pin.trusted.get_or_init(|| shown) == shown {
            Ok(ServerCertVerified::assertion())
        } else {
            self.pin.stranger.lock().unwrap_or_else(PoisonError::into_inner).replace(shown);
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_with_and_without_colons() {
        let pin = Fingerprint::of(b"certificate");
        let text = pin.to_string();
        let pairs: Vec<_> = text.as_bytes().chunks(2).map(|c| String::from_utf8_lossy(c)).collect();
        assert_eq!(text.parse(), Ok(pin));
        assert_eq!(pairs.join(":").to_uppercase().parse(), Ok(pin));
        for bad in ["", "12", "zz", &text[1..]] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NoFingerprint), "{bad}");
        }
    }
}
