//! Who is connected to the router's own services: sockets that wait for somebody, and how many
//! connections each has. TCP by the kernel's sockets; UDP, which has no connections, by what the
//! kernel follows of it (conntrack), since a server's one socket says nothing of its clients.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::ops::ControlFlow;

use netlink::conntrack::{Connection, GET, HEADER, connection};
use netlink::diag::{self, ESTABLISHED, InetSocket, LISTEN, UNCONNECTED};
use netlink::wire::Request;
use netlink::{Netlink, SOCKETS};
use serde::Serialize;

use crate::SystemError;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// The most sockets and connections that are read; beyond, counts are partial.
const MOST_READ: usize = 500_000;
/// The most ports that are told.
const MOST_PORTS: usize = 256;
/// From here on a UDP port is mostly that of somebody who asks (`ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port at which the router waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenPort {
    /// TCP or UDP.
    pub transport: Transport,
    /// Its number.
    pub port: u16,
    /// The addresses it waits at; the unspecified one for all.
    pub addresses: Vec<IpAddr>,
    /// Connections to it.
    pub connections: u64,
}

/// All of it at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sockets {
    /// Ports, by transport and number.
    pub ports: Vec<OpenPort>,
    /// Established TCP connections of the router itself, to it and from it.
    pub tcp: u64,
    /// UDP exchanges with the router itself that the kernel follows; None where it does not tell.
    pub udp: Option<u64>,
    /// Connections that the kernel follows in all, also those that only pass.
    pub followed: Option<u64>,
    /// Connections that it can follow.
    pub capacity: Option<u64>,
    /// There were more than are read, so that counts are too low.
    pub is_partial: bool,
}

/// Counts; pure.
#[derive(Default)]
struct Tally {
    waiting: BTreeMap<(Transport, u16), BTreeSet<IpAddr>>,
    by_port: BTreeMap<(Transport, u16), u64>,
    tcp: u64,
    udp: u64,
}

impl Tally {
    fn socket(&mut self, transport: Transport, socket: &InetSocket) {
        let key = (transport, socket.port);
        match (transport, socket.state) {
            (Transport::Tcp, LISTEN) | (Transport::Udp, UNCONNECTED) => {
                let is_asking = transport == Transport::Udp && socket.port >= EPHEMERAL;
                if socket.port != 0 && !is_asking {
                    self.waiting.entry(key).or_default().insert(socket.local);
                }
            }
            (Transport::Tcp, ESTABLISHED) => {
                self.tcp += 1;
                *self.by_port.entry(key).or_default() += 1;
            }
            _ => {}
        }
    }

    /// An exchange counts for the end that is ours in truth, after NAT: where answers come from.
    fn exchange(&mut self, connection: &Connection, own: &BTreeSet<IpAddr>) {
        let (sent, reply) = (&connection.original, &connection.reply);
        if connection.protocol != UDP {
            return;
        }
        if let Some(port) = reply.source_port.filter(|_| own.contains(&reply.source)) {
            self.udp += 1;
            *self.by_port.entry((Transport::Udp, port)).or_default() += 1;
        } else if own.contains(&sent.source) {
            self.udp += 1;
        }
    }

    fn ports(&mut self) -> Vec<OpenPort> {
        let waiting = std::mem::take(&mut self.waiting).into_iter().take(MOST_PORTS);
        let port = |((transport, port), addresses): (_, BTreeSet<IpAddr>)| OpenPort {
            transport,
            port,
            addresses: addresses.into_iter().collect(),
            connections: self.by_port.get(&(transport, port)).copied().unwrap_or_default(),
        };
        waiting.map(port).collect()
    }
}

