//! What a change puts at risk, judged before it is sent: the operator's own way to the router, the
//! default route, the chains that guard the router, its own services.
//!
//! Pure: two configurations and where the operator sits in, risks out. It errs on the side of a
//! warning: what a firewall rule really matches is not simulated.

use std::net::IpAddr;

use serde::Serialize;

use crate::config::{Children, Kind, Node};

/// Where the one sits who asks for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Operator {
    /// The browser's address.
    pub address: Option<IpAddr>,
    /// The address of the router that the browser speaks to.
    pub local: Option<IpAddr>,
}

/// How much is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stake {
    /// Good to know.
    Note,
    /// May cut off the operator or the network: to be confirmed by typing.
    Cuts,
    /// Could not be undone by us any more: never done.
    Refused,
}

/// One thing at risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// How much.
    pub stake: Stake,
    /// What may happen, for people.
    pub text: String,
}

/// All risks of turning one configuration into another, the gravest first.
pub fn risks(before: &Node, after: &Node, operator: Operator) -> Vec<Risk> {
    let eyes = Eyes { before, after, operator };
    let mut found = Vec::new();
    found.extend(eyes.own_api());
    found.extend(eyes.own_path());
    found.extend(eyes.default_route());
    found.extend(eyes.uplinks());
    found.extend(eyes.tunnels());
    found.extend(eyes.guards());
    found.extend(eyes.services());
    model::sort_by_key(&mut found, |risk: &Risk| std::cmp::Reverse(risk.stake));
    found.dedup();
    found
}

struct Eyes<'a> {
    before: &'a Node,
    after: &'a Node,
    operator: Operator,
}

fn risk(stake: Stake, text: impl Into<String>) -> Risk {
    Risk { stake, text: text.into() }
}

