//! Places of addresses as ranges in order: a few octets a range, found by halving.

use std::net::{IpAddr, Ipv6Addr};

use super::mmdb::MmdbError;
use super::record::Record;
use crate::world::Place;

/// Ranges of one table at most: 12 octets each.
const MOST: usize = 2_000_000;

/// Values of addresses from their starts on, each until the next.
#[derive(Debug, Clone)]
struct Ranges<T> {
    starts: Vec<T>,
    values: Vec<u32>,
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self { starts: Vec::new(), values: Vec::new() }
    }
}

impl<T: Ord + Copy> Ranges<T> {
    /// The next range. What is like the one before only makes that longer; of those that begin at
    /// the same place, being told apart by bits that are not kept, the first counts.
    fn push(&mut self, start: T, value: u32) -> Result<(), MmdbError> {
        if self.values.last().is_some_and(|last| *last == value)
            || self.starts.last().is_some_and(|last| *last >= start)
            || (self.values.is_empty() && value == 0)
        {
            return Ok(());
        }
        if self.starts.len() >= MOST {
            return Err(MmdbError::Damaged("more networks than there can be"));
        }
        self.starts.push(start);
        self.values.push(value);
        Ok(())
    }

    /// The value of an address; 0 is not known.
    fn get(&self, at: T) -> u32 {
        let after = self.starts.partition_point(|start| *start <= at);
        after.checked_sub(1).and_then(|place| self.values.get(place)).copied().unwrap_or(0)
    }
}

/// One database's ranges as they are found.
#[derive(Debug, Default)]
pub(super) struct Builder {
    countries: (Ranges<u32>, Ranges<u64>),
    systems: (Ranges<u32>, Ranges<u64>),
}

fn country(record: Record) -> u32 {
    record.country().map_or(0, |code| u16::from_be_bytes(code).into())
}

impl Builder {
    pub(super) fn v4(&mut self, start: u32, record: Record) -> Result<(), MmdbError> {
        self.countries.0.push(start, country(record))?;
        self.systems.0.push(start, record.system().unwrap_or(0))
    }

    /// Networks longer than 64 bits belong to one host or link: they are not told apart.
    pub(super) fn v6(&mut self, start: u64, record: Record) -> Result<(), MmdbError> {
        self.countries.1.push(start, country(record))?;
        self.systems.1.push(start, record.system().unwrap_or(0))
    }

    fn has_countries(&self) -> bool {
        !self.countries.0.values.is_empty() || !self.countries.1.values.is_empty()
    }

    fn has_systems(&self) -> bool {
        !self.systems.0.values.is_empty() || !self.systems.1.values.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_countries() && !self.has_systems()
    }
}

/// Countries and autonomous systems of all databases; where several tell the same, the last counts.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    countries: (Ranges<u32>, Ranges<u64>),
    systems: (Ranges<u32>, Ranges<u64>),
    /// Numbers of systems in order, and where their names begin in the text.
    names: Vec<(u32, u32)>,
    text: String,
}

impl Tables {
    pub(super) fn add(&mut self, found: Builder, systems: Vec<(u32, String)>) {
        if found.has_countries() {
            self.countries = found.countries;
        }
        if found.systems.0.values.is_empty() && found.systems.1.values.is_empty() {
            return;
        }
        self.systems = found.systems;
        let mut systems = systems;
        systems.sort_unstable();
        systems.dedup_by_key(|(number, _)| *number);
        self.names.clear();
        self.text.clear();
        for (number, name) in systems {
            self.names.push((number, self.text.len() as u32));
            self.text.push_str(&name);
        }
    }

    /// Gives back what memory was set aside and is not used.
    pub(super) fn finish(&mut self) {
        for ranges in [&mut self.countries.0, &mut self.systems.0] {
            ranges.starts.shrink_to_fit();
            ranges.values.shrink_to_fit();
        }
        for ranges in [&mut self.countries.1, &mut self.systems.1] {
            ranges.starts.shrink_to_fit();
            ranges.values.shrink_to_fit();
        }
        self.names.shrink_to_fit();
        self.text.shrink_to_fit();
    }

    /// Where an address is.
    pub fn place(&self, address: IpAddr) -> Place {
        let address = match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
            v4 @ IpAddr::V4(_) => v4,
        };
        let (country, system) = match address {
            IpAddr::V4(v4) => {
                (self.countries.0.get(v4.to_bits()), self.systems.0.get(v4.to_bits()))
            }
            IpAddr::V6(v6) => {
                let high = high(v6);
                (self.countries.1.get(high), self.systems.1.get(high))
            }
        };
        let code = (country != 0).then(|| (country as u16).to_be_bytes());
        Place { country: code, system: (system != 0).then_some(system) }
    }

    /// Who runs an autonomous system.
    pub fn system_name(&self, number: u32) -> Option<&str> {
        let place = self.names.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        let (_, from) = self.names.get(place)?;
        let to = self.names.get(place + 1).map_or(self.text.len(), |(_, to)| *to as usize);
        self.text.get(*from as usize..to).filter(|name| !name.is_empty())
    }
}

fn high(address: Ipv6Addr) -> u64 {
    (address.to_bits() >> 64) as u64
}
