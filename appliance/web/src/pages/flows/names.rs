//! Names for what flows tell in numbers: devices, services, interfaces, countries, systems.

use std::net::IpAddr;

use ::flows::answers::World;
use ::flows::book::Peer;
use ::flows::query::Key;
use ::flows::rollup::Whose;
use ::flows::world::Prefix;
use discovery::ports::{self, Transport};
use model::{DeviceId, Timestamp};

use crate::site::Site;
use crate::view::flows::Who;

/// Gives names, as they are now.
pub(crate) struct Names<'a> {
    site: &'a Site,
    world: World,
}

impl<'a> Names<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self { site, world: site.flows.world() }
    }

    /// A peer of a VPN that has a name.
    pub(crate) fn peer(&self, number: i64) -> Option<Peer> {
        self.world.book.peer(number)
    }

    /// Who has an address: a device, the router, or nobody that is known; and where it is.
    pub(crate) fn address(&self, address: IpAddr) -> Who {
        let mut who = self.bare(address);
        add(&mut who.note, &self.place(address));
        who
    }

    /// Where a remote address is, such as `Ulm, Baden-Württemberg, Germany`; empty where nobody knows.
    pub(super) fn place(&self, address: IpAddr) -> String {
        if self.world.ours.contains(address) {
            return String::new();
        }
        let city = self.world.geo.city(address).unwrap_or_default();
        let code = self.world.geo.place(address).country;
        let country = code.map(|code| country(Some(code)).label).unwrap_or_default();
        let mut parts = vec![city.name, city.region, country];
        parts.retain(|part| !part.is_empty());
        parts.dedup();
        parts.join(", ")
    }

    /// Who has an address, without where it is.
    pub(super) fn bare(&self, address: IpAddr) -> Who {
        let device = self.site.discovery.by_ip(address);
        let name = device.and_then(|id| self.site.discovery.with(id, discovery::Device::name));
        let note = address.to_string();
        match (device, name) {
            (Some(id), Some(label)) => Who { label, note, href: format!("/devices/{id}/traffic") },
            _ if let Whose::VpnPeer(id) = self.world.book.whose(address, Timestamp::now())
                && let Some(peer) = self.peer(id) =>
            {
                Who { label: peer.name, note, href: format!("/flows/peers/{id}") }
            }
            _ if self.is_router(address) => {
                Who { label: "This router".to_owned(), note, ..Who::default() }
            }
            _ => {
                let href = format!("/flows/search?one={address}");
                match self.site.discovery.name_of_address(address) {
                    Some(name) => Who { label: name.to_string(), note, href },
                    None => Who { label: note, href, ..Who::default() },
                }
            }
        }
    }

    /// A name in a line, such as `Anna's iPhone`.
    pub(crate) fn label(&self, address: IpAddr) -> String {
        self.bare(address).label
    }

    fn is_router(&self, address: IpAddr) -> bool {
        let all = self.site.discovery.interfaces();
        all.iter().any(|interface| interface.addresses.iter().any(|(own, _)| *own == address))
    }

    /// Whose sums these are.
    pub(crate) fn whose(&self, whose: Whose) -> Who {
        match whose {
            Whose::Device(id) => {
                let device = self.site.discovery.with(DeviceId(id), |d| {
                    let address = d.main_address().map(|a| a.ip.to_string());
                    (d.name(), address.unwrap_or_default())
                });
                match device {
                    Some((label, note)) => {
                        Who { label, note, href: format!("/devices/{id}/traffic") }
                    }
                    None => Who {
                        label: format!("Device {id}"),
                        note: "forgotten".to_owned(),
                        href: String::new(),
                    },
                }
            }
            Whose::VpnPeer(id) => {
                let href = format!("/flows/peers/{id}");
                match self.world.book.peer(id) {
                    Some(peer) => Who { label: peer.name, note: peer.interface, href },
                    None => Who {
                        label: format!("VPN peer {}", peer_address(id)),
                        href,
                        ..Who::default()
                    },
                }
            }
            Whose::Router => Who { label: "This router".to_owned(), ..Who::default() },
            Whose::Unknown => Who {
                label: "Unknown".to_owned(),
                note: "addresses of ours that no device is known to have had".to_owned(),
                href: String::new(),
            },
            Whose::Remote => Who { label: "Remote".to_owned(), ..Who::default() },
        }
    }

    /// The addresses by which flows of an owner are found.
    pub(crate) fn addresses(&self, whose: Whose) -> Vec<IpAddr> {
        match whose {
            Whose::Device(id) => {
                let all = self
                    .site
                    .discovery
                    .with(DeviceId(id), |d| d.addresses.iter().map(|a| a.ip).take(64).collect());
                all.unwrap_or_default()
            }
            Whose::Router => {
                let all = self.site.discovery.interfaces();
                all.iter().flat_map(|i| i.addresses.iter().map(|(own, _)| *own)).take(64).collect()
            }
            Whose::VpnPeer(id) => {
                let hosts = |peer: Peer| {
                    let alone = |network: &&Prefix| Prefix::host(network.first()) == **network;
                    let hosts = peer.networks.iter().filter(alone).map(|one| one.first());
                    hosts.take(64).collect()
                };
                self.peer(id).map_or_else(|| peer_address(id).parse().into_iter().collect(), hosts)
            }
            _ => Vec::new(),
        }
    }

    /// Who tells of flows: an exporter by its address, or the kernel's connections where it is none.
    pub(crate) fn sensor(&self, address: IpAddr) -> Who {
        if address.is_unspecified() {
            return Who { label: "Connections of this router".to_owned(), ..Who::default() };
        }
        self.address(address)
    }

    /// An interface by its index.
    pub(crate) fn interface(&self, index: u32) -> String {
        if index == 0 {
            return "not known".to_owned();
        }
        let all = self.site.discovery.interfaces();
        let name = all.iter().find(|i| i.index == index).map(|i| i.name.clone());
        name.unwrap_or_else(|| format!("interface {index}"))
    }

    /// Why places of addresses are not known as they should be.
    pub(crate) fn problem(&self) -> Option<String> {
        self.world.geo.problem()
    }

    /// An autonomous system by its number.
    pub(crate) fn system(&self, number: u32) -> Who {
        if number == 0 {
            let note = "no database of addresses tells it".to_owned();
            return Who { label: "Not known".to_owned(), note, href: String::new() };
        }
        let name = self.world.geo.system_name(number);
        let label = format!("AS{number}");
        match name {
            Some(name) => Who { label: name, note: label, href: String::new() },
            None => Who { label, ..Who::default() },
        }
    }

    /// Anything that flows are grouped by.
    pub(crate) fn key(&self, key: &Key) -> Who {
        let plain = |label: String| Who { label, ..Who::default() };
        match *key {
            Key::Address(address) => self.address(address),
            Key::Port(port) => plain(format!("Port {port}")),
            Key::Protocol(number) => plain(protocol(number)),
            Key::Service(number, port) => service(number, port),
            Key::Interface(index) => plain(self.interface(index)),
            Key::Country(code) => country(code),
            Key::System(number) => self.system(number),
            Key::Pair(one, other) => {
                let label = format!("{} \u{2013} {}", self.label(one), self.label(other));
                let note = format!("{one} \u{2013} {other}");
                let mut note = if note == label { String::new() } else { note };
                self.add_places(&mut note, [one, other]);
                Who { label, note, href: String::new() }
            }
            Key::Tuple(from, to, source, destination, number) => {
                let mut note = protocol(number);
                self.add_places(&mut note, [from, to]);
                let (from, to) = (self.label(from), self.label(to));
                let label = format!("{from}:{source} \u{2192} {to}:{destination}");
                Who { label, note, href: String::new() }
            }
        }
    }

    /// Adds where remote ends of a conversation are.
    fn add_places(&self, note: &mut String, ends: [IpAddr; 2]) {
        for end in ends {
            add(note, &self.place(end));
        }
    }
}

