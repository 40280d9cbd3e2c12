//! The rows of speed tests.

use model::Timestamp;
use rusqlite::{Connection, params};
use store::StoreError;

use super::SpeedTest;

pub(super) fn insert(conn: &Connection, test: &SpeedTest) -> Result<(), StoreError> {
    let outcome = serde_json::to_string(&test.outcome)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    conn.prepare_cached("INSERT INTO speed_tests (at, by, outcome) VALUES (?1, ?2, ?3)")?
        .execute(params![test.at.0, test.by, outcome])?;
    Ok(())
}

pub(super) fn list(conn: &Connection, limit: u32) -> Result<Vec<SpeedTest>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT at, by, outcome FROM speed_tests ORDER BY id DESC LIMIT ?1")?;
    let rows = statement.query_map([limit], |row| {
        let outcome: String = row.get(2)?;
        Ok(SpeedTest {
            at: Timestamp(row.get(0)?),
            by: row.get(1)?,
            outcome: serde_json::from_str(&outcome).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
