//! What a person cannot do with an alert.

use model::{AlertId, Explained, Timestamp};
use store::StoreError;

/// Why an action on alerts was refused.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// There is no such alert.
    #[error("there is no alert {0}; it may have been deleted")]
    NotFound(AlertId),
    /// Somebody acknowledged it before.
    #[error("alert {id} was acknowledged by {by} already")]
    AlreadyAcknowledged {
        /// The alert.
        id: AlertId,
        /// Who.
        by: String,
    },
    /// It is resolved, and what was attempted is for open alerts.
    #[error("cannot {attempt} alert {id}: it was resolved by {by} already; reopen it first")]
    AlreadyResolved {
        /// What was attempted, such as `acknowledge`.
        attempt: &'static str,
        /// The alert.
        id: AlertId,
        /// Who or what resolved it.
        by: String,
    },
    /// Only a resolved alert can be reopened.
    #[error("cannot reopen alert {0}: it is not resolved")]
    NotResolved(AlertId),
    /// The same cause has a newer open alert.
    #[error("cannot reopen alert {id}: alert {newer} is open for the same cause; look there")]
    Superseded {
        /// The alert.
        id: AlertId,
        /// The open one.
        newer: AlertId,
    },
    /// The note is longer than what is kept.
    #[error("the note has {length} characters; at most {most} are kept")]
    NoteTooLong {
        /// Its length in characters.
        length: usize,
        /// The most.
        most: usize,
    },
    /// A mute must end, within a year.
    #[error("cannot mute until {until}: give a time between now and a year from now")]
    BadMute {
        /// The end asked for.
        until: Timestamp,
    },
    /// There is no such mute.
    #[error("there is no mute {0}; it may have ended")]
    NoSuchMute(i64),
    /// The tables could not be used.
    #[error("alerts: {0}")]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AlertError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl AlertError {
    /// The stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) | Self::NoSuchMute(_) => "not_found",
            Self::AlreadyAcknowledged { .. }
            | Self::AlreadyResolved { .. }
            | Self::NotResolved(_)
            | Self::Superseded { .. } => "conflict",
            Self::NoteTooLong { .. } | Self::BadMute { .. } => "invalid",
            Self::Store(_) => "storage",
        }
    }
}

impl From<&AlertError> for Explained {
    fn from(error: &AlertError) -> Self {
        let mut message = error.to_string();
        if let Some(first) = message.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        message.push('.');
        Self::new(error.code(), message)
    }
}
