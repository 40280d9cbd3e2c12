//! A certificate of its own for every start, as routers have one of nobody.

use std::sync::Arc;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::SimError;

/// What TLS needs, and the certificate in DER.
pub(crate) fn fresh() -> Result<(Arc<rustls::ServerConfig>, Vec<u8>), SimError> {
    let failed = |error: &dyn std::fmt::Display| SimError::Certificate(error.to_string());
    let key = rcgen::KeyPair::generate().map_err(|error| failed(&error))?;
    let names = vec!["vyos".to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = rcgen::CertificateParams::new(names).map_err(|error| failed(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .map_err(|error| failed(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), certificate.der().to_vec()))
}
