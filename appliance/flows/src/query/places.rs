//! Which networks talk to which: each end of a flow becomes a place that somebody has named, a
//! network of ours (/24 or /64), a country, or elsewhere; pairs of ends are summed in one pass.

use std::collections::HashSet;
use std::net::IpAddr;

use model::Timestamp;

use super::rows::Rows;
use super::top::weights;
use super::{Archive, Evidence, QueryError, Range, Sums};
use crate::block::BlockError;
use crate::days::{DaysError, Entry};
use crate::filter::Filter;
use crate::hash::{FastMap, Seeded};
use crate::world::Prefix;

/// Ends and pairs that are told apart; what comes beyond counts as [`End::Rest`].
const MOST_ENDS: usize = 10_000;
const MOST_PAIRS: usize = 50_000;
/// Hosts of all networks together that are counted.
const MOST_HOSTS: usize = 100_000;
/// Networks on both sides, and pairs of them, that are told apart.
const MOST_MAPPINGS: usize = 50_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacesQuery {
    /// When.
    pub range: Range,
    /// Networks and the number of the place where they are; the longest that fits counts.
    pub sites: Vec<(Prefix, u32)>,
}

/// One end of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// A place that somebody has named, by its number.
    Site(u32),
    /// A network of ours.
    Network(Prefix),
    /// A country.
    Country([u8; 2]),
    /// An address of which no place is known.
    Elsewhere,
    /// More than can be told apart.
    Rest,
}

/// Two ends, what passed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacePair {
    /// Who sent.
    pub from: End,
    /// Who received.
    pub to: End,
    /// What.
    pub sums: Sums,
    /// Networks (/24 or /64) of both ends that were seen; see [`Places::is_bounded`].
    pub networks: u64,
    /// Pairs of such networks that were seen.
    pub mappings: u64,
    /// When it was first and last seen within the range.
    pub seen: (Timestamp, Timestamp),
}

/// Two networks (/24 or /64), ours or not, between which something passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// The sender's network.
    pub from: Prefix,
    /// The receiver's.
    pub to: Prefix,
    /// The places in which they are.
    pub ends: (End, End),
    /// What.
    pub sums: Sums,
    /// When it was first and last seen within the range.
    pub seen: (Timestamp, Timestamp),
}

/// A network of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenNetwork {
    /// Which.
    pub network: Prefix,
    /// How many addresses of it were seen.
    pub hosts: u64,
    /// What it sent.
    pub sent: Sums,
    /// What it received.
    pub received: Sums,
    /// The interface by which it last sent; 0 is not known.
    pub interface: u32,
    /// When it was first and last seen within the range.
    pub seen: (Timestamp, Timestamp),
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Pairs that were seen, the one with the most octets first.
    pub pairs: Vec<PlacePair>,
    /// Networks of ours, in order.
    pub networks: Vec<SeenNetwork>,
    /// Pairs of networks that were seen, the one with the most octets first.
    pub mappings: Vec<Mapping>,
    /// There were more pairs of networks than are told apart, so that their numbers are the least
    /// that there were.
    pub is_bounded: bool,
    /// What this rests on.
    pub evidence: Evidence,
}

/// The numbers of two ends, and the networks within them.
type Between = (u32, u32, Prefix, Prefix);
/// What, and when it was first and last seen.
type Passed = (Sums, (Timestamp, Timestamp));

#[derive(Default)]
struct Seen {
    ends: Vec<End>,
    numbers: FastMap<End, u32>,
    pairs: FastMap<(u32, u32), PlacePair>,
    networks: FastMap<Prefix, SeenNetwork>,
    hosts: HashSet<IpAddr, Seeded>,
    mappings: FastMap<Between, Passed>,
    is_bounded: bool,
}

impl Archive<'_> {
    /// Sums flows by the places of their ends.
    pub fn places(&self, query: &PlacesQuery, now: Timestamp) -> Result<Places, QueryError> {
        let mut sites = query.sites.clone();
        // The longest network first: it is the most exact.
        sites.sort_unstable_by_key(|(network, number)| {
            (std::cmp::Reverse(network.length()), *number)
        });
        let mut seen = Seen::default();
        let filter = Filter::default();
        let evidence = self.scan(query.range, &filter, now, |day, rows, entry| {
            self.add_places(query.range, &sites, rows, entry, &mut seen)
                .map_err(DaysError::block(&day.file().path))
                .map_err(QueryError::from)
        })?;
        let (mappings, is_bounded) = (seen.mappings(), seen.is_bounded);
        let mut pairs: Vec<PlacePair> = seen.pairs.into_values().collect();
        pairs.sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.sums.bytes), pair.seen));
        let mut networks: Vec<SeenNetwork> = seen.networks.into_values().collect();
        networks.sort_unstable_by_key(|seen| (seen.network.first(), seen.network.length()));
        Ok(Places { pairs, networks, mappings, is_bounded, evidence })
    }

    fn add_places(
        &self,
        range: Range,
        sites: &[(Prefix, u32)],
        rows: &Rows<'_>,
        entry: &Entry,
        seen: &mut Seen,
    ) -> Result<(), BlockError> {
        let places = rows.places(self.geo);
        let mut networks = Vec::with_capacity(places.len());
        let mut ends = Vec::with_capacity(places.len());
        let mut all = Vec::with_capacity(places.len());
        for (address, place) in rows.dictionary.iter().zip(places) {
            let any = network_of(address);
            let network = any.filter(|_| self.ours.contains(address));
            let site = sites.iter().find(|(network, _)| network.contains(address));
            let end = match (site, network, place.country) {
                (Some((_, number)), _, _) => End::Site(*number),
                (None, Some(network), _) => End::Network(network),
                (None, None, Some(country)) => End::Country(country),
                (None, None, None) => End::Elsewhere,
            };
            ends.push(seen.number(end));
            networks.push((address, network));
            all.push(any);
        }
        let mask = self.counted(&Filter::default(), range, entry, rows)?;
        let [starts, stops] = rows.times()?;
        let cut = weights(range, entry, rows)?;
        let (bytes, packets) = match &cut {
            Some((bytes, packets)) => (&bytes[..], &packets[..]),
            None => (rows.bytes()?, rows.packets()?),
        };
        let (ways, way) = rows.paths()?;
        for row in 0..rows.len() {
            if mask.as_ref().is_some_and(|mask| !mask[row]) {
                continue;
            }
            let (from, to) = (rows.ends.source[row] as usize, rows.ends.destination[row] as usize);
            let span =
                (Timestamp(starts[row]).max(range.from), Timestamp(stops[row]).min(range.to));
            let amounts = (bytes[row], packets[row]);
            seen.pair((ends[from], ends[to]), amounts, span);
            if let (Some(one), Some(other)) = (all[from], all[to]) {
                seen.mapping((ends[from], ends[to], one, other), amounts, span);
            }
            seen.network(networks[from], true, amounts, span, ways[way[row] as usize].input);
            seen.network(networks[to], false, amounts, span, 0);
        }
        Ok(())
    }
}

