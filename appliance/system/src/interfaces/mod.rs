//! The router's interfaces: what they are, their addresses, counters and rates.
//!
//! [`decode`] reads the kernel's answers; [`Sampler`] asks for them; [`Ring`] remembers the last
//! hour of rates. The descriptions are asked for every few seconds, the counters alone as often as
//! somebody wants them.

mod decode;
mod link;
mod ring;
mod sampler;

pub use link::{Address, Counters, Duplex, Interface, Kind, Link, OperState, Rates, Scope};
pub use ring::{Ring, SLOT, SLOTS, Span, TrafficPoint};
pub use sampler::Sampler;
