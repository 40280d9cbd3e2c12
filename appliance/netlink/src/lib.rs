//! Speaks netlink (RFC 3549) with the kernel: links, addresses, routes, connections.
//!
//! [`wire`] puts requests together and takes answers apart, and [`conntrack`] and [`diag`] read
//! connections and sockets in them, all without I/O; [`Netlink`] asks for a whole table and waits for it, [`Listener`] hears
//! what changes.

pub mod conntrack;
pub mod diag;
mod listener;
mod socket;
pub mod wire;

pub use listener::{Heard, Listener};
pub use socket::{Dump, NETFILTER, Netlink, ROUTE, SOCKETS};
