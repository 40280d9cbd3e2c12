//! Blocks of flows become sums by the minute, in memory. Pure.

use std::net::IpAddr;

use model::Timestamp;

use super::account::{AddressBook, Interfaces, Scope, Whose};
use super::{Amounts, Kind};
use crate::Flow;
use crate::block::{BlockError, Path};
use crate::hash::FastMap;
use crate::query::{Rows, share};
use crate::world::Geo;

pub(super) const MINUTE_MS: i64 = 60_000;
/// A flow that lasted longer is told of by a broken clock: it counts in its last minute.
const LONGEST_MS: i64 = 30 * 86_400_000;

/// What is summed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Slot {
    /// Minutes since the Unix epoch.
    pub(super) minute: i64,
    pub(super) kind: Kind,
    pub(super) key: i64,
    pub(super) scope: Scope,
}

/// What the sums are made with.
pub(super) struct Knowledge<'a> {
    pub(super) book: &'a dyn AddressBook,
    pub(super) geo: &'a dyn Geo,
    pub(super) interfaces: &'a Interfaces,
}

#[derive(Default)]
pub(super) struct Gathered {
    sums: Sums,
    memos: Memos,
    /// Flows that were summed.
    pub(super) counted: u64,
    /// Flows that another record tells of.
    pub(super) mirrored: u64,
}

#[derive(Default)]
struct Sums {
    places: FastMap<Slot, u32>,
    of: Vec<(Slot, Amounts)>,
}

/// Where the sums lie that were last added to: rows are sorted, so that the next ones mostly belong
/// to the same, and are found without a look-up.
#[derive(Default)]
struct Memos {
    total: Vec<Memo>,
    /// By the block's number of the address.
    accounts: Vec<Memo>,
    countries: Vec<Memo>,
    systems: Vec<Memo>,
    /// By the block's number of the way: in and out.
    interfaces: [Vec<Memo>; 2],
    /// By a few bits of the service.
    services: Vec<Memo>,
}

#[derive(Clone, Copy)]
struct Memo {
    minute: i64,
    key: i64,
    scope: Scope,
    place: u32,
}

impl Memo {
    const NONE: Self = Self { minute: i64::MIN, key: 0, scope: Scope::Internet, place: u32::MAX };
}

/// A power of two.
const SERVICES: usize = 256;

impl Memos {
    fn fit(&mut self, addresses: usize, ways: usize) {
        let lists = [
            (&mut self.total, 4),
            (&mut self.accounts, addresses),
            (&mut self.countries, addresses),
            (&mut self.systems, addresses),
            (&mut self.services, SERVICES),
        ];
        for (list, length) in lists {
            list.resize(list.len().max(length), Memo::NONE);
        }
        for list in &mut self.interfaces {
            list.resize(list.len().max(ways), Memo::NONE);
        }
    }

    fn forget(&mut self) {
        let [input, output] = &mut self.interfaces;
        let lists = [
            &mut self.total,
            &mut self.accounts,
            &mut self.countries,
            &mut self.systems,
            &mut self.services,
            input,
            output,
        ];
        for list in lists {
            list.fill(Memo::NONE);
        }
    }
}

impl Sums {
    #[inline]
    fn add(&mut self, memo: &mut Memo, slot: Slot, amounts: &Amounts) {
        let Slot { minute, kind, key, scope } = slot;
        if (memo.minute, memo.key, memo.scope) != (minute, key, scope) {
            *memo = Memo { minute, key, scope, place: self.place(slot) };
        }
        if let Some((known, sums)) = self.of.get_mut(memo.place as usize) {
            debug_assert_eq!(known.kind, kind);
            sums.add(amounts);
        }
    }

    fn place(&mut self, slot: Slot) -> u32 {
        let next = self.of.len() as u32;
        let place = *self.places.entry(slot).or_insert(next);
        if place == next {
            self.of.push((slot, Amounts::default()));
        }
        place
    }
}

/// What of a flow falls into one minute.
struct Part {
    minute: i64,
    bytes: u64,
    packets: u64,
    flows: u64,
}

/// Which way a flow is counted.
#[derive(Clone, Copy)]
enum Way {
    Sent,
    Received,
    Both,
}

