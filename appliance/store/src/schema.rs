//! What tables there are: declared by rooms, brought up to date here.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// The tables of one room.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The room's name, as in the design.
    pub name: &'static str,
    /// Steps that make its tables in the main database, in order.
    pub migrations: &'static [Migration],
    /// Its tables that live in one file a day.
    pub day_kinds: &'static [DayKind],
    /// Which of its rows are forgotten after a while.
    pub retention: &'static [Retention],
}

/// One step from an older shape of the tables to the next. Runs once, in a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Position within the room, from 1.
    pub number: u32,
    /// A few words.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Tables that are kept in one file for each UTC day.
#[derive(Debug, Clone, Copy)]
pub struct DayKind {
    /// The first part of the file's name, such as `events`.
    pub name: &'static str,
    /// Steps that make the tables of such a file.
    pub migrations: &'static [Migration],
    /// The setting that holds the number of days to keep.
    pub setting: &'static str,
    /// Days to keep where nobody has said otherwise.
    pub default_days: u32,
}

/// Rows of the main database that are deleted once they are old.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The table.
    pub table: &'static str,
    /// Its column with the time in milliseconds.
    pub column: &'static str,
    /// An SQL condition that a row must meet as well, or `"1"`.
    pub only: &'static str,
    /// The setting that holds the number of days to keep.
    pub setting: &'static str,
    /// Days to keep where nobody has said otherwise.
    pub default_days: u32,
}

/// The store's own tables.
pub(crate) const OWN: Room = Room {
    name: "store",
    migrations: &[Migration {
        number: 1,
        name: "settings and maintenance",
        sql: "CREATE TABLE settings_versions (
                  id INTEGER PRIMARY KEY,
                  key TEXT NOT NULL,
                  value TEXT NOT NULL,
                  at INTEGER NOT NULL,
                  by TEXT NOT NULL
              ) STRICT;
              CREATE INDEX settings_versions_by_key ON settings_versions (key, id);
              CREATE TABLE maintenance_operations (
                  id INTEGER PRIMARY KEY,
                  at INTEGER NOT NULL,
                  type TEXT NOT NULL,
                  duration_ms INTEGER NOT NULL,
                  processed INTEGER NOT NULL,
                  removed INTEGER NOT NULL,
                  details TEXT NOT NULL
              ) STRICT;
              CREATE INDEX maintenance_operations_by_time ON maintenance_operations (at);",
    }],
    day_kinds: &[],
    retention: &[Retention {
        table: "maintenance_operations",
        column: "at",
        only: "1",
        setting: "retention.maintenance_days",
        default_days: 90,
    }],
};

/// Brings the main database to the newest shape; refuses one that is newer than this program.
pub(crate) fn migrate(
    conn: &mut Connection,
    path: &Path,
    rooms: &[Room],
) -> Result<(), StoreError> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             room TEXT NOT NULL,
             number INTEGER NOT NULL,
             name TEXT NOT NULL,
             checksum TEXT NOT NULL,
             PRIMARY KEY (room, number)
         ) STRICT;",
    )?;
    let applied = applied(conn)?;
    for (room, number) in applied.keys() {
        let known = rooms
            .iter()
            .any(|r| r.name == room && r.migrations.iter().any(|m| m.number == *number));
        if !known {
            let (path, room) = (path.to_owned(), room.clone());
            return Err(StoreError::Newer { path, room, number: *number });
        }
    }
    for room in rooms {
        for step in room.migrations {
            let sum = checksum(step.sql);
            match applied.get(&(room.name.to_owned(), step.number)) {
                Some(old) if *old == sum => {}
                Some(_) => {
                    let (room, number) = (room.name.to_owned(), step.number);
                    return Err(StoreError::Changed { room, number });
                }
                None => apply(conn, room.name, step, &sum)?,
            }
        }
    }
    refuse_deferred(conn)
}

/// Deferred keys fail at the commit, long after the job to blame: its whole batch would be undone.
fn refuse_deferred(conn: &Connection) -> Result<(), StoreError> {
    let mut statement = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")?;
    let mut tables = statement.query([])?;
    while let Some(table) = tables.next()? {
        let sql: String = table.get(1)?;
        let words: Vec<String> = sql
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase)
            .collect();
        if words.windows(2).any(|pair| pair == ["INITIALLY", "DEFERRED"]) {
            return Err(StoreError::Deferred(table.get(0)?));
        }
    }
    Ok(())
}

fn applied(conn: &Connection) -> Result<BTreeMap<(String, u32), String>, StoreError> {
    let mut statement = conn.prepare("SELECT room, number, checksum FROM schema_migrations")?;
    let rows = statement.query_map([], |r| Ok(((r.get(0)?, r.get(1)?), r.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn apply(conn: &mut Connection, room: &str, step: &Migration, sum: &str) -> Result<(), StoreError> {
    let number = step.number;
    let failed = |source| StoreError::Migration { room: room.to_owned(), number, source };
    let tx = conn.transaction().map_err(failed)?;
    tx.execute_batch(step.sql).map_err(failed)?;
    tx.execute(
        "INSERT INTO schema_migrations (room, number, name, checksum) VALUES (?1, ?2, ?3, ?4)",
        params![room, number, step.name, sum],
    )
    .map_err(failed)?;
    tx.commit().map_err(failed)
}

/// Brings a day file to the newest shape. Its `user_version` is the number of the last step.
pub(crate) fn migrate_day(conn: &mut Connection, kind: &DayKind) -> Result<(), StoreError> {
    let at: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
    for step in kind.migrations.iter().filter(|m| m.number > at) {
        let (room, number) = (kind.name, step.number);
        let failed = |source| StoreError::Migration { room: room.to_owned(), number, source };
        let tx = conn.transaction().map_err(failed)?;
        tx.execute_batch(step.sql).map_err(failed)?;
        tx.pragma_update(None, "user_version", number).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    refuse_deferred(conn)
}

fn checksum(sql: &str) -> String {
    // White space may change with the code's indentation; the meaning does not.
    let words: Vec<&str> = sql.split_whitespace().collect();
    let digest = Sha256::digest(words.join(" ").as_bytes());
    digest[..8].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
