//! A block becomes rows again, as much of it as is asked for.

use std::ops::Range;

use model::{Mac, Timestamp};

use super::dictionary::Dictionary;
use super::ints::{self, read_varint, unzigzag};
use super::paths::{self, Path, narrow, take_dictionary};
use super::scratch::{Held, Scratch};
use super::{BlockError, Column, MAGIC, MAX_ROWS, nested};
use crate::{Flow, Nat};

impl Dictionary {
    /// Reads the addresses of a [`Block`](super::Block).
    pub fn open(addresses: &[u8]) -> Result<Self, BlockError> {
        let mut dictionary = Self::default();
        dictionary.read(addresses, &Scratch::default())?;
        Ok(dictionary)
    }

    /// The same, in place of what it had. After an error it has nothing to be trusted.
    pub fn read(&mut self, addresses: &[u8], scratch: &Scratch) -> Result<(), BlockError> {
        let (data, sum) = addresses.split_last_chunk::<4>().ok_or(BlockError::Short)?;
        if crc32fast::hash(data) != u32::from_le_bytes(*sum) {
            return Err(BlockError::Checksum("addresses"));
        }
        self.decode_into(data, scratch)
    }
}

/// The columns of a block. Each is checked and decoded when it is asked for.
pub struct Reader<'a> {
    rows: usize,
    units: usize,
    first_start: Timestamp,
    pieces: [(&'a [u8], u32); Column::ALL.len()],
    scratch: &'a Scratch,
}

/// Who sent each row to whom, as identifiers of the block's [`Dictionary`].
pub struct Ends<'a> {
    /// The sender of each row.
    pub source: Held<'a, u32>,
    /// The receiver of each row.
    pub destination: Held<'a, u32>,
    /// Of each unit: bit 0 when it went from the far end to the near, bit 1 when it was answered.
    shapes: Held<'a, u8>,
}

/// Rows that lie together. Of a column, only those of the span mean anything: what lies around them
/// may not have been decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The rows themselves.
    pub rows: Range<usize>,
    units: Range<usize>,
    answers: Range<usize>,
}

impl Ends<'_> {
    /// All rows.
    pub fn all(&self) -> Span {
        let (rows, units) = (self.source.len(), self.shapes.len());
        Span { rows: 0..rows, units: 0..units, answers: 0..rows - units }
    }

    /// The smallest span with the given rows, and with what lies in one unit with them.
    pub fn span(&self, rows: Range<usize>) -> Span {
        let mut span = Span { rows: 0..0, units: 0..0, answers: 0..0 };
        let (mut row, mut answer) = (0, 0);
        for (unit, shape) in self.shapes.iter().enumerate() {
            let answers = usize::from(shape >> 1);
            let (next_row, next_answer) = (row + 1 + answers, answer + answers);
            if row < rows.end && rows.start < next_row {
                if span.units.is_empty() {
                    span = Span { rows: row..row, units: unit..unit, answers: answer..answer };
                }
                (span.rows.end, span.units.end, span.answers.end) =
                    (next_row, unit + 1, next_answer);
            }
            (row, answer) = (next_row, next_answer);
        }
        span
    }
}

impl<'a> Reader<'a> {
    /// Reads the head of a block's columns, which will be decoded into `scratch`.
    pub fn open(columns: &'a [u8], scratch: &'a Scratch) -> Result<Self, BlockError> {
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
        Ok(Self { rows: rows as usize, units: units as usize, first_start, pieces, scratch })
    }

