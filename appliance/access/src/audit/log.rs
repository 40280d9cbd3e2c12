//! Writing the audit log, checking it and letting go of what is too old.

use model::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use store::{Store, StoreError, Writing};

use super::chain::{Check, Fault, Head, Verdict};
use super::entry::{Entry, Row};
use super::query::{self, COLUMNS, Filter, Page};
use super::redact;
use crate::{AccessError, Caller, Permission};

/// Longest subject that is kept, characters.
const MAX_SUBJECT: usize = 256;
/// Rows that one transaction of [`AuditLog::prune`] removes at most.
const PRUNE_BATCH: i64 = 1_000;

/// Writes a line, in the transaction of the change that it describes. Returns the row's place.
pub fn record(w: &Writing<'_>, entry: Entry) -> Result<i64, StoreError> {
    record_in(w.main(), entry)
}

/// As [`record`], into a database that is not in use.
pub(crate) fn record_in(conn: &Connection, entry: Entry) -> Result<i64, StoreError> {
    let (head, last) = ends(conn)?;
    // Somebody who deletes the head or adds a row must not stop the log: the check finds it.
    let before = head.map_or(last, |(head, _)| head);
    let mut row = Row {
        seq: before.seq.max(last.seq) + 1,
        at: entry.at,
        actor: entry.actor.name().to_owned(),
        actor_kind: entry.actor.kind().to_owned(),
        actor_id: entry.actor.id(),
        address: entry.address.map(|a| a.to_canonical().to_string()),
        action: entry.action.to_owned(),
        subject: entry.subject.chars().take(MAX_SUBJECT).collect(),
        outcome: entry.outcome.as_str().to_owned(),
        detail: redact::detail_text(entry.detail, &entry.subject),
        prev_hash: before.hash,
        hash: [0; 32],
    };
    row.hash = row.link().hash();
    conn.prepare_cached(
        "INSERT INTO audit (seq, at, actor, actor_kind, actor_id, address, action, subject,
                            outcome, detail, prev_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        row.seq,
        row.at.0,
        row.actor,
        row.actor_kind,
        row.actor_id,
        row.address,
        row.action,
        row.subject,
        row.outcome,
        row.detail,
        row.prev_hash,
        row.hash,
    ])?;
    conn.prepare_cached("UPDATE audit_head SET seq = ?1, hash = ?2")?
        .execute(params![row.seq, row.hash])?;
    Ok(row.seq)
}

/// The head and base as noted, and the newest row that there is.
fn ends(conn: &Connection) -> Result<(Option<(Head, Head)>, Head), rusqlite::Error> {
    let noted = conn
        .prepare_cached("SELECT seq, hash, base_seq, base_hash FROM audit_head")?
        .query_row([], |r| {
            let head = Head { seq: r.get(0)?, hash: r.get(1)? };
            Ok((head, Head { seq: r.get(2)?, hash: r.get(3)? }))
        })
        .optional()?;
    let last = conn
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |r| Ok(Head { seq: r.get(0)?, hash: r.get(1)? }))
        .optional()?;
    Ok((noted, last.unwrap_or(Head::EMPTY)))
}

/// The newest row's place and hash as noted.
pub(crate) fn head_of(conn: &Connection) -> Result<Head, rusqlite::Error> {
    Ok(ends(conn)?.0.map_or(Head::EMPTY, |(head, _)| head))
}

/// The audit log. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog {
    store: Store,
}

impl AuditLog {
    /// Of this store, which must have been opened with [`crate::ROOM`].
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Writes a line that belongs to no change in the database, such as a refused attempt or a
    /// command sent to the router. On the disk when it returns.
    pub async fn append(&self, entry: Entry) -> Result<i64, StoreError> {
        self.store.write_synced("audit", move |w| record(w, entry)).await
    }

    /// Notes a refused attempt. Does not wait for the disk, so that nobody outside wears out the
    /// flash; and when the disk is full the refusal still stands, and goes to the system log.
    pub(crate) async fn note(&self, entry: Entry) {
        let (action, address) = (entry.action, entry.address);
        if let Err(error) = self.store.write("audit", move |w| record(w, entry)).await {
            tracing::warn!(%error, action, ?address, "a refused attempt could not be noted");
        }
    }

