//! A small appliance for tests and measurements: a CA, a port with TLS 1.3, enrolment, links, tables
//! in memory. It commits and acknowledges as the protocol says, and can be cut at any moment.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code)] // each who shares it uses a part

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use wire::enrol::{Enrolled, Refused, Request};
use wire::{
    Answer, FromAgent, FromAppliance, Hello, Inbox, Report, Taken, Token, Welcome, batch_messages,
    text,
};

/// What has come.
#[derive(Default)]
pub struct Tables {
    /// Reports that are committed, in order.
    pub reports: Vec<Report>,
    /// Numbers that were told as lost.
    pub lost: Vec<(u64, u64)>,
    /// Numbers that are missing without a word.
    pub gaps: Vec<(u64, u64)>,
    /// Event messages, as JSON.
    pub events: Vec<String>,
    /// What agents said of themselves.
    pub hellos: Vec<Hello>,
    /// Answers to commands.
    pub answers: Vec<Answer>,
    /// Octets of frames that came.
    pub octets: u64,
    /// The program that is handed out.
    pub program: Vec<u8>,
    /// SHA-256 of the client certificates of links.
    pub certificates: Vec<String>,
    acked: u64,
    tokens: HashMap<String, [u8; 32]>,
}

/// The appliance's certificates, which stay when it is killed.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A CA that nobody else knows.
pub fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "agent CA of a test");
    let certificate = params.self_signed(&key).unwrap();
    let (der, pem) = (certificate.der().clone(), certificate.pem());
    Authority { certificate: der, pem, issuer: Issuer::new(params, key) }
}

/// A running appliance.
pub struct Stand {
    /// Where it listens.
    pub address: SocketAddr,
    /// What has come.
    pub tables: Arc<Mutex<Tables>>,
    /// Interval that it sets, seconds.
    pub interval_s: Arc<AtomicU64>,
    /// Hours that its certificates hold; a day is over when they are made.
    pub cert_hours: Arc<AtomicU64>,
    /// While it is not 0, nothing is committed.
    pub stuck: Arc<AtomicU64>,
    authority: Arc<Authority>,
    cut: broadcast::Sender<Option<u16>>,
    say: broadcast::Sender<String>,
}

#[derive(Clone)]
struct Shared {
    tables: Arc<Mutex<Tables>>,
    interval_s: Arc<AtomicU64>,
    cert_hours: Arc<AtomicU64>,
    stuck: Arc<AtomicU64>,
    authority: Arc<Authority>,
}

