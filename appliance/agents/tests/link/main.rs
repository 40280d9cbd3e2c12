//! The agents' door with real TLS and `WebSocket`s, and an agent that behaves well or badly.

#![allow(missing_docs, clippy::unwrap_used, clippy::float_cmp)]

mod bad;
#[path = "../common/bed.rs"]
mod bed;
#[path = "../common/client.rs"]
mod client;
mod commands;
mod enrolment;
mod mesh;
mod reports;
