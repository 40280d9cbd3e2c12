//! What agent and appliance say to each other: messages, frames, tokens and sequence numbers.
//!
//! Octets and values in, values and octets out; no I/O and no clock. `docs/agent-protocol.md` in
//! the sources says all of it for people. Whoever reads is tolerant: unknown fields are ignored,
//! unknown kinds are [`None`], and nothing is allocated beyond [`limits`].

pub mod appliance;
pub mod enrol;
mod frame;
pub mod hello;
mod inbox;
pub mod limits;
pub mod report;
pub mod text;
mod token;

#[cfg(test)]
mod tests;

pub use appliance::{Ask, FromAppliance, Set, Watch, Welcome};
pub use frame::{Batch, FrameError, FromAgent, batch, batch_messages};
pub use hello::{Address, Answer, AnswerError, EventItem, EventKind, Events, Hello, Lost};
pub use inbox::{Inbox, Taken};
pub use report::Report;
pub use token::{Token, TokenError};

/// The protocol that this crate speaks.
pub const PROTOCOL: u16 = 1;

/// The WebSocket's subprotocol.
pub const SUBPROTOCOL: &str = "panoptikon.agent.1";

/// The name in the certificate of the appliance's port for agents, whatever address they dial.
pub const SERVER_NAME: &str = "appliance.panoptikon.internal";

/// The port that agents dial unless they are told another.
pub const PORT: u16 = 8444;

/// What the identity in a client certificate's URI begins with; the agent's id follows.
pub const URI_PREFIX: &str = "panoptikon:agent:";

/// The highest protocol that two ranges share; `None` if they share none.
pub fn common_protocol(ours: [u16; 2], theirs: [u16; 2]) -> Option<u16> {
    let highest = ours[1].min(theirs[1]);
    (highest >= ours[0].max(theirs[0])).then_some(highest)
}

/// Codes with which the link is closed, beside those of RFC 6455.
pub mod close {
    /// What was said makes no sense.
    pub const GARBAGE: u16 = 4400;
    /// The agent is revoked or its key is unknown: trying again is of no use before it is enrolled
    /// again.
    pub const REVOKED: u16 = 4403;
    /// The identity is used on two hosts.
    pub const COPIED: u16 = 4409;
    /// A newer connection of the same agent took over.
    pub const SUPERSEDED: u16 = 4410;
    /// Too much or too fast.
    pub const TOO_MUCH: u16 = 4413;
    /// There is no protocol that both speak.
    pub const NO_PROTOCOL: u16 = 4426;
    /// A frame over the limit (RFC 6455, 7.4.1).
    pub const TOO_BIG: u16 = 1009;
}

/// The word among a host's abilities that says that it lets its processes be watched.
pub const WATCH_PROCESSES: &str = "watch_processes";

/// Names of what an appliance may ask for.
pub mod command {
    /// Lines of a unit or file: `{unit|file, lines, follow}`.
    pub const TAIL: &str = "tail";
    /// The processes that use most: `{n}`.
    pub const PROCESSES: &str = "processes";
    /// Round trips: `{to, count}`.
    pub const PING: &str = "ping";
    /// The routers on the way: `{to}`.
    pub const TRACE: &str = "trace";
    /// Round trips to another agent or the router: `{to, seconds, token}`.
    pub const LATENCY: &str = "latency";
    /// Octets a second to another agent or the router: `{to, seconds, token}`.
    pub const THROUGHPUT: &str = "throughput";
    /// Loss and jitter of datagrams to another agent, or from the router:
    /// `{to, seconds, token}`.
    pub const JITTER: &str = "jitter";
    /// Hosts on an own link: `{network}`.
    pub const SCAN: &str = "scan";
    /// A newer program: `{version, sha256, minisig}`.
    pub const UPDATE: &str = "update";
    /// Starts the agent anew.
    pub const RESTART: &str = "restart";
    /// All of them.
    pub const ALL: [&str; 10] =
        [TAIL, PROCESSES, PING, TRACE, LATENCY, THROUGHPUT, JITTER, SCAN, UPDATE, RESTART];
}
