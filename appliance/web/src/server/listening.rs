//! Where a server listens, which may change while it serves: connections that are open stay open,
//! whatever address they came by.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tracing::info;

use super::{Listen, ServerError, open};

/// Begins to take connections from a listener until the flag turns true.
type Start = dyn Fn(TcpListener, bool, watch::Receiver<bool>) -> JoinHandle<()> + Send + Sync;

/// Changes where a server listens. Clones are the same handle; it works while the server runs.
#[derive(Clone, Default)]
pub struct Listening(Arc<Mutex<Option<Serving>>>);

struct Serving {
    start: Box<Start>,
    doors: Vec<Doorway>,
}

/// One address at which connections are taken.
struct Doorway {
    /// As it was asked for: port 0 stays 0.
    asked: Listen,
    close: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Listens at these addresses and no others. Those at which it listens already are not touched.
    /// Where one of the others cannot be had, all stays as it was.
    pub async fn set(&self, wanted: &[Listen]) -> Result<(), ServerError> {
        let mut serving = self.0.lock().await;
        let Some(serving) = serving.as_mut() else {
            return Err(ServerError::NotServing);
        };
        let all = std::mem::take(&mut serving.doors);
        let (kept, closed): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|door| wanted.contains(&door.asked));
        let new: Vec<Listen> =
            wanted.iter().copied().filter(|w| kept.iter().all(|door| door.asked != *w)).collect();
        serving.doors = kept;
        // First, because an old one may take up the place of a new one: 0.0.0.0 that of any address.
        let mut before = Vec::new();
        for door in closed {
            door.close.send_replace(true);
            // A task that has panicked has let go of its listener, too.
            let _ = door.task.await;
            before.push(door.asked);
        }
        let outcome = serving.open(&new);
        if outcome.is_err() {
            serving.open(&before)?;
        }
        outcome
    }

    pub(super) async fn begin(&self, start: Box<Start>, bound: Vec<(TcpListener, Listen)>) {
        let mut serving = Serving { start, doors: Vec::new() };
        for (listener, asked) in bound {
            serving.add(listener, asked);
        }
        *self.0.lock().await = Some(serving);
    }

    pub(super) async fn end(&self) {
        *self.0.lock().await = None;
    }
}

impl Serving {
    /// Opens all or none.
    fn open(&mut self, wanted: &[Listen]) -> Result<(), ServerError> {
        let mut bound = Vec::with_capacity(wanted.len());
        for listen in wanted {
            listen.allowed()?;
            let address = listen.address;
            let opened = open(address).map_err(|source| ServerError::Listen { address, source })?;
            bound.push((opened, *listen));
        }
        for (listener, asked) in bound {
            self.add(listener, asked);
        }
        Ok(())
    }

    fn add(&mut self, listener: TcpListener, asked: Listen) {
        let address = listener.local_addr().unwrap_or(asked.address);
        info!(%address, plain = asked.plain, "serving");
        let (close, closed) = watch::channel(false);
        let task = (self.start)(listener, asked.plain, closed);
        self.doors.push(Doorway { asked, close, task });
    }
}
