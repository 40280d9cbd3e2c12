//! VPNs: `WireGuard` with its peers and clients, `OpenVPN`, `IPsec`.

use askama::Template;

use crate::view::{Empty, Field, Moment, Qr, Shell, Tone};

/// A peer of a `WireGuard` interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: String,
    /// Its colour.
    pub tone: Tone,
    /// How it is.
    pub state: String,
    /// The last handshake.
    pub handshake: Option<Moment>,
    /// From where.
    pub endpoint: String,
    /// What is behind it.
    pub allowed: Vec<String>,
    /// Received from it.
    pub rx: String,
    /// Sent to it.
    pub tx: String,
    /// Where it is changed.
    pub href: String,
}

/// A `WireGuard` interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WgView {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: String,
    /// Its colour.
    pub tone: Tone,
    /// How it is.
    pub state: String,
    /// Its own addresses.
    pub addresses: Vec<String>,
    /// The port it listens on.
    pub port: String,
    /// Its public key.
    pub public_key: String,
    /// Its peers.
    pub peers: Vec<PeerView>,
    /// Where it is changed.
    pub href: String,
    /// Where a client is made.
    pub client_href: String,
    /// Where a peer is added.
    pub peer_href: String,
}

/// A VPN that is only shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherVpn {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: String,
    /// What it is.
    pub kind: String,
    /// Its colour.
    pub tone: Tone,
    /// How it is.
    pub state: String,
    /// Its other end, or where it listens.
    pub ends: Vec<String>,
    /// What goes through it: clients, tunnels.
    pub lines: Vec<String>,
    /// Whether it is on, where that can be changed here.
    pub on: Option<bool>,
    /// It is a client of a server, which was made here or can be deleted here.
    pub client: bool,
}

/// `GET /router/vpn`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/vpn.html")]
pub struct VpnPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What the running router could not tell, and why.
    pub missing: Vec<String>,
    /// `WireGuard`.
    pub wireguard: Vec<WgView>,
    /// What stands there if there is none.
    pub empty: Option<Empty>,
    /// `OpenVPN`, `IPsec` and servers for travellers.
    pub others: Vec<OtherVpn>,
}

/// What is asked for of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientForm {
    /// Its name.
    pub name: Field,
    /// Its addresses in the tunnel.
    pub addresses: Field,
    /// Its public key, if it has one already.
    pub key: Field,
    /// The router's name or address outside.
    pub endpoint: Field,
    /// Name servers.
    pub dns: Field,
    /// What it sends through the tunnel.
    pub routes: Field,
    /// Seconds.
    pub keepalive: Field,
}

/// `GET /router/vpn/interface`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/vpn_interface.html")]
pub struct WgPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The interface that is changed; empty for a new one.
    pub old: String,
    /// What is wrong with the whole; empty if nothing.
    pub said: String,
    /// Its name.
    pub name: Field,
    /// What to call it.
    pub description: Field,
    /// Its addresses.
    pub addresses: Field,
    /// The port it listens on.
    pub port: Field,
    /// Largest packet.
    pub mtu: Field,
    /// Whether it is on.
    pub enabled: bool,
    /// The first client of a new one.
    pub client: ClientForm,
}

/// `GET /router/vpn/peer`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/vpn_peer.html")]
pub struct PeerPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The interface.
    pub interface: String,
    /// The peer that is changed; empty for a new one.
    pub old: String,
    /// What is wrong with the whole; empty if nothing.
    pub said: String,
    /// Its name.
    pub name: Field,
    /// What to call it.
    pub description: Field,
    /// Its public key.
    pub public_key: Field,
    /// What is behind it.
    pub allowed: Field,
    /// Where it is reached.
    pub endpoint: Field,
    /// The port there.
    pub port: Field,
    /// Seconds.
    pub keepalive: Field,
    /// Whether it is on.
    pub enabled: bool,
}

/// `GET /router/vpn/client`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/vpn_client.html")]
pub struct ClientPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The interface.
    pub interface: String,
    /// What is wrong with the whole; empty if nothing.
    pub said: String,
    /// The client.
    pub client: ClientForm,
}

/// The answer that shows a client's configuration, once.
#[derive(Clone, Template)]
#[template(path = "router/vpn_ready.html")]
pub struct ClientReadyPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// The client.
    pub name: String,
    /// Its configuration, with its private key.
    pub config: String,
    /// The same to be photographed.
    pub qr: Option<Qr>,
    /// The plan that lets it in.
    pub plan: String,
}

/// `GET /router/vpn/openvpn`.
#[derive(Debug, Clone, Template)]
#[template(path = "router/vpn_openvpn.html")]
pub struct OpenVpnPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What is wrong with the whole; empty if nothing.
    pub said: String,
    /// What is wrong with the file, line by line.
    pub problems: Vec<String>,
    /// Its name.
    pub name: Field,
    /// What to call it.
    pub description: Field,
    /// The name for the server.
    pub username: Field,
    /// What is wrong with the password; empty if nothing.
    pub password_said: String,
    /// Whether file and server may set routes.
    pub routes: bool,
}

/// What becomes of a line of a client's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FateLine {
    /// Its number.
    pub line: usize,
    /// The directive.
    pub directive: String,
    /// Its colour.
    pub tone: Tone,
    /// What becomes of it.
    pub fate: String,
    /// What that means.
    pub text: String,
}

/// The answer to a client's file: what becomes of it.
#[derive(Debug, Clone, Template)]
#[template(path = "router/vpn_read.html")]
pub struct OpenVpnReadPage {
    /// What surrounds the page.
    pub shell: Shell,
    /// What becomes of each line, what is left out first.
    pub lines: Vec<FateLine>,
    /// What is handed to `OpenVPN` as it is.
    pub options: Vec<String>,
    /// Where the plan is.
    pub plan: String,
}
