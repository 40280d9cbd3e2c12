//! Where discovery meets the kernel: OS threads that read sockets and the clock, and hand typed
//! values to whoever started them. They hold no opinion on devices.
//!
//! [`listen`] hears frames on all LAN interfaces, [`neighbours`] follows the kernel's interfaces
//! and neighbour table, [`prober`] sends; [`nudge`] has the kernel send where that is denied.

mod filter;
pub mod listen;
pub mod neighbours;
mod netlink;
pub mod nudge;
mod picture;
pub mod prober;
mod route_message;
mod wake;

use std::io;

use crate::sweep::SweepError;

pub use listen::{Counters, Listener, Overheard, Round};
pub use neighbours::{Interface, InterfaceKind, Neighbour, NeighbourState, NetworkChange, Watcher};
pub use prober::{Found, Job, Outcome};

/// What the kernel did not let us do.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Most often `CAP_NET_RAW` is missing.
    #[error("opening a packet socket on interface {interface}: {source}")]
    Open {
        /// Its index.
        interface: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The interface went away or down, most often.
    #[error("sending on interface {interface}: {source}")]
    Send {
        /// Its index.
        interface: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The interface went away or down, most often.
    #[error("receiving on interface {interface}: {source}")]
    Receive {
        /// Its index.
        interface: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// Routing netlink failed.
    #[error("{what} by netlink: {source}")]
    Netlink {
        /// What was attempted.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A thread, or the means to stop it, could not be had.
    #[error("starting the {name} thread: {source}")]
    Thread {
        /// Which.
        name: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The sweep cannot be.
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

impl EdgeError {
    /// Packet sockets are not for this process: it lacks `CAP_NET_RAW`.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}
