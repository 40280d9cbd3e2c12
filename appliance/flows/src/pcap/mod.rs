//! Reads captures, pcap and pcapng, from a stream: frames out, one at a time, within bounds. For
//! tools that look into a file of export traffic.
//!
//! Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.

mod udp;

use std::io::{self, Read};

use model::Timestamp;

pub use udp::{Datagram, Datagrams, UdpCounts};

/// Longer frames and blocks are taken for damage.
const LONGEST: usize = 16 << 20;
/// More interfaces than a capture has.
const MAX_INTERFACES: usize = 65_536;

/// Why a capture cannot be read, or no further.
#[derive(Debug, thiserror::Error)]
pub enum PcapError {
    /// It begins like neither format.
    #[error("this is no capture: neither pcap nor pcapng")]
    Foreign,
    /// It ends within a frame, as captures do that were broken off.
    #[error("the capture is cut off after {0} frames")]
    Cut(u64),
    /// What it says cannot be.
    #[error("the capture is damaged after {0} frames: {1}")]
    Damaged(u64, &'static str),
    /// The file cannot be read.
    #[error("reading the capture failed: {0}")]
    Io(#[from] io::Error),
}

/// One captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it begins with (LINKTYPE of tcpdump.org).
    pub link: u32,
    /// When it was captured.
    pub time: Timestamp,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Octets it had.
    pub length: u32,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u32,
    /// Units of its clock in a second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

#[derive(Debug)]
enum Format {
    Pcap { swapped: bool, nanoseconds: bool, link: u32 },
    Pcapng { swapped: bool, interfaces: Vec<Interface> },
}

/// Where in its block a frame is.
struct Place {
    at: usize,
    end: usize,
    link: u32,
    time: Timestamp,
    length: u32,
}

/// A capture that is being read.
#[derive(Debug)]
pub struct Capture<R> {
    input: R,
    format: Format,
    buffer: Vec<u8>,
    frames: u64,
}

const SECTION: u32 = 0x0a0d_0d0a;

fn four(bytes: &[u8], at: usize, swapped: bool) -> Option<u32> {
    let chunk = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if swapped { u32::from_le_bytes(chunk) } else { u32::from_be_bytes(chunk) })
}

fn two(bytes: &[u8], at: usize, swapped: bool) -> Option<u16> {
    let chunk = *bytes.get(at..)?.first_chunk::<2>()?;
    Some(if swapped { u16::from_le_bytes(chunk) } else { u16::from_be_bytes(chunk) })
}

impl<R: Read> Capture<R> {
    /// Reads the beginning.
    pub fn open(mut input: R) -> Result<Self, PcapError> {
        let mut start = [0; 4];
        if !fill(&mut input, &mut start)? {
            return Err(PcapError::Foreign);
        }
        let format = match u32::from_be_bytes(start) {
            0xa1b2_c3d4 => Format::Pcap { swapped: false, nanoseconds: false, link: 0 },
            0xd4c3_b2a1 => Format::Pcap { swapped: true, nanoseconds: false, link: 0 },
            0xa1b2_3c4d => Format::Pcap { swapped: false, nanoseconds: true, link: 0 },
            0x4d3c_b2a1 => Format::Pcap { swapped: true, nanoseconds: true, link: 0 },
            SECTION => Format::Pcapng { swapped: false, interfaces: Vec::new() },
            _ => return Err(PcapError::Foreign),
        };
        let mut capture = Self { input, format, buffer: Vec::new(), frames: 0 };
        match capture.format {
            Format::Pcap { swapped, .. } => {
                capture.fill_buffer(20)?;
                // The upper bits tell of checksums at the end of frames.
                let told = four(&capture.buffer, 16, swapped).unwrap_or(0) & 0xffff;
                if let Format::Pcap { link, .. } = &mut capture.format {
                    *link = told;
                }
            }
            Format::Pcapng { .. } => capture.section()?,
        }
        Ok(capture)
    }

    /// The next frame; `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, PcapError> {
        if matches!(self.format, Format::Pcap { .. }) { self.pcap() } else { self.pcapng() }
    }

    fn damaged(&self, why: &'static str) -> PcapError {
        PcapError::Damaged(self.frames, why)
    }

    /// Reads exactly this many octets into the buffer.
    fn fill_buffer(&mut self, count: usize) -> Result<(), PcapError> {
        if count > LONGEST {
            return Err(self.damaged("a frame longer than 16 MiB"));
        }
        self.buffer.clear();
        // Not made as long as is claimed before it is there.
        let limit = count as u64;
        self.input.by_ref().take(limit).read_to_end(&mut self.buffer)?;
        if self.buffer.len() == count { Ok(()) } else { Err(PcapError::Cut(self.frames)) }
    }

