//! The kernel's tables as netlink messages tell of them, one after the other. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::Mac;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState as KernelState,
};
use netlink_packet_route::{AddressFamily, neighbour::NeighbourFlags};

use super::neighbours::{Interface, InterfaceKind, Neighbour, NeighbourState, NetworkChange};

/// The kernel's tables, as far as they matter here.
#[derive(Debug, Default)]
pub(super) struct Picture {
    interfaces: BTreeMap<u32, Interface>,
    neighbours: BTreeMap<(u32, IpAddr), Neighbour>,
}

impl Picture {
    pub(super) fn apply(&mut self, message: RouteNetlinkMessage, changes: &mut Vec<NetworkChange>) {
        let has_changed = match message {
            RouteNetlinkMessage::NewLink(link) => self.take_link(&link),
            RouteNetlinkMessage::DelLink(link) => self.drop_link(&link, changes),
            RouteNetlinkMessage::NewAddress(address) => self.take_address(&address),
            RouteNetlinkMessage::DelAddress(address) => self.drop_address(&address),
            RouteNetlinkMessage::NewNeighbour(neighbour) => {
                changes.extend(self.take_neighbour(&neighbour));
                false
            }
            RouteNetlinkMessage::DelNeighbour(neighbour) => {
                changes.extend(self.drop_neighbour(&neighbour));
                false
            }
            _ => false,
        };
        if has_changed {
            changes.push(self.list());
        }
    }

    /// Becomes another picture; returns the difference.
    pub(super) fn replace(&mut self, fresh: Self) -> Vec<NetworkChange> {
        let old = std::mem::replace(self, fresh);
        let mut changes = Vec::new();
        if old.interfaces != self.interfaces {
            changes.push(self.list());
        }
        for (interface, ip) in
            old.neighbours.keys().filter(|key| !self.neighbours.contains_key(key))
        {
            changes.push(NetworkChange::NeighbourGone { interface: *interface, ip: *ip });
        }
        for (key, neighbour) in &self.neighbours {
            if old.neighbours.get(key) != Some(neighbour) {
                changes.push(NetworkChange::Neighbour(neighbour.clone()));
            }
        }
        changes
    }

    fn list(&self) -> NetworkChange {
        NetworkChange::Interfaces(self.interfaces.values().cloned().collect())
    }

    fn take_link(&mut self, link: &LinkMessage) -> bool {
        let is_partial = link.attributes.iter().any(|a| matches!(a, LinkAttribute::Wireless(_)));
        if link.header.interface_family != AddressFamily::Unspec || is_partial {
            return false; // a bridge speaks of its port, or a driver of its radio
        }
        let mut interface = interface(link);
        let known = self.interfaces.get(&interface.index);
        if let Some(known) = known {
            interface.addresses.clone_from(&known.addresses);
        }
        if known == Some(&interface) {
            return false;
        }
        self.interfaces.insert(interface.index, interface);
        true
    }

    fn drop_link(&mut self, link: &LinkMessage, changes: &mut Vec<NetworkChange>) -> bool {
        if link.header.interface_family != AddressFamily::Unspec {
            return false; // a port left its bridge
        }
        let index = link.header.index;
        self.neighbours.retain(|(interface, ip), _| {
            let stays = *interface != index;
            if !stays {
                changes.push(NetworkChange::NeighbourGone { interface: index, ip: *ip });
            }
            stays
        });
        self.interfaces.remove(&index).is_some()
    }

    fn take_address(&mut self, message: &AddressMessage) -> bool {
        let Some(interface) = self.interfaces.get_mut(&message.header.index) else {
            return false;
        };
        let Some(address) = address(message) else {
            return false;
        };
        // One that another host has too is of no use to this one.
        if message.header.flags.contains(AddressHeaderFlags::Dadfailed) {
            let before = interface.addresses.len();
            interface.addresses.retain(|known| *known != address);
            return interface.addresses.len() != before;
        }
        match interface.addresses.binary_search(&address) {
            Ok(_) => false,
            Err(at) => {
                interface.addresses.insert(at, address);
                true
            }
        }
    }

