//! Logs of the router's services, as the journal keeps them, and the appliance's own files of log.
//!
//! [`journal`] says what `journalctl` is asked and reads its answer, [`redact`] takes out what must
//! not leave the router; both are pure. [`read`] runs the program, and [`files`] reads a folder.

mod files;
mod journal;
mod read;
mod redact;

pub use files::{LogFile, MOST_FILE_LINES};
pub(crate) use files::{list, tail};
pub use journal::{ALIASES, Level, LogLine, LogSource, MOST_LINES, source};
pub(crate) use read::read;
pub use read::{Following, LogQuery};
pub use redact::Redactor;
