//! Port forwards as people think of them: what comes to which host, whether the firewall lets it
//! in, and whether it also works from inside (hairpin).

use std::net::IpAddr;

use serde::Serialize;

use super::firewall::{ChainFamily, ChainId, Firewall, Hook, Rule};
use super::groups::GroupKind;
use super::interfaces::Interface;
use super::matches::{InterfaceMatch, Side};
use super::nat::{Nat, NatRule, NatTable};
use super::net;
use super::zones::ZoneCell;

/// A rule that sends what comes to the router on to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortForward {
    /// Of the destination NAT rule.
    pub number: u32,
    /// The host it goes to.
    pub target: IpAddr,
    /// The port it goes to; that which it came to where none is configured.
    pub target_port: Option<String>,
    /// Of the packets.
    pub protocol: Option<String>,
    /// Where they come in.
    pub inbound: Option<InterfaceMatch>,
    /// What the firewall does with them.
    pub firewall: Passage,
    /// How it works from the target's own network.
    pub hairpin: Option<Hairpin>,
}

/// What the firewall does with the packets of a port forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Passage {
    /// A rule lets them in.
    Accepted {
        /// Which.
        by: RuleRef,
    },
    /// No rule decides on them, and the default action lets them in.
    AcceptedByDefault,
    /// A rule keeps them out.
    Dropped {
        /// Which.
        by: RuleRef,
    },
    /// No rule decides on them, and the default action keeps them out.
    DroppedByDefault {
        /// Of this chain.
        chain: ChainId,
    },
    /// No chain stands between the two zones, and the default action keeps them out.
    DroppedByZone {
        /// Where they come from.
        from: String,
        /// Where they go.
        to: String,
    },
    /// It depends on more than the forward itself, such as the sender's address.
    Depends {
        /// The first rule that may decide.
        on: RuleRef,
    },
}

/// A rule of the firewall.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct RuleRef {
    /// Its chain.
    pub chain: ChainId,
    /// Its number.
    pub number: u32,
}

/// The rules by which a forward also works from inside. Both are needed where sender and target
/// are in one network: the one sends the packets on, the other makes the answers come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hairpin {
    /// The destination NAT rule, which can be the forward itself.
    pub destination_rule: u32,
    /// The source NAT rule.
    pub source_rule: Option<u32>,
}

/// All port forwards of IPv4. Rules that keep out some senders only are passed over in the verdict.
pub fn port_forwards(nat: &Nat, firewall: &Firewall, interfaces: &[Interface]) -> Vec<PortForward> {
    let forwards = nat.of(NatTable::Destination).filter(|rule| !rule.exclude && !rule.disabled);
    let forward = |rule: &NatRule| {
        let (target, port) = target(rule)?;
        let egress = lan_of(target, interfaces);
        let packet = Packet {
            target,
            port: port.as_deref().and_then(net::ports),
            protocol: rule.matches.protocol.as_deref(),
            inbound: rule.matches.inbound.as_ref(),
            egress,
            source: &rule.matches.source,
        };
        Some(PortForward {
            number: rule.number,
            target,
            protocol: rule.matches.protocol.clone(),
            inbound: rule.matches.inbound.clone(),
            firewall: passage(&packet, firewall),
            hairpin: hairpin(rule, target, egress, nat, firewall),
            target_port: port,
        })
    };
    forwards.filter_map(forward).collect()
}

/// The one host that a rule sends packets to, and the port there.
pub(crate) fn target(rule: &NatRule) -> Option<(IpAddr, Option<String>)> {
    let address = rule.translation.address.as_deref()?;
    let address = address.strip_suffix("/32").unwrap_or(address).parse().ok()?;
    let port = rule.translation.port.clone().or_else(|| rule.matches.destination.port.clone());
    Some((address, port))
}

/// The interface that an address is behind, by the prefixes of the interfaces.
pub fn lan_of(address: IpAddr, interfaces: &[Interface]) -> Option<&Interface> {
    let holds = |prefix: &String| net::contains(prefix, address) == Some(true);
    interfaces.iter().find(|one| one.addresses.iter().any(holds))
}

/// What is known of the packets of a forward behind NAT.
struct Packet<'a> {
    target: IpAddr,
    port: Option<(u16, u16)>,
    protocol: Option<&'a str>,
    inbound: Option<&'a InterfaceMatch>,
    egress: Option<&'a Interface>,
    source: &'a Side,
}

