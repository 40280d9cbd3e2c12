//! A netlink socket that hears what changes: many messages a system call, never waiting. For
//! threads that poll.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, NetlinkAddr, recvmmsg, setsockopt, sockopt};

use crate::wire::{Message, messages};

/// Datagrams taken by one system call, and the octets of the largest: an event about one entry has
/// less than 1 KiB.
const AT_ONCE: usize = 32;
const LARGEST: usize = 4 << 10;

/// Hears what the kernel tells a group.
pub struct Listener {
    socket: Socket,
    headers: MultiHeaders<NetlinkAddr>,
    buffers: Vec<[u8; LARGEST]>,
}

/// What one reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// So many datagrams; there may be more.
    Some(usize),
    /// There is nothing at the moment.
    Nothing,
    /// The kernel had no room and dropped some: the table must be read anew.
    Lost,
}

impl Listener {
    /// Opens a socket to a subsystem of the kernel and joins a group, with room for so many octets,
    /// as far as the kernel allows.
    pub fn open(protocol: isize, group: u32, room: usize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        // Beyond the usual bound where that is allowed, else up to it.
        if setsockopt(&socket.as_fd(), sockopt::RcvBufForce, &room).is_err() {
            setsockopt(&socket.as_fd(), sockopt::RcvBuf, &room)?;
        }
        socket.add_membership(group)?;
        Ok(Self {
            socket,
            headers: MultiHeaders::preallocate(AT_ONCE, None),
            buffers: vec![[0; LARGEST]; AT_ONCE],
        })
    }

    /// Reads what there is, at most some datagrams, and hands over their messages.
    pub fn read(&mut self, mut each: impl FnMut(&Message<'_>)) -> io::Result<Heard> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN) => return Ok(Heard::Nothing),
            Err(Errno::EINTR) => return Ok(Heard::Some(0)),
            Err(Errno::ENOBUFS) => return Ok(Heard::Lost),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for one in received {
            count += 1;
            let from_kernel = one.address.is_some_and(|address| address.pid() == 0);
            for part in one.iovs().take(usize::from(from_kernel)) {
                messages(part).for_each(|message| each(&message));
            }
        }
        Ok(Heard::Some(count))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
