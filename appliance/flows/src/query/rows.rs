//! A block as a question sees it: columns are decoded when first asked for, and once.

use std::cell::OnceCell;

use crate::block::{BlockError, Dictionary, Ends, Path, Reader};
use crate::world::{Geo, Place};

pub(super) struct Rows<'a> {
    reader: Reader<'a>,
    pub(super) dictionary: Dictionary,
    pub(super) ends: Ends,
    bytes: OnceCell<Vec<u64>>,
    packets: OnceCell<Vec<u64>>,
    flags: OnceCell<Vec<u64>>,
    tos: OnceCell<Vec<u64>>,
    protocols: OnceCell<Vec<u8>>,
    ports: OnceCell<(Vec<u16>, Vec<u16>)>,
    times: OnceCell<(Vec<i64>, Vec<i64>)>,
    paths: OnceCell<(Vec<Path>, Vec<u64>)>,
    systems: OnceCell<[Vec<u32>; 2]>,
    places: OnceCell<Vec<Place>>,
}

fn cached<T>(
    cell: &OnceCell<T>,
    read: impl FnOnce() -> Result<T, BlockError>,
) -> Result<&T, BlockError> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}

impl<'a> Rows<'a> {
    pub(super) fn new(reader: Reader<'a>, dictionary: Dictionary) -> Result<Self, BlockError> {
        let ends = reader.ends(dictionary.len())?;
        Ok(Self {
            reader,
            dictionary,
            ends,
            bytes: OnceCell::new(),
            packets: OnceCell::new(),
            flags: OnceCell::new(),
            tos: OnceCell::new(),
            protocols: OnceCell::new(),
            ports: OnceCell::new(),
            times: OnceCell::new(),
            paths: OnceCell::new(),
            systems: OnceCell::new(),
            places: OnceCell::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.reader.rows()
    }

    pub(super) fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    pub(super) fn bytes(&self) -> Result<&[u64], BlockError> {
        cached(&self.bytes, || self.reader.bytes(&self.ends)).map(Vec::as_slice)
    }

    pub(super) fn packets(&self) -> Result<&[u64], BlockError> {
        cached(&self.packets, || self.reader.packets(&self.ends)).map(Vec::as_slice)
    }

    pub(super) fn flags(&self) -> Result<&[u64], BlockError> {
        cached(&self.flags, || self.reader.flags(&self.ends)).map(Vec::as_slice)
    }

    pub(super) fn tos(&self) -> Result<&[u64], BlockError> {
        cached(&self.tos, || self.reader.tos(&self.ends)).map(Vec::as_slice)
    }

    pub(super) fn protocols(&self) -> Result<&[u8], BlockError> {
        cached(&self.protocols, || self.reader.protocols(&self.ends)).map(Vec::as_slice)
    }

    /// The senders' ports and the receivers'.
    pub(super) fn ports(&self) -> Result<&(Vec<u16>, Vec<u16>), BlockError> {
        cached(&self.ports, || self.reader.ports(&self.ends))
    }

    /// Starts and ends.
    pub(super) fn times(&self) -> Result<&(Vec<i64>, Vec<i64>), BlockError> {
        cached(&self.times, || self.reader.times(&self.ends))
    }

    /// The ways there are, and which of them each row went.
    pub(super) fn paths(&self) -> Result<&(Vec<Path>, Vec<u64>), BlockError> {
        cached(&self.paths, || self.reader.paths(&self.ends))
    }

    /// The autonomous systems of senders and receivers, as told or else by the place.
    pub(super) fn systems(&self, geo: &dyn Geo) -> Result<&[Vec<u32>; 2], BlockError> {
        let places = self.places(geo);
        cached(&self.systems, || {
            let mut systems = self.reader.systems(&self.ends, self.dictionary.len())?;
            let ids = [&self.ends.source, &self.ends.destination];
            for (systems, ids) in systems.iter_mut().zip(ids) {
                for (system, id) in systems.iter_mut().zip(ids).filter(|(system, _)| **system == 0)
                {
                    *system = places[*id as usize].system.unwrap_or(0);
                }
            }
            Ok(systems)
        })
    }

    /// Where each address of the dictionary is.
    pub(super) fn places(&self, geo: &dyn Geo) -> &[Place] {
        self.places
            .get_or_init(|| self.dictionary.iter().map(|address| geo.place(address)).collect())
    }
}