impl Seen {
    fn number(&mut self, end: End) -> u32 {
        if let Some(known) = self.numbers.get(&end) {
            return *known;
        }
        let end = if self.ends.len() < MOST_ENDS { end } else { End::Rest };
        let next = self.ends.len() as u32;
        let number = *self.numbers.entry(end).or_insert(next);
        if number == next {
            self.ends.push(end);
        }
        number
    }

    fn pair(&mut self, ends: (u32, u32), amounts: (u64, u64), span: (Timestamp, Timestamp)) {
        let full = self.pairs.len() >= MOST_PAIRS && !self.pairs.contains_key(&ends);
        let ends = if full {
            let rest = self.number(End::Rest);
            (rest, rest)
        } else {
            ends
        };
        let of = |number: u32| self.ends.get(number as usize).copied().unwrap_or(End::Rest);
        let fresh = PlacePair {
            from: of(ends.0),
            to: of(ends.1),
            sums: Sums::default(),
            networks: 0,
            mappings: 0,
            seen: span,
        };
        let pair = self.pairs.entry(ends).or_insert(fresh);
        pair.sums.flow(amounts.0, amounts.1);
        pair.seen = (pair.seen.0.min(span.0), pair.seen.1.max(span.1));
    }

    fn mapping(&mut self, key: Between, amounts: (u64, u64), span: (Timestamp, Timestamp)) {
        if self.mappings.len() >= MOST_MAPPINGS && !self.mappings.contains_key(&key) {
            self.is_bounded = true;
            return;
        }
        let (sums, seen) = self.mappings.entry(key).or_insert((Sums::default(), span));
        sums.flow(amounts.0, amounts.1);
        *seen = (seen.0.min(span.0), seen.1.max(span.1));
    }

    /// All mappings, the largest first; they are counted for the pairs of their ends.
    fn mappings(&mut self) -> Vec<Mapping> {
        let of = |number: u32| self.ends.get(number as usize).copied().unwrap_or(End::Rest);
        let mut networks = HashSet::<(u32, u32, Prefix), Seeded>::default();
        let mut all = Vec::with_capacity(self.mappings.len());
        for ((one, other, from, to), (sums, seen)) in std::mem::take(&mut self.mappings) {
            if let Some(pair) = self.pairs.get_mut(&(one, other)) {
                pair.mappings += 1;
                for network in [from, to] {
                    pair.networks += u64::from(networks.insert((one, other, network)));
                }
            }
            all.push(Mapping { from, to, ends: (of(one), of(other)), sums, seen });
        }
        all.sort_unstable_by_key(|one| (std::cmp::Reverse(one.sums.bytes), one.from, one.to));
        all
    }

    fn network(
        &mut self,
        (address, network): (IpAddr, Option<Prefix>),
        sent: bool,
        amounts: (u64, u64),
        span: (Timestamp, Timestamp),
        interface: u32,
    ) {
        let Some(network) = network else { return };
        if self.networks.len() >= MOST_ENDS && !self.networks.contains_key(&network) {
            return;
        }
        let new = self.hosts.len() < MOST_HOSTS && self.hosts.insert(address);
        let its = self.networks.entry(network).or_insert(SeenNetwork {
            network,
            hosts: 0,
            sent: Sums::default(),
            received: Sums::default(),
            interface,
            seen: span,
        });
        its.hosts += u64::from(new);
        let sums = if sent { &mut its.sent } else { &mut its.received };
        sums.flow(amounts.0, amounts.1);
        if interface != 0 {
            its.interface = interface;
        }
        its.seen = (its.seen.0.min(span.0), its.seen.1.max(span.1));
    }
}

/// The network that an address is shown in; None where it has no place, as a multicast one.
pub(crate) fn network_of(address: IpAddr) -> Option<Prefix> {
    match address {
        IpAddr::V4(v4) if v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() => None,
        IpAddr::V6(v6) if v6.is_multicast() || v6.is_unspecified() => None,
        IpAddr::V4(_) => Prefix::new(address, 24),
        IpAddr::V6(_) => Prefix::new(address, 64),
    }
}
