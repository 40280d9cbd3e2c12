//! How the appliance is told from anybody else: by the fingerprint in the token before the
//! enrolment, by the CA's certificate after it. TLS 1.3 only; no other root is ever believed.

use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms, ring,
};
use rustls::sign::SigningKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use wire::text;

use crate::identity::{Credentials, IdentityError};

/// The name that the appliance's certificate carries.
pub(crate) fn server_name() -> Option<ServerName<'static>> {
    ServerName::try_from(wire::SERVER_NAME).ok()
}

/// Only what the appliance's certificates are made with, P-256: everything else would be in the
/// program for nothing.
static VERIFIES: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[webpki::ring::ECDSA_P256_SHA256],
    mapping: &[(SignatureScheme::ECDSA_NISTP256_SHA256, &[webpki::ring::ECDSA_P256_SHA256])],
};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        // The suite that every TLS 1.3 has (RFC 8446, 9.1), and the curve of the certificates.
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring::kx_group::SECP256R1],
        signature_verification_algorithms: VERIFIES,
        secure_random: &Random,
        key_provider: &Keys,
    })
}

#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, octets: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(octets).map_err(|_| GetRandomFailed)
    }
}

#[derive(Debug)]
struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        ring::sign::any_ecdsa_type(&key)
    }
}

/// For the link: the enrolled CA and this host's certificate.
pub(crate) fn enrolled(credentials: Credentials) -> Result<Arc<ClientConfig>, IdentityError> {
    let bad = |_| IdentityError::NoCertificate;
    let mut roots = RootCertStore::empty();
    roots.add(credentials.ca).map_err(bad)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(bad)?
        .with_root_certificates(roots)
        .with_client_auth_cert(credentials.chain, credentials.key)
        .map_err(bad)?;
    // One connection at a time: sessions to resume would only be held in memory.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// What the fingerprint in the token was held against.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Vec<String>>);

impl Seen {
    /// Fingerprints of the certificates that the server sent, hexadecimal.
    pub(crate) fn fingerprints(&self) -> Vec<String> {
        self.0.lock().map(|seen| seen.clone()).unwrap_or_default()
    }
}

/// For the enrolment: whoever shows the certificate whose SHA-256 is `ca`, and one that it signed.
pub(crate) fn pinned(ca: [u8; 32]) -> Result<(Arc<ClientConfig>, Arc<Seen>), Error> {
    let seen = Arc::new(Seen::default());
    let verifier = Pinned { ca, provider: provider(), seen: Arc::clone(&seen) };
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok((Arc::new(config), seen))
}

#[derive(Debug)]
struct Pinned {
    ca: [u8; 32],
    provider: Arc<CryptoProvider>,
    seen: Arc<Seen>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = || std::iter::once(end_entity).chain(intermediates).take(8);
        if let Ok(mut seen) = self.seen.0.lock() {
            *seen = chain().map(|certificate| text::sha256_hex(certificate)).collect();
        }
        let Some(root) = chain().find(|certificate| text::sha256(certificate) == self.ca) else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        let provider = Arc::clone(&self.provider);
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| Error::from(CertificateError::UnknownIssuer))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
