CREATE TABLE agents (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    enrolled_at INTEGER NOT NULL,
    enrolled_by TEXT NOT NULL,
    state TEXT NOT NULL,              -- active, copied, revoked
    key BLOB NOT NULL,                -- SHA-256 of its public key
    next_key BLOB,                    -- of the one it was given by renewal and has not used yet
    expires_at INTEGER NOT NULL,      -- of its certificate
    machine TEXT NOT NULL,            -- empty: whatever the next link says
    counter INTEGER NOT NULL,
    acked INTEGER NOT NULL,           -- the highest number in these tables
    rolled INTEGER NOT NULL,          -- the highest number in minutes and hours
    seen_at INTEGER,
    online INTEGER NOT NULL,          -- as it was told last
    clock_ms INTEGER NOT NULL,        -- how far its clock is ahead
    lost INTEGER NOT NULL,            -- reports that its buffer had to drop
    gaps INTEGER NOT NULL,            -- numbers that never came
    device INTEGER,
    hello TEXT NOT NULL,
    known TEXT NOT NULL,              -- the report that the last ones up to rolled add up to
    settings TEXT NOT NULL,
    watchman TEXT NOT NULL
) STRICT;

CREATE TABLE agent_tokens (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,             -- SHA-256
    name TEXT NOT NULL,               -- the host's, or empty
    note TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    until INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER,
    agent INTEGER,                    -- the host that it let in; before, the one that it is for
    replaces INTEGER NOT NULL         -- whether it enrols a host anew that there is
) STRICT;

CREATE TABLE agent_reports (
    agent INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,              -- by this clock, as far as it can be told
    received INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (agent, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_lost (
    agent INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    at INTEGER NOT NULL,
    why TEXT NOT NULL,                -- empty: they never came and nobody said why
    PRIMARY KEY (agent, first)
) STRICT;

CREATE TABLE agent_minutes (
    agent INTEGER NOT NULL,
    at INTEGER NOT NULL,              -- the hour's beginning
    block BLOB NOT NULL,
    PRIMARY KEY (agent, at)
) STRICT;

CREATE TABLE agent_hours (
    agent INTEGER NOT NULL,
    at INTEGER NOT NULL,              -- the day's beginning
    block BLOB NOT NULL,
    PRIMARY KEY (agent, at)
) STRICT;
