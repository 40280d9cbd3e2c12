//! A routing netlink socket (RFC 3549, rtnetlink(7)) that hears of links, addresses and neighbours
//! and can ask for all of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

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
    Message(RouteNetlinkMessage),
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
/// The table changed while it was read out (linux/netlink.h).
const DUMP_INTERRUPTED: u16 = 0x10;
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
        let message = match table {
            Table::Links => RouteNetlinkMessage::GetLink(LinkMessage::default()),
            Table::Addresses => RouteNetlinkMessage::GetAddress(AddressMessage::default()),
            Table::Neighbours => RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()),
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
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
        let mut rest = &self.buffer[..length];
        while let Ok(message) = NetlinkBuffer::new_checked(rest) {
            let length = message.length() as usize;
            if let Some(incoming) = read(&rest[..length]) {
                each(incoming);
            }
            let aligned = length.next_multiple_of(4);
            match rest.get(aligned..) {
                Some(next) if length > 0 => rest = next,
                _ => break,
            }
        }
        Ok(true)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A message that the crate cannot read comes from a newer kernel and says nothing that is needed
/// here; it is left out.
fn read(bytes: &[u8]) -> Option<Incoming> {
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).ok()?;
    let sequence = message.header.sequence_number;
    let is_sound = message.header.flags & DUMP_INTERRUPTED == 0;
    match message.payload {
        NetlinkPayload::InnerMessage(inner) => Some(Incoming::Message(inner)),
        NetlinkPayload::Done(_) => Some(Incoming::End { sequence, is_sound }),
        NetlinkPayload::Error(_) => Some(Incoming::End { sequence, is_sound: false }),
        _ => None,
    }
}
