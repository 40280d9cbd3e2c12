//! Flows become a block.

use model::{Mac, Timestamp};

use super::dictionary::Collector;
use super::ints::{write_varint, zigzag};
use super::paths::{Ways, push_dictionary};
use super::{BlockError, Column, MAGIC, MAX_ROWS, Nester};
use crate::Flow;

/// Flows in columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// How many flows.
    pub flows: usize,
    /// The earliest start.
    pub first_start: Timestamp,
    /// The latest start.
    pub last_start: Timestamp,
    /// The latest end.
    pub last_end: Timestamp,
    /// The addresses of senders and receivers, for [`Dictionary`](super::Dictionary).
    pub addresses: Vec<u8>,
    /// Everything else, for [`Reader`](super::Reader).
    pub columns: Vec<u8>,
}

/// Puts flows in order and in columns.
///
/// Fails where there are more than [`MAX_ROWS`].
pub fn encode(flows: &[Flow]) -> Result<Block, BlockError> {
    Encoder::default().encode(flows)
}

/// Makes one block after the other in the same memory.
#[derive(Default)]
pub struct Encoder {
    collector: Collector,
    ids: Vec<(u32, u32)>,
    order: Order,
    staged: Vec<Staged>,
    columns: Columns,
    nester: Nester,
}

/// What every flow has: flows are put in order from here, because they are much larger than what of
/// them is asked for at a time, and a row lies in one or two lines of the processor's caches.
struct Staged {
    start: i64,
    lasted: i64,
    bytes: u64,
    packets: u64,
    path: u32,
    source_port: u16,
    destination_port: u16,
    protocol: u8,
    flags: u8,
    tos: u8,
}

impl Staged {
    fn of(flow: &Flow, path: u32) -> Self {
        Self {
            start: flow.start.0,
            // Wraps where its times are nonsense.
            lasted: flow.end.0.wrapping_sub(flow.start.0),
            bytes: flow.bytes,
            packets: flow.packets,
            path,
            source_port: flow.source_port,
            destination_port: flow.destination_port,
            protocol: flow.protocol,
            flags: flow.tcp_flags,
            tos: flow.tos,
        }
    }
}

impl Encoder {
    /// As [`encode`].
    pub fn encode(&mut self, flows: &[Flow]) -> Result<Block, BlockError> {
        if flows.len() > MAX_ROWS {
            return Err(BlockError::TooMany);
        }
        self.collector.clear();
        self.ids.clear();
        self.staged.clear();
        self.columns.ways.clear();
        let (collector, staged, ways) =
            (&mut self.collector, &mut self.staged, &mut self.columns.ways);
        let mut extras = Extras::default();
        let (mut first_start, mut last_start) = (Timestamp(i64::MAX), Timestamp(i64::MIN));
        let mut last_end = Timestamp(i64::MIN);
        self.ids.extend(flows.iter().map(|flow| {
            extras.see(flow);
            staged.push(Staged::of(flow, ways.add(flow)));
            first_start = first_start.min(flow.start);
            last_start = last_start.max(flow.start);
            last_end = last_end.max(flow.end);
            (collector.add(flow.source), collector.add(flow.destination))
        }));
        if flows.is_empty() {
            (first_start, last_start, last_end) = Default::default();
        }
        let (dictionary, places) = collector.finish();
        for (source, destination) in &mut self.ids {
            (*source, *destination) = (places[*source as usize], places[*destination as usize]);
        }
        self.order.sort(&self.staged, &self.ids, dictionary.len(), first_start);
        self.columns.clear(dictionary.len(), extras);
        self.columns.gather(flows, &self.staged, (&self.ids, &self.order.places), first_start);
        let mut addresses = dictionary.encode(&mut self.nester);
        addresses.extend(crc32fast::hash(&addresses).to_le_bytes());
        Ok(Block {
            flows: flows.len(),
            first_start,
            last_start,
            last_end,
            addresses,
            columns: self.columns.write(flows.len(), first_start, &mut self.nester),
        })
    }
}

/// What few exporters tell, and need not be looked for where no flow has it.
#[derive(Default, Clone, Copy)]
struct Extras {
    systems: bool,
    macs: bool,
    nat: bool,
}

