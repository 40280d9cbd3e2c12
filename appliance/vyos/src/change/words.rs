//! What the others know of changes: how long they may wait, how they stand, why they fail.

use std::time::Duration;

use model::Timestamp;
use serde::Serialize;
use store::StoreError;

use super::{BookError, MOST_WAITING, State};
use crate::api::Harm;
use crate::client::AskError;

/// The shortest countdown.
pub const SHORTEST_COUNTDOWN: Duration = Duration::from_secs(1);
/// The longest countdown.
pub const LONGEST_COUNTDOWN: Duration = Duration::from_secs(60 * 60);
/// The countdown if nobody says another.
pub const USUAL_COUNTDOWN: Duration = Duration::from_secs(2 * 60);
/// Why a change was not made, or not kept.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It would arrive changed, or harm the router.
    #[error(transparent)]
    Harmful(#[from] Harm),
    /// It holds nothing.
    #[error("there is nothing to change")]
    Empty,
    /// What it touches is not as it was when it was planned.
    #[error("the router's configuration has changed since this was planned; look at it again")]
    Stale,
    /// Another change that may yet be undone touches the same.
    #[error("change {number} of {actor} touches the same and is not settled yet")]
    InTheWay {
        /// That change.
        number: i64,
        /// Who made it.
        actor: String,
    },
    /// What it takes away could not be put back.
    #[error("it takes away what the API could not put back, `{0}`: do it on the router's console")]
    NoWayBack(String),
    /// Too many wait.
    #[error("{MOST_WAITING} changes wait to be kept or undone; settle one first")]
    TooMany,
    /// The router said no, in its own words; nothing of it runs.
    #[error("{0}")]
    Refused(String),
    /// It went wrong on the way; nothing of it runs.
    #[error("{0}")]
    NotDone(String),
    /// It was done in part and is being undone.
    #[error("the router did only a part of it, which is being undone: {0}")]
    Partly(String),
    /// There is no such change, or it is settled.
    #[error("change {0} is settled already, or never was")]
    Settled(i64),
    /// Something is being done with it right now.
    #[error("change {0} is being worked on; wait a moment")]
    Busy(i64),
    /// The router could not be asked.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// It could not be written down, and is not made without that.
    #[error(transparent)]
    Book(#[from] BookError),
    /// It could not be written down, and is not made without that.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A change that is not settled, as pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// Its number.
    pub number: i64,
    /// Who made it.
    pub actor: String,
    /// What for.
    pub why: String,
    /// How it stands.
    pub state: State,
    /// When it is undone unless somebody keeps it.
    pub deadline: Timestamp,
    /// Whole seconds until then; 0 while it is being undone.
    pub seconds: u64,
    /// Why undoing has not worked so far.
    pub problem: Option<String>,
}
