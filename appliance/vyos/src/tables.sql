-- What was changed on the router, by us and by others. Secrets are struck out of the commands.
CREATE TABLE router_changes (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    why TEXT NOT NULL,
    commands TEXT NOT NULL,
    state TEXT NOT NULL,
    said TEXT NOT NULL,
    ended INTEGER
) STRICT;
CREATE INDEX router_changes_at ON router_changes (at);

-- Configurations as they were; the content is deflated and sealed, for it holds secrets.
CREATE TABLE router_snapshots (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    label TEXT NOT NULL,
    reason TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    nodes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX router_snapshots_at ON router_snapshots (at);