/// Adds to a note what is known besides.
pub(super) fn add(note: &mut String, more: &str) {
    if !note.is_empty() && !more.is_empty() {
        note.push_str(" \u{b7} ");
    }
    note.push_str(more);
}

/// A month, counted from January 1970, such as `2026-11`.
pub(crate) fn month(number: i64) -> String {
    format!("{:04}-{:02}", 1_970 + number.div_euclid(12), number.rem_euclid(12) + 1)
}

/// A protocol by its number (IANA).
pub(crate) fn protocol(number: u8) -> String {
    let name = match number {
        1 => "ICMP",
        2 => "IGMP",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6 in IPv4",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        89 => "OSPF",
        112 => "VRRP",
        132 => "SCTP",
        other => return format!("Protocol {other}"),
    };
    name.to_owned()
}

/// A service by its protocol and port.
pub(crate) fn service(number: u8, port: u16) -> Who {
    let name = protocol(number);
    if !matches!(number, 6 | 17 | 132) {
        return Who { label: name, ..Who::default() };
    }
    let transport = if number == 17 { Transport::Udp } else { Transport::Tcp };
    let known = ports::service(port, transport);
    // What answers over TCP most often answers over UDP too, as QUIC does.
    let known = known.or((port == 443).then_some("https"));
    match known.filter(|known| !known.is_empty()) {
        Some(label) => {
            Who { label: label.to_owned(), note: format!("{name} {port}"), href: String::new() }
        }
        None => Who { label: format!("{name} {port}"), ..Who::default() },
    }
}

/// A country by its code.
pub(crate) fn country(code: Option<[u8; 2]>) -> Who {
    let letters = code.map(|code| String::from_utf8_lossy(&code).into_owned());
    match (code.and_then(crate::view::world::country), letters) {
        (Some((name, _)), Some(letters)) => {
            Who { label: name.to_owned(), note: letters, href: String::new() }
        }
        (None, Some(letters)) => Who { label: letters, ..Who::default() },
        (_, None) => Who {
            label: "Not known".to_owned(),
            note: "no database of addresses tells it".to_owned(),
            href: String::new(),
        },
    }
}

/// The address of a peer without a name, where its number is one ([`::flows::book::peer`]).
fn peer_address(number: i64) -> String {
    match u32::try_from(number) {
        Ok(bits) => std::net::Ipv4Addr::from_bits(bits).to_string(),
        Err(_) => number.to_string(),
    }
}
