//! Who talks to whom, how much, since when.
//!
//! In come datagrams of exporters and the kernel's connections; out go [`Flow`]s, kept in columns,
//! and answers about them.

pub mod answers;
pub mod block;
pub mod book;
pub mod collect;
pub mod days;
pub mod decode;
pub mod filter;
mod flow;
pub mod geo;
mod hash;
mod live;
pub mod pcap;
pub mod query;
pub mod rollup;
mod service;
pub mod world;

pub use answers::Answers;
pub use flow::{Direction, Flow, Nat};
pub use live::{Rate, Rates, SharedBook};
pub use service::{
    ACCOUNTING, EVENT_ROOM, Flows, FlowsError, Options, SharedGeo, Status, Sums, is_accounting,
};
