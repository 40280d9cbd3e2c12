//! The routers on the way to a host: echo requests that may make one hop more each time. The
//! routers' complaints come by the socket's error queue (ip(7), `IP_RECVERR`).

use std::io::{self, IoSliceMut, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc::Sender;

use super::target::{check_interface, check_range};
use super::{Target, Tools, Updates};
use crate::SystemError;
use crate::icmp::{reply, request};
use crate::routes::Family;

/// Requests to each hop.
const PROBES: u16 = 3;
/// How long a hop may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// After so many silent hops in a row nothing more is to be learnt.
const SILENT_HOPS: u8 = 6;
/// How often it is looked whether anybody still waits.
const LOOK: Duration = Duration::from_millis(100);
/// The longest that the whole may take.
const LIMIT: Duration = Duration::from_secs(75);
/// Bytes of data of a request.
const SIZE: usize = 32;

/// To whom the way is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRequest {
    /// To whom.
    pub target: Target,
    /// By which family, where a name has both.
    pub family: Option<Family>,
    /// The most hops, 1 to 64.
    pub hops: u8,
    /// Out of this interface.
    pub interface: Option<String>,
}

/// What became of one request to a hop.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// Who answered; None for nobody within 1 s.
    pub from: Option<IpAddr>,
    /// After how many ms.
    pub ms: Option<f64>,
    /// That the target cannot be reached, in the words of traceroute(8): `!N` network, `!H` host,
    /// `!P` protocol, `!X` forbidden.
    pub note: Option<&'static str>,
}

/// What happens on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum TraceUpdate {
    /// The target's address is known.
    Begun {
        /// The address.
        ip: IpAddr,
    },
    /// A hop is known.
    Hop {
        /// Its number, from 1.
        number: u8,
        /// Three requests to it.
        probes: Vec<Probe>,
    },
    /// It is over.
    Ended {
        /// The target itself has answered.
        reached: bool,
    },
    /// It could not be begun or gone on with.
    Failed {
        /// Why.
        why: String,
    },
}

impl Tools {
    /// Finds the way to a host.
    ///
    /// # Errors
    /// Where a value is out of range or too many tools run. What fails later is told as
    /// [`TraceUpdate::Failed`].
    pub fn trace(&self, request: TraceRequest) -> Result<Updates<TraceUpdate>, SystemError> {
        check_range("hops", request.hops, 1, 64)?;
        check_interface(request.interface.as_deref())?;
        let slot = self.slot()?;
        Ok(Self::start(slot, LIMIT, move |updates| async move {
            if let Err(error) = trace(request, &updates).await {
                let _ = updates.send(TraceUpdate::Failed { why: error.to_string() }).await;
            }
        }))
    }
}

async fn trace(request: TraceRequest, updates: &Sender<TraceUpdate>) -> Result<(), SystemError> {
    let ip = request.target.resolve(request.family).await?;
    let failed = SystemError::io("find the way to", ip.to_string());
    let _ = updates.send(TraceUpdate::Begun { ip }).await;
    let theirs = updates.clone();
    let walk = tokio::task::spawn_blocking(move || {
        Walker::open(ip, request.interface.as_deref())?.walk(request.hops, &theirs)
    });
    let outcome = walk.await.unwrap_or_else(|error| Err(io::Error::other(error.to_string())));
    let reached = outcome.map_err(failed)?;
    let _ = updates.send(TraceUpdate::Ended { reached }).await;
    Ok(())
}

/// On a thread that may block.
struct Walker {
    socket: Socket,
    ip: IpAddr,
    is_raw: bool,
    id: u16,
}

/// Something came back.
struct Word {
    sequence: u16,
    from: IpAddr,
    note: Option<&'static str>,
    is_end: bool,
}

