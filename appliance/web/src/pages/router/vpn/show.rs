//! The list of VPNs: what is configured, beside what runs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use axum::response::Response;
use model::Timestamp;
use vyos::facts::vpn::{IpsecPeer, OpenVpn};
use vyos::facts::{Vpn, WireGuard, vpn, wireguard};
use vyos::runtime::{
    IpsecSa, OpenVpnClient, WgInterface, WgPeer, fetch_ipsec, fetch_openvpn, fetch_wireguard,
};

use super::keys::PrivateKey;
use super::{CLIENT, INTERFACE, PEER, about};
use crate::http::Failure;
use crate::pages::Ask;
use crate::pages::errors::sentence;
use crate::view::router::{OtherVpn, PeerView, VpnPage, WgView};
use crate::view::{Empty, Moment, Tone, bytes};

/// Where `OpenVPN` tells of its clients (vyos-1x, data/templates/openvpn/server.conf.j2).
const OPENVPN: &str = "/run/openvpn";
/// The most lines that are told of one VPN.
const MOST_LINES: usize = 50;

/// What runs; none where it is not to be learned.
#[derive(Default)]
struct Running {
    wireguard: Option<Vec<WgInterface>>,
    ipsec: Option<Vec<IpsecSa>>,
    openvpn: BTreeMap<String, Vec<OpenVpnClient>>,
    missing: Vec<String>,
}

/// What the kernel tells of an interface.
struct Link {
    is_up: bool,
    addresses: Vec<IpAddr>,
    /// Bytes received and sent.
    counted: (u64, u64),
}

impl Link {
    /// Addresses in the tunnel; those that every link has of its own are none.
    fn own(&self) -> impl Iterator<Item = String> {
        let global = |ip: &&IpAddr| match ip {
            IpAddr::V4(ip) => !ip.is_link_local(),
            IpAddr::V6(ip) => ip.segments()[0] & 0xffc0 != 0xfe80,
        };
        self.addresses.iter().filter(global).map(ToString::to_string)
    }
}

pub(super) async fn show(ask: Ask) -> Result<Response, Failure> {
    let config = ask.config("VPN").await?;
    let (wireguard, others) = (wireguard(&config), vpn(&config));
    let running = running(&wireguard, &others).await;
    let interfaces = ask.site.system.interfaces();
    let link = |name: &str| {
        let found = interfaces.iter().find(|one| one.link.name == name);
        found.map(|one| Link {
            is_up: one.link.is_up && one.link.has_carrier,
            addresses: one.link.addresses.iter().map(|address| address.ip).collect(),
            counted: (one.counters.rx_bytes, one.counters.tx_bytes),
        })
    };
    let views: Vec<WgView> = wireguard
        .iter()
        .map(|one| {
            let own = ["interfaces", "wireguard", &one.name, "private-key"];
            let key = config.value_at(own).and_then(PrivateKey::parse);
            interface(one, running.wireguard.as_deref(), key, ask.now)
        })
        .collect();
    let empty = views.is_empty().then(|| {
        let empty = Empty::new(
            "lock",
            "No WireGuard yet",
            "With it phones and laptops reach home from anywhere, and sites reach each other.",
        );
        if ask.may(access::Permission::RouterChange) {
            empty.with_action("Set it up", INTERFACE)
        } else {
            empty
        }
    });
    let page = VpnPage {
        wireguard: views,
        empty,
        others: other_vpns(&others, &running, link),
        missing: running.missing,
        shell: ask.router_shell("VPN").await,
    };
    ask.page(&page)
}

/// Asks what runs of what is configured.
async fn running(wireguard: &[WireGuard], others: &Vpn) -> Running {
    let has_wireguard = wireguard.iter().any(|one| !one.disabled);
    let has_ipsec = !others.ipsec_peers.is_empty() || !others.ipsec_remote_access.is_empty();
    let servers: Vec<String> = others.openvpn.iter().map(|one| one.name.clone()).collect();
    let fetch = move || {
        let mut running = Running::default();
        let mut say = |what: &str, why: String| {
            running.missing.push(format!("{what} is not known: {}", sentence(&why)));
        };
        if has_wireguard {
            match fetch_wireguard() {
                Ok(all) => running.wireguard = Some(all),
                Err(error) => say("Who is connected by WireGuard", error.to_string()),
            }
        }
        if has_ipsec {
            match fetch_ipsec() {
                Ok(all) => running.ipsec = Some(all),
                Err(error) => say("The state of IPsec", error.to_string()),
            }
        }
        for name in servers {
            match fetch_openvpn(Path::new(OPENVPN), &name) {
                Ok(Some(clients)) => drop(running.openvpn.insert(name, clients)),
                Ok(None) => {}
                Err(error) => say(&format!("Who is connected to {name}"), error.to_string()),
            }
        }
        running
    };
    tokio::task::spawn_blocking(fetch).await.unwrap_or_default()
}

