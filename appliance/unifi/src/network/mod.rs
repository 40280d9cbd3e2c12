//! Network: frames of its socket and rows of its system log.

pub mod frame;
pub mod log;
