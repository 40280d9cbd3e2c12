//! The router that the appliance runs on: `VyOS` 1.4, 1.5 and rolling.
//!
//! So far its configuration, without a router: read, written, compared.

pub mod api;
mod change;
pub mod client;
pub mod config;
mod secrets;