    fn drop_address(&mut self, message: &AddressMessage) -> bool {
        let Some(interface) = self.interfaces.get_mut(&message.header.index) else {
            return false;
        };
        let before = interface.addresses.len();
        interface.addresses.retain(|known| Some(*known) != address(message));
        interface.addresses.len() != before
    }

    fn take_neighbour(&mut self, message: &NeighbourMessage) -> Option<NetworkChange> {
        let neighbour = neighbour(message)?;
        let key = (neighbour.interface, neighbour.ip);
        if self.neighbours.get(&key) == Some(&neighbour) {
            return None;
        }
        self.neighbours.insert(key, neighbour.clone());
        Some(NetworkChange::Neighbour(neighbour))
    }

    fn drop_neighbour(&mut self, message: &NeighbourMessage) -> Option<NetworkChange> {
        let (interface, ip) = (message.header.ifindex, destination(message)?);
        self.neighbours.remove(&(interface, ip))?;
        Some(NetworkChange::NeighbourGone { interface, ip })
    }
}

fn interface(link: &LinkMessage) -> Interface {
    let flags = link.header.flags;
    let mut interface = Interface {
        index: link.header.index,
        name: String::new(),
        mac: None,
        addresses: Vec::new(),
        is_up: flags.contains(LinkFlags::Up),
        has_carrier: flags.contains(LinkFlags::LowerUp),
        kind: InterfaceKind::Ethernet,
        master: None,
        parent: None,
    };
    let (mut kind, mut vlan) = (None, None);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name.clone_from(name),
            LinkAttribute::Address(octets) => interface.mac = mac(octets),
            LinkAttribute::Controller(index) => interface.master = Some(*index),
            LinkAttribute::Link(index) => interface.parent = Some(*index).filter(|i| *i != 0),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(word) => kind = Some(word),
                        LinkInfo::Data(InfoData::Vlan(data)) => {
                            vlan = data.iter().find_map(|item| match item {
                                InfoVlan::Id(id) => Some(*id),
                                _ => None,
                            });
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    interface.kind = match kind {
        _ if flags.contains(LinkFlags::Loopback) => InterfaceKind::Loopback,
        Some(InfoKind::Vlan) => InterfaceKind::Vlan(vlan.unwrap_or(0)),
        Some(InfoKind::Bridge) => InterfaceKind::Bridge,
        Some(InfoKind::Bond) => InterfaceKind::Bond,
        Some(InfoKind::Veth) => InterfaceKind::Veth,
        Some(InfoKind::Wireguard) => InterfaceKind::WireGuard,
        Some(InfoKind::Other(word)) if word == "ppp" => InterfaceKind::Ppp,
        Some(other) => InterfaceKind::Other(other.to_string()),
        None if flags.contains(LinkFlags::Pointopoint) => InterfaceKind::Ppp,
        None => InterfaceKind::Ethernet,
    };
    interface
}

fn mac(octets: &[u8]) -> Option<Mac> {
    octets.try_into().ok().map(Mac).filter(|mac| mac.is_station())
}

/// Behind a point-to-point link the attribute "address" is the other side's.
fn address(message: &AddressMessage) -> Option<(IpAddr, u8)> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(ip) => Some(*ip),
        _ => None,
    });
    let any = || {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(ip) => Some(*ip),
            _ => None,
        })
    };
    local.or_else(any).map(|ip| (ip, message.header.prefix_len))
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let state = match message.header.state {
        KernelState::Incomplete => NeighbourState::Incomplete,
        KernelState::Reachable => NeighbourState::Reachable,
        KernelState::Stale => NeighbourState::Stale,
        KernelState::Delay => NeighbourState::Delay,
        KernelState::Probe => NeighbourState::Probe,
        KernelState::Failed => NeighbourState::Failed,
        KernelState::Permanent => NeighbourState::Permanent,
        _ => return None, // multicast groups and links without addresses
    };
    let mac = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => mac(octets),
        _ => None,
    });
    Some(Neighbour {
        interface: message.header.ifindex,
        ip: destination(message)?,
        mac,
        state,
        is_router: message.header.flags.contains(NeighbourFlags::Router),
    })
}

fn destination(message: &NeighbourMessage) -> Option<IpAddr> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => Some(IpAddr::V4(*ip)),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => Some(IpAddr::V6(*ip)),
        _ => None,
    })
}