/// Reads sockets and connections; `own` are the router's addresses. Blocks: a hundred thousand
/// connections take some 100 ms.
///
/// # Errors
/// Where the kernel tells no sockets. Without connection tracking only UDP is not known.
pub(crate) fn read(own: &BTreeSet<IpAddr>) -> Result<Sockets, SystemError> {
    let mut tally = Tally::default();
    let mut read = 0;
    let asked = SystemError::io("ask the kernel for", "its sockets");
    let mut ask = || {
        let mut netlink = Netlink::open(SOCKETS)?;
        for (number, transport, states) in [
            (TCP, Transport::Tcp, [LISTEN, ESTABLISHED]),
            (UDP, Transport::Udp, [UNCONNECTED, ESTABLISHED]),
        ] {
            for is_v6 in [false, true] {
                netlink.dump(diag::sockets(number, is_v6, &states), |message| {
                    if let Some(socket) = diag::socket(message) {
                        tally.socket(transport, &socket);
                    }
                    go_on(&mut read)
                })?;
                if read >= MOST_READ {
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    ask().map_err(asked)?;
    let mut is_partial = read >= MOST_READ;
    let mut followed = 0;
    let told = Netlink::open(netlink::NETFILTER).and_then(|mut netlink| {
        // struct nfgenmsg, all families.
        netlink.dump(Request::all(GET, &[0; HEADER]), |message| {
            if let Some(connection) = connection(message) {
                tally.exchange(&connection, own);
            }
            go_on(&mut followed)
        })
    });
    is_partial |= followed >= MOST_READ;
    let number = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?;
        text.trim().parse().ok()
    };
    Ok(Sockets {
        ports: tally.ports(),
        tcp: tally.tcp,
        udp: told.is_ok().then_some(tally.udp),
        followed: number("nf_conntrack_count"),
        capacity: number("nf_conntrack_max"),
        is_partial,
    })
}

fn go_on(read: &mut usize) -> ControlFlow<()> {
    *read += 1;
    if *read < MOST_READ { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

#[cfg(test)]
mod tests {
    use netlink::conntrack::{State, Tuple};

    use super::*;

    const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 1));
    const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 1, 50));

    fn socket(state: u8, port: u16) -> InetSocket {
        InetSocket { state, local: OWN, port, remote: FAR }
    }

    fn exchange(from: IpAddr, to: IpAddr, port: u16) -> Connection {
        let tuple = |source, destination, source_port, destination_port| Tuple {
            source,
            destination,
            source_port: Some(source_port),
            destination_port: Some(destination_port),
            icmp: 0,
        };
        Connection {
            id: 1,
            protocol: UDP,
            original: tuple(from, to, 40_000, port),
            reply: tuple(to, from, port, 40_000),
            state: State::None,
            timeout: None,
            mark: 0,
            zone: 0,
            is_offloaded: false,
            sent: None,
            received: None,
            began: None,
            ended: None,
        }
    }

    #[test]
    fn tcp_connections_belong_to_the_port_that_listens_and_udp_ones_are_not_nought() {
        let mut tally = Tally::default();
        for (transport, state, port) in [
            (Transport::Tcp, LISTEN, 22),
            (Transport::Tcp, ESTABLISHED, 22),
            (Transport::Tcp, ESTABLISHED, 22),
            (Transport::Tcp, ESTABLISHED, 51_000),
            (Transport::Udp, UNCONNECTED, 53),
            (Transport::Udp, UNCONNECTED, 45_000),
        ] {
            tally.socket(transport, &socket(state, port));
        }
        let own = BTreeSet::from([OWN]);
        tally.exchange(&exchange(FAR, OWN, 53), &own);
        tally.exchange(&exchange(OWN, FAR, 123), &own);
        tally.exchange(&exchange(FAR, [8, 8, 8, 8].into(), 53), &own);
        assert_eq!((tally.tcp, tally.udp), (3, 2));
        let ports = tally.ports();
        let seen: Vec<_> = ports.iter().map(|p| (p.transport, p.port, p.connections)).collect();
        assert_eq!(seen, [(Transport::Tcp, 22, 2), (Transport::Udp, 53, 1)]);
    }
}
