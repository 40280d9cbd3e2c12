//! The words that all rooms use.
//!
//! Everything here is plain values: no I/O, no clock, no threads. A room that needs the time takes
//! a [`Timestamp`] as an argument; only the edges ask the system for it.

mod clock;
mod event;
mod explained;
mod id;
mod mac;
mod severity;
mod sorting;
mod text;

pub use clock::{Timestamp, human_age};
pub use event::{Event, EventId, NewEvent};
pub use explained::Explained;
pub use id::{AlertId, DeviceId, PersonId};
pub use mac::{Mac, ParseMacError};
pub use severity::{ParseSeverityError, Severity};
pub use sorting::{sort_by, sort_by_cached_key, sort_by_key};
pub use text::is_hidden;
