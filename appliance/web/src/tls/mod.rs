//! Certificates of the front door: the operator's own if the configuration names them, else ones
//! that the appliance makes for itself, renews and follows with its names and addresses.
//!
//! New certificates take effect for the next connection; nothing is restarted. TLS 1.3 only, and
//! HTTP/1.1 as the only protocol offered.

pub mod authority;
mod files;
mod pair;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use model::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use self::authority::{CaFacts, Issued, LeafFacts, make_ca, make_leaf};
pub use self::authority::{FALLBACK_NAME, Subject};
pub use self::pair::{Names, check, names};

/// How often files, names, addresses and age are looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} holds no {expected}: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// Key and certificate do not belong together, or TLS refuses them.
    #[error("cannot use {}: {source}", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What TLS said.
        source: rustls::Error,
    },
    /// Making a certificate failed.
    #[error(transparent)]
    Issue(#[from] authority::IssueError),
    /// TLS itself could not be set up.
    #[error("cannot set up TLS: {0}")]
    Setup(rustls::Error),
}

/// Where certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Made by the appliance and kept in this folder.
    Own {
        /// The folder, `tls` under the configuration folder.
        folder: PathBuf,
    },
    /// The operator's, in PEM; reloaded when the files change.
    Files {
        /// The certificate, followed by those that link it to a root.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// The certificates in use. Share it in an [`Arc`].
pub struct Tls {
    source: RwLock<Source>,
    config: Arc<ServerConfig>,
    current: Arc<Current>,
    trusted: Arc<AtomicBool>,
}

impl Tls {
    /// Loads or makes the certificates.
    pub fn open(source: Source, subject: &Subject, now: Timestamp) -> Result<Self, TlsError> {
        let loaded = load(&source, &subject.clone().tidy(), now)?;
        let trusted = Arc::new(AtomicBool::new(matches!(source, Source::Files { .. })));
        let current = Arc::new(Current(RwLock::new(loaded)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // One is enough for a client that keeps its connection; each costs a write.
        config.send_tls13_tickets = 1;
        Ok(Self { source: RwLock::new(source), config: Arc::new(config), current, trusted })
    }

    /// For accepting connections.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Whether the certificate is the operator's, so that browsers may be told to insist on it.
    pub fn trusted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.trusted)
    }

    /// SHA-256 of the server's certificate, as `AB:CD:…`, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let loaded = self.current.get();
        loaded.key.cert.first().map_or_else(String::new, |c| fingerprint(c))
    }

    /// The appliance's CA for people to install; `None` with the operator's certificate.
    pub fn ca(&self) -> Option<Ca> {
        self.current.get().ca.clone()
    }

    /// When the certificate ends; None for one that cannot be read as such.
    pub fn not_after(&self) -> Option<Timestamp> {
        let loaded = self.current.get();
        Some(system::certificates::validity(loaded.key.cert.first()?)?.1)
    }

    /// Looks whether another certificate is due, and takes it. `true` when one was taken. Reads
    /// files, so not for an async worker.
    pub fn refresh(&self, subject: &Subject, now: Timestamp) -> Result<bool, TlsError> {
        let subject = subject.clone().tidy();
        let loaded = self.current.get();
        let source = self.source.read().unwrap_or_else(PoisonError::into_inner).clone();
        let due = match &source {
            Source::Own { .. } => loaded.own.as_ref().is_none_or(|(ca, leaf)| {
                ca.outgrown(&subject, now) || leaf.stale(ca, &subject, now)
            }),
            Source::Files { certificate, key } => loaded.stamp != stamp(certificate, key),
        };
        if !due {
            return Ok(false);
        }
        let fresh = load(&source, &subject, now)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }

    /// Takes certificates from elsewhere from now on; those in use stay when that fails. Reads
    /// files, so not for an async worker.
    pub fn set_source(
        &self,
        source: Source,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), TlsError> {
        let fresh = load(&source, &subject.clone().tidy(), now)?;
        self.trusted.store(matches!(source, Source::Files { .. }), Ordering::Relaxed);
        *self.source.write().unwrap_or_else(PoisonError::into_inner) = source;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Looks again every half minute, for ever. `subject` tells names and addresses as they are.
    pub async fn keep_fresh(
        self: Arc<Self>,
        subject: impl Fn() -> Subject + Send + Sync + 'static,
    ) {
        let subject = Arc::new(subject);
        let mut failing = false;
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let (tls, subject) = (Arc::clone(&self), Arc::clone(&subject));
            let looked =
                tokio::task::spawn_blocking(move || tls.refresh(&subject(), Timestamp::now()))
                    .await;
            match looked {
                Ok(Ok(true)) => info!(fingerprint = self.fingerprint(), "new certificate in use"),
                Ok(Err(error)) if !failing => {
                    failing = true;
                    warn!(%error, "keeping the old certificate");
                    continue;
                }
                _ => {}
            }
            failing = false;
        }
    }
}

