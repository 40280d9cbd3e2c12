//! The sockets: a unix socket, TLS, and HTTP/1.1 on both. In: connections. Out: requests for the
//! API, and its answers.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::api::{self, Asked};
use crate::reply::Reply;
use crate::router::Shared;
use crate::{Options, Seen, SimError, tls};

/// No more connections at once; the next wait to be taken.
const CONNECTIONS: usize = 256;
/// What the server itself takes without nginx before it.
const LARGEST_BARE: usize = 16 * 1024 * 1024;
/// For the hello of TLS, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The listening tasks. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) certificate: Option<Vec<u8>>,
    socket: Option<PathBuf>,
    tasks: JoinSet<()>,
    end: watch::Sender<bool>,
}

impl Server {
    /// Listens where the options say.
    pub(crate) async fn start(options: &Options, shared: &Arc<Shared>) -> Result<Self, SimError> {
        let (end, _) = watch::channel(false);
        let mut server = Self {
            address: None,
            certificate: None,
            socket: options.socket.clone(),
            tasks: JoinSet::new(),
            end,
        };
        let limit = Arc::new(Semaphore::new(CONNECTIONS));
        if let Some(path) = &options.socket {
            // One that a killed predecessor left behind would be in the way.
            let _ = std::fs::remove_file(path);
            let listener = UnixListener::bind(path)
                .map_err(|source| SimError::file("listening on", path, source))?;
            // As the server itself does: the key is what protects it.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
                .map_err(|source| SimError::file("opening up", path, source))?;
            let link = Link { shared: Arc::clone(shared), fronted: !options.bare_socket };
            let ended = server.end.subscribe();
            server.tasks.spawn(accept_unix(listener, link, Arc::clone(&limit), ended));
        }
        if let Some(address) = options.listen {
            let failed = |source| SimError::file("listening on", address, source);
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            server.address = Some(listener.local_addr().map_err(failed)?);
            let (config, certificate) = tls::fresh()?;
            server.certificate = Some(certificate);
            let link = Link { shared: Arc::clone(shared), fronted: true };
            let ended = server.end.subscribe();
            let acceptor = TlsAcceptor::from(config);
            server.tasks.spawn(accept_tls(listener, acceptor, link, limit, ended));
        }
        Ok(server)
    }

    /// Ends all connections.
    pub(crate) async fn stop(mut self) {
        let _ = self.end.send(true);
        self.tasks.shutdown().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end.send(true);
        if let Some(path) = &self.socket {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[derive(Clone)]
struct Link {
    shared: Arc<Shared>,
    fronted: bool,
}

async fn accept_unix(
    listener: UnixListener,
    link: Link,
    limit: Arc<Semaphore>,
    ended: watch::Receiver<bool>,
) {
    while let Ok(place) = Arc::clone(&limit).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (link, ended) = (link.clone(), ended.clone());
        tokio::spawn(async move {
            // Nobody listens while the server is down.
            if link.fronted || link.shared.router().server.down_until.is_none() {
                talk(stream, link, ended).await;
            }
            drop(place);
        });
    }
}

async fn accept_tls(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    link: Link,
    limit: Arc<Semaphore>,
    ended: watch::Receiver<bool>,
) {
    let port = listener.local_addr().map_or(443, |address| address.port());
    while let Ok(place) = Arc::clone(&limit).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, link, ended) = (acceptor.clone(), link.clone(), ended.clone());
        tokio::spawn(async move {
            let greeted = tokio::time::timeout(PATIENCE, greet(stream, &acceptor, port)).await;
            if let Ok(Ok(Some(stream))) = greeted {
                talk(stream, link, ended).await;
            }
            drop(place);
        });
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

/// TLS; whoever speaks without it is sent to the same address with it.
async fn greet(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    port: u16,
) -> io::Result<Option<Tls>> {
    const HANDSHAKE: u8 = 0x16;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 || first == [HANDSHAKE] {
        return acceptor.accept(stream).await.map(Some);
    }
    let mut head = vec![0; 8192];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await?;
    let head = String::from_utf8_lossy(head.get(..read).unwrap_or_default()).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/");
    let body = Reply::nginx(301).body;
    let answer = format!(
        "HTTP/1.1 301 Moved Permanently\r\nServer: nginx/1.22.1\r\nContent-Type: \
         text/html\r\nContent-Length: {}\r\nConnection: close\r\nLocation: \
         https://127.0.0.1:{port}{path}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(None)
}

async fn talk<S>(stream: S, link: Link, mut ended: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| respond(link.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that goes away is its own business.
        _ = connection => {}
        _ = ended.wait_for(|end| *end) => {}
    }
}

/// An answer withheld: the connection is closed without one.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct Withheld;

async fn respond(
    link: Link,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Withheld> {
    let last = request.headers().get(CONNECTION).is_some_and(|value| value == "close");
    // In a task of its own: work goes on when the client goes away.
    let work = tokio::spawn(work(link.clone(), request));
    match work.await {
        Ok(Some(reply)) => Ok(written(reply, link.fronted, last)),
        _ => Err(Withheld),
    }
}

async fn work(link: Link, request: Request<Incoming>) -> Option<Reply> {
    let (head, body) = request.into_parts();
    // What is too large is read all the same, as far as that: a client that is still writing would
    // not see an answer.
    let (body, too_large) = match Limited::new(body, LARGEST_BARE).collect().await {
        Ok(body) => (body.to_bytes(), false),
        Err(error) if error.is::<LengthLimitError>() => (Bytes::new(), true),
        Err(_) => return None,
    };
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let asked = Asked {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        kind: kind.unwrap_or_default().to_owned(),
        body: body.to_vec(),
        fronted: link.fronted,
    };
    let seen = Seen {
        at: Instant::now(),
        method: asked.method.clone(),
        path: asked.path.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: None,
    };
    let (number, lose) = {
        let mut router = link.shared.router();
        let meant = |endpoint: &mut String| seen.path.starts_with(endpoint.as_str());
        let lose = router.knobs.lose_next.take_if(meant).is_some();
        (router.begins(seen), lose)
    };
    let reply =
        if too_large { Some(Reply::nginx(413)) } else { api::answer(&link.shared, asked).await };
    let status = reply.as_ref().map_or(0, |reply| reply.status);
    link.shared.router().ends(number, status);
    reply.filter(|_| !lose)
}

fn written(reply: Reply, fronted: bool, last: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    let headers = response.headers_mut();
    let server = if fronted { "nginx/1.22.1" } else { "uvicorn" };
    headers.insert(SERVER, HeaderValue::from_static(server));
    if fronted && !last {
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    if !reply.kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.kind));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
