//! `WireGuard` interfaces and their peers. Private and pre-shared keys stay where they are.

use serde::Serialize;

use super::read::Reader;
use crate::config::Node;

/// A `WireGuard` interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WireGuard {
    /// `wg0`.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Prefixes of its own.
    pub addresses: Vec<String>,
    /// The UDP port it listens on.
    pub port: Option<u16>,
    /// In bytes; 1420 where it is not configured.
    pub mtu: Option<u32>,
    /// Switched off.
    pub disabled: bool,
    /// A mark for its own packets.
    pub fwmark: Option<u32>,
    /// Whether it has a private key, which is all that is told of it.
    pub has_private_key: bool,
    /// Who may connect, or to whom it connects.
    pub peers: Vec<Peer>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A peer of a `WireGuard` interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Its name in the configuration.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Base64 of 32 bytes.
    pub public_key: Option<String>,
    /// Whether a pre-shared key is set.
    pub has_preshared_key: bool,
    /// Prefixes that are behind it.
    pub allowed_ips: Vec<String>,
    /// Where it is reached, if it has a fixed place.
    pub endpoint: Option<Endpoint>,
    /// In seconds.
    pub keepalive: Option<u16>,
    /// Switched off.
    pub disabled: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// An address or name, and a UDP port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Address or, in newer releases, a name.
    pub host: String,
    /// UDP.
    pub port: Option<u16>,
}

/// All `WireGuard` interfaces.
pub fn wireguard(root: &Node) -> Vec<WireGuard> {
    Reader::of(root.at(["interfaces"])).each("wireguard").into_iter().map(interface).collect()
}

fn interface((name, mut reader): (String, Reader<'_>)) -> WireGuard {
    WireGuard {
        name,
        description: reader.text("description"),
        addresses: reader.texts("address"),
        port: reader.number("port"),
        mtu: reader.number("mtu"),
        disabled: reader.flag("disable"),
        fwmark: reader.number("fwmark"),
        has_private_key: reader.secret("private-key"),
        peers: reader.each("peer").into_iter().map(peer).collect(),
        other: reader.rest(),
    }
}

fn peer((name, mut reader): (String, Reader<'_>)) -> Peer {
    let host = reader.text("address").or_else(|| reader.text("host-name"));
    let endpoint = host.map(|host| Endpoint { host, port: reader.number("port") });
    Peer {
        name,
        description: reader.text("description"),
        // Before 1.3 it was called by its shorter name.
        public_key: reader.text("public-key").or_else(|| reader.text("pubkey")),
        has_preshared_key: reader.secret("preshared-key"),
        allowed_ips: reader.texts("allowed-ips"),
        endpoint,
        keepalive: reader.number("persistent-keepalive"),
        disabled: reader.flag("disable"),
        other: reader.rest(),
    }
}
