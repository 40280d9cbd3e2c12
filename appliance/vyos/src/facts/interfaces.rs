//! Interfaces of every type, with VLANs and with what they are members of.

use serde::Serialize;

use super::read::Reader;
use crate::config::Node;

/// An interface, or a VLAN on one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// As the kernel calls it: `eth0`, `eth0.7`, `eth0.100.7`.
    pub name: String,
    /// The configuration's word for its type: `ethernet`, `bridge`, `wireguard` …
    pub kind: String,
    /// Where it is configured: `interfaces ethernet eth0 vif 7`.
    pub path: Vec<String>,
    /// The interface that a VLAN is on.
    pub parent: Option<String>,
    /// Of a VLAN.
    pub vlan: Option<Vlan>,
    /// What somebody said of it.
    pub description: Option<String>,
    /// Prefixes, `dhcp` or `dhcpv6`.
    pub addresses: Vec<String>,
    /// In bytes, where it is configured.
    pub mtu: Option<u32>,
    /// Switched off.
    pub disabled: bool,
    /// The routing instance it is in.
    pub vrf: Option<String>,
    /// A hardware address that was given to it.
    pub mac: Option<String>,
    /// The hardware address by which the device was found.
    pub hw_id: Option<String>,
    /// Interfaces in this bridge or bond.
    pub members: Vec<String>,
    /// The bridge or bond that it is in.
    pub member_of: Option<String>,
    /// The interface that it is built upon (`PPPoE`, VXLAN, tunnels …).
    pub source_interface: Option<String>,
    /// All else that is configured, in the configuration's words.
    pub other: Vec<String>,
}

/// A VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Vlan {
    /// 0 to 4094.
    pub id: u16,
    /// An outer one of two, with the type of 802.1ad unless said otherwise.
    pub is_service: bool,
}

/// All interfaces of a configuration, each followed by its VLANs.
pub fn interfaces(root: &Node) -> Vec<Interface> {
    let mut all = Vec::new();
    let mut types = Reader::of(root.at(["interfaces"]));
    let names: Vec<String> = root
        .at(["interfaces"])
        .and_then(Node::children)
        .map(|types| types.iter().map(|(name, _)| name.to_owned()).collect())
        .unwrap_or_default();
    for kind in &names {
        for (name, reader) in types.each(kind) {
            let path = vec!["interfaces".to_owned(), kind.clone(), name.clone()];
            interface(reader, kind, name, path, None, &mut all);
        }
    }
    let memberships: Vec<(String, String)> = all
        .iter()
        .flat_map(|owner| owner.members.iter().map(|m| (m.clone(), owner.name.clone())))
        .collect();
    for one in &mut all {
        let found = memberships.iter().find(|(member, _)| *member == one.name);
        one.member_of = found.map(|(_, owner)| owner.clone());
    }
    all
}

fn interface(
    mut reader: Reader<'_>,
    kind: &str,
    name: String,
    path: Vec<String>,
    vlan: Option<(String, Vlan)>,
    into: &mut Vec<Interface>,
) {
    let mut other = Vec::new();
    let mut members = Vec::new();
    if let Some(mut member) = reader.group("member") {
        for (name, options) in member.each("interface") {
            options.rest_in(&format!("member interface {name}"), &mut other);
            members.push(name);
        }
        member.rest_in("member", &mut other);
    }
    let vlans: Vec<_> = ["vif", "vif-s", "vif-c"]
        .into_iter()
        .flat_map(|word| reader.each(word).into_iter().map(move |(id, vif)| (word, id, vif)))
        .collect();
    if kind == "wireguard" {
        reader.elsewhere(&["peer", "private-key", "port", "fwmark"]);
    }
    let (parent, vlan) = vlan.map_or((None, None), |(parent, vlan)| (Some(parent), Some(vlan)));
    let mut found = Interface {
        kind: kind.to_owned(),
        parent,
        vlan,
        description: reader.text("description"),
        addresses: reader.texts("address"),
        mtu: reader.number("mtu"),
        disabled: reader.flag("disable"),
        vrf: reader.text("vrf"),
        mac: reader.text("mac"),
        hw_id: reader.text("hw-id"),
        members,
        member_of: None,
        source_interface: reader.text("source-interface"),
        other,
        path: path.clone(),
        name: name.clone(),
    };
    found.other.extend(reader.rest());
    into.push(found);
    for (word, id, vif) in vlans {
        let vlan = Vlan { id: id.parse().unwrap_or_default(), is_service: word == "vif-s" };
        let path = path.iter().cloned().chain([word.to_owned(), id.clone()]).collect();
        interface(vif, kind, format!("{name}.{id}"), path, Some((name.clone(), vlan)), into);
    }
}
