//! The router's services: which systemd runs, how they do, and starting, stopping and restarting
//! those that may be.
//!
//! [`list`] says which units concern us and what may be done to them; [`show`] reads what `systemctl`
//! says and [`process`] what `/proc` says of a process; [`watch`] tells what became of a unit from one
//! look to the next. All four are pure; [`ask`] runs the programs.

mod act;
mod ask;
mod list;
mod process;
mod show;
mod watch;

pub(crate) use act::act;
pub use act::{HELPER_SOCKET, answer_helper};
pub(crate) use ask::Services;
pub use ask::{Board, Programs};
pub use list::{Guard, Refusal, Verb, WATCHED, Watched, allowed, is_unit, watched};
pub use process::Process;
pub use show::Unit;
pub(crate) use watch::{News, Watch};
