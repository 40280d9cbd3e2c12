//! The SQL of single rows: alerts, their history, mutes, presence and the cursor.

use model::{AlertId, DeviceId, EventId, Severity, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use store::StoreError;

use crate::{Alert, Entry, Known, Mute, Presence, Status};

/// The columns that [`alert`] reads, in its order.
pub(crate) const COLUMNS: &str = "id, at, last_at, kind, severity, status, device, title, detail, \
     evidence, count, recommendation, read_at, acknowledged_by, acknowledged_at, note, assignee, \
     resolved_by, resolved_at, resolution, dedupe_key";

/// Reads a row of [`COLUMNS`].
pub(crate) fn alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let time = |i| row.get::<_, Option<i64>>(i).map(|t| t.map(Timestamp));
    let evidence: String = row.get(9)?;
    Ok(Alert {
        id: AlertId(row.get(0)?),
        at: Timestamp(row.get(1)?),
        last_at: Timestamp(row.get(2)?),
        kind: row.get(3)?,
        severity: Severity::from_level(row.get(4)?),
        status: status(row, 5)?,
        device: row.get::<_, Option<i64>>(6)?.map(DeviceId),
        title: row.get(7)?,
        detail: row.get(8)?,
        evidence: serde_json::from_str(&evidence).unwrap_or_default(),
        count: row.get::<_, i64>(10)? as u64,
        recommendation: row.get(11)?,
        read_at: time(12)?,
        acknowledged_by: row.get(13)?,
        acknowledged_at: time(14)?,
        note: row.get(15)?,
        assignee: row.get(16)?,
        resolved_by: row.get(17)?,
        resolved_at: time(18)?,
        resolution: row.get(19)?,
        dedupe_key: row.get(20)?,
    })
}

pub(crate) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let word: String = row.get(column)?;
    word.parse().map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::<crate::ParseStatusError>::new(e),
        )
    })
}

pub(crate) fn find(conn: &Connection, id: AlertId) -> Result<Option<Alert>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM alerts WHERE id = ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_row([id.0], alert).optional()?)
}

/// Stores a new alert and gives it its name.
pub(crate) fn insert(conn: &Connection, alert: &mut Alert) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO alerts (at, last_at, kind, severity, status, device, title, detail, evidence,
                             count, recommendation, dedupe_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        alert.at.0,
        alert.last_at.0,
        alert.kind,
        alert.severity.as_level(),
        alert.status.as_str(),
        alert.device.map(|d| d.0),
        alert.title,
        alert.detail,
        ids(&alert.evidence),
        alert.count as i64,
        alert.recommendation,
        alert.dedupe_key,
    ])?;
    alert.id = AlertId(conn.last_insert_rowid());
    Ok(())
}

/// Stores an alert's changed fields.
pub(crate) fn update(conn: &Connection, alert: &Alert) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE alerts SET last_at = ?2, severity = ?3, status = ?4, title = ?5, detail = ?6,
                evidence = ?7, count = ?8, read_at = ?9, acknowledged_by = ?10,
                acknowledged_at = ?11, note = ?12, assignee = ?13, resolved_by = ?14,
                resolved_at = ?15, resolution = ?16
         WHERE id = ?1",
    )?
    .execute(params![
        alert.id.0,
        alert.last_at.0,
        alert.severity.as_level(),
        alert.status.as_str(),
        alert.title,
        alert.detail,
        ids(&alert.evidence),
        alert.count as i64,
        alert.read_at.map(|t| t.0),
        alert.acknowledged_by,
        alert.acknowledged_at.map(|t| t.0),
        alert.note,
        alert.assignee,
        alert.resolved_by,
        alert.resolved_at.map(|t| t.0),
        alert.resolution,
    ])?;
    Ok(())
}

fn ids(events: &[EventId]) -> String {
    let ids: serde_json::Value = events.iter().map(|e| e.0).collect();
    ids.to_string()
}

