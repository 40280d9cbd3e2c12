//! The kernel's tables as netlink messages tell of them, one after the other. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::neighbours::{Interface, Neighbour, NetworkChange};
use super::route_message::RouteMessage;

/// The kernel's tables, as far as they matter here.
#[derive(Debug, Default)]
pub(super) struct Picture {
    interfaces: BTreeMap<u32, Interface>,
    neighbours: BTreeMap<(u32, IpAddr), Neighbour>,
}

impl Picture {
    pub(super) fn apply(&mut self, message: RouteMessage, changes: &mut Vec<NetworkChange>) {
        let has_changed = match message {
            RouteMessage::Link(link) => self.take_link(link),
            RouteMessage::LinkGone(index) => self.drop_link(index, changes),
            RouteMessage::Address { interface, address, is_double: false } => {
                self.take_address(interface, address)
            }
            // One that another host has too is of no use to this one.
            RouteMessage::Address { interface, address, is_double: true }
            | RouteMessage::AddressGone { interface, address } => {
                self.drop_address(interface, address)
            }
            RouteMessage::Neighbour(neighbour) => {
                changes.extend(self.take_neighbour(neighbour));
                false
            }
            RouteMessage::NeighbourGone { interface, ip } => {
                if self.neighbours.remove(&(interface, ip)).is_some() {
                    changes.push(NetworkChange::NeighbourGone { interface, ip });
                }
                false
            }
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

    fn take_link(&mut self, mut interface: Interface) -> bool {
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

    fn drop_link(&mut self, index: u32, changes: &mut Vec<NetworkChange>) -> bool {
        self.neighbours.retain(|(interface, ip), _| {
            let stays = *interface != index;
            if !stays {
                changes.push(NetworkChange::NeighbourGone { interface: index, ip: *ip });
            }
            stays
        });
        self.interfaces.remove(&index).is_some()
    }

    fn take_address(&mut self, interface: u32, address: (IpAddr, u8)) -> bool {
        let Some(interface) = self.interfaces.get_mut(&interface) else {
            return false;
        };
        match interface.addresses.binary_search(&address) {
            Ok(_) => false,
            Err(at) => {
                interface.addresses.insert(at, address);
                true
            }
        }
    }

    fn drop_address(&mut self, interface: u32, address: (IpAddr, u8)) -> bool {
        let Some(interface) = self.interfaces.get_mut(&interface) else {
            return false;
        };
        let before = interface.addresses.len();
        interface.addresses.retain(|known| *known != address);
        interface.addresses.len() != before
    }

    fn take_neighbour(&mut self, neighbour: Neighbour) -> Option<NetworkChange> {
        let key = (neighbour.interface, neighbour.ip);
        if self.neighbours.get(&key) == Some(&neighbour) {
            return None;
        }
        self.neighbours.insert(key, neighbour.clone());
        Some(NetworkChange::Neighbour(neighbour))
    }
}
