//! The control socket: how the command line speaks to the running appliance.
//!
//! HTTP over a unix socket that only its owner may use, served on threads of its own, so that
//! status and stop work when the async side is stuck. In come commands, out go JSON values or
//! `{code, message}`.

mod client;
mod command;
mod desk;
mod socket;

use std::future::Future;
use std::pin::Pin;

use model::Explained;
use serde_json::Value;

pub use client::{AskError, ask, ask_within};
pub use command::{Command, HostDeed, LATEST_EVENTS, Request, Words};
pub use desk::{Desk, Facts, Heartbeat};
pub use socket::{Control, ControlError, Socket};

/// An answer on its way.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, Explained>> + Send>>;

/// What the running appliance does for the command line. `serve` implements it by asking the rooms.
pub trait Appliance: Send + Sync + 'static {
    /// Carries out a command. The answer is an object; its `message`, if any, is shown to people.
    /// It is dropped when it takes longer than [`Command::time_out`].
    fn answer(&self, command: Command) -> Answer;
}
