//! The agents' own CA, the certificate of their door under it, and certificates for agents.
//!
//! Names, requests and `now` in, certificates out. Only keys and the CA lie in files, readable by
//! root alone; the door's certificate is made anew at each start, under the same key, so that what
//! a page has told people to pin stays true.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aead::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType, SignatureAlgorithm,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::encode::{base64, from_pem, to_pem};
use crate::{AgentId, der};

/// The name that agents verify, whatever address they dial.
pub const SERVER_NAME: &str = "appliance.panoptikon.internal";

const DAY: Duration = Duration::from_secs(86_400);
/// Life of the CA. A new one means enrolling all hosts again.
const CA_DAYS: u32 = 7_300;
/// Life of the door's certificate; it is made anew long before.
const SERVER_DAYS: u32 = 365;
/// Life of an agent's certificate, which it renews after two thirds.
const AGENT_DAYS: u32 = 30;
/// Hosts' clocks may be behind by as much.
const BACKDATED: Duration = Duration::from_secs(30 * 86_400);
/// A clock before this (1 November 2026) has not been set yet: certificates start here then.
const EARLIEST: Timestamp = Timestamp::from_secs(1_793_491_200);
/// Larger than any of the files.
const LARGEST: u64 = 64 * 1024;
const CERTIFICATE: &str = "CERTIFICATE";

/// Why there is no authority, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file could not be used.
    #[error("cannot {attempt} {path}: {source}")]
    File {
        /// What was attempted, such as `read`.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error(
        "{path} holds no {what}. Put it back from a backup, or delete the folder and enrol all hosts again"
    )]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// A certificate could not be made.
    #[error("cannot make {what}: {source}")]
    Issue {
        /// Which.
        what: &'static str,
        /// Why.
        source: rcgen::Error,
    },
    /// The request is none for a P-256 key, or not signed by that key.
    #[error(
        "the request for a certificate is not sound: it must be for a P-256 key and signed by it"
    )]
    Request,
}

/// What is kept of the CA besides its key.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Its certificate, PEM.
    certificate: String,
    /// Its key, PEM.
    key: String,
    common_name: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// A certificate for an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    /// PEM, the agent's own first and then the CA's.
    pub(crate) chain: String,
    /// SHA-256 of the public key.
    pub(crate) key: [u8; 32],
    /// When its life ends.
    pub(crate) not_after: Timestamp,
}

/// The agents' CA with the door's key.
pub struct Authority {
    kept: Kept,
    ca: CertificateDer<'static>,
    server_key: KeyPair,
}

/// A public key taken out of a request.
struct Foreign<'a>(&'a [u8]);

impl PublicKeyData for Foreign<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Authority {
    /// The authority whose files lie in this folder; made now where there are none.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        make_folder(folder)?;
        let path = folder.join("ca.json");
        let kept: Kept = if let Some(text) = read(&path)? {
            serde_json::from_str(&text)
                .map_err(|_| AuthorityError::Content { path: path.clone(), what: "CA" })?
        } else {
            let made = make_ca(now)?;
            write(&path, &serde_json::to_vec_pretty(&made).unwrap_or_default())?;
            made
        };
        let ca = from_pem(&kept.certificate, CERTIFICATE)
            .ok_or_else(|| AuthorityError::Content { path: path.clone(), what: "CA" })?;
        let path = folder.join("server.key");
        let server_key = if let Some(text) = read(&path)? {
            KeyPair::from_pem(&text)
                .map_err(|_| AuthorityError::Content { path, what: "private key" })?
        } else {
            let key = generate("the key of the agents' door")?;
            write(&path, key.serialize_pem().as_bytes())?;
            key
        };
        Ok(Self { kept, ca: ca.into(), server_key })
    }

    /// The CA's certificate.
    pub fn ca(&self) -> &CertificateDer<'static> {
        &self.ca
    }

    /// The CA's certificate as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.kept.certificate
    }

    /// SHA-256 of the CA's certificate: what a token carries and a page shows.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.ca).into()
    }

    /// The pin of the door's key as curl takes it: base64 of the SHA-256 of its public key.
    pub fn pin(&self) -> String {
        base64(&Sha256::digest(self.server_key.subject_public_key_info()))
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, AuthorityError> {
        let what = "use of the agents' CA";
        let key = KeyPair::from_pem(&self.kept.key)
            .map_err(|source| AuthorityError::Issue { what, source })?;
        let life = (self.kept.not_before, self.kept.not_after);
        Ok(Issuer::new(ca_params(&self.kept.common_name, life), key))
    }

    /// The door's chain, its key, and when another is due.
    pub(crate) fn server(&self, now: Timestamp) -> Result<ServerIdentity, AuthorityError> {
        let fail =
            |source| AuthorityError::Issue { what: "the certificate of the agents' door", source };
        let now = now.max(EARLIEST);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
        let name = SERVER_NAME.try_into().map_err(fail)?;
        params.subject_alt_names.push(SanType::DnsName(name));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now.minus(BACKDATED), now.plus(DAY * SERVER_DAYS));
        let leaf = params.signed_by(&self.server_key, &self.issuer()?).map_err(fail)?;
        let key = PrivatePkcs8KeyDer::from(self.server_key.serialize_der());
        Ok(ServerIdentity {
            chain: vec![leaf.der().clone(), self.ca.clone()],
            key: PrivateKeyDer::Pkcs8(key),
            due: now.plus(DAY * SERVER_DAYS / 3 * 2),
        })
    }

    /// A certificate for an agent. Of the request only its public key is taken.
    pub(crate) fn certify(
        &self,
        id: AgentId,
        request: &str,
        now: Timestamp,
    ) -> Result<Issued, AuthorityError> {
        let fail = |source| AuthorityError::Issue { what: "the agent's certificate", source };
        let der = from_pem(request, "CERTIFICATE REQUEST").ok_or(AuthorityError::Request)?;
        let request = der::request(&der).ok_or(AuthorityError::Request)?;
        let point = der::p256_point(request.spki).ok_or(AuthorityError::Request)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .verify(request.signed, request.signature)
            .map_err(|_| AuthorityError::Request)?;
        let now = now.max(EARLIEST);
        let not_after = now.plus(DAY * AGENT_DAYS);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, id.to_string());
        let name = format!("panoptikon:agent:{id}").as_str().try_into().map_err(fail)?;
        params.subject_alt_names.push(SanType::URI(name));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_life(&mut params, now.minus(BACKDATED), not_after);
        let leaf = params.signed_by(&Foreign(point), &self.issuer()?).map_err(fail)?;
        Ok(Issued {
            chain: format!("{}{}", to_pem(leaf.der(), CERTIFICATE), self.kept.certificate),
            key: Sha256::digest(request.spki).into(),
            not_after,
        })
    }
}

