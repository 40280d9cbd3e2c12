//! One file of events a day.

use store::{DayKind, Migration, Room};

/// The kind of day file that holds events.
pub(crate) const EVENTS: &str = "events";

/// This room's tables.
pub const ROOM: Room = Room {
    name: "events",
    migrations: &[],
    day_kinds: &[DayKind {
        name: EVENTS,
        migrations: &[Migration {
            number: 1,
            name: "events",
            sql: "CREATE TABLE events (
                      id INTEGER PRIMARY KEY AUTOINCREMENT,
                      at INTEGER NOT NULL,
                      source TEXT NOT NULL,
                      kind TEXT NOT NULL,
                      severity INTEGER NOT NULL,
                      device INTEGER,
                      summary TEXT NOT NULL,
                      data TEXT NOT NULL
                  ) STRICT;
                  CREATE INDEX events_by_device ON events (device, id) WHERE device IS NOT NULL;
                  CREATE INDEX events_by_kind ON events (kind, id);
                  CREATE VIRTUAL TABLE events_fts USING fts5 (
                      summary, content = 'events', content_rowid = 'id', tokenize = 'trigram'
                  );
                  CREATE TRIGGER events_into_fts AFTER INSERT ON events BEGIN
                      INSERT INTO events_fts (rowid, summary) VALUES (new.id, new.summary);
                  END;",
        }],
        setting: "retention.events_days",
        default_days: 30,
    }],
    retention: &[],
};
