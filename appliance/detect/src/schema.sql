CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 4),
    status TEXT NOT NULL CHECK (status IN ('new', 'acknowledged', 'resolved')),
    device INTEGER,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    evidence TEXT NOT NULL,
    count INTEGER NOT NULL,
    recommendation TEXT NOT NULL,
    read_at INTEGER,
    acknowledged_by TEXT,
    acknowledged_at INTEGER,
    note TEXT NOT NULL DEFAULT '',
    assignee TEXT,
    resolved_by TEXT,
    resolved_at INTEGER,
    resolution TEXT NOT NULL DEFAULT '',
    dedupe_key TEXT NOT NULL
) STRICT;
-- One open alert a cause, held by the database itself.
CREATE UNIQUE INDEX alerts_open_cause ON alerts (dedupe_key) WHERE status <> 'resolved';
CREATE INDEX alerts_by_cause ON alerts (dedupe_key, id);
-- Covers every filter of the list, so that a page is found without touching other rows.
CREATE INDEX alerts_by_time ON alerts (last_at, id, status, severity, kind, device, read_at);
CREATE INDEX alerts_open ON alerts (last_at, id, status, severity, kind, device, read_at)
    WHERE status <> 'resolved';
CREATE INDEX alerts_unread ON alerts (last_at, id, status, severity, kind, device, read_at)
    WHERE read_at IS NULL;
CREATE INDEX alerts_by_device ON alerts (device, last_at, id) WHERE device IS NOT NULL;
CREATE INDEX alerts_by_kind ON alerts (kind, last_at, id, at, status, severity, device, read_at);
CREATE INDEX alerts_by_status ON alerts (status, severity);

CREATE VIRTUAL TABLE alerts_fts USING fts5 (
    title, detail, content = 'alerts', content_rowid = 'id', tokenize = 'trigram'
);
CREATE TRIGGER alerts_into_fts AFTER INSERT ON alerts BEGIN
    INSERT INTO alerts_fts (rowid, title, detail) VALUES (new.id, new.title, new.detail);
END;
CREATE TRIGGER alerts_out_of_fts AFTER DELETE ON alerts BEGIN
    INSERT INTO alerts_fts (alerts_fts, rowid, title, detail)
    VALUES ('delete', old.id, old.title, old.detail);
END;
CREATE TRIGGER alerts_change_fts AFTER UPDATE OF title, detail ON alerts
WHEN old.title <> new.title OR old.detail <> new.detail BEGIN
    INSERT INTO alerts_fts (alerts_fts, rowid, title, detail)
    VALUES ('delete', old.id, old.title, old.detail);
    INSERT INTO alerts_fts (rowid, title, detail) VALUES (new.id, new.title, new.detail);
END;

CREATE TABLE alert_history (
    id INTEGER PRIMARY KEY,
    alert INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    change TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX alert_history_by_alert ON alert_history (alert, id);

CREATE TABLE mutes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device INTEGER,
    kind TEXT,
    until INTEGER NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    suppressed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX mutes_by_end ON mutes (until);

-- The last event handled, of each day of events: an event of an older day may come later.
CREATE TABLE alert_cursor (
    day INTEGER PRIMARY KEY,
    event_row INTEGER NOT NULL
) STRICT;

-- How often a device came and went, for telling flapping from absence.
CREATE TABLE alert_presence (
    device INTEGER PRIMARY KEY,
    last_at INTEGER NOT NULL,
    online INTEGER NOT NULL,
    severity INTEGER,
    name TEXT NOT NULL,
    changes TEXT NOT NULL
) STRICT;
