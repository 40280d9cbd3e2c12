//! What consoles of UniFi tell, understood without a socket and without a clock.
//!
//! In come packets of Protect ([`protect`]), frames of Network and rows of its log ([`network`]) and
//! frames of the console itself ([`console`]); out go [`Happening`]s.
//! [`offline`] reads recordings.

mod base64;
pub mod console;
mod happening;
pub mod json;
pub mod network;
pub mod offline;
pub mod protect;

pub use happening::{Happening, Source};
