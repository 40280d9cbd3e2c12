//! Sends echo requests to one host and waits for the replies.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::message::{self, Reply};

/// A socket that speaks with one host only.
pub(crate) struct EchoSocket {
    /// Not UDP, but the runtime's name for a socket that sends and receives datagrams.
    socket: UdpSocket,
    is_v6: bool,
    is_raw: bool,
    id: u16,
}

/// How many requests are sent, how and how far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) count: u16,
    /// Bytes of data of each.
    pub(crate) size: usize,
    /// From one to the next.
    pub(crate) interval: Duration,
    /// How long a reply may take.
    pub(crate) patience: Duration,
}

/// What became of one request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fate {
    Replied {
        after: Duration,
        size: usize,
        ttl: Option<u8>,
    },
    /// Nothing came in time.
    Lost,
    /// It could not be sent, or a router on the way said that it cannot be delivered.
    Refused(String),
}

impl EchoSocket {
    /// Opens a socket to a host, bound to an interface if one is named.
    ///
    /// # Errors
    /// Neither raw sockets (`CAP_NET_RAW`) nor ping sockets (`net.ipv4.ping_group_range`) may be
    /// used, or there is no such interface.
    pub(crate) fn open(target: IpAddr, interface: Option<&str>) -> io::Result<Self> {
        let is_v6 = target.is_ipv6();
        let (domain, protocol) =
            if is_v6 { (Domain::IPV6, Protocol::ICMPV6) } else { (Domain::IPV4, Protocol::ICMPV4) };
        let (socket, is_raw) = match Socket::new(domain, Type::RAW, Some(protocol)) {
            Ok(socket) => (socket, true),
            Err(raw) => match Socket::new(domain, Type::DGRAM, Some(protocol)) {
                Ok(socket) => (socket, false),
                Err(_) => return Err(raw),
            },
        };
        socket.set_nonblocking(true)?;
        if let Some(interface) = interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        socket.connect(&SockAddr::from(SocketAddr::new(target, 0)))?;
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|e| io::Error::other(e.to_string()))?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, is_v6, is_raw, id: u16::from_ne_bytes(id) })
    }

    async fn send(&self, sequence: u16, size: usize) -> io::Result<()> {
        let bytes = message::request(self.is_v6, self.id, sequence, size);
        self.socket.send(&bytes).await.map(drop)
    }

    /// The next reply to this socket.
    async fn receive(&self) -> io::Result<Reply> {
        let mut buffer = [0; 2_048];
        loop {
            let length = self.socket.recv(&mut buffer).await?;
            let datagram = buffer.get(..length).unwrap_or_default();
            // The kernel chooses a ping socket's number and gives it its own replies only.
            match message::reply(self.is_v6, self.is_raw, datagram) {
                Some(reply) if !self.is_raw || reply.id == self.id => return Ok(reply),
                _ => {}
            }
        }
    }

    /// Begins to send as planned.
    pub(crate) fn run(self, plan: Plan) -> EchoRun {
        let sent = Vec::with_capacity(plan.count.into());
        EchoRun { socket: self, plan, sent, next: Instant::now() }
    }
}

/// Requests on their way. Nothing is sent while nobody waits for what becomes of them.
pub(crate) struct EchoRun {
    socket: EchoSocket,
    plan: Plan,
    /// When each request was sent; None once its fate is known.
    sent: Vec<Option<Instant>>,
    next: Instant,
}

impl EchoRun {
    /// What has become of the next request whose fate is known, with its number from 0; None once
    /// all are known. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<(u16, Fate)> {
        loop {
            let has_more = self.sent.len() < usize::from(self.plan.count);
            // They were sent in this order.
            let oldest = self.sent.iter().position(Option::is_some);
            let due = oldest
                .and_then(|place| *self.sent.get(place)?)
                .map(|sent| sent + self.plan.patience);
            if due.is_none() && !has_more {
                return None;
            }
            tokio::select! {
                biased;
                reply = self.socket.receive(), if oldest.is_some() => {
                    if let Some(known) = self.take(reply, oldest) {
                        return Some(known);
                    }
                }
                () = sleep_until(due.unwrap_or(self.next)), if due.is_some() => {
                    let place = oldest?;
                    self.forget(place);
                    return Some((place as u16, Fate::Lost));
                }
                () = sleep_until(self.next), if has_more => {
                    let number = self.sent.len() as u16;
                    self.next = Instant::now() + self.plan.interval;
                    match self.socket.send(number, self.plan.size).await {
                        Ok(()) => self.sent.push(Some(Instant::now())),
                        Err(error) => {
                            self.sent.push(None);
                            return Some((number, Fate::Refused(error.to_string())));
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self, reply: io::Result<Reply>, oldest: Option<usize>) -> Option<(u16, Fate)> {
        let now = Instant::now();
        match reply {
            Ok(reply) => {
                // None: too late, twice, or made up.
                let sent = self.sent.get_mut(usize::from(reply.sequence))?.take()?;
                let after = now.duration_since(sent);
                Some((reply.sequence, Fate::Replied { after, size: reply.size, ttl: reply.ttl }))
            }
            // The kernel does not say which request it is about: the oldest, mostly.
            Err(error) => {
                let place = oldest?;
                self.forget(place);
                Some((place as u16, Fate::Refused(error.to_string())))
            }
        }
    }

    fn forget(&mut self, place: usize) {
        if let Some(sent) = self.sent.get_mut(place) {
            *sent = None;
        }
    }
}
