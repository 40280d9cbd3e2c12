//! The door for agents: its TLS, its listeners, and the tasks that serve who comes.

mod connection;
mod http;
mod link;
pub(crate) mod measure;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use access::address_group;
use model::Timestamp;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::authority::Authority;
use crate::counts::Counts;
use crate::{Agents, AgentsError};

/// Connections that wait to be taken.
const BACKLOG: i32 = 256;
/// The most connections.
const MOST: usize = 4_096;
/// The most connections of one address that are no links yet.
const MOST_STRANGERS: usize = 64;
/// How long to wait when the machine has no room for another connection.
const BREATHER: Duration = Duration::from_millis(200);

/// The TLS of the door, which is made anew before its certificate ends.
pub(crate) struct TlsCell(RwLock<(Arc<ServerConfig>, Timestamp)>);

impl TlsCell {
    pub(crate) fn new(authority: &Authority, now: Timestamp) -> Result<Self, AgentsError> {
        Ok(Self(RwLock::new(config(authority, now)?)))
    }

    pub(crate) fn get(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Makes another certificate where that is due.
    pub(crate) fn renew(&self, authority: &Authority, now: Timestamp) -> Result<(), AgentsError> {
        let due = self.0.read().unwrap_or_else(PoisonError::into_inner).1;
        if now >= due {
            let fresh = config(authority, now)?;
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Ok(())
    }
}

fn config(
    authority: &Authority,
    now: Timestamp,
) -> Result<(Arc<ServerConfig>, Timestamp), AgentsError> {
    let fail = |error: &dyn std::fmt::Display| AgentsError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.ca().clone()).map_err(|e| fail(&e))?;
    // Who enrols has no certificate yet; each path says what it wants.
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|e| fail(&e))?;
    let identity = authority.server(now)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| fail(&e))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)
        .map_err(|e| fail(&e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A link lasts for days: nothing is gained by resuming one, and tickets cost memory.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok((Arc::new(config), identity.due))
}

/// Counts connections of an address that are no links yet.
#[derive(Default)]
struct Strangers(Mutex<HashMap<IpAddr, usize>>);

/// A place among the strangers; given back when it is dropped.
struct Place(Option<(Arc<Strangers>, IpAddr)>);

impl Strangers {
    fn enter(this: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address_group(address);
        let mut held = this.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= MOST_STRANGERS {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(this), address))))
    }
}

impl Place {
    /// It is no stranger any more.
    fn leave(&mut self) {
        let Some((strangers, address)) = self.0.take() else {
            return;
        };
        let mut held = strangers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What the task of a connection holds.
struct Guest {
    agents: Agents,
    address: SocketAddr,
    /// Where it came in.
    local: SocketAddr,
    ended: watch::Receiver<bool>,
    /// Kept until the connection has become a link.
    place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Agents {
    /// Serves agents at these addresses until `ended` turns true. To be run once at a time.
    ///
    /// # Errors
    /// [`AgentsError::Listen`] where none of the addresses can be had, [`AgentsError::Store`] where
    /// the tables refuse.
    pub async fn run(
        &self,
        mut listen: watch::Receiver<Vec<SocketAddr>>,
        mut ended: watch::Receiver<bool>,
    ) -> Result<(), AgentsError> {
        let doors = async {
            loop {
                let wanted = listen.borrow_and_update().clone();
                let mut tasks = self.open_doors(&wanted, &ended)?;
                tokio::select! {
                    Some(_) = tasks.join_next() => {}
                    changed = listen.changed() => if changed.is_err() {
                        // Nobody will ever change it.
                        while tasks.join_next().await.is_some() {}
                        std::future::pending::<()>().await;
                    },
                }
                // Ports are free when whoever had them is gone.
                tasks.shutdown().await;
            }
        };
        let mut over = ended.clone();
        let outcome = tokio::select! {
            outcome = doors => outcome,
            outcome = self.take_in() => outcome,
            outcome = self.keep() => outcome,
            _ = over.wait_for(|over| *over) => Ok(()),
        };
        self.0.listening.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Links hear of the end themselves; if it is another end they are let go here.
        if !*ended.borrow_and_update() {
            let all: Vec<_> = self.0.members.lock().keys().copied().collect();
            for id in all {
                self.hang_up(id, 1012, "The appliance starts anew.", Timestamp::now());
            }
        }
        outcome
    }

    fn open_doors(
        &self,
        wanted: &[SocketAddr],
        ended: &watch::Receiver<bool>,
    ) -> Result<JoinSet<()>, AgentsError> {
        let (mut tasks, mut bound, mut refused) = (JoinSet::new(), Vec::new(), None);
        let room = Arc::new(Semaphore::new(MOST));
        let strangers = Arc::<Strangers>::default();
        for address in wanted {
            match access::listen(*address, BACKLOG).and_then(TcpListener::from_std) {
                Ok(listener) => {
                    let at = listener.local_addr().unwrap_or(*address);
                    tracing::info!(address = %at, "listening for agents");
                    bound.push(at);
                    let (agents, ended) = (self.clone(), ended.clone());
                    let (room, strangers) = (Arc::clone(&room), Arc::clone(&strangers));
                    tasks.spawn(accept(agents, listener, room, strangers, ended));
                }
                Err(source) => {
                    tracing::warn!(%address, %source, "cannot listen for agents");
                    refused = Some(AgentsError::Listen { address: *address, source });
                }
            }
        }
        let none = bound.is_empty();
        *self.0.listening.lock().unwrap_or_else(PoisonError::into_inner) = bound;
        match refused {
            Some(error) if none => Err(error),
            _ => Ok(tasks),
        }
    }
}

async fn accept(
    agents: Agents,
    listener: TcpListener,
    room: Arc<Semaphore>,
    strangers: Arc<Strangers>,
    ended: watch::Receiver<bool>,
) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Such as too many open files; one connection less makes room.
                tracing::debug!(%error, "cannot take a connection");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let local = stream.local_addr().unwrap_or(address);
        let permit = Arc::clone(&room).try_acquire_owned().ok();
        let permit = permit.filter(|_| agents.admits(address.ip()));
        let place = Strangers::enter(&strangers, address.ip());
        let (Some(permit), Some(place)) = (permit, place) else {
            Counts::add(&agents.0.counts.refused, 1);
            continue;
        };
        let (agents, ended) = (agents.clone(), ended.clone());
        let guest = Guest { agents, address, local, ended, place, _permit: permit };
        tokio::spawn(connection::serve(stream, guest));
    }
}
