//! Finds every device of the LAN, and knows who it is and whether it is there.
//!
//! In come frames, neighbour events and the hosts' answers, read by [`edge`] and understood by
//! [`decode`]; [`engine::Engine`] turns them into devices. Out go rows of this room's tables, events
//! on the bus, and answers to whoever asks [`Discovery`].

mod browse;
pub mod decode;
pub mod device;
mod discovery;
pub mod edge;
pub mod edit;
pub mod engine;
pub mod enrich;
mod error;
pub mod export;
pub mod health;
mod heard_names;
mod lan;
pub mod leases;
pub mod list;
pub mod ports;
pub mod resolver;
pub mod risk;
mod rounds;
pub mod scan;
mod search;
pub mod segment;
mod service;
pub mod settings;
pub mod sweep;
mod tables;
#[cfg(test)]
mod testing;
mod timeline;
pub mod topology;
pub mod uptime;
pub mod vendor;
mod wake;

pub use device::{Address, Correction, Device, Personal, Presence};
pub use discovery::{DeviceChange, Discovery};
pub use engine::{Changes, Engine, Tally};
pub use error::DiscoveryError;
pub use export::ExportFormat;
pub use lan::LanOptions;
pub use resolver::Resolver;
pub use rounds::ScanReport;
pub use scan::{PortFinding, PortScan, PortState};
pub use segment::{Network, Segment};
pub use service::Status;
pub use settings::Settings;
pub use tables::ROOM;
pub use timeline::TIMELINE;
pub use wake::Woken;