    /// How many flows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Who sent to whom. `addresses` is the length of the block's [`Dictionary`].
    pub fn ends(&self, addresses: usize) -> Result<Ends<'a>, BlockError> {
        let mut data = self.piece(Column::Ends)?;
        let codes = self.numbers(nested(&mut data)?, self.units, 0..self.units)?;
        let runs = self.numbers(nested(&mut data)?, addresses, 0..addresses)?;
        let steps = self.numbers(nested(&mut data)?, self.units, 0..self.units)?;
        let answers: u64 = codes.iter().map(|shape| shape >> 1 & 1).sum();
        let all: u64 = runs.iter().fold(0, |all, run| all.saturating_add(*run));
        if codes.iter().any(|shape| *shape > 3)
            || self.units as u64 + answers != self.rows as u64
            || all != self.units as u64
            || !data.is_empty()
        {
            return Err(BlockError::Number);
        }
        let mut shapes = self.scratch.octets.take(self.units);
        shapes.iter_mut().zip(codes.iter()).for_each(|(shape, code)| *shape = *code as u8);
        let mut source = self.scratch.ids.take(self.rows + 1);
        let mut destination = self.scratch.ids.take(self.rows + 1);
        let (mut units, mut row) = (steps.iter().zip(shapes.iter()), 0);
        for (near, run) in (0..).zip(runs.iter()) {
            let mut far = 0_u64;
            for (step, shape) in units.by_ref().take(*run as usize) {
                far = far.saturating_add(*step);
                if far >= addresses as u64 {
                    return Err(BlockError::Address);
                }
                let (near, far): (u32, u32) = (near, far as u32);
                let (from, to) = if shape & 1 == 0 { (near, far) } else { (far, near) };
                // The answer is written in any case; where there is none, the next row covers it.
                place(&mut source, row, [from, to])?;
                place(&mut destination, row, [to, from])?;
                row += 1 + usize::from(shape >> 1);
            }
        }
        source.truncate(self.rows);
        destination.truncate(self.rows);
        Ok(Ends { source, destination, shapes })
    }

    /// The octets of each row.
    pub fn bytes(&self, ends: &Ends<'_>, span: &Span) -> Result<Held<'a, u64>, BlockError> {
        self.rows_of(Column::Bytes, ends, span)
    }

    /// The packets of each row.
    pub fn packets(&self, ends: &Ends<'_>, span: &Span) -> Result<Held<'a, u64>, BlockError> {
        self.rows_of(Column::Packets, ends, span)
    }

    /// TCP's flags of each row.
    pub fn flags(&self, ends: &Ends<'_>, span: &Span) -> Result<Held<'a, u64>, BlockError> {
        self.rows_of(Column::Flags, ends, span)
    }

    /// The type of service of each row.
    pub fn tos(&self, ends: &Ends<'_>, span: &Span) -> Result<Held<'a, u64>, BlockError> {
        self.rows_of(Column::Tos, ends, span)
    }

    /// The protocol of each row.
    pub fn protocols(&self, ends: &Ends<'_>, span: &Span) -> Result<Held<'a, u8>, BlockError> {
        let units = self.units_of(Column::Protocol, span)?;
        let mut rows = self.scratch.octets.take(self.rows + 1);
        let mut row = span.rows.start;
        for (protocol, shape) in over(&units, span).zip(over(&ends.shapes, span)) {
            let protocol = narrow(*protocol)?;
            place(&mut rows, row, [protocol, protocol])?;
            row += 1 + usize::from(shape >> 1);
        }
        rows.truncate(self.rows);
        Ok(rows)
    }

    /// The sender's and the receiver's port of each row.
    pub fn ports(&self, ends: &Ends<'_>, span: &Span) -> Result<[Held<'a, u16>; 2], BlockError> {
        let near = self.units_of(Column::NearPort, span)?;
        let far = self.units_of(Column::FarPort, span)?;
        let mut sources = self.scratch.ports.take(self.rows + 1);
        let mut destinations = self.scratch.ports.take(self.rows + 1);
        let mut row = span.rows.start;
        let both = over(&near, span).zip(over(&far, span));
        for ((near, far), shape) in both.zip(over(&ends.shapes, span)) {
            let (near, far): (u16, u16) = (narrow(*near)?, narrow(*far)?);
            let (from, to) = if shape & 1 == 0 { (near, far) } else { (far, near) };
            place(&mut sources, row, [from, to])?;
            place(&mut destinations, row, [to, from])?;
            row += 1 + usize::from(shape >> 1);
        }
        sources.truncate(self.rows);
        destinations.truncate(self.rows);
        Ok([sources, destinations])
    }

    /// The start and the end of each row, in milliseconds since the Unix epoch.
    pub fn times(&self, ends: &Ends<'_>, span: &Span) -> Result<[Held<'a, i64>; 2], BlockError> {
        let [first_starts, later] = self.split(Column::Start, span)?;
        let [durations, longer] = self.split(Column::Duration, span)?;
        let mut starts = self.scratch.times.take(self.rows + 1);
        let mut stops = self.scratch.times.take(self.rows + 1);
        let (mut row, mut answer) = (span.rows.start, span.answers.start);
        let firsts = over(&first_starts, span).zip(over(&durations, span));
        for ((start, lasted), shape) in firsts.zip(over(&ends.shapes, span)) {
            let (start, lasted) = (self.first_start.0.wrapping_add(*start as i64), *lasted as i64);
            let later = start.wrapping_add(unzigzag(value_at(&later, answer)));
            let longer = lasted.wrapping_add(unzigzag(value_at(&longer, answer)));
            place(&mut starts, row, [start, later])?;
            place(&mut stops, row, [start.wrapping_add(lasted), later.wrapping_add(longer)])?;
            row += 1 + usize::from(shape >> 1);
            answer += usize::from(shape >> 1);
        }
        starts.truncate(self.rows);
        stops.truncate(self.rows);
        Ok([starts, stops])
    }

    /// The ways there are, and which of them each row went.
    pub(crate) fn paths(
        &self,
        ends: &Ends<'_>,
        span: &Span,
    ) -> Result<(Vec<Path>, Held<'a, u64>), BlockError> {
        let mut data = self.piece(Column::Path)?;
        let ways = paths::decode(&mut data)?;
        let rows = self.merge(&self.split_of(&mut data, span)?, ends, span)?;
        let spanned = rows.get(span.rows.clone()).unwrap_or_default();
        if spanned.iter().any(|way| *way >= ways.len() as u64) || !data.is_empty() {
            return Err(BlockError::Number);
        }
        Ok((ways, rows))
    }

    /// The autonomous systems of each row's sender and receiver.
    pub fn systems(
        &self,
        ends: &Ends<'_>,
        addresses: usize,
    ) -> Result<[Held<'a, u32>; 2], BlockError> {
        let [from, to] = self.remembered(Column::Systems, ends, addresses)?;
        let narrowed = |values: Held<'a, u64>| {
            let mut systems = self.scratch.ids.take(self.rows);
            for (system, value) in systems.iter_mut().zip(values.iter()) {
                *system = narrow(*value)?;
            }
            Ok(systems)
        };
        Ok([narrowed(from)?, narrowed(to)?])
    }

    /// All flows with all that is known of them.
    pub fn flows(&self, dictionary: &Dictionary) -> Result<Vec<Flow>, BlockError> {
        let ends = self.ends(dictionary.len())?;
        let addresses: Vec<_> = dictionary.iter().collect();
        let all = ends.all();
        let protocols = self.protocols(&ends, &all)?;
        let [source_ports, destination_ports] = self.ports(&ends, &all)?;
        let [starts, stops] = self.times(&ends, &all)?;
        let (bytes, packets) = (self.bytes(&ends, &all)?, self.packets(&ends, &all)?);
        let (flags, tos) = (self.flags(&ends, &all)?, self.tos(&ends, &all)?);
        let (ways, way) = self.paths(&ends, &all)?;
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
                sensor: path.sensor,
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
        ends: &Ends<'_>,
        addresses: usize,
    ) -> Result<[Held<'a, u64>; 2], BlockError> {
        let mut data = self.piece(column)?;
        let mut sources = self.numbers(nested(&mut data)?, self.rows, 0..self.rows)?;
        let mut destinations = self.numbers(nested(&mut data)?, self.rows, 0..self.rows)?;
        // Where nothing was ever told, nothing is remembered.
        if sources.iter().chain(destinations.iter()).all(|value| *value == 0) {
            return Ok([sources, destinations]);
        }
        let mut last = self.scratch.numbers.take(addresses);
        last.fill(0);
        let ids = ends.source.iter().zip(ends.destination.iter());
        for ((from, to), (source, destination)) in
            sources.iter_mut().zip(destinations.iter_mut()).zip(ids)
        {
            for (value, id) in [(from, source), (to, destination)] {
                let last = &mut last[*id as usize];
                *last = value.checked_sub(1).unwrap_or(*last);
                *value = *last;
            }
        }
        Ok([sources, destinations])
    }

    fn rows_of(
        &self,
        column: Column,
        ends: &Ends<'_>,
        span: &Span,
    ) -> Result<Held<'a, u64>, BlockError> {
        self.merge(&self.split(column, span)?, ends, span)
    }

    /// A column whose answers lie behind the flows that they answer.
    fn split(&self, column: Column, span: &Span) -> Result<[Held<'a, u64>; 2], BlockError> {
        let mut data = self.piece(column)?;
        let split = self.split_of(&mut data, span)?;
        if data.is_empty() { Ok(split) } else { Err(BlockError::Number) }
    }

    fn split_of(&self, data: &mut &[u8], span: &Span) -> Result<[Held<'a, u64>; 2], BlockError> {
        let firsts = self.numbers(nested(data)?, self.units, span.units.clone())?;
        let answers = self.rows - self.units;
        Ok([firsts, self.numbers(nested(data)?, answers, span.answers.clone())?])
    }

    fn merge(
        &self,
        [firsts, answers]: &[Held<'_, u64>; 2],
        ends: &Ends<'_>,
        span: &Span,
    ) -> Result<Held<'a, u64>, BlockError> {
        let mut rows = self.scratch.numbers.take(self.rows + 1);
        let (mut row, mut answer) = (span.rows.start, span.answers.start);
        for (first, shape) in over(firsts, span).zip(over(&ends.shapes, span)) {
            place(&mut rows, row, [*first, value_at(answers, answer)])?;
            row += 1 + usize::from(shape >> 1);
            answer += usize::from(shape >> 1);
        }
        rows.truncate(self.rows);
        Ok(rows)
    }

    fn units_of(&self, column: Column, span: &Span) -> Result<Held<'a, u64>, BlockError> {
        let mut data = self.piece(column)?;
        self.numbers(nested(&mut data)?, self.units, span.units.clone())
    }

    fn numbers(
        &self,
        data: &[u8],
        count: usize,
        wanted: Range<usize>,
    ) -> Result<Held<'a, u64>, BlockError> {
        let mut numbers = self.scratch.numbers.take(count);
        ints::decode_part(data, wanted, &mut numbers)?;
        Ok(numbers)
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

/// The values of the units of a span.
fn over<'v, T>(values: &'v [T], span: &Span) -> std::slice::Iter<'v, T> {
    values.get(span.units.clone()).unwrap_or_default().iter()
}

/// Puts a flow in its row and its answer behind it.
#[inline]
fn place<T: Copy>(rows: &mut [T], row: usize, pair: [T; 2]) -> Result<(), BlockError> {
    rows.get_mut(row..row + 2).ok_or(BlockError::Number)?.copy_from_slice(&pair);
    Ok(())
}

/// The answer's value; anything where a flow was not answered.
#[inline]
fn value_at(answers: &[u64], at: usize) -> u64 {
    answers.get(at).copied().unwrap_or(0)
}

fn mac(code: u64) -> Result<Option<Mac>, BlockError> {
    match code.checked_sub(1) {
        Some(bits) if bits >> 48 != 0 => Err(BlockError::Number),
        bits => Ok(bits.map(Mac::from_u64)),
    }
}
