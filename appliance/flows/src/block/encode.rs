//! Flows become a block.

use model::{Mac, Timestamp};

use super::dictionary::Collector;
use super::ints::{write_varint, zigzag};
use super::paths::{Ways, push_dictionary};
use super::{BlockError, Column, MAGIC, MAX_ROWS, push_nested};
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
    if flows.len() > MAX_ROWS {
        return Err(BlockError::TooMany);
    }
    let mut collector = Collector::default();
    let ids: Vec<(u32, u32)> = flows
        .iter()
        .map(|flow| (collector.add(flow.source), collector.add(flow.destination)))
        .collect();
    let (dictionary, places) = collector.finish();
    let ids: Vec<(u32, u32)> =
        ids.into_iter().map(|(a, b)| (places[a as usize], places[b as usize])).collect();
    let first_start = flows.iter().map(|flow| flow.start).min().unwrap_or_default();
    let order = order(flows, &ids, dictionary.len(), first_start);
    let columns = Columns::gather(flows, &ids, &order, dictionary.len(), first_start);
    let seal = crc32fast::hash;
    let mut addresses = dictionary.encode();
    addresses.extend(seal(&addresses).to_le_bytes());
    Ok(Block {
        flows: flows.len(),
        first_start,
        last_start: flows.iter().map(|flow| flow.start).max().unwrap_or_default(),
        last_end: flows.iter().map(|flow| flow.end).max().unwrap_or_default(),
        addresses,
        columns: columns.write(flows.len(), first_start),
    })
}

/// A flow's place, as the end that more flows of the block have, and whether it was sent there.
#[derive(Clone, Copy)]
struct Place {
    key: u128,
    row: u32,
}

impl Place {
    /// Near end, far end, protocol, far port, near port: what a flow and its answer share.
    fn conversation(self) -> u128 {
        self.key >> 48
    }

    fn near(self) -> usize {
        (self.key >> 106) as usize
    }

    fn far(self) -> u64 {
        (self.key >> 88) as u64 & 0x3_ffff
    }

    fn turned(self) -> bool {
        self.key & 1 != 0
    }
}

/// Flows by ends, protocol, ports and start.
fn order(flows: &[Flow], ids: &[(u32, u32)], addresses: usize, first: Timestamp) -> Vec<Place> {
    let mut counts = vec![0_u32; addresses];
    for (source, destination) in ids {
        counts[*source as usize] += 1;
        counts[*destination as usize] += 1;
    }
    let rank = |id: u32| (counts[id as usize], u32::MAX - id);
    let mut order: Vec<Place> = (0..)
        .zip(flows.iter().zip(ids))
        .map(|(row, (flow, &(source, destination)))| {
            let turned = rank(destination) > rank(source);
            let (near, far) = if turned { (destination, source) } else { (source, destination) };
            let (mut near_port, mut far_port) = (flow.source_port, flow.destination_port);
            if turned {
                std::mem::swap(&mut near_port, &mut far_port);
            }
            // Later than 2^47 ms after the first: their order among themselves is of no matter.
            let late = (flow.start.0.wrapping_sub(first.0) as u64).min((1 << 47) - 1);
            let key = u128::from(near) << 106
                | u128::from(far) << 88
                | u128::from(flow.protocol) << 80
                | u128::from(far_port) << 64
                | u128::from(near_port) << 48
                | u128::from(late) << 1
                | u128::from(turned);
            Place { key, row }
        })
        .collect();
    order.sort_unstable_by_key(|place| (place.key, place.row));
    order
}

/// A column of rows: of those that begin a unit, and of those that answer them.
#[derive(Default)]
struct Split {
    firsts: Vec<u64>,
    answers: Vec<u64>,
}

impl Split {
    fn push(&mut self, value: u64, answer: bool) {
        if answer { self.answers.push(value) } else { self.firsts.push(value) }
    }

    fn write(&self, frequent: bool) -> Vec<u8> {
        let mut out = Vec::new();
        push_nested(&self.firsts, frequent, &mut out);
        push_nested(&self.answers, frequent, &mut out);
        out
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

    fn write(self) -> Vec<u8> {
        let mut out = Vec::new();
        push_nested(&self.told, false, &mut out);
        let (dictionary, places) = self.collector.finish();
        push_dictionary(&dictionary, &mut out);
        let name = |id: &Option<u32>| id.map_or(0, |id| u64::from(places[id as usize]) + 1);
        let addresses: Vec<u64> = self.addresses.iter().map(name).collect();
        push_nested(&addresses, false, &mut out);
        push_nested(&self.source_ports, true, &mut out);
        push_nested(&self.destination_ports, true, &mut out);
        out
    }
}

/// What was last told of an address, so that telling it again costs nearly nothing.
struct Memory {
    last: Vec<u64>,
    news: [Vec<u64>; 2],
}

impl Memory {
    fn new(addresses: usize) -> Self {
        Self { last: vec![0; addresses], news: Default::default() }
    }

