//! Follows what the kernel knows of the LAN: interfaces with their addresses, and the neighbour
//! tables of ARP and neighbour discovery, on one routing netlink socket.
//!
//! At the start and whenever messages were lost, all tables are read and only the difference is
//! told, so that the listener's picture is whole at any time.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

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
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::EdgeError;
use super::netlink::{Incoming, Netlink, Table};
use super::wake::{self, Wake, Waker};
use crate::segment::{Network, Segment};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number for it; a new one when it is made anew.
    pub index: u32,
    /// Its name, such as `eth1.10`.
    pub name: String,
    /// Its MAC address, if it has one.
    pub mac: Option<Mac>,
    /// Its addresses with their prefix lengths, in order.
    pub addresses: Vec<(IpAddr, u8)>,
    /// It is switched on.
    pub is_up: bool,
    /// It has a carrier: a cable, an associated station, or a parent that has.
    pub has_carrier: bool,
    /// What it is.
    pub kind: InterfaceKind,
    /// The bridge or bond that it is a port of. Such a port has no addresses; its master has.
    pub master: Option<u32>,
    /// The interface that it lies on, such as that of a VLAN.
    pub parent: Option<u32>,
}

/// What an interface is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceKind {
    /// A network card, or anything that looks like one.
    Ethernet,
    /// A VLAN of its parent.
    Vlan(u16),
    /// A bridge.
    Bridge,
    /// A bond.
    Bond,
    /// One end of a virtual cable.
    Veth,
    /// A `WireGuard` tunnel.
    WireGuard,
    /// A PPP link, most often `PPPoE` to a provider.
    Ppp,
    /// The machine itself.
    Loopback,
    /// Anything else, by the kernel's word for it.
    Other(String),
}

/// An entry of the neighbour table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Index of its interface.
    pub interface: u32,
    /// Its address.
    pub ip: IpAddr,
    /// Its MAC address, once known.
    pub mac: Option<Mac>,
    /// What the kernel thinks of it.
    pub state: NeighbourState,
    /// It is a router, by its own word (IPv6).
    pub is_router: bool,
}

/// What the kernel thinks of a neighbour (RFC 4861, 7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighbourState {
    /// It is being looked for.
    Incomplete,
    /// It was heard within the last half minute or so.
    Reachable,
    /// It was not confirmed for a while.
    Stale,
    /// Something was sent to it, and it is hoped that it answers.
    Delay,
    /// It is being asked whether it is still there.
    Probe,
    /// It does not answer.
    Failed,
    /// A person entered it.
    Permanent,
}

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkChange {
    /// All interfaces as they are now, by index.
    Interfaces(Vec<Interface>),
    /// A neighbour appeared or changed.
    Neighbour(Neighbour),
    /// The kernel forgot a neighbour.
    NeighbourGone {
        /// Index of its interface.
        interface: u32,
        /// Its address.
        ip: IpAddr,
    },
}

/// The thread that follows the kernel. It ends when this is dropped.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<AtomicBool>,
    waker: Waker,
}

/// A table that could not be read is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Interface {
    /// The interface as discovery sees it; `None` without a MAC address.
    pub fn segment(&self) -> Option<Segment> {
        let networks = self.addresses.iter().map(|(own, prefix)| Network {
            own: *own,
            prefix: *prefix,
        });
        Some(Segment {
            index: self.index,
            name: self.name.clone(),
            mac: self.mac?,
            networks: networks.collect(),
        })
    }
}

impl Watcher {
    /// Starts following. The first change is the list of interfaces as they are, then come the
    /// neighbours. `sink` may wait: the kernel queues meanwhile, and what overflows is read anew.
    /// It returns false when nobody wants to know any more.
    pub fn start(
        sink: impl FnMut(NetworkChange) -> bool + Send + 'static,
    ) -> Result<Self, EdgeError> {
        let netlink = Netlink::open().map_err(|source| EdgeError::Netlink {
            what: "following interfaces",
            source,
        })?;
        let failed = |source| EdgeError::Thread {
            name: "neighbours",
            source,
        };
        let (waker, wake) = wake::pair().map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut following = Following {
            netlink,
            sink: Box::new(sink),
            told: Picture::default(),
            fresh: None,
            to_ask: VecDeque::new(),
            awaited: None,
        };
        let theirs = Arc::clone(&stop);
        thread::Builder::new()
            .name("neighbours".to_owned())
            .spawn(move || following.run(&theirs, &wake))
            .map_err(failed)?;
        Ok(Self { stop, waker })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Not joined: the sink may be waiting for whoever drops this.
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }
}

