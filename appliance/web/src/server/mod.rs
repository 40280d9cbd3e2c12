//! The accept loop: takes TCP connections on every address it was given, lets in what
//! [`admission`] allows, speaks TLS, and hands HTTP/1.1 requests to the router.
//!
//! Every connection has a deadline at every moment (handshake, headers, idle, stalled), so slow or
//! silent clients cost a bounded time; every table has a bound, so they cost bounded memory. An
//! error of `accept` (out of files, most of all) pauses the loop, never ends it.

pub mod admission;
mod connection;
mod hint;
mod limits;
mod listening;
mod watched;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use self::admission::Admission;
pub use self::limits::{Limits, open_file_limit};
pub use self::listening::Listening;
use self::watched::{Door, Place};
use crate::http::{Hosts, Peer, Proxies};
use crate::metrics::{Families, Family, Kind, Metrics};
use crate::tls::Tls;

/// Pause after a failed `accept`, so that running out of files does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often it is told that somebody outside was refused.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How long the last connections get to notice that they were cut off.
const CUT_OFF: Duration = Duration::from_millis(200);

/// Connections the kernel keeps while the loop is busy.
const BACKLOG: i32 = 1024;

/// One address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// HTTP without TLS. Only a loopback address may be plain: for benches and for a proxy on the
    /// router itself.
    pub plain: bool,
}

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Plain HTTP was asked for beyond the router itself.
    #[error(
        "cannot serve plain HTTP on {0}: only a loopback address may go without TLS; give 127.0.0.1 or [::1]"
    )]
    PlainBeyondLoopback(SocketAddr),
    /// There is no server whose addresses could be changed.
    #[error("cannot listen elsewhere: the web server does not run just now")]
    NotServing,
}

impl Listen {
    fn allowed(self) -> Result<(), ServerError> {
        if self.plain && !self.address.ip().is_loopback() {
            return Err(ServerError::PlainBeyondLoopback(self.address));
        }
        Ok(())
    }
}

/// What the front door counted since its start.
#[derive(Debug, Default)]
pub struct Traffic {
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) handshakes_failed: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) accept_errors: AtomicU64,
}

/// What every connection's task needs.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) tls: Arc<Tls>,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) router: Router,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) stage: watch::Receiver<Stage>,
}

/// How far the server's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Serving.
    Open,
    /// Open requests finish, new ones are refused.
    Draining,
    /// Everything still open is cut off.
    Closed,
}

/// The front door, listening but not yet serving.
pub struct Server {
    listeners: Vec<(TcpListener, Listen)>,
    listening: Listening,
    tls: Arc<Tls>,
    hosts: Arc<Hosts>,
    proxies: Arc<Proxies>,
    limits: Limits,
    door: Arc<Door>,
    traffic: Arc<Traffic>,
    admits: Admits,
}

/// Whether a connection from an address is taken at all.
pub type Admits = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

impl Server {
    /// Listens on all addresses, in the kernel's name too for addresses that an interface does
    /// not have yet. Must be called within a tokio runtime.
    pub fn bind(
        listen: &[Listen],
        tls: Arc<Tls>,
        hosts: Arc<Hosts>,
        proxies: Arc<Proxies>,
        limits: Limits,
    ) -> Result<Self, ServerError> {
        let mut listeners = Vec::with_capacity(listen.len());
        for &asked in listen {
            asked.allowed()?;
            let fail = |source| ServerError::Listen { address: asked.address, source };
            listeners.push((open(asked.address).map_err(fail)?, asked));
        }
        let caps = limits.caps(open_file_limit());
        debug!(connections = caps.total, per_address = caps.per_address, "front door limits");
        let door = Arc::new(Door::new(Admission::new(caps)));
        let (traffic, admits): (_, Admits) = (Arc::default(), Arc::new(|_| true));
        let listening = Listening::default();
        Ok(Self { listeners, listening, tls, hosts, proxies, limits, door, traffic, admits })
    }

    /// Takes connections from these addresses only; without this call, from all.
    #[must_use]
    pub fn admitting(self, admits: Admits) -> Self {
        Self { admits, ..self }
    }

    /// Where it listens, with the ports that were really taken.
    pub fn addresses(&self) -> Vec<Listen> {
        let bound = |(listener, asked): &(TcpListener, Listen)| {
            let address = listener.local_addr().unwrap_or(asked.address);
            Listen { address, plain: asked.plain }
        };
        self.listeners.iter().map(bound).collect()
    }

    /// Lets this handle change where it listens.
    #[must_use]
    pub fn changed_by(self, listening: Listening) -> Self {
        Self { listening, ..self }
    }

