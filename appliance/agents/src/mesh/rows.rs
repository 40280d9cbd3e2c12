//! The rows of what was measured.

use model::Timestamp;
use rusqlite::{Connection, Row, params};
use store::StoreError;

use super::{End, Kind, Measured};
use crate::AgentId;

/// Of what people asked for so much is kept.
const KEPT_TRIALS: i64 = 1_000;

const COLUMNS: &str =
    "at, kind, source, target, asked_by, sent, received, value, least, greatest, why";

const fn number(end: End) -> AgentId {
    match end {
        End::Router => AgentId(0),
        End::Host(id) => id,
    }
}

const fn end(id: AgentId) -> End {
    if id.0 == 0 { End::Router } else { End::Host(id) }
}

/// Puts measurements in. A round trip goes over the last one of its pair.
pub(super) fn insert(conn: &Connection, all: &[Measured]) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT OR REPLACE INTO agent_measures ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    for one in all {
        statement.execute(params![
            one.at.0,
            one.kind.as_str(),
            number(one.from),
            number(one.to),
            one.by,
            one.sent.cast_signed(),
            one.received.cast_signed(),
            one.value,
            one.least,
            one.greatest,
            one.why,
        ])?;
    }
    conn.prepare_cached(
        "DELETE FROM agent_measures WHERE kind <> 'latency' AND id <= (
             SELECT id FROM agent_measures WHERE kind <> 'latency'
             ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([KEPT_TRIALS])?;
    Ok(())
}

/// The last round trip of each pair.
pub(super) fn latencies(conn: &Connection) -> Result<Vec<Measured>, StoreError> {
    let only = "kind = 'latency' ORDER BY source, target";
    select(conn, only, i64::MAX)
}

/// What people asked for, the newest first.
pub(super) fn trials(conn: &Connection, most: usize) -> Result<Vec<Measured>, StoreError> {
    select(conn, "kind <> 'latency' ORDER BY id DESC", most as i64)
}

fn select(conn: &Connection, only: &str, most: i64) -> Result<Vec<Measured>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM agent_measures WHERE {only} LIMIT ?1");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([most], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Measured> {
    Ok(Measured {
        at: Timestamp(row.get(0)?),
        kind: Kind::of(row.get_ref(1)?.as_str().unwrap_or_default()).unwrap_or(Kind::Latency),
        from: end(row.get(2)?),
        to: end(row.get(3)?),
        by: row.get(4)?,
        sent: row.get::<_, i64>(5)?.cast_unsigned(),
        received: row.get::<_, i64>(6)?.cast_unsigned(),
        value: row.get(7)?,
        least: row.get(8)?,
        greatest: row.get(9)?,
        why: row.get(10)?,
    })
}

/// Forgets what was measured from or to a host.
pub(crate) fn forget(conn: &Connection, id: AgentId) -> Result<(), StoreError> {
    conn.execute("DELETE FROM agent_measures WHERE source = ?1 OR target = ?1", [id])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let conn = Connection::open_in_memory().expect("a database");
        conn.execute_batch(include_str!("../mesh.sql")).expect("tables");
        conn
    }

    fn measured(kind: Kind, from: End, to: End, value: f64) -> Measured {
        let (at, by, why) = (Timestamp(5), "ada".to_owned(), String::new());
        let (sent, received) = (3, 2);
        let value = Some(value);
        Measured { at, kind, from, to, by, sent, received, value, least: None, greatest: None, why }
    }

    #[test]
    fn of_each_pair_the_last_round_trip_is_kept_in_either_direction() {
        let conn = table();
        let (nas, web) = (End::Host(AgentId(7)), End::Host(AgentId(u64::MAX)));
        let first =
            [measured(Kind::Latency, nas, web, 9.0), measured(Kind::Latency, web, nas, 8.0)];
        insert(&conn, &first).expect("kept");
        let to_router = measured(Kind::Latency, nas, End::Router, 0.4);
        let next = measured(Kind::Latency, nas, web, 1.0);
        insert(&conn, &[to_router.clone(), next.clone()]).expect("kept");
        let all = latencies(&conn).expect("read");
        assert_eq!(all.len(), 3);
        assert!(all.contains(&to_router) && all.contains(&next) && all.contains(&first[1]));
        assert!((all[0].loss_percent() - 33.3).abs() < 0.1);
        forget(&conn, AgentId(7)).expect("forgotten");
        assert_eq!(latencies(&conn).expect("read"), []);
    }

    #[test]
    fn of_what_people_asked_for_only_the_newest_are_kept() {
        let conn = table();
        let (nas, most) = (End::Host(AgentId(7)), KEPT_TRIALS as usize);
        let one = |n: usize| measured(Kind::Throughput, nas, End::Router, n as f64);
        insert(&conn, &(0..most).map(one).collect::<Vec<_>>()).expect("kept");
        insert(&conn, &[measured(Kind::Latency, nas, End::Router, 0.5)]).expect("kept");
        insert(&conn, &[one(most), one(most + 1)]).expect("kept");
        let all = trials(&conn, 10_000).expect("read");
        let values: Vec<f64> = [all.first(), all.last()].map(|m| m.unwrap().value.unwrap()).into();
        assert_eq!((all.len(), values), (most, vec![(most + 1) as f64, 2.0]));
        assert_eq!(trials(&conn, 2).expect("read").len(), 2);
        // The round trip is no trial and stays.
        assert_eq!(latencies(&conn).expect("read").len(), 1);
    }
}