    /// Lines that match, newest first. Needs `audit:read`.
    pub async fn page(&self, by: &Caller, filter: Filter) -> Result<Page, AccessError> {
        by.require(Permission::AuditRead)?;
        self.rows(filter, query::Order::NewestFirst).await
    }

    pub(super) async fn rows(
        &self,
        filter: Filter,
        order: query::Order,
    ) -> Result<Page, AccessError> {
        self.store.read(move |r| query::page(r.main(), &filter, order)).await
    }

    /// The newest row's place and hash.
    pub async fn head(&self) -> Result<Head, AccessError> {
        self.store.read(|r| Ok(head_of(r.main())?)).await
    }

    /// Writes the head to the system log, where the appliance's database cannot change it any
    /// more. Call it hourly and at the end.
    pub async fn announce_head(&self) -> Result<Head, AccessError> {
        let head = self.head().await?;
        tracing::info!(%head, "audit log");
        Ok(head)
    }

    /// How many lines there are of each action. Says nothing of who or what.
    pub async fn counts(&self) -> Result<Vec<(String, u64)>, AccessError> {
        self.store
            .read(|r| {
                let mut found =
                    r.main().prepare("SELECT action, count(*) FROM audit GROUP BY action")?;
                let rows = found.query_map([], |row| {
                    let count: i64 = row.get(1)?;
                    Ok((row.get(0)?, count.unsigned_abs()))
                })?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Checks the whole chain, and against `note` if a head from the system log is at hand.
    pub async fn verify(&self, note: Option<Head>) -> Result<Verdict, AccessError> {
        self.store.read(move |r| verify(r.main(), note)).await
    }

    /// Removes the lines older than `before`, from the start of the log only, so that what
    /// remains still verifies. Returns how many. The clock must be known to be right.
    pub async fn prune(
        &self,
        by: &Caller,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, AccessError> {
        by.require(Permission::MaintenanceRun)?;
        let mut removed = 0;
        loop {
            let by = by.clone();
            let n = self.store.write_synced("audit", move |w| prune(w, &by, before, now)).await?;
            removed += n;
            if n < PRUNE_BATCH as u64 {
                return Ok(removed);
            }
        }
    }
}

fn verify(conn: &Connection, note: Option<Head>) -> Result<Verdict, AccessError> {
    // One snapshot for the head and all rows, while the log goes on growing.
    let snapshot = conn.unchecked_transaction()?;
    let Some((head, base)) = ends(&snapshot)?.0 else {
        return Ok(Verdict::Broken(Fault::HeadMissing));
    };
    let mut check = Check::new(base, head, note);
    let mut rows = snapshot.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY seq"))?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        // A hash of another length cannot be read as a row: that, too, is an edit.
        let seq = row.get(0)?;
        let Ok(row) = query::read_row(row) else {
            return Ok(Verdict::Broken(Fault::Edited { seq }));
        };
        if let Err(fault) = check.push(&row) {
            return Ok(Verdict::Broken(fault));
        }
    }
    Ok(check.finish().unwrap_or_else(Verdict::Broken))
}

fn prune(
    w: &Writing<'_>,
    by: &Caller,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, AccessError> {
    let conn = w.main();
    // Only an unbroken run from the start: the oldest row that stays, stays with all after it.
    // The newest always stays, for the chain to hold on to.
    let keep: Option<i64> = conn
        .prepare_cached("SELECT seq FROM audit WHERE at >= ?1 ORDER BY seq LIMIT 1")?
        .query_row([before.0], |r| r.get(0))
        .optional()?;
    let keep = keep.unwrap_or(ends(conn)?.1.seq);
    let last: Option<(i64, Vec<u8>)> = conn
        .prepare_cached(
            "SELECT seq, hash FROM (SELECT seq, hash FROM audit WHERE seq < ?1
                                    ORDER BY seq LIMIT ?2)
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([keep, PRUNE_BATCH], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let Some((seq, hash)) = last else {
        return Ok(0);
    };
    let n = conn.prepare_cached("DELETE FROM audit WHERE seq <= ?1")?.execute([seq])?;
    conn.prepare_cached("UPDATE audit_head SET base_seq = ?1, base_hash = ?2")?
        .execute(params![seq, hash])?;
    let detail = json!({ "rows": n, "last": seq, "before": before });
    record(w, Entry::new(by, "audit.prune", "", now).with(detail))?;
    Ok(n as u64)
}