    /// The front door's own numbers.
    pub fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::new(DoorMetrics { door: Arc::clone(&self.door), traffic: Arc::clone(&self.traffic) })
    }

    /// Serves until `stop` ends, then lets open requests finish for [`Limits::drain`] and cuts off
    /// the rest.
    pub async fn run(self, router: Router, stop: impl Future<Output = ()>) {
        let (stage, seen) = watch::channel(Stage::Open);
        let shared = Arc::new(Shared {
            limits: self.limits,
            tls: self.tls,
            hosts: self.hosts,
            router,
            traffic: self.traffic,
            stage: seen,
        });
        let (door, proxies, admits) = (Arc::clone(&self.door), self.proxies, self.admits);
        let start = Box::new(move |listener, plain, closed| {
            tokio::spawn(accept(
                listener,
                plain,
                closed,
                Arc::clone(&shared),
                Arc::clone(&door),
                Arc::clone(&proxies),
                Arc::clone(&admits),
            ))
        });
        self.listening.begin(start, self.listeners).await;
        stop.await;
        self.listening.end().await;
        stage.send_replace(Stage::Draining);
        if !emptied(&self.door, self.limits.drain).await {
            info!(open = self.door.open(), "cutting off the last connections");
            stage.send_replace(Stage::Closed);
            emptied(&self.door, CUT_OFF).await;
        }
    }
}

/// Waits until no connection is open; false when that takes too long.
async fn emptied(door: &Door, most: Duration) -> bool {
    const LOOK_AGAIN: Duration = Duration::from_millis(20);
    tokio::time::timeout(most, async {
        while door.open() > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
    .await
    .is_ok()
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    access::listen(address, BACKLOG).and_then(TcpListener::from_std)
}

async fn accept(
    listener: TcpListener,
    plain: bool,
    mut closed: watch::Receiver<bool>,
    shared: Arc<Shared>,
    door: Arc<Door>,
    proxies: Arc<Proxies>,
    admits: Admits,
) {
    let mut stage = shared.stage.clone();
    let mut failing = false;
    let mut told = None::<Instant>;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stage.changed() => return,
            // Also when nobody is left who could say so: the server ends.
            _ = closed.changed() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                failing = false;
                shared.traffic.accepted.fetch_add(1, Ordering::Relaxed);
                if !admits(address.ip()) {
                    shared.traffic.refused.fetch_add(1, Ordering::Relaxed);
                    if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
                        told = Some(Instant::now());
                        warn!(
                            address = %address.ip().to_canonical(),
                            "refused a connection from outside; allow_clients says who may connect"
                        );
                    }
                    continue;
                }
                let exempt = plain || proxies.trusts(address.ip().to_canonical());
                let Some(place) = door.enter(address.ip().into(), exempt) else {
                    shared.traffic.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                start(stream, address, plain, place, Arc::clone(&shared));
            }
            Err(error) => {
                shared.traffic.accept_errors.fetch_add(1, Ordering::Relaxed);
                if !failing {
                    warn!(%error, "cannot accept a connection, trying on");
                }
                failing = true;
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn start(stream: TcpStream, address: SocketAddr, plain: bool, place: Place, shared: Arc<Shared>) {
    let canonical: IpAddr = address.ip().to_canonical();
    let local = stream.local_addr().ok().map(|local| local.ip().to_canonical());
    let peer = Peer { address: SocketAddr::new(canonical, address.port()), tls: !plain, local };
    // Small answers must not wait for Nagle; failure only makes them slower.
    let _ = stream.set_nodelay(true);
    tokio::spawn(async move {
        if plain {
            connection::plain(stream, peer, place, &shared).await;
        } else {
            connection::tls(stream, peer, place, &shared).await;
        }
    });
}

struct DoorMetrics {
    door: Arc<Door>,
    traffic: Arc<Traffic>,
}

impl Metrics for DoorMetrics {
    fn collect(&self) -> Families<'_> {
        let counter = |name, help, value: &AtomicU64| {
            Family::new(name, Kind::Counter, help).sample(&[], value.load(Ordering::Relaxed) as f64)
        };
        let t = &self.traffic;
        let families = vec![
            Family::new(
                "panoptikon_http_connections_open",
                Kind::Gauge,
                "Connections to the web server that are open now.",
            )
            .sample(&[], self.door.open() as f64),
            counter(
                "panoptikon_http_connections_accepted_total",
                "Connections to the web server taken from the kernel.",
                &t.accepted,
            ),
            counter(
                "panoptikon_http_connections_refused_total",
                "Connections refused because they came from outside or a limit was reached.",
                &t.refused,
            ),
            counter(
                "panoptikon_http_connections_timed_out_total",
                "Connections closed because handshake, headers or bytes came too slowly.",
                &t.timed_out,
            ),
            counter(
                "panoptikon_http_handshakes_failed_total",
                "TLS handshakes that failed.",
                &t.handshakes_failed,
            ),
            counter(
                "panoptikon_http_accept_errors_total",
                "Errors while taking connections from the kernel.",
                &t.accept_errors,
            ),
        ];
        Box::pin(async move { families })
    }
}
