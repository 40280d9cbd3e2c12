//! How a request reaches the router: over the API server's own unix socket, or over HTTPS where the
//! appliance runs in a container. One connection a request, because the router replaces the socket
//! whenever it starts its API anew.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request as HttpRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::pin::{Fingerprint, Pin, config_for};

/// The largest answer that is read, in bytes: a whole configuration of a large router many times.
const MOST_ANSWERED: usize = 32 * 1024 * 1024;
/// How long a connection on the router itself may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Where the router's API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The API server's own socket, past the router's web server.
    Socket(PathBuf),
    /// The router's web server.
    Https(SocketAddr),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Https(at) => write!(f, "https://{at}"),
        }
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nobody is there: nothing was sent.
    #[error("connect to {at}: {source}")]
    Connect {
        /// Where.
        at: String,
        /// What the system says.
        source: io::Error,
    },
    /// It shows another certificate than the trusted one: nothing was sent.
    #[error("{at} shows the certificate {shown}, and not {trusted}, which is trusted")]
    Stranger {
        /// Where.
        at: String,
        /// What it shows.
        shown: Fingerprint,
        /// What is trusted.
        trusted: Fingerprint,
    },
    /// It was sent, and the connection broke before an answer. It may or may not have been done.
    #[error("the connection to {at} broke before the answer: {why}")]
    Broken {
        /// Where.
        at: String,
        /// What went wrong.
        why: String,
    },
    /// It was sent, and no answer came in time. It may be done yet.
    #[error("{at} did not answer within {seconds} s")]
    TimedOut {
        /// Where.
        at: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl TransportError {
    /// Whether the router may have got the request.
    pub fn may_be_done(&self) -> bool {
        !matches!(self, Self::Connect { .. } | Self::Stranger { .. })
    }
}

/// A way to the router.
#[derive(Clone)]
pub(super) struct Transport {
    address: Address,
    pin: Arc<Pin>,
    tls: Option<Arc<ClientConfig>>,
}

impl Transport {
    pub(super) fn new(address: Address, pinned: Option<Fingerprint>) -> Self {
        let pin = Arc::new(Pin::new(pinned));
        let tls = match &address {
            Address::Socket(_) => None,
            Address::Https(_) => Some(config_for(pin.clone())),
        };
        Self { address, pin, tls }
    }

    /// The certificate that is trusted by now.
    pub(super) fn pinned(&self) -> Option<Fingerprint> {
        self.pin.trusted()
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends one request; gives the status and the body.
    pub(super) async fn send(
        &self,
        get: bool,
        path: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<(u16, Bytes), TransportError> {
        let at = self.address.to_string();
        let failed = |source| match (self.pin.stranger(&source), self.pinned()) {
            (Some(shown), Some(trusted)) => {
                TransportError::Stranger { at: at.clone(), shown, trusted }
            }
            _ => TransportError::Connect { at: at.clone(), source },
        };
        let connected = tokio::time::timeout(CONNECT, self.connect()).await;
        let stream =
            connected.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
        let broken = |why: String| TransportError::Broken { at: at.clone(), why };
        match tokio::time::timeout(patience, exchange(stream, get, path, body)).await {
            Ok(answer) => answer.map_err(broken),
            Err(_) => Err(TransportError::TimedOut { at, seconds: patience.as_secs() }),
        }
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match &self.address {
            Address::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Https(at) => {
                let tcp = TcpStream::connect(at).await?;
                let Some(tls) = self.tls.clone() else { return Ok(Box::new(tcp)) };
                let name = ServerName::IpAddress(at.ip().into());
                Ok(Box::new(TlsConnector::from(tls).connect(name, tcp).await?))
            }
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn exchange(
    stream: Box<dyn Stream>,
    get: bool,
    path: &str,
    body: Vec<u8>,
) -> Result<(u16, Bytes), String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let request = HttpRequest::builder()
        .method(if get { Method::GET } else { Method::POST })
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| e.to_string())?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MOST_ANSWERED).collect().await;
        Ok((status, body.map_err(|e| e.to_string())?.to_bytes()))
    };
    let answered = answered.await;
    driver.abort();
    answered
}
