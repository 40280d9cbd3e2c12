//! What consoles of UniFi tell, understood without a socket and without a clock.
//!
//! In come packets of Protect ([`protect`]), frames of Network and rows of its log ([`network`]) and
//! frames of the console itself ([`console`]). Out go [`Happening`]s, those that only a comparison of
//! states shows among them ([`derive`]), with sentences for people ([`catalogue`]). [`cursor`] knows
//! what to ask a console for so that nothing is missed, [`engine`] puts the others together, and
//! [`offline`] reads recordings.

mod base64;
pub mod catalogue;
pub mod console;
pub mod cursor;
pub mod derive;
pub mod engine;
mod happening;
pub mod json;
pub mod network;
pub mod offline;
pub mod protect;

pub use happening::{Happening, Source};
