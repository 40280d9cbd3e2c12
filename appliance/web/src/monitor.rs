//! The router's own state as pages and API both tell it: ports by their services' names, the disk that
//! counts, and what people do to services.

use std::net::IpAddr;

use access::audit::{Entry, Outcome};
use access::{Caller, Permission as P};
use axum::http::StatusCode;
use model::{Explained, Timestamp};
use serde_json::json;
use system::facts::Disk;
use system::interfaces::Counters;
use system::services::{Guard, Unit, Verb, allowed, watched};
use system::{Snapshot, Sockets, SystemError, Transport, cards};
use vyos::config::Node;

use crate::http::Failure;
use crate::pages::sentence;
use crate::site::Site;

/// Ports of services that a router has, where its configuration does not name them (IANA).
const KNOWN_PORTS: &[(Transport, u16, &str)] = &[
    (Transport::Tcp, 22, "SSH"),
    (Transport::Tcp, 53, "DNS"),
    (Transport::Udp, 53, "DNS"),
    (Transport::Udp, 67, "DHCP server"),
    (Transport::Udp, 68, "DHCP client"),
    (Transport::Tcp, 80, "Web"),
    (Transport::Udp, 123, "Time"),
    (Transport::Udp, 161, "SNMP"),
    (Transport::Tcp, 179, "BGP"),
    (Transport::Udp, 323, "Time, for programs here"),
    (Transport::Tcp, 443, "Web"),
    (Transport::Udp, 500, "IPsec"),
    (Transport::Udp, 514, "System log"),
    (Transport::Udp, 546, "DHCPv6 client"),
    (Transport::Udp, 547, "DHCPv6 server"),
    (Transport::Tcp, 1_194, "OpenVPN"),
    (Transport::Udp, 1_194, "OpenVPN"),
    (Transport::Udp, 1_900, "SSDP"),
    (Transport::Udp, 2_055, "NetFlow, taken by Panoptikon"),
    (Transport::Tcp, 3_128, "Web proxy"),
    (Transport::Udp, 4_500, "IPsec"),
    (Transport::Udp, 4_739, "IPFIX, taken by Panoptikon"),
    (Transport::Udp, 5_353, "mDNS"),
    (Transport::Udp, 6_343, "sFlow, taken by Panoptikon"),
    (Transport::Tcp, 8_443, "Panoptikon"),
    (Transport::Tcp, 8_444, "Panoptikon, for agents"),
    (Transport::Tcp, 9_100, "Node exporter"),
    (Transport::Udp, 9_995, "NetFlow, taken by Panoptikon"),
    (Transport::Udp, 51_820, "WireGuard"),
];

/// A port of the router with the name of its service.
pub(crate) struct NamedPort {
    /// Of the configuration or by custom; empty where neither knows.
    pub(crate) name: String,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) addresses: Vec<IpAddr>,
    /// None where connections of UDP are not followed.
    pub(crate) connections: Option<u64>,
}

/// All ports with names: as the router's configuration has them, or as they are by custom.
pub(crate) fn named(sockets: &Sockets, config: Option<&Node>) -> Vec<NamedPort> {
    let configured = config.map(vyos::facts::services).unwrap_or_default();
    let name = |transport: Transport, port: u16| {
        let word = if transport == Transport::Tcp { "tcp" } else { "udp" };
        let own = configured.iter().find(|service| {
            service.ports.contains(&port) && service.transport.as_deref().unwrap_or("tcp") == word
        });
        let known = KNOWN_PORTS.iter().find(|(t, p, _)| (*t, *p) == (transport, port));
        own.map(|service| service.label.clone())
            .or_else(|| known.map(|(.., name)| (*name).to_owned()))
            .unwrap_or_default()
    };
    let ports = sockets.ports.iter().map(|open| NamedPort {
        name: name(open.transport, open.port),
        transport: open.transport,
        port: open.port,
        addresses: open.addresses.clone(),
        connections: (open.transport == Transport::Tcp || sockets.udp.is_some())
            .then_some(open.connections),
    });
    ports.collect()
}

/// The disk that counts where one is asked for: the one that holds the most.
pub(crate) fn main_disk(snapshot: &Snapshot) -> Option<&Disk> {
    snapshot.disks.iter().max_by_key(|disk| disk.total)
}

