//! By which way flows went, and who told of it: interfaces, side, sensor, VLAN and sampling. There
//! are few ways and many flows, so each way is written once and rows name it.

use std::net::IpAddr;

use super::dictionary::{Collector, Dictionary};
use super::ints::{self, read_varint, write_varint};
use super::{BlockError, MAX_ROWS, Nester, nested};
use crate::hash::FastMap;
use crate::{Direction, Flow};

/// What rows of the same way share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) direction: Direction,
    pub(crate) vlan: u16,
    pub(crate) sampling: u32,
    pub(crate) sensor: IpAddr,
}

impl Path {
    fn of(flow: &Flow) -> Self {
        Self {
            input: flow.input,
            output: flow.output,
            direction: flow.direction,
            vlan: flow.vlan,
            sampling: flow.sampling,
            sensor: flow.sensor,
        }
    }
}

/// Gives numbers to ways as they come.
#[derive(Default)]
pub(super) struct Ways {
    paths: Vec<Path>,
    known: FastMap<Path, u32>,
    /// The ways of the last two flows: those of a conversation alternate.
    recent: [u32; 2],
}

impl Ways {
    pub(super) fn add(&mut self, flow: &Flow) -> u32 {
        let path = Path::of(flow);
        let is_it = |id: &&u32| self.paths.get(**id as usize) == Some(&path);
        if let Some(&id) = self.recent.iter().find(is_it) {
            return id;
        }
        let paths = &mut self.paths;
        let id = *self.known.entry(path).or_insert_with(|| {
            paths.push(path);
            paths.len() as u32 - 1
        });
        self.recent = [id, self.recent[0]];
        id
    }

    /// Forgets what it collected, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.paths.clear();
        self.known.clear();
    }

    pub(super) fn encode(&self, nester: &mut Nester, out: &mut Vec<u8>) {
        write_varint(self.paths.len() as u64, out);
        let numbers: [fn(&Path) -> u64; 5] = [
            |path| path.input.into(),
            |path| path.output.into(),
            |path| path.direction.code(),
            |path| path.vlan.into(),
            |path| path.sampling.into(),
        ];
        for number in numbers {
            nester.push(&self.paths.iter().map(number).collect::<Vec<_>>(), false, out);
        }
        let mut sensors = Collector::default();
        let ids: Vec<u32> = self.paths.iter().map(|path| sensors.add(path.sensor)).collect();
        let (sensors, places) = sensors.finish();
        let ids: Vec<u64> = ids.iter().map(|id| places[*id as usize].into()).collect();
        push_dictionary(&sensors, nester, out);
        nester.push(&ids, false, out);
    }
}

/// The ways of a block by their numbers.
pub(super) fn decode(data: &mut &[u8]) -> Result<Vec<Path>, BlockError> {
    let count = usize::try_from(read_varint(data)?).unwrap_or(usize::MAX);
    if count > MAX_ROWS {
        return Err(BlockError::TooMany);
    }
    let mut column = || ints::decode(nested(data)?, count);
    let (inputs, outputs, directions) = (column()?, column()?, column()?);
    let (vlans, samplings) = (column()?, column()?);
    let sensors = take_dictionary(data)?;
    let sensor_ids = ints::decode(nested(data)?, count)?;
    (0..count)
        .map(|row| {
            Ok(Path {
                input: narrow(inputs[row])?,
                output: narrow(outputs[row])?,
                direction: Direction::from_code(directions[row]).ok_or(BlockError::Number)?,
                vlan: narrow(vlans[row])?,
                sampling: narrow(samplings[row])?,
                sensor: sensors
                    .get(narrow::<u32>(sensor_ids[row])? as usize)
                    .ok_or(BlockError::Address)?,
            })
        })
        .collect()
}

/// Appends a dictionary with its length before it.
pub(super) fn push_dictionary(dictionary: &Dictionary, nester: &mut Nester, out: &mut Vec<u8>) {
    let data = dictionary.encode(nester);
    write_varint(data.len() as u64, out);
    out.extend(data);
}

/// Takes what [`push_dictionary`] wrote.
pub(super) fn take_dictionary(data: &mut &[u8]) -> Result<Dictionary, BlockError> {
    Dictionary::decode(nested(data)?)
}

/// A number of a narrower kind, where it fits.
pub(super) fn narrow<T: TryFrom<u64>>(value: u64) -> Result<T, BlockError> {
    T::try_from(value).map_err(|_| BlockError::Number)
}

impl Direction {
    fn code(self) -> u64 {
        match self {
            Self::Unknown => 0,
            Self::Ingress => 1,
            Self::Egress => 2,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Unknown),
            1 => Some(Self::Ingress),
            2 => Some(Self::Egress),
            _ => None,
        }
    }
}
