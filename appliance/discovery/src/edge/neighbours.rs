//! Follows what the kernel knows of the LAN: interfaces with their addresses, and the neighbour
//! tables of ARP and neighbour discovery, on one routing netlink socket.
//!
//! At the start and whenever messages were lost, all tables are read and only the difference is
//! told, so that the listener's picture is whole at any time.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use model::Mac;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::EdgeError;
use super::netlink::{Incoming, Netlink, Table};
use super::picture::Picture;
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
    losses: Arc<AtomicU64>,
    waker: Waker,
    thread: JoinHandle<()>,
}

/// A table that could not be read is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Lost messages come in bursts: the tables are read when one is over.
const PAUSE: Duration = Duration::from_millis(100);
/// Changes queue so long before they are looked at: each time that nobody wakes is a time saved.
const REST: Duration = Duration::from_millis(250);
/// The most changes that are told at once.
const MOST_TOLD: usize = 1_024;

impl Interface {
    /// The interface as discovery sees it; `None` without a MAC address.
    pub fn segment(&self) -> Option<Segment> {
        let networks =
            self.addresses.iter().map(|(own, prefix)| Network { own: *own, prefix: *prefix });
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
    /// neighbours. `sink` gets the changes of a moment in their order, and may wait: the kernel
    /// queues meanwhile, and what overflows is read anew. It returns false when nobody wants to
    /// know any more.
    pub fn start(
        sink: impl FnMut(Vec<NetworkChange>) -> bool + Send + 'static,
    ) -> Result<Self, EdgeError> {
        let netlink = Netlink::open()
            .map_err(|source| EdgeError::Netlink { what: "following interfaces", source })?;
        let failed = |source| EdgeError::Thread { name: "neighbours", source };
        let (waker, wake) = wake::pair().map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let losses = Arc::new(AtomicU64::new(0));
        let mut following = Following {
            netlink,
            losses: Arc::clone(&losses),
            sink: Box::new(sink),
            told: Picture::default(),
            fresh: None,
            to_ask: VecDeque::new(),
            awaited: None,
        };
        let theirs = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("neighbours".to_owned())
            .spawn(move || following.run(&theirs, &wake))
            .map_err(failed)?;
        Ok(Self { stop, losses, waker, thread })
    }

    /// False once the thread ended: the sink wanted no more, or panicked.
    pub fn is_running(&self) -> bool {
        !self.thread.is_finished()
    }

    /// How often messages were lost since the start, and all tables read anew.
    pub fn losses(&self) -> u64 {
        self.losses.load(Ordering::Relaxed)
    }
}

/// The kernel's neighbour table as it is now.
pub(super) fn table() -> io::Result<Vec<Neighbour>> {
    let neighbour = |change| match change {
        NetworkChange::Neighbour(neighbour) => Some(neighbour),
        _ => None,
    };
    Ok(read(&[Table::Neighbours])?.into_iter().filter_map(neighbour).collect())
}

/// All interfaces as they are now, for whoever cannot wait until the thread has told of them.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let list = |change| match change {
        NetworkChange::Interfaces(all) => Some(all),
        _ => None,
    };
    let mut lists = read(&[Table::Links, Table::Addresses])?.into_iter().filter_map(list);
    Ok(lists.next_back().unwrap_or_default())
}

/// Reads tables once, one after the other.
fn read(tables: &[Table]) -> io::Result<Vec<NetworkChange>> {
    let mut netlink = Netlink::open()?;
    let mut picture = Picture::default();
    let mut changes = Vec::new();
    for table in tables {
        let awaited = netlink.ask_for(*table)?;
        let mut is_whole = false;
        while !is_whole {
            let mut fds = [PollFd::new(netlink.fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(1_000_u16))? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            while netlink.receive(|message| match message {
                Incoming::Message(message) => picture.apply(message, &mut changes),
                Incoming::End { sequence, .. } => is_whole |= sequence == awaited,
            })? {}
        }
    }
    Ok(changes)
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
    losses: Arc<AtomicU64>,
    sink: Box<dyn FnMut(Vec<NetworkChange>) -> bool + Send>,
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
        let mut begin_at = Some(Instant::now());
        while !stop.load(Ordering::Acquire) {
            let now = Instant::now();
            if begin_at.is_some_and(|at| at <= now) {
                begin_at = self.begin().is_err().then(|| now + RETRY);
            }
            let timeout = begin_at.map_or(PollTimeout::NONE, |at| {
                let left = at.saturating_duration_since(now).as_millis() + 1;
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            });
            let mut fds = [
                PollFd::new(self.netlink.fd(), PollFlags::POLLIN),
                PollFd::new(wake.as_fd(), PollFlags::POLLIN),
            ];
            if poll(&mut fds, timeout).is_err() {
                continue; // a signal
            }
            match self.drain() {
                Ok(true) => {}
                Ok(false) => begin_at = begin_at.or_else(|| Some(Instant::now() + PAUSE)),
                Err(Over) => return,
            }
            if self.fresh.is_none() {
                thread::sleep(REST);
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
        let mut changes = Vec::new();
        loop {
            let mut incoming = Vec::new();
            match self.netlink.receive(|message| incoming.push(message)) {
                Ok(false) => return self.tell(changes).map(|()| is_whole),
                Ok(true) => {}
                Err(error) => {
                    // ENOBUFS: messages were lost. Anything else is not known to happen.
                    is_whole = false;
                    self.losses.fetch_add(1, Ordering::Relaxed);
                    if error.raw_os_error() != Some(Errno::ENOBUFS as i32) {
                        return self.tell(changes).map(|()| false);
                    }
                }
            }
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
            if changes.len() >= MOST_TOLD {
                self.tell(std::mem::take(&mut changes))?;
            }
        }
    }

    fn tell(&mut self, changes: Vec<NetworkChange>) -> Result<(), Over> {
        if changes.is_empty() || (self.sink)(changes) { Ok(()) } else { Err(Over) }
    }
}
