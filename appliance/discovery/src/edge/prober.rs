//! Asks the LAN who is there. Frames go out by packet sockets only: the kernel resolves nothing,
//! so that its neighbour table holds no entry for an address that nobody has.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use model::Mac;
use nix::errno::Errno;
use ring::PacketSocket;

use super::{EdgeError, filter};
use crate::decode::{self, Fact};
use crate::segment::Segment;
use crate::sweep::frames::{self, Sender};
use crate::sweep::{Pace, Plan, Progress, Step, Subnet, Sweep};

/// A sweep of one interface.
#[derive(Debug, Clone)]
pub struct Job {
    /// The interface, with the router's own addresses.
    pub segment: Segment,
    /// What to sweep, /16 at the largest; [`subnets`] gives those of the segment.
    pub subnets: Vec<Subnet>,
    /// Who was seen where.
    pub known: Vec<(Ipv4Addr, Mac)>,
    /// How fast and how often.
    pub pace: Pace,
    /// Decides the order.
    pub seed: u64,
}

/// An address and who has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Found {
    /// The address.
    pub ip: Ipv4Addr,
    /// Its station, the last one if several claimed it.
    pub mac: Mac,
}

/// How a sweep ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Who answered, by address.
    pub found: Vec<Found>,
    /// What was asked.
    pub progress: Progress,
    /// How long it took.
    pub took: Duration,
    /// False when it was called off.
    pub is_whole: bool,
}

/// Pauses while the interface's queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(1);
/// A queue that is full for so long belongs to an interface that does not send.
const LONGEST_JAM: Duration = Duration::from_secs(2);
/// How soon a sweep that is called off ends.
pub(super) const STOP_WITHIN: Duration = Duration::from_millis(100);
/// So that a storm of answers does not keep the sweep from sending.
const MOST_AT_ONCE: usize = 64;

/// The IPv4 subnets of an interface.
pub fn subnets(segment: &Segment) -> Vec<Subnet> {
    own_networks(segment).map(|(_, subnet)| subnet).collect()
}

/// Sweeps and returns who answered; takes seconds and blocks. Setting `stop` calls it off.
///
/// Answers also reach a [`super::Listener`] of the interface, if there is one.
pub fn sweep(job: &Job, stop: &AtomicBool) -> Result<Outcome, EdgeError> {
    let interface = job.segment.index;
    let mut sweep = Sweep::new(Plan {
        subnets: job.subnets.clone(),
        own: own_addresses(&job.segment).collect(),
        known: job.known.clone(),
        pace: job.pace,
        seed: job.seed,
    })?;
    let socket = PacketSocket::open(interface, &filter::arp_only())
        .map_err(|source| EdgeError::Open { interface, source })?;
    let own: Vec<_> = own_networks(&job.segment).collect();
    let mut found = BTreeMap::new();
    let began = Instant::now();
    let mut is_whole = false;
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        match sweep.poll(now) {
            Step::Send(probe) => {
                // Without an own address in the subnet it is a probe (RFC 5227), which is answered
                // too and teaches nobody a wrong address.
                let ip = own.iter().find(|(_, subnet)| subnet.contains(probe.ip));
                let ip = ip.map_or(Ipv4Addr::UNSPECIFIED, |(own, _)| *own);
                let from = Sender { mac: job.segment.mac, ip };
                send(&socket, interface, &frames::arp_request(from, probe.ip, probe.to))?;
            }
            Step::Wait(until) => {
                let timeout = until.saturating_duration_since(now).min(STOP_WITHIN);
                let answer = receive(&socket, timeout)
                    .map_err(|source| EdgeError::Receive { interface, source })?;
                for Found { ip, mac } in answer {
                    if job.subnets.iter().any(|subnet| subnet.contains(ip)) {
                        sweep.answered(ip, Instant::now());
                        found.insert(ip, mac);
                    }
                }
            }
            Step::Done => {
                is_whole = true;
                break;
            }
        }
    }
    let found = found.into_iter().map(|(ip, mac)| Found { ip, mac }).collect();
    Ok(Outcome { found, progress: sweep.progress(), took: began.elapsed(), is_whole })
}

/// Sends frames on an interface, such as a query of [`frames`] or a magic packet.
pub fn send_once(interface: u32, frames: &[Vec<u8>]) -> Result<(), EdgeError> {
    let socket = PacketSocket::open(interface, &filter::nothing())
        .map_err(|source| EdgeError::Open { interface, source })?;
    frames.iter().try_for_each(|frame| send(&socket, interface, frame))
}

/// The router's own addresses on an interface.
pub(super) fn own_addresses(segment: &Segment) -> impl Iterator<Item = Ipv4Addr> + '_ {
    own_networks(segment).map(|(own, _)| own)
}

fn own_networks(segment: &Segment) -> impl Iterator<Item = (Ipv4Addr, Subnet)> + '_ {
    segment.networks.iter().filter_map(|network| match network.own {
        IpAddr::V4(own) => Some((own, Subnet::new(own, network.prefix).ok()?)),
        IpAddr::V6(_) => None,
    })
}

fn send(socket: &PacketSocket, interface: u32, frame: &[u8]) -> Result<(), EdgeError> {
    let began = Instant::now();
    loop {
        match socket.send(frame) {
            Ok(()) => return Ok(()),
            Err(error) if is_full(&error) && began.elapsed() < LONGEST_JAM => {
                thread::sleep(QUEUE_PAUSE);
            }
            Err(source) => return Err(EdgeError::Send { interface, source }),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(Errno::ENOBUFS as i32)
}

/// Waits for frames and returns all that are there then.
fn receive(socket: &PacketSocket, timeout: Duration) -> io::Result<Vec<Found>> {
    let mut buffer = [0; filter::SNAP_LENGTH as usize];
    let mut found = Vec::new();
    let mut timeout = timeout;
    while let Some(length) = socket.receive(&mut buffer, timeout)? {
        timeout = Duration::ZERO;
        let frame = &buffer[..length.min(buffer.len())];
        if let Ok(Fact::Arp(arp)) = decode::ethernet(frame).map(|heard| heard.fact)
            && !arp.sender_ip.is_unspecified()
        {
            found.push(Found { ip: arp.sender_ip, mac: arp.sender });
        }
        if found.len() >= MOST_AT_ONCE {
            break;
        }
    }
    Ok(found)
}
