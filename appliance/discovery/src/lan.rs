//! Which interfaces are LANs: those that devices are looked for on.

use std::net::IpAddr;

use crate::edge::{Interface, InterfaceKind};
use crate::segment::Segment;

/// What the owner has said about interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LanOptions {
    /// Exactly these; empty for a choice by the rules of [`choose`].
    pub interfaces: Vec<String>,
    /// Never these.
    pub exclude: Vec<String>,
    /// Whether names of addresses are taken from what name servers answer to the LAN.
    pub dns_names: bool,
}

/// Beginnings of names under which container engines and hypervisors make their own networks.
const NOT_OURS: [&str; 8] = ["br-", "cni", "docker", "lxc", "lxd", "pod-", "podman", "virbr"];

/// Chooses. Without a list from the owner an interface is a LAN when it is up, has a MAC address and
/// a private IPv4 or unique local IPv6 network, and is no tunnel, port of a bridge or network of a
/// container engine. The interface of the default route is left out where another one qualifies: on
/// a router it leads to the provider, on any other machine it is the only LAN there is. A router
/// whose LAN is not up yet must not take the provider's network for it.
pub(crate) fn choose(
    interfaces: &[Interface],
    default_route: &[String],
    is_router: bool,
    options: &LanOptions,
) -> Vec<Segment> {
    let wanted = |i: &&Interface| options.interfaces.contains(&i.name);
    let excluded = |i: &&Interface| options.exclude.contains(&i.name);
    let able = interfaces.iter().filter(|i| i.is_up && i.mac.is_some()).filter(|i| !excluded(i));
    if !options.interfaces.is_empty() {
        return able.filter(wanted).filter_map(Interface::segment).collect();
    }
    let qualified: Vec<&Interface> = able
        .filter(|i| i.master.is_none() && is_ethernet(&i.kind))
        .filter(|i| !is_foreign(i))
        .filter(|i| i.addresses.iter().any(|(ip, prefix)| is_private(*ip, *prefix)))
        .collect();
    let leads_out = |i: &&Interface| default_route.contains(&i.name);
    let inner: Vec<&Interface> = qualified.iter().copied().filter(|i| !leads_out(i)).collect();
    let others = interfaces.iter().filter(|i| is_ethernet(&i.kind) && i.master.is_none());
    let has_others = others.filter(|i| !leads_out(i) && !is_foreign(i)).count() > 0;
    let waits_for_lan = is_router && has_others;
    let chosen = if inner.is_empty() && !waits_for_lan { qualified } else { inner };
    chosen.into_iter().filter_map(Interface::segment).collect()
}

/// A network of a container engine or a hypervisor.
fn is_foreign(interface: &Interface) -> bool {
    NOT_OURS.iter().any(|start| interface.name.starts_with(start))
}

fn is_ethernet(kind: &InterfaceKind) -> bool {
    use InterfaceKind::{Bond, Bridge, Ethernet, Veth, Vlan};
    matches!(kind, Ethernet | Vlan(_) | Bridge | Bond | Veth)
}

/// RFC 1918, RFC 6598 (carriers' NAT is no LAN), RFC 4193. A network of one address has no neighbours.
fn is_private(ip: IpAddr, prefix: u8) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() && prefix < 32,
        IpAddr::V6(ip) => ip.is_unique_local() && prefix < 128,
    }
}

/// Names of the interfaces that IPv4 default routes use, from the text of `/proc/net/route`.
pub(crate) fn default_routes(proc_net_route: &str) -> Vec<String> {
    let rows = proc_net_route.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|columns| {
        columns.get(1) == Some(&"00000000") && columns.get(7) == Some(&"00000000")
    })
    .filter_map(|columns| columns.first().map(|name| (*name).to_owned()))
    .collect()
}

/// True when something listens on the DHCP server's port, from the text of `/proc/net/udp`.
pub(crate) fn serves_dhcp(proc_net_udp: &str) -> bool {
    proc_net_udp
        .lines()
        .skip(1)
        .filter_map(|row| row.split_whitespace().nth(1))
        .any(|local| local.ends_with(":0043"))
}

#[cfg(test)]
mod tests {
    use model::Mac;
    use proptest::prelude::*;

    use super::*;

    fn interface(name: &str, address: &str, prefix: u8) -> Interface {
        Interface {
            index: 1,
            name: name.to_owned(),
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            addresses: vec![(address.parse().expect("valid"), prefix)],
            is_up: true,
            has_carrier: true,
            kind: InterfaceKind::Ethernet,
            master: None,
            parent: None,
        }
    }

    fn names(chosen: &[Segment]) -> Vec<&str> {
        chosen.iter().map(|s| s.name.as_str()).collect()
    }

    #[test]
    fn on_a_router_the_lans_are_chosen_and_the_way_out_is_not() {
        let all = [
            interface("eth0", "192.168.100.2", 24),
            interface("eth1", "192.168.1.1", 24),
            interface("eth1.30", "192.168.30.1", 24),
            interface("eth2", "203.0.113.7", 24),
            interface("docker0", "172.17.0.1", 16),
            Interface { kind: InterfaceKind::WireGuard, ..interface("wg0", "10.9.0.1", 24) },
            Interface { is_up: false, ..interface("eth3", "192.168.9.1", 24) },
        ];
        let chosen = choose(&all, &["eth0".to_owned()], true, &LanOptions::default());
        assert_eq!(names(&chosen), ["eth1", "eth1.30"]);
    }

    #[test]
    fn on_a_laptop_the_only_network_is_the_lan() {
        let all = [interface("wlan0", "192.168.1.77", 24)];
        let chosen = choose(&all, &["wlan0".to_owned()], false, &LanOptions::default());
        assert_eq!(names(&chosen), ["wlan0"]);
    }

    #[test]
    fn a_router_whose_lan_is_not_up_yet_does_not_ask_the_providers_network() {
        let wan = interface("eth0", "192.168.100.2", 24);
        let lan =
            Interface { is_up: false, addresses: vec![], ..interface("eth1", "10.0.0.1", 24) };
        let route = ["eth0".to_owned()];
        let all = [wan.clone(), lan];
        assert!(choose(&all, &route, true, &LanOptions::default()).is_empty());
        assert_eq!(names(&choose(&[wan], &route, true, &LanOptions::default())), ["eth0"]);
    }

    #[test]
    fn what_the_owner_says_counts() {
        let all = [interface("eth1", "192.168.1.1", 24), interface("eth2", "203.0.113.7", 24)];
        let only = LanOptions { interfaces: vec!["eth2".into()], ..LanOptions::default() };
        assert_eq!(names(&choose(&all, &[], true, &only)), ["eth2"]);
        let not = LanOptions { exclude: vec!["eth1".into()], ..LanOptions::default() };
        assert!(choose(&all, &[], true, &not).is_empty());
    }

    #[test]
    fn tables_of_the_kernel_are_read() {
        let routes = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                      eth0\t00000000\t0164A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                      eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(default_routes(routes), ["eth0"]);
        let udp = "  sl  local_address rem_address st\n 1: 00000000:0043 00000000:0000 07\n";
        assert!(serves_dhcp(udp));
        assert!(!serves_dhcp("  sl  local_address rem_address st\n"));
    }

    proptest! {
        #[test]
        fn no_text_of_the_kernel_panics(text: String) {
            let _ = (default_routes(&text), serves_dhcp(&text));
        }
    }
}
