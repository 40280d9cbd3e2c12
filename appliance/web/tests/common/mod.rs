//! A front door on real sockets with a few routes of its own, and raw clients for it.
#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test]
#![allow(unreachable_pub)] // a module of each test program

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use access::{Access, Cost, NewSession, Permission, Secret, Setup};
use axum::Json;
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, Method};
use axum::response::{Html, IntoResponse, Response};
use model::Timestamp;
use panoptikon_web::http::{
    Client, Entry, Failure, Front, FrontOptions, Hosts, Page, PageQuery, Proxies, Route, Routes,
    Schema, Visitor,
};
use panoptikon_web::live::Live;
use panoptikon_web::metrics::{self, Metrics};
use panoptikon_web::server::{Limits, Listen, Server};
use panoptikon_web::tls::{Source, Subject, Tls};
use serde::Deserialize;
use serde_json::json;
use store::Store;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The name that the door answers to besides addresses.
pub const NAME: &str = "router.lan";

/// As cheap as argon2 lets it be.
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1 };

/// What handlers of the test's routes share.
#[derive(Clone)]
pub struct App {
    pub access: Access,
    pub live: Live,
    pub metrics: Arc<Vec<Arc<dyn Metrics>>>,
}

/// A running front door.
pub struct Door {
    pub plain: SocketAddr,
    pub tls: SocketAddr,
    pub ca: String,
    pub app: App,
    pub stop: Option<oneshot::Sender<()>>,
    pub done: tokio::task::JoinHandle<()>,
    dir: tempfile::TempDir,
}

/// How a door differs from the usual.
pub struct Options {
    pub limits: Limits,
    pub per_minute: u32,
    pub proxies: Proxies,
    pub scrapers: Vec<panoptikon_web::http::Network>,
    /// An address whose connections are not taken.
    pub outside: Option<Ipv4Addr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            per_minute: 1000,
            proxies: Proxies::default(),
            scrapers: Vec::new(),
            outside: None,
        }
    }
}

pub fn routes() -> Routes<App> {
    Routes::new()
        .add(Route::new(Method::GET, "/health", Entry::Public, async || "ok", "Whether it is well"))
        .add(Route::new(
            Method::GET,
            "/",
            Entry::Needs(Permission::DevicesRead),
            async |visitor: Visitor| Html(format!("<p>{}</p>", visitor.caller.actor.name())),
            "Start page",
        ))
        .add(Route::new(
            Method::POST,
            "/open-form",
            Entry::Public,
            async |body: String| format!("took {body}"),
            "A form before sign-in",
        ))
        .add(Route::new(
            Method::POST,
            "/form",
            Entry::Needs(Permission::DevicesEdit),
            async |body: String| format!("took {body}"),
            "A form",
        ))
        .add(
            Route::new(
                Method::GET,
                "/api/v1/numbers",
                Entry::Needs(Permission::DevicesRead),
                numbers,
                "Numbers",
            )
            .paged()
            .gives(Schema::page(Schema::value("integer", "A number."))),
        )
        .add(
            Route::new(
                Method::GET,
                "/api/v1/digits",
                Entry::Needs(Permission::DevicesRead),
                async || "digits",
                "Digits",
            )
            .deprecated(Timestamp::from_secs(1_800_000_000), "/api/v1/numbers"),
        )
        .add(
            Route::new(
                Method::POST,
                "/api/v1/numbers/{id}",
                Entry::Needs(Permission::DevicesEdit),
                async |Json(body): Json<Value>| Json(json!({"n": body.n})),
                "Set a number",
            )
            .takes(Schema::object(&[("n", Schema::value("integer", "The number."))])),
        )
        .add(Route::new(
            Method::DELETE,
            "/api/v1/numbers/{id}",
            Entry::Needs(Permission::SettingsEdit),
            async || Failure::internal("deleting a number", "disk on fire"),
            "Delete a number",
        ))
        .add(Route::new(
            Method::GET,
            "/who",
            Entry::Public,
            async |client: Client| client.address.to_string(),
            "Who asks",
        ))
        .add(Route::new(
            Method::GET,
            "/large",
            Entry::Public,
            async || vec![b'x'; 32 << 20],
            "Much",
        ))
        .add(
            Route::new(
                Method::GET,
                "/download",
                Entry::Public,
                async || vec![b'x'; 32 << 20],
                "Much, with patience",
            )
            .patient(),
        )
        .add(Route::new(Method::GET, "/slow", Entry::Public, slow, "Takes a while"))
        .add(Route::new(
            Method::GET,
            "/metrics",
            Entry::ScrapersOr(Permission::MetricsRead),
            async |State(app): State<App>| metrics::text(&app.metrics).await,
            "Numbers for Prometheus",
        ))
        .add(Route::new(
            Method::GET,
            "/live",
            Entry::Needs(Permission::DevicesRead),
            live,
            "Live updates",
        ))
        .add(Route::new(
            Method::GET,
            panoptikon_web::assets::PATH,
            Entry::Public,
            panoptikon_web::assets::serve,
            "Style and script",
        ))
}

#[derive(Deserialize)]
struct Value {
    n: i64,
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(400)).await;
    "slept"
}

async fn numbers(Query(query): Query<PageQuery>) -> Result<Json<Page<i64>>, Failure> {
    let after = query.after::<i64>()?.unwrap_or(0);
    let limit = query.limit();
    let rows = (after + 1..=after + 1 + i64::from(limit)).filter(|n| *n <= 120).collect();
    Ok(Json(Page::new(rows, limit, |n| *n)))
}

