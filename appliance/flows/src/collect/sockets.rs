//! Sockets for export traffic: bound once, read many datagrams at a time.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

/// Octets of each socket's queue in the kernel: a third of a second of a million flows a second.
pub(crate) const ROOM: usize = 8 << 20;
/// Datagrams taken by one system call, each as long as UDP allows. What no datagram reached is no
/// memory.
const AT_ONCE: usize = 32;
const LARGEST: usize = 65_536;

/// A socket that listens.
pub(crate) struct Listening {
    socket: Socket,
    /// Where.
    pub(crate) at: SocketAddr,
    /// Octets that its queue really has.
    pub(crate) room: usize,
}

impl Listening {
    /// Binds. `[::]` hears IPv4 as well, and is `0.0.0.0` where the machine has no IPv6.
    pub(crate) fn bind(at: SocketAddr) -> io::Result<Self> {
        match Self::bind_to(at) {
            Err(error) if at.ip().is_unspecified() && at.is_ipv6() && !is_taken(&error) => {
                Self::bind_to(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), at.port()))
            }
            other => other,
        }
    }

    fn bind_to(at: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        if at.is_ipv6() {
            socket.set_only_v6(!at.ip().is_unspecified())?;
        }
        socket.set_nonblocking(true)?;
        // Beyond the usual bound where that is allowed, else up to it.
        if setsockopt(&socket, sockopt::RcvBufForce, &ROOM).is_err() {
            socket.set_recv_buffer_size(ROOM)?;
        }
        socket.bind(&at.into())?;
        let at = socket.local_addr()?.as_socket().unwrap_or(at);
        let room = socket.recv_buffer_size()?;
        Ok(Self { socket, at, room })
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Room for what one reading gives.
pub(crate) struct Inbox {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Vec<Vec<u8>>,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        let buffers = (0..AT_ONCE).map(|_| vec![0; LARGEST]).collect();
        Self { headers: MultiHeaders::preallocate(AT_ONCE, None), buffers }
    }

    /// Reads what there is, at most some datagrams, and hands each over with who sent it; gives how
    /// many those were, and whether there may be more.
    pub(crate) fn read(
        &mut self,
        socket: &Listening,
        mut each: impl FnMut(IpAddr, &[u8]),
    ) -> io::Result<(usize, bool)> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let (fd, flags) = (socket.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let received = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok((0, false)),
            Err(Errno::EINTR) => return Ok((0, true)),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for one in received {
            count += 1;
            let Some(from) = one.address.as_ref().and_then(sender) else { continue };
            each(from, one.iovs().next().unwrap_or_default());
        }
        Ok((count, count == AT_ONCE))
    }
}

fn sender(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::from(address.ip()));
    v4.or_else(|| {
        address.as_sockaddr_in6().map(|address| IpAddr::from(address.ip()).to_canonical())
    })
}
