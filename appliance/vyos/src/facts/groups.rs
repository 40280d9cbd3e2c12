//! Groups of addresses, networks, ports, hardware addresses, names and interfaces, with every place
//! where each is used.

use serde::{Deserialize, Serialize};

use super::read::Reader;
use crate::config::Node;

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Of what.
    pub kind: GroupKind,
    /// Its name, unique among its kind.
    pub name: String,
    /// What somebody said of it.
    pub description: Option<String>,
    /// As they are written; the address of the list for a remote group.
    pub members: Vec<String>,
    /// Groups of its kind whose members are its own as well.
    pub includes: Vec<String>,
    /// Where it is used, in the configuration's words.
    pub used_in: Vec<String>,
    /// All else, in the configuration's words.
    pub other: Vec<String>,
}

/// What a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// IPv4 addresses and ranges.
    Address,
    /// IPv4 prefixes.
    Network,
    /// IPv6 addresses and ranges.
    Ipv6Address,
    /// IPv6 prefixes.
    Ipv6Network,
    /// Ports and ranges of them.
    Port,
    /// Hardware addresses.
    Mac,
    /// Names that are resolved.
    Domain,
    /// Interfaces.
    Interface,
    /// IPv4 addresses that rules put in.
    DynamicAddress,
    /// IPv6 addresses that rules put in.
    DynamicIpv6Address,
    /// A list that is fetched from an address (newer releases).
    Remote,
}

impl GroupKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Address,
        Self::Network,
        Self::Ipv6Address,
        Self::Ipv6Network,
        Self::Port,
        Self::Mac,
        Self::Domain,
        Self::Interface,
        Self::DynamicAddress,
        Self::DynamicIpv6Address,
        Self::Remote,
    ];

    /// Its words under `firewall group`.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Address => &["address-group"],
            Self::Network => &["network-group"],
            Self::Ipv6Address => &["ipv6-address-group"],
            Self::Ipv6Network => &["ipv6-network-group"],
            Self::Port => &["port-group"],
            Self::Mac => &["mac-group"],
            Self::Domain => &["domain-group"],
            Self::Interface => &["interface-group"],
            Self::DynamicAddress => &["dynamic-group", "address-group"],
            Self::DynamicIpv6Address => &["dynamic-group", "ipv6-address-group"],
            Self::Remote => &["remote-group"],
        }
    }

    /// The setting that holds its members; none where the router fills it.
    pub const fn member_word(self) -> Option<&'static str> {
        match self {
            Self::Address | Self::Ipv6Address | Self::Domain => Some("address"),
            Self::Network | Self::Ipv6Network => Some("network"),
            Self::Port => Some("port"),
            Self::Mac => Some("mac-address"),
            Self::Interface => Some("interface"),
            Self::DynamicAddress | Self::DynamicIpv6Address => None,
            Self::Remote => Some("url"),
        }
    }

    /// Where a group of this kind is configured.
    pub fn path(self, name: &str) -> Vec<String> {
        let words = ["firewall", "group"].iter().chain(self.words()).copied().chain([name]);
        words.map(str::to_owned).collect()
    }

    /// Other groups of its kind may be included.
    pub const fn can_include(self) -> bool {
        !matches!(
            self,
            Self::Domain | Self::DynamicAddress | Self::DynamicIpv6Address | Self::Remote
        )
    }
}

/// All groups of a configuration, by kind and name.
pub fn groups(root: &Node) -> Vec<Group> {
    let mut groups = Vec::new();
    for kind in GroupKind::ALL {
        let path = ["firewall", "group"].iter().chain(kind.words()).copied();
        let Some(all) = root.at(path).and_then(Node::children) else { continue };
        for (name, node) in all.iter() {
            let mut reader = Reader::new(node);
            let members = kind.member_word().map(|word| reader.texts(word)).unwrap_or_default();
            groups.push(Group {
                kind,
                name: name.to_owned(),
                description: reader.text("description"),
                members,
                includes: reader.texts("include"),
                used_in: Vec::new(),
                other: reader.rest(),
            });
        }
    }
    let mut uses = Vec::new();
    find(root, &mut Vec::new(), &mut uses);
    for group in &mut groups {
        let own = uses.iter().filter(|(kind, name, _)| *kind == group.kind && *name == group.name);
        group.used_in = own.map(|(_, _, place)| place.clone()).collect();
    }
    groups
}

type Use = (GroupKind, String, String);

fn find<'a>(node: &'a Node, path: &mut Vec<&'a str>, into: &mut Vec<Use>) {
    for value in node.values() {
        if let Some(kind) = kind_at(path) {
            let name = value.trim_start_matches('!').to_owned();
            let place = path.get(..path.len().saturating_sub(1)).unwrap_or_default().join(" ");
            into.push((kind, name, place));
        }
    }
    for (name, child) in node.children().into_iter().flat_map(crate::config::Children::iter) {
        path.push(name);
        find(child, path, into);
        path.pop();
    }
}

/// The kind of group that a setting at this path names.
fn kind_at(path: &[&str]) -> Option<GroupKind> {
    let is_ipv6 =
        matches!(path, ["firewall", "ipv6", ..] | ["nat66", ..] | ["policy", "route6", ..]);
    let either = |v4: GroupKind, v6: GroupKind| Some(if is_ipv6 { v6 } else { v4 });
    match path {
        ["firewall", "group", "dynamic-group", ..] => None,
        ["firewall", "group", word, _, "include"] => {
            GroupKind::ALL.into_iter().find(|kind| kind.words() == [*word])
        }
        [.., "inbound-interface" | "outbound-interface", "group" | "interface-group"] => {
            Some(GroupKind::Interface)
        }
        [.., "add-address-to-group", _, "address-group"] => {
            either(GroupKind::DynamicAddress, GroupKind::DynamicIpv6Address)
        }
        [.., "group", word] => match *word {
            "address-group" => either(GroupKind::Address, GroupKind::Ipv6Address),
            "network-group" => either(GroupKind::Network, GroupKind::Ipv6Network),
            "ipv4-address-group" => Some(GroupKind::Address),
            "ipv4-network-group" => Some(GroupKind::Network),
            "ipv6-address-group" => Some(GroupKind::Ipv6Address),
            "ipv6-network-group" => Some(GroupKind::Ipv6Network),
            "dynamic-address-group" => {
                either(GroupKind::DynamicAddress, GroupKind::DynamicIpv6Address)
            }
            "port-group" => Some(GroupKind::Port),
            "mac-group" => Some(GroupKind::Mac),
            "domain-group" => Some(GroupKind::Domain),
            "remote-group" => Some(GroupKind::Remote),
            _ => None,
        },
        _ => None,
    }
}