/// What the door shows to agents.
pub(crate) struct ServerIdentity {
    /// Its certificate, then the CA's.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    /// When to make another.
    pub(crate) due: Timestamp,
}

fn generate(what: &'static str) -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .map_err(|source| AuthorityError::Issue { what, source })
}

fn make_ca(now: Timestamp) -> Result<Kept, AuthorityError> {
    let what = "the agents' CA";
    let now = now.max(EARLIEST);
    let (not_before, not_after) = (now.minus(BACKDATED), now.plus(DAY * CA_DAYS));
    let key = generate(what)?;
    let common_name = format!("Panoptikon agents {}", now.as_secs());
    let certificate = ca_params(&common_name, (not_before, not_after))
        .self_signed(&key)
        .map_err(|source| AuthorityError::Issue { what, source })?;
    Ok(Kept {
        certificate: to_pem(certificate.der(), CERTIFICATE),
        key: key.serialize_pem(),
        common_name,
        not_before,
        not_after,
    })
}

fn ca_params(common_name: &str, life: (Timestamp, Timestamp)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, life.0, life.1);
    params
}

fn set_life(params: &mut CertificateParams, from: Timestamp, to: Timestamp) {
    let date = |at: Timestamp| rcgen::date_time_ymd(1970, 1, 1) + at.since(Timestamp(0));
    params.not_before = date(from);
    params.not_after = date(to);
}

fn make_folder(folder: &Path) -> Result<(), AuthorityError> {
    let fail = |source| AuthorityError::File { attempt: "make", path: folder.to_owned(), source };
    store::make_private_folder(folder).map_err(fail)
}

/// A file's text; None where there is no file.
fn read(path: &Path) -> Result<Option<String>, AuthorityError> {
    let fail = |source| AuthorityError::File { attempt: "read", path: path.to_owned(), source };
    let mut text = String::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fail)?.take(LARGEST).read_to_string(&mut text).map_err(fail)?,
    };
    Ok(Some(text))
}

/// Writes a file that appears whole or not at all, readable by root alone.
fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthorityError> {
    let fail = |source| AuthorityError::File { attempt: "write", path: path.to_owned(), source };
    store::write_private(path, bytes).map_err(fail)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn id() -> AgentId {
        AgentId(0x0123_4567_89ab_cdef)
    }

    fn request(key: &KeyPair) -> String {
        CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
    }

    #[test]
    fn ca_and_pin_stay_over_a_restart_and_keys_are_for_root_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("agents");
        let first = Authority::open(&folder, NOW).unwrap();
        let again = Authority::open(&folder, NOW.plus(DAY)).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.pin(), again.pin());
        for name in ["ca.json", "server.key"] {
            let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_damaged_ca_is_said_and_not_replaced_in_silence() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.json"), "{").unwrap();
        let text = Authority::open(dir.path(), NOW).err().unwrap().to_string();
        assert!(text.contains("ca.json") && text.contains("backup"), "{text}");
    }

    #[test]
    fn an_agent_gets_a_certificate_for_its_own_key_and_the_name_that_it_was_given() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), NOW).unwrap();
        let key = generate("test").unwrap();
        let issued = authority.certify(id(), &request(&key), NOW).unwrap();
        let der = from_pem(&issued.chain, CERTIFICATE).unwrap();
        let read = der::certificate(&der).unwrap();
        assert_eq!(read.common_name, b"0123456789abcdef");
        assert_eq!(read.spki, key.subject_public_key_info());
        assert_eq!(issued.key.as_slice(), &Sha256::digest(read.spki)[..]);
        assert_eq!(issued.not_after, NOW.plus(DAY * 30));
        assert_eq!(issued.chain.matches("BEGIN CERTIFICATE").count(), 2);
    }

    #[test]
    fn a_request_that_another_key_signed_or_of_another_kind_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::open(dir.path(), NOW).unwrap();
        let key = generate("test").unwrap();
        let mut der = from_pem(&request(&key), "CERTIFICATE REQUEST").unwrap();
        let last = der.len() - 1;
        der[last] ^= 1;
        let forged = to_pem(&der, "CERTIFICATE REQUEST");
        let edwards = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        for bad in [forged, request(&edwards), String::new(), "x".repeat(100)] {
            let refused = authority.certify(id(), &bad, NOW);
            assert!(matches!(refused, Err(AuthorityError::Request)));
        }
    }
}
