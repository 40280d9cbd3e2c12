//! The rows of speed tests.

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use store::StoreError;

use super::SpeedTest;

/// Stores a test and gives its number.
pub(super) fn insert(conn: &Connection, test: &SpeedTest) -> Result<i64, StoreError> {
    let outcome = serde_json::to_string(&test.outcome)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    conn.prepare_cached("INSERT INTO speed_tests (at, by, outcome) VALUES (?1, ?2, ?3)")?
        .execute(params![test.at.0, test.by, outcome])?;
    Ok(conn.last_insert_rowid())
}

/// One test by its number.
pub(super) fn one(conn: &Connection, id: i64) -> Result<Option<SpeedTest>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT id, at, by, outcome FROM speed_tests WHERE id = ?1")?;
    Ok(statement.query_row([id], test).optional()?)
}

pub(super) fn list(conn: &Connection, limit: u32) -> Result<Vec<SpeedTest>, StoreError> {
    let mut statement = conn
        .prepare_cached("SELECT id, at, by, outcome FROM speed_tests ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([limit], test)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn test(row: &Row<'_>) -> rusqlite::Result<SpeedTest> {
    let outcome: String = row.get(3)?;
    Ok(SpeedTest {
        id: row.get(0)?,
        at: Timestamp(row.get(1)?),
        by: row.get(2)?,
        outcome: serde_json::from_str(&outcome).unwrap_or_default(),
    })
}
