//! Keeps tables, without knowing what is in them.
//!
//! In come closures that speak SQL, from the rooms that own the tables; out go their results, after
//! the commit. All writes pass through one writer thread in batches ([`Store::write`]); reads run on
//! read-only connections of their own ([`Store::read`]). Bulk data lies in one file a day
//! ([`DayKind`]), so that forgetting a day is deleting a file.

mod backup;
mod clock;
mod days;
mod error;
mod maintenance;
mod private;
mod reader;
mod replace;
mod schema;
mod settings;
mod store;
mod vault;
mod writer;

pub use backup::{Backup, check_backup};
pub use clock::{ClockGuard, ClockVerdict, ClockWatch};
pub use days::DayFile;
pub use error::StoreError;
pub use maintenance::{Cleaned, MaintenanceRow, Sizes};
pub use private::{make_private_folder, write_private};
pub use reader::Reading;
pub use replace::{BEFORE_RESTORE, reset, restore};
pub use schema::{DayKind, Migration, Retention, Room};
pub use settings::{SettingVersion, read_setting, write_setting};
pub use store::{Bounds, DATABASE, Health, Options, Store};
pub use vault::{NotOpened, VAULT_KEY, Vault};
pub use writer::Writing;
