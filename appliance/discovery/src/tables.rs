//! This room's tables: devices, their addresses, when they came and went.

use std::collections::HashMap;
use std::net::IpAddr;

use model::{DeviceId, Mac, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use store::{Migration, Retention, Room, StoreError};

use crate::device::{Address, Device, Personal, Presence};
use crate::engine::Changes;
use crate::enrich::{Evidence, identify};

/// This room's tables.
pub const ROOM: Room = Room {
    name: "discovery",
    migrations: &[Migration { number: 1, name: "devices", sql: include_str!("tables.sql") }],
    day_kinds: &[],
    retention: &[Retention {
        table: "presence_changes",
        column: "at",
        only: "1",
        setting: "retention.presence_days",
        default_days: 366,
    }],
};

/// Numbers of forgotten devices that are kept.
const REMEMBER_FORGOTTEN: i64 = 20_000;

/// The key by which IPv4 and IPv6 addresses sort as numbers, IPv4 first.
pub(crate) fn ip_sort(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => [&[4][..], &ip.octets()[..]].concat(),
        IpAddr::V6(ip) => [&[6][..], &ip.octets()[..]].concat(),
    }
}

/// All devices as stored, and the next free number.
pub(crate) fn load(conn: &Connection) -> Result<(Vec<Device>, i64), StoreError> {
    let mut macs: HashMap<i64, Vec<Mac>> = HashMap::new();
    let mut statement = conn.prepare("SELECT device, mac FROM device_macs ORDER BY last_seen")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        macs.entry(row.get(0)?).or_default().push(Mac::from_u64(row.get::<_, i64>(1)? as u64));
    }
    let mut addresses: HashMap<i64, Vec<Address>> = HashMap::new();
    let mut statement = conn.prepare(
        "SELECT device, ip, interface, first_seen, last_seen, is_current FROM device_addresses
         ORDER BY last_seen DESC",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Ok(ip) = row.get::<_, String>(1)?.parse() else {
            continue;
        };
        addresses.entry(row.get(0)?).or_default().push(Address {
            ip,
            interface: row.get(2)?,
            first_seen: Timestamp(row.get(3)?),
            last_seen: Timestamp(row.get(4)?),
            current: row.get(5)?,
        });
    }
    let mut statement = conn.prepare(
        "SELECT id, mac, online, state_since, first_seen, last_seen, interface, evidence, person,
                manual, client_id
         FROM devices",
    )?;
    let devices = statement
        .query_map([], |row| read(row, &mut macs, &mut addresses))?
        .collect::<Result<Vec<_>, _>>()?;
    let next = conn.query_row(
        "SELECT max(coalesce((SELECT max(id) FROM devices), 0),
                    coalesce((SELECT max(absorbed) FROM merged_devices), 0),
                    coalesce((SELECT max(id) FROM forgotten_devices), 0)) + 1",
        [],
        |row| row.get(0),
    )?;
    Ok((devices, next))
}

fn read(
    row: &Row<'_>,
    macs: &mut HashMap<i64, Vec<Mac>>,
    addresses: &mut HashMap<i64, Vec<Address>>,
) -> rusqlite::Result<Device> {
    let id: i64 = row.get(0)?;
    let mac = Mac::from_u64(row.get::<_, i64>(1)? as u64);
    let evidence: Evidence = serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default();
    let person: Personal = serde_json::from_str(&row.get::<_, String>(8)?).unwrap_or_default();
    Ok(Device {
        id: DeviceId(id),
        mac,
        macs: macs.remove(&id).unwrap_or_else(|| vec![mac]),
        presence: Presence {
            online: row.get(2)?,
            since: Timestamp(row.get(3)?),
            first_seen: Timestamp(row.get(4)?),
            last_seen: Timestamp(row.get(5)?),
        },
        interface: row.get(6)?,
        addresses: addresses.remove(&id).unwrap_or_default(),
        identity: identify(&evidence),
        evidence,
        person,
        manual: row.get(9)?,
        client_id: row.get(10)?,
    })
}