struct Following {
    netlink: Netlink,
    sink: Box<dyn FnMut(NetworkChange) -> bool + Send>,
    /// What the sink was told.
    told: Picture,
    /// What the tables say that are being read.
    fresh: Option<Picture>,
    to_ask: VecDeque<Table>,
    /// Sequence number of the answer that is awaited.
    awaited: Option<u32>,
}

/// Nobody wants to know any more.
struct Over;

impl Following {
    fn run(&mut self, stop: &AtomicBool, wake: &Wake) {
        let mut is_due = true;
        while !stop.load(Ordering::Acquire) {
            if is_due {
                is_due = self.begin().is_err();
            }
            let retry = u16::try_from(RETRY.as_millis()).unwrap_or(u16::MAX);
            let timeout = if is_due {
                PollTimeout::from(retry)
            } else {
                PollTimeout::NONE
            };
            let mut fds = [
                PollFd::new(self.netlink.fd(), PollFlags::POLLIN),
                PollFd::new(wake.as_fd(), PollFlags::POLLIN),
            ];
            if poll(&mut fds, timeout).is_err() {
                continue; // a signal
            }
            match self.drain() {
                Ok(is_whole) => is_due |= !is_whole,
                Err(Over) => return,
            }
        }
    }

    /// Starts to read all tables.
    fn begin(&mut self) -> io::Result<()> {
        self.fresh = Some(Picture::default());
        self.to_ask = VecDeque::from([Table::Links, Table::Addresses, Table::Neighbours]);
        self.ask_next()
    }

    fn ask_next(&mut self) -> io::Result<()> {
        self.awaited = None;
        if let Some(table) = self.to_ask.pop_front() {
            self.awaited = Some(self.netlink.ask_for(table)?);
        }
        Ok(())
    }

    /// Reads all that is there; false when the tables must be read anew.
    fn drain(&mut self) -> Result<bool, Over> {
        let mut is_whole = true;
        loop {
            let mut incoming = Vec::new();
            match self.netlink.receive(|message| incoming.push(message)) {
                Ok(false) => return Ok(is_whole),
                Ok(true) => {}
                Err(error) => {
                    // ENOBUFS: messages were lost. Anything else is not known to happen.
                    is_whole = false;
                    if error.raw_os_error() != Some(Errno::ENOBUFS as i32) {
                        return Ok(false);
                    }
                }
            }
            let mut changes = Vec::new();
            for message in incoming {
                match message {
                    Incoming::Message(message) => match &mut self.fresh {
                        Some(fresh) => fresh.apply(message, &mut Vec::new()),
                        None => self.told.apply(message, &mut changes),
                    },
                    Incoming::End { sequence, is_sound } if self.awaited == Some(sequence) => {
                        is_whole &= is_sound && self.ask_next().is_ok();
                        if self.awaited.is_none()
                            && let Some(fresh) = self.fresh.take_if(|_| is_whole)
                        {
                            changes.extend(self.told.replace(fresh));
                        }
                    }
                    Incoming::End { .. } => {}
                }
            }
            for change in changes {
                if !(self.sink)(change) {
                    return Err(Over);
                }
            }
        }
    }
}

/// The kernel's tables, as far as they matter here.
#[derive(Debug, Default)]
struct Picture {
    interfaces: BTreeMap<u32, Interface>,
    neighbours: BTreeMap<(u32, IpAddr), Neighbour>,
}

impl Picture {
    fn apply(&mut self, message: RouteNetlinkMessage, changes: &mut Vec<NetworkChange>) {
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
    fn replace(&mut self, fresh: Self) -> Vec<NetworkChange> {
        let old = std::mem::replace(self, fresh);
        let mut changes = Vec::new();
        if old.interfaces != self.interfaces {
            changes.push(self.list());
        }
        for (interface, ip) in old
            .neighbours
            .keys()
            .filter(|key| !self.neighbours.contains_key(key))
        {
            changes.push(NetworkChange::NeighbourGone {
                interface: *interface,
                ip: *ip,
            });
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
        let is_partial = link
            .attributes
            .iter()
            .any(|a| matches!(a, LinkAttribute::Wireless(_)));
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
                changes.push(NetworkChange::NeighbourGone {
                    interface: index,
                    ip: *ip,
                });
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
        interface
            .addresses
            .retain(|known| Some(*known) != address(message));
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
    octets
        .try_into()
        .ok()
        .map(Mac)
        .filter(|mac| mac.is_station())
}

/// Behind a point-to-point link the attribute "address" is the other side's.
fn address(message: &AddressMessage) -> Option<(IpAddr, u8)> {
    let local = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(ip) => Some(*ip),
            _ => None,
        });
    let any = || {
        message
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
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
    let mac = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
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
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => Some(IpAddr::V4(*ip)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => Some(IpAddr::V6(*ip)),
            _ => None,
        })
}
