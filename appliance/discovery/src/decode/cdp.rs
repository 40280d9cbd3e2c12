//! The Cisco Discovery Protocol, versions 1 and 2, as Cisco's, Ubiquiti's and `MikroTik`'s devices
//! speak it. There is no RFC; the layout is Cisco's "Understanding CDP" and Wireshark's dissector.

use std::net::IpAddr;

use super::Why;
use super::read::{Reader, text};

/// A CDP announcement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cdp {
    /// Seconds for which it holds.
    pub ttl: u8,
    /// TLV 1: the device's name or serial number.
    pub device_id: Option<String>,
    /// TLVs 2 and 22, at most 8.
    pub addresses: Vec<IpAddr>,
    /// TLV 3: the port it was sent from.
    pub port: Option<String>,
    /// TLV 4 as bits: 0 router, 1–2 bridge, 3 switch, 4 host, 7 telephone.
    pub capabilities: u32,
    /// TLV 5.
    pub version: Option<String>,
    /// TLV 6: the model.
    pub platform: Option<String>,
}

const MOST_TEXT: usize = 255;
const MOST_ADDRESSES: usize = 8;

/// NLPID of IPv4, and the 802.2 header that stands for IPv6.
const IPV4: &[u8] = &[0xcc];
const IPV6: &[u8] = &[0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd];

/// Decodes what follows the 802.2 SNAP header with Cisco's protocol number 0x2000.
pub fn decode(bytes: &[u8]) -> Result<Cdp, Why> {
    let mut r = Reader::new(bytes);
    if !matches!(r.u8()?, 1 | 2) {
        return Err(Why::Unsupported);
    }
    let mut message = Cdp { ttl: r.u8()?, ..Cdp::default() };
    let _checksum = r.be16()?; // computed in two ways by different makers
    while !r.is_empty() {
        let kind = r.be16()?;
        let length = usize::from(r.be16()?).checked_sub(4).ok_or(Why::BadLength)?;
        let body = r.take(length)?;
        match kind {
            0x01 => message.device_id = text(body, MOST_TEXT),
            0x02 | 0x16 => addresses(body, &mut message.addresses)?,
            0x03 => message.port = text(body, MOST_TEXT),
            0x04 => message.capabilities = Reader::new(body).be32()?,
            0x05 => message.version = text(body, MOST_TEXT),
            0x06 => message.platform = text(body, MOST_TEXT),
            _ => {}
        }
    }
    Ok(message)
}

/// A count, then protocol type, protocol and address, the latter two with their lengths.
fn addresses(body: &[u8], found: &mut Vec<IpAddr>) -> Result<(), Why> {
    let mut r = Reader::new(body);
    for _ in 0..r.be32()? {
        let [_protocol_type, length] = r.array()?;
        let protocol = r.take(usize::from(length))?;
        let length = usize::from(r.be16()?);
        let mut address = Reader::new(r.take(length)?);
        let address: IpAddr = match protocol {
            IPV4 => address.ipv4()?.into(),
            IPV6 => address.ipv6()?.into(),
            _ => continue,
        };
        if found.len() < MOST_ADDRESSES && !found.contains(&address) {
            found.push(address);
        }
    }
    Ok(())
}
