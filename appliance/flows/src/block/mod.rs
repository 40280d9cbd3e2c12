//! Blocks of flows in columns.
//!
//! In come up to [`MAX_ROWS`] flows; out go two strings of octets: the addresses, which a search
//! for a host reads alone, and everything else. Rows are sorted by their two ends and a flow is
//! followed by the one that answers it, whose addresses and ports then cost nothing. Every field
//! is kept exactly, every column carries a checksum, and what is read is checked before it is
//! believed: a damaged block is an error, never a wrong number.
//!
//! Layout of the columns: `PF`, version, a checksum over the head, then rows, units (a flow and its
//! answer are one), the first start, and length and checksum of each [`Column`], whose octets
//! follow. How numbers are kept is told in `ints`.

mod bits;
mod dictionary;
mod encode;
mod huffman;
mod ints;
mod paths;
mod read;
mod scratch;

pub use dictionary::Dictionary;
pub use encode::{Block, Encoder, encode};
pub(crate) use paths::Path;
pub use read::{Ends, Reader, Span};
pub use scratch::{Held, Scratch};

/// The most flows in one block.
pub const MAX_ROWS: usize = 65_536;

/// Why a block cannot be written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// It does not begin as a block does.
    #[error("this is no block of flows, or one of a newer release")]
    Unknown,
    /// Octets are not those that were written.
    #[error("a block of flows is damaged: the checksum of its {0} is wrong")]
    Checksum(&'static str),
    /// Data ended before what it promised.
    #[error("a block of flows is damaged: it ends too early")]
    Short,
    /// A table of codes contradicts itself.
    #[error("a block of flows is damaged: its codes contradict each other")]
    Code,
    /// A number is out of its range.
    #[error("a block of flows is damaged: a number is out of range")]
    Number,
    /// Addresses are out of order, or one is named that is not there.
    #[error("a block of flows is damaged: its addresses contradict its rows")]
    Address,
    /// More rows or addresses than any block has.
    #[error("more than {MAX_ROWS} flows do not go into one block")]
    TooMany,
}

/// What a block keeps apart, in the order in which it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Ends,
    Protocol,
    NearPort,
    FarPort,
    Start,
    Duration,
    Bytes,
    Packets,
    Flags,
    Tos,
    Path,
    Systems,
    Macs,
    Nat,
}

impl Column {
    pub(crate) const ALL: [(Self, &'static str); 14] = [
        (Self::Ends, "ends"),
        (Self::Protocol, "protocols"),
        (Self::NearPort, "ports"),
        (Self::FarPort, "ports"),
        (Self::Start, "starts"),
        (Self::Duration, "durations"),
        (Self::Bytes, "bytes"),
        (Self::Packets, "packets"),
        (Self::Flags, "flags"),
        (Self::Tos, "types of service"),
        (Self::Path, "paths"),
        (Self::Systems, "autonomous systems"),
        (Self::Macs, "hardware addresses"),
        (Self::Nat, "translations"),
    ];
}

/// The first octets of every block: two letters and the version of the layout.
const MAGIC: [u8; 3] = *b"PF\x01";

/// Writes columns with their lengths before them.
#[derive(Default)]
struct Nester {
    room: ints::Room,
    column: Vec<u8>,
}

impl Nester {
    /// Appends a column. Numbers that come often may get codes of their own if `frequent`.
    fn push(&mut self, values: &[u64], frequent: bool, out: &mut Vec<u8>) {
        self.column.clear();
        ints::encode(values, frequent, &mut self.room, &mut self.column);
        ints::write_varint(self.column.len() as u64, out);
        out.extend_from_slice(&self.column);
    }
}

/// Takes a column with its length before it.
fn nested<'a>(data: &mut &'a [u8]) -> Result<&'a [u8], BlockError> {
    let length = ints::read_varint(data)?;
    let (column, rest) = usize::try_from(length)
        .ok()
        .and_then(|length| data.split_at_checked(length))
        .ok_or(BlockError::Short)?;
    *data = rest;
    Ok(column)
}
