//! What a node is held against: interfaces, addresses and listeners of this machine.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::ports::{Listener, listeners};

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Names of interfaces.
    pub interfaces: BTreeSet<String>,
    /// Addresses of interfaces.
    pub addresses: BTreeSet<IpAddr>,
    /// Who listens.
    pub listeners: Vec<Listener>,
    /// The process of the running appliance, whose own port is not taken by another.
    pub own: Option<u32>,
}

/// Looks at this machine.
pub fn look(own: Option<u32>) -> Machine {
    let mut machine = Machine { listeners: listeners(), own, ..Machine::default() };
    for interface in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        if let Some(address) = interface.address {
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            let ip = v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())));
            machine.addresses.extend(ip);
        }
        machine.interfaces.insert(interface.interface_name);
    }
    machine
}
