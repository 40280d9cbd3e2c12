//! What an agent says beside reports.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The first message on a link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Lowest and highest protocol.
    pub proto: [u16; 2],
    /// The agent's version, such as `0.1.0`.
    pub version: String,
    /// Commit and day of the build.
    pub build: String,
    /// `x86_64` or `aarch64`.
    pub arch: String,
    /// SHA-256 of the program's file, hexadecimal.
    pub binary: String,
    /// SHA-256 of `panoptikon` and the machine's id, hexadecimal.
    pub machine: String,
    /// Raised before every connection: one that is not higher than the last is a copy's.
    pub counter: u64,
    /// The host's clock, Unix milliseconds.
    pub at: i64,
    /// When the host was started, Unix milliseconds.
    pub boot: i64,
    /// Host name.
    pub host: String,
    /// The operating system's name and version.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// Kind of virtual machine or container; absent on bare metal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virt: Option<String>,
    /// Commands that this host allows ([`crate::command`]).
    pub abilities: Vec<String>,
    /// The oldest number in the agent's buffer, or `next`.
    pub first: u64,
    /// The number that the next message gets. It may be too low after a kill: the agent then goes on
    /// with the one after [`crate::Welcome::acked`].
    pub next: u64,
    /// Its interfaces.
    pub addresses: Vec<Address>,
    /// Time between two reports, seconds.
    pub interval_s: u32,
    /// Whether the host forbids probes.
    pub passive: bool,
}

/// An interface and its addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Its name.
    #[serde(rename = "if")]
    pub interface: String,
    /// Its MAC address; empty if it has none.
    pub mac: String,
    /// Addresses with prefix length.
    pub ips: Vec<String>,
}

/// Things that happened on the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Events {
    /// Number in the agent's sequence.
    pub seq: u64,
    /// The events, at most [`crate::limits::EVENTS`].
    #[serde(default)]
    pub list: Vec<EventItem>,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventItem {
    /// When, by the host's clock, Unix milliseconds.
    pub at: i64,
    /// What kind.
    pub kind: EventKind,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// One line for people.
    pub message: String,
    /// What else is known.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Somebody signed in, or tried to.
    Auth,
    /// A watched file changed.
    File,
    /// A process began or ended.
    Process,
    /// A unit failed or was started anew.
    Unit,
    /// A line of a watched log, and whatever a newer agent calls otherwise.
    #[default]
    #[serde(other)]
    Log,
}

/// Numbers whose messages are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The same as `to`: it stands in their place.
    pub seq: u64,
    /// The first that is gone.
    pub from: u64,
    /// The last that is gone.
    pub to: u64,
    /// Why, for a person.
    #[serde(default)]
    pub why: String,
}

/// A part, the end or the failure of what was asked for. Several parts, then one end or failure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which [`crate::Ask`].
    pub id: u64,
    /// A part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Value>,
    /// The end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Value>,
    /// The failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AnswerError>,
}

/// Why something that was asked for did not work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerError {
    /// A word for programs: `denied`, `unknown`, `bad`, `failed`, `late`, `too_much`, `busy`,
    /// `cancelled`.
    pub code: String,
    /// A sentence for people.
    pub say: String,
}