/// Whether a rule is for a packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Is {
    No,
    Perhaps,
    Yes,
}

impl From<Option<bool>> for Is {
    fn from(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Perhaps,
        }
    }
}

/// Jumps within jumps; the router itself warns at eight.
const DEEPEST_JUMP: usize = 8;

fn passage(packet: &Packet<'_>, firewall: &Firewall) -> Passage {
    let base = ChainId::base(ChainFamily::Ipv4, Hook::Forward);
    let by_chain = walk(packet, firewall, &base, 0).unwrap_or_else(|| {
        let dropped =
            firewall.chain(&base).is_some_and(|chain| chain.default_verdict() != "accept");
        if dropped {
            Passage::DroppedByDefault { chain: base.clone() }
        } else {
            Passage::AcceptedByDefault
        }
    });
    match by_chain {
        Passage::Accepted { .. } | Passage::AcceptedByDefault => {
            by_zones(packet, firewall).unwrap_or(by_chain)
        }
        other => other,
    }
}

/// Zones decide after the chains; none where there are none or the packet's are not known.
fn by_zones(packet: &Packet<'_>, firewall: &Firewall) -> Option<Passage> {
    let name = packet.inbound.filter(|inbound| !inbound.inverted).and_then(|i| i.name.as_ref())?;
    let zone_of = |interface: &str| {
        firewall.zones.iter().find(|zone| zone.interfaces.iter().any(|own| own == interface))
    };
    let (from, to) = (zone_of(name)?, zone_of(&packet.egress?.name)?);
    let chain = match to.entry(&from.name) {
        ZoneCell::Chains { ipv4: Some(chain), .. } => chain,
        ZoneCell::Action { action } if action == "accept" => return None,
        ZoneCell::Chains { default_action, .. } if default_action == "accept" => return None,
        ZoneCell::Action { .. } | ZoneCell::Chains { .. } => {
            let (from, to) = (from.name.clone(), to.name.clone());
            return Some(Passage::DroppedByZone { from, to });
        }
    };
    let id = ChainId::named(ChainFamily::Ipv4, &chain);
    Some(walk(packet, firewall, &id, 1).unwrap_or(Passage::DroppedByDefault { chain: id }))
}

/// What a chain does with a packet; none where no rule of it decides.
fn walk(packet: &Packet<'_>, firewall: &Firewall, id: &ChainId, depth: usize) -> Option<Passage> {
    let chain = firewall.chain(id)?;
    for rule in chain.rules.iter().filter(|rule| !rule.disabled) {
        let by = RuleRef { chain: id.clone(), number: rule.number };
        let is = applies(packet, rule, firewall);
        let action = rule.action.as_deref().unwrap_or_default();
        match (is, action) {
            (Is::No, _) | (_, "continue" | "offload") => {}
            // It keeps out some senders, not the forward.
            (Is::Perhaps, "drop" | "reject") if only_some_senders(packet, rule, firewall) => {}
            (Is::Yes, "accept" | "queue" | "synproxy") => return Some(Passage::Accepted { by }),
            (Is::Yes, "drop" | "reject") => return Some(Passage::Dropped { by }),
            (Is::Yes, "return") => return None,
            (Is::Yes, "jump") if depth < DEEPEST_JUMP => {
                let target = rule.jump_target.as_deref().unwrap_or_default();
                let target = ChainId::named(id.family, target);
                if let Some(decided) = walk(packet, firewall, &target, depth + 1) {
                    return Some(decided);
                }
            }
            _ => return Some(Passage::Depends { on: by }),
        }
    }
    if depth == 0 {
        return None;
    }
    // A chain with a name decides in the end too, unless it returns.
    let by_default = |passage: Passage| (depth > 0).then_some(passage);
    match chain.default_verdict() {
        "accept" => by_default(Passage::AcceptedByDefault),
        "drop" | "reject" => by_default(Passage::DroppedByDefault { chain: id.clone() }),
        _ => None,
    }
}

