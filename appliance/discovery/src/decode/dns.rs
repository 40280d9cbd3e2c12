//! DNS messages (RFC 1035) as multicast DNS (RFC 6762) with service discovery (RFC 6763), as LLMNR
//! (RFC 4795), and as name servers answer them.

use std::net::IpAddr;

use super::Why;
use super::read::{Reader, text};

/// What a multicast DNS message tells. A query's known answers speak of others and are left out;
/// what a probe is about to claim is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mdns {
    /// True for a response, false for a query.
    pub response: bool,
    /// What is asked for, at most 32.
    pub questions: Vec<Question>,
    /// Service types that exist, such as `_ipp._tcp`, without duplicates, at most 64.
    pub services: Vec<String>,
    /// Services on offer, one entry a name and type, at most 64.
    pub instances: Vec<Instance>,
    /// Host names, such as `printer.local`, and their addresses, at most 64.
    pub addresses: Vec<(String, IpAddr)>,
    /// Names whose records are withdrawn (time to live zero), at most 64.
    pub gone: Vec<String>,
}

/// A service on offer, put together from its PTR, SRV and TXT records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What people see, such as `Office Printer`.
    pub name: String,
    /// Its type, such as `_ipp._tcp`.
    pub service: String,
    /// The host that offers it, such as `printer.local`.
    pub target: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// Keys in lower case and their values, such as `model`; at most 32.
    pub properties: Vec<(String, String)>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name asked for.
    pub name: String,
    /// The record type: 1 is A, 12 PTR, 28 AAAA, 33 SRV, 255 any.
    pub kind: u16,
}

/// What a link-local multicast name resolution message tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Llmnr {
    /// True for a response, false for a query.
    pub response: bool,
    /// What is asked for, and repeated in the response.
    pub questions: Vec<Question>,
    /// Names and their addresses, at most 64.
    pub addresses: Vec<(String, IpAddr)>,
}

/// The addresses of a name, as a name server gives them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answers {
    /// The name that was asked for, in lower case.
    pub name: String,
    /// Its addresses, at most 16.
    pub addresses: Vec<IpAddr>,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const PTR: u16 = 12;
const TXT: u16 = 16;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const INTERNET: u16 = 1;

/// Flags of an answer that is whole and tells of no failure: a response to a standard query, not
/// truncated, response code 0 (RFC 1035, 4.1.1).
const ANSWERED: (u16, u16) = (0xfa0f, 0x8000);
const MOST_ADDRESSES: usize = 16;
const MOST_ALIASES: usize = 16;
const MOST_QUESTIONS: usize = 32;
const MOST_ENTRIES: usize = 64;
const MOST_PROPERTIES: usize = 32;
const MOST_RECORDS: usize = 256;
const MOST_NAME: usize = 255;
const MOST_VALUE: usize = 255;

/// Decodes the payload of a UDP datagram of port 5353.
pub fn mdns(bytes: &[u8]) -> Result<Mdns, Why> {
    let mut found = Mdns::default();
    (found.response, found.questions) = walk(bytes, |record| found.take(record))?;
    Ok(found)
}

/// Decodes the payload of a UDP datagram of port 5355.
pub fn llmnr(bytes: &[u8]) -> Result<Llmnr, Why> {
    let mut addresses = Vec::new();
    let (response, questions) = walk(bytes, |record| {
        if let Some(address) = record.address()? {
            push(&mut addresses, (record.owner.text(), address));
        }
        Ok(())
    })?;
    Ok(Llmnr { response, questions, addresses })
}

/// A name in wire form without compression; it may lack its root (RFC 4702, RFC 4704).
pub(super) fn bare_name(bytes: &[u8]) -> Option<String> {
    let mut r = Reader::new(bytes);
    let mut labels = Vec::new();
    while let Ok(length @ 1..=63) = r.u8() {
        labels.push(r.take(usize::from(length)).ok()?);
    }
    Some(Name { labels }.text()).filter(|name| !name.is_empty())
}

