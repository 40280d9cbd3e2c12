//! Tools to look further from the router: ping, the way to a host, a port, a name, the line's speed.
//!
//! Every tool checks what it is given, sends little, ends by itself within a known time and at once
//! when nobody waits for it any more. Only a few run at the same time.

mod dns;
mod ping;
mod port;
mod speed;
mod target;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

pub use dns::{DnsAnswer, DnsQuestion, DnsRecord, RecordKind};
pub use ping::{PingRequest, PingUpdate};
pub use port::{PortAnswer, PortQuestion, PortVerdict};
pub(crate) use speed::Gate;
pub use speed::{
    SPEED_KEY, SpeedOutcome, SpeedPhase, SpeedSettings, SpeedTest, SpeedUpdate, provider_in,
};
pub use target::Target;
pub use trace::{Probe, TraceRequest, TraceUpdate};

use crate::SystemError;

/// Tools that run at the same time.
const AT_ONCE: usize = 4;
/// Updates that wait for a slow reader before the tool waits.
const WAITING: usize = 64;

/// The tools. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tools {
    slots: Arc<Semaphore>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// What a running tool tells. It ends when this is dropped.
#[derive(Debug)]
pub struct Updates<T> {
    receiver: mpsc::Receiver<T>,
    task: AbortHandle,
}

impl<T> Updates<T> {
    /// The next update; None once the tool has ended.
    pub async fn next(&mut self) -> Option<T> {
        self.receiver.recv().await
    }
}

impl<T> Drop for Updates<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tools {
    fn slot(&self) -> Result<OwnedSemaphorePermit, SystemError> {
        let slot = Arc::clone(&self.slots).try_acquire_owned();
        slot.map_err(|_| SystemError::Busy { what: "four tools run already" })
    }

    /// Runs something that tells updates, for at most so long.
    fn start<T: Send + 'static, F: Future<Output = ()> + Send + 'static>(
        slot: OwnedSemaphorePermit,
        limit: Duration,
        work: impl FnOnce(mpsc::Sender<T>) -> F,
    ) -> Updates<T> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let work = work(sender);
        let task = tokio::spawn(async move {
            let _slot = slot;
            let _ = tokio::time::timeout(limit, work).await;
        });
        Updates { receiver, task: task.abort_handle() }
    }
}
