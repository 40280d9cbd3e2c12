//! Raw packet sockets (packet(7)) on one interface: frames in, frames out, with a kernel filter.
//!
//! This is the only crate of the house with unsafe code, because no safe crate binds such a
//! socket or sets its options. What safe crates offer is used; what is left is five system calls
//! with their arguments on the stack.

mod sys;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// One instruction of classic BPF (the kernel's `struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when a condition holds.
    pub jump_true: u8,
    /// Instructions to skip when it does not.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

/// What a socket received since it was opened or last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Frames that passed the filter, dropped ones among them.
    pub frames: u32,
    /// Frames dropped because nobody read them in time.
    pub dropped: u32,
}

/// A raw packet socket bound to one interface. It hears frames of all protocols that the filter
/// accepts, all multicast groups among them, and not what this machine itself sends.
#[derive(Debug)]
pub struct PacketSocket {
    socket: Socket,
}

/// A burst of this many bytes waits for a reader; the kernel may grant less.
const RECEIVE_BUFFER: usize = 1 << 20;

impl PacketSocket {
    /// Opens a socket on the interface of this index. Needs `CAP_NET_RAW`.
    ///
    /// The filter is attached before the socket is bound, so that no frame passes unfiltered. The
    /// kernel ends the membership in all multicast groups when the socket is closed, also when
    /// the process dies.
    pub fn open(interface: u32, filter: &[Instruction]) -> io::Result<Self> {
        Self::open_hearing(interface, filter, false)
    }

    /// The same, which also hears what this machine sends where `own` is true. The kernel then has
    /// each frame that goes out looked at by the filter.
    pub fn open_hearing(interface: u32, filter: &[Instruction], own: bool) -> io::Result<Self> {
        let interface = i32::try_from(interface).ok().filter(|index| *index > 0);
        let interface = interface.ok_or(io::ErrorKind::InvalidInput)?;
        // Protocol 0 hears nothing until it is bound.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        let filter: Vec<_> = filter
            .iter()
            .map(|i| SockFilter::new(i.code, i.jump_true, i.jump_false, i.operand))
            .collect();
        socket.attach_filter(&filter)?;
        if !own {
            sys::ignore_outgoing(socket.as_fd())?;
        }
        // Beyond the machine's limit where CAP_NET_ADMIN allows it, else up to it.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        }
        sys::bind(socket.as_fd(), interface)?;
        sys::join_all_multicast(socket.as_fd(), interface)?;
        Ok(Self { socket })
    }

    /// Reads one frame into `buffer` and returns its length, at most what the filter lets pass;
    /// what is longer than the buffer is cut off. `None` when there was none within `timeout`,
    /// which may be zero.
    ///
    /// `ENETDOWN` says once that the interface went down; the socket goes on when it is up again.
    pub fn receive(&self, buffer: &mut [u8], timeout: Duration) -> io::Result<Option<usize>> {
        if let Some(length) = self.receive_now(buffer)? {
            return Ok(Some(length));
        }
        if timeout.is_zero() || !self.wait(timeout)? {
            return Ok(None);
        }
        self.receive_now(buffer)
    }

    /// Sends one frame, from its destination address on. Never waits: `WouldBlock` when the
    /// interface's queue is full.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }

    /// Counts since the last call.
    pub fn statistics(&self) -> io::Result<Statistics> {
        sys::statistics(self.socket.as_fd())
    }

    fn receive_now(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let mut sockets = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        // A sweep waits for half a millisecond, which poll(2) cannot.
        match ppoll(&mut sockets, Some(TimeSpec::from_duration(timeout)), None) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
