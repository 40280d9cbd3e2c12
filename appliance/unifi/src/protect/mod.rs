//! Protect: packets of its private socket, frames of its public one, and events that grow.

pub mod grow;
pub mod packet;
pub mod public;
