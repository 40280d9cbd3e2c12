CREATE TABLE devices (
    id INTEGER PRIMARY KEY,
    mac INTEGER NOT NULL,
    online INTEGER NOT NULL,
    state_since INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    interface TEXT,
    evidence TEXT NOT NULL,
    person TEXT NOT NULL,
    manual INTEGER NOT NULL,
    name TEXT NOT NULL,
    vendor TEXT,
    device_type TEXT,
    os_family TEXT,
    brand TEXT,
    model TEXT,
    ip TEXT,
    ip_sort BLOB,
    known INTEGER NOT NULL,
    favourite INTEGER NOT NULL,
    randomised INTEGER NOT NULL,
    search TEXT NOT NULL,
    client_id BLOB
) STRICT;
CREATE INDEX devices_by_name ON devices (name COLLATE NOCASE, id);
CREATE INDEX devices_by_ip ON devices (ip_sort, id);
CREATE INDEX devices_by_last_seen ON devices (last_seen, id);
CREATE INDEX devices_by_first_seen ON devices (first_seen, id);
CREATE INDEX devices_by_search ON devices (search);

CREATE TABLE device_macs (
    mac INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX device_macs_by_device ON device_macs (device);

CREATE TABLE device_addresses (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    ip TEXT NOT NULL,
    interface TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    is_current INTEGER NOT NULL,
    UNIQUE (device, ip)
) STRICT;
CREATE INDEX device_addresses_by_ip ON device_addresses (ip);

CREATE TABLE presence_changes (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    online INTEGER NOT NULL
) STRICT;
CREATE INDEX presence_changes_by_device ON presence_changes (device, at);
CREATE INDEX presence_changes_by_time ON presence_changes (at);

CREATE TABLE merged_devices (
    absorbed INTEGER PRIMARY KEY,
    into_device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    at INTEGER NOT NULL
) STRICT;

-- Numbers that must not be given again, nor written by a flush that was already under way.
CREATE TABLE forgotten_devices (
    id INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE port_scans (
    id INTEGER PRIMARY KEY,
    device INTEGER NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    ip TEXT NOT NULL,
    asked INTEGER NOT NULL,
    results TEXT NOT NULL
) STRICT;
CREATE INDEX port_scans_by_device ON port_scans (device, at);

CREATE TABLE topology_positions (
    node TEXT PRIMARY KEY,
    x REAL NOT NULL,
    y REAL NOT NULL,
    pinned INTEGER NOT NULL
) STRICT;
