//! A netlink socket that asks one question at a time and waits for the answer. For threads that may
//! block.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::time::Duration;

use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_SOCK_DIAG};
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

use crate::wire::{DONE, ERROR, FLAG_INTERRUPTED, Message, Request, messages};

/// The kernel's own largest part of an answer is 32 kB.
const BUFFER: usize = 64 << 10;
const RECEIVE_BUFFER: i32 = 1 << 20;
/// The kernel answers at once; whoever waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kernel's links, addresses and routes.
pub const ROUTE: isize = NETLINK_ROUTE;
/// The kernel's connections.
pub const NETFILTER: isize = NETLINK_NETFILTER;

/// The kernel's sockets.
pub const SOCKETS: isize = NETLINK_SOCK_DIAG;

/// A socket for questions.
pub struct Netlink {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dump {
    /// It is all there.
    Whole,
    /// The table changed while it was read out: entries may be missing or stand twice.
    Changed,
    /// The caller has had enough. The rest of the answer is still to come, so that the socket is of
    /// no further use.
    Stopped,
}

impl Netlink {
    /// Opens a socket to this subsystem of the kernel, such as [`ROUTE`].
    pub fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
        let patience = TimeVal::new(PATIENCE.as_secs() as _, 0);
        setsockopt(&socket.as_fd(), sockopt::ReceiveTimeout, &patience)?;
        Ok(Self { socket, buffer: vec![0; BUFFER], sequence: 0 })
    }

    /// Sends a question and hands over every message of the answer.
    pub fn dump(
        &mut self,
        request: Request,
        mut each: impl FnMut(&Message<'_>) -> ControlFlow<()>,
    ) -> io::Result<Dump> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&request.finish(self.sequence), 0)?;
        let mut outcome = Dump::Whole;
        loop {
            let (length, from) = match self.socket.recv_from(&mut &mut self.buffer[..], 0) {
                Ok(received) => received,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if from.port_number() != 0 {
                continue; // not the kernel's word
            }
            for message in messages(self.buffer.get(..length).unwrap_or_default()) {
                if message.sequence != self.sequence {
                    continue;
                }
                if message.flags & FLAG_INTERRUPTED != 0 {
                    outcome = Dump::Changed;
                }
                match (message.kind, message.errno()) {
                    (DONE | ERROR, 0) => return Ok(outcome),
                    (DONE | ERROR, code) => return Err(io::Error::from_raw_os_error(code)),
                    _ => {
                        if each(&message).is_break() {
                            return Ok(Dump::Stopped);
                        }
                    }
                }
            }
        }
    }
}
