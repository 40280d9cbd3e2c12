//! What collectors must know of the machine they run on: which networks are ours, and behind which
//! interface, which addresses are the machine's own, and whose flows are taken.

use std::net::IpAddr;

use crate::world::{Ours, Prefix};

/// The networks around. Others find out; whoever holds [`crate::Flows`] hands it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The networks of interfaces that lead to ours, each with the interface's index.
    pub networks: Vec<(Prefix, u32)>,
    /// All addresses of this machine.
    pub own: Vec<IpAddr>,
}

/// Whose export traffic is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Exporters {
    /// This machine's, and those of the networks around.
    #[default]
    Lan,
    /// Everybody's.
    Any,
    /// Those of these networks, and this machine's.
    These(Vec<Prefix>),
}

impl Surroundings {
    /// The index of the interface behind which an address lies; 0 where it is not one of ours.
    pub(crate) fn interface_of(&self, address: IpAddr) -> u32 {
        let found = self.networks.iter().find(|(network, _)| network.contains(address));
        found.map_or(0, |(_, index)| *index)
    }

    /// True for this machine.
    pub fn is_own(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.own.contains(&address)
    }

    pub(crate) fn takes(&self, exporters: &Exporters, from: IpAddr) -> bool {
        self.is_own(from)
            || match exporters {
                Exporters::Any => true,
                Exporters::Lan => self.interface_of(from) != 0,
                Exporters::These(networks) => networks.iter().any(|n| n.contains(from)),
            }
    }

    /// What is ours: private addresses, the networks around, the machine's own addresses.
    pub fn ours(&self) -> Ours {
        let mut ours = Ours::default();
        ours.extend(self.networks.iter().map(|(network, _)| *network));
        ours.extend(self.own.iter().map(|own| Prefix::host(*own)));
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn exporters_of_other_networks_are_refused_unless_they_are_named() {
        let around = Surroundings {
            networks: vec![("192.168.1.0/24".parse().unwrap(), 3)],
            own: vec![address("203.0.113.7")],
        };
        let near = [address("127.0.0.1"), address("::1"), address("203.0.113.7")];
        let (lan, far) = (address("192.168.1.20"), address("198.51.100.1"));
        assert!(near.iter().all(|from| around.takes(&Exporters::Lan, *from)));
        assert!(around.takes(&Exporters::Lan, lan) && !around.takes(&Exporters::Lan, far));
        let these = Exporters::These(vec!["198.51.100.0/24".parse().unwrap()]);
        assert!(around.takes(&these, far) && !around.takes(&these, lan));
        assert!(around.takes(&these, near[0]) && around.takes(&Exporters::Any, far));
        assert_eq!((around.interface_of(lan), around.interface_of(far)), (3, 0));
        assert!(around.ours().contains(near[2]) && !around.ours().contains(far));
    }
}