impl Eyes<'_> {
    fn both<'s>(&'s self, path: &[&str]) -> (Option<&'s Node>, Option<&'s Node>) {
        (self.before.at(path.iter().copied()), self.after.at(path.iter().copied()))
    }

    fn differs(&self, path: &[&str]) -> bool {
        let (old, new) = self.both(path);
        !same(old, new)
    }

    fn loses(&self, path: &[&str]) -> bool {
        matches!(self.both(path), (Some(_), None))
    }

    /// Our own way to the router's API.
    fn own_api(&self) -> Option<Risk> {
        let keys = ["service", "https", "api", "keys", "id"];
        let lost = self.loses(&["service", "https", "api"])
            || self.loses(&["service", "https", "api", "rest"])
            || self.loses(&keys)
            || key_lost(self.before.at(keys), self.after.at(keys));
        lost.then(|| {
            risk(
                Stake::Refused,
                "This takes away the HTTP API that Panoptikon itself uses: nothing could be undone \
                 any more. Do it on the router's console if you mean it.",
            )
        })
    }

    /// The interface by which the operator came.
    fn own_path(&self) -> Vec<Risk> {
        let Some(local) = self.operator.local.filter(|ip| !ip.is_loopback()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for old in interfaces(self.before) {
            if !old.addresses().any(|address| prefix_ip(address) == Some(local)) {
                continue;
            }
            let path: Vec<&str> = old.path.iter().map(String::as_str).collect();
            let name = old.name();
            let new = self.after.at(path.iter().copied());
            let Some(new) = new else {
                found.push(risk(
                    Stake::Cuts,
                    format!("It removes {name}, by which you are connected right now."),
                ));
                continue;
            };
            let new = Interface { path: old.path.clone(), node: new };
            if !new.addresses().any(|address| prefix_ip(address) == Some(local)) {
                found.push(risk(
                    Stake::Cuts,
                    format!("It takes the address {local} from {name}, to which you are connected right now."),
                ));
            }
            let newly = |leaf: &str| new.node.at([leaf]).is_some() && old.node.at([leaf]).is_none();
            let parent_disabled = (2..path.len()).any(|end| {
                let parent: Vec<&str> = path[..end].iter().copied().chain(["disable"]).collect();
                matches!(self.both(&parent), (None, Some(_)))
            });
            if newly("disable") || parent_disabled {
                found.push(risk(
                    Stake::Cuts,
                    format!("It switches off {name}, by which you are connected right now."),
                ));
            }
            if !same(old.node.at(["vrf"]), new.node.at(["vrf"])) {
                found.push(risk(
                    Stake::Cuts,
                    format!("It moves {name}, by which you are connected, to another VRF."),
                ));
            }
        }
        found
    }

    fn default_route(&self) -> Vec<Risk> {
        let routes = [
            (["protocols", "static", "route", "0.0.0.0/0"], "IPv4"),
            (["protocols", "static", "route6", "::/0"], "IPv6"),
        ];
        routes
            .into_iter()
            .filter(|(path, _)| self.differs(path))
            .map(|(path, family)| {
                let text = if self.loses(&path) { "removes" } else { "changes" };
                risk(
                    Stake::Cuts,
                    format!("It {text} the default route for {family}: the way to the Internet."),
                )
            })
            .collect()
    }

    /// Interfaces that get their address, and mostly the default route, from outside.
    fn uplinks(&self) -> Vec<Risk> {
        let outside = |interface: &Interface<'_>| {
            interface.path.get(1).is_some_and(|kind| kind == "pppoe")
                || interface.addresses().any(|address| address.starts_with("dhcp"))
        };
        interfaces(self.before)
            .into_iter()
            .filter(outside)
            .filter_map(|old| {
                let path: Vec<&str> = old.path.iter().map(String::as_str).collect();
                let new = self.after.at(path);
                let kept = new.is_some_and(|new| {
                    same(old.node.at(["address"]), new.at(["address"]))
                        && (old.node.at(["disable"]).is_some() || new.at(["disable"]).is_none())
                });
                (!kept).then(|| {
                    let name = old.name();
                    risk(Stake::Cuts, format!("It touches {name}, which gets its address from your provider: the way to the Internet."))
                })
            })
            .collect()
    }

    /// Clients of VPNs whose server may send everything through them.
    fn tunnels(&self) -> Vec<Risk> {
        let takes = |node: &Node| {
            let options = node.at(["openvpn-option"]).map(Node::values).unwrap_or_default();
            node.value_at(["mode"]) == Some("client")
                && node.at(["disable"]).is_none()
                && !options.iter().any(|option| option.trim_start_matches('-') == "route-nopull")
        };
        let all = self.after.at(["interfaces", "openvpn"]).and_then(Node::children);
        let fresh = |(name, new): &(&str, &Node)| {
            let old = self.before.at(["interfaces", "openvpn", name]);
            takes(new) && !old.is_some_and(takes)
        };
        let all = all.into_iter().flat_map(Children::iter).filter(fresh);
        all.map(|(name, _)| risk(Stake::Cuts, format!("It lets the server of {name} set routes: everything may then go through that VPN, and nothing while it is down.")))
            .collect()
    }

    /// The chains that decide who reaches the router itself.
    fn guards(&self) -> Vec<Risk> {
        let mut found = Vec::new();
        for family in ["ipv4", "ipv6"] {
            let path = ["firewall", family, "input"];
            if !self.differs(&path) {
                continue;
            }
            let (old, new) = self.both(&path);
            let stake = if shuts(old, new) { Stake::Cuts } else { Stake::Note };
            found.push(risk(
                stake,
                format!("It changes the firewall chain that guards the router itself ({family} input): a mistake there shuts you out."),
            ));
        }
        if self.differs(&["firewall", "global-options"]) {
            found.push(risk(
                Stake::Note,
                "It changes the firewall's global options, which count for every chain.",
            ));
        }
        if self.differs(&["firewall", "zone"]) {
            let stake = if has_local_zone(self.after) { Stake::Cuts } else { Stake::Note };
            found.push(risk(
                stake,
                "It changes firewall zones: traffic between zones without a rule set is dropped.",
            ));
        }
        if self.differs(&["firewall", "group"]) && self.groups_guard() {
            found.push(risk(
                Stake::Note,
                "It changes a firewall group that rules guarding the router may use.",
            ));
        }
        found
    }

    fn groups_guard(&self) -> bool {
        ["ipv4", "ipv6"].iter().any(|family| {
            self.after
                .at(["firewall", family, "input"])
                .is_some_and(|chain| mentions(chain, "group"))
        })
    }

    fn services(&self) -> Vec<Risk> {
        let mut found = Vec::new();
        if self.loses(&["service", "ssh"]) {
            found.push(risk(Stake::Cuts, "It switches off SSH: without it only this page and the console lead to the router."));
        } else if self.differs(&["service", "ssh"]) {
            found.push(risk(Stake::Note, "It changes how SSH can be reached."));
        }
        if self.differs(&["service", "https"]) {
            found.push(risk(Stake::Note, "It changes the router's own HTTPS service, which starts anew; the API is away for some seconds."));
        }
        if self.differs(&["system", "login"]) {
            found.push(risk(Stake::Note, "It changes who may log in to the router."));
        }
        if self.loses(&["service", "dhcp-server"]) {
            found.push(risk(Stake::Cuts, "It switches off the DHCP server: devices lose their addresses when their leases end."));
        }
        if self.loses(&["service", "dns", "forwarding"]) {
            found.push(risk(
                Stake::Note,
                "It switches off DNS forwarding: devices that ask the router find no names.",
            ));
        }
        if self.loses(&["nat", "source"]) {
            found.push(risk(
                Stake::Cuts,
                "It removes all source NAT: most home networks have no Internet without it.",
            ));
        }
        found
    }
}

