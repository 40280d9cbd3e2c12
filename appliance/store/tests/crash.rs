//! kill -9 at random moments: the database opens and nothing acknowledged is missing.
//!
//! `PANOPTIKON_KILLS` sets how often (10 by default; the long tests say 200).

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;

fn victim() -> PathBuf {
    // Examples are built beside the test's own folder: target/<profile>/examples.
    let exe = std::env::current_exe().expect("a test has a path");
    exe.ancestors().nth(2).expect("target/<profile>").join("examples/keep_writing")
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let kills = std::env::var("PANOPTIKON_KILLS").map_or(10, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0_i64;
    for round in 0..kills {
        let mut child = Command::new(victim())
            .arg(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example keep_writing is built with the tests");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: i64 = lines.next().expect("it opens and writes").unwrap().parse().unwrap();
        assert!(
            first > acknowledged,
            "row {acknowledged} had been acknowledged, but {first} is next"
        );
        acknowledged = first;
        let reader = std::thread::spawn(move || {
            // A line cut off by the kill has no meaning; only whole ones were acknowledged.
            lines.map_while(Result::ok).filter_map(|l| l.parse::<i64>().ok()).last()
        });
        std::thread::sleep(Duration::from_millis(5 + round * 37 % 120));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = acknowledged.max(reader.join().unwrap().unwrap_or(0));
    }
    let main = Connection::open(dir.path().join(panoptikon_store::DATABASE)).unwrap();
    let rows: i64 = main.query_row("SELECT count(*) FROM numbers", [], |r| r.get(0)).unwrap();
    assert!(rows >= acknowledged, "{rows} rows, {acknowledged} acknowledged");
    let sound: String = main.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(sound, "ok");
}
