//! Goes through the table, counts what is in it, and keeps the page that was asked for.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs;
use std::net::IpAddr;
use std::ops::ControlFlow;

use serde::Serialize;

use super::{Connection, State, Tuple};
use crate::SystemError;
use netlink::conntrack::{GET, HEADER, connection};
use netlink::wire::Request;
use netlink::{Dump, Netlink};

/// The most connections of a page.
pub const LARGEST_PAGE: usize = 500;
/// The most connections that are passed over before a page. Beyond, narrow the filter.
const FURTHEST: usize = 10_000;
/// The most entries that are read; larger tables are counted in part.
const MOST_READ: u64 = 2_000_000;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// The most bytes in both directions.
    #[default]
    Bytes,
    /// The longest time until it is forgotten, which is mostly the most recent packet.
    Timeout,
    /// The smallest source address.
    Source,
}

/// Which connections are wanted. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// An address of either direction, also one that NAT put there.
    pub address: Option<IpAddr>,
    /// A port of either direction.
    pub port: Option<u16>,
    /// The IP protocol's number.
    pub protocol: Option<u8>,
    /// How far it is.
    pub state: Option<State>,
    /// Only those that NAT has changed.
    pub only_nat: bool,
}

impl Filter {
    /// Whether a connection is wanted.
    pub fn matches(&self, connection: &Connection) -> bool {
        let both = [connection.original, connection.reply];
        let has_address = |ip| both.iter().any(|t: &Tuple| t.source == ip || t.destination == ip);
        let has_port = |port| {
            both.iter().any(|t| t.source_port == Some(port) || t.destination_port == Some(port))
        };
        self.protocol.is_none_or(|wanted| wanted == connection.protocol)
            && self.state.is_none_or(|wanted| wanted == connection.state)
            && self.address.is_none_or(has_address)
            && self.port.is_none_or(has_port)
            && (!self.only_nat
                || connection.source_nat().is_some()
                || connection.destination_nat().is_some())
    }
}

/// How many connections there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All that were read.
    pub read: u64,
    /// Those that match the filter.
    pub matching: u64,
    /// All by protocol.
    pub by_protocol: BTreeMap<u8, u64>,
    /// All by state.
    pub by_state: BTreeMap<State, u64>,
    /// Those that NAT has changed.
    pub translated: u64,
}

/// A page of the table.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    /// The connections of the page.
    pub connections: Vec<Connection>,
    /// How many there are.
    pub counts: Counts,
    /// Entries that the kernel says it has; None where it does not tell.
    pub size: Option<u64>,
    /// Entries that the kernel can have.
    pub capacity: Option<u64>,
    /// Bytes and packets are counted.
    pub is_accounted: bool,
    /// The table changed while it was read, or was too large: entries may be missing.
    pub is_partial: bool,
}

/// By what a connection is sorted, smallest first: its order, then who it is, so that pages hold
/// still.
type Key = (Reverse<u64>, Tuple, u8, u32);

struct Kept(Key, Box<Connection>);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Kept {}
impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

/// Counts connections and keeps the first of an order in bounded memory.
struct Gather<'a> {
    filter: &'a Filter,
    order: Order,
    most: usize,
    counts: Counts,
    /// The last of what is kept is on top.
    kept: BinaryHeap<Kept>,
}

impl Gather<'_> {
    fn take(&mut self, connection: Connection) {
        let counts = &mut self.counts;
        counts.read += 1;
        *counts.by_protocol.entry(connection.protocol).or_default() += 1;
        *counts.by_state.entry(connection.state).or_default() += 1;
        let is_translated =
            connection.source_nat().is_some() || connection.destination_nat().is_some();
        counts.translated += u64::from(is_translated);
        if !self.filter.matches(&connection) {
            return;
        }
        counts.matching += 1;
        let rank = match self.order {
            Order::Bytes => Reverse(connection.bytes().unwrap_or(0)),
            Order::Timeout => Reverse(u64::from(connection.timeout.unwrap_or(u32::MAX))),
            Order::Source => Reverse(0),
        };
        let key = (rank, connection.original, connection.protocol, connection.id);
        if self.kept.len() < self.most {
            self.kept.push(Kept(key, Box::new(connection)));
        } else if let Some(mut last) = self.kept.peek_mut()
            && key < last.0
        {
            *last = Kept(key, Box::new(connection));
        }
    }
}

