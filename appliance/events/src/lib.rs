//! What happened: one table for all sources, and the bus on which it is told.
//!
//! In come [`NewEvent`](model::NewEvent)s, inside the transaction of whatever caused them; out go
//! [`Event`](model::Event)s on the bus once they are committed, and pages of them to whoever asks.

mod log;
mod query;
mod tables;

pub use log::{Events, KindCount};
pub use query::{EventPage, EventQuery};
pub use tables::ROOM;