impl Part {
    fn amounts(&self, way: Way) -> Amounts {
        let sent = u64::from(!matches!(way, Way::Received));
        let received = u64::from(!matches!(way, Way::Sent));
        Amounts {
            sent: self.bytes * sent,
            received: self.bytes * received,
            sent_packets: self.packets * sent,
            received_packets: self.packets * received,
            flows: self.flows,
        }
    }
}

/// What is the same for all flows of one way.
struct WayFacts {
    counts: bool,
    ours: (Option<u32>, Option<u32>),
}

impl Gathered {
    /// Adds a block.
    pub(super) fn add(
        &mut self,
        rows: &Rows<'_>,
        knowledge: &Knowledge<'_>,
    ) -> Result<(), BlockError> {
        let ids = [&*rows.ends.source, &*rows.ends.destination];
        let [starts, ends] = rows.times()?;
        let (bytes, packets) = (rows.bytes()?, rows.packets()?);
        let ([from_ports, to_ports], protocols) = (rows.ports()?, rows.protocols()?);
        let (ways, way) = rows.paths()?;
        let [from_systems, to_systems] = rows.systems(knowledge.geo)?;
        let places = rows.places(knowledge.geo);
        let ways: Vec<WayFacts> =
            ways.iter().map(|way| WayFacts::of(way, knowledge.interfaces)).collect();
        let owners = Owners::of(rows, ends, knowledge.book);
        self.memos.fit(rows.dictionary.len(), ways.len());
        let Self { sums, memos, counted, mirrored } = self;
        for row in 0..rows.len() {
            let way_id = way[row] as usize;
            let facts = &ways[way_id];
            if !facts.counts {
                *mirrored += 1;
                continue;
            }
            *counted += 1;
            let [source_id, destination_id] = ids.map(|ids| ids[row] as usize);
            let source = owners.at(source_id, ends[row]);
            let destination = owners.at(destination_id, ends[row]);
            let scope = Scope::between(source, destination);
            // Seen from ours: what passes between two of ours, or through, counts as sent.
            let incoming = source == Whose::Remote && destination != Whose::Remote;
            let seen = if incoming { Way::Received } else { Way::Sent };
            let port = from_ports[row].min(to_ports[row]);
            let service = i64::from(protocols[row]) << 16 | i64::from(port);
            let remote = match (source, destination) {
                (_, Whose::Remote) => Some((destination_id, to_systems[row])),
                (Whose::Remote, _) => Some((source_id, from_systems[row])),
                _ => None,
            };
            let country =
                |id: usize| places[id].country.map_or(0, |code| u16::from_be_bytes(code).into());
            spread((starts[row], ends[row]), (bytes[row], packets[row]), |part| {
                let minute = part.minute;
                let mut add = |memo: &mut Memo, kind, key, way| {
                    sums.add(memo, Slot { minute, kind, key, scope }, &part.amounts(way));
                };
                add(&mut memos.total[scope as usize], Kind::Total, 0, seen);
                match (source.key(), destination.key()) {
                    (Some(one), Some(other)) if one == other => {
                        add(&mut memos.accounts[source_id], Kind::Account, one, Way::Both);
                    }
                    (one, other) => {
                        if let Some(key) = one {
                            add(&mut memos.accounts[source_id], Kind::Account, key, Way::Sent);
                        }
                        if let Some(key) = other {
                            let memo = &mut memos.accounts[destination_id];
                            add(memo, Kind::Account, key, Way::Received);
                        }
                    }
                }
                let [into, out_of] = &mut memos.interfaces;
                let (into, out_of) = (&mut into[way_id], &mut out_of[way_id]);
                match facts.ours {
                    (Some(one), Some(other)) if one == other => {
                        add(into, Kind::Interface, one.into(), Way::Both);
                    }
                    (input, output) => {
                        if let Some(key) = input {
                            add(into, Kind::Interface, key.into(), Way::Sent);
                        }
                        if let Some(key) = output {
                            add(out_of, Kind::Interface, key.into(), Way::Received);
                        }
                    }
                }
                let memo = (service ^ service >> 11) as usize % SERVICES;
                add(&mut memos.services[memo], Kind::Service, service, seen);
                if let Some((id, system)) = remote {
                    add(&mut memos.countries[id], Kind::Country, country(id), seen);
                    add(&mut memos.systems[id], Kind::System, system.into(), seen);
                }
            });
        }
        Ok(())
    }

