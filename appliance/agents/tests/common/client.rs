//! An agent for tests and measurements: enrols, opens a link, says what it is told to.

#![allow(dead_code)] // each user takes what it needs

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use wire::enrol::{Enrolled, Request};
use wire::{FromAgent, FromAppliance, Hello, Report, Welcome};

/// Now, Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_millis()).unwrap_or_default()
}

/// Takes any certificate: what a token is for is tested with the agent itself.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
}

/// TLS without a certificate.
pub(crate) fn stranger() -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let anybody = Arc::new(Anybody(provider));
    let config = builder().dangerous().with_custom_certificate_verifier(anybody);
    Arc::new(config.with_no_client_auth())
}

/// Opens TLS.
pub(crate) async fn dial(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    secure(TcpStream::connect(address).await?, config).await
}

async fn secure(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(wire::SERVER_NAME).expect("a name");
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Sends a request and reads status and body of the answer.
pub(crate) async fn request(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    head: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = dial(address, config).await.expect("TLS");
    let text = format!(
        "{head} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        wire::SERVER_NAME,
        body.len()
    );
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // An end without a farewell of TLS is an end.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|s| s.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}

/// A key, and a request for its certificate.
pub(crate) fn key() -> (KeyPair, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let request = CertificateParams::default().serialize_request(&key).expect("a request");
    (key, request.pem().expect("PEM"))
}

/// A host that is enrolled.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) machine: String,
    pub(crate) counter: u64,
    /// Where its links come from.
    pub(crate) from: Ipv4Addr,
}

/// Client TLS with this chain and key.
pub(crate) fn tls(enrolled_ca: &str, chain: &str, key: &KeyPair) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(enrolled_ca.as_bytes()).expect("the CA");
    roots.add(ca).expect("a root");
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .expect("a chain");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = builder().with_root_certificates(roots).with_client_auth_cert(chain, key);
    Arc::new(config.expect("client TLS"))
}

/// Enrols a host; the status and the answer where it was refused.
pub(crate) async fn enrol(
    address: SocketAddr,
    token: &str,
    host: &str,
) -> Result<Identity, (u16, String)> {
    let (key, csr) = key();
    let machine = format!("machine of {host}");
    let hello = Hello { host: host.into(), machine: machine.clone(), ..Hello::default() };
    let body = serde_json::to_string(&Request { token: token.into(), csr, hello }).expect("JSON");
    let (status, answer) = request(address, &stranger(), "POST /enrol", &body).await;
    if status != 200 {
        return Err((status, answer));
    }
    let enrolled: Enrolled = serde_json::from_str(&answer).expect("an answer");
    let tls = tls(&enrolled.ca, &enrolled.certificate, &key);
    Ok(Identity { id: enrolled.agent, tls, machine, counter: 0, from: Ipv4Addr::LOCALHOST })
}

impl Identity {
    /// The next hello.
    pub(crate) fn hello(&mut self) -> Hello {
        self.counter += 1;
        Hello {
            proto: [1, 1],
            version: "0.1.0".into(),
            arch: "x86_64".into(),
            machine: self.machine.clone(),
            counter: self.counter,
            at: now_ms(),
            host: "testhost".into(),
            abilities: wire::command::ALL.map(str::to_owned).to_vec(),
            interval_s: 10,
            ..Hello::default()
        }
    }

    /// Opens a link without saying anything.
    pub(crate) async fn open(&self, address: SocketAddr) -> std::io::Result<Link> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        let stream = secure(socket.connect(address).await?, &self.tls).await?;
        let url = format!("wss://{}/link", wire::SERVER_NAME);
        let mut request = url.into_client_request().expect("a request");
        let protocol = wire::SUBPROTOCOL.parse().expect("a header");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let opened = tokio_tungstenite::client_async(request, stream).await;
        let (socket, _) = opened.map_err(std::io::Error::other)?;
        Ok(Link { socket, acked: 0 })
    }

    /// Opens a link and says hello; what the appliance answers.
    pub(crate) async fn link(&mut self, address: SocketAddr) -> Result<(Link, Welcome), u16> {
        let hello = self.hello();
        self.link_as(address, hello).await
    }

    /// The same with a hello of one's own.
    pub(crate) async fn link_as(
        &self,
        address: SocketAddr,
        hello: Hello,
    ) -> Result<(Link, Welcome), u16> {
        let mut link = self.open(address).await.map_err(|_| 0_u16)?;
        link.say(&FromAgent::Hello(Box::new(hello))).await;
        loop {
            match link.hear().await {
                Ok(FromAppliance::Welcome(welcome)) => {
                    link.acked = welcome.acked;
                    return Ok((link, *welcome));
                }
                Ok(_) => {}
                Err(code) => return Err(code),
            }
        }
    }
}

/// A link.
pub(crate) struct Link {
    pub(crate) socket: WebSocketStream<TlsStream<TcpStream>>,
    pub(crate) acked: u64,
}

impl Link {
    /// Sends a message; nothing happens where the link is over.
    pub(crate) async fn say(&mut self, message: &FromAgent) {
        self.send(Message::text(message.encode())).await;
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    /// Sends a report with a processor this busy.
    pub(crate) async fn report(&mut self, seq: u64, pct: f32) {
        self.say(&FromAgent::Report(Box::new(report(seq, pct)))).await;
    }

    /// The next message, or the code with which the link was closed: 0 without one.
    pub(crate) async fn hear(&mut self) -> Result<FromAppliance, u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    if let Ok(Some(message)) = FromAppliance::decode(&text) {
                        return Ok(message);
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(0),
            }
        }
    }

    /// Waits until everything up to this number is acknowledged.
    pub(crate) async fn acked(&mut self, seq: u64) -> Result<(), u16> {
        while self.acked < seq {
            if let FromAppliance::Ack(acked) = self.hear().await? {
                self.acked = acked;
            }
        }
        Ok(())
    }

    /// The code with which the link is closed.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.hear().await {
                return code;
            }
        }
    }
}

/// A usual report.
pub(crate) fn report(seq: u64, pct: f32) -> Report {
    let text = serde_json::json!({
        "seq": seq, "at": now_ms(), "up_s": 1000,
        "cpu": {"n": 4, "pct": pct, "load": [0.5, 0.4, 0.3]},
        "mem": {"total": 8_000_000_000_u64, "avail": 5_000_000_000_u64,
                "swap_total": 0, "swap_used": 0},
        "nets": [{"if": "eth0", "up": true, "rx": 1, "tx": 2, "rx_bps": 1000, "tx_bps": 500}],
        "temps": [{"name": "cpu", "c": 45.0}],
    });
    serde_json::from_value(text).expect("a report")
}