/// What the router's cards have counted, together.
pub(crate) fn totals(snapshot: &Snapshot) -> Counters {
    cards(&snapshot.interfaces).map(|card| card.counters).fold(Counters::default(), |sum, one| {
        Counters {
            rx_packets: sum.rx_packets.saturating_add(one.rx_packets),
            tx_packets: sum.tx_packets.saturating_add(one.tx_packets),
            rx_bytes: sum.rx_bytes.saturating_add(one.rx_bytes),
            tx_bytes: sum.tx_bytes.saturating_add(one.tx_bytes),
            rx_errors: sum.rx_errors.saturating_add(one.rx_errors),
            tx_errors: sum.tx_errors.saturating_add(one.tx_errors),
            rx_dropped: sum.rx_dropped.saturating_add(one.rx_dropped),
            tx_dropped: sum.tx_dropped.saturating_add(one.tx_dropped),
            multicast: sum.multicast.saturating_add(one.multicast),
        }
    })
}

/// What the room could not do, as an answer.
pub(crate) fn failed(error: &SystemError) -> Failure {
    let said = sentence(&error.to_string());
    match error {
        SystemError::Invalid { .. } => Failure::invalid(said),
        SystemError::Failed { .. } => {
            Failure::new(StatusCode::BAD_GATEWAY, Explained::new("failed", said))
        }
        _ => Failure::unavailable(said),
    }
}

fn unknown(service: &str) -> Failure {
    let name: String = service.chars().filter(|c| !model::is_hidden(*c)).take(60).collect();
    Failure::not_found(format!("There is no service {name} here, or it is not watched."))
}

/// A service by its name, with or without `.service`. Names that nobody watches are refused before
/// systemd is asked.
pub(crate) async fn service(site: &Site, name: &str) -> Result<Unit, Failure> {
    let full = if name.ends_with(".service") { name.to_owned() } else { format!("{name}.service") };
    if watched(&full).is_none() {
        return Err(unknown(name));
    }
    let board = site.system.services().await.map_err(|error| failed(&error))?;
    board.unit(&full).cloned().ok_or_else(|| unknown(name))
}

/// How much care a unit wants; one that is not of the list is left alone.
pub(crate) fn guard(unit: &str) -> Guard {
    watched(unit).map_or(Guard::HandsOff, |line| line.guard)
}

/// Starts, stops or restarts a service for somebody: permission, the list, the typed name, and lines
/// in the audit log for the attempt and, where it goes wrong, for that.
pub(crate) async fn act(
    site: &Site,
    by: &Caller,
    (name, verb): (&str, &str),
    typed: &str,
    now: Timestamp,
) -> Result<(Unit, Verb), Failure> {
    by.require(P::ServicesManage)?;
    let no_verb = || Failure::not_found("A service can be started, stopped or restarted.");
    let verb: Verb = verb.parse().map_err(|_| no_verb())?;
    let unit = service(site, name).await?;
    let line =
        allowed(verb, &unit.name).map_err(|why| Failure::conflict(sentence(&why.to_string())))?;
    if line.guard.is_typed() && typed.trim() != unit.name {
        return Err(Failure::invalid(format!(
            "This service carries people or traffic: type its name, {}, to {verb} it.",
            unit.name
        )));
    }
    let action = match verb {
        Verb::Start => "service.start",
        Verb::Stop => "service.stop",
        Verb::Restart => "service.restart",
    };
    let line = Entry::new(by, action, format!("service:{}", unit.name), now);
    // Before the deed, which may end the appliance itself.
    site.access.audit().append(line.clone()).await?;
    if let Err(error) = site.system.act(verb, &unit.name).await {
        let line = line.ended(Outcome::Failed).with(json!({ "error": error.to_string() }));
        site.access.audit().append(line).await?;
        return Err(failed(&error));
    }
    Ok((unit, verb))
}

#[cfg(test)]
mod tests {
    use system::OpenPort;

    use super::*;

    #[test]
    fn ports_have_the_names_of_the_configuration_or_those_of_custom() {
        let config =
            vyos::config::Document::parse("service {\n    ssh {\n        port 2222\n    }\n}\n");
        let root = config.expect("a configuration").root;
        let open =
            |transport, port| OpenPort { transport, port, addresses: Vec::new(), connections: 4 };
        let sockets = Sockets {
            ports: vec![
                open(Transport::Tcp, 2222),
                open(Transport::Udp, 53),
                open(Transport::Tcp, 40_404),
            ],
            ..Sockets::default()
        };
        let all = named(&sockets, Some(&root));
        let seen: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.connections)).collect();
        assert_eq!(seen, [("SSH", Some(4)), ("DNS", None), ("", Some(4))]);
    }
}