/// The open alert of a cause, or else its newest.
pub(crate) fn known(conn: &Connection, key: &str) -> Result<Option<Known>, StoreError> {
    for condition in ["AND status <> 'resolved'", ""] {
        let sql = format!(
            "SELECT id, status, last_at FROM alerts WHERE dedupe_key = ?1 {condition}
             ORDER BY id DESC LIMIT 1"
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let found = statement.query_row([key], |row| {
            Ok(Known {
                id: AlertId(row.get(0)?),
                status: status(row, 1)?,
                last_at: Timestamp(row.get(2)?),
            })
        });
        if let Some(known) = found.optional()? {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// Alerts of a kind raised since `from`.
pub(crate) fn raised(conn: &Connection, kind: &str, from: Timestamp) -> Result<u64, StoreError> {
    // None is seen before it is raised: the first condition on time only brings the index in.
    let mut statement = conn.prepare_cached(
        "SELECT count(*) FROM alerts WHERE kind = ?1 AND last_at >= ?2 AND at >= ?2",
    )?;
    let count: i64 = statement.query_row(params![kind, from.0], |row| row.get(0))?;
    Ok(count as u64)
}

/// Open alerts of a kind, with their devices.
pub(crate) fn open_of_kind(conn: &Connection, kind: &str) -> Result<Vec<Alert>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alerts WHERE id IN (
             SELECT id FROM alerts WHERE status <> 'resolved' AND kind = ?1)"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([kind], alert)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn add_history(
    conn: &Connection,
    alert: AlertId,
    at: Timestamp,
    actor: &str,
    change: &str,
    note: &str,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO alert_history (alert, at, actor, change, note) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![alert.0, at.0, actor, change, note])?;
    Ok(())
}

pub(crate) fn history(conn: &Connection, alert: AlertId) -> Result<Vec<Entry>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT at, actor, change, note FROM alert_history WHERE alert = ?1 ORDER BY id DESC",
    )?;
    let rows = statement.query_map([alert.0], |row| {
        Ok(Entry {
            at: Timestamp(row.get(0)?),
            actor: row.get(1)?,
            change: row.get(2)?,
            note: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Mutes that end after `now`, the first to end first.
pub(crate) fn mutes(conn: &Connection, now: Timestamp) -> Result<Vec<Mute>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, device, kind, until, by, at, suppressed FROM mutes WHERE until > ?1
         ORDER BY until, id",
    )?;
    let rows = statement.query_map([now.0], |row| {
        Ok(Mute {
            id: row.get(0)?,
            device: row.get::<_, Option<i64>>(1)?.map(DeviceId),
            kind: row.get(2)?,
            until: Timestamp(row.get(3)?),
            by: row.get(4)?,
            at: Timestamp(row.get(5)?),
            suppressed: row.get::<_, i64>(6)? as u64,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(crate) fn presence(
    conn: &Connection,
    device: DeviceId,
) -> Result<Option<Presence>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT online, severity, name, changes FROM alert_presence WHERE device = ?1",
    )?;
    let found = statement.query_row([device.0], |row| {
        let changes: String = row.get(3)?;
        Ok(Presence {
            online: row.get(0)?,
            severity: row.get::<_, Option<u8>>(1)?.map(Severity::from_level),
            name: row.get(2)?,
            changes: serde_json::from_str(&changes).unwrap_or_default(),
        })
    });
    Ok(found.optional()?)
}

pub(crate) fn set_presence(
    conn: &Connection,
    device: DeviceId,
    at: Timestamp,
    presence: &Presence,
) -> Result<(), StoreError> {
    let changes: serde_json::Value = presence.changes.iter().map(|t| t.0).collect();
    conn.prepare_cached(
        "INSERT INTO alert_presence (device, last_at, online, severity, name, changes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (device) DO UPDATE SET last_at = ?2, online = ?3, severity = ?4, name = ?5,
                changes = ?6",
    )?
    .execute(params![
        device.0,
        at.0,
        presence.online,
        presence.severity.map(Severity::as_level),
        presence.name,
        changes.to_string(),
    ])?;
    Ok(())
}

/// The last event handled of a day; 0 for none.
pub(crate) fn cursor(conn: &Connection, day: i64) -> Result<i64, StoreError> {
    let mut statement = conn.prepare_cached("SELECT event_row FROM alert_cursor WHERE day = ?1")?;
    let row = statement.query_row([day], |row| row.get(0)).optional()?;
    Ok(row.unwrap_or(0))
}

pub(crate) fn set_cursor(conn: &Connection, event: EventId) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO alert_cursor (day, event_row) VALUES (?1, ?2)
         ON CONFLICT (day) DO UPDATE SET event_row = max(event_row, ?2)",
    )?
    .execute([event.day(), event.row()])?;
    Ok(())
}

/// The last events handled, of each day.
pub(crate) fn cursors(
    conn: &Connection,
) -> Result<std::collections::BTreeMap<i64, i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT day, event_row FROM alert_cursor")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the cursors of days whose events are gone.
pub(crate) fn keep_cursors(conn: &Connection, days: &[i64]) -> Result<(), StoreError> {
    for day in cursors(conn)?.keys().filter(|d| !days.contains(d)) {
        conn.execute("DELETE FROM alert_cursor WHERE day = ?1", [day])?;
    }
    Ok(())
}
