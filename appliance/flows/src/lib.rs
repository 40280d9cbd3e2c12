//! Who talks to whom, how much, since when.
//!
//! In come datagrams of exporters and the kernel's connections; out go [`Flow`]s, kept in columns,
//! and answers about them.

pub mod block;
pub mod days;
mod flow;
mod hash;

pub use flow::{Direction, Flow, Nat};