/// Stores what the engine found out. What people said is not touched, and who was forgotten while
/// this was on its way stays forgotten.
pub(crate) fn save(
    conn: &Connection,
    devices: &[Device],
    changes: &Changes,
    now: Timestamp,
) -> Result<(), StoreError> {
    for device in devices {
        if !is_gone(conn, device.id)? {
            upsert(conn, device, false)?;
        }
    }
    for (absorbed, into) in &changes.merged {
        absorb(conn, *absorbed, *into, now)?;
    }
    for id in &changes.gone {
        delete(conn, *id)?;
    }
    let mut log = conn.prepare_cached(
        "INSERT INTO presence_changes (device, at, online)
         SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM devices WHERE id = ?1)",
    )?;
    for (id, at, online) in &changes.presence {
        log.execute(params![id.0, at.0, online])?;
    }
    Ok(())
}

/// True for a device that was forgotten or absorbed.
fn is_gone(conn: &Connection, id: DeviceId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM forgotten_devices WHERE id = ?1)
                   OR EXISTS (SELECT 1 FROM merged_devices WHERE absorbed = ?1)";
    Ok(conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0))?)
}

/// What people said about a device; None where it has no row.
pub(crate) fn person(conn: &Connection, id: DeviceId) -> Result<Option<Personal>, StoreError> {
    let sql = "SELECT person FROM devices WHERE id = ?1";
    let text: Option<String> =
        conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_default()))
}

/// Stores a device; with what people said about it only where `with_person`.
pub(crate) fn upsert(
    conn: &Connection,
    device: &Device,
    with_person: bool,
) -> Result<(), StoreError> {
    let evidence = serde_json::to_string(&device.evidence).unwrap_or_default();
    let person = serde_json::to_string(&device.person).unwrap_or_default();
    let main = device.main_address();
    conn.prepare_cached(
        "INSERT INTO devices (
             id, mac, online, state_since, first_seen, last_seen, interface, evidence, person, manual,
             name, vendor, device_type, os_family, brand, model, ip, ip_sort, known, favourite,
             randomised, search, client_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                 ?20, ?21, ?22, ?23)
         ON CONFLICT (id) DO UPDATE SET
             mac = ?2, online = ?3, state_since = ?4, first_seen = ?5, last_seen = ?6,
             interface = ?7, evidence = ?8, manual = ?10, name = ?11, vendor = ?12,
             device_type = ?13, os_family = ?14, brand = ?15, model = ?16, ip = ?17, ip_sort = ?18,
             randomised = ?21, search = ?22, client_id = ?23",
    )?
    .execute(params![
        device.id.0,
        device.mac.to_u64() as i64,
        device.presence.online,
        device.presence.since.0,
        device.presence.first_seen.0,
        device.presence.last_seen.0,
        device.interface,
        evidence,
        person,
        device.manual,
        device.name(),
        device.vendor(),
        device.device_type().map(crate::enrich::DeviceType::as_str),
        device.os_family(),
        device.brand(),
        device.model(),
        main.map(|a| a.ip.to_string()),
        main.map(|a| ip_sort(a.ip)),
        device.person.known,
        device.person.favourite,
        device.evidence.randomised_mac,
        search_text(device),
        device.client_id,
    ])?;
    if with_person {
        conn.prepare_cached(
            "UPDATE devices SET person = ?2, known = ?3, favourite = ?4 WHERE id = ?1",
        )?
        .execute(params![
            device.id.0,
            person,
            device.person.known,
            device.person.favourite
        ])?;
    }
    let mut keep_mac = conn.prepare_cached(
        "INSERT INTO device_macs (mac, device, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (mac) DO UPDATE SET device = ?2,
             last_seen = CASE WHEN ?5 THEN ?4 ELSE last_seen END",
    )?;
    for mac in &device.macs {
        let (first, last) = (device.presence.first_seen.0, device.presence.last_seen.0);
        keep_mac.execute(params![
            mac.to_u64() as i64,
            device.id.0,
            first,
            last,
            *mac == device.mac
        ])?;
    }
    conn.prepare_cached(
        "DELETE FROM device_macs WHERE device = ?1 AND mac <> ?2 AND mac NOT IN (
             SELECT mac FROM device_macs WHERE device = ?1 ORDER BY last_seen DESC LIMIT ?3)",
    )?
    .execute(params![
        device.id.0,
        device.mac.to_u64() as i64,
        crate::device::MAX_MACS as i64
    ])?;
    save_addresses(conn, device)
}

