//! Whether the router's tunnels work: switched on, with an address, and answered by their other end
//! where that is known. Pure but for the asking, which [`crate::System`] does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use crate::interfaces::{Address, Interface, Kind, OperState, Scope};
use crate::quality::Measured;

/// Looks in a row at which a tunnel does not work before that is told.
const PATIENCE: u32 = 2;
/// The most tunnels that are looked at.
pub(crate) const MOST: usize = 64;

/// How a tunnel is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tunnel {
    /// Its interface.
    pub interface: String,
    /// What sort it is.
    pub kind: Kind,
    /// It is switched on and its program or kernel holds it.
    pub is_up: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Who was asked: the other end, or a host of the Internet where that goes through it; None
    /// where nobody is known to be there.
    pub asked: Option<IpAddr>,
    /// What came of it.
    pub measured: Option<Measured>,
}

impl Tunnel {
    /// Whether it is one, and how it is but for the asking. One that is switched off is none.
    pub(crate) fn of(one: &Interface, others: &[IpAddr]) -> Option<Self> {
        let link = &one.link;
        let is_tunnel = matches!(link.kind, Kind::WireGuard | Kind::Tun | Kind::Tunnel);
        if !is_tunnel || link.master.is_some() {
            return None;
        }
        let own = link.addresses.iter().filter(|address| address.scope == Scope::Global);
        let is_down = matches!(
            link.oper,
            OperState::Down | OperState::LowerLayerDown | OperState::NotPresent
        );
        Some(Self {
            interface: link.name.clone(),
            kind: link.kind,
            is_up: link.is_up && !is_down,
            addresses: own.clone().map(|address| address.ip).collect(),
            asked: own.clone().find_map(far_end).or_else(|| {
                others
                    .iter()
                    .copied()
                    .find(|ip| own.clone().any(|a| a.ip.is_ipv4() == ip.is_ipv4()))
            }),
            measured: None,
        })
    }

    /// Why it does not work; None if it does.
    pub fn trouble(&self) -> Option<String> {
        if !self.is_up {
            return Some("it is down".to_owned());
        }
        if self.addresses.is_empty() {
            return Some("it has no address".to_owned());
        }
        let measured = self.measured.filter(|m| m.sent > 0 && m.lost == m.sent)?;
        let asked = self.asked.map(|ip| ip.to_string()).unwrap_or_default();
        Some(format!("{asked} does not answer through it, {} times", measured.sent))
    }
}

/// The other end of a tunnel by one of its addresses: as the kernel tells it, or the only other
/// address of so small a network.
fn far_end(address: &Address) -> Option<IpAddr> {
    if let Some(peer) = address.peer.filter(|peer| *peer != address.ip) {
        return Some(peer);
    }
    let IpAddr::V4(own) = address.ip else { return None };
    let bits = u32::from(own);
    let other = match address.prefix {
        31 => bits ^ 1,
        30 => match bits & 3 {
            1 => bits + 1,
            2 => bits - 1,
            _ => return None,
        },
        _ => return None,
    };
    Some(Ipv4Addr::from(other).into())
}

/// Remembers tunnels from one look to the next.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    failing: BTreeMap<String, u32>,
    told: BTreeSet<String>,
    /// Whose other end has answered: one that never did may not answer echo requests at all.
    answered: BTreeSet<String>,
}

/// What became of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// It does not work, and why.
    Failed(String),
    /// It works again, or is gone.
    Recovered,
}

impl Watch {
    /// A tunnel about which an earlier run has told.
    pub(crate) fn remember(&mut self, interface: &str) {
        self.told.insert(interface.to_owned());
    }

    /// Takes a look.
    pub(crate) fn take(&mut self, tunnels: &[Tunnel]) -> Vec<(String, News)> {
        let mut news = Vec::new();
        for tunnel in tunnels {
            let name = &tunnel.interface;
            let is_silent = tunnel.measured.is_some_and(|m| m.sent > 0 && m.lost == m.sent);
            if tunnel.measured.is_some() && !is_silent {
                self.answered.insert(name.clone());
            }
            let is_known = !is_silent || self.answered.contains(name);
            let is_bare = !tunnel.is_up || tunnel.addresses.is_empty();
            if let Some(why) = tunnel.trouble().filter(|_| is_known || is_bare) {
                let times = self.failing.entry(name.clone()).or_default();
                *times = times.saturating_add(1);
                if *times >= PATIENCE && self.told.insert(name.clone()) {
                    news.push((name.clone(), News::Failed(why)));
                }
            } else {
                self.failing.remove(name);
                if self.told.remove(name) {
                    news.push((name.clone(), News::Recovered));
                }
            }
        }
        let is_there = |name: &String| tunnels.iter().any(|tunnel| tunnel.interface == *name);
        let gone: Vec<String> = self.told.iter().filter(|name| !is_there(name)).cloned().collect();
        for name in gone {
            self.told.remove(&name);
            news.push((name, News::Recovered));
        }
        self.failing.retain(|name, _| is_there(name));
        self.answered.retain(is_there);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str, prefix: u8, peer: Option<&str>) -> Address {
        Address {
            ip: ip.parse().unwrap(),
            prefix,
            peer: peer.map(|peer| peer.parse().unwrap()),
            scope: Scope::Global,
            is_dynamic: false,
            is_deprecated: false,
            is_duplicate: false,
        }
    }