/// Decodes what a name server at port 53 answers; `None` where that tells no address of the name
/// that was asked for. Aliases are followed as far as they stand in the order of the chain, which is
/// how servers write them; what belongs to other names is left out.
pub fn answers(bytes: &[u8]) -> Result<Option<Answers>, Why> {
    let mut r = Reader::new(bytes);
    let header = Header::read(&mut r)?;
    if header.flags & ANSWERED.0 != ANSWERED.1 || header.questions != 1 || header.answers == 0 {
        return Ok(None);
    }
    let asked = Name::read(&mut r, bytes)?;
    let kind = r.be16()?;
    let class = r.be16()?;
    if !matches!(kind, A | AAAA) || class != INTERNET {
        return Ok(None);
    }
    let (mut current, mut aliases) = (asked.clone(), 0);
    let mut addresses = Vec::new();
    for _ in 0..usize::from(header.answers).min(MOST_RECORDS) {
        let Some(record) = record(&mut r, bytes)? else { continue };
        if !record.owner.is_same(&current) {
            continue;
        }
        if record.kind == CNAME && aliases < MOST_ALIASES {
            current = record.name(0)?;
            aliases += 1;
        } else if let Some(address) = record.address()?
            && addresses.len() < MOST_ADDRESSES
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    let name = asked.text().to_ascii_lowercase();
    Ok((!name.is_empty() && !addresses.is_empty()).then_some(Answers { name, addresses }))
}

/// The fixed header of a message.
pub(super) struct Header {
    pub(super) flags: u16,
    pub(super) questions: u16,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) additionals: u16,
}

impl Header {
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, Why> {
        let _id = r.be16()?;
        Ok(Self {
            flags: r.be16()?,
            questions: r.be16()?,
            answers: r.be16()?,
            authorities: r.be16()?,
            additionals: r.be16()?,
        })
    }

    pub(super) const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) const fn opcode(&self) -> u16 {
        self.flags >> 11 & 0x0f
    }
}

/// A name as its labels.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) labels: Vec<&'a [u8]>,
}

impl<'a> Name<'a> {
    /// Reads a name, following compression pointers backwards only, so that it ends.
    pub(super) fn read(r: &mut Reader<'a>, message: &'a [u8]) -> Result<Self, Why> {
        let mut labels = Vec::new();
        let mut wire_length = 0;
        let mut aside: Option<Reader<'a>> = None; // set once a pointer was followed
        let mut earliest = message.len().saturating_sub(r.rest().len());
        loop {
            let here = aside.as_mut().unwrap_or(r);
            match here.u8()? {
                0 => return Ok(Self { labels }),
                length @ 1..=63 => {
                    wire_length += usize::from(length) + 1;
                    if wire_length > MOST_NAME {
                        return Err(Why::TooMany);
                    }
                    labels.push(here.take(usize::from(length))?);
                }
                high @ 0xc0.. => {
                    let at = usize::from(u16::from_be_bytes([high & 0x3f, here.u8()?]));
                    if at >= earliest {
                        return Err(Why::Loop);
                    }
                    earliest = at;
                    aside = Some(Reader::new(message.get(at..).ok_or(Why::Truncated)?));
                }
                _ => return Err(Why::BadValue),
            }
        }
    }

    fn text(&self) -> String {
        join(&self.labels)
    }

    /// Letters of either case are the same (RFC 4343).
    fn is_same(&self, other: &Self) -> bool {
        let same = |(one, other): (&&[u8], &&[u8])| one.eq_ignore_ascii_case(other);
        self.labels.len() == other.labels.len() && self.labels.iter().zip(&other.labels).all(same)
    }

