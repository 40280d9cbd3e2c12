//! Reads one block after the other into the same memory. In come days and their entries, out go rows.

use super::rows::Rows;
use crate::block::{Dictionary, Reader, Scratch};
use crate::days::{Day, DaysError, Entry};

/// What was read of a block.
#[derive(Default)]
pub(crate) struct Loader {
    addresses: Vec<u8>,
    columns: Vec<u8>,
    dictionary: Dictionary,
    scratch: Scratch,
}

impl Loader {
    /// The addresses of a block.
    pub(crate) fn dictionary(
        &mut self,
        day: &Day,
        entry: &Entry,
    ) -> Result<&Dictionary, DaysError> {
        day.addresses(entry, &mut self.addresses)?;
        self.dictionary
            .read(&self.addresses, &self.scratch)
            .map_err(DaysError::block(&day.file().path))?;
        Ok(&self.dictionary)
    }

    /// The rows of the block whose addresses were read last.
    pub(crate) fn rows(&mut self, day: &Day, entry: &Entry) -> Result<Rows<'_>, DaysError> {
        day.columns(entry, &mut self.columns)?;
        Reader::open(&self.columns, &self.scratch)
            .and_then(|reader| Rows::new(reader, &self.dictionary))
            .map_err(DaysError::block(&day.file().path))
    }
}
