//! ARP for IPv4 over Ethernet (RFC 826, RFC 5227).

use std::net::Ipv4Addr;

use model::Mac;

use super::Why;
use super::read::Reader;

/// An ARP packet. Every other hardware or protocol type is refused as [`Why::Unsupported`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// True for a reply, false for a request.
    pub reply: bool,
    /// Who says it; may differ from the frame's source.
    pub sender: Mac,
    /// The sender's address; `0.0.0.0` in a probe.
    pub sender_ip: Ipv4Addr,
    /// Whom a reply is for; without meaning in a request.
    pub target: Mac,
    /// The address asked for, or that of the asker in a reply.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// The sender asks whether anybody has the address before it takes it (RFC 5227, 1.1).
    pub const fn is_probe(&self) -> bool {
        !self.reply && self.sender_ip.is_unspecified()
    }

    /// The sender announces its own address.
    pub fn is_announcement(&self) -> bool {
        self.sender_ip == self.target_ip && !self.sender_ip.is_unspecified()
    }
}

/// Decodes what follows `EtherType` 0x0806; padding behind it is ignored.
pub fn decode(bytes: &[u8]) -> Result<Arp, Why> {
    let mut r = Reader::new(bytes);
    // Hardware type Ethernet, protocol IPv4, address lengths 6 and 4.
    if r.array()? != [0, 1, 8, 0, 6, 4] {
        return Err(Why::Unsupported);
    }
    let reply = match r.be16()? {
        1 => false,
        2 => true,
        _ => return Err(Why::Unsupported),
    };
    let arp = Arp {
        reply,
        sender: r.mac()?,
        sender_ip: r.ipv4()?,
        target: r.mac()?,
        target_ip: r.ipv4()?,
    };
    if !arp.sender.is_station() {
        return Err(Why::BadValue);
    }
    Ok(arp)
}
