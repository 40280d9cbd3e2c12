//! The handle that rooms publish to and read from.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Event, EventId, NewEvent, Severity, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter};
use serde::Serialize;
use store::{Reading, Store, StoreError, Writing};
use tokio::sync::broadcast;

use crate::tables::EVENTS;
use crate::{EventPage, EventQuery};

/// Events that a slow listener may fall behind before it has to catch up from the table.
const BUS: usize = 1024;
/// The longest summary and data kept, in bytes: an event is a sentence, not a document.
const MAX_SUMMARY: usize = 512;
const MAX_DATA: usize = 16 << 10;

/// All events. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    store: Store,
    bus: broadcast::Sender<Arc<Event>>,
}

/// How often a kind has happened, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// Events of that kind.
    pub count: u64,
    /// The newest.
    pub latest: Timestamp,
}

impl Events {
    /// Events kept in `store`, which must have been opened with [`crate::ROOM`].
    pub fn new(store: Store) -> Self {
        Self { store, bus: broadcast::Sender::new(BUS) }
    }

    /// Stores an event in the transaction of whatever caused it, and tells it on the bus after the
    /// commit.
    pub fn append(&self, w: &mut Writing<'_>, new: NewEvent) -> Result<Event, StoreError> {
        let day = new.at.day();
        let summary = shorten(new.summary, MAX_SUMMARY);
        let mut data = new.data.to_string();
        if data.len() > MAX_DATA {
            "{\"left_out\":\"too large\"}".clone_into(&mut data);
        }
        let conn = w.day(EVENTS, day)?;
        conn.prepare_cached(
            "INSERT INTO events (at, source, kind, severity, device, summary, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            new.at.0,
            new.source,
            new.kind,
            new.severity.as_level(),
            new.device.map(|d| d.0),
            summary,
            data,
        ])?;
        let event = Event {
            id: EventId::new(day, conn.last_insert_rowid()),
            at: new.at,
            source: new.source.to_owned(),
            kind: new.kind.to_owned(),
            severity: new.severity,
            device: new.device,
            summary,
            data: new.data,
        };
        let (bus, told) = (self.bus.clone(), Arc::new(event.clone()));
        // Nobody listening is fine: the table has it.
        w.after_commit(move || drop(bus.send(told)));
        Ok(event)
    }

    /// Whether one of the last `most` events of a day has data, a JSON text, that passes a test.
    ///
    /// For who is told things again after a crash: a day's file is committed before the main
    /// database, so an event may be there whose cause is not yet noted as seen.
    pub fn is_among_last(
        &self,
        w: &mut Writing<'_>,
        day: i64,
        most: u32,
        test: &dyn Fn(&str) -> bool,
    ) -> Result<bool, StoreError> {
        let conn = w.day(EVENTS, day)?;
        let mut last = conn.prepare_cached("SELECT data FROM events ORDER BY id DESC LIMIT ?1")?;
        let mut rows = last.query([most])?;
        while let Some(row) = rows.next()? {
            if test(row.get_ref(0)?.as_str().unwrap_or_default()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Stores an event that nothing else has to be stored with.
    pub async fn publish(&self, new: NewEvent) -> Result<Event, StoreError> {
        let events = self.clone();
        self.store.write("event", move |w| events.append(w, new)).await
    }

    /// What happens from now on. A listener that lags is told how much it missed and reads the
    /// table instead.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.bus.subscribe()
    }

    /// A page of events, newest first.
    pub async fn list(&self, query: EventQuery) -> Result<EventPage, StoreError> {
        self.store.read(move |r| list(r, &query)).await
    }

    /// One event with its data; None where it has been forgotten.
    pub async fn get(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        self.store
            .read(move |r| {
                let Some(conn) = r.day(EVENTS, id.day())? else {
                    return Ok(None);
                };
                let condition = ("id = ?".to_owned(), vec![id.row().into()]);
                Ok(select(conn, id.day(), condition, 1)?.pop())
            })
            .await
    }

    /// Every kind that is kept, with counts, most frequent first.
    pub async fn kinds(&self) -> Result<Vec<KindCount>, StoreError> {
        self.store
            .read(|r| {
                let mut all: BTreeMap<String, KindCount> = BTreeMap::new();
                for day in r.days(EVENTS)? {
                    let Some(conn) = r.day(EVENTS, day)? else {
                        continue;
                    };
                    let mut statement = conn.prepare_cached(
                        "SELECT kind, count(*), max(at) FROM events GROUP BY kind",
                    )?;
                    let mut rows = statement.query([])?;
                    while let Some(row) = rows.next()? {
                        let kind: String = row.get(0)?;
                        let sum = all.entry(kind.clone()).or_insert(KindCount {
                            kind,
                            count: 0,
                            latest: Timestamp(i64::MIN),
                        });
                        sum.count += row.get::<_, u32>(1).map(u64::from)?;
                        sum.latest = sum.latest.max(Timestamp(row.get(2)?));
                    }
                }
                let mut all: Vec<_> = all.into_values().collect();
                model::sort_by_key(&mut all, |k| std::cmp::Reverse(k.count));
                Ok::<_, StoreError>(all)
            })
            .await
    }
}

fn list(r: &mut Reading, query: &EventQuery) -> Result<EventPage, StoreError> {
    let limit = query.limit();
    let mut events = Vec::new();
    for day in r.days(EVENTS)? {
        if query.excludes_day(day) {
            continue;
        }
        let Some(conn) = r.day(EVENTS, day)? else {
            continue;
        };
        // One more than asked for tells whether there is a next page.
        let wanted = limit + 1 - events.len();
        events.extend(select(conn, day, query.condition(day), wanted)?);
        if events.len() > limit {
            break;
        }
    }
    let more = events.len() > limit;
    events.truncate(limit);
    let next = more.then(|| events.last().map(|e| e.id)).flatten();
    Ok(EventPage { events, next })
}

fn select(
    conn: &Connection,
    day: i64,
    (condition, values): (String, Vec<rusqlite::types::Value>),
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let sql = format!(
        "SELECT id, at, source, kind, severity, device, summary, data FROM events
         WHERE {condition} ORDER BY id DESC LIMIT {limit}"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| read(row, day))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>, day: i64) -> rusqlite::Result<Event> {
    let data: String = row.get(7)?;
    Ok(Event {
        id: EventId::new(day, row.get(0)?),
        at: Timestamp(row.get(1)?),
        source: row.get(2)?,
        kind: row.get(3)?,
        severity: Severity::from_level(row.get(4)?),
        device: row.get::<_, Option<i64>>(5)?.map(model::DeviceId),
        summary: row.get(6)?,
        data: serde_json::from_str(&data).unwrap_or_default(),
    })
}

fn shorten(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let mut end = longest;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}
