//! The router's own state: load and facts, interfaces and their rates, quality of the lines out,
//! routes, connections, services and their logs, and tools to look further.
//!
//! In come the kernel's files and netlink answers, FRR's JSON and echoes from the Internet; out go
//! values for pages, metrics in this room's tables, and events. Nothing here changes the
//! router but what people do to its services.

pub mod certificates;
pub mod conntrack;
mod edge;
mod error;
pub mod facts;
mod icmp;
pub mod interfaces;
mod live;
pub mod logs;
pub mod metrics;
pub mod own;
pub mod quality;
pub mod routes;
mod service;
pub mod services;
pub mod settings;
mod snapshot;
mod sockets;
mod system;
mod tables;
pub mod tools;
pub mod tunnels;
mod upkeep;

pub use error::SystemError;
pub use live::{LIVE_POINTS, LIVE_STEP, LivePoint, Throughput, cards};
pub use snapshot::{Overview, Snapshot, Wan, WayOut};
pub use sockets::{OpenPort, Sockets, Transport};
pub use system::{
    CPU, DISK, LOAD, MEMORY, Options, QualityHistory, RX, SWAP, System, TEMPERATURE, TX,
};
pub use tables::ROOM;