    fn pcap(&mut self) -> Result<Option<Frame<'_>>, PcapError> {
        let Format::Pcap { swapped, nanoseconds, link } = self.format else { return Ok(None) };
        let mut header = [0; 16];
        match fill(&mut self.input, &mut header) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(PcapError::Cut(self.frames));
            }
            Err(error) => return Err(error.into()),
        }
        let word = |at| four(&header, at, swapped).unwrap_or(0);
        let (seconds, fraction, captured, length) = (word(0), word(4), word(8), word(12));
        self.fill_buffer(captured as usize)?;
        self.frames += 1;
        let milliseconds = fraction / if nanoseconds { 1_000_000 } else { 1000 };
        let time = Timestamp(i64::from(seconds) * 1000 + i64::from(milliseconds));
        Ok(Some(Frame { link, time, bytes: &self.buffer, length }))
    }

    /// The rest of a section's header, of which the type is read.
    fn section(&mut self) -> Result<(), PcapError> {
        let mut head = [0; 8];
        if !fill(&mut self.input, &mut head)? {
            return Err(PcapError::Cut(self.frames));
        }
        let swapped = match four(&head, 4, false) {
            Some(0x1a2b_3c4d) => false,
            Some(0x4d3c_2b1a) => true,
            _ => return Err(self.damaged("a section without its mark")),
        };
        let length = four(&head, 0, swapped).unwrap_or(0) as usize;
        let rest = length.checked_sub(12).filter(|_| length.is_multiple_of(4));
        let rest = rest.ok_or_else(|| self.damaged("a section of impossible length"))?;
        self.fill_buffer(rest)?;
        self.format = Format::Pcapng { swapped, interfaces: Vec::new() };
        Ok(())
    }

    fn pcapng(&mut self) -> Result<Option<Frame<'_>>, PcapError> {
        loop {
            let mut kind = [0; 4];
            match fill(&mut self.input, &mut kind) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(PcapError::Cut(self.frames));
                }
                Err(error) => return Err(error.into()),
            }
            if u32::from_be_bytes(kind) == SECTION {
                self.section()?;
                continue;
            }
            let Format::Pcapng { swapped, .. } = self.format else { return Ok(None) };
            let kind = four(&kind, 0, swapped).unwrap_or(0);
            let mut length = [0; 4];
            if !fill(&mut self.input, &mut length)? {
                return Err(PcapError::Cut(self.frames));
            }
            let length = four(&length, 0, swapped).unwrap_or(0) as usize;
            let rest = length.checked_sub(8).filter(|rest| *rest >= 4 && rest.is_multiple_of(4));
            let rest = rest.ok_or_else(|| self.damaged("a block of impossible length"))?;
            self.fill_buffer(rest)?;
            if let Some(Place { at, end, link, time, length }) = self.block(kind, swapped)? {
                self.frames += 1;
                let bytes = self.buffer.get(at..end).unwrap_or_default();
                return Ok(Some(Frame { link, time, bytes, length }));
            }
        }
    }

    /// Where the frame of a block is, if it holds one.
    fn block(&mut self, kind: u32, swapped: bool) -> Result<Option<Place>, PcapError> {
        let body = &self.buffer;
        let word = |at| four(body, at, swapped);
        let Format::Pcapng { interfaces, .. } = &mut self.format else { return Ok(None) };
        let told = match kind {
            1 => {
                if interfaces.len() < MAX_INTERFACES {
                    interfaces.push(interface(body, swapped));
                }
                return Ok(None);
            }
            // An obsolete packet block has its interface in two octets, and two of drops.
            2 => two(body, 0, swapped).map(u32::from),
            3 => Some(0),
            6 => word(0),
            _ => return Ok(None),
        };
        let known = told.and_then(|index| interfaces.get(index as usize)).copied();
        let Some(interface) = known else {
            return Err(self.damaged("a frame of an interface that was not described"));
        };
        // A simple block has no time, and no length but that of the frame.
        let (at, sizes) = if kind == 3 {
            (4, word(0).map(|length| (length.min((body.len() as u32).saturating_sub(8)), length)))
        } else {
            (20, word(12).zip(word(16)))
        };
        let Some((captured, length)) = sizes else {
            return Err(self.damaged("a frame without a length"));
        };
        let end = at + captured as usize;
        if end + 4 > body.len() {
            return Err(self.damaged("a frame longer than its block"));
        }
        let ticks = match kind {
            3 => 0,
            _ => u64::from(word(4).unwrap_or(0)) << 32 | u64::from(word(8).unwrap_or(0)),
        };
        let milliseconds = u128::from(ticks) * 1000 / u128::from(interface.resolution.max(1));
        let time = i64::try_from(milliseconds).unwrap_or(0);
        let time = time.saturating_add(interface.offset.saturating_mul(1000));
        let (link, time) = (interface.link, Timestamp(time));
        Ok(Some(Place { at, end, link, time, length }))
    }
}

fn interface(body: &[u8], swapped: bool) -> Interface {
    let link = two(body, 0, swapped).unwrap_or(0).into();
    let mut told = Interface { link, resolution: 1_000_000, offset: 0 };
    let mut at = 8;
    while let (Some(code), Some(length)) = (two(body, at, swapped), two(body, at + 2, swapped)) {
        let length = usize::from(length);
        let Some(value) = body.get(at + 4..at + 4 + length) else { break };
        match (code, value) {
            (0, _) => break,
            (9, [power]) if power & 0x80 == 0 => {
                told.resolution = 10_u64.checked_pow((*power).into()).unwrap_or(u64::MAX);
            }
            (9, [power]) => {
                told.resolution = 1_u64.checked_shl((power & 0x7f).into()).unwrap_or(u64::MAX);
            }
            (14, value) if length == 8 => {
                let chunk = value.first_chunk::<8>().copied().unwrap_or_default();
                told.offset =
                    if swapped { i64::from_le_bytes(chunk) } else { i64::from_be_bytes(chunk) };
            }
            _ => {}
        }
        at += 4 + length.next_multiple_of(4);
    }
    told
}

/// Fills the buffer; false if nothing is left, `UnexpectedEof` if too little is.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
