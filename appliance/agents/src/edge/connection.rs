//! One connection: TLS, who it is, and then requests until one becomes a link.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest as _, Sha256};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Guest, http, measure};
use crate::counts::Counts;
use crate::{AgentId, der};

const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until the head of a request is there.
const HEAD: Duration = Duration::from_secs(10);
/// For all requests of a connection: a file over a slow line takes a while.
const REQUESTS: Duration = Duration::from_secs(300);
/// The longest head of a request. hyper takes no less.
const LONGEST_HEAD: usize = 8 * 1024;

/// Who a client certificate says it is. It was verified against the agents' CA.
#[derive(Debug, Clone, Copy)]
pub(super) struct Who {
    pub(super) id: AgentId,
    /// SHA-256 of its public key.
    pub(super) key: [u8; 32],
}

fn who(der: &[u8]) -> Option<Who> {
    let subject = der::certificate(der)?;
    let id = std::str::from_utf8(subject.common_name).ok()?.parse().ok()?;
    Some(Who { id, key: Sha256::digest(subject.spki).into() })
}

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, guest: Guest) {
    // Nagle would hold acknowledgements back. A socket that refuses works without.
    let _ = stream.set_nodelay(true);
    if guest.agents.0.mesh.awaits() && measure::is_one(&stream).await {
        return measure::take(stream, &guest).await;
    }
    let acceptor = TlsAcceptor::from(guest.agents.0.tls.get());
    let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        failed => {
            Counts::add(&guest.agents.0.counts.handshakes_failed, 1);
            let why = match failed {
                Ok(Err(error)) => error.to_string(),
                _ => "it took too long".to_owned(),
            };
            tracing::debug!(address = %guest.address, why, "no TLS with an agent");
            return;
        }
    };
    let who = stream.get_ref().1.peer_certificates().and_then(|chain| who(chain.first()?));
    let (agents, address, mut ended) = (guest.agents.clone(), guest.address, guest.ended.clone());
    // A request for a link leaves here what becomes one after the answer.
    let link = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let (agents, link) = (agents.clone(), Arc::clone(&link));
        async move {
            let answer: Response<http::Body> =
                http::answer(&agents, request, who, address.ip(), &link).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        served = timeout(REQUESTS, connection) => match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%address, %error, "a connection of an agent ended");
            }
            Err(_) => tracing::debug!(%address, "a connection of an agent took too long"),
        },
        _ = ended.wait_for(|over| *over) => return,
    }
    let upgrade = link.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Some(upgrade), Some(who)) = (upgrade, who) {
        let Ok(Ok(stream)) = timeout(HANDSHAKE, upgrade).await else {
            return;
        };
        Box::pin(super::link::run(stream, who, guest)).await;
    }
}
