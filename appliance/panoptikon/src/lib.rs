//! The appliance as one program: command line, configuration, start order, supervision and
//! graceful stop.
//!
//! The rooms below know nothing of each other; this crate opens them in order, hands each what it
//! needs of the others, watches over them, and answers people at the command line. The library
//! exists for its tests; the program is `main.rs`.

pub mod checkup;
pub mod cli;
pub mod config;
pub mod control;
pub mod doctor;
pub mod health;
pub mod lifecycle;
pub mod notify;
pub mod serve;
pub mod supervisor;
pub mod update;
pub mod version;
pub mod vyos_commit;
pub mod vyos_register;
