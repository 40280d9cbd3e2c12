//! SSDP, the discovery half of `UPnP` (`UPnP` Device Architecture 2.0, 1.2–1.3): HTTP headers in UDP.

use super::Why;
use super::read::text;

/// An SSDP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssdp {
    /// What it is for.
    pub kind: SsdpKind,
    /// NT of an announcement, ST of a search or reply: what is offered or looked for.
    pub target: Option<String>,
    /// USN, which begins with `uuid:` and the device's identifier.
    pub usn: Option<String>,
    /// SERVER, or USER-AGENT of a search: system, `UPnP` version and product.
    pub server: Option<String>,
    /// LOCATION of the description. An address out of a stranger's mouth: never fetch it unasked.
    pub location: Option<String>,
}

/// What an SSDP message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SsdpKind {
    /// NOTIFY with `ssdp:alive` or `ssdp:update`.
    Alive,
    /// NOTIFY with `ssdp:byebye`.
    Goodbye,
    /// M-SEARCH.
    Search,
    /// The answer to a search.
    Reply,
}

const MOST_HEADERS: usize = 64;
const MOST_VALUE: usize = 255;

/// Decodes the payload of a UDP datagram of port 1900.
pub fn decode(bytes: &[u8]) -> Result<Ssdp, Why> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let start = lines.next().ok_or(Why::Truncated)?;
    let kind = if start.starts_with(b"NOTIFY * HTTP/1.") {
        SsdpKind::Alive
    } else if start.starts_with(b"M-SEARCH * HTTP/1.") {
        SsdpKind::Search
    } else if start.starts_with(b"HTTP/1.") && start.get(8..12) == Some(b" 200") {
        SsdpKind::Reply
    } else {
        return Err(Why::BadValue);
    };
    let mut message = Ssdp { kind, target: None, usn: None, server: None, location: None };
    for line in lines.take_while(|line| !line.is_empty()).take(MOST_HEADERS) {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Why::BadValue)?;
        let (name, value) = (line[..colon].trim_ascii(), &line[colon + 1..]);
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let keep = || text(value, MOST_VALUE);
        if is(b"NT") && kind == SsdpKind::Alive || is(b"ST") {
            message.target = keep();
        } else if is(b"USN") {
            message.usn = keep();
        } else if is(b"SERVER") || is(b"USER-AGENT") {
            message.server = keep();
        } else if is(b"LOCATION") {
            message.location = keep();
        } else if is(b"NTS") && value.trim_ascii().eq_ignore_ascii_case(b"ssdp:byebye") {
            message.kind = SsdpKind::Goodbye;
        }
    }
    Ok(message)
}
