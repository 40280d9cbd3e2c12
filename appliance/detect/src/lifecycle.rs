//! What people may do with an alert: new, acknowledged, resolved, and back.

use model::Timestamp;

use crate::{Alert, AlertError, Status};

/// The longest note kept, in characters.
const LONGEST_NOTE: usize = 2_000;

/// Something that a person does with one alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Has seen it.
    Read,
    /// Takes note of it.
    Acknowledge {
        /// Their words; may be empty.
        note: String,
    },
    /// Gives it to somebody, or to nobody.
    Assign {
        /// Who looks after it from now on.
        to: Option<String>,
    },
    /// Closes it.
    Resolve {
        /// Why; may be empty.
        note: String,
    },
    /// Opens it again.
    Reopen,
}

/// An action's words in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) change: &'static str,
    pub(crate) note: String,
}

/// The alert after `action`, and the line for its history; None where nothing changes.
///
/// # Errors
/// What is not allowed where the alert stands; see [`AlertError`].
pub(crate) fn step(
    alert: &Alert,
    action: Action,
    by: &str,
    now: Timestamp,
) -> Result<Option<(Alert, Line)>, AlertError> {
    let id = alert.id;
    let closed = |attempt| AlertError::AlreadyResolved {
        attempt,
        id,
        by: alert.resolved_by.clone().unwrap_or_default(),
    };
    let mut next = alert.clone();
    // Whoever acts on an alert has read it.
    next.read_at = alert.read_at.or(Some(now));
    let line = match action {
        Action::Read => {
            if alert.read_at.is_some() {
                return Ok(None);
            }
            line("read", String::new())
        }
        Action::Acknowledge { note } => {
            match alert.status {
                Status::New => {}
                Status::Acknowledged => {
                    let by = alert.acknowledged_by.clone().unwrap_or_default();
                    return Err(AlertError::AlreadyAcknowledged { id, by });
                }
                Status::Resolved => return Err(closed("acknowledge")),
            }
            let note = checked(note)?;
            next.status = Status::Acknowledged;
            next.acknowledged_by = Some(by.to_owned());
            next.acknowledged_at = Some(now);
            next.note.clone_from(&note);
            line("acknowledged", note)
        }
        Action::Assign { to } => {
            if !alert.status.is_open() {
                return Err(closed("assign"));
            }
            let to = to.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
            if to == alert.assignee {
                return Ok(None);
            }
            let words = to.as_ref().map_or_else(|| "nobody".to_owned(), Clone::clone);
            next.assignee = to;
            line("assigned", checked(words)?)
        }
        Action::Resolve { note } => {
            if !alert.status.is_open() {
                return Err(closed("resolve"));
            }
            let note = checked(note)?;
            next.status = Status::Resolved;
            next.resolved_by = Some(by.to_owned());
            next.resolved_at = Some(now);
            next.resolution.clone_from(&note);
            line("resolved", note)
        }
        Action::Reopen => {
            if alert.status.is_open() {
                return Err(AlertError::NotResolved(id));
            }
            reopen(&mut next);
            line("reopened", String::new())
        }
    };
    Ok(Some((next, line)))
}

/// Makes a resolved alert new.
pub(crate) fn reopen(alert: &mut Alert) {
    alert.status = Status::New;
    alert.acknowledged_by = None;
    alert.acknowledged_at = None;
    alert.note.clear();
    alert.resolved_by = None;
    alert.resolved_at = None;
    alert.resolution.clear();
}

fn line(change: &'static str, note: String) -> Line {
    Line { change, note }
}

fn checked(note: String) -> Result<String, AlertError> {
    let length = note.chars().count();
    if length > LONGEST_NOTE {
        return Err(AlertError::NoteTooLong { length, most: LONGEST_NOTE });
    }
    Ok(note.trim().to_owned())
}
