//! Asks the kernel by netlink (RFC 3549) for a whole table: links, addresses, routes, connections.
//!
//! [`wire`] puts requests together and takes answers apart, without I/O; [`socket`] sends one
//! request and hands over the messages of its answer.

mod socket;

pub(crate) use netlink_wire as wire;
pub(crate) use socket::{Dump, Netlink};
