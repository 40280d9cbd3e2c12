CREATE TABLE agent_measures (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,               -- latency, throughput, jitter
    source INTEGER NOT NULL,          -- an agent; 0 is the router
    target INTEGER NOT NULL,
    asked_by TEXT NOT NULL,           -- empty: nobody, it was time
    sent INTEGER NOT NULL,            -- echo requests, octets, datagrams
    received INTEGER NOT NULL,
    value REAL,                       -- ms, bits a second, ms of jitter; nothing where it failed
    least REAL,
    greatest REAL,
    why TEXT NOT NULL                 -- why it failed; empty where it did not
) STRICT;

-- Of round trips the last of each pair is kept, of the others what was asked for last.
CREATE UNIQUE INDEX agent_latency ON agent_measures (source, target) WHERE kind = 'latency';
CREATE INDEX agent_trials ON agent_measures (id) WHERE kind <> 'latency';
