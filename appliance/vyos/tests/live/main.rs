//! The room against a stand-in for the router's API, over its real socket.
#![allow(clippy::unwrap_used)]

mod api;
mod bed;
mod changes;
mod two_states;
mod watching;