impl Stand {
    /// Listens on a loopback port.
    pub async fn start(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let shared = Shared {
            tables: Arc::default(),
            interval_s: Arc::new(AtomicU64::new(1)),
            cert_hours: Arc::new(AtomicU64::new(720)),
            stuck: Arc::default(),
            authority: Arc::new(authority()),
        };
        let (cut, _) = broadcast::channel(8);
        let (say, _) = broadcast::channel(64);
        let stand = Self {
            address: listener.local_addr().unwrap(),
            tables: Arc::clone(&shared.tables),
            interval_s: Arc::clone(&shared.interval_s),
            cert_hours: Arc::clone(&shared.cert_hours),
            stuck: Arc::clone(&shared.stuck),
            authority: Arc::clone(&shared.authority),
            cut: cut.clone(),
            say: say.clone(),
        };
        let acceptor = TlsAcceptor::from(Arc::new(server_config(&shared.authority)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                let (cut, say) = (cut.subscribe(), say.subscribe());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, shared, cut, say).await;
                    }
                });
            }
        });
        stand
    }

    /// A token for one enrolment.
    pub fn token(&self) -> Token {
        let mut token =
            Token { id: [0; 5], secret: [0; 16], ca: text::sha256(&self.authority.certificate) };
        getrandom::fill(&mut token.id).unwrap();
        getrandom::fill(&mut token.secret).unwrap();
        self.tables.lock().unwrap().tokens.insert(token.id_text(), token.secret_hash());
        token
    }

    /// Ends all links, with a code or without a word; what was not committed is forgotten, as by a
    /// kill.
    pub fn cut(&self, code: Option<u16>) {
        let _ = self.cut.send(code);
    }

    /// Says something on all links.
    pub fn say(&self, message: &FromAppliance) {
        let _ = self.say.send(message.encode());
    }

    /// Waits until something holds of the tables; panics after a minute.
    pub async fn until(&self, what: &str, holds: impl Fn(&Tables) -> bool) {
        for _ in 0..1200 {
            if holds(&self.tables.lock().unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within a minute: {what}");
    }
}

fn server_config(authority: &Authority) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![wire::SERVER_NAME.to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &authority.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![leaf.der().clone(), authority.certificate.clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap()
}

async fn connection(
    mut stream: TlsStream<TcpStream>,
    shared: Shared,
    cut: broadcast::Receiver<Option<u16>>,
    say: broadcast::Receiver<String>,
) {
    let mut head = Vec::new();
    let mut octets = [0; 4096];
    let end = loop {
        let Ok(count @ 1..) = stream.read(&mut octets).await else { return };
        head.extend_from_slice(&octets[..count]);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let mut body = head.split_off(end + 4);
    let head = String::from_utf8(head).unwrap();
    let field = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    if head.starts_with("POST /enrol ") {
        let length: usize = field("content-length").unwrap().parse().unwrap();
        while body.len() < length {
            let Ok(count @ 1..) = stream.read(&mut octets).await else { return };
            body.extend_from_slice(&octets[..count]);
        }
        let (status, answer) = enrol(&shared, &body);
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
        let _ = stream.write_all(&[head.as_bytes(), &answer].concat()).await;
        let _ = stream.shutdown().await;
    } else if head.starts_with("GET /agent/") {
        let program = shared.tables.lock().unwrap().program.clone();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", program.len());
        let _ = stream.write_all(&[head.as_bytes(), &program].concat()).await;
        let _ = stream.shutdown().await;
    } else if head.starts_with("GET /link ") {
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let Some(certificate) = certificate.map(|first| text::sha256_hex(first)) else { return };
        shared.tables.lock().unwrap().certificates.push(certificate);
        let accept = derive_accept_key(field("sec-websocket-key").unwrap().as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-accept: {accept}\r\nsec-websocket-protocol: {}\r\n\r\n",
            wire::SUBPROTOCOL
        );
        if stream.write_all(answer.as_bytes()).await.is_ok() {
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            link(socket, shared, cut, say).await;
        }
    }
}

fn enrol(shared: &Shared, body: &[u8]) -> (&'static str, Vec<u8>) {
    let request: Request = serde_json::from_slice(body).unwrap();
    let token: Token = request.token.parse().unwrap();
    let known = shared.tables.lock().unwrap().tokens.remove(&token.id_text());
    if known != Some(token.secret_hash()) {
        let refused = Refused { error: "this token was used, is too old or was never made".into() };
        return ("403 Forbidden", serde_json::to_vec(&refused).unwrap());
    }
    let certificate = certify(shared, &request.csr, "0123456789abcdef");
    let ca = shared.authority.pem.clone();
    let enrolled = Enrolled { agent: "0123456789abcdef".into(), certificate, ca };
    ("200 OK", serde_json::to_vec(&enrolled).unwrap())
}

fn certify(shared: &Shared, csr: &str, agent: &str) -> String {
    let mut csr = CertificateSigningRequestParams::from_pem(csr).unwrap();
    csr.params.distinguished_name = rcgen::DistinguishedName::new();
    csr.params.distinguished_name.push(DnType::CommonName, DnValue::Utf8String(agent.to_owned()));
    let uri = format!("{}{agent}", wire::URI_PREFIX);
    csr.params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    csr.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let hours = shared.cert_hours.load(Ordering::Relaxed);
    let now = std::time::SystemTime::now();
    csr.params.not_before = (now - Duration::from_secs(86_400)).into();
    csr.params.not_after = (now + Duration::from_secs(hours * 3600)).into();
    csr.signed_by(&shared.authority.issuer).unwrap().pem()
}

async fn link(
    mut socket: WebSocketStream<TlsStream<TcpStream>>,
    shared: Shared,
    mut cut: broadcast::Receiver<Option<u16>>,
    mut say: broadcast::Receiver<String>,
) {
    let (sender, mut out) = mpsc::unbounded_channel::<String>();
    let mut inbox = Inbox::new(shared.tables.lock().unwrap().acked);
    // Taken, but not committed: gone when the link is.
    let mut taken: Vec<FromAgent> = Vec::new();
    let mut commit = tokio::time::interval(Duration::from_millis(wire::limits::ACK_EVERY_MS));
    loop {
        tokio::select! {
            code = cut.recv() => {
                if let Ok(Some(code)) = code {
                    let frame = CloseFrame { code: code.into(), reason: "cut".into() };
                    let _ = socket.close(Some(frame)).await;
                }
                return;
            }
            Ok(text) = say.recv() => drop(sender.send(text)),
            Some(text) = out.recv() => {
                if socket.send(Message::Text(text.into())).await.is_err() {
                    return;
                }
            }
            _ = commit.tick() => {
                if shared.stuck.load(Ordering::Relaxed) == 0 && !taken.is_empty() {
                    let seq = inbox.taken();
                    inbox.commit(seq);
                    let mut tables = shared.tables.lock().unwrap();
                    tables.acked = seq;
                    for message in taken.drain(..) {
                        match message {
                            FromAgent::Report(report) => tables.reports.push(*report),
                            FromAgent::Lost(lost) => tables.lost.push((lost.from, lost.to)),
                            other => tables.events.push(other.encode()),
                        }
                    }
                    drop(sender.send(FromAppliance::Ack(seq).encode()));
                }
            }
            frame = socket.next() => {
                let messages = match frame {
                    Some(Ok(Message::Text(text))) => {
                        shared.tables.lock().unwrap().octets += text.len() as u64;
                        FromAgent::decode(&text).unwrap().into_iter().collect()
                    }
                    Some(Ok(Message::Binary(octets))) => {
                        shared.tables.lock().unwrap().octets += octets.len() as u64;
                        batch_messages(&octets).unwrap().0
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(_)) => continue,
                };
                for message in messages {
                    take(message, &shared, &mut inbox, &mut taken, &sender);
                }
            }
        }
    }
}

fn take(
    message: FromAgent,
    shared: &Shared,
    inbox: &mut Inbox,
    taken: &mut Vec<FromAgent>,
    sender: &mpsc::UnboundedSender<String>,
) {
    let outcome = match &message {
        FromAgent::Hello(hello) => {
            let mut tables = shared.tables.lock().unwrap();
            tables.hellos.push((**hello).clone());
            let welcome = Welcome {
                proto: 1,
                agent: "0123456789abcdef".into(),
                name: "bench".into(),
                acked: tables.acked,
                interval_s: shared.interval_s.load(Ordering::Relaxed) as u32,
                ..Welcome::default()
            };
            *inbox = Inbox::new(tables.acked);
            let _ = sender.send(FromAppliance::Welcome(Box::new(welcome)).encode());
            return;
        }
        FromAgent::Answer(answer) => {
            shared.tables.lock().unwrap().answers.push(answer.clone());
            return;
        }
        FromAgent::Renew(csr) => {
            let chain = certify(shared, csr, "0123456789abcdef");
            let _ = sender.send(FromAppliance::Certificate(chain).encode());
            return;
        }
        FromAgent::Lost(lost) => inbox.take_lost(lost.seq, lost.from, lost.to),
        FromAgent::Report(report) => inbox.take(report.seq),
        FromAgent::Events(events) => inbox.take(events.seq),
    };
    match outcome {
        Taken::New => taken.push(message),
        Taken::Gap { from, to } => {
            shared.tables.lock().unwrap().gaps.push((from, to));
            taken.push(message);
        }
        Taken::Repeated => {}
        Taken::Nonsense => panic!("{message:?}"),
    }
}
