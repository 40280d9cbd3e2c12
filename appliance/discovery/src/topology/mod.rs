//! The network as a graph: the router, its interfaces, their subnets, the devices in them.
//!
//! In: segments, devices and where people have moved things. Out: nodes with coordinates and the
//! lines between them; the same input always gives the same picture. The coordinates come from `layout`.

mod layout;
mod positions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::DeviceId;
use serde::Serialize;

use crate::device::Device;
use crate::enrich::DeviceType;
use crate::segment::{Network, Segment};
use crate::tables::ip_sort;
use layout::Placing;

pub use layout::SPACING;
pub use positions::Position;

/// A group with more devices is one node until somebody opens it.
pub const COLLAPSE_ABOVE: usize = 60;
/// The most devices of an opened group; the rest stays one node.
pub const MOST_SHOWN: usize = 1_000;
/// The router's own node.
pub const ROUTER: &str = "router";
/// The group of devices that were never heard, or on no interface that is known.
pub const UNPLACED: &str = "subnet-unplaced";

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The router that this runs on.
    Router,
    /// One of its interfaces.
    Interface,
    /// A switch or access point through which all else of the interface passes.
    Uplink,
    /// A subnet of an interface.
    Subnet,
    /// A device.
    Device,
    /// The devices of a group that are not shown one by one.
    More,
}

/// Something on the map.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Its name in saved positions: `router`, `interface-eth1`, `subnet-eth1-192.168.1.0-24`,
    /// `device-12`, `more-eth1-192.168.1.0-24`.
    pub id: String,
    /// What it stands for.
    pub kind: NodeKind,
    /// What it is called.
    pub label: String,
    /// A few more words, such as its address or how many devices there are.
    pub detail: String,
    /// The device, for devices and uplinks.
    pub device: Option<DeviceId>,
    /// Its type's word, for devices and uplinks.
    pub device_type: Option<&'static str>,
    /// Whether it is there, for devices and uplinks.
    pub online: Option<bool>,
    /// Devices below it; 1 for a device.
    pub devices: usize,
    /// Those of them that are there.
    pub devices_online: usize,
    /// To the right of the router.
    pub x: f64,
    /// Below the router.
    pub y: f64,
    /// A person has put it there.
    pub moved: bool,
    /// A person has fixed it there.
    pub pinned: bool,
}

/// A line between two nodes, from the router outwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The node nearer to the router.
    pub from: String,
    /// The other one.
    pub to: String,
}

/// A map.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Graph {
    /// The nodes, each after the one it hangs on.
    pub nodes: Vec<Node>,
    /// The lines.
    pub edges: Vec<Edge>,
    /// The smallest and largest x and y of all nodes: left, top, right, bottom.
    pub bounds: (f64, f64, f64, f64),
}

/// One interface as it is drawn: what hangs on it.
#[derive(Default)]
struct Branch<'s, 'a> {
    segment: Option<&'s Segment>,
    /// Groups by the key they sort by: network, else the rest.
    groups: BTreeMap<GroupKey, Group<'a>>,
    uplink: Option<&'a Device>,
}

/// Networks by address, devices without one last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum GroupKey {
    Network(Vec<u8>, String),
    Other,
}

#[derive(Default)]
struct Group<'a> {
    devices: Vec<&'a Device>,
}

/// Draws the map. `expanded` holds the nodes of groups that are shown whole, however large.
pub fn topology<'a>(
    router: &str,
    segments: &[Segment],
    devices: impl IntoIterator<Item = &'a Device>,
    saved: &BTreeMap<String, Position>,
    expanded: &BTreeSet<String>,
) -> Graph {
    let (branches, unplaced) = sort_out(segments, devices);
    let mut drawing = Drawing::new(router, expanded);
    for (name, branch) in &branches {
        drawing.branch(name, branch);
    }
    if !unplaced.is_empty() {
        let group = Group { devices: unplaced };
        let at = drawing.hub(0, Placing::GROUP, node(UNPLACED, NodeKind::Subnet, "Not placed"));
        drawing.group(at, "unplaced", group);
    }
    drawing.finish(saved)
}

