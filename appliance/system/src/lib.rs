//! The router's own state: load and facts, interfaces and their rates, quality of the lines out,
//! routes, connections, and tools to look further.
//!
//! In come the kernel's files and netlink answers, FRR's JSON and echoes from the Internet; out go
//! values for pages, metrics in this room's tables, and events. Nothing here changes the router.

pub mod conntrack;
mod error;
pub mod facts;
mod icmp;
pub mod interfaces;
pub mod metrics;
pub mod quality;
pub mod routes;
mod service;
pub mod settings;
mod snapshot;
mod system;
mod tables;
pub mod tools;

pub use error::SystemError;
pub use snapshot::{Overview, Snapshot, Wan, WayOut};
pub use system::{CPU, MEMORY, Options, QualityHistory, RX, System, TEMPERATURE, TX};
pub use tables::ROOM;
