//! DHCP for IPv6 (RFC 8415) between client and server; relayed messages are left alone.

use std::net::Ipv6Addr;

use model::Mac;

use super::Why;
use super::dns;
use super::read::{Reader, text};

/// A DHCPv6 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6 {
    /// What it is for.
    pub kind: Dhcp6Kind,
    /// 24 bits, chosen by the client.
    pub transaction: u32,
    /// Option 1.
    pub client: Option<Duid>,
    /// Option 2.
    pub server: Option<Duid>,
    /// Addresses inside options 3 and 4, at most 16: wanted by a client, given by a server.
    pub addresses: Vec<Ipv6Addr>,
    /// Option 39 (RFC 4704).
    pub fqdn: Option<String>,
    /// Option 16: the enterprise number and its first text.
    pub vendor_class: Option<(u32, String)>,
    /// Option 6 in the order sent, at most 64.
    pub requested: Vec<u16>,
}

/// What a DHCPv6 message is for (RFC 8415, 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dhcp6Kind {
    /// 1
    Solicit,
    /// 2
    Advertise,
    /// 3
    Request,
    /// 4
    Confirm,
    /// 5
    Renew,
    /// 6
    Rebind,
    /// 7
    Reply,
    /// 8
    Release,
    /// 9
    Decline,
    /// 10
    Reconfigure,
    /// 11
    InformationRequest,
    /// Later inventions.
    Other(u8),
}

impl From<u8> for Dhcp6Kind {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::Solicit,
            2 => Self::Advertise,
            3 => Self::Request,
            4 => Self::Confirm,
            5 => Self::Renew,
            6 => Self::Rebind,
            7 => Self::Reply,
            8 => Self::Release,
            9 => Self::Decline,
            10 => Self::Reconfigure,
            11 => Self::InformationRequest,
            other => Self::Other(other),
        }
    }
}

/// A DHCP unique identifier (RFC 8415, 11), 3 to 130 octets, type first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Duid(pub Vec<u8>);

impl Duid {
    /// The Ethernet address inside a DUID-LLT (type 1) or DUID-LL (type 3). It is the address of
    /// one of the client's interfaces when the DUID was made, not surely the one in use.
    pub fn link_layer(&self) -> Option<Mac> {
        let ([0, 1, 0, 1, _, _, _, _, address @ ..] | [0, 3, 0, 1, address @ ..]) =
            self.0.as_slice()
        else {
            return None;
        };
        address.try_into().ok().map(Mac).filter(|mac| mac.is_station())
    }
}

const MOST_ADDRESSES: usize = 16;
const MOST_REQUESTED: usize = 64;
const MOST_TEXT: usize = 255;
const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

/// Decodes the payload of a UDP datagram between ports 546 and 547; `None` for a relayed one.
pub fn decode(bytes: &[u8]) -> Result<Option<Dhcp6>, Why> {
    let mut r = Reader::new(bytes);
    let [kind, a, b, c] = r.array()?;
    if matches!(kind, RELAY_FORWARD | RELAY_REPLY) {
        return Ok(None);
    }
    let mut message = Dhcp6 {
        kind: kind.into(),
        transaction: u32::from_be_bytes([0, a, b, c]),
        client: None,
        server: None,
        addresses: Vec::new(),
        fqdn: None,
        vendor_class: None,
        requested: Vec::new(),
    };
    while !r.is_empty() {
        let (code, body) = option(&mut r)?;
        match code {
            1 => message.client = Some(duid(body)?),
            2 => message.server = Some(duid(body)?),
            3 => identity_association(body, 12, &mut message.addresses)?,
            4 => identity_association(body, 4, &mut message.addresses)?,
            6 => requested(body, &mut message.requested)?,
            16 => message.vendor_class = vendor_class(body)?,
            39 => message.fqdn = body.get(1..).and_then(dns::bare_name),
            _ => {}
        }
    }
    Ok(Some(message))
}

fn option<'a>(r: &mut Reader<'a>) -> Result<(u16, &'a [u8]), Why> {
    let code = r.be16()?;
    let length = usize::from(r.be16()?);
    Ok((code, r.take(length)?))
}

fn duid(body: &[u8]) -> Result<Duid, Why> {
    if (3..=130).contains(&body.len()) { Ok(Duid(body.to_vec())) } else { Err(Why::BadLength) }
}

/// `head` octets of identifiers and times, then options, of which 5 is an address.
fn identity_association(body: &[u8], head: usize, found: &mut Vec<Ipv6Addr>) -> Result<(), Why> {
    let mut r = Reader::new(body);
    r.take(head)?;
    while !r.is_empty() {
        let (code, body) = option(&mut r)?;
        if code == 5 {
            let address = Reader::new(body).ipv6()?;
            if found.len() < MOST_ADDRESSES && !address.is_unspecified() {
                found.push(address);
            }
        }
    }
    Ok(())
}

fn requested(body: &[u8], found: &mut Vec<u16>) -> Result<(), Why> {
    let mut r = Reader::new(body);
    while !r.is_empty() {
        let code = r.be16()?;
        if found.len() < MOST_REQUESTED {
            found.push(code);
        }
    }
    Ok(())
}

fn vendor_class(body: &[u8]) -> Result<Option<(u32, String)>, Why> {
    let mut r = Reader::new(body);
    let enterprise = r.be32()?;
    if r.is_empty() {
        return Ok(None);
    }
    let length = usize::from(r.be16()?);
    Ok(text(r.take(length)?, MOST_TEXT).map(|class| (enterprise, class)))
}
