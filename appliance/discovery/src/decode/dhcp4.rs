//! DHCP for IPv4 (RFC 2131, RFC 2132) with overloaded and long options (RFC 3396).

use std::borrow::Cow;
use std::net::Ipv4Addr;

use model::Mac;

use super::Why;
use super::dns;
use super::read::{Reader, text};

/// A DHCP or BOOTP message between a client and a server on an Ethernet link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp4 {
    /// True when the client speaks, false when the server does.
    pub from_client: bool,
    /// Option 53; `None` for BOOTP.
    pub kind: Option<Dhcp4Kind>,
    /// Chosen by the client, repeated by the server.
    pub transaction: u32,
    /// The client's hardware address (chaddr).
    pub client: Mac,
    /// The address that the client already uses (ciaddr).
    pub current: Option<Ipv4Addr>,
    /// The address that the server gives (yiaddr).
    pub given: Option<Ipv4Addr>,
    /// The relay through which it came (giaddr).
    pub relay: Option<Ipv4Addr>,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 51, in seconds.
    pub lease_seconds: Option<u32>,
    /// Option 12.
    pub host_name: Option<String>,
    /// Option 81 (RFC 4702).
    pub fqdn: Option<String>,
    /// Option 60.
    pub vendor_class: Option<String>,
    /// Option 61 as sent, type octet first; at most 255 octets.
    pub client_id: Option<Vec<u8>>,
    /// Option 55 in the order sent, which is a fingerprint of the client's system; at most 255.
    pub parameters: Vec<u8>,
}

/// What a DHCP message is for (RFC 2132, 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dhcp4Kind {
    /// 1
    Discover,
    /// 2
    Offer,
    /// 3
    Request,
    /// 4
    Decline,
    /// 5
    Ack,
    /// 6
    Nak,
    /// 7
    Release,
    /// 8
    Inform,
    /// Lease query and later inventions.
    Other(u8),
}

impl From<u8> for Dhcp4Kind {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            other => Self::Other(other),
        }
    }
}

const MAGIC: [u8; 4] = [99, 130, 83, 99];
const MOST_TEXT: usize = 255;

/// The options that are looked at, each at its own index of [`Options`].
const CODES: [u8; 9] = [12, 50, 51, 53, 54, 55, 60, 61, 81];
const OVERLOAD: u8 = 52;

/// Decodes the payload of a UDP datagram between ports 67 and 68.
pub fn decode(bytes: &[u8]) -> Result<Dhcp4, Why> {
    let mut r = Reader::new(bytes);
    let [op, hardware, hardware_length, _hops] = r.array()?;
    let from_client = match op {
        1 => true,
        2 => false,
        _ => return Err(Why::BadValue),
    };
    if (hardware, hardware_length) != (1, 6) {
        return Err(Why::Unsupported);
    }
    let transaction = r.be32()?;
    let _seconds_and_flags = r.be32()?;
    let current = address(r.ipv4()?);
    let given = address(r.ipv4()?);
    let _next_server = r.ipv4()?;
    let relay = address(r.ipv4()?);
    let client = r.mac()?;
    let _padding = r.array::<10>()?;
    let server_name = r.take(64)?;
    let file = r.take(128)?;
    if !client.is_station() {
        return Err(Why::BadValue);
    }
    let options = match r.array::<4>() {
        Ok(MAGIC) => Options::gather(r.rest(), file, server_name)?,
        _ => Options::default(), // BOOTP as in RFC 951
    };
    let kind = options.get(53).map(|body| body.first().copied().ok_or(Why::BadLength));
    Ok(Dhcp4 {
        from_client,
        kind: kind.transpose()?.map(Dhcp4Kind::from),
        transaction,
        client,
        current,
        given,
        relay,
        server: options.fixed(54)?.map(Ipv4Addr::from).and_then(address),
        requested: options.fixed(50)?.map(Ipv4Addr::from).and_then(address),
        lease_seconds: options.fixed(51)?.map(u32::from_be_bytes),
        host_name: options.get(12).and_then(|body| text(body, MOST_TEXT)),
        fqdn: options.get(81).and_then(fqdn),
        vendor_class: options.get(60).and_then(|body| text(body, MOST_TEXT)),
        client_id: options.get(61).filter(|id| id.len() >= 2).map(bounded),
        parameters: options.get(55).map(bounded).unwrap_or_default(),
    })
}

fn address(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}

fn bounded(body: &[u8]) -> Vec<u8> {
    body[..body.len().min(255)].to_vec()
}

/// Flags, two obsolete octets, then the name: in DNS wire form when flag E is set.
fn fqdn(body: &[u8]) -> Option<String> {
    let (&[flags, _, _], name) = body.split_first_chunk()?;
    if flags & 0x04 == 0 {
        text(name, MOST_TEXT).map(|name| name.trim_end_matches('.').to_owned())
    } else {
        dns::bare_name(name)
    }
    .filter(|name| !name.is_empty())
}

#[derive(Default)]
struct Options<'a>([Option<Cow<'a, [u8]>>; CODES.len()]);

impl<'a> Options<'a> {
    /// Reads the option field and, when option 52 says so, `file` and `sname` in this order.
    fn gather(field: &'a [u8], file: &'a [u8], server_name: &'a [u8]) -> Result<Self, Why> {
        let mut options = Self::default();
        let overload = options.walk(field)?;
        if overload & 1 != 0 {
            options.walk(file)?;
        }
        if overload & 2 != 0 {
            options.walk(server_name)?;
        }
        Ok(options)
    }

    /// Returns the value of option 52. A code that comes again continues its value (RFC 3396).
    fn walk(&mut self, area: &'a [u8]) -> Result<u8, Why> {
        let mut r = Reader::new(area);
        let mut overload = 0;
        while !r.is_empty() {
            let code = match r.u8()? {
                0 => continue,
                255 => break,
                code => code,
            };
            let length = usize::from(r.u8()?);
            let body = r.take(length)?;
            if code == OVERLOAD {
                overload = body.first().copied().ok_or(Why::BadLength)?;
            }
            if let Some(at) = CODES.iter().position(|known| *known == code) {
                match &mut self.0[at] {
                    Some(value) => value.to_mut().extend_from_slice(body),
                    empty => *empty = Some(Cow::Borrowed(body)),
                }
            }
        }
        Ok(overload)
    }

    fn get(&self, code: u8) -> Option<&[u8]> {
        let at = CODES.iter().position(|known| *known == code)?;
        self.0[at].as_deref()
    }

    fn fixed<const N: usize>(&self, code: u8) -> Result<Option<[u8; N]>, Why> {
        self.get(code).map(|body| body.try_into().map_err(|_| Why::BadLength)).transpose()
    }
}
