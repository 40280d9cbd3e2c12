//! The appliance updates itself from a package file, and goes back by itself.
//!
//! In comes a package with its signature. It is verified and judged before anything changes; then
//! the appliance is stopped, its database copied, the package installed, and the new release has a
//! minute to show that it is well. If it is not, the previous package and the copy come back. What
//! happens when is `machine` (pure); `shelf` keeps packages and the state on disk, so that a power
//! cut at any moment is gone on from; `host` does it; `watch`, `candidate` and `signature` judge.

pub mod candidate;
pub mod database;
mod drive;
mod host;
pub mod machine;
pub mod shelf;
mod signature;
mod stage;
pub mod tools;
pub mod watch;

pub use drive::{World, drive};
pub use host::Host;
pub use shelf::{Ended, FOLDER, Shelf, ShelfError};
pub use signature::{SignatureError, verify};
pub use stage::{KEY, StageError, stage, stage_return};
