//! How flows come in: datagrams of exporters and the kernel's own connections.
//!
//! Each source is an operating-system thread that sleeps in poll(2) until there is something, and
//! an engine without I/O behind it: [`crate::decode`] for exporters, `connections` for the kernel.
//! What they give goes to the writer in batches.

mod batch;
mod connections;
mod idle;
mod kernel;
mod queue;
mod sockets;
mod stop;
mod surroundings;
mod udp;

pub(crate) use batch::Outlet;
pub use connections::Account;
pub use kernel::KernelStatus;
pub(crate) use kernel::{Kernel, Options as KernelOptions, accounting};
pub use surroundings::{Exporters, Surroundings};
pub use udp::{ExporterStatus, UdpStatus};
pub(crate) use udp::{Options as UdpOptions, Udp};

/// Where flows are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// The kernel's connections, unless an exporter on this machine tells of the same traffic.
    #[default]
    Auto,
    /// The kernel's connections; what an exporter on this machine tells is not kept.
    Conntrack,
    /// Exporters only.
    Exporters,
    /// Nowhere.
    Off,
}

impl Source {
    /// Its name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Conntrack => "conntrack",
            Self::Exporters => "exporters",
            Self::Off => "off",
        }
    }
}
