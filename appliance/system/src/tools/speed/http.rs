//! One HTTP connection to a server, with or without TLS.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::Uri;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::SystemError;

/// Where Debian, and VyOS with it, keeps the certificates of authorities.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long a connection may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that are handed over at a time.
const CHUNK: usize = 64 << 10;
/// The longest address.
const LONGEST: usize = 2_048;

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    port: u16,
    is_tls: bool,
    authority: String,
    path: String,
}

impl Place {
    pub(super) fn parse(field: &'static str, url: &str) -> Result<Self, SystemError> {
        let wrong = || SystemError::invalid(field, "give an http:// or https:// address");
        let uri: Uri = Some(url)
            .filter(|u| u.len() <= LONGEST)
            .and_then(|u| u.parse().ok())
            .ok_or_else(wrong)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            is_tls,
            authority: authority.to_string(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// TLS with the authorities of a file; none: those that this machine trusts. For threads that may
/// block.
pub(super) fn tls(roots: Option<&Path>) -> Result<Arc<ClientConfig>, SystemError> {
    let file = roots.unwrap_or(Path::new(ROOTS));
    let missing = |_| SystemError::Missing {
        what: file.display().to_string(),
        remedy: "install ca-certificates, or choose a server without TLS",
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(missing)?.flatten() {
        // One that rustls does not know is of no use; the others are.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| SystemError::malformed("the TLS settings", e))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// A connection that stands. It is closed when this is dropped.
pub(super) struct Link {
    sender: SendRequest<Load>,
    place: Place,
    driver: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    pub(super) async fn open(
        place: &Place,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, SystemError> {
        let opened = timeout(PATIENCE, Self::try_open(place, tls)).await;
        opened.unwrap_or_else(|_| {
            Err(SystemError::TimedOut { what: place.host.clone(), seconds: PATIENCE.as_secs() })
        })
    }

    async fn try_open(place: &Place, tls: Option<&Arc<ClientConfig>>) -> Result<Self, SystemError> {
        let failed = || SystemError::io("connect to", place.host.clone());
        let tcp = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(failed())?;
        let _ = tcp.set_nodelay(true);
        if !place.is_tls {
            return Self::shake(place, TokioIo::new(tcp)).await;
        }
        let Some(tls) = tls else {
            return Err(SystemError::malformed("the TLS settings", "they are not loaded"));
        };
        let name = ServerName::try_from(place.host.clone())
            .map_err(|e| SystemError::malformed(place.host.clone(), e))?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await;
        Self::shake(place, TokioIo::new(stream.map_err(failed())?)).await
    }

    async fn shake<T>(place: &Place, io: T) -> Result<Self, SystemError>
    where
        T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (sender, connection) =
            handshake(io).await.map_err(|e| SystemError::malformed(place.host.clone(), e))?;
        let driver = tokio::spawn(async move {
            // What fails is told to whoever waits for an answer.
            let _ = connection.await;
        });
        Ok(Self { sender, place: place.clone(), driver: driver.abort_handle() })
    }

    /// Sends a request and waits until its answer begins.
    pub(super) async fn ask(&mut self, load: Load) -> Result<Response<Incoming>, SystemError> {
        let host = self.place.host.clone();
        let method = if load.left == 0 { Method::GET } else { Method::POST };
        let request = Request::builder()
            .method(method)
            .uri(&self.place.path)
            .header("host", &self.place.authority)
            .header("user-agent", concat!("panoptikon/", env!("CARGO_PKG_VERSION")))
            .header("accept-encoding", "identity")
            .body(load)
            .map_err(|e| SystemError::malformed(host.clone(), e))?;
        let broken = |e: hyper::Error| SystemError::malformed(format!("the answer of {host}"), e);
        self.sender.ready().await.map_err(broken)?;
        let answer = self.sender.send_request(request).await.map_err(broken)?;
        if !answer.status().is_success() {
            let why = format!("it says {}", answer.status());
            return Err(SystemError::malformed(format!("the answer of {host}"), why));
        }
        Ok(answer)
    }
}

/// Reads an answer to its end and counts its bytes as they come.
pub(super) async fn drain(mut answer: Response<Incoming>, count: &AtomicU64) -> bool {
    while let Some(frame) = answer.frame().await {
        let Ok(frame) = frame else { return false };
        if let Some(data) = frame.data_ref() {
            count.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
    }
    true
}

/// What a request carries: nothing, or so many bytes, counted as they are handed over.
pub(super) struct Load {
    chunk: Bytes,
    left: u64,
    count: Arc<AtomicU64>,
}

impl Load {
    pub(super) fn none() -> Self {
        Self { chunk: Bytes::new(), left: 0, count: Arc::default() }
    }

    pub(super) fn bytes(left: u64, count: Arc<AtomicU64>) -> Self {
        // Not zeros, which a line might compress.
        let mut state = 0x9e37_79b9_u32;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        });
        Self { chunk: noise.take(CHUNK).collect(), left, count }
    }
}

impl Body for Load {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = (self.chunk.len() as u64).min(self.left);
        if length == 0 {
            return Poll::Ready(None);
        }
        self.left -= length;
        self.count.fetch_add(length, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(self.chunk.slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
