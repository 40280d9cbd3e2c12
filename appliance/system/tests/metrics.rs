//! Metrics in real tables.

use std::time::Duration;

use model::Timestamp;
use panoptikon_system::ROOM;
use panoptikon_system::metrics::{METRICS, Metrics};
use store::{Options, Store};

const HOUR: i64 = 3_600_000;
/// The beginning of a day.
const START: i64 = 1_795_219_200_000;

fn open(folder: &tempfile::TempDir) -> (Store, Metrics) {
    let store = Store::open(Options {
        dir: folder.path().to_owned(),
        rooms: vec![ROOM],
        built: Timestamp(0),
        max_bytes: 1 << 30,
        keep_backups: 1,
    })
    .expect("a store");
    (store.clone(), Metrics::new(store))
}

fn at(minutes: i64) -> Timestamp {
    Timestamp(START + minutes * 60_000)
}

/// Three hours of a value that is the number of the minute.
async fn fill(metrics: &Metrics) {
    for minute in 0..180 {
        metrics.record(at(minute), "test_bps", "eth0", minute as f64);
        metrics.record(at(minute).plus(Duration::from_secs(30)), "test_bps", "eth0", minute as f64);
        metrics.flush(at(minute), false).await.expect("stored");
    }
    metrics.flush(at(180), false).await.expect("stored");
}

#[tokio::test]
async fn minutes_are_stored_and_read_in_as_many_points_as_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_store, metrics) = open(&folder);
    fill(&metrics).await;
    let fine = metrics.query("test_bps", "eth0", at(10), at(20), 100).await.expect("read");
    let seen: Vec<_> = fine.iter().map(|p| (p.at, p.value.avg)).collect();
    let whole: Vec<_> = (10..=20).map(|m| (at(m), m as f64)).collect();
    assert_eq!(seen, whole);
    let coarse = metrics.query("test_bps", "eth0", at(0), at(60), 6).await.expect("read");
    assert_eq!((coarse[0].value.min, coarse[0].value.avg, coarse[0].value.max), (0.0, 4.5, 9.0));
    assert_eq!(metrics.labels("test_bps").await.expect("read"), ["eth0"]);
    assert_eq!(metrics.query("test_bps", "eth1", at(0), at(60), 6).await.expect("read"), []);
}

#[tokio::test]
async fn hours_outlive_their_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, metrics) = open(&folder);
    fill(&metrics).await;
    let whole = metrics.query("test_bps", "eth0", at(0), at(180), 3).await.expect("read");
    assert_eq!(whole.iter().map(|p| p.value.max).collect::<Vec<_>>(), [59.0, 119.0, 179.0]);
    for day in store.read_blocking(|r| r.day_files()).expect("listed") {
        assert_eq!(day.kind, METRICS);
        std::fs::remove_file(&day.path).expect("deleted");
    }
    // A fresh reader, for the old one has the file open.
    store.close();
    let (_store, metrics) = open(&folder);
    let rest = metrics.query("test_bps", "eth0", at(0), at(180), 1_000).await.expect("read");
    let seen: Vec<_> = rest.iter().map(|p| (p.at.0 - START, p.value.avg)).collect();
    assert_eq!(seen, [(0, 29.5), (HOUR, 89.5), (2 * HOUR, 149.5)]);
}

#[tokio::test]
async fn a_minute_in_which_the_appliance_restarted_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, metrics) = open(&folder);
    metrics.record(at(0), "test_bps", "eth0", 1.0);
    metrics.flush(at(0), true).await.expect("stored");
    store.close();
    let (_store, metrics) = open(&folder);
    metrics.record(at(0), "test_bps", "eth0", 4.0);
    metrics.record(at(0), "test_bps", "eth0", 4.0);
    metrics.flush(at(0), true).await.expect("stored");
    let all = metrics.query("test_bps", "eth0", at(0), at(1), 10).await.expect("read");
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].value.min, all[0].value.avg, all[0].value.max), (1.0, 3.0, 4.0));
}

#[tokio::test]
async fn a_store_that_refuses_keeps_the_minutes_for_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, metrics) = open(&folder);
    metrics.record(at(0), "test_bps", "eth0", 1.0);
    store.close();
    metrics.flush(at(1), false).await.expect_err("closed");
    assert_eq!(metrics.dropped(), 0);
    metrics.flush(at(1), false).await.expect_err("it is still there to be stored");
}

#[tokio::test]
async fn hours_are_forgotten_in_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, metrics) = open(&folder);
    fill(&metrics).await;
    let later = at(180).plus(Duration::from_secs(1_100 * 86_400));
    store.maintain(later).await.expect("upkeep");
    let left = metrics.query("test_bps", "eth0", at(0), at(180), 3).await.expect("read");
    assert_eq!(left, []);
}
