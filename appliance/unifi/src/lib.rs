//! What consoles of UniFi tell, understood without a socket and without a clock.
//!
//! In come packets of Protect ([`protect`]), frames of Network and rows of its log ([`network`]) and
//! frames of the console itself ([`console`]). Out go [`Happening`]s, those that only a comparison of
//! states shows among them ([`derive`]), with sentences for people ([`catalogue`]). [`cursor`] knows
//! what to ask a console for so that nothing is missed, and
//! [`offline`] reads recordings.

mod base64;
pub mod catalogue;
pub mod console;
pub mod cursor;
pub mod derive;
mod happening;
pub mod json;
pub mod network;
pub mod offline;
pub mod protect;

pub use happening::{Happening, Source};
