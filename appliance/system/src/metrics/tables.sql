CREATE TABLE metric_series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    UNIQUE (name, label)
) STRICT;
CREATE TABLE metric_hours (
    series INTEGER NOT NULL,
    at INTEGER NOT NULL, -- ms since the Unix epoch, the hour's beginning
    least REAL NOT NULL,
    mean REAL NOT NULL,
    greatest REAL NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (series, at)
) STRICT;
CREATE INDEX metric_hours_by_time ON metric_hours (at);
CREATE TABLE speed_tests (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    outcome TEXT NOT NULL -- JSON
) STRICT;
