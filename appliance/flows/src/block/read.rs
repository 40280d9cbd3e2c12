//! A block becomes rows again, as much of it as is asked for.

use model::{Mac, Timestamp};

use super::dictionary::Dictionary;
use super::ints::{self, read_varint, unzigzag};
use super::paths::{self, Path, narrow, take_dictionary};
use super::{BlockError, Column, MAGIC, MAX_ROWS, nested};
use crate::{Flow, Nat};

impl Dictionary {
    /// Reads the addresses of a [`Block`](super::Block).
    pub fn open(addresses: &[u8]) -> Result<Self, BlockError> {
        let (data, sum) = addresses.split_last_chunk::<4>().ok_or(BlockError::Short)?;
        if crc32fast::hash(data) != u32::from_le_bytes(*sum) {
            return Err(BlockError::Checksum("addresses"));
        }
        Self::decode(data)
    }
}

/// The columns of a block. Each is checked and decoded when it is asked for.
pub struct Reader<'a> {
    rows: usize,
    units: usize,
    first_start: Timestamp,
    pieces: [(&'a [u8], u32); Column::ALL.len()],
}

/// Who sent each row to whom, as identifiers of the block's [`Dictionary`].
pub struct Ends {
    /// The sender of each row.
    pub source: Vec<u32>,
    /// The receiver of each row.
    pub destination: Vec<u32>,
    /// Of each unit: bit 0 when it went from the far end to the near, bit 1 when it was answered.
    shapes: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// Reads the head of a block's columns.
    pub fn open(columns: &'a [u8]) -> Result<Self, BlockError> {
        let data = columns.strip_prefix(&MAGIC).ok_or(BlockError::Unknown)?;
        let (sum, mut data) = data.split_first_chunk::<4>().ok_or(BlockError::Short)?;
        let mut head = nested(&mut data)?;
        if crc32fast::hash(head) != u32::from_le_bytes(*sum) {
            return Err(BlockError::Checksum("head"));
        }
        let (rows, units) = (read_varint(&mut head)?, read_varint(&mut head)?);
        if rows > MAX_ROWS as u64 || units > rows || rows > 2 * units {
            return Err(BlockError::TooMany);
        }
        let (start, rest) = head.split_first_chunk::<8>().ok_or(BlockError::Short)?;
        head = rest;
        let mut pieces = [(&[][..], 0); Column::ALL.len()];
        for piece in &mut pieces {
            let length = read_varint(&mut head)?;
            let (sum, rest) = head.split_first_chunk::<4>().ok_or(BlockError::Short)?;
            head = rest;
            let (its, rest) = usize::try_from(length)
                .ok()
                .and_then(|length| data.split_at_checked(length))
                .ok_or(BlockError::Short)?;
            data = rest;
            *piece = (its, u32::from_le_bytes(*sum));
        }
        if !head.is_empty() || !data.is_empty() {
            return Err(BlockError::Number);
        }
        let first_start = Timestamp(i64::from_le_bytes(*start));
        Ok(Self { rows: rows as usize, units: units as usize, first_start, pieces })
    }

    /// How many flows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Who sent to whom. `addresses` is the length of the block's [`Dictionary`].
    pub fn ends(&self, addresses: usize) -> Result<Ends, BlockError> {
        let mut data = self.piece(Column::Ends)?;
        let shapes = ints::decode(nested(&mut data)?, self.units)?;
        let runs = ints::decode(nested(&mut data)?, addresses)?;
        let far = ints::decode(nested(&mut data)?, self.units)?;
        let answers = shapes.iter().filter(|shape| **shape & 2 != 0).count();
        let all: u64 = runs.iter().fold(0, |all, run| all.saturating_add(*run));
        if shapes.iter().any(|shape| *shape > 3)
            || self.units + answers != self.rows
            || all != self.units as u64
            || !data.is_empty()
        {
            return Err(BlockError::Number);
        }
        let shapes: Vec<u8> = shapes.into_iter().map(|shape| shape as u8).collect();
        let (mut source, mut destination) =
            (Vec::with_capacity(self.rows), Vec::with_capacity(self.rows));
        let mut units = far.into_iter().zip(&shapes);
        for (near, run) in (0..).zip(runs) {
            let mut far = 0_u64;
            for (step, shape) in units.by_ref().take(run as usize) {
                far = far.saturating_add(step);
                if far >= addresses as u64 {
                    return Err(BlockError::Address);
                }
                let (near, far): (u32, u32) = (near, far as u32);
                let (from, to) = if shape & 1 == 0 { (near, far) } else { (far, near) };
                source.push(from);
                destination.push(to);
                if shape & 2 != 0 {
                    source.push(to);
                    destination.push(from);
                }
            }
        }
        Ok(Ends { source, destination, shapes })
    }

    /// The octets of each row.
    pub fn bytes(&self, ends: &Ends) -> Result<Vec<u64>, BlockError> {
        self.rows_of(Column::Bytes, ends)
    }

    /// The packets of each row.
    pub fn packets(&self, ends: &Ends) -> Result<Vec<u64>, BlockError> {
        self.rows_of(Column::Packets, ends)
    }

    /// TCP's flags of each row.
    pub fn flags(&self, ends: &Ends) -> Result<Vec<u64>, BlockError> {
        self.rows_of(Column::Flags, ends)
    }

    /// The type of service of each row.
    pub fn tos(&self, ends: &Ends) -> Result<Vec<u64>, BlockError> {
        self.rows_of(Column::Tos, ends)
    }

    /// The protocol of each row.
    pub fn protocols(&self, ends: &Ends) -> Result<Vec<u8>, BlockError> {
        let units = self.units_of(Column::Protocol)?;
        let mut rows = Vec::with_capacity(self.rows);
        for (protocol, shape) in units.into_iter().zip(&ends.shapes) {
            let protocol = narrow(protocol)?;
            rows.push(protocol);
            if shape & 2 != 0 {
                rows.push(protocol);
            }
        }
        Ok(rows)
    }

    /// The sender's and the receiver's port of each row.
    pub fn ports(&self, ends: &Ends) -> Result<(Vec<u16>, Vec<u16>), BlockError> {
        let near = self.units_of(Column::NearPort)?;
        let far = self.units_of(Column::FarPort)?;
        let mut sources = Vec::with_capacity(self.rows);
        let mut destinations = Vec::with_capacity(self.rows);
        for ((near, far), shape) in near.into_iter().zip(far).zip(&ends.shapes) {
            let (near, far): (u16, u16) = (narrow(near)?, narrow(far)?);
            let (from, to) = if shape & 1 == 0 { (near, far) } else { (far, near) };
            sources.push(from);
            destinations.push(to);
            if shape & 2 != 0 {
                sources.push(to);
                destinations.push(from);
            }
        }
        Ok((sources, destinations))
    }

    /// The start and the end of each row, in milliseconds since the Unix epoch.
    pub fn times(&self, ends: &Ends) -> Result<(Vec<i64>, Vec<i64>), BlockError> {
        let (first_starts, later) = self.split(Column::Start)?;
        let (durations, longer) = self.split(Column::Duration)?;
        let mut answers = later.into_iter().zip(longer);
        let mut starts = Vec::with_capacity(self.rows);
        let mut stops = Vec::with_capacity(self.rows);
        for ((start, lasted), shape) in first_starts.into_iter().zip(durations).zip(&ends.shapes) {
            let start = self.first_start.0.wrapping_add(start as i64);
            starts.push(start);
            stops.push(start.wrapping_add(lasted as i64));
            if shape & 2 != 0 {
                let (later, longer) = answers.next().ok_or(BlockError::Short)?;
                let start = start.wrapping_add(unzigzag(later));
                starts.push(start);
                stops.push(start.wrapping_add((lasted as i64).wrapping_add(unzigzag(longer))));
            }
        }
        Ok((starts, stops))
    }

    /// The ways there are, and which of them each row went.
    pub(crate) fn paths(&self, ends: &Ends) -> Result<(Vec<Path>, Vec<u64>), BlockError> {
        let mut data = self.piece(Column::Path)?;
        let ways = paths::decode(&mut data)?;
        let rows = self.merge(self.split_of(&mut data)?, ends)?;
        if rows.iter().any(|way| *way >= ways.len() as u64) || !data.is_empty() {
            return Err(BlockError::Number);
        }
        Ok((ways, rows))
    }

    /// The autonomous systems of each row's sender and receiver.
    pub fn systems(&self, ends: &Ends, addresses: usize) -> Result<[Vec<u32>; 2], BlockError> {
        let [from, to] = self.remembered(Column::Systems, ends, addresses)?;
        let all = |values: Vec<u64>| values.into_iter().map(narrow).collect::<Result<_, _>>();
        Ok([all(from)?, all(to)?])
    }

    /// All flows with all that is known of them.
    pub fn flows(&self, dictionary: &Dictionary) -> Result<Vec<Flow>, BlockError> {
        let ends = self.ends(dictionary.len())?;
        let addresses: Vec<_> = dictionary.iter().collect();
        let protocols = self.protocols(&ends)?;
        let (source_ports, destination_ports) = self.ports(&ends)?;
        let (starts, stops) = self.times(&ends)?;
        let (bytes, packets) = (self.bytes(&ends)?, self.packets(&ends)?);
        let (flags, tos) = (self.flags(&ends)?, self.tos(&ends)?);
        let (ways, way) = self.paths(&ends)?;
        let [source_as, destination_as] = self.systems(&ends, addresses.len())?;
        let [source_macs, destination_macs] =
            self.remembered(Column::Macs, &ends, addresses.len())?;
        let mut flows = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            let path = ways[way[row] as usize];
            flows.push(Flow {
                start: Timestamp(starts[row]),
                end: Timestamp(stops[row]),
                source: addresses[ends.source[row] as usize],
                destination: addresses[ends.destination[row] as usize],
                source_port: source_ports[row],
                destination_port: destination_ports[row],
                protocol: protocols[row],
                tcp_flags: narrow(flags[row])?,
                tos: narrow(tos[row])?,
                bytes: bytes[row],
                packets: packets[row],
                input: path.input,
                output: path.output,
                direction: path.direction,
                source_as: source_as[row],
                destination_as: destination_as[row],
                next_hop: path.next_hop,
                vlan: path.vlan,
                source_mac: mac(source_macs[row])?,
                destination_mac: mac(destination_macs[row])?,
                sampling: path.sampling,
                nat: None,
            });
        }
        self.translate(&mut flows)?;
        Ok(flows)
    }

    fn translate(&self, flows: &mut [Flow]) -> Result<(), BlockError> {
        let mut data = self.piece(Column::Nat)?;
        let told = ints::decode(nested(&mut data)?, self.rows)?;
        let dictionary = take_dictionary(&mut data)?;
        if told.iter().any(|told| *told > 1) {
            return Err(BlockError::Number);
        }
        let count = told.iter().filter(|told| **told == 1).count();
        let addresses = ints::decode(nested(&mut data)?, 2 * count)?;
        let source_ports = ints::decode(nested(&mut data)?, count)?;
        let destination_ports = ints::decode(nested(&mut data)?, count)?;
        let address = |code: u64, before| match code.checked_sub(1) {
            None => Ok(before),
            Some(id) => dictionary.get(narrow::<u32>(id)? as usize).ok_or(BlockError::Address),
        };
        let port = |code: u64, before| code.checked_sub(1).map_or(Ok(before), narrow);
        let numbers = addresses.chunks_exact(2).zip(source_ports).zip(destination_ports);
        let translated = flows.iter_mut().zip(told).filter(|(_, told)| *told == 1);
        for ((flow, _), ((ends, source_port), destination_port)) in translated.zip(numbers) {
            flow.nat = Some(Nat {
                source: address(ends[0], flow.source)?,
                destination: address(ends[1], flow.destination)?,
                source_port: port(source_port, flow.source_port)?,
                destination_port: port(destination_port, flow.destination_port)?,
            });
        }
        Ok(())
    }

    fn remembered(
        &self,
        column: Column,
        ends: &Ends,
        addresses: usize,
    ) -> Result<[Vec<u64>; 2], BlockError> {
        let mut data = self.piece(column)?;
        let mut sources = ints::decode(nested(&mut data)?, self.rows)?;
        let mut destinations = ints::decode(nested(&mut data)?, self.rows)?;
        let mut last = vec![0_u64; addresses];
        let ids = ends.source.iter().zip(&ends.destination);
        for ((from, to), (source, destination)) in
            sources.iter_mut().zip(&mut destinations).zip(ids)
        {
            for (value, id) in [(from, source), (to, destination)] {
                let last = &mut last[*id as usize];
                *last = value.checked_sub(1).unwrap_or(*last);
                *value = *last;
            }
        }
        Ok([sources, destinations])
    }

    fn rows_of(&self, column: Column, ends: &Ends) -> Result<Vec<u64>, BlockError> {
        self.merge(self.split(column)?, ends)
    }

    fn split(&self, column: Column) -> Result<(Vec<u64>, Vec<u64>), BlockError> {
        let mut data = self.piece(column)?;
        let split = self.split_of(&mut data)?;
        if data.is_empty() { Ok(split) } else { Err(BlockError::Number) }
    }

    fn split_of(&self, data: &mut &[u8]) -> Result<(Vec<u64>, Vec<u64>), BlockError> {
        let firsts = ints::decode(nested(data)?, self.units)?;
        Ok((firsts, ints::decode(nested(data)?, self.rows - self.units)?))
    }

    fn merge(
        &self,
        (firsts, answers): (Vec<u64>, Vec<u64>),
        ends: &Ends,
    ) -> Result<Vec<u64>, BlockError> {
        let mut answers = answers.into_iter();
        let mut rows = Vec::with_capacity(self.rows);
        for (first, shape) in firsts.into_iter().zip(&ends.shapes) {
            rows.push(first);
            if shape & 2 != 0 {
                rows.push(answers.next().ok_or(BlockError::Short)?);
            }
        }
        Ok(rows)
    }

    fn units_of(&self, column: Column) -> Result<Vec<u64>, BlockError> {
        let mut data = self.piece(column)?;
        ints::decode(nested(&mut data)?, self.units)
    }

    fn piece(&self, column: Column) -> Result<&'a [u8], BlockError> {
        let (data, sum) = self.pieces[column as usize];
        if crc32fast::hash(data) == sum {
            Ok(data)
        } else {
            Err(BlockError::Checksum(Column::ALL[column as usize].1))
        }
    }
}

fn mac(code: u64) -> Result<Option<Mac>, BlockError> {
    match code.checked_sub(1) {
        Some(bits) if bits >> 48 != 0 => Err(BlockError::Number),
        bits => Ok(bits.map(Mac::from_u64)),
    }
}
