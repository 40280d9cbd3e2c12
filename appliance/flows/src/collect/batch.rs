//! Flows on their way from a collector to the writer, and to those who watch.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use model::Timestamp;

use super::Surroundings;
use super::connections::Take;
use crate::Flow;
use crate::days::FlowWriter;
use crate::live::LiveView;

/// Flows handed on at once: few enough that the writer's queue holds some tenths of a second at a
/// million a second, many enough that handing on costs nothing.
const BATCH: usize = 4_096;

/// Where collectors put flows. Cheap to clone; each clone has a batch of its own.
#[derive(Clone)]
pub(crate) struct Outlet {
    writer: Arc<FlowWriter>,
    live: Arc<LiveView>,
    around: Arc<RwLock<Arc<Surroundings>>>,
    /// As of the last [`Outlet::refresh`].
    here: Arc<Surroundings>,
    is_watched: bool,
    now: Timestamp,
    batch: Vec<Flow>,
    /// How many there were in the last batch.
    usual: usize,
}

impl Outlet {
    pub(crate) fn new(
        writer: Arc<FlowWriter>,
        live: Arc<LiveView>,
        around: Arc<RwLock<Arc<Surroundings>>>,
    ) -> Self {
        let here = Arc::clone(&around.read().unwrap_or_else(PoisonError::into_inner));
        let (is_watched, now, batch, usual) = (false, Timestamp(0), Vec::new(), 0);
        Self { writer, live, around, here, is_watched, now, batch, usual }
    }

    /// Takes over what has changed around; to be called whenever the thread wakes.
    pub(crate) fn refresh(&mut self, now: Timestamp) {
        self.here = Arc::clone(&self.around.read().unwrap_or_else(PoisonError::into_inner));
        self.is_watched = self.live.is_watched(now);
        self.now = now;
    }

    pub(crate) fn around(&self) -> &Surroundings {
        &self.here
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// A flow to be kept.
    pub(crate) fn put(&mut self, flow: &Flow) {
        if self.batch.capacity() == 0 {
            self.batch = self.writer.spare();
            self.batch.reserve_exact(self.usual.max(1));
        }
        self.batch.push(*flow);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    /// A flow for those who watch.
    pub(crate) fn show(&self, flow: &Flow) {
        if self.is_watched {
            self.live.add(flow, self.now);
        }
    }

    /// True when nothing waits in the batch.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Hands on what waits. What the writer has no room for it counts.
    pub(crate) fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.usual = self.batch.len();
            self.writer.offer(std::mem::take(&mut self.batch));
        }
    }

    /// True for what never left this machine: the kernel tracks that as well, no exporter tells.
    fn stays_here(&self, flow: &Flow) -> bool {
        self.here.is_own(flow.source) && self.here.is_own(flow.destination)
    }

    fn interface_of(&self, address: IpAddr) -> u32 {
        self.here.interface_of(address)
    }
}

impl Take for Outlet {
    fn flow(&mut self, flow: &Flow) {
        if self.stays_here(flow) {
            return;
        }
        // The kernel does not tell by which interfaces; of ours the addresses do.
        let (input, output) = (self.interface_of(flow.source), self.interface_of(flow.destination));
        self.put(&Flow { input, output, ..*flow });
    }

    fn passed(&mut self, flow: &Flow) {
        if !self.stays_here(flow) {
            self.show(flow);
        }
    }
}
