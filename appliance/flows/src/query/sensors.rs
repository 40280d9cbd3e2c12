//! Who told of which networks: sightings of pairs of networks (/24 or /64) by each sensor, which is an
//! exporter or the kernel's connections, and by the interface at which they were seen.
//!
//! Sums are those of the flows, each of which tells what passed since the one before it: a counter
//! that is told again and again counts once.

use std::collections::HashSet;
use std::net::IpAddr;

use model::Timestamp;

use super::mask::mask;
use super::places::network_of;
use super::rows::Rows;
use super::top::weights;
use super::{Archive, Evidence, QueryError, Range, Sums};
use crate::Direction;
use crate::block::{BlockError, Path};
use crate::days::{DaysError, Entry};
use crate::filter::Filter;
use crate::hash::{FastMap, Seeded};
use crate::world::Prefix;

/// Sensors with their interfaces that are told apart.
const MOST_SENSORS: usize = 1_000;
/// Sightings that are told apart.
const MOST_SIGHTINGS: usize = 50_000;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SensorsQuery {
    /// When.
    pub range: Range,
    /// Of this sensor alone.
    pub sensor: Option<IpAddr>,
    /// Of this interface alone.
    pub interface: Option<u32>,
}

/// What a sensor told of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sensor {
    /// The exporter's address; unspecified for the kernel's connections.
    pub address: IpAddr,
    /// The interface at which it was seen, by its index; 0 where that is not known, as of exporters
    /// elsewhere.
    pub interface: u32,
    /// What.
    pub sums: Sums,
    /// Networks of both ends that were seen.
    pub networks: u64,
    /// Pairs of networks that were seen.
    pub sightings: u64,
    /// When it first and last saw something within the range.
    pub seen: (Timestamp, Timestamp),
}

/// Two networks between which a sensor saw something pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// See [`Sensor::address`].
    pub sensor: IpAddr,
    /// See [`Sensor::interface`].
    pub interface: u32,
    /// The sender's network.
    pub from: Prefix,
    /// The receiver's.
    pub to: Prefix,
    /// What; the count is that of the flows.
    pub sums: Sums,
    /// When it was first and last seen within the range.
    pub seen: (Timestamp, Timestamp),
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sensors {
    /// The sensors with their interfaces, the one with the most packets first.
    pub sensors: Vec<Sensor>,
    /// What each of them saw, the one with the most packets first.
    pub sightings: Vec<Sighting>,
    /// There was more than is told apart: networks and sightings are the least that there were.
    pub is_bounded: bool,
    /// What this rests on.
    pub evidence: Evidence,
}

#[derive(Default)]
struct Seen {
    numbers: FastMap<(IpAddr, u32), u32>,
    answer: Sensors,
    /// By the number of the sensor, and the networks.
    sightings: FastMap<(u32, Prefix, Prefix), u32>,
}

/// The interface at which packets of a way were seen.
fn interface(way: &Path) -> u32 {
    match way.direction {
        Direction::Egress => way.output,
        _ if way.input == 0 => way.output,
        _ => way.input,
    }
}