fn interface(
    one: &WireGuard,
    running: Option<&[WgInterface]>,
    key: Option<PrivateKey>,
    now: Timestamp,
) -> WgView {
    let live = running.map(|all| all.iter().find(|live| live.name == one.name));
    let (tone, state) = match (one.disabled, live) {
        (true, _) => (Tone::Quiet, "switched off"),
        (false, Some(Some(_))) => (Tone::Ok, "running"),
        (false, Some(None)) => (Tone::Bad, "not running"),
        (false, None) => (Tone::Quiet, "not known"),
    };
    let live = live.flatten();
    let port = one.port.or_else(|| live.and_then(|live| live.port));
    let link = |path, peer: &str| {
        let query = about(path, &one.name);
        if peer.is_empty() { query.href() } else { query.with("peer", peer).href() }
    };
    WgView {
        description: one.description.clone().unwrap_or_default(),
        tone,
        state: state.to_owned(),
        addresses: one.addresses.clone(),
        port: port.map_or_else(|| "any".to_owned(), |port| format!("{port}, UDP")),
        public_key: key.map(|key| key.public()).unwrap_or_default(),
        peers: one
            .peers
            .iter()
            .map(|peer| {
                let live = live.and_then(|live| {
                    live.peers.iter().find(|p| Some(&p.public_key) == peer.public_key.as_ref())
                });
                let (tone, state, handshake) =
                    peer_state(one.disabled || peer.disabled, running.is_some(), live, now);
                let configured = peer.endpoint.as_ref().map(|end| match end.port {
                    Some(port) => format!("{} port {port}", end.host),
                    None => end.host.clone(),
                });
                PeerView {
                    name: peer.name.clone(),
                    description: peer.description.clone().unwrap_or_default(),
                    tone,
                    state: state.to_owned(),
                    handshake,
                    endpoint: live
                        .and_then(|live| live.endpoint.clone())
                        .or(configured)
                        .unwrap_or_default(),
                    allowed: peer.allowed_ips.clone(),
                    rx: live.map(|live| bytes(live.received)).unwrap_or_default(),
                    tx: live.map(|live| bytes(live.sent)).unwrap_or_default(),
                    href: link(PEER, &peer.name),
                }
            })
            .collect(),
        href: link(INTERFACE, ""),
        client_href: link(CLIENT, ""),
        peer_href: link(PEER, ""),
        name: one.name.clone(),
    }
}

fn peer_state(
    disabled: bool,
    known: bool,
    live: Option<&WgPeer>,
    now: Timestamp,
) -> (Tone, &'static str, Option<Moment>) {
    if disabled {
        return (Tone::Quiet, "switched off", None);
    }
    let Some(live) = live else {
        return (Tone::Quiet, if known { "not running" } else { "not known" }, None);
    };
    let at = live.last_handshake.map(|secs| Moment::ago(Timestamp::from_secs(secs as i64), now));
    match at {
        None => (Tone::Quiet, "never connected", None),
        Some(at) if live.is_connected(now.as_secs().unsigned_abs()) => {
            (Tone::Ok, "connected", Some(at))
        }
        Some(at) => (Tone::Quiet, "away", Some(at)),
    }
}

fn other_vpns(vpn: &Vpn, running: &Running, link: impl Fn(&str) -> Option<Link>) -> Vec<OtherVpn> {
    let mut all: Vec<OtherVpn> = Vec::new();
    all.extend(vpn.openvpn.iter().map(|one| openvpn(one, running, link(&one.name))));
    all.extend(vpn.ipsec_peers.iter().map(|one| ipsec(one, running.ipsec.as_deref())));
    all.extend(vpn.ipsec_remote_access.iter().map(|one| OtherVpn {
        name: one.name.clone(),
        description: one.description.clone().unwrap_or_default(),
        kind: "IPsec for travellers".to_owned(),
        tone: Tone::Quiet,
        state: if one.disabled { "switched off" } else { "configured" }.to_owned(),
        ends: one.pools.clone(),
        lines: users(&one.users),
        on: None,
        client: false,
    }));
    all.extend(vpn.servers.iter().map(|one| OtherVpn {
        name: one.kind.clone(),
        description: String::new(),
        kind: "server for travellers".to_owned(),
        tone: Tone::Quiet,
        state: "configured".to_owned(),
        ends: Vec::new(),
        lines: users(&one.users),
        on: None,
        client: false,
    }));
    all
}

fn users(names: &[String]) -> Vec<String> {
    names.iter().take(MOST_LINES).map(|name| format!("for {name}")).collect()
}

