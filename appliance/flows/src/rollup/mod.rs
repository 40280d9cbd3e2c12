//! What every device, interface, service, country and autonomous system had, minute by minute, hour
//! by hour, day by day, for much longer than the flows themselves are kept.
//!
//! In come blocks of flows as they lie in their days; out go rows of `rollups.db` beside them. How
//! far each day was read stands in the same transaction as the sums that it gave, so that running
//! again adds nothing twice and a kill loses nothing: the sums are those of the flows, exactly.

mod account;
mod ask;
mod gather;
mod keep;
mod months;
mod steps;

pub use account::{AddressBook, Interfaces, Scope, Whose};
pub use ask::{Amounts, Live, RollupRow, Step};
pub use keep::{Ages, RollupError, Rollups, Run};
pub use months::{MonthRow, MonthsKnow, Side, Whereabouts, month_of, month_start};
pub use steps::Steps;

/// Of what sums are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// All together; the key is 0.
    Total = 0,
    /// A device, or what stands for one: see [`Whose::key`].
    Account = 1,
    /// An interface of ours, by its index.
    Interface = 2,
    /// Protocol × 65 536 + the lower port.
    Service = 3,
    /// The two letters of a remote country as a number, first × 256 + second; 0 is not known.
    Country = 4,
    /// The number of a remote autonomous system; 0 is not known.
    System = 5,
}
