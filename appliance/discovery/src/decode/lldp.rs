//! LLDP (IEEE 802.1AB-2016, clause 8): what a switch, access point or phone says of itself.

use std::net::IpAddr;

use model::Mac;

use super::Why;
use super::read::{Reader, text};

/// An LLDP data unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lldp {
    /// TLV 1.
    pub chassis: LldpId,
    /// TLV 2.
    pub port: LldpId,
    /// TLV 3, seconds for which it holds; 0 is a goodbye.
    pub ttl: u16,
    /// TLV 4.
    pub port_description: Option<String>,
    /// TLV 5.
    pub system_name: Option<String>,
    /// TLV 6.
    pub system_description: Option<String>,
    /// TLV 7, what it does; see [`Capabilities`].
    pub capabilities: Option<Capabilities>,
    /// TLV 8, at most 8.
    pub management: Vec<IpAddr>,
}

/// Names a chassis or one of its ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LldpId {
    /// A MAC address.
    Mac(Mac),
    /// A network address.
    Address(IpAddr),
    /// Anything else: a name, an alias, a number.
    Text(String),
}

/// What a system can do and does, as bits (IEEE 802.1AB-2016, table 8-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What it could do.
    pub supported: u16,
    /// What it does.
    pub enabled: u16,
}

impl Capabilities {
    /// It switches.
    pub const fn is_bridge(self) -> bool {
        self.enabled & 1 << 2 != 0
    }

    /// It is an access point.
    pub const fn is_access_point(self) -> bool {
        self.enabled & 1 << 3 != 0
    }

    /// It routes.
    pub const fn is_router(self) -> bool {
        self.enabled & 1 << 4 != 0
    }

    /// It is a telephone.
    pub const fn is_telephone(self) -> bool {
        self.enabled & 1 << 5 != 0
    }
}

const MOST_TEXT: usize = 255;
const MOST_ADDRESSES: usize = 8;
const IPV4_FAMILY: u8 = 1; // IANA address family numbers
const IPV6_FAMILY: u8 = 2;

/// Decodes what follows `EtherType` 0x88cc.
pub fn decode(bytes: &[u8]) -> Result<Lldp, Why> {
    let mut r = Reader::new(bytes);
    let (mut chassis, mut port, mut ttl) = (None, None, None);
    let (mut port_description, mut system_name, mut system_description) = (None, None, None);
    let mut capabilities = None;
    let mut management = Vec::new();
    while !r.is_empty() {
        let head = r.be16()?;
        let body = r.take(usize::from(head & 0x1ff))?;
        match head >> 9 {
            0 => break,
            1 => chassis = Some(id(body, 4, 5)?),
            2 => port = Some(id(body, 3, 4)?),
            3 => ttl = Some(Reader::new(body).be16()?),
            4 => port_description = text(body, MOST_TEXT),
            5 => system_name = text(body, MOST_TEXT),
            6 => system_description = text(body, MOST_TEXT),
            7 => {
                let mut body = Reader::new(body);
                let (supported, enabled) = (body.be16()?, body.be16()?);
                capabilities = Some(Capabilities { supported, enabled });
            }
            8 => {
                let mut body = Reader::new(body);
                let length = usize::from(body.u8()?);
                let found = address(body.take(length)?)?;
                management.extend(found.filter(|_| management.len() < MOST_ADDRESSES));
            }
            _ => {}
        }
    }
    match (chassis, port, ttl) {
        (Some(chassis), Some(port), Some(ttl)) => Ok(Lldp {
            chassis,
            port,
            ttl,
            port_description,
            system_name,
            system_description,
            capabilities,
            management,
        }),
        _ => Err(Why::Truncated),
    }
}

/// Chassis and port identifiers number their subtypes differently.
fn id(body: &[u8], mac_subtype: u8, address_subtype: u8) -> Result<LldpId, Why> {
    let (subtype, body) = body.split_first().ok_or(Why::BadLength)?;
    if *subtype == mac_subtype {
        return body.try_into().map(|octets| LldpId::Mac(Mac(octets))).map_err(|_| Why::BadLength);
    }
    if *subtype == address_subtype
        && let Some(address) = address(body)?
    {
        return Ok(LldpId::Address(address));
    }
    text(body, MOST_TEXT).map(LldpId::Text).ok_or(Why::BadValue)
}

/// A family octet, then the address; `None` for families other than IP.
fn address(body: &[u8]) -> Result<Option<IpAddr>, Why> {
    let mut r = Reader::new(body);
    Ok(match r.u8()? {
        IPV4_FAMILY => Some(r.ipv4()?.into()),
        IPV6_FAMILY => Some(r.ipv6()?.into()),
        _ => None,
    })
}