    fn interface(kind: Kind, oper: OperState, addresses: Vec<Address>) -> Interface {
        let link = crate::interfaces::Link {
            index: 7,
            name: "wg0".to_owned(),
            alias: None,
            mac: None,
            mtu: 1_420,
            kind,
            driver: String::new(),
            is_up: true,
            oper,
            has_carrier: true,
            parent: None,
            master: None,
            vrf: None,
            vrf_table: None,
            vlan: None,
            speed_mbps: None,
            duplex: None,
            addresses,
        };
        Interface {
            link: link.into(),
            counters: crate::interfaces::Counters::default(),
            rates: None,
        }
    }

    #[test]
    fn only_tunnels_are_looked_at_and_who_to_ask_follows_from_their_addresses() {
        let far: [IpAddr; 2] = ["2620:fe::fe".parse().unwrap(), "9.9.9.9".parse().unwrap()];
        let own = || vec![address("10.0.0.1", 30, None)];
        assert_eq!(Tunnel::of(&interface(Kind::Ethernet, OperState::Up, own()), &far), None);
        let of = |oper, addresses, others: &[IpAddr]| {
            Tunnel::of(&interface(Kind::WireGuard, oper, addresses), others).expect("a tunnel")
        };
        let up = of(OperState::Unknown, own(), &far);
        assert_eq!((up.is_up, up.asked), (true, Some("10.0.0.2".parse().unwrap())));
        let down = of(OperState::Down, own(), &[]);
        assert_eq!(down.trouble().as_deref(), Some("it is down"));
        // Where the way to the Internet goes through it, somebody there of the same family.
        let wide = || vec![address("10.0.0.1", 24, None)];
        assert_eq!(of(OperState::Unknown, wide(), &far).asked, Some("9.9.9.9".parse().unwrap()));
        assert_eq!(of(OperState::Unknown, wide(), &[]).asked, None);
        let bare = of(OperState::Unknown, vec![], &far);
        assert_eq!((bare.asked, bare.trouble().as_deref()), (None, Some("it has no address")));
    }

    fn tunnel(is_up: bool, lost: u32) -> Tunnel {
        Tunnel {
            interface: "wg0".to_owned(),
            kind: Kind::WireGuard,
            is_up,
            addresses: vec!["10.0.0.1".parse().unwrap()],
            asked: Some("10.0.0.2".parse().unwrap()),
            measured: Some(Measured { sent: 3, lost, ..Measured::default() }),
        }
    }

    #[test]
    fn the_other_end_is_told_or_the_only_other_address() {
        let of = |ip, prefix, peer| far_end(&address(ip, prefix, peer)).map(|ip| ip.to_string());
        assert_eq!(of("10.8.0.6", 32, Some("10.8.0.5")).as_deref(), Some("10.8.0.5"));
        assert_eq!(of("10.0.0.1", 30, None).as_deref(), Some("10.0.0.2"));
        assert_eq!(of("10.0.0.3", 30, None), None);
        assert_eq!(of("10.0.0.4", 31, None).as_deref(), Some("10.0.0.5"));
        assert_eq!(of("10.0.0.1", 24, None), None);
        assert_eq!(of("fd00::1", 64, None), None);
    }

    #[test]
    fn a_tunnel_that_fails_twice_is_told_once_and_so_is_its_return() {
        let mut watch = Watch::default();
        // An end that never answered may not want to.
        assert_eq!(
            (watch.take(&[tunnel(true, 3)]), watch.take(&[tunnel(true, 3)])),
            (vec![], vec![])
        );
        assert_eq!(watch.take(&[tunnel(true, 0)]), []);
        assert_eq!(watch.take(&[tunnel(true, 3)]), []);
        let news = watch.take(&[tunnel(true, 3)]);
        let News::Failed(why) = &news[0].1 else { panic!("{news:?}") };
        assert_eq!(why, "10.0.0.2 does not answer through it, 3 times");
        assert_eq!(watch.take(&[tunnel(false, 0)]), []);
        assert_eq!(watch.take(&[tunnel(true, 2)]), [("wg0".to_owned(), News::Recovered)]);
        assert_eq!(watch.take(&[tunnel(true, 0)]), []);
        watch.remember("wg0");
        assert_eq!(watch.take(&[]), [("wg0".to_owned(), News::Recovered)]);
    }

    #[test]
    fn without_an_address_it_does_not_work() {
        let bare = Tunnel { addresses: Vec::new(), measured: None, ..tunnel(true, 0) };
        assert_eq!(bare.trouble().as_deref(), Some("it has no address"));
        assert_eq!(Tunnel { measured: None, ..tunnel(true, 0) }.trouble(), None);
    }
}
