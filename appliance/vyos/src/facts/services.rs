//! Everything under `service`: what runs, where it listens, for whom.

use serde::Serialize;

use super::read::Reader;
use crate::config::Node;

/// A service of the router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// The configuration's word: `ssh`, `https`, `dhcp-server` …
    pub name: String,
    /// What people call it.
    pub label: String,
    /// It is not switched off.
    pub enabled: bool,
    /// Ports as configured, or those that it has by itself.
    pub ports: Vec<u16>,
    /// `tcp` or `udp`, where it has a port.
    pub transport: Option<String>,
    /// Addresses that it listens on; none: all.
    pub listen_addresses: Vec<String>,
    /// Interfaces that it serves, where it is configured by them.
    pub interfaces: Vec<String>,
    /// Who may use it, where that is configured.
    pub allowed: Vec<String>,
    /// The VRFs that it is in.
    pub vrfs: Vec<String>,
    /// Servers that it asks (time).
    pub servers: Vec<String>,
    /// All else, in the configuration's words; for DHCP and DNS told by views of their own.
    pub other: Vec<String>,
}

/// What is known of a service by its word: label, own port, transport.
type Known = (&'static str, &'static str, Option<(u16, &'static str)>);
const KNOWN: &[Known] = &[
    ("broadcast-relay", "Broadcast relay", None),
    ("config-sync", "Configuration sync", None),
    ("conntrack-sync", "Connection table sync", None),
    ("console-server", "Console server", None),
    ("dhcp-relay", "DHCP relay", None),
    ("dhcp-server", "DHCP server", Some((67, "udp"))),
    ("dhcpv6-relay", "DHCPv6 relay", None),
    ("dhcpv6-server", "DHCPv6 server", Some((547, "udp"))),
    ("dns", "DNS forwarding", Some((53, "udp"))),
    ("event-handler", "Event handler", None),
    ("https", "Web server and API", Some((443, "tcp"))),
    ("ids", "DDoS protection", None),
    ("ipoe-server", "IPoE server", None),
    ("lldp", "LLDP", None),
    ("mdns", "mDNS repeater", Some((5353, "udp"))),
    ("monitoring", "Monitoring", None),
    ("ndp-proxy", "NDP proxy", None),
    ("ntp", "Time server", Some((123, "udp"))),
    ("pppoe-server", "PPPoE server", None),
    ("router-advert", "Router advertisements", None),
    ("snmp", "SNMP", Some((161, "udp"))),
    ("ssh", "SSH", Some((22, "tcp"))),
    ("stunnel", "Stunnel", None),
    ("suricata", "Suricata", None),
    ("tftp-server", "TFTP server", Some((69, "udp"))),
    ("upnp", "UPnP", None),
    ("webproxy", "Web proxy", Some((3128, "tcp"))),
];

/// All services that are configured.
pub fn services(root: &Node) -> Vec<Service> {
    let all = root.at(["service"]).and_then(Node::children);
    let all = all.into_iter().flat_map(crate::config::Children::iter);
    let mut services: Vec<Service> = all.map(|(name, node)| service(name, node)).collect();
    // Before 1.4 the time server was a part of the system.
    if let Some(ntp) = root.at(["system", "ntp"]) {
        services.push(service("ntp", ntp));
    }
    services
}

/// A service by its word; none where it is not configured.
pub fn service_of(root: &Node, name: &str) -> Option<Service> {
    root.at(["service", name]).map(|node| service(name, node))
}

fn service(name: &str, node: &Node) -> Service {
    let known = KNOWN.iter().find(|(word, ..)| *word == name);
    let mut other = Vec::new();
    let mut top = Reader::new(node);
    // These two keep what matters one level below.
    let inner = match name {
        "dns" => Some("forwarding"),
        "mdns" => Some("repeater"),
        _ => None,
    };
    let below = inner.and_then(|word| Some((word, top.group(word)?)));
    let (place, mut reader) = match below {
        Some((word, reader)) => {
            top.rest_in("", &mut other);
            (Some(word), reader)
        }
        None => (None, top),
    };
    let told_elsewhere = ["dhcp-server", "dhcpv6-server", "dns"].contains(&name);
    let mut ports: Vec<u16> = Vec::new();
    let listens = name == "snmp";
    let mut listen_addresses = Vec::new();
    if listens {
        for (address, mut options) in reader.each("listen-address") {
            ports.extend(options.number::<u16>("port"));
            options.rest_in(&format!("listen-address {address}"), &mut other);
            listen_addresses.push(address);
        }
    } else {
        listen_addresses = reader.texts("listen-address");
        ports = reader.texts("port").iter().filter_map(|port| port.parse().ok()).collect();
    }
    ports.dedup();
    if ports.is_empty() {
        ports.extend(known.and_then(|(.., own)| own.map(|(port, _)| port)));
    }
    let mut allowed = Vec::new();
    if let Some(mut clients) = reader.group("allow-client") {
        allowed = clients.texts("address");
        clients.rest_in("allow-client", &mut other);
    }
    if name == "dns" {
        allowed.extend(reader.texts("allow-from"));
    }
    let mut servers = Vec::new();
    let mut interfaces = reader.texts("listen-interface");
    for (word, into) in [("server", &mut servers), ("interface", &mut interfaces)] {
        if word == "server" && name != "ntp" {
            continue;
        }
        for (one, options) in reader.each(word) {
            options.rest_in(&format!("{word} {one}"), &mut other);
            into.push(one);
        }
    }
    let enabled = !reader.flag("disable");
    let vrfs = reader.texts("vrf");
    let rest = reader.rest();
    if !told_elsewhere {
        let place = place.map(|word| format!("{word} ")).unwrap_or_default();
        other.extend(rest.into_iter().map(|words| format!("{place}{words}")));
    }
    Service {
        name: name.to_owned(),
        label: known.map_or(name, |(_, label, _)| label).to_owned(),
        enabled,
        transport: known.and_then(|(.., own)| own.map(|(_, transport)| transport.to_owned())),
        ports,
        listen_addresses,
        interfaces,
        allowed,
        vrfs,
        servers,
        other: other.into_iter().map(|words| words.trim().to_owned()).collect(),
    }
}
