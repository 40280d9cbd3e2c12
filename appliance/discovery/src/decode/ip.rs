//! IPv4 (RFC 791), IPv6 (RFC 8200) and UDP (RFC 768) headers, as far as finding the payload goes.

use std::net::IpAddr;

use super::Why;
use super::read::Reader;

/// An IP packet whose payload can be looked at.
pub(super) struct Packet<'a> {
    pub(super) source: IpAddr,
    pub(super) hop_limit: u8,
    /// Protocol of the payload; `None` for a fragment, which nobody puts together here.
    pub(super) protocol: Option<u8>,
    pub(super) payload: &'a [u8],
}

pub(super) const ICMPV4: u8 = 1;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;

/// The longest chain of extension headers that is followed; real ones have one or two.
const MOST_EXTENSIONS: usize = 8;

pub(super) fn ipv4(bytes: &[u8]) -> Result<Packet<'_>, Why> {
    let mut r = Reader::new(bytes);
    let first = r.u8()?;
    if first >> 4 != 4 {
        return Err(Why::BadValue);
    }
    let header = usize::from(first & 0x0f) * 4;
    let _service = r.u8()?;
    let total = usize::from(r.be16()?);
    let _identification = r.be16()?;
    let fragment = r.be16()?;
    let hop_limit = r.u8()?;
    let protocol = r.u8()?;
    let _checksum = r.be16()?;
    let source = r.ipv4()?;
    if header < 20 || total < header {
        return Err(Why::BadLength);
    }
    let payload =
        bytes.get(..total).and_then(|packet| packet.get(header..)).ok_or(Why::Truncated)?;
    let is_fragment = fragment & 0x3fff != 0;
    Ok(Packet {
        source: source.into(),
        hop_limit,
        protocol: (!is_fragment).then_some(protocol),
        payload,
    })
}

pub(super) fn ipv6(bytes: &[u8]) -> Result<Packet<'_>, Why> {
    let mut r = Reader::new(bytes);
    if r.be32()? >> 28 != 6 {
        return Err(Why::BadValue);
    }
    let length = usize::from(r.be16()?);
    let mut next = r.u8()?;
    let hop_limit = r.u8()?;
    let source = r.ipv6()?;
    let _destination = r.ipv6()?;
    let mut r = Reader::new(r.take(length)?);
    let mut protocol = None;
    for _ in 0..=MOST_EXTENSIONS {
        let (following, length) = match next {
            // Hop-by-hop, routing and destination options; the length is in 8 octets less one.
            0 | 43 | 60 => {
                let [following, units] = r.array()?;
                (following, usize::from(units) * 8 + 6)
            }
            // Authentication header; in 4 octets less two.
            51 => {
                let [following, units] = r.array()?;
                (following, (usize::from(units) + 2) * 4 - 2)
            }
            // No NDP in fragments (RFC 6980); the rest does not fragment in a home.
            44 => break,
            _ => {
                protocol = Some(next);
                break;
            }
        };
        r.take(length)?;
        next = following;
    }
    if protocol.is_none() && next != 44 {
        return Err(Why::TooMany);
    }
    Ok(Packet { source: source.into(), hop_limit, protocol, payload: r.rest() })
}

/// A UDP datagram: source port, destination port, payload.
pub(super) fn udp(bytes: &[u8]) -> Result<(u16, u16, &[u8]), Why> {
    let mut r = Reader::new(bytes);
    let source = r.be16()?;
    let destination = r.be16()?;
    let length = usize::from(r.be16()?);
    let _checksum = r.be16()?; // not verified: left to hardware, it is unfinished on virtual links
    let payload = length.checked_sub(8).ok_or(Why::BadLength)?;
    r.take(payload).map(|payload| (source, destination, payload)).map_err(|_| Why::BadLength)
}
