//! The files by which `VyOS` knows our commands and nodes, made from two XML files.
//!
//! In come `op-mode/panoptikon.xml` and `config-mode/panoptikon.xml`, written in the schema of
//! vyos-1x; out go the templates that its shell and its configuration backend read, the subtrees of
//! its two caches, and the two programs that stand behind them, all as they are installed. Runs
//! when the package is built. `docs/vyos-commands.md` is written from the same XML.

mod config_mode;
mod definition;
mod op_cache;
mod op_mode;
mod page;
mod tree;
mod xml_ref;

pub use definition::{Completion, Constraint, Definition, DefinitionError, Kind, read};
pub use op_cache::{ARGUMENT, subtree as op_cache};
pub use op_mode::{Command, commands};
pub use page::page;
pub use tree::{File, TreeError, files, write};
pub use xml_ref::python as xml_ref;

/// The commands of the operational mode.
pub const OP_MODE: &str = include_str!("../../op-mode/panoptikon.xml");

/// The nodes of the configuration mode.
pub const CONFIG_MODE: &str = include_str!("../../config-mode/panoptikon.xml");