    /// Splits `Office Printer._ipp._tcp.local` into `Office Printer` and `_ipp._tcp`.
    fn service(&self) -> Option<(String, String)> {
        let is_transport =
            |l: &[u8]| l.eq_ignore_ascii_case(b"_tcp") || l.eq_ignore_ascii_case(b"_udp");
        let transport = self.labels.iter().rposition(|label| is_transport(label))?;
        let kind = transport.checked_sub(1)?;
        if !self.labels[kind].starts_with(b"_") {
            return None;
        }
        let service = join(&self.labels[kind..=transport]).to_ascii_lowercase();
        Some((join(&self.labels[..kind]), service))
    }
}

fn join(labels: &[&[u8]]) -> String {
    let mut joined = String::new();
    for label in labels.iter().filter_map(|label| text(label, 63)) {
        if !joined.is_empty() {
            joined.push('.');
        }
        joined.push_str(&label);
    }
    joined
}

/// A resource record and the message that its names may point into.
struct Record<'a> {
    owner: Name<'a>,
    kind: u16,
    ttl: u32,
    data: &'a [u8],
    /// Where in the message the data is.
    at: usize,
    message: &'a [u8],
}

impl<'a> Record<'a> {
    fn address(&self) -> Result<Option<IpAddr>, Why> {
        let mut r = Reader::new(self.data);
        Ok(match self.kind {
            A => Some(IpAddr::V4(r.ipv4()?)),
            AAAA => Some(IpAddr::V6(r.ipv6()?)),
            _ => None,
        })
    }

    /// A name `skip` octets into the data. It may point anywhere before it.
    fn name(&self, skip: usize) -> Result<Name<'a>, Why> {
        let message = self.message.get(..self.at + self.data.len()).ok_or(Why::Truncated)?;
        let name = message.get(self.at + skip..).ok_or(Why::Truncated)?;
        Name::read(&mut Reader::new(name), message)
    }
}

impl Mdns {
    fn take(&mut self, record: &Record<'_>) -> Result<(), Why> {
        if record.ttl == 0 {
            let name = match record.kind {
                PTR => record.name(0)?,
                _ => record.owner.clone(),
            };
            push(&mut self.gone, name.text());
            return Ok(());
        }
        match record.kind {
            PTR => self.take_pointer(record)?,
            SRV => {
                let [_, _, _, _, high, low] =
                    *record.data.first_chunk::<6>().ok_or(Why::Truncated)?;
                let target = record.name(6)?.text();
                if let Some(instance) = self.instance(&record.owner) {
                    instance.port = Some(u16::from_be_bytes([high, low]));
                    instance.target = (!target.is_empty()).then_some(target);
                }
            }
            TXT => {
                let properties = properties(record.data)?;
                if let Some(instance) = self.instance(&record.owner) {
                    instance.properties = properties;
                }
            }
            _ => {
                if let Some(address) = record.address()? {
                    push(&mut self.addresses, (record.owner.text(), address));
                }
            }
        }
        Ok(())
    }

    /// `_ipp._tcp.local` points to instances, `_services._dns-sd._udp.local` to types, and
    /// `4.3.2.1.in-addr.arpa` to a host.
    fn take_pointer(&mut self, record: &Record<'_>) -> Result<(), Why> {
        let pointed = record.name(0)?;
        if let Some(address) = reverse(&record.owner) {
            push(&mut self.addresses, (pointed.text(), address));
        } else if let Some((name, service)) = pointed.service() {
            if name.is_empty() {
                if !self.services.contains(&service) {
                    push(&mut self.services, service);
                }
            } else {
                self.instance(&pointed);
            }
        }
        Ok(())
    }

    fn instance(&mut self, name: &Name<'_>) -> Option<&mut Instance> {
        let (name, service) = name.service().filter(|(name, _)| !name.is_empty())?;
        if !self.services.contains(&service) {
            push(&mut self.services, service.clone());
        }
        let known = self.instances.iter().position(|i| i.name == name && i.service == service);
        let at = known.unwrap_or(self.instances.len());
        if known.is_none() {
            push(
                &mut self.instances,
                Instance { name, service, target: None, port: None, properties: Vec::new() },
            );
        }
        self.instances.get_mut(at)
    }
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() < MOST_ENTRIES {
        list.push(item);
    }
}

