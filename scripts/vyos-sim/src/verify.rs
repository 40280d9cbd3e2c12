//! What the router's own programs refuse at commit: the rules of theirs that the recordings show,
//! and those that the pages can run into. In: the whole configuration as it would be.
//!
//! Not all rules of a router are here; what is not, passes.

use vyos::config::{Children, Node};

use crate::Release;
use crate::schema::within;

/// What is known beside the configuration.
pub(crate) struct Facts<'a> {
    /// Which release this is.
    pub(crate) release: Release,
    /// The Ethernet ports that the router has.
    pub(crate) ports: &'a [String],
}

/// Checks the part of an owner; warnings go into `warnings`.
pub(crate) fn verify(
    owner: &[String],
    root: &Node,
    facts: &Facts<'_>,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let words: Vec<_> = owner.iter().map(String::as_str).collect();
    if root.at(words.iter().copied()).is_none() {
        return Ok(());
    }
    match words.as_slice() {
        ["interfaces", "ethernet", name] => ethernet(name, facts),
        ["interfaces", "wireguard", name] => wireguard(name, root),
        ["nat"] => nat(root, facts, warnings),
        ["firewall"] => firewall(root),
        ["service", "dhcp-server"] => dhcp(root, facts.release),
        ["service", "https"] => https(root),
        ["vrf"] => vrf(root),
        _ => Ok(()),
    }
}

fn each<'a>(node: &'a Node, path: &[&str]) -> impl Iterator<Item = (&'a str, &'a Node)> {
    node.at(path.iter().copied()).and_then(Node::children).into_iter().flat_map(Children::iter)
}

fn has(node: &Node, path: &[&str]) -> bool {
    node.at(path.iter().copied()).is_some()
}

fn ethernet(name: &str, facts: &Facts<'_>) -> Result<(), String> {
    if facts.ports.iter().any(|port| port == name) {
        return Ok(());
    }
    // The router's program falls over, and asks for help with all it knows of itself.
    Err(format!(
        "\u{0}VyOS had an issue completing a command.\n\nReport time:      2026-01-01 00:00:00\n\
         Image version:    VyOS {}\n\nTraceback (most recent call last):\n  File \
         \"/usr/libexec/vyos/conf_mode/interfaces_ethernet.py\", line 1, in <module>\n    \
         verify(c)\nAttributeError: 'Interface' object has no attribute 'iftype'\n\nnoteworthy:\n\
         cmd 'ip link add dev {name} type ethernet'\nreturned (out):\n\nreturned (err):\nError: \
         Unknown device type.\n",
        facts.release.name()
    ))
}

fn wireguard(name: &str, root: &Node) -> Result<(), String> {
    let Some(node) = root.at(["interfaces", "wireguard", name]) else { return Ok(()) };
    if !has(node, &["private-key"]) {
        return Err("Wireguard private-key not defined".to_owned());
    }
    for (peer, node) in each(node, &["peer"]) {
        for needed in ["allowed-ips", "public-key"] {
            if !has(node, &[needed]) {
                return Err(format!("Wireguard {needed} required for peer \"{peer}\"!"));
            }
        }
        if has(node, &["address"]) != has(node, &["port"]) {
            return Err("Both Wireguard port and address must be defined for peer".to_owned());
        }
    }
    Ok(())
}

fn nat(root: &Node, facts: &Facts<'_>, warnings: &mut Vec<String>) -> Result<(), String> {
    let sides = [
        ("source", "Source", "outbound-interface"),
        ("destination", "Destination", "inbound-interface"),
    ];
    for (side, title, interface) in sides {
        for (rule, node) in each(root, &["nat", side, "rule"]) {
            let about = format!("{title} NAT configuration error in rule {rule}:");
            if let Some(name) = node.value_at([interface, "name"]) {
                let plain = name.trim_start_matches('!');
                let known = |(_, all): (&str, &Node)| has(all, &[plain]);
                let there = facts.ports.iter().any(|port| port == plain)
                    || each(root, &["interfaces"]).any(known)
                    || plain.contains(['.', '*'])
                    || matches!(plain, "any" | "lo");
                if !there {
                    warnings.push(format!(
                        "Interface \"{plain}\" for {side} NAT rule \"{rule}\" does not exist!"
                    ));
                }
            } else if let Some(group) = node.value_at([interface, "group"]) {
                let group = group.trim_start_matches('!');
                if !has(root, &["firewall", "group", "interface-group", group]) {
                    return Err(format!("Invalid interface group \"{group}\" on {side} nat rule"));
                }
            }
            let target = has(node, &["translation", "address"])
                || has(node, &["translation", "port"])
                || has(node, &["translation", "redirect"])
                || has(node, &["load-balance", "backend"]);
            if !target && !has(node, &["exclude"]) {
                return Err(format!("{about} translation requires address and/or port"));
            }
            let port = [["translation", "port"], ["destination", "port"], ["source", "port"]];
            let protocol = node.value_at(["protocol"]).unwrap_or("all");
            if port.iter().any(|path| has(node, path))
                && !matches!(protocol, "tcp" | "udp" | "tcp_udp")
            {
                return Err(format!(
                    "{about} ports can only be specified when protocol is either tcp, udp or tcp_udp!"
                ));
            }
            side_groups(root, node, "ipv4", "nat")?;
        }
    }
    Ok(())
}