impl Archive<'_> {
    /// Tells what each sensor saw.
    pub fn sensors(&self, query: &SensorsQuery, now: Timestamp) -> Result<Sensors, QueryError> {
        let (mut seen, filter) = (Seen::default(), Filter::default());
        let evidence = self.scan(query.range, &filter, now, |day, rows, entry| {
            self.add_sensors(query, &filter, rows, entry, &mut seen)
                .map_err(DaysError::block(&day.file().path))
                .map_err(QueryError::from)
        })?;
        Ok(seen.finish(evidence))
    }

    fn add_sensors(
        &self,
        query: &SensorsQuery,
        filter: &Filter,
        rows: &Rows<'_>,
        entry: &Entry,
        seen: &mut Seen,
    ) -> Result<(), BlockError> {
        let (ways, way) = rows.paths()?;
        let wanted = |way: &Path| {
            query.sensor.is_none_or(|sensor| sensor == way.sensor)
                && query.interface.is_none_or(|index| index == interface(way))
        };
        let numbers: Vec<Option<u32>> =
            ways.iter().map(|way| if wanted(way) { seen.number(way) } else { None }).collect();
        let networks: Vec<Option<Prefix>> = rows.dictionary.iter().map(network_of).collect();
        let mask = mask(filter, query.range, entry, rows, self.geo)?;
        let [starts, ends] = rows.times()?;
        let cut = weights(query.range, entry, rows)?;
        let (bytes, packets) = match &cut {
            Some((bytes, packets)) => (&bytes[..], &packets[..]),
            None => (rows.bytes()?, rows.packets()?),
        };
        // Rows lie by their ends: the next one is mostly of the same networks.
        let mut last = None;
        for row in 0..rows.len() {
            let Some(number) = numbers[way[row] as usize] else { continue };
            if mask.as_ref().is_some_and(|mask| !mask[row]) {
                continue;
            }
            let (start, end) = (Timestamp(starts[row]), Timestamp(ends[row]));
            let span = (start.max(query.range.from), end.min(query.range.to));
            let sums = Sums { bytes: bytes[row], packets: packets[row], flows: 1 };
            if let Some(sensor) = seen.answer.sensors.get_mut(number as usize) {
                sensor.sums.add(&sums);
                sensor.seen = (sensor.seen.0.min(span.0), sensor.seen.1.max(span.1));
            }
            let from = networks[rows.ends.source[row] as usize];
            let to = networks[rows.ends.destination[row] as usize];
            let Some(key) = from.zip(to).map(|(from, to)| (number, from, to)) else { continue };
            let place = match last {
                Some((known, place)) if known == key => place,
                _ => seen.sighting(key, way_of(ways, way[row]), span),
            };
            last = Some((key, place));
            if let Some(its) = seen.answer.sightings.get_mut(place as usize) {
                its.sums.add(&sums);
                its.seen = (its.seen.0.min(span.0), its.seen.1.max(span.1));
            }
        }
        Ok(())
    }
}

fn way_of(ways: &[Path], number: u64) -> (IpAddr, u32) {
    let way = &ways[number as usize];
    (way.sensor, interface(way))
}

impl Seen {
    /// The number of a sensor and interface; None for those beyond.
    fn number(&mut self, way: &Path) -> Option<u32> {
        let (address, interface) = (way.sensor, interface(way));
        if let Some(known) = self.numbers.get(&(address, interface)) {
            return Some(*known);
        }
        let number = self.answer.sensors.len();
        if number >= MOST_SENSORS {
            self.answer.is_bounded = true;
            return None;
        }
        let seen = (Timestamp(i64::MAX), Timestamp(i64::MIN));
        let (sums, networks, sightings) = (Sums::default(), 0, 0);
        self.answer.sensors.push(Sensor { address, interface, sums, networks, sightings, seen });
        self.numbers.insert((address, interface), number as u32);
        Some(number as u32)
    }

    /// The place of a sighting; of one beyond, where none is.
    fn sighting(
        &mut self,
        key: (u32, Prefix, Prefix),
        (sensor, interface): (IpAddr, u32),
        seen: (Timestamp, Timestamp),
    ) -> u32 {
        let next = self.answer.sightings.len() as u32;
        if let Some(known) = self.sightings.get(&key) {
            return *known;
        }
        if next as usize >= MOST_SIGHTINGS {
            self.answer.is_bounded = true;
            return u32::MAX;
        }
        self.sightings.insert(key, next);
        let (from, to, sums) = (key.1, key.2, Sums::default());
        self.answer.sightings.push(Sighting { sensor, interface, from, to, sums, seen });
        next
    }

    fn finish(self, evidence: Evidence) -> Sensors {
        let Self { mut answer, sightings, .. } = self;
        let mut networks = HashSet::<(u32, Prefix), Seeded>::default();
        for (number, from, to) in sightings.into_keys() {
            if let Some(sensor) = answer.sensors.get_mut(number as usize) {
                sensor.sightings += 1;
                for network in [from, to] {
                    sensor.networks += u64::from(networks.insert((number, network)));
                }
            }
        }
        // Ways of which nothing passed within the range.
        answer.sensors.retain(|sensor| sensor.sums.flows > 0);
        model::sort_by_key(&mut answer.sensors, |one| {
            (std::cmp::Reverse(one.sums.packets), one.address, one.interface)
        });
        answer.sightings.sort_unstable_by_key(|one| {
            (std::cmp::Reverse(one.sums.packets), one.sensor, one.interface, one.from, one.to)
        });
        Sensors { evidence, ..answer }
    }
}
