//! UDP datagrams out of captured frames: through what is around them on the link, and put together
//! again where IP cut them into pieces.

use std::net::IpAddr;

use model::Timestamp;

use super::Frame;
use crate::decode::packet::{self, Fragment, Ip};
use crate::decode::wire::Reader;

const UDP: u8 = 17;
/// Datagrams that are put together at the same time, and pieces of each.
const MAX_PENDING: usize = 64;
const MAX_PIECES: usize = 128;

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
    /// When (the last piece of) it was captured.
    pub time: Timestamp,
    /// What is in it.
    pub payload: &'a [u8],
}

/// What became of the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// All frames.
    pub frames: u64,
    /// Of a kind of link that is not understood.
    pub unknown_link: u64,
    /// Something else than UDP over IP.
    pub not_udp: u64,
    /// Of which only the beginning was captured.
    pub truncated: u64,
    /// UDP datagrams.
    pub datagrams: u64,
    /// Datagrams of which pieces are missing.
    pub incomplete: u64,
}

#[derive(Debug)]
struct Pending {
    key: (IpAddr, IpAddr, u32),
    pieces: Vec<(u16, Vec<u8>)>,
    /// Octets of the whole, once the last piece is there.
    whole: Option<usize>,
}

/// Finds UDP datagrams in frames.
#[derive(Debug, Default)]
pub struct Datagrams {
    counts: UdpCounts,
    pending: Vec<Pending>,
    joined: Vec<u8>,
}

impl Datagrams {
    /// The datagram that a frame holds or completes.
    pub fn take<'a>(&'a mut self, frame: &Frame<'a>) -> Option<Datagram<'a>> {
        self.counts.frames += 1;
        let stripped = strip(frame);
        if matches!(stripped, Err(Without::UnknownLink)) {
            self.counts.unknown_link += 1;
            return None;
        }
        let ip = stripped.ok().and_then(packet::ip).filter(|ip| ip.protocol == UDP);
        let Some(ip) = ip else {
            self.counts.not_udp += 1;
            return None;
        };
        if (frame.bytes.len() as u32) < frame.length {
            self.counts.truncated += 1;
        }
        let payload = match ip.fragment {
            None => ip.payload,
            Some(fragment) => {
                self.join(&ip, fragment)?;
                &self.joined
            }
        };
        let mut reader = Reader::new(payload);
        let ports = reader.be16().zip(reader.be16());
        let length = reader.be16().and_then(|length| usize::from(length).checked_sub(8));
        reader.be16();
        let (Some((source_port, destination_port)), Some(length)) = (ports, length) else {
            self.counts.not_udp += 1;
            return None;
        };
        self.counts.datagrams += 1;
        let rest = reader.rest();
        let payload = rest.get(..length.min(rest.len())).unwrap_or(rest);
        let (source, time) = (ip.source, frame.time);
        Some(Datagram { source, source_port, destination_port, time, payload })
    }

    /// What became of the frames so far; what is not complete yet counts as incomplete.
    pub fn counts(&self) -> UdpCounts {
        let open = self.pending.len() as u64;
        UdpCounts { incomplete: self.counts.incomplete + open, ..self.counts }
    }

    /// Adds a piece; `Some` when the datagram is whole in `joined`.
    fn join(&mut self, ip: &Ip<'_>, fragment: Fragment) -> Option<()> {
        let key = (ip.source, ip.destination, fragment.id);
        let at = self.pending.iter().position(|pending| pending.key == key).unwrap_or_else(|| {
            if self.pending.len() >= MAX_PENDING {
                self.pending.remove(0);
                self.counts.incomplete += 1;
            }
            self.pending.push(Pending { key, pieces: Vec::new(), whole: None });
            self.pending.len() - 1
        });
        let pending = self.pending.get_mut(at)?;
        let end = usize::from(fragment.offset) + ip.payload.len();
        if !fragment.more {
            pending.whole = Some(end);
        }
        if end > usize::from(u16::MAX) || pending.pieces.len() >= MAX_PIECES {
            self.pending.remove(at);
            self.counts.incomplete += 1;
            return None;
        }
        let before = pending.pieces.partition_point(|(offset, _)| *offset < fragment.offset);
        if pending.pieces.get(before).is_none_or(|(offset, _)| *offset != fragment.offset) {
            pending.pieces.insert(before, (fragment.offset, ip.payload.to_vec()));
        }
        let whole = pending.whole?;
        self.joined.clear();
        for (offset, piece) in &pending.pieces {
            // Pieces that overlap are never sent by a sound host.
            if usize::from(*offset) != self.joined.len() {
                return None;
            }
            self.joined.extend_from_slice(piece);
        }
        if self.joined.len() != whole {
            return None;
        }
        self.pending.remove(at);
        Some(())
    }
}

/// Why there is no IP packet in a frame.
enum Without {
    UnknownLink,
    OtherPacket,
}

/// The IP packet in a frame.
fn strip<'a>(frame: &Frame<'a>) -> Result<&'a [u8], Without> {
    let typed = |at: usize| Some(packet::by_type(Reader::new(frame.bytes.get(at..)?))?.1);
    let found = match frame.link {
        // Ethernet.
        1 => packet::ethernet(frame.bytes).map(|(_, rest)| rest),
        // BSD loopback: a family, which the packet's own version tells as well.
        0 | 108 => frame.bytes.get(4..),
        // The packet itself.
        12 | 14 | 101 | 228 | 229 => Some(frame.bytes),
        // Linux "any": the Ethernet type ends the header.
        113 => typed(14),
        // Linux "any", second version: the type comes first, and a tag behind the header.
        276 => match frame.bytes {
            [8, 0, ..] | [0x86, 0xdd, ..] => frame.bytes.get(20..),
            [0x81, 0, ..] | [0x88, 0xa8, ..] => typed(22),
            _ => None,
        },
        _ => return Err(Without::UnknownLink),
    };
    found.ok_or(Without::OtherPacket)
}
