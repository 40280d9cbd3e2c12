//! What the store does when jobs panic, callers go away and the disk is full.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::Timestamp;
use panoptikon_store::{DayKind, Migration, Options, Room, Store, StoreError};

const NOTES: Room = Room {
    name: "notes",
    migrations: &[Migration {
        number: 1,
        name: "notes",
        sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY) STRICT",
    }],
    day_kinds: &[DayKind {
        name: "lines",
        migrations: &[Migration {
            number: 1,
            name: "lines",
            sql: "CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT) STRICT",
        }],
        setting: "retention.lines_days",
        default_days: 3,
    }],
    retention: &[],
};

/// Connections that may read at the same time.
const READERS: usize = 3;

fn options(dir: &Path, rooms: Vec<Room>) -> Options {
    let built = Timestamp(1_790_000_000_000);
    Options { dir: dir.to_owned(), rooms, built, max_bytes: 64 << 20, keep_backups: 3 }
}

fn open(dir: &Path) -> Store {
    Store::open(options(dir, vec![NOTES])).expect("opens")
}

async fn note(store: &Store) -> Result<(), StoreError> {
    store
        .write("note", |w| {
            w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
            Ok(())
        })
        .await
}

async fn count(store: &Store) -> i64 {
    let sql = "SELECT count(*) FROM notes";
    store
        .read(move |r| Ok::<_, StoreError>(r.main().query_row(sql, [], |row| row.get(0))?))
        .await
        .expect("reads")
}

/// How many times this process has the main database open.
fn handles(dir: &Path) -> usize {
    let database = dir.join(panoptikon_store::DATABASE);
    let open = std::fs::read_dir("/proc/self/fd").expect("proc is mounted").filter_map(Result::ok);
    open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file == database)).count()
}

#[tokio::test]
async fn something_that_panics_after_the_commit_hurts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ran);
    store
        .write("panicking later", move |w| {
            w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
            w.after_commit(|| panic!("on purpose"));
            w.after_commit(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            });
            Ok::<_, StoreError>(())
        })
        .await
        .expect("it is committed");
    assert_eq!(ran.load(Ordering::Relaxed), 1, "the others run all the same");
    note(&store).await.expect("the writer goes on");
    assert_eq!(count(&store).await, 2);
}

/// Panics where nobody expects it.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn an_answer_that_panics_on_its_way_hurts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            let _never = store
                .write("brittle", move |_| {
                    wait.recv().unwrap();
                    Ok::<_, StoreError>(Brittle)
                })
                .await
                .map(std::mem::forget);
        }
    });
    tokio::task::yield_now().await;
    writing.abort();
    let _ = writing.await;
    go.send(()).unwrap();
    note(&store).await.expect("the writer goes on");
}

#[tokio::test]
async fn a_write_whose_caller_went_away_counts_and_is_followed_by_what_was_to_follow() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let followed = Arc::new(AtomicUsize::new(0));
    let writing = tokio::spawn({
        let (store, followed) = (store.clone(), Arc::clone(&followed));
        async move {
            store
                .write("abandoned", move |w| {
                    wait.recv().unwrap();
                    w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
                    w.after_commit(move || {
                        followed.fetch_add(1, Ordering::Relaxed);
                    });
                    Ok::<_, StoreError>(())
                })
                .await
        }
    });
    tokio::task::yield_now().await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    note(&store).await.unwrap();
    assert_eq!(followed.load(Ordering::Relaxed), 1);
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_day_that_is_full_fails_the_batch_as_full_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let write = |pages: u32| {
        store.write("line", move |w| {
            w.main().execute("INSERT INTO notes DEFAULT VALUES", [])?;
            let day = w.day("lines", 20_000)?;
            day.pragma_update(None, "max_page_count", pages)?;
            // The job does not care, so it is the writer that must notice.
            let _ = day.execute("INSERT INTO lines (text) VALUES (hex(zeroblob(100000)))", []);
            Ok::<_, StoreError>(())
        })
    };
    let full = write(1).await.expect_err("there is no room");
    assert!(full.is_full(), "{full}");
    assert!(store.health().borrow().full);
    assert_eq!(count(&store).await, 0);
    write(1 << 20).await.expect("there is room again");
    assert_eq!(store.health().borrow().failing, None);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn abandoned_reads_keep_their_turn_and_leave_no_connections_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let usual = handles(dir.path());
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..40 {
        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
        let read = store.read(move |_| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, StoreError>(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(2), read).await.is_err());
    }
    assert_eq!(count(&store).await, 0);
    while running.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let most = most.load(Ordering::SeqCst);
    assert!((1..=READERS).contains(&most), "{most} ran at once");
    assert!(handles(dir.path()) <= usual, "{} handles, {usual} at first", handles(dir.path()));
}