#[derive(Deserialize)]
struct Topics {
    topics: Option<String>,
}

async fn live(
    State(app): State<App>,
    Query(query): Query<Topics>,
    visitor: Visitor,
    client: Client,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let topics = query.topics.as_deref();
    app.live
        .open(upgrade, visitor, client, &headers, topics, app.access.clone())
        .unwrap_or_else(IntoResponse::into_response)
}

/// Opens a door on free ports of the loopback network.
pub async fn open(options: Options) -> Door {
    let dir = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    let store = Store::open(store::Options {
        dir: dir.path().join("data"),
        rooms: vec![access::ROOM],
        built: now,
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .unwrap();
    let mut access_options = access::Options::new(dir.path());
    access_options.cost = CHEAP;
    let access = Access::open(store, access_options, now).await.unwrap();
    let subject = Subject { names: vec![NAME.to_owned()], addresses: Vec::new() };
    let source = Source::Own { folder: dir.path().join("tls") };
    let tls = Arc::new(Tls::open(source, &subject, now).unwrap());
    let (hosts, proxies) = (Arc::new(Hosts::new([NAME])), Arc::new(options.proxies));
    let any = |a: Ipv4Addr| SocketAddr::new(a.into(), 0);
    let listen = [
        Listen { address: any(Ipv4Addr::LOCALHOST), plain: true },
        Listen { address: any(Ipv4Addr::UNSPECIFIED), plain: false },
    ];
    let server = Server::bind(
        &listen,
        Arc::clone(&tls),
        Arc::clone(&hosts),
        Arc::clone(&proxies),
        options.limits,
    )
    .unwrap()
    .admitting(Arc::new(move |address| options.outside.is_none_or(|out| address != out)));
    let front = Front::new(FrontOptions {
        access: access.clone(),
        hosts,
        proxies,
        scrapers: options.scrapers,
        requests_per_minute: options.per_minute,
        trusted_certificate: tls.trusted(),
        error_page: None,
    });
    let live = Live::new();
    let metrics =
        Arc::new(vec![server.metrics(), front.metrics(), Arc::new(live.clone()) as Arc<_>]);
    let app = App { access, live, metrics };
    let router = routes().build(app.clone(), &front);
    let at = server.addresses();
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(server.run(router, async {
        let _ = stopped.await;
    }));
    let local = |l: Listen| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), l.address.port());
    Door {
        plain: local(at[0]),
        tls: local(at[1]),
        ca: tls.ca().unwrap().pem.to_string(),
        app,
        stop: Some(stop),
        done,
        dir,
    }
}

impl Door {
    /// Sets the appliance up; its first person, an administrator.
    pub async fn administrator(&self) -> NewSession {
        let now = Timestamp::now();
        let token = self.app.access.setup_token(now).await.unwrap().unwrap();
        let setup = Setup {
            token,
            name: "ada".to_owned(),
            password: Secret::new("correct horse battery staple"),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: "test".to_owned(),
        };
        self.app.access.setup(setup, now).await.unwrap()
    }

    /// One request on a connection of its own; `Host` and `Connection: close` are added.
    pub async fn ask(&self, first: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.plain).await.unwrap();
        let request = request(first, headers, body);
        stream.write_all(request.as_bytes()).await.unwrap();
        read_answer(&mut stream).await
    }

    /// Bytes as they are, and what comes back until the server closes.
    pub async fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.plain).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        read_answer(&mut stream).await
    }
}

/// A request's text; what is not given is filled in as a browser on our own page would.
pub fn request(first: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{first} HTTP/1.1\r\nConnection: close\r\n");
    let has = |name: &str| headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    if !has("host") {
        text.push_str("Host: router.lan\r\n");
    }
    if !body.is_empty() && !has("content-length") {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text + "\r\n" + body
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|l| l.split_once(": "));
        lines.find_map(|(n, v)| n.eq_ignore_ascii_case(name).then_some(v))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Reads until the other side closes; an answer that never came has status 0.
pub async fn read_answer<S: AsyncRead + Unpin>(stream: &mut S) -> Answer {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let _ = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("no end");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Connects from a source address of our choice.
pub async fn connect_from(source: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source.into(), 0))?;
    socket.connect(to).await
}

/// A TLS client that trusts this CA.
pub fn connector(ca: &str) -> TlsConnector {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// A TLS connection from a source address.
pub async fn tls_from(
    connector: &TlsConnector,
    source: Ipv4Addr,
    to: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = connect_from(source, to).await?;
    let name = rustls_pki_types::ServerName::try_from(NAME).unwrap();
    connector.connect(name, stream).await
}

/// One request over TLS from a source address; status 0 when it is not served.
pub async fn ask_tls(
    connector: &TlsConnector,
    source: Ipv4Addr,
    to: SocketAddr,
    first: &str,
) -> Answer {
    let none = || Answer { status: 0, head: String::new(), body: String::new() };
    let Ok(mut stream) = tls_from(connector, source, to).await else {
        return none();
    };
    if stream.write_all(request(first, &[], "").as_bytes()).await.is_err() {
        return none();
    }
    read_answer(&mut stream).await
}

/// Whether the other side has closed, waiting this long for it.
pub async fn closed_within<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    most: Duration,
) -> bool {
    let mut byte = [0; 256];
    let until_end = async {
        loop {
            match stream.read(&mut byte).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(most, until_end).await.is_ok()
}
