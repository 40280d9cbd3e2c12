//! Why something asked of this room was not done.

use std::io;
use std::path::Path;

use model::Explained;
use store::StoreError;

/// Why something asked of this room was not done.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The kernel, a file or another host refused.
    #[error("cannot {attempt} {what}: {source}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        what: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something that this needs is not there.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// What it is.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An answer that cannot be understood.
    #[error("cannot read {what}: {why}")]
    Malformed {
        /// What was to be read.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A program or unit said no.
    #[error("{what}: {said}")]
    Failed {
        /// Which.
        what: String,
        /// Its own words.
        said: String,
    },
    /// A value that cannot be.
    #[error("{field}: {why}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong, and what may be given.
        why: String,
    },
    /// Too many run at the same time.
    #[error("{what}; try again when one has ended")]
    Busy {
        /// What runs.
        what: &'static str,
    },
    /// The same thing was done a moment ago.
    #[error("{what}; try again in {seconds} s")]
    TooSoon {
        /// What was done.
        what: &'static str,
        /// Seconds to wait.
        seconds: u64,
    },
    /// No answer in time.
    #[error("{what} gave no answer within {seconds} s")]
    TimedOut {
        /// Who was asked.
        what: String,
        /// Seconds waited.
        seconds: u64,
    },
    /// The tables refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for SystemError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl SystemError {
    /// The error as a person or a script gets it.
    pub fn explain(&self) -> Explained {
        let code = match self {
            Self::Io { .. } => "io",
            Self::Missing { .. } => "missing",
            Self::Malformed { .. } => "malformed",
            Self::Failed { .. } => "failed",
            Self::Invalid { .. } => "invalid",
            Self::Busy { .. } => "busy",
            Self::TooSoon { .. } => "too_soon",
            Self::TimedOut { .. } => "timed_out",
            Self::Store(e) if e.is_full() => "disk_full",
            Self::Store(_) => "storage",
        };
        Explained::new(code, self.to_string())
    }

    pub(crate) fn io(
        attempt: &'static str,
        what: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { attempt, what, source }
    }

    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io("read", path.display().to_string())
    }

    pub(crate) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }

    pub(crate) fn malformed(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Malformed { what: what.into(), why: why.to_string() }
    }
}
