//! Protect: packets of its private socket and frames of its public one.

pub mod packet;
pub mod public;
