//! Who is connected: the status file of an `OpenVPN` server, and the list of `swanctl --list-sas`.

use serde::Serialize;

/// A client of an `OpenVPN` server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenVpnClient {
    /// The name in its certificate.
    pub name: String,
    /// Address and port that it comes from.
    pub remote: String,
    /// Its address in the tunnel.
    pub address: Option<String>,
    /// Bytes received from it.
    pub received: u64,
    /// Bytes sent to it.
    pub sent: u64,
    /// Since when, in the server's words.
    pub since: String,
}

/// A connection of `IPsec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpsecSa {
    /// Of the peer in the configuration.
    pub name: String,
    /// `ESTABLISHED`, `CONNECTING` …
    pub state: String,
    /// Where the other end is.
    pub remote: Option<String>,
    /// Tunnels within it.
    pub children: Vec<IpsecChild>,
}

/// A tunnel within a connection of `IPsec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IpsecChild {
    /// Its name.
    pub name: String,
    /// `INSTALLED`, `REKEYED` …
    pub state: String,
    /// Bytes received.
    pub received: Option<u64>,
    /// Bytes sent.
    pub sent: Option<u64>,
    /// Prefixes on this side.
    pub local: Vec<String>,
    /// Prefixes on the other side.
    pub remote: Vec<String>,
}

/// Reads a status file of any of the three versions that `OpenVPN` writes.
pub fn parse_openvpn_status(text: &str) -> Vec<OpenVpnClient> {
    let mut clients: Vec<OpenVpnClient> = Vec::new();
    let mut part = "";
    for line in text.lines() {
        let divider = if line.contains('\t') { '\t' } else { ',' };
        let cells: Vec<&str> = line.split(divider).collect();
        match cells.as_slice() {
            ["CLIENT_LIST", name, remote, v4, v6, received, sent, since, ..] => {
                let address = [*v4, *v6].into_iter().find(|address| !address.is_empty());
                clients.extend(client(name, remote, address, received, sent, since));
            }
            ["ROUTING TABLE"] => part = "routes",
            ["GLOBAL STATS"] => part = "",
            ["Common Name", ..] => part = "clients",
            [name, remote, received, sent, since] if part == "clients" => {
                clients.extend(client(name, remote, None, received, sent, since));
            }
            [address, name, remote, _] if part == "routes" => {
                let of = |c: &&mut OpenVpnClient| c.name == *name && c.remote == *remote;
                if let Some(found) = clients.iter_mut().find(of) {
                    found.address.get_or_insert((*address).to_owned());
                }
            }
            _ => {}
        }
    }
    clients
}

fn client(
    name: &str,
    remote: &str,
    address: Option<&str>,
    received: &str,
    sent: &str,
    since: &str,
) -> Option<OpenVpnClient> {
    Some(OpenVpnClient {
        name: name.to_owned(),
        remote: remote.to_owned(),
        address: address.map(str::to_owned),
        received: received.parse().ok()?,
        sent: sent.parse().ok()?,
        since: since.to_owned(),
    })
}

/// Reads the list of connections: those at the edge of the page, their tunnels two blanks in.
pub fn parse_swanctl_sas(text: &str) -> Vec<IpsecSa> {
    let mut all: Vec<IpsecSa> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let depth = line.len() - line.trim_start().len();
        let line = line.trim();
        let named = || {
            let (name, rest) = line.split_once(": #")?;
            let state = rest.split(',').map(str::trim).find(|word| {
                !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            })?;
            Some((name.to_owned(), state.to_owned()))
        };
        if depth == 0 {
            if let Some((name, state)) = named() {
                all.push(IpsecSa { name, state, remote: None, children: Vec::new() });
            }
            continue;
        }
        let Some(sa) = all.last_mut() else { continue };
        if depth == 2 {
            if let Some((name, state)) = named() {
                sa.children.push(IpsecChild {
                    name,
                    state,
                    received: None,
                    sent: None,
                    local: Vec::new(),
                    remote: Vec::new(),
                });
            } else if let Some(remote) = line.strip_prefix("remote ") {
                let address = remote.rsplit("@ ").next().unwrap_or(remote);
                sa.remote = address.split(['[', ' ']).next().map(str::to_owned);
            }
            continue;
        }
        let Some(child) = sa.children.last_mut() else { continue };
        let prefixes = |rest: &str| rest.split_ascii_whitespace().map(str::to_owned).collect();
        let bytes = || {
            let (before, _) = line.split_once(" bytes")?;
            before.rsplit([',', ' ']).next()?.parse().ok()
        };
        match line.split_ascii_whitespace().next() {
            Some("in") => child.received = bytes(),
            Some("out") => child.sent = bytes(),
            Some("local") => child.local = prefixes(line.trim_start_matches("local")),
            Some("remote") => child.remote = prefixes(line.trim_start_matches("remote")),
            _ => {}
        }
    }
    all
}
