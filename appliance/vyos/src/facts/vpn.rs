//! VPNs other than `WireGuard`, as far as the configuration tells.

use serde::Serialize;

use super::read::{Reader, words};
use crate::config::Node;

/// All VPNs but `WireGuard`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Vpn {
    /// `interfaces openvpn`.
    pub openvpn: Vec<OpenVpn>,
    /// `IPsec` between two sites.
    pub ipsec_peers: Vec<IpsecPeer>,
    /// `IPsec` for travellers.
    pub ipsec_remote_access: Vec<IpsecRemoteAccess>,
    /// All else of `IPsec` (groups, options), in the configuration's words.
    pub ipsec_other: Vec<String>,
    /// L2TP, `OpenConnect`, SSTP and PPTP.
    pub servers: Vec<VpnServer>,
}

/// An `OpenVPN` interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenVpn {
    /// `vtun0`.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// `server`, `client` or `site-to-site`.
    pub mode: Option<String>,
    /// `udp` (also where none is configured), `tcp-passive` or `tcp-active`.
    pub protocol: Option<String>,
    /// The address it listens on.
    pub local_host: Option<String>,
    /// 1194 where none is configured.
    pub local_port: Option<u16>,
    /// Whom it connects to.
    pub remote_hosts: Vec<String>,
    /// The port there.
    pub remote_port: Option<u16>,
    /// Prefixes that a server gives addresses of.
    pub subnets: Vec<String>,
    /// Clients of a server that are configured by name.
    pub clients: Vec<String>,
    /// Switched off.
    pub disabled: bool,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// The other site of an `IPsec` connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpsecPeer {
    /// Its name in the configuration.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// Where it is.
    pub remote_addresses: Vec<String>,
    /// The address of this end.
    pub local_address: Option<String>,
    /// `pre-shared-secret`, `rsa` or `x509`.
    pub authentication: Option<String>,
    /// `initiate`, `respond` or `none`.
    pub connection_type: Option<String>,
    /// The interface it is bound to, if it is one of routes.
    pub vti: Option<String>,
    /// What is joined.
    pub tunnels: Vec<IpsecTunnel>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// Networks that an `IPsec` connection joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpsecTunnel {
    /// Its number.
    pub name: String,
    /// Switched off.
    pub disabled: bool,
    /// Prefixes on this side.
    pub local: Vec<String>,
    /// Prefixes on the other side.
    pub remote: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// `IPsec` for travellers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpsecRemoteAccess {
    /// Its name.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Switched off.
    pub disabled: bool,
    /// The pools that addresses come from.
    pub pools: Vec<String>,
    /// Names of people who may connect.
    pub users: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// A server for travellers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VpnServer {
    /// `l2tp`, `openconnect`, `sstp` or `pptp`.
    pub kind: String,
    /// Names of people who may connect.
    pub users: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// All VPNs but `WireGuard`.
pub fn vpn(root: &Node) -> Vpn {
    let mut vpn = Vpn {
        openvpn: Reader::of(root.at(["interfaces"]))
            .each("openvpn")
            .into_iter()
            .map(openvpn)
            .collect(),
        ..Vpn::default()
    };
    let mut reader = Reader::of(root.at(["vpn"]));
    if let Some(mut ipsec) = reader.group("ipsec") {
        if let Some(mut sites) = ipsec.group("site-to-site") {
            vpn.ipsec_peers = sites.each("peer").into_iter().map(peer).collect();
            sites.rest_in("site-to-site", &mut vpn.ipsec_other);
        }
        if let Some(mut remote) = ipsec.group("remote-access") {
            let connections = remote.each("connection").into_iter();
            vpn.ipsec_remote_access = connections.map(remote_access).collect();
            remote.rest_in("remote-access", &mut vpn.ipsec_other);
        }
        vpn.ipsec_other.extend(ipsec.rest());
    }
    let others = root.at(["vpn"]).and_then(Node::children);
    for (kind, node) in others.into_iter().flat_map(crate::config::Children::iter) {
        if kind == "ipsec" {
            continue;
        }
        let mut other = Vec::new();
        words(&[], node, &mut other);
        let users = ["authentication", "local-users", "username"];
        let users = local_users(node, &users).into_iter();
        let remote = ["remote-access", "authentication", "local-users", "username"];
        let users = users.chain(local_users(node, &remote)).collect();
        vpn.servers.push(VpnServer { kind: kind.to_owned(), users, other });
    }
    vpn
}

fn local_users(node: &Node, path: &[&str]) -> Vec<String> {
    let users = node.at(path.iter().copied()).and_then(Node::children);
    users.map(|all| all.iter().map(|(name, _)| name.to_owned()).collect()).unwrap_or_default()
}

fn openvpn((name, mut reader): (String, Reader<'_>)) -> OpenVpn {
    let (mut subnets, mut clients, mut other) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(mut server) = reader.group("server") {
        subnets = server.texts("subnet");
        for (client, options) in server.each("client") {
            options.rest_in(&format!("server client {client}"), &mut other);
            clients.push(client);
        }
        server.rest_in("server", &mut other);
    }
    let mut found = OpenVpn {
        name,
        description: reader.text("description"),
        mode: reader.text("mode"),
        protocol: reader.text("protocol"),
        local_host: reader.text("local-host"),
        local_port: reader.number("local-port"),
        remote_hosts: reader.texts("remote-host"),
        remote_port: reader.number("remote-port"),
        subnets,
        clients,
        disabled: reader.flag("disable"),
        other,
    };
    found.other.extend(reader.rest());
    found
}

fn peer((name, mut reader): (String, Reader<'_>)) -> IpsecPeer {
    let mut other = Vec::new();
    let mut authentication = None;
    if let Some(mut group) = reader.group("authentication") {
        authentication = group.text("mode");
        group.rest_in("authentication", &mut other);
    }
    let mut vti = None;
    if let Some(mut group) = reader.group("vti") {
        vti = group.text("bind");
        group.rest_in("vti", &mut other);
    }
    let mut found = IpsecPeer {
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        remote_addresses: reader.texts("remote-address"),
        local_address: reader.text("local-address"),
        authentication,
        connection_type: reader.text("connection-type"),
        vti,
        tunnels: reader.each("tunnel").into_iter().map(tunnel).collect(),
        other,
        name,
    };
    found.other.extend(reader.rest());
    found
}

fn tunnel((name, mut reader): (String, Reader<'_>)) -> IpsecTunnel {
    let mut other = Vec::new();
    let mut side = |word: &str| {
        let Some(mut side) = reader.group(word) else { return Vec::new() };
        let prefixes = side.texts("prefix");
        side.rest_in(word, &mut other);
        prefixes
    };
    let (local, remote) = (side("local"), side("remote"));
    let disabled = reader.flag("disable");
    other.extend(reader.rest());
    IpsecTunnel { name, disabled, local, remote, other }
}

fn remote_access((name, mut reader): (String, Reader<'_>)) -> IpsecRemoteAccess {
    let (mut users, mut other) = (Vec::new(), Vec::new());
    if let Some(mut group) = reader.group("authentication") {
        if let Some(mut local) = group.group("local-users") {
            for (name, user) in local.each("username") {
                let place = format!("authentication local-users username {name}");
                user.rest_in(&place, &mut other);
                users.push(name);
            }
            local.rest_in("authentication local-users", &mut other);
        }
        group.rest_in("authentication", &mut other);
    }
    let mut found = IpsecRemoteAccess {
        name,
        description: reader.text("description"),
        disabled: reader.flag("disable"),
        pools: reader.texts("pool"),
        users,
        other,
    };
    found.other.extend(reader.rest());
    found
}