    /// How many sums there are.
    pub(super) fn len(&self) -> usize {
        self.sums.of.len()
    }

    pub(super) fn sums(&self) -> &[(Slot, Amounts)] {
        &self.sums.of
    }

    /// Takes all sums, in the order in which they are kept.
    pub(super) fn take(&mut self) -> Vec<(Slot, Amounts)> {
        self.memos.forget();
        self.sums.places.clear();
        let mut sums = std::mem::take(&mut self.sums.of);
        sums.sort_unstable_by_key(|(slot, _)| *slot);
        sums
    }
}

impl WayFacts {
    fn of(way: &Path, interfaces: &Interfaces) -> Self {
        let Path { input, output, direction, sensor, .. } = *way;
        let flow = Flow { input, output, direction, sensor, ..Flow::UNKNOWN };
        Self { counts: interfaces.counts(&flow), ours: interfaces.ours(&flow) }
    }
}

/// Whose the addresses of a block are: most are one's throughout, and are asked about once.
struct Owners<'a> {
    throughout: Vec<Option<Whose>>,
    addresses: Vec<IpAddr>,
    book: &'a dyn AddressBook,
}

impl<'a> Owners<'a> {
    fn of(rows: &Rows<'_>, ends: &[i64], book: &'a dyn AddressBook) -> Self {
        let first = Timestamp(ends.iter().copied().min().unwrap_or(0));
        let last = Timestamp(ends.iter().copied().max().unwrap_or(0));
        let addresses: Vec<IpAddr> = rows.dictionary.iter().collect();
        let asked = addresses.iter().map(|address| book.whose_throughout(*address, first, last));
        Self { throughout: asked.collect(), addresses, book }
    }

    #[inline]
    fn at(&self, id: usize, end: i64) -> Whose {
        self.throughout[id].unwrap_or_else(|| self.book.whose(self.addresses[id], Timestamp(end)))
    }
}

/// Gives each minute its part of a flow; the flow itself counts where it ended.
#[inline]
fn spread((start, end): (i64, i64), (bytes, packets): (u64, u64), mut give: impl FnMut(Part)) {
    let lasted = end.saturating_sub(start);
    let from = if (0..=LONGEST_MS).contains(&lasted) { start } else { end };
    let (first, last) = (from.div_euclid(MINUTE_MS), end.div_euclid(MINUTE_MS));
    if first == last {
        return give(Part { minute: last, bytes, packets, flows: 1 });
    }
    for minute in first..=last {
        let begin = minute.saturating_mul(MINUTE_MS);
        // Its last octet passes at its end, which may be where a minute begins.
        let to = if minute == last { i64::MAX } else { begin.saturating_add(MINUTE_MS) };
        let from = if minute == first { i64::MIN } else { begin };
        let part = |amount| share(amount, (start, end), (from, to));
        let flows = u64::from(minute == last);
        give(Part { minute, bytes: part(bytes), packets: part(packets), flows });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_minutes_of_a_flow_are_the_flow(
            start in 0_i64..10_000_000,
            lasted in prop_oneof![0_i64..90_000, 0_i64..90_000_000, any::<i64>()],
            bytes: u64,
            packets: u64,
        ) {
            let end = start.saturating_add(lasted);
            let mut minutes = BTreeSet::new();
            let mut sums = (0_u128, 0_u128, 0);
            spread((start, end), (bytes, packets), |part| {
                assert!(minutes.insert(part.minute), "each minute once");
                sums.0 += u128::from(part.bytes);
                sums.1 += u128::from(part.packets);
                sums.2 += part.flows;
            });
            prop_assert_eq!(sums, (bytes.into(), packets.into(), 1));
        }
    }

    #[test]
    fn a_long_flow_lies_in_all_minutes_that_it_lasted() {
        let mut minutes = Vec::new();
        spread((30_000, 150_000), (1_201, 1), |part| minutes.push((part.minute, part.bytes)));
        assert_eq!(minutes, [(0, 300), (1, 600), (2, 301)]);
    }
}