fn applies(packet: &Packet<'_>, rule: &Rule, firewall: &Firewall) -> Is {
    let matches = &rule.matches;
    if !matches.states.is_empty() && !matches.states.iter().any(|state| state == "new") {
        return Is::No;
    }
    if matches.connection_nat.as_deref() == Some("source") {
        return Is::No;
    }
    let mut is = Is::Yes;
    is = is.min(protocol(matches.protocol.as_deref(), packet.protocol));
    is = is.min(interface(matches.inbound.as_ref(), packet.inbound, firewall));
    is = is.min(leaving(matches.outbound.as_ref(), packet.egress, firewall));
    is = is.min(destination(&matches.destination, packet, firewall));
    // The forward may have the same condition on senders.
    is = is.min(if matches.source.is_any() || matches.source == *packet.source {
        Is::Yes
    } else {
        Is::Perhaps
    });
    let has_more = matches.limit.is_some()
        || matches.recent.is_some()
        || matches.time.is_some()
        || matches.mark.is_some()
        || !matches.connection_marks.is_empty()
        || !matches.other.is_empty()
        || rule.other.iter().any(|words| !is_harmless(words));
    let is_icmp = matches.icmp.is_some() && packet.protocol != Some("icmp");
    if is_icmp {
        return Is::No;
    }
    is.min(if has_more { Is::Perhaps } else { Is::Yes })
}

/// Whether it is only for some senders that a rule is not for all of a forward's packets.
fn only_some_senders(packet: &Packet<'_>, rule: &Rule, firewall: &Firewall) -> bool {
    let mut rule = rule.clone();
    rule.matches.source = Side::default();
    applies(packet, &rule, firewall) == Is::Yes
}

/// Settings of a rule that change nothing about which packets it is for.
fn is_harmless(words: &str) -> bool {
    let head = words.split(' ').next().unwrap_or_default();
    ["log-options", "set", "add-address-to-group", "offload-target", "/*"].contains(&head)
}

fn protocol(rule: Option<&str>, packet: Option<&str>) -> Is {
    let Some(rule) = rule.filter(|rule| *rule != "all") else { return Is::Yes };
    let packet = packet.unwrap_or("all");
    let both = |one: &str| ["tcp", "udp", "tcp_udp"].contains(&one);
    match (rule, packet) {
        _ if rule == packet || (rule == "tcp_udp" && both(packet)) => Is::Yes,
        (_, "all") | ("tcp" | "udp", "tcp_udp") => Is::Perhaps,
        _ if both(rule) && both(packet) => Is::No,
        _ if rule.starts_with('!') || rule.parse::<u8>().is_ok() => Is::Perhaps,
        _ => Is::No,
    }
}

fn interface(rule: Option<&InterfaceMatch>, packet: Option<&InterfaceMatch>, f: &Firewall) -> Is {
    let Some(rule) = rule else { return Is::Yes };
    let Some(packet) = packet else { return Is::Perhaps };
    if rule == packet {
        return Is::Yes;
    }
    let (Some(rules), Some(packets)) = (named(rule, f), named(packet, f)) else {
        return Is::Perhaps;
    };
    if rule.inverted || packet.inverted {
        return Is::Perhaps;
    }
    let held = |name: &String| rules.iter().any(|pattern| fits(pattern, name));
    match packets.iter().filter(|name| held(name)).count() {
        0 => Is::No,
        some if some == packets.len() => Is::Yes,
        _ => Is::Perhaps,
    }
}

fn leaving(rule: Option<&InterfaceMatch>, egress: Option<&Interface>, f: &Firewall) -> Is {
    let Some(rule) = rule else { return Is::Yes };
    let (Some(names), Some(egress)) = (named(rule, f), egress) else { return Is::Perhaps };
    Is::from(Some(names.iter().any(|pattern| fits(pattern, &egress.name)) != rule.inverted))
}

