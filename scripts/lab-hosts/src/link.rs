//! Whole Ethernet frames in and out of one interface, over `AF_PACKET`.
//!
//! The lab needs few frames and simple code, so this reads one frame a call; the appliance's own
//! capture is the ring of `agent/ring`.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use anyhow::{Context, Result, bail};
use model::Mac;
use nix::ifaddrs::getifaddrs;

use nix::sys::socket::{LinkAddr, bind, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// `ETH_P_ALL` in network order, as socket(2) wants it.
const ALL_PROTOCOLS: i32 = 0x0003_u16.to_be() as i32;

/// Room for the burst of a sweep at full speed: a /20 of requests queues in about 4 MiB.
const RECEIVE_BUFFER: usize = 32 << 20;

/// A raw socket on one interface. Reading never blocks; frames that it sent itself are not seen.
pub(crate) struct Link {
    socket: Socket,
    mac: Mac,
}

impl Link {
    /// Opens `interface` in this network namespace; `filter` decides in the kernel what arrives.
    pub(crate) fn open(interface: &str, filter: &[SockFilter]) -> Result<Self> {
        let address = link_address(interface)?;
        let mac =
            address.addr().map(Mac).with_context(|| format!("{interface} has no MAC address"))?;
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL_PROTOCOLS)))
            .context("open a packet socket (needs CAP_NET_RAW)")?;
        // Larger than net.core.rmem_max only for root of the machine; what the system grants will do.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER).context("enlarge the receive buffer")?;
        }
        if !filter.is_empty() {
            socket.attach_filter(filter).context("attach the packet filter")?;
        }
        bind(socket.as_raw_fd(), &address).with_context(|| format!("bind to {interface}"))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, mac })
    }

    /// The interface's own address.
    pub(crate) fn mac(&self) -> Mac {
        self.mac
    }

    /// The next frame that waits, or `None`.
    pub(crate) fn receive<'b>(&self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>> {
        match (&self.socket).read(buffer) {
            Ok(length) => Ok(Some(&buffer[..length])),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok(None)
            }
            // The interface was set down (a test pulled the cable); frames come again when it is up.
            Err(e) if e.raw_os_error() == Some(nix::libc::ENETDOWN) => Ok(None),
            Err(e) => Err(e).context("receive a frame"),
        }
    }

    /// Sends one frame; true when the kernel took it.
    pub(crate) fn send(&self, frame: &[u8]) -> bool {
        (&self.socket).write(frame).is_ok_and(|sent| sent == frame.len())
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn link_address(interface: &str) -> Result<LinkAddr> {
    for entry in getifaddrs().context("list the interfaces")? {
        if entry.interface_name == interface
            && let Some(link) = entry.address.as_ref().and_then(|a| a.as_link_addr())
        {
            return Ok(*link);
        }
    }
    bail!("there is no interface {interface} in this namespace")
}