/// The groups that a rule names must be there; of hardware addresses nobody asks.
fn side_groups(root: &Node, rule: &Node, family: &str, kind: &str) -> Result<(), String> {
    for side in ["destination", "source"] {
        for (group, name) in each(rule, &[side, "group"]) {
            let place = match (family, group) {
                ("ipv6", "address-group" | "network-group") => format!("ipv6-{group}"),
                (_, "ipv4-address-group" | "ipv4-network-group") => {
                    group.trim_start_matches("ipv4-").to_owned()
                }
                (_, "mac-group" | "dynamic-address-group") => continue,
                _ => group.to_owned(),
            };
            for name in name.values() {
                let name = name.trim_start_matches('!');
                if !has(root, &["firewall", "group", &place, name]) {
                    return Err(format!("Invalid {place} \"{name}\" on {kind} rule"));
                }
            }
        }
    }
    Ok(())
}

fn firewall(root: &Node) -> Result<(), String> {
    for family in ["ipv4", "ipv6", "bridge"] {
        for (hook, chains) in each(root, &["firewall", family]) {
            for (_, chain) in chains.children().into_iter().flat_map(Children::iter) {
                if let Some(target) = chain.value_at(["default-jump-target"]) {
                    jump(root, family, target)?;
                }
                for (_, rule) in each(chain, &["rule"]) {
                    firewall_rule(root, family, hook, rule)?;
                }
            }
        }
    }
    let mut taken: Vec<&str> = Vec::new();
    for (zone, node) in each(root, &["firewall", "zone"]) {
        let old = node.at(["interface"]).map(Node::values).unwrap_or_default();
        let new = node.at(["member", "interface"]).map(Node::values).unwrap_or_default();
        let local = has(node, &["local-zone"]);
        if !local && old.is_empty() && new.is_empty() {
            return Err(format!("Zone \"{zone}\" has no interfaces and is not the local zone"));
        }
        if local && !(old.is_empty() && new.is_empty()) {
            return Err("Local zone cannot have interfaces assigned".to_owned());
        }
        for name in old.iter().chain(new) {
            if taken.contains(&name.as_str()) {
                return Err("Interfaces cannot be assigned to multiple zones".to_owned());
            }
            taken.push(name);
        }
    }
    Ok(())
}

fn jump(root: &Node, family: &str, target: &str) -> Result<(), String> {
    if has(root, &["firewall", family, "name", target]) {
        return Ok(());
    }
    Err(format!(
        "Invalid jump-target. Firewall {family} name {target} does not exist on the system"
    ))
}

fn firewall_rule(root: &Node, family: &str, _hook: &str, rule: &Node) -> Result<(), String> {
    let Some(action) = rule.value_at(["action"]) else {
        return Err("Rule action must be defined".to_owned());
    };
    match (action, rule.value_at(["jump-target"])) {
        ("jump", None) => {
            return Err("Action set to jump, but no jump-target specified".to_owned());
        }
        ("jump", Some(target)) => jump(root, family, target)?,
        (_, Some(_)) => {
            return Err(
                "jump-target defined, but action jump needed and it is not defined".to_owned()
            );
        }
        _ => {}
    }
    if action == "offload" && !has(rule, &["offload-target"]) {
        return Err("Action set to offload, but no offload-target specified".to_owned());
    }
    let protocol = rule.value_at(["protocol"]);
    match (protocol, family) {
        (Some("icmp"), "ipv6") => {
            return Err("Cannot match IPv4 ICMP protocol on IPv6, use ipv6-icmp".to_owned());
        }
        (Some("ipv6-icmp"), "ipv4") => {
            return Err("Cannot match IPv6 ICMP protocol on IPv4, use icmp".to_owned());
        }
        _ => {}
    }
    side_groups(root, rule, family, "firewall")?;
    for side in ["destination", "source"] {
        if has(rule, &[side, "port"]) || has(rule, &[side, "group", "port-group"]) {
            match protocol {
                None => {
                    let said = "Protocol must be defined if specifying a port or port-group";
                    return Err(said.to_owned());
                }
                Some("tcp" | "udp" | "tcp_udp") => {}
                Some(_) => {
                    return Err("Protocol must be tcp, udp, or tcp_udp when specifying a port or \
                                port-group"
                        .to_owned());
                }
            }
        }
    }
    for direction in ["inbound-interface", "outbound-interface"] {
        if let Some(group) = rule.value_at([direction, "group"]) {
            let group = group.trim_start_matches('!');
            if !has(root, &["firewall", "group", "interface-group", group]) {
                return Err(format!("Invalid interface group \"{group}\" on firewall rule"));
            }
        }
    }
    Ok(())
}

