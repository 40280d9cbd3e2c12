//! How good the lines to the Internet are: round-trip time, jitter and loss to the gateway and to a
//! few hosts far away, every few seconds out of each line.
//!
//! [`measure`] makes figures of one round's replies; [`judge`] decides when a line is degraded; both
//! are pure. [`probe`] sends the echo requests.

mod judge;
mod measure;
mod probe;
mod watcher;

use std::net::IpAddr;

use model::Timestamp;
use serde::Serialize;

pub(crate) use judge::{Change, Judge, Limits};
pub use measure::Measured;
pub(crate) use probe::{Errand, run};
pub(crate) use watcher::Watcher;

/// Series of the round-trip time, by line and target.
pub const RTT: &str = "wan_rtt_ms";
/// Series of the jitter.
pub const JITTER: &str = "wan_jitter_ms";
/// Series of the loss.
pub const LOSS: &str = "wan_loss_percent";

/// Whom a line is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The next router, by IPv4 or IPv6 as its address says.
    Gateway,
    /// A host far away.
    Far,
}

/// How the way to one target is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetQuality {
    /// What it stands for.
    pub role: Role,
    /// Its address.
    pub ip: IpAddr,
    /// The last part of its label in the metrics: the address, or `gateway` and `gateway6`, whose
    /// address may change.
    pub label: String,
    /// The last round; None before the first.
    pub last: Option<Measured>,
    /// Why nothing could be sent, if so.
    pub failure: Option<String>,
}

/// How a line is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineQuality {
    /// Its interface.
    pub interface: String,
    /// Why it counts as degraded; None while it is fine.
    pub degraded: Option<String>,
    /// Since when it is as it is; None before it was judged.
    pub since: Option<Timestamp>,
    /// When the last round ended.
    pub measured_at: Option<Timestamp>,
    /// Gateways first.
    pub targets: Vec<TargetQuality>,
}

/// The label of a line and target in the metrics.
pub fn label(interface: &str, target: &str) -> String {
    format!("{interface} {target}")
}

pub(crate) fn target_label(role: Role, ip: IpAddr) -> String {
    match (role, ip) {
        (Role::Far, ip) => ip.to_string(),
        (Role::Gateway, IpAddr::V4(_)) => "gateway".to_owned(),
        (Role::Gateway, IpAddr::V6(_)) => "gateway6".to_owned(),
    }
}
