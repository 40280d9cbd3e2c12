//! A routing netlink socket (RFC 3549, rtnetlink(7)) that hears of links, addresses and neighbours
//! and can ask for all of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink::wire::{DONE, ERROR, FLAG_INTERRUPTED, Message, Request, messages};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use super::route_message::{self, RouteMessage};

pub(super) struct Netlink {
    socket: Socket,
    buffer: Vec<u8>,
    sequence: u32,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Links,
    Addresses,
    Neighbours,
}

pub(super) enum Incoming {
    Message(RouteMessage),
    /// The answer with this sequence number ended. When the table changed meanwhile it is not
    /// to be trusted.
    End {
        sequence: u32,
        is_sound: bool,
    },
}

// linux/rtnetlink.h
const GROUP_LINK: u32 = 1;
const GROUP_NEIGHBOUR: u32 = 3;
const GROUP_IPV4_ADDRESS: u32 = 5;
const GROUP_IPV6_ADDRESS: u32 = 9;
/// The kernel's own largest part of an answer is 32 kB.
const BUFFER: usize = 64 << 10;
const RECEIVE_BUFFER: i32 = 1 << 20;

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        socket.set_rx_buf_sz(RECEIVE_BUFFER)?;
        for group in [GROUP_LINK, GROUP_NEIGHBOUR, GROUP_IPV4_ADDRESS, GROUP_IPV6_ADDRESS] {
            socket.add_membership(group)?;
        }
        Ok(Self { socket, buffer: vec![0; BUFFER], sequence: 0 })
    }

    /// Asks for all of a table; returns the sequence number of the answer.
    pub(super) fn ask_for(&mut self, table: Table) -> io::Result<u32> {
        let (kind, fixed): (u16, &[u8]) = match table {
            Table::Links => (route_message::GET_LINK, &[0; route_message::LINK_PART]),
            Table::Addresses => (route_message::GET_ADDRESS, &[0; route_message::ADDRESS_PART]),
            Table::Neighbours => {
                (route_message::GET_NEIGHBOUR, &[0; route_message::NEIGHBOUR_PART])
            }
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&Request::all(kind, fixed).finish(self.sequence), 0)?;
        Ok(self.sequence)
    }

    /// Reads one datagram of messages; false when there is none. `ENOBUFS` says that messages
    /// were lost, and the tables must be asked for again.
    pub(super) fn receive(&mut self, mut each: impl FnMut(Incoming)) -> io::Result<bool> {
        let length = match self.socket.recv_from(&mut &mut self.buffer[..], 0) {
            Ok((_, from)) if from.port_number() != 0 => return Ok(true), // not the kernel's word
            Ok((length, _)) => length.min(self.buffer.len()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        };
        for message in messages(self.buffer.get(..length).unwrap_or_default()) {
            if let Some(incoming) = read(&message) {
                each(incoming);
            }
        }
        Ok(true)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn read(message: &Message<'_>) -> Option<Incoming> {
    let sequence = message.sequence;
    match message.kind {
        DONE => {
            let is_sound = message.flags & FLAG_INTERRUPTED == 0;
            Some(Incoming::End { sequence, is_sound })
        }
        ERROR => Some(Incoming::End { sequence, is_sound: false }),
        _ => route_message::decode(message).map(Incoming::Message),
    }
}
