//! Memory that is used again from block to block: columns are long, and taking them from the
//! system anew for each block costs as much as decoding them.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Room for the columns of one block after the other. Holds what was used at the same time at most.
#[derive(Default)]
pub struct Scratch {
    pub(super) numbers: Pool<u64>,
    pub(super) times: Pool<i64>,
    pub(super) ids: Pool<u32>,
    pub(super) ports: Pool<u16>,
    pub(super) octets: Pool<u8>,
}

/// Lists that nobody uses now.
#[derive(Default)]
pub(super) struct Pool<T>(RefCell<Vec<Vec<T>>>);

impl<T: Copy + Default> Pool<T> {
    /// A list of so many values; which ones is not said.
    pub(super) fn take(&self, length: usize) -> Held<'_, T> {
        let mut values = self.0.borrow_mut().pop().unwrap_or_default();
        values.resize(length, T::default());
        Held { values, pool: self }
    }
}

/// A list that goes back to where it came from.
pub struct Held<'a, T> {
    values: Vec<T>,
    pool: &'a Pool<T>,
}

impl<T> Held<'_, T> {
    pub(super) fn truncate(&mut self, length: usize) {
        self.values.truncate(length);
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.pool.0.borrow_mut().push(std::mem::take(&mut self.values));
    }
}
