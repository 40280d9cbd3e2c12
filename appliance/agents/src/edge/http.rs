//! The few paths of the agents' door.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use model::Timestamp;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use wire::enrol::Refused;
use wire::{SUBPROTOCOL, limits};

use super::connection::Who;
use crate::Agents;
use crate::enrol::Refusal;

/// How long a host waits for its turn to fetch a file.
const TURN: Duration = Duration::from_secs(60);

pub(super) type Body = Full<Bytes>;

/// Answers a request.
pub(super) async fn answer(
    agents: &Agents,
    request: Request<Incoming>,
    who: Option<Who>,
    address: IpAddr,
    link: &Mutex<Option<OnUpgrade>>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, "/install.sh") => {
            let shelf = agents.shelf().clone();
            match tokio::task::spawn_blocking(move || shelf.script()).await {
                Ok(text) => plain(StatusCode::OK, "text/x-shellscript; charset=utf-8", text.into()),
                Err(_) => {
                    refused(StatusCode::INTERNAL_SERVER_ERROR, "The script is not to be had.")
                }
            }
        }
        (&Method::POST, "/enrol") => enrol(agents, request, address).await,
        (&Method::GET, "/link") => upgrade(request, who, link),
        (&Method::GET, path) if path.starts_with("/agent/") => {
            file(agents, path.trim_start_matches("/agent/")).await
        }
        _ => refused(StatusCode::NOT_FOUND, "There is nothing at this address."),
    }
}

fn plain(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    plain(status, "application/json", serde_json::to_vec(value).unwrap_or_default().into())
}

fn refused(status: StatusCode, error: &str) -> Response<Body> {
    json(status, &Refused { error: error.to_owned() })
}

async fn enrol(agents: &Agents, request: Request<Incoming>, address: IpAddr) -> Response<Body> {
    let Ok(body) = Limited::new(request.into_body(), limits::ENROL).collect().await else {
        let what = "The request is longer than this takes, or ended too early.";
        return refused(StatusCode::PAYLOAD_TOO_LARGE, what);
    };
    let Ok(request) = serde_json::from_slice(&body.to_bytes()) else {
        // What came may hold a token: nothing of it is repeated.
        return refused(StatusCode::BAD_REQUEST, "The request makes no sense.");
    };
    match agents.enrol(address, request, Timestamp::now()).await {
        Ok(enrolled) => json(StatusCode::OK, &enrolled),
        Err(Refusal::Internal(error)) => {
            tracing::error!(%error, "a host could not be enrolled");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "The appliance failed; its log says why.")
        }
        Err(refusal @ Refusal::TooMany(_)) => {
            refused(StatusCode::TOO_MANY_REQUESTS, &refusal.to_string())
        }
        Err(refusal) => refused(StatusCode::FORBIDDEN, &refusal.to_string()),
    }
}

/// A file on its way out, of which there are only a few in memory at a time.
struct Outgoing {
    octets: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

async fn file(agents: &Agents, name: &str) -> Response<Body> {
    let turn = timeout(TURN, Arc::clone(&agents.0.downloads).acquire_owned()).await;
    let Ok(Ok(permit)) = turn else {
        let what = "Many hosts fetch files at this moment; try again in a minute.";
        return refused(StatusCode::SERVICE_UNAVAILABLE, what);
    };
    let (shelf, wanted) = (agents.shelf().clone(), name.to_owned());
    let read = move || match wanted.strip_suffix(".minisig") {
        Some(arch) => shelf.signature(arch),
        None => shelf.program(&wanted),
    };
    if let Ok(Some(octets)) = tokio::task::spawn_blocking(read).await {
        let body = Bytes::from_owner(Outgoing { octets, _permit: permit });
        return plain(StatusCode::OK, "application/octet-stream", body);
    }
    let what = "This appliance does not have this file. Take the agent from the release.";
    refused(StatusCode::NOT_FOUND, what)
}

fn upgrade(
    mut request: Request<Incoming>,
    who: Option<Who>,
    link: &Mutex<Option<OnUpgrade>>,
) -> Response<Body> {
    if who.is_none() {
        let what = "Only an agent with a certificate of this appliance may come in here.";
        return refused(StatusCode::FORBIDDEN, what);
    }
    let headers = request.headers();
    let has = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|v: &HeaderValue| v.to_str().ok());
        let mut words = values.flat_map(|v| v.split(','));
        words.any(|found| found.trim().eq_ignore_ascii_case(word))
    };
    let speaks = has(UPGRADE, "websocket")
        && has(CONNECTION, "upgrade")
        && has(SEC_WEBSOCKET_VERSION, "13")
        && has(SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    let accept = headers.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accept = accept.filter(|_| speaks).and_then(|key| HeaderValue::from_str(&key).ok());
    let Some(accept) = accept else {
        let what = "This address speaks WebSocket with the subprotocol panoptikon.agent.1.";
        return refused(StatusCode::BAD_REQUEST, what);
    };
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(SEC_WEBSOCKET_ACCEPT, accept);
    answer.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    *link.lock().unwrap_or_else(PoisonError::into_inner) = Some(hyper::upgrade::on(&mut request));
    response
}