/// Calls back with each record that is the sender's own; returns whether it is a response, and the
/// questions.
fn walk<'a>(
    message: &'a [u8],
    mut each: impl FnMut(&Record<'a>) -> Result<(), Why>,
) -> Result<(bool, Vec<Question>), Why> {
    let mut r = Reader::new(message);
    let header = Header::read(&mut r)?;
    if header.opcode() != 0 {
        return Err(Why::Unsupported);
    }
    let mut questions = Vec::new();
    for _ in 0..header.questions {
        let name = Name::read(&mut r, message)?;
        let kind = r.be16()?;
        let _class = r.be16()?;
        if questions.len() < MOST_QUESTIONS {
            questions.push(Question { name: name.text(), kind });
        }
    }
    let answers = usize::from(header.answers);
    let others = usize::from(header.authorities) + usize::from(header.additionals);
    for at in 0..(answers + others).min(MOST_RECORDS) {
        let record = record(&mut r, message)?;
        let is_known_answer = !header.is_response() && at < answers;
        if let Some(record) = record.filter(|_| !is_known_answer) {
            each(&record)?;
        }
    }
    Ok((header.is_response(), questions))
}

/// Reads a record; `None` when its class is not Internet (an OPT record's is a size).
fn record<'a>(r: &mut Reader<'a>, message: &'a [u8]) -> Result<Option<Record<'a>>, Why> {
    let owner = Name::read(r, message)?;
    let kind = r.be16()?;
    let class = r.be16()? & 0x7fff; // the top bit is "cache flush" (RFC 6762, 10.2)
    let ttl = r.be32()?;
    let length = usize::from(r.be16()?);
    let at = message.len().saturating_sub(r.rest().len());
    let data = r.take(length)?;
    Ok((class == INTERNET).then_some(Record { owner, kind, ttl, data, at, message }))
}

/// Strings of `key=value` (RFC 6763, 6); those without a value tell nothing here.
fn properties(data: &[u8]) -> Result<Vec<(String, String)>, Why> {
    let mut r = Reader::new(data);
    let mut properties = Vec::new();
    while !r.is_empty() && properties.len() < MOST_PROPERTIES {
        let length = usize::from(r.u8()?);
        let pair = r.take(length)?;
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let key = text(&pair[..equals], 63);
        if let (Some(key), Some(value)) = (key, text(&pair[equals + 1..], MOST_VALUE)) {
            properties.push((key.to_ascii_lowercase(), value));
        }
    }
    Ok(properties)
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for.
fn reverse(name: &Name<'_>) -> Option<IpAddr> {
    let (digits, zone) = name.labels.split_at_checked(name.labels.len().checked_sub(2)?)?;
    if !zone[1].eq_ignore_ascii_case(b"arpa") {
        return None;
    }
    let number =
        |label: &[u8], radix| u8::from_str_radix(std::str::from_utf8(label).ok()?, radix).ok();
    if zone[0].eq_ignore_ascii_case(b"in-addr") {
        let [d, c, b, a] = *digits.first_chunk::<4>()?;
        let octets = [number(a, 10)?, number(b, 10)?, number(c, 10)?, number(d, 10)?];
        return (digits.len() == 4).then(|| octets.into());
    }
    if !zone[0].eq_ignore_ascii_case(b"ip6") || digits.len() != 32 {
        return None;
    }
    let mut octets = [0; 16];
    for (octet, pair) in octets.iter_mut().rev().zip(digits.chunks_exact(2)) {
        let (low, high) = (number(pair[0], 16)?, number(pair[1], 16)?);
        if low > 15 || high > 15 {
            return None;
        }
        *octet = high << 4 | low;
    }
    Some(octets.into())
}
