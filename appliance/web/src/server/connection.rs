//! One connection from its first byte to its last, with a deadline at every moment.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;
use tracing::debug;

use super::watched::{Answer, Phase, Place, Watch, Watched};
use super::{Limits, Shared, Stage, hint};
use crate::http::{Patient, Peer};

/// Most bytes of one request's line and headers.
const MAX_HEAD: usize = 64 * 1024;

/// Most header lines of one request.
const MAX_HEADERS: usize = 64;

/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Serves a connection that speaks HTTP without TLS.
pub(super) async fn plain(stream: TcpStream, peer: Peer, place: Place, shared: &Shared) {
    http(stream, peer, place, shared).await;
}

/// Serves a connection that should speak TLS; one that speaks HTTP is told where to go.
pub(super) async fn tls(stream: TcpStream, peer: Peer, place: Place, shared: &Shared) {
    let mut stage = shared.stage.clone();
    let pulse = Arc::clone(&place.pulse);
    let greeted = tokio::select! {
        greeted = timeout(shared.limits.handshake, greet(stream, shared)) => greeted,
        () = pulse.evicted() => return,
        _ = stage.changed() => return,
    };
    match greeted {
        Ok(Some(stream)) => http(stream, peer, place, shared).await,
        Ok(None) => {}
        Err(_) => {
            shared.traffic.timed_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn greet(
    stream: TcpStream,
    shared: &Shared,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    if first[0] != TLS_HANDSHAKE {
        hint::answer(stream, &shared.hosts).await;
        return None;
    }
    match TlsAcceptor::from(shared.tls.config()).accept(stream).await {
        Ok(stream) => Some(stream),
        Err(error) => {
            debug!(%error, "TLS handshake failed");
            shared.traffic.handshakes_failed.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

async fn http<Io>(io: Io, peer: Peer, place: Place, shared: &Shared)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Watch::new(&place);
    let pulse = Arc::clone(&place.pulse);
    let router = shared.router.clone();
    let service = {
        let watch = watch.clone();
        hyper::service::service_fn(move |mut request: Request<Incoming>| {
            watch.begin();
            request.extensions_mut().insert(peer);
            let (mut router, watch) = (router.clone(), watch.clone());
            async move {
                let Ok(response) = Service::call(&mut router, request).await;
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    watch.set(Phase::Upgraded);
                } else if response.extensions().get::<Patient>().is_some() {
                    watch.be_patient();
                }
                Ok::<_, Infallible>(response.map(|body| Answer::new(body, watch)))
            }
        })
    };
    let io = TokioIo::new(Watched::new(io, watch.clone(), place));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The watchdog below keeps this time itself, apart from the time between requests, which
        // hyper would count as waiting for headers.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(io, service)
        .with_upgrades();

    let mut connection = pin!(connection);
    let mut stage = shared.stage.clone();
    let mut alarm = pin!(sleep(shared.limits.headers));
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    debug!(%error, peer = %peer.address, "connection ended");
                }
                return;
            }
            () = alarm.as_mut() => {
                let Some(wait) = left(&watch, &shared.limits) else {
                    shared.traffic.timed_out.fetch_add(1, Ordering::Relaxed);
                    return;
                };
                alarm.as_mut().reset(Instant::now() + wait);
            }
            () = pulse.evicted() => {
                if !pulse.is_busy() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
            changed = stage.changed() => {
                if changed.is_err() || *stage.borrow() == Stage::Closed {
                    return;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Time until the connection has to be looked at again; `None` when its time is up.
fn left(watch: &Watch, limits: &Limits) -> Option<Duration> {
    let now = watch.now();
    let left = |since: u64, most: Duration| {
        let passed = Duration::from_millis(now.saturating_sub(since));
        most.checked_sub(passed).filter(|left| !left.is_zero())
    };
    let left = match watch.phase() {
        Phase::Headers(since) => left(since, limits.headers),
        Phase::Idle(since) => left(since, limits.idle),
        Phase::Busy { since, patient, .. } => {
            let answer = if patient { Duration::MAX } else { limits.answer };
            left(since, answer).min(left(watch.last_moved(), limits.stalled))
        }
        Phase::Upgraded => Some(limits.idle),
    };
    // A phase that begins while the watchdog sleeps may have a nearer deadline than this one.
    let nearest = limits.headers.min(limits.idle).min(limits.stalled).min(limits.answer);
    left.map(|left| left.min(nearest))
}
