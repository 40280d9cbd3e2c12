//! Agents on hosts: how they are let in, their links, what they report, what they are asked to do.
//!
//! In come TLS connections of agents at a port of their own; out go rows of reports, their roll-ups,
//! events on the bus, and answers for pages; what lies between hosts is measured ([`mesh`]). A
//! link's state ([`session`]), warnings ([`alarm`]), the judgement of a hello and the roll-ups are
//! plain functions of values and `now`; sockets live in `edge`.

mod admit;
mod agents;
mod alarm;
mod authority;
mod commands;
mod counts;
mod deeds;
mod der;
mod edge;
mod encode;
mod enrol;
mod error;
pub mod history;
mod host;
mod id;
mod intake;
mod keeper;
mod members;
pub mod mesh;
mod session;
mod shelf;
mod tables;

pub use agents::{Admits, Agents, Finder, MOST_HOSTS, NewToken, Options, TokenWish};
pub use alarm::{CLOCK_OFF_MS, Change, Trouble, Watchman};
pub use authority::{Authority, AuthorityError, SERVER_NAME};
pub use commands::{Answers, Command, Piece};
pub use counts::Counts;
pub use enrol::USUAL_LIFE;
pub use error::AgentsError;
pub use host::{HostSettings, Invalid, LONGEST_NAME, Thresholds};
pub use id::{AgentId, ParseAgentIdError};
pub use members::{Host, Sample};
pub use shelf::{ARCHITECTURES, AgentFile, Shelf, is_newer};
pub use tables::{LostRange, ROOM, State, StoredReport, TokenRow};