impl Extras {
    fn see(&mut self, flow: &Flow) {
        self.systems |= flow.source_as | flow.destination_as != 0;
        self.macs |= flow.source_mac.is_some() || flow.destination_mac.is_some();
        self.nat |= flow.nat.is_some();
    }
}

/// A flow's place: from the highest bit near end (18), far end (18), protocol (8), far port (16),
/// near port (16), which a flow and its answer share; start (31), whether it was sent to the near
/// end (1), and its row (16). The near end is the one that more flows of the block have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u128);

impl Place {
    fn conversation(self) -> u128 {
        self.0 >> 48
    }

    fn near(self) -> usize {
        (self.0 >> 106) as usize
    }

    fn far(self) -> u64 {
        (self.0 >> 88) as u64 & 0x3_ffff
    }

    fn turned(self) -> bool {
        self.0 >> 16 & 1 != 0
    }

    fn row(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

/// Starts later than so many milliseconds after the first are alike: 24 days.
const LATEST: u64 = (1 << 31) - 1;

/// Flows by ends, protocol, ports and start.
#[derive(Default)]
struct Order {
    places: Vec<Place>,
    unsorted: Vec<Place>,
}

impl Order {
    fn sort(&mut self, flows: &[Staged], ids: &[(u32, u32)], addresses: usize, first: Timestamp) {
        let mut counts = vec![0_u32; addresses];
        for (source, destination) in ids {
            counts[*source as usize] += 1;
            counts[*destination as usize] += 1;
        }
        let rank = |id: u32| (counts[id as usize], u32::MAX - id);
        // Where the flows of each near end begin.
        let mut begins = vec![0_u32; addresses + 1];
        self.unsorted.clear();
        self.unsorted.extend((0_u128..).zip(flows.iter().zip(ids)).map(|(row, (flow, ends))| {
            let turned = rank(ends.1) > rank(ends.0);
            let (near, far) = if turned { (ends.1, ends.0) } else { *ends };
            let (mut near_port, mut far_port) = (flow.source_port, flow.destination_port);
            if turned {
                std::mem::swap(&mut near_port, &mut far_port);
            }
            begins[near as usize + 1] += 1;
            let late = (flow.start.wrapping_sub(first.0) as u64).min(LATEST);
            let late = late << 17 | u64::from(turned) << 16;
            let ends = u64::from(near) << 42 | u64::from(far) << 24;
            let ends = ends | u64::from(flow.protocol) << 16 | u64::from(far_port);
            Place(u128::from(ends) << 64 | u128::from(near_port) << 48 | u128::from(late) | row)
        }));
        let mut sum = 0;
        for begin in &mut begins {
            sum += *begin;
            *begin = sum;
        }
        self.places.clear();
        self.places.resize(self.unsorted.len(), Place(0));
        let mut next = begins.clone();
        for place in &self.unsorted {
            let next = &mut next[place.near()];
            self.places[*next as usize] = *place;
            *next += 1;
        }
        // Many short sorts stay in the processor's caches.
        for ends in begins.windows(2) {
            self.places[ends[0] as usize..ends[1] as usize].sort_unstable();
        }
    }
}

/// A column of rows: of those that begin a unit, and of those that answer them.
#[derive(Default)]
struct Split {
    firsts: Vec<u64>,
    answers: Vec<u64>,
}

impl Split {
    #[inline]
    fn push(&mut self, value: u64, answer: bool) {
        if answer { self.answers.push(value) } else { self.firsts.push(value) }
    }

    fn clear(&mut self) {
        self.firsts.clear();
        self.answers.clear();
    }

    fn write(&self, frequent: bool, nester: &mut Nester, out: &mut Vec<u8>) {
        nester.push(&self.firsts, frequent, out);
        nester.push(&self.answers, frequent, out);
    }
}

/// Numbers of a translation; each is 0 for what is not translated, else one more than it is.
#[derive(Default)]
struct Translations {
    told: Vec<u64>,
    collector: Collector,
    addresses: Vec<Option<u32>>,
    source_ports: Vec<u64>,
    destination_ports: Vec<u64>,
}

impl Translations {
    fn push(&mut self, flow: &Flow) {
        self.told.push(flow.nat.is_some().into());
        let Some(nat) = flow.nat else { return };
        for (after, before) in [(nat.source, flow.source), (nat.destination, flow.destination)] {
            self.addresses.push((after != before).then(|| self.collector.add(after)));
        }
        let port = |after: u16, before| if after == before { 0 } else { u64::from(after) + 1 };
        self.source_ports.push(port(nat.source_port, flow.source_port));
        self.destination_ports.push(port(nat.destination_port, flow.destination_port));
    }

    fn clear(&mut self) {
        self.told.clear();
        self.collector.clear();
        self.addresses.clear();
        self.source_ports.clear();
        self.destination_ports.clear();
    }

    fn write(&self, nester: &mut Nester, out: &mut Vec<u8>) {
        nester.push(&self.told, false, out);
        let (dictionary, places) = self.collector.finish();
        push_dictionary(&dictionary, nester, out);
        let name = |id: &Option<u32>| id.map_or(0, |id| u64::from(places[id as usize]) + 1);
        let addresses: Vec<u64> = self.addresses.iter().map(name).collect();
        nester.push(&addresses, false, out);
        nester.push(&self.source_ports, true, out);
        nester.push(&self.destination_ports, true, out);
    }
}

/// What was last told of an address, so that telling it again costs nearly nothing.
#[derive(Default)]
struct Memory {
    last: Vec<u64>,
    news: [Vec<u64>; 2],
}

impl Memory {
    fn clear(&mut self, addresses: usize) {
        self.last.clear();
        self.last.resize(addresses, 0);
        self.news.iter_mut().for_each(Vec::clear);
    }

    fn push(&mut self, ends: (u32, u32), values: [u64; 2]) {
        for ((id, value), news) in [ends.0, ends.1].into_iter().zip(values).zip(&mut self.news) {
            let last = &mut self.last[id as usize];
            news.push(if *last == value { 0 } else { value + 1 });
            *last = value;
        }
    }

    fn write(&self, nester: &mut Nester, out: &mut Vec<u8>) {
        self.news.iter().for_each(|news| nester.push(news, true, out));
    }
}

/// 0 for no address, else one more than it is as a number.
fn mac_code(mac: Option<Mac>) -> u64 {
    mac.map_or(0, |mac| mac.to_u64() + 1)
}

/// Columns of what no flow has stay empty, and are written as zeros.
#[derive(Default)]
struct Columns {
    shapes: Vec<u64>,
    runs: Vec<u64>,
    far: Vec<u64>,
    protocols: Vec<u64>,
    near_ports: Vec<u64>,
    far_ports: Vec<u64>,
    starts: Split,
    durations: Split,
    bytes: Split,
    packets: Split,
    flags: Split,
    tos: Split,
    paths: Split,
    ways: Ways,
    systems: Memory,
    macs: Memory,
    nat: Translations,
    extras: Extras,
}

impl Columns {
    fn clear(&mut self, addresses: usize, extras: Extras) {
        self.extras = extras;
        self.runs.clear();
        self.runs.resize(addresses, 0);
        let units = [
            &mut self.shapes,
            &mut self.far,
            &mut self.protocols,
            &mut self.near_ports,
            &mut self.far_ports,
        ];
        units.into_iter().for_each(Vec::clear);
        let rows = [
            &mut self.starts,
            &mut self.durations,
            &mut self.bytes,
            &mut self.packets,
            &mut self.flags,
            &mut self.tos,
            &mut self.paths,
        ];
        rows.into_iter().for_each(Split::clear);
        self.systems.clear(addresses);
        self.macs.clear(addresses);
        self.nat.clear();
    }

    fn gather(
        &mut self,
        flows: &[Flow],
        staged: &[Staged],
        (ids, order): (&[(u32, u32)], &[Place]),
        first_start: Timestamp,
    ) {
        let mut rest = order;
        let mut before: Option<Place> = None;
        while let Some((place, after)) = rest.split_first() {
            let answer = after.first().filter(|next| {
                next.conversation() == place.conversation() && next.turned() != place.turned()
            });
            self.begin(*place, before, answer.is_some());
            let row = place.row();
            let first = &staged[row];
            let started = first.start.wrapping_sub(first_start.0) as u64;
            self.row(first, (started, first.lasted as u64), false);
            self.extras(flows, row, ids[row]);
            rest = after;
            if let Some(answer) = answer {
                let row = answer.row();
                let second = &staged[row];
                let later = zigzag(second.start.wrapping_sub(first.start));
                let longer = zigzag(second.lasted.wrapping_sub(first.lasted));
                self.row(second, (later, longer), true);
                self.extras(flows, row, ids[row]);
                rest = &after[1..];
            }
            before = Some(*place);
        }
    }

    /// What a flow and its answer share.
    fn begin(&mut self, place: Place, before: Option<Place>, answered: bool) {
        self.shapes.push(u64::from(place.turned()) | u64::from(answered) << 1);
        self.runs[place.near()] += 1;
        let base = before.filter(|before| before.near() == place.near()).map_or(0, Place::far);
        self.far.push(place.far() - base);
        self.protocols.push((place.0 >> 80) as u64 & 0xff);
        self.far_ports.push((place.0 >> 64) as u64 & 0xffff);
        self.near_ports.push((place.0 >> 48) as u64 & 0xffff);
    }

    #[inline]
    fn row(&mut self, flow: &Staged, (start, duration): (u64, u64), answer: bool) {
        self.starts.push(start, answer);
        self.durations.push(duration, answer);
        self.bytes.push(flow.bytes, answer);
        self.packets.push(flow.packets, answer);
        self.flags.push(flow.flags.into(), answer);
        self.tos.push(flow.tos.into(), answer);
        self.paths.push(flow.path.into(), answer);
    }

    #[inline]
    fn extras(&mut self, flows: &[Flow], row: usize, ends: (u32, u32)) {
        let Extras { systems, macs, nat } = self.extras;
        if !systems && !macs && !nat {
            return;
        }
        let flow = &flows[row];
        if systems {
            self.systems.push(ends, [flow.source_as.into(), flow.destination_as.into()]);
        }
        if macs {
            self.macs.push(ends, [mac_code(flow.source_mac), mac_code(flow.destination_mac)]);
        }
        if nat {
            self.nat.push(flow);
        }
    }

    fn write(&self, rows: usize, first_start: Timestamp, nester: &mut Nester) -> Vec<u8> {
        let mut pieces = Vec::new();
        let mut head = Vec::new();
        write_varint(rows as u64, &mut head);
        write_varint(self.shapes.len() as u64, &mut head);
        head.extend(first_start.0.to_le_bytes());
        for (column, _) in Column::ALL {
            let begin = pieces.len();
            self.write_column(column, nester, &mut pieces);
            let piece = &pieces[begin..];
            write_varint(piece.len() as u64, &mut head);
            head.extend(crc32fast::hash(piece).to_le_bytes());
        }
        let mut out = Vec::with_capacity(pieces.len() + head.len() + 16);
        out.extend(MAGIC);
        out.extend(crc32fast::hash(&head).to_le_bytes());
        write_varint(head.len() as u64, &mut out);
        out.extend(head);
        out.extend(pieces);
        out
    }

    fn write_column(&self, column: Column, nester: &mut Nester, out: &mut Vec<u8>) {
        match column {
            Column::Ends => {
                nester.push(&self.shapes, false, out);
                nester.push(&self.runs, false, out);
                nester.push(&self.far, false, out);
            }
            Column::Protocol => nester.push(&self.protocols, true, out),
            Column::NearPort => nester.push(&self.near_ports, true, out),
            Column::FarPort => nester.push(&self.far_ports, true, out),
            Column::Start => self.starts.write(false, nester, out),
            Column::Duration => self.durations.write(false, nester, out),
            Column::Bytes => self.bytes.write(true, nester, out),
            Column::Packets => self.packets.write(false, nester, out),
            Column::Flags => self.flags.write(true, nester, out),
            Column::Tos => self.tos.write(true, nester, out),
            Column::Path => {
                self.ways.encode(nester, out);
                self.paths.write(false, nester, out);
            }
            Column::Systems => self.systems.write(nester, out),
            Column::Macs => self.macs.write(nester, out),
            Column::Nat => self.nat.write(nester, out),
        }
    }
}