fn save_addresses(conn: &Connection, device: &Device) -> Result<(), StoreError> {
    let mut keep = conn.prepare_cached(
        "INSERT INTO device_addresses (device, ip, interface, first_seen, last_seen, is_current)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (device, ip) DO UPDATE SET
             interface = ?3, last_seen = ?5, is_current = ?6
         WHERE interface <> ?3 OR is_current <> ?6 OR ?5 - last_seen > 60000",
    )?;
    for address in &device.addresses {
        keep.execute(params![
            device.id.0,
            address.ip.to_string(),
            address.interface,
            address.first_seen.0,
            address.last_seen.0,
            address.current,
        ])?;
    }
    // The engine has dropped the oldest; drop them here as well.
    conn.prepare_cached(
        "DELETE FROM device_addresses WHERE device = ?1 AND id NOT IN (
             SELECT id FROM device_addresses WHERE device = ?1
             ORDER BY is_current DESC, last_seen DESC LIMIT ?2)",
    )?
    .execute(params![device.id.0, crate::device::MAX_ADDRESSES as i64])?;
    Ok(())
}

pub(crate) fn absorb(
    conn: &Connection,
    absorbed: DeviceId,
    into: DeviceId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let exists = "SELECT EXISTS (SELECT 1 FROM devices WHERE id = ?1)";
    let stays: bool = conn.prepare_cached(exists)?.query_row([into.0], |row| row.get(0))?;
    // Without the one that stays, there is nothing to point to.
    if stays && absorbed != into {
        for sql in [
            "UPDATE device_macs SET device = ?2 WHERE device = ?1",
            "UPDATE presence_changes SET device = ?2 WHERE device = ?1",
            "UPDATE merged_devices SET into_device = ?2 WHERE into_device = ?1",
        ] {
            conn.prepare_cached(sql)?.execute(params![absorbed.0, into.0])?;
        }
        conn.prepare_cached(
            "INSERT OR REPLACE INTO merged_devices (absorbed, into_device, at) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![absorbed.0, into.0, at.0])?;
    }
    conn.prepare_cached("DELETE FROM devices WHERE id = ?1 AND id <> ?2")?
        .execute(params![absorbed.0, into.0])?;
    Ok(())
}

/// The device that has absorbed another one, for old links.
pub(crate) fn merged_into(conn: &Connection, id: DeviceId) -> Result<Option<DeviceId>, StoreError> {
    let sql = "SELECT into_device FROM merged_devices WHERE absorbed = ?1";
    let into = conn.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
    Ok(into.map(DeviceId))
}

/// Forgets a device and all that hangs on it. Its number is never given again.
pub(crate) fn delete(conn: &Connection, id: DeviceId) -> Result<bool, StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO forgotten_devices (id) VALUES (?1)")?
        .execute([id.0])?;
    // The highest keeps numbers from being given again, the latest keep late flushes out.
    conn.prepare_cached(
        "DELETE FROM forgotten_devices WHERE id IN (
             SELECT id FROM forgotten_devices ORDER BY id DESC LIMIT -1 OFFSET ?1)",
    )?
    .execute([REMEMBER_FORGOTTEN])?;
    Ok(conn.prepare_cached("DELETE FROM devices WHERE id = ?1")?.execute([id.0])? > 0)
}

/// Everything one may search for, in lower case.
fn search_text(device: &Device) -> String {
    let mut words: Vec<String> = vec![device.name(), device.mac.to_string()];
    words.extend(device.macs.iter().filter(|m| **m != device.mac).map(Mac::to_string));
    words.extend(device.addresses.iter().filter(|a| a.current).map(|a| a.ip.to_string()));
    words.extend(device.hostname().map(str::to_owned));
    words.extend(device.evidence.hostnames.iter().cloned());
    words.extend(
        [device.vendor(), device.brand(), device.model(), device.os_family()]
            .into_iter()
            .flatten()
            .map(str::to_owned),
    );
    words.extend(device.device_type().map(|t| t.for_people().to_owned()));
    words.extend(device.services().iter().cloned());
    words.extend(device.person.tags.iter().cloned());
    words.join("\n").to_lowercase()
}
