//! The router that the appliance runs on: `VyOS` 1.4, 1.5 and rolling.
//!
//! Its configuration without a router: read, written, compared (`config`), understood (`facts`) and
//! changed (`edit`) in the words of its release (`dialect`); and what only the running router knows,
//! from what its programs and files say (`runtime`).
//!
//! The router itself is a [`Router`]: what it runs, what it can do, changes of it that undo
//! themselves unless they are kept, and what it was before.

pub mod api;
mod archive;
mod change;
pub mod client;
pub mod config;
pub mod dialect;
pub mod edit;
pub mod facts;
pub mod ovpn;
mod plan;
mod router;
pub mod runtime;
pub mod secrets;
mod snapshots;

pub use archive::{ArchiveError, Archived};
pub use change::{
    BookError, Change, ChangeError, LONGEST_COUNTDOWN, SHORTEST_COUNTDOWN, State, USUAL_COUNTDOWN,
    Unsettled,
};
pub use plan::risk::{Operator, Risk, Stake, risks};
pub use plan::{Draft, MOST_COMMANDS, Origin, Plan};
pub use router::{Link, OpenError, PlanError, Router, Settings, SnapshotTrouble, Status, Trouble};
pub use snapshots::{Kept, Snapshot, SnapshotError};

use store::{Migration, Room};

/// This room's tables.
pub const ROOM: Room = Room {
    name: "vyos",
    migrations: &[Migration { number: 1, name: "router", sql: include_str!("tables.sql") }],
    day_kinds: &[],
    retention: &[],
};