fn same(a: Option<&Node>, b: Option<&Node>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => a.means_the_same(b),
        _ => false,
    }
}

/// A key that was there and is not, or has another value.
fn key_lost(before: Option<&Node>, after: Option<&Node>) -> bool {
    let Some(old) = before.and_then(Node::children) else { return false };
    old.iter().any(|(name, key)| !same(Some(key), after.and_then(|all| all.at([name]))))
}

/// Whether a chain lets through less than before, as far as that is to be seen: its default is
/// another, it has new rules that drop, or has lost rules that accept.
fn shuts(old: Option<&Node>, new: Option<&Node>) -> bool {
    let filter = |chain: Option<&Node>| chain.and_then(|chain| chain.at(["filter"])).cloned();
    let (old, new) = (filter(old).unwrap_or_default(), filter(new).unwrap_or_default());
    let default = |chain: &Node| chain.value_at(["default-action"]).map(str::to_owned);
    if default(&new).is_some_and(|action| action != "accept") && default(&old) != default(&new) {
        return true;
    }
    let none = Node::default();
    let rules = |chain: &Node| chain.at(["rule"]).unwrap_or(&none).clone();
    let (old, new) = (rules(&old), rules(&new));
    let count = |rules: &Node| rules.children().map_or(0, Children::len);
    let fresh = new.children().into_iter().flat_map(Children::iter).any(|(number, rule)| {
        !same(Some(rule), old.at([number]))
            && !matches!(rule.value_at(["action"]), Some("accept" | "return" | "continue"))
    });
    let gone = old.children().into_iter().flat_map(Children::iter).any(|(number, rule)| {
        !same(Some(rule), new.at([number])) && rule.value_at(["action"]) == Some("accept")
    });
    fresh || (gone && count(&old) > 0)
}

fn has_local_zone(config: &Node) -> bool {
    let zones = config.at(["firewall", "zone"]).and_then(Node::children);
    zones.is_some_and(|zones| zones.iter().any(|(_, zone)| zone.at(["local-zone"]).is_some()))
}

fn mentions(node: &Node, name: &str) -> bool {
    node.children()
        .is_some_and(|all| all.iter().any(|(child, below)| child == name || mentions(below, name)))
}

fn prefix_ip(address: &str) -> Option<IpAddr> {
    address.split('/').next()?.parse().ok()
}

struct Interface<'a> {
    path: Vec<String>,
    node: &'a Node,
}

impl Interface<'_> {
    fn addresses(&self) -> impl Iterator<Item = &str> {
        let values = self.node.at(["address"]).map_or(&[][..], Node::values);
        values.iter().map(String::as_str)
    }

    /// As people call it: `eth0`, `eth0.30`.
    fn name(&self) -> String {
        let mut words = self.path.iter().skip(2);
        let mut name = words.next().cloned().unwrap_or_default();
        while let (Some(_), Some(tag)) = (words.next(), words.next()) {
            name = format!("{name}.{tag}");
        }
        name
    }
}

/// All interfaces, with their VLANs.
fn interfaces(config: &Node) -> Vec<Interface<'_>> {
    let mut found = Vec::new();
    let kinds = config.at(["interfaces"]).and_then(Node::children);
    for (kind, all) in kinds.into_iter().flat_map(Children::iter) {
        let names = all.children().into_iter().flat_map(Children::iter);
        for (name, node) in
            names.filter(|(_, node)| !matches!(node.kind, Kind::Leaf(ref v) if !v.is_empty()))
        {
            let path = vec!["interfaces".to_owned(), kind.to_owned(), name.to_owned()];
            vlans(&path, node, &mut found);
            found.push(Interface { path, node });
        }
    }
    found
}

fn vlans<'a>(path: &[String], node: &'a Node, found: &mut Vec<Interface<'a>>) {
    for kind in ["vif", "vif-s", "vif-c"] {
        let tags = node.at([kind]).and_then(Node::children);
        for (tag, below) in tags.into_iter().flat_map(Children::iter) {
            let mut path = path.to_vec();
            path.extend([kind.to_owned(), tag.to_owned()]);
            vlans(&path, below, found);
            found.push(Interface { path, node: below });
        }
    }
}