/// Devices by interface and subnet, and those that belong to none.
fn sort_out<'s, 'a>(
    segments: &'s [Segment],
    devices: impl IntoIterator<Item = &'a Device>,
) -> (BTreeMap<&'s str, Branch<'s, 'a>>, Vec<&'a Device>) {
    let mut branches: BTreeMap<&str, Branch<'s, 'a>> = BTreeMap::new();
    for segment in segments {
        let branch = branches.entry(&segment.name).or_default();
        branch.segment = Some(segment);
        // An IPv6 network is shown where it has devices that have nothing else.
        for network in segment.networks.iter().filter(|n| n.own.is_ipv4()) {
            branch.groups.entry(network_key(network)).or_default();
        }
    }
    let mut unplaced = Vec::new();
    let mut speakers: BTreeMap<&str, Vec<&Device>> = BTreeMap::new();
    for device in devices {
        let branch = device.interface.as_deref().and_then(|name| branches.get_mut(name));
        let (Some(name), Some(branch)) = (device.interface.as_deref(), branch) else {
            unplaced.push(device);
            continue;
        };
        let address = device.main_address().map(|a| a.ip);
        let network = address.and_then(|ip| branch.segment?.network_of(ip));
        let key = network.map_or(GroupKey::Other, network_key);
        branch.groups.entry(key).or_default().devices.push(device);
        if device.evidence.link.as_ref().is_some_and(|l| l.bridge && !l.telephone) {
            speakers.entry(name).or_default().push(device);
        }
    }
    for (name, speakers) in speakers {
        if let Some(branch) = branches.get_mut(name) {
            branch.take_uplink(&speakers);
        }
    }
    (branches, unplaced)
}

impl<'a> Branch<'_, 'a> {
    /// LLDP and CDP reach no further than the next switch. Where just one is heard, all else of the
    /// interface is behind it; where several are, nobody can tell, and they stay devices.
    fn take_uplink(&mut self, speakers: &[&'a Device]) {
        let is_access_point = |d: &Device| d.evidence.link.as_ref().is_some_and(|l| l.access_point);
        let switches: Vec<_> = speakers.iter().filter(|d| !is_access_point(d)).collect();
        let only = match (switches.as_slice(), speakers) {
            ([switch], _) => **switch,
            ([], [access_point]) => *access_point,
            _ => return,
        };
        self.uplink = Some(only);
        for group in self.groups.values_mut() {
            group.devices.retain(|d| d.id != only.id);
        }
        // Its own address made this group, unless it is a network of the router's.
        self.groups
            .retain(|key, group| matches!(key, GroupKey::Network(..)) || !group.devices.is_empty());
    }

    fn devices(&self) -> impl Iterator<Item = &'a Device> + '_ {
        self.groups.values().flat_map(|g| g.devices.iter().copied()).chain(self.uplink)
    }
}

fn network_key(network: &Network) -> GroupKey {
    GroupKey::Network(ip_sort(network.own), network.cidr())
}

/// The graph while it grows: nodes, their parents, and what the layout has to know of each.
struct Drawing<'e> {
    nodes: Vec<Node>,
    parents: Vec<usize>,
    placing: Vec<Placing>,
    expanded: &'e BTreeSet<String>,
}

impl<'e> Drawing<'e> {
    fn new(router: &str, expanded: &'e BTreeSet<String>) -> Self {
        Self {
            nodes: vec![node(ROUTER, NodeKind::Router, router)],
            parents: vec![0],
            placing: vec![Placing::Centre],
            expanded,
        }
    }

    fn branch(&mut self, name: &str, branch: &Branch<'_, '_>) {
        let key = clean(name);
        let mut hub = node(&format!("interface-{key}"), NodeKind::Interface, name);
        let networks = branch.segment.map(|s| s.networks.as_slice()).unwrap_or_default();
        let own = networks.iter().find(|n| n.own.is_ipv4()).or(networks.first());
        hub.detail = own.map(|n| format!("{}/{}", n.own, n.prefix)).unwrap_or_default();
        (hub.devices, hub.devices_online) = tally(branch.devices());
        let mut at = self.hub(0, Placing::INTERFACE, hub);
        if let Some(uplink) = branch.uplink {
            let mut hub = device_node(uplink);
            hub.kind = NodeKind::Uplink;
            (hub.devices, hub.devices_online) = tally(branch.devices());
            at = self.hub(at, Placing::UPLINK, hub);
        }
        for (group_key, group) in &branch.groups {
            let (suffix, label) = match group_key {
                GroupKey::Network(_, cidr) => (clean(cidr), cidr.as_str()),
                GroupKey::Other => ("other".to_owned(), "No address of a subnet"),
            };
            let suffix = format!("{key}-{suffix}");
            let hub = node(&format!("subnet-{suffix}"), NodeKind::Subnet, label);
            let at = self.hub(at, Placing::GROUP, hub);
            let devices = group.devices.clone();
            self.group(at, &suffix, Group { devices });
        }
    }

