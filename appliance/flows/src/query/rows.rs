//! A block as a question sees it: columns are decoded when first asked for, and once.

use std::cell::{OnceCell, RefCell};
use std::ops::Range;

use crate::Nat;
use crate::block::{BlockError, Dictionary, Ends, Held, Path, Reader, Span};
use crate::world::{Geo, Place};

pub(crate) struct Rows<'a> {
    reader: Reader<'a>,
    pub(crate) dictionary: &'a Dictionary,
    pub(crate) ends: Ends<'a>,
    span: RefCell<Span>,
    bytes: OnceCell<Held<'a, u64>>,
    packets: OnceCell<Held<'a, u64>>,
    flags: OnceCell<Held<'a, u64>>,
    tos: OnceCell<Held<'a, u64>>,
    protocols: OnceCell<Held<'a, u8>>,
    ports: OnceCell<[Held<'a, u16>; 2]>,
    times: OnceCell<[Held<'a, i64>; 2]>,
    paths: OnceCell<(Vec<Path>, Held<'a, u64>)>,
    systems: OnceCell<[Held<'a, u32>; 2]>,
    places: OnceCell<Vec<Place>>,
    translations: OnceCell<Vec<Option<Nat>>>,
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
    pub(crate) fn new(reader: Reader<'a>, dictionary: &'a Dictionary) -> Result<Self, BlockError> {
        let ends = reader.ends(dictionary.len())?;
        let span = RefCell::new(ends.all());
        Ok(Self {
            reader,
            dictionary,
            ends,
            span,
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
            translations: OnceCell::new(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.reader.rows()
    }

    pub(crate) fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    /// The rows that are still asked for. Columns that are decoded from now on tell nothing of
    /// others.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.borrow().rows.clone()
    }

    /// Says that only rows of a mask will be asked for.
    pub(crate) fn narrow(&self, mask: &[bool]) {
        let first = mask.iter().position(|met| *met).unwrap_or(0);
        let end = mask.iter().rposition(|met| *met).map_or(0, |last| last + 1);
        if end - first < self.span().len() {
            self.span.replace(self.ends.span(first..end));
        }
    }

    pub(crate) fn bytes(&self) -> Result<&[u64], BlockError> {
        self.column(&self.bytes, Reader::bytes)
    }

    pub(crate) fn packets(&self) -> Result<&[u64], BlockError> {
        self.column(&self.packets, Reader::packets)
    }

    pub(crate) fn flags(&self) -> Result<&[u64], BlockError> {
        self.column(&self.flags, Reader::flags)
    }

    pub(crate) fn tos(&self) -> Result<&[u64], BlockError> {
        self.column(&self.tos, Reader::tos)
    }

    pub(crate) fn protocols(&self) -> Result<&[u8], BlockError> {
        cached(&self.protocols, || self.reader.protocols(&self.ends, &self.span.borrow()))
            .map(|held| &**held)
    }

    /// The senders' ports and the receivers'.
    pub(crate) fn ports(&self) -> Result<[&[u16]; 2], BlockError> {
        cached(&self.ports, || self.reader.ports(&self.ends, &self.span.borrow()))
            .map(|[from, to]| [&**from, &**to])
    }

    /// Starts and ends.
    pub(crate) fn times(&self) -> Result<[&[i64]; 2], BlockError> {
        cached(&self.times, || self.reader.times(&self.ends, &self.span.borrow()))
            .map(|[starts, ends]| [&**starts, &**ends])
    }

    /// The ways there are, and which of them each row went.
    pub(crate) fn paths(&self) -> Result<(&[Path], &[u64]), BlockError> {
        cached(&self.paths, || self.reader.paths(&self.ends, &self.span.borrow()))
            .map(|(ways, way)| (&**ways, &**way))
    }

    fn column<'s>(
        &'s self,
        cell: &'s OnceCell<Held<'a, u64>>,
        read: impl FnOnce(&Reader<'a>, &Ends<'_>, &Span) -> Result<Held<'a, u64>, BlockError>,
    ) -> Result<&'s [u64], BlockError> {
        cached(cell, || read(&self.reader, &self.ends, &self.span.borrow())).map(|held| &**held)
    }

    /// The autonomous systems of senders and receivers, as told or else by the place.
    pub(crate) fn systems(&self, geo: &dyn Geo) -> Result<[&[u32]; 2], BlockError> {
        let places = self.places(geo);
        cached(&self.systems, || {
            let mut systems = self.reader.systems(&self.ends, self.dictionary.len())?;
            let ids = [&*self.ends.source, &*self.ends.destination];
            for (systems, ids) in systems.iter_mut().zip(ids) {
                for (system, id) in systems.iter_mut().zip(ids).filter(|(system, _)| **system == 0)
                {
                    *system = places[*id as usize].system.unwrap_or(0);
                }
            }
            Ok(systems)
        })
        .map(|[from, to]| [&**from, &**to])
    }

    /// What became of the addresses and ports of each row. Reads all columns: it is asked for rarely.
    pub(crate) fn translations(&self) -> Result<&[Option<Nat>], BlockError> {
        let read = || {
            let flows = self.reader.flows(self.dictionary)?;
            Ok(flows.iter().map(|flow| flow.nat).collect())
        };
        cached(&self.translations, read).map(Vec::as_slice)
    }

    /// Where each address of the dictionary is.
    pub(crate) fn places(&self, geo: &dyn Geo) -> &[Place] {
        self.places
            .get_or_init(|| self.dictionary.iter().map(|address| geo.place(address)).collect())
    }
}
