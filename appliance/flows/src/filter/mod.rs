//! Which flows somebody wants to see, in a small language: `src 10.0.0.5 and dport 443 and bytes >
//! 1M`. In comes text, out goes a [`Filter`], or an error that points at the column and says what
//! would be accepted there. The language is described in `docs/flow-filters.md`.

mod parse;
mod words;

use crate::world::Prefix;

pub use parse::{FilterError, Hosts, Interfaces, parse, parse_named};
pub use words::{Word, reference, words};

/// A condition that flows meet or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of them must hold; where there is none, every flow does.
    All(Vec<Filter>),
    /// One of them must hold.
    Any(Vec<Filter>),
    /// It must not hold.
    Not(Box<Filter>),
    /// A question about one field.
    Test(Test),
}

impl Default for Filter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

/// Which end of a flow is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The sender.
    Source,
    /// The receiver.
    Destination,
    /// Either of them.
    Either,
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

impl Compare {
    /// Whether it holds between two numbers.
    #[inline]
    pub fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::AtLeast => left >= right,
            Self::More => left > right,
        }
    }
}

/// A question about one field of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// An end lies in a network.
    Network(Side, Prefix),
    /// A port lies between two, both included.
    Port(Side, u16, u16),
    /// The country of an end, by the database of places.
    Country(Side, [u8; 2]),
    /// The autonomous system of an end, as the exporter told or else by the database of places.
    System(Side, u32),
    /// The IP protocol.
    Protocol(u8),
    /// True for IPv6, false for IPv4.
    Version6(bool),
    /// An end lies in a network after translation, where that was told.
    Translated(Side, Prefix),
    /// A port after translation lies between two, both included.
    TranslatedPort(Side, u16, u16),
    /// By which interface it came in (source), went out (destination), or either.
    Interface(Side, u32),
    /// All these TCP flags were seen.
    Flags(u8),
    /// The octet of DSCP and ECN.
    Tos(u8),
    /// The VLAN.
    Vlan(u16),
    /// Octets.
    Bytes(Compare, u64),
    /// Packets.
    Packets(Compare, u64),
    /// From the first packet to the last, in milliseconds.
    Duration(Compare, u64),
}
