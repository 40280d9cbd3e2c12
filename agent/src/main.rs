//! The agent.
mod book;
mod buffer;
mod config;
mod der;
mod enrol;
mod files;
mod http;
mod identity;
mod link;
mod log;
mod places;
mod tls;
fn main() {}
