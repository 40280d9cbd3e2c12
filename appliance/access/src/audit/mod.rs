//! The audit log: who did what, when, from where, and a chain of hashes that shows tampering.
//!
//! [`record`] goes into the same transaction as the change that it describes. Each row hashes its
//! content and the row before it; the newest hash is kept apart and written to the system log every
//! hour, so that a copy exists outside the database.

mod chain;
mod entry;
mod export;
mod log;
mod query;
mod redact;

pub use chain::{Fault, Head, Verdict};
pub use entry::{Entry, Outcome, Row};
pub use export::{Export, Format};
pub use log::{AuditLog, record};
pub(crate) use log::{head_of, record_in};
pub use query::{Filter, Page};