/// The first certificate of a PEM text, as DER.
pub fn first_certificate(pem: &[u8]) -> Option<Vec<u8>> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem).ok().map(|der| der.to_vec())
}

/// The appliance's CA, as people get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ca {
    /// PEM text, for a file that ends in `.crt`.
    pub pem: Arc<str>,
    /// SHA-256 of the certificate, as `AB:CD:…`.
    pub fingerprint: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl Ca {
    /// An Apple configuration profile that installs it.
    pub fn mobileconfig(&self) -> String {
        let body: String = self.pem.lines().filter(|l| !l.starts_with("-----")).collect();
        let hex: String = self.fingerprint.chars().filter(|c| *c != ':').collect();
        let id = |at: usize| {
            let part = |from: usize, to: usize| hex.get(at + from..at + to).unwrap_or_default();
            let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
            parts.join("-")
        };
        let (outer, inner, name) = (id(0), id(32), &self.name);
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>panoptikon.{outer}</string>
<key>PayloadUUID</key><string>{outer}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>panoptikon.{inner}</string>
<key>PayloadUUID</key><string>{inner}</string>
<key>PayloadDisplayName</key><string>{name}</string>
<key>PayloadCertificateFileName</key><string>panoptikon-ca.crt</string>
<key>PayloadContent</key><data>{body}</data>
</dict></array>
</dict></plist>
"#
        )
    }
}

#[derive(Debug, Clone)]
struct Loaded {
    key: Arc<CertifiedKey>,
    ca: Option<Ca>,
    own: Option<(CaFacts, LeafFacts)>,
    stamp: Stamp,
}

/// When the operator's files were last written; differs also when one comes or goes.
type Stamp = [Option<(SystemTime, u64)>; 2];

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

#[derive(Debug)]
struct Current(RwLock<Loaded>);

impl Current {
    fn get(&self) -> Loaded {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

fn load(source: &Source, subject: &Subject, now: Timestamp) -> Result<Loaded, TlsError> {
    match source {
        Source::Files { certificate, key } => {
            let stamp = stamp(certificate, key);
            let chain = files::read(certificate)?;
            let key_text = files::read(key)?;
            let key = certified(&chain, &key_text, certificate, key)?;
            Ok(Loaded { key, ca: None, own: None, stamp })
        }
        Source::Own { folder } => own(folder, subject, now),
    }
}

fn own(folder: &Path, subject: &Subject, now: Timestamp) -> Result<Loaded, TlsError> {
    files::make_folder(folder)?;
    let known = files::load_ca(folder)?.filter(|ca: &Issued<CaFacts>| {
        let outgrown = ca.facts.outgrown(subject, now);
        if outgrown {
            warn!("names changed beyond the appliance's CA: making another, to be trusted anew");
        }
        !outgrown
    });
    let (ca, new) = match known {
        Some(ca) => (ca, false),
        None => (make_ca(subject, now)?, true),
    };
    if new {
        files::save_ca(folder, &ca)?;
    }
    let known = if new { None } else { files::load_leaf(folder)? };
    let leaf = if let Some(leaf) = known.filter(|leaf| !leaf.facts.stale(&ca.facts, subject, now)) {
        leaf
    } else {
        let leaf = make_leaf(&ca, subject, now)?;
        files::save_leaf(folder, &leaf)?;
        leaf
    };
    let path = files::leaf_path(folder);
    let key = certified(&leaf.certificate, &leaf.key, &path, &path)?;
    let ca_path = files::ca_path(folder);
    let ca_der = CertificateDer::from_pem_slice(ca.certificate.as_bytes())
        .map_err(|e| content(&ca_path, "certificate", e))?;
    let own = Some((ca.facts.clone(), leaf.facts));
    let ca = Ca {
        fingerprint: fingerprint(&ca_der).into(),
        pem: ca.certificate.into(),
        name: ca.facts.common_name.into(),
    };
    Ok(Loaded { key, ca: Some(ca), own, stamp: [None, None] })
}

fn content(path: &Path, expected: &'static str, reason: impl ToString) -> TlsError {
    TlsError::Content { path: path.to_owned(), expected, reason: reason.to_string() }
}

fn certified(
    chain: &str,
    key: &str,
    chain_path: &Path,
    key_path: &Path,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let certificates = certificates.map_err(|e| content(chain_path, "certificate in PEM", e))?;
    if certificates.is_empty() {
        return Err(content(chain_path, "certificate in PEM", "no BEGIN CERTIFICATE line"));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|e| content(key_path, "private key in PEM", e))?;
    let unusable = |source| TlsError::Unusable { path: chain_path.to_owned(), source };
    let key = CertifiedKey::from_der(certificates, key, &ring::default_provider());
    Ok(Arc::new(key.map_err(unusable)?))
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::with_capacity(95);
    for (at, byte) in Sha256::digest(certificate).iter().enumerate() {
        let colon = if at > 0 { ":" } else { "" };
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests;
