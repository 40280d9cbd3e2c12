//! Rows get the number of their group: small within a block, whatever is asked for. Rows lie in the
//! order of their ends, protocol and ports, so that groups by those are runs and need no look-up.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use super::rows::Rows;
use crate::block::BlockError;
use crate::world::{Geo, Ours};

/// By what flows are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The sender.
    Source,
    /// The receiver.
    Destination,
    /// Sender and receiver, each for itself.
    Host,
    /// The end that is not ours, the receiver where neither is.
    Remote,
    /// The end that is ours.
    Local,
    /// Protocol and the lower of the two ports: the application by its port.
    Service,
    /// The sender's port.
    SourcePort,
    /// The receiver's port.
    DestinationPort,
    /// The IP protocol.
    Protocol,
    /// The interface by which it came in.
    Input,
    /// The interface by which it went out.
    Output,
    /// The country of the remote end.
    Country,
    /// The autonomous system of the remote end.
    System,
    /// Sender and receiver together.
    Pair,
    /// The two ends together, whoever sent.
    Conversation,
    /// Addresses, ports and protocol.
    Tuple,
}

/// What a group has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An address.
    Address(IpAddr),
    /// A port.
    Port(u16),
    /// A protocol.
    Protocol(u8),
    /// A protocol and a port.
    Service(u8, u16),
    /// An interface by its index.
    Interface(u32),
    /// A country; None where it is not known.
    Country(Option<[u8; 2]>),
    /// An autonomous system; 0 where it is not known.
    System(u32),
    /// Two addresses.
    Pair(IpAddr, IpAddr),
    /// Source, destination, their ports, and protocol.
    Tuple(IpAddr, IpAddr, u16, u16, u8),
}

/// A word or two a key, where the derived one takes a call for each octet.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let address = |state: &mut H, address: IpAddr| match address {
            IpAddr::V4(v4) => state.write_u64(v4.to_bits().into()),
            IpAddr::V6(v6) => state.write_u128(v6.to_bits()),
        };
        match *self {
            Self::Address(one) => address(state, one),
            Self::Port(port) => state.write_u64(port.into()),
            Self::Protocol(protocol) => state.write_u64(protocol.into()),
            Self::Service(protocol, port) => {
                state.write_u64(u64::from(protocol) << 16 | u64::from(port));
            }
            Self::Interface(number) | Self::System(number) => state.write_u64(number.into()),
            Self::Country(code) => {
                state.write_u64(code.map_or(0, |code| u16::from_be_bytes(code).into()));
            }
            Self::Pair(one, other) => {
                address(state, one);
                address(state, other);
            }
            Self::Tuple(one, other, from, to, protocol) => {
                address(state, one);
                address(state, other);
                let ports = u64::from(from) << 16 | u64::from(to);
                state.write_u64(ports << 8 | u64::from(protocol));
            }
        }
    }
}

/// The group of each row by a small number, or [`NONE`].
pub(super) struct Groups<'r> {
    pub(super) of: Cow<'r, [u32]>,
    /// A second one, where a row counts twice.
    pub(super) also: Option<Vec<u32>>,
    /// What each group is; None where it is the address of that identifier.
    pub(super) keys: Option<Vec<Key>>,
}

/// The row belongs to no group.
pub(super) const NONE: u32 = u32::MAX;

