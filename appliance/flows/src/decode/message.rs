//! Messages of `NetFlow` v9 (RFC 3954) and IPFIX (RFC 7011): their headers, and the sets in them.

use model::Timestamp;

use super::Version;
use super::domain::{Domain, Pass};
use super::stats::Malformed;
use super::wire::Reader;

/// A header of v9 or IPFIX.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) version: Version,
    /// In seconds since the Unix epoch.
    pub(crate) seconds: u32,
    /// In ms; v9 only.
    pub(crate) uptime: Option<u32>,
    pub(crate) sequence: u32,
    pub(crate) domain: u32,
    /// Octets of the message, if it says so.
    length: Option<usize>,
}

pub(crate) const NETFLOW9_HEADER: usize = 20;
pub(crate) const IPFIX_HEADER: usize = 16;

/// Reads a header, the version of which is known.
pub(crate) fn header(bytes: &[u8], version: Version) -> Option<Header> {
    let mut reader = Reader::new(bytes);
    reader.be16()?;
    // Of v9 a count of records, which is not to be relied on.
    let second = reader.be16()?;
    let (uptime, length) = match version {
        Version::Ipfix => (None, Some(usize::from(second))),
        _ => (Some(reader.be32()?), None),
    };
    let seconds = reader.be32()?;
    let sequence = reader.be32()?;
    let domain = reader.be32()?;
    Some(Header { version, seconds, uptime, sequence, domain, length })
}

/// The sets of a message, and whether it is cut off.
pub(crate) fn sets<'a>(header: &Header, bytes: &'a [u8]) -> (Reader<'a>, bool) {
    let start = if header.version == Version::Ipfix { IPFIX_HEADER } else { NETFLOW9_HEADER };
    let end = header.length.unwrap_or(bytes.len());
    let cut = end > bytes.len() || end < start;
    let end = end.min(bytes.len());
    (Reader::new(bytes.get(start..end).unwrap_or_default()), cut)
}

/// The next set: its number and what is in it. `None` at the end, also where zeros fill the rest.
pub(crate) fn next_set<'a>(reader: &mut Reader<'a>) -> Option<Result<(u16, &'a [u8]), Malformed>> {
    if reader.len() < 4 {
        return None;
    }
    let id = reader.be16()?;
    let length = reader.be16()?;
    if id == 0 && length == 0 {
        return None;
    }
    let body = usize::from(length).checked_sub(4).and_then(|body| reader.take(body));
    Some(body.map(|body| (id, body)).ok_or(Malformed::Set))
}

/// Reads all sets of a message.
pub(crate) fn decode(header: &Header, bytes: &[u8], domain: &mut Domain, pass: &mut Pass<'_>) {
    let (sent, restarted) = match header.uptime {
        Some(uptime) => domain.clock(header.seconds, uptime),
        None => (Timestamp::from_secs(header.seconds.into()), false),
    };
    // A message of 1970 comes from a router that does not know the time.
    pass.moment.sent = if header.seconds == 0 { pass.received } else { sent };
    pass.moment.uptime = header.uptime;
    let (mut reader, cut) = sets(header, bytes);
    if cut {
        pass.stats.count(Malformed::Length);
    }
    let mut options = 0_u64;
    let mut records = if cut { None } else { Some(0_u32) };
    while let Some(next) = next_set(&mut reader) {
        let (id, body) = match next {
            Ok(whole) => whole,
            Err(malformed) => {
                pass.stats.count(malformed);
                records = None;
                break;
            }
        };
        match (header.version, id) {
            (Version::Ipfix, 2) | (Version::Netflow9, 0) => domain.learn(body, false, pass),
            (Version::Ipfix, 3) | (Version::Netflow9, 1) => domain.learn(body, true, pass),
            // Nobody uses the numbers between; what they hold is left alone.
            (_, 0..=255) => pass.stats.count(Malformed::Set),
            (_, id) => {
                let before = pass.stats.options;
                let held = domain.data(id, body, pass);
                options += pass.stats.options - before;
                records = records.zip(held).map(|(sum, held)| sum.saturating_add(held));
            }
        }
    }
    let told = domain.sequence.take(header.sequence, records, options as u32, restarted);
    pass.sequence(told);
}

/// Whether it looks like a message of v9 or IPFIX, to find it on any port.
pub(crate) fn looks_like(bytes: &[u8], version: Version) -> bool {
    let Some(header) = header(bytes, version) else { return false };
    let (mut reader, cut) = sets(&header, bytes);
    let templates = if version == Version::Ipfix { 2..=3 } else { 0..=1 };
    !cut && header.length.is_none_or(|length| length == bytes.len())
        && matches!(next_set(&mut reader), Some(Ok((id, _))) if id >= 256 || templates.contains(&id))
}
