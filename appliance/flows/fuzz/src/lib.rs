//! The codec of blocks alone, so that fuzzing builds no database.
#![allow(dead_code, unused_imports, missing_docs)]

#[path = "../../src/block/mod.rs"]
pub mod block;
#[path = "../../src/flow.rs"]
mod flow;
#[path = "../../src/hash.rs"]
mod hash;

pub use flow::{Direction, Flow, Nat};