    /// The devices of a group, below its node.
    fn group(&mut self, at: usize, suffix: &str, mut group: Group<'_>) {
        let by_address = |d: &&Device| (d.main_address().map(|a| ip_sort(a.ip)), d.id);
        model::sort_by_cached_key(&mut group.devices, by_address);
        let (devices, online) = tally(group.devices.iter().copied());
        let hub = &mut self.nodes[at];
        (hub.devices, hub.devices_online) = (devices, online);
        hub.detail = format!("{online} of {devices} online");
        let shown = match devices {
            0..=COLLAPSE_ABOVE => devices,
            _ if self.expanded.contains(&hub.id) => devices.min(MOST_SHOWN),
            _ => 0,
        };
        let (shown, rest) = group.devices.split_at(shown);
        for device in shown {
            self.push(at, Placing::Leaf, device_node(device));
        }
        if !rest.is_empty() {
            let label = format!("{} devices", rest.len());
            let mut more = node(&format!("more-{suffix}"), NodeKind::More, &label);
            (more.devices, more.devices_online) = tally(rest.iter().copied());
            more.detail = format!("{} online", more.devices_online);
            self.push(at, Placing::Leaf, more);
        }
    }

    fn hub(&mut self, parent: usize, placing: Placing, node: Node) -> usize {
        self.push(parent, placing, node)
    }

    fn push(&mut self, parent: usize, placing: Placing, node: Node) -> usize {
        self.nodes.push(node);
        self.parents.push(parent);
        self.placing.push(placing);
        self.nodes.len() - 1
    }

    fn finish(mut self, saved: &BTreeMap<String, Position>) -> Graph {
        let places = layout::place(&self.placing, &self.parents);
        let (first, rest) = (&self.nodes[0], &self.nodes[1..]);
        let (devices, online) = rest
            .iter()
            .filter(|n| matches!(n.kind, NodeKind::Interface) || n.id == UNPLACED)
            .fold((0, 0), |(all, on), n| (all + n.devices, on + n.devices_online));
        debug_assert_eq!(first.kind, NodeKind::Router);
        let router = &mut self.nodes[0];
        (router.devices, router.devices_online) = (devices, online);
        router.detail = format!("{online} of {devices} devices online");
        let mut bounds = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        for (node, (x, y)) in self.nodes.iter_mut().zip(places) {
            (node.x, node.y) = (x, y);
            if let Some(position) = saved.get(&node.id) {
                (node.x, node.y) = (position.x, position.y);
                (node.moved, node.pinned) = (true, position.pinned);
            }
            bounds = (
                bounds.0.min(node.x),
                bounds.1.min(node.y),
                bounds.2.max(node.x),
                bounds.3.max(node.y),
            );
        }
        let edge = |(at, parent): (usize, &usize)| Edge {
            from: self.nodes[*parent].id.clone(),
            to: self.nodes[at].id.clone(),
        };
        let edges = self.parents.iter().enumerate().skip(1).map(edge).collect();
        Graph { nodes: self.nodes, edges, bounds }
    }
}

fn node(id: &str, kind: NodeKind, label: &str) -> Node {
    Node {
        id: id.to_owned(),
        kind,
        label: label.to_owned(),
        detail: String::new(),
        device: None,
        device_type: None,
        online: None,
        devices: 0,
        devices_online: 0,
        x: 0.0,
        y: 0.0,
        moved: false,
        pinned: false,
    }
}

fn device_node(device: &Device) -> Node {
    let address: Option<IpAddr> = device.main_address().map(|a| a.ip);
    Node {
        detail: address.map_or_else(|| device.mac.to_string(), |ip| ip.to_string()),
        device: Some(device.id),
        device_type: device.device_type().map(DeviceType::as_str),
        online: Some(device.presence.online),
        devices: 1,
        devices_online: usize::from(device.presence.online),
        ..node(&format!("device-{}", device.id), NodeKind::Device, &device.name())
    }
}

fn tally<'a>(devices: impl Iterator<Item = &'a Device>) -> (usize, usize) {
    devices.fold((0, 0), |(all, on), d| (all + 1, on + usize::from(d.presence.online)))
}

/// A name as part of a node's: letters, digits, `-`, `.`, `:`.
fn clean(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
    name.chars().map(|c| if fits(c) { c } else { '-' }).collect()
}
