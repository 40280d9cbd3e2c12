//! Writes numbered rows as fast as it can and prints each number once it is acknowledged, until it
//! is killed: the victim of the crash test in `tests/crash.rs`.

use std::io::Write;

use model::Timestamp;
use panoptikon_store::{DayKind, Migration, Options, Room, Store, StoreError};

const STEP: Migration = Migration {
    number: 1,
    name: "numbers",
    sql: "CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT",
};

/// The tables of the crash test.
const NUMBERS: Room = Room {
    name: "numbers",
    migrations: &[STEP],
    day_kinds: &[DayKind {
        name: "numbers",
        migrations: &[STEP],
        setting: "retention.numbers_days",
        default_days: 9,
    }],
    retention: &[],
};

fn main() -> Result<(), StoreError> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "var/keep-writing".to_owned());
    let store = Store::open(Options {
        dir: dir.into(),
        rooms: vec![NUMBERS],
        built: Timestamp(0),
        max_bytes: 64 << 20,
        keep_backups: 1,
    })?;
    let mut next: i64 = store.read_blocking(|r| {
        let sql = "SELECT coalesce(max(n), 0) + 1 FROM numbers";
        Ok::<_, StoreError>(r.main().query_row(sql, [], |row| row.get(0))?)
    })?;
    let mut out = std::io::stdout().lock();
    loop {
        store.write_blocking("number", move |w| {
            w.day("numbers", 20_000 + next / 2_000)?
                .execute("INSERT OR REPLACE INTO numbers (n) VALUES (?1)", [next])?;
            w.main().execute("INSERT INTO numbers (n) VALUES (?1)", [next])?;
            Ok::<_, StoreError>(())
        })?;
        // Whoever reads may be gone; then this process is about to be killed.
        if writeln!(out, "{next}").and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        next += 1;
    }
}
