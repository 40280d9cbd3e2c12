//! Hosts on a link that this host is on: who answers a TCP connection, and whom the kernel then
//! knows by its neighbour table. No packet leaves the link.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use super::{Failure, Job};
use crate::collect::Tree;

/// Ports that say most about a host in few connections.
const PORTS: [u16; 12] = [22, 53, 80, 139, 443, 445, 554, 631, 3389, 8080, 8443, 9100];
/// Connections at the same time.
const AT_ONCE: usize = 96;
const WAIT: Duration = Duration::from_millis(700);

#[derive(Deserialize)]
struct Arguments {
    network: String,
}

/// A network of IPv4 with at least 24 bits that one of our interfaces lies in.
pub(super) fn network(text: &str, own: &[(Ipv4Addr, u32)]) -> Result<(Ipv4Addr, u32), Failure> {
    let parsed = text.split_once('/').and_then(|(address, bits)| {
        Some((address.parse::<Ipv4Addr>().ok()?, bits.parse::<u32>().ok()?))
    });
    let Some((address, bits)) = parsed.filter(|(_, bits)| (24..=32).contains(bits)) else {
        return Err(Failure::bad("\"network\" is an IPv4 network of 24 to 32 bits"));
    };
    let cut = |address: Ipv4Addr, bits: u32| {
        u32::from(address) & u32::MAX.checked_shl(32 - bits).unwrap_or(0)
    };
    let inside = |(ours, ours_bits): &(Ipv4Addr, u32)| {
        *ours_bits <= bits && cut(*ours, *ours_bits) == cut(address, *ours_bits)
    };
    if own.iter().any(inside) {
        Ok((Ipv4Addr::from(cut(address, bits)), bits))
    } else {
        Err(Failure::denied(format!("{text} is no link of this host")))
    }
}

fn own_links() -> Vec<(Ipv4Addr, u32)> {
    let link = |entry: nix::ifaddrs::InterfaceAddress| {
        let address = entry.address?.as_sockaddr_in()?.ip();
        let mask = u32::from(entry.netmask?.as_sockaddr_in()?.ip());
        // A mask of nothing would make the whole world a link of ours.
        (mask.count_ones() >= 8).then_some((address, mask.count_ones()))
    };
    getifaddrs().into_iter().flatten().filter_map(link).collect()
}

pub(super) fn scan(job: &mut Job) -> Result<Value, Failure> {
    let arguments: Arguments = job.arguments()?;
    let own = own_links();
    let (base, bits) = network(&arguments.network, &own)?;
    let count = 1_u32 << (32 - bits);
    let hosts: Vec<Ipv4Addr> = (0..count)
        .filter(|at| bits >= 31 || (*at != 0 && *at != count - 1))
        .map(|at| Ipv4Addr::from(u32::from(base) + at))
        .filter(|host| !own.iter().any(|(ours, _)| ours == host))
        .collect();
    let mut found: BTreeMap<Ipv4Addr, Vec<u16>> = BTreeMap::new();
    let all: Vec<SocketAddr> = PORTS
        .iter()
        .flat_map(|port| hosts.iter().map(|host| SocketAddr::from((*host, *port))))
        .collect();
    for some in all.chunks(AT_ONCE) {
        for (address, open) in knock(job, some)? {
            if let SocketAddr::V4(address) = address {
                let ports = found.entry(*address.ip()).or_default();
                ports.extend(open.then_some(address.port()));
            }
        }
    }
    let mut tree = Tree::new(Path::new("/"));
    let neighbours = tree.read("proc/net/arp").map(neighbours).unwrap_or_default();
    for host in &hosts {
        if neighbours.contains_key(host) {
            found.entry(*host).or_default();
        }
    }
    let hosts: Vec<Value> = found
        .iter()
        .map(|(ip, ports)| json!({ "ip": ip.to_string(), "mac": neighbours.get(ip), "ports": ports }))
        .collect();
    Ok(json!({ "network": format!("{base}/{bits}"), "hosts": hosts }))
}

/// Who answers: yes for an open port, no for one that refuses.
fn knock(job: &Job, addresses: &[SocketAddr]) -> Result<Vec<(SocketAddr, bool)>, Failure> {
    let mut waiting: Vec<(SocketAddr, Socket)> = Vec::new();
    for address in addresses {
        let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) else { continue };
        if socket.set_nonblocking(true).is_ok() {
            // It cannot be done yet; what becomes of it is asked below.
            let _ = socket.connect(&(*address).into());
            waiting.push((*address, socket));
        }
    }
    let mut answers = Vec::new();
    let began = Instant::now();
    while !waiting.is_empty() && began.elapsed() < WAIT {
        job.go_on()?;
        let ready: Vec<bool> = {
            let mut fds: Vec<PollFd<'_>> = waiting
                .iter()
                .map(|(_, socket)| PollFd::new(socket.as_fd(), PollFlags::POLLOUT))
                .collect();
            let _ = poll(&mut fds, PollTimeout::from(100_u8));
            fds.iter().map(|fd| fd.any().unwrap_or(false)).collect()
        };
        let mut ready = ready.into_iter();
        waiting.retain(|(address, socket)| {
            if !ready.next().unwrap_or(false) {
                return true;
            }
            match socket.take_error() {
                Ok(None) => answers.push((*address, true)),
                Ok(Some(why)) if why.kind() == std::io::ErrorKind::ConnectionRefused => {
                    answers.push((*address, false));
                }
                _ => {}
            }
            false
        });
    }
    Ok(answers)
}

/// The kernel's neighbours of IPv4: `/proc/net/arp`.
pub(super) fn neighbours(text: &str) -> BTreeMap<Ipv4Addr, String> {
    let entry = |line: &str| {
        let mut columns = line.split_ascii_whitespace();
        let address = columns.next()?.parse().ok()?;
        let mac = columns.nth(2)?;
        (mac != "00:00:00:00:00:00").then(|| (address, mac.to_owned()))
    };
    text.lines().skip(1).filter_map(entry).collect()
}