impl Walker {
    fn open(ip: IpAddr, interface: Option<&str>) -> io::Result<Self> {
        let (domain, protocol) = if ip.is_ipv4() {
            (Domain::IPV4, Protocol::ICMPV4)
        } else {
            (Domain::IPV6, Protocol::ICMPV6)
        };
        let (socket, is_raw) = match Socket::new(domain, Type::RAW, Some(protocol)) {
            Ok(socket) => (socket, true),
            Err(raw) => {
                let ping = Socket::new(domain, Type::DGRAM, Some(protocol));
                (ping.map_err(|_| raw)?, false)
            }
        };
        socket.set_nonblocking(true)?;
        if let Some(interface) = interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        if ip.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        socket.connect(&SocketAddr::new(ip, 0).into())?;
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|e| io::Error::other(e.to_string()))?;
        let mut id = u16::from_ne_bytes(id);
        if !is_raw {
            // The kernel puts its own number in, which is the socket's port.
            id = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        }
        Ok(Self { socket, ip, is_raw, id })
    }

    /// Goes hop by hop; true where the target was reached.
    fn walk(&self, hops: u8, updates: &Sender<TraceUpdate>) -> io::Result<bool> {
        let mut silent = 0;
        for number in 1..=hops {
            if self.ip.is_ipv4() {
                self.socket.set_ttl_v4(number.into())?;
            } else {
                self.socket.set_unicast_hops_v6(number.into())?;
            }
            let (probes, is_end) = self.hop(number, updates)?;
            silent = if probes.iter().all(|p| p.from.is_none()) { silent + 1 } else { 0 };
            let reached = probes.iter().any(|p| p.from == Some(self.ip) && p.note.is_none());
            let told = updates.blocking_send(TraceUpdate::Hop { number, probes });
            if reached || is_end || silent >= SILENT_HOPS || told.is_err() {
                return Ok(reached);
            }
        }
        Ok(false)
    }

    fn hop(&self, number: u8, updates: &Sender<TraceUpdate>) -> io::Result<(Vec<Probe>, bool)> {
        let first = u16::from(number) * PROBES;
        let mut sent = Vec::new();
        for place in 0..PROBES {
            let bytes = request(self.ip.is_ipv6(), self.id, first + place, SIZE);
            // An earlier complaint may be reported here; it is in the queue as well.
            if self.socket.send(&bytes).is_err() {
                self.socket.send(&bytes)?;
            }
            sent.push(Instant::now());
        }
        let mut probes = vec![Probe { from: None, ms: None, note: None }; sent.len()];
        let mut is_end = false;
        let deadline = Instant::now() + PATIENCE;
        while probes.iter().any(|p| p.from.is_none()) && !updates.is_closed() {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            let pause = (deadline - now).min(LOOK).as_millis() as u16 + 1;
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(pause))? == 0 {
                continue;
            }
            let heard = Instant::now();
            while let Some(word) = self.listen() {
                let place = usize::from(word.sequence.wrapping_sub(first));
                if let (Some(probe), Some(at)) = (probes.get_mut(place), sent.get(place))
                    && probe.from.is_none()
                {
                    probe.from = Some(word.from);
                    probe.ms = Some(heard.duration_since(*at).as_secs_f64() * 1_000.0);
                    probe.note = word.note;
                    is_end |= word.is_end;
                }
            }
        }
        Ok((probes, is_end))
    }

    /// The next word to this socket, if there is one. What is not for it is passed over.
    fn listen(&self) -> Option<Word> {
        let mut buffer = [0; 2_048];
        // It ends with nothing more, or with a complaint, which is told once here and stands in the
        // queue.
        while let Ok(length) = (&self.socket).read(&mut buffer) {
            let datagram = buffer.get(..length)?;
            if let Some(heard) = reply(self.ip.is_ipv6(), self.is_raw, datagram)
                && (heard.id == self.id || !self.is_raw)
            {
                let sequence = heard.sequence;
                return Some(Word { sequence, from: self.ip, note: None, is_end: true });
            }
        }
        loop {
            match self.complaint() {
                Ok(Some(word)) => return Some(word),
                Ok(None) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next complaint in the queue; None for one that is not about our requests.
    fn complaint(&self) -> nix::Result<Option<Word>> {
        let mut data = [0; 512];
        let mut space = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        let mut parts = [IoSliceMut::new(&mut data)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut space),
            flags,
        )?;
        let length = message.bytes;
        let mut found = None;
        for part in message.cmsgs()? {
            match part {
                ControlMessageOwned::Ipv4RecvErr(error, Some(from)) => {
                    let ip = IpAddr::from(u32::from_be(from.sin_addr.s_addr).to_be_bytes());
                    found = Some((ip, note_v4(error.ee_type, error.ee_code)));
                }
                ControlMessageOwned::Ipv6RecvErr(error, Some(from)) => {
                    let ip = IpAddr::from(from.sin6_addr.s6_addr);
                    found = Some((ip, note_v6(error.ee_type, error.ee_code)));
                }
                _ => {}
            }
        }
        // The queue holds the request as it was sent: type, code, checksum, number, sequence.
        let ours =
            data.get(..length).and_then(|bytes| bytes.get(4..8)?.first_chunk::<4>().copied());
        let (Some((from, note)), Some([a, b, c, d])) = (found, ours) else {
            return Ok(None);
        };
        let is_ours = u16::from_be_bytes([a, b]) == self.id && !from.is_unspecified();
        let sequence = u16::from_be_bytes([c, d]);
        Ok(is_ours.then_some(Word { sequence, from, note, is_end: note.is_some() }))
    }
}

/// What an ICMP message says about the way (RFC 792); None for "on the way".
const fn note_v4(kind: u8, code: u8) -> Option<&'static str> {
    match (kind, code) {
        (3, 0) => Some("!N"),
        (3, 2 | 3) => Some("!P"),
        (3, 9 | 10 | 13) => Some("!X"),
        (3, _) => Some("!H"),
        _ => None,
    }
}

/// The same of `ICMPv6` (RFC 4443, 3.1).
const fn note_v6(kind: u8, code: u8) -> Option<&'static str> {
    match (kind, code) {
        (1, 0) => Some("!N"),
        (1, 1 | 5 | 6) => Some("!X"),
        (1, 4) => Some("!P"),
        (1, _) => Some("!H"),
        _ => None,
    }
}
