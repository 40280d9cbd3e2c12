//! Who may still come in after the database was replaced.
//!
//! A backup knows sessions, keys and passwords that were ended since it was made. Sessions end in
//! any case; where the replaced database can be read and goes on from the backup, what it has ended
//! stays ended. Both are written down in the audit log of the database that takes the place.

use std::fmt;

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde_json::json;
use store::StoreError;

use crate::audit::{Entry, Head, head_of, record_in};
use crate::keys::starts;
use crate::{Caller, Role};

/// What became of those who could come in by the backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Readmitted {
    /// Sessions that were ended.
    pub sessions_ended: usize,
    /// The replaced database was read and goes on from the backup.
    pub compared: bool,
    /// How the API keys start that were revoked or renewed since, and stay so.
    pub keys_ended: Vec<String>,
    /// People whose password, role or access was changed since, and stays so.
    pub people_kept: Vec<String>,
    /// How the API keys start that work again, as far as anybody knows: nothing was compared.
    pub keys_of_the_backup: Vec<String>,
}

/// Settles a backup that is about to take the place of the database `before`. Call it inside the
/// transaction that readies it. `file` is the backup, `kept_as` where the replaced database stays.
pub fn settle_restored(
    conn: &Connection,
    before: Option<&Connection>,
    by: &Caller,
    file: &str,
    kept_as: &str,
    now: Timestamp,
) -> Result<Readmitted, StoreError> {
    // A damaged database may fail at any of these; then it tells nothing.
    let known = before.and_then(|before| Some((before, head_of(before).ok()?)));
    let goes_on = match known {
        Some((before, _)) => continues(before, head_of(conn)?).unwrap_or(false),
        None => false,
    };
    let mut readmitted = Readmitted {
        sessions_ended: conn.execute("DELETE FROM sessions", [])?,
        ..Default::default()
    };
    let followed = known.filter(|_| goes_on).map(|(before, _)| follow(conn, before));
    match followed.transpose() {
        Ok(Some((keys, people))) => {
            readmitted.compared = true;
            (readmitted.keys_ended, readmitted.people_kept) = (keys, people);
        }
        Ok(None) | Err(Trouble::Before) => readmitted.keys_of_the_backup = all_keys(conn)?,
        Err(Trouble::Here(error)) => return Err(error.into()),
    }
    // Somebody may have kept the code that was open when the backup was made.
    conn.execute("UPDATE setup SET token_hash = NULL WHERE EXISTS (SELECT 1 FROM people)", [])?;
    let detail = json!({
        "replaced_log_ended_with": known.map(|(_, head)| head.to_string()),
        "replaced_database": kept_as,
        "access": readmitted,
    });
    record_in(conn, Entry::new(by, "database.restore", file, now).with(detail))?;
    Ok(readmitted)
}

/// Writes the first line into the log of a database that takes the place of a removed one.
pub fn settle_emptied(
    conn: &Connection,
    before: Option<&Connection>,
    by: &Caller,
    now: Timestamp,
) -> Result<(), StoreError> {
    let head = before.and_then(|before| head_of(before).ok());
    let detail = json!({ "removed_log_ended_with": head.map(|head| head.to_string()) });
    record_in(conn, Entry::new(by, "database.reset", "", now).with(detail))?;
    Ok(())
}

impl fmt::Display for Readmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "All sessions are ended.")?;
        if !self.keys_ended.is_empty() {
            let keys = self.keys_ended.join(", ");
            write!(f, " API keys that were revoked since the backup stay revoked: {keys}.")?;
        }
        if !self.people_kept.is_empty() {
            let people = self.people_kept.join(", ");
            write!(f, " Passwords and rights stay as they were changed since: {people}.")?;
        }
        if !self.compared {
            write!(f, " Passwords are those of the backup")?;
            if self.keys_of_the_backup.is_empty() {
                write!(f, ".")?;
            } else {
                let keys = self.keys_of_the_backup.join(", ");
                write!(f, ", and these API keys work, also if they were revoked since: {keys}.")?;
            }
        }
        Ok(())
    }
}

/// Which of the two databases gave no answer.
enum Trouble {
    Here(rusqlite::Error),
    Before,
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Here(error)
    }
}

/// Whether the log of `before` holds the newest line of the backup's: else it is another history,
/// such as that of a fresh installation, in which nobody was ended.
fn continues(before: &Connection, backup: Head) -> rusqlite::Result<bool> {
    let line = before
        .query_row("SELECT hash FROM audit WHERE seq = ?1", [backup.seq], |r| {
            r.get::<_, [u8; 32]>(0)
        })
        .optional()?;
    let base = before.query_row("SELECT base_seq, base_hash FROM audit_head", [], |r| {
        Ok(Head { seq: r.get(0)?, hash: r.get(1)? })
    })?;
    Ok(backup.seq > 0 && (line == Some(backup.hash) || base == backup))
}

/// Ends what was ended since. Gives back the keys and the people.
fn follow(conn: &Connection, before: &Connection) -> Result<(Vec<String>, Vec<String>), Trouble> {
    let since = Since::read(before).map_err(|_| Trouble::Before)?;
    let mut keys = Vec::new();
    for (id, prefix, hash) in read_keys(conn)? {
        if !since.keys.iter().any(|(_, p, h)| *p == prefix && *h == hash) {
            conn.execute("DELETE FROM api_keys WHERE id = ?1", [id])?;
            keys.push(starts(&prefix));
        }
    }
    let mut people = Vec::new();
    for old in read_people(conn)? {
        let new = since.people.iter().find(|p| p.id == old.id);
        let changed = match new {
            None => Kept { disabled: true, ..old.clone() },
            Some(new) => Kept {
                password: new.password.clone(),
                disabled: old.disabled || new.disabled,
                role: if lower(&new.role, &old.role) { new.role.clone() } else { old.role.clone() },
                ..old.clone()
            },
        };
        if changed != old {
            conn.execute(
                "UPDATE people SET password_hash = ?2, disabled = ?3, role = ?4 WHERE id = ?1",
                params![old.id, changed.password, changed.disabled, changed.role],
            )?;
            people.push(old.name);
        }
    }
    Ok((keys, people))
}

fn lower(new: &str, old: &str) -> bool {
    let roles = new.parse::<Role>().ok().zip(old.parse::<Role>().ok());
    roles.is_some_and(|(new, old)| !new.covers(old))
}

fn all_keys(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    Ok(read_keys(conn)?.iter().map(|(_, prefix, _)| starts(prefix)).collect())
}

#[derive(Clone, PartialEq, Eq)]
struct Kept {
    id: i64,
    name: String,
    role: String,
    password: String,
    disabled: bool,
}

struct Since {
    keys: Vec<(i64, String, Vec<u8>)>,
    people: Vec<Kept>,
}

impl Since {
    fn read(before: &Connection) -> rusqlite::Result<Self> {
        Ok(Self { keys: read_keys(before)?, people: read_people(before)? })
    }
}

fn read_keys(conn: &Connection) -> rusqlite::Result<Vec<(i64, String, Vec<u8>)>> {
    let mut keys = conn.prepare("SELECT id, prefix, hash FROM api_keys ORDER BY id")?;
    let keys = keys.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    keys.collect()
}

fn read_people(conn: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut people =
        conn.prepare("SELECT id, name, role, password_hash, disabled FROM people ORDER BY id")?;
    let people = people.query_map([], |r| {
        Ok(Kept {
            id: r.get(0)?,
            name: r.get(1)?,
            role: r.get(2)?,
            password: r.get(3)?,
            disabled: r.get(4)?,
        })
    })?;
    people.collect()
}