    fn push(&mut self, ends: (u32, u32), values: [u64; 2]) {
        for ((id, value), news) in [ends.0, ends.1].into_iter().zip(values).zip(&mut self.news) {
            let last = &mut self.last[id as usize];
            news.push(if *last == value { 0 } else { value + 1 });
            *last = value;
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.news.iter().for_each(|news| push_nested(news, true, &mut out));
        out
    }
}

/// 0 for no address, else one more than it is as a number.
fn mac_code(mac: Option<Mac>) -> u64 {
    mac.map_or(0, |mac| mac.to_u64() + 1)
}

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
}

impl Columns {
    fn gather(
        flows: &[Flow],
        ids: &[(u32, u32)],
        order: &[Place],
        addresses: usize,
        first_start: Timestamp,
    ) -> Self {
        let mut columns = Self {
            shapes: Vec::new(),
            runs: vec![0; addresses],
            far: Vec::new(),
            protocols: Vec::new(),
            near_ports: Vec::new(),
            far_ports: Vec::new(),
            starts: Split::default(),
            durations: Split::default(),
            bytes: Split::default(),
            packets: Split::default(),
            flags: Split::default(),
            tos: Split::default(),
            paths: Split::default(),
            ways: Ways::default(),
            systems: Memory::new(addresses),
            macs: Memory::new(addresses),
            nat: Translations::default(),
        };
        let mut rest = order;
        let mut before: Option<Place> = None;
        while let Some((place, after)) = rest.split_first() {
            let answer = after.first().filter(|next| {
                next.conversation() == place.conversation() && next.turned() != place.turned()
            });
            columns.begin(*place, before, answer.is_some());
            let flow = &flows[place.row as usize];
            let started = flow.start.0.wrapping_sub(first_start.0) as u64;
            columns.row(flow, ids[place.row as usize], started, lasted(flow) as u64, false);
            rest = after;
            if let Some(answer) = answer {
                let reply = &flows[answer.row as usize];
                let later = zigzag(reply.start.0.wrapping_sub(flow.start.0));
                let longer = zigzag(lasted(reply).wrapping_sub(lasted(flow)));
                columns.row(reply, ids[answer.row as usize], later, longer, true);
                rest = &after[1..];
            }
            before = Some(*place);
        }
        columns
    }

    /// What a flow and its answer share.
    fn begin(&mut self, place: Place, before: Option<Place>, answered: bool) {
        self.shapes.push(u64::from(place.turned()) | u64::from(answered) << 1);
        self.runs[place.near()] += 1;
        let base = before.filter(|before| before.near() == place.near()).map_or(0, Place::far);
        self.far.push(place.far() - base);
        self.protocols.push((place.key >> 80) as u64 & 0xff);
        self.far_ports.push((place.key >> 64) as u64 & 0xffff);
        self.near_ports.push((place.key >> 48) as u64 & 0xffff);
    }

    fn row(&mut self, flow: &Flow, ends: (u32, u32), start: u64, duration: u64, answer: bool) {
        self.starts.push(start, answer);
        self.durations.push(duration, answer);
        self.bytes.push(flow.bytes, answer);
        self.packets.push(flow.packets, answer);
        self.flags.push(flow.tcp_flags.into(), answer);
        self.tos.push(flow.tos.into(), answer);
        let path = self.ways.add(flow);
        self.paths.push(path, answer);
        self.systems.push(ends, [flow.source_as.into(), flow.destination_as.into()]);
        self.macs.push(ends, [mac_code(flow.source_mac), mac_code(flow.destination_mac)]);
        self.nat.push(flow);
    }

    fn write(self, rows: usize, first_start: Timestamp) -> Vec<u8> {
        let mut ends = Vec::new();
        push_nested(&self.shapes, false, &mut ends);
        push_nested(&self.runs, false, &mut ends);
        push_nested(&self.far, false, &mut ends);
        let units = |values: &[u64]| {
            let mut out = Vec::new();
            push_nested(values, true, &mut out);
            out
        };
        let mut paths = Vec::new();
        self.ways.encode(&mut paths);
        paths.extend(self.paths.write(false));
        let written = |column| match column {
            Column::Protocol => units(&self.protocols),
            Column::NearPort => units(&self.near_ports),
            Column::FarPort => units(&self.far_ports),
            Column::Start => self.starts.write(false),
            Column::Duration => self.durations.write(false),
            Column::Bytes => self.bytes.write(true),
            Column::Packets => self.packets.write(false),
            Column::Flags => self.flags.write(true),
            Column::Tos => self.tos.write(true),
            Column::Systems => self.systems.write(),
            Column::Macs => self.macs.write(),
            Column::Ends | Column::Path | Column::Nat => Vec::new(),
        };
        let mut pieces: Vec<Vec<u8>> =
            Column::ALL.iter().map(|(column, _)| written(*column)).collect();
        pieces[Column::Ends as usize] = ends;
        pieces[Column::Path as usize] = paths;
        pieces[Column::Nat as usize] = self.nat.write();

        let mut head = Vec::new();
        write_varint(rows as u64, &mut head);
        write_varint(self.shapes.len() as u64, &mut head);
        head.extend(first_start.0.to_le_bytes());
        for piece in &pieces {
            write_varint(piece.len() as u64, &mut head);
            head.extend(crc32fast::hash(piece).to_le_bytes());
        }
        let mut out = MAGIC.to_vec();
        out.extend(crc32fast::hash(&head).to_le_bytes());
        write_varint(head.len() as u64, &mut out);
        out.extend(head);
        out.extend(pieces.concat());
        out
    }
}

/// How long a flow took, in milliseconds; wraps where its times are nonsense.
fn lasted(flow: &Flow) -> i64 {
    flow.end.0.wrapping_sub(flow.start.0)
}