/// The names that an interface or a group of them stands for.
fn named(one: &InterfaceMatch, firewall: &Firewall) -> Option<Vec<String>> {
    match (&one.name, &one.group) {
        (Some(name), None) => Some(vec![name.clone()]),
        (None, Some(group)) => members(firewall, GroupKind::Interface, group),
        _ => None,
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// All members of a group with those of the groups that it includes; none where it is not known.
pub(crate) fn members(firewall: &Firewall, kind: GroupKind, name: &str) -> Option<Vec<String>> {
    let mut names = vec![name.to_owned()];
    let mut members = Vec::new();
    let mut at = 0;
    while let Some(name) = names.get(at).cloned() {
        let group = firewall.group(kind, &name)?;
        members.extend(group.members.iter().cloned());
        for include in &group.includes {
            if !names.contains(include) {
                names.push(include.clone());
            }
        }
        at += 1;
    }
    Some(members)
}

fn destination(side: &Side, packet: &Packet<'_>, firewall: &Firewall) -> Is {
    let mut is = Is::Yes;
    if let Some(address) = &side.address {
        let plain = address.trim_start_matches('!');
        let inverted = plain.len() < address.len();
        is = is.min(Is::from(net::contains(plain, packet.target).map(|held| held != inverted)));
    }
    if let Some(port) = &side.port {
        is = is.min(ports(port, packet.port));
    }
    for group in &side.groups {
        let known = match group.kind.as_str() {
            "port-group" => members(firewall, GroupKind::Port, &group.name)
                .map(|ports_in| ports(&ports_in.join(","), packet.port)),
            kind => {
                let kind = match kind {
                    "address-group" => Some(GroupKind::Address),
                    "network-group" => Some(GroupKind::Network),
                    _ => None,
                };
                kind.and_then(|kind| members(firewall, kind, &group.name)).map(|held| {
                    let inside = |m: &String| net::contains(m, packet.target) == Some(true);
                    Is::from(Some(held.iter().any(inside)))
                })
            }
        };
        is = is.min(match (known.unwrap_or(Is::Perhaps), group.inverted) {
            (Is::Yes, true) => Is::No,
            (Is::No, true) => Is::Yes,
            (known, _) => known,
        });
    }
    let has_more = side.mac.is_some()
        || side.fqdn.is_some()
        || !side.countries.is_empty()
        || !side.other.is_empty();
    is.min(if has_more { Is::Perhaps } else { Is::Yes })
}

/// Whether all, some or none of a packet's ports are in a list of a rule.
fn ports(rule: &str, packet: Option<(u16, u16)>) -> Is {
    let Some((low, high)) = packet else { return Is::Perhaps };
    let inverted = rule.starts_with('!');
    let mut is = Is::No;
    for part in rule.split(',') {
        is = is.max(match net::ports(part.trim_start_matches('!')) {
            Some((from, to)) if from <= low && high <= to => Is::Yes,
            Some((from, to)) if to < low || high < from => Is::No,
            _ => Is::Perhaps,
        });
    }
    match (is, inverted) {
        (Is::Yes, true) => Is::No,
        (Is::No, true) => Is::Yes,
        (is, _) => is,
    }
}

fn hairpin(
    rule: &NatRule,
    target: IpAddr,
    egress: Option<&Interface>,
    nat: &Nat,
    firewall: &Firewall,
) -> Option<Hairpin> {
    let egress = egress?;
    let comes_in_there = |one: &NatRule| match &one.matches.inbound {
        None => Is::Yes,
        Some(inbound) => leaving(Some(inbound), Some(egress), firewall),
    };
    let same = |one: &&NatRule| {
        !one.disabled
            && !one.exclude
            && comes_in_there(one) == Is::Yes
            && self::target(one) == self::target(rule)
            && one.matches.destination.port == rule.matches.destination.port
            && protocol(one.matches.protocol.as_deref(), rule.matches.protocol.as_deref()) == Is::Yes
            // Without an address of the router, all that goes to this port anywhere would be taken.
            && (one.number != rule.number || one.matches.destination.address.is_some())
    };
    let inside = nat.of(NatTable::Destination).find(same)?;
    let returns = |one: &&NatRule| {
        !one.disabled
            && !one.exclude
            && leaving(one.matches.outbound.as_ref(), Some(egress), firewall) == Is::Yes
            && one.translation.address.is_some()
            && (one.matches.destination.address.is_none()
                || one
                    .matches
                    .destination
                    .address
                    .as_deref()
                    .and_then(|a| net::contains(a, target))
                    == Some(true))
            && one.matches.source.address.as_deref().is_none_or(|source| {
                egress.addresses.iter().any(|own| net::covers(source, own) == Some(true))
            })
    };
    let source_rule = nat.of(NatTable::Source).find(returns).map(|rule| rule.number);
    Some(Hairpin { destination_rule: inside.number, source_rule })
}
