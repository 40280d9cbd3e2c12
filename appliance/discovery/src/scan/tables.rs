//! Scans in the tables: the last few of each device.

use model::{DeviceId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use store::StoreError;

use super::{PortFinding, PortScan};
use crate::ports;

/// Scans kept for a device.
const KEPT: i64 = 10;

/// What is kept as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Results {
    ports: Vec<PortFinding>,
    closed: u32,
    silent: u32,
}

/// Stores a scan and forgets old ones; false where the device is gone.
pub(super) fn save(conn: &Connection, scan: &PortScan) -> Result<bool, StoreError> {
    let results = Results { ports: scan.ports.clone(), closed: scan.closed, silent: scan.silent };
    let stored = conn
        .prepare_cached(
            "INSERT INTO port_scans (device, at, duration_ms, ip, asked, results)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM devices WHERE id = ?1)",
        )?
        .execute(params![
            scan.device.0,
            scan.at.0,
            scan.duration_ms as i64,
            scan.ip.to_string(),
            scan.asked,
            serde_json::to_string(&results).unwrap_or_default(),
        ])?;
    conn.prepare_cached(
        "DELETE FROM port_scans WHERE device = ?1 AND id NOT IN (
             SELECT id FROM port_scans WHERE device = ?1 ORDER BY id DESC LIMIT ?2)",
    )?
    .execute([scan.device.0, KEPT])?;
    Ok(stored > 0)
}

/// A device's last scan. By number, not by time: the clock may have been wrong.
pub(super) fn last(conn: &Connection, id: DeviceId) -> Result<Option<PortScan>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT at, duration_ms, ip, asked, results FROM port_scans WHERE device = ?1
         ORDER BY id DESC LIMIT 1",
    )?;
    let row = statement
        .query_row([id.0], |row| {
            let ip: String = row.get(2)?;
            let results: String = row.get(4)?;
            Ok((row.get(0)?, row.get::<_, i64>(1)?, ip, row.get(3)?, results))
        })
        .optional()?;
    Ok(row.and_then(|(at, duration, ip, asked, results)| {
        let mut results: Results = serde_json::from_str(&results).unwrap_or_default();
        for finding in &mut results.ports {
            // What is thought of a port may have changed since.
            if let Some(info) = ports::info(finding.port, finding.protocol) {
                (finding.risk, finding.why) = (info.risk, info.why.clone());
            }
        }
        Some(PortScan {
            device: id,
            at: Timestamp(at),
            duration_ms: duration as u64,
            ip: ip.parse().ok()?,
            asked,
            closed: results.closed,
            silent: results.silent,
            ports: results.ports,
        })
    }))
}