/// Reads the table. `offset` is at most 10 000, `limit` at most [`LARGEST_PAGE`]. For threads that
/// may block: a hundred thousand connections take some 100 ms.
///
/// # Errors
/// Where the kernel refuses: without `CAP_NET_ADMIN`, or without connection tracking.
pub fn read(
    filter: &Filter,
    order: Order,
    offset: usize,
    limit: usize,
) -> Result<Table, SystemError> {
    let (offset, limit) = (offset.min(FURTHEST), limit.clamp(1, LARGEST_PAGE));
    let mut gather = Gather {
        filter,
        order,
        most: offset + limit,
        counts: Counts::default(),
        kept: BinaryHeap::new(),
    };
    let mut netlink =
        Netlink::open(netlink::NETFILTER).map_err(SystemError::io("open", "a netlink socket"))?;
    // struct nfgenmsg, all families.
    let request = Request::all(GET, &[0; HEADER]);
    let outcome = netlink
        .dump(request, |message| {
            if let Some(connection) = connection(message) {
                gather.take(connection);
            }
            if gather.counts.read < MOST_READ {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
        .map_err(SystemError::io("ask the kernel for", "its connections"))?;
    let connections = gather.kept.into_sorted_vec().into_iter().skip(offset);
    Ok(Table {
        connections: connections.map(|kept| *kept.1).collect(),
        counts: gather.counts,
        size: number("nf_conntrack_count"),
        capacity: number("nf_conntrack_max"),
        is_accounted: number("nf_conntrack_acct") == Some(1),
        is_partial: outcome != Dump::Whole,
    })
}

fn number(name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::Amount;
    use super::*;

    fn connection(last: u8, bytes: u64) -> Connection {
        let (source, destination) = (IpAddr::from([10, 0, 0, last]), IpAddr::from([192, 0, 2, 1]));
        let original = Tuple {
            source,
            destination,
            source_port: Some(1_000),
            destination_port: Some(443),
            icmp: 0,
        };
        let reply = Tuple {
            source: destination,
            destination: source,
            source_port: Some(443),
            destination_port: Some(1_000),
            icmp: 0,
        };
        let amount = Some(Amount { packets: 1, bytes });
        Connection {
            id: last.into(),
            protocol: 6,
            original,
            reply,
            state: State::Established,
            timeout: Some(last.into()),
            mark: 0,
            zone: 0,
            is_offloaded: false,
            sent: amount,
            received: amount,
            began: None,
            ended: None,
        }
    }

    fn page(filter: &Filter, order: Order, most: usize) -> (Vec<u32>, Counts) {
        let kept = BinaryHeap::new();
        let mut gather = Gather { filter, order, most, counts: Counts::default(), kept };
        for (last, bytes) in [(1, 50), (2, 10), (3, 90), (4, 70), (5, 20)] {
            gather.take(connection(last, bytes));
        }
        let ids = gather.kept.into_sorted_vec().into_iter().map(|kept| kept.1.id).collect();
        (ids, gather.counts)
    }

    #[test]
    fn the_largest_are_kept_in_order_and_all_are_counted() {
        let (ids, counts) = page(&Filter::default(), Order::Bytes, 3);
        assert_eq!(ids, [3, 4, 1]);
        assert_eq!((counts.read, counts.matching, counts.by_protocol[&6]), (5, 5, 5));
        assert_eq!(page(&Filter::default(), Order::Timeout, 2).0, [5, 4]);
        assert_eq!(page(&Filter::default(), Order::Source, 9).0, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn an_echo_is_changed_by_nat_only_where_its_address_or_number_is() {
        let mut echo = connection(9, 1);
        echo.protocol = 1;
        echo.original.destination_port = None;
        echo.reply.destination_port = None;
        echo.reply.source_port = echo.original.source_port;
        assert_eq!((echo.source_nat(), echo.destination_nat()), (None, None));
        let outside = IpAddr::from([198, 51, 100, 7]);
        (echo.reply.destination, echo.reply.source_port) = (outside, Some(4_711));
        assert_eq!(echo.source_nat(), Some((outside, Some(4_711))));
        assert_eq!(echo.destination_nat(), None);
    }

    #[test]
    fn a_filter_asks_both_directions() {
        let mut changed = connection(9, 1);
        changed.reply.destination = IpAddr::from([198, 51, 100, 7]);
        let filter =
            |address: [u8; 4]| Filter { address: Some(address.into()), ..Filter::default() };
        assert!(filter([198, 51, 100, 7]).matches(&changed));
        assert!(filter([10, 0, 0, 9]).matches(&changed));
        assert!(!filter([10, 0, 0, 8]).matches(&changed));
        let nat = Filter { only_nat: true, ..Filter::default() };
        assert!(nat.matches(&changed) && !nat.matches(&connection(1, 1)));
        let port = Filter { port: Some(22), ..Filter::default() };
        assert!(!port.matches(&changed));
    }
}
