//! Who talks to whom, how much, since when.
//!
//! In come datagrams of exporters and the kernel's connections; out go [`Flow`]s, kept in columns,
//! and answers about them.

pub mod decode;
mod flow;
pub mod pcap;

pub use flow::{Direction, Flow, Nat};
