//! The room as a whole, on a real store in a folder of its own.

#![allow(clippy::unwrap_used)] // these are tests

// Under the name by which the other rooms know it.
extern crate panoptikon_access as access;

mod audit;
mod house;
mod keys;
mod people;
mod restore;
mod sessions;
mod setup;
mod sign_in;
