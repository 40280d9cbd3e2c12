//! Who this host is to the appliance: id, key and certificates, in one file that only the agent
//! reads, so that a rotation is whole or not at all.

use std::path::Path;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::der;
use crate::files::{self, FileError};

const LARGEST: u64 = 128 * 1024;

/// A key in PEM and its certificate chain in PEM. No `Debug`: the key is a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pair {
    key: String,
    certificate: String,
}

/// The whole identity.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The id that the appliance chose.
    pub(crate) agent: String,
    /// The CA's certificate in PEM: the only root that is believed.
    ca: String,
    current: Pair,
    /// The one before the rotation, until the appliance has welcomed the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Pair>,
}

/// The identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// There is none.
    #[error("this host is not enrolled yet: panoptikon-agent enrol --server ADDRESS")]
    Missing,
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is damaged.
    #[error("{0} is damaged: enrol this host again")]
    Damaged(std::path::PathBuf),
    /// The appliance sent something else than a certificate for the key.
    #[error("the appliance sent no certificate that can be used")]
    NoCertificate,
}

/// What TLS needs.
pub(crate) struct Credentials {
    pub(crate) ca: CertificateDer<'static>,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Of a fresh enrolment.
    pub(crate) fn new(
        agent: String,
        ca: String,
        key: String,
        certificate: String,
    ) -> Result<Self, IdentityError> {
        let identity = Self { agent, ca, current: Pair { key, certificate }, previous: None };
        let plain = |c: char| c.is_ascii_hexdigit();
        if identity.agent.len() != 16 || !identity.agent.chars().all(plain) {
            return Err(IdentityError::NoCertificate);
        }
        identity.credentials().map(|_| identity)
    }

    pub(crate) fn load(path: &Path) -> Result<Self, IdentityError> {
        let content = files::read(path, LARGEST)?.ok_or(IdentityError::Missing)?;
        serde_json::from_slice(&content).map_err(|_| IdentityError::Damaged(path.to_owned()))
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), IdentityError> {
        let content = serde_json::to_vec(self).unwrap_or_default();
        Ok(files::replace(path, &content, 0o600)?)
    }

    /// The key and certificates as TLS takes them.
    pub(crate) fn credentials(&self) -> Result<Credentials, IdentityError> {
        let bad = |_| IdentityError::NoCertificate;
        let ca = CertificateDer::from_pem_slice(self.ca.as_bytes()).map_err(bad)?;
        let chain = CertificateDer::pem_slice_iter(self.current.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(bad)?;
        let key = PrivateKeyDer::from_pem_slice(self.current.key.as_bytes()).map_err(bad)?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        Ok(Credentials { ca, chain, key })
    }

    /// From when to when the certificate holds, Unix seconds.
    pub(crate) fn validity(&self) -> Option<(i64, i64)> {
        der::validity(&CertificateDer::from_pem_slice(self.current.certificate.as_bytes()).ok()?)
    }

    /// Whether two thirds of the certificate's life are over.
    pub(crate) fn wants_renewal(&self, now_s: i64) -> bool {
        self.validity().is_some_and(|(from, to)| now_s >= from + (to - from) / 3 * 2)
    }

    /// The identity with a new key and the certificate for it.
    pub(crate) fn rotated(&self, key: String, certificate: String) -> Result<Self, IdentityError> {
        let mut next = Self::new(self.agent.clone(), self.ca.clone(), key, certificate)?;
        next.previous = Some(self.current.clone());
        Ok(next)
    }

    /// The appliance knows the current key: the one before is of no use any more. Says whether there
    /// was one.
    pub(crate) fn settle(&mut self) -> bool {
        self.previous.take().is_some()
    }

    /// The appliance does not know the current key: back to the one before, if there is one.
    pub(crate) fn fall_back(&mut self) -> bool {
        let Some(previous) = self.previous.take() else { return false };
        self.current = previous;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and certificate of a client, and its CA.
    fn pair() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 31);
        (key.serialize_pem(), params.self_signed(&key).unwrap().pem())
    }

    fn identity() -> Identity {
        let (key, certificate) = pair();
        Identity::new("0123456789abcdef".into(), certificate.clone(), key, certificate).unwrap()
    }

    #[test]
    fn the_key_before_a_rotation_is_kept_until_the_new_one_is_welcome() {
        let first = identity();
        let (key, certificate) = pair();
        let mut second = first.rotated(key.clone(), certificate.clone()).unwrap();
        assert!(second.current.key == key && second.clone().fall_back());
        let mut back = second.clone();
        back.fall_back();
        assert!(back.current.key == first.current.key && !back.fall_back());
        assert!(second.settle() && !second.settle() && !second.fall_back());
    }

    #[test]
    fn a_certificate_wants_renewal_after_two_thirds_of_its_life() {
        let identity = identity();
        let day = |day: i64| 1_767_225_600 + day * 86_400;
        assert!(!identity.wants_renewal(day(20) - 1) && identity.wants_renewal(day(20)));
    }

    #[test]
    fn an_identity_survives_the_disk_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.json");
        assert!(matches!(Identity::load(&path), Err(IdentityError::Missing)));
        identity().save(&path).unwrap();
        assert_eq!(Identity::load(&path).unwrap().agent, "0123456789abcdef");
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(Identity::load(&path), Err(IdentityError::Damaged(_))));
    }

    #[test]
    fn what_is_no_certificate_or_no_id_makes_no_identity() {
        let (key, certificate) = pair();
        let make = |id: &str, certificate: &str| {
            Identity::new(id.into(), certificate.into(), key.clone(), certificate.into()).is_ok()
        };
        assert!(make("0123456789abcdef", &certificate));
        assert!(!make("../../etc/passwd", &certificate) && !make("0123", &certificate));
        assert!(!make("0123456789abcdef", "-----BEGIN"));
    }
}