pub(super) fn groups<'r>(
    dimension: Dimension,
    rows: &'r Rows<'_>,
    ours: &Ours,
    geo: &dyn Geo,
) -> Result<Groups<'r>, BlockError> {
    let ends = &rows.ends;
    let addresses = |of: Cow<'r, [u32]>| Groups { of, also: None, keys: None };
    Ok(match dimension {
        Dimension::Source => addresses(Cow::Borrowed(&ends.source)),
        Dimension::Destination => addresses(Cow::Borrowed(&ends.destination)),
        Dimension::Host => {
            let also = ends.source.iter().zip(ends.destination.iter());
            let also = also.map(|(from, to)| if from == to { NONE } else { *to }).collect();
            Groups { also: Some(also), ..addresses(Cow::Borrowed(&ends.source)) }
        }
        Dimension::Remote => addresses(remotes(rows, ours).into()),
        Dimension::Local => {
            let ours = ours_of(rows, ours);
            let end = |(from, to): (&u32, &u32)| match (ours[*from as usize], ours[*to as usize]) {
                (true, _) => *from,
                (false, true) => *to,
                (false, false) => NONE,
            };
            let also = ends.source.iter().zip(ends.destination.iter());
            let also = also
                .map(|(from, to)| match (ours[*from as usize], ours[*to as usize]) {
                    (true, true) if from != to => *to,
                    _ => NONE,
                })
                .collect();
            let of = ends.source.iter().zip(ends.destination.iter()).map(end).collect::<Vec<_>>();
            Groups { also: Some(also), ..addresses(of.into()) }
        }
        Dimension::Service => {
            let [from, to] = rows.ports()?;
            let protocols = rows.protocols()?;
            runs(rows, |row| Key::Service(protocols[row], from[row].min(to[row])))
        }
        Dimension::SourcePort => {
            let [ports, _] = rows.ports()?;
            runs(rows, |row| Key::Port(ports[row]))
        }
        Dimension::DestinationPort => {
            let [_, ports] = rows.ports()?;
            runs(rows, |row| Key::Port(ports[row]))
        }
        Dimension::Protocol => {
            let protocols = rows.protocols()?;
            runs(rows, |row| Key::Protocol(protocols[row]))
        }
        Dimension::Input => {
            let (ways, way) = rows.paths()?;
            runs(rows, |row| Key::Interface(ways[way[row] as usize].input))
        }
        Dimension::Output => {
            let (ways, way) = rows.paths()?;
            runs(rows, |row| Key::Interface(ways[way[row] as usize].output))
        }
        Dimension::Country => {
            let places = rows.places(geo);
            let remotes = remotes(rows, ours);
            let known = |row: usize| remotes.get(row).filter(|id| **id != NONE);
            some_runs(rows, |row| known(row).map(|id| Key::Country(places[*id as usize].country)))
        }
        Dimension::System => {
            let [from, to] = rows.systems(geo)?;
            let remotes = remotes(rows, ours);
            some_runs(rows, |row| match remotes[row] {
                NONE => None,
                id if id == ends.destination[row] => Some(Key::System(to[row])),
                _ => Some(Key::System(from[row])),
            })
        }
        Dimension::Pair | Dimension::Conversation => {
            let all: Vec<IpAddr> = rows.dictionary.iter().collect();
            let pair = |row: usize| {
                let from = all[ends.source[row] as usize];
                let to = all[ends.destination[row] as usize];
                let turn = dimension == Dimension::Conversation && to < from;
                if turn { Key::Pair(to, from) } else { Key::Pair(from, to) }
            };
            runs(rows, pair)
        }
        Dimension::Tuple => {
            let all: Vec<IpAddr> = rows.dictionary.iter().collect();
            let [from, to] = rows.ports()?;
            let protocols = rows.protocols()?;
            runs(rows, |row| {
                let source = all[ends.source[row] as usize];
                let destination = all[ends.destination[row] as usize];
                Key::Tuple(source, destination, from[row], to[row], protocols[row])
            })
        }
    })
}

/// Which addresses of the dictionary are ours.
fn ours_of(rows: &Rows<'_>, ours: &Ours) -> Vec<bool> {
    let mut are_ours = vec![false; rows.dictionary.len()];
    for network in ours.networks() {
        are_ours[rows.dictionary.between(network.first(), network.last())].fill(true);
    }
    are_ours
}

/// The remote end of each row.
fn remotes(rows: &Rows<'_>, ours: &Ours) -> Vec<u32> {
    let ours = ours_of(rows, ours);
    let mut remotes = vec![NONE; rows.len()];
    for row in rows.span() {
        let (from, to) = (rows.ends.source[row], rows.ends.destination[row]);
        match (ours[from as usize], ours[to as usize]) {
            (_, false) => remotes[row] = to,
            (false, true) => remotes[row] = from,
            (true, true) => {}
        }
    }
    remotes
}

fn runs(rows: &Rows<'_>, key: impl Fn(usize) -> Key) -> Groups<'static> {
    some_runs(rows, |row| Some(key(row)))
}

/// How many of the last groups are looked at before a new one is begun: a flow and its answer
/// alternate, and a few services do.
const RECENT: usize = 4;

/// Numbers groups as they come. The same key may get several numbers; they are merged later.
fn some_runs(rows: &Rows<'_>, key: impl Fn(usize) -> Option<Key>) -> Groups<'static> {
    let mut keys: Vec<Key> = Vec::new();
    let mut of = vec![NONE; rows.len()];
    for row in rows.span() {
        let Some(key) = key(row) else { continue };
        let from = keys.len().saturating_sub(RECENT);
        let known = keys[from..].iter().rposition(|known| *known == key);
        if known.is_none() {
            keys.push(key);
        }
        of[row] = known.map_or(keys.len() - 1, |place| from + place) as u32;
    }
    Groups { of: of.into(), also: None, keys: Some(keys) }
}
