//! What people have set, every version of it kept.

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

/// One value that a setting has had.
#[derive(Debug, Clone, Serialize)]
pub struct SettingVersion {
    /// Position in the history of all settings.
    pub id: i64,
    /// The setting's name, such as `scan.interval_seconds`.
    pub key: String,
    /// Its value as JSON text.
    pub value: String,
    /// When it was set.
    pub at: Timestamp,
    /// Who set it.
    pub by: String,
}

/// The current value; None where nobody has set it, or where it is not of the type asked for.
pub fn read_setting<T: DeserializeOwned>(
    conn: &Connection,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = conn
        .prepare_cached(
            "SELECT value FROM settings_versions WHERE key = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([key], |r| r.get(0))
        .optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Keeps a new version of a setting.
pub fn write_setting<T: Serialize>(
    conn: &Connection,
    key: &str,
    value: &T,
    at: Timestamp,
    by: &str,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(value)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    conn.prepare_cached(
        "INSERT INTO settings_versions (key, value, at, by) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![key, text, at.0, by])?;
    Ok(())
}

/// The history of all settings, newest first.
pub(crate) fn history(conn: &Connection, limit: u32) -> Result<Vec<SettingVersion>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, key, value, at, by FROM settings_versions ORDER BY id DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([limit], |r| {
        Ok(SettingVersion {
            id: r.get(0)?,
            key: r.get(1)?,
            value: r.get(2)?,
            at: Timestamp(r.get(3)?),
            by: r.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