fn openvpn(one: &OpenVpn, running: &Running, link: Option<Link>) -> OtherVpn {
    let is_client = one.mode.as_deref() == Some("client");
    let own: Vec<String> = link.iter().flat_map(Link::own).collect();
    let (tone, state) = match (one.disabled, &link) {
        (true, _) => (Tone::Quiet, "switched off"),
        // A client's addresses come from its server, and go with the connection.
        (false, Some(link)) if is_client && link.is_up && !own.is_empty() => {
            (Tone::Ok, "connected")
        }
        (false, Some(_)) if is_client => (Tone::Warn, "not connected"),
        (false, Some(Link { is_up: true, .. })) => (Tone::Ok, "up"),
        (false, Some(_)) => (Tone::Bad, "down"),
        (false, None) => (Tone::Bad, "not running"),
    };
    let port = |port: Option<u16>| port.map(|port| format!(" port {port}")).unwrap_or_default();
    let mut ends: Vec<String> =
        one.remote_hosts.iter().map(|host| format!("to {host}{}", port(one.remote_port))).collect();
    if ends.is_empty() {
        let on = one.local_host.as_deref().unwrap_or("all addresses");
        ends.push(format!("on {on} port {}", one.local_port.unwrap_or(1_194)));
    }
    ends.extend(one.subnets.iter().cloned());
    let clients = running.openvpn.get(&one.name).map(Vec::as_slice).unwrap_or_default();
    let lines = clients.iter().take(MOST_LINES).map(|client| {
        let address = client.address.as_deref().unwrap_or("no address");
        let (rx, tx) = (bytes(client.received), bytes(client.sent));
        format!("{} ({address}) from {}: {rx} in, {tx} out", client.name, client.remote)
    });
    let mut lines: Vec<String> = lines.collect();
    if let Some(Link { counted: (rx, tx), .. }) = link.filter(|_| is_client && !own.is_empty()) {
        lines.push(format!("as {}: {} in, {} out", own.join(", "), bytes(rx), bytes(tx)));
    }
    let mode = one.mode.as_deref().unwrap_or("no mode");
    OtherVpn {
        name: one.name.clone(),
        description: one.description.clone().unwrap_or_default(),
        kind: format!("OpenVPN, {mode}, {}", one.protocol.as_deref().unwrap_or("udp")),
        tone,
        state: state.to_owned(),
        ends,
        lines,
        on: Some(!one.disabled),
        client: is_client,
    }
}

fn ipsec(one: &IpsecPeer, running: Option<&[IpsecSa]>) -> OtherVpn {
    // strongSwan's names hold no dots or colons; VyOS writes a dash instead.
    let plain: String =
        one.name.chars().map(|c| if matches!(c, '.' | ':' | '@') { '-' } else { c }).collect();
    let sa = running.map(|all| all.iter().find(|sa| sa.name == one.name || sa.name == plain));
    let (tone, state) = match (one.disabled, &sa) {
        (true, _) => (Tone::Quiet, "switched off".to_owned()),
        (false, None) => (Tone::Quiet, "not known".to_owned()),
        (false, Some(None)) => (Tone::Bad, "down".to_owned()),
        (false, Some(Some(sa))) if sa.state == "ESTABLISHED" => (Tone::Ok, "up".to_owned()),
        (false, Some(Some(sa))) => (Tone::Warn, sa.state.to_lowercase()),
    };
    let told = |n: Option<u64>| n.map_or_else(|| "–".to_owned(), bytes);
    let lines = match sa.flatten() {
        Some(sa) => sa
            .children
            .iter()
            .take(MOST_LINES)
            .map(|child| {
                let (local, remote) = (child.local.join(" "), child.remote.join(" "));
                let (rx, tx) = (told(child.received), told(child.sent));
                format!("{local} ↔ {remote}: {rx} in, {tx} out")
            })
            .collect(),
        None => one
            .tunnels
            .iter()
            .take(MOST_LINES)
            .map(|tunnel| format!("{} ↔ {}", tunnel.local.join(" "), tunnel.remote.join(" ")))
            .collect(),
    };
    OtherVpn {
        name: one.name.clone(),
        description: one.description.clone().unwrap_or_default(),
        kind: "IPsec between sites".to_owned(),
        tone,
        state,
        ends: one.remote_addresses.iter().map(|address| format!("to {address}")).collect(),
        lines,
        on: None,
        client: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vyos::config::{Node, commands};

    fn state(more: &str, link: Option<Link>) -> (String, Vec<String>) {
        let mut root = Node::default();
        let text = format!("set interfaces openvpn vtun0 mode client\n{more}");
        root.apply(&commands::parse(&text).unwrap()).unwrap();
        let shown = openvpn(&vpn(&root).openvpn[0], &Running::default(), link);
        (shown.state, shown.lines)
    }

    #[test]
    fn a_client_is_connected_while_its_server_gives_it_an_address() {
        let link = |is_up, addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
            Some(Link { is_up, addresses, counted: (2_048, 1_024) })
        };
        let (told, lines) = state("", link(true, &["fe80::1", "10.8.0.6"]));
        assert_eq!(told, "connected");
        assert_eq!(lines, [format!("as 10.8.0.6: {} in, {} out", bytes(2_048), bytes(1_024))]);
        for link in [link(true, &["fe80::1"]), link(true, &[]), link(false, &["10.8.0.6"])] {
            assert_eq!(state("", link).0, "not connected");
        }
        assert_eq!(state("", None).0, "not running");
        let off = "set interfaces openvpn vtun0 disable";
        assert_eq!(state(off, link(true, &["10.8.0.6"])).0, "switched off");
    }
}