fn dhcp(root: &Node, release: Release) -> Result<(), String> {
    let base = ["service", "dhcp-server"];
    if has(root, &[base[0], base[1], "disable"]) {
        return Ok(());
    }
    let networks = root.at([base[0], base[1], "shared-network-name"]);
    let networks = networks.and_then(Node::children).filter(|all| !all.is_empty());
    let Some(networks) = networks else {
        return Err(
            "No DHCP shared networks configured. At least one DHCP shared network must be \
                    configured."
                .to_owned(),
        );
    };
    let mut ids: Vec<&str> = Vec::new();
    for (network, node) in networks.iter() {
        let mut none = true;
        for (subnet, node) in each(node, &["subnet"]) {
            none = false;
            if release != Release::Sagitta {
                let Some(id) = node.value_at(["subnet-id"]) else {
                    return Err(format!("Unique subnet ID not specified for subnet \"{subnet}\""));
                };
                if ids.contains(&id) {
                    return Err(format!("Subnet ID for subnet \"{subnet}\" is not unique"));
                }
                ids.push(id);
            }
            for (range, node) in each(node, &["range"]) {
                for end in ["start", "stop"] {
                    let Some(ip) = node.value_at([end]) else {
                        return Err(format!(
                            "DHCP range \"{range}\" start and stop address must be defined!"
                        ));
                    };
                    if !within(ip, subnet) {
                        return Err(format!(
                            "DHCP range \"{range}\" {end} address not within shared-network \
                             \"{network}, {subnet}\"!"
                        ));
                    }
                }
            }
            if !has(node, &["range"]) && !has(node, &["static-mapping"]) {
                return Err(format!(
                    "No DHCP address range or active static-mapping configured within \
                     shared-network \"{network}, {subnet}\"!"
                ));
            }
            mappings(network, subnet, node, release)?;
        }
        if none {
            return Err(format!(
                "No subnets defined for {network}. At least one lease subnet must be configured."
            ));
        }
    }
    Ok(())
}

fn mappings(network: &str, subnet: &str, node: &Node, release: Release) -> Result<(), String> {
    let mac = if release == Release::Sagitta { "mac-address" } else { "mac" };
    let (mut ips, mut macs) = (Vec::new(), Vec::new());
    for (name, node) in each(node, &["static-mapping"]) {
        if let Some(ip) = node.value_at(["ip-address"]) {
            if !within(ip, subnet) {
                return Err(format!(
                    "Configured static lease address for mapping \"{name}\" is not within \
                     shared-network \"{network}, {subnet}\"!"
                ));
            }
            if release == Release::Sagitta && !has(node, &[mac]) {
                return Err(format!(
                    "MAC address required for static mapping \"{name}\" within shared-network \
                     \"{network}, {subnet}\"!"
                ));
            }
            if release != Release::Sagitta && has(node, &[mac]) == has(node, &["duid"]) {
                return Err(format!(
                    "Either MAC address or Client identifier (DUID) is required for static mapping \
                     \"{name}\" within shared-network \"{network}, {subnet}\"!"
                ));
            }
        }
        if has(node, &["disable"]) {
            continue;
        }
        for (leaf, title, used) in [("ip-address", "IP", &mut ips), (mac, "MAC", &mut macs)] {
            let Some(value) = node.value_at([leaf]) else { continue };
            if used.contains(&value) {
                return Err(format!(
                    "Configured {title} address for static mapping \"{name}\" already exists on \
                     another static mapping"
                ));
            }
            used.push(value);
        }
    }
    Ok(())
}

fn https(root: &Node) -> Result<(), String> {
    if let Some(name) = root.value_at(["service", "https", "certificates", "certificate"]) {
        if !has(root, &["pki", "certificate"]) {
            return Err("PKI does not contain any certificates!".to_owned());
        }
        if !has(root, &["pki", "certificate", name]) {
            return Err(format!("Certificate \"{name}\" does not exist in PKI!"));
        }
    }
    if !has(root, &["service", "https", "api"]) {
        return Ok(());
    }
    let mut keys = 0;
    for (id, node) in each(root, &["service", "https", "api", "keys", "id"]) {
        if !has(node, &["key"]) {
            return Err(format!("Missing HTTPS API key string for key id \"{id}\""));
        }
        keys += 1;
    }
    if keys == 0 {
        return Err(
            "At least one HTTPS API key is required unless GraphQL token authentication is \
                    enabled!"
                .to_owned(),
        );
    }
    Ok(())
}

fn vrf(root: &Node) -> Result<(), String> {
    let mut tables: Vec<&str> = Vec::new();
    for (name, node) in each(root, &["vrf", "name"]) {
        let Some(table) = node.value_at(["table"]) else {
            return Err(format!("VRF \"{name}\" table id is mandatory!"));
        };
        if tables.contains(&table) {
            return Err("VRF table id used more than once!".to_owned());
        }
        tables.push(table);
    }
    Ok(())
}
